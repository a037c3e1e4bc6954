/* How elementwise loops are compiled: once for each family of x86-64 CPUs,
 * chosen when the program is loaded, and never -march=native, so that one
 * binary runs everywhere.
 *
 * Every variant gives the same bits.  That holds because the build contracts
 * nothing (-ffp-contract=off: no fused multiply-add), reassociates nothing, and
 * because every sum over a vector is written in the source as LANES partial
 * sums, folded in a fixed order: the compiler may use registers of any width
 * but cannot change what is added to what.
 *
 * Sanitizers instrument the functions that choose a variant before they are
 * ready to run, so those builds have the plain variant only. */
#ifndef MLPD_CORE_MATHS_VECTORISED_H
#define MLPD_CORE_MATHS_VECTORISED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define MLPD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLPD_SANITIZED 1
#endif

/* Before a function whose loops shall be compiled once a CPU family. */
#if defined(MLPD_ONE_VARIANT) || defined(MLPD_SANITIZED) || !defined(__x86_64__)
#define VECTORISED
#else
#define VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

/* Before a loop whose iterations are independent although its pointers may be
 * equal (in place), which the compiler could not know. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

#define LANES 16

#endif

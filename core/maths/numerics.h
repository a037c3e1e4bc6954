/* The arithmetic of this process: set up, tested, and given a name.
 *
 * The fingerprint is a hash over fixed products and training passes made at
 * start-up.  Two processes with the same fingerprint train to the same bits: it
 * changes with the BLAS build, the CPU's core type, the compiler if it ever
 * mattered, and PASS_VERSION. */
#ifndef MLPD_CORE_MATHS_NUMERICS_H
#define MLPD_CORE_MATHS_NUMERICS_H

#include <stdint.h>

#include "core/base/error.h"

#define NUMERICS_FINGERPRINT_BYTES 17 /* 16 hexadecimal digits and the end */

/* Set OpenBLAS up, test it, compute the fingerprint.  Once, before any other
 * thread exists. */
enum error_code numerics_start(struct error *error);

/* In every thread that computes, first of all: subnormal numbers become zero
 * (they cost a hundred times more and mean nothing here), BLAS buffers are
 * touched. */
void numerics_enter_thread(void);

/* The same for a stretch of a thread that otherwise has subnormal numbers: from
 * numerics_enter to numerics_leave, which gets what the first gave. */
typedef uint64_t numerics_state;
numerics_state numerics_enter(void);
void numerics_leave(numerics_state before);

/* 16 hexadecimal digits; after numerics_start, any thread. */
const char *numerics_fingerprint(void);

#endif

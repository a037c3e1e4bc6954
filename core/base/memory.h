/* The one place where mlpd allocates.
 *
 * Blocks of numbers are aligned to a cache line, sizes are checked for
 * overflow, and a test can make the n-th allocation from now fail, so that
 * every failure path runs.  Any thread may call.  What is returned belongs to
 * the caller and is released with memory_free. */
#ifndef MLPD_CORE_BASE_MEMORY_H
#define MLPD_CORE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/* What the allocator takes with a block, about: its header, and the room to align.
 * For the ledger, where blocks are small and many. */
#define MEMORY_BLOCK_OVERHEAD 128

/* `count` × `size` bytes, aligned to MEMORY_ALIGNMENT, contents undefined.
 * NULL on overflow or when there is no memory.  A zero count gives a block. */
void *memory_allocate(size_t count, size_t size);

/* The same, all zero bytes. */
void *memory_allocate_zero(size_t count, size_t size);

/* One object, aligned as malloc does, which is quicker; contents undefined. */
void *memory_allocate_object(size_t bytes);

/* `*block` becomes a block of `count` × `size` bytes that starts with the first
 * `used` bytes of the old one.  On failure false, and the old block stands. */
bool memory_resize(void **block, size_t used, size_t count, size_t size);

/* A copy of the string, or NULL. */
char *memory_copy_string(const char *string);

/* NULL is allowed. */
void memory_free(void *block);

/* Once, before other threads exist: keep freed blocks of some megabytes from
 * staying with the allocator. */
void memory_start(void);

/* Return to the system what the allocator holds without use.  Takes milliseconds:
 * not while anyone waits. */
void memory_return(void);

/* Tests only: let `successes` allocations pass, then fail one, then pass again.
 * A negative number switches the injection off. */
void memory_fail_after(long successes);

#endif

/* Allocation; see memory.h. */
#include "core/base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

/* Allocations left until the one that fails; negative: none fails.  Relaxed,
 * because it orders nothing: a test sets it while only its own thread runs. */
static atomic_long allocations_until_failure = -1;

void memory_fail_after(long successes) {
    atomic_store_explicit(&allocations_until_failure, successes, memory_order_relaxed);
}

static bool injected_failure(void) {
    if (atomic_load_explicit(&allocations_until_failure, memory_order_relaxed) < 0) {
        return false;
    }
    return atomic_fetch_sub_explicit(&allocations_until_failure, 1, memory_order_relaxed) == 0;
}

void *memory_allocate(size_t count, size_t size) {
    size_t bytes;
    if (!checked_multiply(count, size, &bytes) || bytes > PTRDIFF_MAX || injected_failure()) {
        return NULL;
    }
    /* Small blocks of text and structs need no cache line of their own. */
    if (bytes < MEMORY_ALIGNMENT) {
        return malloc(size_max(bytes, 1));
    }
    /* Not aligned_alloc, which wants whole lines: the allocator's own header fits into what
     * is left of the last one, and the next block can begin right behind. */
    void *block;
    return posix_memalign(&block, MEMORY_ALIGNMENT, bytes) == 0 ? block : NULL;
}

void *memory_allocate_object(size_t bytes) {
    return injected_failure() ? NULL : malloc(size_max(bytes, 1));
}

void *memory_allocate_zero(size_t count, size_t size) {
    void *block = memory_allocate(count, size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

bool memory_resize(void **block, size_t used, size_t count, size_t size) {
    void *larger = memory_allocate(count, size);
    if (larger == NULL) {
        return false;
    }
    if (used > 0) {
        memcpy(larger, *block, used);
    }
    free(*block);
    *block = larger;
    return true;
}

char *memory_copy_string(const char *string) {
    const size_t bytes = strlen(string) + 1;
    char *copy = memory_allocate(bytes, 1);
    if (copy != NULL) {
        memcpy(copy, string, bytes);
    }
    return copy;
}

/* Larger blocks are mapped by themselves and go back to the system when they are
 * freed.  A fixed threshold: by default glibc raises it to the largest block freed,
 * up to 32 MiB, and resident memory would leave the ledger's figure behind. */
#define OWN_MAPPING_BYTES (4 << 20)

void memory_start(void) {
    mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
    mallopt(M_TRIM_THRESHOLD, OWN_MAPPING_BYTES);
}

void memory_return(void) {
    malloc_trim(0);
}

void memory_free(void *block) {
    free(block);
}

/* The ledger: how many bytes mlpd has promised to itself, against a limit.
 *
 * Everything whose size a client decides (weights, moments, queued batches,
 * request bodies, scratch) is reserved here *before* it is allocated, because
 * with overcommit a NULL from malloc comes too late.  Atomics only, no lock:
 * any thread may call. */
#ifndef MLPD_CORE_BASE_LEDGER_H
#define MLPD_CORE_BASE_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

struct ledger {
    size_t limit_bytes;           /* fixed after ledger_init */
    atomic_size_t reserved_bytes; /* relaxed: a counter that publishes nothing */
    atomic_size_t peak_bytes;     /* relaxed: the most reserved since ledger_fell said so */
};

void ledger_init(struct ledger *ledger, size_t limit_bytes);

/* ERROR_MEMORY, with both figures, when `bytes` more do not fit; `purpose`
 * names in the message what they are for ("a model", "a batch"). */
enum error_code ledger_reserve(struct ledger *ledger, size_t bytes, const char *purpose,
                               struct error *error);

/* Give back what was reserved. */
void ledger_release(struct ledger *ledger, size_t bytes);

/* How much less is reserved than at the peak, or than when ledger_fell last said so. */
size_t ledger_fall(const struct ledger *ledger);

/* Has so much been given back?  Then it is worth while to return memory to the system
 * (memory_return), and of several threads that ask, one hears so. */
bool ledger_fell(struct ledger *ledger, size_t bytes);

size_t ledger_reserved(const struct ledger *ledger);

#endif

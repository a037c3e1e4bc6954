/* The byte ledger; see ledger.h. */
#include "core/base/ledger.h"

#include <assert.h>

void ledger_init(struct ledger *ledger, size_t limit_bytes) {
    ledger->limit_bytes = limit_bytes;
    atomic_init(&ledger->reserved_bytes, 0);
    atomic_init(&ledger->peak_bytes, 0);
}

static void raise_peak(struct ledger *ledger, size_t bytes) {
    size_t peak = atomic_load_explicit(&ledger->peak_bytes, memory_order_relaxed);
    while (peak < bytes &&
           !atomic_compare_exchange_weak_explicit(&ledger->peak_bytes, &peak, bytes,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

size_t ledger_fall(const struct ledger *ledger) {
    const size_t peak = atomic_load_explicit(&ledger->peak_bytes, memory_order_relaxed);
    const size_t reserved = ledger_reserved(ledger);
    return peak > reserved ? peak - reserved : 0;
}

bool ledger_fell(struct ledger *ledger, size_t bytes) {
    size_t peak = atomic_load_explicit(&ledger->peak_bytes, memory_order_relaxed);
    const size_t reserved = ledger_reserved(ledger);
    return peak > reserved && peak - reserved >= bytes &&
           atomic_compare_exchange_strong_explicit(&ledger->peak_bytes, &peak, reserved,
                                                   memory_order_relaxed, memory_order_relaxed);
}

enum error_code ledger_reserve(struct ledger *ledger, size_t bytes, const char *purpose,
                               struct error *error) {
    size_t reserved = atomic_load_explicit(&ledger->reserved_bytes, memory_order_relaxed);
    do {
        const size_t left = ledger->limit_bytes - reserved;
        if (bytes > left) {
            return error_set(error, ERROR_MEMORY, NULL,
                             "%s needs %zu bytes; %zu of the %zu bytes of --max-memory are left",
                             purpose, bytes, left, ledger->limit_bytes);
        }
    } while (!atomic_compare_exchange_weak_explicit(&ledger->reserved_bytes, &reserved,
                                                    reserved + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    raise_peak(ledger, reserved + bytes);
    return ERROR_NONE;
}

void ledger_release(struct ledger *ledger, size_t bytes) {
    const size_t before =
        atomic_fetch_sub_explicit(&ledger->reserved_bytes, bytes, memory_order_relaxed);
    assert(before >= bytes);
    (void)before;
}

size_t ledger_reserved(const struct ledger *ledger) {
    return atomic_load_explicit(&ledger->reserved_bytes, memory_order_relaxed);
}

/* Waiting without sleeping, for what another worker will have done in microseconds: to be
 * woken takes some 50 of them, and a hundred times that where others want the core. */
#ifndef MLPD_CORE_ENGINE_SPIN_H
#define MLPD_CORE_ENGINE_SPIN_H

#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/engine/clock.h"

/* Who has waited for so long should sleep. */
#define SPIN_SECONDS 200e-6

/* Looks between two looks at the clock. */
#define SPIN_LOOKS 32

struct spin {
    unsigned looks;
    double end;
};

static inline struct spin spin_begin(void) {
    return (struct spin){.end = clock_monotonic_seconds() + SPIN_SECONDS};
}

/* Between two looks.  False when the time is over. */
static inline bool spin_on(struct spin *spin) {
#if defined(__x86_64__)
    _mm_pause(); /* the core's other thread goes first */
#endif
    return ++spin->looks % SPIN_LOOKS != 0 || clock_monotonic_seconds() < spin->end;
}

#endif

/* Time: the wall clock for what people read, the monotonic one for waiting. */
#ifndef MLPD_CORE_ENGINE_CLOCK_H
#define MLPD_CORE_ENGINE_CLOCK_H

#include <time.h>

static inline double clock_read(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Seconds since 1970, UTC. */
static inline double clock_wall_seconds(void) {
    return clock_read(CLOCK_REALTIME);
}

/* Sleep. */
static inline void clock_pause(double seconds) {
    const struct timespec pause = {.tv_sec = (time_t)seconds,
                                   .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

/* Seconds since some fixed instant, never set back. */
static inline double clock_monotonic_seconds(void) {
    return clock_read(CLOCK_MONOTONIC);
}

#endif

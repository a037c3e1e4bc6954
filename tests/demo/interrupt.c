/* See interrupt.h. */
#include "tests/demo/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define SLICE_SECONDS 0.05 /* so soon is an interrupt noticed in a pause */

static const int held[] = {SIGINT, SIGTERM, SIGHUP};
enum { HELD_COUNT = sizeof held / sizeof *held };

static sigset_t held_set(void) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < HELD_COUNT; i++) {
        sigaddset(&set, held[i]);
    }
    return set;
}

void interrupt_hold(void) {
    const sigset_t set = held_set();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void interrupt_release(void) {
    const sigset_t set = held_set();
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool interrupt_pending(void) {
    sigset_t pending;
    sigpending(&pending);
    for (int i = 0; i < HELD_COUNT; i++) {
        if (sigismember(&pending, held[i])) {
            return true;
        }
    }
    return false;
}

bool interrupt_pause(double seconds) {
    while (seconds > 0 && !interrupt_pending()) {
        const double slice = seconds < SLICE_SECONDS ? seconds : SLICE_SECONDS;
        nanosleep(&(struct timespec){.tv_nsec = (long)(slice * 1e9)}, NULL);
        seconds -= slice;
    }
    return !interrupt_pending();
}

/* Signals; see signals.h. */
#include "server/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static const struct {
    int number;
    const char *name;
    enum signal_event event;
} rows[] = {
    {SIGTERM, "SIGTERM", SIGNAL_STOP},
    {SIGINT, "SIGINT", SIGNAL_STOP},
    {SIGHUP, "SIGHUP", SIGNAL_RELOAD},
    {SIGUSR1, "SIGUSR1", SIGNAL_WAKE},
};

static sigset_t waited_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sigaddset(&set, rows[i].number);
    }
    return set;
}

static pthread_t main_thread; /* written once, before other threads are started */

static void forward(int number) {
    pthread_kill(main_thread, number);
}

/* OpenBLAS starts threads when it is loaded, before main and so before the mask:
 * a signal that comes while main does not wait is given to one of them, and its
 * default would end the process.  There it is handed on to main, where it is
 * blocked and stays pending until it is waited for. */
static void forward_from_other_threads(void) {
    struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sigaction(rows[i].number, &action, NULL);
    }
}

void signals_block(void) {
    sigset_t set = waited_signals();
    /* Not waited for: their default would end the process. */
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    main_thread = pthread_self();
    forward_from_other_threads();
    /* A write to a closed connection or log pipe is an error value. */
    signal(SIGPIPE, SIG_IGN);
}

enum signal_event signals_wait(const char **name) {
    const sigset_t set = waited_signals();
    for (;;) {
        int number;
        if (sigwait(&set, &number) != 0) {
            continue;
        }
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            if (rows[i].number == number) {
                *name = rows[i].name;
                return rows[i].event;
            }
        }
    }
}

void signals_wake(void) {
    pthread_kill(main_thread, SIGUSR1);
}

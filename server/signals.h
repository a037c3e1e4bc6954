/* Signals, taken by the main thread where it chooses.
 *
 * signals_block comes before any thread of mlpd exists, so that every one inherits
 * the mask; main then waits in signals_wait. */
#ifndef MLPD_SERVER_SIGNALS_H
#define MLPD_SERVER_SIGNALS_H

enum signal_event {
    SIGNAL_STOP,   /* SIGTERM or SIGINT */
    SIGNAL_RELOAD, /* SIGHUP */
    SIGNAL_WAKE    /* signals_wake, or a SIGUSR1 from anywhere */
};

/* Main, before any other thread exists. */
void signals_block(void);

/* Wait for the next signal; `name` receives "SIGTERM" or the like. */
enum signal_event signals_wait(const char **name);

/* Any thread: let signals_wait return SIGNAL_WAKE. */
void signals_wake(void);

#endif

/* Ctrl-C and its kin (SIGINT, SIGTERM, SIGHUP), without a handler and without
 * a global: they are blocked for good, and that one is pending is the flag.
 * Whatever waits looks here, gives up, and the ordinary way out cleans up. */
#ifndef MLPD_TESTS_DEMO_INTERRUPT_H
#define MLPD_TESTS_DEMO_INTERRUPT_H

#include <stdbool.h>

/* Block them, and ignore SIGPIPE.  Call before any thread is started. */
void interrupt_hold(void);

/* Undo interrupt_hold; for a child process before it executes a program. */
void interrupt_release(void);

/* Has one arrived?  Any thread may ask. */
bool interrupt_pending(void);

/* Sleep; false, early, when one has arrived. */
bool interrupt_pause(double seconds);

#endif

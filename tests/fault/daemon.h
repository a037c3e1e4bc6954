/* The daemon that is stressed, a child process on a port of the loopback, from its start
 * to its end, and the watchdog that bites it.
 *
 * There is one at a time, and only the main thread calls these. */
#ifndef MLPD_TESTS_FAULT_DAEMON_H
#define MLPD_TESTS_FAULT_DAEMON_H

#include <stddef.h>

/* Returns its port; ends the program when it does not answer. */
unsigned daemon_start(const char *program);

/* For so long; ends the program when the daemon ends by itself. */
void daemon_wait_while_it_runs(double seconds);

/* SIGTERM; writes how it ended, if not well. */
void daemon_stop(char *what, size_t bytes);

/* After so long from now the daemon is aborted, and the program fails. */
void daemon_watchdog_start(unsigned seconds);

#endif

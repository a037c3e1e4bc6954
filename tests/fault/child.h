/* A daemon as a child process on a port of the loopback, from its start to its end.
 *
 * Several may live at the same time; each belongs to the thread that starts it, and dies with
 * that thread. */
#ifndef MLPD_TESTS_FAULT_CHILD_H
#define MLPD_TESTS_FAULT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHILD_ARGUMENTS_MAX 24

struct child {
    pid_t process; /* 0: none */
    unsigned port; /* 0: not known yet */
    char port_file[64];
};

/* Start PROGRAM with --listen, --port-file and the arguments, which end with NULL. */
void child_begin(struct child *child, const char *program, const char *const *arguments);

/* Wait until it listens; false when it ends before or takes longer than that. */
bool child_listens(struct child *child, double seconds);

/* End it by that signal and wait; false when it still lives after so long.  `how` is as of
 * waitpid. */
bool child_end(struct child *child, int signal, double seconds, int *how);

#endif

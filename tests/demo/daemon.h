/* The demo's own daemon: a child process on a free port of the loopback.
 *
 * It leaves nothing behind: its port file and log live in a temporary
 * directory that is gone once it answers (the log stays open, without a name),
 * and the kernel kills it if the demo dies without stopping it. */
#ifndef MLPD_TESTS_DEMO_DAEMON_H
#define MLPD_TESTS_DEMO_DAEMON_H

#include <sys/types.h>

#include "tests/demo/failure.h"

struct daemon {
    pid_t pid;
    int log;         /* what it prints; read and write, no name any more */
    char origin[32]; /* "http://127.0.0.1:PORT" */
};

/* Start `program` and wait until it answers.  The main thread must call: the
 * kernel's promise above is bound to the thread that starts the child. */
bool daemon_start(struct daemon *daemon, const char *program, struct failure *failure);

/* Stop it by SIGTERM, after some seconds by SIGKILL.  False when it did not
 * end as it should, in particular when it had died before. */
bool daemon_stop(struct daemon *daemon, struct failure *failure);

#endif

/* See daemon.h. */
#include "tests/fault/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "tests/fault/child.h"

/* The main thread's; the watchdog's handler reads the process, on whatever thread. */
static struct child child;

unsigned daemon_start(const char *program) {
    static const char *const arguments[] = {
        "--workers",    "3",    "--http-threads", "2",       "--max-queue", "100",
        "--max-memory", "512M", "--log-level",    "warning", NULL};
    child_begin(&child, program, arguments);
    if (!child_listens(&child, 60)) {
        fprintf(stderr, "stress: %s does not answer\n", program);
        exit(EXIT_FAILURE);
    }
    return child.port;
}

void daemon_wait_while_it_runs(double seconds) {
    for (const double until = clock_monotonic_seconds() + seconds;
         clock_monotonic_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 100000000};
        int how;
        nanosleep(&pause, NULL);
        if (waitpid(child.process, &how, WNOHANG) == child.process) {
            fprintf(stderr, "stress: the daemon ended by %s %d\n",
                    WIFEXITED(how) ? "status" : "signal",
                    WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
            exit(EXIT_FAILURE);
        }
    }
}

void daemon_stop(char *what, size_t bytes) {
    int how;
    what[0] = '\0';
    if (!child_end(&child, SIGTERM, 60, &how)) {
        snprintf(what, bytes, "not ended a minute after SIGTERM");
        (void)child_end(&child, SIGABRT, 60, &how);
    } else if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        snprintf(what, bytes, "ended with %s %d after SIGTERM",
                 WIFEXITED(how) ? "status" : "signal",
                 WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
    }
}

static void bark(int signal) {
    (void)signal;
    static const char words[] = "stress: the watchdog's time is over\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    kill(child.process, SIGABRT);
    _exit(EXIT_FAILURE);
}

void daemon_watchdog_start(unsigned seconds) {
    signal(SIGALRM, bark);
    alarm(seconds);
}

/* See daemon.h. */
#include "tests/fault/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"

/* The main thread's; the watchdog's handler reads the process, on whatever thread. */
static pid_t daemon_process;
static char port_file[64];

unsigned daemon_start(const char *program) {
    snprintf(port_file, sizeof port_file, "/tmp/mlpd-stress-XXXXXX");
    const int file = mkstemp(port_file);
    const pid_t parent = getpid();
    close(file);
    unlink(port_file);
    unsigned port = 0;
    daemon_process = fork();
    if (daemon_process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execl(program, program, "--listen", "127.0.0.1:0", "--port-file", port_file,
                  "--workers", "3", "--http-threads", "2", "--max-queue", "100", "--max-memory",
                  "512M", "--log-level", "warning", (char *)NULL);
        }
        _exit(127);
    }
    for (const double until = clock_monotonic_seconds() + 60;
         port == 0 && clock_monotonic_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 10000000};
        FILE *written = fopen(port_file, "r");
        if (written != NULL) {
            if (fscanf(written, "%u", &port) != 1) {
                port = 0;
            }
            fclose(written);
        }
        nanosleep(&pause, NULL);
    }
    if (port == 0) {
        fprintf(stderr, "stress: %s does not answer\n", program);
        exit(EXIT_FAILURE);
    }
    return port;
}

void daemon_wait_while_it_runs(double seconds) {
    for (const double until = clock_monotonic_seconds() + seconds;
         clock_monotonic_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 100000000};
        int how;
        nanosleep(&pause, NULL);
        if (waitpid(daemon_process, &how, WNOHANG) == daemon_process) {
            fprintf(stderr, "stress: the daemon ended by %s %d\n",
                    WIFEXITED(how) ? "status" : "signal",
                    WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
            exit(EXIT_FAILURE);
        }
    }
}

void daemon_stop(char *what, size_t bytes) {
    int how = 0;
    pid_t ended = 0;
    kill(daemon_process, SIGTERM);
    for (const double until = clock_monotonic_seconds() + 60;
         ended == 0 && clock_monotonic_seconds() < until;) {
        const struct timespec pause = {.tv_nsec = 20000000};
        ended = waitpid(daemon_process, &how, WNOHANG);
        nanosleep(&pause, NULL);
    }
    what[0] = '\0';
    if (ended == 0) {
        snprintf(what, bytes, "not ended a minute after SIGTERM");
        kill(daemon_process, SIGABRT);
        waitpid(daemon_process, &how, 0);
    } else if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        snprintf(what, bytes, "ended with %s %d after SIGTERM",
                 WIFEXITED(how) ? "status" : "signal",
                 WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
    }
    unlink(port_file);
}

static void bark(int signal) {
    (void)signal;
    static const char words[] = "stress: the watchdog's time is over\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    kill(daemon_process, SIGABRT);
    _exit(EXIT_FAILURE);
}

void daemon_watchdog_start(unsigned seconds) {
    signal(SIGALRM, bark);
    alarm(seconds);
}

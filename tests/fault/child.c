/* See child.h. */
#include "tests/fault/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/engine/clock.h"

void child_begin(struct child *child, const char *program, const char *const *arguments) {
    snprintf(child->port_file, sizeof child->port_file, "/tmp/mlpd-port-XXXXXX");
    const int file = mkstemp(child->port_file);
    const char *all[CHILD_ARGUMENTS_MAX + 6] = {program, "--listen", "127.0.0.1:0", "--port-file",
                                                child->port_file};
    for (size_t i = 0; i < CHILD_ARGUMENTS_MAX && arguments[i] != NULL; i++) {
        all[5 + i] = arguments[i];
    }
    const pid_t parent = getpid();
    close(file);
    unlink(child->port_file);
    child->port = 0;
    child->process = fork();
    if (child->process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execv(program, (char *const *)all);
        }
        _exit(127);
    }
}

static bool read_port(struct child *child) {
    FILE *written = fopen(child->port_file, "r");
    if (written == NULL) {
        return false;
    }
    if (fscanf(written, "%u", &child->port) != 1) {
        child->port = 0;
    }
    fclose(written);
    return child->port != 0;
}

static bool has_ended(struct child *child, int *how) {
    if (waitpid(child->process, how, WNOHANG) != child->process) {
        return false;
    }
    /* Killed while it wrote the file, it leaves what server/port_file.c writes beside. */
    char beside[sizeof child->port_file + 24];
    snprintf(beside, sizeof beside, "%s.%ld", child->port_file, (long)child->process);
    unlink(beside);
    child->process = 0;
    unlink(child->port_file);
    return true;
}

bool child_listens(struct child *child, double seconds) {
    int how;
    for (const double until = clock_monotonic_seconds() + seconds;
         clock_monotonic_seconds() < until && !has_ended(child, &how);) {
        if (read_port(child)) {
            return true;
        }
        clock_pause(0.003);
    }
    return false;
}

bool child_end(struct child *child, int signal, double seconds, int *how) {
    *how = 0;
    if (child->process == 0) {
        return true;
    }
    kill(child->process, signal);
    for (const double until = clock_monotonic_seconds() + seconds;
         clock_monotonic_seconds() < until;) {
        if (has_ended(child, how)) {
            return true;
        }
        clock_pause(0.001);
    }
    return false;
}

/* See process.h. */
#include "tests/bench/process.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"

#define START_SECONDS_MAX 20.0
#define ARGUMENTS_MAX 16

_Noreturn static void fail(const char *program, const char *what) {
    fprintf(stderr, "bench: %s: %s\n", program, what);
    exit(EXIT_FAILURE);
}

static unsigned read_port(const char *name) {
    FILE *file = fopen(name, "r");
    unsigned port = 0;
    char newline = '\0';
    if (file == NULL) {
        return 0;
    }
    const bool whole = fscanf(file, "%5u%c", &port, &newline) == 2 && newline == '\n';
    fclose(file);
    return whole ? port : 0;
}

/* A child that the kernel ends when this program has ended, however that came. */
static pid_t spawn(const char *program, char *const *argv) {
    const pid_t parent = getpid(), child = fork();
    if (child < 0) {
        fail(program, strerror(errno));
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execv(program, argv);
        }
        _exit(127);
    }
    return child;
}

struct process process_start(const char *program, const char *const *arguments) {
    char name[64];
    const char *argv[ARGUMENTS_MAX] = {program};
    struct process process = {.pid = -1};
    size_t count = 1;
    snprintf(name, sizeof name, "/tmp/mlpd-bench-%d.port", (int)getpid());
    while (arguments[count - 1] != NULL && count < ARGUMENTS_MAX - 3) {
        argv[count] = arguments[count - 1];
        count++;
    }
    argv[count++] = "--port-file";
    argv[count++] = name;
    unlink(name);
    const double begin = clock_monotonic_seconds();
    process.pid = spawn(program, (char *const *)argv);
    while ((process.port = read_port(name)) == 0) {
        process.start_seconds = clock_monotonic_seconds() - begin;
        if (waitpid(process.pid, NULL, WNOHANG) != 0 || process.start_seconds > START_SECONDS_MAX) {
            fail(program, "does not start");
        }
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    process.start_seconds = clock_monotonic_seconds() - begin;
    unlink(name);
    return process;
}

void process_stop(struct process *process) {
    kill(process->pid, SIGTERM);
    waitpid(process->pid, NULL, 0);
}

size_t process_resident_bytes(const struct process *process) {
    char name[64];
    size_t pages = 0;
    snprintf(name, sizeof name, "/proc/%d/statm", (int)process->pid);
    FILE *file = fopen(name, "r");
    if (file != NULL) {
        if (fscanf(file, "%*s %zu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

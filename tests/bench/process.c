/* See process.h. */
#include "tests/bench/process.h"

#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"

#define START_SECONDS_MAX 20.0
#define ARGUMENTS_MAX 16

#define PROCESSES_MAX 8

extern char **environ;

/* Those that run: whatever ends this program ends them too. */
static pid_t running[PROCESSES_MAX];

static void kill_all(void) {
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (running[i] > 0) {
            kill(running[i], SIGKILL);
        }
    }
}

static void remember(pid_t pid) {
    static bool asked;
    if (!asked) {
        asked = true;
        atexit(kill_all);
    }
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (running[i] == 0) {
            running[i] = pid;
            return;
        }
    }
}

static void forget(pid_t pid) {
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        running[i] = running[i] == pid ? 0 : running[i];
    }
}

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
    const int number = posix_spawn(&process.pid, program, NULL, NULL, (char *const *)argv, environ);
    if (number != 0) {
        fail(program, strerror(number));
    }
    remember(process.pid);
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
    forget(process->pid);
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

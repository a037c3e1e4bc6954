/* See daemon.h. */
#include "tests/demo/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/demo/interrupt.h"

#define START_SECONDS_MAX 10.0
#define STOP_SECONDS_MAX 10.0
#define POLL_SECONDS 0.005

/* Where the child's files are until it answers. */
struct nest {
    char directory[256];
    char port_file[300];
    char log_file[300];
};

static bool nest_create(struct nest *nest, struct failure *failure) {
    const char *parent = getenv("TMPDIR");
    snprintf(nest->directory, sizeof nest->directory, "%s/mlpd-demo-XXXXXX",
             parent && *parent ? parent : "/tmp");
    if (!mkdtemp(nest->directory)) {
        return fail(failure, "no temporary directory %s: %s", nest->directory, strerror(errno));
    }
    snprintf(nest->port_file, sizeof nest->port_file, "%s/port", nest->directory);
    snprintf(nest->log_file, sizeof nest->log_file, "%s/log", nest->directory);
    return true;
}

static void nest_destroy(const struct nest *nest) {
    unlink(nest->port_file);
    unlink(nest->log_file);
    rmdir(nest->directory);
}

/* The child's side of the fork: becomes the daemon, or ends. */
_Noreturn static void become(const char *program, const struct nest *nest, int log, pid_t parent) {
    /* A group of its own, or Ctrl-C would reach it before the demo. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0) {
        interrupt_release();
        execl(program, program, "--listen", "127.0.0.1:0", "--port-file", nest->port_file,
              (char *)NULL);
        dprintf(STDERR_FILENO, "%s\n", strerror(errno));
    }
    _exit(127);
}

/* The last line of the daemon's log, for a reason; empty when it has none. */
static void last_line(int log, char *line, size_t bytes) {
    char tail[400];
    const off_t end = lseek(log, 0, SEEK_END);
    const off_t start = end > (off_t)sizeof tail - 1 ? end - (off_t)sizeof tail + 1 : 0;
    ssize_t length = pread(log, tail, sizeof tail - 1, start);
    while (length > 0 && tail[length - 1] == '\n') {
        length--;
    }
    tail[length > 0 ? length : 0] = '\0';
    const char *newline = strrchr(tail, '\n');
    snprintf(line, bytes, "%s", newline ? newline + 1 : tail);
}

/* How the child ended, as a reason; always false. */
static bool fail_ended(const struct daemon *daemon, const char *when, int status,
                       struct failure *failure) {
    char line[400];
    last_line(daemon->log, line, sizeof line);
    if (WIFSIGNALED(status)) {
        return fail(failure, "the daemon was killed by signal %d (%s) %s: %s", WTERMSIG(status),
                    strsignal(WTERMSIG(status)), when, line);
    }
    return fail(failure, "the daemon ended with status %d %s: %s", WEXITSTATUS(status), when, line);
}

/* True once the port file is whole, with its newline. */
static bool read_port(const struct nest *nest, char *origin, size_t bytes) {
    FILE *file = fopen(nest->port_file, "r");
    if (!file) {
        return false;
    }
    unsigned port = 0;
    char newline = '\0';
    const bool whole = fscanf(file, "%5u%c", &port, &newline) == 2 && newline == '\n';
    fclose(file);
    snprintf(origin, bytes, "http://127.0.0.1:%u", port);
    return whole;
}

static bool await_port(struct daemon *daemon, const struct nest *nest, struct failure *failure) {
    for (double waited = 0; waited < START_SECONDS_MAX; waited += POLL_SECONDS) {
        int status;
        if (read_port(nest, daemon->origin, sizeof daemon->origin)) {
            return true;
        }
        if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
            daemon->pid = -1;
            return fail_ended(daemon, "before it answered", status, failure);
        }
        if (!interrupt_pause(POLL_SECONDS)) {
            return fail(failure, "interrupted");
        }
    }
    return fail(failure, "the daemon did not answer within %.0f s", START_SECONDS_MAX);
}

static void kill_now(const struct daemon *daemon) {
    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, NULL, 0);
}

bool daemon_start(struct daemon *daemon, const char *program, struct failure *failure) {
    struct nest nest = {0};
    bool started = false;
    *daemon = (struct daemon){.pid = -1, .log = -1};
    if (!nest_create(&nest, failure)) {
        return false;
    }
    daemon->log = open(nest.log_file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (daemon->log < 0) {
        fail(failure, "%s: %s", nest.log_file, strerror(errno));
        goto out;
    }
    const pid_t parent = getpid();
    daemon->pid = fork();
    if (daemon->pid < 0) {
        fail(failure, "no process for the daemon: %s", strerror(errno));
        goto out;
    }
    if (daemon->pid == 0) {
        become(program, &nest, daemon->log, parent);
    }
    started = await_port(daemon, &nest, failure);

out:
    if (!started && daemon->pid > 0) {
        kill_now(daemon);
    }
    if (!started && daemon->log >= 0) {
        close(daemon->log);
    }
    nest_destroy(&nest);
    return started;
}

/* SIGTERM, and patience.  True when it has ended, with `*status`. */
static bool ends_when_asked(const struct daemon *daemon, int *status) {
    kill(daemon->pid, SIGTERM);
    for (double waited = 0; waited < STOP_SECONDS_MAX; waited += POLL_SECONDS) {
        if (waitpid(daemon->pid, status, WNOHANG) == daemon->pid) {
            return true;
        }
        /* Not interrupt_pause: an interrupted demo stops its daemon, too. */
        usleep((useconds_t)(POLL_SECONDS * 1e6));
    }
    return false;
}

bool daemon_stop(struct daemon *daemon, struct failure *failure) {
    int status = 0;
    bool stopped = true;
    if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
        stopped = fail_ended(daemon, "before it was asked to", status, failure);
    } else if (!ends_when_asked(daemon, &status)) {
        kill_now(daemon);
        stopped = fail(failure, "the daemon did not stop within %.0f s of SIGTERM and was killed",
                       STOP_SECONDS_MAX);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        stopped = fail_ended(daemon, "when it was asked to stop", status, failure);
    }
    close(daemon->log);
    return stopped;
}

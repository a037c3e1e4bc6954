/* The daemon under test; see daemon.h. */
#include "tests/integration/daemon.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/proxy.h"

#define POLL_SECONDS 0.002
#define ARGUMENTS_MAX 24
#define PATH_BYTES 512

static char program[PATH_BYTES];
static char folder[PATH_BYTES];
static pid_t main_process;
static int bad_ends; /* of daemons that fixtures outside tests have stopped */

static struct {
    pid_t process; /* 0: none */
    pid_t starter;
    unsigned port;
    unsigned front_port; /* of the proxy before it, else the same */
    char origin[64];
    char socket_path[PATH_BYTES]; /* empty: TCP */
    char certificate[PATH_BYTES]; /* empty: no TLS */
    char port_file[PATH_BYTES], log_file[PATH_BYTES];
    off_t log_shown_from;
} current;

double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void pause_shortly(void) {
    const struct timespec pause = {.tv_nsec = (long)(POLL_SECONDS * 1e9)};
    nanosleep(&pause, NULL);
}

/* ---- the scratch folder ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

bool daemons_prepare(const char *test_program) {
    const char *given = getenv("MLPD");
    const char *slash = strrchr(test_program, '/');
    if (given != NULL && *given != '\0') {
        snprintf(program, sizeof program, "%s", given);
    } else {
        snprintf(program, sizeof program, "%.*s/mlpd",
                 slash != NULL ? (int)(slash - test_program) : 1,
                 slash != NULL ? test_program : ".");
    }
    if (access(program, X_OK) != 0) {
        fprintf(stderr, "integration: no daemon to test at %s: %s\n", program, strerror(errno));
        return false;
    }
    /* Short: a unix socket's path has 107 bytes at most. */
    snprintf(folder, sizeof folder, "/tmp/mlpd-integration-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "integration: no temporary folder %s: %s\n", folder, strerror(errno));
        return false;
    }
    return true;
}

/* End when the parent does; it may have ended already. */
static void die_with(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
}

void daemons_begin(pid_t parent) {
    die_with(parent);
    main_process = getpid();
    proxy_prepare();
}

int daemons_ended_badly(void) {
    return bad_ends;
}

void daemons_clean_up(void) {
    /* What was killed a moment ago may still write. */
    for (int i = 0; i < 100 && access(folder, F_OK) == 0; i++) {
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        pause_shortly();
    }
}

const char *scratch_name(const char *suffix) {
    static unsigned number;
    static char name[PATH_BYTES];
    snprintf(name, sizeof name, "%.200s/%ld-%u%.60s", folder, (long)getpid(), number++, suffix);
    return name;
}

static char *read_whole(const char *path, off_t from) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = fopen(path, "r");
    FILE *copy = open_memstream(&text, &bytes);
    if (file != NULL) {
        char chunk[4096];
        size_t got;
        fseeko(file, from, SEEK_SET);
        while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
            fwrite(chunk, 1, got, copy);
        }
        fclose(file);
    }
    fclose(copy);
    return text;
}

char *daemon_log(void) {
    return read_whole(current.log_file, 0);
}

/* ---- the child ---- */

static struct {
    const int *sockets;
    size_t count;
} handed_over;

void daemon_hand_over(const int *sockets, size_t count) {
    handed_over.sockets = sockets;
    handed_over.count = count;
}

/* As descriptors 3, 4, …, which may be in the way of each other until then. */
static void take_over(void) {
    int copies[16];
    char number[32];
    for (size_t i = 0; i < handed_over.count && i < 16; i++) {
        copies[i] = fcntl(handed_over.sockets[i], F_DUPFD_CLOEXEC, 100);
    }
    for (size_t i = 0; i < handed_over.count && i < 16; i++) {
        dup2(copies[i], 3 + (int)i);
    }
    snprintf(number, sizeof number, "%ld", (long)getpid());
    setenv("LISTEN_PID", number, 1);
    snprintf(number, sizeof number, "%zu", handed_over.count);
    setenv("LISTEN_FDS", number, 1);
}

/* Become the daemon, or end.  It dies with its parent, whatever kills that. */
_Noreturn static void become(const char **arguments, int out, int err, pid_t parent) {
    die_with(parent);
    if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0) {
        if (handed_over.count > 0) {
            take_over();
        }
        execv(program, (char *const *)arguments);
        dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
    }
    _exit(127);
}

static pid_t spawn(const char **arguments, int out, int err) {
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process == 0) {
        become(arguments, out, err, parent);
    }
    ck_assert_msg(process > 0, "no process for the daemon: %s", strerror(errno));
    return process;
}

static bool has_ended(pid_t process, int *status) {
    int how;
    if (waitpid(process, &how, WNOHANG) != process) {
        return false;
    }
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return true;
}

/* Wait for its end; one that does not end in time is killed, and the test fails. */
static int wait_for(pid_t process) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    int status = -1;
    while (!has_ended(process, &status)) {
        if (now_seconds() > until) {
            kill(process, SIGKILL);
            waitpid(process, NULL, 0);
            current.process = 0;
            ck_abort_msg("the daemon did not end within %.0f s and was killed", DEADLINE_SECONDS);
        }
        pause_shortly();
    }
    return status;
}

/* ---- start ---- */

static void set_front(unsigned port) {
    current.front_port = port;
    snprintf(current.origin, sizeof current.origin, "%s://127.0.0.1:%u",
             current.certificate[0] != '\0' ? "https" : "http", port);
}

static bool read_port_file(void) {
    char *text = read_whole(current.port_file, 0);
    const bool whole = strchr(text, '\n') != NULL;
    text[strcspn(text, "\n")] = '\0';
    if (whole && strncmp(text, "unix:", 5) == 0) {
        snprintf(current.socket_path, sizeof current.socket_path, "%s", text + 5);
        snprintf(current.origin, sizeof current.origin, "http://localhost");
    } else if (whole) {
        current.port = (unsigned)strtoul(text, NULL, 10);
        set_front(current.port);
    }
    free(text);
    return whole;
}

static void await_answer(void) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    while (!read_port_file()) {
        int status;
        if (has_ended(current.process, &status)) {
            current.process = 0;
            char *log = daemon_log();
            ck_abort_msg("the daemon ended with %d before it answered: %.2000s", status, log);
        }
        ck_assert_msg(now_seconds() < until, "the daemon did not answer within %.0f s",
                      DEADLINE_SECONDS);
        pause_shortly();
    }
}

bool daemons_store(void) {
    return getenv("MLPD_TEST_STORE") != NULL;
}

static bool is_given(const char **options, const char *name) {
    while (*options != NULL && strcmp(*options, name) != 0) {
        options++;
    }
    return *options != NULL;
}

/* `options` ends in NULL. */
static void start(const char *address, const char **options) {
    const char *arguments[ARGUMENTS_MAX + 10] = {program, "--listen", address, "--port-file"};
    size_t count = 4;
    memset(&current, 0, sizeof current);
    snprintf(current.port_file, sizeof current.port_file, "%s", scratch_name(".port"));
    snprintf(current.log_file, sizeof current.log_file, "%s", scratch_name(".log"));
    arguments[count++] = current.port_file;
    if (daemons_store() && !is_given(options, "--data")) {
        arguments[count++] = "--data";
        static char data[PATH_BYTES];
        snprintf(data, sizeof data, "%s", scratch_name(".data"));
        arguments[count++] = data;
        arguments[count++] = "--durability"; /* no power is cut here, and a disk may be slow */
        arguments[count++] = "none";
    }
    for (; *options != NULL; options++) {
        arguments[count++] = *options;
        if (strcmp(*options, "--tls-cert") == 0) {
            snprintf(current.certificate, sizeof current.certificate, "%s", options[1]);
        }
    }
    const int log = open(current.log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_msg(log >= 0, "%s: %s", current.log_file, strerror(errno));
    current.starter = getpid();
    current.process = spawn(arguments, log, log);
    close(log);
    await_answer();
}

/* The proxies end TLS; mlpd's own is for clients that come without one. */
static void put_proxy_before(void) {
    const unsigned front =
        current.certificate[0] == '\0' ? proxy_start(current.port, scratch_name(".proxy")) : 0;
    if (front != 0) {
        set_front(front);
    }
}

void daemon_start(const char *option, ...) {
    const char *options[ARGUMENTS_MAX + 1] = {NULL};
    va_list rest;
    va_start(rest, option);
    for (size_t i = 0; i < ARGUMENTS_MAX && option != NULL; i++) {
        options[i] = option;
        option = va_arg(rest, const char *);
    }
    va_end(rest);
    start("127.0.0.1:0", options);
    put_proxy_before();
}

void daemon_start_on(const char *address, const char *option, ...) {
    const char *options[ARGUMENTS_MAX + 1] = {NULL};
    va_list rest;
    va_start(rest, option);
    for (size_t i = 0; i < ARGUMENTS_MAX && option != NULL; i++) {
        options[i] = option;
        option = va_arg(rest, const char *);
    }
    va_end(rest);
    start(address, options);
}

/* ---- end ---- */

void daemon_signal(int signal) {
    ck_assert_msg(kill(current.process, signal) == 0, "no daemon to send signal %d to: %s", signal,
                  strerror(errno));
}

static bool was_reported(const char *log) {
    return strstr(log, "Sanitizer") != NULL || strstr(log, "runtime error:") != NULL;
}

static void show_log(off_t from) {
    char *log = read_whole(current.log_file, from);
    fprintf(stderr, "--- the daemon's log:\n%s---\n", log);
    free(log);
}

int daemon_wait(void) {
    const int status = wait_for(current.process);
    current.process = 0;
    proxy_stop();
    char *log = daemon_log();
    const bool reported = was_reported(log);
    free(log);
    ck_assert_msg(!reported, "a sanitizer reported something (the daemon ended with %d)", status);
    return status;
}

void daemon_stop(void) {
    int status;
    proxy_stop();
    if (has_ended(current.process, &status)) {
        current.process = 0;
    } else {
        daemon_signal(SIGTERM);
        status = wait_for(current.process);
        current.process = 0;
    }
    char *log = daemon_log();
    const bool well = status == 0 && !was_reported(log);
    free(log);
    if (getpid() == main_process && !well) {
        /* check does not count what fails in a fixture around several tests. */
        bad_ends++;
        fprintf(stderr, "integration: the daemon ended with %d at SIGTERM; wanted 0\n", status);
        show_log(0);
    }
    ck_assert_msg(well, "the daemon ended with %d at SIGTERM, or a sanitizer reported; wanted 0",
                  status);
}

/* The test ends: show what the daemon logged if it failed; kill what it started. */
static void end_test(int status, void *unused) {
    (void)unused;
    proxy_stop();
    if (status != 0 && current.log_file[0] != '\0') {
        show_log(current.log_shown_from);
    }
    if (current.process > 0 && current.starter == getpid()) {
        kill(current.process, SIGKILL);
        waitpid(current.process, NULL, 0);
    }
}

void daemon_begin_test(void) {
    if (getpid() != main_process) { /* unless CK_FORK=no */
        die_with(main_process);
    }
    struct stat log;
    if (current.log_file[0] != '\0' && stat(current.log_file, &log) == 0) {
        current.log_shown_from = log.st_size;
    }
    on_exit(end_test, NULL);
}

/* ---- looking ---- */

const char *daemon_origin(void) {
    return current.origin;
}

const char *daemon_certificate(void) {
    return current.certificate[0] != '\0' ? current.certificate : NULL;
}

const char *daemon_socket_path(void) {
    return current.socket_path[0] != '\0' ? current.socket_path : NULL;
}

const char *daemon_port_file(void) {
    return current.port_file;
}

unsigned daemon_port(void) {
    return current.port;
}

unsigned daemon_front_port(void) {
    return current.front_port;
}

pid_t daemon_process(void) {
    return current.process;
}

size_t daemon_resident_bytes(void) {
    char path[64];
    size_t pages = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)current.process);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL && fscanf(file, "%*s %zu", &pages) == 1, "cannot read %s", path);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

double daemon_cpu_seconds(void) {
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)current.process);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL &&
                      fscanf(file,
                             "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                             &user, &kernel) == 2,
                  "cannot read %s", path);
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- runs that end by themselves ---- */

static void take_output(const char *path, char *text, size_t bytes) {
    char *whole = read_whole(path, 0);
    snprintf(text, bytes, "%s", whole);
    free(whole);
    unlink(path);
}

void daemon_run(struct run *run, const char *variable, const char *value,
                const char *const *options) {
    const char *arguments[ARGUMENTS_MAX] = {program};
    char out_file[PATH_BYTES], err_file[PATH_BYTES];
    snprintf(out_file, sizeof out_file, "%s", scratch_name(".out"));
    snprintf(err_file, sizeof err_file, "%s", scratch_name(".err"));
    for (size_t i = 0; options[i] != NULL && i + 2 < ARGUMENTS_MAX; i++) {
        arguments[i + 1] = options[i];
    }
    if (variable != NULL) {
        setenv(variable, value, 1);
    }
    const int out = open(out_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int err = open(err_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const pid_t process = spawn(arguments, out, err);
    if (variable != NULL) {
        unsetenv(variable);
    }
    close(out);
    close(err);
    run->status = wait_for(process);
    take_output(out_file, run->out, sizeof run->out);
    take_output(err_file, run->err, sizeof run->err);
}

/* The daemon under test: a child process with its files in a scratch folder.
 *
 * There is one current daemon in a process.  A test that starts its own replaces
 * the one its suite shares, for the rest of that test (check runs each test in a
 * fork).  What goes wrong here fails the test.  A daemon dies with whoever started
 * it, and the folder goes at the end of main, so that nothing is left behind.
 *
 * The program is $MLPD, else the `mlpd` beside the test program. */
#ifndef MLPD_TESTS_INTEGRATION_DAEMON_H
#define MLPD_TESTS_INTEGRATION_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How long anything of the daemon's may take before the test gives up on it. */
#define DEADLINE_SECONDS 60.0

/* Once, in main, before anything else; false when a reason was printed. */
bool daemons_prepare(const char *test_program);
/* In the process that runs the tests, a child of the one that prepared. */
void daemons_begin(pid_t parent);
/* How many daemons ended badly outside tests. */
int daemons_ended_badly(void);
/* The last thing in main: remove the scratch folder. */
void daemons_clean_up(void);

/* A name for a file in the scratch folder, new at every call; static. */
const char *scratch_name(const char *suffix);

/* Do the daemons of this run store what they have (MLPD_TEST_STORE)?  Each in a folder of its own,
 * but where a test says --data itself. */
bool daemons_store(void);

/* Start one on a free port of 127.0.0.1 and wait until it answers.  The options go
 * to its command line; the last is NULL.  Where proxy.h names a proxy it comes in
 * front of this daemon, and origin and front port are the proxy's. */
void daemon_start(const char *option, ...) __attribute__((sentinel));
/* The same, on the address given. */
void daemon_start_on(const char *address, const char *option, ...) __attribute__((sentinel));

/* What is started from now on gets these sockets as systemd hands them over. */
void daemon_hand_over(const int *sockets, size_t count);

void daemon_signal(int signal);
/* Wait for its end: the exit status, or 128 + the signal that killed it. */
int daemon_wait(void);
/* SIGTERM; it must end with 0 and without a sanitizer's report. */
void daemon_stop(void);

const char *daemon_origin(void);      /* http://127.0.0.1:PORT, or https:// */
const char *daemon_certificate(void); /* what --tls-cert says, or NULL */
const char *daemon_socket_path(void); /* of a unix socket, or NULL */
const char *daemon_port_file(void);
unsigned daemon_port(void);       /* its own */
unsigned daemon_front_port(void); /* where clients connect */
pid_t daemon_process(void);
size_t daemon_resident_bytes(void);
double daemon_cpu_seconds(void); /* that it has computed, all threads */

/* What it has written to standard error so far; the caller frees it. */
char *daemon_log(void);

/* Each test's beginning: if it fails it shows what the daemon logs from here on. */
void daemon_begin_test(void);

/* Run the program to its end with these arguments and, where it is not NULL, one
 * variable in its environment. */
struct run {
    int status;
    char out[8192], err[8192];
};
void daemon_run(struct run *run, const char *variable, const char *value,
                const char *const *arguments);

double now_seconds(void); /* of the monotonic clock */

#endif

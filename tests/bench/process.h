/* A server under load: a child process on a free port of the loopback. */
#ifndef MLPD_TESTS_BENCH_PROCESS_H
#define MLPD_TESTS_BENCH_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    unsigned port;
    double start_seconds; /* from exec to the port file */
};

/* Run `program` with up to some arguments (NULL ends them) and --port-file; ends the
 * program when it does not start. */
struct process process_start(const char *program, const char *const *arguments);
void process_stop(struct process *process);

size_t process_resident_bytes(const struct process *process);

#endif

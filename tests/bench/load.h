/* A load generator: many keep-alive connections that send prepared requests, each the
 * next as soon as its answer is whole.  One thread, epoll. */
#ifndef MLPD_TESTS_BENCH_LOAD_H
#define MLPD_TESTS_BENCH_LOAD_H

#include <stdatomic.h>
#include <stddef.h>

struct load_request {
    char *bytes; /* head and body; owned */
    size_t size;
};

/* Format the head, append the body; `headers` are lines that end in \r\n. */
struct load_request load_prepare(const char *method, const char *path, const char *headers,
                                 const void *body, size_t body_bytes);
void load_release(struct load_request *request);

struct load_result {
    size_t answers; /* those that count: after the load has warmed up */
    size_t refused; /* answers that were no 2xx */
    double rate;    /* answers a second, from one answer to another */
    double p50_seconds, p99_seconds;
};

/* Send `requests` by turns over `connections` to a port of the loopback for some seconds,
 * and a quarter of them before, which do not count; longer where there are not two answers
 * a connection by then.  With `stopped`, until that is true, however long.  Ends the
 * program where there is nobody. */
struct load_result load_run(unsigned port, size_t connections, const struct load_request *requests,
                            size_t request_count, double seconds, const atomic_bool *stopped);

/* Send `count` requests, `requests` by turns, over `connections`; returns how long it took.
 * An answer that is no 2xx ends the program. */
double load_send(unsigned port, size_t connections, const struct load_request *requests,
                 size_t request_count, size_t count);

/* One request, its answer's status; the body, cut, into `answer` where it is not NULL. */
int load_ask(unsigned port, const struct load_request *request, char *answer, size_t answer_bytes);

#endif

/* See load.h. */
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/engine/clock.h"

#define ANSWER_BYTES 65536
#define SAMPLES_MAX ((size_t)1 << 21)
#define EVENTS 256
#define ANSWERS_MIN 8
#define NO_ANSWER_MILLISECONDS 20000
#define WARM_SHARE 0.25 /* of the seconds, before them */

struct connection {
    int fd;
    const struct load_request *request;
    size_t sent;
    size_t used;      /* bytes of the answer in the buffer */
    size_t body_left; /* of a body whose head is over */
    int status;       /* 0: the head is not whole */
    double asked;
    char answer[ANSWER_BYTES];
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

struct load_request load_prepare(const char *method, const char *path, const char *headers,
                                 const void *body, size_t body_bytes) {
    char head[1024];
    const int length = snprintf(
        head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n",
        method, path, headers, body_bytes);
    struct load_request request = {malloc((size_t)length + body_bytes),
                                   (size_t)length + body_bytes};
    if (request.bytes == NULL) {
        fail("a request");
    }
    memcpy(request.bytes, head, (size_t)length);
    if (body_bytes > 0) {
        memcpy(request.bytes + length, body, body_bytes);
    }
    return request;
}

void load_release(struct load_request *request) {
    free(request->bytes);
    request->bytes = NULL;
}

static int open_connection(unsigned port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        fail("no connection to the server");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Reads what the head says; false while it is not whole. */
static bool read_head(struct connection *connection) {
    char *end = memmem(connection->answer, connection->used, "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }
    *end = '\0';
    const char *length = strcasestr(connection->answer, "\r\nContent-Length:");
    connection->status = (int)strtol(connection->answer + 9, NULL, 10);
    if (length == NULL && connection->status != 204) {
        errno = EPROTO;
        fail("an answer without Content-Length");
    }
    const size_t head_bytes = (size_t)(end + 4 - connection->answer);
    const size_t body_bytes = length != NULL ? strtoull(length + 17, NULL, 10) : 0;
    connection->body_left = body_bytes - (connection->used - head_bytes);
    return true;
}

/* Send what the socket takes. */
static void push(struct connection *connection) {
    const struct load_request *request = connection->request;
    while (connection->sent < request->size) {
        const ssize_t sent = send(connection->fd, request->bytes + connection->sent,
                                  request->size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            return;
        }
        if (sent <= 0) {
            fail("the server does not take a request");
        }
        connection->sent += (size_t)sent;
    }
}

static void ask(struct connection *connection, const struct load_request *request) {
    connection->request = request;
    connection->sent = connection->used = connection->body_left = 0;
    connection->status = 0;
    connection->asked = clock_monotonic_seconds();
    push(connection);
}

/* Take what has come; true when the answer is whole. */
static bool pull(struct connection *connection, int flags) {
    for (;;) {
        const bool in_body = connection->status != 0;
        char rest[16384]; /* of an answer larger than the buffer */
        const size_t left = ANSWER_BYTES - 1 - connection->used;
        char *to = left > 0 ? connection->answer + connection->used : rest;
        const ssize_t got = recv(connection->fd, to, left > 0 ? left : sizeof rest, flags);
        if (got < 0 && errno == EAGAIN) {
            return false;
        }
        if (got <= 0) {
            fail("the server closed a connection");
        }
        connection->used += left > 0 ? (size_t)got : 0;
        if (in_body) {
            connection->body_left -= (size_t)got;
        } else if (!read_head(connection)) {
            continue;
        }
        if (connection->body_left == 0) {
            return true;
        }
    }
}

static int compare(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Connections that wait for answers in an epoll queue. */
struct crowd {
    struct connection *all;
    size_t count;
    int queue;
};

/* Each sends its first request, `requests` by turns. */
static struct crowd crowd_open(unsigned port, size_t count, const struct load_request *requests,
                               size_t request_count) {
    const struct crowd crowd = {calloc(count, sizeof *crowd.all), count,
                                epoll_create1(EPOLL_CLOEXEC)};
    if (crowd.all == NULL || crowd.queue < 0) {
        fail("the load generator");
    }
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = &crowd.all[i];
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
        connection->fd = open_connection(port);
        epoll_ctl(crowd.queue, EPOLL_CTL_ADD, connection->fd, &event);
        ask(connection, &requests[i % request_count]);
    }
    return crowd;
}

static void crowd_close(struct crowd *crowd) {
    for (size_t i = 0; i < crowd->count; i++) {
        close(crowd->all[i].fd);
    }
    close(crowd->queue);
    free(crowd->all);
}

static size_t crowd_wait(const struct crowd *crowd, struct epoll_event events[EVENTS]) {
    const int ready = epoll_wait(crowd->queue, events, EVENTS, NO_ANSWER_MILLISECONDS);
    if (ready == 0) {
        errno = ETIMEDOUT;
        fail("no answer");
    }
    return ready > 0 ? (size_t)ready : 0;
}

/* Go on with what the event is of; the connection whose answer is whole now, or NULL. */
static struct connection *crowd_go_on(const struct epoll_event *event) {
    struct connection *connection = event->data.ptr;
    push(connection);
    const bool answered =
        (event->events & ~(uint32_t)EPOLLOUT) != 0 && pull(connection, MSG_DONTWAIT);
    return answered ? connection : NULL;
}

/* However slow they are. */
static size_t answers_min(size_t connections) {
    return 2 * connections > ANSWERS_MIN ? 2 * connections : ANSWERS_MIN;
}

struct load_result load_run(unsigned port, size_t connections, const struct load_request *requests,
                            size_t request_count, double seconds, const atomic_bool *stopped) {
    struct crowd crowd = crowd_open(port, connections, requests, request_count);
    float *samples = malloc(SAMPLES_MAX * sizeof *samples);
    struct load_result result = {0};
    struct epoll_event events[EVENTS];
    size_t next = connections, open = connections;
    if (samples == NULL) {
        fail("the load generator");
    }
    const double start = clock_monotonic_seconds(), end = start + (1 + WARM_SHARE) * seconds;
    double first = 0, last = 0; /* answers of those that count */
    while (open > 0) {
        const size_t ready = crowd_wait(&crowd, events);
        for (size_t i = 0; i < ready; i++) {
            struct connection *connection = crowd_go_on(&events[i]);
            if (connection == NULL) {
                continue;
            }
            const double now = clock_monotonic_seconds();
            result.refused += connection->status / 100 != 2;
            if (stopped != NULL ? atomic_load(stopped)
                                : now >= end && result.answers >= answers_min(connections)) {
                open--;
                continue;
            }
            if (first == 0) {
                first = now - start >= WARM_SHARE * seconds ? now : 0; /* the clock starts */
            } else {
                samples[result.answers++ % SAMPLES_MAX] = (float)(now - connection->asked);
                last = now;
            }
            ask(connection, &requests[next++ % request_count]);
        }
    }
    result.rate = result.answers > 0 ? (double)result.answers / (last - first) : 0;
    const size_t count = result.answers < SAMPLES_MAX ? result.answers : SAMPLES_MAX;
    qsort(samples, count, sizeof *samples, compare);
    if (count > 0) {
        result.p50_seconds = (double)samples[count / 2];
        result.p99_seconds = (double)samples[count * 99 / 100];
    }
    crowd_close(&crowd);
    free(samples);
    return result;
}

double load_send(unsigned port, size_t connections, const struct load_request *requests,
                 size_t request_count, size_t count) {
    const double start = clock_monotonic_seconds();
    const size_t open = connections < count ? connections : count;
    struct crowd crowd = crowd_open(port, open, requests, request_count);
    struct epoll_event events[EVENTS];
    size_t next = open, answered = 0;
    while (answered < count) {
        const size_t ready = crowd_wait(&crowd, events);
        for (size_t i = 0; i < ready; i++) {
            struct connection *connection = crowd_go_on(&events[i]);
            if (connection == NULL) {
                continue;
            }
            if (connection->status / 100 != 2) {
                fprintf(stderr, "bench: %.64s: %d\n", connection->request->bytes,
                        connection->status);
                exit(EXIT_FAILURE);
            }
            answered++;
            if (next < count) {
                ask(connection, &requests[next++ % request_count]);
            }
        }
    }
    crowd_close(&crowd);
    return clock_monotonic_seconds() - start;
}

int load_ask(unsigned port, const struct load_request *request, char *answer, size_t answer_bytes) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        fail("the load generator");
    }
    connection->fd = open_connection(port);
    ask(connection, request);
    while (connection->sent < request->size) {
        push(connection);
    }
    (void)pull(connection, 0);
    if (answer != NULL && answer_bytes > 0) {
        const char *body = connection->answer + strlen(connection->answer) + 4;
        const size_t head = (size_t)(body - connection->answer);
        const size_t size = connection->used > head ? connection->used - head : 0;
        const size_t kept = size < answer_bytes - 1 ? size : answer_bytes - 1;
        memcpy(answer, body, kept);
        answer[kept] = '\0';
    }
    const int status = connection->status;
    close(connection->fd);
    free(connection);
    return status;
}

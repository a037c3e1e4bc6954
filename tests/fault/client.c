/* See client.h. */
#include "tests/fault/client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "tests/fault/tally.h"

void client_init(struct client *client, const struct client_settings *settings, uint64_t seed) {
    *client = (struct client){.settings = settings,
                              .random = seed * 0x9E3779B97F4A7C15u,
                              .connection = -1,
                              .content_type = "application/json"};
    client->body = malloc(BODY_BYTES);
    client->answer = malloc(ANSWER_BYTES);
}

void client_free(struct client *client) {
    client_disconnect(client, false);
    free(client->body);
    free(client->answer);
}

uint32_t client_random(struct client *client, uint32_t below) {
    client->random = client->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(client->random >> 33) % below;
}

void client_disconnect(struct client *client, bool reset) {
    if (client->connection >= 0) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        if (reset) {
            setsockopt(client->connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        close(client->connection);
        client->connection = -1;
    }
}

static bool connected(struct client *client) {
    if (client->connection < 0) {
        const struct sockaddr_in address = {.sin_family = AF_INET,
                                            .sin_port = htons((uint16_t)client->settings->port),
                                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        client->connection = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client->connection, (const struct sockaddr *)&address, sizeof address) != 0) {
            const struct timespec pause = {.tv_nsec = 10000000};
            client_disconnect(client, false);
            nanosleep(&pause, NULL);
        }
    }
    return client->connection >= 0;
}

static bool send_all(struct client *client, const char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(client->connection, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Is the answer in the buffer whole?  Its status then, or 0. */
static int whole_status(struct client *client) {
    char *answer = client->answer;
    answer[client->answer_bytes] = '\0';
    const char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const size_t head = (size_t)(end + 4 - answer);
    const int status = (int)strtol(answer + 9, NULL, 10);
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    if (length != NULL && length < end) {
        const size_t body = strtoul(length + 17, NULL, 10);
        return client->answer_bytes >= head + body ? status : 0;
    }
    const char *chunked = strcasestr(answer, "\r\ntransfer-encoding: chunked");
    if (chunked != NULL && chunked < end) {
        const bool last = client->answer_bytes >= head + 5 &&
                          memcmp(answer + client->answer_bytes - 5, "0\r\n\r\n", 5) == 0;
        return last ? status : 0;
    }
    return status;
}

/* The status; 0 when the other side closed, -1 when it was late. */
static int read_answer(struct client *client, double until) {
    client->answer_bytes = 0;
    for (;;) {
        const double left = until - clock_monotonic_seconds();
        struct pollfd socket = {.fd = client->connection, .events = POLLIN};
        if (left <= 0 || poll(&socket, 1, (int)(left * 1000) + 1) == 0) {
            return -1;
        }
        const ssize_t got = recv(client->connection, client->answer + client->answer_bytes,
                                 ANSWER_BYTES - 1 - client->answer_bytes, 0);
        if (got <= 0) {
            return 0;
        }
        client->answer_bytes += (size_t)got;
        const int status = whole_status(client);
        if (status != 0) {
            return status;
        }
    }
}

int client_read_head(struct client *client, double until) {
    client->answer_bytes = 0;
    client->answer[0] = '\0';
    while (strstr(client->answer, "\r\n\r\n") == NULL) {
        const double left = until - clock_monotonic_seconds();
        struct pollfd socket = {.fd = client->connection, .events = POLLIN};
        if (left <= 0 || poll(&socket, 1, (int)(left * 1000) + 1) == 0) {
            return -1;
        }
        const ssize_t got = recv(client->connection, client->answer + client->answer_bytes, 256, 0);
        if (got <= 0 || client->answer_bytes + 512 > ANSWER_BYTES) {
            return 0;
        }
        client->answer_bytes += (size_t)got;
        client->answer[client->answer_bytes] = '\0';
    }
    return (int)strtol(client->answer + 9, NULL, 10);
}

void client_read_for(struct client *client, double seconds) {
    const double until = clock_monotonic_seconds() + seconds;
    for (double left = seconds; left > 0; left = until - clock_monotonic_seconds()) {
        struct pollfd socket = {.fd = client->connection, .events = POLLIN};
        if (poll(&socket, 1, (int)(left * 1000) + 1) > 0 &&
            recv(client->connection, client->answer, ANSWER_BYTES, 0) <= 0) {
            return; /* the model was deleted */
        }
    }
}

bool client_begin_call(struct client *client, const char *method, const char *target,
                       const char *headers, size_t body_bytes, size_t bytes_sent) {
    char head[1024];
    const int length = snprintf(head, sizeof head,
                                "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                                "Content-Type: %s\r\n%s\r\n",
                                method, target, body_bytes, client->content_type, headers);
    return connected(client) && send_all(client, head, (size_t)length) &&
           send_all(client, client->body, bytes_sent);
}

bool status_is_expected(int status) {
    static const int expected[] = {200, 201, 202, 204, 404, 409, 410, 422, 429, 504, 507};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (status == expected[i]) {
            return true;
        }
    }
    return false;
}

int client_try(struct client *client, const char *method, const char *target, const char *headers,
               size_t body_bytes, double until) {
    const int status = client_begin_call(client, method, target, headers, body_bytes, body_bytes)
                           ? read_answer(client, until)
                           : 0;
    const bool last = status <= 0 || strcasestr(client->answer, "\r\nconnection: close") != NULL;
    if (last) {
        client_disconnect(client, status < 0);
    }
    return status;
}

int client_call(struct client *client, const char *method, const char *target, const char *headers,
                size_t body_bytes, struct patience patience) {
    const bool works = patience.then_works || patience.wait <= 0;
    const double deadline = patience.wait + (works ? PLAIN_DEADLINE_SECONDS : 0);
    int status = 0;
    double start = clock_monotonic_seconds();
    /* A connection that the daemon closed between two calls is opened again, once. */
    for (int attempt = 0; attempt < 2 && status == 0; attempt++) {
        const bool reused = client->connection >= 0;
        start = clock_monotonic_seconds();
        status = client_begin_call(client, method, target, headers, body_bytes, body_bytes)
                     ? read_answer(client, start + deadline + client->settings->lateness_seconds)
                     : 0;
        if (status == 0) {
            client_disconnect(client, false);
            if (!reused) {
                break;
            }
        }
    }
    tally_call();
    const double late =
        clock_monotonic_seconds() - start - (status == 504 ? patience.wait : deadline);
    tally_lateness(late);
    if (status == 504 && late > client->settings->lateness_seconds) {
        fail("%s %s: 504 came %.2f s after the wait of %.2f s", method, target, late,
             patience.wait);
    }
    if (status > 0 && status < STATUSES) {
        tally_status(status);
    }
    if (status == -1) {
        fail("%s %s: no answer %.2f s after its deadline of %.2f s", method, target,
             client->settings->lateness_seconds, deadline);
        client_disconnect(client, true);
    } else if (status == 0) {
        fail("%s %s: closed without an answer", method, target);
    } else if (!status_is_expected(status)) {
        fail("%s %s: %d %.300s", method, target, status, strstr(client->answer, "\r\n\r\n") + 4);
    }
    if (status > 0 && strcasestr(client->answer, "\r\nconnection: close") != NULL) {
        client_disconnect(client, false);
    }
    return status;
}

double client_number(const struct client *client, const char *key) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *found = strstr(client->answer, pattern);
    return found != NULL ? strtod(found + strlen(pattern), NULL) : -1;
}

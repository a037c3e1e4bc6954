/* A client: a connection to the daemon, and a random sequence of its own.
 *
 * A whole call is held to its deadline and to the statuses that a call may have, and told
 * to the tally; the parts of one are there for those who are rude.
 *
 * A client belongs to one thread at a time. */
#ifndef MLPD_TESTS_FAULT_CLIENT_H
#define MLPD_TESTS_FAULT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_BYTES 2228224 /* memory that is not used is not taken */
#define ANSWER_BYTES 1048576
#define PLAIN_DEADLINE_SECONDS 10.0 /* of a call that asks for no wait */

/* What the clients of a daemon have in common; nobody writes it while there are clients. */
struct client_settings {
    unsigned port;           /* of the loopback */
    double lateness_seconds; /* that an answer may have beyond its deadline */
    uint32_t rows_max;       /* of a body; at least 16 */
};

struct client {
    const struct client_settings *settings;
    uint64_t random;
    int connection; /* -1: none */
    const char *content_type;
    char *body;   /* [BODY_BYTES]: of the next call */
    char *answer; /* [ANSWER_BYTES]: the last one, or so much of it as was read */
    size_t answer_bytes;
};

/* Not connected yet.  The settings are borrowed. */
void client_init(struct client *client, const struct client_settings *settings, uint64_t seed);
void client_free(struct client *client);

/* The next number of the client's random sequence, of 0 to below - 1. */
uint32_t client_random(struct client *client, uint32_t below);

/* What a call asks the daemon to wait at most, and whether there is something to be
 * computed after the wait: then only the 504 that says that it was in vain has the wait
 * for its deadline. */
struct patience {
    double wait;
    bool then_works;
};

static const struct patience no_wait = {0, false};

/* A whole call with client->body; `headers` are lines that end in \r\n.  The status; 0 when
 * the other side closed, -1 when it was late. */
int client_call(struct client *client, const char *method, const char *target, const char *headers,
                size_t body_bytes, struct patience patience);

/* One attempt of a call, of which nothing is judged: the status; 0 when the other side closed or
 * is not there, -1 when there was none until that monotonic second. */
int client_try(struct client *client, const char *method, const char *target, const char *headers,
               size_t body_bytes, double until);

/* The number after "key": in the last answer, or -1. */
double client_number(const struct client *client, const char *key);

/* Any of these may be; the rest is a failure. */
bool status_is_expected(int status);

/* Begin a call: connect if need be, send its head, and so much of its body. */
bool client_begin_call(struct client *client, const char *method, const char *target,
                       const char *headers, size_t body_bytes, size_t bytes_sent);

/* The status once the head is there; 0 when the other side closed, -1 when it is late. */
int client_read_head(struct client *client, double until);

/* Read what comes for a while, or nothing of it. */
void client_read_for(struct client *client, double seconds);

/* Close the connection, if there is one; with `reset` without a word. */
void client_disconnect(struct client *client, bool reset);

#endif

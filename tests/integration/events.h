/* A client of server-sent events, over a bare connection: it reads when it is told to, so
 * that it can be as slow as it likes, and sees how a stream ends. */
#ifndef MLPD_TESTS_INTEGRATION_EVENTS_H
#define MLPD_TESTS_INTEGRATION_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct events {
    int connection;
    int status; /* of the answer; 0: none came */
    char head[2048];
    bool chunked;
    enum { EVENTS_GO_ON, EVENTS_ENDED, EVENTS_CUT, EVENTS_LATE } state;
    char *text; /* decoded, not yet taken as events */
    size_t used, capacity;
    size_t chunk_left; /* of the present chunk */
    int chunk_place;
};

/* One block of lines, which a blank one ends. */
struct event {
    char name[32]; /* "" where there is none */
    bool has_id;
    char id[32];
    char data[512];
    char comment[64];
    long retry; /* 0: none */
};

/* Ask for the path with these header lines, each with its end; read the answer's head. */
void events_open(struct events *events, const char *path, const char *headers);
/* The same by another request line's start: "HEAD", and "HTTP/1.0". */
void events_ask(struct events *events, const char *method, const char *path, const char *version,
                const char *headers);

/* The next block.  False when there is none any more: `state` says why. */
bool events_next(struct events *events, struct event *event);

/* Close; with a reset where the client goes without a word. */
void events_close(struct events *events);
void events_reset(struct events *events);

/* The next block with data must be a point: its batch.  Fails the test otherwise. */
double events_point(struct events *events);
/* The next block with data must have this name and, in any equal form, this data. */
void events_want(struct events *events, const char *name, const char *data);
/* There must be nothing more, and the end an orderly one. */
void events_want_end(struct events *events);

#endif

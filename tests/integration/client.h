/* HTTP calls to the current daemon, and what is asked of their answers.
 *
 * A call always gives an answer: one that did not come has status 0 and says why.
 * Answers live until answers_free (the fixtures call it) and belong to the thread
 * that asked.
 *
 * JSON in the tests is written with single quotes: {'name': 'm'}.
 *
 * The wants fail the test with what was found and what was wanted, at the line they
 * stand in; they return their answer, so that they can be nested.  `pointer` is a JSON
 * Pointer into the answer's body: "/points/0/loss". */
#ifndef MLPD_TESTS_INTEGRATION_CLIENT_H
#define MLPD_TESTS_INTEGRATION_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct answer {
    long status; /* 0: none came */
    char *headers;
    char *body; /* ends in a NUL that is not counted */
    size_t bytes;
    json_t *json;     /* the body, or NULL */
    char reason[256]; /* why there is none */
    double seconds;   /* from asking to the end of the answer */
    long connects;    /* connections that were made for it; 0: an open one was used */
    struct answer *next;
};

struct call {
    const char *method, *path;
    const char *headers; /* lines, divided by \n; NULL: none */
    const char *type;    /* Content-Type; NULL: application/json; "": none at all */
    const void *body;    /* NULL: none */
    size_t bytes;
    bool chunked;
    double deadline_seconds; /* 0: DEADLINE_SECONDS */
};

const struct answer *request(struct call call);

const struct answer *get(const char *format, ...) __attribute__((format(printf, 1, 2)));
const struct answer *delete (const char *format, ...) __attribute__((format(printf, 1, 2)));
const struct answer *post(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with Prefer: wait. */
const struct answer *train(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with these headers. */
const struct answer *post_with(const char *headers, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, the body sent as it is. */
const struct answer *post_raw(const char *path, const char *body, size_t bytes);

/* POST /v1/models; must be 201. */
const struct answer *create(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The hash of the model's weights. */
const char *weights_of(const char *model);

void answers_free(void);

/* JSON text with double quotes for single ones; lives as answers do. */
const char *json_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- reading ---- */

const json_t *json_at(const struct answer *answer, const char *pointer); /* NULL: not there */
double number_at(const struct answer *answer, const char *pointer);      /* NaN: not there */
const char *text_at(const struct answer *answer, const char *pointer);   /* "": not there */
/* A header's value, "" when it is not there; lives as answers do. */
const char *header_of(const struct answer *answer, const char *name);

/* ---- wants ---- */

#define want_status(answer, status) want_status_at(__FILE__, __LINE__, answer, status)
/* A problem document of that status; `pointer` is the field it must name, NULL: none. */
#define want_problem(answer, status, pointer)                                                      \
    want_problem_at(__FILE__, __LINE__, answer, status, pointer)
#define want_detail(answer, part) want_detail_at(__FILE__, __LINE__, answer, part)
#define want_header(answer, name, value) want_header_at(__FILE__, __LINE__, answer, name, value)
/* The value as JSON, in any form that is equal: "1", "'relu'", "[1, 2]", "null". */
#define want_json(answer, pointer, value) want_json_at(__FILE__, __LINE__, answer, pointer, value)
#define want_near(answer, pointer, value) want_near_at(__FILE__, __LINE__, answer, pointer, value)
#define want_absent(answer, pointer) want_absent_at(__FILE__, __LINE__, answer, pointer)
#define want_equal_text(found, wanted) want_equal_text_at(__FILE__, __LINE__, found, wanted)

const struct answer *want_status_at(const char *file, int line, const struct answer *answer,
                                    long status);
const struct answer *want_problem_at(const char *file, int line, const struct answer *answer,
                                     long status, const char *pointer);
const struct answer *want_detail_at(const char *file, int line, const struct answer *answer,
                                    const char *part);
const struct answer *want_header_at(const char *file, int line, const struct answer *answer,
                                    const char *name, const char *value);
const struct answer *want_json_at(const char *file, int line, const struct answer *answer,
                                  const char *pointer, const char *value);
const struct answer *want_near_at(const char *file, int line, const struct answer *answer,
                                  const char *pointer, double value);
const struct answer *want_absent_at(const char *file, int line, const struct answer *answer,
                                    const char *pointer);
void want_equal_text_at(const char *file, int line, const char *found, const char *wanted);

/* Ask for `path` until the value is that; fails at the deadline. */
const struct answer *await_json(const char *path, const char *pointer, const char *value);
/* Ask until the ledger holds at most so many bytes; fails at the deadline.  What was read
 * of it before may have held an answer that was under way, so no test asks for equality. */
void await_memory(double bytes_max);

#endif

/* Errors are values.
 *
 * A function that can fail returns an `enum error_code` and, when it is not
 * ERROR_NONE, fills the caller's `struct error` with a sentence for a person
 * (what was found, what is allowed) and, where one field of a request is at
 * fault, a JSON Pointer (RFC 6901) to it.  core knows nothing of HTTP: the api
 * layer maps each code to one status, always the same.
 *
 * Any thread may call these functions; a `struct error` belongs to its caller.
 */
#ifndef MLPD_CORE_BASE_ERROR_H
#define MLPD_CORE_BASE_ERROR_H

#include <stddef.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_SYNTAX,    /* cannot be parsed: broken grammar, framing, a lying length */
    ERROR_INVALID,   /* parsed, but means something that is not allowed */
    ERROR_NOT_FOUND, /* no such model, batch, … */
    ERROR_EXISTS,    /* the name is taken */
    ERROR_STALE,     /* not what it was when the caller looked: changed by another */
    ERROR_GONE,      /* was here once: deleted, or older than what is kept */
    ERROR_FULL,      /* a queue is at its bound; try again later */
    ERROR_TOO_LARGE, /* one request asks for more than one request may */
    ERROR_MEMORY,    /* the ledger, or malloc, has no room for it */
    ERROR_STORAGE,   /* what must be stored cannot be: the disk is full */
    ERROR_DAMAGED,   /* what is stored of a model is damaged */
    ERROR_CLOSED,    /* the engine is shutting down, or not there yet */
    ERROR_TIMEOUT,   /* what was waited for did not happen in time */
    ERROR_INTERNAL   /* a defect of mlpd, or an environment it cannot run in */
};

#define ERROR_MESSAGE_BYTES 512
#define ERROR_POINTER_BYTES 192

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_BYTES];
    char pointer[ERROR_POINTER_BYTES]; /* empty when no single field is at fault */
};

/* Fill `error` (which may be NULL) and return `code`, so that a failing
 * function can end with `return error_set(…)`.  `pointer` may be NULL.  Texts
 * that do not fit are cut. */
enum error_code error_set(struct error *error, enum error_code code, const char *pointer,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Put `prefix` in front of the error's pointer: a parser of one array element
 * says "/units", its caller knows that this is "/layers/1/units". */
void error_prefix_pointer(struct error *error, const char *prefix);

#endif

/* Query parameters: what calls may be told behind the question mark.
 *
 * One table that refuses (admission.c), reads (call_parameters.c) and documents
 * (openapi.c), so that the bounds a client is told are the bounds that hold.  A handler's
 * row in the table of routes names those it takes; where two calls bound one name
 * differently, it has two rows.  Constants: any thread. */
#ifndef MLPD_API_PARAMETER_H
#define MLPD_API_PARAMETER_H

#include <stdbool.h>

enum parameter {
    PARAMETER_NONE, /* ends a list */
    PARAMETER_DRY_RUN,
    PARAMETER_LIST_LIMIT,
    PARAMETER_AFTER_MODEL,
    PARAMETER_WEIGHTS_SHA256,
    PARAMETER_WAIT_STEP,
    PARAMETER_SCALE,
    PARAMETER_OFFSET,
    PARAMETER_BATCH_SIZE,
    PARAMETER_PER_EXAMPLE,
    PARAMETER_CHECKPOINT,
    PARAMETER_AFTER_VERSION,
    PARAMETER_INTO,
    PARAMETER_METRIC,
    PARAMETER_MIN_DELTA,
    PARAMETER_AFTER_BATCH,
    PARAMETER_LOSS_LIMIT,
    PARAMETER_LOSS_WAIT,
    PARAMETER_TOP_K,
    PARAMETER_MIN_STEP,
    PARAMETER_CONFUSION_MATRIX,
    PARAMETER_EXPORT_FORMAT,
    PARAMETER_OPTIMIZER,
    PARAMETER_MODEL_NAME,
    PARAMETER_COUNT
};

enum parameter_type {
    PARAMETER_INTEGER, /* whole, in decimal digits alone */
    PARAMETER_NUMBER,
    PARAMETER_BOOLEAN, /* true or false */
    PARAMETER_TEXT
};

struct parameter_description {
    const char *name;
    enum parameter_type type;
    double minimum, maximum; /* of integers and numbers, both allowed */
    double fallback;         /* the value where it is not given; outside the bounds: it then
                              * has no effect.  Booleans are false, texts empty. */
    bool yields;             /* not given, it leaves the word to the body; so the document
                              * tells no default, which generated clients may send */
    bool required;           /* the handler refuses to be called without it */
    const char *example;     /* of texts; NULL: none */
    const char *documentation;
};

extern const struct parameter_description parameter_descriptions[PARAMETER_COUNT];

#define COUNT_MAX 9007199254740992.0 /* 2⁵³: what every JSON client can hold */
#define LIST_LIMIT_MAX 1000          /* a bounded piece of work */
#define LOSS_LIMIT_MAX 1000
#define WAIT_SECONDS_MAX 300.0 /* also what Prefer: wait=S may ask for */

#endif

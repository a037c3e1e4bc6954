/* What an author asks of a daemon, so that the same can be asked of another: a model made, batches
 * posted, settings changed, and what else decides weights.
 *
 * The numbers of each row follow from the operation's seed and the row, whatever it is sent
 * with. */
#ifndef MLPD_TESTS_FAULT_OPERATIONS_H
#define MLPD_TESTS_FAULT_OPERATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/fault/client.h"

#define BATCHES_MAX 2000 /* of a model; then it is deleted */
#define MODEL_KINDS 4
#define WIDE_KIND 2 /* whose batches are so large that its log soon becomes a snapshot */
#define KEY_BYTES 32
#define NAME_BYTES 24

enum operation_kind { CREATE, POST, CHANGE, RESET, CLONE, DELETE, CANCEL };

enum batch_state {
    BATCH_QUEUED,       /* acknowledged */
    BATCH_IN_DOUBT,     /* a cancellation of it was not answered */
    BATCH_WAS_TRAINED,  /* as the daemon said */
    BATCH_WAS_CANCELLED /* likewise */
};

/* What the loss history says of a batch. */
struct point {
    double step, loss, accuracy;
};

struct operation {
    enum operation_kind kind;
    struct generation *model, *target; /* target: the clone */
    uint64_t seed;
    uint32_t rows, batch_size; /* 0: one batch */
    uint32_t first, last;      /* numbers of batches */
    double learning_rate, momentum;
    char key[KEY_BYTES]; /* "": none */
};

/* A model from its creation to its deletion; the next of that name is another. */
struct generation {
    unsigned kind;
    char name[NAME_BYTES], reference[NAME_BYTES]; /* where it is compared with */
    char id[24];                                  /* "": not known yet */
    unsigned revision;
    uint32_t last, compared;              /* numbers of batches */
    uint8_t states[BATCHES_MAX + 1];      /* of batch n */
    double told[BATCHES_MAX + 1];         /* the loss that an answer had, or NAN */
    struct point points[BATCHES_MAX + 1]; /* of trained ones up to `compared` */
    double reference_cursor;              /* the newest point that was read there */
    struct operation made_by, posted;     /* posted: the newest with a key; rows 0: none */
    bool deleted;
};

uint32_t operation_batches(const struct operation *operation);

/* Of model `name`: the same to the daemon and to the reference.  `prefer` is a wait in seconds, or
 * 0.  The rows are a range, whole batches of it; all others take the range for nothing. */
int operation_send(const struct operation *operation, struct client *client, const char *name,
                   const char *target_name, double prefer, uint32_t from_row, uint32_t to_row,
                   double until);

#endif

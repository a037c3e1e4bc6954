/* An author: a client that alone writes to its models, keeps a ledger of what was acknowledged, and
 * after a crash holds the daemon to it.
 *
 * What it asked for last may or may not have been done when the daemon was killed; all else is
 * certain, and each operation is then asked of a reference, a daemon that keeps all in memory and
 * is never killed.  One thread at a time. */
#ifndef MLPD_TESTS_FAULT_AUTHOR_H
#define MLPD_TESTS_FAULT_AUTHOR_H

#include <stdbool.h>

#include "tests/fault/operations.h"

#define SLOTS 3

struct author {
    unsigned number;
    struct client client, reference;
    struct generation *models[SLOTS]; /* NULL: there is none */
    unsigned generations, keys;       /* made so far */
    struct operation *done;           /* since the last verification, in order */
    size_t done_count, done_capacity;
    struct operation pending; /* sent, and not answered */
    bool has_pending;
    /* What all of them were, for the summary. */
    unsigned long acknowledged, unanswered, found_done, repeats, compared;
};

/* The settings are borrowed. */
void author_init(struct author *author, unsigned number, const struct client_settings *daemon,
                 const struct client_settings *reference);
void author_free(struct author *author);

/* The random sequence of what comes next. */
void author_seed(struct author *author, uint64_t seed);

/* Ask for something; false: there was no answer, or none that says whether it was done. */
bool author_act(struct author *author);

/* The daemon is there again and has trained all it acknowledged: nothing may be missing, nothing be
 * there twice, and weights and losses be the reference's. */
void author_verify(struct author *author);

#endif

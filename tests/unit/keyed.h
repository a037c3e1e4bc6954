/* Requests with idempotency keys, for the tests of them: a record, a submission, a
 * creation in a line each.  Any thread. */
#ifndef MLPD_TESTS_UNIT_KEYED_H
#define MLPD_TESTS_UNIT_KEYED_H

#include "tests/unit/engine_fixture.h"

/* Of that key, and a payload told by this number. */
struct key_record *keyed_record(struct ledger *ledger, const char *key, uint64_t payload);

/* What became of a submission with a key. */
struct posted {
    enum error_code code;
    bool repeated;
    uint64_t first, last;
    struct entry *entry; /* referenced: of the last batch, NULL once it is over */
    double retry_after_seconds;
    struct error error;
};

/* Hand in `count` batches of a key and wait until they have their numbers; `revision` as
 * in struct submission. */
struct posted keyed_try_post(struct engine *engine, struct model *model, const char *key,
                             uint64_t payload, size_t count, uint64_t revision);

/* One batch that has to be accepted; its `entry` is released. */
struct posted keyed_post(struct engine *engine, struct model *model, const char *key,
                         uint64_t payload);

/* Create a model and wait until it can be found; `*model` is referenced on success. */
enum error_code keyed_create(struct engine *engine, const char *name, const char *key,
                             uint64_t payload, struct model **model, bool *repeated);

#endif

/* Requests with idempotency keys; see keyed.h. */
#include "tests/unit/keyed.h"

#include <check.h>

#include "tests/unit/expect.h"

struct key_record *keyed_record(struct ledger *ledger, const char *key, uint64_t payload) {
    struct key_record *record = NULL;
    struct error error;
    ck_assert_msg(key_record_create(key, ledger, &record, &error) == ERROR_NONE, "%s",
                  error.message);
    record->payload = (struct payload_digest){.low = payload, .high = ~payload};
    return record;
}

struct posted keyed_try_post(struct engine *engine, struct model *model, const char *key,
                             uint64_t payload, size_t count, uint64_t revision) {
    struct posted posted = {.code = ERROR_NONE};
    struct entry *batches[8];
    struct latch latch;
    struct key_record *former;
    struct key_record *record = keyed_record(engine_ledger(engine), key, payload);
    latch_init(&latch);
    ck_assert(count <= 8);
    for (size_t i = 0; i < count; i++) {
        struct examples examples;
        examples_init(&examples, engine_ledger(engine));
        fixture_fill(&examples, model, 2, payload + i);
        batches[i] = entry_create_batch(model, &examples);
        ck_assert(batches[i] != NULL);
    }
    const struct submission submission = {
        .batches = batches, .count = count, .revision = revision, .record = record};
    posted.code = engine_submit_batches(engine, &submission, &latch.completion, &former,
                                        &posted.retry_after_seconds, &posted.error);
    if (posted.code == ERROR_NONE) {
        latch_wait(&latch, 1);
        posted.repeated = former != NULL;
        const struct accepted accepted =
            queue_look_accepted(model, former != NULL ? former : record);
        posted.first = accepted.first;
        posted.last = accepted.last;
        posted.entry = accepted.entry;
        key_record_release(former);
    } else {
        ck_assert(former == NULL);
        EXPECT_COUNT(latch_calls(&latch), 0);
    }
    for (size_t i = 0; i < count; i++) {
        entry_release(batches[i]);
    }
    key_record_release(record);
    return posted;
}

struct posted keyed_post(struct engine *engine, struct model *model, const char *key,
                         uint64_t payload) {
    const struct posted posted = keyed_try_post(engine, model, key, payload, 1, 0);
    ck_assert_msg(posted.code == ERROR_NONE, "%s", posted.error.message);
    if (posted.entry != NULL) {
        entry_release(posted.entry);
    }
    return posted;
}

enum error_code keyed_create(struct engine *engine, const char *name, const char *key,
                             uint64_t payload, struct model **model, bool *repeated) {
    struct specification specification;
    struct latch latch;
    struct error error;
    struct key_record *record = keyed_record(engine_ledger(engine), key, payload);
    latch_init(&latch);
    fixture_specify(&specification, "4-3");
    const enum error_code code = engine_create_model(engine, name, &specification, NULL, record,
                                                     &latch.completion, model, repeated, &error);
    if (code == ERROR_NONE) {
        latch_wait(&latch, 1);
    } else {
        EXPECT_COUNT(latch_calls(&latch), 0);
    }
    key_record_release(record);
    return code;
}

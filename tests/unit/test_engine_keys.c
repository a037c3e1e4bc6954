/* core/engine/key_table.h and what the engine does with keys: a repeat is done once, what
 * is refused uses up none, keys leave by age and number, many threads with one key train
 * one batch. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/engine/engine_internal.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* --- the table ------------------------------------------------------------------- */

struct shelf {
    struct ledger ledger;
    struct key_table table;
};

static void shelf_begin(struct shelf *shelf) {
    *shelf = (struct shelf){.table = {.count = 0}};
    ledger_init(&shelf->ledger, (size_t)1 << 30);
}

static void shelf_end(struct shelf *shelf) {
    key_table_free(&shelf->table);
    EXPECT_COUNT(ledger_reserved(&shelf->ledger), 0);
}

static struct key_record *make_record(struct ledger *ledger, const char *key, uint64_t payload) {
    struct key_record *record = NULL;
    struct error error;
    ck_assert_msg(key_record_create(key, ledger, &record, &error) == ERROR_NONE, "%s",
                  error.message);
    record->payload = (struct payload_digest){.low = payload, .high = ~payload};
    return record;
}

static void put(struct shelf *shelf, const char *key, uint64_t payload, size_t max, double now) {
    struct error error;
    struct key_record *record = make_record(&shelf->ledger, key, payload);
    record->last = payload;
    ck_assert(key_table_add(&shelf->table, record, max, now, &error) == ERROR_NONE);
    key_record_release(record);
}

/* The number that stands under the key, or 0. */
static uint64_t look(struct shelf *shelf, const char *key, uint64_t payload, double now) {
    struct key_record *former;
    struct error error;
    struct key_record *record = make_record(&shelf->ledger, key, payload);
    ck_assert_msg(key_table_find(&shelf->table, record, now, &former, &error) == ERROR_NONE, "%s",
                  error.message);
    const uint64_t number = former != NULL ? former->last : 0;
    key_record_release(former);
    key_record_release(record);
    return number;
}

START_TEST(test_a_key_is_found_with_its_own_payload_only) {
    struct shelf shelf;
    struct key_record *former;
    struct error error;
    shelf_begin(&shelf);
    put(&shelf, "a", 7, 10, 0);
    EXPECT_COUNT(look(&shelf, "a", 7, 1), 7);
    EXPECT_COUNT(look(&shelf, "b", 7, 1), 0);
    EXPECT_COUNT(look(&shelf, "A", 7, 1), 0);
    const struct payload_digest others[] = {{6, ~(uint64_t)7}, {7, ~(uint64_t)6}};
    for (size_t i = 0; i < 2; i++) {
        struct key_record *other = make_record(&shelf.ledger, "a", 7);
        other->payload = others[i];
        ck_assert(key_table_find(&shelf.table, other, 1, &former, &error) == ERROR_INVALID);
        ck_assert(former == NULL && strstr(error.message, "'a'") != NULL);
        key_record_release(other);
    }
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_the_oldest_keys_leave_when_there_are_too_many) {
    struct shelf shelf;
    char key[16];
    shelf_begin(&shelf);
    for (uint64_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        put(&shelf, key, i, 100, 0);
        EXPECT_COUNT(shelf.table.count, i < 100 ? i : 100);
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        EXPECT_COUNT(look(&shelf, key, i, 0), i > 900 ? i : 0);
    }
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_keys_are_kept_for_a_day) {
    struct shelf shelf;
    shelf_begin(&shelf);
    put(&shelf, "a", 1, 10, 1000);
    put(&shelf, "b", 2, 10, 2000);
    EXPECT_COUNT(look(&shelf, "a", 1, 1000 + 86399), 1);
    EXPECT_COUNT(look(&shelf, "a", 1, 1000 + 86400), 0);
    EXPECT_COUNT(look(&shelf, "b", 2, 1000 + 86400), 2);
    EXPECT_COUNT(shelf.table.count, 1);
    EXPECT_COUNT(look(&shelf, "b", 2, 2000 + 86400), 0);
    EXPECT_COUNT(shelf.table.count, 0);
    put(&shelf, "a", 3, 10, 2000 + 86400); /* an expired key is free for anything */
    EXPECT_COUNT(look(&shelf, "a", 3, 2000 + 86400), 3);
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_a_record_outlives_its_place_in_the_table) {
    struct shelf shelf;
    struct error error;
    shelf_begin(&shelf);
    struct key_record *record = make_record(&shelf.ledger, "a", 1);
    ck_assert(key_table_add(&shelf.table, record, 1, 0, &error) == ERROR_NONE);
    put(&shelf, "b", 2, 1, 0);
    EXPECT_COUNT(look(&shelf, "a", 1, 0), 0);
    ck_assert_str_eq(record->key, "a");
    key_record_release(record);
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_a_key_can_be_taken_out_from_any_place) {
    for (size_t out = 0; out < 3; out++) {
        static const char *const keys[] = {"a", "b", "c"};
        struct shelf shelf;
        struct error error;
        struct key_record *records[3];
        shelf_begin(&shelf);
        for (size_t i = 0; i < 3; i++) {
            records[i] = make_record(&shelf.ledger, keys[i], i + 1);
            records[i]->last = i + 1;
            ck_assert(key_table_add(&shelf.table, records[i], 9, 0, &error) == ERROR_NONE);
        }
        key_table_remove(&shelf.table, records[out]);
        key_table_remove(&shelf.table, records[out]); /* not there: nothing happens */
        put(&shelf, "d", 4, 9, 0);
        for (size_t i = 0; i < 3; i++) {
            EXPECT_COUNT(look(&shelf, keys[i], i + 1, 0), i == out ? 0 : i + 1);
            key_record_release(records[i]);
        }
        EXPECT_COUNT(look(&shelf, "d", 4, 0), 4);
        EXPECT_COUNT(shelf.table.count, 3);
        shelf_end(&shelf);
    }
}
END_TEST

START_TEST(test_the_bytes_of_keys_are_in_the_ledger) {
    struct shelf shelf;
    char key[KEY_BYTES_MAX + 1];
    struct key_record *record;
    struct error error;
    shelf_begin(&shelf);
    memset(key, 'x', KEY_BYTES_MAX);
    key[KEY_BYTES_MAX] = '\0';
    put(&shelf, key, 1, 10, 0);
    ck_assert(ledger_reserved(&shelf.ledger) > KEY_BYTES_MAX + sizeof(struct key_record));
    shelf.ledger.limit_bytes = ledger_reserved(&shelf.ledger);
    ck_assert(key_record_create("a", &shelf.ledger, &record, &error) == ERROR_MEMORY);
    shelf_end(&shelf);
}
END_TEST

START_TEST(test_a_table_without_memory_to_grow_still_finds_its_keys) {
    struct shelf shelf;
    char key[16];
    struct error error;
    shelf_begin(&shelf);
    struct key_record *record = make_record(&shelf.ledger, "k", 1);
    memory_fail_after(0);
    ck_assert(key_table_add(&shelf.table, record, 10, 0, &error) == ERROR_MEMORY);
    memory_fail_after(-1);
    EXPECT_COUNT(shelf.table.count, 0);
    key_record_release(record);
    for (uint64_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        record = make_record(&shelf.ledger, key, i);
        record->last = i;
        memory_fail_after(shelf.table.count == 0 ? -1 : 0);
        ck_assert(key_table_add(&shelf.table, record, 1000, 0, &error) == ERROR_NONE);
        memory_fail_after(-1);
        key_record_release(record);
    }
    for (uint64_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%d", (int)i);
        EXPECT_COUNT(look(&shelf, key, i, 0), i);
    }
    shelf_end(&shelf);
}
END_TEST

/* --- batches --------------------------------------------------------------------- */

/* What became of a submission with a key. */
struct posted {
    enum error_code code;
    bool repeated;
    uint64_t first, last;
    struct entry *entry; /* referenced: of the last batch, NULL once it is over */
    double retry_after_seconds;
    struct error error;
};

static struct posted post_until_acknowledged(struct engine *engine, struct model *model,
                                             const char *key, uint64_t payload, size_t count,
                                             uint64_t revision) {
    struct posted posted = {.code = ERROR_NONE};
    struct entry *batches[8];
    struct latch latch;
    struct key_record *former;
    struct key_record *record = make_record(engine_ledger(engine), key, payload);
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

/* One that has to succeed; its numbers. */
static struct posted post(struct engine *engine, struct model *model, const char *key,
                          uint64_t payload) {
    const struct posted posted = post_until_acknowledged(engine, model, key, payload, 1, 0);
    ck_assert_msg(posted.code == ERROR_NONE, "%s", posted.error.message);
    if (posted.entry != NULL) {
        entry_release(posted.entry);
    }
    return posted;
}

static void await_all(struct engine *engine) {
    AWAIT(engine_look(engine).backlog == 0);
}

START_TEST(test_a_repeat_has_the_numbers_of_the_first_and_trains_nothing) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    for (int i = 0; i < 3; i++) {
        const struct posted posted = post(engine, model, "k", 5);
        ck_assert(posted.repeated == (i > 0));
        EXPECT_COUNT(posted.first, 1);
        EXPECT_COUNT(posted.last, 1);
    }
    EXPECT_COUNT(post(engine, model, "other", 5).last, 2);
    await_all(engine);
    EXPECT_COUNT(model_look(model).step, 2);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_repeat_of_several_batches_has_their_range) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    fixture_train(engine, model, 2, 2, 1);
    for (int i = 0; i < 2; i++) {
        struct posted posted = post_until_acknowledged(engine, model, "k", 5, 4, 0);
        EXPECT_COUNT(posted.first, 3);
        EXPECT_COUNT(posted.last, 6);
        if (posted.entry != NULL) {
            (void)fixture_finish(posted.entry);
        }
    }
    const struct batch_tally tally = queue_tally(model, 3, 6);
    EXPECT_COUNT(tally.trained, 4);
    EXPECT_COUNT(tally.waiting + tally.cancelled + tally.diverged + tally.forgotten, 0);
    ck_assert(tally.examples == 8);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_repeat_can_wait_for_the_batch_of_the_first) {
    struct gate gate;
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other);
    (void)post(engine, model, "k", 5);
    struct posted repeat = post_until_acknowledged(engine, model, "k", 5, 1, 0);
    ck_assert(repeat.repeated && repeat.entry != NULL);
    ck_assert(queue_look(repeat.entry).state == ENTRY_QUEUED);
    gate_open(&gate);
    ck_assert(fixture_finish(repeat.entry).state == ENTRY_DONE);
    ck_assert(post_until_acknowledged(engine, model, "k", 5, 1, 0).entry == NULL);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_full_queue_answers_repeats_and_refuses_new_keys_without_using_them_up) {
    struct gate gate;
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other);
    (void)post(engine, model, "k", 5);
    for (size_t i = 1; i < 1000; i++) {
        entry_release(fixture_post(engine, model, 2, i));
    }
    ck_assert(post(engine, model, "k", 5).repeated);
    ck_assert(post_until_acknowledged(engine, model, "new", 6, 1, 0).code == ERROR_FULL);
    EXPECT_COUNT(model_look(model).queue_depth, 1000);
    gate_open(&gate);
    await_all(engine);
    const struct posted accepted = post(engine, model, "new", 6);
    ck_assert(!accepted.repeated);
    EXPECT_COUNT(accepted.last, 1001);
    ck_assert(post(engine, model, "new", 6).repeated);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_key_with_another_payload_is_refused_and_trains_nothing) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    (void)post(engine, model, "k", 5);
    const struct posted refused = post_until_acknowledged(engine, model, "k", 6, 1, 0);
    ck_assert(refused.code == ERROR_INVALID);
    ck_assert(post(engine, model, "k", 5).repeated);
    await_all(engine);
    EXPECT_COUNT(model_look(model).step, 1);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_stale_settings_refuse_a_batch_but_not_its_repeat) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct posted posted = post_until_acknowledged(engine, model, "k", 5, 1, 1);
    ck_assert(posted.code == ERROR_NONE && !posted.repeated);
    ck_assert(posted.entry == NULL || fixture_finish(posted.entry).state == ENTRY_DONE);
    (void)fixture_finish(fixture_patch(engine, model, 0.5, -1));
    ck_assert(post_until_acknowledged(engine, model, "new", 6, 1, 1).code == ERROR_STALE);
    EXPECT_COUNT(model_look(model).queue_depth, 0);
    posted = post_until_acknowledged(engine, model, "k", 5, 1, 1);
    ck_assert(posted.code == ERROR_NONE && posted.repeated);
    ck_assert(!post(engine, model, "new", 6).repeated); /* the refused one used up no key */
    await_all(engine);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_new_model_of_the_same_name_knows_no_keys_of_the_former) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct error error;
    fixture_train(engine, model, 3, 2, 1);
    EXPECT_COUNT(post(engine, model, "k", 5).last, 4);
    await_all(engine);
    ck_assert(engine_delete_model(engine, model, 0, &error) == ERROR_NONE);
    struct model *next = fixture_model(engine, "m", "4-3");
    const struct posted posted = post(engine, next, "k", 5);
    ck_assert(!posted.repeated);
    EXPECT_COUNT(posted.last, 1);
    ck_assert(strcmp(model->id, next->id) != 0);
    model_release(model);
    model_release(next);
    fixture_end(engine);
}
END_TEST

START_TEST(test_repeats_tell_of_cancelled_and_diverged_batches) {
    struct gate gate;
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other);
    struct posted posted = post_until_acknowledged(engine, model, "k", 5, 3, 0);
    EXPECT_COUNT(queue_cancel(model, 2, 3), 2);
    struct batch_tally tally = queue_tally(model, 1, 3);
    EXPECT_COUNT(tally.waiting, 1);
    EXPECT_COUNT(tally.cancelled, 2);
    ck_assert(queue_look(posted.entry).state == ENTRY_CANCELLED);
    entry_release(posted.entry);
    posted = post_until_acknowledged(engine, model, "k", 5, 3, 0);
    ck_assert(posted.repeated && queue_look(posted.entry).state == ENTRY_CANCELLED);
    entry_release(posted.entry);
    gate_open(&gate);
    await_all(engine);
    (void)fixture_finish(fixture_post_scaled(engine, model, 2, 2, 1e38f));
    tally = queue_tally(model, 1, 4);
    EXPECT_COUNT(tally.trained, 1);
    EXPECT_COUNT(tally.cancelled, 2);
    EXPECT_COUNT(tally.diverged, 1);
    EXPECT_COUNT(tally.waiting, 0);
    model_release(model);
    model_release(other);
    fixture_end(engine);
}
END_TEST

START_TEST(test_batches_that_the_history_forgot_are_counted_as_forgotten) {
    struct bare bare;
    bare_begin(&bare, 10);
    struct model *model = bare_model(&bare, "m", NULL);
    struct error error;
    ck_assert(history_reserve(&model->history, HISTORY_ROWS_MAX, &error) == ERROR_NONE);
    for (uint64_t i = 1; i <= HISTORY_ROWS_MAX + 5; i++) {
        history_add(&model->history,
                    &(struct history_row){.batch = i, .examples = 1, .state = ENTRY_DONE});
    }
    model->last_number = HISTORY_ROWS_MAX + 7;
    struct batch_tally tally = queue_tally(model, 1, 3);
    EXPECT_COUNT(tally.forgotten, 3);
    EXPECT_COUNT(tally.trained + tally.waiting, 0);
    tally = queue_tally(model, 4, 8);
    EXPECT_COUNT(tally.forgotten, 2);
    EXPECT_COUNT(tally.trained, 3);
    EXPECT_COUNT(tally.waiting, 0);
    tally = queue_tally(model, HISTORY_ROWS_MAX + 5, HISTORY_ROWS_MAX + 7);
    EXPECT_COUNT(tally.forgotten, 0);
    EXPECT_COUNT(tally.trained, 1);
    EXPECT_COUNT(tally.waiting, 2);
    model_release(model);
    bare_end(&bare);
}
END_TEST

START_TEST(test_a_repeat_between_submission_and_numbering_waits_for_the_numbers) {
    struct bare bare;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    bool queued;
    bare_begin(&bare, 10);
    latch_init(&latch);
    struct model *model = bare_model(&bare, "m", NULL);
    struct entry *entry = entry_create(model, ENTRY_BATCH);
    struct key_record *record = make_record(&bare.ledger, "k", 1);
    ck_assert(queue_admit(model, 1, &retry_after_seconds, &error) == ERROR_NONE);
    record->batches = 1;
    record->entry = entry;
    entry->record = key_record_reference(record);
    struct waiter *waiter = waiter_create_for_numbers(record);
    ck_assert(waiter_start(model, waiter, &latch.completion));
    EXPECT_COUNT(queue_look_accepted(model, record).last, 0);
    entry_release(entry); /* of the look */
    EXPECT_COUNT(latch_calls(&latch), 0);
    (void)queue_acknowledge(entry, &queued);
    EXPECT_COUNT(latch_calls(&latch), 1);
    ck_assert(queued);
    struct accepted accepted = queue_look_accepted(model, record);
    EXPECT_COUNT(accepted.first, 1);
    EXPECT_COUNT(accepted.last, 1);
    ck_assert(accepted.entry == entry);
    entry_release(accepted.entry);
    queue_drop(model, queue_next(model)); /* which releases the queue's reference */
    accepted = queue_look_accepted(model, record);
    EXPECT_COUNT(accepted.last, 1);
    ck_assert(accepted.entry == NULL);
    (void)queue_end_turn(model);
    waiter_release(waiter);
    key_record_release(record);
    entry_release(entry);
    model_release(model);
    bare_end(&bare);
}
END_TEST

START_TEST(test_keys_beyond_the_bound_are_forgotten_and_train_again) {
    struct engine *engine = fixture_engine(1); /* which keeps 1000 */
    struct model *model = fixture_model(engine, "m", "2-2");
    char key[16];
    for (int i = 0; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        (void)post(engine, model, key, 1);
        if (i % 500 == 0) {
            await_all(engine);
        }
    }
    ck_assert(post(engine, model, "k1", 1).repeated);
    ck_assert(!post(engine, model, "k0", 1).repeated);
    await_all(engine);
    EXPECT_COUNT(model->keys.count, 1000);
    model_release(model);
    fixture_end(engine);
}
END_TEST

/* --- models ----------------------------------------------------------------------- */

static enum error_code create(struct engine *engine, const char *name, const char *key,
                              uint64_t payload, struct model **model, bool *repeated) {
    struct specification specification;
    struct latch latch;
    struct error error;
    struct key_record *record = make_record(engine_ledger(engine), key, payload);
    latch_init(&latch);
    fixture_specify(&specification, "4-3");
    const enum error_code code = engine_create_model(engine, name, &specification, record,
                                                     &latch.completion, model, repeated, &error);
    if (code == ERROR_NONE) {
        latch_wait(&latch, 1);
    } else {
        EXPECT_COUNT(latch_calls(&latch), 0);
    }
    key_record_release(record);
    return code;
}

START_TEST(test_a_model_is_created_once_a_key) {
    struct engine *engine = fixture_engine(1);
    struct model *models[2];
    struct error error;
    bool repeated;
    ck_assert(create(engine, "m", "k", 1, &models[0], &repeated) == ERROR_NONE && !repeated);
    ck_assert(create(engine, "m", "k", 1, &models[1], &repeated) == ERROR_NONE && repeated);
    ck_assert(models[0] == models[1]);
    model_release(models[1]);
    ck_assert(create(engine, "n", "k", 2, &models[1], &repeated) == ERROR_INVALID);
    ck_assert(create(engine, "m", "other", 1, &models[1], &repeated) == ERROR_EXISTS);
    EXPECT_COUNT(engine_look(engine).models, 1);
    /* the refused request has used up no key */
    ck_assert(engine_delete_model(engine, models[0], 0, &error) == ERROR_NONE);
    ck_assert(create(engine, "m", "other", 1, &models[1], &repeated) == ERROR_NONE && !repeated);
    /* the first key speaks of the deleted model, not of the new one */
    model_release(models[0]);
    ck_assert(create(engine, "m", "k", 1, &models[0], &repeated) == ERROR_GONE);
    model_release(models[1]);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_repeated_creation_waits_until_the_model_is_ready) {
    struct gate gate;
    struct latch latches[2];
    struct model *models[2];
    struct error error;
    struct engine *engine = fixture_engine(1);
    struct model *other = fixture_model(engine, "other", "2-2");
    gate_shut(&gate, engine, other); /* so that nobody makes weights */
    for (size_t i = 0; i < 2; i++) {
        struct specification specification;
        bool repeated;
        struct key_record *record = make_record(engine_ledger(engine), "k", 1);
        latch_init(&latches[i]);
        fixture_specify(&specification, "4-3");
        ck_assert(engine_create_model(engine, "m", &specification, record, &latches[i].completion,
                                      &models[i], &repeated, &error) == ERROR_NONE);
        ck_assert(repeated == (i == 1));
        key_record_release(record);
    }
    EXPECT_COUNT(latch_calls(&latches[1]), 0);
    gate_open(&gate);
    latch_wait(&latches[0], 1);
    latch_wait(&latches[1], 1);
    ck_assert(models[0] == models[1]);
    model_release(models[0]);
    model_release(models[1]);
    model_release(other);
    fixture_end(engine);
}
END_TEST

/* --- many threads ------------------------------------------------------------------- */

#define THREADS 16
#define ROUNDS (FIXTURE_IS_SLOW ? 20 : 100)

struct crowd {
    struct engine *engine;
    struct model *model;
    pthread_barrier_t barrier;
    struct member {
        struct crowd *crowd;
        pthread_t thread;
        unsigned accepted;     /* that were no repeats */
        uint64_t numbers[200]; /* of each round */
        const struct model *made[200];
    } members[THREADS];
};

static void *post_with_the_others(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (int round = 0; round < ROUNDS; round++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", round);
        pthread_barrier_wait(&crowd->barrier);
        const struct posted posted = post(crowd->engine, crowd->model, key, 1 + (uint64_t)round);
        member->accepted += !posted.repeated;
        member->numbers[round] = posted.last;
    }
    return NULL;
}

static void run_crowd(struct crowd *crowd, void *(*act)(void *)) {
    pthread_barrier_init(&crowd->barrier, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        crowd->members[i] = (struct member){.crowd = crowd};
        ck_assert_int_eq(pthread_create(&crowd->members[i].thread, NULL, act, &crowd->members[i]),
                         0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(crowd->members[i].thread, NULL);
    }
    pthread_barrier_destroy(&crowd->barrier);
}

static unsigned accepted_by_all(const struct crowd *crowd) {
    unsigned accepted = 0;
    for (size_t i = 0; i < THREADS; i++) {
        accepted += crowd->members[i].accepted;
    }
    return accepted;
}

START_TEST(test_sixteen_threads_with_one_key_train_one_batch) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    crowd.model = fixture_model(crowd.engine, "m", "4-3");
    run_crowd(&crowd, post_with_the_others);
    await_all(crowd.engine);
    EXPECT_COUNT(accepted_by_all(&crowd), ROUNDS);
    EXPECT_COUNT(model_look(crowd.model).step, ROUNDS);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < THREADS; i++) {
            EXPECT_COUNT(crowd.members[i].numbers[round], (uint64_t)round + 1);
        }
    }
    model_release(crowd.model);
    fixture_end(crowd.engine);
}
END_TEST

static void *post_once(void *context) {
    struct member *member = context;
    const struct posted posted = post(member->crowd->engine, member->crowd->model, "k", 5);
    member->accepted += !posted.repeated;
    member->numbers[0] = posted.last;
    return NULL;
}

/* All of them have looked for the key in vain and are counted in when the first takes it:
 * they are held before the lock of the scheduler, which all need to go on. */
START_TEST(test_of_those_admitted_at_the_same_time_one_takes_the_key) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    crowd.model = fixture_model(crowd.engine, "m", "4-3");
    AWAIT(engine_look(crowd.engine).backlog == 0);
    pthread_mutex_lock(&crowd.engine->scheduler.lock);
    for (size_t i = 0; i < THREADS; i++) {
        crowd.members[i] = (struct member){.crowd = &crowd};
        ck_assert_int_eq(
            pthread_create(&crowd.members[i].thread, NULL, post_once, &crowd.members[i]), 0);
    }
    AWAIT(model_look(crowd.model).queue_depth == THREADS);
    pthread_mutex_unlock(&crowd.engine->scheduler.lock);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(crowd.members[i].thread, NULL);
        EXPECT_COUNT(crowd.members[i].numbers[0], 1);
    }
    EXPECT_COUNT(accepted_by_all(&crowd), 1);
    await_all(crowd.engine);
    EXPECT_COUNT(model_look(crowd.model).step, 1);
    EXPECT_COUNT(model_look(crowd.model).queue_depth, 0);
    model_release(crowd.model);
    fixture_end(crowd.engine);
}
END_TEST

static void *create_with_the_others(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (int round = 0; round < ROUNDS / 4; round++) {
        char key[16];
        struct model *model;
        bool repeated;
        snprintf(key, sizeof key, "k%d", round);
        pthread_barrier_wait(&crowd->barrier);
        ck_assert(create(crowd->engine, key, key, 1, &model, &repeated) == ERROR_NONE);
        member->accepted += !repeated;
        member->made[round] = model; /* only compared: the registry has it */
        model_release(model);
    }
    return NULL;
}

START_TEST(test_sixteen_threads_with_one_key_create_one_model) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    run_crowd(&crowd, create_with_the_others);
    EXPECT_COUNT(accepted_by_all(&crowd), ROUNDS / 4);
    EXPECT_COUNT(engine_look(crowd.engine).models, ROUNDS / 4);
    for (int round = 0; round < ROUNDS / 4; round++) {
        for (size_t i = 1; i < THREADS; i++) {
            ck_assert(crowd.members[i].made[round] == crowd.members[0].made[round]);
        }
    }
    fixture_end(crowd.engine);
}
END_TEST

/* All changes have a place in the queue, however long the workers wait for a CPU. */
#define CHANGES (FIXTURE_IS_SLOW ? 20 : 60)
_Static_assert(THREADS *CHANGES <= FIXTURE_QUEUE_MAX, "a change may find the queue full");

/* Each patch is built on what its thread has seen; who was overtaken is refused. */
static void *patch_with_the_others(void *context) {
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (int round = 0; round < CHANGES; round++) {
        struct entry *entry;
        struct error error;
        pthread_barrier_wait(&crowd->barrier);
        if (fixture_try_change(crowd->engine, crowd->model, ENTRY_SETTINGS, 0.5, -1, 0, &entry,
                               &error) == ERROR_NONE) {
            member->accepted++;
            entry_release(entry);
        } else {
            ck_assert_msg(error.code == ERROR_STALE, "%s", error.message);
        }
    }
    return NULL;
}

START_TEST(test_each_accepted_change_of_many_threads_has_a_revision) {
    static struct crowd crowd;
    crowd.engine = fixture_engine(2);
    crowd.model = fixture_model(crowd.engine, "m", "4-3");
    run_crowd(&crowd, patch_with_the_others);
    await_all(crowd.engine);
    struct settings *settings = model_settings(crowd.model);
    EXPECT_COUNT(settings->revision, 1 + accepted_by_all(&crowd));
    settings_release(settings);
    model_release(crowd.model);
    fixture_end(crowd.engine);
}
END_TEST

START_TEST(test_a_model_is_deleted_and_copied_only_as_it_was_seen) {
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct entry *entry;
    struct latch latch;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    (void)fixture_finish(fixture_patch(engine, model, 0.5, -1));
    ck_assert(engine_delete_model(engine, model, 1, &error) == ERROR_STALE);
    ck_assert(engine_clone_model(engine, model, "n", 1, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_STALE);
    EXPECT_COUNT(engine_look(engine).models, 1);
    ck_assert(engine_clone_model(engine, model, "n", 2, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    ck_assert(engine_delete_model(engine, model, 2, &error) == ERROR_NONE);
    ck_assert(engine_delete_model(engine, model, 2, &error) == ERROR_GONE);
    EXPECT_COUNT(engine_look(engine).models, 1);
    model_release(model);
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_keys(void) {
    Suite *suite = suite_create("engine_keys");
    TCase *tests = tcase_create("table");
    tcase_add_test(tests, test_a_key_is_found_with_its_own_payload_only);
    tcase_add_test(tests, test_the_oldest_keys_leave_when_there_are_too_many);
    tcase_add_test(tests, test_keys_are_kept_for_a_day);
    tcase_add_test(tests, test_a_record_outlives_its_place_in_the_table);
    tcase_add_test(tests, test_a_key_can_be_taken_out_from_any_place);
    tcase_add_test(tests, test_the_bytes_of_keys_are_in_the_ledger);
    tcase_add_test(tests, test_a_table_without_memory_to_grow_still_finds_its_keys);
    suite_add_tcase(suite, tests);
    tests = tcase_create("engine");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_a_repeat_has_the_numbers_of_the_first_and_trains_nothing);
    tcase_add_test(tests, test_a_repeat_of_several_batches_has_their_range);
    tcase_add_test(tests, test_a_repeat_can_wait_for_the_batch_of_the_first);
    tcase_add_test(tests,
                   test_a_full_queue_answers_repeats_and_refuses_new_keys_without_using_them_up);
    tcase_add_test(tests, test_a_key_with_another_payload_is_refused_and_trains_nothing);
    tcase_add_test(tests, test_stale_settings_refuse_a_batch_but_not_its_repeat);
    tcase_add_test(tests, test_a_new_model_of_the_same_name_knows_no_keys_of_the_former);
    tcase_add_test(tests, test_repeats_tell_of_cancelled_and_diverged_batches);
    tcase_add_test(tests, test_batches_that_the_history_forgot_are_counted_as_forgotten);
    tcase_add_test(tests, test_a_repeat_between_submission_and_numbering_waits_for_the_numbers);
    tcase_add_test(tests, test_keys_beyond_the_bound_are_forgotten_and_train_again);
    tcase_add_test(tests, test_a_model_is_created_once_a_key);
    tcase_add_test(tests, test_a_repeated_creation_waits_until_the_model_is_ready);
    tcase_add_test(tests, test_a_model_is_deleted_and_copied_only_as_it_was_seen);
    suite_add_tcase(suite, tests);
    tests = tcase_create("threads");
    tcase_set_timeout(tests, FIXTURE_DEADLINE_SECONDS);
    tcase_add_test(tests, test_sixteen_threads_with_one_key_train_one_batch);
    tcase_add_test(tests, test_of_those_admitted_at_the_same_time_one_takes_the_key);
    tcase_add_test(tests, test_sixteen_threads_with_one_key_create_one_model);
    tcase_add_test(tests, test_each_accepted_change_of_many_threads_has_a_revision);
    suite_add_tcase(suite, tests);
    return suite;
}

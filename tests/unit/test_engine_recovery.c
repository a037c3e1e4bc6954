/* core/engine/recovery.h, snapshot.h, group.h, quarantine.h: an engine that ends without a word is
 * made again from its store, to the bit.
 *
 * The end of a process is a store that takes nothing any more: what the engine hands over from then
 * on gets nowhere. */
#include <check.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "api/specification_text.h"
#include "core/maths/numerics.h"
#include "tests/unit/expect.h"
#include "tests/unit/keyed.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

/* --- a store that ends, or fills ------------------------------------------------------ */

enum passing { PASSES, SEVERED, FULL };

/* Before the one of the fixture. */
struct front {
    struct store store;
    struct store *behind;
    atomic_int passing; /* enum passing */
};

static struct store *behind(const struct store *store) {
    return ((const struct front *)store)->behind;
}

static enum store_result front_commit(struct store *store, const struct store_change *changes,
                                      size_t count, struct error *error) {
    switch (atomic_load(&((struct front *)store)->passing)) {
    case SEVERED:
        return STORE_OK;
    case FULL:
        error_set(error, ERROR_STORAGE, NULL, "no room");
        return STORE_FULL;
    default:
        return store_commit(behind(store), changes, count, error);
    }
}

static uint64_t front_new_blob(struct store *store) {
    return store_new_blob(behind(store));
}

static enum store_result front_sync(struct store *store, struct error *error) {
    return store_sync(behind(store), error);
}

static enum store_result front_tidy(struct store *store, bool *more, struct error *error) {
    return store_tidy(behind(store), more, error);
}

static enum store_result front_read_models(struct store *store, store_model_function *function,
                                           void *context, struct error *error) {
    return store_read_models(behind(store), function, context, error);
}

static enum store_result front_read_entries(struct store *store, const char *model, uint64_t after,
                                            store_entry_function *function, void *context,
                                            struct error *error) {
    return store_read_entries(behind(store), model, after, function, context, error);
}

static enum store_result front_read_keys(struct store *store, const char *model,
                                         store_key_function *function, void *context,
                                         struct error *error) {
    return store_read_keys(behind(store), model, function, context, error);
}

static enum store_result front_read_checkpoints(struct store *store, const char *model,
                                                store_checkpoint_function *function, void *context,
                                                struct error *error) {
    return store_read_checkpoints(behind(store), model, function, context, error);
}

static enum store_result front_read_history(struct store *store, const char *model,
                                            store_rows_function *function, void *context,
                                            struct error *error) {
    return store_read_history(behind(store), model, function, context, error);
}

static enum store_result front_read_head(struct store *store, const char *model, void **head,
                                         size_t *bytes, struct error *error) {
    return store_read_snapshot_head(behind(store), model, head, bytes, error);
}

static enum store_result front_read_chunk(struct store *store, uint64_t blob, uint64_t index,
                                          void *into, size_t room, size_t *bytes,
                                          struct error *error) {
    return store_read_chunk(behind(store), blob, index, into, room, bytes, error);
}

static enum store_result front_read_note(struct store *store, const char *name, char *text,
                                         size_t room, struct error *error) {
    return store_read_note(behind(store), name, text, room, error);
}

static enum store_result front_write_note(struct store *store, const char *name, const char *text,
                                          struct error *error) {
    return store_write_note(behind(store), name, text, error);
}

static struct store_figures front_look(const struct store *store) {
    return store_look(behind(store));
}

static const struct store_functions front_functions = {
    .commit = front_commit,
    .new_blob = front_new_blob,
    .sync = front_sync,
    .tidy = front_tidy,
    .read_models = front_read_models,
    .read_entries = front_read_entries,
    .read_keys = front_read_keys,
    .read_history = front_read_history,
    .read_checkpoints = front_read_checkpoints,
    .read_snapshot_head = front_read_head,
    .read_chunk = front_read_chunk,
    .read_note = front_read_note,
    .write_note = front_write_note,
    .look = front_look,
};

/* --- engines that end ------------------------------------------------------------------ */

static struct store_fixture fixture;
static struct front front;
static atomic_uint damaged; /* models that were told of */

static void fail_fatally(const char *problem) {
    ck_abort_msg("%s", problem);
}

static void count_damaged(const char *name, const char *problem) {
    (void)name;
    (void)problem;
    atomic_fetch_add(&damaged, 1);
}

static void recovered(void) {
}

static enum error_code try_engine(size_t workers, bool accept, struct engine **engine,
                                  struct error *error) {
    front = (struct front){.store = {&front_functions}, .behind = fixture.store};
    atomic_store(&damaged, 0);
    return engine_create(
        &(struct engine_settings){.workers = workers,
                                  .memory_bytes_max = (size_t)4 << 30,
                                  .queue_max = FIXTURE_QUEUE_MAX,
                                  .keys_max = 1000,
                                  .store = &front.store,
                                  .codec = &specification_text,
                                  .reports = {fail_fatally, count_damaged, recovered},
                                  .accept_numerics_change = accept},
        engine, error);
}

/* On the fixture's store, once all in it is recovered. */
static struct engine *start(size_t workers) {
    struct engine *engine = NULL;
    struct error error;
    ck_assert_msg(try_engine(workers, false, &engine, &error) == ERROR_NONE, "%s", error.message);
    AWAIT(!engine_is_recovering(engine));
    return engine;
}

/* It ends here; another begins where the store is. */
static struct engine *restart(struct engine *engine, bool in_peace) {
    atomic_store(&front.passing, in_peace ? PASSES : SEVERED);
    fixture_end(engine);
    store_fixture_reopen(&fixture);
    return start(2);
}

static void setup(void) {
    store_fixture_begin(&fixture, 0);
}

static void teardown(void) {
    store_fixture_end(&fixture);
}

static struct model *find(struct engine *engine, const char *name) {
    struct model *model = NULL;
    struct error error;
    ck_assert_msg(engine_find_model(engine, name, &model, &error) == ERROR_NONE, "%s",
                  error.message);
    return model;
}

/* --- what is compared ------------------------------------------------------------------- */

struct picture {
    char hash[FIXTURE_HASH_BYTES];
    uint64_t step, examples, revision;
    size_t count;
    struct history_row rows[256];
};

static void take(struct engine *engine, struct model *model, struct picture *picture) {
    AWAIT(engine_look(engine).backlog == 0);
    memset(picture, 0, sizeof *picture);
    fixture_hash(engine, model, picture->hash);
    picture->step = model_look(model).step;
    picture->examples = model_look(model).examples;
    struct settings *settings = model_settings(model);
    picture->revision = settings->revision;
    settings_release(settings);
    picture->count = model_history(model, 0, 256, picture->rows, NULL);
}

static bool is_same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void expect_same(const struct picture *found, const struct picture *wanted,
                        const char *what) {
    ck_assert_msg(strcmp(found->hash, wanted->hash) == 0, "%s: other weights", what);
    EXPECT_COUNT(found->step, wanted->step);
    EXPECT_COUNT(found->examples, wanted->examples);
    EXPECT_COUNT(found->revision, wanted->revision);
    EXPECT_COUNT(found->count, wanted->count);
    for (size_t i = 0; i < found->count; i++) {
        const struct history_row *a = &found->rows[i], *b = &wanted->rows[i];
        ck_assert_msg(a->batch == b->batch && a->state == b->state && a->step == b->step &&
                          a->examples == b->examples && is_same_number(a->loss, b->loss) &&
                          is_same_number(a->accuracy, b->accuracy),
                      "%s: row %zu is another", what, i);
    }
}

/* With no slot, one and two, statistics of inputs and of layers. */
static const char *const descriptions[] = {
    "12-24-5 optimizer=sgd dropout=0.3",
    "12-24-5 optimizer=sgd momentum=0.9 weighted",
    "12-24-3 optimizer=adagrad mse standardize",
    "12-24-16-5 optimizer=adam normalized dropout=0.2 standardize named",
};
#define DESCRIPTIONS ((int)(sizeof descriptions / sizeof *descriptions))

/* Batches, changed settings, a reset and again batches, of which `stage` is a third. */
static void train_stage(struct engine *engine, struct model *model, int stage) {
    const bool momentum = strstr(model->name, "sgd") != NULL;
    fixture_train(engine, model, 5, 8, 10 * (uint64_t)stage);
    entry_release(fixture_patch(engine, model, 0.003 * (stage + 1), momentum ? 0.8 : -1));
    fixture_train(engine, model, 5, 8, 10 * (uint64_t)stage + 5);
    if (stage == 1) {
        entry_release(fixture_reset(engine, model, 77));
        fixture_train(engine, model, 3, 8, 500);
    }
}

/* --- recovery ------------------------------------------------------------------------ */

static void check_stages(const char *description, bool first_in_peace, bool second_in_peace) {
    static struct picture wanted, found;
    const char *name = strstr(description, "sgd") != NULL ? "sgd" : "other";
    struct engine *engine = fixture_engine(1);
    struct model *model = fixture_model(engine, name, description);
    for (int stage = 0; stage < 3; stage++) {
        train_stage(engine, model, stage);
    }
    take(engine, model, &wanted);
    model_release(model);
    fixture_end(engine);
    engine = start(2);
    model = fixture_model(engine, name, description);
    for (int stage = 0; stage < 3; stage++) {
        train_stage(engine, model, stage);
        model_release(model);
        engine = restart(engine, stage == 0 ? first_in_peace : second_in_peace);
        model = find(engine, name);
    }
    take(engine, model, &found);
    model_release(model);
    fixture_end(engine);
    expect_same(&found, &wanted, description);
}

START_TEST(test_the_log_is_trained_again_to_the_same_bits) {
    check_stages(descriptions[_i], false, false);
}
END_TEST

START_TEST(test_a_snapshot_goes_on_to_the_same_bits) {
    check_stages(descriptions[_i], true, true);
}
END_TEST

START_TEST(test_the_log_behind_a_snapshot_is_trained_again) {
    check_stages(descriptions[_i], true, false);
}
END_TEST

static bool find_snapshot(const struct store_model *row, void *context) {
    *(uint64_t *)context = row->covers;
    return true;
}

/* Many batches of one group make its log long before the last of them. */
START_TEST(test_a_snapshot_in_the_middle_of_a_group_covers_what_it_has) {
    enum { BATCHES = 8, ROWS = 256 }; /* as many as one group takes */
    static struct picture wanted, found;
    struct engine *engine = start(1);
    struct model *model = fixture_model(engine, "wide", "4096-2 optimizer=sgd");
    struct entry *entries[BATCHES];
    struct latch latch;
    struct key_record *former;
    struct error error;
    double retry_after_seconds;
    latch_init(&latch);
    for (size_t i = 0; i < BATCHES; i++) {
        struct examples examples;
        examples_init(&examples, engine_ledger(engine));
        fixture_fill(&examples, model, ROWS, i);
        entries[i] = entry_create_batch(model, &examples);
    }
    const struct submission submission = {.batches = entries, .count = BATCHES};
    ck_assert(engine_submit_batches(engine, &submission, &latch.completion, &former,
                                    &retry_after_seconds, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    for (size_t i = 0; i < BATCHES; i++) {
        entry_release(entries[i]);
    }
    take(engine, model, &wanted);
    model_release(model);
    engine = restart(engine, true);
    model = find(engine, "wide");
    take(engine, model, &found);
    model_release(model);
    fixture_end(engine);
    expect_same(&found, &wanted, "a group");
    uint64_t covers = 0;
    ck_assert(store_read_models(fixture.store, find_snapshot, &covers, &error) == STORE_OK);
    EXPECT_COUNT(covers, BATCHES);
}
END_TEST

START_TEST(test_what_was_taken_back_stays_so) {
    static struct picture wanted, found;
    struct gate gate;
    struct engine *engine = start(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    fixture_train(engine, model, 2, 4, 1);
    gate_shut(&gate, engine, model);
    for (uint64_t seed = 3; seed <= 8; seed++) {
        entry_release(fixture_post(engine, model, 4, seed));
    }
    EXPECT_COUNT(fixture_cancel(engine, model, 4, 5), 2);
    EXPECT_COUNT(fixture_cancel(engine, model, 8, 8), 1);
    atomic_store(&front.passing, SEVERED);
    gate_open(&gate);
    take(engine, model, &wanted);
    EXPECT_COUNT(wanted.step, 5);
    EXPECT_COUNT(wanted.count, 8);
    model_release(model);
    engine = restart(engine, false);
    model = find(engine, "m");
    take(engine, model, &found);
    expect_same(&found, &wanted, "with batches that were taken back");
    entry_release(fixture_post(engine, model, 4, 9));
    EXPECT_COUNT(model_history(model, 8, 0, NULL, NULL), 0);
    model_release(model);
    engine = restart(engine, true);
    model = find(engine, "m");
    take(engine, model, &found);
    EXPECT_COUNT(found.count, 9);
    EXPECT_COUNT(found.rows[8].batch, 9);
    ck_assert(found.rows[3].state == ENTRY_CANCELLED);
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_keys_outlive_the_log_and_the_snapshot) {
    bool repeated;
    struct engine *engine = start(1);
    struct model *model = NULL;
    ck_assert(keyed_create(engine, "m", "made", 9, &model, &repeated) == ERROR_NONE);
    for (int round = 0; round < 3; round++) {
        struct posted posted = keyed_try_post(engine, model, "several", 5, 4, 0);
        ck_assert(posted.code == ERROR_NONE && posted.repeated == (round > 0));
        EXPECT_COUNT(posted.first, 1);
        EXPECT_COUNT(posted.last, 4);
        if (posted.entry != NULL) {
            (void)fixture_finish(posted.entry);
        }
        posted = keyed_try_post(engine, model, "several", 6, 4, 0);
        ck_assert(posted.code == ERROR_INVALID);
        AWAIT(engine_look(engine).backlog == 0);
        EXPECT_COUNT(model_look(model).step, 4);
        model_release(model);
        engine = restart(engine, round == 1);
        ck_assert(keyed_create(engine, "m", "made", 9, &model, &repeated) == ERROR_NONE);
        ck_assert(repeated);
    }
    model_release(model);
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_clone_is_a_model_of_its_own) {
    static struct picture wanted[2], found;
    static const char *const names[] = {"one", "two"};
    struct engine *engine = start(1);
    struct model *model = fixture_model(engine, "one", descriptions[_i]);
    struct latch latch;
    struct entry *entry;
    struct error error;
    double retry_after_seconds;
    fixture_train(engine, model, 4, 8, 1);
    latch_init(&latch);
    ck_assert(engine_clone_model(engine, model, "two", 0, &latch.completion, &entry,
                                 &retry_after_seconds, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    ck_assert(fixture_finish(entry).state == ENTRY_DONE);
    fixture_train(engine, model, 2, 8, 50);
    take(engine, model, &wanted[0]);
    model_release(model);
    model = find(engine, "two");
    fixture_train(engine, model, 3, 8, 90);
    take(engine, model, &wanted[1]);
    model_release(model);
    for (int round = 0; round < 2; round++) {
        engine = restart(engine, round == 0);
        for (int i = 0; i < 2; i++) {
            model = find(engine, names[i]);
            take(engine, model, &found);
            expect_same(&found, &wanted[i], names[i]);
            model_release(model);
        }
    }
    fixture_end(engine);
}
END_TEST

START_TEST(test_a_deleted_model_stays_so_and_its_name_is_free) {
    struct latch latch;
    struct error error;
    struct engine *engine = start(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    fixture_train(engine, model, 3, 4, 1);
    latch_init(&latch);
    ck_assert(engine_delete_model(engine, model, 0, &latch.completion, NULL, &error) == ERROR_NONE);
    latch_wait(&latch, 1);
    model_release(model);
    engine = restart(engine, false);
    ck_assert(engine_find_model(engine, "m", &model, &error) == ERROR_NOT_FOUND);
    model = fixture_model(engine, "m", "5-2");
    model_release(model);
    engine = restart(engine, false);
    model = find(engine, "m");
    EXPECT_COUNT(model->network.inputs, 5);
    model_release(model);
    fixture_end(engine);
}
END_TEST

/* --- damage ----------------------------------------------------------------------------- */

static const struct {
    enum store_damage damage;
    bool snapshot; /* of what is in one */
} injuries[] = {
    {DAMAGE_HEAD, false},    {DAMAGE_ENTRY, false}, {LOSE_ENTRY, false},    {DAMAGE_KEY, false},
    {DAMAGE_SNAPSHOT, true}, {DAMAGE_CHUNK, true},  {DAMAGE_HISTORY, true},
};

static bool find_blob(const struct store_model *row, void *context) {
    if (strcmp(row->name, "hurt") == 0) {
        *(uint64_t *)context = row->snapshot_blob;
    }
    return true;
}

START_TEST(test_a_damaged_model_is_alone_with_it) {
    static struct picture wanted, found;
    char id[sizeof((struct model *)NULL)->id];
    struct error error;
    struct engine *engine = start(1);
    struct model *sound = fixture_model(engine, "sound", "4-3");
    struct model *hurt = fixture_model(engine, "hurt", "4-3");
    fixture_train(engine, sound, 3, 4, 1);
    fixture_train(engine, hurt, 3, 4, 1);
    (void)keyed_post(engine, hurt, "k", 5);
    take(engine, sound, &wanted);
    take(engine, hurt, &found);
    strcpy(id, hurt->id);
    model_release(sound);
    model_release(hurt);
    atomic_store(&front.passing, injuries[_i].snapshot ? PASSES : SEVERED);
    fixture_end(engine);
    uint64_t number = 2;
    if (injuries[_i].snapshot) {
        ck_assert(store_read_models(fixture.store, find_blob, &number, &error) == STORE_OK);
    }
    store_fixture_damage(&fixture, injuries[_i].damage, id, number);
    engine = start(1);
    EXPECT_COUNT(atomic_load(&damaged), 1);
    EXPECT_COUNT(engine_look(engine).models_damaged, 1);
    sound = find(engine, "sound");
    take(engine, sound, &found);
    expect_same(&found, &wanted, "sound");
    fixture_train(engine, sound, 1, 4, 9);
    model_release(sound);
    ck_assert(engine_find_model(engine, "hurt", &hurt, &error) == ERROR_DAMAGED);
    ck_assert(fixture_try_model(engine, "hurt", "4-3", &hurt, &error) != ERROR_NONE);
    struct latch latch;
    enum error_code refusal;
    latch_init(&latch);
    ck_assert(engine_delete_damaged(engine, "hurt", &latch.completion, &refusal, &error) ==
              ERROR_NONE);
    latch_wait(&latch, 1);
    ck_assert(refusal == ERROR_NONE);
    model_release(fixture_model(engine, "hurt", "6-2"));
    engine = restart(engine, false);
    EXPECT_COUNT(atomic_load(&damaged), 0);
    hurt = find(engine, "hurt");
    EXPECT_COUNT(hurt->network.inputs, 6);
    model_release(hurt);
    fixture_end(engine);
}
END_TEST

START_TEST(test_other_numerics_are_refused_and_can_be_accepted) {
    struct error error;
    ck_assert_msg(numerics_start(&error) == ERROR_NONE, "%s", error.message);
    struct engine *engine = start(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    model_release(model);
    fixture_end(engine);
    ck_assert(store_write_note(fixture.store, "numerics fingerprint", "0123456789abcdef", &error) ==
              STORE_OK);
    ck_assert(try_engine(1, false, &engine, &error) == ERROR_INVALID);
    ck_assert_msg(strstr(error.message, "0123456789abcdef") != NULL &&
                      strstr(error.message, numerics_fingerprint()) != NULL,
                  "%s", error.message);
    ck_assert_msg(try_engine(1, true, &engine, &error) == ERROR_NONE, "%s", error.message);
    AWAIT(!engine_is_recovering(engine));
    model_release(find(engine, "m"));
    engine = restart(engine, true); /* from now on it is ours */
    fixture_end(engine);
}
END_TEST

/* --- no room ----------------------------------------------------------------------------- */

static void expect_refused(struct entry *entry) {
    ck_assert(entry->refusal == ERROR_STORAGE);
    entry_release(entry);
}

START_TEST(test_what_finds_no_room_leaves_no_hole) {
    static struct picture wanted, found;
    struct error error;
    struct engine *engine = start(1);
    struct model *model = fixture_model(engine, "m", "4-3");
    struct model *other = NULL;
    fixture_train(engine, model, 3, 4, 1);
    take(engine, model, &wanted);
    atomic_store(&front.passing, FULL);
    expect_refused(fixture_post(engine, model, 4, 100));
    expect_refused(fixture_patch(engine, model, 0.5, -1));
    expect_refused(fixture_reset(engine, model, 5));
    struct posted posted = keyed_try_post(engine, model, "k", 5, 3, 0);
    if (posted.entry != NULL) {
        expect_refused(posted.entry);
    }
    if (fixture_try_model(engine, "other", "4-3", &other, &error) == ERROR_NONE) {
        ck_assert(other->refusal == ERROR_STORAGE);
        model_release(other);
    }
    ck_assert(engine_find_model(engine, "other", &other, &error) == ERROR_NOT_FOUND);
    take(engine, model, &found);
    expect_same(&found, &wanted, "while there is no room"); /* and it answers */
    atomic_store(&front.passing, PASSES);
    posted = keyed_try_post(engine, model, "k", 5, 3, 0);
    ck_assert(posted.code == ERROR_NONE && !posted.repeated);
    EXPECT_COUNT(posted.first, 4);
    if (posted.entry != NULL) {
        (void)fixture_finish(posted.entry);
    }
    entry_release(fixture_patch(engine, model, 0.25, -1));
    fixture_train(engine, model, 2, 4, 200);
    model_release(fixture_model(engine, "other", "4-3"));
    take(engine, model, &wanted);
    EXPECT_COUNT(wanted.step, 8);
    EXPECT_COUNT(wanted.revision, 2);
    model_release(model);
    engine = restart(engine, false);
    model = find(engine, "m");
    take(engine, model, &found);
    expect_same(&found, &wanted, "after there was no room");
    struct settings *settings = model_settings(model);
    ck_assert(settings->specification.optimizer.learning_rate == 0.25);
    settings_release(settings);
    model_release(model);
    model_release(find(engine, "other"));
    fixture_end(engine);
}
END_TEST

Suite *suite_engine_recovery(void) {
    TCase *recovery = tcase_create("recovery");
    tcase_set_timeout(recovery, 300);
    tcase_add_checked_fixture(recovery, setup, teardown);
    tcase_add_loop_test(recovery, test_the_log_is_trained_again_to_the_same_bits, 0, DESCRIPTIONS);
    tcase_add_loop_test(recovery, test_a_snapshot_goes_on_to_the_same_bits, 0, DESCRIPTIONS);
    tcase_add_loop_test(recovery, test_the_log_behind_a_snapshot_is_trained_again, 0, DESCRIPTIONS);
    tcase_add_test(recovery, test_a_snapshot_in_the_middle_of_a_group_covers_what_it_has);
    tcase_add_test(recovery, test_what_was_taken_back_stays_so);
    tcase_add_test(recovery, test_keys_outlive_the_log_and_the_snapshot);
    tcase_add_loop_test(recovery, test_a_clone_is_a_model_of_its_own, 0, DESCRIPTIONS);
    tcase_add_test(recovery, test_a_deleted_model_stays_so_and_its_name_is_free);
    tcase_add_loop_test(recovery, test_a_damaged_model_is_alone_with_it, 0,
                        (int)(sizeof injuries / sizeof *injuries));
    tcase_add_test(recovery, test_other_numerics_are_refused_and_can_be_accepted);
    tcase_add_test(recovery, test_what_finds_no_room_leaves_no_hole);
    Suite *suite = suite_create("engine_recovery");
    suite_add_tcase(suite, recovery);
    return suite;
}

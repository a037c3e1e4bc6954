/* An engine to test with; see engine_fixture.h. */
#include "tests/unit/engine_fixture.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/memory.h"
#include "core/engine/clock.h"

/* --- waiting ------------------------------------------------------------------- */

/* One for all latches and gates: a thread that has just completed one still holds
 * nothing of it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static struct timespec wall_deadline(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FIXTURE_DEADLINE_SECONDS;
    return until;
}

static void count_call(struct completion *completion) {
    struct latch *latch = (struct latch *)completion;
    pthread_mutex_lock(&lock);
    latch->calls++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void latch_init(struct latch *latch) {
    *latch = (struct latch){.completion = {count_call}};
}

void latch_wait(struct latch *latch, unsigned calls) {
    const struct timespec until = wall_deadline();
    int waited = 0;
    pthread_mutex_lock(&lock);
    while (latch->calls < calls && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&changed, &lock, &until);
    }
    const unsigned found = latch->calls;
    pthread_mutex_unlock(&lock);
    ck_assert_msg(found >= calls, "%u of %u completions came within %d s", found, calls,
                  FIXTURE_DEADLINE_SECONDS);
}

unsigned latch_calls(struct latch *latch) {
    pthread_mutex_lock(&lock);
    const unsigned calls = latch->calls;
    pthread_mutex_unlock(&lock);
    return calls;
}

static void hold_up(struct completion *completion) {
    struct gate *gate = (struct gate *)completion;
    pthread_mutex_lock(&lock);
    gate->entered = true;
    pthread_cond_broadcast(&changed);
    while (!gate->open) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

void gate_shut(struct gate *gate, struct engine *engine, struct model *model) {
    struct examples examples;
    struct error error;
    *gate = (struct gate){.completion = {hold_up}};
    examples_init(&examples, engine_ledger(engine));
    fixture_fill(&examples, model, 1, 1);
    ck_assert(query_create(model, QUERY_PREDICTION, &examples, NULL, &gate->query, &error) ==
              ERROR_NONE);
    examples_free(&examples);
    ck_assert(engine_ask(engine, gate->query, &gate->completion, &error) == ERROR_NONE);
    const struct timespec until = wall_deadline();
    int waited = 0;
    pthread_mutex_lock(&lock);
    while (!gate->entered && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&changed, &lock, &until);
    }
    const bool entered = gate->entered;
    pthread_mutex_unlock(&lock);
    ck_assert_msg(entered, "no worker came to the gate");
}

void gate_open(struct gate *gate) {
    query_release(gate->query);
    pthread_mutex_lock(&lock);
    gate->open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

double fixture_deadline(void) {
    return clock_monotonic_seconds() + FIXTURE_DEADLINE_SECONDS;
}

void fixture_pause(double deadline, const char *condition) {
    const struct timespec pause = {.tv_nsec = 200000};
    ck_assert_msg(clock_monotonic_seconds() < deadline, "not within %d s: %s",
                  FIXTURE_DEADLINE_SECONDS, condition);
    nanosleep(&pause, NULL);
}

/* --- engines and models --------------------------------------------------------- */

struct engine *fixture_engine(size_t workers) {
    const struct engine_settings settings = {
        .workers = workers,
        .memory_bytes_max = (size_t)4 << 30,
        .queue_max = FIXTURE_QUEUE_MAX,
        .keys_max = 1000,
        .checkpoints = {.count_max = 8, .bytes_max = (size_t)1 << 30}};
    struct engine *engine;
    struct error error;
    ck_assert_msg(engine_create(&settings, &engine, &error) == ERROR_NONE, "%s", error.message);
    return engine;
}

void fixture_end(struct engine *engine) {
    engine_close(engine);
    const size_t dropped = engine_drain(engine, FIXTURE_DEADLINE_SECONDS);
    const size_t left = engine_destroy(engine);
    ck_assert_msg(dropped == 0, "%zu entries dropped", dropped);
    ck_assert_msg(left == 0, "%zu bytes are left in the ledger", left);
}

static void read_layers(struct specification *specification, char *text) {
    size_t count = 0;
    for (const char *c = text; *c != '\0'; c++) {
        count += *c == '-';
    }
    ck_assert(specification_set_layers(specification, count));
    specification->inputs = strtoul(text, &text, 10);
    for (size_t l = 0; l < count; l++) {
        specification->layers[l].units = strtoul(text + 1, &text, 10);
    }
}

static void read_word(struct specification *specification, const char *word) {
    const size_t outputs = specification->layers[specification->layer_count - 1].units;
    if (strcmp(word, "mse") == 0) {
        specification->loss = LOSS_MSE;
    } else if (strcmp(word, "standardize") == 0) {
        specification->standardize = true;
    } else if (strcmp(word, "named") == 0) {
        specification->classes = memory_allocate(outputs, sizeof *specification->classes);
        for (; specification->class_count < outputs; specification->class_count++) {
            char name[32];
            snprintf(name, sizeof name, "class-%zu", specification->class_count);
            specification->classes[specification->class_count] = memory_copy_string(name);
        }
    } else if (strcmp(word, "weighted") == 0) {
        specification->class_weights = memory_allocate(outputs, sizeof(float));
        for (size_t c = 0; c < outputs; c++) {
            specification->class_weights[c] = 0.5f + (float)c;
        }
    } else if (strcmp(word, "normalized") == 0) {
        for (size_t l = 0; l + 1 < specification->layer_count; l++) {
            specification->layers[l].normalization =
                l % 2 == 0 ? NORMALIZATION_BATCH : NORMALIZATION_LAYER;
        }
    } else {
        ck_abort_msg("no option %s", word);
    }
}

static enum optimizer optimizer_named(const char *name) {
    int i = 0;
    while (i < OPTIMIZER_COUNT && strcmp(optimizer_functions[i].name, name) != 0) {
        i++;
    }
    ck_assert_msg(i < OPTIMIZER_COUNT, "no optimizer %s", name);
    return (enum optimizer)i;
}

static void read_option(struct specification *specification, char *text) {
    char *value = strchr(text, '=');
    if (value == NULL) {
        read_word(specification, text);
        return;
    }
    *value++ = '\0';
    if (strcmp(text, "optimizer") == 0) {
        optimizer_defaults(&specification->optimizer, optimizer_named(value));
    } else if (strcmp(text, "seed") == 0) {
        specification->seed = strtoull(value, NULL, 10);
    } else if (strcmp(text, "dropout") == 0) {
        for (size_t l = 0; l + 1 < specification->layer_count; l++) {
            specification->layers[l].dropout = strtod(value, NULL);
        }
    } else {
        size_t option = 0;
        while (option < OPTIMIZER_OPTION_COUNT &&
               strcmp(optimizer_options[option].name, text) != 0) {
            option++;
        }
        ck_assert_msg(option < OPTIMIZER_OPTION_COUNT, "no option %s", text);
        optimizer_option_set(&specification->optimizer, &optimizer_options[option],
                             strtod(value, NULL));
    }
}

void fixture_specify(struct specification *specification, const char *description) {
    char text[256];
    char *rest;
    struct error error;
    ck_assert(strlen(description) < sizeof text);
    strcpy(text, description);
    specification_init(specification);
    read_layers(specification, strtok_r(text, " ", &rest));
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        read_option(specification, word);
    }
    ck_assert_msg(specification_complete(specification, &error) == ERROR_NONE, "%s: %s",
                  description, error.message);
}

enum error_code fixture_try_model(struct engine *engine, const char *name, const char *description,
                                  struct model **model, struct error *error) {
    struct specification specification;
    struct latch latch;
    bool repeated;
    latch_init(&latch);
    fixture_specify(&specification, description);
    const enum error_code code = engine_create_model(engine, name, &specification, NULL, NULL,
                                                     &latch.completion, model, &repeated, error);
    if (code == ERROR_NONE) {
        latch_wait(&latch, 1);
    } else {
        ck_assert_msg(latch_calls(&latch) == 0, "completed in spite of: %s", error->message);
    }
    specification_free(&specification);
    return code;
}

struct model *fixture_model(struct engine *engine, const char *name, const char *description) {
    struct model *model = NULL;
    struct error error;
    ck_assert_msg(fixture_try_model(engine, name, description, &model, &error) == ERROR_NONE, "%s",
                  error.message);
    return model;
}

void bare_begin(struct bare *bare, size_t queue_max) {
    ledger_init(&bare->ledger, (size_t)4 << 30);
    ck_assert(backlog_init(&bare->backlog));
    bare->queue_max = queue_max;
}

void bare_end(struct bare *bare) {
    const size_t left = ledger_reserved(&bare->ledger);
    const size_t entries = backlog_count(&bare->backlog);
    backlog_destroy(&bare->backlog);
    ck_assert_msg(left == 0, "%zu bytes are left in the ledger", left);
    ck_assert_msg(entries == 0, "%zu entries are left in the backlog", entries);
}

struct model *bare_model(struct bare *bare, const char *name, const char *description) {
    struct specification specification;
    struct model *model = NULL;
    struct error error;
    fixture_specify(&specification, description != NULL ? description : "2-2");
    ck_assert_msg(model_create(name, &specification, &bare->ledger, &bare->backlog, bare->queue_max,
                               &model, &error) == ERROR_NONE,
                  "%s", error.message);
    model->ready = true;
    model->network.block_rows = 1;
    return model;
}

/* --- batches --------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void append(struct buffer *buffer, size_t bytes) {
    struct error error;
    ck_assert_msg(buffer_reserve(buffer, bytes, &error) == ERROR_NONE, "%s", error.message);
    buffer->used = bytes;
}

static void fill_floats(struct buffer *buffer, size_t count, uint64_t *state) {
    append(buffer, count * sizeof(float));
    float *numbers = (float *)buffer->data;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)next_random(state) * 0x1p-30f - 1.0f;
    }
}

void fixture_fill(struct examples *examples, struct model *model, size_t rows, uint64_t seed) {
    const struct network *network = &model->network;
    uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
    examples->rows = rows;
    fill_floats(&examples->inputs, rows * network->inputs, &state);
    if (loss_functions[network->loss].classifies) {
        append(&examples->labels, rows * sizeof(int32_t));
        int32_t *labels = (int32_t *)examples->labels.data;
        for (size_t r = 0; r < rows; r++) {
            labels[r] = (int32_t)(next_random(&state) % network->outputs);
        }
    } else {
        fill_floats(&examples->targets, rows * network->outputs, &state);
    }
}

static enum error_code submit(struct engine *engine, struct model *model, struct examples *examples,
                              struct entry **result, double *retry_after_seconds,
                              struct error *error) {
    struct latch latch;
    struct key_record *former;
    latch_init(&latch);
    struct entry *entry = entry_create_batch(model, examples);
    if (entry == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for an entry");
    }
    const enum error_code code =
        engine_submit_batches(engine, &(struct submission){.batches = &entry, .count = 1},
                              &latch.completion, &former, retry_after_seconds, error);
    if (code != ERROR_NONE) {
        entry_release(entry);
        return code;
    }
    latch_wait(&latch, 1);
    *result = entry;
    return ERROR_NONE;
}

enum error_code fixture_try_post(struct engine *engine, struct model *model, size_t rows,
                                 uint64_t seed, struct entry **entry, double *retry_after_seconds,
                                 struct error *error) {
    struct examples examples;
    examples_init(&examples, engine_ledger(engine));
    fixture_fill(&examples, model, rows, seed);
    const enum error_code code =
        submit(engine, model, &examples, entry, retry_after_seconds, error);
    examples_free(&examples);
    return code;
}

struct entry *fixture_post_scaled(struct engine *engine, struct model *model, size_t rows,
                                  uint64_t seed, float scale) {
    struct examples examples;
    struct entry *entry = NULL;
    struct error error;
    double retry_after_seconds;
    examples_init(&examples, engine_ledger(engine));
    fixture_fill(&examples, model, rows, seed);
    float *inputs = (float *)examples.inputs.data;
    for (size_t i = 0; i < rows * model->network.inputs; i++) {
        inputs[i] *= scale;
    }
    ck_assert_msg(submit(engine, model, &examples, &entry, &retry_after_seconds, &error) ==
                      ERROR_NONE,
                  "%s", error.message);
    return entry;
}

struct entry *fixture_post(struct engine *engine, struct model *model, size_t rows, uint64_t seed) {
    return fixture_post_scaled(engine, model, rows, seed, 1);
}

size_t fixture_cancel(struct engine *engine, struct model *model, uint64_t first, uint64_t last) {
    struct latch latch;
    struct entry *ticket;
    struct error error;
    latch_init(&latch);
    ck_assert_msg(engine_cancel_batches(engine, model, first, last, &latch.completion, &ticket,
                                        &error) == ERROR_NONE,
                  "%s", error.message);
    latch_wait(&latch, 1);
    const size_t cancelled = ticket->cancelled_count;
    entry_release(ticket);
    return cancelled;
}

struct history_row fixture_finish(struct entry *entry) {
    struct latch latch;
    latch_init(&latch);
    struct waiter *waiter = waiter_create(WAIT_FOR_ENTRY, 0, entry);
    if (waiter_start(entry->model, waiter, &latch.completion)) {
        latch_wait(&latch, 1);
    }
    waiter_release(waiter);
    const struct history_row row = queue_look(entry);
    entry_release(entry);
    return row;
}

void fixture_train(struct engine *engine, struct model *model, size_t batches, size_t rows,
                   uint64_t first) {
    for (size_t b = 0; b < batches; b++) {
        struct entry *entry = fixture_post(engine, model, rows, first + b);
        if (b + 1 < batches) {
            entry_release(entry);
        } else {
            ck_assert(fixture_finish(entry).state == ENTRY_DONE);
        }
    }
}

enum error_code fixture_try_change(struct engine *engine, struct model *model, enum entry_kind kind,
                                   double learning_rate, double momentum, uint64_t seed,
                                   struct entry **entry, struct error *error) {
    struct latch latch;
    latch_init(&latch);
    struct settings *base = model_settings(model);
    struct specification changed;
    double retry_after_seconds;
    enum error_code code = specification_copy_settings(&changed, &base->specification, error);
    if (code == ERROR_NONE) {
        if (kind == ENTRY_RESET) {
            changed.seed = seed;
        } else {
            changed.optimizer.learning_rate = learning_rate;
            changed.optimizer.momentum = momentum >= 0 ? momentum : changed.optimizer.momentum;
        }
        code = engine_change_settings(engine, model, kind, base, &changed, &latch.completion, entry,
                                      &retry_after_seconds, error);
        memory_free(changed.class_weights);
    }
    if (code == ERROR_NONE) {
        latch_wait(&latch, 1);
    }
    settings_release(base);
    return code;
}

static struct entry *change(struct engine *engine, struct model *model, enum entry_kind kind,
                            double learning_rate, double momentum, uint64_t seed) {
    struct entry *entry = NULL;
    struct error error;
    ck_assert_msg(fixture_try_change(engine, model, kind, learning_rate, momentum, seed, &entry,
                                     &error) == ERROR_NONE,
                  "%s", error.message);
    return entry;
}

struct entry *fixture_patch(struct engine *engine, struct model *model, double learning_rate,
                            double momentum) {
    return change(engine, model, ENTRY_SETTINGS, learning_rate, momentum, 0);
}

struct entry *fixture_reset(struct engine *engine, struct model *model, uint64_t seed) {
    return change(engine, model, ENTRY_RESET, 0, 0, seed);
}

/* --- questions ------------------------------------------------------------------- */

static struct query *ask(struct engine *engine, struct model *model, enum query_kind kind,
                         struct examples *examples, struct latch *latch) {
    struct query *query = NULL;
    struct error error;
    ck_assert_msg(query_create(model, kind, examples, NULL, &query, &error) == ERROR_NONE, "%s",
                  error.message);
    ck_assert_msg(engine_ask(engine, query, &latch->completion, &error) == ERROR_NONE, "%s",
                  error.message);
    return query;
}

void fixture_hash(struct engine *engine, struct model *model, char hash[FIXTURE_HASH_BYTES]) {
    struct latch latch;
    latch_init(&latch);
    struct query *query = ask(engine, model, QUERY_WEIGHTS_HASH, NULL, &latch);
    latch_wait(&latch, 1);
    memcpy(hash, query->weights_hash, FIXTURE_HASH_BYTES);
    query_release(query);
}

struct query *fixture_ask(struct engine *engine, struct model *model, size_t rows,
                          const float *inputs, struct latch *latch) {
    struct examples examples;
    const size_t bytes = rows * model->network.inputs * sizeof *inputs;
    examples_init(&examples, engine_ledger(engine));
    examples.rows = rows;
    append(&examples.inputs, bytes);
    memcpy(examples.inputs.data, inputs, bytes);
    return ask(engine, model, QUERY_PREDICTION, &examples, latch);
}

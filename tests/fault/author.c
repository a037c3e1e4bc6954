/* See author.h. */
#include "tests/fault/author.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/clock.h"
#include "tests/fault/tally.h"
#include "tests/fault/verdict.h"

#define CALL_SECONDS 60.0

void author_init(struct author *author, unsigned number, const struct client_settings *daemon,
                 const struct client_settings *reference) {
    *author = (struct author){.number = number};
    client_init(&author->client, daemon, 1);
    client_init(&author->reference, reference, 1);
}

void author_free(struct author *author) {
    for (size_t s = 0; s < SLOTS; s++) {
        free(author->models[s]);
    }
    free(author->done);
    client_free(&author->client);
    client_free(&author->reference);
}

void author_seed(struct author *author, uint64_t seed) {
    author->client.random = (seed + author->number + 1) * 0x9E3779B97F4A7C15u;
}

/* --- what is asked for ------------------------------------------------------------ */

static uint32_t some(struct author *author, uint32_t below) {
    return client_random(&author->client, below);
}

static struct generation *new_model(struct author *author, size_t slot) {
    struct generation *model = calloc(1, sizeof *model);
    model->kind = (author->number + (unsigned)slot) % MODEL_KINDS;
    snprintf(model->name, sizeof model->name, "c%u-%zu", author->number, slot);
    snprintf(model->reference, sizeof model->reference, "c%u-g%u", author->number,
             author->generations++);
    model->revision = 1;
    for (size_t n = 0; n <= BATCHES_MAX; n++) {
        model->told[n] = NAN;
    }
    return model;
}

static void give_key(struct author *author, struct operation *operation) {
    if (some(author, 2) == 0) {
        snprintf(operation->key, sizeof operation->key, "k%u-%u", author->number, author->keys++);
    }
}

static struct operation some_post(struct author *author, struct generation *model) {
    struct operation operation = {.kind = POST, .model = model};
    operation.seed = some(author, UINT32_MAX);
    operation.rows = model->kind == WIDE_KIND ? 64 + some(author, 257) : 1 + some(author, 60);
    if (some(author, 2) == 0) {
        operation.batch_size =
            1 + some(author, model->kind == WIDE_KIND ? operation.rows : 1 + operation.rows / 2);
        operation.batch_size =
            operation_batches(&operation) > 30 ? operation.rows / 30 + 1 : operation.batch_size;
    }
    give_key(author, &operation);
    return operation;
}

/* The slot of a clone of the same kind is any that is free. */
static size_t free_slot(const struct author *author) {
    size_t slot = 0;
    while (slot < SLOTS && author->models[slot] != NULL) {
        slot++;
    }
    return slot;
}

static struct operation some_creation(struct author *author, size_t slot) {
    struct operation operation = {.kind = CREATE, .model = new_model(author, slot)};
    operation.seed = some(author, 1000);
    give_key(author, &operation);
    return operation;
}

static struct operation some_clone(struct author *author, struct generation *model, size_t slot) {
    struct operation operation = {.kind = CLONE, .model = model};
    operation.target = new_model(author, slot);
    operation.target->kind = model->kind;
    return operation;
}

static struct operation some_operation(struct author *author) {
    const size_t slot = some(author, SLOTS);
    struct generation *model = author->models[slot];
    if (model == NULL) {
        return some_creation(author, slot);
    }
    struct operation operation = {.model = model, .momentum = -1};
    const uint32_t pick = some(author, 100);
    if (model->last + 40 > BATCHES_MAX || pick < 3) {
        operation.kind = DELETE;
    } else if (pick < 10 && free_slot(author) < SLOTS) {
        return some_clone(author, model, free_slot(author));
    } else if (pick < 16) {
        operation.kind = CHANGE;
        operation.learning_rate = 0.001 * (1 + some(author, 9));
        operation.momentum = model->kind == 1 ? 0.9 * some(author, 2) : -1;
    } else if (pick < 20) {
        operation.kind = RESET;
        operation.seed = some(author, 1000);
    } else if (pick < 32) {
        operation.kind = CANCEL;
        operation.first = model->last > 0 && some(author, 2) == 0
                              ? model->last - some(author, model->last < 6 ? model->last : 6)
                              : 0;
    } else {
        return some_post(author, model);
    }
    return operation;
}

/* --- what was answered ------------------------------------------------------------ */

static void keep_done(struct author *author, const struct operation *operation) {
    if (author->done_count == author->done_capacity) {
        author->done_capacity = 2 * author->done_capacity + 64;
        author->done = realloc(author->done, author->done_capacity * sizeof *author->done);
    }
    author->done[author->done_count++] = *operation;
}

/* With its batches' first number; they follow what the model had. */
static void note_post(struct operation *operation, uint32_t first) {
    struct generation *model = operation->model;
    operation->first = first;
    operation->last = first + operation_batches(operation) - 1;
    model->last = operation->last;
    if (operation->key[0] != '\0') {
        model->posted = *operation;
    }
}

static void note_cancellation(const struct operation *operation, uint32_t count) {
    struct generation *model = operation->model;
    if (operation->first > 0) {
        model->states[operation->first] = BATCH_WAS_CANCELLED;
        return;
    }
    for (uint32_t n = model->last; n > 0 && count > 0; n--) {
        if (model->states[n] == BATCH_QUEUED) { /* what waits is the end of the queue */
            model->states[n] = BATCH_WAS_CANCELLED;
            count--;
        }
    }
    if (count > 0) {
        fail("%s: %u more batches were cancelled than waited", model->name, count);
    }
}

static size_t slot_of(const struct generation *model) {
    const char *dash = model != NULL ? strchr(model->name, '-') : NULL;
    return dash != NULL ? strtoul(dash + 1, NULL, 10) : 0;
}

/* It was done: what follows from that. */
static void note_done(struct author *author, struct operation *operation) {
    struct generation *model = operation->model;
    switch (operation->kind) {
    case CREATE:
        author->models[slot_of(model)] = model;
        model->made_by = *operation;
        break;
    case CLONE:
        author->models[slot_of(operation->target)] = operation->target;
        break;
    case DELETE:
        author->models[slot_of(model)] = NULL;
        model->deleted = true;
        break;
    case CHANGE:
    case RESET:
        model->revision++;
        break;
    default:
        break;
    }
    if (operation->kind != CANCEL) {
        keep_done(author, operation);
    }
}

/* It was not: what was made for it. */
static void note_not_done(struct operation *operation) {
    if (operation->kind == CREATE) {
        free(operation->model);
    }
    free(operation->target);
}

/* The answer to a post that was accepted, now or before. */
static void read_post(struct author *author, struct operation *operation) {
    const struct client *client = &author->client;
    struct generation *model = operation->model;
    const double first = client_number(client, "first"), batch = client_number(client, "batch");
    const uint32_t number = (uint32_t)(operation->batch_size > 0 && first > 0 ? first : batch);
    const uint32_t wanted = model->last + 1;
    if (number != wanted) {
        fail("%s: the batches have number %u in place of %u", model->name, number, wanted);
    }
    note_post(operation, wanted);
    if (strstr(client->answer, "\"state\":\"trained\"") != NULL && operation->batch_size == 0) {
        model->states[wanted] = BATCH_WAS_TRAINED;
        model->told[wanted] = client_number(client, "loss");
    }
}

static void read_answer(struct author *author, struct operation *operation) {
    const struct client *client = &author->client;
    if (operation->kind == POST) {
        read_post(author, operation);
    } else if (operation->kind == CANCEL) {
        note_cancellation(operation, (uint32_t)client_number(client, "cancelled"));
    } else if (operation->kind == CREATE) {
        verdict_read_id(client, operation->model->id);
    } else if (operation->kind == CLONE) {
        verdict_read_id(client, operation->target->id);
    }
    note_done(author, operation);
    author->acknowledged++;
}

bool author_act(struct author *author) {
    struct operation operation = some_operation(author);
    const double prefer = some(author, 3) == 0 ? 0.2 : 0;
    const char *target = operation.target != NULL ? operation.target->name : NULL;
    const int status =
        operation_send(&operation, &author->client, operation.model->name, target, prefer, 0,
                       operation.rows, clock_monotonic_seconds() + CALL_SECONDS);
    if (status >= 200 && status < 300) {
        read_answer(author, &operation);
        return true;
    }
    const bool single = operation.kind == CANCEL && operation.first > 0;
    if (status == 429 || (single && status == 409)) { /* full; not one that waits */
        note_not_done(&operation);
        return true;
    }
    if (status == 503 && operation.kind != CLONE) { /* it ends, and does not do it any more */
        note_not_done(&operation);
        return false;
    }
    if (status > 0 && status != 503 && status != 504) { /* these: it may be done all the same */
        fail("%s: an operation of kind %d has status %d: %.300s", operation.model->name,
             operation.kind, status, strstr(author->client.answer, "\r\n\r\n"));
        note_not_done(&operation);
        return true;
    }
    author->pending = operation;
    author->has_pending = true;
    author->unanswered++;
    return false;
}

/* --- after a crash ------------------------------------------------------------------ */

static int repeat(struct author *author, struct operation *operation) {
    author->repeats++;
    return operation_send(operation, &author->client, operation->model->name, NULL, 30, 0,
                          operation->rows, clock_monotonic_seconds() + CALL_SECONDS);
}

static bool was_replayed(const struct author *author) {
    return strcasestr(author->client.answer, "idempotent-replayed: true") != NULL;
}

static bool resolve_post(struct author *author, struct operation *operation) {
    struct generation *model = operation->model;
    struct client *client = &author->client;
    const bool one = verdict_has_batch(client, model, model->last + 1);
    const bool all = verdict_has_batch(client, model, model->last + operation_batches(operation));
    if (one != all) {
        fail("%s: a part of %u batches is there", model->name, operation_batches(operation));
    }
    if (operation->key[0] != '\0') { /* it trains now, if it did not */
        const int status = repeat(author, operation);
        if (status != 200 || was_replayed(author) != one) {
            fail("%s: batches that were %s: their repeat has status %d and %s", model->name,
                 one ? "stored" : "not stored", status,
                 was_replayed(author) ? "is a replay" : "is new");
        }
        read_post(author, operation);
        return true;
    }
    if (one) {
        note_post(operation, model->last + 1);
    }
    return one;
}

static bool resolve_model(struct author *author, struct operation *operation,
                          struct generation *model) {
    const bool there = verdict_has_model(&author->client, model);
    if (operation->key[0] == '\0') {
        return there;
    }
    const int status = repeat(author, operation);
    if ((status != 200 && status != 201) || was_replayed(author) != there) {
        fail("%s, which was %s: the repeat of its creation has status %d and %s", model->name,
             there ? "stored" : "not stored", status,
             was_replayed(author) ? "is a replay" : "is new");
    }
    return true;
}

static void doubt_cancellation(struct operation *operation) {
    struct generation *model = operation->model;
    for (uint32_t n = 1; n <= model->last; n++) {
        if (model->states[n] == BATCH_QUEUED && (operation->first == 0 || n == operation->first)) {
            model->states[n] = BATCH_IN_DOUBT;
        }
    }
}

static void resolve(struct author *author) {
    struct operation *operation = &author->pending;
    struct generation *model = operation->model;
    bool done = false;
    switch (operation->kind) {
    case CREATE:
        done = resolve_model(author, operation, model);
        break;
    case CLONE:
        done = verdict_has_model(&author->client, operation->target);
        break;
    case DELETE:
        done = !verdict_has_model(&author->client, model);
        break;
    case CHANGE:
    case RESET:
        done = verdict_revision(&author->client, model) == model->revision + 1;
        break;
    case POST:
        done = resolve_post(author, operation);
        break;
    default:
        doubt_cancellation(operation);
        break;
    }
    author->found_done += done;
    if (done) {
        note_done(author, operation);
    } else {
        note_not_done(operation);
    }
    author->has_pending = false;
}

/* What was acknowledged under a key is not done again. */
static void repeat_acknowledged(struct author *author, struct generation *model) {
    struct operation *operation = &model->posted;
    if (operation->rows > 0) {
        const int status = repeat(author, operation);
        const double first = client_number(&author->client, "first");
        const double number = first > 0 ? first : client_number(&author->client, "batch");
        if (status != 200 || !was_replayed(author) || number != operation->first) {
            fail("%s: the repeat of batch %u has status %d, number %.0f and %s", model->name,
                 operation->first, status, number, was_replayed(author) ? "is a replay" : "is new");
        }
    }
    if (model->made_by.key[0] != '\0') {
        char id[sizeof model->id];
        const int status = repeat(author, &model->made_by);
        verdict_read_id(&author->client, id);
        if ((status != 200 && status != 201) || !was_replayed(author) ||
            (model->id[0] != '\0' && strcmp(id, model->id) != 0)) {
            fail("%s: the repeat of its creation has status %d", model->name, status);
        }
    }
}

void author_verify(struct author *author) {
    client_disconnect(&author->client, false);
    if (author->has_pending) {
        resolve(author);
    }
    for (size_t s = 0; s < SLOTS; s++) {
        struct generation *model = author->models[s];
        if (model != NULL) {
            repeat_acknowledged(author, model);
            verdict_read_states(&author->client, model);
        }
    }
    for (size_t i = 0; i < author->done_count; i++) {
        verdict_ask_reference(&author->reference, &author->done[i]);
        if (author->done[i].kind == DELETE) {
            free(author->done[i].model);
        }
    }
    author->done_count = 0;
    for (size_t s = 0; s < SLOTS; s++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "c%u-%zu", author->number, s);
        if (author->models[s] != NULL) {
            verdict_compare(&author->client, &author->reference, author->models[s]);
            author->compared++;
        } else if (verdict_has_name(&author->client, name)) {
            fail("%s is there, and should not be", name);
        }
    }
    client_disconnect(&author->client, false);
    client_disconnect(&author->reference, false);
}

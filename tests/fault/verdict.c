/* See verdict.h. */
#include "tests/fault/verdict.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/clock.h"
#include "tests/fault/tally.h"

#define CALL_SECONDS 60.0
#define PAGE 1000

static int get(struct client *client, const char *target) {
    return client_try(client, "GET", target, "", 0, clock_monotonic_seconds() + CALL_SECONDS);
}

static int get_model(struct client *client, const char *name, const char *more) {
    char target[128];
    snprintf(target, sizeof target, "/v1/models/%s%s", name, more);
    return get(client, target);
}

/* The last answer's body; NULL when it is none. */
static json_t *answer(const struct client *client) {
    const char *end = strstr(client->answer, "\r\n\r\n");
    return end != NULL ? json_loads(end + 4, 0, NULL) : NULL;
}

void verdict_read_id(const struct client *client, char id[24]) {
    json_t *body = answer(client);
    const char *found = json_string_value(json_object_get(body, "id"));
    snprintf(id, 24, "%s", found != NULL ? found : "");
    json_decref(body);
}

bool verdict_has_name(struct client *client, const char *name) {
    return get_model(client, name, "") != 404;
}

bool verdict_has_model(struct client *client, struct generation *model) {
    const int status = get_model(client, model->name, "");
    if (status != 200) {
        if (status != 404) {
            fail("%s: status %d: %.300s", model->name, status,
                 status > 0 ? strstr(client->answer, "\r\n\r\n") : "none");
        }
        return false;
    }
    char id[sizeof model->id];
    verdict_read_id(client, id);
    if (model->id[0] == '\0') {
        strcpy(model->id, id);
    } else if (strcmp(model->id, id) != 0) {
        fail("%s is another model: %s in place of %s", model->name, id, model->id);
    }
    return true;
}

bool verdict_has_batch(struct client *client, const struct generation *model, uint32_t number) {
    char more[32];
    snprintf(more, sizeof more, "/batches/%u", number);
    const int status = get_model(client, model->name, more);
    if (status != 200 && status != 404) {
        fail("%s: batch %u has status %d", model->name, number, status);
    }
    return status == 200;
}

unsigned verdict_revision(struct client *client, const struct generation *model) {
    (void)get_model(client, model->name, "");
    const double revision = client_number(client, "revision");
    return revision > 0 ? (unsigned)revision : 0;
}

/* --- losses ---------------------------------------------------------------------- */

/* Of a function for each point, in order. */
struct reader {
    struct generation *model;
    void (*take)(struct reader *reader, uint32_t batch, const struct point *point);
    bool found[BATCHES_MAX + 1];
    uint32_t next; /* of the model's batches */
};

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Points after the cursor; returns the newest. */
static double read_points(struct client *client, const char *name, double after,
                          struct reader *reader) {
    for (size_t count = PAGE; count == PAGE;) {
        char more[64];
        snprintf(more, sizeof more, "/loss?after=%.0f&limit=%d", after, PAGE);
        const int status = get_model(client, name, more);
        json_t *body = status == 200 ? answer(client) : NULL;
        const json_t *points = json_object_get(body, "points");
        count = json_array_size(points);
        for (size_t i = 0; i < count; i++) {
            const json_t *from = json_array_get(points, i);
            const struct point point = {number_of(from, "step"), number_of(from, "loss"),
                                        number_of(from, "accuracy")};
            after = number_of(from, "batch");
            reader->take(reader, (uint32_t)after, &point);
        }
        if (body == NULL) {
            fail("%s: its losses have status %d", name, status);
        }
        json_decref(body);
    }
    return after;
}

static bool is_same(const struct point *a, const struct point *b) {
    return a->step == b->step && a->loss == b->loss && a->accuracy == b->accuracy;
}

static void tell_difference(const struct generation *model, uint32_t n, const struct point *found,
                            const struct point *wanted, const char *which) {
    fail("%s: batch %u has step %.0f, loss %.17g, accuracy %.17g; %s %.0f, %.17g, %.17g",
         model->name, n, found->step, found->loss, found->accuracy, which, wanted->step,
         wanted->loss, wanted->accuracy);
}

static void take_point(struct reader *reader, uint32_t n, const struct point *point) {
    struct generation *model = reader->model;
    if (n == 0 || n > model->last) {
        fail("%s: there is batch %u, the last one is %u", model->name, n, model->last);
        return;
    }
    if (reader->found[n]) {
        fail("%s: batch %u is there twice", model->name, n);
    }
    reader->found[n] = true;
    if (model->states[n] == BATCH_WAS_CANCELLED) {
        fail("%s: batch %u was trained after it was cancelled", model->name, n);
    }
    if (!isnan(model->told[n]) && model->told[n] != point->loss) {
        fail("%s: the loss of batch %u is %.17g, the answer said %.17g", model->name, n,
             point->loss, model->told[n]);
    }
    if (n <= model->compared && !is_same(point, &model->points[n])) {
        tell_difference(model, n, point, &model->points[n], "it was before");
    }
    model->states[n] = BATCH_WAS_TRAINED;
    model->points[n] = *point;
}

static void look_at_cancelled(struct client *client, const struct generation *model, uint32_t n) {
    if (!verdict_has_batch(client, model, n) ||
        strstr(client->answer, "\"state\":\"cancelled\"") == NULL) {
        fail("%s: batch %u is neither trained nor cancelled: %.300s", model->name, n,
             strstr(client->answer, "\r\n\r\n"));
    }
}

void verdict_read_states(struct client *client, struct generation *model) {
    struct reader reader = {.model = model, .take = take_point};
    if (!verdict_has_model(client, model)) {
        fail("%s is missing, with %u batches", model->name, model->last);
        return;
    }
    const unsigned revision = verdict_revision(client, model);
    if (revision != model->revision) {
        fail("%s has revision %u in place of %u", model->name, revision, model->revision);
    }
    (void)read_points(client, model->name, 0, &reader);
    for (uint32_t n = 1; n <= model->last; n++) {
        if (!reader.found[n]) {
            if (model->states[n] == BATCH_QUEUED || model->states[n] == BATCH_WAS_TRAINED) {
                fail("%s: batch %u, which was acknowledged, is missing", model->name, n);
            }
            model->states[n] = BATCH_WAS_CANCELLED;
            if (n > model->compared) {
                look_at_cancelled(client, model, n);
            }
        }
    }
    if ((model->last > 0 && !verdict_has_batch(client, model, model->last)) ||
        verdict_has_batch(client, model, model->last + 1)) {
        fail("%s: batch %u is not the last one", model->name, model->last);
    }
}

/* --- the reference ------------------------------------------------------------------ */

static void ask(struct client *reference, const struct operation *operation, uint32_t from,
                uint32_t to) {
    const char *target = operation->target != NULL ? operation->target->reference : NULL;
    const int status = operation_send(operation, reference, operation->model->reference, target, 60,
                                      from, to, clock_monotonic_seconds() + 2 * CALL_SECONDS);
    if (status < 200 || status > 299 || status == 202) {
        fail("the reference of %s answers an operation of kind %d with status %d: %.300s",
             operation->model->name, operation->kind, status,
             status > 0 ? strstr(reference->answer, "\r\n\r\n") : "none");
    }
}

static bool was_trained(const struct operation *operation, uint32_t i) {
    return operation->model->states[operation->first + i] != BATCH_WAS_CANCELLED;
}

void verdict_ask_reference(struct client *reference, const struct operation *operation) {
    struct operation same = *operation;
    same.key[0] = '\0';
    if (operation->kind != POST) {
        ask(reference, &same, 0, 0);
        return;
    }
    const uint32_t batches = operation_batches(operation);
    const uint32_t size = operation->batch_size > 0 ? operation->batch_size : operation->rows;
    for (uint32_t i = 0; i < batches;) {
        uint32_t end = i;
        while (end < batches && was_trained(operation, end)) {
            end++;
        }
        if (end > i) {
            const uint32_t to = end * size;
            ask(reference, &same, i * size, to < operation->rows ? to : operation->rows);
        }
        i = end + 1;
    }
}

/* Points of the reference are those of batches that were trained, in their order. */
static void take_reference(struct reader *reader, uint32_t batch, const struct point *point) {
    struct generation *model = reader->model;
    (void)batch;
    while (reader->next <= model->last && model->states[reader->next] != BATCH_WAS_TRAINED) {
        reader->next++;
    }
    if (reader->next > model->last) {
        fail("%s: the reference trained more batches", model->name);
        return;
    }
    const uint32_t n = reader->next++;
    if (!is_same(&model->points[n], point)) {
        tell_difference(model, n, &model->points[n], point, "the reference has");
    }
}

static void compare_field(const struct generation *model, const json_t *found, const json_t *wanted,
                          const char *field) {
    const json_t *a = json_object_get(found, field), *b = json_object_get(wanted, field);
    if (a == NULL || !json_equal(a, b)) {
        char *one = json_dumps(a, JSON_ENCODE_ANY), *other = json_dumps(b, JSON_ENCODE_ANY);
        fail("%s, %u batches: %s is %s, the reference has %s", model->name, model->last, field,
             one != NULL ? one : "nothing", other != NULL ? other : "nothing");
        free(one);
        free(other);
    }
}

void verdict_compare(struct client *client, struct client *reference, struct generation *model) {
    static const char *const fields[] = {"weights_sha256", "step",        "examples", "layers",
                                         "optimizer",      "standardize", "seed",     "parameters"};
    struct reader reader = {.model = model, .take = take_reference, .next = model->compared + 1};
    model->reference_cursor =
        read_points(reference, model->reference, model->reference_cursor, &reader);
    while (reader.next <= model->last && model->states[reader.next] != BATCH_WAS_TRAINED) {
        reader.next++;
    }
    if (reader.next <= model->last) {
        fail("%s: the reference did not train batch %u", model->name, reader.next);
    }
    model->compared = model->last;
    const int status = get_model(client, model->name, "?weights_sha256=true");
    json_t *found = answer(client);
    const int reference_status = get_model(reference, model->reference, "?weights_sha256=true");
    json_t *wanted = answer(reference);
    if (status != 200 || reference_status != 200) {
        fail("%s: status %d, its reference has %d", model->name, status, reference_status);
    } else {
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
            compare_field(model, found, wanted, fields[f]);
        }
    }
    json_decref(found);
    json_decref(wanted);
}

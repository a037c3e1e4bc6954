/* See training.h.
 *
 * The pipeline: batches are posted without waiting for their training, but every
 * PIPELINE_BATCHES-th post waits for its own (`Prefer: wait`), and thereby for
 * all before it.  So at most that many are queued, whatever the machine's speed,
 * and the daemon is idle only for the one round trip in between. */
#include "tests/demo/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/demo/stopwatch.h"
#include "tests/demo/terminal.h"

#define PIPELINE_BATCHES 32
#define WAIT_SECONDS 30
#define REDRAW_SECONDS 0.1 /* on a terminal */
#define PLAIN_LINES 20     /* in all, elsewhere */
#define SHUFFLE_SEED 1

struct training {
    struct client *client;
    const char *path;       /* of the model */
    char batches_path[128]; /* where the batches go */
    const struct fashion_mnist_set *set;
    uint32_t *order; /* [set->count] this epoch's */
    uint64_t random; /* the shuffle's state */
    size_t posted;   /* batches */
    struct stopwatch stopwatch;
    double next_drawing; /* seconds, or on no terminal examples */
    struct progress progress;
};

static size_t batches_per_epoch(const struct fashion_mnist_set *set) {
    return (set->count + TRAINING_BATCH - 1) / TRAINING_BATCH;
}

size_t training_steps(const struct fashion_mnist_set *set) {
    return TRAINING_EPOCHS * batches_per_epoch(set);
}

/* SplitMix64, by Sebastiano Vigna. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Fisher and Yates's, so every order is as likely as any other. */
static void shuffle(uint32_t *order, size_t count, uint64_t *random) {
    for (size_t i = count; i > 1; i--) {
        const size_t j = next_random(random) % i;
        const uint32_t other = order[j];
        order[j] = order[i - 1];
        order[i - 1] = other;
    }
}

/* Ask the daemon how far it is. */
static bool update_progress(struct training *training, struct failure *failure) {
    struct progress *progress = &training->progress;
    double examples = 0;
    json_t *model = client_get(training->client, training->path, failure);
    const bool updated = model && answer_number(model, "examples", &examples, failure);
    /* null, here 0, until the first batch is trained */
    progress->loss = json_number_value(json_object_get(model, "running_loss"));
    progress->accuracy = json_number_value(json_object_get(model, "running_accuracy"));
    progress->examples = (size_t)examples;
    progress->seconds = stopwatch_seconds(&training->stopwatch);
    json_decref(model);
    return updated;
}

/* Show the progress when it is time to. */
static bool show_progress(struct training *training, struct failure *failure) {
    const bool in_place = terminal_is_one();
    const double now = in_place ? stopwatch_seconds(&training->stopwatch)
                                : (double)(training->posted * TRAINING_BATCH);
    if (now < training->next_drawing) {
        return true;
    }
    training->next_drawing +=
        in_place ? REDRAW_SECONDS : (double)training->progress.examples_all / PLAIN_LINES;
    if (!update_progress(training, failure)) {
        return false;
    }
    terminal_progress(&training->progress);
    return true;
}

/* Post one batch: `count` rows of this epoch's order, from `first`. */
static bool post_batch(struct training *training, size_t first, size_t count,
                       struct failure *failure) {
    const struct rows rows = {training->set, training->order + first, count, true};
    training->posted++;
    const bool waits = training->posted % PIPELINE_BATCHES == 0 ||
                       training->posted == training_steps(training->set);
    json_t *answer = client_post_rows(training->client, training->batches_path, &rows,
                                      waits ? WAIT_SECONDS : 0, failure);
    if (!answer) {
        return false;
    }
    const char *state = json_string_value(json_object_get(answer, "state"));
    const bool as_wanted = !waits || (state && strcmp(state, "trained") == 0);
    if (!as_wanted) {
        fail(failure, "batch %zu is %s after %d s, not trained", training->posted,
             state ? state : "in no state", WAIT_SECONDS);
    }
    json_decref(answer);
    return as_wanted;
}

static bool run_epoch(struct training *training, struct failure *failure) {
    const size_t count = training->set->count;
    shuffle(training->order, count, &training->random);
    for (size_t first = 0; first < count; first += TRAINING_BATCH) {
        const size_t rest = count - first;
        if (!post_batch(training, first, rest < TRAINING_BATCH ? rest : TRAINING_BATCH, failure) ||
            !show_progress(training, failure)) {
            return false;
        }
    }
    return true;
}

static bool run_epochs(struct training *training, struct failure *failure) {
    struct progress *progress = &training->progress;
    for (progress->epoch = 1; progress->epoch <= TRAINING_EPOCHS; progress->epoch++) {
        if (!run_epoch(training, failure)) {
            return false;
        }
    }
    return update_progress(training, failure);
}

bool training_run(struct client *client, const char *path, const struct fashion_mnist_set *set,
                  struct training_summary *summary, struct failure *failure) {
    struct training training = {
        .client = client,
        .path = path,
        .set = set,
        .order = malloc(set->count * sizeof *training.order),
        .random = SHUFFLE_SEED,
        .progress = {.epochs = TRAINING_EPOCHS, .examples_all = TRAINING_EPOCHS * set->count},
    };
    if (!training.order) {
        return fail(failure, "no memory for the order of the examples");
    }
    for (size_t i = 0; i < set->count; i++) {
        training.order[i] = (uint32_t)i;
    }
    snprintf(training.batches_path, sizeof training.batches_path, "%s/batches?" PIXEL_SCALE, path);
    training.next_drawing =
        terminal_is_one() ? REDRAW_SECONDS : (double)training.progress.examples_all / PLAIN_LINES;
    training.stopwatch = stopwatch_start();
    const bool succeeded = run_epochs(&training, failure);
    terminal_progress_end();
    *summary = (struct training_summary){training.progress.examples, training.progress.seconds,
                                         training.progress.loss, training.progress.accuracy};
    free(training.order);
    return succeeded;
}

/* See many_models.h.
 *
 * Two daemons stand side by side while a round measures: one with as many models as there
 * are connections, one with ten thousand.  The first measurement of a round makes them,
 * the last one ends them. */
#include "tests/bench/many_models.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/measurement.h"

#define MODELS ((size_t)10000)
#define CONNECTIONS ((size_t)16)
#define GIVE_BACK_SECONDS 5.0 /* for memory to return to the system */

#define SHAPE (&shapes[SHAPE_TINY])
#define PARAMETERS (4 * 16 + 16 + 16 * 3 + 3)
#define NUMBER_BYTES ((2 + 2) * PARAMETERS * sizeof(float)) /* two versions, Adam's moments */

enum call { CREATION, BATCH, PREDICTION, DELETION, CALLS };

/* A daemon and, for each of its models, the calls that it gets. */
struct side {
    struct process process;
    size_t models;
    struct load_request *calls[CALLS]; /* [models] each */
};

static struct side few, many;
static double resident, reserved; /* bytes that `many` took before its models */

static void name_of(size_t i, char name[16]) {
    snprintf(name, 16, "m%05zu", i);
}

static void side_begin(struct side *side, size_t models) {
    struct body batch = body_make(SHAPE, BODY_JSON, SHAPE->batch, true);
    struct body row = body_make(SHAPE, BODY_JSON, 1, false);
    char name[16];
    *side = (struct side){.process = daemon_start(), .models = models};
    for (size_t c = 0; c < CALLS; c++) {
        side->calls[c] = calloc(models, sizeof *side->calls[c]);
        if (side->calls[c] == NULL) {
            fprintf(stderr, "bench: no memory for the calls of %zu models\n", models);
            exit(EXIT_FAILURE);
        }
    }
    for (size_t i = 0; i < models; i++) {
        name_of(i, name);
        side->calls[CREATION][i] = daemon_creation(SHAPE, OPTIMIZER_ADAM, name);
        side->calls[BATCH][i] = daemon_request(name, "batches", &batch, SHAPE->batch);
        side->calls[PREDICTION][i] = daemon_request(name, "predictions", &row, 0);
        side->calls[DELETION][i] = daemon_deletion(name);
    }
    body_free(&batch);
    body_free(&row);
}

static void side_end(struct side *side) {
    for (size_t c = 0; c < CALLS; c++) {
        for (size_t i = 0; i < side->models; i++) {
            load_release(&side->calls[c][i]);
        }
        free(side->calls[c]);
    }
    process_stop(&side->process);
}

/* As many calls as there are models of `many`, by turns; returns calls a second. */
static double send(const struct side *side, enum call call) {
    return (double)MODELS /
           load_send(side->process.port, CONNECTIONS, side->calls[call], side->models, MODELS);
}

/* ---- calls ---- */

/* What the process takes before its models is what it has after one that has come, trained,
 * answered and gone. */
static double run_creations(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    side_begin(&few, CONNECTIONS);
    (void)load_send(few.process.port, CONNECTIONS, few.calls[CREATION], CONNECTIONS, CONNECTIONS);
    side_begin(&many, MODELS);
    for (size_t c = 0; c < CALLS; c++) {
        (void)load_send(many.process.port, 1, many.calls[c], 1, 1);
    }
    resident = (double)process_resident_bytes(&many.process);
    reserved = daemon_figure(many.process.port, "memory_bytes");
    const double rate = send(&many, CREATION);
    (void)send(&few, BATCH);
    (void)send(&many, BATCH); /* the first makes room for the loss history */
    return rate;
}

static double run_batches(const struct measurement *m, double seconds) {
    (void)seconds;
    return send(m->models == MODELS ? &many : &few, BATCH);
}

static double run_predictions(const struct measurement *m, double seconds) {
    (void)seconds;
    return send(m->models == MODELS ? &many : &few, PREDICTION);
}

static double run_deletions(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    return send(&many, DELETION);
}

/* ---- memory ---- */

static double tell_reserved(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    return (daemon_figure(many.process.port, "memory_bytes") - reserved) / (double)MODELS;
}

static double tell_resident(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    return ((double)process_resident_bytes(&many.process) - resident) / (double)MODELS;
}

static double tell_beyond_numbers(const struct measurement *m, double seconds) {
    return tell_resident(m, seconds) - (double)NUMBER_BYTES;
}

/* After the last model is gone; the daemon has its time to notice. */
static double run_left(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    const double until = clock_monotonic_seconds() + GIVE_BACK_SECONDS;
    double left;
    do {
        usleep(50000);
        left = ((double)process_resident_bytes(&many.process) - resident) / (1 << 20);
    } while (left > 1 && clock_monotonic_seconds() < until);
    side_end(&few);
    side_end(&many);
    return left;
}

/* ---- the list ---- */

static struct measurement *add(const char *unit, measure *run, size_t models, const char *what) {
    struct measurement *m =
        measurement_add("10,000 models of 4-16-3, Adam, through HTTP", unit, run, "%s", what);
    m->models = models;
    return m;
}

void many_models_measurements(void) {
    add("models/s", run_creations, MODELS, "created");
    const struct measurement *beside_few =
        add("batches/s", run_batches, CONNECTIONS, "batches of 16, one a request: 16 models");
    add("batches/s", run_batches, MODELS, "batches of 16, one a request: 10,000 models")->ceiling =
        beside_few;
    beside_few = add("requests/s", run_predictions, CONNECTIONS, "one-row predictions: 16 models");
    add("requests/s", run_predictions, MODELS, "one-row predictions: 10,000 models")->ceiling =
        beside_few;
    add("bytes", tell_reserved, MODELS, "a model in the ledger");
    add("bytes", tell_resident, MODELS, "a model in resident memory");
    add("bytes", tell_beyond_numbers, MODELS, "of these beyond weights and moments")->bound = 4096;
    add("models/s", run_deletions, MODELS, "deleted");
    add("MiB", run_left, MODELS, "resident memory left by them");
}

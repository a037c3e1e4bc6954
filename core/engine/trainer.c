/* Training turns; see trainer.h. */
#include "core/engine/trainer.h"

#include <math.h>
#include <stddef.h>

#include "core/base/checked.h"
#include "core/engine/checkpointing.h"
#include "core/engine/clock.h"
#include "core/engine/creation.h"
#include "core/engine/queue.h"
#include "core/engine/state.h"
#include "core/maths/pass.h"

#define LOOK_NANOSECONDS 500000

/* Wait until a reader has left, or for half a millisecond; with the lock held. */
static void wait_for_reader(struct model *model) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_NANOSECONDS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&model->readers_left, &model->lock, &until);
}

/* The version to write, once nobody reads it.  Readers are predicting turns of
 * other workers, and copies for long queries, which take their time; meanwhile
 * this worker lets predictions in too. */
static struct weights *wait_for_spare(struct worker *worker, struct model *model) {
    pthread_mutex_lock(&model->lock);
    struct weights *spare = weights_spare(&model->weights);
    while (spare->readers > 0) {
        wait_for_reader(model);
        pthread_mutex_unlock(&model->lock);
        scheduler_serve_predictions(worker);
        pthread_mutex_lock(&model->lock);
    }
    pthread_mutex_unlock(&model->lock);
    return spare;
}

static void publish(struct model *model, struct weights *spare, uint64_t step, uint64_t examples,
                    double now) {
    pthread_mutex_lock(&model->lock);
    spare->step = step;
    weights_publish_spare(&model->weights);
    model->examples = examples;
    model->updated_at = now;
    pthread_mutex_unlock(&model->lock);
}

/* --- batches --------------------------------------------------------------------- */

/* Forward once, backward about twice that; and something for the batch itself. */
#define BATCH_WORK 10000

static double example_work(const struct model *model) {
    return 3.0 * (double)network_forward_work(&model->network);
}

static double batch_work(const struct model *model, const struct entry *entry) {
    return example_work(model) * (double)entry->example_count + BATCH_WORK;
}

static void run_alone(struct worker *worker, struct pass *pass) {
    size_t phase = 0;
    do {
        const size_t tiles = pass_phase_tiles(pass, phase);
        for (size_t tile = 0; tile < tiles; tile++) {
            pass_run_tile(pass, phase, tile);
            scheduler_serve_predictions(worker);
        }
    } while (pass_end_phase(pass, phase++));
}

/* Where a run of batches is: from `from` the next one is trained into the spare version,
 * where it stays when the one before is there already. */
struct training {
    const struct weights *from;
    struct weights *into;
    uint64_t step, examples;
    struct pass *pass; /* of the batch before, of so many rows */
    size_t rows;
};

/* Most batches of a run have as many rows as the one before. */
static void begin_pass(struct worker *worker, const struct network *network,
                       struct training *training, const struct pass_batch *batch,
                       const struct pass_settings *settings, const struct pass_state *state) {
    if (training->rows == batch->rows) {
        pass_begin_again(training->pass, batch, settings, state);
        return;
    }
    void *scratch = worker_scratch(worker, TURN_TRAINING, pass_scratch_bytes(network, batch->rows));
    pass_begin(training->pass, network, batch, settings, state, scratch);
    training->rows = batch->rows;
}

static void train_batch(struct worker *worker, struct model *model, struct training *training,
                        const struct entry *entry, struct history_row *row) {
    const struct network *network = &model->network;
    const struct specification *specification = &model->training_settings->specification;
    const struct pass_batch examples =
        examples_as_batch(&entry->set->examples, entry->first_row, entry->example_count);
    const struct pass_settings settings = {
        .optimizer = &specification->optimizer,
        .class_weights = specification->class_weights,
        .output_delta = specification->output_delta,
        .seed = specification->seed,
    };
    const struct pass_state state = {
        .step = training->step,
        .from = training->from->parameters,
        .into = training->into->parameters,
        .standardizer_from = network->standardize ? &training->from->standardizer : NULL,
        .standardizer_into = network->standardize ? &training->into->standardizer : NULL,
        .first = model->first,
        .second = model->second,
    };
    struct pass *pass = training->pass;
    begin_pass(worker, network, training, &examples, &settings, &state);
    if (batch_work(model, entry) < SHARED_WORK) {
        run_alone(worker, pass);
    } else {
        scheduler_run_shared(worker, pass);
    }
    const bool diverged = pass->result.diverged;
    if (!diverged) {
        training->from = training->into;
        training->step++;
        training->examples += entry->example_count;
    }
    row->batch = entry->number;
    row->step = training->step;
    row->loss = diverged ? NAN : pass->result.loss;
    row->accuracy = diverged ? NAN : pass->result.accuracy;
    row->examples = entry->example_count;
    row->state = diverged ? ENTRY_DIVERGED : ENTRY_DONE;
}

/* Published once, when all are done.  True when steps were taken. */
static bool train_run(struct worker *worker, struct model *model, struct run *run) {
    struct weights *spare = wait_for_spare(worker, model);
    /* Only the trainer publishes, so the published version cannot change here. */
    const struct weights *published = weights_published(&model->weights);
    struct pass pass; /* large, and rather not cleared */
    struct training training = {
        .from = published,
        .into = spare,
        .step = published->step,
        .examples = model->examples,
        .pass = &pass,
    };
    for (size_t i = 0; i < run->count; i++) {
        train_batch(worker, model, &training, run->entries[i], &run->results[i]);
    }
    const double now = clock_wall_seconds();
    for (size_t i = 0; i < run->count; i++) {
        run->results[i].time = now;
    }
    if (training.from == spare) {
        publish(model, spare, training.step, training.examples, now);
    }
    queue_finish_run(model, run, &worker->statistics);
    return training.from == spare;
}

/* --- other entries ------------------------------------------------------------------ */

static void finish_change(struct worker *worker, struct model *model, struct entry *entry) {
    const struct history_row row = {.step = weights_published(&model->weights)->step,
                                    .time = clock_wall_seconds(),
                                    .state = ENTRY_DONE};
    queue_finish(model, entry, &row, &worker->statistics);
}

static void serve_predictions(void *worker) {
    scheduler_serve_predictions(worker);
}

static void put_in_force(struct worker *worker, struct model *model, struct entry *entry) {
    settings_release(model->training_settings);
    model->training_settings = settings_reference(entry->settings);
    if (entry->first != NULL) {
        weights_fill(entry->first, model->network.parameter_floats, 0,
                     (struct pause){serve_predictions, worker});
        /* A slot that former settings left stands until now; it goes with the entry,
         * and what the ledger has for one of the two with it. */
        float *former = model->first;
        model->first = entry->first;
        entry->first = former;
        if (former == NULL) {
            model->first_bytes = entry->first_bytes;
            entry->first_bytes = 0;
        }
    }
}

static void fill_slot(const struct model *model, float *slot, struct pause pause) {
    if (slot != NULL) {
        weights_fill(slot, model->network.parameter_floats,
                     optimizer_initial_slot(&model->training_settings->specification.optimizer),
                     pause);
    }
}

/* Fresh weights, as the model had when it was made with this seed. */
static void reset(struct worker *worker, struct model *model, struct entry *entry) {
    put_in_force(worker, model, entry);
    struct weights *spare = wait_for_spare(worker, model);
    const struct pause pause = {serve_predictions, worker};
    weights_clear(spare, &model->network, pause);
    network_initialize(&model->network, &model->training_settings->specification, spare->parameters,
                       pause);
    fill_slot(model, model->first, pause);
    fill_slot(model, model->second, pause);
    publish(model, spare, 0, 0, clock_wall_seconds());
    finish_change(worker, model, entry);
}

/* The target is ready, or cannot be. */
static void finish_clone(struct completion *completion) {
    struct entry *entry = (struct entry *)((char *)completion - offsetof(struct entry, finished));
    const bool refused = entry->target->refusal != ERROR_NONE;
    const struct history_row row = {.step = entry->numbers->head->step,
                                    .time = clock_wall_seconds(),
                                    .state = refused ? ENTRY_DROPPED : ENTRY_DONE};
    entry->refusal = entry->target->refusal;
    struct model *model = model_reference(entry->model); /* the entry may be its last holder */
    queue_finish(model, entry, &row, NULL);
    model_release(model);
}

/* The target, which nobody can find yet, begins with what the model is at this place; the turn
 * goes on meanwhile. */
static void copy_to_target(struct worker *worker, struct model *model, struct entry *entry) {
    struct creation *creation = entry->creation;
    if (model->training_settings->revision != entry->settings->revision) {
        queue_drop(model, entry); /* the target was made for other settings */
        return;
    }
    state_take(entry->numbers, model, (struct pause){serve_predictions, worker});
    entry->target->initial = state_reference(entry->numbers);
    entry->creation = NULL;
    entry->finished.complete = finish_clone;
    creation_begin(creation, &entry->finished);
}

/* It was made for as many slots as the settings in force here need. */
static void take_state(struct worker *worker, struct model *model, struct entry *entry) {
    const struct pause pause = {serve_predictions, worker};
    if (entry->checkpoint != NULL) {
        checkpointing_take(model, entry->checkpoint, pause);
    } else {
        state_take(entry->numbers, model, pause);
    }
    finish_change(worker, model, entry);
}

static void restore(struct worker *worker, struct model *model, struct entry *entry) {
    const struct state_head *head = entry->numbers->head;
    const struct pause pause = {serve_predictions, worker};
    if (entry->checkpoint != NULL) {
        checkpointing_take(model, entry->checkpoint, pause);
    }
    put_in_force(worker, model, entry);
    struct weights *spare = wait_for_spare(worker, model);
    state_put(entry->numbers, model, spare, pause);
    publish(model, spare, head->step, head->examples, clock_wall_seconds());
    finish_change(worker, model, entry);
}

/* Returns about how much work it was. */
static double finish_run(struct worker *worker, struct model *model, struct run *run) {
    struct entry *entry = run->entries[0];
    if (entry->state == ENTRY_CANCELLED) {
        queue_drop(model, entry);
        return 1000;
    }
    switch (entry->kind) {
    case ENTRY_BATCH:
        if (train_run(worker, model, run)) {
            checkpointing_look(model, (struct pause){serve_predictions, worker});
        }
        return run->work;
    case ENTRY_SETTINGS:
        put_in_force(worker, model, entry);
        finish_change(worker, model, entry);
        break;
    case ENTRY_RESET:
        reset(worker, model, entry);
        break;
    case ENTRY_CLONE:
        copy_to_target(worker, model, entry);
        break;
    case ENTRY_TAKE:
        take_state(worker, model, entry);
        break;
    case ENTRY_RESTORE:
        restore(worker, model, entry);
        break;
    case ENTRY_CREATION:
    case ENTRY_DELETION:
    case ENTRY_CANCELLATION:
        break; /* never in a queue */
    }
    return 4.0 * (double)model->network.parameter_floats;
}

void trainer_turn(struct worker *worker, struct model *model) {
    const double now = clock_monotonic_seconds();
    pthread_mutex_lock(&model->lock);
    const bool taken = model->training;
    model->training = true;
    model->turn_at = taken ? model->turn_at : now;
    pthread_mutex_unlock(&model->lock);
    if (taken) {
        return; /* the worker that is at it lists the model again when it must */
    }
    struct run_limit limit = {
        .work = TRAINING_TURN_WORK,
        .work_of_batch = BATCH_WORK,
        .work_of_example = example_work(model),
    };
    /* A batch that diverges leaves moments of its inputs in the version that it was
     * to become: it may not be the one that it started from. */
    const size_t run_max = model->network.standardize ? 1 : RUN_ENTRIES_MAX;
    do {
        struct run run;
        limit.entries = size_min(run_max, checkpointing_run_limit(model));
        if (!queue_next_run(model, &limit, &run)) {
            return;
        }
        limit.work -= finish_run(worker, model, &run);
        if (limit.work <= 0 && scheduler_may_go_on(worker)) {
            limit.work = TRAINING_TURN_WORK;
        }
    } while (limit.work > 0);
    if (queue_end_turn(model)) {
        scheduler_list(worker->scheduler, model, TURN_TRAINING);
    }
}

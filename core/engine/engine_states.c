/* States of models are taken out and put back: the engine's face for them; see engine.h. */
#include "core/base/memory.h"
#include "core/engine/engine_internal.h"
#include "core/engine/state.h"

#define REBUILDS_MAX 100 /* against others who change the same model's settings */

/* What a call hands in, beside the model. */
struct request {
    enum entry_kind kind;
    struct state *state;           /* of ENTRY_RESTORE */
    uint64_t version;              /* which it is; 0: none of the model's */
    const struct keeping *keeping; /* what stands at the place becomes a checkpoint; or NULL */
    uint64_t revision;             /* that the newest settings must have; 0 is any */
    struct completion *acknowledged;
};

/* Which checkpoint. */
struct keeping {
    enum checkpoint_kind kind;
    const char *note;
    struct key_record *record; /* or NULL */
};

/* Room for a state with as many slots as these settings need: the settings in force at the
 * entry's place, or it is not handed in. */
static enum error_code make_room(const struct model *model, const struct settings *base,
                                 struct state **numbers, struct error *error) {
    const struct optimizer_settings *optimizer = &base->specification.optimizer;
    const size_t slots = optimizer_functions[optimizer->optimizer].slots(optimizer);
    return state_create(&model->network, slots, model->ledger, numbers, error);
}

static enum error_code prepare_checkpoint(struct entry *entry, const struct settings *base,
                                          const struct keeping *keeping, struct error *error) {
    struct state *numbers;
    enum error_code code = make_room(entry->model, base, &numbers, error);
    if (code == ERROR_NONE) {
        code = checkpoint_create(keeping->kind, keeping->note, keeping->record, numbers,
                                 entry->model->ledger, &entry->checkpoint, error);
        state_release(numbers);
    }
    return code;
}

/* The settings as they are, under a new revision. */
static enum error_code prepare_restore(struct entry *entry, const struct settings *base,
                                       struct state *state, struct error *error) {
    struct specification same;
    const enum error_code code = specification_copy_settings(&same, &base->specification, error);
    if (code != ERROR_NONE) {
        return code;
    }
    entry->settings = settings_create(&same, base->revision + 1);
    if (entry->settings == NULL) {
        memory_free(same.class_weights);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for settings");
    }
    entry->numbers = state_reference(state);
    return ERROR_NONE;
}

static enum error_code prepare(struct entry *entry, const struct request *request,
                               const struct settings *base, struct error *error) {
    enum error_code code = ERROR_NONE;
    if (request->keeping != NULL) {
        code = prepare_checkpoint(entry, base, request->keeping, error);
    }
    if (code == ERROR_NONE && request->kind == ENTRY_RESTORE) {
        entry->restored = request->version;
        code = prepare_restore(entry, base, request->state, error);
    } else if (code == ERROR_NONE && request->keeping == NULL) {
        code = entry_prepare_take(entry, base, error);
    }
    return code;
}

/* The entry is admitted.  `*former` as checkpoints_reserve says: then it is not handed in. */
static enum error_code submit_admitted(struct engine *engine, struct entry *entry,
                                       const struct settings *base, struct checkpoint **former,
                                       struct error *error) {
    struct model *model = entry->model;
    enum error_code code = ERROR_NONE;
    if (entry->checkpoint != NULL) {
        code = checkpoints_reserve(model, entry->checkpoint, former, error);
    }
    if (code != ERROR_NONE || *former != NULL) {
        queue_withdraw(model, 1);
        return code;
    }
    if (entry->restored != 0 && engine->checkpoints.writer != NULL) {
        code = checkpoints_pin(model, entry->restored, &entry->source, error);
        if (code != ERROR_NONE) {
            queue_withdraw(model, 1);
        }
    }
    if (code == ERROR_NONE) {
        code = engine_submit_on(engine, entry, base, error);
        if (code != ERROR_NONE && entry->source != NULL) {
            checkpoints_unpin(model, entry->source, 0);
        }
    }
    if (code != ERROR_NONE && entry->checkpoint != NULL) {
        checkpoints_settle(model, entry->checkpoint, ERROR_GONE, 0);
    }
    return code;
}

static enum error_code hand_in(struct engine *engine, struct model *model,
                               const struct request *request, const struct settings *base,
                               struct entry **result, struct checkpoint **former,
                               double *retry_after_seconds, struct error *error) {
    struct entry *entry = entry_create(model, request->kind);
    if (entry == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the state of a model");
    }
    entry->acknowledged = request->acknowledged;
    enum error_code code = prepare(entry, request, base, error);
    if (code == ERROR_NONE) {
        code = queue_admit(model, 1, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        code = submit_admitted(engine, entry, base, former, error);
    }
    if (code != ERROR_NONE || *former != NULL) {
        entry_release(entry);
        return code;
    }
    *result = entry;
    return ERROR_NONE;
}

/* Again while others change the settings; but who names a revision lets them win. */
static enum error_code submit(struct engine *engine, struct model *model,
                              const struct request *request, struct entry **entry,
                              struct checkpoint **former, double *retry_after_seconds,
                              struct error *error) {
    const int tries = request->revision == 0 ? REBUILDS_MAX : 1;
    enum error_code code = ERROR_STALE;
    *entry = NULL;
    *former = NULL;
    for (int i = 0; i < tries && code == ERROR_STALE; i++) {
        struct settings *base = model_settings(model);
        code = engine_check_open(engine, error);
        if (code == ERROR_NONE && request->revision != 0 && base->revision != request->revision) {
            code =
                error_set(error, ERROR_STALE, NULL, "the settings of %s were changed", model->name);
        }
        if (code == ERROR_NONE) {
            code = hand_in(engine, model, request, base, entry, former, retry_after_seconds, error);
        }
        settings_release(base);
    }
    return code;
}

enum error_code engine_take_state(struct engine *engine, struct model *model, uint64_t revision,
                                  struct completion *acknowledged, struct entry **entry,
                                  double *retry_after_seconds, struct error *error) {
    struct checkpoint *none;
    const struct request request = {
        .kind = ENTRY_TAKE, .revision = revision, .acknowledged = acknowledged};
    return submit(engine, model, &request, entry, &none, retry_after_seconds, error);
}

enum error_code engine_restore(struct engine *engine, struct model *model, struct state *state,
                               uint64_t version, uint64_t revision, struct completion *acknowledged,
                               struct entry **entry, double *retry_after_seconds,
                               struct error *error) {
    struct checkpoint *none;
    const struct request request = {.kind = ENTRY_RESTORE,
                                    .state = state,
                                    .version = version,
                                    .revision = revision,
                                    .acknowledged = acknowledged};
    const enum error_code code = state_check(state, &model->network, error);
    if (code == ERROR_NONE && version == 0 && engine->checkpoints.writer != NULL) {
        return error_set(error, ERROR_INTERNAL, NULL, "the log can only name a checkpoint");
    }
    return code != ERROR_NONE
               ? code
               : submit(engine, model, &request, entry, &none, retry_after_seconds, error);
}

/* --- checkpoints ------------------------------------------------------------------- */

enum error_code engine_checkpoint(struct engine *engine, struct model *model, const char *note,
                                  struct key_record *record, uint64_t revision,
                                  struct completion *acknowledged, struct checkpoint **checkpoint,
                                  bool *repeated, double *retry_after_seconds,
                                  struct error *error) {
    struct entry *entry = NULL;
    const struct keeping keeping = {CHECKPOINT_MANUAL, note, record};
    const struct request request = {.kind = ENTRY_TAKE,
                                    .keeping = &keeping,
                                    .revision = revision,
                                    .acknowledged = acknowledged};
    /* Before anything that can refuse: a repeat asks for nothing new. */
    enum error_code code = checkpoints_find_repeated(model, record, checkpoint, error);
    if (code == ERROR_NONE && *checkpoint == NULL) {
        code = submit(engine, model, &request, &entry, checkpoint, retry_after_seconds, error);
    }
    *repeated = code == ERROR_NONE && entry == NULL;
    if (entry != NULL) {
        *checkpoint = checkpoint_reference(entry->checkpoint);
        entry_release(entry);
    } else if (*repeated) {
        completion_call(acknowledged);
    }
    return code;
}

enum error_code engine_adopt(struct model *model, struct state *numbers, const char *note,
                             struct checkpoint **result, struct error *error) {
    struct checkpoint *checkpoint, *none;
    enum error_code code = state_check(numbers, &model->network, error);
    if (code == ERROR_NONE) {
        code = checkpoint_create(CHECKPOINT_PROMOTION, note, NULL, numbers, model->ledger,
                                 &checkpoint, error);
    }
    if (code != ERROR_NONE) {
        return code;
    }
    checkpoint->figures.step = numbers->head->step;
    checkpoint->figures.examples = numbers->head->examples;
    code = checkpoints_reserve(model, checkpoint, &none, error);
    if (code != ERROR_NONE) {
        checkpoint_release(checkpoint);
        return code;
    }
    checkpoints_keep(model, checkpoint);
    *result = checkpoint;
    return ERROR_NONE;
}

enum error_code engine_promote(struct engine *engine, struct model *model, struct state *numbers,
                               uint64_t version, const char *former_note,
                               struct completion *acknowledged, struct entry **entry,
                               double *retry_after_seconds, struct error *error) {
    struct checkpoint *none;
    const struct keeping keeping = {CHECKPOINT_PROMOTION, former_note, NULL};
    const struct request request = {.kind = ENTRY_RESTORE,
                                    .state = numbers,
                                    .version = version,
                                    .keeping = &keeping,
                                    .acknowledged = acknowledged};
    return submit(engine, model, &request, entry, &none, retry_after_seconds, error);
}

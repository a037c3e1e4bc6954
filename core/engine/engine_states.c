/* States of models are taken out and put back: the engine's face for them; see engine.h. */
#include "core/base/memory.h"
#include "core/engine/engine_internal.h"
#include "core/engine/state.h"

#define REBUILDS_MAX 100 /* against others who change the same model's settings */

/* What a call hands in, beside the model. */
struct request {
    enum entry_kind kind;
    struct state *state; /* of ENTRY_RESTORE */
    struct completion *acknowledged;
};

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

static enum error_code hand_in(struct engine *engine, struct model *model,
                               const struct request *request, const struct settings *base,
                               struct entry **result, double *retry_after_seconds,
                               struct error *error) {
    struct entry *entry = entry_create(model, request->kind);
    if (entry == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the state of a model");
    }
    entry->acknowledged = request->acknowledged;
    enum error_code code = request->kind == ENTRY_TAKE
                               ? entry_prepare_take(entry, base, error)
                               : prepare_restore(entry, base, request->state, error);
    if (code == ERROR_NONE) {
        code = queue_admit(model, 1, retry_after_seconds, error);
    }
    if (code == ERROR_NONE) {
        code = engine_submit_on(engine, entry, base, error);
    }
    if (code != ERROR_NONE) {
        entry_release(entry);
        return code;
    }
    *result = entry;
    return ERROR_NONE;
}

/* Again while others change the settings; but who names a revision lets them win. */
static enum error_code submit(struct engine *engine, struct model *model,
                              const struct request *request, uint64_t revision,
                              struct entry **entry, double *retry_after_seconds,
                              struct error *error) {
    const int tries = revision == 0 ? REBUILDS_MAX : 1;
    enum error_code code = ERROR_STALE;
    for (int i = 0; i < tries && code == ERROR_STALE; i++) {
        struct settings *base = model_settings(model);
        code = engine_check_open(engine, error);
        if (code == ERROR_NONE && revision != 0 && base->revision != revision) {
            code =
                error_set(error, ERROR_STALE, NULL, "the settings of %s were changed", model->name);
        }
        if (code == ERROR_NONE) {
            code = hand_in(engine, model, request, base, entry, retry_after_seconds, error);
        }
        settings_release(base);
    }
    return code;
}

enum error_code engine_take_state(struct engine *engine, struct model *model, uint64_t revision,
                                  struct completion *acknowledged, struct entry **entry,
                                  double *retry_after_seconds, struct error *error) {
    const struct request request = {.kind = ENTRY_TAKE, .acknowledged = acknowledged};
    return submit(engine, model, &request, revision, entry, retry_after_seconds, error);
}

enum error_code engine_restore(struct engine *engine, struct model *model, struct state *state,
                               uint64_t revision, struct completion *acknowledged,
                               struct entry **entry, double *retry_after_seconds,
                               struct error *error) {
    const struct request request = {
        .kind = ENTRY_RESTORE, .state = state, .acknowledged = acknowledged};
    const enum error_code code = state_check(state, &model->network, error);
    return code != ERROR_NONE
               ? code
               : submit(engine, model, &request, revision, entry, retry_after_seconds, error);
}

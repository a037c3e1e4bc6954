/* What every store can do, done by its backend; see store.h. */
#include "core/store/store.h"

enum store_result store_commit(struct store *store, const struct store_change *changes,
                               size_t count, struct error *error) {
    return store->functions->commit(store, changes, count, error);
}

uint64_t store_new_blob(struct store *store) {
    return store->functions->new_blob(store);
}

enum store_result store_sync(struct store *store, struct error *error) {
    return store->functions->sync(store, error);
}

enum store_result store_tidy(struct store *store, bool *more, struct error *error) {
    return store->functions->tidy(store, more, error);
}

enum store_result store_read_models(struct store *store, store_model_function *function,
                                    void *context, struct error *error) {
    return store->functions->read_models(store, function, context, error);
}

enum store_result store_read_entries(struct store *store, const char *model, uint64_t after,
                                     store_entry_function *function, void *context,
                                     struct error *error) {
    return store->functions->read_entries(store, model, after, function, context, error);
}

enum store_result store_read_keys(struct store *store, const char *model,
                                  store_key_function *function, void *context,
                                  struct error *error) {
    return store->functions->read_keys(store, model, function, context, error);
}

enum store_result store_read_history(struct store *store, const char *model,
                                     store_rows_function *function, void *context,
                                     struct error *error) {
    return store->functions->read_history(store, model, function, context, error);
}

enum store_result store_read_checkpoints(struct store *store, const char *model,
                                         store_checkpoint_function *function, void *context,
                                         struct error *error) {
    return store->functions->read_checkpoints(store, model, function, context, error);
}

enum store_result store_read_snapshot_head(struct store *store, const char *model, void **head,
                                           size_t *bytes, struct error *error) {
    return store->functions->read_snapshot_head(store, model, head, bytes, error);
}

enum store_result store_read_chunk(struct store *store, uint64_t blob, uint64_t index, void *into,
                                   size_t room, size_t *bytes, struct error *error) {
    return store->functions->read_chunk(store, blob, index, into, room, bytes, error);
}

enum store_result store_read_note(struct store *store, const char *name, char *text, size_t room,
                                  struct error *error) {
    return store->functions->read_note(store, name, text, room, error);
}

enum store_result store_write_note(struct store *store, const char *name, const char *text,
                                   struct error *error) {
    return store->functions->write_note(store, name, text, error);
}

enum store_result store_backup(struct store *store, const char *name, bool *more, uint64_t *bytes,
                               struct error *error) {
    return store->functions->backup(store, name, more, bytes, error);
}

struct store_figures store_look(const struct store *store) {
    return store->functions->look(store);
}

void store_close(struct store *store) {
    if (store != NULL) {
        store->functions->close(store);
    }
}

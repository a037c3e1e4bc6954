/* Backups; see backup.h. */
#include "core/engine/backup.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/engine/engine_internal.h"

void backup_release(struct backup *backup) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (backup != NULL &&
        atomic_fetch_sub_explicit(&backup->references, 1, memory_order_acq_rel) == 1) {
        memory_free(backup);
    }
}

static enum error_code code_of(enum store_result result) {
    switch (result) {
    case STORE_OK:
        return ERROR_NONE;
    case STORE_TAKEN:
        return ERROR_EXISTS;
    default:
        return ERROR_STORAGE;
    }
}

static bool copy_piece(struct writer_task *task, struct writer *writer) {
    struct backup *backup = (struct backup *)((char *)task - offsetof(struct backup, task));
    bool more;
    const enum store_result result =
        store_backup(writer->settings.store, backup->name, &more, &backup->bytes, &backup->error);
    if (result == STORE_FATAL) {
        writer->settings.fatal(backup->error.message);
    }
    if (result == STORE_OK && more) {
        return true;
    }
    backup->error.code = code_of(result);
    atomic_store_explicit(&backup->engine->backing_up, false, memory_order_release);
    completion_call(backup->done);
    backup_release(backup);
    return false;
}

static bool is_name(const char *name) {
    const size_t length = strnlen(name, BACKUP_NAME_BYTES);
    return length > 0 && length < BACKUP_NAME_BYTES && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

enum error_code backup_begin(struct engine *engine, const char *name, struct completion *done,
                             struct backup **result, struct error *error) {
    const enum error_code code = engine_check_open(engine, error);
    if (code != ERROR_NONE) {
        return code;
    }
    if (engine->writer.settings.store == NULL) {
        return error_set(error, ERROR_NOT_FOUND, NULL,
                         "there is nothing to back up: models are in memory only (--data)");
    }
    if (!is_name(name)) {
        return error_set(error, ERROR_INVALID, "/name",
                         "'%.64s' is no name of a backup: 1 to 64 letters, digits, '.', '_' and "
                         "'-', not beginning with '.'",
                         name);
    }
    if (atomic_exchange_explicit(&engine->backing_up, true, memory_order_acq_rel)) {
        return error_set(error, ERROR_EXISTS, NULL, "another backup is being made");
    }
    struct backup *backup = memory_allocate_zero(1, sizeof *backup);
    if (backup == NULL) {
        atomic_store_explicit(&engine->backing_up, false, memory_order_release);
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a backup");
    }
    atomic_init(&backup->references, 2);
    backup->task.step = copy_piece;
    backup->engine = engine;
    backup->done = done;
    snprintf(backup->name, sizeof backup->name, "%s", name);
    *result = backup;
    writer_add_task(&engine->writer, &backup->task);
    return ERROR_NONE;
}

/* A copy of the whole store, made by the writer in bounded pieces while all else goes on.
 *
 * A backup is counted: the call that asked for it has a reference, and the writer until it is
 * over.  Its result is written by the writer before `done` is called, then only read. */
#ifndef MLPD_CORE_ENGINE_BACKUP_H
#define MLPD_CORE_ENGINE_BACKUP_H

#include "core/engine/engine.h"
#include "core/engine/writer.h"

#define BACKUP_NAME_BYTES 65

struct backup {
    atomic_uint references;
    struct writer_task task;
    struct engine *engine;
    struct completion *done;
    char name[BACKUP_NAME_BYTES];

    /* The result. */
    struct error error; /* code ERROR_NONE: the copy is there */
    uint64_t bytes;
};

/* Begin one of that name: of 1 to 64 letters, digits, '.', '_' and '-', not beginning with '.'.
 * `done` is called when it is there or failed: ERROR_EXISTS where there is one of that name,
 * ERROR_STORAGE.  ERROR_INVALID for another name, ERROR_NOT_FOUND without a store, ERROR_EXISTS
 * while another one is made, ERROR_MEMORY, ERROR_CLOSED: then nothing is called. */
enum error_code backup_begin(struct engine *engine, const char *name, struct completion *done,
                             struct backup **backup, struct error *error);

/* NULL is allowed. */
void backup_release(struct backup *backup);

#endif

/* The checkpoints of a model: which there are, and which leave.
 *
 * Versions are numbers from 1 that never repeat in a model.  A model may have so many
 * checkpoints and so many bytes of them (struct checkpoint_limits), those that are pending
 * counted in.  Where a new one would be too many, automatic ones leave, the oldest first and
 * the best last; others only go when they are removed, and where that does not make room the
 * new one is refused.
 *
 * Their numbers are in memory, or, where there is a store, in it alone (checkpoint_store.h).  One
 * that an entry of the log restores stays until a snapshot covers the entry.
 *
 * struct checkpoints is guarded by the model's lock.  The functions take it themselves, and
 * what leaves is released without it: to free gigabytes takes long. */
#ifndef MLPD_CORE_ENGINE_CHECKPOINTS_H
#define MLPD_CORE_ENGINE_CHECKPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/engine/checkpoint.h"
#include "core/maths/specification.h"

struct completion;
struct model;
struct writer;

/* Of one model. */
struct checkpoint_limits {
    size_t count_max, bytes_max;
};

/* What is the same for all models. */
struct checkpoint_keeping {
    struct checkpoint_limits limits;
    struct writer *writer; /* of the store that has the numbers; NULL: there is none */
};

struct checkpoints {
    const struct checkpoint_keeping *keeping; /* fixed; NULL: the model can have none */
    struct checkpoint **list;                 /* [count] by version, each referenced */
    size_t count, capacity;
    uint64_t last_version;
    uint64_t last_recovered; /* the newest version that the store had at the start */
    uint64_t removed;        /* a version that the store remembers as removed; 0: none */
    uint64_t covered;        /* by the snapshot: places of the log */
    size_t bytes;            /* of the numbers of all in the list */
};

/* Nobody uses the model any more. */
void checkpoints_free(struct checkpoints *checkpoints);

/* Give a checkpoint its version and its place, pending.  `*former` is the checkpoint that was
 * made under the same key, referenced: then nothing is reserved; else NULL.  ERROR_INVALID:
 * that came with another payload.  ERROR_EXISTS at the bound on their count, ERROR_MEMORY at
 * that on their bytes, ERROR_GONE. */
enum error_code checkpoints_reserve(struct model *model, struct checkpoint *checkpoint,
                                    struct checkpoint **former, struct error *error);

/* The checkpoint that was made under the key of `record`, referenced; NULL: there is none, or
 * the record is NULL.  ERROR_INVALID. */
enum error_code checkpoints_find_repeated(struct model *model, const struct key_record *record,
                                          struct checkpoint **former, struct error *error);

/* A pending checkpoint has its numbers: they are kept here, or handed to the store, which
 * settles it. */
void checkpoints_keep(struct model *model, struct checkpoint *checkpoint);

/* A pending checkpoint is kept (ERROR_NONE), in `blob` of the store if that is not 0, or never
 * will be.  Where it is an automatic one, those beyond what the settings keep leave. */
void checkpoints_settle(struct model *model, struct checkpoint *checkpoint, enum error_code refusal,
                        uint64_t blob);

/* A checkpoint of the store, or of an entry of the log that is trained again, which has its
 * version, is the model's.  ERROR_MEMORY. */
enum error_code checkpoints_add(struct model *model, struct checkpoint *checkpoint,
                                enum checkpoint_status status, struct error *error);

/* The kept checkpoint of that version, referenced.  ERROR_NOT_FOUND. */
enum error_code checkpoints_find(struct model *model, uint64_t version,
                                 struct checkpoint **checkpoint, struct error *error);

/* Where it is. */
enum checkpoint_status checkpoints_look(struct model *model, const struct checkpoint *checkpoint);

/* The version of the best by the newest settings; 0: there is none, or none is wanted. */
uint64_t checkpoints_best_version(struct model *model);

/* Up to `limit` kept ones with versions above `after`, each referenced; returns how many.
 * `*more`: others follow. */
size_t checkpoints_list(struct model *model, uint64_t after, size_t limit, struct checkpoint **list,
                        bool *more);

/* Its numbers, referenced, where they are in memory; NULL. */
struct state *checkpoints_numbers(struct model *model, struct checkpoint *checkpoint);

/* Remove the kept checkpoint of that version; `removed` is called once it will not come back.
 * Who has it open keeps its numbers so long.  ERROR_NOT_FOUND; ERROR_EXISTS while an entry of the
 * log needs it; ERROR_MEMORY: then nothing is called. */
enum error_code checkpoints_remove(struct model *model, uint64_t version,
                                   struct completion *removed, struct error *error);

/* With a store: the kept checkpoint of that version stays, because it is to be restored,
 * referenced; ERROR_NOT_FOUND. */
enum error_code checkpoints_pin(struct model *model, uint64_t version,
                                struct checkpoint **checkpoint, struct error *error);

/* What pinned it is in the log at that place, or (0) will not be. */
void checkpoints_unpin(struct model *model, struct checkpoint *checkpoint, uint64_t place);

/* A snapshot covers the log up to that place. */
void checkpoints_cover(struct model *model, uint64_t place);

/* Is there a version above that one which is kept?  With the lock held. */
bool checkpoints_has_newer(const struct checkpoints *checkpoints, uint64_t version);

/* Is there an automatic one of that batch or a later one? */
bool checkpoints_has_automatic(struct model *model, uint64_t batch);

#endif

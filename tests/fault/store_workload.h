/* What is done to a store while its file system fails: all kinds of changes, tidying, backups and
 * new openings, by chance but repeatably.
 *
 * A workload knows what it has been told is done, and so what the next step is; a step that
 * failed is the next one again.  What a store holds is compared as a text (store_fixture.h). */
#ifndef MLPD_TESTS_FAULT_STORE_WORKLOAD_H
#define MLPD_TESTS_FAULT_STORE_WORKLOAD_H

#include "tests/fault/store_vfs.h"
#include "tests/unit/store_fixture.h"

#define WORKLOAD_MODELS 3
#define WORKLOAD_BLOBS 4

struct workload_model {
    char id[STORE_ID_BYTES], name[32];
    bool there;
    uint64_t last, covers, rows, versions;
};

struct workload {
    struct store_fixture fixture; /* its store is NULL after a failed opening */
    const char *vfs;              /* by that name */
    uint64_t random;
    uint64_t steps, models_made, keys, backups;
    struct workload_model models[WORKLOAD_MODELS];
    enum store_durability durability;
    bool synced; /* by the last step, where that is not each */
    bool large;  /* at times some payloads of more than a chunk */
};

/* On a directory that is there; the store is opened by the first step. */
void workload_begin(struct workload *workload, const char *directory, const char *vfs,
                    uint64_t seed);

/* Do the next step.  STORE_OK: it is done.  STORE_FATAL also where the store could not be
 * opened. */
enum store_result workload_step(struct workload *workload);

/* Close the store, whatever it can still do. */
void workload_close(struct workload *workload);

/* What the store that `vfs` has under `directory` holds, opened, read and closed; NULL and the
 * reason in `error` where it cannot be opened or read.  For free. */
char *workload_read(const char *directory, const char *vfs, struct error *error);

#endif

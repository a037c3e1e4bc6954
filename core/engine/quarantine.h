/* Models whose stored data are damaged: their names stay taken, so that nobody makes another
 * model where the data still lie, and say what was found.
 *
 * Filled while the store is read, then only looked at and taken from: one lock. */
#ifndef MLPD_CORE_ENGINE_QUARANTINE_H
#define MLPD_CORE_ENGINE_QUARANTINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/store/store.h"

struct quarantined;

struct quarantine {
    pthread_mutex_t lock;      /* guards the list; a leaf */
    struct quarantined *first; /* few, or something is very wrong */
    size_t count;
};

bool quarantine_init(struct quarantine *quarantine);
void quarantine_destroy(struct quarantine *quarantine);

/* ERROR_MEMORY. */
enum error_code quarantine_add(struct quarantine *quarantine, const char *id, const char *name,
                               const char *problem, struct error *error);

/* ERROR_DAMAGED with what was found, if there is one of that name; else ERROR_NONE. */
enum error_code quarantine_check(struct quarantine *quarantine, const char *name,
                                 struct error *error);

/* Its id, and it is out; false: there is none of that name. */
bool quarantine_take(struct quarantine *quarantine, const char *name, char id[STORE_ID_BYTES]);

size_t quarantine_count(struct quarantine *quarantine);

#endif

/* Damaged models; see quarantine.h. */
#include "core/engine/quarantine.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/engine/model.h"

struct quarantined {
    struct quarantined *next;
    char id[STORE_ID_BYTES];
    char name[MODEL_NAME_BYTES];
    char problem[ERROR_MESSAGE_BYTES];
};

bool quarantine_init(struct quarantine *quarantine) {
    quarantine->first = NULL;
    quarantine->count = 0;
    return pthread_mutex_init(&quarantine->lock, NULL) == 0;
}

void quarantine_destroy(struct quarantine *quarantine) {
    while (quarantine->first != NULL) {
        struct quarantined *model = quarantine->first;
        quarantine->first = model->next;
        memory_free(model);
    }
    pthread_mutex_destroy(&quarantine->lock);
}

enum error_code quarantine_add(struct quarantine *quarantine, const char *id, const char *name,
                               const char *problem, struct error *error) {
    struct quarantined *model = memory_allocate(1, sizeof *model);
    if (model == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a damaged model's name");
    }
    snprintf(model->id, sizeof model->id, "%s", id);
    snprintf(model->name, sizeof model->name, "%s", name);
    snprintf(model->problem, sizeof model->problem, "%s", problem);
    pthread_mutex_lock(&quarantine->lock);
    model->next = quarantine->first;
    quarantine->first = model;
    quarantine->count++;
    pthread_mutex_unlock(&quarantine->lock);
    return ERROR_NONE;
}

/* With the lock held: what points to the model of that name, or to the end. */
static struct quarantined **find(struct quarantine *quarantine, const char *name) {
    struct quarantined **at = &quarantine->first;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

enum error_code quarantine_check(struct quarantine *quarantine, const char *name,
                                 struct error *error) {
    enum error_code code = ERROR_NONE;
    pthread_mutex_lock(&quarantine->lock);
    const struct quarantined *model = *find(quarantine, name);
    if (model != NULL) {
        code = error_set(error, ERROR_DAMAGED, NULL,
                         "what is stored of the model %s is damaged: %s; DELETE it, or restore a "
                         "back-up",
                         name, model->problem);
    }
    pthread_mutex_unlock(&quarantine->lock);
    return code;
}

bool quarantine_take(struct quarantine *quarantine, const char *name, char id[STORE_ID_BYTES]) {
    pthread_mutex_lock(&quarantine->lock);
    struct quarantined **at = find(quarantine, name);
    struct quarantined *model = *at;
    if (model != NULL) {
        *at = model->next;
        quarantine->count--;
        snprintf(id, STORE_ID_BYTES, "%s", model->id);
    }
    pthread_mutex_unlock(&quarantine->lock);
    memory_free(model);
    return model != NULL;
}

size_t quarantine_count(struct quarantine *quarantine) {
    pthread_mutex_lock(&quarantine->lock);
    const size_t count = quarantine->count;
    pthread_mutex_unlock(&quarantine->lock);
    return count;
}

/* A model comes into being: it is in the store, whole, before anybody can find it.
 *
 * ENTRY_CREATION goes through the writer's group; where the model begins with a state (of
 * another model, of a file), that is stored in chunks before.  Then a worker makes the first
 * weights. */
#ifndef MLPD_CORE_ENGINE_CREATION_H
#define MLPD_CORE_ENGINE_CREATION_H

#include "core/engine/query.h"
#include "core/engine/writer.h"

struct creation;

/* Of the model of `query` (QUERY_INITIALIZATION), which is registered and not ready.  References
 * the query, and the record of the key that the request came with, or NULL.  ERROR_MEMORY. */
enum error_code creation_create(struct query *query, struct key_record *record,
                                struct writer *writer, struct creation **creation,
                                struct error *error);

/* `done` is called when the model is ready, or has model->refusal and is deleted.  The creation is
 * the writer's then; model->initial stands from now on.  Any thread. */
void creation_begin(struct creation *creation, struct completion *done);

/* One that was not begun; NULL is allowed. */
void creation_free(struct creation *creation);

#endif

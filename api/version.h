/* A version of a model by its number, as calls name it: in the address, or as ?checkpoint=V. */
#ifndef MLPD_API_VERSION_H
#define MLPD_API_VERSION_H

#include "api/call_internal.h"

/* The number in the address, /v1/models/{model}/checkpoints/{number}.  False after answering
 * 404. */
bool version_read(struct call *call, uint64_t *version);

/* Find the checkpoint of that version: call->checkpoint.  False after answering 404. */
bool version_find(struct call *call, uint64_t version);

/* Find it and go on with `resume` once call->numbers are its numbers.  Errors are answered. */
void version_open(struct call *call, uint64_t version, resume_function *resume);

#endif

/* What the handlers of models share: reading a name, answering with a model. */
#ifndef MLPD_API_MODEL_ANSWER_H
#define MLPD_API_MODEL_ANSWER_H

#include "api/call_internal.h"
#include "api/json_document.h"
#include "api/model_json.h"

/* ERROR_INVALID when no model may have that name. */
enum error_code model_check_name(const char *name, struct error *error);

/* The member "name" of a body, checked and copied. */
enum error_code model_read_name(const json_t *body, char name[MODEL_NAME_BYTES],
                                struct error *error);

/* Answer with the model and its ETag. */
void model_answer(struct call *call, unsigned status, struct model *model,
                  const struct model_extras *extras);

#endif

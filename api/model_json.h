/* A model as clients see it. */
#ifndef MLPD_API_MODEL_JSON_H
#define MLPD_API_MODEL_JSON_H

#include "api/json_write.h"
#include "core/engine/model.h"

/* What is not always told of a model. */
struct model_extras {
    const char *weights_hash; /* or NULL */
    bool has_effective_step;
    uint64_t effective_step; /* the first step trained with changed settings */
};

/* The create body made whole, then what has become of the model; `*revision` is
 * that of the settings shown. */
void model_write(struct json_writer *json, struct model *model, const struct model_extras *extras,
                 uint64_t *revision);

/* The short form of a listing. */
void model_write_summary(struct json_writer *json, struct model *model);

#endif

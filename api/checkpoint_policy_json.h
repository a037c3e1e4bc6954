/* When a model's checkpoints are taken by themselves, in both directions: JSON to settings
 * and back.  The reader's pointers are relative to the value; see json_document.h.  Pure
 * functions. */
#ifndef MLPD_API_CHECKPOINT_POLICY_JSON_H
#define MLPD_API_CHECKPOINT_POLICY_JSON_H

#include <jansson.h>

#include "api/json_write.h"
#include "core/maths/specification.h"

/* An object of settings, whose others get their defaults; null: none are taken.
 * ERROR_INVALID. */
enum error_code checkpoint_policy_read(const json_t *value, struct checkpoint_policy *policy,
                                       struct error *error);

/* The object, made whole; null. */
void checkpoint_policy_write(struct json_writer *json, const struct checkpoint_policy *policy);

/* The name of what the best is chosen by, NULL behind the last. */
const char *checkpoint_metric_name_at(size_t index);

#endif

/* The create body, in both directions: JSON to a network specification and back.
 * The fields are those of the blueprint's create call; README lists them. */
#ifndef MLPD_API_SPECIFICATION_JSON_H
#define MLPD_API_SPECIFICATION_JSON_H

#include "api/json_document.h"
#include "api/json_write.h"
#include "core/maths/specification.h"

/* Fill `specification` from the members of `body` but for "name", and complete
 * it.  ERROR_INVALID with the pointer of the field, ERROR_MEMORY.  On success the
 * caller owns what the specification owns. */
enum error_code specification_read(const json_t *body, struct specification *specification,
                                   struct error *error);

/* `changed` becomes `former` with the members of a PATCH body: optimizer settings,
 * class_weights, output_delta, checkpoints.  `structure` is the model's own specification; the
 * layers and classes of `changed` stay its, the class weights are `changed`'s own.
 * ERROR_INVALID with the pointer of the field, ERROR_MEMORY. */
enum error_code specification_change(const json_t *body, const struct specification *structure,
                                     const struct specification *former,
                                     struct specification *changed, struct error *error);

/* A seed: a whole number up to 2⁵³, which every JSON client can hold. */
enum error_code specification_read_seed(const json_t *value, uint64_t *seed, struct error *error);

/* Write the members, from "inputs" to "checkpoints", made whole: those of
 * `structure`, with the changeable ones of `settings`. */
void specification_write(struct json_writer *json, const struct specification *structure,
                         const struct specification *settings);

#endif

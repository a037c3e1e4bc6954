/* A model taken in: a safetensors file whose __metadata__.config is the create body and whose
 * tensors are those of model_tensors.h, read as it arrives into the state that the new model
 * begins with.  What mlpd exports comes in so; so does what PyTorch's safetensors.torch
 * .save_file writes of an nn.Sequential, where `config` was added to the metadata.
 *
 * Every tensor of the network has to be there, and no other.  The optimizer's slots are all
 * there or none.  With them, and with an optimizer that has none, training goes on at the
 * `step` of the metadata; without, it begins anew, at step 0.  Types are converted; numbers
 * have to be finite as float32, and variances and sums of squares not below 0.
 *
 * The file is not to be trusted: sizes are checked before memory is taken, and that is in the
 * ledger.  A model_intake belongs to one call. */
#ifndef MLPD_API_MODEL_INTAKE_H
#define MLPD_API_MODEL_INTAKE_H

#include "api/safetensors_reader.h"
#include "core/engine/state.h"
#include "core/maths/specification.h"

struct model_intake {
    struct ledger *ledger;
    struct safetensors_reader reader;

    /* The config. */
    struct specification specification; /* complete once the header is read; owned */
    struct network network;
    struct network_layer layers[LAYERS_MAX];
    uint64_t step, examples; /* of the metadata */

    struct buffer known; /* struct model_tensor [known_count], by name */
    struct buffer found; /* struct safetensors_tensor [known_count] */
    size_t known_count;
    size_t current, items_taken; /* of a tensor: the number, and its items so far */
    struct state *state;         /* from the end of the header on; owned */
};

/* NULL when there is no memory.  `body_bytes` as in struct intake_request. */
struct model_intake *model_intake_create(struct ledger *ledger, size_t body_bytes);

/* NULL is allowed. */
void model_intake_destroy(struct model_intake *intake);

/* As intake_feed and intake_end.  After the end the specification and the state are the
 * caller's to take. */
enum error_code model_intake_feed(struct model_intake *intake, const char *data, size_t size,
                                  struct error *error);
enum error_code model_intake_end(struct model_intake *intake, struct error *error);

#endif

/* The tensors of a file of a model: what each is called, and which numbers of the model's
 * state (core/engine/state.h) it has.  One list for what is written (safetensors_file.c,
 * onnx_file.c) and what is read (model_intake.c).
 *
 * Names are those that PyTorch's nn.Sequential gives its parameters and buffers.  A layer
 * is, in this order: Linear; BatchNorm1d or LayerNorm, where it is normalised; its
 * activation, but for identity and for a softmax or sigmoid of the last layer, which the
 * loss has inside; Dropout, where it drops.  Each of these counts one:
 *
 *   P.weight [out, in], P.bias [out]                 of a Linear at place P
 *   P.weight, P.bias [units]                         γ and β of a normalisation at place P
 *   P.running_mean, P.running_var [units],
 *   P.num_batches_tracked []                         of BatchNorm1d beside them
 *
 * What is not the network's does not begin with a digit, so that it can be split off:
 *
 *   standardizer.mean, .m2, .scale [inputs] F64, .count []   the inputs are (x - mean)·scale
 *   optimizer.first.P.weight …, optimizer.second.P.weight …  the optimizer's slots
 *
 * Items are F32 where nothing else is said, without a padding; counts are I64.  Pure
 * functions, any thread. */
#ifndef MLPD_API_MODEL_TENSORS_H
#define MLPD_API_MODEL_TENSORS_H

#include "api/dtype.h"
#include "core/base/buffer.h"
#include "core/engine/state.h"
#include "core/maths/specification.h"

#define MODEL_TENSOR_NAME_BYTES 48

/* Which of a state's numbers. */
enum model_tensor_part {
    PART_PARAMETERS,
    PART_MEAN, /* of the standardizer, as the next three */
    PART_M2,
    PART_SCALE,
    PART_COUNT,
    PART_STEP, /* of the state; a file's is not read */
    PART_FIRST_SLOT,
    PART_SECOND_SLOT
};

/* Of one network with an optimizer's two slots. */
#define MODEL_TENSORS_MAX (LAYERS_MAX * 15 + 4)

struct model_tensor {
    char name[MODEL_TENSOR_NAME_BYTES];
    const struct dtype *dtype; /* as it stands in the state */
    size_t rank, shape[2];
    size_t items;
    enum model_tensor_part part;
    size_t offset;         /* of its first item there */
    bool has_no_negatives; /* a variance, a mean of squares, a count */
};

/* Append the tensors of a network to `tensors`, a buffer of struct model_tensor: items of 8
 * bytes first, then those of 4, each kind in the order of the layers, so that one behind
 * the other they are aligned.  With `slot_count` slots of `optimizer`.  ERROR_MEMORY. */
enum error_code model_tensors_list(const struct network *network,
                                   const struct optimizer_settings *optimizer, size_t slot_count,
                                   struct buffer *tensors, struct error *error);

/* How many slots the optimizer has. */
size_t model_tensors_slots(const struct optimizer_settings *optimizer);

/* Where a tensor's items lie in a state of that network. */
void *model_tensor_items(const struct model_tensor *tensor, const struct network *network,
                         const struct state *state);

/* The places of a layer in nn.Sequential, counted from 0, and of what comes after it. */
struct model_places {
    size_t linear, normalization, next;
};

/* `first` is the `next` of the layer before; 0 for the first layer. */
struct model_places model_places(const struct network *network, size_t layer, size_t first);

#endif

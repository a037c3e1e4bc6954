/* A model as an ONNX file, for inference; see model_file.h, and model_tensors.h for the names
 * of its weights.
 *
 * IR version 7, operators of set 13, so that old runtimes read it too; what that set lacks
 * (GELU, layer normalisation) is written out.  `inputs` [batch, inputs] and `outputs`
 * [batch, outputs] are float32, the batch is of any size.  Dropout does nothing then and is
 * left out, batch normalisation uses its moving statistics, and inputs are standardised as
 * mlpd does it, in double: an offset of 1e8 costs no digits.  metadata_props has `config`,
 * the create body, and the facts that every file of a model has.
 *
 * A ModelProto has the graph as one field, whose length comes first: the graph is written
 * first, and the beginning of the file, which is the file's first part, when all is known.
 * Field numbers are those of onnx.proto3. */
#include <stdio.h>
#include <string.h>

#include "api/media_type.h"
#include "api/model_file.h"
#include "api/model_tensors.h"
#include "api/protobuf.h"
#include "core/engine/model.h"

#define IR_VERSION 7
#define OPERATOR_SET 13
#define FILE_BYTES_MAX INT32_MAX /* what a message may have */

#define NAME_BYTES 64
#define NODE_INPUTS_MAX 5

enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER_NAME = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPERATOR_SETS = 8,
    MODEL_METADATA = 14,

    GRAPH_NODES = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZERS = 5,
    GRAPH_INPUTS = 11,
    GRAPH_OUTPUTS = 12,

    NODE_INPUTS = 1,
    NODE_OUTPUTS = 2,
    NODE_NAME = 3,
    NODE_OPERATOR = 4,
    NODE_ATTRIBUTES = 5,

    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_FLOAT = 2,
    ATTRIBUTE_INTEGER = 3,
    ATTRIBUTE_INTEGERS = 8,
    ATTRIBUTE_TYPE = 20,

    TENSOR_SHAPE = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW_DATA = 9,
};

enum attribute_type { TYPE_FLOAT = 1, TYPE_INTEGER = 2, TYPE_INTEGERS = 7 };
enum item_type { ITEM_FLOAT = 1, ITEM_DOUBLE = 11 };

/* ---- nodes ---- */

struct attribute {
    const char *name; /* NULL: none */
    enum attribute_type type;
    float number;
    uint64_t integer; /* of a list the only one */
};

struct node {
    const char *op_type;
    char inputs[NODE_INPUTS_MAX][NAME_BYTES];
    size_t input_count;
    struct attribute attribute;
    char output[NAME_BYTES];
};

/* What activations and normalisation need beside the model's own numbers. */
enum constant { CONSTANT_HALF, CONSTANT_ONE, CONSTANT_SQRT_HALF, CONSTANT_EPSILON, CONSTANTS };

static const struct {
    const char *name;
    float value;
} constants[CONSTANTS] = {
    [CONSTANT_HALF] = {"constant.half", 0.5f},
    [CONSTANT_ONE] = {"constant.one", 1.0f},
    [CONSTANT_SQRT_HALF] = {"constant.sqrt_half", 0.70710678f},
    [CONSTANT_EPSILON] = {"constant.epsilon", NORMALIZATION_EPSILON},
};

struct graph {
    const struct model_source *source;
    struct model_file *file;
    struct protobuf out; /* into the file's text */
    struct node node;    /* the newest, to be written when there is another one */
    size_t node_count;
    bool is_used[CONSTANTS];
};

static void write_attribute(struct protobuf *out, const struct attribute *attribute) {
    const size_t mark = protobuf_begin(out, NODE_ATTRIBUTES);
    protobuf_write_text(out, ATTRIBUTE_NAME, attribute->name);
    if (attribute->type == TYPE_FLOAT) {
        protobuf_write_float(out, ATTRIBUTE_FLOAT, attribute->number);
    } else {
        protobuf_write_integer(
            out, attribute->type == TYPE_INTEGER ? ATTRIBUTE_INTEGER : ATTRIBUTE_INTEGERS,
            attribute->integer);
    }
    protobuf_write_integer(out, ATTRIBUTE_TYPE, attribute->type);
    protobuf_end(out, mark);
}

static void write_node(struct graph *graph, const char *output) {
    const struct node *node = &graph->node;
    struct protobuf *out = &graph->out;
    const size_t mark = protobuf_begin(out, GRAPH_NODES);
    for (size_t i = 0; i < node->input_count; i++) {
        protobuf_write_text(out, NODE_INPUTS, node->inputs[i]);
    }
    protobuf_write_text(out, NODE_OUTPUTS, output);
    protobuf_write_text(out, NODE_NAME, output);
    protobuf_write_text(out, NODE_OPERATOR, node->op_type);
    if (node->attribute.name != NULL) {
        write_attribute(out, &node->attribute);
    }
    protobuf_end(out, mark);
}

/* Write the node before, and begin another: its output has a name of its own. */
static void begin_node(struct graph *graph, const char *op_type) {
    if (graph->node_count > 0) {
        write_node(graph, graph->node.output);
    }
    graph->node = (struct node){.op_type = op_type};
    snprintf(graph->node.output, NAME_BYTES, "%zu.%s", graph->node_count++, op_type);
}

static void add_input(struct graph *graph, const char *name) {
    struct node *node = &graph->node;
    snprintf(node->inputs[node->input_count++], NAME_BYTES, "%s", name);
}

/* A tensor by its place in nn.Sequential. */
static void add_tensor(struct graph *graph, size_t place, const char *name) {
    struct node *node = &graph->node;
    snprintf(node->inputs[node->input_count++], NAME_BYTES, "%zu.%s", place, name);
}

/* What the network has computed so far is known by the name of a node's output. */
typedef char value_name[NAME_BYTES];

static void keep(value_name value, const struct graph *graph) {
    memcpy(value, graph->node.output, NAME_BYTES);
}

/* value = op_type(value) */
static void apply(struct graph *graph, const char *op_type, value_name value) {
    begin_node(graph, op_type);
    add_input(graph, value);
    keep(value, graph);
}

/* value = op_type(value, other) */
static void apply_with(struct graph *graph, const char *op_type, value_name value,
                       const char *other) {
    begin_node(graph, op_type);
    add_input(graph, value);
    add_input(graph, other);
    keep(value, graph);
}

/* ---- layers ---- */

/* value = op_type(value, constant) */
static void apply_constant(struct graph *graph, const char *op_type, value_name value,
                           enum constant constant) {
    graph->is_used[constant] = true;
    apply_with(graph, op_type, value, constants[constant].name);
}

static void standardize(struct graph *graph, value_name value) {
    apply(graph, "Cast", value);
    graph->node.attribute =
        (struct attribute){.name = "to", .type = TYPE_INTEGER, .integer = ITEM_DOUBLE};
    apply_with(graph, "Sub", value, "standardizer.mean");
    apply_with(graph, "Mul", value, "standardizer.scale");
    apply(graph, "Cast", value);
    graph->node.attribute =
        (struct attribute){.name = "to", .type = TYPE_INTEGER, .integer = ITEM_FLOAT};
}

static void multiply(struct graph *graph, size_t place, value_name value) {
    apply(graph, "Gemm", value);
    add_tensor(graph, place, "weight");
    add_tensor(graph, place, "bias");
    graph->node.attribute =
        (struct attribute){.name = "transB", .type = TYPE_INTEGER, .integer = 1};
}

static void normalize_batch(struct graph *graph, size_t place, value_name value) {
    apply(graph, "BatchNormalization", value);
    add_tensor(graph, place, "weight");
    add_tensor(graph, place, "bias");
    add_tensor(graph, place, "running_mean");
    add_tensor(graph, place, "running_var");
    graph->node.attribute =
        (struct attribute){.name = "epsilon", .type = TYPE_FLOAT, .number = NORMALIZATION_EPSILON};
}

static void take_mean(struct graph *graph, value_name value) {
    apply(graph, "ReduceMean", value); /* keepdims is 1 */
    graph->node.attribute = (struct attribute){.name = "axes", .type = TYPE_INTEGERS, .integer = 1};
}

/* d = value - mean(value);  value = d/√(mean(d²) + ε)·γ + β */
static void normalize_layer(struct graph *graph, size_t place, value_name value) {
    value_name mean, deviation;
    memcpy(mean, value, NAME_BYTES);
    take_mean(graph, mean);
    apply_with(graph, "Sub", value, mean);
    memcpy(deviation, value, NAME_BYTES);
    apply_with(graph, "Mul", deviation, deviation);
    take_mean(graph, deviation);
    apply_constant(graph, "Add", deviation, CONSTANT_EPSILON);
    apply(graph, "Sqrt", deviation);
    apply_with(graph, "Div", value, deviation);
    apply(graph, "Mul", value);
    add_tensor(graph, place, "weight");
    apply(graph, "Add", value);
    add_tensor(graph, place, "bias");
}

/* value·½·(1 + erf(value/√2)) */
static void apply_gelu(struct graph *graph, value_name value) {
    value_name factor;
    memcpy(factor, value, NAME_BYTES);
    apply_constant(graph, "Mul", factor, CONSTANT_SQRT_HALF);
    apply(graph, "Erf", factor);
    apply_constant(graph, "Add", factor, CONSTANT_ONE);
    apply_constant(graph, "Mul", factor, CONSTANT_HALF);
    apply_with(graph, "Mul", value, factor);
}

static void apply_silu(struct graph *graph, value_name value) {
    value_name factor;
    memcpy(factor, value, NAME_BYTES);
    apply(graph, "Sigmoid", factor);
    apply_with(graph, "Mul", value, factor);
}

static void activate(struct graph *graph, const struct network_layer *layer, value_name value) {
    static const char *const operators[ACTIVATION_COUNT] = {
        [ACTIVATION_RELU] = "Relu",       [ACTIVATION_LEAKY_RELU] = "LeakyRelu",
        [ACTIVATION_ELU] = "Elu",         [ACTIVATION_TANH] = "Tanh",
        [ACTIVATION_SIGMOID] = "Sigmoid", [ACTIVATION_SOFTMAX] = "Softmax",
    };
    if (layer->activation == ACTIVATION_GELU) {
        apply_gelu(graph, value);
    } else if (layer->activation == ACTIVATION_SILU) {
        apply_silu(graph, value);
    } else if (layer->activation != ACTIVATION_IDENTITY) {
        apply(graph, operators[layer->activation], value);
    }
    if (activation_functions[layer->activation].takes_alpha) {
        graph->node.attribute =
            (struct attribute){.name = "alpha", .type = TYPE_FLOAT, .number = layer->alpha};
    } else if (layer->activation == ACTIVATION_SOFTMAX) {
        graph->node.attribute =
            (struct attribute){.name = "axis", .type = TYPE_INTEGER, .integer = 1};
    }
}

static void write_nodes(struct graph *graph) {
    const struct network *network = &graph->source->model->network;
    value_name value = "inputs";
    size_t place = 0;
    if (network->standardize) {
        standardize(graph, value);
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        const struct model_places places = model_places(network, l, place);
        multiply(graph, places.linear, value);
        if (layer->normalization == NORMALIZATION_BATCH) {
            normalize_batch(graph, places.normalization, value);
        } else if (layer->normalization == NORMALIZATION_LAYER) {
            normalize_layer(graph, places.normalization, value);
        }
        activate(graph, layer, value);
        place = places.next;
    }
    write_node(graph, "outputs"); /* the last one */
}

/* ---- values ---- */

static void write_shape_and_type(struct protobuf *out, const size_t *shape, size_t rank,
                                 enum item_type type) {
    for (size_t i = 0; i < rank; i++) {
        protobuf_write_integer(out, TENSOR_SHAPE, shape[i]);
    }
    protobuf_write_integer(out, TENSOR_TYPE, type);
}

static void write_constant(struct protobuf *out, enum constant constant) {
    const size_t mark = protobuf_begin(out, GRAPH_INITIALIZERS);
    write_shape_and_type(out, NULL, 0, ITEM_FLOAT);
    protobuf_write_text(out, TENSOR_NAME, constants[constant].name);
    protobuf_write_bytes(out, TENSOR_RAW_DATA, &constants[constant].value, sizeof(float));
    protobuf_end(out, mark);
}

/* A tensor whose items stay where they are: its field ends behind them. */
static void write_tensor(struct graph *graph, const struct model_tensor *tensor) {
    struct protobuf *out = &graph->out;
    const size_t bytes = tensor->items * tensor->dtype->bytes;
    const size_t mark = protobuf_begin(out, GRAPH_INITIALIZERS);
    write_shape_and_type(out, tensor->shape, tensor->rank,
                         tensor->dtype == &dtypes[DTYPE_F64] ? ITEM_DOUBLE : ITEM_FLOAT);
    protobuf_write_text(out, TENSOR_NAME, tensor->name);
    protobuf_write_head(out, TENSOR_RAW_DATA, bytes);
    protobuf_end_before(out, mark, bytes);
    if (out->error.code == ERROR_NONE) {
        (void)model_file_add(
            graph->file,
            model_tensor_items(tensor, &graph->source->model->network, graph->source->state), bytes,
            &out->error);
    }
}

/* Inference has no use for counts and the sums behind the scale. */
static bool is_used(const struct model_tensor *tensor) {
    return tensor->part == PART_PARAMETERS || tensor->part == PART_MEAN ||
           tensor->part == PART_SCALE;
}

static void write_initializers(struct graph *graph) {
    const struct model *model = graph->source->model;
    struct buffer list;
    buffer_init(&list, model->ledger, "the header of a model's file");
    if (graph->out.error.code == ERROR_NONE) {
        (void)model_tensors_list(&model->network, &model->specification.optimizer, 0, &list,
                                 &graph->out.error);
    }
    const struct model_tensor *tensors = (const void *)list.data;
    for (size_t i = 0; i < list.used / sizeof *tensors; i++) {
        if (is_used(&tensors[i])) {
            write_tensor(graph, &tensors[i]);
        }
    }
    for (enum constant i = 0; i < CONSTANTS; i++) {
        if (graph->is_used[i]) {
            write_constant(&graph->out, i);
        }
    }
    buffer_free(&list);
}

/* ValueInfoProto, name = 1 and type = 2; in that tensor_type = 1; in that elem_type = 1 and
 * shape = 2; in that dim = 1, which has dim_value = 1 or dim_param = 2. */
static void write_value_info(struct protobuf *out, unsigned field, const char *name,
                             size_t columns) {
    const size_t info = protobuf_begin(out, field);
    protobuf_write_text(out, 1, name);
    const size_t type = protobuf_begin(out, 2);
    const size_t tensor = protobuf_begin(out, 1);
    protobuf_write_integer(out, 1, ITEM_FLOAT);
    const size_t shape = protobuf_begin(out, 2);
    const size_t rows = protobuf_begin(out, 1);
    protobuf_write_text(out, 2, "batch");
    protobuf_end(out, rows);
    const size_t width = protobuf_begin(out, 1);
    protobuf_write_integer(out, 1, columns);
    protobuf_end(out, width);
    protobuf_end(out, shape);
    protobuf_end(out, tensor);
    protobuf_end(out, type);
    protobuf_end(out, info);
}

/* ---- the file ---- */

/* StringStringEntryProto: key = 1, value = 2. */
static void write_pair(struct protobuf *out, const char *key, const char *value, size_t bytes) {
    const size_t mark = protobuf_begin(out, MODEL_METADATA);
    protobuf_write_text(out, 1, key);
    protobuf_write_bytes(out, 2, value, bytes);
    protobuf_end(out, mark);
}

/* What stands before the graph, into a text of its own. */
static enum error_code write_beginning(struct buffer *text, const struct model_source *source,
                                       uint64_t graph_bytes, struct error *error) {
    struct model_facts facts;
    struct protobuf out;
    const enum error_code code = model_facts_write(&facts, source, error);
    if (code != ERROR_NONE) {
        return code;
    }
    protobuf_start(&out, text);
    protobuf_write_integer(&out, MODEL_IR_VERSION, IR_VERSION);
    protobuf_write_text(&out, MODEL_PRODUCER_NAME, "mlpd");
    protobuf_write_text(&out, MODEL_PRODUCER_VERSION, MLPD_VERSION);
    const size_t set = protobuf_begin(&out, MODEL_OPERATOR_SETS);
    protobuf_write_text(&out, 1, ""); /* ONNX's own */
    protobuf_write_integer(&out, 2, OPERATOR_SET);
    protobuf_end(&out, set);
    write_pair(&out, "config", facts.config.data, facts.config.used);
    for (size_t i = 0; i < facts.count; i++) {
        write_pair(&out, facts.rows[i].key, facts.rows[i].value, strlen(facts.rows[i].value));
    }
    protobuf_write_head(&out, MODEL_GRAPH, graph_bytes);
    model_facts_free(&facts);
    if (out.error.code != ERROR_NONE) {
        *error = out.error;
    }
    return out.error.code;
}

static enum error_code write_graph(struct model_file *file, const struct model_source *source,
                                   struct error *error) {
    const struct model *model = source->model;
    struct graph graph = {.source = source, .file = file};
    protobuf_start(&graph.out, &file->text);
    protobuf_write_text(&graph.out, GRAPH_NAME, model->name);
    write_value_info(&graph.out, GRAPH_INPUTS, "inputs", model->network.inputs);
    write_value_info(&graph.out, GRAPH_OUTPUTS, "outputs", model->network.outputs);
    write_nodes(&graph);
    write_initializers(&graph);
    if (graph.out.error.code != ERROR_NONE) {
        *error = graph.out.error;
        return error->code;
    }
    return model_file_add(file, NULL, 0, error);
}

static enum error_code write_file(struct model_file *file, const struct model_source *source,
                                  struct error *error) {
    enum error_code code = write_graph(file, source, error);
    struct buffer beginning;
    buffer_init(&beginning, source->model->ledger, "the header of a model's file");
    if (code == ERROR_NONE) {
        code = write_beginning(&beginning, source, file->bytes, error);
    }
    if (code == ERROR_NONE) {
        code = model_file_put_first(file, &beginning, error);
    }
    buffer_free(&beginning);
    if (code == ERROR_NONE && file->bytes > FILE_BYTES_MAX) {
        code = error_set(error, ERROR_INVALID, NULL,
                         "an ONNX file of %llu bytes; the format has room for %d, "
                         "format=safetensors for any",
                         (unsigned long long)file->bytes, FILE_BYTES_MAX);
    }
    return code;
}

const struct model_file_format model_file_onnx = {
    .name = "onnx",
    .media_type = MEDIA_TYPE_BYTES,
    .write = write_file,
};

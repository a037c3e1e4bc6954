/* A reader and interpreter of ONNX files; see onnx_reader.h. */
#include "tests/integration/onnx_reader.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 512
#define NAME_BYTES 80
#define INPUTS_MAX 8

/* ---- Protocol Buffers ---- */

struct message {
    const unsigned char *at, *end;
};

struct field {
    unsigned number, wire;
    uint64_t integer;       /* of wire 0 */
    float number_32;        /* of wire 5 */
    struct message content; /* of wire 2 */
};

static uint64_t read_varint(struct message *message) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        ck_assert(message->at < message->end);
        const unsigned char byte = *message->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            return value;
        }
    }
    ck_abort_msg("a number of more than ten bytes");
}

static bool next_field(struct message *message, struct field *field) {
    if (message->at == message->end) {
        return false;
    }
    const uint64_t key = read_varint(message);
    *field = (struct field){.number = (unsigned)(key >> 3), .wire = (unsigned)(key & 7)};
    if (field->wire == 0) {
        field->integer = read_varint(message);
    } else if (field->wire == 5) {
        ck_assert(message->end - message->at >= 4);
        memcpy(&field->number_32, message->at, 4);
        message->at += 4;
    } else {
        ck_assert_uint_eq(field->wire, 2);
        const uint64_t bytes = read_varint(message);
        ck_assert(bytes <= (uint64_t)(message->end - message->at));
        field->content = (struct message){message->at, message->at + bytes};
        message->at += bytes;
    }
    return true;
}

static void copy_text(char text[NAME_BYTES], struct message content) {
    const size_t bytes = (size_t)(content.end - content.at);
    ck_assert(content.at != NULL && bytes < NAME_BYTES);
    memcpy(text, content.at, bytes);
    text[bytes] = '\0';
}

static struct message whole(const void *file, size_t bytes) {
    return (struct message){file, (const unsigned char *)file + bytes};
}

/* ---- values ---- */

/* A matrix; a vector is one row, a scalar one number. */
struct value {
    char name[NAME_BYTES];
    size_t rows, columns;
    double *numbers;
};

struct graph {
    struct value values[VALUES_MAX];
    size_t count;
};

static struct value *add_value(struct graph *graph, const char *name, size_t rows, size_t columns) {
    for (size_t i = 0; i < graph->count; i++) {
        ck_assert_msg(strcmp(graph->values[i].name, name) != 0, "%s is there twice", name);
    }
    ck_assert(graph->count < VALUES_MAX && strlen(name) < NAME_BYTES);
    struct value *value = &graph->values[graph->count++];
    strcpy(value->name, name);
    value->rows = rows;
    value->columns = columns;
    value->numbers = calloc(rows * columns + 1, sizeof *value->numbers);
    return value;
}

static const struct value *find_value(const struct graph *graph, const char *name) {
    for (size_t i = 0; i < graph->count; i++) {
        if (strcmp(graph->values[i].name, name) == 0) {
            return &graph->values[i];
        }
    }
    ck_abort_msg("%s is used before it is there", name);
}

/* TensorProto: dims 1, data_type 2 (1 float, 11 double), name 8, raw_data 9. */
static void read_tensor(struct graph *graph, struct message message) {
    struct field field;
    char name[NAME_BYTES] = "";
    size_t shape[2] = {1, 1}, rank = 0;
    uint64_t type = 0;
    struct message raw = {NULL, NULL};
    while (next_field(&message, &field)) {
        if (field.number == 1) {
            ck_assert(rank < 2);
            shape[rank++] = field.integer;
        } else if (field.number == 2) {
            type = field.integer;
        } else if (field.number == 8) {
            copy_text(name, field.content);
        } else if (field.number == 9) {
            raw = field.content;
        }
    }
    const size_t size = type == 1 ? 4 : 8;
    ck_assert_msg(type == 1 || type == 11, "%s: data_type %d", name, (int)type);
    struct value *value =
        add_value(graph, name, rank == 2 ? shape[0] : 1, rank == 2 ? shape[1] : shape[0]);
    ck_assert_msg((size_t)(raw.end - raw.at) == value->rows * value->columns * size, "%s: raw_data",
                  name);
    ck_assert(raw.at != NULL);
    for (size_t i = 0; i < value->rows * value->columns; i++) {
        float single;
        memcpy(&single, raw.at + i * size, sizeof single);
        if (type == 1) {
            value->numbers[i] = (double)single;
        } else {
            memcpy(&value->numbers[i], raw.at + i * size, size);
        }
    }
}

/* ---- nodes ---- */

struct node {
    char inputs[INPUTS_MAX][NAME_BYTES], output[NAME_BYTES], operator_type[NAME_BYTES];
    size_t input_count;
    char attribute[NAME_BYTES]; /* one at most */
    double number;
    uint64_t integer;
};

/* AttributeProto: name 1, f 2, i 3, ints 8, type 20 (1 float, 2 int, 7 ints). */
static void read_attribute(struct node *node, struct message message) {
    struct field field;
    uint64_t type = 0;
    unsigned value = 0;
    ck_assert_msg(*node->attribute == '\0', "two attributes");
    while (next_field(&message, &field)) {
        if (field.number == 1) {
            copy_text(node->attribute, field.content);
        } else if (field.number == 2) {
            node->number = (double)field.number_32;
            value = 1;
        } else if (field.number == 3 || field.number == 8) {
            node->integer = field.integer;
            value = field.number == 3 ? 2 : 7;
        } else if (field.number == 20) {
            type = field.integer;
        }
    }
    ck_assert_msg(type == value, "%s: type %d", node->attribute, (int)type);
}

static void want_attribute(const struct node *node, const char *name) {
    ck_assert_msg(strcmp(node->attribute, name) == 0, "%s has '%s', not '%s'", node->operator_type,
                  node->attribute, name);
}

/* The number of an operand at a place of the result, stretched along what it has once. */
static double stretched(const struct value *value, size_t row, size_t column) {
    return value->numbers[(value->rows == 1 ? 0 : row) * value->columns +
                          (value->columns == 1 ? 0 : column)];
}

static double arithmetic(const char *name, double a, double b) {
    return strcmp(name, "Add") == 0   ? a + b
           : strcmp(name, "Sub") == 0 ? a - b
           : strcmp(name, "Mul") == 0 ? a * b
                                      : a / b;
}

static void run_arithmetic(struct graph *graph, const struct node *node) {
    const struct value a = *find_value(graph, node->inputs[0]);
    const struct value b = *find_value(graph, node->inputs[1]);
    const size_t rows = a.rows > b.rows ? a.rows : b.rows;
    const size_t columns = a.columns > b.columns ? a.columns : b.columns;
    ck_assert((a.columns == columns || a.columns == 1) && (b.columns == columns || b.columns == 1));
    struct value *out = add_value(graph, node->output, rows, columns);
    for (size_t i = 0; i < rows * columns; i++) {
        out->numbers[i] = arithmetic(node->operator_type, stretched(&a, i / columns, i % columns),
                                     stretched(&b, i / columns, i % columns));
    }
}

static void run_gemm(struct graph *graph, const struct node *node) {
    const struct value x = *find_value(graph, node->inputs[0]);
    const struct value w = *find_value(graph, node->inputs[1]);
    const struct value b = *find_value(graph, node->inputs[2]);
    want_attribute(node, "transB");
    ck_assert(node->integer == 1 && x.columns == w.columns && b.columns == w.rows);
    struct value *out = add_value(graph, node->output, x.rows, w.rows);
    for (size_t r = 0; r < x.rows; r++) {
        for (size_t u = 0; u < w.rows; u++) {
            double sum = b.numbers[u];
            for (size_t i = 0; i < x.columns; i++) {
                sum += x.numbers[r * x.columns + i] * w.numbers[u * w.columns + i];
            }
            out->numbers[r * w.rows + u] = sum;
        }
    }
}

static void run_batch_normalization(struct graph *graph, const struct node *node) {
    const struct value x = *find_value(graph, node->inputs[0]);
    const struct value *of[4];
    want_attribute(node, "epsilon");
    struct value *out = add_value(graph, node->output, x.rows, x.columns);
    for (size_t i = 0; i < 4; i++) {
        of[i] = find_value(graph, node->inputs[i + 1]);
        ck_assert_uint_eq(of[i]->columns, x.columns);
    }
    for (size_t i = 0; i < x.rows * x.columns; i++) {
        const size_t c = i % x.columns;
        out->numbers[i] = (x.numbers[i] - of[2]->numbers[c]) /
                              sqrt(of[3]->numbers[c] + node->number) * of[0]->numbers[c] +
                          of[1]->numbers[c];
    }
}

static void run_reduce_mean(struct graph *graph, const struct node *node) {
    const struct value x = *find_value(graph, node->inputs[0]);
    want_attribute(node, "axes");
    ck_assert_uint_eq(node->integer, 1);
    struct value *out = add_value(graph, node->output, x.rows, 1);
    for (size_t i = 0; i < x.rows * x.columns; i++) {
        out->numbers[i / x.columns] += x.numbers[i] / (double)x.columns;
    }
}

static void run_softmax(struct graph *graph, const struct node *node) {
    const struct value x = *find_value(graph, node->inputs[0]);
    want_attribute(node, "axis");
    ck_assert_uint_eq(node->integer, 1);
    struct value *out = add_value(graph, node->output, x.rows, x.columns);
    for (size_t r = 0; r < x.rows; r++) {
        const double *z = x.numbers + r * x.columns;
        double largest = z[0], sum = 0;
        for (size_t i = 0; i < x.columns; i++) {
            largest = fmax(largest, z[i]);
        }
        for (size_t i = 0; i < x.columns; i++) {
            sum += exp(z[i] - largest);
        }
        for (size_t i = 0; i < x.columns; i++) {
            out->numbers[r * x.columns + i] = exp(z[i] - largest) / sum;
        }
    }
}

static double relu(double z, double alpha) {
    (void)alpha;
    return fmax(z, 0);
}

static double leaky_relu(double z, double alpha) {
    return z < 0 ? alpha * z : z;
}

static double elu(double z, double alpha) {
    return z < 0 ? alpha * expm1(z) : z;
}

static double sigmoid(double z, double alpha) {
    (void)alpha;
    return 1 / (1 + exp(-z));
}

static double hyperbolic_tangent(double z, double alpha) {
    (void)alpha;
    return tanh(z);
}

static double error_function(double z, double alpha) {
    (void)alpha;
    return erf(z);
}

static double square_root(double z, double alpha) {
    (void)alpha;
    return sqrt(z);
}

static const struct {
    const char *name;
    double (*value)(double z, double alpha);
    bool takes_alpha;
} elementwise[] = {
    {"Relu", relu, false},
    {"LeakyRelu", leaky_relu, true},
    {"Elu", elu, true},
    {"Sigmoid", sigmoid, false},
    {"Tanh", hyperbolic_tangent, false},
    {"Erf", error_function, false},
    {"Sqrt", square_root, false},
};

/* Cast's `to` is 1 for float, 11 for double. */
static double cast(double z, uint64_t to) {
    return to == 1 ? (double)(float)z : z;
}

static void run_elementwise(struct graph *graph, const struct node *node) {
    const struct value x = *find_value(graph, node->inputs[0]);
    const bool casts = strcmp(node->operator_type, "Cast") == 0;
    size_t row = 0;
    while (!casts && strcmp(elementwise[row].name, node->operator_type) != 0) {
        ck_assert_msg(++row < sizeof elementwise / sizeof *elementwise, "the operator %s",
                      node->operator_type);
    }
    want_attribute(node, casts ? "to" : elementwise[row].takes_alpha ? "alpha" : "");
    struct value *out = add_value(graph, node->output, x.rows, x.columns);
    for (size_t i = 0; i < x.rows * x.columns; i++) {
        out->numbers[i] = casts ? cast(x.numbers[i], node->integer)
                                : elementwise[row].value(x.numbers[i], node->number);
    }
}

static void run_node(struct graph *graph, const struct node *node) {
    static const struct {
        const char *name;
        size_t inputs;
        void (*run)(struct graph *graph, const struct node *node);
    } rows[] = {
        {"Add", 2, run_arithmetic},
        {"Sub", 2, run_arithmetic},
        {"Mul", 2, run_arithmetic},
        {"Div", 2, run_arithmetic},
        {"Gemm", 3, run_gemm},
        {"BatchNormalization", 5, run_batch_normalization},
        {"ReduceMean", 1, run_reduce_mean},
        {"Softmax", 1, run_softmax},
    };
    size_t i = 0;
    while (i < sizeof rows / sizeof *rows && strcmp(rows[i].name, node->operator_type) != 0) {
        i++;
    }
    const bool listed = i < sizeof rows / sizeof *rows;
    ck_assert_uint_eq(node->input_count, listed ? rows[i].inputs : 1);
    (listed ? rows[i].run : run_elementwise)(graph, node);
}

/* NodeProto: input 1, output 2, name 3, op_type 4, attribute 5. */
static void read_node(struct graph *graph, struct message message) {
    struct field field;
    struct node node = {.input_count = 0};
    while (next_field(&message, &field)) {
        if (field.number == 1) {
            ck_assert(node.input_count < INPUTS_MAX);
            copy_text(node.inputs[node.input_count++], field.content);
        } else if (field.number == 2) {
            copy_text(node.output, field.content);
        } else if (field.number == 4) {
            copy_text(node.operator_type, field.content);
        } else if (field.number == 5) {
            read_attribute(&node, field.content);
        }
    }
    run_node(graph, &node);
}

/* ---- the file ---- */

/* ModelProto: ir_version 1, graph 7, opset_import 8 (version 2), metadata_props 14. */
static struct message find_graph(struct message message) {
    struct field field, inner;
    struct message found = {NULL, NULL};
    uint64_t format = 0, operators = 0;
    while (next_field(&message, &field)) {
        if (field.number == 1) {
            format = field.integer;
        } else if (field.number == 7) {
            found = field.content;
        } else if (field.number == 8) {
            while (next_field(&field.content, &inner)) {
                operators = inner.number == 2 ? inner.integer : operators;
            }
        }
    }
    ck_assert_uint_eq(format, 7);
    ck_assert_uint_eq(operators, 13);
    ck_assert_msg(found.at != NULL, "there is no graph");
    return found;
}

/* GraphProto: node 1, initializer 5, input 11, output 12; ValueInfoProto: name 1. */
static void want_name(struct message info, const char *name) {
    struct field field;
    char text[NAME_BYTES] = "";
    while (next_field(&info, &field)) {
        if (field.number == 1) {
            copy_text(text, field.content);
        }
    }
    ck_assert_str_eq(text, name);
}

double *onnx_predict(const void *file, size_t bytes, size_t rows, size_t columns,
                     const double *inputs, size_t *output_columns) {
    const struct message message = find_graph(whole(file, bytes));
    struct graph *graph = calloc(1, sizeof *graph);
    struct field field;
    struct value *in = add_value(graph, "inputs", rows, columns);
    memcpy(in->numbers, inputs, rows * columns * sizeof *inputs);
    for (struct message at = message; next_field(&at, &field);) {
        if (field.number == 5) {
            read_tensor(graph, field.content);
        } else if (field.number == 11 || field.number == 12) {
            want_name(field.content, field.number == 11 ? "inputs" : "outputs");
        }
    }
    for (struct message at = message; next_field(&at, &field);) {
        if (field.number == 1) {
            read_node(graph, field.content);
        }
    }
    const struct value *out = find_value(graph, "outputs");
    const size_t size = out->rows * out->columns * sizeof(double);
    double *outputs = malloc(size);
    memcpy(outputs, out->numbers, size);
    ck_assert_uint_eq(out->rows, rows);
    *output_columns = out->columns;
    for (size_t i = 0; i < graph->count; i++) {
        free(graph->values[i].numbers);
    }
    free(graph);
    return outputs;
}

char *onnx_fact(const void *file, size_t bytes, const char *key) {
    struct message message = whole(file, bytes);
    struct field field, pair;
    while (next_field(&message, &field)) {
        char name[NAME_BYTES] = "";
        while (field.number == 14 && next_field(&field.content, &pair)) {
            if (pair.number == 1) {
                copy_text(name, pair.content);
            } else if (strcmp(name, key) == 0 && pair.content.at != NULL) {
                return strndup((const char *)pair.content.at,
                               (size_t)(pair.content.end - pair.content.at));
            }
        }
    }
    ck_abort_msg("there is no fact %s", key);
}

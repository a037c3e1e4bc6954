/* A reader of safetensors files; see safetensors_reader.h. */
#include "tests/integration/safetensors_reader.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference.h"

#define TENSORS_MAX 256
#define METADATA "__metadata__"

struct span {
    const char *name;
    size_t begin, end;
};

static size_t item_bytes(const char *dtype) {
    return strcmp(dtype, "F32") == 0                                ? 4
           : strcmp(dtype, "F64") == 0 || strcmp(dtype, "I64") == 0 ? 8
                                                                    : 0;
}

static size_t item_count(const json_t *entry) {
    const json_t *shape = json_object_get(entry, "shape");
    size_t count = 1;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        count *= (size_t)json_integer_value(json_array_get(shape, i));
    }
    return count;
}

static size_t offset(const json_t *entry, size_t i) {
    return (size_t)json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), i));
}

static int compare_spans(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Sorted by their data. */
static size_t list_spans(const struct file *file, struct span spans[TENSORS_MAX]) {
    size_t count = 0;
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, METADATA) != 0) {
            ck_assert(count < TENSORS_MAX);
            spans[count++] = (struct span){name, offset(entry, 0), offset(entry, 1)};
            const size_t bytes = item_bytes(json_string_value(json_object_get(entry, "dtype")));
            ck_assert_msg(bytes > 0, "%s: dtype", name);
            ck_assert_msg(offset(entry, 1) - offset(entry, 0) == item_count(entry) * bytes,
                          "%s: shape and offsets", name);
        }
    }
    qsort(spans, count, sizeof *spans, compare_spans);
    return count;
}

void file_open(struct file *file, const void *bytes, size_t size) {
    uint64_t length;
    struct span spans[TENSORS_MAX];
    ck_assert(size >= sizeof length);
    memcpy(&length, bytes, sizeof length);
    ck_assert(length <= size - sizeof length && length % 8 == 0);
    *file = (struct file){.bytes = bytes, .size = size};
    file->data = file->bytes + sizeof length + length;
    ck_assert(file->bytes[sizeof length] == '{');
    file->header = json_loadb(file->bytes + sizeof length, length, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(file->header != NULL, "the header is no JSON");
    file->config = json_loads(file_fact(file, "config"), JSON_REJECT_DUPLICATES, NULL);
    size_t position = 0;
    const size_t count = list_spans(file, spans);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(spans[i].begin == position, "%s begins at %zu, not %zu", spans[i].name,
                      spans[i].begin, position);
        position = spans[i].end;
    }
    ck_assert_uint_eq(position, size - sizeof length - length);
}

void file_close(struct file *file) {
    json_decref(file->header);
    json_decref(file->config);
}

const char *file_fact(const struct file *file, const char *key) {
    const char *value =
        json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
    return value != NULL ? value : "";
}

char *file_names(const struct file *file) {
    struct span spans[TENSORS_MAX];
    const size_t count = list_spans(file, spans);
    char *names;
    size_t bytes;
    FILE *stream = open_memstream(&names, &bytes);
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "%s%s", i > 0 ? " " : "", spans[i].name);
    }
    fclose(stream);
    return names;
}

const json_t *file_entry(const struct file *file, const char *name) {
    return json_object_get(file->header, name);
}

double *file_items(const struct file *file, const char *name, size_t *count) {
    const json_t *entry = file_entry(file, name);
    ck_assert_msg(entry != NULL, "there is no tensor %s", name);
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const char *from = file->data + offset(entry, 0);
    *count = item_count(entry);
    double *items = calloc(*count + 1, sizeof *items);
    for (size_t i = 0; i < *count; i++) {
        float single;
        int64_t whole;
        if (strcmp(dtype, "F64") == 0) {
            memcpy(&items[i], from + 8 * i, 8);
        } else if (strcmp(dtype, "F32") == 0) {
            memcpy(&single, from + 4 * i, 4);
            items[i] = (double)single;
        } else {
            memcpy(&whole, from + 8 * i, 8);
            items[i] = (double)whole;
        }
    }
    return items;
}

/* ---- the network ---- */

static const char *text_of(const json_t *layer, const char *key) {
    return json_string_value(json_object_get(layer, key));
}

static double *place_items(const struct file *file, size_t place, const char *name, size_t wanted) {
    char text[64];
    size_t count;
    snprintf(text, sizeof text, "%zu.%s", place, name);
    double *items = file_items(file, text, &count);
    ck_assert_msg(count == wanted, "%s has %zu items, not %zu", text, count, wanted);
    return items;
}

static void append(double **to, double *items, size_t count) {
    memcpy(*to, items, count * sizeof *items);
    *to += count;
    free(items);
}

/* The modules of one layer, from `place` on; returns the place behind them. */
static size_t read_layer(const struct file *file, const json_t *description, bool is_last,
                         size_t place, struct reference_layer *layer, double **parameters) {
    const char *activation = text_of(description, "activation");
    const char *normalization = text_of(description, "normalization");
    layer->activation = activation;
    layer->alpha = json_number_value(json_object_get(description, "alpha"));
    append(parameters, place_items(file, place, "weight", layer->in * layer->out),
           layer->in * layer->out);
    append(parameters, place_items(file, place++, "bias", layer->out), layer->out);
    if (strcmp(normalization, "none") != 0) {
        layer->normalization = normalization;
        append(parameters, place_items(file, place, "weight", layer->out), layer->out);
        append(parameters, place_items(file, place, "bias", layer->out), layer->out);
        if (strcmp(normalization, "batch") == 0) {
            layer->moving_mean = place_items(file, place, "running_mean", layer->out);
            layer->moving_variance = place_items(file, place, "running_var", layer->out);
        }
        place++;
    }
    const bool ends =
        is_last && (strcmp(activation, "softmax") == 0 || strcmp(activation, "sigmoid") == 0);
    place += strcmp(activation, "identity") != 0 && !ends;
    place += json_number_value(json_object_get(description, "dropout")) > 0;
    return place;
}

static void standardize(const struct file *file, size_t rows, size_t features, double *inputs) {
    size_t count;
    double *mean = file_items(file, "standardizer.mean", &count);
    double *scale = file_items(file, "standardizer.scale", &count);
    for (size_t i = 0; i < rows * features; i++) {
        inputs[i] = (inputs[i] - mean[i % features]) * scale[i % features];
    }
    free(mean);
    free(scale);
}

double *file_predict(const struct file *file, size_t rows, const double *inputs) {
    const json_t *layers = json_object_get(file->config, "layers");
    const size_t features = (size_t)json_integer_value(json_object_get(file->config, "inputs"));
    struct reference_network network = {.layer_count = json_array_size(layers),
                                        .loss = text_of(file->config, "loss")};
    ck_assert(network.layer_count <= REFERENCE_LAYERS_MAX);
    size_t in = features, place = 0;
    for (size_t l = 0; l < network.layer_count; l++) {
        network.layers[l].in = in;
        in = network.layers[l].out =
            (size_t)json_integer_value(json_object_get(json_array_get(layers, l), "units"));
    }
    double *parameters = calloc(file->size, sizeof *parameters), *end = parameters;
    for (size_t l = 0; l < network.layer_count; l++) {
        place = read_layer(file, json_array_get(layers, l), l + 1 == network.layer_count, place,
                           &network.layers[l], &end);
    }
    double *from = malloc(rows * features * sizeof *from);
    memcpy(from, inputs, rows * features * sizeof *from);
    if (json_is_true(json_object_get(file->config, "standardize"))) {
        standardize(file, rows, features, from);
    }
    double *outputs = calloc(rows * in, sizeof *outputs);
    reference_outputs(&network, parameters, rows, from, outputs);
    for (size_t l = 0; l < network.layer_count; l++) {
        free(network.layers[l].moving_mean);
        free(network.layers[l].moving_variance);
    }
    free(parameters);
    free(from);
    return outputs;
}

/* See bodies.h. */
#include "tests/bench/bodies.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const body_format_names[BODY_FORMATS] = {
    [BODY_F32] = "F32", [BODY_U8] = "U8", [BODY_JSON] = "JSON", [BODY_CSV] = "CSV"};

#define TEXT_BYTES_A_NUMBER 10

static uint8_t pixel(size_t i) {
    return (uint8_t)((i * 2654435761u) >> 16);
}

static size_t label(const struct shape *shape, size_t row) {
    return (row * 2654435761u >> 8) % shape_outputs(shape);
}

static char *allocate(size_t size) {
    char *bytes = malloc(size);
    if (bytes == NULL) {
        fprintf(stderr, "bench: no memory for a body\n");
        exit(EXIT_FAILURE);
    }
    return bytes;
}

static struct body make_safetensors(const struct shape *shape, bool as_bytes, size_t rows,
                                    bool labelled) {
    const size_t numbers = rows * shape->inputs;
    const size_t input_bytes = numbers * (as_bytes ? 1 : sizeof(float));
    const size_t label_bytes = labelled ? rows * sizeof(int32_t) : 0;
    char header[512], labels[192] = "";
    if (labelled) {
        snprintf(labels, sizeof labels,
                 ",\"labels\":{\"dtype\":\"I32\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}", rows,
                 input_bytes, input_bytes + label_bytes);
    }
    const uint64_t header_bytes = (uint64_t)snprintf(
        header, sizeof header,
        "{\"inputs\":{\"dtype\":\"%s\",\"shape\":[%zu,%zu],\"data_offsets\":[0,%zu]}%s}",
        as_bytes ? "U8" : "F32", rows, shape->inputs, input_bytes, labels);
    const size_t size = sizeof header_bytes + header_bytes + input_bytes + label_bytes;
    struct body body = {allocate(size), size, numbers, "application/vnd.safetensors",
                        as_bytes ? "&scale=0.00392156862745098" : ""};
    char *at = body.bytes;
    memcpy(at, &header_bytes, sizeof header_bytes);
    memcpy(at += sizeof header_bytes, header, header_bytes);
    at += header_bytes;
    for (size_t i = 0; i < numbers; i++) {
        const float number = (float)pixel(i) / 255.0f;
        if (as_bytes) {
            at[i] = (char)pixel(i);
        } else {
            memcpy(at + i * sizeof number, &number, sizeof number);
        }
    }
    at += input_bytes;
    for (size_t i = 0; labelled && i < rows; i++) {
        const int32_t number = (int32_t)label(shape, i);
        memcpy(at + i * sizeof number, &number, sizeof number);
    }
    return body;
}

static char *write_number(char *at, size_t i) {
    return at + sprintf(at, "0.%05u", (unsigned)pixel(i) * 39215u / 100u);
}

static struct body make_csv(const struct shape *shape, size_t rows, bool labelled) {
    const size_t numbers = rows * shape->inputs;
    struct body body = {allocate((numbers + 2 * rows) * TEXT_BYTES_A_NUMBER), 0, numbers,
                        "text/csv", ""};
    char *at = body.bytes;
    for (size_t row = 0, i = 0; row < rows; row++) {
        for (size_t column = 0; column < shape->inputs; column++) {
            if (column > 0) {
                *at++ = ',';
            }
            at = write_number(at, i++);
        }
        if (labelled) {
            at += sprintf(at, ",%zu", label(shape, row));
        }
        *at++ = '\n';
    }
    body.size = (size_t)(at - body.bytes);
    return body;
}

static struct body make_json(const struct shape *shape, size_t rows, bool labelled) {
    const size_t numbers = rows * shape->inputs;
    struct body body = {allocate((numbers + 2 * rows) * TEXT_BYTES_A_NUMBER + 64), 0, numbers,
                        "application/json", ""};
    char *at = body.bytes + sprintf(body.bytes, "{\"inputs\":[");
    for (size_t row = 0, i = 0; row < rows; row++) {
        at += sprintf(at, row > 0 ? ",[" : "[");
        for (size_t column = 0; column < shape->inputs; column++) {
            if (column > 0) {
                *at++ = ',';
            }
            at = write_number(at, i++);
        }
        *at++ = ']';
    }
    *at++ = ']';
    if (labelled) {
        at += sprintf(at, ",\"labels\":[");
        for (size_t row = 0; row < rows; row++) {
            at += sprintf(at, row > 0 ? ",%zu" : "%zu", label(shape, row));
        }
        *at++ = ']';
    }
    *at++ = '}';
    body.size = (size_t)(at - body.bytes);
    return body;
}

struct body body_make(const struct shape *shape, enum body_format format, size_t rows,
                      bool labelled) {
    switch (format) {
    case BODY_CSV:
        return make_csv(shape, rows, labelled);
    case BODY_JSON:
        return make_json(shape, rows, labelled);
    default:
        return make_safetensors(shape, format == BODY_U8, rows, labelled);
    }
}

void body_free(struct body *body) {
    free(body->bytes);
    body->bytes = NULL;
}

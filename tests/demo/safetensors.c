/* See safetensors.h. */
#include "tests/demo/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct body *body, size_t bytes) {
    if (bytes > body->capacity) {
        uint8_t *data = realloc(body->data, bytes);
        if (!data) {
            return false;
        }
        body->data = data;
        body->capacity = bytes;
    }
    body->bytes = bytes;
    return true;
}

/* The JSON header, padded with spaces to a multiple of 8 as the reference
 * writer does; its length. */
static size_t header(char *text, size_t bytes, const struct rows *rows) {
    const size_t inputs_end = rows->count * FASHION_MNIST_PIXELS;
    int length = snprintf(text, bytes,
                          "{\"inputs\":{\"dtype\":\"U8\",\"shape\":[%zu,%d],"
                          "\"data_offsets\":[0,%zu]}",
                          rows->count, FASHION_MNIST_PIXELS, inputs_end);
    if (rows->labelled) {
        length += snprintf(text + length, bytes - (size_t)length,
                           ",\"labels\":{\"dtype\":\"U8\",\"shape\":[%zu],"
                           "\"data_offsets\":[%zu,%zu]}",
                           rows->count, inputs_end, inputs_end + rows->count);
    }
    length += snprintf(text + length, bytes - (size_t)length, "}");
    while (length % 8 != 0) {
        text[length++] = ' ';
    }
    return (size_t)length;
}

bool safetensors_encode(struct body *body, const struct rows *rows) {
    char text[256];
    const size_t header_bytes = header(text, sizeof text, rows);
    const size_t image_bytes = rows->count * FASHION_MNIST_PIXELS;
    if (!reserve(body, 8 + header_bytes + image_bytes + (rows->labelled ? rows->count : 0))) {
        return false;
    }
    for (int i = 0; i < 8; i++) {
        body->data[i] = (uint8_t)((uint64_t)header_bytes >> (8 * i));
    }
    memcpy(body->data + 8, text, header_bytes);
    uint8_t *images = body->data + 8 + header_bytes;
    uint8_t *labels = images + image_bytes;
    for (size_t i = 0; i < rows->count; i++) {
        const size_t row = rows->chosen ? rows->chosen[i] : i;
        memcpy(images + i * FASHION_MNIST_PIXELS, rows->set->images + row * FASHION_MNIST_PIXELS,
               FASHION_MNIST_PIXELS);
        if (rows->labelled) {
            labels[i] = rows->set->labels[row];
        }
    }
    return true;
}

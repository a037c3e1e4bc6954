/* Bodies in safetensors; see tensors.h. */
#include "tests/integration/tensors.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *tensors_frame(const char *header, size_t header_bytes, const void *data, size_t data_bytes,
                    size_t *bytes) {
    const size_t length = strlen(header);
    const uint64_t promised = header_bytes;
    char *body = malloc(8 + length + data_bytes);
    memcpy(body, &promised, 8);
    memcpy(body + 8, header, length);
    if (data_bytes > 0) {
        memcpy(body + 8 + length, data, data_bytes);
    }
    *bytes = 8 + length + data_bytes;
    return body;
}

char *tensors_body(const struct tensor *tensors, size_t count, const char *metadata,
                   size_t *bytes) {
    char header[2048] = "{";
    size_t used = 1, data_bytes = 0;
    if (metadata != NULL) {
        used += (size_t)snprintf(header + used, sizeof header - used, "\"__metadata__\":%s,",
                                 json_text("%s", metadata));
    }
    for (size_t i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(header + used, sizeof header - used,
                             "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}%s",
                             tensors[i].name, tensors[i].dtype, tensors[i].shape, data_bytes,
                             data_bytes + tensors[i].bytes, i + 1 < count ? "," : "}");
        data_bytes += tensors[i].bytes;
    }
    char *data = malloc(data_bytes + 1);
    char *to = data;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, tensors[i].data, tensors[i].bytes);
        to += tensors[i].bytes;
    }
    char *body = tensors_frame(header, used, data, data_bytes, bytes);
    free(data);
    return body;
}

const struct answer *post_body(const char *path, const char *headers, char *body, size_t bytes) {
    const struct answer *answer = request((struct call){.method = "POST",
                                                        .path = path,
                                                        .headers = headers,
                                                        .type = SAFETENSORS,
                                                        .body = body,
                                                        .bytes = bytes});
    free(body);
    return answer;
}

const struct answer *post_tensors(const char *path, const char *headers,
                                  const struct tensor *tensors, size_t count,
                                  const char *metadata) {
    size_t bytes;
    char *body = tensors_body(tensors, count, metadata, &bytes);
    return post_body(path, headers, body, bytes);
}

/* Small whole numbers and halves: exact in every floating type. */
static uint16_t as_f16(double number) {
    const float single = (float)number;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    if (number == 0) {
        return 0;
    }
    const uint32_t exponent = (bits >> 23 & 255) - 127 + 15;
    return (uint16_t)(bits >> 31 << 15 | exponent << 10 | (bits >> 13 & 1023));
}

static uint16_t as_bf16(double number) {
    const float single = (float)number;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return (uint16_t)(bits >> 16);
}

size_t tensor_items(const char *dtype, const double *numbers, size_t count, void *to) {
    char *at = to;
    for (size_t i = 0; i < count; i++) {
        const float f32 = (float)numbers[i];
        const uint16_t f16 = as_f16(numbers[i]), bf16 = as_bf16(numbers[i]);
        const int64_t whole = (int64_t)numbers[i];
        size_t bytes;
        const void *item = &whole; /* little-endian: its first bytes are the narrower ones */
        if (strcmp(dtype, "BOOL") == 0) {
            bytes = 1;
        } else if (strcmp(dtype, "BF16") == 0) {
            bytes = 2;
            item = &bf16;
        } else {
            bytes = strtoul(dtype + 1, NULL, 10) / 8;
            if (dtype[0] == 'F') {
                item = bytes == 8   ? (const void *)&numbers[i]
                       : bytes == 4 ? (const void *)&f32
                                    : (const void *)&f16;
            }
        }
        memcpy(at, item, bytes);
        at += bytes;
    }
    return (size_t)(at - (char *)to);
}

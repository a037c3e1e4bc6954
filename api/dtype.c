/* Types of items; see dtype.h. */
#include "api/dtype.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "items are read as they are");

#define DECODER(name, type)                                                                        \
    static void decode_##name(const char *from, size_t count, double *to) {                        \
        for (size_t i = 0; i < count; i++) {                                                       \
            type item;                                                                             \
            memcpy(&item, from + i * sizeof item, sizeof item);                                    \
            to[i] = (double)item;                                                                  \
        }                                                                                          \
    }
DECODER(f64, double)
DECODER(f32, float)
DECODER(i64, int64_t)
DECODER(i32, int32_t)
DECODER(i16, int16_t)
DECODER(i8, int8_t)
DECODER(u64, uint64_t)
DECODER(u32, uint32_t)
DECODER(u16, uint16_t)
DECODER(u8, uint8_t)

static void decode_bool(const char *from, size_t count, double *to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i] != 0;
    }
}

/* 1 sign, 5 exponent, 10 mantissa bits, by arithmetic on normal doubles: right
 * also where the processor flushes subnormal numbers.  NaN becomes infinite. */
static void decode_f16(const char *from, size_t count, double *to) {
    static const double scales[32] = {0x1p-24, 0x1p-24, 0x1p-23, 0x1p-22, 0x1p-21, 0x1p-20, 0x1p-19,
                                      0x1p-18, 0x1p-17, 0x1p-16, 0x1p-15, 0x1p-14, 0x1p-13, 0x1p-12,
                                      0x1p-11, 0x1p-10, 0x1p-9,  0x1p-8,  0x1p-7,  0x1p-6,  0x1p-5,
                                      0x1p-4,  0x1p-3,  0x1p-2,  0x1p-1,  0x1p0,   0x1p1,   0x1p2,
                                      0x1p3,   0x1p4,   0x1p5,   INFINITY};
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, from + i * sizeof bits, sizeof bits);
        const unsigned exponent = bits >> 10 & 31;
        const unsigned mantissa = (bits & 1023u) | (exponent > 0 ? 1024u : 0);
        const double magnitude = (double)mantissa * scales[exponent];
        to[i] = bits >> 15 ? -magnitude : magnitude;
    }
}

/* The upper half of a float32. */
static void decode_bf16(const char *from, size_t count, double *to) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, from + i * sizeof half, sizeof half);
        const uint32_t bits = (uint32_t)half << 16;
        float item;
        memcpy(&item, &bits, sizeof item);
        to[i] = (double)item;
    }
}

const struct dtype dtypes[DTYPES] = {
    [DTYPE_F64] = {"F64", 8, DTYPE_FLOATING, decode_f64},
    [DTYPE_F32] = {"F32", 4, DTYPE_FLOATING, decode_f32},
    [DTYPE_F16] = {"F16", 2, DTYPE_FLOATING, decode_f16},
    [DTYPE_BF16] = {"BF16", 2, DTYPE_FLOATING, decode_bf16},
    [DTYPE_I64] = {"I64", 8, DTYPE_WHOLE, decode_i64},
    [DTYPE_I32] = {"I32", 4, DTYPE_WHOLE, decode_i32},
    [DTYPE_I16] = {"I16", 2, DTYPE_WHOLE, decode_i16},
    [DTYPE_I8] = {"I8", 1, DTYPE_WHOLE, decode_i8},
    [DTYPE_U64] = {"U64", 8, DTYPE_WHOLE, decode_u64},
    [DTYPE_U32] = {"U32", 4, DTYPE_WHOLE, decode_u32},
    [DTYPE_U16] = {"U16", 2, DTYPE_WHOLE, decode_u16},
    [DTYPE_U8] = {"U8", 1, DTYPE_WHOLE, decode_u8},
    [DTYPE_BOOL] = {"BOOL", 1, DTYPE_BOOLEAN, decode_bool},
};

const struct dtype *dtype_find(const char *name) {
    for (size_t i = 0; i < DTYPES; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            return &dtypes[i];
        }
    }
    return NULL;
}

void dtype_list(unsigned kinds, char *text, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < DTYPES && used < size; i++) {
        if ((dtypes[i].kind & kinds) != 0) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     dtypes[i].name);
        }
    }
}

/* Fuzzes api/content_coding.c in front of an intake.  The first byte chooses the
 * coding, the format and whether the rest is compressed already or is what comes
 * out; the second how it is cut.  However it is cut, the same comes out, in pieces of
 * bounded size, and no memory stays behind. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "api/content_coding.h"
#include "api/intake.h"
#include "tests/unit/intake_models.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_BYTES_MAX 65536 /* the limit that a body has */

static struct specification model;
static struct ledger ledger;

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

struct drain {
    struct intake *intake;
    size_t bytes;
    uint64_t hash;
};

static enum error_code take(void *context, const char *data, size_t size, struct error *error) {
    struct drain *drain = context;
    require(size > 0 && size <= DECODER_PIECE_BYTES);
    require(drain->bytes <= OUT_BYTES_MAX); /* nothing comes after an error */
    drain->bytes += size;
    if (drain->bytes > OUT_BYTES_MAX) {
        return error_set(error, ERROR_TOO_LARGE, NULL, "too large");
    }
    for (size_t i = 0; i < size; i++) {
        drain->hash = (drain->hash ^ (unsigned char)data[i]) * 0x100000001B3u;
    }
    return drain->intake != NULL ? intake_feed(drain->intake, data, size, error) : ERROR_NONE;
}

static enum error_code decode(enum content_coding coding, const uint8_t *body, size_t size,
                              size_t step, const struct intake_format *format,
                              struct drain *drain) {
    const struct intake_request request = {
        .purpose = INTAKE_BATCH, .specification = &model, .ledger = &ledger};
    struct error error = {.code = ERROR_NONE};
    *drain = (struct drain){.intake = format != NULL ? intake_create(format, &request) : NULL};
    struct decoder *decoder = decoder_create(coding, &ledger, take, drain, &error);
    enum error_code code = ERROR_NONE;
    for (size_t at = 0; at < size && code == ERROR_NONE; at += step) {
        const size_t bytes = step < size - at ? step : size - at;
        char *copy = malloc(bytes);
        memcpy(copy, body + at, bytes);
        code = decoder_feed(decoder, copy, bytes, &error);
        free(copy);
    }
    if (code == ERROR_NONE) {
        code = decoder_end(decoder, &error);
    }
    if (code == ERROR_NONE && format != NULL) {
        code = intake_end(drain->intake, &error);
    }
    require(code == error.code || code == ERROR_NONE);
    decoder_destroy(decoder);
    intake_destroy(drain->intake);
    require(ledger_reserved(&ledger) == 0);
    return code;
}

static uint8_t *compress_body(const uint8_t *data, size_t size, bool gzip, size_t *bytes) {
    z_stream stream = {0};
    require(deflateInit2(&stream, 1, Z_DEFLATED, gzip ? 25 : 9, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    *bytes = deflateBound(&stream, size);
    uint8_t *body = malloc(*bytes);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (unsigned)size;
    stream.next_out = body;
    stream.avail_out = (unsigned)*bytes;
    require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    *bytes = stream.total_out;
    deflateEnd(&stream);
    return body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct intake_format *const formats[] = {&intake_json, &intake_csv, NULL};
    if (model.inputs == 0) {
        ledger_init(&ledger, (size_t)1 << 24);
        model_softmax(&model, 2, 3, NULL);
    }
    if (size < 2) {
        return 0;
    }
    const enum content_coding coding = data[0] % 2 == 0 ? CODING_GZIP : CODING_DEFLATE;
    const struct intake_format *format = formats[data[0] / 2 % 3];
    const size_t step = (size_t)data[1] % 64 + 1;
    size_t bytes = size - 2;
    uint8_t *body;
    const bool wrap = data[0] / 6 % 2 == 1;
    if (wrap) {
        body = compress_body(data + 2, size - 2, coding == CODING_GZIP, &bytes);
    } else {
        body = malloc(bytes + 1);
        memcpy(body, data + 2, bytes);
    }
    struct drain whole, cut;
    const enum error_code code = decode(coding, body, bytes, bytes + 1, format, &whole);
    const enum error_code cut_code = decode(coding, body, bytes, step, format, &cut);
    /* Of two faults, the text's and the coding's, the one that is seen first is told; a
     * parser may see the text's only with the next chunk. */
    require(cut_code == code || (format != NULL && code != ERROR_NONE && cut_code != ERROR_NONE));
    if (code == ERROR_NONE) {
        require(whole.bytes == cut.bytes && whole.hash == cut.hash);
    }
    if (wrap && format == NULL) {
        require(code == ERROR_NONE && whole.bytes == size - 2);
    }
    free(body);
    return 0;
}

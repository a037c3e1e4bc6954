/* Fuzzes api/model_intake.c: the first byte says how the body is cut; the rest is the body,
 * whose length field is made right unless that byte is odd.  However it is cut, the same
 * must come out, a state that a model can begin with, and no memory may stay behind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/model_intake.h"

#define LENGTH_BYTES SAFETENSORS_LENGTH_BYTES

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One for each of the two that are read side by side. */
static struct ledger ledgers[2];

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* Chunks of their exact size, so that the sanitizer sees a byte too many. */
static enum error_code feed(struct model_intake *intake, const uint8_t *body, size_t size,
                            size_t step, struct error *error) {
    enum error_code code = ERROR_NONE;
    for (size_t at = 0; at < size && code == ERROR_NONE; at += step) {
        const size_t bytes = step < size - at ? step : size - at;
        char *copy = malloc(bytes);
        memcpy(copy, body + at, bytes);
        code = model_intake_feed(intake, copy, bytes, error);
        free(copy);
    }
    return code == ERROR_NONE ? model_intake_end(intake, error) : code;
}

static void require_sense(const struct model_intake *intake, enum error_code code,
                          const struct error *error) {
    if (code != ERROR_NONE) {
        require(code == error->code && error->message[0] != '\0');
        require(code == ERROR_SYNTAX || code == ERROR_INVALID || code == ERROR_MEMORY);
        return;
    }
    struct error why;
    require(state_check(intake->state, &intake->network, &why) == ERROR_NONE);
    const struct weights weights = state_weights(intake->state, &intake->network);
    for (size_t i = 0; i < intake->network.version_floats; i++) {
        require(isfinite(weights.parameters[i]));
    }
}

static void check_body(const uint8_t *body, size_t size, size_t step) {
    struct error whole_error, cut_error;
    struct model_intake *whole = model_intake_create(&ledgers[0], 0);
    struct model_intake *cut = model_intake_create(&ledgers[1], 0);
    const enum error_code code = feed(whole, body, size, size + 1, &whole_error);
    const enum error_code cut_code = feed(cut, body, size, step, &cut_error);
    require_sense(whole, code, &whole_error);
    require(code == cut_code);
    if (code == ERROR_NONE) {
        require(whole->state->bytes == cut->state->bytes);
        require(memcmp(whole->state->head, cut->state->head, cut->state->bytes) == 0);
    } else {
        require(strcmp(whole_error.message, cut_error.message) == 0);
        require(strcmp(whole_error.pointer, cut_error.pointer) == 0);
    }
    model_intake_destroy(cut);
    model_intake_destroy(whole);
    require(ledger_reserved(&ledgers[0]) == 0 && ledger_reserved(&ledgers[1]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ledger_init(&ledgers[0], (size_t)1 << 24);
    ledger_init(&ledgers[1], (size_t)1 << 24);
    if (size < 1 + LENGTH_BYTES) {
        return 0;
    }
    uint8_t *body = malloc(size);
    memcpy(body, data + 1, size - 1);
    if (data[0] % 2 == 0) { /* the header ends at the last '}' */
        uint64_t length = size - 1;
        while (length > LENGTH_BYTES && body[length - 1] != '}') {
            length--;
        }
        length -= LENGTH_BYTES;
        memcpy(body, &length, sizeof length);
    }
    check_body(body, size - 1, (size_t)data[0] % 64 + 1);
    free(body);
    return 0;
}

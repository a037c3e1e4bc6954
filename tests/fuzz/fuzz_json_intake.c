/* Fuzzes api/json_intake.c, and holds its syntax against jansson's. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/intake_body.h"

/* jansson refuses whole numbers beyond 64 bits and numbers beyond double, which
 * are of the grammar; it knows no byte-order mark; and it skips zero bytes. */
static void compare(enum error_code code, const char *body, size_t size) {
    if (memchr(body, 0, size) != NULL) {
        return;
    }
    if (size >= 3 && memcmp(body, "\xEF\xBB\xBF", 3) == 0) {
        body += 3;
        size -= 3;
    }
    json_error_t error;
    json_t *tree =
        json_loadb(body, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    const bool overflow = tree == NULL && json_error_code(&error) == json_error_numeric_overflow;
    const bool nul_in_key = tree == NULL && json_error_code(&error) == json_error_null_byte_in_key;
    json_decref(tree);
    if (code == ERROR_NONE && tree == NULL && !overflow && !nul_in_key) {
        abort();
    }
    /* A number of over 1024 characters is refused by us alone. */
    if (code == ERROR_SYNTAX && tree != NULL && size < 1024) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const enum error_code code = fuzz_intake(&intake_json, data, size);
    if (size >= 2) {
        compare(code, (const char *)data + 2, size - 2);
    }
    return 0;
}

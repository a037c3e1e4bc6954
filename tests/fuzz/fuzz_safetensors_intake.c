/* Fuzzes api/safetensors_intake.c.  So that headers are found in reasonable
 * time, the body's length field is made right unless the second byte is odd. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/intake_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 10 || data[1] % 2 == 1) {
        (void)fuzz_intake(&intake_safetensors, data, size);
        return 0;
    }
    /* The header ends at the last '}'. */
    size_t end = size;
    while (end > 10 && data[end - 1] != '}') {
        end--;
    }
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    const uint64_t length = end - 10;
    memcpy(copy + 2, &length, sizeof length);
    (void)fuzz_intake(&intake_safetensors, copy, size);
    free(copy);
    return 0;
}

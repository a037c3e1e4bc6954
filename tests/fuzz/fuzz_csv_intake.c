/* Fuzzes api/csv_intake.c: however a table is cut, the same comes of it, and as many
 * rows as it tells. */
#include "tests/fuzz/intake_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)fuzz_intake(&intake_csv, data, size);
    return 0;
}

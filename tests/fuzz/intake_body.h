/* What the fuzzers of intake share: the first byte chooses the model and the
 * call, the second how the body is cut; the rest is the body.  However it is
 * cut, the same must come out, and no memory may stay behind. */
#ifndef MLPD_TESTS_FUZZ_INTAKE_BODY_H
#define MLPD_TESTS_FUZZ_INTAKE_BODY_H

#include <stdint.h>

#include "api/intake.h"

/* What came out of the body in one piece.  Aborts on any difference. */
enum error_code fuzz_intake(const struct intake_format *format, const uint8_t *data, size_t size);

#endif

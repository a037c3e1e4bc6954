/* What becomes of a body: one call feeds it whole, byte by byte, in pieces and
 * cut in two at every place, with and without its length known, and checks that all of it
 * comes out the same and that no memory stays behind. */
#ifndef MLPD_TESTS_UNIT_INTAKE_CASE_H
#define MLPD_TESTS_UNIT_INTAKE_CASE_H

#include "api/intake.h"

struct intake_case {
    const struct intake_format *format;
    enum intake_purpose purpose;
    const struct specification *model;
    struct intake_scaling scaling;
};

/* What came out; the last call's, until the next. */
struct outcome {
    enum error_code code;
    struct error error;
    struct examples examples;
    struct intake_options options;
};

const struct outcome *outcome_of(const struct intake_case *c, const char *body, size_t size);

/* ERROR_NONE, or a failure with the message. */
const struct outcome *expect_taken(const struct intake_case *c, const char *body, size_t size);

/* That code, that pointer, and a message that holds `words`. */
void expect_refused(const struct intake_case *c, const char *body, size_t size,
                    enum error_code code, const char *pointer, const char *words);

/* The n-th allocation fails, for every n until none does: each time a clean
 * ERROR_MEMORY (or NULL at creation), and the ledger is empty again. */
void expect_clean_without_memory(const struct intake_case *c, const char *body, size_t size);

#endif

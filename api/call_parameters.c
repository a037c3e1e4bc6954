/* The query parameters of a call; see call_internal.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/call_internal.h"
#include "api/number.h"

bool call_read_integer(struct call *call, const char *parameter, uint64_t minimum, uint64_t maximum,
                       uint64_t fallback, uint64_t *value) {
    const char *text = target_parameter(&call->target, parameter);
    *value = fallback;
    if (text == NULL) {
        return true;
    }
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < minimum ||
        number > maximum) {
        call_answer_problem(call, 422, NULL,
                            "the query parameter %s is '%.40s'; a whole number from %" PRIu64
                            " to %" PRIu64 " is wanted",
                            parameter, text, minimum, maximum);
        return false;
    }
    *value = number;
    return true;
}

bool call_read_boolean(struct call *call, const char *parameter, bool *value) {
    const char *text = target_parameter(&call->target, parameter);
    *value = text != NULL && strcmp(text, "true") == 0;
    if (text == NULL || *value || strcmp(text, "false") == 0) {
        return true;
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter %s is '%.40s'; true or false is wanted", parameter,
                        text);
    return false;
}

bool call_read_number(struct call *call, const char *parameter, double minimum, double maximum,
                      double fallback, double *value) {
    const char *text = target_parameter(&call->target, parameter);
    *value = fallback;
    if (text == NULL ||
        (number_read(text, strlen(text), value) && *value >= minimum && *value <= maximum)) {
        return true;
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter %s is '%.40s'; a number from %.15g to %.15g is "
                        "wanted",
                        parameter, text, minimum, maximum);
    return false;
}

/* The query parameters of a call; see call_internal.h. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/call_internal.h"
#include "api/number.h"

static const char *find(const struct call *call, enum parameter parameter,
                        enum parameter_type type) {
    assert(parameter_descriptions[parameter].type == type);
    (void)type;
    return target_parameter(&call->target, parameter_descriptions[parameter].name);
}

static bool is_allowed(const struct parameter_description *row, double value) {
    return value >= row->minimum && value <= row->maximum;
}

static void answer_what_is_wanted(struct call *call, const struct parameter_description *row,
                                  const char *text) {
    const char *const kind = row->type == PARAMETER_INTEGER ? "whole number" : "number";
    call_answer_problem(call, 422, NULL,
                        "the query parameter %s is '%.40s'; a %s from %.17g to %.17g is wanted",
                        row->name, text, kind, row->minimum, row->maximum);
}

bool call_read_integer(struct call *call, enum parameter parameter, uint64_t *value) {
    const struct parameter_description *row = &parameter_descriptions[parameter];
    const char *text = find(call, parameter, PARAMETER_INTEGER);
    *value = (uint64_t)row->fallback;
    if (text == NULL) {
        return true;
    }
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    /* The bounds are whole numbers up to 2⁵³, which a double holds; no number above them
     * rounds down to one of them. */
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        number > (uint64_t)COUNT_MAX || !is_allowed(row, (double)number)) {
        answer_what_is_wanted(call, row, text);
        return false;
    }
    *value = number;
    return true;
}

bool call_read_number(struct call *call, enum parameter parameter, double *value) {
    const struct parameter_description *row = &parameter_descriptions[parameter];
    const char *text = find(call, parameter, PARAMETER_NUMBER);
    *value = row->fallback;
    if (text == NULL || (number_read(text, strlen(text), value) && is_allowed(row, *value))) {
        return true;
    }
    answer_what_is_wanted(call, row, text);
    return false;
}

bool call_read_boolean(struct call *call, enum parameter parameter, bool *value) {
    const char *text = find(call, parameter, PARAMETER_BOOLEAN);
    *value = text != NULL && strcmp(text, "true") == 0;
    if (text == NULL || *value || strcmp(text, "false") == 0) {
        return true;
    }
    call_answer_problem(call, 422, NULL,
                        "the query parameter %s is '%.40s'; true or false is wanted",
                        parameter_descriptions[parameter].name, text);
    return false;
}

const char *call_read_text(const struct call *call, enum parameter parameter) {
    const char *text = find(call, parameter, PARAMETER_TEXT);
    return text != NULL ? text : "";
}

/* The numbers of JSON bodies, fast; see json_parser.h.
 *
 * Nearly all of any body are numbers in rows.  They are read here without dispatch and
 * without carrying anything over: plain ones in lists (number_list.h), of narrow rows
 * several at once, others one by one. */
#include <string.h>

#include "api/json_parser.h"
#include "api/number_list.h"
#include "core/base/checked.h"

/* Plain numbers of the row, as far as they lie wholly in the chunk with what divides them
 * behind each; how many.  Of narrow rows also of further ones for which there is memory; not
 * of the first, whose end tells how much memory to reserve. */
static enum error_code take_list(struct intake *intake, const char **at, const char *end,
                                 size_t *taken, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum intake_tensor tensor = parser->field->tensor;
    const size_t width = intake_tensor_width(intake, tensor);
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    const size_t room = (buffer->capacity - buffer->used) / sizeof(float);
    double values[INTAKE_LIST_NUMBERS];
    size_t left = width - parser->column;
    if (width <= INTAKE_NARROW_NUMBERS && buffer->used >= width * sizeof(float)) {
        *taken =
            number_rows_scan(parser->chunk, at, end, values, size_min(room, INTAKE_LIST_NUMBERS),
                             NUMBER_ROWS_JSON, width, &left);
    } else {
        *taken = number_list_scan(parser->chunk, at, end, values,
                                  size_min(left - 1, INTAKE_LIST_NUMBERS));
        left -= *taken;
    }
    if (*taken == 0) {
        return ERROR_NONE;
    }
    intake_numbers(intake, tensor, values, *taken, (float *)(void *)(buffer->data + buffer->used));
    buffer->used += *taken * sizeof(float);
    const bool row_ended = parser->column + *taken >= width;
    parser->column = width - left;
    parser->place = parser->column == 0 ? AT_FIRST_NUMBER : AT_NUMBER;
    *at = json_skip_blanks(*at, end);
    if (!row_ended) {
        return ERROR_NONE;
    }
    const enum error_code code = intake_check_rows(intake, tensor, error);
    return code == ERROR_NONE ? buffer_reserve(buffer, left * sizeof(float), error) : code;
}

/* The memory of the row was reserved when it was opened. */
enum error_code json_take_row_numbers(struct intake *intake, const char **from, const char *end,
                                      struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum intake_tensor tensor = parser->field->tensor;
    const size_t width = intake_tensor_width(intake, tensor);
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    const char *next;
    double value;
    while (parser->column < width) {
        size_t taken = 0;
        if (intake_lists_due(&parser->lists)) {
            const enum error_code code = take_list(intake, from, end, &taken, error);
            if (code != ERROR_NONE) {
                return code;
            }
            intake_lists_note(&parser->lists, taken);
        }
        if (taken > 0) {
            continue;
        }
        if (number_scan(*from, end, &next, &value) != NUMBER_WHOLE) {
            break;
        }
        const float number = intake_number(intake, tensor, value);
        memcpy(buffer->data + buffer->used, &number, sizeof number);
        buffer->used += sizeof number;
        parser->column++;
        parser->place = AFTER_NUMBER;
        *from = json_skip_blanks(next, end);
        if (*from == end || **from != ',') {
            break;
        }
        parser->place = AT_NUMBER;
        *from = json_skip_blanks(*from + 1, end);
    }
    return ERROR_NONE;
}

enum error_code json_take_items(struct intake *intake, const char **from, const char *end,
                                struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum intake_tensor tensor = parser->field->tensor;
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    double values[INTAKE_LIST_NUMBERS];
    enum error_code code = ERROR_NONE;
    while (code == ERROR_NONE && intake_lists_due(&parser->lists)) {
        const size_t taken =
            number_list_scan(parser->chunk, from, end, values, INTAKE_LIST_NUMBERS);
        intake_lists_note(&parser->lists, taken);
        if (taken == 0) {
            break;
        }
        parser->place = AT_ITEM;
        *from = json_skip_blanks(*from, end);
        if (parser->field->kind == FIELD_LABELS) {
            code = intake_add_labels(intake, values, taken, error);
            continue;
        }
        code = buffer_reserve(buffer, taken * sizeof(float), error);
        if (code == ERROR_NONE) {
            intake_numbers(intake, tensor, values, taken,
                           (float *)(void *)(buffer->data + buffer->used));
            buffer->used += taken * sizeof(float);
            code = intake_check_rows(intake, tensor, error);
        }
    }
    return code;
}

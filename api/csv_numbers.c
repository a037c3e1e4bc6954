/* The numbers of CSV bodies, fast; see csv_parser.h.
 *
 * Nearly all of any body are numbers.  They are read here where they stand: plain ones in
 * lists (number_list.h), of narrow rows several at once with their labels, others one by
 * one. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "api/csv_parser.h"
#include "api/number.h"
#include "api/number_list.h"
#include "core/base/checked.h"

/* ---- Storing ---- */

enum error_code csv_begin_row(struct intake *intake, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    enum error_code code =
        buffer_reserve(&intake->examples.inputs, parser->inputs * sizeof(float), error);
    if (code == ERROR_NONE && parser->answers == INTAKE_TARGETS) {
        code = buffer_reserve(&intake->examples.targets,
                              (parser->columns - parser->inputs) * sizeof(float), error);
    }
    parser->kind = LINE_ROW;
    return code;
}

enum error_code csv_take_number(struct intake *intake, const char *cell, size_t bytes, double value,
                                struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    const enum intake_tensor tensor = csv_tensor_of(parser, parser->column);
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    const float number = intake_number(intake, tensor, value);
    if (!isfinite(number)) {
        intake_refuse_row(tensor, parser->row, error,
                          "'%.*s' is beyond float32; allowed are -3.4e38 to 3.4e38",
                          (int)size_min(bytes, CSV_CELL_SHOWN_BYTES), cell);
        csv_tell_place(parser, true, error);
        return ERROR_INVALID;
    }
    memcpy(buffer->data + buffer->used, &number, sizeof number);
    buffer->used += sizeof number;
    return ERROR_NONE;
}

/* ---- Lists ---- */

/* How many cells from here on are numbers of one tensor with a comma behind each. */
static size_t listed_columns(const struct csv_parser *parser) {
    const enum intake_tensor tensor = csv_tensor_of(parser, parser->column);
    const size_t columns = tensor == INTAKE_INPUTS ? size_min(parser->inputs, parser->columns - 1)
                           : tensor == INTAKE_TARGETS ? parser->columns - 1
                                                      : 0;
    return columns > parser->column ? columns - parser->column : 0;
}

/* A number is there: at the beginning of a line it makes that a row. */
static enum error_code begin_number(struct intake *intake, const char *at, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    if (parser->column > 0) {
        return ERROR_NONE;
    }
    parser->row_offset = parser->row == 0 ? csv_offset_of(parser, at) : parser->row_offset;
    return csv_begin_row(intake, error);
}

/* A list of plain numbers of the row from *from on; *taken are stored.  None where
 * one is beyond float32: then the cell that it is in is to be told. */
static enum error_code take_list(struct intake *intake, const char **from, const char *end,
                                 size_t *taken, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    const enum intake_tensor tensor = csv_tensor_of(parser, parser->column);
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    const char *at = *from;
    double values[INTAKE_LIST_NUMBERS];
    *taken = number_list_scan(parser->chunk, &at, end, values,
                              size_min(listed_columns(parser), INTAKE_LIST_NUMBERS));
    if (*taken == 0) {
        return ERROR_NONE;
    }
    const enum error_code code = begin_number(intake, *from, error);
    if (code != ERROR_NONE) {
        return code;
    }
    float *numbers = (float *)(void *)(buffer->data + buffer->used);
    intake_numbers(intake, tensor, values, *taken, numbers);
    if (!intake_all_finite(numbers, *taken)) {
        *taken = 0;
        return ERROR_NONE;
    }
    parser->column += *taken;
    buffer->used += *taken * sizeof *numbers;
    *from = at;
    return ERROR_NONE;
}

/* Numbers from the column on, through rows.  False, and some stored, where one is beyond
 * float32 or no label. */
static bool put_rows(struct intake *intake, const double *values, size_t count) {
    struct csv_parser *parser = csv_parser_of(intake);
    struct buffer *inputs = &intake->examples.inputs;
    float *const numbers = (float *)(void *)(inputs->data + inputs->used);
    size_t stored = 0, column = parser->column, rows = 0;
    for (size_t i = 0; i < count;) {
        if (column < parser->inputs) {
            const size_t part = size_min(parser->inputs - column, count - i);
            intake_numbers(intake, INTAKE_INPUTS, values + i, part, numbers + stored);
            stored += part;
            column += part;
            i += part;
        } else if (intake_add_labels(intake, &values[i++], 1, NULL) == ERROR_NONE) {
            column++;
        } else {
            return false;
        }
        if (column == parser->columns) {
            column = 0;
            rows++;
        }
    }
    if (!intake_all_finite(numbers, stored)) {
        return false;
    }
    inputs->used += stored * sizeof *numbers;
    parser->column = column;
    parser->row += rows;
    parser->line += rows; /* with no breaks in them: those are of names alone */
    return true;
}

/* The same through rows as far as there is memory for their inputs; the first row tells
 * how much that should be, and is left to others. */
static enum error_code take_rows(struct intake *intake, const char **from, const char *end,
                                 size_t *taken, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    struct buffer *inputs = &intake->examples.inputs, *labels = &intake->examples.labels;
    const size_t room = (inputs->capacity - inputs->used) / sizeof(float);
    const size_t labels_used = labels->used;
    const char *at = *from;
    double values[INTAKE_LIST_NUMBERS];
    size_t left = parser->columns - parser->column;
    *taken = number_rows_scan(parser->chunk, &at, end, values, size_min(room, INTAKE_LIST_NUMBERS),
                              NUMBER_ROWS_CSV, parser->columns, &left);
    if (*taken == 0 || !put_rows(intake, values, *taken)) {
        labels->used = labels_used;
        *taken = 0;
        return ERROR_NONE; /* the cell that is wrong is to be told */
    }
    *from = at;
    return parser->column == 0
               ? ERROR_NONE
               : buffer_reserve(inputs,
                                (parser->inputs - size_min(parser->column, parser->inputs)) *
                                    sizeof(float),
                                error);
}

/* Lists of plain numbers, where they may be and are due. */
static enum error_code take_lists(struct intake *intake, const char **from, const char *end,
                                  size_t *taken, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    const bool rows = parser->lists_rows && parser->row > 0 && parser->column < parser->columns;
    *taken = 0;
    if ((!rows && listed_columns(parser) == 0) || !intake_lists_due(&parser->lists)) {
        return ERROR_NONE;
    }
    const enum error_code code = (rows ? take_rows : take_list)(intake, from, end, taken, error);
    intake_lists_note(&parser->lists, *taken);
    return code;
}

/* One by one not the last of a line. */
enum error_code csv_take_numbers(struct intake *intake, const char **from, const char *end,
                                 struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    enum error_code code = ERROR_NONE;
    while (code == ERROR_NONE) {
        size_t taken;
        code = take_lists(intake, from, end, &taken, error);
        if (code != ERROR_NONE || taken > 0) {
            continue;
        }
        if (listed_columns(parser) == 0) {
            return ERROR_NONE;
        }
        const char *at = *from, *next;
        double value;
        while (at < end && csv_is_blank(*at)) {
            at++;
        }
        if (number_scan(at, end, &next, &value) != NUMBER_WHOLE) {
            return ERROR_NONE;
        }
        const size_t bytes = (size_t)(next - at);
        while (next < end && csv_is_blank(*next)) {
            next++;
        }
        if (next == end || *next != ',' || (size_t)(next - *from) > CSV_CELL_BYTES_MAX) {
            return ERROR_NONE;
        }
        code = begin_number(intake, *from, error);
        if (code == ERROR_NONE) {
            code = csv_take_number(intake, at, bytes, value, error);
            parser->column++;
            *from = next + 1;
        }
    }
    return code;
}

/* CSV bodies, parsed as they arrive; see intake.h.
 *
 * RFC 4180: cells divided by commas, rows by LF or CRLF, quotes where a cell holds
 * one of these.  The columns of a row are known from the model: its inputs, then
 * the label, or the targets where it is trained on those; of a prediction the
 * inputs alone.  A first line in whose input cells stand names instead of numbers
 * is a header, and skipped.
 *
 * Numbers that lie wholly inside a chunk are read where they stand
 * (take_numbers).  Every other cell (quoted, a name, cut by a chunk's end) is
 * gathered in `cell`, which bounds its length.  Nothing else of the text is kept. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/csv_cell.h"
#include "api/intake.h"
#include "api/number.h"
#include "api/number_list.h"
#include "core/base/checked.h"

#define CELL_BYTES_MAX 1024 /* quotes not counted */
#define CELL_SHOWN_BYTES 40 /* of a cell, in a message */
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define BYTE_ORDER_MARK_BYTES 3

enum place {
    AT_START, /* of the body: a byte-order mark may come */
    AT_CELL,
    IN_CELL,
    IN_QUOTES,
    AFTER_QUOTE, /* the end of the quotes, or the first of two that mean one */
    AFTER_CELL,  /* blanks behind the quotes */
    AFTER_RETURN
};

/* What the line being read is. */
enum line_kind { LINE_UNDECIDED, LINE_HEADER, LINE_ROW };

struct csv_parser {
    bool begun;
    enum place place;
    enum line_kind kind;
    size_t mark_bytes; /* of the byte-order mark, matched so far */

    enum intake_tensor answers; /* labels or targets; INTAKE_TENSORS: none */
    size_t inputs, columns;     /* that a row must have */
    bool lists_rows;            /* rows are narrow, and numbers in all columns */

    size_t line, column; /* of the cell, both counted from 0 */
    size_t breaks;       /* in quoted cells of the line */
    size_t row;
    struct error refusal; /* of the first cell that is no number, while undecided */
    bool has_names;       /* and whether one of them is a name */

    size_t chunk_offset; /* of the chunk being fed, in the body */
    const char *chunk;
    size_t row_offset; /* where the first row began */
    struct intake_lists lists;

    bool quoted;
    size_t cell_bytes;
    char cell[CELL_BYTES_MAX];
};

static struct csv_parser *parser_of(struct intake *intake) {
    return intake->parser;
}

static void begin_body(struct intake *intake) {
    struct csv_parser *parser = parser_of(intake);
    const struct specification *specification = intake->request.specification;
    parser->begun = true;
    parser->inputs = intake_tensor_width(intake, INTAKE_INPUTS);
    parser->answers = intake->request.purpose == INTAKE_PREDICTION ? INTAKE_TENSORS
                      : specification_classes(specification) > 0   ? INTAKE_LABELS
                                                                   : INTAKE_TARGETS;
    parser->columns = parser->inputs;
    /* What was chosen for the model it can use: neither can fail. */
    (void)intake_begin_tensor(intake, INTAKE_INPUTS, NULL);
    if (parser->answers != INTAKE_TENSORS) {
        parser->columns += intake_tensor_width(intake, parser->answers);
        (void)intake_begin_tensor(intake, parser->answers, NULL);
    }
    parser->lists_rows = parser->columns <= INTAKE_NARROW_NUMBERS &&
                         (parser->answers == INTAKE_TENSORS ||
                          (parser->answers == INTAKE_LABELS && specification->class_count == 0));
}

/* ---- Refusals ---- */

/* The tensor of a column. */
static enum intake_tensor tensor_of(const struct csv_parser *parser, size_t column) {
    return column < parser->inputs ? INTAKE_INPUTS : parser->answers;
}

static enum error_code broken(const struct csv_parser *parser, const char *why,
                              struct error *error) {
    return error_set(error, ERROR_SYNTAX, NULL, "line %zu, column %zu: %s", parser->line + 1,
                     parser->column + 1, why);
}

/* Put the line, and the column where one is at fault, in front of a message. */
static void tell_place(const struct csv_parser *parser, bool column, struct error *error) {
    const struct error bare = *error;
    if (column) {
        error_set(error, bare.code, bare.pointer, "line %zu, column %zu: %s", parser->line + 1,
                  parser->column + 1, bare.message);
    } else {
        error_set(error, bare.code, bare.pointer, "line %zu: %s", parser->line + 1, bare.message);
    }
}

static enum error_code refuse_cell(const struct csv_parser *parser, const char *cell, size_t bytes,
                                   enum csv_cell_kind kind, struct error *error) {
    intake_refuse_row(tensor_of(parser, parser->column), parser->row, error, "'%.*s' %s",
                      (int)size_min(bytes, CELL_SHOWN_BYTES), cell, csv_cell_advice(kind));
    tell_place(parser, true, error);
    return ERROR_INVALID;
}

static enum error_code refuse_width(const struct csv_parser *parser, size_t found,
                                    struct error *error) {
    char answers[64] = "";
    if (parser->answers == INTAKE_LABELS) {
        snprintf(answers, sizeof answers, " and a label");
    } else if (parser->answers == INTAKE_TARGETS) {
        snprintf(answers, sizeof answers, " and %zu %s", parser->columns - parser->inputs,
                 parser->columns - parser->inputs == 1 ? "target" : "targets");
    }
    intake_refuse_row(INTAKE_INPUTS, parser->row, error,
                      "%zu %s, divided by commas; the model needs %zu: %zu %s%s", found,
                      found == 1 ? "column" : "columns", parser->columns, parser->inputs,
                      parser->inputs == 1 ? "input" : "inputs", answers);
    tell_place(parser, false, error);
    return ERROR_INVALID;
}

/* ---- Rows ---- */

/* All the memory of a row, so that its numbers are only stored. */
static enum error_code begin_row(struct intake *intake, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code =
        buffer_reserve(&intake->examples.inputs, parser->inputs * sizeof(float), error);
    if (code == ERROR_NONE && parser->answers == INTAKE_TARGETS) {
        code = buffer_reserve(&intake->examples.targets,
                              (parser->columns - parser->inputs) * sizeof(float), error);
    }
    parser->kind = LINE_ROW;
    return code;
}

/* A number of the row: of the inputs, or of the targets. */
static enum error_code take_number(struct intake *intake, const char *cell, size_t bytes,
                                   double value, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    const enum intake_tensor tensor = tensor_of(parser, parser->column);
    struct buffer *buffer = intake_tensor_buffer(intake, tensor);
    const float number = intake_number(intake, tensor, value);
    if (!isfinite(number)) {
        intake_refuse_row(tensor, parser->row, error,
                          "'%.*s' is beyond float32; allowed are -3.4e38 to 3.4e38",
                          (int)size_min(bytes, CELL_SHOWN_BYTES), cell);
        tell_place(parser, true, error);
        return ERROR_INVALID;
    }
    memcpy(buffer->data + buffer->used, &number, sizeof number);
    buffer->used += sizeof number;
    return ERROR_NONE;
}

/* After the first row it can be told how many come, if the length of the body is
 * known.  Only a guess, so a refusal is none. */
static void reserve_for_rows(struct intake *intake, size_t row_bytes) {
    const struct csv_parser *parser = parser_of(intake);
    const size_t body_bytes = intake->request.body_bytes;
    if (body_bytes > parser->row_offset && row_bytes > 0) {
        /* At least two bytes of text a number: at most twice the body. */
        size_t rows = (body_bytes - parser->row_offset) / row_bytes;
        rows += rows / 16;
        (void)buffer_reserve(&intake->examples.inputs, rows * parser->inputs * sizeof(float), NULL);
    }
}

/* The line is over, and `column` its last one; `offset` is behind it. */
static enum error_code end_line(struct intake *intake, size_t offset, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code = ERROR_NONE;
    if (parser->column + 1 != parser->columns) {
        return refuse_width(parser, parser->column + 1, error);
    }
    if (parser->kind == LINE_ROW) {
        if (parser->answers == INTAKE_TARGETS) {
            code = intake_check_rows(intake, INTAKE_TARGETS, error);
        }
        if (code != ERROR_NONE) {
            tell_place(parser, false, error);
            return code;
        }
        if (parser->row++ == 0) {
            reserve_for_rows(intake, offset - parser->row_offset);
        }
    }
    parser->kind = LINE_ROW; /* only the first can be a header */
    parser->line += 1 + parser->breaks;
    parser->breaks = 0;
    parser->column = 0;
    parser->place = AT_CELL;
    return ERROR_NONE;
}

/* ---- Cells ---- */

/* A class name, with its blanks or without, else an index. */
static enum error_code take_label(struct intake *intake, struct error *error) {
    const struct csv_parser *parser = parser_of(intake);
    const char *cell = parser->cell;
    size_t bytes = parser->cell_bytes;
    double index;
    if (intake_has_class(intake, cell, bytes)) {
        return intake_add_label_name(intake, cell, bytes, error);
    }
    csv_cell_trim(&cell, &bytes);
    enum error_code code;
    if (!intake_has_class(intake, cell, bytes) && number_read(cell, bytes, &index)) {
        code = intake_add_labels(intake, &index, 1, error);
    } else if (bytes == 0) {
        code = intake_refuse_row(INTAKE_LABELS, parser->row, error, "the label is empty");
    } else {
        code = intake_add_label_name(intake, cell, bytes, error);
    }
    if (code == ERROR_INVALID) {
        tell_place(parser, true, error);
    }
    return code;
}

/* A cell of the first line that is no number: of a header, or wrong. */
static void note_cell(struct csv_parser *parser, const char *cell, size_t bytes) {
    const enum csv_cell_kind kind = csv_cell_kind(cell, bytes);
    parser->has_names |= kind == CELL_NAME;
    if (parser->refusal.code == ERROR_NONE) {
        (void)refuse_cell(parser, cell, bytes, kind, &parser->refusal);
    }
}

/* None of the input cells of the first line is a number.  One that has only
 * missing or broken numbers is no header: a row must not vanish. */
static enum error_code decide_header(struct csv_parser *parser, struct error *error) {
    if (!parser->has_names) {
        *error = parser->refusal;
        return parser->refusal.code;
    }
    parser->kind = LINE_HEADER;
    return ERROR_NONE;
}

/* The first number is seen: the line is a row, unless something else came before. */
static enum error_code decide_row(struct intake *intake, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    if (parser->refusal.code != ERROR_NONE) {
        *error = parser->refusal;
        return parser->refusal.code;
    }
    return begin_row(intake, error);
}

/* A whole cell, in `cell`. */
static enum error_code take_cell(struct intake *intake, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code = ERROR_NONE;
    if (parser->kind == LINE_UNDECIDED && parser->column >= parser->inputs) {
        code = decide_header(parser, error);
    }
    if (code != ERROR_NONE || parser->kind == LINE_HEADER || parser->column >= parser->columns) {
        return code; /* of too many columns the line's end tells */
    }
    if (parser->kind == LINE_ROW && parser->column == 0) {
        code = begin_row(intake, error);
    }
    if (code == ERROR_NONE && tensor_of(parser, parser->column) == INTAKE_LABELS) {
        return take_label(intake, error);
    }
    const char *cell = parser->cell;
    size_t bytes = parser->cell_bytes;
    double value;
    csv_cell_trim(&cell, &bytes);
    const bool number = number_read(cell, bytes, &value);
    if (!number && parser->kind == LINE_UNDECIDED) {
        note_cell(parser, cell, bytes);
        return ERROR_NONE;
    }
    if (!number) {
        return refuse_cell(parser, cell, bytes, csv_cell_kind(cell, bytes), error);
    }
    if (code == ERROR_NONE && parser->kind == LINE_UNDECIDED) {
        code = decide_row(intake, error);
    }
    return code == ERROR_NONE ? take_number(intake, cell, bytes, value, error) : code;
}

static enum error_code take_last_cell(struct intake *intake, size_t offset, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    const char *cell = parser->cell;
    size_t bytes = parser->cell_bytes;
    csv_cell_trim(&cell, &bytes);
    if (parser->column == 0 && !parser->quoted && bytes == 0) { /* a blank line */
        parser->line++;
        parser->place = AT_CELL;
        return ERROR_NONE;
    }
    enum error_code code = take_cell(intake, error);
    if (code == ERROR_NONE && parser->kind == LINE_UNDECIDED) {
        code = decide_header(parser, error);
    }
    return code == ERROR_NONE ? end_line(intake, offset, error) : code;
}

static enum error_code append(struct csv_parser *parser, char c, struct error *error) {
    if (parser->cell_bytes == CELL_BYTES_MAX) {
        return error_set(error, ERROR_INVALID, NULL,
                         "line %zu, column %zu: a cell of more than %d bytes", parser->line + 1,
                         parser->column + 1, CELL_BYTES_MAX);
    }
    parser->cell[parser->cell_bytes++] = c;
    return ERROR_NONE;
}

/* ---- The loop ---- */

static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static size_t offset_of(const struct csv_parser *parser, const char *at) {
    return parser->chunk_offset + (size_t)(at - parser->chunk);
}

/* How many cells from here on are numbers of one tensor with a comma behind each. */
static size_t listed_columns(const struct csv_parser *parser) {
    const enum intake_tensor tensor = tensor_of(parser, parser->column);
    const size_t columns = tensor == INTAKE_INPUTS ? size_min(parser->inputs, parser->columns - 1)
                           : tensor == INTAKE_TARGETS ? parser->columns - 1
                                                      : 0;
    return columns > parser->column ? columns - parser->column : 0;
}

/* A number is there: at the beginning of a line it makes that a row. */
static enum error_code begin_number(struct intake *intake, const char *at, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    if (parser->column > 0) {
        return ERROR_NONE;
    }
    parser->row_offset = parser->row == 0 ? offset_of(parser, at) : parser->row_offset;
    return begin_row(intake, error);
}

/* A list of plain numbers of the row from *from on; *taken are stored.  None where
 * one is beyond float32: then the cell that it is in is to be told. */
static enum error_code take_list(struct intake *intake, const char **from, const char *end,
                                 size_t *taken, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    const enum intake_tensor tensor = tensor_of(parser, parser->column);
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
    struct csv_parser *parser = parser_of(intake);
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
    struct csv_parser *parser = parser_of(intake);
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
    struct csv_parser *parser = parser_of(intake);
    const bool rows = parser->lists_rows && parser->row > 0 && parser->column < parser->columns;
    *taken = 0;
    if ((!rows && listed_columns(parser) == 0) || !intake_lists_due(&parser->lists)) {
        return ERROR_NONE;
    }
    const enum error_code code = (rows ? take_rows : take_list)(intake, from, end, taken, error);
    intake_lists_note(&parser->lists, *taken);
    return code;
}

/* The numbers of a row as far as each lies in the chunk with the mark behind it,
 * and not the last of the line: lists of plain ones, others one by one.  Whatever else
 * comes is left to the general way. */
static enum error_code take_numbers(struct intake *intake, const char **from, const char *end,
                                    struct error *error) {
    struct csv_parser *parser = parser_of(intake);
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
        while (at < end && is_blank(*at)) {
            at++;
        }
        if (number_scan(at, end, &next, &value) != NUMBER_WHOLE) {
            return ERROR_NONE;
        }
        const size_t bytes = (size_t)(next - at);
        while (next < end && is_blank(*next)) {
            next++;
        }
        if (next == end || *next != ',' || (size_t)(next - *from) > CELL_BYTES_MAX) {
            return ERROR_NONE;
        }
        code = begin_number(intake, *from, error);
        if (code == ERROR_NONE) {
            code = take_number(intake, at, bytes, value, error);
            parser->column++;
            *from = next + 1;
        }
    }
    return code;
}

/* One character at a cell's end, or inside one. */
static enum error_code take_mark(struct intake *intake, const char *at, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code;
    switch (*at) {
    case ',':
        /* One more comma than columns: the line's end tells how many there are. */
        code = parser->column + 1 < parser->columns ? take_cell(intake, error) : ERROR_NONE;
        parser->column++;
        parser->place = AT_CELL;
        return code;
    case '\n':
        return take_last_cell(intake, offset_of(parser, at) + 1, error);
    case '\r':
        parser->place = AFTER_RETURN;
        return ERROR_NONE;
    default:
        return broken(parser, "a character between a quoted cell and the next comma", error);
    }
}

static enum error_code continue_cell(struct intake *intake, const char **at, const char *end,
                                     struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code = ERROR_NONE;
    for (; *at < end && code == ERROR_NONE; ++*at) {
        const char c = **at;
        if (c == ',' || c == '\n' || c == '\r') {
            return take_mark(intake, (*at)++, error);
        }
        if (c == '"') {
            const char *cell = parser->cell;
            csv_cell_trim(&cell, &parser->cell_bytes);
            if (parser->cell_bytes > 0) {
                return broken(parser, "a quote inside a cell that has none around it", error);
            }
            parser->quoted = true;
            parser->place = IN_QUOTES;
            ++*at;
            return ERROR_NONE;
        }
        code = append(parser, c, error);
    }
    return code;
}

static enum error_code continue_quotes(struct intake *intake, const char **at, const char *end,
                                       struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code = ERROR_NONE;
    for (; *at < end && code == ERROR_NONE; ++*at) {
        if (**at == '"') {
            parser->place = AFTER_QUOTE;
            ++*at;
            return ERROR_NONE;
        }
        parser->breaks += **at == '\n';
        code = append(parser, **at, error);
    }
    return code;
}

static void begin_cell(struct csv_parser *parser, const char *at) {
    parser->quoted = false;
    parser->cell_bytes = 0;
    parser->place = IN_CELL;
    if (parser->column == 0 && parser->row == 0) {
        parser->row_offset = offset_of(parser, at);
    }
}

/* The body's first bytes, which may be a byte-order mark, or the first cell's. */
static void continue_start(struct csv_parser *parser, const char **at) {
    if (**at == BYTE_ORDER_MARK[parser->mark_bytes]) {
        ++*at;
        if (++parser->mark_bytes == BYTE_ORDER_MARK_BYTES) {
            parser->place = AT_CELL;
        }
        return;
    }
    parser->place = AT_CELL;
    if (parser->mark_bytes > 0) {
        begin_cell(parser, *at);
        memcpy(parser->cell, BYTE_ORDER_MARK, parser->mark_bytes);
        parser->cell_bytes = parser->mark_bytes;
    }
}

static enum error_code next_step(struct intake *intake, const char **at, const char *end,
                                 struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code;
    switch (parser->place) {
    case AT_START:
        continue_start(parser, at);
        return ERROR_NONE;
    case AT_CELL:
        code = parser->refusal.code == ERROR_NONE && parser->kind != LINE_HEADER
                   ? take_numbers(intake, at, end, error)
                   : ERROR_NONE;
        if (*at < end) {
            begin_cell(parser, *at);
        }
        return code;
    case IN_CELL:
        return continue_cell(intake, at, end, error);
    case IN_QUOTES:
        return continue_quotes(intake, at, end, error);
    case AFTER_QUOTE:
        if (**at == '"') {
            parser->place = IN_QUOTES;
            return append(parser, *(*at)++, error);
        }
        parser->place = AFTER_CELL;
        return ERROR_NONE;
    case AFTER_CELL:
        return is_blank(**at) ? (++*at, ERROR_NONE) : take_mark(intake, (*at)++, error);
    case AFTER_RETURN:
        return **at == '\n' ? take_mark(intake, (*at)++, error)
                            : broken(parser, "a carriage return without a line feed", error);
    }
    return ERROR_NONE;
}

static enum error_code csv_feed(struct intake *intake, const char *data, size_t size,
                                struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    if (!parser->begun) {
        begin_body(intake);
    }
    parser->chunk = data;
    parser->lists = (struct intake_lists){0};
    const char *at = data, *const end = data + size;
    enum error_code code = ERROR_NONE;
    while (at < end && code == ERROR_NONE) {
        code = next_step(intake, &at, end, error);
    }
    parser->chunk_offset += size;
    return code;
}

static enum error_code csv_end(struct intake *intake, struct error *error) {
    struct csv_parser *parser = parser_of(intake);
    enum error_code code = ERROR_NONE;
    if (!parser->begun) {
        begin_body(intake);
    }
    parser->chunk = ""; /* what ends here began in an earlier one */
    if (parser->place == IN_QUOTES) {
        return broken(parser, "the body ends inside quotes", error);
    }
    if (parser->place == AFTER_RETURN) {
        return broken(parser, "a carriage return without a line feed", error);
    }
    if (parser->place == AT_START && parser->mark_bytes > 0) {
        begin_cell(parser, parser->chunk);
        memcpy(parser->cell, BYTE_ORDER_MARK, parser->mark_bytes);
        parser->cell_bytes = parser->mark_bytes;
    }
    if (parser->place == AT_CELL && parser->column > 0) {
        begin_cell(parser, parser->chunk); /* behind a last comma */
    }
    if (parser->place != AT_START && parser->place != AT_CELL) {
        code = take_last_cell(intake, parser->chunk_offset, error); /* a line without end */
    }
    if (code == ERROR_NONE) {
        intake->table = (struct intake_table){.rows = parser->row, .columns = parser->columns};
    }
    return code;
}

const struct intake_format intake_csv = {
    .media_type = "text/csv",
    .documentation = "Rows of numbers (RFC 4180): the inputs, then, but for predictions, the label "
                     "or the targets; a header line is skipped.",
    .parser_bytes = sizeof(struct csv_parser),
    .feed = csv_feed,
    .end = csv_end,
};

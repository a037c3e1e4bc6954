/* CSV bodies, parsed as they arrive; see intake.h.
 *
 * RFC 4180: cells divided by commas, rows by LF or CRLF, quotes where a cell holds
 * one of these.  The columns of a row are known from the model: its inputs, then
 * the label, or the targets where it is trained on those; of a prediction the
 * inputs alone.  A first line in whose input cells stand names instead of numbers
 * is a header, and skipped.
 *
 * Numbers that lie wholly inside a chunk are read where they stand
 * (csv_numbers.c).  Every other cell (quoted, a name, cut by a chunk's end) is
 * gathered in `cell`, which bounds its length.  Nothing else of the text is kept. */
#include <stdio.h>
#include <string.h>

#include "api/csv_cell.h"
#include "api/csv_parser.h"
#include "api/intake.h"
#include "api/number.h"
#include "core/base/checked.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define BYTE_ORDER_MARK_BYTES 3

static void begin_body(struct intake *intake) {
    struct csv_parser *parser = csv_parser_of(intake);
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

static enum error_code broken(const struct csv_parser *parser, const char *why,
                              struct error *error) {
    return error_set(error, ERROR_SYNTAX, NULL, "line %zu, column %zu: %s", parser->line + 1,
                     parser->column + 1, why);
}

void csv_tell_place(const struct csv_parser *parser, bool column, struct error *error) {
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
    intake_refuse_row(csv_tensor_of(parser, parser->column), parser->row, error, "'%.*s' %s",
                      (int)size_min(bytes, CSV_CELL_SHOWN_BYTES), cell, csv_cell_advice(kind));
    csv_tell_place(parser, true, error);
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
    csv_tell_place(parser, false, error);
    return ERROR_INVALID;
}

/* ---- Rows ---- */

/* After the first row it can be told how many come, if the length of the body is
 * known.  Only a guess, so a refusal is none. */
static void reserve_for_rows(struct intake *intake, size_t row_bytes) {
    const struct csv_parser *parser = csv_parser_of(intake);
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
    struct csv_parser *parser = csv_parser_of(intake);
    enum error_code code = ERROR_NONE;
    if (parser->column + 1 != parser->columns) {
        return refuse_width(parser, parser->column + 1, error);
    }
    if (parser->kind == LINE_ROW) {
        if (parser->answers == INTAKE_TARGETS) {
            code = intake_check_rows(intake, INTAKE_TARGETS, error);
        }
        if (code != ERROR_NONE) {
            csv_tell_place(parser, false, error);
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
    const struct csv_parser *parser = csv_parser_of(intake);
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
        csv_tell_place(parser, true, error);
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
    struct csv_parser *parser = csv_parser_of(intake);
    if (parser->refusal.code != ERROR_NONE) {
        *error = parser->refusal;
        return parser->refusal.code;
    }
    return csv_begin_row(intake, error);
}

/* A whole cell, in `cell`. */
static enum error_code take_cell(struct intake *intake, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    enum error_code code = ERROR_NONE;
    if (parser->kind == LINE_UNDECIDED && parser->column >= parser->inputs) {
        code = decide_header(parser, error);
    }
    if (code != ERROR_NONE || parser->kind == LINE_HEADER || parser->column >= parser->columns) {
        return code; /* of too many columns the line's end tells */
    }
    if (parser->kind == LINE_ROW && parser->column == 0) {
        code = csv_begin_row(intake, error);
    }
    if (code == ERROR_NONE && csv_tensor_of(parser, parser->column) == INTAKE_LABELS) {
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
    return code == ERROR_NONE ? csv_take_number(intake, cell, bytes, value, error) : code;
}

static enum error_code take_last_cell(struct intake *intake, size_t offset, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
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
    if (parser->cell_bytes == CSV_CELL_BYTES_MAX) {
        return error_set(error, ERROR_INVALID, NULL,
                         "line %zu, column %zu: a cell of more than %d bytes", parser->line + 1,
                         parser->column + 1, CSV_CELL_BYTES_MAX);
    }
    parser->cell[parser->cell_bytes++] = c;
    return ERROR_NONE;
}

/* ---- The loop ---- */

/* One character at a cell's end, or inside one. */
static enum error_code take_mark(struct intake *intake, const char *at, struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
    enum error_code code;
    switch (*at) {
    case ',':
        /* One more comma than columns: the line's end tells how many there are. */
        code = parser->column + 1 < parser->columns ? take_cell(intake, error) : ERROR_NONE;
        parser->column++;
        parser->place = AT_CELL;
        return code;
    case '\n':
        return take_last_cell(intake, csv_offset_of(parser, at) + 1, error);
    case '\r':
        parser->place = AFTER_RETURN;
        return ERROR_NONE;
    default:
        return broken(parser, "a character between a quoted cell and the next comma", error);
    }
}

static enum error_code continue_cell(struct intake *intake, const char **at, const char *end,
                                     struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
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
    struct csv_parser *parser = csv_parser_of(intake);
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
        parser->row_offset = csv_offset_of(parser, at);
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
    struct csv_parser *parser = csv_parser_of(intake);
    enum error_code code;
    switch (parser->place) {
    case AT_START:
        continue_start(parser, at);
        return ERROR_NONE;
    case AT_CELL:
        code = parser->refusal.code == ERROR_NONE && parser->kind != LINE_HEADER
                   ? csv_take_numbers(intake, at, end, error)
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
        return csv_is_blank(**at) ? (++*at, ERROR_NONE) : take_mark(intake, (*at)++, error);
    case AFTER_RETURN:
        return **at == '\n' ? take_mark(intake, (*at)++, error)
                            : broken(parser, "a carriage return without a line feed", error);
    }
    return ERROR_NONE;
}

static enum error_code csv_feed(struct intake *intake, const char *data, size_t size,
                                struct error *error) {
    struct csv_parser *parser = csv_parser_of(intake);
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
    struct csv_parser *parser = csv_parser_of(intake);
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

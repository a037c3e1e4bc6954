/* The state of a CSV body that is being parsed, which the grammar (csv_intake.c) and the
 * fast ways through numbers (csv_numbers.c) share.  It belongs to an intake, and is used
 * by one thread at a time. */
#ifndef MLPD_API_CSV_PARSER_H
#define MLPD_API_CSV_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "api/intake.h"

#define CSV_CELL_BYTES_MAX 1024 /* quotes not counted */
#define CSV_CELL_SHOWN_BYTES 40 /* of a cell, in a message */

enum csv_place {
    AT_START, /* of the body: a byte-order mark may come */
    AT_CELL,
    IN_CELL,
    IN_QUOTES,
    AFTER_QUOTE, /* the end of the quotes, or the first of two that mean one */
    AFTER_CELL,  /* blanks behind the quotes */
    AFTER_RETURN
};

/* What the line being read is. */
enum csv_line_kind { LINE_UNDECIDED, LINE_HEADER, LINE_ROW };

struct csv_parser {
    bool begun;
    enum csv_place place;
    enum csv_line_kind kind;
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
    char cell[CSV_CELL_BYTES_MAX];
};

static inline struct csv_parser *csv_parser_of(struct intake *intake) {
    return intake->parser;
}

/* The tensor of a column. */
static inline enum intake_tensor csv_tensor_of(const struct csv_parser *parser, size_t column) {
    return column < parser->inputs ? INTAKE_INPUTS : parser->answers;
}

static inline bool csv_is_blank(char c) {
    return c == ' ' || c == '\t';
}

static inline size_t csv_offset_of(const struct csv_parser *parser, const char *at) {
    return parser->chunk_offset + (size_t)(at - parser->chunk);
}

/* Put the line, and the column where one is at fault, in front of a message. */
void csv_tell_place(const struct csv_parser *parser, bool column, struct error *error);

/* All the memory of a row, so that its numbers are only stored. */
enum error_code csv_begin_row(struct intake *intake, struct error *error);

/* A number of the row: of the inputs, or of the targets. */
enum error_code csv_take_number(struct intake *intake, const char *cell, size_t bytes, double value,
                                struct error *error);

/* The numbers of rows from the beginning of a cell on, as far as each lies in the chunk
 * with what divides it from the next one behind it.  Whatever else comes is left at *from. */
enum error_code csv_take_numbers(struct intake *intake, const char **from, const char *end,
                                 struct error *error);

#endif

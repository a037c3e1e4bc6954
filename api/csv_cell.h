/* Cells of CSV that are no number: what they are instead, and what to say of them.
 *
 * The difference matters in the first line: names make it a header, while numbers
 * that are missing or broken make it a row that must not vanish.  Pure functions;
 * cells are not terminated. */
#ifndef MLPD_API_CSV_CELL_H
#define MLPD_API_CSV_CELL_H

#include <stddef.h>

enum csv_cell_kind {
    CELL_EMPTY,
    CELL_MISSING, /* NA, NaN, null, … */
    CELL_COMMA,   /* 1,5 */
    CELL_NUMERIC, /* looks like a number: 1., +1, inf */
    CELL_NAME     /* anything else */
};

/* Of a trimmed cell that number_read refuses. */
enum csv_cell_kind csv_cell_kind(const char *cell, size_t bytes);

/* The sentence that goes on behind the cell: "is empty; allowed is a number". */
const char *csv_cell_advice(enum csv_cell_kind kind);

/* Leave out the blanks around. */
void csv_cell_trim(const char **cell, size_t *bytes);

#endif

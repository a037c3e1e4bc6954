/* Cells of CSV that are no number; see csv_cell.h. */
#include "api/csv_cell.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

void csv_cell_trim(const char **cell, size_t *bytes) {
    while (*bytes > 0 && ((*cell)[0] == ' ' || (*cell)[0] == '\t')) {
        ++*cell;
        --*bytes;
    }
    while (*bytes > 0 && ((*cell)[*bytes - 1] == ' ' || (*cell)[*bytes - 1] == '\t')) {
        --*bytes;
    }
}

enum csv_cell_kind csv_cell_kind(const char *cell, size_t bytes) {
    static const struct {
        const char *text;
        enum csv_cell_kind kind;
    } words[] = {
        {"", CELL_EMPTY},       {"NA", CELL_MISSING},        {"N/A", CELL_MISSING},
        {"NaN", CELL_MISSING},  {"null", CELL_MISSING},      {"none", CELL_MISSING},
        {"nil", CELL_MISSING},  {"?", CELL_MISSING},         {"-", CELL_MISSING},
        {"inf", CELL_NUMERIC},  {"infinity", CELL_NUMERIC},  {"-inf", CELL_NUMERIC},
        {"+inf", CELL_NUMERIC}, {"-infinity", CELL_NUMERIC}, {"-NaN", CELL_MISSING},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].text) == bytes && strncasecmp(words[i].text, cell, bytes) == 0) {
            return words[i].kind;
        }
    }
    bool digits = false;
    for (size_t i = 0; i < bytes; i++) {
        if (cell[i] == 0 || strchr("0123456789+-.,eE ", cell[i]) == NULL) {
            return CELL_NAME;
        }
        digits |= cell[i] >= '0' && cell[i] <= '9';
    }
    if (!digits) {
        return CELL_NAME;
    }
    return memchr(cell, ',', bytes) != NULL ? CELL_COMMA : CELL_NUMERIC;
}

const char *csv_cell_advice(enum csv_cell_kind kind) {
    static const char *const advice[] = {
        [CELL_EMPTY] = "is empty; allowed is a number",
        [CELL_MISSING] =
            "is a missing value; allowed is a number: fill it in, or leave the row out",
        [CELL_COMMA] = "is no number; the decimal mark is a point, not a comma",
        [CELL_NUMERIC] =
            "is no number; allowed are finite ones in the form of JSON, such as -1.5e3",
        [CELL_NAME] = "is no number; allowed are cells of numbers, divided by commas",
    };
    return advice[kind];
}

/* The state of a JSON body that is being parsed, which the grammar (json_intake.c) and the
 * fast ways through numbers (json_numbers.c) share.  It belongs to an intake, and is used
 * by one thread at a time. */
#ifndef MLPD_API_JSON_PARSER_H
#define MLPD_API_JSON_PARSER_H

#include <stddef.h>

#include "api/intake.h"
#include "api/json_fields.h"
#include "api/json_string.h"
#include "api/number.h"

enum json_place {
    BROKEN, /* of the table: the mark does not fit here */
    AT_START,
    AT_BODY,
    AT_FIRST_KEY,
    AT_KEY,
    AT_COLON,
    AT_VALUE,
    AFTER_VALUE,
    AT_FIRST_ROW,
    AT_ROW,
    AFTER_ROW,
    AT_FIRST_NUMBER,
    AT_NUMBER,
    AFTER_NUMBER,
    AT_FIRST_ITEM,
    AT_ITEM,
    AFTER_ITEM,
    AT_END
};

enum json_token { TOKEN_NONE, TOKEN_MARK, TOKEN_NUMBER, TOKEN_STRING, TOKEN_LITERAL };

struct json_parser {
    enum json_place place;
    enum json_token token;          /* the one that the last chunk's end cut */
    const struct json_field *field; /* whose value is being read */
    unsigned seen;                  /* a bit for each of json_fields */
    size_t column;                  /* numbers in the current row; 0 between rows */
    size_t row_offset;              /* where the first row began */
    struct intake_lists lists;

    const char *chunk;   /* first byte of the chunk being fed */
    size_t chunk_offset; /* its place in the body */

    size_t token_offset; /* where the carried token began */
    size_t carried;
    char carry[NUMBER_BYTES_MAX + 2]; /* a number */

    struct json_string string;

    const char *literal; /* true, false, null; a byte-order mark */
    size_t literal_matched;
};

static inline struct json_parser *json_parser_of(struct intake *intake) {
    return intake->parser;
}

static inline const char *json_skip_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

/* The numbers of rows from *from on, as far as they lie wholly in the chunk and in the rows'
 * width; the place is in a row before and after.  Whatever else comes is left at *from. */
enum error_code json_take_row_numbers(struct intake *intake, const char **from, const char *end,
                                      struct error *error);

/* The same where no rows are: labels, and weights. */
enum error_code json_take_items(struct intake *intake, const char **from, const char *end,
                                struct error *error);

#endif

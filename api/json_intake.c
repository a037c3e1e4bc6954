/* JSON bodies, parsed as they arrive; see intake.h.
 *
 * The grammar (RFC 8259) is a table of places: what may come next.  A place and
 * a token give the next place.  Tokens that lie wholly inside a chunk are read
 * where they stand; a number that a chunk's end cuts is carried over in `carry`,
 * strings and literals keep their progress byte by byte.  Rows of numbers, which
 * are nearly all of any body, have a file of their own (json_numbers.c) that
 * neither carries nor dispatches.
 *
 * The depth is fixed (an object, an array, a row), so nothing is nested and no
 * stack is needed: what would open another level is of the wrong type and
 * refused at once, as are unknown fields. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/intake.h"
#include "api/json_fields.h"
#include "api/json_parser.h"
#include "api/json_string.h"
#include "api/json_write.h"
#include "api/number.h"

/* ---- The grammar ---- */

static const struct {
    const char *expected;
    bool value, key;             /* a value, a key may come */
    enum json_place after_comma; /* BROKEN: no comma here */
    enum json_place after_array; /* behind a ] */
    bool object_end;             /* a } may come */
} places[] = {
    [AT_START] = {.expected = "an object"},
    [AT_BODY] = {.expected = "an object", .value = true},
    [AT_FIRST_KEY] = {.expected = "a field's name in quotes, or '}'",
                      .key = true,
                      .object_end = true},
    [AT_KEY] = {.expected = "a field's name in quotes", .key = true},
    [AT_COLON] = {.expected = "':'"},
    [AT_VALUE] = {.expected = "a value", .value = true},
    [AFTER_VALUE] = {.expected = "',' or '}'", .after_comma = AT_KEY, .object_end = true},
    [AT_FIRST_ROW] = {.expected = "a row or ']'", .value = true, .after_array = AFTER_VALUE},
    [AT_ROW] = {.expected = "a row", .value = true},
    [AFTER_ROW] = {.expected = "',' or ']'", .after_comma = AT_ROW, .after_array = AFTER_VALUE},
    [AT_FIRST_NUMBER] = {.expected = "a number or ']'", .value = true, .after_array = AFTER_ROW},
    [AT_NUMBER] = {.expected = "a number", .value = true},
    [AFTER_NUMBER] = {.expected = "',' or ']'", .after_comma = AT_NUMBER, .after_array = AFTER_ROW},
    [AT_FIRST_ITEM] = {.expected = "a value or ']'", .value = true, .after_array = AFTER_VALUE},
    [AT_ITEM] = {.expected = "a value", .value = true},
    [AFTER_ITEM] = {.expected = "',' or ']'", .after_comma = AT_ITEM, .after_array = AFTER_VALUE},
    [AT_END] = {.expected = "the end of the body"},
};

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

static size_t offset_of(const struct json_parser *parser, const char *at) {
    return parser->chunk_offset + (size_t)(at - parser->chunk);
}

/* ---- Refusals ---- */

static enum error_code unexpected(const struct json_parser *parser, size_t offset, char found,
                                  struct error *error) {
    const char *const expected = places[parser->place].expected;
    return found > ' ' && found < 0x7f
               ? error_set(error, ERROR_SYNTAX, NULL, "byte %zu: found '%c'; expected %s", offset,
                           found, expected)
               : error_set(error, ERROR_SYNTAX, NULL, "byte %zu: found 0x%02X; expected %s", offset,
                           (unsigned char)found, expected);
}

/* The row that is being read, or comes next, counted from 0. */
static size_t current_row(struct intake *intake) {
    const struct json_parser *parser = json_parser_of(intake);
    const enum intake_tensor tensor = parser->field->tensor;
    const size_t numbers = intake_tensor_buffer(intake, tensor)->used / sizeof(float);
    return (numbers - parser->column) / intake_tensor_width(intake, tensor);
}

/* How the rows of the field are written: "[[1, 2, …], …]". */
static const char *example_of_rows(size_t width) {
    return width == 1 ? "[[1], [2], ...]" : width == 2 ? "[[1, 2], ...]" : "[[1, 2, ...], ...]";
}

/* A value of the wrong type, where a value may come. */
static enum error_code wrong_type(struct intake *intake, const char *found, struct error *error) {
    const struct json_parser *parser = json_parser_of(intake);
    const struct json_field *field = parser->field;
    if (parser->place == AT_BODY) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the body is %s; needed is an object like {\"inputs\": [[1, 2, ...]]}",
                         found);
    }
    if (parser->place == AT_VALUE) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/%s", field->name);
        return error_set(error, ERROR_INVALID, pointer, "%s is %s; allowed is %s", field->name,
                         found, field->allowed);
    }
    const size_t width = intake_tensor_width(intake, field->tensor);
    const size_t row = current_row(intake);
    switch (parser->place) {
    case AT_FIRST_ROW:
    case AT_ROW:
        return intake_refuse_row(field->tensor, row, error,
                                 "%s where a row is needed; a row does not stand bare: write "
                                 "\"%s\": %s, with %zu %s a row",
                                 found, field->name, example_of_rows(width), width,
                                 width == 1 ? "number" : "numbers");
    case AT_FIRST_NUMBER:
    case AT_NUMBER:
        return intake_refuse_row(field->tensor, row, error,
                                 "%s at place %zu of row %zu; allowed are numbers", found,
                                 parser->column, row);
    default:
        return intake_refuse_row(field->tensor, row, error, "%s in row %zu; allowed is %s", found,
                                 row, field->allowed);
    }
}

static enum error_code wrong_width(struct intake *intake, size_t found, const char *more,
                                   struct error *error) {
    const enum intake_tensor tensor = json_parser_of(intake)->field->tensor;
    const size_t row = current_row(intake);
    return intake_refuse_row(tensor, row, error, "row %zu has %zu%s numbers; the model has %zu %s",
                             row, found, more, intake_tensor_width(intake, tensor),
                             tensor == INTAKE_INPUTS ? "inputs" : "outputs");
}

/* ---- Keys ---- */

static enum error_code take_key(struct intake *intake, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const struct json_string *string = &parser->string;
    const struct json_field *field =
        json_field_find(intake->request.purpose, string->bytes, string->length);
    if (field == NULL) {
        char allowed[160];
        json_fields_list(intake->request.purpose, allowed, sizeof allowed);
        return intake_refuse_name("field", string->bytes, string->length, allowed, error);
    }
    const unsigned bit = 1u << (field - json_fields);
    if ((parser->seen & bit) != 0) {
        return error_set(error, ERROR_SYNTAX, NULL, "byte %zu: the field '%s' comes twice",
                         parser->token_offset, field->name);
    }
    parser->seen |= bit;
    parser->field = field;
    parser->place = AT_COLON;
    return ERROR_NONE;
}

/* ---- Values ---- */

static enum error_code append_number(struct intake *intake, double value, struct error *error) {
    const enum intake_tensor tensor = json_parser_of(intake)->field->tensor;
    const float number = intake_number(intake, tensor, value);
    return buffer_append(intake_tensor_buffer(intake, tensor), &number, sizeof number, error);
}

static enum error_code take_number(struct intake *intake, double value, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const struct json_field *field = parser->field;
    enum error_code code;
    switch (parser->place) {
    case AT_FIRST_NUMBER:
    case AT_NUMBER:
        if (parser->column == intake_tensor_width(intake, field->tensor)) {
            return wrong_width(intake, parser->column + 1, " or more", error);
        }
        parser->column++;
        parser->place = AFTER_NUMBER;
        return append_number(intake, value, error);
    case AT_FIRST_ITEM:
    case AT_ITEM:
        parser->place = AFTER_ITEM;
        if (field->kind == FIELD_LABELS) {
            return intake_add_labels(intake, &value, 1, error);
        }
        code = append_number(intake, value, error);
        return code == ERROR_NONE ? intake_check_rows(intake, field->tensor, error) : code;
    case AT_VALUE:
        if (field->kind == FIELD_POSITIVE || field->kind == FIELD_WHOLE) {
            parser->place = AFTER_VALUE;
            return intake_set_option(intake, field->option, value, error);
        }
        return wrong_type(intake, "a number", error);
    default:
        return wrong_type(intake, "a number", error);
    }
}

static enum error_code take_string(struct intake *intake, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    if (places[parser->place].key) {
        return take_key(intake, error);
    }
    if ((parser->place == AT_FIRST_ITEM || parser->place == AT_ITEM) &&
        parser->field->kind == FIELD_LABELS) {
        parser->place = AFTER_ITEM;
        return intake_add_label_name(intake, parser->string.bytes, parser->string.length, error);
    }
    return wrong_type(intake, "a string", error);
}

static enum error_code take_literal(struct intake *intake, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const struct json_field *field = parser->field;
    const char first = parser->literal[0];
    if (parser->place == AT_START) {
        parser->place = AT_BODY; /* it was the byte-order mark */
        return ERROR_NONE;
    }
    if (parser->place == AT_VALUE && first == 'n' && field->tensor != INTAKE_INPUTS) {
        parser->place = AFTER_VALUE; /* as if left out */
        return ERROR_NONE;
    }
    if (parser->place == AT_VALUE && first != 'n' && field->kind == FIELD_BOOLEAN) {
        parser->place = AFTER_VALUE;
        return intake_set_option(intake, field->option, first == 't', error);
    }
    return wrong_type(intake, parser->literal, error);
}

/* ---- Marks ---- */

static enum error_code open_array(struct intake *intake, size_t offset, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum json_place place = parser->place;
    if (place == AT_VALUE && parser->field->tensor != INTAKE_TENSORS) {
        parser->place = parser->field->kind == FIELD_ROWS ? AT_FIRST_ROW : AT_FIRST_ITEM;
        return intake_begin_tensor(intake, parser->field->tensor, error);
    }
    if (place == AT_FIRST_ROW || place == AT_ROW) {
        if (place == AT_FIRST_ROW) {
            parser->row_offset = offset;
        }
        parser->place = AT_FIRST_NUMBER;
        const enum intake_tensor tensor = parser->field->tensor;
        return buffer_reserve(intake_tensor_buffer(intake, tensor),
                              intake_tensor_width(intake, tensor) * sizeof(float), error);
    }
    return wrong_type(
        intake, place == AT_NUMBER || place == AT_FIRST_NUMBER ? "a nested array" : "an array",
        error);
}

/* After the first row it can be told how many more come, if the length of the body is
 * known: rows of the same length in text.  Only a guess, so a refusal is none. */
static void reserve_for_rows(struct intake *intake, size_t row_bytes) {
    const struct json_parser *parser = json_parser_of(intake);
    const enum intake_tensor tensor = parser->field->tensor;
    const size_t body_bytes = intake->request.body_bytes;
    if (body_bytes > parser->row_offset + row_bytes) {
        /* At least two bytes of text a number: at most twice the body. */
        size_t rows = (body_bytes - parser->row_offset - row_bytes) / row_bytes;
        rows += rows / 16; /* of unlike rows: better some room over than to grow */
        (void)buffer_reserve(intake_tensor_buffer(intake, tensor),
                             rows * intake_tensor_width(intake, tensor) * sizeof(float), NULL);
    }
}

static enum error_code close_row(struct intake *intake, size_t offset, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum intake_tensor tensor = parser->field->tensor;
    const size_t width = intake_tensor_width(intake, tensor);
    if (parser->column != width) {
        return wrong_width(intake, parser->column, "", error);
    }
    parser->column = 0;
    const enum error_code code = intake_check_rows(intake, tensor, error);
    if (code == ERROR_NONE && intake_tensor_buffer(intake, tensor)->used == width * sizeof(float)) {
        reserve_for_rows(intake, offset - parser->row_offset + 1);
    }
    return code;
}

static enum error_code take_mark(struct intake *intake, char mark, size_t offset,
                                 struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum json_place place = parser->place;
    enum error_code code;
    switch (mark) {
    case '{':
        if (!places[place].value) {
            return unexpected(parser, offset, mark, error);
        }
        if (place != AT_BODY) {
            return wrong_type(intake, "an object", error);
        }
        parser->place = AT_FIRST_KEY;
        return ERROR_NONE;
    case '[':
        return places[place].value ? open_array(intake, offset, error)
                                   : unexpected(parser, offset, mark, error);
    case '}':
        if (!places[place].object_end) {
            return unexpected(parser, offset, mark, error);
        }
        parser->place = AT_END;
        return ERROR_NONE;
    case ']':
        if (places[place].after_array == BROKEN) {
            return unexpected(parser, offset, mark, error);
        }
        code =
            places[place].after_array == AFTER_ROW ? close_row(intake, offset, error) : ERROR_NONE;
        parser->place = places[place].after_array;
        return code;
    case ',':
        if (places[place].after_comma == BROKEN) {
            return unexpected(parser, offset, mark, error);
        }
        parser->place = places[place].after_comma;
        return ERROR_NONE;
    default: /* ':' */
        if (place != AT_COLON) {
            return unexpected(parser, offset, mark, error);
        }
        parser->place = AT_VALUE;
        return ERROR_NONE;
    }
}

/* ---- Numbers ---- */

static enum error_code broken_number(size_t offset, char found, struct error *error) {
    return found == 'I' || found == 'i'
               ? error_set(error, ERROR_SYNTAX, NULL, "byte %zu: Infinity is no JSON number",
                           offset)
               : error_set(error, ERROR_SYNTAX, NULL, "byte %zu: a digit is missing in this number",
                           offset);
}

static enum error_code long_number(size_t offset, struct error *error) {
    return error_set(error, ERROR_SYNTAX, NULL, "byte %zu: a number of more than %d characters",
                     offset, NUMBER_BYTES_MAX);
}

static inline bool is_number_character(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The carried number is as long as it gets.  Behind it stands a blank, unless it
 * is too long, or characters of numbers that do not make one, as in 1.5.2. */
static enum error_code finish_number(struct intake *intake, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    parser->token = TOKEN_NONE;
    const char *next;
    double value;
    const enum number_end end =
        number_scan(parser->carry, parser->carry + parser->carried, &next, &value);
    const size_t offset = parser->token_offset + (size_t)(next - parser->carry);
    if (end == NUMBER_BROKEN) {
        return broken_number(offset, *next, error);
    }
    if (end != NUMBER_WHOLE) {
        return long_number(parser->token_offset, error);
    }
    const enum error_code code = take_number(intake, value, error);
    if (code == ERROR_NONE && *next != ' ') {
        return unexpected(parser, offset, *next, error);
    }
    return code;
}

/* The rest of a number that was cut by the end of the last chunk. */
static enum error_code continue_number(struct intake *intake, const char **at, const char *end,
                                       struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const char *from = *at;
    while (from < end && is_number_character(*from) && parser->carried <= NUMBER_BYTES_MAX) {
        parser->carry[parser->carried++] = *from++;
    }
    *at = from;
    if (parser->carried > NUMBER_BYTES_MAX) {
        return finish_number(intake, error);
    }
    if (from == end) {
        return ERROR_NONE;
    }
    /* A letter such as the I of -Infinity is for the message alone. */
    parser->carry[parser->carried++] = (*from == 'I' || *from == 'i') ? *from : ' ';
    return finish_number(intake, error);
}

static enum error_code begin_number(struct intake *intake, const char **at, const char *end,
                                    struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const char *next;
    double value;
    switch (number_scan(*at, end, &next, &value)) {
    case NUMBER_WHOLE:
        *at = next;
        return take_number(intake, value, error);
    case NUMBER_UNFINISHED:
        parser->token = TOKEN_NUMBER;
        parser->token_offset = offset_of(parser, *at);
        parser->carried = (size_t)(end - *at);
        memcpy(parser->carry, *at, parser->carried);
        *at = end;
        return ERROR_NONE;
    case NUMBER_TOO_LONG:
        return long_number(offset_of(parser, *at), error);
    default:
        return broken_number(offset_of(parser, next), *next, error);
    }
}

/* ---- Strings ---- */

static enum error_code continue_string(struct intake *intake, const char **at, const char *end,
                                       struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    bool closed;
    const char *wrong = json_string_feed(&parser->string, at, end, &closed);
    if (wrong != NULL) {
        return error_set(error, ERROR_SYNTAX, NULL, "byte %zu: %s", offset_of(parser, *at), wrong);
    }
    if (!closed) {
        return ERROR_NONE;
    }
    parser->token = TOKEN_NONE;
    return take_string(intake, error);
}

static enum error_code begin_string(struct intake *intake, const char **at, const char *end,
                                    struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    parser->token = TOKEN_STRING;
    parser->token_offset = offset_of(parser, *at);
    json_string_begin(&parser->string);
    ++*at;
    return continue_string(intake, at, end, error);
}

/* ---- Literals ---- */

static enum error_code continue_literal(struct intake *intake, const char **at, const char *end,
                                        struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    for (; *at < end && parser->literal[parser->literal_matched] != 0; ++*at) {
        if (**at != parser->literal[parser->literal_matched]) {
            return unexpected(parser, offset_of(parser, *at), **at, error);
        }
        parser->literal_matched++;
    }
    if (parser->literal[parser->literal_matched] != 0) {
        return ERROR_NONE;
    }
    parser->token = TOKEN_NONE;
    return take_literal(intake, error);
}

static enum error_code begin_literal(struct intake *intake, const char *literal, const char **at,
                                     const char *end, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    parser->token = TOKEN_LITERAL;
    parser->literal = literal;
    parser->literal_matched = 0;
    return continue_literal(intake, at, end, error);
}

/* ---- The loop ---- */

/* A token that starts at *at, which is no blank. */
static enum error_code begin_token(struct intake *intake, const char **at, const char *end,
                                   struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    const enum json_place place = parser->place;
    const char c = **at;
    if (strchr("{}[],:", c) != NULL && c != 0) {
        return take_mark(intake, c, offset_of(parser, (*at)++), error);
    }
    if (c == '"' && (places[place].value || places[place].key)) {
        return begin_string(intake, at, end, error);
    }
    if (places[place].value) {
        switch (c) {
        case 't':
            return begin_literal(intake, "true", at, end, error);
        case 'f':
            return begin_literal(intake, "false", at, end, error);
        case 'n':
            return begin_literal(intake, "null", at, end, error);
        case 'N':
        case 'I':
            return error_set(error, ERROR_SYNTAX, NULL,
                             "byte %zu: %s is no JSON number; inputs must be finite",
                             offset_of(parser, *at), c == 'N' ? "NaN" : "Infinity");
        default:
            break;
        }
        if (c == '-' || (c >= '0' && c <= '9')) {
            return begin_number(intake, at, end, error);
        }
    }
    return unexpected(parser, offset_of(parser, *at), c, error);
}

static enum error_code next_token(struct intake *intake, const char **at, const char *end,
                                  struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    switch (parser->token) {
    case TOKEN_NUMBER:
        return continue_number(intake, at, end, error);
    case TOKEN_STRING:
        return continue_string(intake, at, end, error);
    case TOKEN_LITERAL:
        return continue_literal(intake, at, end, error);
    default:
        break;
    }
    if (parser->place == AT_START) {
        if (**at == BYTE_ORDER_MARK[0]) {
            return begin_literal(intake, BYTE_ORDER_MARK, at, end, error);
        }
        parser->place = AT_BODY;
    }
    *at = json_skip_blanks(*at, end);
    enum error_code code = ERROR_NONE;
    if (parser->place == AT_NUMBER || parser->place == AT_FIRST_NUMBER) {
        code = json_take_row_numbers(intake, at, end, error);
    } else if (parser->place == AT_ITEM || parser->place == AT_FIRST_ITEM) {
        code = json_take_items(intake, at, end, error);
    }
    return code == ERROR_NONE && *at < end ? begin_token(intake, at, end, error) : code;
}

static enum error_code json_feed(struct intake *intake, const char *data, size_t size,
                                 struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    if (parser->place == BROKEN) {
        parser->place = AT_START; /* the state was zero */
    }
    parser->chunk = data;
    parser->lists = (struct intake_lists){0};
    const char *at = data, *const end = data + size;
    enum error_code code = ERROR_NONE;
    while (at < end && code == ERROR_NONE) {
        code = next_token(intake, &at, end, error);
    }
    parser->chunk_offset += size;
    return code;
}

static enum error_code json_end(struct intake *intake, struct error *error) {
    struct json_parser *parser = json_parser_of(intake);
    if (parser->token == TOKEN_NUMBER) {
        parser->carry[parser->carried++] = ' ';
        const enum error_code code = finish_number(intake, error);
        if (code != ERROR_NONE) {
            return code;
        }
    }
    if (parser->place == AT_END) {
        return ERROR_NONE;
    }
    return parser->place <= AT_BODY && parser->token == TOKEN_NONE
               ? error_set(error, ERROR_SYNTAX, NULL, "the body is empty; needed is a JSON object")
               : error_set(error, ERROR_SYNTAX, NULL,
                           "the body ends early, after %zu bytes; expected %s",
                           parser->chunk_offset,
                           parser->token == TOKEN_STRING    ? "the end of a string"
                           : parser->token == TOKEN_LITERAL ? "the rest of a word"
                                                            : places[parser->place].expected);
}

const struct intake_format intake_json = {
    .media_type = "application/json",
    .documentation = "An object of arrays: inputs, and what belongs to them.",
    .parser_bytes = sizeof(struct json_parser),
    .feed = json_feed,
    .end = json_end,
};

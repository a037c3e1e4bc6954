/* Small JSON documents; see json_document.h. */
#include "api/json_document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/words.h"

#define DEPTH_MAX 32
#define HEAP_PER_BYTE 80 /* measured: `{}` after `{}` takes 78 */

static size_t depth_of(const char *text, size_t length) {
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

enum error_code json_document_parse(struct json_document *document, const struct buffer *text,
                                    struct ledger *ledger, struct error *error) {
    *document = (struct json_document){.ledger = ledger};
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const char *data = text->data;
    size_t length = text->used;
    if (length >= 3 && memcmp(data, byte_order_mark, 3) == 0) {
        data += 3;
        length -= 3;
    }
    if (length == 0) {
        return error_set(error, ERROR_SYNTAX, NULL, "an empty body; a JSON object is wanted");
    }
    const char *zero = memchr(data, 0, length);
    if (zero != NULL) { /* jansson skips them */
        return error_set(error, ERROR_SYNTAX, NULL, "not JSON: byte %zu is zero",
                         (size_t)(zero - text->data));
    }
    if (depth_of(data, length) > DEPTH_MAX) {
        return error_set(error, ERROR_SYNTAX, NULL, "JSON nested more than %d deep", DEPTH_MAX);
    }
    const enum error_code code =
        ledger_reserve(ledger, length * HEAP_PER_BYTE, "reading a JSON document", error);
    if (code != ERROR_NONE) {
        return code;
    }
    document->reserved_bytes = length * HEAP_PER_BYTE;
    json_error_t reason;
    document->root = json_loadb(data, length,
                                JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &reason);
    if (document->root == NULL) {
        json_document_free(document);
        /* 1e999 is JSON, and only too large for anything here. */
        const bool overflow = json_error_code(&reason) == json_error_numeric_overflow;
        return error_set(error, overflow ? ERROR_INVALID : ERROR_SYNTAX, NULL,
                         "%s%s (line %d, column %d)", overflow ? "" : "not JSON: ", reason.text,
                         reason.line, reason.column);
    }
    if (!json_is_object(document->root)) {
        const char *kind = json_kind(document->root);
        json_document_free(document);
        return error_set(error, ERROR_INVALID, NULL, "%s; a JSON object is wanted", kind);
    }
    return ERROR_NONE;
}

void json_document_free(struct json_document *document) {
    json_decref(document->root);
    ledger_release(document->ledger, document->reserved_bytes);
    document->root = NULL;
    document->reserved_bytes = 0;
}

const char *json_kind(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

enum error_code json_read_number(const json_t *value, const char *pointer, double *result,
                                 struct error *error) {
    if (!json_is_number(value)) {
        return error_set(error, ERROR_INVALID, pointer, "%s; a number is wanted", json_kind(value));
    }
    *result = json_number_value(value);
    return ERROR_NONE;
}

enum error_code json_read_integer(const json_t *value, const char *pointer, double minimum,
                                  double maximum, uint64_t *result, struct error *error) {
    double number = 0;
    const enum error_code code = json_read_number(value, pointer, &number, error);
    if (code != ERROR_NONE) {
        return code;
    }
    /* As integers where it is one: 2⁵³ + 1 is 2⁵³ as a double. */
    const json_int_t integer = json_integer_value(value);
    const bool allowed = json_is_integer(value)
                             ? integer >= (json_int_t)minimum && integer <= (json_int_t)maximum
                             : number == floor(number) && number >= minimum && number <= maximum;
    if (!allowed) {
        return error_set(error, ERROR_INVALID, pointer,
                         "%.16g; a whole number from %.16g to %.16g is wanted", number, minimum,
                         maximum);
    }
    *result = json_is_integer(value) ? (uint64_t)integer : (uint64_t)number;
    return ERROR_NONE;
}

enum error_code json_read_boolean(const json_t *value, const char *pointer, bool *result,
                                  struct error *error) {
    if (!json_is_boolean(value)) {
        return error_set(error, ERROR_INVALID, pointer, "%s; true or false is wanted",
                         json_kind(value));
    }
    *result = json_is_true(value);
    return ERROR_NONE;
}

enum error_code json_read_string(const json_t *value, const char *pointer, const char **result,
                                 struct error *error) {
    if (!json_is_string(value)) {
        return error_set(error, ERROR_INVALID, pointer, "%s; a string is wanted", json_kind(value));
    }
    *result = json_string_value(value);
    if (strlen(*result) != json_string_length(value)) {
        return error_set(error, ERROR_INVALID, pointer, "a string with a zero byte");
    }
    return ERROR_NONE;
}

enum error_code json_read_name(const json_t *value, const char *pointer,
                               const char *(*name_at)(size_t), size_t *index, struct error *error) {
    const char *name = "";
    const enum error_code code = json_read_string(value, pointer, &name, error);
    if (code != ERROR_NONE) {
        return code;
    }
    char allowed[256] = "";
    for (size_t i = 0; name_at(i) != NULL; i++) {
        if (strcmp(name, name_at(i)) == 0) {
            *index = i;
            return ERROR_NONE;
        }
        const size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i > 0 ? ", " : "", name_at(i));
    }
    return error_set(error, ERROR_INVALID, pointer, "'%.60s' is not known here; allowed: %s", name,
                     allowed);
}

void json_member_pointer(const char *prefix, const char *name, char pointer[ERROR_POINTER_BYTES]) {
    size_t used = (size_t)snprintf(pointer, ERROR_POINTER_BYTES, "%s/", prefix);
    for (; *name != '\0' && used + 3 < ERROR_POINTER_BYTES; name++) {
        if (*name == '~' || *name == '/') {
            pointer[used++] = '~';
            pointer[used++] = *name == '~' ? '0' : '1';
        } else {
            pointer[used++] = *name;
        }
    }
    pointer[used] = '\0';
}

enum error_code json_check_members(const json_t *object, const char *allowed, struct error *error) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (!words_contain(allowed, name)) {
            char pointer[ERROR_POINTER_BYTES];
            json_member_pointer("", name, pointer);
            return error_set(error, ERROR_INVALID, pointer, "unknown field '%.60s'; allowed: %s",
                             name, allowed);
        }
    }
    return ERROR_NONE;
}

/* Strings of JSON; see json_string.h. */
#include "api/json_string.h"

#include <string.h>

void json_string_begin(struct json_string *string) {
    string->length = 0;
    string->escape = ESCAPE_NONE;
    string->high_surrogate = 0;
    string->utf8_left = 0;
}

static void keep(struct json_string *string, unsigned char byte) {
    if (string->length < JSON_STRING_BYTES_MAX) {
        string->bytes[string->length++] = (char)byte;
    }
}

static void keep_character(struct json_string *string, unsigned code) {
    if (code < 0x80) {
        keep(string, (unsigned char)code);
    } else if (code < 0x800) {
        keep(string, (unsigned char)(0xC0 | code >> 6));
        keep(string, (unsigned char)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        keep(string, (unsigned char)(0xE0 | code >> 12));
        keep(string, (unsigned char)(0x80 | (code >> 6 & 0x3F)));
        keep(string, (unsigned char)(0x80 | (code & 0x3F)));
    } else {
        keep(string, (unsigned char)(0xF0 | code >> 18));
        keep(string, (unsigned char)(0x80 | (code >> 12 & 0x3F)));
        keep(string, (unsigned char)(0x80 | (code >> 6 & 0x3F)));
        keep(string, (unsigned char)(0x80 | (code & 0x3F)));
    }
}

/* A byte that starts a UTF-8 sequence (RFC 3629): how many follow, and the range
 * of the first of them, which keeps out surrogates and forms that are too long. */
static bool begin_utf8(struct json_string *string, unsigned char byte) {
    string->utf8_lowest = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    string->utf8_highest = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    string->utf8_left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    return byte >= 0xC2 && byte <= 0xF4;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hexadecimal digits are whole: a character, or half of a pair. */
static const char *take_hex(struct json_string *string) {
    const unsigned code = string->hex;
    string->escape = ESCAPE_NONE;
    if (string->high_surrogate != 0) {
        if (code < 0xDC00 || code > 0xDFFF) {
            return "half a surrogate pair";
        }
        keep_character(string, 0x10000 + ((string->high_surrogate - 0xD800) << 10) + code - 0xDC00);
        string->high_surrogate = 0;
    } else if (code >= 0xD800 && code <= 0xDBFF) {
        string->high_surrogate = code;
        string->escape = ESCAPE_LOW;
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return "half a surrogate pair";
    } else {
        keep_character(string, code);
    }
    return NULL;
}

/* One byte of an escape; what is wrong with it, or NULL. */
static const char *take_escape(struct json_string *string, char c) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *found;
    switch (string->escape) {
    case ESCAPE_BACKSLASH:
        string->hex = string->hex_digits = 0;
        found = c != 0 ? strchr(names, c) : NULL;
        if (found != NULL) {
            keep(string, (unsigned char)meanings[found - names]);
        } else if (c != 'u') {
            return "an escape that JSON does not have";
        }
        string->escape = found != NULL ? ESCAPE_NONE : ESCAPE_HEX;
        return NULL;
    case ESCAPE_LOW:
        string->escape = ESCAPE_LOW_U;
        return c == '\\' ? NULL : "half a surrogate pair";
    case ESCAPE_LOW_U:
        string->hex = string->hex_digits = 0;
        string->escape = ESCAPE_HEX;
        return c == 'u' ? NULL : "half a surrogate pair";
    default:
        if (hex_value(c) < 0) {
            return "not a hexadecimal digit after \\u";
        }
        string->hex = string->hex * 16 + (unsigned)hex_value(c);
        return ++string->hex_digits == 4 ? take_hex(string) : NULL;
    }
}

/* One byte outside escapes; what is wrong with it, or NULL. */
static const char *take_plain(struct json_string *string, unsigned char byte) {
    if (string->utf8_left > 0) {
        if (byte < string->utf8_lowest || byte > string->utf8_highest) {
            return "a string that is not UTF-8";
        }
        string->utf8_left--;
        string->utf8_lowest = 0x80;
        string->utf8_highest = 0xBF;
    } else if (byte == '\\') {
        string->escape = ESCAPE_BACKSLASH;
        return NULL;
    } else if (byte < 0x20) {
        return "a control character in a string; it must be escaped";
    } else if (byte >= 0x80 && !begin_utf8(string, byte)) {
        return "a string that is not UTF-8";
    }
    keep(string, byte);
    return NULL;
}

const char *json_string_feed(struct json_string *string, const char **at, const char *end,
                             bool *closed) {
    *closed = false;
    for (; *at < end; ++*at) {
        const char c = **at;
        if (c == '"' && string->escape == ESCAPE_NONE && string->utf8_left == 0) {
            ++*at;
            *closed = true;
            return NULL;
        }
        const char *wrong = string->escape != ESCAPE_NONE ? take_escape(string, c)
                                                          : take_plain(string, (unsigned char)c);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

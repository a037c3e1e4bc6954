/* A string of JSON, read byte by byte: escapes become characters, what is not
 * UTF-8 is refused, and a chunk may end anywhere inside.  One owner, one thread. */
#ifndef MLPD_API_JSON_STRING_H
#define MLPD_API_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

/* Kept of a string; what is longer is read to its end and matches nothing. */
#define JSON_STRING_BYTES_MAX 1024

enum json_escape { ESCAPE_NONE, ESCAPE_BACKSLASH, ESCAPE_HEX, ESCAPE_LOW, ESCAPE_LOW_U };

struct json_string {
    char bytes[JSON_STRING_BYTES_MAX]; /* unescaped; zero bytes are possible */
    size_t length;

    enum json_escape escape; /* inside which part of an escape the next byte is */
    unsigned hex_digits, hex, high_surrogate;
    unsigned utf8_left;                      /* bytes that a UTF-8 sequence still needs */
    unsigned char utf8_lowest, utf8_highest; /* range of its next byte */
};

/* A quotation mark was read: a string begins. */
void json_string_begin(struct json_string *string);

/* Read on from *at.  *closed: the closing mark was read, *at is behind it.
 * Otherwise NULL and *at = end, or what is wrong with the byte at *at. */
const char *json_string_feed(struct json_string *string, const char **at, const char *end,
                             bool *closed);

#endif

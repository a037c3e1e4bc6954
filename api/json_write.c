/* JSON out; see json_write.h. */
#include "api/json_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/number.h"

void json_write_start(struct json_writer *writer, struct buffer *out) {
    *writer = (struct json_writer){.out = out};
}

enum error_code json_write_finish(const struct json_writer *writer, struct error *error) {
    if (writer->error.code != ERROR_NONE && error != NULL) {
        *error = writer->error;
    }
    return writer->error.code;
}

static void append(struct json_writer *writer, const char *bytes, size_t count) {
    if (writer->error.code == ERROR_NONE) {
        (void)buffer_append(writer->out, bytes, count, &writer->error);
    }
}

/* What stands between two values. */
static void separate(struct json_writer *writer) {
    if (writer->comma) {
        append(writer, ",", 1);
    }
    writer->comma = true;
}

static void append_value(struct json_writer *writer, const char *text, size_t length) {
    separate(writer);
    append(writer, text, length);
}

static void begin(struct json_writer *writer, const char *mark) {
    append_value(writer, mark, 1);
    writer->comma = false;
}

static void end(struct json_writer *writer, const char *mark) {
    append(writer, mark, 1);
    writer->comma = true;
}

void json_write_begin_object(struct json_writer *writer) {
    begin(writer, "{");
}

void json_write_end_object(struct json_writer *writer) {
    end(writer, "}");
}

void json_write_begin_array(struct json_writer *writer) {
    begin(writer, "[");
}

void json_write_end_array(struct json_writer *writer) {
    end(writer, "]");
}

/* ---- Strings ---- */

static bool is_continuation(const unsigned char *at, const unsigned char *end, unsigned char lowest,
                            unsigned char highest) {
    return at < end && *at >= lowest && *at <= highest;
}

/* Bytes of the UTF-8 sequence at `at` (RFC 3629), 0 if it is none. */
static size_t utf8_length(const unsigned char *at, const unsigned char *end) {
    const unsigned char c = *at;
    if (c < 0x80) {
        return 1;
    }
    const size_t length = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c < 0xC2 || c > 0xF4 ||
        !is_continuation(at + 1, end,
                         c == 0xE0   ? 0xA0
                         : c == 0xF0 ? 0x90
                                     : 0x80,
                         c == 0xED   ? 0x9F
                         : c == 0xF4 ? 0x8F
                                     : 0xBF)) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (!is_continuation(at + i, end, 0x80, 0xBF)) {
            return 0;
        }
    }
    return length;
}

static void append_escape(struct json_writer *writer, unsigned char c) {
    static const char short_names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c != 0 ? strchr(short_names, c) : NULL;
    char text[8];
    const int length = found != NULL
                           ? snprintf(text, sizeof text, "\\%c", letters[found - short_names])
                           : snprintf(text, sizeof text, "\\u%04x", c);
    append(writer, text, (size_t)length);
}

static void append_quoted(struct json_writer *writer, const char *string, size_t length) {
    const unsigned char *at = (const unsigned char *)string;
    const unsigned char *const last = at + length;
    append(writer, "\"", 1);
    while (at < last) {
        const unsigned char *run = at; /* of what stands for itself */
        size_t bytes = 0;
        while (at < last && *at >= 0x20 && *at != '"' && *at != '\\' &&
               (bytes = utf8_length(at, last)) > 0) {
            at += bytes;
        }
        append(writer, (const char *)run, (size_t)(at - run));
        if (at < last && *at >= 0x80) {
            append(writer, "\xEF\xBF\xBD", 3);
            at++;
        } else if (at < last) {
            append_escape(writer, *at++);
        }
    }
    append(writer, "\"", 1);
}

void json_write_key(struct json_writer *writer, const char *key) {
    separate(writer);
    append_quoted(writer, key, strlen(key));
    append(writer, ":", 1);
    writer->comma = false;
}

void json_write_string(struct json_writer *writer, const char *string) {
    if (string == NULL) {
        json_write_null(writer);
    } else {
        json_write_string_bytes(writer, string, strlen(string));
    }
}

void json_write_string_bytes(struct json_writer *writer, const char *string, size_t length) {
    separate(writer);
    append_quoted(writer, string, length);
}

void json_write_constant(struct json_writer *writer, const char *text) {
    separate(writer);
    while (*text != '\0') {
        const size_t run = strcspn(text, "'");
        append(writer, text, run);
        text += run;
        if (*text == '\'') {
            append(writer, "\"", 1);
            text++;
        }
    }
}

/* ---- Other values ---- */

void json_write_unsigned(struct json_writer *writer, uint64_t value) {
    char text[NUMBER_TEXT_BYTES];
    append_value(writer, text, number_write_integer(text, value));
}

void json_write_bool(struct json_writer *writer, bool value) {
    append_value(writer, value ? "true" : "false", value ? 4 : 5);
}

void json_write_null(struct json_writer *writer) {
    append_value(writer, "null", 4);
}

void json_write_double(struct json_writer *writer, double value) {
    char text[NUMBER_TEXT_BYTES];
    if (!isfinite(value)) {
        json_write_null(writer);
        return;
    }
    append_value(writer, text, number_write_double(text, value));
}

void json_write_float(struct json_writer *writer, float value) {
    char text[NUMBER_TEXT_BYTES];
    if (!isfinite(value)) {
        json_write_null(writer);
        return;
    }
    append_value(writer, text, number_write_float(text, value));
}

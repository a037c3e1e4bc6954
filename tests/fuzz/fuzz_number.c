/* Fuzzes api/number.h and api/number_list.h: whatever is taken for a number is what
 * strtod reads, a list's numbers are its numbers one by one, and whatever number is
 * written reads back. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/number.h"
#include "api/number_list.h"

static void check_reading(const char *text, size_t size) {
    const char *next = text;
    double value = 0;
    const enum number_end end = number_scan(text, text + size, &next, &value);
    if (next < text || next > text + size) {
        abort();
    }
    if (end != NUMBER_WHOLE) {
        return;
    }
    const size_t length = (size_t)(next - text);
    char copy[NUMBER_BYTES_MAX + 1];
    memcpy(copy, text, length);
    copy[length] = 0;
    char *stop;
    const double wanted = strtod(copy, &stop);
    if (memcmp(&wanted, &value, sizeof wanted) != 0 || stop != copy + length) {
        abort();
    }
    double again;
    if (!number_read(text, length, &again) || memcmp(&again, &value, sizeof again) != 0) {
        abort();
    }
}

static void check_list(const char *text, size_t size) {
    double values[256];
    const char *const end = text + size, *at = text, *next = text;
    for (size_t front = 0; front < 64 && front < size; front++) {
        at = text + front;
        next = at;
        const size_t count =
            number_list_scan(text, &at, end, values, sizeof values / sizeof *values);
        for (size_t i = 0; i < count; i++) {
            double value = 0;
            next += *next == ' ';
            if (number_scan(next, end, &next, &value) != NUMBER_WHOLE || *next++ != ',' ||
                memcmp(&value, &values[i], sizeof value) != 0) {
                abort();
            }
        }
        if (at != next) {
            abort();
        }
    }
}

/* How many bytes behind a row's last number divide it from the next row; 0: none. */
static size_t row_end_bytes(const char *at, const char *end, enum number_rows rows) {
    static const char *const ends[][2] = {
        [NUMBER_ROWS_JSON] = {"],[", "], ["}, [NUMBER_ROWS_CSV] = {"\n", "\r\n"}};
    for (size_t i = 0; i < 2; i++) {
        const size_t bytes = strlen(ends[rows][i]);
        if ((size_t)(end - at) >= bytes && memcmp(at, ends[rows][i], bytes) == 0) {
            return bytes;
        }
    }
    return 0;
}

static void check_rows(const char *text, size_t size, enum number_rows rows, size_t width) {
    double values[256];
    const char *const end = text + size, *at = text, *next = text;
    for (size_t front = 0; front < 64 && front < size; front++) {
        size_t left = width, wanted_left = width;
        at = text + front;
        next = at;
        const size_t count = number_rows_scan(text, &at, end, values,
                                              sizeof values / sizeof *values, rows, width, &left);
        for (size_t i = 0; i < count; i++) {
            double value = 0;
            next += *next == ' ';
            if (number_scan(next, end, &next, &value) != NUMBER_WHOLE ||
                memcmp(&value, &values[i], sizeof value) != 0) {
                abort();
            }
            const size_t bytes = wanted_left == 1 ? row_end_bytes(next, end, rows) : *next == ',';
            if (bytes == 0) {
                abort();
            }
            next += bytes;
            wanted_left = wanted_left == 1 ? width : wanted_left - 1;
        }
        if (at != next || left != wanted_left) {
            abort();
        }
    }
}

static void check_writing(const char *data) {
    char text[NUMBER_TEXT_BYTES];
    double number;
    memcpy(&number, data, sizeof number);
    if (isfinite(number)) {
        const size_t length = number_write_double(text, number);
        if (length != strlen(text) || strtod(text, NULL) != number) {
            abort();
        }
    }
    float small;
    memcpy(&small, data, sizeof small);
    if (isfinite(small)) {
        const size_t length = number_write_float(text, small);
        if (length != strlen(text) || strtof(text, NULL) != small) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_reading((const char *)data, size);
    check_list((const char *)data, size);
    for (size_t width = 1; width <= 3; width++) {
        check_rows((const char *)data, size, NUMBER_ROWS_JSON, width);
        check_rows((const char *)data, size, NUMBER_ROWS_CSV, width);
    }
    if (size >= sizeof(double)) {
        check_writing((const char *)data);
    }
    return 0;
}

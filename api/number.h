/* Numbers as decimal text, in both directions.
 *
 * Reading: the grammar is JSON's, the result the double nearest to the text, to
 * the last bit, whatever the locale.  Inputs become float32 from that double, so
 * that a value trains alike as JSON, CSV, F64 and F32.  Writing: text that reads
 * back as the same number.
 *
 * Pure functions; any thread. */
#ifndef MLPD_API_NUMBER_H
#define MLPD_API_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number of more characters is refused.  RFC 8259 leaves such bounds to the
 * reader; every double can be told from its neighbours in under 800 digits. */
#define NUMBER_BYTES_MAX 1024

enum number_end {
    NUMBER_WHOLE,      /* a number, and after it a character that is no part of one */
    NUMBER_UNFINISHED, /* a number so far; it may go on behind `end` */
    NUMBER_BROKEN,     /* not the grammar; *next is the character that does not fit */
    NUMBER_TOO_LONG    /* more than NUMBER_BYTES_MAX characters */
};

/* Read the number that starts at `text` and ends before `end`; *next is behind
 * its last character.  Beyond the range of double *value is infinite. */
enum number_end number_scan(const char *text, const char *end, const char **next, double *value);

/* Whether `text` is a number and nothing else: a metadata or query value. */
bool number_read(const char *text, size_t length, double *value);

/* Room for the longest text that is written, with its final zero. */
#define NUMBER_TEXT_BYTES 32

/* Write a number and return the length: a whole one, or a finite one in the fewest digits
 * whose nearest double (or float32) it is.  Of several such texts it is the one nearest to
 * the number; for a double at a power of two that can be one digit more than the minimum. */
size_t number_write_integer(char text[NUMBER_TEXT_BYTES], uint64_t value);
size_t number_write_double(char text[NUMBER_TEXT_BYTES], double value);
size_t number_write_float(char text[NUMBER_TEXT_BYTES], float value);

#endif

/* Lists of numbers as text, at speed: nearly all of any body of tensors.
 *
 * Only plain numbers in plain lists are read here: up to 19 digits, with a point or
 * without, no exponent, a comma right behind them, one blank or none before them.
 * Whatever else comes is left to number_scan, and so is everything on a processor
 * without AVX2; both read a number to the same bits.
 *
 * Pure functions; any thread. */
#ifndef MLPD_API_NUMBER_LIST_H
#define MLPD_API_NUMBER_LIST_H

#include <stddef.h>

/* Read up to `count` numbers with a comma behind each from *at on, as doubles like
 * number_scan's; *at is then behind the last one's comma.  How many were read: all that
 * are there or not, none close to the ends of the readable bytes, which are those from
 * `begin` to `end`. */
size_t number_list_scan(const char *begin, const char **at, const char *end, double *values,
                        size_t count);

/* What stands between the rows: "],[", with a blank before the second bracket or none; or
 * a line feed, with a return before it or none. */
enum number_rows { NUMBER_ROWS_JSON, NUMBER_ROWS_CSV };

/* The same for numbers in rows of `width`: behind the last of a row stands what divides it
 * from the next one, and *at is then behind that.  *left is how many are to come in the row
 * that is begun, 1 to width, before and after. */
size_t number_rows_scan(const char *begin, const char **at, const char *end, double *values,
                        size_t count, enum number_rows rows, size_t width, size_t *left);

#endif

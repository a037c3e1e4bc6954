/* See comparison.h. */
#include "tests/bench/peers/comparison.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const side_names[SIDES] = {"mlpd", "PyTorch", "scikit-learn"};

struct row *comparison_add(struct comparison *comparison, const char *group, const char *unit,
                           const char *name_format, ...) {
    if (comparison->count == ROWS_MAX) {
        abort();
    }
    struct row *row = &comparison->rows[comparison->count++];
    *row = (struct row){.group = group, .unit = unit};
    va_list arguments;
    va_start(arguments, name_format);
    vsnprintf(row->name, sizeof row->name, name_format, arguments);
    va_end(arguments);
    return row;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, size_t count) {
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

double comparison_median(const struct comparison *comparison, const struct row *row,
                         enum side side) {
    return median(row->values[side], comparison->rounds);
}

double comparison_times(const struct comparison *comparison, const struct row *row,
                        enum side side) {
    double times[ROUNDS_MAX] = {0};
    for (size_t r = 0; r < comparison->rounds; r++) {
        const double ours = row->values[SIDE_MLPD][r], theirs = row->values[side][r];
        times[r] = row->less_is_better ? theirs / ours : ours / theirs;
    }
    return median(times, comparison->rounds);
}

void comparison_format(double value, char text[LABEL_BYTES]) {
    char digits[64];
    const int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
    const int length = snprintf(digits, sizeof digits, "%.*f", decimals, value);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (decimals == 0 && i > 0 && (length - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
}

/* "12,345 ·2": with two threads. */
static void print_peer(const struct comparison *comparison, const struct row *row, enum side side) {
    char value[LABEL_BYTES], times[LABEL_BYTES], threads[32] = "";
    comparison_format(comparison_median(comparison, row, side), value);
    comparison_format(comparison_times(comparison, row, side), times);
    if (row->threads[side] > 0) {
        snprintf(threads, sizeof threads, "/%zu", row->threads[side]);
    }
    printf(" %11s%-3s %7s", value, threads, times);
}

void comparison_print(const struct comparison *comparison) {
    const char *group = "";
    printf("\n%-40s %-10s %11s %14s %7s %14s %7s\n", "", "", "mlpd", "PyTorch", "times",
           "scikit-learn", "times");
    for (size_t i = 0; i < comparison->count; i++) {
        const struct row *row = &comparison->rows[i];
        char value[LABEL_BYTES];
        if (strcmp(group, row->group) != 0) {
            printf("\n%s\n", group = row->group);
        }
        comparison_format(comparison_median(comparison, row, SIDE_MLPD), value);
        printf("  %-38s %-10s %11s", row->name, row->unit, value);
        print_peer(comparison, row, SIDE_TORCH);
        print_peer(comparison, row, SIDE_SKLEARN);
        putchar('\n');
    }
}

static json_t *tell_numbers(const double *numbers, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_real(numbers[i]));
    }
    return array;
}

static json_t *tell(const struct comparison *comparison, const struct row *row) {
    json_t *figure = json_pack("{s:s, s:s, s:s, s:b}", "group", row->group, "name", row->name,
                               "unit", row->unit, "less_is_better", row->less_is_better);
    for (enum side side = 0; side < SIDES; side++) {
        json_t *told = json_pack("{s:f, s:o}", "median", comparison_median(comparison, row, side),
                                 "values", tell_numbers(row->values[side], comparison->rounds));
        if (side != SIDE_MLPD) {
            json_object_set_new(told, "times", json_real(comparison_times(comparison, row, side)));
        }
        if (row->threads[side] > 0) {
            json_object_set_new(told, "threads", json_integer((json_int_t)row->threads[side]));
        }
        json_object_set_new(figure, side_names[side], told);
    }
    return figure;
}

bool comparison_write(const struct comparison *comparison, const char *file) {
    json_t *figures = json_array(), *versions = json_object();
    for (size_t i = 0; i < comparison->count; i++) {
        json_array_append_new(figures, tell(comparison, &comparison->rows[i]));
    }
    for (enum side side = 0; side < SIDES; side++) {
        json_object_set_new(versions, side_names[side], json_string(comparison->versions[side]));
    }
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:o, s:i, s:f, s:o, s:o, s:o}", "date", comparison->date, "cpu",
                  comparison->cpu, "command", comparison->command, "versions", versions, "rounds",
                  (int)comparison->rounds, "seconds", comparison->seconds, "load_before",
                  tell_numbers(comparison->load_before, 3), "load_after",
                  tell_numbers(comparison->load_after, 3), "figures", figures);
    const bool written = json_dump_file(document, file, JSON_INDENT(1)) == 0;
    json_decref(document);
    return written;
}

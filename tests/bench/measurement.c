/* See measurement.h. */
#include "tests/bench/measurement.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/maths/product.h"

#define MEASUREMENTS_MAX 256

static struct measurement all[MEASUREMENTS_MAX];
static size_t count, rounds;
static double round_seconds;

struct measurement *measurement_add(const char *group, const char *unit, measure *run,
                                    const char *name_format, ...) {
    if (count == MEASUREMENTS_MAX) {
        abort();
    }
    struct measurement *m = &all[count++];
    *m = (struct measurement){.group = group, .unit = unit, .run = run, .models = 1, .rows = 1};
    va_list arguments;
    va_start(arguments, name_format);
    vsnprintf(m->name, sizeof m->name, name_format, arguments);
    va_end(arguments);
    return m;
}

void measurements_run(size_t round_count, double seconds) {
    const bool seen = isatty(STDERR_FILENO);
    rounds = round_count;
    round_seconds = seconds;
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < count; i++) {
            if (seen) {
                fprintf(stderr, "\r\033[Kround %zu of %zu: %s, %s", r + 1, rounds, all[i].group,
                        all[i].name);
            }
            all[i].values[r] = all[i].run(&all[i], seconds);
        }
    }
    if (seen) {
        fprintf(stderr, "\r\033[K");
    }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values) {
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, rounds * sizeof *sorted);
    qsort(sorted, rounds, sizeof *sorted, compare);
    return rounds % 2 == 1 ? sorted[rounds / 2] : (sorted[rounds / 2 - 1] + sorted[rounds / 2]) / 2;
}

/* Of the measurement in its ceiling, which it has. */
static double share_of(const struct measurement *m) {
    double shares[ROUNDS_MAX] = {0};
    for (size_t r = 0; r < rounds; r++) {
        shares[r] = m->values[r] / m->ceiling->values[r];
    }
    return median(shares);
}

static void print_wanted(const struct measurement *m, double figure) {
    if (m->wanted > 0) {
        printf("  wanted %.2f%s", m->wanted, figure < m->wanted ? ", is below" : "");
    }
    if (m->bound > 0) {
        printf("  wanted under %g%s", m->bound, figure > m->bound ? ", is above" : "");
    }
}

void measurements_print(void) {
    const char *group = "";
    for (size_t i = 0; i < count; i++) {
        const struct measurement *m = &all[i];
        if (strcmp(group, m->group) != 0) {
            printf("\n%s\n", group = m->group);
        }
        const double value = median(m->values);
        double figure = value;
        printf("  %-52s %12.*f %-10s", m->name, value < 1000 ? 2 : 0, value, m->unit);
        if (m->ceiling != NULL) {
            figure = share_of(m);
            printf(" %6.2f", figure);
        }
        print_wanted(m, figure);
        putchar('\n');
    }
}

static json_t *tell(const struct measurement *m) {
    json_t *values = json_array();
    for (size_t r = 0; r < rounds; r++) {
        json_array_append_new(values, json_real(m->values[r]));
    }
    json_t *figure = json_pack("{s:s, s:s, s:s, s:f, s:o}", "group", m->group, "name", m->name,
                               "unit", m->unit, "median", median(m->values), "values", values);
    if (m->ceiling != NULL) {
        json_object_set_new(figure, "share", json_real(share_of(m)));
        json_object_set_new(figure, "ceiling", json_string(m->ceiling->name));
    }
    if (m->wanted > 0) {
        json_object_set_new(figure, "wanted", json_real(m->wanted));
    }
    if (m->bound > 0) {
        json_object_set_new(figure, "bound", json_real(m->bound));
    }
    return figure;
}

bool measurements_write(const char *file, const char *cpu) {
    json_t *figures = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(figures, tell(&all[i]));
    }
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:o}", "version", MLPD_VERSION, "cpu", cpu,
                  "arithmetic", product_description(), "cores", (int)sysconf(_SC_NPROCESSORS_ONLN),
                  "rounds", (int)rounds, "seconds", round_seconds, "figures", figures);
    const bool written = json_dump_file(document, file, JSON_INDENT(1)) == 0;
    json_decref(document);
    return written;
}

/* See intake.h.
 *
 * Beside short numbers stand those a second of what one would write instead: jansson's tree
 * for JSON, strtof for CSV.  (make bench-parsers has faster parsers of JSON.) */
#include "tests/bench/intake.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/intake_load.h"
#include "tests/bench/measurement.h"

#define JSON_WANTED 700 /* MB/s */

/* Read the body once; the CPU seconds of it. */
typedef double read_function(struct intake_load *load);

static struct { double bytes, numbers; /* a CPU second */ } last;

static void measure_speed(enum intake_body body, read_function *read, double seconds) {
    struct intake_load *load = intake_load_create(body);
    (void)read(load); /* memory and caches as they will be */
    double taken = 0, runs = 0;
    for (; taken < seconds; runs++) {
        taken += read(load);
    }
    last.bytes = runs * (double)load->size / taken;
    last.numbers = runs * (double)(load->rows * load->columns) / taken;
    intake_load_destroy(load);
}

/* ---- Readers ---- */

static double read_by_intake(struct intake_load *load) {
    return intake_load_run(load, NULL);
}

static void expect_all(const struct intake_load *load, size_t count, const char *reader) {
    if (count != load->rows * load->columns) {
        fprintf(stderr, "bench: %s reads %zu numbers of %zu\n", reader, count,
                load->rows * load->columns);
        exit(EXIT_FAILURE);
    }
}

static float *allocate_inputs(const struct intake_load *load) {
    float *inputs = malloc(load->rows * load->columns * sizeof *inputs);
    if (inputs == NULL) {
        fprintf(stderr, "bench: no memory for a matrix\n");
        exit(EXIT_FAILURE);
    }
    return inputs;
}

static double read_by_jansson(struct intake_load *load) {
    const double start = intake_load_clock();
    float *inputs = allocate_inputs(load);
    json_t *document = json_loadb(load->bytes, load->size, JSON_REJECT_DUPLICATES, NULL);
    json_t *row, *number;
    size_t i, j, count = 0;
    json_array_foreach(json_object_get(document, "inputs"), i, row) {
        json_array_foreach(row, j, number) {
            inputs[count++] = (float)json_number_value(number);
        }
    }
    json_decref(document);
    free(inputs);
    expect_all(load, count, "jansson");
    return intake_load_clock() - start;
}

/* Each line's last number is its label. */
static double read_by_strtof(struct intake_load *load) {
    const double start = intake_load_clock();
    float *inputs = allocate_inputs(load);
    char *at = (char *)load->bytes, *const end = at + load->size;
    size_t count = 0;
    while (at < end) {
        const float number = strtof(at, &at);
        if (*at++ == ',') {
            inputs[count++] = number;
        }
    }
    free(inputs);
    expect_all(load, count, "strtof");
    return intake_load_clock() - start;
}

/* ---- The list ---- */

static double run_intake(const struct measurement *m, double seconds) {
    measure_speed(m->intake, read_by_intake, seconds);
    return last.bytes / 1e6;
}

static double tell_numbers(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    return last.numbers / 1e6;
}

static double run_jansson(const struct measurement *m, double seconds) {
    measure_speed(m->intake, read_by_jansson, seconds);
    return last.numbers / 1e6;
}

static double run_strtof(const struct measurement *m, double seconds) {
    measure_speed(m->intake, read_by_strtof, seconds);
    return last.numbers / 1e6;
}

static struct measurement *add(enum intake_body body, const char *unit, measure *run,
                               const char *reader) {
    struct measurement *m = measurement_add("intake by itself, a CPU second", unit, run, "%s%s",
                                            intake_body_name(body), reader);
    m->intake = body;
    return m;
}

static void add_body(enum intake_body body, const struct measurement *ceiling) {
    add(body, "MB/s", run_intake, "")->wanted = body == INTAKE_JSON_SHORT ? JSON_WANTED : 0;
    add(body, "M numbers/s", tell_numbers, "")->ceiling = ceiling;
}

void intake_measurements(void) {
    for (enum intake_body body = 0; body < INTAKE_BODIES; body++) {
        const bool json = body == INTAKE_JSON_SHORT || body == INTAKE_JSON_NARROW;
        const bool csv = body == INTAKE_CSV_SHORT || body == INTAKE_CSV_NARROW;
        add_body(body, json  ? add(body, "M numbers/s", run_jansson, ": jansson")
                       : csv ? add(body, "M numbers/s", run_strtof, ": strtof")
                             : NULL);
    }
}

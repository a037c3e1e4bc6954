/* See intake_load.h. */
#include "tests/bench/intake_load.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/intake.h"
#include "api/number.h"
#include "core/base/checked.h"

#define CHUNK_BYTES 20302 /* what libmicrohttpd reads at a time, with our pool of 40 KiB */
#define NUMBERS ((size_t)512 * 784) /* in a body */
#define CLASSES 3
#define NUMBER_TEXT_BYTES_MAX 26 /* with what divides it from the next */
#define ROW_TEXT_BYTES_MAX 8     /* what else a row has, and its label */
#define HEADER_BYTES_MAX 512

struct intake_load_state {
    const struct intake_format *format;
    struct intake_scaling scaling;
    struct specification model;
    struct ledger ledger;
};

static void *allocate(size_t size) {
    void *bytes = malloc(size);
    if (bytes == NULL) {
        fprintf(stderr, "bench: no memory for a body\n");
        exit(EXIT_FAILURE);
    }
    return bytes;
}

/* ---- Bodies ---- */

static uint32_t noise(size_t i) {
    uint64_t mixed = (i + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u;
    return (uint32_t)(mixed >> 32);
}

static size_t label(size_t row) {
    return noise(row) % CLASSES;
}

/* Number i of the body as text; behind its last character. */
typedef char *write_function(char *at, size_t i);

static char *write_short(char *at, size_t i) {
    return at + sprintf(at, "0.%05u", noise(i) % 100000);
}

static char *write_float(char *at, size_t i) {
    return at + number_write_float(at, (float)(noise(i) >> 8) * 0x1p-23f - 1);
}

static char *write_long(char *at, size_t i) {
    return at + sprintf(at, i % 784 > 0 ? " %.17g" : "%.17g", ((double)noise(i) * 0x1p-31 - 1) / 3);
}

static char *write_whole(char *at, size_t i) {
    return at + sprintf(at, "%u", noise(i) & 255);
}

typedef char *make_function(char *at, size_t rows, size_t columns, write_function *write);

static char *write_row(char *at, size_t row, size_t columns, write_function *write) {
    for (size_t column = 0; column < columns; column++) {
        if (column > 0) {
            *at++ = ',';
        }
        at = write(at, row * columns + column);
    }
    return at;
}

static char *make_json(char *at, size_t rows, size_t columns, write_function *write) {
    at += sprintf(at, "{\"inputs\":[");
    for (size_t row = 0; row < rows; row++) {
        at += sprintf(at, row > 0 ? ",[" : "[");
        at = write_row(at, row, columns, write);
        *at++ = ']';
    }
    at += sprintf(at, "],\"labels\":[");
    for (size_t row = 0; row < rows; row++) {
        at += sprintf(at, row > 0 ? ",%zu" : "%zu", label(row));
    }
    return at + sprintf(at, "]}");
}

static char *make_csv(char *at, size_t rows, size_t columns, write_function *write) {
    for (size_t row = 0; row < rows; row++) {
        at = write_row(at, row, columns, write);
        at += sprintf(at, ",%zu\n", label(row));
    }
    return at;
}

/* The header of inputs and labels, with its length in front. */
static char *make_header(char *at, const char *dtype, size_t rows, size_t columns,
                         size_t input_bytes) {
    const size_t end = input_bytes + rows * sizeof(int32_t);
    const uint64_t bytes =
        (uint64_t)sprintf(at + sizeof bytes,
                          "{\"inputs\":{\"dtype\":\"%s\",\"shape\":[%zu,%zu],\"data_offsets\":[0,"
                          "%zu]},\"labels\":{\"dtype\":\"I32\",\"shape\":[%zu],\"data_offsets\":"
                          "[%zu,%zu]}}",
                          dtype, rows, columns, input_bytes, rows, input_bytes, end);
    memcpy(at, &bytes, sizeof bytes);
    return at + sizeof bytes + bytes;
}

static char *write_labels(char *at, size_t rows) {
    for (size_t row = 0; row < rows; row++) {
        const int32_t number = (int32_t)label(row);
        at = mempcpy(at, &number, sizeof number);
    }
    return at;
}

static char *make_f32(char *at, size_t rows, size_t columns, write_function *write) {
    (void)write;
    at = make_header(at, "F32", rows, columns, rows * columns * sizeof(float));
    for (size_t i = 0; i < rows * columns; i++) {
        const float number = (float)(noise(i) >> 8) * 0x1p-24f;
        at = mempcpy(at, &number, sizeof number);
    }
    return write_labels(at, rows);
}

static char *make_u8(char *at, size_t rows, size_t columns, write_function *write) {
    (void)write;
    at = make_header(at, "U8", rows, columns, rows * columns);
    for (size_t i = 0; i < rows * columns; i++) {
        *at++ = (char)noise(i);
    }
    return write_labels(at, rows);
}

static const struct {
    const char *name;
    const struct intake_format *format;
    make_function *make;
    write_function *write; /* of text */
    size_t columns;
    double scale;
} bodies[INTAKE_BODIES] = {
    [INTAKE_JSON_SHORT] = {"JSON, 5 digits", &intake_json, make_json, write_short, 784, 1},
    [INTAKE_JSON_FLOAT] = {"JSON, float32", &intake_json, make_json, write_float, 784, 1},
    [INTAKE_JSON_LONG] = {"JSON, 17 digits", &intake_json, make_json, write_long, 784, 1},
    [INTAKE_JSON_WHOLE] = {"JSON, bytes", &intake_json, make_json, write_whole, 784, 1},
    [INTAKE_JSON_NARROW] = {"JSON, rows of four", &intake_json, make_json, write_short, 4, 1},
    [INTAKE_CSV_SHORT] = {"CSV, 5 digits", &intake_csv, make_csv, write_short, 784, 1},
    [INTAKE_CSV_FLOAT] = {"CSV, float32", &intake_csv, make_csv, write_float, 784, 1},
    [INTAKE_CSV_LONG] = {"CSV, 17 digits", &intake_csv, make_csv, write_long, 784, 1},
    [INTAKE_CSV_WHOLE] = {"CSV, bytes", &intake_csv, make_csv, write_whole, 784, 1},
    [INTAKE_CSV_NARROW] = {"CSV, rows of four", &intake_csv, make_csv, write_short, 4, 1},
    [INTAKE_F32] = {"F32", &intake_safetensors, make_f32, NULL, 784, 1},
    [INTAKE_U8] = {"U8", &intake_safetensors, make_u8, NULL, 784, 1.0 / 255},
};

const char *intake_body_name(enum intake_body body) {
    return bodies[body].name;
}

/* ---- Taking them in ---- */

static void end_by(const struct error *error) {
    fprintf(stderr, "bench: intake: %s\n", error->message);
    exit(EXIT_FAILURE);
}

struct intake_load *intake_load_create(enum intake_body body) {
    struct intake_load_state *state = allocate(sizeof *state);
    struct intake_load *load = allocate(sizeof *load);
    struct error error = {ERROR_MEMORY, "no memory for a model", ""};
    *state = (struct intake_load_state){
        .format = bodies[body].format,
        .scaling = {bodies[body].scale, 0, bodies[body].scale != 1},
    };
    ledger_init(&state->ledger, SIZE_MAX);
    specification_init(&state->model);
    state->model.inputs = bodies[body].columns;
    if (!specification_set_layers(&state->model, 1)) {
        end_by(&error);
    }
    state->model.layers[0].units = CLASSES; /* of a model its inputs and outputs matter here */
    if (specification_complete(&state->model, &error) != ERROR_NONE) {
        end_by(&error);
    }
    *load = (struct intake_load){
        .rows = NUMBERS / bodies[body].columns, .columns = bodies[body].columns, .state = state};
    char *bytes = allocate(NUMBERS * NUMBER_TEXT_BYTES_MAX + load->rows * ROW_TEXT_BYTES_MAX +
                           HEADER_BYTES_MAX);
    load->size =
        (size_t)(bodies[body].make(bytes, load->rows, load->columns, bodies[body].write) - bytes);
    load->bytes = bytes;
    return load;
}

void intake_load_destroy(struct intake_load *load) {
    specification_free(&load->state->model);
    free(load->state);
    free((char *)load->bytes);
    free(load);
}

double intake_load_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double intake_load_run(struct intake_load *load, float *inputs) {
    const struct intake_request request = {.purpose = INTAKE_BATCH,
                                           .specification = &load->state->model,
                                           .ledger = &load->state->ledger,
                                           .scaling = load->state->scaling,
                                           .body_bytes = load->size};
    struct error error = {ERROR_MEMORY, "no memory", ""};
    enum error_code code = ERROR_NONE;
    const double start = intake_load_clock();
    struct intake *intake = intake_create(load->state->format, &request);
    if (intake == NULL) {
        end_by(&error);
    }
    for (size_t at = 0; at < load->size && code == ERROR_NONE; at += CHUNK_BYTES) {
        code =
            intake_feed(intake, load->bytes + at, size_min(CHUNK_BYTES, load->size - at), &error);
    }
    if (code != ERROR_NONE || intake_end(intake, &error) != ERROR_NONE) {
        end_by(&error);
    }
    const double seconds = intake_load_clock() - start;
    if (inputs != NULL) {
        memcpy(inputs, intake->examples.inputs.data, load->rows * load->columns * sizeof *inputs);
    }
    intake_destroy(intake);
    return seconds;
}

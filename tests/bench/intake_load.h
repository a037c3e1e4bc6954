/* Bodies for the intake by itself, without HTTP: rows with labels, of 784 numbers or of
 * four, which are fed in chunks as libmicrohttpd hands them on, through api/intake.h into
 * buffers of a ledger, checks and all.  Ends the program when intake refuses.  One thread. */
#ifndef MLPD_TESTS_BENCH_INTAKE_LOAD_H
#define MLPD_TESTS_BENCH_INTAKE_LOAD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum intake_body {
    INTAKE_JSON_SHORT,  /* five digits behind the point */
    INTAKE_JSON_FLOAT,  /* what tells a float32 from its neighbours, some negative */
    INTAKE_JSON_LONG,   /* doubles as Python prints them, a blank behind each comma */
    INTAKE_JSON_WHOLE,  /* 0 to 255 */
    INTAKE_JSON_NARROW, /* five digits, rows of four */
    INTAKE_CSV_SHORT,
    INTAKE_CSV_FLOAT,
    INTAKE_CSV_LONG,
    INTAKE_CSV_WHOLE,
    INTAKE_CSV_NARROW,
    INTAKE_F32,
    INTAKE_U8, /* scaled */
    INTAKE_BODIES
};

/* "JSON, 5 digits" */
const char *intake_body_name(enum intake_body body);

/* A body and the model it is for. */
struct intake_load {
    const char *bytes;
    size_t size, rows, columns;
    struct intake_load_state *state;
};

/* CPU seconds of the thread. */
double intake_load_clock(void);

struct intake_load *intake_load_create(enum intake_body body);
void intake_load_destroy(struct intake_load *load);

/* Take the body in once; the CPU seconds of it.  `inputs`, where it is not NULL, gets
 * the numbers [rows × columns]. */
double intake_load_run(struct intake_load *load, float *inputs);

#ifdef __cplusplus
}
#endif

#endif

/* What is compared, and how it is told: a row of the table is one figure of each side,
 * measured once a round.  One thread. */
#ifndef MLPD_TESTS_BENCH_PEERS_COMPARISON_H
#define MLPD_TESTS_BENCH_PEERS_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>

#define ROUNDS_MAX 25
#define ROWS_MAX 64
#define LABEL_BYTES 256

enum side { SIDE_MLPD, SIDE_TORCH, SIDE_SKLEARN, SIDES };

extern const char *const side_names[SIDES];

struct row {
    const char *group, *unit;
    char name[64];
    bool less_is_better;
    bool in_chart;
    size_t threads[SIDES]; /* of the peer's arithmetic; 0: not chosen */
    double values[SIDES][ROUNDS_MAX];
};

struct comparison {
    struct row rows[ROWS_MAX];
    size_t count, rounds;
    double seconds;         /* of one measurement */
    double load_before[3];  /* load averages of the machine … */
    double load_after[3];   /* … for 1, 5 and 15 minutes */
    char date[LABEL_BYTES]; /* when it began, UTC */
    char cpu[LABEL_BYTES];  /* and how many cores */
    char command[LABEL_BYTES];
    char versions[SIDES][LABEL_BYTES];
};

/* A further row; ends the program when there are too many. */
struct row *comparison_add(struct comparison *comparison, const char *group, const char *unit,
                           const char *name_format, ...) __attribute__((format(printf, 4, 5)));

/* Of the rounds. */
double comparison_median(const struct comparison *comparison, const struct row *row,
                         enum side side);

/* How many times better mlpd is than a peer: the median of the rounds' ratios. */
double comparison_times(const struct comparison *comparison, const struct row *row, enum side side);

/* "1,234,567", "12.3", "0.45" */
void comparison_format(double value, char text[LABEL_BYTES]);

void comparison_print(const struct comparison *comparison);

/* The same and each round's values; false when that cannot be written. */
bool comparison_write(const struct comparison *comparison, const char *file);

#endif

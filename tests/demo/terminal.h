/* What the demo shows: progress, images and the confusion matrix, in colour and
 * redrawn in place on a terminal, as plain lines anywhere else.
 *
 * "A terminal" is standard output being one, TERM not being "dumb" and NO_COLOR
 * not being set.  The main thread only. */
#ifndef MLPD_TESTS_DEMO_TERMINAL_H
#define MLPD_TESTS_DEMO_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    unsigned epoch, epochs; /* the one under way, from 1, of how many */
    size_t examples;        /* trained so far … */
    size_t examples_all;    /* … of these */
    double seconds;         /* since the start */
    double loss, accuracy;  /* running, of the training */
};

#define PICTURE_SIDE 28

struct picture {
    const uint8_t *pixels; /* [28 × 28] row-major, 0 is the background */
    char captions[2][32];  /* the lines below it */
};

bool terminal_is_one(void);

/* Draw over the bar drawn before; not on a terminal: one more line. */
void terminal_progress(const struct progress *progress);

/* Wipe the bar, so that ordinary lines can follow. */
void terminal_progress_end(void);

/* Side by side, as many as fit. */
void terminal_pictures(const struct picture *pictures, size_t count);

/* `counts` is [classes × classes], row: true, column: predicted.  A column of
 * recalls stands at the right. */
void terminal_confusion(const size_t *counts, const char *const *names, size_t classes);

/* 1234567 as "1,234,567", in `text`, which is returned. */
const char *terminal_thousands(size_t number, char text[static 32]);

#endif

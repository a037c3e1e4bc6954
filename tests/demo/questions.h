/* Questions during training: a thread with a connection of its own asks for the
 * prediction of one test image again and again, and notes how long each answer
 * took and from which training step it came. */
#ifndef MLPD_TESTS_DEMO_QUESTIONS_H
#define MLPD_TESTS_DEMO_QUESTIONS_H

#include <stddef.h>

#include "tests/data/fashion_mnist.h"
#include "tests/demo/failure.h"

struct questions;

struct questions_summary {
    size_t count; /* answered */
    size_t right; /* … with the true class */
    double median_seconds, slowest_seconds;
    double first_step, last_step; /* of the first and the last answer */
};

/* Begin to ask at `path`.  `set` must outlive the thread.  NULL on failure. */
struct questions *questions_start(const char *origin, const char *path,
                                  const struct fashion_mnist_set *set, struct failure *failure);

/* End the asking and free everything.  False when a question had failed. */
bool questions_stop(struct questions *questions, struct questions_summary *summary,
                    struct failure *failure);

#endif

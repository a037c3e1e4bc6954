/* The training run: the images streamed as batches over HTTP, epoch after epoch,
 * in an order that is shuffled but the same on every run. */
#ifndef MLPD_TESTS_DEMO_TRAINING_H
#define MLPD_TESTS_DEMO_TRAINING_H

#include "tests/data/fashion_mnist.h"
#include "tests/demo/client.h"

enum {
    TRAINING_BATCH = 128, /* examples */
    TRAINING_EPOCHS = 20,
};

/* How many steps training on `set` takes. */
size_t training_steps(const struct fashion_mnist_set *set);

struct training_summary {
    size_t examples;
    double seconds;        /* until the last batch was trained */
    double loss, accuracy; /* running, at the end */
};

/* Train the model at `path` ("/v1/models/NAME") and show the progress.  Returns
 * when the last batch has been trained. */
bool training_run(struct client *client, const char *path, const struct fashion_mnist_set *set,
                  struct training_summary *summary, struct failure *failure);

#endif

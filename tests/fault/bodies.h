/* The bodies that clients send: models, and rows with labels and without.
 *
 * Model n has the name m-n, and its inputs, classes and layers follow from n, so that any
 * thread can post to it.  Written into client->body; each returns how many bytes. */
#ifndef MLPD_TESTS_FAULT_BODIES_H
#define MLPD_TESTS_FAULT_BODIES_H

#include "tests/fault/client.h"

#define KINDS ((size_t)4) /* of models: n is of kind n % KINDS */
#define KIND_WITH_MOMENTUM 3

size_t body_write_model(struct client *client, unsigned name);

/* Random rows that suit the model; with `labels` for training and evaluation, with
 * `min_step` above 0 for a prediction that waits for that step. */
size_t body_write_rows(struct client *client, unsigned name, size_t rows, bool labels,
                       uint64_t min_step);

/* Every ' of the text becomes a ", as JSON has it; returns its length. */
size_t body_quote(char *text);

#endif

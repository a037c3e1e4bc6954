/* What a recovered daemon says of a model, against what its author knows and what the reference
 * says.  Failures are told to the tally. */
#ifndef MLPD_TESTS_FAULT_VERDICT_H
#define MLPD_TESTS_FAULT_VERDICT_H

#include "tests/fault/operations.h"

/* The id in the last answer; "" where there is none. */
void verdict_read_id(const struct client *client, char id[24]);

bool verdict_has_name(struct client *client, const char *name);

/* Is the model there, and not another of its name?  Learns its id. */
bool verdict_has_model(struct client *client, struct generation *model);

bool verdict_has_batch(struct client *client, const struct generation *model, uint32_t number);

unsigned verdict_revision(struct client *client, const struct generation *model);

/* Learn what became of each batch: none that was acknowledged is missing, none is there that was
 * not, and what was known is as it was. */
void verdict_read_states(struct client *client, struct generation *model);

/* Ask the reference for the same, without the batches that were cancelled. */
void verdict_ask_reference(struct client *reference, const struct operation *operation);

/* Weights, steps, settings and losses are the reference's. */
void verdict_compare(struct client *client, struct client *reference, struct generation *model);

#endif

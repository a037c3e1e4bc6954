/* What clients do: each act is a call or a rudeness, of its own random shape, to one of
 * NAMES models.
 *
 * An act judges its answer itself and tells the tally. */
#ifndef MLPD_TESTS_FAULT_ACTS_H
#define MLPD_TESTS_FAULT_ACTS_H

#include "tests/fault/client.h"

#define NAMES 24
#define TARGET_BYTES 128

/* One act to one model, both picked at random; some acts are likelier than others. */
void act_at_random(struct client *client);

/* Two of the acts by themselves.  `target` is for their use, [TARGET_BYTES]. */
void act_create(struct client *client, unsigned name, char *target);
void act_delete(struct client *client, unsigned name, char *target);

#endif

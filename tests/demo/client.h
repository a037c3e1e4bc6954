/* HTTP calls to the daemon: one connection, one call at a time.
 *
 * A call answers with the JSON of a 2xx answer (a new reference, which the
 * caller drops) or NULL and the reason.  429 is not a failure: the call waits
 * for as long as Retry-After says and is made again.  An interrupt ends a call.
 *
 * A client belongs to one thread at a time.  curl_global_init comes first. */
#ifndef MLPD_TESTS_DEMO_CLIENT_H
#define MLPD_TESTS_DEMO_CLIENT_H

#include <jansson.h>

#include "tests/demo/failure.h"
#include "tests/demo/safetensors.h"

/* Multiplies the pixels on their way into the daemon: 0 to 255 become 0 to 1. */
#define PIXEL_SCALE "scale=0.00392156862745098"

struct client;

/* `origin` is "http://ADDRESS:PORT"; the paths below start with a slash. */
struct client *client_create(const char *origin, struct failure *failure);

/* NULL is allowed. */
void client_destroy(struct client *client);

json_t *client_get(struct client *client, const char *path, struct failure *failure);
json_t *client_post(struct client *client, const char *path, const json_t *body,
                    struct failure *failure);

/* The rows as safetensors.  `wait_seconds` above 0 sends `Prefer: wait`: the
 * answer then comes when the work is done. */
json_t *client_post_rows(struct client *client, const char *path, const struct rows *rows,
                         unsigned wait_seconds, struct failure *failure);

/* A number of an answer, which must be there. */
bool answer_number(const json_t *answer, const char *field, double *number,
                   struct failure *failure);

#endif

/* Idempotency-Key: a request that is sent again, because its answer was lost, is done once.
 *
 * Of the calls whose row in the table of routes names the header.  The key is read with the
 * headers and the payload (decoded body, media type, query) digested as it comes in; the
 * engine takes the key in the instant in which it accepts the request, and finds repeats
 * (core/engine/key_table.h).  Belongs to one call. */
#ifndef MLPD_API_IDEMPOTENCY_H
#define MLPD_API_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/engine/key_table.h"

struct call;
struct request;
struct XXH3_state_s;

struct idempotency {
    struct key_record *record;   /* referenced: of this request; NULL: it came without a key */
    struct key_record *former;   /* referenced: of the request that this one repeats */
    struct XXH3_state_s *digest; /* of the payload, as it comes in */
    uint64_t bytes;              /* of the decoded body, digested so far */
};

/* The key of a header line, quoted as a structured field's string or bare, which is the
 * same.  False when it is not 1 to KEY_BYTES_MAX bytes of visible ASCII. */
bool idempotency_read_key(const char *line, char key[KEY_BYTES_MAX + 1]);

/* Begin with the headers.  False after answering 400 or 507. */
bool idempotency_begin(struct call *call, const struct request *request);

/* A piece of the decoded body. */
void idempotency_feed(struct call *call, const char *data, size_t size);

/* The body is whole: the record is ready to be submitted. */
void idempotency_end(struct call *call);

/* The answer is of an earlier request: say so. */
void idempotency_note_repeat(struct call *call);

void idempotency_free(struct idempotency *idempotency);

#endif

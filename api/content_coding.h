/* Content-Encoding: bodies that come compressed (RFC 9110, section 8.4).
 *
 * gzip (RFC 1952, of any number of members, with zeros behind each), x-gzip, which
 * is the same, and deflate (RFC 1950: the zlib form).  What comes out is handed on
 * in pieces of bounded size, so that whoever takes it can stop a bomb at its limit
 * and not after it.
 *
 * content_coding_find is a pure function.  A decoder belongs to one call and is used
 * by one thread at a time; after the first error it is only destroyed. */
#ifndef MLPD_API_CONTENT_CODING_H
#define MLPD_API_CONTENT_CODING_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/base/ledger.h"

enum content_coding {
    CODING_IDENTITY,
    CODING_GZIP,
    CODING_DEFLATE,
    CODING_UNKNOWN /* or several */
};

/* What a client may send, as Accept-Encoding has it. */
#define CONTENT_CODINGS "gzip, deflate, identity"

/* The coding that a header's value names; NULL: there is no header. */
enum content_coding content_coding_find(const char *value);

/* Bytes that come out of a decoder at once, at most. */
#define DECODER_PIECE_BYTES 16384

/* Takes a piece of what came out; an error ends the decoding. */
typedef enum error_code decoder_sink(void *context, const char *data, size_t size,
                                     struct error *error);

struct decoder;

/* For CODING_GZIP and CODING_DEFLATE.  Its memory is in the ledger, all of it from
 * the beginning.  NULL: ERROR_MEMORY. */
struct decoder *decoder_create(enum content_coding coding, struct ledger *ledger,
                               decoder_sink *sink, void *context, struct error *error);

/* The next bytes of the body.  ERROR_SYNTAX for what is not of the coding, or what
 * the sink has returned. */
enum error_code decoder_feed(struct decoder *decoder, const char *data, size_t size,
                             struct error *error);

/* The body is over: ERROR_SYNTAX when it was cut short.  No byte at all is no body, and
 * nothing to complain about here. */
enum error_code decoder_end(const struct decoder *decoder, struct error *error);

/* NULL is allowed. */
void decoder_destroy(struct decoder *decoder);

#endif

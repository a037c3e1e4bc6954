/* The Accept header: which of the media types that a call can answer with does the client
 * want?  (RFC 9110, 12.5.1)
 *
 * Each type gets the quality of the most specific range that names it: type/subtype
 * before a type with any subtype, that before any type at all; 0 refuses it.  The best quality
 * wins; among equals the one that was named more exactly, then the one that we list
 * first.  Lenient where that harms nobody: parameters other than q are passed over, and
 * so are ranges that are not well formed.  A header that is missing, empty or wholly
 * broken takes anything.
 *
 * Pure functions; a struct accept belongs to its caller. */
#ifndef MLPD_API_ACCEPT_H
#define MLPD_API_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

#define ACCEPT_TYPES_MAX 8

struct accept {
    size_t count;
    const char *types[ACCEPT_TYPES_MAX]; /* the caller's: what can be answered, the default first */
    struct {
        double quality; /* 0 to 1 */
        int exactness;  /* of the range that gave it: 0 none, 1 all types, 2 a type, 3 itself */
    } ratings[ACCEPT_TYPES_MAX];
    bool heard; /* a well-formed range */
};

/* Beyond ACCEPT_TYPES_MAX they are passed over. */
void accept_offer(struct accept *accept, const char *type);

/* A line of the header; there may be several. */
void accept_read(struct accept *accept, const char *line);

/* The type to answer with; NULL: the client accepts none. */
const char *accept_choose(const struct accept *accept);

#endif

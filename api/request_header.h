/* The request headers that calls hear, beside those of HTTP itself.
 *
 * For the OpenAPI document: a handler's row in the table of routes names what it hears;
 * who reads a header does so by its name.  Content-Type, Content-Encoding,
 * Authorization follow from a call's body and scope; X-Request-Id every call hears.
 * Constants: any thread. */
#ifndef MLPD_API_REQUEST_HEADER_H
#define MLPD_API_REQUEST_HEADER_H

enum request_header {
    HEADER_NONE, /* ends a list */
    HEADER_PREFER,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IF_MATCH,
    HEADER_IF_NONE_MATCH,
    HEADER_LAST_EVENT_ID,
    HEADER_CONTENT_ENCODING, /* of every call with a body */
    HEADER_REQUEST_ID,
    HEADER_COUNT
};

struct request_header_description {
    const char *name;
    const char *example; /* a value */
    const char *documentation;
};

extern const struct request_header_description request_header_descriptions[HEADER_COUNT];

#endif

/* Answers that the server gives by itself, before or without the api: small
 * problem documents (RFC 9457) that are constants, so that 'no memory' needs
 * none.  All of them close the connection.  Any thread. */
#ifndef MLPD_SERVER_REFUSAL_H
#define MLPD_SERVER_REFUSAL_H

#include <stddef.h>

enum refusal {
    REFUSAL_NONE,
    REFUSAL_TARGET,            /* a blank or control character in the request line */
    REFUSAL_HEADER_NAME,       /* a header's name is not a token */
    REFUSAL_HEADER_FORM,       /* folded, a bare line feed, a NUL */
    REFUSAL_REPEATED,          /* a header that frames or authorises, twice */
    REFUSAL_LENGTH,            /* Content-Length is not a number */
    REFUSAL_LENGTH_AND_CODING, /* Content-Length with Transfer-Encoding */
    REFUSAL_CODING,            /* a Transfer-Encoding other than chunked */
    REFUSAL_CODING_VERSION,    /* Transfer-Encoding in HTTP/1.0 */
    REFUSAL_NO_HOST,           /* HTTP/1.1 without Host */
    REFUSAL_TARGET_BYTES,      /* a request target over its limits */
    REFUSAL_HEADER_BYTES,      /* a header section over its limit */
    REFUSAL_EXPECTATION,       /* Expect: something other than 100-continue */
    REFUSAL_HEADER_TIME,       /* the header does not come to its end */
    REFUSAL_BODY_TIME,         /* the body neither */
    REFUSAL_BODY,              /* more body than a call without one may have */
    REFUSAL_MEMORY,
    REFUSAL_CONNECTIONS, /* too many in all */
    REFUSAL_ADDRESS,     /* too many of one address */
    REFUSAL_STOPPING,
    REFUSAL_COUNT
};

struct refusal_document {
    unsigned status;
    const char *title;       /* of the status */
    const char *retry_after; /* seconds, or NULL */
    const char *body;
    size_t body_bytes;
};

extern const struct refusal_document refusal_documents[REFUSAL_COUNT];

/* The whole answer, straight to a socket that carries nothing else any more.  If it does
 * not fit the other side sees a broken answer, as it would without. */
void refusal_send(int fd, enum refusal refusal);

#endif

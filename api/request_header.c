/* The table of request headers; see request_header.h. */
#include "api/request_header.h"

const struct request_header_description request_header_descriptions[HEADER_COUNT] = {
    [HEADER_PREFER] =
        {
            .name = "Prefer",
            .example = "wait=10",
            .documentation = "`wait=S`: answer once the work is done, or after S seconds (at most "
                             "300) with how far it is; `respond-async`: answer 202 at once (RFC "
                             "7240).",
        },
    [HEADER_IDEMPOTENCY_KEY] =
        {
            .name = "Idempotency-Key",
            .example = "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"",
            .documentation =
                "1 to 255 visible ASCII characters, quoted or bare.  A repeat with the "
                "same key and payload is done once; its answer tells the state of now "
                "and has `Idempotent-Replayed: true`.  Another payload is 422.",
        },
    [HEADER_IF_MATCH] =
        {
            .name = "If-Match",
            .example = "\"f6c2a9d81e5b4c07.3\"",
            .documentation =
                "The ETag that the model must still have, also as W/\"…\", a list or *; "
                "412 when it has another by now.",
        },
    [HEADER_IF_NONE_MATCH] =
        {
            .name = "If-None-Match",
            .example = "\"5f3d2c1b0a998877\"",
            .documentation = "An ETag that the client has the document of: 304 while it is the "
                             "present one.",
        },
    [HEADER_LAST_EVENT_ID] =
        {
            .name = "Last-Event-ID",
            .example = "41",
            .documentation = "Resume a stream of events behind this batch.",
        },
    [HEADER_CONTENT_ENCODING] =
        {
            .name = "Content-Encoding",
            .example = "gzip",
            .documentation = "The body is compressed: gzip (also of several members), x-gzip, or "
                             "deflate, the zlib form.  Limits count what comes out.",
        },
    [HEADER_REQUEST_ID] =
        {
            .name = "X-Request-Id",
            .example = "8e03978e-40d5-43e8-bc93-6894a57f9324",
            .documentation = "What the answer and the log call the request: 1 to 128 letters, "
                             "digits and `-._~:@+=,/`.  Any other is replaced.",
        },
};

/* The server's own answers; see refusal.h. */
#include "server/refusal.h"

#define DOCUMENT(status_, title, detail)                                                           \
    {                                                                                              \
        .status = (status_), .body = TEXT(status_, title, detail),                                 \
        .body_bytes = sizeof TEXT(status_, title, detail) - 1                                      \
    }
#define TEXT(status, title, detail)                                                                \
    "{\"type\":\"about:blank\",\"title\":\"" title "\",\"status\":" #status                        \
    ",\"detail\":\"" detail "\",\"error\":\"" detail "\"}\n"

#define BAD(detail) DOCUMENT(400, "Bad Request", detail)
#define UNAVAILABLE(detail) DOCUMENT(503, "Service Unavailable", detail)

const struct refusal_document refusal_documents[REFUSAL_COUNT] = {
    [REFUSAL_TARGET] = BAD("the request target has a blank or a control character; write it as "
                           "%20 or the like"),
    [REFUSAL_HEADER_NAME] = BAD("the name of a header field is not a token: letters, digits and "
                                "!#$%&'*+-.^_`|~ are allowed, and no blank before the colon"),
    [REFUSAL_HEADER_FORM] = BAD("a header field is folded, has no name, does not end in CR LF, or "
                                "has a NUL character: every field is one line that ends in CR LF"),
    [REFUSAL_REPEATED] = BAD("Host, Content-Length, Transfer-Encoding or Authorization is given "
                             "more than once: each may be given once"),
    [REFUSAL_LENGTH] = BAD("Content-Length is not a number of bytes in decimal digits"),
    [REFUSAL_LENGTH_AND_CODING] = BAD("both Content-Length and Transfer-Encoding are given: only "
                                      "one of them may be"),
    [REFUSAL_CODING] = BAD("Transfer-Encoding is not chunked, the only coding that is "
                           "understood; a compressed body is announced by Content-Encoding"),
    [REFUSAL_CODING_VERSION] = BAD("Transfer-Encoding is given in HTTP/1.0, which does not have "
                                   "it: use HTTP/1.1 or Content-Length"),
    [REFUSAL_NO_HOST] = BAD("HTTP/1.1 without a Host field: exactly one must be given"),
    [REFUSAL_BODY] = DOCUMENT(413, "Content Too Large",
                              "this call takes no body, and what was sent is over 1 MiB"),
    [REFUSAL_MEMORY] = DOCUMENT(507, "Insufficient Storage", "no memory for the request"),
    [REFUSAL_CONNECTIONS] = UNAVAILABLE("too many connections are open (--max-connections); close "
                                        "some or try again later"),
    [REFUSAL_STOPPING] = UNAVAILABLE("mlpd is stopping"),
};

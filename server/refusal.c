/* The server's own answers; see refusal.h. */
#include "server/refusal.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HEAD_BYTES 256

#define DOCUMENT_LATER(status_, title_, detail, seconds)                                           \
    {                                                                                              \
        .status = (status_), .title = (title_), .retry_after = (seconds),                          \
        .body = TEXT(status_, title_, detail),                                                     \
        .body_bytes = sizeof TEXT(status_, title_, detail) - 1                                     \
    }
#define DOCUMENT(status, title, detail) DOCUMENT_LATER(status, title, detail, NULL)
#define TEXT(status, title, detail)                                                                \
    "{\"type\":\"about:blank\",\"title\":\"" title "\",\"status\":" #status                        \
    ",\"detail\":\"" detail "\",\"error\":\"" detail "\"}\n"

#define BAD(detail) DOCUMENT(400, "Bad Request", detail)
#define UNAVAILABLE(detail) DOCUMENT_LATER(503, "Service Unavailable", detail, "1")
#define LATE(detail) DOCUMENT(408, "Request Timeout", detail)

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
    [REFUSAL_TARGET_BYTES] = DOCUMENT(414, "URI Too Long",
                                      "the request target is over 4096 bytes, or has more than "
                                      "64 query parameters"),
    [REFUSAL_HEADER_BYTES] = DOCUMENT(431, "Request Header Fields Too Large",
                                      "the request line and the header fields are over 32 KiB "
                                      "together"),
    [REFUSAL_EXPECTATION] =
        DOCUMENT(417, "Expectation Failed", "Expect asks for something other than 100-continue"),
    [REFUSAL_HEADER_TIME] = LATE("the header of the request took too long to come "
                                 "(--header-timeout)"),
    [REFUSAL_BODY_TIME] = LATE("the body of the request took too long to come (--body-timeout, "
                               "--min-rate)"),
    [REFUSAL_BODY] = DOCUMENT(413, "Content Too Large",
                              "this call takes no body, and what was sent is over 1 MiB"),
    [REFUSAL_MEMORY] = DOCUMENT(507, "Insufficient Storage", "no memory for the request"),
    [REFUSAL_CONNECTIONS] = UNAVAILABLE("too many connections are open (--max-connections); close "
                                        "some or try again later"),
    [REFUSAL_ADDRESS] = DOCUMENT_LATER(429, "Too Many Requests",
                                       "too many connections are open from this address "
                                       "(--max-connections-per-address); close some or use them "
                                       "again",
                                       "1"),
    [REFUSAL_STOPPING] = UNAVAILABLE("mlpd is stopping"),
};

void refusal_send(int fd, enum refusal refusal) {
    const struct refusal_document *document = &refusal_documents[refusal];
    const char *later = document->retry_after;
    char head[HEAD_BYTES];
    const int bytes = snprintf(head, sizeof head,
                               "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n"
                               "Content-Type: application/problem+json\r\n%s%s%s\r\n",
                               document->status, document->title, document->body_bytes,
                               later != NULL ? "Retry-After: " : "", later != NULL ? later : "",
                               later != NULL ? "\r\n" : "");
    struct iovec parts[] = {{.iov_base = head, .iov_len = (size_t)bytes},
                            {.iov_base = (char *)document->body, .iov_len = document->body_bytes}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    (void)sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

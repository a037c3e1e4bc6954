/* A byte stream to a server, for the little that mlpd is itself a client for: plain or
 * TLS, over TCP or a unix socket, and never longer than a deadline.
 *
 * TLS checks no certificate: what is asked is whether somebody answers, and no secret is
 * sent.  A stream belongs to one thread. */
#ifndef MLPD_SERVER_STREAM_H
#define MLPD_SERVER_STREAM_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <sys/types.h>

#include "server/address.h"

struct stream_peer {
    union socket_name name;
    socklen_t bytes;
    bool tls;
};

struct stream {
    int fd;                   /* -1: not open */
    double deadline;          /* of the monotonic clock, seconds */
    gnutls_session_t session; /* NULL: plain */
    gnutls_certificate_credentials_t credentials;
};

/* Connect and, for TLS, shake hands.  False: errno says why, ETIMEDOUT at the deadline,
 * EPROTO when there is no TLS to be had.  To be closed in every case. */
bool stream_open(struct stream *stream, const struct stream_peer *peer, double deadline);

bool stream_send(struct stream *stream, const void *bytes, size_t size);

/* What there is, at least a byte; 0: the end; -1: errno. */
ssize_t stream_receive(struct stream *stream, void *bytes, size_t size);

void stream_close(struct stream *stream);

#endif

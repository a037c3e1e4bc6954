/* A byte stream to a server; see stream.h. */
#include "server/stream.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/engine/clock.h"

/* Until the socket is ready or the deadline has come. */
static bool wait_for(const struct stream *stream, short events) {
    for (;;) {
        struct pollfd socket = {.fd = stream->fd, .events = events};
        const double left = stream->deadline - clock_monotonic_seconds();
        if (left <= 0) {
            errno = ETIMEDOUT;
            return false;
        }
        const int ready = poll(&socket, 1, (int)ceil(left * 1e3));
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}

static bool connect_to(struct stream *stream, const struct stream_peer *peer) {
    stream->fd = socket(peer->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (stream->fd < 0) {
        return false;
    }
    while (connect(stream->fd, &peer->name.any, peer->bytes) != 0) {
        /* EAGAIN: the queue of a unix socket is full, which nothing tells the end of. */
        if (errno != EINPROGRESS && errno != EINTR && errno != EALREADY) {
            return errno == EISCONN;
        }
        if (!wait_for(stream, POLLOUT)) {
            return false;
        }
    }
    return true;
}

/* ---- TLS ---- */

/* Whether to try again: the socket was waited for. */
static bool goes_on(const struct stream *stream, ssize_t result) {
    if (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_AGAIN) {
        return wait_for(stream, gnutls_record_get_direction(stream->session) ? POLLOUT : POLLIN);
    }
    if (gnutls_error_is_fatal((int)result) == 0) {
        return true; /* a warning, or a ticket for another session */
    }
    errno = EPROTO;
    return false;
}

static bool shake_hands(struct stream *stream) {
    int result = gnutls_certificate_allocate_credentials(&stream->credentials);
    if (result == 0) {
        result = gnutls_init(&stream->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    }
    if (result == 0) {
        result = gnutls_set_default_priority(stream->session);
    }
    if (result == 0) {
        result =
            gnutls_credentials_set(stream->session, GNUTLS_CRD_CERTIFICATE, stream->credentials);
    }
    if (result != 0) {
        errno = ENOMEM;
        return false;
    }
    gnutls_transport_set_int(stream->session, stream->fd);
    while ((result = gnutls_handshake(stream->session)) != 0) {
        if (!goes_on(stream, result)) {
            return false;
        }
    }
    return true;
}

/* ---- both ---- */

bool stream_open(struct stream *stream, const struct stream_peer *peer, double deadline) {
    *stream = (struct stream){.fd = -1, .deadline = deadline};
    return connect_to(stream, peer) && (!peer->tls || shake_hands(stream));
}

static ssize_t send_some(struct stream *stream, const char *bytes, size_t size) {
    ssize_t sent;
    if (stream->session == NULL) {
        while ((sent = send(stream->fd, bytes, size, MSG_NOSIGNAL)) < 0) {
            if ((errno != EAGAIN && errno != EINTR) || !wait_for(stream, POLLOUT)) {
                return -1;
            }
        }
        return sent;
    }
    while ((sent = gnutls_record_send(stream->session, bytes, size)) < 0) {
        if (!goes_on(stream, sent)) {
            return -1;
        }
    }
    return sent;
}

bool stream_send(struct stream *stream, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        const ssize_t sent = send_some(stream, at, size);
        if (sent < 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

ssize_t stream_receive(struct stream *stream, void *bytes, size_t size) {
    ssize_t got;
    if (stream->session == NULL) {
        while ((got = recv(stream->fd, bytes, size, 0)) < 0) {
            if ((errno != EAGAIN && errno != EINTR) || !wait_for(stream, POLLIN)) {
                return -1;
            }
        }
        return got;
    }
    while ((got = gnutls_record_recv(stream->session, bytes, size)) < 0) {
        if (got == GNUTLS_E_PREMATURE_TERMINATION) {
            return 0;
        }
        if (!goes_on(stream, got)) {
            return -1;
        }
    }
    return got;
}

void stream_close(struct stream *stream) {
    if (stream->session != NULL) {
        gnutls_deinit(stream->session);
    }
    if (stream->credentials != NULL) {
        gnutls_certificate_free_credentials(stream->credentials);
    }
    if (stream->fd >= 0) {
        close(stream->fd);
    }
    *stream = (struct stream){.fd = -1};
}

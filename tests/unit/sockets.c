/* Pairs of connected sockets; see sockets.h. */
#include "tests/unit/sockets.h"

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MILLISECONDS 10000

static struct sockaddr_in loopback(unsigned host) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr = {htonl(INADDR_LOOPBACK - 1 + host)}};
}

struct sockets sockets_tcp(unsigned host) {
    struct sockaddr_in name = loopback(1), from = loopback(host);
    socklen_t bytes = sizeof name;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockets sockets = {.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &bytes), 0);
    ck_assert_int_eq(bind(sockets.theirs, (struct sockaddr *)&from, sizeof from), 0);
    ck_assert_int_eq(connect(sockets.theirs, (struct sockaddr *)&name, sizeof name), 0);
    sockets.ours = accept(listener, NULL, NULL);
    ck_assert_int_ge(sockets.ours, 0);
    close(listener);
    return sockets;
}

struct sockets sockets_unix(void) {
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return (struct sockets){.ours = ends[0], .theirs = ends[1]};
}

void sockets_close(struct sockets *sockets) {
    close(sockets->ours);
    if (sockets->theirs >= 0) {
        close(sockets->theirs);
    }
}

static void await(int fd) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    ck_assert_msg(poll(&readable, 1, DEADLINE_MILLISECONDS) == 1, "nothing came in time");
}

void sockets_send(const struct sockets *sockets, const char *text) {
    ck_assert_int_eq(send(sockets->theirs, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
    await(sockets->ours);
}

const char *sockets_read(const struct sockets *sockets) {
    static char text[8192];
    size_t used = 0;
    for (;;) {
        await(sockets->theirs);
        const ssize_t got = recv(sockets->theirs, text + used, sizeof text - 1 - used, 0);
        if (got <= 0) {
            text[used] = '\0';
            return text;
        }
        used += (size_t)got;
    }
}

bool sockets_are_shut(const struct sockets *sockets) {
    struct pollfd state = {.fd = sockets->ours, .events = POLLIN};
    return poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

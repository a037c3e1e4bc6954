/* A bare connection; see raw.h. */
#include "tests/integration/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/daemon.h"

static int connect_unix(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, daemon_socket_path(), sizeof name.sun_path - 1);
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection >= 0 && connect(connection, (const struct sockaddr *)&name, sizeof name) != 0) {
        close(connection);
        return -1;
    }
    return connection;
}

static struct sockaddr_in loopback(unsigned host, unsigned port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK - 1 + host)}};
}

int raw_connect_from(unsigned host) {
    const struct sockaddr_in from = loopback(host, 0), to = loopback(1, daemon_front_port());
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    /* as many ports as there are for each pair of addresses, not for `from` alone */
    setsockopt(connection, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (connection >= 0 && (bind(connection, (const struct sockaddr *)&from, sizeof from) != 0 ||
                            connect(connection, (const struct sockaddr *)&to, sizeof to) != 0)) {
        close(connection);
        return -1;
    }
    return connection;
}

int raw_connect(void) {
    return daemon_socket_path() != NULL ? connect_unix() : raw_connect_from(1);
}

bool raw_send(int connection, const char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(connection, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

bool raw_send_text(int connection, const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    const int bytes = vasprintf(&text, format, arguments);
    va_end(arguments);
    const bool sent = raw_send(connection, text, (size_t)bytes);
    free(text);
    return sent;
}

/* Whether an answer is there as long as its Content-Length says. */
static bool is_whole(const char *answer, size_t used) {
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "\r\nContent-Length:");
    if (end == NULL || length == NULL || length > end) {
        return end != NULL && strstr(answer, " 204 ") != NULL;
    }
    return used >= (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10);
}

int raw_read(int connection, char *answer, size_t bytes) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    size_t used = 0;
    answer[0] = '\0';
    while (used + 1 < bytes && !is_whole(answer, used)) {
        struct pollfd readable = {.fd = connection, .events = POLLIN};
        const double left = until - now_seconds();
        if (left <= 0 || poll(&readable, 1, (int)(left * 1000) + 1) == 0) {
            return -1;
        }
        const ssize_t got = recv(connection, answer + used, bytes - used - 1, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        answer[used] = '\0';
    }
    int status = 0;
    return sscanf(answer, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

bool raw_read_to_end(int connection, char *text, size_t bytes) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    size_t used = 0;
    for (;;) {
        struct pollfd readable = {.fd = connection, .events = POLLIN};
        const double left = until - now_seconds();
        text[used] = '\0';
        if (left <= 0 || poll(&readable, 1, (int)(left * 1000) + 1) == 0) {
            return false;
        }
        const ssize_t got = recv(connection, text + used, bytes - used - 1, 0);
        if (got <= 0) {
            return true;
        }
        used += (size_t)got;
    }
}

int raw_exchange(const char *request, size_t size, char *answer, size_t bytes) {
    const int connection = raw_connect();
    if (connection < 0) {
        return -1;
    }
    (void)raw_send(connection, request, size); /* refused early: the answer says so */
    const int status = raw_read(connection, answer, bytes);
    close(connection);
    return status;
}

void raw_reset(int connection) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(connection);
}

/* Listening sockets; see listener.h. */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define UNIX_MODE 0660
#define LOCALHOST_TRIES 16

static enum error_code fail(const struct address *address, const char *reason,
                            struct error *error) {
    char text[ADDRESS_TEXT_BYTES];
    address_format(address, text);
    return error_set(error, ERROR_INTERNAL, NULL, "cannot listen on %s: %s", text, reason);
}

static enum error_code fail_errno(const struct address *address, int number, struct error *error) {
    char text[128];
    switch (number) {
    case EADDRINUSE:
        return fail(address, "another process listens there", error);
    case EACCES:
        return fail(address,
                    address->kind == ADDRESS_UNIX ? "no permission to write in its directory"
                                                  : "no permission for this port",
                    error);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return fail(address, "this machine does not have the address", error);
    case ENOENT:
        return fail(address, "its directory does not exist", error);
    default:
        snprintf(text, sizeof text, "%s", strerror(number));
        return fail(address, text, error);
    }
}

/* Bind and listen; the socket, or -1 and errno. */
static int open_socket(int family, const struct sockaddr *name, socklen_t bytes) {
    const int one = 1;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (family == AF_UNIX) {
        fchmod(fd, UNIX_MODE); /* before bind: the file is never open to more */
    } else {
        /* Connections of a daemon before this one may still be closing. */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (family == AF_INET6) {
        /* [::] takes IPv4 too, as there is one --listen; ::1 stands beside 127.0.0.1. */
        const int only =
            !IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)name)->sin6_addr);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    if (bind(fd, name, bytes) != 0 || listen(fd, BACKLOG) != 0) {
        const int number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

static int open_ipv4(const char *host, uint16_t port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &name.sin_addr);
    return open_socket(AF_INET, (const struct sockaddr *)&name, sizeof name);
}

static int open_ipv6(const char *host, uint16_t port) {
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, host, &name.sin6_addr);
    return open_socket(AF_INET6, (const struct sockaddr *)&name, sizeof name);
}

static uint16_t port_of(int fd) {
    union socket_name name = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t bytes = sizeof name;
    if (getsockname(fd, &name.any, &bytes) != 0) {
        return 0;
    }
    return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

/* Both loopback addresses with the same port.  A machine without IPv6 has one.
 * With port 0 the port that IPv4 got may be taken in IPv6: another is tried. */
static bool open_localhost(struct listener *listener) {
    const uint16_t wanted = listener->address.port;
    for (int i = 0; i < LOCALHOST_TRIES; i++) {
        const int v4 = open_ipv4("127.0.0.1", wanted);
        if (v4 < 0) {
            return false;
        }
        listener->address.port = port_of(v4);
        const int v6 = open_ipv6("::1", listener->address.port);
        if (v6 >= 0 || errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) {
            listener->sockets[listener->count++] = v4;
            if (v6 >= 0) {
                listener->sockets[listener->count++] = v6;
            }
            return true;
        }
        const int number = errno;
        close(v4);
        errno = number;
        if (wanted != 0) {
            return false;
        }
    }
    return false;
}

static void set_port(struct sockaddr *name, uint16_t port) {
    if (name->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)name)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)name)->sin_port = htons(port);
    }
}

/* A name may have the same address twice. */
static bool is_repeated(const struct addrinfo *found, const struct addrinfo *at) {
    for (; found != at; found = found->ai_next) {
        if (found->ai_addrlen == at->ai_addrlen) {
            set_port(found->ai_addr, 0);
            set_port(at->ai_addr, 0);
            if (memcmp(found->ai_addr, at->ai_addr, at->ai_addrlen) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* All of them with the port that the first one got. */
static enum error_code open_found(struct listener *listener, const struct addrinfo *found,
                                  struct error *error) {
    struct address *address = &listener->address;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (listener->count == LISTENER_SOCKETS_MAX) {
            return fail(address, "the name has more than 8 addresses", error);
        }
        if (is_repeated(found, at)) {
            continue;
        }
        set_port(at->ai_addr, address->port);
        const int fd = open_socket(at->ai_family, at->ai_addr, at->ai_addrlen);
        if (fd < 0) {
            return fail_errno(address, errno, error);
        }
        listener->sockets[listener->count++] = fd;
        address->port = port_of(fd);
    }
    return ERROR_NONE;
}

static enum error_code open_addresses(struct listener *listener, struct error *error) {
    static const int families[] = {[ADDRESS_IPV4] = AF_INET, [ADDRESS_IPV6] = AF_INET6};
    const struct address *address = &listener->address;
    const bool is_name = address->kind == ADDRESS_NAME;
    const struct addrinfo hints = {.ai_family = is_name ? AF_UNSPEC : families[address->kind],
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = is_name ? AI_PASSIVE : AI_NUMERICHOST};
    struct addrinfo *found;
    const int failure = getaddrinfo(address->host, NULL, &hints, &found);
    if (failure != 0) {
        return fail(address, gai_strerror(failure), error);
    }
    const enum error_code code = open_found(listener, found, error);
    freeaddrinfo(found);
    return code;
}

/* Whether a process accepts connections on the socket of that name. */
static bool is_live(const struct sockaddr_un *name) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return true;
    }
    const bool refused = connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 &&
                         (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !refused;
}

/* A daemon that was killed leaves its socket's file, which is replaced; anything
 * else of that name stays. */
static enum error_code open_unix(struct listener *listener, struct error *error) {
    const struct address *address = &listener->address;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat status;
    memcpy(name.sun_path, address->host, strlen(address->host) + 1);
    int fd = open_socket(AF_UNIX, (const struct sockaddr *)&name, sizeof name);
    if (fd < 0 && errno == EADDRINUSE) {
        if (lstat(name.sun_path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
            return fail(address, "a file of that name exists and is no socket", error);
        }
        if (is_live(&name)) {
            return fail(address, "another process listens there", error);
        }
        unlink(name.sun_path);
        fd = open_socket(AF_UNIX, (const struct sockaddr *)&name, sizeof name);
    }
    if (fd < 0) {
        return fail_errno(address, errno, error);
    }
    chmod(name.sun_path, UNIX_MODE); /* what umask took away */
    if (stat(name.sun_path, &status) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
    }
    listener->sockets[listener->count++] = fd;
    return ERROR_NONE;
}

static void note_bound(struct listener *listener) {
    for (size_t i = 0; i < listener->count; i++) {
        union socket_name name = {.any = {.sa_family = AF_UNIX}};
        socklen_t bytes = sizeof name;
        (void)getsockname(listener->sockets[i], &name.any, &bytes); /* of our own: it has one */
        address_of_socket(&name, bytes, &listener->bound[i]);
    }
}

static enum error_code open_tcp(struct listener *listener, struct error *error) {
    if (listener->address.kind != ADDRESS_LOCALHOST) {
        return open_addresses(listener, error);
    }
    return open_localhost(listener) ? ERROR_NONE : fail_errno(&listener->address, errno, error);
}

enum error_code listener_open(const struct address *address, struct listener *listener,
                              struct error *error) {
    *listener = (struct listener){.address = *address};
    const enum error_code code =
        address->kind == ADDRESS_UNIX ? open_unix(listener, error) : open_tcp(listener, error);
    if (code != ERROR_NONE) {
        listener_close(listener);
        return code;
    }
    note_bound(listener);
    return ERROR_NONE;
}

static bool has_option(int fd, int option, int wanted) {
    int value = -1;
    socklen_t bytes = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) == 0 && value == wanted;
}

static bool is_listening(int fd) {
    return has_option(fd, SO_TYPE, SOCK_STREAM) && has_option(fd, SO_ACCEPTCONN, 1) &&
           (has_option(fd, SO_DOMAIN, AF_INET) || has_option(fd, SO_DOMAIN, AF_INET6) ||
            has_option(fd, SO_DOMAIN, AF_UNIX));
}

enum error_code listener_adopt(int first, size_t count, struct listener *listener,
                               struct error *error) {
    *listener = (struct listener){.count = 0};
    if (count > LISTENER_SOCKETS_MAX) {
        return error_set(error, ERROR_INTERNAL, NULL,
                         "LISTEN_FDS: %zu sockets are handed over; up to %d are allowed", count,
                         LISTENER_SOCKETS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const int fd = first + (int)i;
        if (!is_listening(fd)) {
            listener_close(listener);
            return error_set(error, ERROR_INTERNAL, NULL,
                             "LISTEN_FDS: descriptor %d is no socket that listens for streams over "
                             "TCP or a unix socket (ListenStream=, Accept=no)",
                             fd);
        }
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        listener->sockets[listener->count++] = fd;
    }
    note_bound(listener);
    listener->address = listener->bound[0];
    return ERROR_NONE;
}

bool listener_is_local(const struct listener *listener) {
    for (size_t i = 0; i < listener->count; i++) {
        if (!address_is_local(&listener->bound[i])) {
            return false;
        }
    }
    return true;
}

void listener_close(struct listener *listener) {
    struct stat status;
    const char *path = listener->address.host;
    if (listener->count > 0 && listener->address.kind == ADDRESS_UNIX && stat(path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode) {
        unlink(path);
    }
    for (size_t i = 0; i < listener->count; i++) {
        close(listener->sockets[i]);
    }
    listener->count = 0;
}

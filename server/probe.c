/* Does a daemon answer?  See probe.h. */
#include "server/probe.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/clock.h"

#define DEFAULT_PATH "/health/ready"
#define FORMS "http://HOST:PORT/PATH, https://HOST:PORT/PATH or unix:SOCKET"
#define ANSWER_BYTES 64 /* the status line begins with "HTTP/1.1 200 " */

/* ---- what to ask ---- */

static enum error_code refuse(const char *url, struct error *error) {
    return error_set(error, ERROR_INVALID, NULL, "--health: '%.100s' is not of the form " FORMS,
                     url);
}

/* With the scheme's port where none is given. */
static enum error_code parse_authority(const char *text, size_t length, bool tls,
                                       struct address *address, struct error *error) {
    char authority[ADDRESS_TEXT_BYTES];
    const char *bracket = memchr(text, ']', length);
    const char *host_end = bracket != NULL ? bracket : text;
    const bool has_port = memchr(host_end, ':', length - (size_t)(host_end - text)) != NULL;
    if (length == 0 || length + sizeof ":443" > sizeof authority) {
        return ERROR_INVALID;
    }
    snprintf(authority, sizeof authority, "%.*s%s", (int)length, text,
             has_port ? "" : (tls ? ":443" : ":80"));
    return address_parse(authority, address, error);
}

static bool is_clean(const char *path) {
    for (; *path != '\0'; path++) {
        if (*path <= ' ' || *path == 0x7F) {
            return false;
        }
    }
    return true;
}

enum error_code probe_parse(const char *url, struct probe_target *target, struct error *error) {
    *target = (struct probe_target){.path = DEFAULT_PATH};
    if (strncmp(url, "unix:", 5) == 0) {
        return address_parse(url, &target->address, error);
    }
    target->tls = strncmp(url, "https://", 8) == 0;
    if (!target->tls && strncmp(url, "http://", 7) != 0) {
        return refuse(url, error);
    }
    const char *authority = url + (target->tls ? 8 : 7);
    const size_t length = strcspn(authority, "/?#");
    const char *path = authority + length;
    struct error reason;
    if (parse_authority(authority, length, target->tls, &target->address, &reason) != ERROR_NONE ||
        (*path != '/' && *path != '\0') || strlen(path) >= PROBE_PATH_BYTES || !is_clean(path)) {
        return refuse(url, error);
    }
    if (*path != '\0' && strcmp(path, "/") != 0) {
        snprintf(target->path, sizeof target->path, "%s", path);
    }
    return ERROR_NONE;
}

/* ---- asking ---- */

static int read_status(struct stream *stream) {
    char answer[ANSWER_BYTES + 1] = "";
    size_t used = 0;
    int status;
    while (used < ANSWER_BYTES && memchr(answer, '\n', used) == NULL) {
        const ssize_t got = stream_receive(stream, answer + used, ANSWER_BYTES - used);
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    answer[used] = '\0';
    return sscanf(answer, "HTTP/1.%*1d %3d", &status) == 1 ? status : 0;
}

static bool send_request(struct stream *stream, const char *host, const char *path) {
    char request[PROBE_PATH_BYTES + ADDRESS_TEXT_BYTES + 128];
    const int length = snprintf(request, sizeof request,
                                "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mlpd/" MLPD_VERSION
                                "\r\nConnection: close\r\n\r\n",
                                path, host);
    return stream_send(stream, request, (size_t)length);
}

int probe_ask(const struct stream_peer *peer, const char *host, const char *path, double deadline) {
    struct stream stream;
    int status = -1;
    if (stream_open(&stream, peer, deadline) && send_request(&stream, host, path)) {
        status = read_status(&stream);
    }
    const int number = errno;
    stream_close(&stream);
    errno = number;
    return status;
}

static enum error_code judge(const char *where, const struct probe_target *target, int status,
                             int number, struct error *error) {
    if (status == 200) {
        return ERROR_NONE;
    }
    if (status > 0) {
        return error_set(error, ERROR_INTERNAL, NULL, "%s answers %s with status %d", where,
                         target->path, status);
    }
    if (status == 0) {
        return error_set(error, ERROR_INTERNAL, NULL, "%s does not answer in HTTP%s", where,
                         target->tls ? "" : " (https:// is another form)");
    }
    return error_set(error, ERROR_INTERNAL, NULL, "no answer from %s: %s", where,
                     number == ETIMEDOUT ? "not within 5 s"
                     : number == EPROTO  ? "it does not speak TLS"
                                         : strerror(number));
}

static enum error_code ask_unix(const struct probe_target *target, const char *where,
                                struct error *error) {
    struct stream_peer peer = {.name.local = {.sun_family = AF_UNIX}};
    const size_t length = strlen(target->address.host);
    memcpy(peer.name.local.sun_path, target->address.host, length + 1);
    peer.bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    const int status =
        probe_ask(&peer, "localhost", target->path, clock_monotonic_seconds() + PROBE_SECONDS);
    return judge(where, target, status, errno, error);
}

/* One that refuses the connection may not be where the daemon listens. */
static enum error_code ask_found(const struct probe_target *target, const struct addrinfo *found,
                                 const char *where, struct error *error) {
    const double deadline = clock_monotonic_seconds() + PROBE_SECONDS;
    enum error_code code = ERROR_INTERNAL;
    for (; found != NULL; found = found->ai_next) {
        struct stream_peer peer = {.bytes = found->ai_addrlen, .tls = target->tls};
        memcpy(&peer.name, found->ai_addr, found->ai_addrlen);
        const int status = probe_ask(&peer, where, target->path, deadline);
        code = judge(where, target, status, errno, error);
        if (status >= 0) {
            break;
        }
    }
    return code;
}

enum error_code probe_run(const struct probe_target *target, struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char where[ADDRESS_TEXT_BYTES], port[8];
    address_format(&target->address, where);
    if (target->address.kind == ADDRESS_UNIX) {
        return ask_unix(target, where, error);
    }
    snprintf(port, sizeof port, "%u", (unsigned)target->address.port);
    const int failure = getaddrinfo(target->address.host, port, &hints, &found);
    if (failure != 0) {
        return error_set(error, ERROR_INTERNAL, NULL, "no answer from %s: %s", where,
                         gai_strerror(failure));
    }
    const enum error_code code = ask_found(target, found, where, error);
    freeaddrinfo(found);
    return code;
}

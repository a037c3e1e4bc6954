/* The value of --listen; see address.h. */
#include "server/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FORMS "127.0.0.1:PORT, [::1]:PORT, localhost:PORT, NAME:PORT or unix:PATH"

static enum error_code parse_unix(const char *path, struct address *address, struct error *error) {
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->host) {
        return error_set(error, ERROR_INVALID, NULL,
                         "the path of a unix socket has %zu bytes, 1 to %zu are allowed", length,
                         sizeof address->host - 1);
    }
    address->kind = ADDRESS_UNIX;
    address->port = 0;
    memcpy(address->host, path, length + 1);
    return ERROR_NONE;
}

static bool parse_port(const char *text, uint16_t *port) {
    unsigned value = 0;
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0') {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* With its zone, if any: fe80::1%eth0.  Of an IPv4 address in IPv6 form there is a
 * shorter way to write it. */
static bool is_ipv6(const char *host) {
    const struct addrinfo hints = {.ai_family = AF_INET6,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found;
    if (getaddrinfo(host, "0", &hints, &found) != 0) {
        return false;
    }
    const struct sockaddr_in6 *name = (const struct sockaddr_in6 *)(const void *)found->ai_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&name->sin6_addr);
    freeaddrinfo(found);
    return !mapped;
}

static bool is_name(const char *host) {
    bool letter = false;
    for (const char *at = host; *at != '\0'; at++) {
        const bool is_letter = isalpha((unsigned char)*at) != 0;
        if (!is_letter && !isdigit((unsigned char)*at) && strchr("-._", *at) == NULL) {
            return false;
        }
        letter |= is_letter;
    }
    return letter;
}

/* Sets the kind; false when the host is no address at all. */
static bool parse_host(struct address *address, bool brackets) {
    struct in_addr v4;
    if (brackets) {
        address->kind = ADDRESS_IPV6;
        return is_ipv6(address->host);
    }
    if (strcmp(address->host, "localhost") == 0) {
        address->kind = ADDRESS_LOCALHOST;
        return true;
    }
    address->kind = inet_pton(AF_INET, address->host, &v4) == 1 ? ADDRESS_IPV4 : ADDRESS_NAME;
    return address->kind == ADDRESS_IPV4 || is_name(address->host);
}

enum error_code address_parse(const char *text, struct address *address, struct error *error) {
    if (strncmp(text, "unix:", 5) == 0) {
        return parse_unix(text + 5, address, error);
    }
    const char *colon = strrchr(text, ':');
    const size_t host_length = colon != NULL ? (size_t)(colon - text) : 0;
    const bool brackets = host_length >= 2 && text[0] == '[' && colon[-1] == ']';
    const size_t skip = brackets ? 1 : 0;
    if (host_length == 0 || host_length >= sizeof address->host ||
        !parse_port(colon + 1, &address->port)) {
        return error_set(error, ERROR_INVALID, NULL, "'%.100s' is not of the form " FORMS, text);
    }
    memcpy(address->host, text + skip, host_length - 2 * skip);
    address->host[host_length - 2 * skip] = '\0';
    if (!parse_host(address, brackets)) {
        return error_set(error, ERROR_INVALID, NULL, "'%.100s' is not of the form " FORMS, text);
    }
    return ERROR_NONE;
}

void address_format(const struct address *address, char *text) {
    if (address->kind == ADDRESS_UNIX) {
        snprintf(text, ADDRESS_TEXT_BYTES, "unix:%s", address->host);
    } else {
        snprintf(text, ADDRESS_TEXT_BYTES, address->kind == ADDRESS_IPV6 ? "[%s]:%u" : "%s:%u",
                 address->host, (unsigned)address->port);
    }
}

static bool parse_in_addr(const struct address *address, struct in_addr *v4) {
    return address->kind == ADDRESS_IPV4 && inet_pton(AF_INET, address->host, v4) == 1;
}

static bool parse_in6_addr(const struct address *address, struct in6_addr *v6) {
    return address->kind == ADDRESS_IPV6 && inet_pton(AF_INET6, address->host, v6) == 1;
}

bool address_is_local(const struct address *address) {
    struct in_addr v4;
    struct in6_addr v6;
    return address->kind == ADDRESS_UNIX || address->kind == ADDRESS_LOCALHOST ||
           (parse_in_addr(address, &v4) && ntohl(v4.s_addr) >> 24 == 127) ||
           (parse_in6_addr(address, &v6) && IN6_IS_ADDR_LOOPBACK(&v6));
}

bool address_is_any(const struct address *address) {
    struct in_addr v4;
    struct in6_addr v6;
    return (parse_in_addr(address, &v4) && v4.s_addr == htonl(INADDR_ANY)) ||
           (parse_in6_addr(address, &v6) && IN6_IS_ADDR_UNSPECIFIED(&v6));
}

static void format_ipv6(const struct sockaddr_in6 *name, char *host) {
    char zone[IF_NAMESIZE];
    inet_ntop(AF_INET6, &name->sin6_addr, host, INET6_ADDRSTRLEN);
    if (name->sin6_scope_id != 0 && if_indextoname(name->sin6_scope_id, zone) != NULL) {
        const size_t used = strlen(host);
        snprintf(host + used, ADDRESS_PATH_BYTES - used, "%%%s", zone);
    }
}

/* An abstract name begins with a NUL, which is written as @; one socket may have none. */
static void format_path(const struct sockaddr_un *name, size_t bytes, char *host) {
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    const bool abstract = bytes > head && name->sun_path[0] == '\0';
    const size_t length = bytes > head ? bytes - head : 0;
    snprintf(host, ADDRESS_PATH_BYTES, "%s%.*s", abstract ? "@" : "",
             (int)(length - (abstract ? 1 : 0)), name->sun_path + (abstract ? 1 : 0));
}

void address_of_socket(const union socket_name *name, size_t bytes, struct address *address) {
    *address = (struct address){.kind = ADDRESS_UNIX};
    if (name->any.sa_family == AF_INET) {
        address->kind = ADDRESS_IPV4;
        address->port = ntohs(name->v4.sin_port);
        inet_ntop(AF_INET, &name->v4.sin_addr, address->host, sizeof address->host);
    } else if (name->any.sa_family == AF_INET6) {
        address->kind = ADDRESS_IPV6;
        address->port = ntohs(name->v6.sin6_port);
        format_ipv6(&name->v6, address->host);
    } else {
        format_path(&name->local, bytes, address->host);
    }
}

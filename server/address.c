/* The value of --listen; see address.h. */
#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FORMS "127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH"

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

/* Sets the kind; false when the host is no address at all. */
static bool parse_host(struct address *address, bool brackets, bool *loopback) {
    struct in_addr v4;
    struct in6_addr v6;
    if (brackets) {
        address->kind = ADDRESS_IPV6;
        if (inet_pton(AF_INET6, address->host, &v6) != 1) {
            return false;
        }
        *loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        return true;
    }
    if (strcmp(address->host, "localhost") == 0) {
        address->kind = ADDRESS_LOCALHOST;
        *loopback = true;
        return true;
    }
    address->kind = ADDRESS_IPV4;
    if (inet_pton(AF_INET, address->host, &v4) != 1) {
        return false;
    }
    *loopback = ntohl(v4.s_addr) >> 24 == 127;
    return true;
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
    bool loopback;
    if (!parse_host(address, brackets, &loopback)) {
        return error_set(error, ERROR_INVALID, NULL, "'%.100s' is not of the form " FORMS, text);
    }
    if (!loopback) {
        return error_set(error, ERROR_INVALID, NULL,
                         "'%.100s' can be reached from outside, and mlpd has no authentication "
                         "yet: only loopback addresses and unix sockets are allowed (" FORMS ")",
                         text);
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

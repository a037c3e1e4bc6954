/* Hosts and origins; see origins.h. */
#include "server/origins.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "core/base/memory.h"

#define NAME_BYTES 256 /* of a host; longer ones are no names */
#define PORT_BYTES 6
#define SCHEME_BYTES 32
#define HOSTS_MAX (ORIGINS_MAX + 16) /* with loopback names and bound addresses */

/* HOST or HOST:PORT in one form: small letters, no dot at the end, IPv6 in brackets and
 * shortest. */
struct authority {
    char name[NAME_BYTES];
    char port[PORT_BYTES]; /* empty: none */
};

struct origin {
    char scheme[SCHEME_BYTES];
    struct authority authority; /* without the scheme's own port */
};

struct origins {
    bool any_host, any_origin; /* "*" */
    bool any_address;          /* bound to 0.0.0.0 or :: */
    size_t host_count, origin_count;
    struct authority hosts[HOSTS_MAX];
    struct origin origins[ORIGINS_MAX];
};

/* ---- parsing ---- */

static bool parse_port(const char *text, size_t length, char port[PORT_BYTES]) {
    if (length >= PORT_BYTES) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
        port[i] = text[i];
    }
    port[length] = '\0';
    return true;
}

static bool parse_ipv6(const char *text, size_t length, char name[NAME_BYTES]) {
    char inner[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (length < 2 || length - 2 >= sizeof inner || text[length - 1] != ']') {
        return false;
    }
    memcpy(inner, text + 1, length - 2);
    inner[length - 2] = '\0';
    if (inet_pton(AF_INET6, inner, &address) != 1) {
        return false;
    }
    inet_ntop(AF_INET6, &address, inner, sizeof inner);
    snprintf(name, NAME_BYTES, "[%s]", inner);
    return true;
}

static bool parse_name(const char *text, size_t length, char name[NAME_BYTES]) {
    length -= length > 1 && text[length - 1] == '.';
    if (length == 0 || length >= NAME_BYTES) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("-._", text[i]) == NULL) {
            return false;
        }
        name[i] = (char)tolower((unsigned char)text[i]);
    }
    name[length] = '\0';
    return true;
}

static bool parse_authority(const char *text, size_t length, struct authority *authority) {
    const bool brackets = length > 0 && text[0] == '[';
    const char *start = brackets ? memchr(text, ']', length) : text;
    if (start == NULL) {
        return false;
    }
    const char *colon = memchr(start, ':', length - (size_t)(start - text));
    const size_t host_length = colon != NULL ? (size_t)(colon - text) : length;
    authority->port[0] = '\0';
    if (colon != NULL && !parse_port(colon + 1, length - host_length - 1, authority->port)) {
        return false;
    }
    return brackets ? parse_ipv6(text, host_length, authority->name)
                    : parse_name(text, host_length, authority->name);
}

static const char *port_of_scheme(const char *scheme) {
    return strcmp(scheme, "http") == 0 ? "80" : strcmp(scheme, "https") == 0 ? "443" : "";
}

/* SCHEME://HOST or SCHEME://HOST:PORT and nothing behind. */
static bool parse_origin(const char *text, size_t length, struct origin *origin) {
    const char *colon = memchr(text, ':', length);
    const size_t scheme_length = colon != NULL ? (size_t)(colon - text) : 0;
    if (scheme_length == 0 || scheme_length >= SCHEME_BYTES || length < scheme_length + 3 ||
        memcmp(colon, "://", 3) != 0) {
        return false;
    }
    for (size_t i = 0; i < scheme_length; i++) {
        origin->scheme[i] = (char)tolower((unsigned char)text[i]);
    }
    origin->scheme[scheme_length] = '\0';
    if (!parse_authority(colon + 3, length - scheme_length - 3, &origin->authority)) {
        return false;
    }
    if (strcmp(origin->authority.port, port_of_scheme(origin->scheme)) == 0) {
        origin->authority.port[0] = '\0';
    }
    return true;
}

/* ---- lists ---- */

/* The next entry of a comma-separated list, without blanks around it. */
static bool next_entry(const char **list, const char **entry, size_t *length) {
    if (*list == NULL) {
        return false;
    }
    *entry = *list + strspn(*list, " \t");
    *length = strcspn(*entry, ",");
    const char *end = *entry + *length;
    *list = *end == ',' ? end + 1 : NULL;
    while (*length > 0 && ((*entry)[*length - 1] == ' ' || (*entry)[*length - 1] == '\t')) {
        (*length)--;
    }
    return true;
}

static enum error_code refuse_entry(const char *entry, size_t length, const char *allowed,
                                    struct error *error) {
    return error_set(error, ERROR_INVALID, NULL, "'%.*s' is not %s", (int)size_min(length, 100),
                     entry, allowed);
}

/* Into `origins`, or only checked where that is NULL. */
static enum error_code take_hosts(const char *list, struct origins *origins, struct error *error) {
    const char *entry;
    size_t length, count = 0;
    while (next_entry(&list, &entry, &length)) {
        struct authority authority;
        const bool any = length == 1 && *entry == '*';
        if (!any && !parse_authority(entry, length, &authority)) {
            return refuse_entry(entry, length, "a host: NAME, NAME:PORT, [IPV6] or *", error);
        }
        if (count++ == ORIGINS_MAX) {
            return error_set(error, ERROR_INVALID, NULL, "more than %d hosts", ORIGINS_MAX);
        }
        if (origins != NULL && any) {
            origins->any_host = true;
        } else if (origins != NULL) {
            origins->hosts[origins->host_count++] = authority;
        }
    }
    return ERROR_NONE;
}

static enum error_code take_origins(const char *list, struct origins *origins,
                                    struct error *error) {
    const char *entry;
    size_t length, count = 0;
    while (next_entry(&list, &entry, &length)) {
        struct origin origin;
        const bool any = length == 1 && *entry == '*';
        if (!any && !parse_origin(entry, length, &origin)) {
            return refuse_entry(entry, length,
                                "an origin such as https://app.example.org or "
                                "http://localhost:3000 (nothing behind the host), or *",
                                error);
        }
        if (count++ == ORIGINS_MAX) {
            return error_set(error, ERROR_INVALID, NULL, "more than %d origins", ORIGINS_MAX);
        }
        if (origins != NULL && any) {
            origins->any_origin = true;
        } else if (origins != NULL) {
            origins->origins[origins->origin_count++] = origin;
        }
    }
    return ERROR_NONE;
}

enum error_code origins_check_hosts(const char *list, struct error *error) {
    return take_hosts(list, NULL, error);
}

enum error_code origins_check_origins(const char *list, struct error *error) {
    return take_origins(list, NULL, error);
}

static void add_host(struct origins *origins, const char *format, const char *host) {
    char text[ADDRESS_TEXT_BYTES];
    snprintf(text, sizeof text, format, host);
    if (origins->host_count < HOSTS_MAX &&
        parse_authority(text, strlen(text), &origins->hosts[origins->host_count])) {
        origins->host_count++;
    }
}

static void add_own_hosts(struct origins *origins, const struct origins_settings *settings) {
    add_host(origins, "%s", "localhost");
    add_host(origins, "%s", "127.0.0.1");
    add_host(origins, "%s", "[::1]");
    for (size_t i = 0; i < settings->bound_count; i++) {
        const struct address *bound = &settings->bound[i];
        origins->any_address |= address_is_any(bound);
        if (bound->kind != ADDRESS_UNIX) {
            add_host(origins, bound->kind == ADDRESS_IPV6 ? "[%s]" : "%s", bound->host);
        }
    }
}

enum error_code origins_create(const struct origins_settings *settings, struct origins **result,
                               struct error *error) {
    struct origins *origins = memory_allocate_zero(1, sizeof *origins);
    if (origins == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for the lists of hosts");
    }
    enum error_code code = take_hosts(settings->allowed_hosts, origins, error);
    if (code == ERROR_NONE) {
        code = take_origins(settings->allowed_origins, origins, error);
    }
    if (code != ERROR_NONE) {
        memory_free(origins);
        return code;
    }
    add_own_hosts(origins, settings);
    *result = origins;
    return ERROR_NONE;
}

void origins_destroy(struct origins *origins) {
    memory_free(origins);
}

/* ---- requests ---- */

static bool is_address(const struct authority *authority) {
    struct in_addr v4;
    return authority->name[0] == '[' || inet_pton(AF_INET, authority->name, &v4) == 1;
}

static bool allows_host(const struct origins *origins, const char *text, size_t length) {
    struct authority host;
    if (origins->any_host) {
        return true;
    }
    if (!parse_authority(text, length, &host)) {
        return false;
    }
    if (origins->any_address && is_address(&host)) {
        return true;
    }
    for (size_t i = 0; i < origins->host_count; i++) {
        const struct authority *known = &origins->hosts[i];
        if (strcmp(known->name, host.name) == 0 &&
            (known->port[0] == '\0' || strcmp(known->port, host.port) == 0)) {
            return true;
        }
    }
    return false;
}

/* The host of a target in absolute form, "http://HOST:PORT/…"; NULL: it is in no such. */
static const char *host_of_target(const char *target, size_t *length) {
    const char *colon = target != NULL && target[0] != '/' ? strstr(target, "://") : NULL;
    if (colon == NULL) {
        return NULL;
    }
    *length = strcspn(colon + 3, "/?#");
    return colon + 3;
}

static bool is_own(const struct origin *origin, const char *host, size_t length) {
    struct authority own;
    if (host == NULL || !parse_authority(host, length, &own)) {
        return false;
    }
    if (strcmp(own.port, port_of_scheme(origin->scheme)) == 0) {
        own.port[0] = '\0';
    }
    return strcmp(own.name, origin->authority.name) == 0 &&
           strcmp(own.port, origin->authority.port) == 0;
}

static bool is_listed(const struct origins *origins, const struct origin *origin) {
    for (size_t i = 0; i < origins->origin_count; i++) {
        const struct origin *listed = &origins->origins[i];
        if (strcmp(listed->scheme, origin->scheme) == 0 &&
            strcmp(listed->authority.name, origin->authority.name) == 0 &&
            strcmp(listed->authority.port, origin->authority.port) == 0) {
            return true;
        }
    }
    return false;
}

bool origins_lists(const struct origins *origins, const char *text) {
    struct origin origin;
    return origins->any_origin ||
           (parse_origin(text, strlen(text), &origin) && is_listed(origins, &origin));
}

static bool allows_site(const char *site) {
    return site == NULL || strcasecmp(site, "none") == 0 || strcasecmp(site, "same-origin") == 0;
}

bool origins_allow(const struct origins *origins, const struct origins_request *request,
                   char objection[ORIGINS_OBJECTION_BYTES]) {
    size_t length = 0;
    const char *host = host_of_target(request->target, &length);
    if (host == NULL && request->host != NULL) {
        host = request->host;
        length = strlen(host);
    }
    if (!request->local && host != NULL && !allows_host(origins, host, length)) {
        snprintf(objection, ORIGINS_OBJECTION_BYTES,
                 "the Host '%.*s' is not one that this daemon answers to; --allowed-hosts adds one",
                 (int)size_min(length, 100), host);
        return false;
    }
    struct origin origin;
    if (request->origin != NULL && !origins_lists(origins, request->origin) &&
        !(parse_origin(request->origin, strlen(request->origin), &origin) &&
          is_own(&origin, host, length))) {
        snprintf(objection, ORIGINS_OBJECTION_BYTES,
                 "the Origin '%.100s' is not this daemon's own; --allowed-origins allows others",
                 request->origin);
        return false;
    }
    if (request->origin == NULL && !allows_site(request->fetch_site)) {
        snprintf(objection, ORIGINS_OBJECTION_BYTES,
                 "Sec-Fetch-Site '%.40s': a page of another site sends this without an Origin; "
                 "pages of --allowed-origins may, with one",
                 request->fetch_site);
        return false;
    }
    return true;
}

/* The header section; see http_headers.h. */
#include "server/http_headers.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

/* Later versions refuse by themselves what struct section is for. */
#define PARSES_IN_PLACE (MHD_VERSION < 0x01000000)

/* The header section as it lies in memory.  This version of libmicrohttpd cuts lines at
 * a NUL, takes bare line feeds, joins folded lines to the *name*, and ends the headers at
 * a line that begins with a colon, all without a word.  But it parses in place: in a
 * section of proper lines each name begins where the line before ended, and the last
 * line ends, with the empty one, where the section does. */
struct section {
    struct gate *gate;
    const char *next; /* where the next name has to begin */
    bool broken;
};

static bool is_line(const struct section *section, const char *name, size_t name_bytes,
                    const char *value) {
    if (name != section->next || value <= name + name_bytes) {
        return false;
    }
    for (const char *at = name + name_bytes + 1; at < value; at++) {
        if (*at != ' ' && *at != '\t') {
            return false;
        }
    }
    return true;
}

static enum MHD_Result show_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_bytes, const char *value, size_t value_bytes) {
    struct section *section = context;
    (void)kind;
    if (value == NULL || (PARSES_IN_PLACE && !is_line(section, name, name_bytes, value))) {
        section->broken = true;
        return MHD_NO;
    }
    section->next = value + value_bytes + 2;
    gate_header(section->gate, name, name_bytes, value, value_bytes);
    return MHD_YES;
}

size_t http_headers_bytes(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

/* Whether all of the section was shown. */
static bool is_whole(const struct section *section, struct MHD_Connection *connection,
                     const char *method) {
    return !section->broken &&
           (!PARSES_IN_PLACE || section->next + 2 == method + http_headers_bytes(connection));
}

bool http_headers_follow(const char *method, const char *target, const char *version) {
    return !PARSES_IN_PLACE || method + strlen(method) + 1 + strlen(target) + 1 == version;
}

bool http_headers_show(struct MHD_Connection *connection, const char *method, const char *version,
                       struct gate *gate) {
    struct section section = {.gate = gate, .next = version + strlen(version) + 2};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, show_header, &section);
    return is_whole(&section, connection, method);
}

const char *http_headers_find(const void *connection, const char *name) {
    /* libmicrohttpd takes no const connection, and does not change it here. */
    return MHD_lookup_connection_value((struct MHD_Connection *)connection, MHD_HEADER_KIND, name);
}

struct line_search {
    const char *name;
    size_t lines_before;
    const char *value; /* NULL: not found yet */
};

static enum MHD_Result look_at_line(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    struct line_search *search = context;
    (void)kind;
    if (strcasecmp(name, search->name) != 0) {
        return MHD_YES;
    }
    search->value = search->lines_before == 0 ? value : NULL;
    return search->lines_before-- == 0 ? MHD_NO : MHD_YES;
}

const char *http_headers_find_line(const void *connection, const char *name, size_t index) {
    struct line_search search = {.name = name, .lines_before = index};
    MHD_get_connection_values((struct MHD_Connection *)connection, MHD_HEADER_KIND, look_at_line,
                              &search);
    return search.value;
}

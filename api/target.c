/* Request targets; see target.h. */
#include "api/target.h"

#include <string.h>
#include <strings.h>

static int hexadecimal(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode %XX in place (and '+' as a blank in queries); false for a broken escape
 * or a zero byte, and for a slash where it would have split a path. */
static bool decode(char *text, bool query) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = query && *from == '+' ? ' ' : *from;
            continue;
        }
        const int high = hexadecimal(from[1]);
        const int low = high < 0 ? -1 : hexadecimal(from[2]);
        if (low < 0) {
            return false;
        }
        const char decoded = (char)(high << 4 | low);
        if (decoded == '\0' || (decoded == '/' && !query)) {
            return false;
        }
        *to++ = decoded;
        from += 2;
    }
    *to = '\0';
    return true;
}

static void parse_path(struct target *target, char *path) {
    if (*path != '/') {
        target->matches_nothing = true;
        return;
    }
    path++;
    while (*path != '\0') {
        char *end = path + strcspn(path, "/");
        const bool more = *end == '/';
        *end = '\0';
        if (target->segment_count == TARGET_SEGMENTS_MAX || *path == '\0' || !decode(path, false) ||
            strcmp(path, ".") == 0 || strcmp(path, "..") == 0) {
            target->matches_nothing = true;
            return;
        }
        target->segments[target->segment_count++] = path;
        target->trailing_slash = more;
        path = end + (more ? 1 : 0);
    }
}

static void parse_query(struct target *target, char *query) {
    while (query != NULL && !target->bad_query) {
        char *next = strchr(query, '&');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (*query != '\0') {
            char *value = strchr(query, '=');
            if (value != NULL) {
                *value++ = '\0';
            }
            if (target->parameter_count == TARGET_PARAMETERS_MAX || !decode(query, true) ||
                (value != NULL && !decode(value, true))) {
                target->bad_query = true;
                return;
            }
            target->parameters[target->parameter_count++] =
                (struct target_parameter){query, value != NULL ? value : ""};
        }
        query = next;
    }
}

/* "http://host/path" becomes "/path". */
static const char *without_authority(const char *raw) {
    const char *authority = NULL;
    if (strncasecmp(raw, "http://", 7) == 0) {
        authority = raw + 7;
    } else if (strncasecmp(raw, "https://", 8) == 0) {
        authority = raw + 8;
    }
    if (authority == NULL) {
        return raw;
    }
    const char *path = authority + strcspn(authority, "/?#");
    return *path == '/' ? path : "/";
}

void target_parse(struct target *target, const char *raw) {
    target->matches_nothing = target->trailing_slash = target->bad_query = false;
    target->segment_count = target->parameter_count = 0;
    raw = without_authority(raw);
    const size_t length = strlen(raw);
    if (length > TARGET_BYTES_MAX) {
        target->text[0] = '\0';
        target->matches_nothing = true;
        return;
    }
    memcpy(target->text, raw, length + 1);
    target->text[strcspn(target->text, "#")] = '\0';
    char *query = strchr(target->text, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    parse_path(target, target->text);
    parse_query(target, query);
}

const char *target_parameter(const struct target *target, const char *name) {
    for (size_t i = 0; i < target->parameter_count; i++) {
        if (strcmp(target->parameters[i].name, name) == 0) {
            return target->parameters[i].value;
        }
    }
    return NULL;
}

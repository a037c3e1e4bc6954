/* The Accept header; see accept.h. */
#include "api/accept.h"

#include <string.h>
#include <strings.h>

#define BLANKS " \t"
#define TOKEN_CHARACTERS                                                                           \
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct range {
    const char *type, *subtype;
    size_t type_length, subtype_length;
    double quality;
};

void accept_offer(struct accept *accept, const char *type) {
    if (accept->count < ACCEPT_TYPES_MAX) {
        accept->types[accept->count++] = type;
    }
}

/* Up to the mark, but not one inside quotes. */
static const char *find_mark(const char *at, char mark) {
    bool quoted = false;
    for (; *at != '\0' && (quoted || *at != mark); at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else if (quoted && *at == '\\' && at[1] != '\0') {
            at++;
        }
    }
    return at;
}

/* "0", "0.5", "1.000": at most three digits behind the point, and not above 1. */
static bool read_quality(const char *at, const char *end, double *quality) {
    double value = 0, unit = 1;
    if (at == end || (*at != '0' && *at != '1')) {
        return false;
    }
    value = *at++ - '0';
    if (at < end && *at == '.') {
        for (at++; at < end && *at >= '0' && *at <= '9' && unit > 0.001; at++) {
            unit /= 10;
            value += (*at - '0') * unit;
        }
    }
    at += strspn(at, BLANKS);
    *quality = value;
    return at >= end && value <= 1;
}

/* The parameters behind a range, of which only q means anything here. */
static bool read_parameters(const char *at, const char *end, struct range *range) {
    while (at < end) {
        at++; /* the semicolon */
        at += strspn(at, BLANKS);
        const char *next = find_mark(at, ';');
        next = next < end ? next : end;
        if ((*at == 'q' || *at == 'Q') && at + 1 < next && at[1] == '=') {
            return read_quality(at + 2, next, &range->quality);
        }
        at = next;
    }
    return true;
}

static bool read_range(const char *at, const char *end, struct range *range) {
    at += strspn(at, BLANKS);
    range->type = at;
    range->type_length = strspn(at, TOKEN_CHARACTERS);
    at += range->type_length;
    if (range->type_length == 0 || *at != '/') {
        return false;
    }
    range->subtype = ++at;
    range->subtype_length = strspn(at, TOKEN_CHARACTERS);
    at += range->subtype_length;
    at += strspn(at, BLANKS);
    range->quality = 1;
    return range->subtype_length > 0 && (at == end || *at == ';') &&
           read_parameters(at, end, range);
}

static bool is_star(const char *token, size_t length) {
    return length == 1 && *token == '*';
}

/* How exactly a range names a type, parameters of the type aside; 0: not at all. */
static int exactness(const struct range *range, const char *type) {
    const size_t type_length = strcspn(type, "/");
    const char *subtype = type + type_length + 1;
    const size_t subtype_length = strcspn(subtype, "; ");
    if (is_star(range->type, range->type_length)) {
        return is_star(range->subtype, range->subtype_length) ? 1 : 0;
    }
    if (range->type_length != type_length || strncasecmp(range->type, type, type_length) != 0) {
        return 0;
    }
    if (is_star(range->subtype, range->subtype_length)) {
        return 2;
    }
    return range->subtype_length == subtype_length &&
                   strncasecmp(range->subtype, subtype, subtype_length) == 0
               ? 3
               : 0;
}

/* Of two ranges that name a type equally the better one counts. */
static void rate(struct accept *accept, const struct range *range) {
    for (size_t i = 0; i < accept->count; i++) {
        const int found = exactness(range, accept->types[i]);
        if (found > accept->ratings[i].exactness ||
            (found > 0 && found == accept->ratings[i].exactness &&
             range->quality > accept->ratings[i].quality)) {
            accept->ratings[i].exactness = found;
            accept->ratings[i].quality = range->quality;
        }
    }
}

void accept_read(struct accept *accept, const char *line) {
    while (*line != '\0') {
        struct range range;
        const char *end = find_mark(line, ',');
        if (read_range(line, end, &range)) {
            accept->heard = true;
            rate(accept, &range);
        }
        line = *end == ',' ? end + 1 : end;
    }
}

const char *accept_choose(const struct accept *accept) {
    if (!accept->heard) {
        return accept->types[0];
    }
    const char *best = NULL;
    double quality = 0;
    int exact = 0;
    for (size_t i = 0; i < accept->count; i++) {
        const double own = accept->ratings[i].quality;
        if (own > quality || (own > 0 && own == quality && accept->ratings[i].exactness > exact)) {
            best = accept->types[i];
            quality = own;
            exact = accept->ratings[i].exactness;
        }
    }
    return best;
}

/* The Prefer header; see prefer.h. */
#include "api/prefer.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "api/number.h"

#define BLANKS " \t"
#define SEPARATORS BLANKS ",;=\""

/* A part of the line. */
struct word {
    const char *text;
    size_t length;
};

static struct word read_token(const char **at) {
    const struct word word = {*at, strcspn(*at, SEPARATORS)};
    *at += word.length;
    *at += strspn(*at, BLANKS);
    return word;
}

/* What is within the quotes; none of the values that are heeded has an escape. */
static struct word read_quoted(const char **at) {
    const char *begin = ++*at;
    while (**at != '\0' && **at != '"') {
        *at += **at == '\\' && (*at)[1] != '\0' ? 2 : 1;
    }
    const struct word word = {begin, (size_t)(*at - begin)};
    *at += **at == '"';
    *at += strspn(*at, BLANKS);
    return word;
}

/* "=value", quoted or not; empty where there is none. */
static struct word read_value(const char **at) {
    if (**at != '=') {
        return (struct word){*at, 0};
    }
    *at += 1 + strspn(*at + 1, BLANKS);
    return **at == '"' ? read_quoted(at) : read_token(at);
}

/* Parameters of a preference, and whatever else stands before the next comma. */
static void skip_rest(const char **at) {
    while (**at != '\0' && **at != ',') {
        if (**at == '"') {
            (void)read_quoted(at);
        } else {
            ++*at;
        }
    }
}

static bool is(struct word word, const char *name) {
    return word.length == strlen(name) && strncasecmp(word.text, name, word.length) == 0;
}

static void take(struct preferences *preferences, struct word name, struct word value) {
    if (is(name, "wait") && !preferences->has_wait) {
        double seconds;
        preferences->has_wait = true;
        if (value.length > 0 && strspn(value.text, "0123456789.") >= value.length &&
            number_read(value.text, value.length, &seconds)) {
            preferences->wait = true;
            preferences->wait_seconds = seconds;
        }
    } else if (is(name, "respond-async") && !preferences->has_respond_async) {
        preferences->has_respond_async = true;
        preferences->respond_async = value.length == 0; /* as a preference without value */
    }
}

void prefer_read(struct preferences *preferences, const char *line) {
    while (*line != '\0') {
        line += strspn(line, BLANKS ",");
        const struct word name = read_token(&line);
        take(preferences, name, read_value(&line));
        skip_rest(&line);
    }
}

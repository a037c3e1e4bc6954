/* Fuzzes server/gate.c: of a header section that it lets through, the framing is
 * certain.  What is certain is told here again, in other words.
 *
 * The input is a header section: lines "name:value", of which the first is a target. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* What the oracle counts of one section. */
struct sight {
    bool clean; /* every name is a token, no value has a carriage return */
    size_t lengths, codings, hosts, authorizations;
    bool good_length, good_coding;
    uint64_t length;
};

static bool names(const char *text, size_t bytes, const char *name) {
    return bytes == strlen(name) && strncasecmp(text, name, bytes) == 0;
}

static void see_length(struct sight *sight, const char *value, size_t bytes) {
    char copy[32] = "";
    size_t digits = 0;
    while (digits < bytes && value[digits] >= '0' && value[digits] <= '9') {
        digits++;
    }
    const char *from = value;
    while (from < value + digits && *from == '0') {
        from++;
    }
    const size_t significant = (size_t)(value + digits - from);
    memcpy(copy, from, significant < 20 ? significant : 20);
    sight->length = strtoull(copy, NULL, 10);
    sight->good_length =
        bytes > 0 && digits == bytes &&
        (significant < 20 || (significant == 20 && strcmp(copy, "18446744073709551615") <= 0));
}

static void see(struct sight *sight, const char *name, size_t name_bytes, const char *value,
                size_t bytes) {
    for (size_t i = 0; i < name_bytes; i++) {
        const unsigned char c = (unsigned char)name[i];
        sight->clean &= c > ' ' && c < 0x7F && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
    }
    sight->clean &= name_bytes > 0 && memchr(value, '\r', bytes) == NULL;
    if (names(name, name_bytes, "content-length")) {
        sight->lengths++;
        see_length(sight, value, bytes);
    }
    if (names(name, name_bytes, "transfer-encoding")) {
        sight->codings++;
        sight->good_coding = names(value, bytes, "chunked");
    }
    sight->hosts += names(name, name_bytes, "host");
    sight->authorizations += names(name, name_bytes, "authorization");
}

static void check(const struct gate *gate, const struct sight *sight, const char *target,
                  const char *version) {
    const bool old = strcmp(version, "HTTP/1.0") == 0;
    require(sight->clean);
    require(sight->lengths <= 1 && sight->codings <= 1 && sight->authorizations <= 1);
    require(sight->hosts == 1 || (old && sight->hosts == 0));
    require(sight->lengths == 0 || sight->codings == 0);
    require(sight->codings == 0 || (sight->good_coding && !old));
    require(sight->lengths == 0 || sight->good_length);
    require(gate->framing.chunked == (sight->codings == 1));
    require(gate->framing.content_length == (sight->lengths == 1 ? sight->length : 0));
    require(target[0] != 0 && strpbrk(target, " \t\r\n\v\f\x7F") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const char *version = data[0] % 4 == 0 ? "HTTP/1.0" : "HTTP/1.1";
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    char *const end = text + size - 1;
    char *line = memchr(text, '\n', size - 1);
    const char *target = text;
    struct gate gate = {0};
    struct sight sight = {.clean = true};
    while (line != NULL) {
        *line++ = 0;
        char *next = memchr(line, '\n', (size_t)(end - line));
        const size_t bytes = (size_t)((next != NULL ? next : end) - line);
        const char *colon = memchr(line, ':', bytes);
        const size_t name_bytes = colon != NULL ? (size_t)(colon - line) : bytes;
        const char *value = colon != NULL ? colon + 1 : line + bytes;
        const size_t value_bytes = (size_t)(line + bytes - value);
        gate_header(&gate, line, name_bytes, value, value_bytes);
        see(&sight, line, name_bytes, value, value_bytes);
        line = next;
    }
    if (gate_verdict(&gate, target, version) == REFUSAL_NONE) {
        check(&gate, &sight, target, version);
    }
    free(text);
    return 0;
}

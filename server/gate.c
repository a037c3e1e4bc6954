/* The framing gate; see gate.h. */
#include "server/gate.h"

#include <string.h>
#include <strings.h>

static bool is_token(const char *name, size_t bytes) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < bytes; i++) {
        const char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(others, c) != NULL))) {
            return false;
        }
    }
    return bytes > 0;
}

static bool parse_length(const char *value, size_t bytes, uint64_t *length) {
    uint64_t result = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(result, 10u, &result) ||
            __builtin_add_overflow(result, (uint64_t)(value[i] - '0'), &result)) {
            return false;
        }
    }
    *length = result;
    return bytes > 0;
}

static bool equals(const char *text, size_t bytes, const char *expected) {
    return bytes == strlen(expected) && strncasecmp(text, expected, bytes) == 0;
}

static void refuse(struct gate *gate, enum refusal refusal) {
    if (gate->refusal == REFUSAL_NONE) {
        gate->refusal = refusal;
    }
}

void gate_header(struct gate *gate, const char *name, size_t name_bytes, const char *value,
                 size_t value_bytes) {
    if (!is_token(name, name_bytes)) {
        refuse(gate, REFUSAL_HEADER_NAME);
    } else if (memchr(value, '\r', value_bytes) != NULL) {
        refuse(gate, REFUSAL_HEADER_FORM);
    } else if (equals(name, name_bytes, "Content-Length")) {
        gate->lengths++;
        if (!parse_length(value, value_bytes, &gate->framing.content_length)) {
            refuse(gate, REFUSAL_LENGTH);
        }
    } else if (equals(name, name_bytes, "Transfer-Encoding")) {
        gate->codings++;
        gate->framing.chunked = true;
        if (!equals(value, value_bytes, "chunked")) {
            refuse(gate, REFUSAL_CODING);
        }
    } else if (equals(name, name_bytes, "Host")) {
        gate->hosts++;
    } else if (equals(name, name_bytes, "Authorization")) {
        gate->authorizations++;
    } else if (equals(name, name_bytes, "Expect")) {
        gate->framing.expects_continue |= equals(value, value_bytes, "100-continue");
        gate->expects_other |= !equals(value, value_bytes, "100-continue");
    }
}

static bool is_clean(const char *target) {
    for (const unsigned char *at = (const unsigned char *)target; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7F) {
            return false;
        }
    }
    return *target != '\0';
}

enum refusal gate_verdict(struct gate *gate, const char *target, const char *version) {
    const bool old = strcmp(version, "HTTP/1.0") == 0;
    if (!is_clean(target)) {
        refuse(gate, REFUSAL_TARGET);
    }
    if (gate->lengths > 1 || gate->codings > 1 || gate->hosts > 1 || gate->authorizations > 1) {
        refuse(gate, REFUSAL_REPEATED);
    }
    if (gate->lengths > 0 && gate->codings > 0) {
        refuse(gate, REFUSAL_LENGTH_AND_CODING);
    }
    if (old && gate->codings > 0) {
        refuse(gate, REFUSAL_CODING_VERSION);
    }
    if (!old && gate->hosts == 0) {
        refuse(gate, REFUSAL_NO_HOST);
    }
    if (old) { /* which has no expectations, and ignores them */
        gate->framing.expects_continue = false;
    } else if (gate->expects_other) {
        refuse(gate, REFUSAL_EXPECTATION);
    }
    return gate->refusal;
}

/* Idempotency-Key; see idempotency.h. */
#define XXH_STATIC_LINKING_ONLY /* for the size of XXH3_state_t */
#include "api/idempotency.h"

#include <string.h>
#include <xxhash.h>

#include "api/call_internal.h"
#include "api/media_type.h"
#include "core/base/memory.h"

#define BLANKS " \t"

_Static_assert(_Alignof(XXH3_state_t) <= MEMORY_ALIGNMENT, "memory_allocate aligns it");

/* ---- the key ---- */

static bool append(char key[KEY_BYTES_MAX + 1], size_t *length, char c) {
    if (c <= ' ' || c >= 0x7F || *length == KEY_BYTES_MAX) {
        return false;
    }
    key[(*length)++] = c;
    key[*length] = '\0';
    return true;
}

bool idempotency_read_key(const char *line, char key[KEY_BYTES_MAX + 1]) {
    size_t length = 0;
    line += strspn(line, BLANKS);
    const bool quoted = *line == '"';
    line += quoted;
    for (; *line != '\0' && !(quoted && *line == '"'); line++) {
        if (!quoted && line[strspn(line, BLANKS)] == '\0') {
            break;
        }
        if (quoted && *line == '\\') {
            line++;
            if (*line != '"' && *line != '\\') {
                return false;
            }
        }
        if (!append(key, &length, *line)) {
            return false;
        }
    }
    if (quoted && *line++ != '"') {
        return false;
    }
    return length > 0 && line[strspn(line, BLANKS)] == '\0';
}

static bool read_key(struct call *call, const struct request *request, const char *line,
                     char key[KEY_BYTES_MAX + 1]) {
    if (request->header_line(request->header_context, "Idempotency-Key", 1) != NULL) {
        call_answer_problem(call, 400, NULL, "Idempotency-Key twice; allowed is one");
        return false;
    }
    if (!idempotency_read_key(line, key)) {
        call_answer_problem(call, 400, NULL,
                            "the Idempotency-Key '%.80s'; allowed are 1 to %d visible ASCII "
                            "characters, in double quotes or without",
                            line, KEY_BYTES_MAX);
        return false;
    }
    return true;
}

bool idempotency_begin(struct call *call, const struct request *request) {
    char key[KEY_BYTES_MAX + 1];
    struct idempotency *idempotency = &call->idempotency;
    const char *line = route_hears(call->handler, HEADER_IDEMPOTENCY_KEY)
                           ? request->header_line(request->header_context, "Idempotency-Key", 0)
                           : NULL;
    if (line == NULL) {
        return true;
    }
    if (!read_key(call, request, line, key)) {
        return false;
    }
    struct error error;
    if (key_record_create(key, engine_ledger(call->api->engine), &idempotency->record, &error) !=
        ERROR_NONE) {
        call_answer_error(call, &error);
        return false;
    }
    idempotency->digest = memory_allocate(1, sizeof *idempotency->digest);
    if (idempotency->digest == NULL || XXH3_128bits_reset(idempotency->digest) != XXH_OK) {
        call_answer_problem(call, 507, NULL, "no memory for an idempotency key");
        return false;
    }
    return true;
}

/* ---- the payload ---- */

void idempotency_feed(struct call *call, const char *data, size_t size) {
    if (call->idempotency.digest != NULL) {
        XXH3_128bits_update(call->idempotency.digest, data, size);
        call->idempotency.bytes += size;
    }
}

/* With its length, so that no two lists of texts are the same run of bytes. */
static void feed_text(struct XXH3_state_s *digest, const char *text) {
    const uint64_t length = strlen(text);
    XXH3_128bits_update(digest, &length, sizeof length);
    XXH3_128bits_update(digest, text, length);
}

void idempotency_end(struct call *call) {
    struct XXH3_state_s *digest = call->idempotency.digest;
    if (digest == NULL) {
        return;
    }
    const struct target *target = &call->target;
    const uint64_t counts[] = {target->parameter_count, call->idempotency.bytes};
    feed_text(digest, call->intake != NULL         ? call->intake->format->media_type
                      : call->model_intake != NULL ? MEDIA_TYPE_SAFETENSORS
                                                   : intake_json.media_type);
    for (size_t i = 0; i < target->parameter_count; i++) {
        feed_text(digest, target->parameters[i].name);
        feed_text(digest, target->parameters[i].value);
    }
    XXH3_128bits_update(digest, counts, sizeof counts);
    const XXH128_hash_t hash = XXH3_128bits_digest(digest);
    call->idempotency.record->payload =
        (struct payload_digest){.low = hash.low64, .high = hash.high64};
}

/* ---- answers, life ---- */

void idempotency_note_repeat(struct call *call) {
    call_add_header(call, "Idempotent-Replayed", "true");
}

void idempotency_free(struct idempotency *idempotency) {
    key_record_release(idempotency->record);
    key_record_release(idempotency->former);
    memory_free(idempotency->digest);
}

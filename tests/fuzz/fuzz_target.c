/* Fuzzes api/target.c, and the small header parsers on the same text: api/prefer.c,
 * api/accept.c, api/media_type.c, content_coding_find. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/accept.h"
#include "api/content_coding.h"
#include "api/media_type.h"
#include "api/prefer.h"
#include "api/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static bool lies_within(const struct target *target, const char *text) {
    return text >= target->text && text + strlen(text) < target->text + sizeof target->text;
}

static void check_target(const char *raw) {
    struct target target;
    memset(&target, 0xA5, sizeof target);
    target_parse(&target, raw);
    require(target.segment_count <= TARGET_SEGMENTS_MAX);
    require(target.parameter_count <= TARGET_PARAMETERS_MAX);
    for (size_t i = 0; i < target.segment_count; i++) {
        const char *segment = target.segments[i];
        require(lies_within(&target, segment));
        require(segment[0] != 0 && strchr(segment, '/') == NULL);
        require(strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
    }
    for (size_t i = 0; i < target.parameter_count; i++) {
        const struct target_parameter *parameter = &target.parameters[i];
        require(lies_within(&target, parameter->name));
        require(parameter->value[0] == 0 || lies_within(&target, parameter->value));
        require(target_parameter(&target, parameter->name) != NULL);
    }
    /* An escaped slash, dot segment or zero byte never names anything. */
    const size_t path = strcspn(raw, "?#");
    for (size_t i = 0; raw[0] == '/' && i + 2 < path; i++) {
        const bool slash = strncmp(raw + i, "%2F", 3) == 0 || strncmp(raw + i, "%2f", 3) == 0;
        require(!(slash || strncmp(raw + i, "%00", 3) == 0) || target.matches_nothing);
    }
}

static void check_accept(const char *text) {
    struct accept accept = {.count = 0};
    accept_offer(&accept, MEDIA_TYPE_JSON);
    accept_offer(&accept, MEDIA_TYPE_CSV);
    accept_read(&accept, text);
    const char *chosen = accept_choose(&accept);
    accept_read(&accept, text); /* said twice it means the same */
    require(accept_choose(&accept) == chosen);
    require(accept.heard || chosen == accept.types[0]);
    for (size_t i = 0; i < accept.count; i++) {
        const double quality = accept.ratings[i].quality;
        require(quality >= 0 && quality <= 1);
        require(chosen != accept.types[i] || !accept.heard || quality > 0);
    }
}

static void check_headers(const char *text) {
    struct preferences preferences = {0};
    prefer_read(&preferences, text);
    prefer_read(&preferences, text);
    require(!preferences.wait || (preferences.has_wait && preferences.wait_seconds >= 0));
    require(!preferences.respond_async || preferences.has_respond_async);
    const struct intake_format *format = media_type_intake(text);
    require((format == &intake_json) == media_type_is_json(text));
    require(format == NULL || !media_type_is_forms(text));
    require(content_coding_find(text) <= CODING_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1); /* of its exact size, for the sanitizer */
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = 0;
    check_target(text);
    check_accept(text);
    check_headers(text);
    free(text);
    return 0;
}

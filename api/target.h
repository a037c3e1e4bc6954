/* The request target: path segments and query parameters, from the raw text of
 * the request line.
 *
 * Decoding is done here, once, after splitting: a library that decodes first
 * turns %2F into a slash and lets a DELETE hit another model.  A path with %2F,
 * %00, an empty segment, "." or "..", or a broken escape matches nothing.
 * Absolute-form targets (http://host/path) are served.  A target belongs to one
 * call. */
#ifndef MLPD_API_TARGET_H
#define MLPD_API_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_BYTES_MAX 4096
#define TARGET_SEGMENTS_MAX 6
#define TARGET_PARAMETERS_MAX 16

struct target_parameter {
    const char *name, *value; /* decoded; "" where there is no value */
};

struct target {
    char text[TARGET_BYTES_MAX + 1]; /* decoded in place; the others point into it */
    bool matches_nothing;            /* no route can be meant */
    bool trailing_slash;             /* there was one behind the segments */
    size_t segment_count;
    const char *segments[TARGET_SEGMENTS_MAX];
    size_t parameter_count;
    struct target_parameter parameters[TARGET_PARAMETERS_MAX];
    bool bad_query; /* a broken escape, or too many parameters */
};

void target_parse(struct target *target, const char *raw);

/* The value of a query parameter, or NULL. */
const char *target_parameter(const struct target *target, const char *name);

#endif

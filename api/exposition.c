/* Prometheus's text format; see exposition.h. */
#include "api/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/number.h"

void exposition_start(struct exposition *text, struct buffer *out) {
    *text = (struct exposition){.out = out};
}

enum error_code exposition_finish(const struct exposition *text, struct error *error) {
    if (text->error.code != ERROR_NONE && error != NULL) {
        *error = text->error;
    }
    return text->error.code;
}

static void put_bytes(struct exposition *text, const char *bytes, size_t count) {
    if (text->error.code == ERROR_NONE) {
        (void)buffer_append(text->out, bytes, count, &text->error);
    }
}

static void put(struct exposition *text, const char *string) {
    put_bytes(text, string, strlen(string));
}

void exposition_family(struct exposition *text, const char *name, const char *type,
                       const char *help) {
    text->family = name;
    put(text, "# HELP ");
    put(text, name);
    put(text, " ");
    put(text, help);
    put(text, "\n# TYPE ");
    put(text, name);
    put(text, " ");
    put(text, type);
    put(text, "\n");
}

/* ---- samples ---- */

static void put_value(struct exposition *text, const char *value) {
    while (*value != '\0') {
        const size_t plain = strcspn(value, "\\\"\n");
        put_bytes(text, value, plain);
        value += plain;
        if (*value != '\0') {
            const char escaped[2] = {'\\', *value == '\n' ? 'n' : *value};
            put_bytes(text, escaped, sizeof escaped);
            value++;
        }
    }
}

/* `bound` is the label `le` of a bucket, or NULL. */
static void put_labels(struct exposition *text, const struct exposition_label *labels,
                       const char *bound) {
    const char *divider = "{";
    for (; labels != NULL && labels->name != NULL; labels++) {
        put(text, divider);
        put(text, labels->name);
        put(text, "=\"");
        put_value(text, labels->value);
        put(text, "\"");
        divider = ",";
    }
    if (bound != NULL) {
        put(text, divider);
        put(text, "le=\"");
        put(text, bound);
        put(text, "\"");
        divider = ",";
    }
    if (*divider == ',') {
        put(text, "}");
    }
}

static void put_double(struct exposition *text, double value) {
    char digits[NUMBER_TEXT_BYTES];
    if (isfinite(value)) {
        put_bytes(text, digits, number_write_double(digits, value));
    } else {
        put(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    }
}

static void put_unsigned(struct exposition *text, uint64_t value) {
    char digits[24];
    put_bytes(text, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

void exposition_unsigned(struct exposition *text, const struct exposition_label *labels,
                         uint64_t value) {
    put(text, text->family);
    put_labels(text, labels, NULL);
    put(text, " ");
    put_unsigned(text, value);
    put(text, "\n");
}

void exposition_double(struct exposition *text, const struct exposition_label *labels,
                       double value) {
    put(text, text->family);
    put_labels(text, labels, NULL);
    put(text, " ");
    put_double(text, value);
    put(text, "\n");
}

/* ---- histograms ---- */

static void put_name(struct exposition *text, const char *suffix,
                     const struct exposition_label *labels, const char *bound) {
    put(text, text->family);
    put(text, suffix);
    put_labels(text, labels, bound);
    put(text, " ");
}

void exposition_histogram(struct exposition *text, const struct exposition_label *labels,
                          const struct histogram_counts *counts) {
    uint64_t cumulative = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        char bound[NUMBER_TEXT_BYTES] = "+Inf";
        if (i < HISTOGRAM_BOUNDS) {
            bound[number_write_double(bound, histogram_bounds[i])] = '\0';
        }
        cumulative += counts->buckets[i];
        put_name(text, "_bucket", labels, bound);
        put_unsigned(text, cumulative);
        put(text, "\n");
    }
    put_name(text, "_sum", labels, NULL);
    put_double(text, (double)counts->nanoseconds / 1e9);
    put(text, "\n");
    put_name(text, "_count", labels, NULL);
    put_unsigned(text, cumulative);
    put(text, "\n");
}

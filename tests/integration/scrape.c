/* Reading /metrics; see scrape.h. */
#include "tests/integration/scrape.h"

#include <check.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integration/daemon.h"

#define FAMILIES_MAX 200
#define NAME_BYTES 128

struct family {
    char name[NAME_BYTES], type[16];
};

/* Where reading is. */
struct reading {
    const char *line; /* a copy of it */
    struct scrape *scrape;
    struct family families[FAMILIES_MAX];
    size_t family_count, capacity;
    bool has_type; /* the newest family's TYPE has come */
};

static void refuse(const struct reading *reader, const char *why) {
    ck_abort_msg("/metrics: %s: %s", why, reader->line);
}

static size_t name_length(const char *text, bool colons) {
    size_t length = 0;
    while (isalpha((unsigned char)text[length]) || text[length] == '_' ||
           (colons && text[length] == ':') ||
           (length > 0 && isdigit((unsigned char)text[length]))) {
        length++;
    }
    return length;
}

/* ---- comments ---- */

static void read_help(struct reading *reader, const char *text) {
    const size_t length = name_length(text, true);
    if (length == 0 || length >= NAME_BYTES || text[length] != ' ' || text[length + 1] == '\0') {
        refuse(reader, "a HELP without a name or a text");
    }
    for (size_t i = 0; i < reader->family_count; i++) {
        if (strlen(reader->families[i].name) == length &&
            memcmp(reader->families[i].name, text, length) == 0) {
            refuse(reader, "a family twice");
        }
    }
    if (reader->family_count > 0 && !reader->has_type) {
        refuse(reader, "the family before has no TYPE");
    }
    ck_assert_uint_lt(reader->family_count, FAMILIES_MAX);
    memcpy(reader->families[reader->family_count++].name, text, length);
    reader->has_type = false;
}

static void read_type(struct reading *reader, const char *text) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct family *family = &reader->families[reader->family_count - 1];
    const size_t length = name_length(text, true);
    if (reader->family_count == 0 || reader->has_type || strlen(family->name) != length ||
        memcmp(family->name, text, length) != 0 || text[length] != ' ') {
        refuse(reader, "a TYPE that does not follow its HELP");
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(text + length + 1, types[i]) == 0) {
            reader->has_type = true;
            strcpy(family->type, types[i]);
            return;
        }
    }
    refuse(reader, "an unknown TYPE");
}

/* ---- samples ---- */

/* Behind the labels' closing brace. */
static const char *skip_labels(const struct reading *reader, const char *at) {
    do {
        at++;
        const size_t length = name_length(at, false);
        at += length;
        if (length == 0 || at[0] != '=' || at[1] != '"') {
            refuse(reader, "a label that is none");
        }
        for (at += 2; *at != '"'; at++) {
            if (*at == '\0' || (*at == '\\' && strchr("\\\"n", *++at) == NULL)) {
                refuse(reader, "a label's value that does not end or is not escaped");
            }
        }
        at++;
    } while (*at == ',');
    if (*at != '}') {
        refuse(reader, "labels that do not end");
    }
    return at + 1;
}

static void check_name(const struct reading *reader, const char *name, size_t length) {
    static const char *const suffixes[] = {"_bucket", "_sum", "_count"};
    const struct family *family = &reader->families[reader->family_count - 1];
    const size_t family_length = strlen(family->name);
    bool fits = length == family_length && strcmp(family->type, "histogram") != 0;
    for (size_t i = 0; strcmp(family->type, "histogram") == 0 && i < 3; i++) {
        fits = fits || (length == family_length + strlen(suffixes[i]) &&
                        memcmp(name + family_length, suffixes[i], strlen(suffixes[i])) == 0);
    }
    if (!fits || memcmp(name, family->name, family_length) != 0) {
        refuse(reader, "a sample outside its family");
    }
    if (strcmp(family->type, "counter") == 0 &&
        (length < 7 || memcmp(name + length - 6, "_total", 6) != 0)) {
        refuse(reader, "a counter whose name does not end in _total");
    }
}

static void read_sample(struct reading *reader) {
    struct scrape *scrape = reader->scrape;
    const size_t length = name_length(reader->line, true);
    if (length == 0 || reader->family_count == 0 || !reader->has_type) {
        refuse(reader, "a sample without a name or a family");
    }
    check_name(reader, reader->line, length);
    const char *at = reader->line + length;
    at = *at == '{' ? skip_labels(reader, at) : at;
    const size_t series = (size_t)(at - reader->line);
    char *end;
    if (scrape->count == reader->capacity) {
        reader->capacity = 2 * reader->capacity + 64;
        scrape->samples = realloc(scrape->samples, reader->capacity * sizeof *scrape->samples);
    }
    struct sample *sample = &scrape->samples[scrape->count];
    if (*at != ' ' || at[1] == '\0' || isspace((unsigned char)at[1]) ||
        series >= sizeof sample->series) {
        refuse(reader, "a sample without a value");
    }
    sample->value = strtod(at + 1, &end);
    if (*end != '\0') {
        refuse(reader, "a value that is no number");
    }
    const struct family *family = &reader->families[reader->family_count - 1];
    const bool is_count = strcmp(family->type, "gauge") != 0;
    if (is_count && !(sample->value >= 0 && isfinite(sample->value))) {
        refuse(reader, "a count that is none");
    }
    memcpy(sample->series, reader->line, series);
    sample->series[series] = '\0';
    if (scrape_has(scrape, sample->series)) {
        refuse(reader, "a series twice");
    }
    sample->family = family->name;
    sample->type = family->type;
    scrape->count++;
}

/* ---- histograms ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* The bound of a bucket's series, which has it as its last label; NaN for another
 * series. */
static double bound_of(const char *series) {
    const char *bound = strstr(series, "le=\"");
    return bound != NULL && strstr(series, "_bucket{") != NULL ? strtod(bound + 4, NULL) : NAN;
}

/* From each bucket to the next, and from the last to the count. */
static void check_histograms(const struct scrape *scrape) {
    for (size_t i = 0; i < scrape->count; i++) {
        const struct sample *sample = &scrape->samples[i];
        const double bound = bound_of(sample->series);
        if (isnan(bound)) {
            continue;
        }
        ck_assert_msg(i + 2 < scrape->count, "the end within a histogram: %s", sample->series);
        const struct sample *next = sample + 1;
        if (isinf(bound)) {
            ck_assert_msg(strstr(next[0].series, "_sum") != NULL &&
                              strstr(next[1].series, "_count") != NULL &&
                              next[1].value == sample->value,
                          "%s is %g; found %s %g behind it", sample->series, sample->value,
                          next[1].series, next[1].value);
        } else {
            ck_assert_msg(bound_of(next->series) > bound && next->value >= sample->value,
                          "%s %g is followed by %s %g", sample->series, sample->value, next->series,
                          next->value);
        }
    }
}

/* ---- all of it ---- */

static void read_line(struct reading *reader) {
    if (strncmp(reader->line, "# HELP ", 7) == 0) {
        read_help(reader, reader->line + 7);
    } else if (strncmp(reader->line, "# TYPE ", 7) == 0) {
        read_type(reader, reader->line + 7);
    } else {
        read_sample(reader);
    }
}

/* All of this test. */
static struct scrape *scrapes;

static void free_newest(void) {
    struct scrape *scrape = scrapes;
    scrapes = scrape->next;
    free(scrape->samples);
    free(scrape->reading);
    free(scrape->text);
    free(scrape);
}

const struct scrape *scrape_with(const char *headers) {
    const struct answer *answer = want_status(
        request((struct call){.method = "GET", .path = "/metrics", .headers = headers}), 200);
    want_header(answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    struct scrape *scrape = calloc(1, sizeof *scrape);
    struct reading *reader = calloc(1, sizeof *reader);
    scrape->text = strdup(answer->body);
    scrape->reading = reader;
    scrape->next = scrapes;
    scrapes = scrape;
    reader->scrape = scrape;
    ck_assert_msg(answer->bytes > 0 && strlen(answer->body) == answer->bytes &&
                      ends_with(answer->body, "\n"),
                  "/metrics is empty, has a NUL or does not end its last line");
    char *copy = strdup(answer->body);
    for (char *line = copy, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        reader->line = line;
        read_line(reader);
    }
    check_histograms(scrape);
    free(copy);
    return scrape;
}

const struct scrape *scrape(void) {
    return scrape_with(NULL);
}

static const struct sample *find(const struct scrape *scrape, const char *series) {
    for (size_t i = 0; i < scrape->count; i++) {
        if (strcmp(scrape->samples[i].series, series) == 0) {
            return &scrape->samples[i];
        }
    }
    return NULL;
}

double sample_of(const struct scrape *scrape, const char *series) {
    const struct sample *sample = find(scrape, series);
    return sample != NULL ? sample->value : 0;
}

bool scrape_has(const struct scrape *scrape, const char *series) {
    return find(scrape, series) != NULL;
}

size_t series_beginning(const struct scrape *scrape, const char *beginning) {
    size_t count = 0;
    for (size_t i = 0; i < scrape->count; i++) {
        count += strncmp(scrape->samples[i].series, beginning, strlen(beginning)) == 0;
    }
    return count;
}

const struct scrape *await_sample(const char *series, double value) {
    const double until = now_seconds() + DEADLINE_SECONDS;
    const struct scrape *found;
    while (sample_of(found = scrape(), series) != value) {
        ck_assert_msg(now_seconds() < until, "%s is %g; wanted %g", series,
                      sample_of(found, series), value);
        free_newest();
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return found;
}

void want_sample_at(const char *file, int line, const struct scrape *scrape, const char *series,
                    double value) {
    const struct sample *sample = find(scrape, series);
    if (sample == NULL || !(sample->value == value || (isnan(value) && isnan(sample->value)))) {
        ck_abort_msg("%s:%d: %s is %g; wanted %g", file, line, series,
                     sample != NULL ? sample->value : NAN, value);
    }
}

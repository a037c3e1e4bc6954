/* Intake: a request body, chunk by chunk, into checked float32 examples.
 *
 * Numbers go straight from the body's bytes into the buffers that the engine
 * will read: no text is kept and no tree is built, whatever the body's size.  A
 * format (JSON, safetensors) is one row of a table: it parses; what the numbers
 * must mean (widths, counts, labels, ranges) is checked here, the same for all.
 *
 * An intake belongs to one request and is used by one thread at a time.  A chunk
 * may end anywhere: inside a number, an escape, a header.  After the first error
 * an intake is only destroyed. */
#ifndef MLPD_API_INTAKE_H
#define MLPD_API_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/base/ledger.h"
#include "core/engine/examples.h"
#include "core/maths/specification.h"

#define SAMPLE_WEIGHT_MAX 1e6
#define STEP_MAX 1e15 /* that min_step may ask for */

enum intake_purpose {
    INTAKE_BATCH,      /* inputs, labels or targets, sample_weights */
    INTAKE_PREDICTION, /* inputs; top_k, min_step */
    INTAKE_EVALUATION  /* inputs, labels or targets; top_k, confusion_matrix, per_example */
};

/* What a body says beside its tensors, or the query where the body has no place for
 * it. */
enum intake_option {
    INTAKE_TOP_K,
    INTAKE_MIN_STEP,
    INTAKE_CONFUSION_MATRIX,
    INTAKE_PER_EXAMPLE,
    INTAKE_OPTIONS
};

struct intake_options {
    bool given[INTAKE_OPTIONS];
    size_t top_k;          /* 0: not asked for */
    uint64_t min_step;     /* weights of this step or later; 0: whatever there is */
    bool confusion_matrix; /* asked for, whatever the number of classes */
    bool per_example;      /* the loss of each row */
};

/* How the numbers of a body become inputs: x·scale + offset, in double. */
struct intake_scaling {
    double scale, offset;
    bool given; /* in the query; a body's own metadata is heard only otherwise */
};

struct intake_request {
    enum intake_purpose purpose;
    const struct specification *specification; /* of the model, complete; outlives the intake */
    struct ledger *ledger;
    struct intake_scaling scaling;
    size_t body_bytes; /* Content-Length of a body that is not compressed; 0: unknown */
};

/* What was found in a body that is a table, for its client to see whether it was
 * understood; 0 rows: it was none. */
struct intake_table {
    size_t rows, columns; /* without the header */
};

/* ---- For who has a body ---- */

struct intake;
struct intake_format;

extern const struct intake_format intake_json, intake_safetensors, intake_csv;

/* An intake for a body of that format; NULL when there is no memory. */
struct intake *intake_create(const struct intake_format *format,
                             const struct intake_request *request);

/* Set an option (of a boolean: 0 or 1), checked against the model.  ERROR_INVALID, also
 * when it was set before to something else: in the query, say, and now in the body. */
enum error_code intake_set_option(struct intake *intake, enum intake_option option, double value,
                                  struct error *error);

/* The next bytes.  ERROR_SYNTAX for what cannot be parsed, ERROR_INVALID (with a
 * pointer such as /inputs/3) for what is parsed but not allowed, ERROR_MEMORY
 * for what the ledger refuses. */
enum error_code intake_feed(struct intake *intake, const char *data, size_t size,
                            struct error *error);

/* The body is whole: parse its rest and check what it means.  On success
 * `intake->examples` and `intake->options` are the caller's to take. */
enum error_code intake_end(struct intake *intake, struct error *error);

/* NULL is allowed. */
void intake_destroy(struct intake *intake);

/* ---- For formats ---- */

enum intake_tensor {
    INTAKE_INPUTS,
    INTAKE_LABELS,
    INTAKE_TARGETS,
    INTAKE_SAMPLE_WEIGHTS,
    INTAKE_TENSORS
};

/* One format of bodies.  `feed` and `end` return what intake_feed does; `end`
 * checks only that the body is complete. */
struct intake_format {
    const char *media_type;
    const char *documentation;
    size_t parser_bytes; /* of the format's own state, zeroed at first */
    enum error_code (*feed)(struct intake *intake, const char *data, size_t size,
                            struct error *error);
    enum error_code (*end)(struct intake *intake, struct error *error);
    void (*destroy)(struct intake *intake); /* what the parser owns; may be NULL */
};

struct intake {
    struct intake_request request;
    const struct intake_format *format;
    struct examples examples;
    struct intake_options options;
    struct intake_table table;
    struct {
        bool given;
        size_t rows_checked;
    } tensors[INTAKE_TENSORS];
    void *parser; /* the format's own state */
};

bool intake_purpose_has_tensor(enum intake_purpose purpose, enum intake_tensor tensor);
bool intake_purpose_has_option(enum intake_purpose purpose, enum intake_option option);

/* The tensor of that name, if the purpose has it; else INTAKE_TENSORS. */
enum intake_tensor intake_find_tensor(const struct intake *intake, const char *name, size_t length);

const char *intake_tensor_name(enum intake_tensor tensor);

/* The tensors of the purpose as a list for messages: "inputs, labels". */
void intake_list_tensors(const struct intake *intake, char *text, size_t size);

/* How many numbers a row has: 1 for labels and sample weights. */
size_t intake_tensor_width(const struct intake *intake, enum intake_tensor tensor);

/* Where its rows are appended, as float (labels: through intake_add_labels). */
struct buffer *intake_tensor_buffer(struct intake *intake, enum intake_tensor tensor);

/* The body has this tensor: ERROR_INVALID when the model's loss cannot use it. */
enum error_code intake_begin_tensor(struct intake *intake, enum intake_tensor tensor,
                                    struct error *error);

/* Whether none is infinite or no number. */
bool intake_all_finite(const float *numbers, size_t count);

/* Check the rows that are whole by now and were not checked yet: finite, weights
 * and probabilities in their ranges. */
enum error_code intake_check_rows(struct intake *intake, enum intake_tensor tensor,
                                  struct error *error);

/* A number of the text as it is trained with: float32, inputs scaled.  Beyond float32
 * it is infinite, which is refused with its row. */
static inline float intake_number(const struct intake *intake, enum intake_tensor tensor,
                                  double value) {
    const struct intake_scaling *scaling = &intake->request.scaling;
    return scaling->given && tensor == INTAKE_INPUTS
               ? (float)(value * scaling->scale + scaling->offset)
               : (float)value;
}

/* Of a list of numbers so many are read at a time. */
#define INTAKE_LIST_NUMBERS 128

/* So wide are rows of which several are read at once: wider ones are sooner read row by
 * row. */
#define INTAKE_NARROW_NUMBERS 24

/* Where numbers are not plain a look for a list is lost time: after each that finds few,
 * twice as many numbers pass before the next, up to a bound.  Zero at first, and again at
 * a chunk's begin, as its end had none. */
struct intake_lists {
    unsigned passing, next;
};

#define INTAKE_LIST_FEW 3
#define INTAKE_LISTS_PASSING_MAX 63

/* Whether to look; one number passes if not. */
static inline bool intake_lists_due(struct intake_lists *lists) {
    const bool due = lists->passing == 0;
    lists->passing -= !due;
    return due;
}

static inline void intake_lists_note(struct intake_lists *lists, size_t found) {
    const bool few = found <= INTAKE_LIST_FEW;
    lists->passing = few ? lists->next : 0;
    lists->next = few ? (2 * lists->next + 1) & INTAKE_LISTS_PASSING_MAX : 0;
}

static inline void intake_numbers(const struct intake *intake, enum intake_tensor tensor,
                                  const double *values, size_t count, float *numbers) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = intake_number(intake, tensor, values[i]);
    }
}

/* Whether the model has a class of that name (not terminated). */
bool intake_has_class(const struct intake *intake, const char *name, size_t length);

/* Labels given as numbers, checked against the classes and appended. */
enum error_code intake_add_labels(struct intake *intake, const double *values, size_t count,
                                  struct error *error);

/* A label given as a class name (not terminated), looked up and appended. */
enum error_code intake_add_label_name(struct intake *intake, const char *name, size_t length,
                                      struct error *error);

/* ERROR_INVALID with the pointer /tensor/row. */
enum error_code intake_refuse_row(enum intake_tensor tensor, size_t row, struct error *error,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ERROR_INVALID for the name of a "field" or "tensor" that is not allowed. */
enum error_code intake_refuse_name(const char *what, const char *name, size_t length,
                                   const char *allowed, struct error *error);

#endif

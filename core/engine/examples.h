/* Examples: rows that a client sent, already float32 and checked.
 *
 * An intake fills the buffers as the body arrives; the engine then only reads
 * them.  One owner at a time, no lock. */
#ifndef MLPD_CORE_ENGINE_EXAMPLES_H
#define MLPD_CORE_ENGINE_EXAMPLES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/maths/pass.h"

struct examples {
    size_t rows;
    struct buffer inputs;         /* float [rows × inputs], row-major */
    struct buffer labels;         /* int32_t [rows], or empty */
    struct buffer targets;        /* float [rows × outputs], row-major, or empty */
    struct buffer sample_weights; /* float [rows], or empty */
};

void examples_init(struct examples *examples, struct ledger *ledger);
void examples_move(struct examples *to, struct examples *from);
void examples_free(struct examples *examples);

/* Give back memory that growing left over. */
void examples_trim(struct examples *examples);

/* Rows [first, first + rows) of the examples as a training pass reads them; valid
 * while they stand. */
struct pass_batch examples_as_batch(const struct examples *examples, size_t first, size_t rows);

/* Examples that several batches have in common, counted: one request cut into
 * batches is not copied. */
struct example_set {
    atomic_uint references;
    struct examples examples;
};

/* Takes over the examples, which are empty afterwards.  NULL when there is no
 * memory. */
struct example_set *example_set_create(struct examples *examples);
struct example_set *example_set_reference(struct example_set *set);

/* NULL is allowed. */
void example_set_release(struct example_set *set);

#endif

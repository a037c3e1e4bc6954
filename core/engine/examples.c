/* Rows that a client sent; see examples.h. */
#include "core/engine/examples.h"

#include "core/base/memory.h"

void examples_init(struct examples *examples, struct ledger *ledger) {
    examples->rows = 0;
    buffer_init(&examples->inputs, ledger, "the inputs of a request");
    buffer_init(&examples->labels, ledger, "the labels of a request");
    buffer_init(&examples->targets, ledger, "the targets of a request");
    buffer_init(&examples->sample_weights, ledger, "the sample weights of a request");
}

void examples_move(struct examples *to, struct examples *from) {
    to->rows = from->rows;
    buffer_move(&to->inputs, &from->inputs);
    buffer_move(&to->labels, &from->labels);
    buffer_move(&to->targets, &from->targets);
    buffer_move(&to->sample_weights, &from->sample_weights);
    from->rows = 0;
}

void examples_free(struct examples *examples) {
    buffer_free(&examples->inputs);
    buffer_free(&examples->labels);
    buffer_free(&examples->targets);
    buffer_free(&examples->sample_weights);
    examples->rows = 0;
}

void examples_trim(struct examples *examples) {
    buffer_trim(&examples->inputs);
    buffer_trim(&examples->labels);
    buffer_trim(&examples->targets);
    buffer_trim(&examples->sample_weights);
}

/* Row `first` of a buffer whose rows have so many bytes, or NULL when it is empty. */
static const void *row_or_null(const struct buffer *buffer, size_t first, size_t rows) {
    return buffer->used > 0 ? buffer->data + first * (buffer->used / rows) : NULL;
}

struct pass_batch examples_as_batch(const struct examples *examples, size_t first, size_t rows) {
    const size_t all = examples->rows;
    return (struct pass_batch){
        .rows = rows,
        .inputs = row_or_null(&examples->inputs, first, all),
        .labels = row_or_null(&examples->labels, first, all),
        .targets = row_or_null(&examples->targets, first, all),
        .sample_weights = row_or_null(&examples->sample_weights, first, all),
    };
}

struct example_set *example_set_create(struct examples *examples) {
    struct example_set *set = memory_allocate(1, sizeof *set);
    if (set != NULL) {
        atomic_init(&set->references, 1);
        examples_move(&set->examples, examples);
    }
    return set;
}

struct example_set *example_set_reference(struct example_set *set) {
    /* Relaxed: who takes a reference has one already. */
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void example_set_release(struct example_set *set) {
    /* Acquire and release: the last one out sees that the others read no more. */
    if (set != NULL && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1) {
        examples_free(&set->examples);
        memory_free(set);
    }
}

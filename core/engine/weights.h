/* Versions of a model's weights: publish, acquire, release.
 *
 * Two versions stand.  Readers read the published one; the trainer writes the
 * spare one and swaps.  A reader counts itself in and out under the model's
 * lock, once for a group of predictions, so that a version is whole and finite
 * for as long as it is read.  Whoever reads for long takes a copy instead: the
 * trainer waits for the spare's readers.
 *
 * The functions with a `weights_set` are called with the model's lock held; the
 * numbers of an acquired version are read without it. */
#ifndef MLPD_CORE_ENGINE_WEIGHTS_H
#define MLPD_CORE_ENGINE_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/maths/network.h"

struct weights {
    uint64_t step;                    /* batches trained into it */
    float *parameters;                /* [version_floats] */
    struct standardizer standardizer; /* without arrays unless the network standardises */
    unsigned readers;                 /* guarded by the model's lock */
};

struct weights_set {
    struct weights versions[2];
    unsigned published; /* 0 or 1 */
};

/* Bytes of one version's numbers. */
size_t weights_bytes(const struct network *network);

/* A version whose numbers lie at `block` [weights_bytes], aligned to a cache line. */
void weights_place(struct weights *weights, const struct network *network, float *block);

/* Allocate one version, its numbers undefined: clearing gigabytes is a worker's work.
 * False when there is no memory. */
bool weights_allocate(struct weights *weights, const struct network *network);
void weights_free(struct weights *weights);

/* `to` becomes a copy of `from`, in bounded pieces; both allocated for the same
 * network. */
void weights_copy(struct weights *to, const struct weights *from, const struct network *network,
                  struct pause pause);

/* All numbers 0, and scales 1, in bounded pieces. */
void weights_clear(struct weights *weights, const struct network *network, struct pause pause);

/* Fill `count` numbers in bounded pieces. */
void weights_fill(float *numbers, size_t count, float value, struct pause pause);

/* Copy `bytes` bytes in bounded pieces. */
void weights_copy_bytes(void *to, const void *from, size_t bytes, struct pause pause);

/* The standardiser as network_predict wants it: NULL where there is none. */
const struct standardizer *weights_standardizer(const struct weights *weights,
                                                const struct network *network);

static inline struct weights *weights_published(struct weights_set *set) {
    return &set->versions[set->published];
}

static inline struct weights *weights_spare(struct weights_set *set) {
    return &set->versions[1 - set->published];
}

static inline struct weights *weights_acquire(struct weights_set *set) {
    struct weights *weights = weights_published(set);
    weights->readers++;
    return weights;
}

/* True when that was the last reader: a trainer may wait for it. */
static inline bool weights_release(struct weights *weights) {
    return --weights->readers == 0;
}

static inline void weights_publish_spare(struct weights_set *set) {
    set->published = 1 - set->published;
}

#endif

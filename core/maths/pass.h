/* One training batch: forward, loss, backward, update, as phases of tiles.
 *
 * A phase is a list of tiles that do not depend on each other; a phase may start
 * when the one before is whole.  The grid of tiles follows from the shapes
 * alone, never from who computes, and no sum crosses a tile except as a partial
 * sum that is added in tile order: so a batch gives the same bits however its
 * tiles are shared out.
 *
 *   standardize  statistics by features, then the inputs by rows
 *   forward l    Z = A·Wᵀ, then bias, activation, dropout on the tile while it
 *                is in cache; a normalised layer has Z + b here, then (batch) the
 *                statistics by units, then x̂, activation, dropout by rows
 *   loss         by rows: loss, accuracy, dE/dZ of the last layer
 *   backward l   dW = dZᵀ·A and db by units, with the squared norm of the tile;
 *                in the same phase dZ[l-1] = (dZ·W) ⊙ f'(Z) by rows; where layer
 *                l-1 is normalised that is dY, and two phases more make dγ and dβ
 *                by units, then dZ of it by rows
 *   update       by ranges of the flat parameters: reads the old version and
 *                writes the new one; the moving statistics too.  Where the update
 *                needs nothing but the gradient, the tiles of dW have written the
 *                new weights by then, and only the rest is left
 *
 * The caller alternates: pass_begin; for each phase run all its tiles (any
 * threads), then pass_end_phase (one thread), until that says the pass is over.
 * A batch whose loss or gradients are not finite ends before the update: it is
 * `diverged`, and nothing but the scratch and the new version (which the caller
 * then does not publish) was written.
 *
 * With the learning rate bounded and gradients of a squared norm within float32,
 * a finite update cannot make non-finite weights. */
#ifndef MLPD_CORE_MATHS_PASS_H
#define MLPD_CORE_MATHS_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/maths/grid.h"
#include "core/maths/network.h"
#include "core/maths/optimizer.h"

/* Raised whenever the grid of tiles, the order of a sum or a formula changes
 * in a way that changes bits; part of the numerics fingerprint. */
#define PASS_VERSION 5

/* What is trained on.  Matrices are row-major float32, [rows × inputs] and
 * [rows × outputs]. */
struct pass_batch {
    size_t rows;
    const float *inputs;
    const int32_t *labels;       /* [rows], or NULL */
    const float *targets;        /* [rows × outputs], or NULL */
    const float *sample_weights; /* [rows], or NULL */
};

/* How it is trained. */
struct pass_settings {
    const struct optimizer_settings *optimizer;
    const float *class_weights; /* [classes], or NULL */
    enum output_delta output_delta;
    uint64_t seed; /* of dropout */
};

/* A model's numbers.  `from` is read, `into` is written, the moments change in
 * place (only when the batch did not diverge). */
struct pass_state {
    uint64_t step;                                /* batches trained before this one: t */
    const float *from;                            /* [version_floats] */
    float *into;                                  /* [version_floats], may be `from` */
    const struct standardizer *standardizer_from; /* NULL unless standardize */
    struct standardizer *standardizer_into;
    float *first, *second; /* the optimiser's slots, [parameter_floats] each, or NULL */
};

struct pass_result {
    bool diverged;
    double loss;     /* may be non-finite when diverged */
    double accuracy; /* 0 to 1; NaN for regression */
};

struct pass;

struct phase {
    void (*run)(struct pass *pass, size_t layer, size_t tile);
    size_t layer;
    size_t tiles;
};

#define PHASES_MAX (6 * LAYERS_MAX + 4)

struct pass_layer {
    float *X;                 /* [rows × out] x̂ of a normalised layer, before that z */
    float *Z;                 /* [rows × out] before the activation; A where that is not kept */
    float *A;                 /* [rows × out] after it */
    float *output;            /* [rows × out] after dropout; A where there is none */
    double *mean, *variance;  /* [out] of batch normalisation */
    double *inverse;          /* 1/deviation: [out] with batch, [rows] with layer normalisation */
    double *dy_sum, *dyx_sum; /* [out] of a normalised layer */
    struct grid forward, weight_gradient, input_gradient;
    struct grid units, rows; /* of a normalised layer's elementwise work */
    double *norm_partials;   /* one a tile of weight_gradient, then one a tile of units */
};

/* The caller's storage for one pass; private to pass.c but for `result`. */
struct pass {
    const struct network *network;
    struct pass_batch batch;
    struct pass_settings settings;
    struct pass_state state;
    const float *inputs; /* [rows × inputs], standardised where that is wanted */
    float *standardized;
    struct pass_layer layers[LAYERS_MAX];
    float *deltas[2];                     /* [rows × widest]: dZ of the layers, by turns */
    float *gradient;                      /* [parameter_floats] */
    double *loss_partials, *hit_partials; /* one a tile */
    double *norm_partials;                /* [norm_count] of all layers */
    size_t norm_count;
    double *batch_statistics; /* [moving floats] the batch's own, laid out as the moving ones */
    struct grid statistics, row_grid, update, moving;
    struct optimizer_step optimizer_step;
    bool updates_early; /* tiles of dW also write the new weights */
    struct phase phases[PHASES_MAX];
    size_t phase_count, first_backward;
    struct pass_result result;
};

/* Bytes of scratch for a batch of `rows` rows; SIZE_MAX when they do not fit a
 * size_t. */
size_t pass_scratch_bytes(const struct network *network, size_t rows);

/* Lay a pass out in `scratch`, pass_scratch_bytes long and aligned to
 * MEMORY_ALIGNMENT. */
void pass_begin(struct pass *pass, const struct network *network, const struct pass_batch *batch,
                const struct pass_settings *settings, const struct pass_state *state,
                void *scratch);

/* The same pass over another batch of as many rows, when nobody has written to its scratch
 * since: it is laid out already, which is a tenth of a small network's batch. */
void pass_begin_again(struct pass *pass, const struct pass_batch *batch,
                      const struct pass_settings *settings, const struct pass_state *state);

/* Tiles of a phase; phases are numbered from 0 and run in order. */
size_t pass_phase_tiles(const struct pass *pass, size_t phase);

/* Compute one of them.  Different tiles of the same phase may run on different
 * threads at the same time. */
void pass_run_tile(struct pass *pass, size_t phase, size_t tile);

/* All tiles of the phase are done: one thread ends it.  False when the pass is
 * over and `result` stands. */
bool pass_end_phase(struct pass *pass, size_t phase);

/* The whole pass on the calling thread. */
void pass_run(struct pass *pass);

#endif

/* A training batch as phases of tiles; see pass.h. */
#include "core/maths/pass.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/maths/dropout.h"
#include "core/maths/layer_product.h"
#include "core/maths/pass_layout.h"
#include "core/maths/vectorised.h"

/* --- forward ----------------------------------------------------------------- */

static bool is_normalized(const struct pass *pass, size_t l) {
    return pass->network->layers[l].normalization != NORMALIZATION_NONE;
}

static void run_statistics(struct pass *pass, size_t layer, size_t number) {
    (void)layer;
    const struct tile tile = grid_tile(&pass->statistics, number);
    standardizer_update(pass->state.standardizer_from, pass->state.standardizer_into, tile.row,
                        tile.row + tile.rows, pass->batch.rows, pass->batch.inputs);
}

static void run_standardize(struct pass *pass, size_t layer, size_t number) {
    (void)layer;
    const size_t inputs = pass->network->inputs;
    const struct tile tile = grid_tile(&pass->row_grid, number);
    standardizer_transform(pass->state.standardizer_into, tile.rows,
                           pass->batch.inputs + tile.row * inputs,
                           pass->standardized + tile.row * inputs);
}

/* What layer l reads: [rows × in]. */
static const float *layer_input(const struct pass *pass, size_t l) {
    return l == 0 ? pass->inputs : pass->layers[l - 1].output;
}

static struct dropout layer_dropout(const struct pass *pass, size_t l) {
    return (struct dropout){
        .key = {pass->settings.seed, pass->state.step, random_stream(RANDOM_DROPOUT, (uint32_t)l)},
        .units = pass->network->layers[l].out,
        .rate = pass->network->layers[l].dropout,
    };
}

/* A = f(Z + bias), dropout, on a tile of the layer. */
static void activate(const struct pass *pass, size_t l, const struct tile *tile,
                     const float *bias) {
    const struct network *network = pass->network;
    const struct network_layer *layer = &network->layers[l];
    const struct pass_layer *own = &pass->layers[l];
    const size_t corner = tile->row * layer->out + tile->column;
    const struct activation_block block = {tile->rows, tile->columns, layer->out};
    const bool fused = l + 1 == network->layer_count && network_loss_takes_logits(network);
    const enum activation activation = fused ? ACTIVATION_IDENTITY : layer->activation;
    float *A = fused ? own->Z : own->A;
    activation_functions[activation].forward(block, bias, own->Z + corner, A + corner,
                                             layer->alpha);
    if (layer->dropout > 0) {
        const struct dropout dropout = layer_dropout(pass, l);
        dropout_apply(&dropout, tile->row, tile->column, block, own->A + corner,
                      own->output + corner);
    }
}

/* Z = A·Wᵀ + b, A = f(Z), dropout.  The last layer keeps Z + b only where its
 * activation is part of the loss, which then makes A.  A normalised layer has
 * Z + b in the place of x̂, and no more here. */
static void run_forward(struct pass *pass, size_t l, size_t number) {
    const struct network_layer *layer = &pass->network->layers[l];
    const struct pass_layer *own = &pass->layers[l];
    const struct tile tile = grid_tile(&own->forward, number);
    const bool normalized = is_normalized(pass, l);
    float *Z = (normalized ? own->X : own->Z) + tile.row * layer->out + tile.column;
    const float *W = pass->state.from + layer->weights + tile.column * layer->in;
    const float *bias = pass->state.from + layer->biases + tile.column;

    layer_product_forward(tile.rows, layer->in, tile.columns,
                          layer_input(pass, l) + tile.row * layer->in, layer->in, W, layer->in, Z,
                          layer->out);
    if (normalized) {
        activation_functions[ACTIVATION_IDENTITY].forward(
            (struct activation_block){tile.rows, tile.columns, layer->out}, bias, Z, Z, 0);
    } else {
        activate(pass, l, &tile, bias);
    }
}

/* Batch normalisation: the statistics of some units over all rows. */
static void run_batch_statistics(struct pass *pass, size_t l, size_t number) {
    const struct pass_layer *own = &pass->layers[l];
    const struct tile tile = grid_tile(&own->units, number);
    normalization_batch_statistics(
        (struct activation_block){pass->batch.rows, tile.rows, pass->network->layers[l].out},
        own->X + tile.row, own->mean + tile.row, own->variance + tile.row, own->inverse + tile.row);
}

/* X = x̂, Z = γ·x̂ + β, A = f(Z), dropout, for some rows. */
static void run_normalize(struct pass *pass, size_t l, size_t number) {
    const struct network_layer *layer = &pass->network->layers[l];
    const struct pass_layer *own = &pass->layers[l];
    const struct tile tile = grid_tile(&own->rows, number);
    const float *gamma = pass->state.from + layer->gammas;
    float *X = own->X + tile.row * layer->out;
    float *Z = own->Z + tile.row * layer->out;
    const struct activation_block block = {tile.rows, layer->out, layer->out};
    if (layer->normalization == NORMALIZATION_BATCH) {
        normalization_batch_forward(block, own->mean, own->inverse, gamma, X, X, Z);
    } else {
        normalization_layer_forward(block, gamma, X, X, Z, own->inverse + tile.row);
    }
    activate(pass, l, &tile, pass->state.from + layer->betas);
}

/* --- loss ------------------------------------------------------------------ */

/* dZ of layer l: by turns in two buffers, so that a phase reads one and writes
 * the other. */
static float *layer_delta(const struct pass *pass, size_t l) {
    return pass->deltas[l % 2];
}

static void run_loss(struct pass *pass, size_t layer, size_t number) {
    (void)layer;
    const struct network *network = pass->network;
    const size_t last = network->layer_count - 1;
    const size_t outputs = network->outputs;
    const struct tile tile = grid_tile(&pass->row_grid, number);
    const size_t start = tile.row * outputs;
    float *gradient = layer_delta(pass, last) + start;
    const struct pass_batch *batch = &pass->batch;
    struct loss_rows rows = {
        .rows = tile.rows,
        .outputs = outputs,
        .Z = pass->layers[last].Z + start,
        .A = pass->layers[last].A + start,
        .labels = batch->labels != NULL ? batch->labels + tile.row : NULL,
        .targets = batch->targets != NULL ? batch->targets + start : NULL,
        .sample_weights = batch->sample_weights != NULL ? batch->sample_weights + tile.row : NULL,
        .class_weights = pass->settings.class_weights,
        .batch_rows = batch->rows,
        .output_delta = pass->settings.output_delta,
        .huber_delta = network->huber_delta,
        .gradient = gradient,
    };
    const struct loss_function *loss = &loss_functions[network->loss];
    loss->rows(&rows);
    if (loss->fused == ACTIVATION_UNSET) {
        const struct network_layer *output = &network->layers[last];
        activation_functions[output->activation].backward(
            (struct activation_block){tile.rows, outputs, outputs}, gradient, rows.Z, rows.A,
            gradient, output->alpha);
    }
    pass->loss_partials[number] = rows.loss_sum;
    pass->hit_partials[number] = rows.hits;
}

/* --- backward -------------------------------------------------------------- */

VECTORISED
static double squared_norm(size_t count, const float *numbers) {
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            const double number = (double)numbers[i + lane];
            lanes[lane] += number * number;
        }
    }
    for (size_t lane = 0; i < count; i++, lane++) {
        lanes[lane] += (double)numbers[i] * (double)numbers[i];
    }
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        sum += lanes[lane];
    }
    return sum;
}

VECTORISED
static void add_rows(size_t rows, size_t count, const float *row, size_t stride, float *sum) {
    for (size_t r = 0; r < rows; r++, row += stride) {
        INDEPENDENT
        for (size_t i = 0; i < count; i++) {
            sum[i] += row[i];
        }
    }
}

/* db = Σ dZ over the rows, for the units of a tile; returns its squared norm.  A
 * bias before batch normalisation shifts z and μ alike: its derivative is 0, which
 * the sum would only come near to, and an optimiser that divides by the gradient's
 * size would make something of the rest. */
static double bias_gradient(struct pass *pass, size_t l, const struct tile *tile) {
    const struct network_layer *layer = &pass->network->layers[l];
    const float *dZ = layer_delta(pass, l) + tile->row;
    float *db = pass->gradient + layer->biases + tile->row;
    memset(db, 0, tile->rows * sizeof *db);
    if (layer->normalization != NORMALIZATION_BATCH) {
        add_rows(pass->batch.rows, tile->rows, dZ, layer->out, db);
    }
    return squared_norm(tile->rows, db);
}

static void update(struct pass *pass, size_t begin, size_t count) {
    const struct pass_state *state = &pass->state;
    optimizer_functions[pass->settings.optimizer->optimizer].update(
        &pass->optimizer_step, count, pass->gradient + begin, state->from + begin,
        state->into + begin, state->first != NULL ? state->first + begin : NULL,
        state->second != NULL ? state->second + begin : NULL);
}

/* dW = dZᵀ·A for a tile of dW [out × in]; db for its units by the tile that has
 * the first column.  The note's (iii) and (iv); the average over the batch is
 * already in dZ. */
static void run_weight_gradient(struct pass *pass, size_t l, size_t number) {
    const struct network_layer *layer = &pass->network->layers[l];
    const struct tile tile = grid_tile(&pass->layers[l].weight_gradient, number);
    const float *dZ = layer_delta(pass, l) + tile.row;
    const size_t corner = layer->weights + tile.row * layer->in + tile.column;
    float *dW = pass->gradient + corner;
    layer_product_weight_gradient(pass->batch.rows, tile.columns, tile.rows, dZ, layer->out,
                                  layer_input(pass, l) + tile.column, layer->in, dW, layer->in);
    /* Whole rows lie behind each other. */
    const size_t runs = tile.columns == layer->in ? 1 : tile.rows;
    const size_t count = tile.rows * tile.columns / runs;
    double norm = 0;
    for (size_t run = 0; run < runs; run++) {
        norm += squared_norm(count, dW + run * layer->in);
        if (pass->updates_early) {
            update(pass, corner + run * layer->in, count);
        }
    }
    if (tile.column == 0) {
        norm += bias_gradient(pass, l, &tile);
    }
    pass->layers[l].norm_partials[number] = norm;
}

/* The note's (ii): dZ[l-1] = (dZ[l]·W[l]) ⊙ f'(Z[l-1]), dropout between them; of a
 * normalised layer that is dY. */
static void run_input_gradient(struct pass *pass, size_t l, size_t number) {
    const struct network_layer *layer = &pass->network->layers[l];
    const struct network_layer *below = &pass->network->layers[l - 1];
    const struct pass_layer *below_own = &pass->layers[l - 1];
    const struct tile tile = grid_tile(&pass->layers[l].input_gradient, number);
    const size_t corner = tile.row * layer->in + tile.column;
    float *dA = layer_delta(pass, l - 1) + corner;
    const struct activation_block block = {tile.rows, tile.columns, layer->in};
    layer_product_input_gradient(
        tile.rows, tile.columns, layer->out, layer_delta(pass, l) + tile.row * layer->out,
        layer->out, pass->state.from + layer->weights + tile.column, layer->in, dA, layer->in);
    if (below->dropout > 0) {
        const struct dropout dropout = layer_dropout(pass, l - 1);
        dropout_apply(&dropout, tile.row, tile.column, block, dA, dA);
    }
    activation_functions[below->activation].backward(block, dA, below_own->Z + corner,
                                                     below_own->A + corner, dA, below->alpha);
}

static size_t input_gradient_tiles(const struct pass *pass, size_t l) {
    const struct grid *grid = &pass->layers[l].input_gradient;
    return l > 0 ? grid_tiles(grid) : 0;
}

/* The first tiles of dW come first and its last ones last: two threads that take tiles from
 * the two ends then have those weights in their caches that they had in the forward
 * product and will have in the update. */
static void run_backward(struct pass *pass, size_t l, size_t number) {
    const size_t weight_tiles = grid_tiles(&pass->layers[l].weight_gradient);
    const size_t first = weight_tiles / 2;
    const size_t input_tiles = input_gradient_tiles(pass, l);
    if (number < first) {
        run_weight_gradient(pass, l, number);
    } else if (number < first + input_tiles) {
        run_input_gradient(pass, l, number - first);
    } else {
        run_weight_gradient(pass, l, number - input_tiles);
    }
}

/* dγ and dβ of some units.  Statistics that would not fit the moving ones, which
 * are float32, make the norm infinite: the batch is diverged. */
static void run_normalization_sums(struct pass *pass, size_t l, size_t number) {
    const struct network_layer *layer = &pass->network->layers[l];
    const struct pass_layer *own = &pass->layers[l];
    const struct tile tile = grid_tile(&own->units, number);
    float *dbeta = pass->gradient + layer->betas + tile.row;
    float *dgamma = pass->gradient + layer->gammas + tile.row;
    normalization_sums((struct activation_block){pass->batch.rows, tile.rows, layer->out},
                       layer_delta(pass, l) + tile.row, own->X + tile.row, own->dy_sum + tile.row,
                       own->dyx_sum + tile.row, dbeta, dgamma);
    double norm = squared_norm(tile.rows, dbeta) + squared_norm(tile.rows, dgamma);
    for (size_t j = tile.row; own->variance != NULL && j < tile.row + tile.rows; j++) {
        if (!(own->variance[j] <= (double)FLT_MAX)) {
            norm = INFINITY;
        }
    }
    own->norm_partials[grid_tiles(&own->weight_gradient) + number] = norm;
}

/* dY becomes dZ, for some rows. */
static void run_normalization_gradient(struct pass *pass, size_t l, size_t number) {
    const struct network_layer *layer = &pass->network->layers[l];
    const struct pass_layer *own = &pass->layers[l];
    const struct tile tile = grid_tile(&own->rows, number);
    const float *gamma = pass->state.from + layer->gammas;
    const float *X = own->X + tile.row * layer->out;
    float *D = layer_delta(pass, l) + tile.row * layer->out;
    const struct activation_block block = {tile.rows, layer->out, layer->out};
    if (layer->normalization == NORMALIZATION_BATCH) {
        normalization_batch_backward(block, pass->batch.rows, own->dy_sum, own->dyx_sum,
                                     own->inverse, gamma, X, D);
    } else {
        normalization_layer_backward(block, own->inverse + tile.row, gamma, X, D);
    }
}

/* --- update ---------------------------------------------------------------- */

static void move_statistics(struct pass *pass, size_t number) {
    const struct tile tile = grid_tile(&pass->moving, number);
    const size_t begin = pass->network->parameter_floats + tile.row;
    normalization_move(tile.rows, pass->batch_statistics + tile.row, pass->state.from + begin,
                       pass->state.into + begin);
}

/* Can a tile of dW, whose gradient is in the cache, write its new weights at once?  Only
 * into another version, and without the optimiser's slots: the batch may turn out to be
 * diverged.  And not where the norm of all gradients decides about each. */
static bool can_update_early(const struct pass *pass) {
    const struct pass_state *state = &pass->state;
    return state->from != state->into && state->first == NULL && state->second == NULL &&
           !(pass->settings.optimizer->clip_norm > 0);
}

/* What lies behind the weights of a layer, up to the next one's: biases, γ and β. */
static void update_rest_of_layer(struct pass *pass, size_t l) {
    const struct network *network = pass->network;
    const struct network_layer *layer = &network->layers[l];
    const size_t begin = layer->weights + layer->in * layer->out;
    const size_t end =
        l + 1 < network->layer_count ? network->layers[l + 1].weights : network->parameter_floats;
    update(pass, begin, end - begin);
}

static size_t update_tiles(const struct pass *pass) {
    return pass->updates_early ? pass->network->layer_count : grid_tiles(&pass->update);
}

static void run_update(struct pass *pass, size_t layer, size_t number) {
    (void)layer;
    const size_t parameter_tiles = update_tiles(pass);
    if (number >= parameter_tiles) {
        move_statistics(pass, number - parameter_tiles);
    } else if (pass->updates_early) {
        update_rest_of_layer(pass, number);
    } else {
        const struct tile tile = grid_tile(&pass->update, number);
        update(pass, tile.row, tile.rows);
    }
}

/* --- phases ---------------------------------------------------------------- */

static void clear_rest_of_line(float *numbers, size_t end) {
    memset(numbers + end, 0, (network_whole_lines(end) - end) * sizeof *numbers);
}

static void clear_rest_of_statistics(double *statistics, size_t units) {
    memset(statistics + units, 0, (network_whole_lines(units) - units) * sizeof *statistics);
}

/* Padding between the tensors is no tile's: make it 0 once, so that the update
 * can run over it. */
static void clear_padding(struct pass *pass) {
    const struct network *network = pass->network;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        clear_rest_of_line(pass->gradient, layer->weights + layer->in * layer->out);
        clear_rest_of_line(pass->gradient, layer->biases + layer->out);
        if (is_normalized(pass, l)) {
            clear_rest_of_line(pass->gradient, layer->gammas + layer->out);
            clear_rest_of_line(pass->gradient, layer->betas + layer->out);
        }
        if (layer->normalization == NORMALIZATION_BATCH) {
            clear_rest_of_statistics(pass->layers[l].mean, layer->out);
            clear_rest_of_statistics(pass->layers[l].variance, layer->out);
        }
    }
}

static void add_phase(struct pass *pass, void (*run)(struct pass *, size_t, size_t), size_t layer,
                      size_t tiles) {
    pass->phases[pass->phase_count++] = (struct phase){run, layer, tiles};
}

void pass_begin(struct pass *pass, const struct network *network, const struct pass_batch *batch,
                const struct pass_settings *settings, const struct pass_state *state,
                void *scratch) {
    pass->network = network;
    pass->batch.rows = batch->rows;
    pass_lay_out(pass, scratch);
    clear_padding(pass);
    pass_begin_again(pass, batch, settings, state);
}

void pass_begin_again(struct pass *pass, const struct pass_batch *batch,
                      const struct pass_settings *settings, const struct pass_state *state) {
    const struct network *network = pass->network;
    pass->batch = *batch;
    pass->settings = *settings;
    pass->state = *state;
    pass->phase_count = 0;
    pass->result = (struct pass_result){0};
    pass->updates_early = can_update_early(pass);
    if (pass->updates_early) {
        pass->optimizer_step = optimizer_prepare(settings->optimizer, state->step, 0);
    }
    pass->inputs = network->standardize ? pass->standardized : batch->inputs;
    if (network->standardize) {
        state->standardizer_into->count = state->standardizer_from->count + batch->rows;
        add_phase(pass, run_statistics, 0, grid_tiles(&pass->statistics));
        add_phase(pass, run_standardize, 0, grid_tiles(&pass->row_grid));
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct pass_layer *layer = &pass->layers[l];
        add_phase(pass, run_forward, l, grid_tiles(&layer->forward));
        if (network->layers[l].normalization == NORMALIZATION_BATCH) {
            add_phase(pass, run_batch_statistics, l, grid_tiles(&layer->units));
        }
        if (is_normalized(pass, l)) {
            add_phase(pass, run_normalize, l, grid_tiles(&layer->rows));
        }
    }
    add_phase(pass, run_loss, 0, grid_tiles(&pass->row_grid));
    pass->first_backward = pass->phase_count;
    for (size_t l = network->layer_count; l-- > 0;) {
        add_phase(pass, run_backward, l,
                  grid_tiles(&pass->layers[l].weight_gradient) + input_gradient_tiles(pass, l));
        if (l > 0 && is_normalized(pass, l - 1)) {
            add_phase(pass, run_normalization_sums, l - 1, grid_tiles(&pass->layers[l - 1].units));
            add_phase(pass, run_normalization_gradient, l - 1,
                      grid_tiles(&pass->layers[l - 1].rows));
        }
    }
    add_phase(pass, run_update, 0, update_tiles(pass) + grid_tiles(&pass->moving));
}

size_t pass_phase_tiles(const struct pass *pass, size_t phase) {
    return pass->phases[phase].tiles;
}

void pass_run_tile(struct pass *pass, size_t phase, size_t tile) {
    pass->phases[phase].run(pass, pass->phases[phase].layer, tile);
}

static double sum_in_order(size_t count, const double *partials) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += partials[i];
    }
    return sum;
}

/* The loss is known; false when it is not finite. */
static bool judge_loss(struct pass *pass) {
    const struct network *network = pass->network;
    const size_t tiles = grid_tiles(&pass->row_grid);
    const double rows = (double)pass->batch.rows;
    pass->result.loss = sum_in_order(tiles, pass->loss_partials) / rows;
    const size_t decisions = loss_decisions_per_row(network->loss, network->outputs);
    pass->result.accuracy =
        loss_functions[network->loss].classifies
            ? sum_in_order(tiles, pass->hit_partials) / (rows * (double)decisions)
            : NAN;
    return isfinite(pass->result.loss);
}

/* The gradients are known; false when they are not finite (or so large that a
 * squared one would not fit a float32). */
static bool judge_gradients(struct pass *pass) {
    const double norm = sum_in_order(pass->norm_count, pass->norm_partials);
    if (!(norm <= (double)FLT_MAX)) {
        return false;
    }
    pass->optimizer_step = optimizer_prepare(pass->settings.optimizer, pass->state.step, norm);
    return true;
}

bool pass_end_phase(struct pass *pass, size_t phase) {
    bool finite = true;
    if (phase + 1 == pass->first_backward) {
        finite = judge_loss(pass);
    } else if (phase + 2 == pass->phase_count) {
        finite = judge_gradients(pass);
    }
    pass->result.diverged = !finite;
    return finite && phase + 1 < pass->phase_count;
}

void pass_run(struct pass *pass) {
    size_t phase = 0;
    do {
        const size_t tiles = pass_phase_tiles(pass, phase);
        for (size_t tile = 0; tile < tiles; tile++) {
            pass_run_tile(pass, phase, tile);
        }
    } while (pass_end_phase(pass, phase++));
}

/* Predicting and answering turns; see predictor.h. */
#include "core/engine/predictor.h"

#include <math.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/engine/first_weights.h"
#include "core/maths/product.h"

/* --- reading weights ----------------------------------------------------------- */

static struct weights *acquire(struct model *model) {
    pthread_mutex_lock(&model->lock);
    struct weights *weights = weights_acquire(&model->weights);
    pthread_mutex_unlock(&model->lock);
    return weights;
}

static void release(struct model *model, struct weights *weights) {
    pthread_mutex_lock(&model->lock);
    if (weights_release(weights)) {
        pthread_cond_signal(&model->readers_left);
    }
    pthread_mutex_unlock(&model->lock);
}

/* --- predicting turns ------------------------------------------------------------ */

/* Rows of several requests that are computed side by side. */
#define GATHER_ROWS 64
#define GATHER_FLOATS 262144

struct gathering {
    size_t rows_max;
    float *inputs, *outputs, *scratch;
};

static size_t gather_rows(const struct network *network) {
    const size_t blocks = size_min(GATHER_ROWS, GATHER_FLOATS / network->widest);
    return size_max(blocks, network->block_rows);
}

size_t predictor_scratch_bytes(const struct network *network) {
    /* block_rows may not be known yet; it is at most the maximum. */
    const size_t rows = size_max(gather_rows(network), PRODUCT_BLOCK_ROWS_MAX);
    return (rows * (network->inputs + network->outputs) + network_predict_scratch(network)) *
           sizeof(float);
}

static bool check_finite(struct query *query) {
    const size_t outputs = query->model->network.outputs;
    const float *numbers = (const float *)query->outputs.data;
    for (size_t i = 0; i < query->examples.rows * outputs; i++) {
        if (!isfinite(numbers[i])) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/inputs/%zu", i / outputs);
            error_set(&query->error, ERROR_INVALID, pointer,
                      "the prediction for row %zu overflows float32; smaller inputs do not",
                      i / outputs);
            return false;
        }
    }
    return true;
}

/* Where the losses of rows are asked for, each has to be a number. */
static bool check_losses_finite(struct query *query) {
    const float *losses = query->evaluation.row_losses;
    for (size_t i = 0; losses != NULL && i < query->examples.rows; i++) {
        if (!isfinite(losses[i])) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/inputs/%zu", i);
            error_set(&query->error, ERROR_INVALID, pointer,
                      "the loss of row %zu overflows float32; inputs and targets that lie closer "
                      "do not",
                      i);
            return false;
        }
    }
    return true;
}

static void predict_alone(const struct network *network, const struct weights *weights,
                          struct query *query, float *scratch) {
    network_predict(network, weights->parameters, weights_standardizer(weights, network), false,
                    query->examples.rows, (const float *)query->examples.inputs.data,
                    (float *)query->outputs.data, scratch);
}

/* The queries from `first` up to `end` share the gathered rows. */
static void predict_together(const struct network *network, const struct weights *weights,
                             struct query *first, const struct query *end, size_t rows,
                             const struct gathering *gathering) {
    float *input = gathering->inputs;
    for (struct query *query = first; query != end; query = query->next) {
        memcpy(input, query->examples.inputs.data, query->examples.inputs.used);
        input += query->examples.rows * network->inputs;
    }
    network_predict(network, weights->parameters, weights_standardizer(weights, network), false,
                    rows, gathering->inputs, gathering->outputs, gathering->scratch);
    const float *output = gathering->outputs;
    for (struct query *query = first; query != end; query = query->next) {
        memcpy(query->outputs.data, output, query->outputs.used);
        output += query->examples.rows * network->outputs;
    }
}

/* Those that ask a version of their own are computed one by one. */
static void predict_list(const struct network *network, const struct weights *weights,
                         struct query *list, const struct gathering *gathering) {
    while (list != NULL) {
        struct query *first = list;
        size_t rows = 0, queries = 0;
        if (first->numbers != NULL) {
            predict_alone(network, &first->copy, first, gathering->scratch);
            list = first->next;
            continue;
        }
        while (list != NULL && list->numbers == NULL &&
               rows + list->examples.rows <= gathering->rows_max) {
            rows += list->examples.rows;
            queries++;
            list = list->next;
        }
        if (queries > 1) {
            predict_together(network, weights, first, list, rows, gathering);
        } else {
            predict_alone(network, weights, first, gathering->scratch);
            list = first->next;
        }
    }
}

/* What may be answered in this turn: all that has gathered, up to a turn's worth
 * of rows, the first in any case. */
static struct query *take_prompt_queries(struct model *model, size_t rows_max, bool *more) {
    pthread_mutex_lock(&model->lock);
    struct query_queue taken = {0};
    size_t rows = 0;
    while (model->prompt_queries.first != NULL &&
           (taken.first == NULL || rows + model->prompt_queries.first->examples.rows <= rows_max)) {
        struct query *query = query_queue_pop(&model->prompt_queries);
        rows += query->examples.rows;
        query_queue_push(&taken, query);
    }
    *more = model->prompt_queries.first != NULL;
    pthread_mutex_unlock(&model->lock);
    return taken.first;
}

void predictor_compute(struct model *model, struct query *list, void *scratch,
                       struct worker_statistics *statistics) {
    const struct network *network = &model->network;
    struct gathering gathering = {.rows_max = gather_rows(network), .inputs = scratch};
    gathering.outputs = gathering.inputs + gathering.rows_max * network->inputs;
    gathering.scratch = gathering.outputs + gathering.rows_max * network->outputs;

    struct weights *weights = acquire(model);
    const uint64_t step = weights->step;
    predict_list(network, weights, list, &gathering);
    release(model, weights);
    for (struct query *query = list; query != NULL; query = query->next) {
        query->step = query->numbers != NULL ? query->copy.step : step;
        if (check_finite(query)) {
            statistics_count_prediction(statistics, query->examples.rows);
        }
    }
}

void predictor_predicting_turn(struct worker *worker, struct model *model) {
    const struct network *network = &model->network;
    void *scratch = worker_scratch(worker, TURN_PREDICTING, predictor_scratch_bytes(network));
    bool more;
    struct query *list = take_prompt_queries(model, gather_rows(network), &more);
    if (more) {
        scheduler_list(worker->scheduler, model, TURN_PREDICTING);
    }
    predictor_compute(model, list, scratch, &worker->statistics);
    while (list != NULL) {
        struct query *query = list;
        list = query->next;
        model_finish_query(query);
    }
}

/* --- answering turns --------------------------------------------------------------- */

/* Rows between two looks for predictions. */
#define PIECE_WORK 32000000
#define HASH_PIECE_FLOATS 262144

static void let_predictions_in(void *context) {
    scheduler_serve_predictions(context);
}

static void copy_weights(struct worker *worker, struct model *model, struct query *query) {
    query->step = query->copy.step;
    if (query->numbers != NULL) {
        return; /* they stand as they are */
    }
    struct weights *weights = acquire(model);
    weights_copy(&query->copy, weights, &model->network,
                 (struct pause){let_predictions_in, worker});
    release(model, weights);
    query->step = query->copy.step;
}

static void predict_in_pieces(struct worker *worker, struct query *query, bool logits) {
    const struct network *network = &query->model->network;
    const size_t row_work = network_forward_work(network) + 1000;
    const size_t piece =
        size_max(PIECE_WORK / row_work / network->block_rows, 1) * network->block_rows;
    float *scratch = worker_scratch(worker, TURN_ANSWERING, predictor_scratch_bytes(network));
    for (size_t r = 0; r < query->examples.rows; r += piece) {
        network_predict(network, query->copy.parameters,
                        weights_standardizer(&query->copy, network), logits,
                        size_min(piece, query->examples.rows - r),
                        (const float *)query->examples.inputs.data + r * network->inputs,
                        (float *)query->outputs.data + r * network->outputs, scratch);
        scheduler_serve_predictions(worker);
    }
}

static void evaluate(struct worker *worker, struct query *query) {
    const struct network *network = &query->model->network;
    predict_in_pieces(worker, query, network_loss_takes_logits(network));
    if (!check_finite(query)) {
        return;
    }
    const struct pass_batch batch = examples_as_batch(&query->examples, 0, query->examples.rows);
    evaluation_compute(&query->evaluation, network, &query->evaluation_request, &batch,
                       (float *)query->outputs.data, query->workspace.data,
                       (struct pause){let_predictions_in, worker});
    check_losses_finite(query);
}

/* float32 little-endian, layer by layer, no padding: W [out × in], b [out], and γ
 * and β [out] where the layer is normalised. */
static void hash_floats(struct worker *worker, struct sha256_ctx *hash, const float *numbers,
                        size_t count) {
    for (size_t i = 0; i < count; i += HASH_PIECE_FLOATS) {
        const size_t piece = size_min(HASH_PIECE_FLOATS, count - i);
        sha256_update(hash, piece * sizeof *numbers, (const uint8_t *)(numbers + i));
        scheduler_serve_predictions(worker);
    }
}

static void hash_weights(struct worker *worker, struct query *query) {
    const struct network *network = &query->model->network;
    struct sha256_ctx hash;
    sha256_init(&hash);
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        hash_floats(worker, &hash, query->copy.parameters + layer->weights, layer->in * layer->out);
        hash_floats(worker, &hash, query->copy.parameters + layer->biases, layer->out);
        if (layer->normalization != NORMALIZATION_NONE) {
            hash_floats(worker, &hash, query->copy.parameters + layer->gammas, layer->out);
            hash_floats(worker, &hash, query->copy.parameters + layer->betas, layer->out);
        }
    }
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(query->weights_hash + 2 * i, 3, "%02x", digest[i]);
    }
}

/* The first weights of a model that nobody can find yet. */
static void initialize(struct worker *worker, struct model *model) {
    float *rows = worker_scratch(worker, TURN_ANSWERING, predictor_scratch_bytes(&model->network));
    first_weights_make(model, model->initial, rows, (struct pause){let_predictions_in, worker});
    state_release(model->initial);
    model->initial = NULL;
}

void predictor_answering_turn(struct worker *worker, struct model *model) {
    pthread_mutex_lock(&model->lock);
    struct query *query = query_queue_pop(&model->long_queries);
    const bool more = model->long_queries.first != NULL;
    pthread_mutex_unlock(&model->lock);
    if (query == NULL) {
        return;
    }
    if (more) {
        scheduler_list(worker->scheduler, model, TURN_ANSWERING);
    }
    if (query->kind != QUERY_INITIALIZATION) {
        copy_weights(worker, model, query);
    }
    switch (query->kind) {
    case QUERY_INITIALIZATION:
        initialize(worker, model);
        break;
    case QUERY_PREDICTION:
        predict_in_pieces(worker, query, false);
        if (check_finite(query)) {
            statistics_count_prediction(&worker->statistics, query->examples.rows);
        }
        break;
    case QUERY_EVALUATION:
        evaluate(worker, query);
        break;
    case QUERY_WEIGHTS_HASH:
        hash_weights(worker, query);
        break;
    }
    model_finish_query(query);
}

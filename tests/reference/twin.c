/* Two networks side by side; see twin.h. */
#include "tests/reference/twin.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/maths/dropout.h"

float twin_random(uint64_t *state) {
    /* Knuth's MMIX generator; the upper bits are good enough. */
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(*state >> 40) * 0x1p-23f - 1.0f;
}

static void make_reference(struct twin *twin) {
    const struct specification *s = &twin->specification;
    const struct optimizer_settings *o = &s->optimizer;
    twin->reference = (struct reference_network){
        .layer_count = s->layer_count,
        .loss = loss_functions[s->loss].name,
        .huber_delta = s->huber_delta,
        .diagonal = s->output_delta == OUTPUT_DELTA_DIAGONAL,
    };
    for (size_t l = 0; l < s->layer_count; l++) {
        twin->reference.layers[l] = (struct reference_layer){
            .in = twin->network.layers[l].in,
            .out = twin->network.layers[l].out,
            .activation = activation_functions[s->layers[l].activation].name,
            .alpha = s->layers[l].alpha,
            .normalization = s->layers[l].normalization == NORMALIZATION_NONE
                                 ? NULL
                                 : normalization_kinds[s->layers[l].normalization].name,
            .moving_mean = calloc(s->layers[l].units, sizeof(double)),
            .moving_variance = calloc(s->layers[l].units, sizeof(double)),
        };
        for (size_t j = 0; j < s->layers[l].units; j++) {
            twin->reference.layers[l].moving_variance[j] = 1;
        }
    }
    twin->optimizer = (struct reference_optimizer){
        .name = optimizer_functions[o->optimizer].name,
        .nesterov = o->nesterov,
        .learning_rate = o->learning_rate,
        .momentum = o->momentum,
        .rho = o->rho,
        .beta_1 = o->beta_1,
        .beta_2 = o->beta_2,
        .epsilon = o->epsilon,
        .weight_decay = o->weight_decay,
        .clip_norm = o->clip_norm,
        .clip_value = o->clip_value,
        .schedule = schedule_functions[o->schedule.schedule].name,
        .decay_rate = o->schedule.decay_rate,
        .decay_steps = (double)o->schedule.decay_steps,
        .alpha = o->schedule.alpha,
        .warmup_steps = (double)o->schedule.warmup_steps,
    };
    const size_t count = reference_parameters(&twin->reference);
    twin->weights = calloc(count, sizeof *twin->weights);
    twin_compact(twin, twin->parameters, twin->weights);
    for (int i = 0; i < 2; i++) {
        twin->slots[i] = calloc(count, sizeof *twin->slots[i]);
    }
    for (size_t i = 0; i < count && o->optimizer == OPTIMIZER_ADAGRAD; i++) {
        twin->slots[0][i] = o->initial_accumulator_value;
    }
    twin->reference_standardizer = (struct reference_standardizer){
        .features = s->inputs,
        .mean = calloc(s->inputs, sizeof(double)),
        .m2 = calloc(s->inputs, sizeof(double)),
    };
}

static float *make_slot(const struct twin *twin, size_t number) {
    const struct optimizer_settings *o = &twin->specification.optimizer;
    if (optimizer_functions[o->optimizer].slots(o) <= number) {
        return NULL;
    }
    float *slot = memory_allocate(twin->network.parameter_floats, sizeof *slot);
    for (size_t i = 0; i < twin->network.parameter_floats; i++) {
        slot[i] = optimizer_initial_slot(o);
    }
    return slot;
}

void twin_create(struct twin *twin, const struct specification *specification) {
    memset(twin, 0, sizeof *twin);
    twin->specification = *specification;
    twin->specification.layers =
        memory_allocate(specification->layer_count, sizeof *specification->layers);
    memcpy(twin->specification.layers, specification->layers,
           specification->layer_count * sizeof *specification->layers);
    struct error error;
    ck_assert_msg(specification_complete(&twin->specification, &error) == ERROR_NONE,
                  "the specification was refused: %s: %s", error.pointer, error.message);
    struct network *network = &twin->network;
    network_layout(network, &twin->specification, twin->layers);
    twin->parameters = memory_allocate(network->version_floats, sizeof *twin->parameters);
    network_initialize(network, &twin->specification, twin->parameters, (struct pause){0});
    uint64_t random = 12345;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct network_layer *layer = &network->layers[l];
        for (size_t j = 0; j < layer->out; j++) {
            twin->parameters[layer->biases + j] = 0.1f * twin_random(&random);
            if (layer->normalization != NORMALIZATION_NONE) {
                twin->parameters[layer->gammas + j] += 0.5f * twin_random(&random);
                twin->parameters[layer->betas + j] = 0.1f * twin_random(&random);
            }
        }
    }
    twin->first = make_slot(twin, 0);
    twin->second = make_slot(twin, 1);
    for (int i = 0; i < 2; i++) {
        twin->standardizers[i] = (struct standardizer){
            .features = network->inputs,
            .mean = memory_allocate_zero(network->inputs, sizeof(double)),
            .m2 = memory_allocate_zero(network->inputs, sizeof(double)),
            .scale = memory_allocate_zero(network->inputs, sizeof(double)),
        };
    }
    make_reference(twin);
}

static void free_batch(struct twin *twin) {
    free((void *)twin->batch.inputs);
    free((void *)twin->batch.targets);
    free((void *)twin->batch.sample_weights);
    free((void *)twin->batch.class_weights);
    twin->batch = (struct reference_batch){0};
    for (size_t l = 0; l < REFERENCE_LAYERS_MAX; l++) {
        free(twin->masks[l]);
        twin->masks[l] = NULL;
    }
}

void twin_destroy(struct twin *twin) {
    free_batch(twin);
    memory_free(twin->parameters);
    memory_free(twin->first);
    memory_free(twin->second);
    memory_free(twin->scratch);
    for (int i = 0; i < 2; i++) {
        memory_free(twin->standardizers[i].mean);
        memory_free(twin->standardizers[i].m2);
        memory_free(twin->standardizers[i].scale);
        free(twin->slots[i]);
    }
    for (size_t l = 0; l < twin->reference.layer_count; l++) {
        free(twin->reference.layers[l].moving_mean);
        free(twin->reference.layers[l].moving_variance);
    }
    free(twin->weights);
    free(twin->reference_standardizer.mean);
    free(twin->reference_standardizer.m2);
    specification_free(&twin->specification);
}

struct pass_result twin_run(struct twin *twin, const struct pass_batch *batch) {
    const struct specification *s = &twin->specification;
    const struct pass_settings settings = {&s->optimizer, s->class_weights, s->output_delta,
                                           s->seed};
    const struct pass_state state = {
        .step = twin->step,
        .from = twin->parameters,
        .into = twin->parameters,
        .standardizer_from = s->standardize ? &twin->standardizers[0] : NULL,
        .standardizer_into = s->standardize ? &twin->standardizers[1] : NULL,
        .first = twin->first,
        .second = twin->second,
    };
    memory_free(twin->scratch);
    twin->scratch = memory_allocate(pass_scratch_bytes(&twin->network, batch->rows), 1);
    pass_begin(&twin->pass, &twin->network, batch, &settings, &state, twin->scratch);
    pass_run(&twin->pass);
    if (!twin->pass.result.diverged) {
        twin->step++;
        const struct standardizer before = twin->standardizers[0];
        twin->standardizers[0] = twin->standardizers[1];
        twin->standardizers[1] = before;
    }
    return twin->pass.result;
}

static double *widen(const float *from, size_t count) {
    double *to = from != NULL ? malloc(count * sizeof *to) : NULL;
    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = (double)from[i];
    }
    return to;
}

/* The mask is what dropout makes of ones; test_dropout.c says what it must be. */
static double *make_mask(const struct twin *twin, size_t l, size_t rows) {
    const size_t units = twin->network.layers[l].out;
    const struct dropout dropout = {
        {twin->specification.seed, twin->step, random_stream(RANDOM_DROPOUT, (uint32_t)l)},
        units,
        twin->network.layers[l].dropout};
    float *ones = malloc(rows * units * sizeof *ones);
    for (size_t i = 0; i < rows * units; i++) {
        ones[i] = 1.0f;
    }
    dropout_apply(&dropout, 0, 0, (struct activation_block){rows, units, units}, ones, ones);
    double *mask = widen(ones, rows * units);
    free(ones);
    return mask;
}

void twin_reference(struct twin *twin, const struct pass_batch *batch) {
    free_batch(twin);
    const size_t rows = batch->rows;
    double *inputs = widen(batch->inputs, rows * twin->network.inputs);
    if (twin->specification.standardize) {
        reference_standardize(&twin->reference_standardizer, rows, inputs, inputs);
    }
    twin->batch = (struct reference_batch){
        .rows = rows,
        .inputs = inputs,
        .labels = batch->labels,
        .targets = widen(batch->targets, rows * twin->network.outputs),
        .sample_weights = widen(batch->sample_weights, rows),
        .class_weights =
            widen(twin->specification.class_weights, specification_classes(&twin->specification)),
    };
    for (size_t l = 0; l < twin->network.layer_count; l++) {
        twin->masks[l] = twin->network.layers[l].dropout > 0 ? make_mask(twin, l, rows) : NULL;
        twin->reference.layers[l].mask = twin->masks[l];
    }
}

double twin_reference_run(struct twin *twin, const struct pass_batch *batch) {
    twin_reference(twin, batch);
    const size_t count = reference_parameters(&twin->reference);
    double *gradient = malloc(count * sizeof *gradient);
    const double loss = reference_gradient(&twin->reference, twin->weights, &twin->batch, gradient);
    reference_move(&twin->reference, twin->weights, &twin->batch);
    reference_step(&twin->optimizer, twin->step, count, gradient, twin->weights, twin->slots[0],
                   twin->slots[1]);
    free(gradient);
    return loss;
}

static double *widen_to(double *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] = (double)from[i];
    }
    return to + count;
}

void twin_compact(const struct twin *twin, const float *from, double *to) {
    for (size_t l = 0; l < twin->network.layer_count; l++) {
        const struct network_layer *layer = &twin->network.layers[l];
        to = widen_to(to, from + layer->weights, layer->in * layer->out);
        to = widen_to(to, from + layer->biases, layer->out);
        if (layer->normalization != NORMALIZATION_NONE) {
            to = widen_to(to, from + layer->gammas, layer->out);
            to = widen_to(to, from + layer->betas, layer->out);
        }
    }
}

/* ‖found - wanted‖ over ‖wanted‖, or over `least` where that is more. */
static double tensor_error(size_t count, const double *found, const double *wanted, double least) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (found[i] - wanted[i]) * (found[i] - wanted[i]);
        size += wanted[i] * wanted[i];
    }
    if (difference == 0) {
        return 0;
    }
    const double error = sqrt(difference) / fmax(sqrt(size), least);
    return isnan(error) ? INFINITY : error;
}

double twin_worst_error(const struct twin *twin, const double *found, const double *wanted) {
    double size = 0;
    for (size_t i = 0; i < reference_parameters(&twin->reference); i++) {
        size += wanted[i] * wanted[i];
    }
    const double least = 1e-3 * sqrt(size);
    double worst = 0;
    for (size_t l = 0; l < twin->network.layer_count; l++) {
        const size_t weights = reference_weights(&twin->reference, l);
        const size_t count = twin->network.layers[l].in * twin->network.layers[l].out;
        const size_t biases = weights + count;
        worst = fmax(worst, tensor_error(count, found + weights, wanted + weights, least));
        const size_t out = twin->network.layers[l].out;
        const size_t tensors = twin->reference.layers[l].normalization != NULL ? 3 : 1;
        for (size_t t = 0; t < tensors; t++) {
            const size_t begin = biases + t * out; /* b, γ, β */
            worst = fmax(worst, tensor_error(out, found + begin, wanted + begin, least));
        }
    }
    return worst;
}

double twin_moving_error(const struct twin *twin) {
    double worst = 0;
    for (size_t l = 0; l < twin->network.layer_count; l++) {
        const struct network_layer *layer = &twin->network.layers[l];
        const struct reference_layer *reference = &twin->reference.layers[l];
        double *found = malloc(2 * layer->out * sizeof *found);
        if (layer->normalization == NORMALIZATION_BATCH) {
            widen_to(found, twin->parameters + layer->moving_means, layer->out);
            widen_to(found + layer->out, twin->parameters + layer->moving_variances, layer->out);
            worst = fmax(worst, tensor_error(layer->out, found, reference->moving_mean, 1e-3));
            worst = fmax(
                worst, tensor_error(layer->out, found + layer->out, reference->moving_variance, 0));
        }
        free(found);
    }
    return worst;
}

/* Set-up and fingerprint of the arithmetic; see numerics.h. */
#include "core/maths/numerics.h"

#include <fenv.h>
#include <stdint.h>
#include <stdio.h>
#include <xxhash.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/maths/network.h"
#include "core/maths/pass.h"
#include "core/maths/product.h"

static char fingerprint[NUMERICS_FINGERPRINT_BYTES]; /* written once, by numerics_start */

const char *numerics_fingerprint(void) {
    return fingerprint;
}

/* The register that says what becomes of subnormal numbers. */
static numerics_state read_control(void) {
    numerics_state control = 0;
#if defined(__x86_64__)
    control = _mm_getcsr();
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
#endif
    return control;
}

static void write_control(numerics_state control) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned)control);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
#else
    (void)control;
#endif
}

numerics_state numerics_enter(void) {
    const numerics_state before = read_control();
#if defined(__x86_64__)
    write_control(before | 0x8040); /* flush to zero, denormals are zero */
#elif defined(__aarch64__)
    write_control(before | (1u << 24));
#endif
    return before;
}

void numerics_leave(numerics_state before) {
    write_control(before);
}

void numerics_enter_thread(void) {
    (void)numerics_enter();
    product_warm_thread();
}

/* Two small networks that between them use every activation, both fused losses,
 * both normalisations, dropout, standardisation and two optimisers' elementwise
 * loops. */
static bool sample_specification(int which, struct specification *specification) {
    static const enum activation activations[2][4] = {
        {ACTIVATION_GELU, ACTIVATION_TANH, ACTIVATION_RELU, ACTIVATION_SOFTMAX},
        {ACTIVATION_SILU, ACTIVATION_ELU, ACTIVATION_LEAKY_RELU, ACTIVATION_SIGMOID}};
    static const size_t units[4] = {67, 33, 19, 5};
    specification_init(specification);
    specification->inputs = 29;
    if (!specification_set_layers(specification, 4)) {
        return false;
    }
    for (size_t l = 0; l < 4; l++) {
        specification->layers[l].units = units[l];
        specification->layers[l].activation = activations[which][l];
    }
    specification->layers[0].dropout = 0.25;
    specification->layers[which].normalization = NORMALIZATION_BATCH;
    specification->layers[1 - which].normalization = NORMALIZATION_LAYER;
    specification->standardize = which == 1;
    if (which == 1) {
        optimizer_defaults(&specification->optimizer, OPTIMIZER_RMSPROP);
    }
    return true;
}

enum { SAMPLE_ROWS = 37, SAMPLE_BATCHES = 4 };

/* Everything one sample network trains on and with, in one block. */
struct sample {
    struct network network;
    struct standardizer standardizer;
    float *parameters, *first, *second, *inputs, *targets;
    void *scratch;
    void *block;
};

static bool sample_allocate(struct sample *sample) {
    const struct network *network = &sample->network;
    const size_t scratch = pass_scratch_bytes(network, SAMPLE_ROWS);
    const size_t floats = network->version_floats + 2 * network->parameter_floats +
                          SAMPLE_ROWS * (network->inputs + network->outputs);
    const size_t doubles = 3 * network->inputs;
    sample->block =
        memory_allocate_zero(scratch + doubles * sizeof(double) + floats * sizeof(float), 1);
    if (sample->block == NULL) {
        return false;
    }
    sample->scratch = sample->block;
    sample->standardizer.features = network->inputs;
    sample->standardizer.mean = (double *)((char *)sample->block + scratch);
    sample->standardizer.m2 = sample->standardizer.mean + network->inputs;
    sample->standardizer.scale = sample->standardizer.m2 + network->inputs;
    sample->parameters = (float *)(sample->standardizer.scale + network->inputs);
    sample->first = sample->parameters + network->version_floats;
    sample->second = sample->first + network->parameter_floats;
    sample->inputs = sample->second + network->parameter_floats;
    sample->targets = sample->inputs + SAMPLE_ROWS * network->inputs;
    return true;
}

static void sample_fill(struct sample *sample, uint64_t batch) {
    const struct random_key key = {7, batch, 9};
    const size_t inputs = SAMPLE_ROWS * sample->network.inputs;
    for (size_t i = 0; i < inputs; i++) {
        uint32_t words[4];
        random_block(key, (uint32_t)i, words);
        sample->inputs[i] = 4.0f * random_unit(words[0]) - 2.0f;
    }
    for (size_t r = 0; r < SAMPLE_ROWS; r++) {
        for (size_t o = 0; o < sample->network.outputs; o++) {
            sample->targets[r * sample->network.outputs + o] =
                (r + batch) % sample->network.outputs == o ? 1.0f : 0.0f;
        }
    }
}

static void sample_train(struct sample *sample, const struct specification *specification) {
    network_initialize(&sample->network, specification, sample->parameters, (struct pause){0});
    struct standardizer *standardizer = sample->network.standardize ? &sample->standardizer : NULL;
    for (uint64_t batch = 0; batch < SAMPLE_BATCHES; batch++) {
        sample_fill(sample, batch);
        struct pass pass;
        pass_begin(&pass, &sample->network,
                   &(struct pass_batch){
                       .rows = SAMPLE_ROWS, .inputs = sample->inputs, .targets = sample->targets},
                   &(struct pass_settings){.optimizer = &specification->optimizer,
                                           .seed = specification->seed},
                   &(struct pass_state){.step = batch,
                                        .from = sample->parameters,
                                        .into = sample->parameters,
                                        .standardizer_from = standardizer,
                                        .standardizer_into = standardizer,
                                        .first = sample->first,
                                        .second = sample->second},
                   sample->scratch);
        pass_run(&pass);
    }
}

/* The bits of large products, whose kernels the small networks do not reach. */
static bool hash_products(XXH3_state_t *state) {
    enum { ROWS = 130, IN = 300, OUT = 70 };
    float *space = memory_allocate_zero(2 * ROWS * IN + 2 * OUT * IN + ROWS * OUT, sizeof *space);
    if (space == NULL) {
        return false;
    }
    float *X = space, *dX = X + ROWS * IN;
    float *W = dX + ROWS * IN, *dW = W + OUT * IN, *Z = dW + OUT * IN;
    const struct random_key key = {3, 0, 1};
    for (size_t i = 0; i < ROWS * IN; i++) {
        uint32_t words[4];
        random_block(key, (uint32_t)i, words);
        X[i] = 2.0f * random_unit(words[0]) - 1.0f;
        W[i % (OUT * IN)] = 2.0f * random_unit(words[1]) - 1.0f;
    }
    product_forward(ROWS, IN, OUT, X, IN, W, IN, Z, OUT);
    product_input_gradient(ROWS, IN, OUT, Z, OUT, W, IN, dX, IN);
    product_weight_gradient(ROWS, IN, OUT, Z, OUT, X, IN, dW, IN);
    XXH3_64bits_update(state, Z, ROWS * OUT * sizeof *Z);
    XXH3_64bits_update(state, dX, ROWS * IN * sizeof *dX);
    XXH3_64bits_update(state, dW, OUT * IN * sizeof *dW);
    memory_free(space);
    return true;
}

static bool hash_training(XXH3_state_t *state, int which) {
    struct specification specification;
    struct error error;
    struct sample sample = {0};
    struct network_layer layers[4];
    if (!sample_specification(which, &specification) ||
        specification_complete(&specification, &error) != ERROR_NONE) {
        specification_free(&specification);
        return false;
    }
    network_layout(&sample.network, &specification, layers);
    const bool allocated = sample_allocate(&sample);
    if (allocated) {
        sample_train(&sample, &specification);
        XXH3_64bits_update(state, sample.parameters,
                           sample.network.version_floats * sizeof *sample.parameters);
        memory_free(sample.block);
    }
    specification_free(&specification);
    return allocated;
}

static bool compute_fingerprint(void) {
    XXH3_state_t *state = XXH3_createState();
    const bool hashed = state != NULL && XXH3_64bits_reset(state) == XXH_OK &&
                        hash_products(state) && hash_training(state, 0) && hash_training(state, 1);
    if (hashed) {
        const uint32_t version = PASS_VERSION;
        XXH3_64bits_update(state, &version, sizeof version);
        snprintf(fingerprint, sizeof fingerprint, "%016llx",
                 (unsigned long long)XXH3_64bits_digest(state));
    }
    XXH3_freeState(state);
    return hashed;
}

enum error_code numerics_start(struct error *error) {
    /* Threads inherit the mode, and those that read and write numbers as text must
     * not lose subnormal ones: only while this computes. */
    fenv_t mode;
    fegetenv(&mode);
    (void)numerics_enter();
    enum error_code code = product_start(error);
    if (code == ERROR_NONE && !compute_fingerprint()) {
        code = error_set(error, ERROR_MEMORY, NULL, "no memory for the numerics fingerprint");
    }
    fesetenv(&mode);
    return code;
}

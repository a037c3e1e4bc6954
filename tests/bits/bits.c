/* Prints a hash of the bits that core/maths computes, one line for each part:
 * every elementwise function on fixed inputs with all extremes among them,
 * initialisers, dropout, standardizer, and the weights after 100 batches.
 *
 * compare.sh compares the output of builds by different compilers and for
 * different CPUs.  The weights go through BLAS too, so that they compare builds
 * on one machine, not machines. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/maths/dropout.h"
#include "core/maths/elementary.h"
#include "core/maths/normalization.h"
#include "core/maths/numerics.h"
#include "core/maths/pass.h"
#include "core/maths/softmax.h"

#define COUNT 100003 /* odd, so that every loop has a remainder */

static float inputs[COUNT], others[COUNT], results[COUNT], more[COUNT];

/* --- hashing: FNV-1a ---------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ byte[i]) * 0x100000001B3u;
    }
    return hash;
}

/* All NaNs are one: which operand's payload survives is no compiler's promise. */
static uint64_t hash_floats(uint64_t hash, const float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float number = isnan(numbers[i]) ? 0.0f : numbers[i];
        const char is_nan = isnan(numbers[i]) != 0;
        hash = hash_bytes(hash, &number, sizeof number);
        hash = hash_bytes(hash, &is_nan, 1);
    }
    return hash;
}

static uint64_t hash_doubles(uint64_t hash, const double *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double number = isnan(numbers[i]) ? 0.0 : numbers[i];
        const char is_nan = isnan(numbers[i]) != 0;
        hash = hash_bytes(hash, &number, sizeof number);
        hash = hash_bytes(hash, &is_nan, 1);
    }
    return hash;
}

#define HASH_START 0xCBF29CE484222325u

static void print(const char *what, const char *name, uint64_t hash) {
    printf("%-12s %-26s %016llx\n", what, name, (unsigned long long)hash);
}

/* --- inputs --------------------------------------------------------------------- */

static uint64_t random_state = 1;

static uint32_t random_word(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 32);
}

static float random_number(float size) {
    return ((float)(random_word() >> 8) * 0x1p-23f - 1.0f) * size;
}

/* A third of any bits at all, a third within ±10, a third within ±100, and at
 * the beginning the numbers where branches are taken. */
static void fill(float *numbers) {
    static const float extremes[] = {
        0.0f,    -0.0f,           1.0f,       -1.0f,    INFINITY, -INFINITY, NAN,    1e-45f,
        -1e-45f, 1.17549435e-38f, 3.4028e38f, -3.4e38f, 87.3f,    -87.3f,    88.72f, 88.73f,
        -103.9f, -104.1f,         0.625f,     -0.625f,  12.7279f, -12.728f,  90.0f,  16777216.0f};
    for (size_t i = 0; i < COUNT; i++) {
        const uint32_t bits = random_word();
        float any;
        memcpy(&any, &bits, sizeof any);
        numbers[i] = i % 3 == 0 ? any : random_number(i % 3 == 1 ? 10.0f : 100.0f);
    }
    memcpy(numbers, extremes, sizeof extremes);
}

/* --- parts ---------------------------------------------------------------------- */

static void elementary(void) {
    static const struct {
        const char *name;
        float (*of)(float);
    } functions[] = {{"exp", float_exp},           {"sigmoid", float_sigmoid},
                     {"tanh", float_tanh},         {"normal_cdf", float_normal_cdf},
                     {"softplus", float_softplus}, {"sqrt", float_sqrt}};
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        for (size_t i = 0; i < COUNT; i++) {
            results[i] = functions[f].of(inputs[i]);
        }
        print("elementary", functions[f].name, hash_floats(HASH_START, results, COUNT));
    }
    static double wide[4 * 1000];
    for (size_t i = 0; i < 1000; i++) {
        const double x = (double)random_number(1.0f);
        wide[4 * i] = double_exp(700 * x);
        wide[4 * i + 1] = double_log(fabs(x) * 1e10);
        wide[4 * i + 2] = double_cos_pi(x);
        wide[4 * i + 3] = double_power(fabs(x), 10 * fabs(x));
    }
    print("elementary", "double", hash_doubles(HASH_START, wide, 4000));
}

static void activations(void) {
    static float bias[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        bias[i] = random_number(0.5f);
    }
    for (int a = 0; a < ACTIVATION_COUNT; a++) {
        const struct activation_function *function = &activation_functions[a];
        /* softmax rows of 31; the others in one row, and so through every tail */
        const size_t columns = function->backward == NULL ? 31 : COUNT;
        const struct activation_block block = {COUNT / columns, columns, columns};
        memcpy(more, inputs, sizeof inputs);
        memset(results, 0, sizeof results);
        function->forward(block, bias, more, results, 0.3f);
        uint64_t hash = hash_floats(HASH_START, results, COUNT);
        if (function->backward != NULL) {
            function->backward(block, others, more, results, results, 0.3f);
            hash = hash_floats(hash, results, COUNT);
        }
        print("activation", function->name, hash);
    }
}

static void losses(void) {
    for (int l = 0; l < LOSS_COUNT; l++) {
        const size_t outputs = 37, rows = COUNT / outputs;
        memcpy(results, inputs, sizeof inputs);
        static float row_losses[COUNT];
        struct loss_rows in = {.rows = rows,
                               .outputs = outputs,
                               .Z = inputs,
                               .A = results,
                               .targets = others,
                               .batch_rows = rows,
                               .huber_delta = 1.5f,
                               .gradient = more,
                               .row_losses = row_losses};
        loss_functions[l].rows(&in);
        uint64_t hash = hash_floats(HASH_START, results, rows * outputs);
        hash = hash_floats(hash, more, rows * outputs);
        hash = hash_floats(hash, row_losses, rows);
        print("loss", loss_functions[l].name, hash);
    }
}

static void optimizers(void) {
    static float weights[COUNT], first[COUNT], second[COUNT];
    for (int o = 0; o < OPTIMIZER_COUNT; o++) {
        struct optimizer_settings settings;
        optimizer_defaults(&settings, (enum optimizer)o);
        settings.momentum = 0.9;
        settings.weight_decay = 0.01;
        settings.clip_value = 5;
        settings.schedule =
            (struct schedule_settings){(enum schedule)(o % SCHEDULE_COUNT), 0.9, 3, 0.1, 2};
        for (size_t i = 0; i < COUNT; i++) {
            weights[i] = (float)(i % 1000) * 0.001f;
            first[i] = second[i] = optimizer_initial_slot(&settings);
        }
        for (uint64_t t = 0; t < 10; t++) {
            const struct optimizer_step step = optimizer_prepare(&settings, t, 4);
            optimizer_functions[o].update(&step, COUNT, t % 2 ? others : inputs, weights, weights,
                                          first, second);
        }
        uint64_t hash = hash_floats(HASH_START, weights, COUNT);
        hash = hash_floats(hash, first, COUNT);
        print("optimizer", optimizer_functions[o].name, hash_floats(hash, second, COUNT));
    }
}

static void initializers(void) {
    for (int i = 0; i < INITIALIZER_COUNT; i++) {
        initializer_fill((enum initializer)i, 42, 3, 97, 1031, 0, 97 * 1031, results);
        print("initializer", initializer_functions[i].name,
              hash_floats(HASH_START, results, 97 * 1031));
    }
}

static void dropout(void) {
    const struct dropout key = {{5, 6, random_stream(RANDOM_DROPOUT, 7)}, 203, 0.35};
    dropout_apply(&key, 0, 0, (struct activation_block){COUNT / 203, 203, 203}, inputs, results);
    print("dropout", "", hash_floats(HASH_START, results, COUNT / 203 * 203));
}

static void standardizer(void) {
    static double mean[37], m2[37], scale[37];
    struct standardizer state = {37, 0, mean, m2, scale};
    const size_t rows = COUNT / 37;
    for (size_t i = 0; i < rows * 37; i++) {
        results[i] = random_number(3.0f) + (float)(i % 37) * 1000.0f;
    }
    standardizer_update(&state, &state, 0, 37, rows, results);
    state.count = rows;
    standardizer_transform(&state, rows, results, results);
    uint64_t hash = hash_floats(HASH_START, results, rows * 37);
    hash = hash_doubles(hash, mean, 37);
    print("standardizer", "", hash_doubles(hash, scale, 37));
}

/* Columns of 492 rows, then rows of 203 units: forward,
 * sums, backward. */
static void normalization(void) {
    enum { UNITS = 203, ROWS = COUNT / UNITS };
    static double mean[UNITS], variance[UNITS], inverse[COUNT], dy[UNITS], dyx[UNITS];
    static float gamma[UNITS], moving[UNITS], dbeta[UNITS], dgamma[UNITS], Y[COUNT];
    const struct activation_block block = {ROWS, UNITS, UNITS};
    for (size_t j = 0; j < UNITS; j++) {
        gamma[j] = 1.0f + random_number(0.5f);
        moving[j] = random_number(1.0f) + 1.0f;
    }
    for (size_t i = 0; i < COUNT; i++) {
        results[i] = random_number(3.0f) + (float)(i % 37) * 1000.0f;
        more[i] = random_number(0.1f);
    }
    normalization_batch_statistics(block, results, mean, variance, inverse);
    memcpy(Y, results, sizeof Y);
    normalization_batch_predict(block, gamma, moving, gamma, Y);
    uint64_t hash = hash_floats(HASH_START, Y, ROWS * UNITS);
    normalization_batch_forward(block, mean, inverse, gamma, results, results, Y);
    normalization_sums(block, more, results, dy, dyx, dbeta, dgamma);
    normalization_batch_backward(block, ROWS, dy, dyx, inverse, gamma, results, more);
    normalization_move(UNITS, variance, moving, moving);
    hash = hash_doubles(hash_doubles(hash, mean, UNITS), variance, UNITS);
    hash = hash_floats(hash_floats(hash, Y, ROWS * UNITS), more, ROWS * UNITS);
    hash = hash_floats(hash_floats(hash, dbeta, UNITS), dgamma, UNITS);
    print("normalize", "batch", hash_floats(hash, moving, UNITS));

    for (size_t i = 0; i < COUNT; i++) {
        results[i] = random_number(3.0f) + 1000.0f;
    }
    normalization_layer_forward(block, gamma, results, results, Y, inverse);
    normalization_layer_backward(block, inverse, gamma, results, more);
    hash = hash_floats(hash_doubles(HASH_START, inverse, ROWS), Y, ROWS * UNITS);
    print("normalize", "layer", hash_floats(hash, more, ROWS * UNITS));
}

/* --- trainings ------------------------------------------------------------------- */

static void train(const char *name, struct specification specification, size_t rows) {
    struct error error;
    struct network network;
    struct network_layer layers[LAYERS_MAX];
    if (specification_complete(&specification, &error) != ERROR_NONE) {
        fprintf(stderr, "%s: %s\n", name, error.message);
        exit(EXIT_FAILURE);
    }
    network_layout(&network, &specification, layers);
    const size_t count = network.parameter_floats;
    float *weights = memory_allocate(network.version_floats, sizeof *weights);
    float *first = memory_allocate_zero(count, sizeof *first);
    float *second = memory_allocate_zero(count, sizeof *second);
    float *X = memory_allocate(rows * network.inputs, sizeof *X);
    int32_t *labels = memory_allocate(rows, sizeof *labels);
    void *scratch = memory_allocate(pass_scratch_bytes(&network, rows), 1);
    network_initialize(&network, &specification, weights, (struct pause){0});
    const struct pass_settings settings = {&specification.optimizer, NULL, OUTPUT_DELTA_EXACT,
                                           specification.seed};
    uint64_t hash = HASH_START;
    for (uint64_t step = 0; step < 100; step++) {
        for (size_t i = 0; i < rows * network.inputs; i++) {
            X[i] = random_number(1.0f);
        }
        for (size_t r = 0; r < rows; r++) {
            labels[r] = (int32_t)(random_word() % network.outputs);
        }
        const struct pass_batch batch = {.rows = rows, .inputs = X, .labels = labels};
        const struct pass_state state = {
            .step = step, .from = weights, .into = weights, .first = first, .second = second};
        struct pass pass;
        pass_begin(&pass, &network, &batch, &settings, &state, scratch);
        pass_run(&pass);
        hash = hash_doubles(hash, &pass.result.loss, 1);
    }
    print("100 batches", name, hash_floats(hash, weights, network.version_floats));
    memory_free(weights);
    memory_free(first);
    memory_free(second);
    memory_free(X);
    memory_free(labels);
    memory_free(scratch);
    specification_free(&specification);
}

static void with_layers(struct specification *specification, size_t count) {
    if (!specification_set_layers(specification, count)) {
        exit(EXIT_FAILURE);
    }
}

static void trainings(void) {
    struct specification s;
    specification_init(&s);
    s.inputs = 784;
    with_layers(&s, 2);
    s.layers[0].units = 128;
    s.layers[0].dropout = 0.2;
    s.layers[1].units = 10;
    train("784-128-10 adam dropout", s, 64);
    specification_init(&s);
    s.inputs = 16;
    with_layers(&s, 2);
    s.layers[0].units = 32;
    s.layers[0].activation = ACTIVATION_GELU;
    s.layers[1].units = 3;
    optimizer_defaults(&s.optimizer, OPTIMIZER_SGD);
    s.optimizer.momentum = 0.9;
    train("16-32-3 momentum gelu", s, 32);
    specification_init(&s);
    s.inputs = 100;
    with_layers(&s, 3);
    s.layers[0].units = 200;
    s.layers[0].normalization = NORMALIZATION_BATCH;
    s.layers[1].units = 67;
    s.layers[1].normalization = NORMALIZATION_LAYER;
    s.layers[2].units = 10;
    train("batch and layer normalized", s, 700);
}

int main(void) {
    struct error error;
    if (numerics_start(&error) != ERROR_NONE) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    numerics_enter_thread(); /* as the daemon's workers compute */
    printf("%-12s %-26s %s\n", "fingerprint", "", numerics_fingerprint());
    fill(inputs);
    fill(others);
    elementary();
    activations();
    losses();
    optimizers();
    initializers();
    dropout();
    standardizer();
    normalization();
    trainings();
    return EXIT_SUCCESS;
}

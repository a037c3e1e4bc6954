/* The gradients of core/maths/pass.c against central differences of the
 * reference's loss in double precision: every layer, activation and loss that
 * can be combined, with dropout, weights and standardisation, and shapes large
 * enough for several tiles. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "tests/reference/layers.h"
#include "tests/reference/twin.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* float32 keeps 6e-8 of a number; a gradient is a sum of some dozens.  The
 * worst seen is a twentieth of this. */
#define GRADIENT_TOLERANCE 1e-4
#define STEP 1e-5 /* h: in double the difference is right to about 1e-10 */

static size_t combinations, coordinates, kinks;
static double worst;

enum feature {
    PLAIN,
    DROPOUT,
    SAMPLE_WEIGHTS,
    CLASS_WEIGHTS,
    STANDARDIZE,
    ALL_TOGETHER,
    ONE_ROW,
    FEATURE_COUNT
};

static const char *const feature_names[FEATURE_COUNT] = {
    "plain",       "dropout",      "sample weights", "class weights",
    "standardize", "all together", "batch of one"};

/* What the last layer and the loss are, and how the truth is given. */
struct ending {
    enum loss loss;
    enum activation last;
    size_t outputs;
    bool labels;
};

/* How the hidden layers are normalised; mixed: batch and layer by turns. */
enum plan { NOT_NORMALIZED, BATCH, LAYER, MIXED, PLAN_COUNT };

static const char *const plan_names[PLAN_COUNT] = {"not normalized", "batch", "layer", "mixed"};

struct combination {
    size_t layers;
    enum activation hidden;
    struct ending ending;
    enum feature feature;
    enum plan plan;
};

static const char *describe(const struct combination *c) {
    static char text[200];
    snprintf(text, sizeof text, "%zu layers, %s, %zu %s, %s, %s, %s, %s", c->layers,
             activation_functions[c->hidden].name, c->ending.outputs,
             activation_functions[c->ending.last].name, loss_functions[c->ending.loss].name,
             c->ending.labels ? "labels" : "targets", feature_names[c->feature],
             plan_names[c->plan]);
    return text;
}

static bool has(const struct combination *c, enum feature feature) {
    return c->feature == feature || c->feature == ALL_TOGETHER;
}

static bool takes_class_weights(const struct ending *ending) {
    return ending->loss == LOSS_CATEGORICAL_CROSSENTROPY ||
           (ending->loss == LOSS_BINARY_CROSSENTROPY && ending->outputs == 1);
}

static enum normalization planned(enum plan plan, size_t l) {
    static const enum normalization of[PLAN_COUNT][2] = {
        {NORMALIZATION_NONE, NORMALIZATION_NONE},
        {NORMALIZATION_BATCH, NORMALIZATION_BATCH},
        {NORMALIZATION_LAYER, NORMALIZATION_LAYER},
        {NORMALIZATION_BATCH, NORMALIZATION_LAYER}};
    return of[plan][l % 2];
}

static struct specification specify(const struct combination *c, size_t inputs, size_t hidden) {
    struct specification s;
    specification_init(&s);
    s.inputs = inputs;
    lend_layers(&s, c->layers);
    for (size_t l = 0; l < c->layers; l++) {
        const bool last = l + 1 == c->layers;
        s.layers[l].units = last ? c->ending.outputs : hidden - l;
        s.layers[l].activation = last ? c->ending.last : c->hidden;
        s.layers[l].dropout = !last && has(c, DROPOUT) ? 0.3 : 0;
        s.layers[l].normalization = last ? NORMALIZATION_NONE : planned(c->plan, l);
    }
    s.loss = c->ending.loss;
    if (s.loss == LOSS_HUBER) {
        s.has_huber_delta = true;
        s.huber_delta = 0.5; /* so that both sides of it occur */
    }
    s.standardize = has(c, STANDARDIZE);
    if (has(c, CLASS_WEIGHTS) && takes_class_weights(&c->ending)) {
        const size_t classes = size_max(c->ending.outputs, 2);
        s.class_weights = memory_allocate(classes, sizeof *s.class_weights);
        for (size_t i = 0; i < classes; i++) {
            s.class_weights[i] = 0.5f + (float)i;
        }
    }
    return s;
}

struct data {
    float *inputs, *targets, *sample_weights;
    int32_t *labels;
    struct pass_batch batch;
};

static struct data make_data(const struct combination *c, size_t inputs, size_t rows) {
    uint64_t random = 7 + c->layers;
    const size_t outputs = c->ending.outputs;
    struct data data = {
        .inputs = malloc(rows * inputs * sizeof(float)),
        .targets = malloc(rows * outputs * sizeof(float)),
        .sample_weights = malloc(rows * sizeof(float)),
        .labels = malloc(rows * sizeof(int32_t)),
    };
    for (size_t i = 0; i < rows * inputs; i++) {
        data.inputs[i] = twin_random(&random);
    }
    for (size_t r = 0; r < rows; r++) {
        float sum = 0;
        for (size_t j = 0; j < outputs; j++) {
            const float number = twin_random(&random);
            const bool chance = loss_functions[c->ending.loss].fused != ACTIVATION_UNSET;
            data.targets[r * outputs + j] = chance ? 0.5f + 0.5f * number : number;
            sum += data.targets[r * outputs + j];
        }
        for (size_t j = 0; c->ending.loss == LOSS_CATEGORICAL_CROSSENTROPY && j < outputs; j++) {
            data.targets[r * outputs + j] /= sum;
        }
        data.sample_weights[r] = 1.0f + twin_random(&random);
        data.labels[r] = (int32_t)(r * 2 % size_max(outputs, 2));
        data.labels[r] = outputs == 1 ? (int32_t)(r % 2) : data.labels[r];
    }
    data.batch = (struct pass_batch){
        .rows = rows,
        .inputs = data.inputs,
        .labels = c->ending.labels ? data.labels : NULL,
        .targets = c->ending.labels ? NULL : data.targets,
        .sample_weights = has(c, SAMPLE_WEIGHTS) ? data.sample_weights : NULL,
    };
    return data;
}

static void free_data(struct data *data) {
    free(data->inputs);
    free(data->targets);
    free(data->sample_weights);
    free(data->labels);
}

/* (E(w+h) - E(w-h))/2h by parameter i, or NaN where a kink lies between. */
static double central_difference(struct twin *twin, size_t i) {
    uint64_t below_branches, above_branches;
    const double w = twin->weights[i];
    twin->weights[i] = w - STEP;
    const double below =
        reference_loss(&twin->reference, twin->weights, &twin->batch, &below_branches);
    twin->weights[i] = w + STEP;
    const double above =
        reference_loss(&twin->reference, twin->weights, &twin->batch, &above_branches);
    twin->weights[i] = w;
    coordinates++;
    if (below_branches != above_branches) {
        kinks++;
        return NAN;
    }
    return (above - below) / (2 * STEP);
}

/* mlpd's gradient of the batch, without padding. */
static double *found_gradient(struct twin *twin, const struct pass_batch *batch) {
    twin_reference(twin, batch);
    const struct pass_result result = twin_run(twin, batch);
    ck_assert(!result.diverged);
    double *found = malloc(reference_parameters(&twin->reference) * sizeof *found);
    twin_compact(twin, twin->pass.gradient, found);
    const double wanted = reference_loss(&twin->reference, twin->weights, &twin->batch, NULL);
    ck_assert_msg(fabs(result.loss - wanted) <= 1e-5 * fabs(wanted) + 1e-7,
                  "loss found %.9g, wanted %.9g", result.loss, wanted);
    return found;
}

static void check_combination(const struct combination *c) {
    enum { INPUTS = 4, HIDDEN = 7, ROWS = 6 };
    struct twin twin;
    const struct specification specification = specify(c, INPUTS, HIDDEN);
    twin_create(&twin, &specification);
    struct data data = make_data(c, INPUTS, c->feature == ONE_ROW ? 1 : ROWS);
    double *found = found_gradient(&twin, &data.batch);
    const size_t count = reference_parameters(&twin.reference);
    double *wanted = malloc(count * sizeof *wanted);
    double *rule = malloc(count * sizeof *rule);
    reference_gradient(&twin.reference, twin.weights, &twin.batch, rule);
    for (size_t i = 0; i < count; i++) {
        wanted[i] = central_difference(&twin, i);
        if (isnan(wanted[i])) {
            wanted[i] = found[i];
        } else {
            ck_assert_msg(fabs(rule[i] - wanted[i]) <= 1e-7,
                          "%s: the reference's own gradient %zu: %.9g, by differences %.9g",
                          describe(c), i, rule[i], wanted[i]);
        }
    }
    const double error = twin_worst_error(&twin, found, wanted);
    ck_assert_msg(error <= GRADIENT_TOLERANCE, "%s: relative error found %.3g, wanted at most %g",
                  describe(c), error, GRADIENT_TOLERANCE);
    worst = fmax(worst, error);
    combinations++;
    free(found);
    free(wanted);
    free(rule);
    free_data(&data);
    twin_destroy(&twin);
}

/* Every loss with every last activation that it allows. */
static size_t list_endings(struct ending endings[64]) {
    static const struct ending fused[] = {
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 3, true},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 3, false},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 2, true},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 1, true},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 1, false},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 3, false},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof fused / sizeof *fused; i++) {
        endings[count++] = fused[i];
    }
    for (int loss = LOSS_MSE; loss <= LOSS_HUBER; loss++) {
        for (int last = 0; last < ACTIVATION_SOFTMAX; last++) {
            endings[count++] = (struct ending){(enum loss)loss, (enum activation)last, 2, false};
        }
    }
    return count;
}

START_TEST(test_gradient_of_every_activation_and_loss_is_the_derivative) {
    struct ending endings[64];
    const size_t count = list_endings(endings);
    for (size_t layers = 1; layers <= 4; layers++) {
        for (int hidden = 0; hidden < (layers == 1 ? 1 : ACTIVATION_SOFTMAX); hidden++) {
            for (size_t e = 0; e < count; e++) {
                check_combination(&(struct combination){layers, (enum activation)hidden, endings[e],
                                                        PLAIN, NOT_NORMALIZED});
            }
        }
    }
}
END_TEST

START_TEST(test_gradient_with_dropout_weights_and_standardisation_is_the_derivative) {
    struct ending endings[64];
    const size_t count = list_endings(endings);
    for (int feature = PLAIN + 1; feature < FEATURE_COUNT; feature++) {
        for (size_t e = 0; e < count; e++) {
            const bool skipped = feature == CLASS_WEIGHTS && !takes_class_weights(&endings[e]);
            for (int hidden = 0; hidden < ACTIVATION_SOFTMAX && !skipped; hidden++) {
                check_combination(&(struct combination){3, (enum activation)hidden, endings[e],
                                                        (enum feature)feature, NOT_NORMALIZED});
            }
        }
    }
}
END_TEST

/* Every normalisation with every activation and loss, alone and with everything
 * else at once. */
START_TEST(test_gradient_with_normalization_is_the_derivative) {
    struct ending endings[64];
    const size_t count = list_endings(endings);
    for (int plan = BATCH; plan < PLAN_COUNT; plan++) {
        for (size_t e = 0; e < count; e++) {
            for (int hidden = 0; hidden < ACTIVATION_SOFTMAX; hidden++) {
                struct combination c = {3, (enum activation)hidden, endings[e], PLAIN,
                                        (enum plan)plan};
                check_combination(&c);
                c.feature = ALL_TOGETHER;
                check_combination(&c);
            }
        }
    }
}
END_TEST

/* The other features and depths, the activations by turns. */
START_TEST(test_gradient_with_normalization_in_other_shapes_is_the_derivative) {
    struct ending endings[64];
    const size_t count = list_endings(endings);
    for (int plan = BATCH; plan < PLAN_COUNT; plan++) {
        for (size_t e = 0; e < count; e++) {
            for (int feature = PLAIN; feature < FEATURE_COUNT; feature++) {
                const size_t layers = feature == PLAIN ? 4 : feature == ONE_ROW ? 3 : 2;
                check_combination(&(struct combination){
                    layers, (enum activation)((e + (size_t)feature) % ACTIVATION_SOFTMAX),
                    endings[e], (enum feature)feature, (enum plan)plan});
            }
        }
    }
}
END_TEST

/* The rule -c ⊙ (1 - A) is no derivative: it is compared with itself. */
START_TEST(test_gradient_with_diagonal_output_delta_follows_the_rule) {
    for (int labels = 0; labels < 2; labels++) {
        for (int hidden = 0; hidden < ACTIVATION_SOFTMAX; hidden++) {
            const struct combination c = {
                3,
                (enum activation)hidden,
                {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 3, labels == 1},
                ALL_TOGETHER,
                (enum plan)(hidden % PLAN_COUNT)};
            struct specification specification = specify(&c, 4, 7);
            specification.has_output_delta = true;
            specification.output_delta = OUTPUT_DELTA_DIAGONAL;
            struct twin twin;
            twin_create(&twin, &specification);
            struct data data = make_data(&c, 4, 6);
            double *found = found_gradient(&twin, &data.batch);
            double *wanted = malloc(reference_parameters(&twin.reference) * sizeof *wanted);
            reference_gradient(&twin.reference, twin.weights, &twin.batch, wanted);
            const double error = twin_worst_error(&twin, found, wanted);
            ck_assert_msg(error <= GRADIENT_TOLERANCE, "%s: relative error found %.3g, wanted %g",
                          describe(&c), error, GRADIENT_TOLERANCE);
            worst = fmax(worst, error);
            combinations++;
            free(found);
            free(wanted);
            free_data(&data);
            twin_destroy(&twin);
        }
    }
}
END_TEST

/* All gradients against the reference's, which the small nets have proved and
 * which is compared with central differences here at some places. */
static void check_large(const struct combination *c, size_t inputs, size_t hidden, size_t rows,
                        size_t places) {
    struct twin twin;
    const struct specification specification = specify(c, inputs, hidden);
    twin_create(&twin, &specification);
    struct data data = make_data(c, inputs, rows);
    double *found = found_gradient(&twin, &data.batch);
    const size_t count = reference_parameters(&twin.reference);
    double *wanted = malloc(count * sizeof *wanted);
    reference_gradient(&twin.reference, twin.weights, &twin.batch, wanted);
    for (size_t i = 0; i < places; i++) {
        const size_t place = (i + 1) * (count / 5);
        const double difference = central_difference(&twin, place);
        ck_assert_msg(isnan(difference) || fabs(difference - wanted[place]) <= 1e-7,
                      "the reference's own gradient %zu: %.9g, by differences %.9g", place,
                      wanted[place], difference);
    }
    const double error = twin_worst_error(&twin, found, wanted);
    ck_assert_msg(error <= GRADIENT_TOLERANCE, "%s: relative error found %.3g, wanted at most %g",
                  describe(c), error, GRADIENT_TOLERANCE);
    worst = fmax(worst, error);
    combinations++;
    free(found);
    free(wanted);
    free_data(&data);
    twin_destroy(&twin);
}

static bool splits_both_ways(const struct grid *grid) {
    return grid->row_tiles > 1 && grid->column_tiles > 1;
}

/* Asks pass.c for its grids, so that a change of the tiles' size shows here. */
static struct pass grids_of(const struct combination *c, size_t inputs, size_t hidden,
                            size_t rows) {
    static struct network network;
    static struct network_layer layers[LAYERS_MAX];
    struct specification specification = specify(c, inputs, hidden);
    struct error error;
    ck_assert(specification_complete(&specification, &error) == ERROR_NONE);
    network_layout(&network, &specification, layers);
    float *numbers = memory_allocate_zero(rows * inputs, sizeof *numbers);
    double *moments = memory_allocate_zero(3 * inputs, sizeof *moments);
    struct standardizer standardizer = {inputs, 0, moments, moments + inputs, moments + 2 * inputs};
    void *scratch = memory_allocate(pass_scratch_bytes(&network, rows), 1);
    struct pass pass;
    pass_begin(&pass, &network, &(struct pass_batch){.rows = rows, .inputs = numbers},
               &(struct pass_settings){&specification.optimizer, NULL, OUTPUT_DELTA_EXACT, 1},
               &(struct pass_state){.standardizer_from = &standardizer,
                                    .standardizer_into = &standardizer},
               scratch);
    memory_free(scratch);
    memory_free(numbers);
    memory_free(moments);
    memory_free(specification.class_weights);
    return pass;
}

static const struct ending softmax_of_5 = {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 5,
                                           true};
static const struct ending sigmoids = {LOSS_MSE, ACTIVATION_SIGMOID, 40, false};

static struct combination wide(enum plan plan) {
    return (struct combination){3, ACTIVATION_GELU, softmax_of_5, DROPOUT, plan};
}

static struct combination both_ways(void) {
    return (struct combination){3, ACTIVATION_TANH, softmax_of_5, DROPOUT, NOT_NORMALIZED};
}

static struct combination tall(enum plan plan) {
    return (struct combination){2, ACTIVATION_TANH, sigmoids, STANDARDIZE, plan};
}

START_TEST(test_large_shapes_have_several_tiles_in_rows_and_columns) {
    const struct combination normalized_wide = wide(MIXED), normalized_tall = tall(BATCH);
    const struct pass of_wide = grids_of(&normalized_wide, 24, 1041, 20);
    ck_assert(of_wide.layers[1].forward.column_tiles > 1);
    ck_assert(of_wide.layers[1].input_gradient.column_tiles > 1);
    ck_assert(of_wide.layers[1].weight_gradient.row_tiles > 1);
    ck_assert(of_wide.update.row_tiles > 1);
    const struct combination plain_both_ways = both_ways();
    const struct pass of_both = grids_of(&plain_both_ways, 150, 150, 4096);
    ck_assert(splits_both_ways(&of_both.layers[1].forward));
    ck_assert(splits_both_ways(&of_both.layers[1].input_gradient));
    ck_assert(splits_both_ways(&of_both.layers[1].weight_gradient));
    const struct pass of_tall = grids_of(&normalized_tall, 600, 20, 4096);
    ck_assert(of_tall.layers[0].weight_gradient.column_tiles > 1);
    ck_assert(of_tall.layers[0].forward.row_tiles > 1);
    ck_assert(of_tall.statistics.row_tiles > 1);
    ck_assert(of_tall.row_grid.row_tiles > 1);
    ck_assert(of_tall.layers[0].units.row_tiles > 1);
    ck_assert(of_tall.layers[0].rows.row_tiles > 1);
}
END_TEST

START_TEST(test_gradient_of_wide_layers_in_tiles_is_the_derivative) {
    for (int plan = NOT_NORMALIZED; plan < PLAN_COUNT; plan++) {
        const struct combination c = wide((enum plan)plan);
        check_large(&c, 24, 1041, 20, 4);
    }
}
END_TEST

START_TEST(test_gradient_in_tiles_both_ways_is_the_derivative) {
    const struct combination c = both_ways();
    check_large(&c, 150, 150, 4096, 0);
}
END_TEST

START_TEST(test_gradient_of_many_rows_in_tiles_is_the_derivative) {
    for (int plan = NOT_NORMALIZED; plan < PLAN_COUNT; plan++) {
        const struct combination c = tall((enum plan)plan);
        check_large(&c, 600, 20, 4096, 4);
    }
}
END_TEST

/* One relu unit with w = 0, b = 0 stands on its kink: no difference can be taken
 * through it.  With b = 1 it can. */
START_TEST(test_reference_knows_when_a_kink_lies_between) {
    struct twin twin = {
        .reference = {.layer_count = 1,
                      .layers = {{.in = 1, .out = 1, .activation = "relu"}},
                      .loss = "mse"},
        .weights = (double[]){0, 0},
        .batch = {.rows = 1, .inputs = (const double[]){2}, .targets = (const double[]){3}}};
    EXPECT_NAN(central_difference(&twin, 0));
    twin.weights[1] = 1;
    EXPECT_CLOSE(central_difference(&twin, 0), 2 * (1 - 3) * 2, 1e-7);
    coordinates = kinks = 0;
}
END_TEST

static void report(void) {
    printf("gradients: %zu combinations, worst relative error %.1e (%zu central differences, %zu "
           "left out at kinks)\n",
           combinations, worst, coordinates, kinks);
}

Suite *suite_gradient(void) {
    Suite *suite = suite_create("gradient");
    TCase *tests = tcase_create("gradient");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, NULL, report);
    tcase_add_test(tests, test_reference_knows_when_a_kink_lies_between);
    tcase_add_test(tests, test_gradient_of_every_activation_and_loss_is_the_derivative);
    tcase_add_test(tests, test_gradient_with_dropout_weights_and_standardisation_is_the_derivative);
    tcase_add_test(tests, test_gradient_with_normalization_is_the_derivative);
    tcase_add_test(tests, test_gradient_with_normalization_in_other_shapes_is_the_derivative);
    tcase_add_test(tests, test_gradient_with_diagonal_output_delta_follows_the_rule);
    tcase_add_test(tests, test_large_shapes_have_several_tiles_in_rows_and_columns);
    tcase_add_test(tests, test_gradient_of_wide_layers_in_tiles_is_the_derivative);
    tcase_add_test(tests, test_gradient_in_tiles_both_ways_is_the_derivative);
    tcase_add_test(tests, test_gradient_of_many_rows_in_tiles_is_the_derivative);
    suite_add_tcase(suite, tests);
    return suite;
}

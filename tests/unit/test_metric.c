/* core/maths/metric.h against hand-worked cases, and against counts made in the
 * plainest way (all pairs for the ROC curve) on random answers full of ties. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/maths/metric.h"
#include "tests/reference/layers.h"
#include "tests/reference/twin.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* --- evaluating ------------------------------------------------------------- */

static size_t pauses;

static void count_pause(void *context) {
    (void)context;
    pauses++;
}

#define GUARD_BYTES 64

/* An evaluation whose workspace has exactly the bytes asked for; `outputs` are
 * overwritten.  The result's arrays live in `*workspace`, which the caller frees. */
static struct evaluation evaluate(const struct network *network, struct evaluation_request request,
                                  const struct pass_batch *batch, float *outputs,
                                  void **workspace) {
    struct evaluation evaluation;
    const size_t bytes = evaluation_bytes(network, &request, batch->rows);
    unsigned char *block = memory_allocate(bytes + GUARD_BYTES, 1);
    memset(block, 0xA5, bytes + GUARD_BYTES);
    evaluation_compute(&evaluation, network, &request, batch, outputs, block,
                       (struct pause){count_pause, NULL});
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        ck_assert_msg(block[bytes + i] == 0xA5, "byte %zu behind the workspace was written", i);
    }
    *workspace = block;
    return evaluation;
}

static struct network network_of(enum loss loss, size_t outputs) {
    return (struct network){.loss = loss, .outputs = outputs, .huber_delta = 1};
}

/* --- classes, by hand --- */

/* Six rows of three logits.  True: 0 0 1 1 1 2; named: 0 1 1 1 0 0 (class 2 never). */
static const float six_rows[] = {9, 1, 0, /**/ 1, 9, 0, /**/ 0, 5, 1, /**/
                                 2, 6, 4, /**/ 7, 3, 5, /**/ 8, 2, 4};
static const int32_t six_labels[] = {0, 0, 1, 1, 1, 2};

static void check_six_rows(const struct pass_batch *batch) {
    const struct network network = network_of(LOSS_CATEGORICAL_CROSSENTROPY, 3);
    float outputs[18];
    memcpy(outputs, six_rows, sizeof outputs);
    void *workspace;
    const struct evaluation e =
        evaluate(&network, (struct evaluation_request){.top_k = 2}, batch, outputs, &workspace);
    EXPECT_COUNT(e.examples, 6);
    EXPECT_COUNT(e.classes, 3);
    EXPECT_CLOSE(e.accuracy, 3.0 / 6, 1e-15);
    /* the true class is among the first two in rows 0, 1, 2, 3 and 5 */
    EXPECT_CLOSE(e.top_k_accuracy, 5.0 / 6, 1e-15);
    const uint64_t confusion[] = {1, 1, 0, 1, 2, 0, 1, 0, 0};
    EXPECT_ALL_CLOSE(9, e.confusion_matrix, confusion, 0);
    const double precision[] = {1.0 / 3, 2.0 / 3, 0}, recall[] = {1.0 / 2, 2.0 / 3, 0};
    const double f1[] = {2.0 / 5, 2.0 / 3, 0};
    const uint64_t support[] = {2, 3, 1};
    for (size_t c = 0; c < 3; c++) {
        EXPECT_CLOSE(e.per_class[c].precision, precision[c], 1e-15);
        EXPECT_CLOSE(e.per_class[c].recall, recall[c], 1e-15);
        EXPECT_CLOSE(e.per_class[c].f1, f1[c], 1e-15);
        EXPECT_COUNT(e.per_class[c].support, support[c]);
    }
    EXPECT_CLOSE(e.precision, (1.0 / 3 + 2.0 / 3) / 3, 1e-15);
    EXPECT_CLOSE(e.recall, (1.0 / 2 + 2.0 / 3) / 3, 1e-15);
    EXPECT_CLOSE(e.f1, (2.0 / 5 + 2.0 / 3) / 3, 1e-15);
    /* the logits became probabilities */
    EXPECT_CLOSE(outputs[0], 1 / (1 + exp(-8) + exp(-9)), 1e-6);
    memory_free(workspace);
}

START_TEST(test_classes_by_hand) {
    check_six_rows(&(struct pass_batch){.rows = 6, .labels = six_labels});
}
END_TEST

START_TEST(test_targets_name_the_class_of_their_largest_number) {
    const float targets[] = {1,    0,    0,    /**/ 0.5f, 0.25f, 0.25f, /**/ 0, 1, 0, /**/
                             0.1f, 0.6f, 0.3f, /**/ 0,    1,     0,     /**/ 0, 0, 1};
    check_six_rows(&(struct pass_batch){.rows = 6, .targets = targets});
}
END_TEST

START_TEST(test_top_k_breaks_ties_by_the_lower_index) {
    const struct network network = network_of(LOSS_CATEGORICAL_CROSSENTROPY, 4);
    /* all equal: the list is 0, 1, 2, 3; then 3 before the tied 0, 1, 2 */
    static const float logits[] = {5, 5, 5, 5, /**/ 5, 5, 5, 5, /**/ 1, 1, 1, 9, /**/ 1, 1, 1, 9};
    static const int32_t labels[] = {1, 2, 0, 1};
    static const double wanted[] = {0, 0.5, 1, 1};
    for (size_t k = 1; k <= 4; k++) {
        float outputs[16];
        memcpy(outputs, logits, sizeof outputs);
        void *workspace;
        const struct pass_batch batch = {.rows = 4, .labels = labels};
        const struct evaluation e = evaluate(&network, (struct evaluation_request){.top_k = k},
                                             &batch, outputs, &workspace);
        EXPECT_SAME(e.top_k_accuracy, wanted[k - 1]);
        memory_free(workspace);
    }
}
END_TEST

START_TEST(test_one_sigmoid_output_has_two_classes) {
    const struct network network = network_of(LOSS_BINARY_CROSSENTROPY, 1);
    float outputs[] = {-1, 2, 0, 3, -2}; /* a logit of 0 is one half: class 0 */
    const int32_t labels[] = {0, 1, 0, 0, 1};
    void *workspace;
    const struct pass_batch batch = {.rows = 5, .labels = labels};
    const struct evaluation e =
        evaluate(&network, (struct evaluation_request){.top_k = 1}, &batch, outputs, &workspace);
    EXPECT_COUNT(e.classes, 2);
    EXPECT_CLOSE(e.accuracy, 3.0 / 5, 1e-15);
    EXPECT_CLOSE(e.top_k_accuracy, 3.0 / 5, 1e-15);
    EXPECT_ALL_CLOSE(4, e.confusion_matrix, ((const double[]){2, 1, 1, 1}), 0);
    EXPECT_CLOSE(e.per_class[1].precision, 1.0 / 2, 1e-15);
    /* positives at 2 and -2, negatives at -1, 0, 3: pairs in order 2 + 0 of 6 */
    EXPECT_CLOSE(e.roc_auc, 2.0 / 6, 1e-15);
    memory_free(workspace);
}
END_TEST

START_TEST(test_several_sigmoids_are_decisions_of_their_own) {
    const struct network network = network_of(LOSS_BINARY_CROSSENTROPY, 2);
    float outputs[] = {1, -1, /**/ 1, 1, /**/ -1, -1, /**/ 0, 2};
    const float targets[] = {1, 0, /**/ 0, 1, /**/ 1, 1, /**/ 0, 1};
    void *workspace;
    const struct pass_batch batch = {.rows = 4, .targets = targets};
    const struct evaluation e =
        evaluate(&network, (struct evaluation_request){.confusion_matrix = true}, &batch, outputs,
                 &workspace);
    EXPECT_COUNT(e.classes, 2);
    EXPECT_CLOSE(e.accuracy, 5.0 / 8, 1e-15);
    ck_assert(e.confusion_matrix == NULL);
    EXPECT_COUNT(e.per_class[0].support, 2);
    EXPECT_COUNT(e.per_class[1].support, 3);
    EXPECT_CLOSE(e.per_class[0].precision, 1.0 / 2, 1e-15);
    EXPECT_CLOSE(e.per_class[0].recall, 1.0 / 2, 1e-15);
    EXPECT_CLOSE(e.per_class[1].precision, 1, 1e-15);
    EXPECT_CLOSE(e.per_class[1].recall, 2.0 / 3, 1e-15);
    /* output 0: positives 1, -1; negatives 1, 0: (½ + 1 + 0 + 0)/4
     * output 1: positives 1, -1, 2; negative -1: (1 + ½ + 1)/3 */
    EXPECT_CLOSE(e.roc_auc, (1.5 / 4 + 2.5 / 3) / 2, 1e-15);
    memory_free(workspace);
}
END_TEST

START_TEST(test_confusion_matrix_of_many_classes_is_made_when_asked) {
    for (int asked = 0; asked < 2; asked++) {
        for (size_t classes = 100; classes <= 101; classes++) {
            const struct network network = network_of(LOSS_CATEGORICAL_CROSSENTROPY, classes);
            float outputs[101] = {0};
            const int32_t labels[] = {100 - 1};
            void *workspace;
            const struct pass_batch batch = {.rows = 1, .labels = labels};
            const struct evaluation e =
                evaluate(&network, (struct evaluation_request){.confusion_matrix = asked == 1},
                         &batch, outputs, &workspace);
            ck_assert((e.confusion_matrix != NULL) == (classes == 100 || asked));
            if (e.confusion_matrix != NULL) {
                EXPECT_COUNT(e.confusion_matrix[99 * classes], 1);
            }
            memory_free(workspace);
        }
    }
}
END_TEST

/* --- ROC-AUC --- */

static double area(enum loss loss, size_t outputs, size_t rows, const float *logits,
                   const int32_t *labels) {
    const struct network network = network_of(loss, outputs);
    float *copy = malloc(rows * outputs * sizeof *copy);
    memcpy(copy, logits, rows * outputs * sizeof *copy);
    void *workspace;
    const struct pass_batch batch = {.rows = rows, .labels = labels};
    const struct evaluation e =
        evaluate(&network, (struct evaluation_request){0}, &batch, copy, &workspace);
    memory_free(workspace);
    free(copy);
    return e.roc_auc;
}

START_TEST(test_area_counts_ties_at_half) {
    const float logits[] = {1, 1, 1, 1}, ordered[] = {-2, -1, 1, 2}, mixed[] = {0, 1, 1, 2};
    const int32_t labels[] = {0, 0, 1, 1}, reversed[] = {1, 1, 0, 0};
    EXPECT_SAME(area(LOSS_BINARY_CROSSENTROPY, 1, 4, logits, labels), 0.5);
    EXPECT_SAME(area(LOSS_BINARY_CROSSENTROPY, 1, 4, ordered, labels), 1);
    EXPECT_SAME(area(LOSS_BINARY_CROSSENTROPY, 1, 4, ordered, reversed), 0);
    EXPECT_SAME(area(LOSS_BINARY_CROSSENTROPY, 1, 4, mixed, labels), 3.5 / 4);
}
END_TEST

START_TEST(test_area_is_nan_with_one_class_alone) {
    const float logits[] = {1, 2, 3, 4, 5, 6};
    const int32_t zeros[] = {0, 0, 0, 0, 0, 0}, ones[] = {1, 1, 1, 1, 1, 1};
    EXPECT_NAN(area(LOSS_BINARY_CROSSENTROPY, 1, 6, logits, zeros));
    EXPECT_NAN(area(LOSS_BINARY_CROSSENTROPY, 1, 6, logits, ones));
    EXPECT_NAN(area(LOSS_CATEGORICAL_CROSSENTROPY, 2, 3, logits, ones));
    EXPECT_NAN(area(LOSS_CATEGORICAL_CROSSENTROPY, 3, 2, logits, zeros));
}
END_TEST

START_TEST(test_area_of_several_classes_leaves_a_missing_class_out) {
    /* class 0 against the rest: perfect, 1; class 1: the wrong way round, 0 of 1 and
     * tied with none; class 2 has no rows */
    const float logits[] = {5, 1, 0, /**/ 0, 0.5f, 5};
    const int32_t labels[] = {0, 1};
    const double p1_of_row_0 = exp(1) / (exp(5) + exp(1) + 1);
    const double p1_of_row_1 = exp(0.5) / (1 + exp(0.5) + exp(5));
    ck_assert(p1_of_row_1 < p1_of_row_0);
    EXPECT_SAME(area(LOSS_CATEGORICAL_CROSSENTROPY, 3, 2, logits, labels), 0.5);
}
END_TEST

START_TEST(test_area_leaves_out_an_output_that_is_always_right) {
    const struct network network = network_of(LOSS_BINARY_CROSSENTROPY, 2);
    float outputs[] = {1, 0, /**/ 2, 3, /**/ 3, 1};
    const float targets[] = {1, 0, /**/ 1, 1, /**/ 1, 0};
    void *workspace;
    const struct pass_batch batch = {.rows = 3, .targets = targets};
    const struct evaluation e =
        evaluate(&network, (struct evaluation_request){0}, &batch, outputs, &workspace);
    EXPECT_SAME(e.roc_auc, 1);
    memory_free(workspace);
}
END_TEST

/* --- random answers against plain counting --- */

struct counts {
    double accuracy, top_k, precision, recall, f1, auc;
};

/* All pairs of a row of class c and one of another, NaN where there are none. */
static double pairs_in_order(size_t rows, size_t k, const float *A, const int32_t *labels,
                             size_t c) {
    double right = 0, pairs = 0;
    for (size_t a = 0; a < rows; a++) {
        for (size_t b = 0; b < rows; b++) {
            if ((size_t)labels[a] == c && (size_t)labels[b] != c) {
                const float p = A[a * k + c], q = A[b * k + c];
                right += p > q ? 1 : p == q ? 0.5 : 0;
                pairs++;
            }
        }
    }
    return pairs > 0 ? right / pairs : NAN;
}

/* From the probabilities A. */
static struct counts count_plainly(size_t rows, size_t k, size_t top, const float *A,
                                   const int32_t *labels) {
    struct counts counts = {0};
    double areas = 0;
    for (size_t c = 0; c < k; c++) {
        double both = 0, named = 0, support = 0;
        for (size_t r = 0; r < rows; r++) {
            const float *row = A + r * k;
            size_t larger = 0, before = 0; /* than c; on the list */
            for (size_t j = 0; j < k; j++) {
                larger += row[j] > row[c];
                before += j < c && row[j] == row[c];
            }
            const bool is_named = larger + before == 0, is_true = (size_t)labels[r] == c;
            named += is_named;
            support += is_true;
            both += is_named && is_true;
            counts.accuracy += (is_named && is_true) / (double)rows;
            counts.top_k += (is_true && larger + before < top) / (double)rows;
        }
        const double precision = named > 0 ? both / named : 0;
        const double recall = support > 0 ? both / support : 0;
        counts.precision += precision / (double)k;
        counts.recall += recall / (double)k;
        counts.f1 += both > 0 ? 2 * precision * recall / (precision + recall) / (double)k : 0;
        const double one = pairs_in_order(rows, k, A, labels, c);
        counts.auc += isnan(one) ? 0 : one;
        areas += !isnan(one);
    }
    counts.auc /= areas;
    return counts;
}

START_TEST(test_random_classes_full_of_ties_are_counted_right) {
    static const struct {
        size_t rows, k, top;
    } shapes[] = {{1, 3, 1}, {2, 3, 2}, {50, 3, 1}, {301, 7, 3}, {1500, 5, 2}, {200, 40, 10}};
    uint64_t random = 3;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t rows = shapes[s].rows, k = shapes[s].k;
        const struct network network = network_of(LOSS_CATEGORICAL_CROSSENTROPY, k);
        float *outputs = malloc(rows * k * sizeof *outputs);
        int32_t *labels = malloc(rows * sizeof *labels);
        for (size_t i = 0; i < rows * k; i++) {
            outputs[i] = roundf(3 * twin_random(&random));
        }
        for (size_t r = 0; r < rows; r++) {
            /* the last class never occurs */
            labels[r] = (int32_t)((float)(k - 1) * (0.5f + 0.499f * twin_random(&random)));
        }
        void *workspace;
        const struct pass_batch batch = {.rows = rows, .labels = labels};
        const struct evaluation e =
            evaluate(&network, (struct evaluation_request){.top_k = shapes[s].top}, &batch, outputs,
                     &workspace);
        const struct counts wanted = count_plainly(rows, k, shapes[s].top, outputs, labels);
        EXPECT_CLOSE(e.accuracy, wanted.accuracy, 1e-12);
        EXPECT_CLOSE(e.top_k_accuracy, wanted.top_k, 1e-12);
        EXPECT_CLOSE(e.precision, wanted.precision, 1e-12);
        EXPECT_CLOSE(e.recall, wanted.recall, 1e-12);
        EXPECT_CLOSE(e.f1, wanted.f1, 1e-12);
        if (isnan(wanted.auc)) {
            EXPECT_NAN(e.roc_auc);
        } else {
            EXPECT_CLOSE(e.roc_auc, wanted.auc, 1e-12);
        }
        memory_free(workspace);
        free(outputs);
        free(labels);
    }
}
END_TEST

/* --- regression --- */

static struct evaluation regression(size_t outputs, size_t rows, float *answers,
                                    const float *targets) {
    const struct network network = network_of(LOSS_MSE, outputs);
    void *workspace;
    const struct pass_batch batch = {.rows = rows, .targets = targets};
    const struct evaluation e =
        evaluate(&network, (struct evaluation_request){0}, &batch, answers, &workspace);
    memory_free(workspace);
    return e;
}

START_TEST(test_regression_by_hand) {
    /* errors 1, -1, 2, 0 over two outputs; output 0: targets 1, 3 (deviation 2),
     * errors 1, 2: R² = 1 - 5/2; output 1: targets 2, 6 (deviation 8), errors -1, 0 */
    float answers[] = {2, 1, 5, 6};
    const struct evaluation e = regression(2, 2, answers, (const float[]){1, 2, 3, 6});
    EXPECT_COUNT(e.classes, 0);
    EXPECT_CLOSE(e.mae, 1, 1e-15);
    EXPECT_CLOSE(e.rmse, sqrt(6.0 / 4), 1e-15);
    EXPECT_CLOSE(e.r2, ((1 - 5.0 / 2) + (1 - 1.0 / 8)) / 2, 1e-15);
    EXPECT_CLOSE(e.loss, 1.5, 1e-6);
}
END_TEST

START_TEST(test_r2_of_constant_targets_is_1_if_exact_else_0) {
    float exact[] = {0.1f, 0.1f, 0.1f}, near[] = {0.1f, 0.1f, 0.2f};
    const float constant[] = {0.1f, 0.1f, 0.1f};
    EXPECT_SAME(regression(1, 3, exact, constant).r2, 1);
    EXPECT_SAME(regression(1, 3, near, constant).r2, 0);
}
END_TEST

START_TEST(test_regression_holds_at_an_offset_of_a_million) {
    enum { ROWS = 1000 };
    static float answers[ROWS], targets[ROWS];
    double residual = 0, mean = 0, deviation = 0;
    for (size_t r = 0; r < ROWS; r++) {
        targets[r] = 1e6f + (float)(r % 7);
        answers[r] = targets[r] + (r % 2 ? 0.5f : -0.25f);
        mean += (double)(r % 7) / ROWS;
        residual += r % 2 ? 0.25 : 0.0625;
    }
    for (size_t r = 0; r < ROWS; r++) {
        deviation += ((double)(r % 7) - mean) * ((double)(r % 7) - mean);
    }
    const struct evaluation e = regression(1, ROWS, answers, targets);
    EXPECT_CLOSE(e.mae, 0.375, 1e-12);
    EXPECT_CLOSE(e.rmse, sqrt(residual / ROWS), 1e-12);
    EXPECT_CLOSE(e.r2, 1 - residual / deviation, 1e-9);
}
END_TEST

/* --- the loss --- */

static void check_loss(enum loss loss, size_t outputs, bool labels) {
    enum { INPUTS = 3, ROWS = 2500 }; /* more than two pieces */
    static float inputs[ROWS * INPUTS], targets[ROWS * 3], answers[ROWS * 3];
    static int32_t classes[ROWS];
    uint64_t random = 11;
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        inputs[i] = twin_random(&random);
    }
    for (size_t r = 0; r < ROWS; r++) {
        classes[r] = (int32_t)(r % (outputs == 1 ? 2 : outputs));
        for (size_t j = 0; j < outputs; j++) {
            targets[r * outputs + j] = (float)((size_t)classes[r] == j);
        }
    }
    struct specification s;
    specification_init(&s);
    s.inputs = INPUTS;
    lend_layers(&s, 2);
    s.layers[0].units = 6;
    s.layers[1].units = outputs;
    s.loss = loss;
    s.optimizer.learning_rate = 0;
    struct twin twin;
    twin_create(&twin, &s);
    twin.network.block_rows = 1;
    const struct pass_batch batch = {.rows = ROWS,
                                     .inputs = inputs,
                                     .labels = labels ? classes : NULL,
                                     .targets = labels ? NULL : targets};
    const struct pass_result trained = twin_run(&twin, &batch);
    float *scratch = memory_allocate(network_predict_scratch(&twin.network), sizeof *scratch);
    network_predict(&twin.network, twin.parameters, NULL, network_loss_takes_logits(&twin.network),
                    ROWS, inputs, answers, scratch);
    void *workspace;
    const struct evaluation e =
        evaluate(&twin.network, (struct evaluation_request){0}, &batch, answers, &workspace);
    EXPECT_CLOSE(e.loss, trained.loss, 1e-6 * trained.loss);
    if (e.classes > 0) {
        EXPECT_CLOSE(e.accuracy, trained.accuracy, 1e-12);
    }
    ck_assert(e.loss_function == loss);
    memory_free(workspace);
    memory_free(scratch);
    twin_destroy(&twin);
}

/* Each row's loss is that of the reference for a batch of this row alone. */
static void check_row_losses(enum loss loss, size_t outputs, bool labels) {
    enum { INPUTS = 3, ROWS = 1100 }; /* more than a piece */
    static float inputs[ROWS * INPUTS], targets[ROWS * 3], answers[ROWS * 3];
    static int32_t classes[ROWS];
    uint64_t random = 5;
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        inputs[i] = 3 * twin_random(&random);
    }
    for (size_t r = 0; r < ROWS; r++) {
        classes[r] = (int32_t)(r % (outputs == 1 ? 2 : outputs));
        for (size_t j = 0; j < outputs; j++) {
            targets[r * outputs + j] = fabsf(twin_random(&random));
        }
    }
    struct specification s;
    specification_init(&s);
    s.inputs = INPUTS;
    lend_layers(&s, 2);
    s.layers[0].units = 6;
    s.layers[1].units = outputs;
    s.loss = loss;
    s.huber_delta = 0.25;
    struct twin twin;
    twin_create(&twin, &s);
    twin.network.block_rows = 1;
    const struct pass_batch batch = {.rows = ROWS,
                                     .inputs = inputs,
                                     .labels = labels ? classes : NULL,
                                     .targets = labels ? NULL : targets};
    float *scratch = memory_allocate(network_predict_scratch(&twin.network), sizeof *scratch);
    network_predict(&twin.network, twin.parameters, NULL, network_loss_takes_logits(&twin.network),
                    ROWS, inputs, answers, scratch);
    void *workspace;
    const struct evaluation e =
        evaluate(&twin.network, (struct evaluation_request){.per_example = true}, &batch, answers,
                 &workspace);
    double sum = 0;
    for (size_t r = 0; r < ROWS; r++) {
        const struct pass_batch row = {.rows = 1,
                                       .inputs = inputs + r * INPUTS,
                                       .labels = labels ? classes + r : NULL,
                                       .targets = labels ? NULL : targets + r * outputs};
        twin_reference(&twin, &row);
        const double wanted = reference_loss(&twin.reference, twin.weights, &twin.batch, NULL);
        EXPECT_CLOSE(e.row_losses[r], wanted, 1e-5 * fabs(wanted) + 1e-6);
        sum += (double)e.row_losses[r];
    }
    EXPECT_CLOSE(sum / ROWS, e.loss, 1e-6 * e.loss);
    memory_free(workspace);
    memory_free(scratch);
    twin_destroy(&twin);
}

START_TEST(test_row_losses_are_the_reference_s_and_their_mean_is_the_loss) {
    check_row_losses(LOSS_CATEGORICAL_CROSSENTROPY, 3, true);
    check_row_losses(LOSS_CATEGORICAL_CROSSENTROPY, 3, false);
    check_row_losses(LOSS_BINARY_CROSSENTROPY, 1, true);
    check_row_losses(LOSS_BINARY_CROSSENTROPY, 3, false);
    check_row_losses(LOSS_MSE, 3, false);
    check_row_losses(LOSS_MAE, 2, false);
    check_row_losses(LOSS_HUBER, 2, false);
}
END_TEST

START_TEST(test_row_losses_are_made_when_asked) {
    const struct network network = network_of(LOSS_MSE, 1);
    float outputs[2] = {1, 2};
    const float targets[2] = {1, 4};
    const struct pass_batch batch = {.rows = 2, .targets = targets};
    void *workspace;
    struct evaluation e =
        evaluate(&network, (struct evaluation_request){0}, &batch, outputs, &workspace);
    ck_assert(e.row_losses == NULL);
    memory_free(workspace);
    e = evaluate(&network, (struct evaluation_request){.per_example = true}, &batch, outputs,
                 &workspace);
    EXPECT_ALL_CLOSE(2, e.row_losses, ((const double[]){0, 4}), 0);
    memory_free(workspace);
}
END_TEST

START_TEST(test_loss_is_what_training_finds) {
    check_loss(LOSS_CATEGORICAL_CROSSENTROPY, 3, true);
    check_loss(LOSS_CATEGORICAL_CROSSENTROPY, 3, false);
    check_loss(LOSS_BINARY_CROSSENTROPY, 1, true);
    check_loss(LOSS_BINARY_CROSSENTROPY, 3, false);
    check_loss(LOSS_MSE, 2, false);
    check_loss(LOSS_MAE, 2, false);
    check_loss(LOSS_HUBER, 2, false);
}
END_TEST

/* --- work and memory --- */

START_TEST(test_a_long_evaluation_pauses) {
    enum { ROWS = 100000 };
    const struct network network = network_of(LOSS_BINARY_CROSSENTROPY, 1);
    float *outputs = calloc(ROWS, sizeof *outputs);
    int32_t *labels = calloc(ROWS, sizeof *labels);
    for (size_t r = 0; r < ROWS; r++) {
        outputs[r] = (float)(r % 1000);
        labels[r] = (int32_t)(r % 2);
    }
    pauses = 0;
    void *workspace;
    const struct pass_batch batch = {.rows = ROWS, .labels = labels};
    evaluate(&network, (struct evaluation_request){0}, &batch, outputs, &workspace);
    /* a piece is 1024 rows; sorting moves each row 17 times, 65536 a piece */
    ck_assert_msg(pauses >= ROWS / 1024 + 17 * ROWS / 65536 - 2, "pauses found %zu", pauses);
    memory_free(workspace);
    free(outputs);
    free(labels);
}
END_TEST

START_TEST(test_bytes_of_absurd_evaluations_do_not_overflow) {
    const struct evaluation_request request = {.confusion_matrix = true};
    const struct network classes = network_of(LOSS_CATEGORICAL_CROSSENTROPY, 1000000);
    const struct network two = network_of(LOSS_BINARY_CROSSENTROPY, 1);
    const struct network numbers = network_of(LOSS_MSE, 1000000);
    ck_assert(evaluation_bytes(&two, &request, SIZE_MAX) == SIZE_MAX);
    ck_assert(evaluation_bytes(&two, &request, SIZE_MAX / 16) == SIZE_MAX);
    ck_assert(evaluation_bytes(&numbers, &request, SIZE_MAX) < 1000);
    ck_assert(evaluation_bytes(&classes, &request, 1) >= 8000000000000);
    const struct evaluation_request losses = {.per_example = true};
    ck_assert(evaluation_bytes(&numbers, &losses, SIZE_MAX) == SIZE_MAX);
    ck_assert(evaluation_bytes(&numbers, &losses, SIZE_MAX / 4) == SIZE_MAX);
    ck_assert(evaluation_bytes(&numbers, &losses, 1000) >= 4000);
    const struct evaluation_request plain = {0};
    ck_assert(evaluation_bytes(&classes, &plain, 1) < 100000000);
    ck_assert(evaluation_bytes(&two, &plain, 1000) <= 2 * 48 + 4 * 8 + 1000 * (16 + 4));
}
END_TEST

Suite *suite_metric(void) {
    Suite *suite = suite_create("metric");
    TCase *tests = tcase_create("metric");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_classes_by_hand);
    tcase_add_test(tests, test_targets_name_the_class_of_their_largest_number);
    tcase_add_test(tests, test_top_k_breaks_ties_by_the_lower_index);
    tcase_add_test(tests, test_one_sigmoid_output_has_two_classes);
    tcase_add_test(tests, test_several_sigmoids_are_decisions_of_their_own);
    tcase_add_test(tests, test_confusion_matrix_of_many_classes_is_made_when_asked);
    tcase_add_test(tests, test_area_counts_ties_at_half);
    tcase_add_test(tests, test_area_is_nan_with_one_class_alone);
    tcase_add_test(tests, test_area_of_several_classes_leaves_a_missing_class_out);
    tcase_add_test(tests, test_area_leaves_out_an_output_that_is_always_right);
    tcase_add_test(tests, test_random_classes_full_of_ties_are_counted_right);
    tcase_add_test(tests, test_regression_by_hand);
    tcase_add_test(tests, test_r2_of_constant_targets_is_1_if_exact_else_0);
    tcase_add_test(tests, test_regression_holds_at_an_offset_of_a_million);
    tcase_add_test(tests, test_loss_is_what_training_finds);
    tcase_add_test(tests, test_row_losses_are_the_reference_s_and_their_mean_is_the_loss);
    tcase_add_test(tests, test_row_losses_are_made_when_asked);
    tcase_add_test(tests, test_a_long_evaluation_pauses);
    tcase_add_test(tests, test_bytes_of_absurd_evaluations_do_not_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}

/* core/maths/optimizer.h: single steps by hand, clipping, decay, defaults.
 * Hundred steps of each against the reference: test_training.c. */
#include <check.h>
#include <float.h>
#include <string.h>

#include "core/maths/optimizer.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* Two weights, (1, -2), and their slots. */
struct trial {
    struct optimizer_settings settings;
    float w[2], first[2], second[2];
    uint64_t t;
};

static struct trial start(enum optimizer optimizer, double learning_rate) {
    struct trial trial = {.w = {1, -2}};
    optimizer_defaults(&trial.settings, optimizer);
    trial.settings.learning_rate = learning_rate;
    trial.settings.weight_decay = 0;
    return trial;
}

static void step(struct trial *trial, float g0, float g1) {
    const struct optimizer_function *function = &optimizer_functions[trial->settings.optimizer];
    const size_t slots = function->slots(&trial->settings);
    for (int i = 0; i < 2 && trial->t == 0; i++) {
        trial->first[i] = trial->second[i] = optimizer_initial_slot(&trial->settings);
    }
    const float gradient[2] = {g0, g1};
    const double squared_norm = (double)g0 * (double)g0 + (double)g1 * (double)g1;
    const struct optimizer_step prepared =
        optimizer_prepare(&trial->settings, trial->t++, squared_norm);
    function->update(&prepared, 2, gradient, trial->w, trial->w, slots > 0 ? trial->first : NULL,
                     slots > 1 ? trial->second : NULL);
}

#define EXPECT_WEIGHTS(trial, w0, w1)                                                              \
    EXPECT_ALL_CLOSE(2, (trial).w, ((const double[]){(w0), (w1)}), 1e-6)

START_TEST(test_sgd_by_hand) {
    /* w - 0.5·g */
    struct trial trial = start(OPTIMIZER_SGD, 0.5);
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, 0.5, -0.5);
}
END_TEST

START_TEST(test_sgd_momentum_by_hand) {
    /* v = -½g = (-½, 1½), w = (½, -½); then v = 0.9v - ½g = (-0.95, 2.85) */
    struct trial trial = start(OPTIMIZER_SGD, 0.5);
    trial.settings.momentum = 0.9;
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, 0.5, -0.5);
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, -0.45, 2.35);
}
END_TEST

START_TEST(test_nesterov_by_hand) {
    /* v = -½g; w += 0.9v - ½g = (-0.95, 2.85) */
    struct trial trial = start(OPTIMIZER_SGD, 0.5);
    trial.settings.momentum = 0.9;
    trial.settings.nesterov = true;
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, 0.05, 0.85);
    /* v = 0.9·(-½, 1½) - ½g = (-0.95, 2.85); w += 0.9v - ½g = (-1.355, 4.065) */
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, -1.305, 4.915);
}
END_TEST

START_TEST(test_rmsprop_by_hand) {
    /* v = 0.1·g² = (0.1, 0.9); w -= 0.1·g/√(v + ε): 0.1/√0.1 = 0.3162278 both */
    struct trial trial = start(OPTIMIZER_RMSPROP, 0.1);
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, 1 - 0.3162278, -2 + 0.3162278);
    /* v = 0.9·0.1 + 0.1 = 0.19: 0.1/√0.19 = 0.2294157 */
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, 1 - 0.3162278 - 0.2294157, -2 + 0.3162278 + 0.2294157);
}
END_TEST

START_TEST(test_rmsprop_epsilon_is_inside_the_root) {
    /* g = 0.01: v = 1e-5; with ε = 1e-3: 0.01/√0.00101 = 0.3146584 */
    struct trial trial = start(OPTIMIZER_RMSPROP, 1);
    trial.settings.epsilon = 1e-3;
    step(&trial, 0.01f, 0);
    EXPECT_WEIGHTS(trial, 1 - 0.3146584, -2);
}
END_TEST

START_TEST(test_adagrad_by_hand) {
    /* v = 0.1 + g² = (1.1, 9.1): 0.1/√1.1 = 0.0953463, 0.3/√9.1 = 0.0994490 */
    struct trial trial = start(OPTIMIZER_ADAGRAD, 0.1);
    step(&trial, 1, -3);
    EXPECT_WEIGHTS(trial, 1 - 0.0953463, -2 + 0.0994490);
}
END_TEST

START_TEST(test_adagrad_epsilon_is_inside_the_root) {
    struct trial trial = start(OPTIMIZER_ADAGRAD, 1);
    trial.settings.initial_accumulator_value = 0;
    trial.settings.epsilon = 1;
    step(&trial, 1, 0); /* 1/√(1 + 1) */
    EXPECT_WEIGHTS(trial, 1 - 0.7071068, -2);
}
END_TEST

START_TEST(test_adam_by_hand) {
    /* the first step is lr·g/|g| but for ε, whatever the gradient's size */
    struct trial trial = start(OPTIMIZER_ADAM, 0.1);
    step(&trial, 1, -30);
    EXPECT_WEIGHTS(trial, 0.9, -1.9);
    /* g = (2, 0): m = 0.09 + 0.2 = 0.29, v = 0.000999 + 0.004 = 0.004999;
     * 0.1·√(1-0.999²)/(1-0.9²)·0.29/√0.004999 = 0.1·0.0447102/0.19·4.1016307;
     * second weight: m = -2.7, v = 0.8991: 0.1·0.0447102/0.19·2.8474750 */
    step(&trial, 2, 0);
    EXPECT_ALL_CLOSE(2, trial.w, ((const double[]){0.9 - 0.0965188, -1.9 + 0.0670058}), 2e-6);
}
END_TEST

START_TEST(test_adam_epsilon_is_added_to_the_root_before_the_correction) {
    /* g = 1: m = 0.1, √v = 0.0316228; ε = 0.01:
     * √(1-0.999)/(1-0.9)·0.1/(0.0316228 + 0.01) = 0.0316228/0.0416228 = 0.7597470 */
    struct trial trial = start(OPTIMIZER_ADAM, 1);
    trial.settings.epsilon = 0.01;
    step(&trial, 1, 0);
    EXPECT_ALL_CLOSE(2, trial.w, ((const double[]){1 - 0.7597470, -2}), 3e-6);
}
END_TEST

START_TEST(test_weight_decay_is_decoupled_with_every_optimizer) {
    /* without a gradient: w -= lr·decay·w = 0.1·0.5·w */
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct trial trial = start((enum optimizer)optimizer, 0.1);
        trial.settings.weight_decay = 0.5;
        step(&trial, 0, 0);
        EXPECT_WEIGHTS(trial, 0.95, -1.9);
    }
}
END_TEST

START_TEST(test_weight_decay_uses_the_schedules_rate_without_adams_correction) {
    struct trial trial = start(OPTIMIZER_ADAMW, 0.1);
    trial.settings.weight_decay = 0.5;
    trial.settings.schedule.warmup_steps = 10; /* rate 0.01 at first */
    step(&trial, 0, 0);
    EXPECT_WEIGHTS(trial, 0.995, -1.99);
}
END_TEST

START_TEST(test_clip_norm_bounds_the_norm_of_all_gradients_together) {
    /* norm 5 to 1: g (3, 4) becomes (0.6, 0.8) */
    struct trial trial = start(OPTIMIZER_SGD, 1);
    trial.settings.clip_norm = 1;
    step(&trial, 3, 4);
    EXPECT_WEIGHTS(trial, 1 - 0.6, -2 - 0.8);
}
END_TEST

START_TEST(test_clip_value_bounds_each_gradient) {
    struct trial trial = start(OPTIMIZER_SGD, 1);
    trial.settings.clip_value = 0.5;
    step(&trial, 3, -4);
    EXPECT_WEIGHTS(trial, 0.5, -1.5);
    step(&trial, 0.25f, -0.125f);
    EXPECT_WEIGHTS(trial, 0.25, -1.375);
}
END_TEST

START_TEST(test_clipping_below_the_limit_changes_not_a_bit) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        for (int by_value = 0; by_value < 2; by_value++) {
            struct trial plain = start((enum optimizer)optimizer, 0.0123);
            struct trial clipped = plain;
            *(by_value ? &clipped.settings.clip_value : &clipped.settings.clip_norm) = 5;
            for (int i = 0; i < 20; i++) {
                step(&plain, 3, 4);
                step(&clipped, 3, 4); /* the norm is 5: at the limit, not above */
            }
            EXPECT_BITS(2, clipped.w, plain.w);
        }
    }
}
END_TEST

START_TEST(test_learning_rate_zero_keeps_weights_to_the_bit) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct trial trial = start((enum optimizer)optimizer, 0);
        trial.settings.weight_decay = 0.9;
        trial.settings.momentum = optimizer == OPTIMIZER_SGD ? 0.9 : 0;
        trial.w[0] = 0.1f;
        trial.w[1] = 1e-30f;
        for (int i = 0; i < 10; i++) {
            step(&trial, 1e9f, -3);
        }
        EXPECT_BITS(2, trial.w, ((const float[]){0.1f, 1e-30f}));
    }
}
END_TEST

START_TEST(test_largest_rate_with_largest_gradients_leaves_weights_finite) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct trial trial = start((enum optimizer)optimizer, LEARNING_RATE_MAX);
        trial.settings.momentum = optimizer == OPTIMIZER_SGD ? 0.9999 : 0;
        for (int i = 0; i < 1000; i++) {
            step(&trial, 1.3e19f, -1.3e19f); /* the squared norm is just within float32 */
        }
        ck_assert_msg(isfinite(trial.w[0]) && isfinite(trial.w[1]),
                      "%s: found %g, wanted a finite weight", optimizer_functions[optimizer].name,
                      (double)trial.w[0]);
    }
}
END_TEST

/* lr·decay above 1 would turn a weight's sign and make it larger each batch,
 * to infinity, with gradients of 0. */
START_TEST(test_largest_rate_with_largest_decay_leaves_weights_finite) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct trial trial = start((enum optimizer)optimizer, LEARNING_RATE_MAX);
        trial.settings.weight_decay = 1;
        for (int i = 0; i < 1000; i++) {
            step(&trial, 0, 0);
        }
        ck_assert_msg(isfinite(trial.w[0]) && isfinite(trial.w[1]),
                      "%s: found %g, wanted a finite weight", optimizer_functions[optimizer].name,
                      (double)trial.w[0]);
    }
}
END_TEST

START_TEST(test_update_beside_the_old_weights_gives_the_same_bits) {
    enum { COUNT = 67 };
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct optimizer_settings settings;
        optimizer_defaults(&settings, (enum optimizer)optimizer);
        settings.momentum = 0.5;
        const struct optimizer_step prepared = optimizer_prepare(&settings, 3, 1);
        float w[COUNT], apart[COUNT], gradient[COUNT], slots[4][COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            w[i] = 0.1f * (float)i - 3.0f;
            gradient[i] = 1.0f - 0.03f * (float)i;
            slots[0][i] = slots[1][i] = slots[2][i] = slots[3][i] = 0.01f * (float)i;
        }
        const struct optimizer_function *function = &optimizer_functions[optimizer];
        function->update(&prepared, COUNT, gradient, w, apart, slots[0], slots[1]);
        function->update(&prepared, COUNT, gradient, w, w, slots[2], slots[3]);
        EXPECT_BITS(COUNT, w, apart);
        EXPECT_BITS(COUNT, slots[2], slots[0]);
        EXPECT_BITS(COUNT, slots[3], slots[1]);
    }
}
END_TEST

START_TEST(test_default_settings_are_those_of_the_conventions) {
    static const double rates[] = {0.01, 0.001, 0.001, 0.001, 0.001};
    static const double decays[] = {0, 0, 0, 0, 0.004};
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        struct optimizer_settings s;
        optimizer_defaults(&s, (enum optimizer)optimizer);
        const bool adam = optimizer == OPTIMIZER_ADAM || optimizer == OPTIMIZER_ADAMW;
        EXPECT_SAME(s.learning_rate, rates[optimizer]);
        EXPECT_SAME(s.weight_decay, decays[optimizer]);
        EXPECT_SAME(s.momentum, 0);
        EXPECT_SAME(s.clip_norm, 0);
        EXPECT_SAME(s.clip_value, 0);
        EXPECT_SAME(s.rho, optimizer == OPTIMIZER_RMSPROP ? 0.9 : 0);
        EXPECT_SAME(s.beta_1, adam ? 0.9 : 0);
        EXPECT_SAME(s.beta_2, adam ? 0.999 : 0);
        EXPECT_SAME(s.epsilon, optimizer == OPTIMIZER_SGD ? 0 : 1e-7);
        EXPECT_SAME(s.initial_accumulator_value, optimizer == OPTIMIZER_ADAGRAD ? 0.1 : 0);
        ck_assert(!s.nesterov && s.schedule.schedule == SCHEDULE_CONSTANT);
        EXPECT_COUNT(s.schedule.warmup_steps, 0);
    }
}
END_TEST

START_TEST(test_slots_are_those_that_the_update_uses) {
    struct optimizer_settings s;
    static const size_t slots[] = {0, 1, 1, 2, 2};
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        optimizer_defaults(&s, (enum optimizer)optimizer);
        EXPECT_COUNT(optimizer_functions[optimizer].slots(&s), slots[optimizer]);
    }
    optimizer_defaults(&s, OPTIMIZER_SGD);
    s.momentum = 0.9;
    EXPECT_COUNT(optimizer_functions[OPTIMIZER_SGD].slots(&s), 1);
}
END_TEST

START_TEST(test_adagrad_accumulator_starts_at_a_tenth) {
    struct optimizer_settings s;
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        optimizer_defaults(&s, (enum optimizer)optimizer);
        EXPECT_SAME(optimizer_initial_slot(&s), optimizer == OPTIMIZER_ADAGRAD ? 0.1f : 0);
    }
}
END_TEST

START_TEST(test_every_option_reads_and_writes_its_field) {
    struct optimizer_settings s;
    optimizer_defaults(&s, OPTIMIZER_ADAM);
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        optimizer_option_set(&s, &optimizer_options[i], (double)i + 0.5);
    }
    for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
        EXPECT_SAME(optimizer_option_get(&s, &optimizer_options[i]), (double)i + 0.5);
    }
    EXPECT_SAME(s.learning_rate, 0.5);
    EXPECT_SAME(s.clip_value, 9.5);
}
END_TEST

START_TEST(test_every_optimizer_is_found_by_its_name) {
    static const char *const names[] = {"sgd", "rmsprop", "adagrad", "adam", "adamw"};
    for (int i = 0; i < OPTIMIZER_COUNT; i++) {
        EXPECT_TEXT(optimizer_functions[i].name, names[i]);
    }
}
END_TEST

Suite *suite_optimizer(void) {
    Suite *suite = suite_create("optimizer");
    TCase *tests = tcase_create("optimizer");
    tcase_add_test(tests, test_sgd_by_hand);
    tcase_add_test(tests, test_sgd_momentum_by_hand);
    tcase_add_test(tests, test_nesterov_by_hand);
    tcase_add_test(tests, test_rmsprop_by_hand);
    tcase_add_test(tests, test_rmsprop_epsilon_is_inside_the_root);
    tcase_add_test(tests, test_adagrad_by_hand);
    tcase_add_test(tests, test_adagrad_epsilon_is_inside_the_root);
    tcase_add_test(tests, test_adam_by_hand);
    tcase_add_test(tests, test_adam_epsilon_is_added_to_the_root_before_the_correction);
    tcase_add_test(tests, test_weight_decay_is_decoupled_with_every_optimizer);
    tcase_add_test(tests, test_weight_decay_uses_the_schedules_rate_without_adams_correction);
    tcase_add_test(tests, test_clip_norm_bounds_the_norm_of_all_gradients_together);
    tcase_add_test(tests, test_clip_value_bounds_each_gradient);
    tcase_add_test(tests, test_clipping_below_the_limit_changes_not_a_bit);
    tcase_add_test(tests, test_learning_rate_zero_keeps_weights_to_the_bit);
    tcase_add_test(tests, test_largest_rate_with_largest_gradients_leaves_weights_finite);
    tcase_add_test(tests, test_largest_rate_with_largest_decay_leaves_weights_finite);
    tcase_add_test(tests, test_update_beside_the_old_weights_gives_the_same_bits);
    tcase_add_test(tests, test_default_settings_are_those_of_the_conventions);
    tcase_add_test(tests, test_slots_are_those_that_the_update_uses);
    tcase_add_test(tests, test_adagrad_accumulator_starts_at_a_tenth);
    tcase_add_test(tests, test_every_option_reads_and_writes_its_field);
    tcase_add_test(tests, test_every_optimizer_is_found_by_its_name);
    suite_add_tcase(suite, tests);
    return suite;
}

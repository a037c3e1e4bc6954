/* core/maths/specification.h: what is filled in, and what is refused where. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/maths/specification.h"
#include "tests/reference/layers.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

/* 4 inputs, 8 hidden units, 3 outputs, all else left out. */
static struct specification plain(void) {
    struct specification s;
    specification_init(&s);
    s.inputs = 4;
    lend_layers(&s, 2);
    s.layers[0].units = 8;
    s.layers[1].units = 3;
    return s;
}

/* Frees what a specification owns but its layers, which are lent. */
static void release(struct specification *s) {
    s->layers = NULL;
    specification_free(s);
}

static struct specification complete(struct specification s) {
    struct error error;
    lend_copied_layers(&s);
    ck_assert_msg(specification_complete(&s, &error) == ERROR_NONE, "refused: %s: %s",
                  error.pointer, error.message);
    return s;
}

static void set_classes(struct specification *s, size_t count, const char *const *names) {
    s->classes = memory_allocate(count, sizeof *s->classes);
    s->class_count = count;
    for (size_t c = 0; c < count; c++) {
        s->classes[c] = memory_copy_string(names[c]);
    }
}

static void set_class_weights(struct specification *s, size_t count, float weight) {
    s->class_weights = memory_allocate(count, sizeof *s->class_weights);
    for (size_t c = 0; c < count; c++) {
        s->class_weights[c] = weight;
    }
}

/* Refused, at that field; frees what the specification owns. */
#define EXPECT_REFUSED(network, at)                                                                \
    do {                                                                                           \
        struct specification s_ = (network);                                                       \
        struct error error_ = {0};                                                                 \
        lend_copied_layers(&s_);                                                                   \
        const enum error_code code_ = specification_complete(&s_, &error_);                        \
        ck_assert_msg(code_ == ERROR_INVALID, "found code %d, wanted a refusal at %s", (int)code_, \
                      (at));                                                                       \
        EXPECT_TEXT(error_.pointer, (at));                                                         \
        ck_assert(error_.message[0] != '\0');                                                      \
        release(&s_);                                                                              \
    } while (0)

START_TEST(test_left_out_everything_is_relu_softmax_categorical_adam) {
    const struct specification s = complete(plain());
    ck_assert(s.layers[0].activation == ACTIVATION_RELU);
    ck_assert(s.layers[1].activation == ACTIVATION_SOFTMAX);
    ck_assert(s.loss == LOSS_CATEGORICAL_CROSSENTROPY);
    ck_assert(s.layers[0].initializer == INITIALIZER_HE_NORMAL);
    ck_assert(s.layers[1].initializer == INITIALIZER_GLOROT_UNIFORM);
    ck_assert(s.optimizer.optimizer == OPTIMIZER_ADAM);
    ck_assert(s.output_delta == OUTPUT_DELTA_EXACT);
    ck_assert(!s.standardize);
    EXPECT_SAME(s.optimizer.learning_rate, 0.001);
    EXPECT_SAME(s.huber_delta, 1);
    EXPECT_COUNT(specification_parameters(&s), 5 * 8 + 9 * 3);
    EXPECT_COUNT(specification_outputs(&s), 3);
}
END_TEST

START_TEST(test_last_activation_follows_the_loss) {
    static const enum activation wanted[LOSS_COUNT] = {ACTIVATION_SOFTMAX, ACTIVATION_SIGMOID,
                                                       ACTIVATION_IDENTITY, ACTIVATION_IDENTITY,
                                                       ACTIVATION_IDENTITY};
    for (int loss = 0; loss < LOSS_COUNT; loss++) {
        struct specification s = plain();
        s.loss = (enum loss)loss;
        s = complete(s);
        ck_assert_int_eq((int)s.layers[1].activation, (int)wanted[loss]);
        ck_assert_int_eq((int)s.loss, loss);
    }
}
END_TEST

START_TEST(test_loss_follows_the_last_activation) {
    for (int last = 0; last < ACTIVATION_COUNT; last++) {
        struct specification s = plain();
        s.layers[1].activation = (enum activation)last;
        s = complete(s);
        ck_assert_int_eq((int)s.loss,
                         (int)(last == ACTIVATION_SOFTMAX   ? LOSS_CATEGORICAL_CROSSENTROPY
                               : last == ACTIVATION_SIGMOID ? LOSS_BINARY_CROSSENTROPY
                                                            : LOSS_MSE));
    }
}
END_TEST

START_TEST(test_initializer_follows_the_activation_unless_given) {
    struct specification s = plain();
    s.layers[0].activation = ACTIVATION_TANH;
    ck_assert(complete(s).layers[0].initializer == INITIALIZER_GLOROT_UNIFORM);
    s.layers[0].initializer = INITIALIZER_LECUN_NORMAL;
    ck_assert(complete(s).layers[0].initializer == INITIALIZER_LECUN_NORMAL);
}
END_TEST

START_TEST(test_alpha_is_the_activations_unless_given) {
    struct specification s = plain();
    s.layers[0].activation = ACTIVATION_LEAKY_RELU;
    EXPECT_SAME(complete(s).layers[0].alpha, 0.2);
    s.layers[0].has_alpha = true;
    s.layers[0].alpha = 0.01;
    EXPECT_SAME(complete(s).layers[0].alpha, 0.01);
}
END_TEST

START_TEST(test_inputs_are_1_to_a_million) {
    struct specification s = plain();
    s.inputs = 0;
    EXPECT_REFUSED(s, "/inputs");
    s.inputs = WIDTH_MAX + 1;
    EXPECT_REFUSED(s, "/inputs");
    s.inputs = SIZE_MAX;
    EXPECT_REFUSED(s, "/inputs");
    s.inputs = WIDTH_MAX;
    complete(s);
}
END_TEST

START_TEST(test_layers_are_1_to_64) {
    struct specification s = plain();
    s.layer_count = 0;
    EXPECT_REFUSED(s, "/layers");
    lend_layers(&s, LAYERS_MAX + 1);
    EXPECT_REFUSED(s, "/layers");
    lend_layers(&s, LAYERS_MAX);
    for (size_t l = 0; l < LAYERS_MAX; l++) {
        s.layers[l].units = 2;
    }
    complete(s);
}
END_TEST

START_TEST(test_units_are_1_to_a_million) {
    struct specification s = plain();
    s.layers[0].units = 0;
    EXPECT_REFUSED(s, "/layers/0/units");
    s.layers[0].units = 8;
    s.layers[1].units = WIDTH_MAX + 1;
    EXPECT_REFUSED(s, "/layers/1/units");
    s.layers[1].units = SIZE_MAX;
    EXPECT_REFUSED(s, "/layers/1/units");
}
END_TEST

START_TEST(test_parameters_are_at_most_a_billion) {
    struct specification s = plain();
    s.inputs = 100000;
    s.layers[0].units = 10000;
    EXPECT_REFUSED(s, "/layers");
    s.inputs = WIDTH_MAX;
    lend_layers(&s, LAYERS_MAX);
    for (size_t l = 0; l < LAYERS_MAX; l++) {
        s.layers[l].units = WIDTH_MAX;
    }
    EXPECT_REFUSED(s, "/layers");
}
END_TEST

START_TEST(test_softmax_in_a_hidden_layer_is_refused) {
    struct specification s = plain();
    s.layers[0].activation = ACTIVATION_SOFTMAX;
    EXPECT_REFUSED(s, "/layers/0/activation");
}
END_TEST

START_TEST(test_one_softmax_unit_is_refused_with_advice) {
    struct specification s = plain();
    s.layers[1].units = 1;
    struct error error;
    ck_assert(specification_complete(&s, &error) == ERROR_INVALID);
    EXPECT_TEXT(error.pointer, "/layers/1/units");
    ck_assert(strstr(error.message, "one sigmoid unit, or two softmax units") != NULL);
}
END_TEST

START_TEST(test_alpha_where_there_is_none_or_out_of_bounds_is_refused) {
    struct specification s = plain();
    s.layers[0].has_alpha = true;
    s.layers[0].alpha = 0.5;
    EXPECT_REFUSED(s, "/layers/0/alpha");
    s.layers[0].activation = ACTIVATION_ELU;
    complete(s);
    s.layers[0].alpha = 101;
    EXPECT_REFUSED(s, "/layers/0/alpha");
    s.layers[0].alpha = NAN;
    EXPECT_REFUSED(s, "/layers/0/alpha");
}
END_TEST

START_TEST(test_dropout_is_from_0_to_below_1_in_hidden_layers) {
    static const double refused[] = {-0.1, 1, 1.5, NAN};
    for (size_t i = 0; i < 4; i++) {
        struct specification s = plain();
        s.layers[0].dropout = refused[i];
        EXPECT_REFUSED(s, "/layers/0/dropout");
    }
    struct specification s = plain();
    s.layers[0].dropout = 0.999;
    complete(s);
    s.layers[1].dropout = 0.1;
    EXPECT_REFUSED(s, "/layers/1/dropout");
}
END_TEST

START_TEST(test_loss_must_fit_the_last_activation) {
    static const bool fits[LOSS_COUNT][3] = {
        /* softmax, sigmoid, identity */
        {true, false, false}, {false, true, false}, {false, true, true},
        {false, true, true},  {false, true, true},
    };
    static const enum activation last[] = {ACTIVATION_SOFTMAX, ACTIVATION_SIGMOID,
                                           ACTIVATION_IDENTITY};
    for (int loss = 0; loss < LOSS_COUNT; loss++) {
        for (size_t i = 0; i < 3; i++) {
            struct specification s = plain();
            s.loss = (enum loss)loss;
            s.layers[1].activation = last[i];
            if (fits[loss][i]) {
                complete(s);
            } else {
                EXPECT_REFUSED(s, "/loss");
            }
        }
    }
}
END_TEST

START_TEST(test_huber_delta_belongs_to_huber_and_is_positive) {
    struct specification s = plain();
    s.has_huber_delta = true;
    s.huber_delta = 2;
    EXPECT_REFUSED(s, "/huber_delta");
    s.loss = LOSS_HUBER;
    EXPECT_SAME(complete(s).huber_delta, 2);
    static const double refused[] = {0, -1, 1e7, NAN};
    for (size_t i = 0; i < 4; i++) {
        s.huber_delta = refused[i];
        EXPECT_REFUSED(s, "/huber_delta");
    }
}
END_TEST

START_TEST(test_diagonal_is_for_categorical_crossentropy_only) {
    struct specification s = plain();
    s.has_output_delta = true;
    s.output_delta = OUTPUT_DELTA_DIAGONAL;
    complete(s);
    s.loss = LOSS_MSE;
    EXPECT_REFUSED(s, "/output_delta");
}
END_TEST

START_TEST(test_every_optimizer_option_is_refused_beyond_its_bounds) {
    for (int optimizer = 0; optimizer < OPTIMIZER_COUNT; optimizer++) {
        for (size_t i = 0; i < OPTIMIZER_OPTION_COUNT; i++) {
            const struct optimizer_option *option = &optimizer_options[i];
            if (!(option->optimizers & (1u << optimizer))) {
                continue;
            }
            const double refused[] = {option->minimum - 1e-6, option->maximum * 1.001, NAN,
                                      INFINITY, -INFINITY};
            for (size_t r = 0; r < sizeof refused / sizeof *refused; r++) {
                struct specification s = plain();
                optimizer_defaults(&s.optimizer, (enum optimizer)optimizer);
                optimizer_option_set(&s.optimizer, option, refused[r]);
                char pointer[64];
                snprintf(pointer, sizeof pointer, "/optimizer/%s", option->name);
                EXPECT_REFUSED(s, pointer);
            }
        }
    }
}
END_TEST

START_TEST(test_learning_rate_is_0_to_1000) {
    struct specification s = plain();
    s.optimizer.learning_rate = 0;
    complete(s);
    s.optimizer.learning_rate = 1000;
    complete(s);
    s.optimizer.learning_rate = 1000.1;
    EXPECT_REFUSED(s, "/optimizer/learning_rate");
    s.optimizer.learning_rate = -1e-9;
    EXPECT_REFUSED(s, "/optimizer/learning_rate");
}
END_TEST

START_TEST(test_both_ways_of_clipping_are_refused) {
    struct specification s = plain();
    s.optimizer.clip_norm = 1;
    complete(s);
    s.optimizer.clip_value = 1;
    EXPECT_REFUSED(s, "/optimizer/clip_value");
}
END_TEST

START_TEST(test_nesterov_needs_a_momentum) {
    struct specification s = plain();
    optimizer_defaults(&s.optimizer, OPTIMIZER_SGD);
    s.optimizer.nesterov = true;
    EXPECT_REFUSED(s, "/optimizer/nesterov");
    s.optimizer.momentum = 0.9;
    complete(s);
}
END_TEST

START_TEST(test_schedule_fields_are_checked_where_they_are_used) {
    struct specification s = plain();
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_STEP, 0.5, 0, 0, 0};
    EXPECT_REFUSED(s, "/optimizer/schedule/decay_steps");
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_EXPONENTIAL, 0, 1, 0, 0};
    EXPECT_REFUSED(s, "/optimizer/schedule/decay_rate");
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_STEP, 1.1, 1, 0, 0};
    EXPECT_REFUSED(s, "/optimizer/schedule/decay_rate");
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_STEP, NAN, 1, 0, 0};
    EXPECT_REFUSED(s, "/optimizer/schedule/decay_rate");
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_COSINE, 0, 1, 1.5, 0};
    EXPECT_REFUSED(s, "/optimizer/schedule/alpha");
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_COSINE, 0, 0, 0.5, 0};
    EXPECT_REFUSED(s, "/optimizer/schedule/decay_steps");
    s.optimizer.schedule = (struct schedule_settings){SCHEDULE_COSINE, 0, 5, 0, 3};
    complete(s);
}
END_TEST

START_TEST(test_class_names_are_as_many_as_classes) {
    static const char *const names[] = {"cat", "dog", "ant", "bee"};
    struct specification s = plain();
    set_classes(&s, 3, names);
    s = complete(s);
    release(&s);
    s = plain();
    set_classes(&s, 2, names);
    EXPECT_REFUSED(s, "/classes");
    s = plain();
    s.loss = LOSS_MSE;
    set_classes(&s, 3, names);
    EXPECT_REFUSED(s, "/classes");
    s = plain(); /* several sigmoid outputs: one name an output */
    s.loss = LOSS_BINARY_CROSSENTROPY;
    set_classes(&s, 3, names);
    s = complete(s);
    release(&s);
    s = plain();
    s.loss = LOSS_BINARY_CROSSENTROPY;
    set_classes(&s, 2, names);
    EXPECT_REFUSED(s, "/classes");
    s = plain(); /* one sigmoid output: two classes */
    s.loss = LOSS_BINARY_CROSSENTROPY;
    s.layers[1].units = 1;
    set_classes(&s, 2, names);
    s = complete(s);
    release(&s);
}
END_TEST

START_TEST(test_class_names_are_found_by_name) {
    static const char *const names[] = {"cat", "dog", "ant"};
    struct specification s = plain();
    set_classes(&s, 3, names);
    s = complete(s);
    for (int c = 0; c < 3; c++) {
        ck_assert_int_eq((int)specification_find_class(&s, names[c]), c);
    }
    ck_assert_int_eq((int)specification_find_class(&s, "cow"), -1);
    ck_assert_int_eq((int)specification_find_class(&s, ""), -1);
    release(&s);
    const struct specification none = complete(plain());
    ck_assert_int_eq((int)specification_find_class(&none, "cat"), -1);
}
END_TEST

START_TEST(test_class_names_are_distinct_and_1_to_256_bytes) {
    struct specification s = plain();
    set_classes(&s, 3, (const char *const[]){"a", "b", "a"});
    EXPECT_REFUSED(s, "/classes/2");
    s = plain();
    set_classes(&s, 3, (const char *const[]){"a", "", "b"});
    EXPECT_REFUSED(s, "/classes/1");
    char name[CLASS_NAME_BYTES_MAX + 2];
    memset(name, 'x', sizeof name);
    name[CLASS_NAME_BYTES_MAX + 1] = '\0';
    s = plain();
    set_classes(&s, 3, (const char *const[]){"a", "b", name});
    EXPECT_REFUSED(s, "/classes/2");
    name[CLASS_NAME_BYTES_MAX] = '\0';
    s = plain();
    set_classes(&s, 3, (const char *const[]){"a", "b", name});
    s = complete(s);
    release(&s);
}
END_TEST

START_TEST(test_class_weights_need_exclusive_classes_and_are_0_to_a_million) {
    struct specification s = plain();
    set_class_weights(&s, 3, 0);
    s = complete(s);
    release(&s);
    static const float refused[] = {-1, 2e6f, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        s = plain();
        set_class_weights(&s, 3, refused[i]);
        EXPECT_REFUSED(s, "/class_weights");
    }
    s = plain();
    s.loss = LOSS_BINARY_CROSSENTROPY; /* three independent outputs */
    set_class_weights(&s, 3, 1);
    EXPECT_REFUSED(s, "/class_weights");
    s = plain();
    s.loss = LOSS_MAE;
    set_class_weights(&s, 3, 1);
    EXPECT_REFUSED(s, "/class_weights");
}
END_TEST

START_TEST(test_classes_of_softmax_one_sigmoid_and_the_rest) {
    struct specification s = plain();
    EXPECT_COUNT(specification_classes(&(struct specification[]){complete(s)}[0]), 3);
    s.loss = LOSS_BINARY_CROSSENTROPY;
    EXPECT_COUNT(specification_classes(&(struct specification[]){complete(s)}[0]), 0);
    s.layers[1].units = 1;
    EXPECT_COUNT(specification_classes(&(struct specification[]){complete(s)}[0]), 2);
    s.loss = LOSS_HUBER;
    EXPECT_COUNT(specification_classes(&(struct specification[]){complete(s)}[0]), 0);
}
END_TEST

START_TEST(test_no_memory_for_the_class_names_is_said) {
    struct specification s = plain();
    set_classes(&s, 3, (const char *const[]){"a", "b", "c"});
    struct error error;
    memory_fail_after(0);
    ck_assert(specification_complete(&s, &error) == ERROR_MEMORY);
    memory_fail_after(-1);
    release(&s);
}
END_TEST

Suite *suite_specification(void) {
    Suite *suite = suite_create("specification");
    TCase *tests = tcase_create("specification");
    tcase_add_test(tests, test_left_out_everything_is_relu_softmax_categorical_adam);
    tcase_add_test(tests, test_last_activation_follows_the_loss);
    tcase_add_test(tests, test_loss_follows_the_last_activation);
    tcase_add_test(tests, test_initializer_follows_the_activation_unless_given);
    tcase_add_test(tests, test_alpha_is_the_activations_unless_given);
    tcase_add_test(tests, test_inputs_are_1_to_a_million);
    tcase_add_test(tests, test_layers_are_1_to_64);
    tcase_add_test(tests, test_units_are_1_to_a_million);
    tcase_add_test(tests, test_parameters_are_at_most_a_billion);
    tcase_add_test(tests, test_softmax_in_a_hidden_layer_is_refused);
    tcase_add_test(tests, test_one_softmax_unit_is_refused_with_advice);
    tcase_add_test(tests, test_alpha_where_there_is_none_or_out_of_bounds_is_refused);
    tcase_add_test(tests, test_dropout_is_from_0_to_below_1_in_hidden_layers);
    tcase_add_test(tests, test_loss_must_fit_the_last_activation);
    tcase_add_test(tests, test_huber_delta_belongs_to_huber_and_is_positive);
    tcase_add_test(tests, test_diagonal_is_for_categorical_crossentropy_only);
    tcase_add_test(tests, test_every_optimizer_option_is_refused_beyond_its_bounds);
    tcase_add_test(tests, test_learning_rate_is_0_to_1000);
    tcase_add_test(tests, test_both_ways_of_clipping_are_refused);
    tcase_add_test(tests, test_nesterov_needs_a_momentum);
    tcase_add_test(tests, test_schedule_fields_are_checked_where_they_are_used);
    tcase_add_test(tests, test_class_names_are_as_many_as_classes);
    tcase_add_test(tests, test_class_names_are_found_by_name);
    tcase_add_test(tests, test_class_names_are_distinct_and_1_to_256_bytes);
    tcase_add_test(tests, test_class_weights_need_exclusive_classes_and_are_0_to_a_million);
    tcase_add_test(tests, test_classes_of_softmax_one_sigmoid_and_the_rest);
    tcase_add_test(tests, test_no_memory_for_the_class_names_is_said);
    suite_add_tcase(suite, tests);
    return suite;
}

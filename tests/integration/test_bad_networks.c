/* What networks that cannot be get: a 4xx that names the field. */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))

#define BODY(rest) "{'name': 'm', 'inputs': 2, 'layers': [3, 2], " rest "}"
#define LAYERS(layers) "{'name': 'm', 'inputs': 2, 'layers': " layers "}"
#define NAME(name) "{'name': " name ", 'inputs': 2, 'layers': [3, 2]}"
#define LONG_NAME "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 65 */

static const struct refused networks[] = {
    {LAYERS("[0, 2]"), 422, "/layers/0"},
    {LAYERS("[3, 1000000000]"), 422, "/layers/1"},
    {LAYERS("[100000000000000000000]"), 422, NULL}, /* jansson knows no place */
    {LAYERS("[-1]"), 422, "/layers/0"},
    {LAYERS("[1.5]"), 422, "/layers/0"},
    {LAYERS("[{'units': 0}]"), 422, "/layers/0/units"},
    {LAYERS("[3, {'units': 1000000000}]"), 422, "/layers/1/units"},
    {LAYERS("[{'units': '3'}]"), 422, "/layers/0/units"},
    {LAYERS("[{'units': null}]"), 422, "/layers/0/units"},
    {LAYERS("[{'activation': 'relu'}]"), 422, "/layers/0/units"},
    {LAYERS("[{'units': 1, 'activation': 'softmax'}]"), 422, "/layers/0/units"},
    {LAYERS("[1]"), 422, "/layers/0"},
    {LAYERS("[1000000, 1000000]"), 422, "/layers"},
    {LAYERS("[]"), 422, "/layers"},
    {LAYERS("null"), 422, "/layers"},
    {LAYERS("3"), 422, "/layers"},
    {LAYERS("{'units': 3}"), 422, "/layers"},
    {LAYERS("[null]"), 422, "/layers/0"},
    {LAYERS("[[3]]"), 422, "/layers/0"},
    {LAYERS("['3']"), 422, "/layers/0"},
    {LAYERS("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
            "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]"),
     422, "/layers"},
    {LAYERS("[{'units': 3, 'size': 1}, 2]"), 422, "/layers/0/size"},
    {LAYERS("[{'units': 3, 'activation': 'rely'}, 2]"), 422, "/layers/0/activation"},
    {LAYERS("[{'units': 3, 'activation': 'softmax'}, 2]"), 422, "/layers/0/activation"},
    {LAYERS("[{'units': 3, 'activation': 7}, 2]"), 422, "/layers/0/activation"},
    {LAYERS("[{'units': 3, 'alpha': 1}, 2]"), 422, "/layers/0/alpha"},
    {LAYERS("[{'units': 3, 'activation': 'elu', 'alpha': 1e300}, 2]"), 422, "/layers/0/alpha"},
    {LAYERS("[{'units': 3, 'dropout': 1}, 2]"), 422, "/layers/0/dropout"},
    {LAYERS("[{'units': 3, 'dropout': -0.5}, 2]"), 422, "/layers/0/dropout"},
    {LAYERS("[3, {'units': 2, 'dropout': 0.5}]"), 422, "/layers/1/dropout"},
    {LAYERS("[{'units': 3, 'initializer': 'ones'}, 2]"), 422, "/layers/0/initializer"},
    {LAYERS("[{'units': 3, 'normalization': 'group'}, 2]"), 422, "/layers/0/normalization"},
    {LAYERS("[3, {'units': 2, 'normalization': 'batch'}]"), 422, "/layers/1/normalization"},
    {"{'name': 'm', 'layers': [2]}", 422, "/inputs"},
    {"{'name': 'm', 'inputs': 2}", 422, "/layers"},
    {"{'name': 'm', 'inputs': 0, 'layers': [2]}", 422, "/inputs"},
    {"{'name': 'm', 'inputs': 1000000000, 'layers': [2]}", 422, "/inputs"},
    {"{'name': 'm', 'inputs': '2', 'layers': [2]}", 422, "/inputs"},
    {"{'name': 'm', 'inputs': null, 'layers': [2]}", 422, "/inputs"},
    {BODY("'loss': 'mse'"), 201, NULL}, /* the last activation follows the loss */
    {"{'name': 'm', 'inputs': 2, 'layers': [{'units': 2, 'activation': 'relu'}], "
     "'loss': 'categorical_crossentropy'}",
     422, "/loss"},
    {"{'name': 'm', 'inputs': 2, 'layers': [{'units': 2, 'activation': 'softmax'}], "
     "'loss': 'mse'}",
     422, "/loss"},
    {"{'name': 'm', 'inputs': 2, 'layers': [{'units': 2, 'activation': 'softmax'}], "
     "'loss': 'binary_crossentropy'}",
     422, "/loss"},
    {BODY("'loss': 'hinge'"), 422, "/loss"},
    {BODY("'loss': ['mse']"), 422, "/loss"},
    {BODY("'huber_delta': 1"), 422, "/huber_delta"},
    {BODY("'loss': 'huber', 'huber_delta': 0"), 422, "/huber_delta"},
    {BODY("'loss': 'mse', 'output_delta': 'diagonal'"), 422, "/output_delta"},
    {BODY("'output_delta': 'wrong'"), 422, "/output_delta"},
    {BODY("'optimizer': 'adamax'"), 422, "/optimizer"},
    {BODY("'optimizer': 5"), 422, "/optimizer"},
    {BODY("'optimizer': {'name': 'adamax'}"), 422, "/optimizer/name"},
    {BODY("'optimizer': {'learning_rate': -1}"), 422, "/optimizer/learning_rate"},
    {BODY("'optimizer': {'learning_rate': 1001}"), 422, "/optimizer/learning_rate"},
    {BODY("'optimizer': {'learning_rate': '0.1'}"), 422, "/optimizer/learning_rate"},
    {BODY("'optimizer': {'learning_rate': null}"), 422, "/optimizer/learning_rate"},
    {BODY("'optimizer': {'lr': 0.1}"), 422, "/optimizer/lr"},
    {BODY("'optimizer': {'momentum': 0.9}"), 422, "/optimizer/momentum"},
    {BODY("'optimizer': {'name': 'sgd', 'momentum': 1}"), 422, "/optimizer/momentum"},
    {BODY("'optimizer': {'name': 'sgd', 'nesterov': true}"), 422, "/optimizer/nesterov"},
    {BODY("'optimizer': {'name': 'sgd', 'momentum': 0.5, 'nesterov': 1}"), 422,
     "/optimizer/nesterov"},
    {BODY("'optimizer': {'clip_norm': 0}"), 422, "/optimizer/clip_norm"},
    {BODY("'optimizer': {'clip_norm': 1, 'clip_value': 1}"), 422, "/optimizer/clip_value"},
    {BODY("'optimizer': {'weight_decay': -1}"), 422, "/optimizer/weight_decay"},
    {BODY("'optimizer': {'schedule': 'cosine'}"), 422, "/optimizer/schedule"},
    {BODY("'optimizer': {'schedule': {}}"), 422, "/optimizer/schedule/name"},
    {BODY("'optimizer': {'schedule': {'name': 'linear'}}"), 422, "/optimizer/schedule/name"},
    {BODY("'optimizer': {'schedule': {'name': 'cosine'}}"), 422, "/optimizer/schedule/decay_steps"},
    {BODY("'optimizer': {'schedule': {'name': 'cosine', 'decay_steps': 0}}"), 422,
     "/optimizer/schedule/decay_steps"},
    {BODY("'optimizer': {'schedule': {'name': 'cosine', 'decay_steps': 5, 'alpha': 2}}"), 422,
     "/optimizer/schedule/alpha"},
    {BODY("'optimizer': {'schedule': {'name': 'step', 'decay_steps': 5, 'decay_rate': 2}}"), 422,
     "/optimizer/schedule/decay_rate"},
    {BODY("'optimizer': {'schedule': {'name': 'constant', 'decay_steps': 5}}"), 422,
     "/optimizer/schedule/decay_steps"},
    {BODY("'optimizer': {'schedule': {'name': 'constant', 'warmup_steps': -5}}"), 422,
     "/optimizer/schedule/warmup_steps"},
    {BODY("'seed': -1"), 422, "/seed"},
    {BODY("'seed': 0.5"), 422, "/seed"},
    {BODY("'seed': 'one'"), 422, "/seed"},
    {BODY("'seed': 9007199254740993"), 422, "/seed"},
    {BODY("'classes': ['a']"), 422, "/classes"},
    {BODY("'classes': ['a', 'b', 'c']"), 422, "/classes"},
    {BODY("'classes': ['a', 'a']"), 422, "/classes/1"},
    {BODY("'classes': ['a', '']"), 422, "/classes/1"},
    {BODY("'classes': ['a', 1]"), 422, "/classes/1"},
    {BODY("'classes': ['a', 'b\\u0000']"), 422, "/classes/1"},
    {BODY("'classes': 'ab'"), 422, "/classes"},
    {BODY("'classes': []"), 422, "/classes"},
    {BODY("'loss': 'mse', 'classes': ['a', 'b']"), 422, "/classes"},
    {BODY("'standardize': 1"), 422, "/standardize"},
    {BODY("'class_weights': {'2': 1}"), 422, "/class_weights/2"},
    {BODY("'class_weights': {'a/b': 1}"), 422, "/class_weights/a~1b"},
    {BODY("'class_weights': {'0': -1}"), 422, "/class_weights/0"},
    {BODY("'class_weights': {'0': '1'}"), 422, "/class_weights/0"},
    {BODY("'class_weights': [1, 2]"), 422, "/class_weights"},
    {BODY("'loss': 'mse', 'class_weights': {'0': 1}"), 422, "/class_weights"},
    {BODY("'colour': 'red'"), 422, "/colour"},
    {BODY("'a/b~c': 1"), 422, "/a~1b~0c"},
    {"{'inputs': 2, 'layers': [2]}", 422, "/name"},
    {NAME("''"), 422, "/name"},
    {NAME("'" LONG_NAME "'"), 422, "/name"},
    {NAME("'a b'"), 422, "/name"},
    {NAME("'a/b'"), 422, "/name"},
    {NAME("'.a'"), 422, "/name"},
    {NAME("'-a'"), 422, "/name"},
    {NAME("'..'"), 422, "/name"},
    {NAME("'\\u00e4'"), 422, "/name"},
    {NAME("'m\\u0000'"), 422, "/name"},
    {NAME("5"), 422, "/name"},
    {NAME("null"), 422, "/name"},
    {"[]", 422, NULL},
    {"'m'", 422, NULL},
    {"", 400, NULL},
    {"  ", 400, NULL},
    {"{", 400, NULL},
    {"{'name': 'm', 'inputs': 2, 'layers': [2]", 400, NULL},
    {"{'name': 'm', 'inputs': 2, 'layers': [2]}}", 400, NULL},
    {"{'name': 'm', 'inputs': 2, 'layers': [2],}", 400, NULL},
    {BODY("'seed': NaN"), 400, NULL},
    {BODY("'seed': 01"), 400, NULL},
    {BODY("'name': 'n'"), 400, NULL},
    {BODY("'optimizer': {'name': 'sgd', 'name': 'adam'}"), 400, NULL},
    {BODY("'x': [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
     400, NULL},
    {BODY("'optimizer': {'learning_rate': 1e999}"), 422, NULL},
};

START_TEST(test_network_that_cannot_be_is_refused_and_names_the_field) {
    const struct refused *row = &networks[_i];
    const struct answer *answer = post("/v1/models", "%s", row->body);
    if (row->status == 201) {
        want_status(answer, 201);
        return;
    }
    want_problem(answer, row->status, row->pointer);
    want_json(get("/v1/models"), "/data", "[]");
}
END_TEST

START_TEST(test_document_of_more_than_a_mebibyte_is_413) {
    const size_t bytes = (1 << 20) + 1;
    char *body = malloc(bytes);
    memset(body, ' ', bytes);
    want_problem(post_raw("/v1/models", body, bytes), 413, NULL);
    free(body);
}
END_TEST

Suite *bad_networks_suite(void) {
    Suite *suite = suite_create("bad_networks");
    TCase *tests = shared_case(suite, "networks");
    tcase_add_loop_test(tests, test_network_that_cannot_be_is_refused_and_names_the_field, 0,
                        COUNT(networks));
    tcase_add_test(tests, test_document_of_more_than_a_mebibyte_is_413);
    return suite;
}

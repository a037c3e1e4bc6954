/* See intake_models.h. */
#include "tests/unit/intake_models.h"

#include <stdlib.h>

#include "core/base/memory.h"

static void begin(struct specification *model, size_t inputs, size_t outputs,
                  enum activation activation) {
    specification_init(model);
    model->inputs = inputs;
    if (!specification_set_layers(model, 1)) {
        abort();
    }
    model->layers[0].units = outputs;
    model->layers[0].activation = activation;
}

static void complete(struct specification *model) {
    struct error error;
    if (specification_complete(model, &error) != ERROR_NONE) {
        abort();
    }
}

void model_softmax(struct specification *model, size_t inputs, size_t classes,
                   const char *const *names) {
    begin(model, inputs, classes, ACTIVATION_SOFTMAX);
    if (names != NULL) {
        model->classes = memory_allocate_zero(classes, sizeof *model->classes);
        model->class_count = classes;
        for (size_t c = 0; c < classes; c++) {
            model->classes[c] = memory_copy_string(names[c]);
        }
    }
    complete(model);
}

void model_sigmoid(struct specification *model, size_t inputs, size_t outputs) {
    begin(model, inputs, outputs, ACTIVATION_SIGMOID);
    complete(model);
}

void model_regression(struct specification *model, size_t inputs, size_t outputs) {
    begin(model, inputs, outputs, ACTIVATION_IDENTITY);
    complete(model);
}

/* See layers.h. */
#include "tests/reference/layers.h"

#include <stdlib.h>
#include <string.h>

#define PLACES 256

static struct layer_specification *next_place(void) {
    static struct layer_specification places[PLACES][LAYERS_MAX + 1];
    static size_t next;
    return places[next++ % PLACES];
}

void lend_layers(struct specification *specification, size_t count) {
    if (count > LAYERS_MAX + 1) {
        abort();
    }
    specification->layer_count = count;
    specification->layers = next_place();
    for (size_t l = 0; l < count; l++) {
        specification->layers[l] = (struct layer_specification){.activation = ACTIVATION_UNSET,
                                                                .initializer = INITIALIZER_UNSET};
    }
}

void lend_copied_layers(struct specification *specification) {
    const struct layer_specification *from = specification->layers;
    struct layer_specification *to = next_place();
    memcpy(to, from, specification->layer_count * sizeof *to);
    specification->layers = to;
}

/* Reads the data set; see fashion_mnist.h. */
#include "tests/data/fashion_mnist.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define ITEMS_MAX 1000000 /* a header that says more is not ours */

const char *const fashion_mnist_class_names[FASHION_MNIST_CLASSES] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

static char complaint[300];

static uint32_t big_endian(const uint8_t bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* An IDX file of bytes with `item_bytes` an item (1 or 784): a header of two
 * zeros, type 8, the rank and big-endian dimensions, then the items. */
static uint8_t *read_items(const char *directory, const char *name, size_t item_bytes,
                           size_t *count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        snprintf(complaint, sizeof complaint,
                 "%.200s cannot be opened: apt-get install dataset-fashion-mnist", path);
        return NULL;
    }
    const unsigned rank = item_bytes == 1 ? 1 : 3;
    uint8_t header[16];
    uint8_t *items = NULL;
    const int header_bytes = (int)(4 + 4 * rank);
    bool right = gzread(file, header, (unsigned)header_bytes) == header_bytes &&
                 big_endian(header) == (8u << 8 | rank);
    if (right && rank == 3) {
        right = big_endian(header + 8) == 28 && big_endian(header + 12) == 28;
    }
    if (right) {
        *count = big_endian(header + 4);
        right = *count > 0 && *count <= ITEMS_MAX;
    }
    if (right) {
        const size_t bytes = *count * item_bytes;
        items = malloc(bytes);
        right = items != NULL && gzread(file, items, (unsigned)bytes) == (int)bytes;
    }
    gzclose(file);
    if (!right) {
        snprintf(complaint, sizeof complaint, "%.200s is not the IDX file expected", path);
        free(items);
        return NULL;
    }
    return items;
}

static const char *load_set(struct fashion_mnist_set *set, const char *directory,
                            const char *images, const char *labels) {
    size_t label_count = 0;
    set->images = read_items(directory, images, FASHION_MNIST_PIXELS, &set->count);
    set->labels = set->images != NULL ? read_items(directory, labels, 1, &label_count) : NULL;
    if (set->labels == NULL) {
        return complaint;
    }
    if (label_count != set->count) {
        snprintf(complaint, sizeof complaint, "%s: %zu images, %zu labels", directory, set->count,
                 label_count);
        return complaint;
    }
    return NULL;
}

const char *fashion_mnist_load(struct fashion_mnist *data, const char *directory) {
    memset(data, 0, sizeof *data);
    const char *failure = load_set(&data->training, directory, "train-images-idx3-ubyte.gz",
                                   "train-labels-idx1-ubyte.gz");
    if (failure == NULL) {
        failure = load_set(&data->test, directory, "t10k-images-idx3-ubyte.gz",
                           "t10k-labels-idx1-ubyte.gz");
    }
    if (failure != NULL) {
        fashion_mnist_free(data);
    }
    return failure;
}

void fashion_mnist_free(struct fashion_mnist *data) {
    free(data->training.images);
    free(data->training.labels);
    free(data->test.images);
    free(data->test.labels);
    memset(data, 0, sizeof *data);
}

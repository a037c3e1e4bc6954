/* Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) as Debian's package
 * dataset-fashion-mnist installs it: 60,000 training and 10,000 test images of
 * 28 × 28 grey levels in ten classes, gzipped IDX files. */
#ifndef MLPD_TESTS_DATA_FASHION_MNIST_H
#define MLPD_TESTS_DATA_FASHION_MNIST_H

#include <stddef.h>
#include <stdint.h>

#define FASHION_MNIST_DIRECTORY "/usr/share/datasets/fashion-mnist"
#define FASHION_MNIST_PIXELS 784
#define FASHION_MNIST_CLASSES 10

extern const char *const fashion_mnist_class_names[FASHION_MNIST_CLASSES];

struct fashion_mnist_set {
    size_t count;
    uint8_t *images; /* [count × 784], row-major, 0 white to 255 black */
    uint8_t *labels; /* [count], 0 to 9 */
};

struct fashion_mnist {
    struct fashion_mnist_set training, test;
};

/* Read both sets from `directory`.  NULL, or in one line what is wrong (static
 * until the next call; nothing is then left to free). */
const char *fashion_mnist_load(struct fashion_mnist *data, const char *directory);

void fashion_mnist_free(struct fashion_mnist *data);

#endif

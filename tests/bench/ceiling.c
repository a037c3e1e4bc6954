/* See ceiling.h. */
#include "tests/bench/ceiling.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/clock.h"
#include "core/maths/numerics.h"
#include "core/maths/optimizer.h"
#include "core/maths/product.h"

#define COPY_BYTES ((size_t)256 << 20)
#define THREADS_MAX 256
#define TRIAL_SECONDS 2e-3 /* at least, of one size of tile */
#define TILES_MAX 16

/* Rows of the result that one call computes, for each product of each layer. */
struct tiling {
    size_t forward[SHAPE_LAYERS_MAX], input_gradient[SHAPE_LAYERS_MAX],
        weight_gradient[SHAPE_LAYERS_MAX];
};

/* One net with everything that its products read and write. */
struct net {
    const struct shape *shape;
    struct tiling tiling;
    bool adam;
    double seconds;
    pthread_barrier_t *start;
    double rate; /* the result */
    float *A[SHAPE_LAYERS_MAX + 1], *dZ[SHAPE_LAYERS_MAX + 1];
    float *W[SHAPE_LAYERS_MAX], *dW[SHAPE_LAYERS_MAX], *first[SHAPE_LAYERS_MAX],
        *second[SHAPE_LAYERS_MAX];
};

static float *numbers(size_t count) {
    float *array = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    if (array == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        array[i] = (float)((i * 2654435761u >> 8) % 1000) * 1e-3f - 0.5f;
    }
    return array;
}

static size_t width(const struct shape *shape, size_t level) {
    return level == 0 ? shape->inputs : shape->layers[level - 1];
}

static void fill(struct net *net) {
    const struct shape *shape = net->shape;
    for (size_t l = 0; l <= shape_depth(shape); l++) {
        net->A[l] = numbers(shape->batch * width(shape, l));
        net->dZ[l] = numbers(shape->batch * width(shape, l));
    }
    for (size_t l = 0; l < shape_depth(shape); l++) {
        const size_t count = width(shape, l) * width(shape, l + 1);
        net->W[l] = numbers(count);
        net->dW[l] = numbers(count);
        net->first[l] = numbers(count);
        net->second[l] = numbers(count);
        memset(net->second[l], 0, count * sizeof(float));
    }
}

static void empty(struct net *net) {
    for (size_t l = 0; l <= shape_depth(net->shape); l++) {
        free(net->A[l]);
        free(net->dZ[l]);
    }
    for (size_t l = 0; l < shape_depth(net->shape); l++) {
        free(net->W[l]);
        free(net->dW[l]);
        free(net->first[l]);
        free(net->second[l]);
    }
}

typedef void product(struct net *net, size_t layer, size_t tile);

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static void forward(struct net *net, size_t l, size_t tile) {
    const size_t rows = net->shape->batch, in = width(net->shape, l), out = net->shape->layers[l];
    for (size_t i = 0; i < rows; i += tile) {
        product_forward(least(tile, rows - i), in, out, net->A[l] + i * in, in, net->W[l], in,
                        net->A[l + 1] + i * out, out);
    }
}

static void input_gradient(struct net *net, size_t l, size_t tile) {
    const size_t rows = net->shape->batch, in = width(net->shape, l), out = net->shape->layers[l];
    for (size_t i = 0; i < rows && l > 0; i += tile) {
        product_input_gradient(least(tile, rows - i), in, out, net->dZ[l + 1] + i * out, out,
                               net->W[l], in, net->dZ[l] + i * in, in);
    }
}

static void weight_gradient(struct net *net, size_t l, size_t tile) {
    const size_t rows = net->shape->batch, in = width(net->shape, l), out = net->shape->layers[l];
    for (size_t i = 0; i < out; i += tile) {
        product_weight_gradient(rows, in, least(tile, out - i), net->dZ[l + 1] + i, out, net->A[l],
                                in, net->dW[l] + i * in, in);
    }
}

static void run_products(struct net *net) {
    const size_t depth = shape_depth(net->shape);
    for (size_t l = 0; l < depth; l++) {
        forward(net, l, net->tiling.forward[l]);
    }
    for (size_t l = depth; l-- > 0;) {
        weight_gradient(net, l, net->tiling.weight_gradient[l]);
        input_gradient(net, l, net->tiling.input_gradient[l]);
    }
}

static struct tiling whole(const struct shape *shape) {
    struct tiling tiling;
    for (size_t l = 0; l < SHAPE_LAYERS_MAX; l++) {
        tiling.forward[l] = tiling.input_gradient[l] = shape->batch;
        tiling.weight_gradient[l] = shape->layers[l];
    }
    return tiling;
}

static double trial(struct net *net, product *run, size_t layer, size_t tile) {
    const double begin = clock_monotonic_seconds();
    double now = begin;
    size_t calls = 0;
    while (calls < 3 || now - begin < TRIAL_SECONDS) {
        run(net, layer, tile);
        calls++;
        now = clock_monotonic_seconds();
    }
    return (now - begin) / (double)calls;
}

/* Of one to some equal tiles. */
static size_t best_tile(struct net *net, product *run, size_t layer, size_t rows) {
    size_t best = rows;
    double best_seconds = trial(net, run, layer, rows);
    for (size_t tiles = 2; tiles <= TILES_MAX && tiles <= rows; tiles++) {
        const size_t tile = (rows + tiles - 1) / tiles;
        const double seconds = trial(net, run, layer, tile);
        if (seconds < best_seconds) {
            best_seconds = seconds;
            best = tile;
        }
    }
    return best;
}

static struct tiling search(const struct shape *shape) {
    struct net net = {.shape = shape};
    struct tiling best = whole(shape);
    fill(&net);
    for (size_t l = 0; l < shape_depth(shape); l++) {
        best.forward[l] = best_tile(&net, forward, l, shape->batch);
        best.weight_gradient[l] = best_tile(&net, weight_gradient, l, shape->layers[l]);
        best.input_gradient[l] = l > 0 ? best_tile(&net, input_gradient, l, shape->batch) : 1;
    }
    empty(&net);
    return best;
}

/* The weights are written elsewhere, so that they stay as they are however long it runs. */
static void run_adam(struct net *net, const struct optimizer_step *step) {
    for (size_t l = 0; l < shape_depth(net->shape); l++) {
        optimizer_functions[OPTIMIZER_ADAM].update(
            step, width(net->shape, l) * width(net->shape, l + 1), net->dW[l], net->W[l], net->W[l],
            net->first[l], net->second[l]);
    }
}

static void *run_net(void *context) {
    struct net *net = context;
    struct optimizer_settings settings;
    numerics_enter_thread();
    optimizer_defaults(&settings, OPTIMIZER_ADAM);
    settings.learning_rate = 0; /* the same work, and weights that never leave their range */
    const struct optimizer_step step = optimizer_prepare(&settings, 1000, 1);
    fill(net);
    run_products(net);
    pthread_barrier_wait(net->start);
    size_t batches = 0;
    const double begin = clock_monotonic_seconds();
    double now = begin;
    while (now - begin < net->seconds) {
        run_products(net);
        if (net->adam) {
            run_adam(net, &step);
        }
        batches++;
        now = clock_monotonic_seconds();
    }
    net->rate = (double)(batches * net->shape->batch) / (now - begin);
    empty(net);
    return NULL;
}

static double run_nets(const struct net *like, size_t threads) {
    struct net nets[THREADS_MAX];
    pthread_t handles[THREADS_MAX];
    pthread_barrier_t start;
    double rate = 0;
    threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (size_t i = 0; i < threads; i++) {
        nets[i] = *like;
        nets[i].start = &start;
        if (pthread_create(&handles[i], NULL, run_net, &nets[i]) != 0) {
            abort();
        }
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        rate += nets[i].rate;
    }
    pthread_barrier_destroy(&start);
    return rate;
}

double ceiling_products(const struct shape *shape, bool adam, size_t threads, double seconds) {
    const struct net net = {
        .shape = shape, .tiling = whole(shape), .adam = adam, .seconds = seconds};
    return run_nets(&net, threads);
}

double ceiling_tiled(const struct shape *shape, size_t threads, double seconds) {
    const struct net net = {.shape = shape, .tiling = search(shape), .seconds = seconds};
    return run_nets(&net, threads);
}

double ceiling_copy(double seconds) {
    float *from = numbers(COPY_BYTES / sizeof(float)), *to = numbers(COPY_BYTES / sizeof(float));
    const double begin = clock_monotonic_seconds();
    double now = begin, bytes = 0;
    while (now - begin < seconds) {
        memcpy(to, from, COPY_BYTES);
        __asm__ volatile("" : : "r"(to) : "memory");
        bytes += (double)COPY_BYTES;
        now = clock_monotonic_seconds();
    }
    free(from);
    free(to);
    return bytes / (now - begin);
}

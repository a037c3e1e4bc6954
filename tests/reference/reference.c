/* The network in double precision; see reference.h. */
#include "tests/reference/reference.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- activations -------------------------------------------------------------- */

typedef double function(double z, double alpha);

static double logistic(double z) {
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

static double normal_cdf(double z) {
    return 0.5 * erfc(-z / sqrt(2.0));
}

static double normal_density(double z) {
    return exp(-z * z / 2) / sqrt(2 * acos(-1.0));
}

static double relu(double z, double alpha) {
    (void)alpha;
    return z > 0 ? z : 0;
}

static double relu_derivative(double z, double alpha) {
    (void)alpha;
    return z > 0 ? 1 : 0;
}

static double leaky_relu(double z, double alpha) {
    return z > 0 ? z : alpha * z;
}

static double leaky_relu_derivative(double z, double alpha) {
    return z > 0 ? 1 : alpha;
}

static double elu(double z, double alpha) {
    return z > 0 ? z : alpha * expm1(z);
}

static double elu_derivative(double z, double alpha) {
    return z > 0 ? 1 : alpha * exp(z);
}

static double gelu(double z, double alpha) {
    (void)alpha;
    return z * normal_cdf(z);
}

static double gelu_derivative(double z, double alpha) {
    (void)alpha;
    return normal_cdf(z) + z * normal_density(z);
}

static double silu(double z, double alpha) {
    (void)alpha;
    return z * logistic(z);
}

static double silu_derivative(double z, double alpha) {
    (void)alpha;
    return logistic(z) + z * logistic(z) * logistic(-z);
}

static double tanh_value(double z, double alpha) {
    (void)alpha;
    return tanh(z);
}

static double tanh_derivative(double z, double alpha) {
    (void)alpha;
    return 1 / (cosh(z) * cosh(z));
}

static double sigmoid(double z, double alpha) {
    (void)alpha;
    return logistic(z);
}

static double sigmoid_derivative(double z, double alpha) {
    (void)alpha;
    return logistic(z) * logistic(-z);
}

static double identity(double z, double alpha) {
    (void)alpha;
    return z;
}

static double identity_derivative(double z, double alpha) {
    (void)z, (void)alpha;
    return 1;
}

static const struct activation_row {
    const char *name;
    function *value, *derivative;
    bool kink;
} activations[] = {
    {"relu", relu, relu_derivative, true},
    {"leaky_relu", leaky_relu, leaky_relu_derivative, true},
    {"elu", elu, elu_derivative, true},
    {"gelu", gelu, gelu_derivative, false},
    {"silu", silu, silu_derivative, false},
    {"tanh", tanh_value, tanh_derivative, false},
    {"sigmoid", sigmoid, sigmoid_derivative, false},
    {"identity", identity, identity_derivative, false},
};

/* NULL: softmax, or a name that is none. */
static const struct activation_row *find_activation(const char *name) {
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, name) == 0) {
            return &activations[i];
        }
    }
    return NULL;
}

double reference_activation(const char *name, double alpha, double z) {
    return find_activation(name)->value(z, alpha);
}

double reference_derivative(const char *name, double alpha, double z) {
    return find_activation(name)->derivative(z, alpha);
}

/* --- losses ------------------------------------------------------------------- */

static void note_branch(uint64_t *branches, int side) {
    if (branches != NULL) {
        *branches = (*branches ^ (uint64_t)(side + 2)) * 0x100000001B3u;
    }
}

static double softplus(double z) {
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

struct loss_input {
    const struct reference_network *network;
    size_t outputs;
    const double *Z, *A; /* one row */
    const double *c;     /* its targets */
    uint64_t *branches;
};

/* One row's loss; dZ its derivative by Z. */
static double categorical(const struct loss_input *in, double *dZ) {
    const size_t k = in->outputs;
    double largest = in->Z[0];
    for (size_t j = 1; j < k; j++) {
        largest = fmax(largest, in->Z[j]);
    }
    double sum = 0;
    double mass = 0;
    for (size_t j = 0; j < k; j++) {
        sum += exp(in->Z[j] - largest);
        mass += in->c[j];
    }
    double loss = 0;
    for (size_t j = 0; j < k; j++) {
        const double p = exp(in->Z[j] - largest) / sum;
        loss += in->c[j] * (largest + log(sum) - in->Z[j]);
        dZ[j] = in->network->diagonal ? -in->c[j] * (1 - p) : p * mass - in->c[j];
    }
    return loss;
}

static double binary(const struct loss_input *in, double *dZ) {
    double loss = 0;
    for (size_t j = 0; j < in->outputs; j++) {
        const double z = in->Z[j], c = in->c[j];
        loss += c * softplus(-z) + (1 - c) * softplus(z);
        dZ[j] = (logistic(z) - c) / (double)in->outputs;
    }
    return loss / (double)in->outputs;
}

/* mse, mae, huber: by A, then the last activation's derivative. */
static double regression(const struct loss_input *in, double *dZ) {
    const struct reference_layer *last = &in->network->layers[in->network->layer_count - 1];
    const struct activation_row *activation = find_activation(last->activation);
    const double delta = in->network->huber_delta;
    double loss = 0;
    for (size_t j = 0; j < in->outputs; j++) {
        const double e = in->A[j] - in->c[j];
        const double sign = e > 0 ? 1 : e < 0 ? -1 : 0;
        double derivative;
        if (strcmp(in->network->loss, "mse") == 0) {
            loss += e * e;
            derivative = 2 * e;
        } else if (strcmp(in->network->loss, "mae") == 0) {
            loss += fabs(e);
            derivative = sign;
            note_branch(in->branches, e > 0);
        } else if (fabs(e) <= delta) {
            loss += e * e / 2;
            derivative = e;
            note_branch(in->branches, 0);
        } else {
            loss += delta * (fabs(e) - delta / 2);
            derivative = delta * sign;
            note_branch(in->branches, 1);
        }
        dZ[j] = derivative / (double)in->outputs * activation->derivative(in->Z[j], last->alpha);
    }
    return loss / (double)in->outputs;
}

/* --- the network ---------------------------------------------------------------- */

size_t reference_weights(const struct reference_network *network, size_t l) {
    size_t offset = 0;
    for (size_t i = 0; i < l; i++) {
        const struct reference_layer *layer = &network->layers[i];
        offset += (layer->in + (layer->normalization != NULL ? 3 : 1)) * layer->out;
    }
    return offset;
}

/* Where γ of layer l begins; β follows it. */
static size_t gammas(const struct reference_network *network, size_t l) {
    return reference_weights(network, l) + (network->layers[l].in + 1) * network->layers[l].out;
}

size_t reference_parameters(const struct reference_network *network) {
    return reference_weights(network, network->layer_count);
}

static double dot(size_t count, const double *a, const double *b) {
    double sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            sums[j] += a[i + j] * b[i + j];
        }
    }
    for (; i < count; i++) {
        sums[0] += a[i] * b[i];
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

static void add_multiple(size_t count, double factor, const double *from, double *to) {
    for (size_t i = 0; factor != 0 && i < count; i++) {
        to[i] += factor * from[i];
    }
}

/* What a forward pass leaves: of every layer what the product gives, that after
 * normalisation (the same where there is none), A, and A after dropout. */
struct trace {
    double *dense[REFERENCE_LAYERS_MAX], *Z[REFERENCE_LAYERS_MAX], *A[REFERENCE_LAYERS_MAX],
        *out[REFERENCE_LAYERS_MAX];
};

static void free_trace(struct trace *trace) {
    for (size_t l = 0; l < REFERENCE_LAYERS_MAX; l++) {
        free(trace->dense[l]);
        free(trace->Z[l]);
        free(trace->A[l]);
        free(trace->out[l]);
    }
}

static void softmax(size_t rows, size_t k, const double *Z, double *A) {
    for (size_t r = 0; r < rows; r++) {
        const double *z = Z + r * k;
        double *a = A + r * k;
        double largest = z[0], sum = 0;
        for (size_t j = 1; j < k; j++) {
            largest = fmax(largest, z[j]);
        }
        for (size_t j = 0; j < k; j++) {
            sum += a[j] = exp(z[j] - largest);
        }
        for (size_t j = 0; j < k; j++) {
            a[j] /= sum;
        }
    }
}

/* --- normalisation: Ioffe and Szegedy 2015, Ba, Kiros and Hinton 2016 -------------
 *
 * Both are the same on a set of numbers that share one mean and one variance: a
 * column of the batch, or a row.  The set is `count` numbers, `step` apart. */

#define EPSILON 1e-3

struct set {
    size_t count, step;
    double mean, variance; /* over count */
};

static struct set describe_set(size_t count, size_t step, const double *z) {
    struct set set = {.count = count, .step = step};
    for (size_t i = 0; i < count; i++) {
        set.mean += z[i * step] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        set.variance += pow(z[i * step] - set.mean, 2) / (double)count;
    }
    return set;
}

/* The sets of a layer's matrix: how many, and where number s begins. */
static size_t set_count(const struct reference_layer *layer, size_t rows) {
    return strcmp(layer->normalization, "batch") == 0 ? layer->out : rows;
}

static size_t set_begin(const struct reference_layer *layer, size_t s) {
    return strcmp(layer->normalization, "batch") == 0 ? s : s * layer->out;
}

static struct set set_at(const struct reference_layer *layer, size_t rows, const double *dense,
                         size_t s) {
    return strcmp(layer->normalization, "batch") == 0
               ? describe_set(rows, layer->out, dense + s)
               : describe_set(layer->out, 1, dense + s * layer->out);
}

static void normalize(const struct reference_layer *layer, const double *gamma, size_t rows,
                      bool training, const double *dense, double *Z) {
    for (size_t s = 0; s < set_count(layer, rows); s++) {
        struct set set = set_at(layer, rows, dense, s);
        if (!training && strcmp(layer->normalization, "batch") == 0) {
            set.mean = layer->moving_mean[s];
            set.variance = layer->moving_variance[s];
        }
        for (size_t i = 0; i < set.count; i++) {
            const size_t place = set_begin(layer, s) + i * set.step;
            const size_t unit = place % layer->out;
            Z[place] = gamma[unit] * (dense[place] - set.mean) / sqrt(set.variance + EPSILON) +
                       gamma[layer->out + unit];
        }
    }
}

/* From dE/dZ after the normalisation to dE/dZ before it, in place, by the chain
 * rule of the 2015 paper's page 4: by way of dE/dσ² and dE/dμ. */
static void normalize_backward(const struct reference_layer *layer, const double *gamma,
                               size_t rows, const double *dense, double *dZ, double *dgamma) {
    for (size_t s = 0; s < set_count(layer, rows); s++) {
        const struct set set = set_at(layer, rows, dense, s);
        const double n = (double)set.count;
        const double deviation = sqrt(set.variance + EPSILON);
        double by_variance = 0, by_mean = 0, centred_sum = 0;
        for (size_t i = 0; i < set.count; i++) {
            const size_t place = set_begin(layer, s) + i * set.step;
            const size_t unit = place % layer->out;
            const double centred = dense[place] - set.mean;
            const double by_x = dZ[place] * gamma[unit];
            dgamma[unit] += dZ[place] * centred / deviation;
            dgamma[layer->out + unit] += dZ[place];
            by_variance += by_x * centred * -0.5 / pow(deviation, 3);
            by_mean -= by_x / deviation;
            centred_sum += centred;
        }
        by_mean += by_variance * -2 * centred_sum / n;
        for (size_t i = 0; i < set.count; i++) {
            const size_t place = set_begin(layer, s) + i * set.step;
            const double by_x = dZ[place] * gamma[place % layer->out];
            dZ[place] =
                by_x / deviation + by_variance * 2 * (dense[place] - set.mean) / n + by_mean / n;
        }
    }
}

static struct trace forward(const struct reference_network *network, const double *parameters,
                            size_t rows, const double *inputs, bool training, uint64_t *branches) {
    struct trace trace = {0};
    const double *X = inputs;
    assert(network->layer_count > 0);
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct reference_layer *layer = &network->layers[l];
        const double *W = parameters + reference_weights(network, l);
        const double *b = W + layer->in * layer->out;
        const size_t numbers = rows * layer->out;
        double *dense = trace.dense[l] = calloc(numbers, sizeof *dense);
        double *Z = trace.Z[l] = calloc(numbers, sizeof *Z);
        double *A = trace.A[l] = calloc(rows * layer->out, sizeof *A);
        double *out = trace.out[l] = malloc(rows * layer->out * sizeof *out);
        const struct activation_row *activation = find_activation(layer->activation);
        for (size_t r = 0; r < rows; r++) {
            for (size_t o = 0; o < layer->out; o++) {
                dense[r * layer->out + o] =
                    dot(layer->in, X + r * layer->in, W + o * layer->in) + b[o];
            }
        }
        if (layer->normalization != NULL) {
            normalize(layer, parameters + gammas(network, l), rows, training, dense, Z);
        } else {
            memcpy(Z, dense, numbers * sizeof *Z);
        }
        for (size_t i = 0; activation != NULL && i < numbers; i++) {
            A[i] = activation->value(Z[i], layer->alpha);
            note_branch(branches, activation->kink && Z[i] > 0);
        }
        if (activation == NULL) {
            softmax(rows, layer->out, Z, A);
        }
        for (size_t i = 0; i < rows * layer->out; i++) {
            out[i] = training && layer->mask != NULL ? A[i] * layer->mask[i] : A[i];
        }
        X = out;
    }
    return trace;
}

static size_t true_class(size_t outputs, const double *c) {
    if (outputs == 1) {
        return c[0] > 0.5;
    }
    size_t best = 0;
    for (size_t j = 1; j < outputs; j++) {
        best = c[j] > c[best] ? j : best;
    }
    return best;
}

/* Loss of all rows; dZ [rows × outputs], already times w/n. */
static double batch_loss(const struct reference_network *network,
                         const struct reference_batch *batch, const struct trace *trace, double *dZ,
                         uint64_t *branches) {
    const size_t last = network->layer_count - 1;
    const size_t k = network->layers[last].out;
    double *c = calloc(k, sizeof *c);
    double total = 0;
    for (size_t r = 0; r < batch->rows; r++) {
        for (size_t j = 0; j < k; j++) {
            c[j] = batch->targets != NULL ? batch->targets[r * k + j]
                   : k == 1               ? batch->labels[r]
                                          : (size_t)batch->labels[r] == j;
        }
        double weight = batch->sample_weights != NULL ? batch->sample_weights[r] : 1;
        if (batch->class_weights != NULL) {
            weight *= batch->class_weights[true_class(k, c)];
        }
        const struct loss_input in = {network, k, trace->Z[last] + r * k, trace->A[last] + r * k, c,
                                      branches};
        double *row = dZ + r * k;
        const double loss =
            strcmp(network->loss, "categorical_crossentropy") == 0 ? categorical(&in, row)
            : strcmp(network->loss, "binary_crossentropy") == 0    ? binary(&in, row)
                                                                   : regression(&in, row);
        total += weight * loss;
        for (size_t j = 0; j < k; j++) {
            row[j] *= weight / (double)batch->rows;
        }
    }
    free(c);
    return total / (double)batch->rows;
}

double reference_loss(const struct reference_network *network, const double *parameters,
                      const struct reference_batch *batch, uint64_t *branches) {
    if (branches != NULL) {
        *branches = 0xCBF29CE484222325u;
    }
    struct trace trace = forward(network, parameters, batch->rows, batch->inputs, true, branches);
    const size_t outputs = network->layers[network->layer_count - 1].out;
    double *dZ = malloc(batch->rows * outputs * sizeof *dZ);
    const double loss = batch_loss(network, batch, &trace, dZ, branches);
    free(dZ);
    free_trace(&trace);
    return loss;
}

double reference_gradient(const struct reference_network *network, const double *parameters,
                          const struct reference_batch *batch, double *gradient) {
    const size_t rows = batch->rows;
    struct trace trace = forward(network, parameters, rows, batch->inputs, true, NULL);
    memset(gradient, 0, reference_parameters(network) * sizeof *gradient);
    double *dZ = malloc(rows * network->layers[network->layer_count - 1].out * sizeof *dZ);
    const double loss = batch_loss(network, batch, &trace, dZ, NULL);
    for (size_t l = network->layer_count; l-- > 0;) {
        const struct reference_layer *layer = &network->layers[l];
        const double *W = parameters + reference_weights(network, l);
        const double *X = l > 0 ? trace.out[l - 1] : batch->inputs;
        double *dW = gradient + reference_weights(network, l);
        double *db = dW + layer->in * layer->out;
        if (layer->normalization != NULL) {
            normalize_backward(layer, parameters + gammas(network, l), rows, trace.dense[l], dZ,
                               gradient + gammas(network, l));
        }
        double *dX = calloc(rows * layer->in, sizeof *dX);
        for (size_t r = 0; r < rows; r++) {
            for (size_t o = 0; o < layer->out; o++) {
                const double d = dZ[r * layer->out + o];
                db[o] += d;
                add_multiple(layer->in, d, X + r * layer->in, dW + o * layer->in);
                if (l > 0) {
                    add_multiple(layer->in, d, W + o * layer->in, dX + r * layer->in);
                }
            }
        }
        if (l > 0) {
            const struct reference_layer *below = &network->layers[l - 1];
            const struct activation_row *activation = find_activation(below->activation);
            for (size_t i = 0; i < rows * layer->in; i++) {
                dX[i] *= activation->derivative(trace.Z[l - 1][i], below->alpha) *
                         (below->mask != NULL ? below->mask[i] : 1);
            }
        }
        free(dZ);
        dZ = dX;
    }
    free(dZ);
    free_trace(&trace);
    return loss;
}

void reference_move(const struct reference_network *network, const double *parameters,
                    const struct reference_batch *batch) {
    struct trace trace = forward(network, parameters, batch->rows, batch->inputs, true, NULL);
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct reference_layer *layer = &network->layers[l];
        if (layer->normalization == NULL || strcmp(layer->normalization, "batch") != 0) {
            continue;
        }
        for (size_t o = 0; o < layer->out; o++) {
            const struct set set = set_at(layer, batch->rows, trace.dense[l], o);
            layer->moving_mean[o] += 0.01 * (set.mean - layer->moving_mean[o]);
            layer->moving_variance[o] += 0.01 * (set.variance - layer->moving_variance[o]);
        }
    }
    free_trace(&trace);
}

void reference_outputs(const struct reference_network *network, const double *parameters,
                       size_t rows, const double *inputs, double *outputs) {
    struct trace trace = forward(network, parameters, rows, inputs, false, NULL);
    const size_t last = network->layer_count - 1;
    memcpy(outputs, trace.A[last], rows * network->layers[last].out * sizeof *outputs);
    free_trace(&trace);
}

void reference_standardize(struct reference_standardizer *standardizer, size_t rows,
                           const double *inputs, double *out) {
    const size_t features = standardizer->features;
    const double before = standardizer->count, n = (double)rows, after = before + n;
    for (size_t j = 0; j < features; j++) {
        double mean = 0, m2 = 0;
        for (size_t r = 0; r < rows; r++) {
            mean += inputs[r * features + j] / n;
        }
        for (size_t r = 0; r < rows; r++) {
            m2 += (inputs[r * features + j] - mean) * (inputs[r * features + j] - mean);
        }
        const double difference = mean - standardizer->mean[j];
        standardizer->mean[j] += difference * n / after;
        standardizer->m2[j] += m2 + difference * difference * before * n / after;
        const double deviation = sqrt(standardizer->m2[j] / after);
        for (size_t r = 0; r < rows; r++) {
            out[r * features + j] = (inputs[r * features + j] - standardizer->mean[j]) /
                                    (deviation > 0 ? deviation : 1);
        }
    }
    standardizer->count = after;
}

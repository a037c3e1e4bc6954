/* The activations, forward and derivative side by side; see activation.h. */
#include "core/maths/activation.h"

#include "core/maths/elementary.h"
#include "core/maths/softmax.h"
#include "core/maths/vectorised.h"

/* An elementwise activation from two expressions: its value in terms of z, and
 * dE/dz in terms of g = dE/da, z and a = f(z).  `alpha` is at hand in both.
 *
 * Where f' is 1 the second is g itself, never g·1: with subnormals taken as zero
 * (numerics.h) a product would flush g, unless a compiler leaves it out. */
#define ACTIVATION(name, value, dE_by_dz)                                                          \
    VECTORISED                                                                                     \
    static void name##_forward(struct activation_block block, const float *bias, float *Z,         \
                               float *A, float alpha) {                                            \
        (void)alpha;                                                                               \
        for (size_t row = 0; row < block.rows; row++) {                                            \
            float *z_row = Z + row * block.stride;                                                 \
            float *a_row = A + row * block.stride;                                                 \
            INDEPENDENT                                                                            \
            for (size_t j = 0; j < block.columns; j++) {                                           \
                const float z = z_row[j] + bias[j];                                                \
                z_row[j] = z;                                                                      \
                a_row[j] = (value);                                                                \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    VECTORISED                                                                                     \
    static void name##_backward(struct activation_block block, const float *dA, const float *Z,    \
                                const float *A, float *dZ, float alpha) {                          \
        (void)alpha;                                                                               \
        for (size_t row = 0; row < block.rows; row++) {                                            \
            const size_t start = row * block.stride;                                               \
            INDEPENDENT                                                                            \
            for (size_t j = start; j < start + block.columns; j++) {                               \
                const float z = Z[j];                                                              \
                const float a = A[j];                                                              \
                const float g = dA[j];                                                             \
                (void)z, (void)a;                                                                  \
                dZ[j] = (dE_by_dz);                                                                \
            }                                                                                      \
        }                                                                                          \
    }

/* max(0, z); the note's: f' = 1 if z > 0 else 0, and a > 0 exactly when z > 0.
 * Asked this way round a NaN (∞ - ∞ in the product) stays one, for the loss to
 * find; z > 0 ? z : 0 would answer 0. */
ACTIVATION(relu, z <= 0 ? 0.0f : z, a > 0 ? g : 0.0f)

/* z > 0: z, else αz. */
ACTIVATION(leaky_relu, z > 0 ? z : alpha * z, z > 0 ? g : g * alpha)

/* z > 0: z, else α(eᶻ - 1); the derivative there is αeᶻ = a + α. */
ACTIVATION(elu, z > 0 ? z : alpha * (float_exp(z > 0 ? 0.0f : z) - 1.0f),
           z > 0 ? g : g * (a + alpha))

/* z·Φ(z); derivative Φ(z) + z·φ(z), φ(z) = e^(-z²/2)/√(2π). */
ACTIVATION(gelu, z *float_normal_cdf(z),
           (float_normal_cdf(z) + z * (0.39894228f * float_exp(-0.5f * z * z))) * g)

/* z·σ(z); derivative σ + zσ(1-σ). */
ACTIVATION(silu, z *float_sigmoid(z), float_sigmoid(z) * (1.0f + z * (1.0f - float_sigmoid(z))) * g)

/* derivative 1 - a². */
ACTIVATION(tanh, float_tanh(z), (1.0f - a * a) * g)

/* derivative a(1-a). */
ACTIVATION(sigmoid, float_sigmoid(z), (1.0f - a) * a * g)

ACTIVATION(identity, z, g)

static void softmax_forward(struct activation_block block, const float *bias, float *Z, float *A,
                            float alpha) {
    (void)alpha;
    for (size_t row = 0; row < block.rows; row++) {
        float *z_row = Z + row * block.stride;
        for (size_t j = 0; j < block.columns; j++) {
            z_row[j] += bias[j];
        }
        softmax_row(block.columns, z_row, A + row * block.stride);
    }
}

const struct activation_function activation_functions[ACTIVATION_COUNT] = {
    [ACTIVATION_RELU] = {"relu", "max(0, z)", .rectifier = true, .forward = relu_forward,
                         .backward = relu_backward},
    [ACTIVATION_LEAKY_RELU] = {"leaky_relu", "z above 0, alpha·z below", .takes_alpha = true,
                               .default_alpha = 0.2, .keeps_input = true, .rectifier = true,
                               .forward = leaky_relu_forward, .backward = leaky_relu_backward},
    [ACTIVATION_ELU] = {"elu", "z above 0, alpha·(exp(z)-1) below", .takes_alpha = true,
                        .default_alpha = 1.0, .keeps_input = true, .rectifier = true,
                        .forward = elu_forward, .backward = elu_backward},
    [ACTIVATION_GELU] = {"gelu", "z·Φ(z), exact, with erf", .keeps_input = true, .rectifier = true,
                         .forward = gelu_forward, .backward = gelu_backward},
    [ACTIVATION_SILU] = {"silu", "z·sigmoid(z)", .keeps_input = true, .rectifier = true,
                         .forward = silu_forward, .backward = silu_backward},
    [ACTIVATION_TANH] = {"tanh", "tanh(z)", .forward = tanh_forward, .backward = tanh_backward},
    [ACTIVATION_SIGMOID] = {"sigmoid", "1/(1+exp(-z))", .forward = sigmoid_forward,
                            .backward = sigmoid_backward},
    [ACTIVATION_IDENTITY] = {"identity", "z", .forward = identity_forward,
                             .backward = identity_backward},
    [ACTIVATION_SOFTMAX] = {"softmax", "exp(z)/Σexp(z) over the outputs of a row",
                            .keeps_input = true, .forward = softmax_forward},
};

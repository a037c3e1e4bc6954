/* Elementary functions whose bits are ours.
 *
 * libm's exp, tanh or erf differ between versions in the last bit, and a model
 * must train to the same bits wherever it runs, so the functions that decide
 * weights are polynomials written here.  The float ones are inline and free of
 * branches, so that the loops that use them vectorise; their coefficients are
 * minimax fits (Remez) made for mlpd, the interval and error beside each.  The
 * double ones serve single numbers: losses, rates, biased corrections.
 *
 * Pure functions, any thread. */
#ifndef MLPD_CORE_MATHS_ELEMENTARY_H
#define MLPD_CORE_MATHS_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#define LN_2_HIGH 0x1.62e42fefa38p-1 /* ln 2 with its last 12 bits zero */
#define LN_2_LOW 0x1.ef35793c7673p-45

/* 2ⁿ for -126 ≤ n ≤ 127, by its exponent bits. */
static inline float float_power_of_two(int32_t n) {
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* eˣ, relative error below 2e-7; 0 below -87.3 (subnormals are flushed),
 * infinity above 88.7, NaN for NaN. */
static inline float float_exp(float x) {
    float clamped = x < -104.0f ? -104.0f : x;
    clamped = clamped > 90.0f ? 90.0f : clamped;
    /* Adding 1.5·2²³ leaves the rounded integer in the low bits of the sum. */
    const float magic = 12582912.0f;
    const float shifted = clamped * 1.44269504f + magic;
    const float rounded = shifted - magic;
    uint32_t shifted_bits, magic_bits;
    memcpy(&shifted_bits, &shifted, sizeof shifted_bits);
    memcpy(&magic_bits, &magic, sizeof magic_bits);
    int32_t n = (int32_t)(shifted_bits - magic_bits);
    /* A NaN leaves garbage in n; bound it so that the shifts below stay defined. */
    n = n < -160 ? -160 : n;
    n = n > 140 ? 140 : n;
    /* ln 2 in two parts, the first exact in few bits, keeps r precise. */
    const float r = (clamped - rounded * 0.693359375f) - rounded * -2.12194440e-4f;
    /* (eʳ - 1 - r)/r² on |r| ≤ 0.35, error 7e-8. */
    float p = 0.001394216243f;
    p = p * r + 0.008363779059f;
    p = p * r + 0.04166636345f;
    p = p * r + 0.1666657333f;
    p = p * r + 0.5000000029f;
    const float y = (p * r * r + r) + 1.0f;
    /* 2ⁿ in two factors: one alone would overflow for n = 128. */
    const int32_t half = n / 2;
    return y * float_power_of_two(half) * float_power_of_two(n - half);
}

/* 1/(1+e⁻ˣ). */
static inline float float_sigmoid(float x) {
    return 1.0f / (1.0f + float_exp(-x));
}

/* tanh x, relative error below 3e-7. */
static inline float float_tanh(float x) {
    const float magnitude = x < 0 ? -x : x;
    /* 1 - 2/(e^2|x| + 1) loses digits near 0, where x + x·z·P(z) with z = x²
     * is used: P on z ≤ 0.39, error 5e-9. */
    const float far = 1.0f - 2.0f / (float_exp(magnitude + magnitude) + 1.0f);
    const float z = x * x;
    float p = -0.005721637834f;
    p = p * z + 0.02065522611f;
    p = p * z + -0.05374514718f;
    p = p * z + 0.1333151521f;
    p = p * z + -0.3333328508f;
    const float near = x + x * z * p;
    const float signed_far = x < 0 ? -far : far;
    return magnitude < 0.625f ? near : signed_far;
}

/* Φ(x), the normal distribution function: ½·erfc(-x/√2).  For t = |x|/√2,
 * erfc(t) = e^(-t·P(t)) with P = -ln(erfc t)/t fitted on 0 ≤ t ≤ 9, error 4e-8
 * of the exponent for small t.  Relative error of the lower tail: 3e-7 down to
 * x = -1, 3e-6 to -5, 1e-5 to -6.5, 4e-3 at -12.7, where Φ is 1e-37. */
static inline float float_normal_cdf(float x) {
    float t = (x < 0 ? -x : x) * 0.70710678f;
    t = t > 9.0f ? 9.0f : t;
    float p = -1.362670259e-12f;
    p = p * t + 9.688127807e-11f;
    p = p * t + -3.13329656e-9f;
    p = p * t + 6.104810968e-8f;
    p = p * t + -7.997266509e-7f;
    p = p * t + 7.438920942e-6f;
    p = p * t + -5.047625163e-5f;
    p = p * t + 0.0002511694938f;
    p = p * t + -0.0008912462157f;
    p = p * t + 0.001966818085f;
    p = p * t + -0.0003622405128f;
    p = p * t + -0.01908123022f;
    p = p * t + 0.102767289f;
    p = p * t + 0.6366194956f;
    p = p * t + 1.1283792f;
    /* Below -12.7 it is 0, so that x·Φ(x) ends too, however large -x. */
    const float tail = t < 9.0f ? 0.5f * float_exp(-t * p) : 0.0f;
    const float head = 1.0f - tail;
    const float cdf = x < 0 ? tail : head;
    return x == x ? cdf : x; /* the comparisons above lose a NaN */
}

/* ln(1+t) for 0 ≤ t ≤ 1: t·P(t), error 3e-8. */
static inline float float_log1p_unit(float t) {
    float p = 0.00538401916f;
    p = p * t + -0.03011079104f;
    p = p * t + 0.07921044959f;
    p = p * t + -0.1374659664f;
    p = p * t + 0.1914510388f;
    p = p * t + -0.2485294243f;
    p = p * t + 0.3332034314f;
    p = p * t + -0.4999955257f;
    p = p * t + 0.9999999745f;
    return t * p;
}

/* ln(1+eˣ) without overflow: max(x, 0) + ln(1 + e^-|x|). */
static inline float float_softplus(float x) {
    const float magnitude = x < 0 ? -x : x;
    const float positive = x > 0 ? x : 0.0f;
    return positive + float_log1p_unit(float_exp(-magnitude));
}

/* √x, correctly rounded (IEEE 754), without libm's errno. */
static inline float float_sqrt(float x) {
    return __builtin_sqrtf(x);
}

/* ln x for a normal x > 0; infinity and NaN stay what they are.  Free of branches;
 * the answer is for x·2⁻ⁿ, n being `shift`. */
static inline double double_log_normal(double x, double shift) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    /* The exponent as the low bits of 2⁵² + exponent, which is exact. */
    const uint64_t exponent_bits = bits >> 52 | 0x4330000000000000u;
    const uint64_t mantissa_bits = (bits & 0x000fffffffffffffu) | 0x3fe0000000000000u;
    double exponent, mantissa; /* ½ ≤ mantissa < 1 */
    memcpy(&exponent, &exponent_bits, sizeof exponent);
    memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
    exponent -= 0x1p52 + 1022.0 + shift;
    const int low = mantissa < 0.70710678118654752;
    mantissa = low ? mantissa * 2 : mantissa;
    exponent = low ? exponent - 1 : exponent;
    /* ln m = 2 artanh s with s = (m-1)/(m+1), |s| ≤ 0.172. */
    const double s = (mantissa - 1) / (mantissa + 1);
    const double square = s * s;
    double sum = 1.0 / 23;
    sum = sum * square + 1.0 / 21;
    sum = sum * square + 1.0 / 19;
    sum = sum * square + 1.0 / 17;
    sum = sum * square + 1.0 / 15;
    sum = sum * square + 1.0 / 13;
    sum = sum * square + 1.0 / 11;
    sum = sum * square + 1.0 / 9;
    sum = sum * square + 1.0 / 7;
    sum = sum * square + 1.0 / 5;
    sum = sum * square + 1.0 / 3;
    sum = sum * square + 1.0;
    const double log = exponent * LN_2_LOW + 2 * s * sum + exponent * LN_2_HIGH;
    return x - x == 0 ? log : x;
}

/* eˣ, ln x for x > 0 (else NaN or -infinity), cos πx, base^exponent for base > 0;
 * relative error below 1e-14. */
double double_exp(double x);
double double_log(double x);
double double_cos_pi(double x);
double double_power(double base, double exponent);

/* baseⁿ by squaring: the same bits wherever it runs. */
double double_integer_power(double base, uint64_t n);

#endif

/* Elementary functions in double; see elementary.h. */
#include "core/maths/elementary.h"

#include <float.h>
#include <math.h>

#define LN_2 0x1.62e42fefa39efp-1
#define PI 0x1.921fb54442d18p+1

double double_exp(double x) {
    if (!(x > -745.2)) {
        return x == x ? 0.0 : x;
    }
    if (x > 709.79) {
        return INFINITY;
    }
    const double n = floor(x / LN_2 + 0.5);
    const double r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    /* Taylor; |r| ≤ 0.35, so the first term left out is below 1e-19. */
    double sum = 1.0;
    for (int k = 15; k >= 1; k--) {
        sum = sum * r / k + 1.0;
    }
    return ldexp(sum, (int)n);
}

double double_log(double x) {
    if (!(x > 0)) {
        return x == 0 ? -INFINITY : NAN;
    }
    return x < DBL_MIN ? double_log_normal(x * 0x1p54, 54) : double_log_normal(x, 0);
}

double double_cos_pi(double x) {
    /* cos πx has period 2 and is even; fold into [0, ½], where Taylor is short. */
    double r = fabs(fmod(x, 2.0));
    r = r > 1 ? 2 - r : r;
    const double sign = r > 0.5 ? -1 : 1;
    r = r > 0.5 ? 1 - r : r;
    const double square = PI * r * PI * r;
    double sum = 1.0;
    for (int k = 22; k >= 2; k -= 2) {
        sum = 1.0 - sum * square / ((k - 1) * k);
    }
    return sign * sum;
}

double double_power(double base, double exponent) {
    return double_exp(exponent * double_log(base));
}

double double_integer_power(double base, uint64_t n) {
    double power = 1.0;
    for (double square = base; n > 0; n >>= 1, square *= square) {
        if (n & 1) {
            power *= square;
        }
    }
    return power;
}

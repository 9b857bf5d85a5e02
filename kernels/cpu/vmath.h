/* exp, log and the normal distribution as branch-free functions of one float: the compiler turns a loop that
 * calls them into vector code. Polynomials are minimax fits (Remez) of this project. */
#ifndef CT_KERNELS_CPU_VMATH_H
#define CT_KERNELS_CPU_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t ct_float_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline float ct_bits_float(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Adding 1.5 * 2^23 rounds a float below 2^22 to an integer and leaves that integer in the low bits. */
#define CT_ROUND_MAGIC 12582912.0f
#define CT_EXP_MIN (-87.33654f) /* exp of less is below the smallest normal float: given as 0 */
#define CT_EXP_MAX 88.72283f    /* exp of more is infinite */
#define CT_LOG2_E 1.44269504f
#define CT_LN2_HIGH 0.693359375f /* ln 2 in two parts; a multiple n < 2^9 of the first is exact */
#define CT_LN2_LOW (-2.12194440e-4f)

/* exp(r) * 2^n for |r| <= ln(2)/2 and a result that is a normal number; magic = n + CT_ROUND_MAGIC. */
static inline float ct__exp_scaled(float r, float magic) {
    float q = 0.001381446501f;
    q = q * r + 0.008368780381f;
    q = q * r + 0.04166839425f;
    q = q * r + 0.1666652011f;
    q = q * r + 0.4999999341f;
    const float p = q * (r * r) + (r + 1.0f);
    return ct_bits_float(ct_float_bits(p) + (ct_float_bits(magic) << 23));
}

/* exp(x) to about 1 ulp. Results below 2^-126 are 0, above the largest float infinite; NaN stays NaN. */
static inline float ct_exp(float x) {
    float c = x < CT_EXP_MIN ? CT_EXP_MIN : x;
    c = c > CT_EXP_MAX ? CT_EXP_MAX : c;
    const float magic = c * CT_LOG2_E + CT_ROUND_MAGIC;
    const float n = magic - CT_ROUND_MAGIC;
    const float y = ct__exp_scaled((c - n * CT_LN2_HIGH) - n * CT_LN2_LOW, magic);
    const float normal = x < CT_EXP_MIN ? 0.0f : y;
    return x <= CT_EXP_MAX ? normal : x * INFINITY;
}

/* exp(x) for x <= 0 (as after a maximum was subtracted): two instructions fewer. x > 0 is not allowed. */
static inline float ct_exp_negative(float x) {
    const float c = x < CT_EXP_MIN ? CT_EXP_MIN : x;
    const float magic = c * CT_LOG2_E + CT_ROUND_MAGIC;
    const float n = magic - CT_ROUND_MAGIC;
    const float y = ct__exp_scaled((c - n * CT_LN2_HIGH) - n * CT_LN2_LOW, magic);
    return x >= CT_EXP_MIN ? y : x < CT_EXP_MIN ? 0.0f : x;
}

/* log(x) to about 1 ulp; log(0) = -inf, log of a negative number or NaN is NaN. */
static inline float ct_log(float x) {
    const int tiny = x < 1.17549435e-38f; /* denormal: scaled up by 2^23 */
    const uint32_t u = ct_float_bits(tiny ? x * 8388608.0f : x);
    /* x = 2^e * m with m between sqrt(1/2) and sqrt(2). */
    const int32_t e = (int32_t)(u - 0x3f3504f3u) >> 23;
    const float f = ct_bits_float(u - ((uint32_t)e << 23)) - 1.0f;
    const float exponent = (float)(e - (tiny ? 23 : 0));
    float q = 0.06746640942f;
    q = q * f + -0.1167565247f;
    q = q * f + 0.1188816246f;
    q = q * f + -0.1240558904f;
    q = q * f + 0.142195524f;
    q = q * f + -0.1666799583f;
    q = q * f + 0.2000211865f;
    q = q * f + -0.250000096f;
    q = q * f + 0.333333126f;
    const float ff = f * f;
    const float tail = (q * f * ff + exponent * CT_LN2_LOW) - 0.5f * ff;
    const float y = (f + tail) + exponent * CT_LN2_HIGH;
    const float positive = x > 0.0f ? y : x == 0.0f ? -INFINITY : NAN;
    return x < INFINITY ? positive : x; /* infinity and NaN as they are */
}

typedef struct ct_normal {
    float cdf;     /* Phi(x) */
    float density; /* phi(x) */
} ct_normal;

/* The standard normal distribution at x, both to a few ulp relative to their own size, also in the lower
 * tail. */
static inline ct_normal ct_normal_at(float x) {
    const float a = fabsf(x), z = a > 13.5f ? 13.5f : a;
    /* -z^2 / 2 in two parts, the first exact: 12 bits squared fit a float. */
    const float head = ct_bits_float(ct_float_bits(z) & 0xfffff000u);
    const float high = -0.5f * head * head, low = -0.5f * (z - head) * (z + head);
    const float sum = high + low, c = sum < CT_EXP_MIN ? CT_EXP_MIN : sum;
    const float magic = c * CT_LOG2_E + CT_ROUND_MAGIC;
    const float n = magic - CT_ROUND_MAGIC;
    const float r = ((high - n * CT_LN2_HIGH) - n * CT_LN2_LOW) + low;
    const float e = sum < CT_EXP_MIN ? 0.0f : ct__exp_scaled(r, magic);
    /* Phi(-z) = exp(-z^2 / 2) * g(t), g smooth in t = 1 / (1 + 0.3 z). */
    const float t = 1.0f / (1.0f + 0.3f * z);
    float g = -0.02059461923f;
    g = g * t + 0.1122732687f;
    g = g * t + -0.2278169536f;
    g = g * t + 0.1912333342f;
    g = g * t + -0.07894434945f;
    g = g * t + 0.09588723062f;
    g = g * t + 0.07848762519f;
    g = g * t + 0.1102132997f;
    g = g * t + 0.1195746251f;
    g = g * t + 0.119686537f;
    const float lower = e * (g * t);
    return (ct_normal){x < 0.0f ? lower : 1.0f - lower, e * 0.398942280f};
}

#endif

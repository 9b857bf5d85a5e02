/* IEEE 754 half precision in software: conversions to nearest even. */
#ifndef CT_BASE_HALF_H
#define CT_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float ct_f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
    uint32_t bits = sign | (exponent + 112) << 23 | mantissa << 13;
    float f;
    if (exponent == 31) bits = sign | 0x7f800000u | mantissa << 13;
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 */
        f = (float)mantissa * 0x1p-24f;
        return sign ? -f : f;
    }
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint16_t ct_f32_to_f16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u); /* NaN */
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to infinity */
    if (magnitude < 0x38800000u) { /* subnormal: let the FPU round at 2^-24 */
        float a;
        memcpy(&a, &magnitude, sizeof a);
        a += 0.5f; /* the sum's last bit is worth 2^-24 */
        memcpy(&bits, &a, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000u));
    }
    const uint32_t rounded = magnitude - 0x38000000u + 0x0fffu + (magnitude >> 13 & 1);
    return (uint16_t)(sign | rounded >> 13);
}

#endif

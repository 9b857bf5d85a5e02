/* Numbers from a hash of (name, place): exact in f32 and f64 alike. */
#include "tests/model/formula.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* FNV-1a. */
static uint64_t key_of(const char *name) {
    uint64_t key = 0xCBF29CE484222325u;
    for (; *name; name++) key = (key ^ (unsigned char)*name) * 0x100000001B3u;
    return key;
}

/* The finaliser of SplitMix64. */
static uint64_t word(uint64_t key, int64_t i) {
    uint64_t z = key + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* In [-1, 1), a multiple of 2^-23. */
static double uniform(uint64_t key, int64_t i) {
    return (double)(word(key, i) >> 40) * 0x1p-23 - 1.0;
}

static bool ends_with(const char *name, const char *end) {
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

void test_sketch(const char *name, const float *values, int64_t n, float sketch[TEST_SKETCH]) {
    const uint64_t key = key_of(name);
    double sum[TEST_SKETCH] = {0};
    for (int64_t i = 0; i < n; i++) {
        const uint64_t z = word(key, i);
        sum[z >> 58] += z >> 57 & 1 ? -(double)values[i] : (double)values[i];
    }
    for (int i = 0; i < TEST_SKETCH; i++) sketch[i] = (float)sum[i];
}

void test_formula(const char *name, int64_t rows, int64_t cols, float *values) {
    const uint64_t key = key_of(name);
    double centre = 0.0, width = 0.25;
    if (rows > 1) {
        width = exp2(floor(log2(sqrt(6.0 / (double)cols))));
    } else if (ends_with(name, "running_var")) {
        centre = 1.0;
        width = 0.5;
    } else if (ends_with(name, "bn3.weight")) {
        centre = 0.125;
        width = 0.03125;
    } else if (ends_with(name, "weight")) {
        centre = 1.0;
    }
    for (int64_t i = 0; i < rows * cols; i++) values[i] = (float)(centre + width * uniform(key, i));
}

void test_formula_pixels(const char *name, int64_t n, uint8_t *pixels) {
    const uint64_t key = key_of(name);
    for (int64_t i = 0; i < n; i++) pixels[i] = (uint8_t)((uniform(key, i) + 1.0) * 128.0);
}

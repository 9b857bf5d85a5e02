/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A number is a function of its key and its
 * counter and of nothing else, so that dropout, sampling and initialisation do not depend on the order of work. */
#ifndef CT_BASE_RNG_H
#define CT_BASE_RNG_H

#include <math.h>
#include <stdint.h>

typedef struct ct_philox {
    uint32_t v[4];
} ct_philox;

static inline ct_philox ct_philox4x32(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (ct_philox){{c0, c1, c2, c3}};
}

/* The key of a random stream: (seed, step, stream). stream is ct_hash_name of the consumer's name. */
typedef struct ct_rng_key {
    uint32_t k0, k1;
} ct_rng_key;

static inline ct_rng_key ct_rng_key_make(uint64_t seed, uint64_t step, uint32_t stream) {
    const ct_philox p = ct_philox4x32((uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, (uint32_t)(step >> 32),
                                      stream, 0x63726F73u /* "cros": apart from the numbers drawn under a key */);
    return (ct_rng_key){p.v[0], p.v[1]};
}

/* Uniform in [0, 1) with 24 bits. */
static inline float ct_rng_unit(uint32_t bits) { return (float)(bits >> 8) * (1.0f / 16777216.0f); }

/* A generator over one stream for host-side work in a fixed order. */
typedef struct ct_rng {
    ct_rng_key key;
    uint64_t counter;
    ct_philox block;
    int left; /* words of block not yet used */
} ct_rng;

static inline ct_rng ct_rng_make(uint64_t seed, uint64_t step, uint32_t stream) {
    return (ct_rng){ct_rng_key_make(seed, step, stream), 0, {{0, 0, 0, 0}}, 0};
}
static inline uint32_t ct_rng_u32(ct_rng *r) {
    if (r->left == 0) {
        r->block = ct_philox4x32((uint32_t)r->counter, (uint32_t)(r->counter >> 32), 0, 0, r->key.k0, r->key.k1);
        r->counter++;
        r->left = 4;
    }
    return r->block.v[--r->left];
}
/* Uniform in [0, n), n > 0, without bias that could be seen (64-bit multiply; bias below n / 2^64). */
static inline uint64_t ct_rng_below(ct_rng *r, uint64_t n) {
    const uint64_t hi = ct_rng_u32(r), x = hi << 32 | ct_rng_u32(r);
    return (uint64_t)(((unsigned __int128)x * n) >> 64);
}
/* Uniform in (0, 1). */
static inline double ct_rng_f64(ct_rng *r) {
    const uint64_t hi = ct_rng_u32(r), x = hi << 32 | ct_rng_u32(r);
    return ((double)(x >> 12) + 0.5) * 0x1p-52;
}
/* Standard normal (Box-Muller). */
static inline double ct_rng_normal(ct_rng *r) {
    const double a = ct_rng_f64(r), b = ct_rng_f64(r);
    return sqrt(-2.0 * log(a)) * cos(6.283185307179586476925286766559 * b);
}

/* A pseudo-random permutation of [0, n) with random access (a Feistel network under Philox, cycle-walked): the image
 * of i < n under the permutation named by key. n up to 2^62. */
uint64_t ct_permute(uint64_t i, uint64_t n, ct_rng_key key);

#endif

/* The pseudo-random permutation. The rest of rng.h is inline. */
#include "base/rng.h"

/* Half-rounds, each with a full Philox as its round function. With strong rounds four already make a Feistel
 * network look random (Luby, Rackoff 1988). In a domain of a few bits a round has little to choose from: of
 * two bits, six rounds leave orders that are 3% too frequent, sixteen none above 0.003%. */
#define N_ROUNDS 6
#define N_ROUNDS_SMALL 16
#define SMALL_BITS 8

/* Random bits that depend on half of the state and on the round. */
static uint64_t round_bits(uint64_t half, uint32_t round, ct_rng_key key) {
    const ct_philox p = ct_philox4x32((uint32_t)half, (uint32_t)(half >> 32), round, 0x7065726Du /* "perm" */,
                                      key.k0, key.k1);
    return (uint64_t)p.v[1] << 32 | p.v[0];
}

uint64_t ct_permute(uint64_t i, uint64_t n, ct_rng_key key) {
    if (i >= n || n < 2) return i;
    /* The network permutes 2^bits >= n values (fewer than 2n, so a walk takes at most two steps on average);
     * values outside [0, n) are sent round again until one falls inside. */
    const int bits = 64 - __builtin_clzll(n - 1), low_bits = bits / 2;
    const uint32_t n_rounds = bits <= SMALL_BITS ? N_ROUNDS_SMALL : N_ROUNDS;
    const uint64_t low_mask = (UINT64_C(1) << low_bits) - 1,
                   high_mask = (UINT64_C(1) << (bits - low_bits)) - 1;
    do {
        uint64_t low = i & low_mask, high = i >> low_bits;
        for (uint32_t round = 0; round < n_rounds; round += 2) {
            high ^= round_bits(low, round, key) & high_mask;
            low ^= round_bits(high, round + 1, key) & low_mask;
        }
        i = high << low_bits | low;
    } while (i >= n);
    return i;
}

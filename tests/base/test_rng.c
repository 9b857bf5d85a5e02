/* Philox against the known answers of its authors' Random123; the permutation; how even the numbers are. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

#include "base/hash.h"
#include "base/rng.h"

static void philox_known_answers(void **state) {
    (void)state;
    const struct {
        uint32_t c[4], k[2], want[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
        {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
         {0xA4093822, 0x299F31D0},
         {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint32_t *c = rows[i].c, *k = rows[i].k;
        const ct_philox p = ct_philox4x32(c[0], c[1], c[2], c[3], k[0], k[1]);
        assert_memory_equal(p.v, rows[i].want, sizeof p.v);
    }
}

static void streams_differ_and_repeat(void **state) {
    (void)state;
    ct_rng a = ct_rng_make(1, 2, 3), b = ct_rng_make(1, 2, 3);
    for (int i = 0; i < 100; i++) assert_int_equal(ct_rng_u32(&a), ct_rng_u32(&b));
    const ct_rng_key key = ct_rng_key_make(1, 2, 3);
    const ct_rng_key others[] = {ct_rng_key_make(2, 2, 3), ct_rng_key_make(1, 3, 3), ct_rng_key_make(1, 2, 4),
                                 ct_rng_key_make(UINT64_C(1) << 32 | 1, 2, 3),
                                 ct_rng_key_make(1, UINT64_C(1) << 32 | 2, 3)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(others[i].k0 != key.k0 || others[i].k1 != key.k1);
}

/* sum (found - expected)^2 / expected; its mean is bins - 1, its standard deviation sqrt(2 (bins - 1)). */
static double chi_square(const int *found, int bins, double expected) {
    double sum = 0;
    for (int i = 0; i < bins; i++) sum += (found[i] - expected) * (found[i] - expected) / expected;
    return sum;
}

/* The seeds are fixed, so this never fails by chance: five deviations separate even from uneven. */
static void assert_even(const int *found, int bins, double expected) {
    const double chi = chi_square(found, bins, expected), far = bins - 1 + 5 * sqrt(2.0 * (bins - 1));
    if (!(chi < far)) fail_msg("chi square %g of %d bins, want less than %g", chi, bins, far);
}

static void numbers_are_even(void **state) {
    (void)state;
    enum { N = 200000, BINS = 100 };
    int units[BINS] = {0}, doubles[BINS] = {0}, below[7] = {0};
    double sum = 0, squares = 0;
    ct_rng r = ct_rng_make(11, 0, ct_hash_name("test"));
    for (int i = 0; i < N; i++) {
        const float u = ct_rng_unit(ct_rng_u32(&r));
        const double d = ct_rng_f64(&r), z = ct_rng_normal(&r);
        assert_true(u >= 0 && u < 1 && d > 0 && d < 1 && isfinite(z));
        units[(int)(u * BINS)]++;
        doubles[(int)(d * BINS)]++;
        below[ct_rng_below(&r, 7)]++;
        sum += z;
        squares += z * z;
    }
    assert_even(units, BINS, (double)N / BINS);
    assert_even(doubles, BINS, (double)N / BINS);
    assert_even(below, 7, N / 7.0);
    assert_true(fabs(sum / N) < 5 / sqrt(N));
    assert_true(fabs(squares / N - 1) < 5 * sqrt(2.0 / N));
    assert_int_equal(ct_rng_below(&r, 1), 0);
    assert_true(ct_rng_unit(0xFFFFFFFFu) < 1.0f);
}

static void permute_is_a_bijection(void **state) {
    (void)state;
    const uint64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 17, 100, 1000, 4096, 4097, 65537};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const uint64_t n = sizes[s];
        unsigned char *seen = malloc(n);
        assert_non_null(seen);
        for (uint32_t seed = 0; seed < 5; seed++) {
            memset(seen, 0, n);
            for (uint64_t i = 0; i < n; i++) {
                const uint64_t image = ct_permute(i, n, ct_rng_key_make(seed, 0, 1));
                if (image >= n || seen[image])
                    fail_msg("n %llu, seed %u: %llu", (unsigned long long)n, seed, (unsigned long long)image);
                seen[image] = 1;
            }
        }
        free(seen);
    }
}

static void permute_takes_large_sizes(void **state) {
    (void)state;
    const uint64_t n = (UINT64_C(1) << 62) - 3;
    const ct_rng_key key = ct_rng_key_make(5, 0, 1);
    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t a = ct_permute(i, n, key), b = ct_permute(n - 1 - i, n, key);
        assert_true(a < n && b < n && a != b);
    }
}

static void permute_is_even(void **state) {
    (void)state;
    /* All 6 orders of 3, and all 24 of 4, are as frequent. */
    enum { TRIALS = 24000 };
    int of_three[6] = {0}, of_four[24] = {0};
    for (uint32_t t = 0; t < TRIALS; t++) {
        const ct_rng_key key = ct_rng_key_make(99, t, 1);
        const uint64_t a = ct_permute(0, 3, key), b = ct_permute(1, 3, key);
        of_three[a * 2 + (b > a ? b - 1 : b)]++;
        const uint64_t p = ct_permute(0, 4, key), q = ct_permute(1, 4, key), r = ct_permute(2, 4, key);
        of_four[p * 6 + (q > p ? q - 1 : q) * 2 + (r > 6 - p - q - r)]++;
    }
    assert_even(of_three, 6, TRIALS / 6.0);
    assert_even(of_four, 24, TRIALS / 24.0);
    /* Where one element goes, and where a pair goes, in a size that is no power of two. */
    enum { N = 10 };
    int single[N * N] = {0}, pair[N * N] = {0};
    for (uint32_t t = 0; t < TRIALS; t++) {
        const ct_rng_key key = ct_rng_key_make(7, t, 2);
        for (uint64_t i = 0; i < N; i++) single[i * N + ct_permute(i, N, key)]++;
        pair[ct_permute(3, N, key) * N + ct_permute(4, N, key)]++;
    }
    for (int i = 0; i < N; i++) assert_even(single + i * N, N, TRIALS / (double)N);
    int off_diagonal[N * (N - 1)], k = 0;
    for (int i = 0; i < N * N; i++)
        if (i / N != i % N)
            off_diagonal[k++] = pair[i];
        else
            assert_int_equal(pair[i], 0);
    assert_even(off_diagonal, k, TRIALS / (double)k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers), cmocka_unit_test(streams_differ_and_repeat),
        cmocka_unit_test(numbers_are_even),     cmocka_unit_test(permute_is_a_bijection),
        cmocka_unit_test(permute_is_even),      cmocka_unit_test(permute_takes_large_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

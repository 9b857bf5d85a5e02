/* Detection of x86-64 levels at run time. The levels are those of the x86-64 psABI; the features listed are
 * what each adds. */
#include "device/cpu/isa.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const char *ct__isa_name(ct_isa isa) {
    static const char *const names[] = {"base", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
    return names[isa];
}

#if defined(__x86_64__)

/* Features that the compilers' own query does not know by name in all versions that we build with. */
static bool cpuid_bit(unsigned leaf, unsigned bit) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(leaf, &a, &b, &c, &d) && (c >> bit & 1);
}

static bool has_v2(void) {
    const bool cx16 = cpuid_bit(1, 13), lahf = cpuid_bit(0x80000001u, 0);
    return __builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3") &&
           __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2") &&
           __builtin_cpu_supports("popcnt") && cx16 && lahf;
}

/* The builtin answers for AVX only if the operating system saves the wide registers. */
static bool has_v3(void) {
    const bool movbe = cpuid_bit(1, 22), f16c = cpuid_bit(1, 29), lzcnt = cpuid_bit(0x80000001u, 5);
    return has_v2() && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
           movbe && f16c && lzcnt;
}

static bool has_v4(void) {
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

ct_status ct__isa_detect(ct_isa *out, ct_error *err) {
    __builtin_cpu_init();
    if (!has_v2())
        return ct_fail(err, CT_ERR_UNSUPPORTED,
                       "device 'cpu': this processor is older than x86-64-v2 (SSE4.2)");
    *out = has_v4() ? CT_ISA_V4 : has_v3() ? CT_ISA_V3 : CT_ISA_V2;
    return CT_OK;
}

void ct__processor_name(char *out, int size) {
    unsigned words[12];
    char text[sizeof words + 1] = {0};
    for (unsigned i = 0; i < 3; i++) {
        unsigned *w = words + 4 * i;
        if (!__get_cpuid(0x80000002u + i, &w[0], &w[1], &w[2], &w[3])) memset(w, 0, 16);
    }
    memcpy(text, words, sizeof words);
    const char *name = text + strspn(text, " ");
    snprintf(out, (size_t)size, "%s", *name ? name : "unknown processor");
}

#else

ct_status ct__isa_detect(ct_isa *out, ct_error *err) {
    (void)err;
    *out = CT_ISA_BASE;
    return CT_OK;
}

void ct__processor_name(char *out, int size) {
    snprintf(out, (size_t)size, "unknown processor");
}

#endif

ct_status ct__isa_choose(ct_isa *out, ct_error *err) {
    CT_CHECK(ct__isa_detect(out, err));
    const char *word = getenv("CROSSTOWER_ISA");
    if (!word || !*word) return CT_OK;
    const bool known = word[0] == 'v' && word[1] >= '2' && word[1] <= '4' && word[2] == '\0';
    if (!known) return ct_fail(err, CT_ERR_CONFIG, "CROSSTOWER_ISA is '%s', want v2, v3 or v4", word);
    const ct_isa wanted = (ct_isa)(CT_ISA_V2 + (word[1] - '2'));
    if (wanted > *out)
        return ct_fail(err, CT_ERR_CONFIG, "CROSSTOWER_ISA is '%s', but this machine runs %s at most", word,
                       ct__isa_name(*out));
    *out = wanted;
    return CT_OK;
}

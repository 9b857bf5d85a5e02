/* Memory and arenas: alignment, zeroes, overflow, an allocator that refuses, planning without memory. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

#include "base/alloc.h"
#include "base/arena.h"

static bool aligned(const void *p) {
    return (uintptr_t)p % CT_ALIGN == 0;
}

static void calloc_zeroes_and_aligns(void **state) {
    (void)state;
    for (size_t n = 0; n < 300; n += 7) {
        void *block;
        assert_int_equal(ct_calloc(n, 3, &block, NULL), CT_OK);
        assert_non_null(block);
        assert_true(aligned(block));
        for (size_t i = 0; i < 3 * n; i++) assert_int_equal(((char *)block)[i], 0);
        memset(block, 0x5A,
               3 * n); /* the next block of this size may be this one: it must come back zeroed */
        ct_free(block);
    }
    ct_free(NULL);
}

/* Do the flags of the mapping around p hold "hg"? */
static bool large_pages_advised(const void *p) {
    char line[512];
    unsigned long from = 0, to = 0, a, b;
    bool advised = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &a, &b) == 2) from = a, to = b;
        if (strncmp(line, "VmFlags:", 8) == 0 && (unsigned long)p >= from && (unsigned long)p < to)
            advised = strstr(line, " hg") != NULL;
    }
    fclose(f);
    return advised;
}

static void big_blocks_ask_for_large_pages(void **state) {
    char *block = NULL;
    (void)state;
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) != 0) skip();
    assert_int_equal(ct_calloc((size_t)64 << 20, 1, (void **)&block, NULL), CT_OK);
    assert_true(large_pages_advised(block + (32 << 20)));
    ct_free(block);
    assert_int_equal(ct_calloc((size_t)1 << 20, 1, (void **)&block, NULL), CT_OK);
    assert_false(large_pages_advised(block));
    ct_free(block);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    const size_t sizes[][2] = {
        {SIZE_MAX, 2}, {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX, 1}, {SIZE_MAX - 10, 1}, {1, SIZE_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ct_error err = CT_ERROR_INIT;
        void *block = &err;
        assert_int_equal(ct_calloc(sizes[i][0], sizes[i][1], &block, &err), CT_ERR_MEMORY);
        assert_null(block);
        assert_int_equal(err.status, CT_ERR_MEMORY);
        assert_non_null(strstr(err.text, "bytes"));
        size_t capacity = 0;
        assert_int_equal(ct_grow(&block, &capacity, sizes[i][0], sizes[i][1], NULL), CT_ERR_MEMORY);
        assert_null(block);
        assert_int_equal(capacity, 0);
    }
    char *copy;
    assert_int_equal(ct_strndup("", SIZE_MAX, &copy, NULL), CT_ERR_MEMORY);
    assert_null(copy);
}

static void grow_keeps_doubles_and_zeroes(void **state) {
    (void)state;
    int *a = NULL;
    size_t capacity = 0;
    const uint64_t calls = ct_alloc_count();
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ct_grow((void **)&a, &capacity, (size_t)i + 1, sizeof *a, NULL), CT_OK);
        for (size_t j = (size_t)i; j < capacity; j++) assert_int_equal(a[j], 0);
        a[i] = i + 1;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(a[i], i + 1);
    assert_int_equal(capacity, 1024);
    assert_int_equal(ct_alloc_count() - calls, 11);
    ct_free(a);
    a = NULL;
    capacity = 0;
    assert_int_equal(ct_grow((void **)&a, &capacity, 0, sizeof *a, NULL), CT_OK);
    assert_non_null(a);
    ct_free(a);
}

static void copies_of_strings(void **state) {
    (void)state;
    char *s;
    assert_int_equal(ct_strdup("towers", &s, NULL), CT_OK);
    assert_string_equal(s, "towers");
    ct_free(s);
    assert_int_equal(ct_strndup("a\0b", 3, &s, NULL), CT_OK);
    assert_memory_equal(s, "a\0b", 4);
    ct_free(s);
    assert_int_equal(ct_strndup(NULL, 0, &s, NULL), CT_OK);
    assert_string_equal(s, "");
    ct_free(s);
}

static void a_refusing_allocator(void **state) {
    (void)state;
    test_alloc_install();
    int *a = NULL;
    size_t capacity = 0;
    assert_int_equal(ct_grow((void **)&a, &capacity, 4, sizeof *a, NULL), CT_OK);
    a[3] = 42;
    const uint64_t calls = ct_alloc_count();
    test_alloc_fail_at(1);
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_grow((void **)&a, &capacity, 5, sizeof *a, &err), CT_ERR_MEMORY);
    assert_int_equal(err.status, CT_ERR_MEMORY);
    assert_int_equal(capacity, 4);
    assert_int_equal(a[3], 42);
    void *block = a;
    char *s = (char *)a;
    assert_int_equal(ct_calloc(1, 1, &block, NULL), CT_ERR_MEMORY);
    assert_null(block);
    assert_int_equal(ct_strdup("x", &s, NULL), CT_ERR_MEMORY);
    assert_null(s);
    assert_int_equal(ct_alloc_count() - calls, 3); /* calls are counted, not successes */
    test_alloc_fail_at(0);
    assert_int_equal(test_alloc_live(), 1);
    ct_free(a);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
}

static void arena_carves_and_rolls_back(void **state) {
    (void)state;
    ct_arena arena;
    void *a, *b, *c;
    assert_int_equal(ct_arena_create(&arena, "activations", 1000, NULL), CT_OK);
    assert_int_equal(ct_arena_take(&arena, 1, 10, &a, NULL), CT_OK);
    const size_t mark = ct_arena_mark(&arena);
    assert_int_equal(ct_arena_take(&arena, 3, 50, &b, NULL), CT_OK);
    assert_true(aligned(a) && aligned(b));
    assert_ptr_equal((char *)b, (char *)a + CT_ALIGN);
    memset(b, 1, 150);
    const size_t peak = arena.peak;
    ct_arena_release(&arena, mark);
    assert_int_equal(ct_arena_take(&arena, 1, 1, &c, NULL), CT_OK);
    assert_ptr_equal(c, b);
    assert_int_equal(arena.peak, peak);
    ct_arena_release(&arena, 0);
    assert_int_equal(ct_arena_take(&arena, 1000, 1, &a, NULL), CT_OK); /* all that was asked for */
    assert_int_equal(ct_arena_take(&arena, 0, 8, &b, NULL), CT_OK);    /* nothing fits into nothing */
    assert_non_null(b);
    ct_arena_free(&arena);
    ct_arena_free(&arena); /* freed and zeroed: harmless */
}

static void arena_says_what_is_missing(void **state) {
    (void)state;
    ct_arena arena;
    ct_error err = CT_ERROR_INIT;
    void *p = &arena;
    assert_int_equal(ct_arena_create(&arena, "gradients", 256, NULL), CT_OK);
    assert_int_equal(ct_arena_take(&arena, 1, 64, &p, NULL), CT_OK);
    assert_int_equal(ct_arena_take(&arena, 10, 20, &p, &err), CT_ERR_MEMORY);
    assert_null(p);
    assert_non_null(strstr(err.text, "gradients"));
    assert_non_null(strstr(err.text, "10 x 20"));
    assert_non_null(strstr(err.text, "192"));
    assert_int_equal(ct_arena_take(&arena, SIZE_MAX, SIZE_MAX, &p, NULL), CT_ERR_MEMORY);
    assert_int_equal(ct_arena_take(&arena, SIZE_MAX, 1, &p, NULL), CT_ERR_MEMORY);
    assert_int_equal(ct_arena_take(&arena, 192, 1, &p, NULL), CT_OK);
    ct_arena_free(&arena);
    assert_int_equal(ct_arena_create(&arena, "too large", SIZE_MAX, &err), CT_ERR_MEMORY);
    ct_arena_free(&arena);
}

static void a_dry_arena_only_counts(void **state) {
    (void)state;
    ct_arena dry, wet;
    const uint64_t calls = ct_alloc_count();
    ct_arena_create_dry(&dry, "plan");
    assert_int_equal(ct_alloc_count(), calls);
    void *p, *q;
    assert_int_equal(ct_arena_take(&dry, (size_t)1 << 40, 100, &p, NULL), CT_OK);
    assert_non_null(p);
    assert_int_equal(ct_arena_take(&dry, SIZE_MAX, 2, &q, NULL), CT_ERR_MEMORY);
    assert_int_equal(ct_arena_take(&dry, SIZE_MAX, 1, &q, NULL), CT_ERR_MEMORY);
    ct_arena_release(&dry, 0);
    dry.peak = 0;
    /* The plan's peak is a capacity that the same work then fits into. */
    for (int pass = 0; pass < 2; pass++) {
        ct_arena *arena = pass == 0 ? &dry : &wet;
        if (pass == 1) assert_int_equal(ct_arena_create(&wet, "run", dry.peak, NULL), CT_OK);
        for (size_t n = 1; n < 500; n += 37) {
            const size_t mark = ct_arena_mark(arena);
            assert_int_equal(ct_arena_take(arena, n, 8, &p, NULL), CT_OK);
            assert_int_equal(ct_arena_take(arena, n, 1, &q, NULL), CT_OK);
            assert_true(aligned(p) && aligned(q) && p != q);
            if (n % 2) ct_arena_release(arena, mark);
        }
    }
    assert_int_equal(wet.peak, dry.peak);
    ct_arena_free(&wet);
    ct_arena_free(&dry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calloc_zeroes_and_aligns), cmocka_unit_test(big_blocks_ask_for_large_pages),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(grow_keeps_doubles_and_zeroes), cmocka_unit_test(copies_of_strings),
        cmocka_unit_test(a_refusing_allocator),          cmocka_unit_test(arena_carves_and_rolls_back),
        cmocka_unit_test(arena_says_what_is_missing),    cmocka_unit_test(a_dry_arena_only_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Hashes against published values; the string map against what was put in. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

#include "base/alloc.h"
#include "base/hash.h"

static void xxh3_values(void **state) {
    (void)state;
    assert_true(ct_hash("", 0) == UINT64_C(0x2D06800538D394C2));
    assert_true(ct_hash(NULL, 0) == UINT64_C(0x2D06800538D394C2));
    assert_true(ct_hash("abc", 3) == UINT64_C(0x78AF5F94892F3950));
    assert_true(ct_hash("abc", 3) == ct_hash_seeded("abc", 3, 0));
    assert_true(ct_hash("abc", 3) != ct_hash_seeded("abc", 3, 1));
    assert_int_equal(ct_hash_name("abc"), 0x892F3950u);
}

static void empty_map(void **state) {
    (void)state;
    ct_strmap *map;
    assert_int_equal(ct_strmap_create(&map, NULL), CT_OK);
    assert_int_equal(ct_strmap_count(map), 0);
    assert_int_equal(ct_strmap_find(map, "x", 1), -1);
    assert_int_equal(ct_strmap_find(map, "", 0), -1);
    ct_strmap_free(map);
    ct_strmap_free(NULL);
}

static void insert_find_set(void **state) {
    (void)state;
    ct_strmap *map;
    int64_t value;
    int inserted;
    size_t n;
    assert_int_equal(ct_strmap_create(&map, NULL), CT_OK);
    assert_int_equal(ct_strmap_insert(map, "shop", 4, 7, &value, &inserted, NULL), CT_OK);
    assert_true(inserted && value == 7);
    assert_int_equal(ct_strmap_insert(map, "shop", 4, 8, &value, &inserted, NULL), CT_OK);
    assert_true(!inserted && value == 7);
    assert_int_equal(ct_strmap_insert(map, "", 0, 9, NULL, NULL, NULL), CT_OK); /* the empty key is a key */
    assert_int_equal(ct_strmap_find(map, NULL, 0), 9);
    assert_int_equal(ct_strmap_find(map, "shop", 4), 7);
    assert_string_equal(ct_strmap_key(map, 0, &n), "shop");
    assert_int_equal(n, 4);
    assert_string_equal(ct_strmap_key(map, 1, NULL), "");
    assert_int_equal(ct_strmap_count(map), 2);
    ct_strmap_free(map);
}

static void keys_are_bytes(void **state) {
    (void)state;
    ct_strmap *map;
    assert_int_equal(ct_strmap_create(&map, NULL), CT_OK);
    const char *const keys[] = {"a\0b", "a\0c", "a\0\0", "\0\0\0", "\xFF\xFE\x00"};
    for (int i = 0; i < 5; i++)
        assert_int_equal(ct_strmap_insert(map, keys[i], 3, i, NULL, NULL, NULL), CT_OK);
    assert_int_equal(ct_strmap_insert(map, "a", 1, 5, NULL, NULL, NULL), CT_OK);
    assert_int_equal(ct_strmap_insert(map, "a\0", 2, 6, NULL, NULL, NULL), CT_OK);
    assert_int_equal(ct_strmap_count(map), 7);
    for (int i = 0; i < 5; i++) {
        size_t n;
        assert_int_equal(ct_strmap_find(map, keys[i], 3), i);
        assert_memory_equal(ct_strmap_key(map, i, &n), keys[i], 4);
        assert_int_equal(n, 3);
    }
    ct_strmap_free(map);
}

/* Enough keys that thousands share a cell; pointers to keys must stay good while the map grows. */
static void many_keys(void **state) {
    (void)state;
    enum { N = 200000 };
    ct_strmap *map;
    char key[32];
    assert_int_equal(ct_strmap_create(&map, NULL), CT_OK);
    const uint64_t calls = ct_alloc_count();
    const char *first = NULL;
    for (int i = 0; i < N; i++) {
        int64_t value;
        int inserted;
        const int n = snprintf(key, sizeof key, "user-%d", i);
        assert_int_equal(ct_strmap_insert(map, key, (size_t)n, i, &value, &inserted, NULL), CT_OK);
        if (!inserted || value != i) fail_msg("%s", key);
        if (i == 0) first = ct_strmap_key(map, 0, NULL);
    }
    assert_true(ct_alloc_count() - calls < 200);
    assert_int_equal(ct_strmap_count(map), N);
    assert_ptr_equal(ct_strmap_key(map, 0, NULL), first);
    for (int i = 0; i < N; i++) {
        const int n = snprintf(key, sizeof key, "user-%d", i);
        if (ct_strmap_find(map, key, (size_t)n) != i || strcmp(ct_strmap_key(map, i, NULL), key) != 0)
            fail_msg("%s", key);
    }
    assert_int_equal(ct_strmap_find(map, "user--1", 7), -1);
    ct_strmap_free(map);
}

static void long_keys(void **state) {
    (void)state;
    ct_strmap *map;
    static char text[300000];
    memset(text, 'k', sizeof text);
    assert_int_equal(ct_strmap_create(&map, NULL), CT_OK);
    for (size_t n = 1; n < sizeof text; n = n * 3 / 2 + 1)
        assert_int_equal(ct_strmap_insert(map, text, n, (int64_t)n, NULL, NULL, NULL), CT_OK);
    for (size_t n = 1; n < sizeof text; n = n * 3 / 2 + 1)
        assert_int_equal(ct_strmap_find(map, text, n), (int64_t)n);
    ct_strmap_free(map);
}

static void without_memory_the_map_stays_whole(void **state) {
    (void)state;
    test_alloc_install();
    ct_strmap *map;
    int made = 0;
    for (uint64_t nth = 1; !made; nth++) {
        test_alloc_fail_at(nth);
        made = ct_strmap_create(&map, NULL) == CT_OK;
        test_alloc_fail_at(0);
        if (!made) assert_null(map);
        if (!made) assert_int_equal(test_alloc_live(), 0);
    }
    char key[32];
    for (int i = 0; i < 200; i++) {
        const size_t n = (size_t)snprintf(key, sizeof key, "key %d", i);
        for (uint64_t nth = 1;; nth++) {
            test_alloc_fail_at(nth);
            const ct_status st = ct_strmap_insert(map, key, n, i, NULL, NULL, NULL);
            test_alloc_fail_at(0);
            if (st == CT_OK) break;
            assert_int_equal(st, CT_ERR_MEMORY);
            assert_int_equal(ct_strmap_count(map), i);
            assert_int_equal(ct_strmap_find(map, key, n), -1);
        }
    }
    for (int i = 0; i < 200; i++) {
        const size_t n = (size_t)snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(ct_strmap_find(map, key, n), i);
    }
    ct_strmap_free(map);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xxh3_values),
        cmocka_unit_test(empty_map),
        cmocka_unit_test(insert_find_set),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(long_keys),
        cmocka_unit_test(without_memory_the_map_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

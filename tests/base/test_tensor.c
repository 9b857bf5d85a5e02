/* Element types, and views that share memory. */
#include "tests/support/cmocka.h"

#include "base/tensor.h"

static void dtypes(void **state) {
    (void)state;
    assert_int_equal(ct_dtype_bytes(CT_DTYPE_F32), sizeof(float));
    assert_int_equal(ct_dtype_bytes(CT_DTYPE_F64), sizeof(double));
    assert_int_equal(ct_dtype_bytes(CT_DTYPE_I32), 4);
    assert_int_equal(ct_dtype_bytes(CT_DTYPE_I64), 8);
    assert_int_equal(ct_dtype_bytes(CT_DTYPE_U8), 1);
    assert_string_equal(ct_dtype_name(CT_DTYPE_F32), "f32");
    assert_string_equal(ct_dtype_name(CT_DTYPE_U8), "u8");
    assert_int_equal(ct_dtype_bytes((ct_dtype)99), 0);
    assert_non_null(ct_dtype_name((ct_dtype)99));
}

static void views(void **state) {
    (void)state;
    float data[5 * 8];
    const ct_tensor t = ct_f32(data, 5, 8), block = ct_columns(t, 3, 4), rows = ct_rows(block, 2, 3);
    assert_ptr_equal(block.data, data + 3);
    assert_true(block.rows == 5 && block.cols == 4 && block.ld == 8);
    assert_ptr_equal(rows.data, data + 2 * 8 + 3);
    assert_true(rows.rows == 3 && rows.cols == 4 && rows.ld == 8);
    int32_t ids[4];
    assert_ptr_equal(ct_rows(ct_i32(ids, 4, 1), 4, 0).data, ids + 4);
    assert_null(ct_rows(ct_columns(ct_f32(NULL, 5, 8), 3, 4), 2, 3).data); /* an absent tensor stays absent */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(dtypes), cmocka_unit_test(views)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

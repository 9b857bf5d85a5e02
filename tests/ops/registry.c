/* The list of ops, expanded from kernels/ops.def, each with the case that its test file defines. The case
 * symbols are weak, so that an op without a case is a red line of the report and not a link error that hides
 * the others. */
#include "tests/ops/harness.h"

ct_op_table op_oracle_table = {
#define CT_OP(name, home) .name = ct_##name##_ref_f64,
#include "kernels/ops.def"
#undef CT_OP
};

const ct_op_table op_ref_f32_table = {
#define CT_OP(name, home) .name = ct_##name##_ref_f32,
#include "kernels/ops.def"
#undef CT_OP
};

#define CT_OP(name, home)                                                                                    \
    extern const op_case op_case_##name __attribute__((weak));                                               \
    static ct_status device_##name(ct_device *dev, const void *args, ct_error *err) {                        \
        return ct_##name(dev, args, err);                                                                    \
    }                                                                                                        \
    static ct_status oracle_##name(ct_kctx *ctx, const void *args) {                                         \
        return op_oracle_table.name(ctx, args);                                                              \
    }
#include "kernels/ops.def"
#undef CT_OP

const op_entry op_entries[] = {
#define CT_OP(name, home)                                                                                    \
    {#name,                                                                                                  \
     sizeof(struct ct_##name##_args),                                                                        \
     offsetof(ct_op_table, name),                                                                            \
     &op_case_##name,                                                                                        \
     device_##name,                                                                                          \
     oracle_##name},
#include "kernels/ops.def"
#undef CT_OP
};
const int op_n_entries = OP_COUNT(op_entries);

/* One check an op: do these arguments keep the contract of kernels/<op>.h? Looks at shapes, types, scalars
 * and which tensors are there, never at data. CT_ERR_SHAPE, CT_ERR_DTYPE, CT_ERR_ARGUMENT; the message names
 * tensor, found and wanted, the caller adds the op. */
#ifndef CT_DEVICE_CHECK_H
#define CT_DEVICE_CHECK_H

#include "kernels/kernels.h"

#define CT_OP(name, home) ct_status ct__check_##name(const struct ct_##name##_args *args, ct_error *err);
#include "kernels/ops.def"
#undef CT_OP

#endif

/* Sizes and names of element types. */
#include "base/tensor.h"

size_t ct_dtype_bytes(ct_dtype dtype) {
    switch (dtype) {
    case CT_DTYPE_F32:
        return 4;
    case CT_DTYPE_F64:
        return 8;
    case CT_DTYPE_I32:
        return 4;
    case CT_DTYPE_I64:
        return 8;
    case CT_DTYPE_U8:
        return 1;
    }
    return 0;
}

const char *ct_dtype_name(ct_dtype dtype) {
    switch (dtype) {
    case CT_DTYPE_F32:
        return "f32";
    case CT_DTYPE_F64:
        return "f64";
    case CT_DTYPE_I32:
        return "i32";
    case CT_DTYPE_I64:
        return "i64";
    case CT_DTYPE_U8:
        return "u8";
    }
    return "unknown dtype";
}

/* Writing and passing on errors: the first message wins. */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/format.h"

const char *ct_status_name(ct_status status) {
    switch (status) {
    case CT_OK:
        return "CT_OK";
    case CT_ERR_ARGUMENT:
        return "CT_ERR_ARGUMENT";
    case CT_ERR_CONFIG:
        return "CT_ERR_CONFIG";
    case CT_ERR_DATA:
        return "CT_ERR_DATA";
    case CT_ERR_SHAPE:
        return "CT_ERR_SHAPE";
    case CT_ERR_DTYPE:
        return "CT_ERR_DTYPE";
    case CT_ERR_UNSUPPORTED:
        return "CT_ERR_UNSUPPORTED";
    case CT_ERR_MEMORY:
        return "CT_ERR_MEMORY";
    case CT_ERR_IO:
        return "CT_ERR_IO";
    case CT_ERR_FORMAT:
        return "CT_ERR_FORMAT";
    case CT_ERR_NONFINITE:
        return "CT_ERR_NONFINITE";
    case CT_ERR_INTERRUPTED:
        return "CT_ERR_INTERRUPTED";
    case CT_ERR_INTERNAL:
        return "CT_ERR_INTERNAL";
    }
    return "unknown status";
}

ct_status ct_fail(ct_error *err, ct_status status, const char *format, ...) {
    if (!err || err->status != CT_OK) return status;
    va_list args;
    va_start(args, format);
    ct__vformat_cut(err->text, sizeof err->text, format, args);
    va_end(args);
    err->status = status;
    return status;
}

/* out = format % args, through a va_list of its own. */
static void format_cut(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void format_cut(char *out, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ct__vformat_cut(out, size, format, args);
    va_end(args);
}

void ct_error_prefix(ct_error *err, const char *format, ...) {
    if (!err || err->status == CT_OK) return;
    char context[sizeof err->text], message[sizeof err->text];
    va_list args;
    va_start(args, format);
    ct__vformat_cut(context, sizeof context, format, args);
    va_end(args);
    memcpy(message, err->text, sizeof message);
    format_cut(err->text, sizeof err->text, "%s: %s", context, message);
}

void ct_error_clear(ct_error *err) {
    if (!err) return;
    err->status = CT_OK;
    err->text[0] = '\0';
}

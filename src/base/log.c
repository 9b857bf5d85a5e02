/* Messages go to the sink that the program set, or nowhere. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>

#include "base/format.h"

static ct_log_sink current_sink;
static void *current_ctx;

void ct_log_set_sink(ct_log_sink sink, void *ctx) {
    current_sink = sink;
    current_ctx = ctx;
}

void ct_log(ct_log_level level, const char *format, ...) {
    char text[4096];
    if (!current_sink) return;
    va_list args;
    va_start(args, format);
    ct__vformat_cut(text, sizeof text, format, args);
    va_end(args);
    current_sink(current_ctx, level, text);
}

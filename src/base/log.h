/* Messages for the person who runs the program. The library prints nothing itself: the caller sets a sink. */
#ifndef CT_BASE_LOG_H
#define CT_BASE_LOG_H

typedef enum ct_log_level { CT_LOG_DEBUG, CT_LOG_INFO, CT_LOG_WARNING } ct_log_level;

typedef void (*ct_log_sink)(void *ctx, ct_log_level level, const char *text);

/* NULL drops messages. Process-wide: set once, before threads. */
void ct_log_set_sink(ct_log_sink sink, void *ctx);
void ct_log(ct_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

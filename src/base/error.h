/* Writing and passing on errors. See include/crosstower/status.h for the rules. */
#ifndef CT_BASE_ERROR_H
#define CT_BASE_ERROR_H

#include <stdarg.h>

#include "crosstower/status.h"

/* Records the message in err (which may be NULL) unless it already holds one; returns status. */
ct_status ct_fail(ct_error *err, ct_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message that err holds, for the one frame that knows the object (a file, a row). */
void ct_error_prefix(ct_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the error. */
void ct_error_clear(ct_error *err);

/* Runs a call; on failure keeps its status in st and jumps to the clean-up label. */
#define CT_TRY(call, st, label)                                                                                        \
    do {                                                                                                               \
        (st) = (call);                                                                                                 \
        if ((st) != CT_OK) goto label;                                                                                 \
    } while (0)

/* Runs a call; on failure returns its status. For functions that hold nothing. */
#define CT_CHECK(call)                                                                                                 \
    do {                                                                                                               \
        const ct_status ct_check_status = (call);                                                                      \
        if (ct_check_status != CT_OK) return ct_check_status;                                                          \
    } while (0)

#endif

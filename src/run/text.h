/* Texts that the public interface hands out. */
#ifndef CT_RUN_TEXT_H
#define CT_RUN_TEXT_H

#include "base/str.h"

/* *text = an owned copy of s when st is CT_OK; s is freed in any case. Returns the status. */
ct_status ct__text_out(ct_status st, ct_str *s, char **text, ct_error *err);

/* A number of bytes for people: "1.5 GiB". */
ct_status ct__put_bytes(ct_str *out, double bytes, ct_error *err);

#endif

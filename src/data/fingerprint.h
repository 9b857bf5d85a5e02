/* What makes a cache stale: the settings and the input files that it was made from, as lines of text. */
#ifndef CT_DATA_FINGERPRINT_H
#define CT_DATA_FINGERPRINT_H

#include "base/str.h"
#include "data/prepare_state.h"

/* "key=value" lines of every setting that the content of the cache depends on. */
ct_status ct__fingerprint_settings(const ct_config *config, ct_str *out, ct_error *err);
/* "size time path" lines of all input files. */
ct_status ct__fingerprint_inputs(const ct__prepare *p, ct_str *out, ct_error *err);

/* The same line for one picture. A path with a line break is left out: it would not read back. */
ct_status ct__fingerprint_picture(const ct__input *file, ct_str *out, ct_error *err);

/* Appends why a cache with the old texts does not fit the new ones; nothing when it does. */
ct_status ct__fingerprint_compare_settings(const char *before, const char *now, ct_str *why, ct_error *err);
ct_status ct__fingerprint_compare_inputs(const char *before, const char *now, ct_str *why, ct_error *err);
/* Looks at each picture again. */
ct_status ct__fingerprint_compare_pictures(const char *before, ct_str *why, ct_error *err);

#endif

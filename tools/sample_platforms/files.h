/* Output files of the generator: plain or gzip, row by row, and the cells of each format. */
#ifndef TOOLS_SAMPLE_PLATFORMS_FILES_H
#define TOOLS_SAMPLE_PLATFORMS_FILES_H

#include "sample.h"

typedef struct out_file out_file;

/* out/platform/name; name ending in .gz is compressed. platform -1: out/name. Plain files appear when closed. */
ct_status out_open(out_file **file, const sample *s, int platform, const char *name, ct_error *err);
/* Writes the row with a line feed, and empties it for the next. */
ct_status out_row(out_file *file, ct_str *row, ct_error *err);
ct_status out_bytes(out_file *file, const void *bytes, size_t n, ct_error *err);
/* Finishes the file when st is CT_OK, else drops it; returns st or what went wrong. */
ct_status out_close(out_file *file, ct_status st, ct_error *err);

/* A cell behind those that are there: with the separator, quoted where CSV wants it. TSV has no quoting and the texts
 * have no tab. */
ct_status put_csv(ct_str *row, const char *text, ct_error *err);
ct_status put_tsv(ct_str *row, const char *text, ct_error *err);
/* "key": "text" in an object that put_json begins; json_end closes it. NULL is null. */
ct_status put_json(ct_str *row, const char *key, const char *text, ct_error *err);
ct_status json_text(ct_str *row, const char *text, ct_error *err);
ct_status json_end(ct_str *row, ct_error *err);

#endif

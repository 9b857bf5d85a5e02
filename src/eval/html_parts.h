/* Private to src/eval: what the sections of the page are written with.
 *
 * A page keeps the first error and does nothing after it, so that its writers need not ask after each call; the caller
 * asks once, at the end. */
#ifndef CT_EVAL_HTML_PARTS_H
#define CT_EVAL_HTML_PARTS_H

#include "base/str.h"
#include "eval/html.h"

typedef struct ct__page {
    ct_str *out;
    ct_status st;
    ct_error *err;
    const ct_eval_report *report;
    const ct_dataset *data;
    const ct_split *split;
    const ct_config *config;
    const ct_html_run *run;
} ct__page;

/* ---- pieces (html_parts.c) ------------------------------------------------------------------------------------- */

/* Markup of ours, printf-like, in the C locale. Texts of users go through ct__put_text. */
void ct__put(ct__page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text in HTML or in a quoted attribute: & < > " ' escaped; control characters and bytes that are not UTF-8 become
 * U+FFFD; after `most` characters an ellipsis. */
void ct__put_text(ct__page *p, const char *text, int64_t most);
/* "12,345"; "0.0521" with a dash for what is not finite; "1.2k" for axes; "+0.0474". */
void ct__put_count(ct__page *p, int64_t n);
void ct__put_figure(ct__page *p, double value);
void ct__put_short(ct__page *p, double value);
void ct__put_gain(ct__page *p, double value);

/* A picture as <img> with a PNG in its address, reduced to about 64 pixels; rgb NULL: an empty frame. */
void ct__put_picture(ct__page *p, const uint8_t *rgb, int size, const char *alt);
/* A PNG file of RGB rows, appended; what ct__put_picture encodes. */
ct_status ct__png_write(const uint8_t *rgb, int width, int height, ct_str *out, ct_error *err);

/* ---- sections -------------------------------------------------------------------------------------------------- */

extern const char ct__html_style[];                           /* html_style.c */
void ct__put_curves(ct__page *p);                             /* html_curves.c */
void ct__put_summary(ct__page *p);                            /* html_metrics.c: all platforms in a table */
void ct__put_metrics(ct__page *p, const ct_platform_report *platform);
void ct__put_examples(ct__page *p, const ct_platform_report *platform); /* html_examples.c */

#endif

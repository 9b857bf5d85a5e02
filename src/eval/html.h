/* The report as one HTML page that needs nothing else: inline style and SVG, no scripts, light and dark. */
#ifndef CT_EVAL_HTML_H
#define CT_EVAL_HTML_H

#include "eval/curves.h"
#include "eval/evaluate.h"

/* Users a platform that the page shows. */
enum { CT_HTML_EXAMPLES = 4 };

/* What the page says about the run, beside the report. */
typedef struct ct_html_run {
    const char *weights;     /* the checkpoint file */
    int64_t step;            /* that it was written at */
    int64_t n_parameters;
    ct_device_info device;
    const char *metrics;     /* path of metrics.jsonl */
    /* The picture of an item, u8 RGB [picture_size, picture_size, 3], or NULL where it has none. NULL: no pictures, and
     * no column for them. */
    const uint8_t *(*picture)(const ct_dataset *data, int32_t item);
    int picture_size;
} ct_html_run;

/* Appends the page. The report may come from ct_evaluate_model with or without examples. */
ct_status ct_eval_report_html(const ct_eval_report *report, const ct_dataset *data, const ct_split *split,
                              const ct_config *config, const ct_html_run *run, ct_str *out, ct_error *err);

#endif

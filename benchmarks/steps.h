/* Shared by the files of the step cases. */
#ifndef CT_BENCHMARKS_STEPS_H
#define CT_BENCHMARKS_STEPS_H

#include "benchmarks/bench.h"
#include "config/config.h"

/* all-MiniLM-L6-v2's layers, without dropout. */
ct_config_encoder bench_minilm(void);
/* The text CNN: 128 columns, widths 2, 3, 4, 5 of 128 filters. */
ct_config_encoder bench_text_cnn(void);

/* benchmarks/steps_two_tower.c */
ct_status bench_two_tower_open(void **state, const bench_options *options, ct_error *err);
ct_status bench_two_tower_run(void *state, ct_error *err);
void bench_two_tower_close(void *state);

#endif

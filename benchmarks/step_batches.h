/* Synthetic batches for the step cases: texts as long as benchmarks/shapes/texts.lengths says, ids and pixels at
 * random. tools/peers reads the same file. */
#ifndef CT_BENCHMARKS_STEP_BATCHES_H
#define CT_BENCHMARKS_STEP_BATCHES_H

#include "base/rng.h"
#include "data/batcher.h"

enum { BENCH_VOCAB = 30522, BENCH_LONGEST = 128, BENCH_BUCKET = 256 };

typedef struct bench_lengths {
    int32_t *v;
    int32_t n;
} bench_lengths;

/* All lengths of the file in the folder `shapes`; at least `wanted`. */
ct_status bench_lengths_read(bench_lengths *lengths, const char *shapes, int32_t wanted, ct_error *err);
void bench_lengths_free(bench_lengths *lengths);

typedef struct bench_filler {
    ct_rng rng;
    ct__sorter sorter;
} bench_filler;

/* For batches of at most max_tokens tokens a side. */
ct_status bench_filler_open(bench_filler *f, int32_t max_tokens, ct_error *err);
void bench_filler_close(bench_filler *f);
/* n_rows texts of these lengths. */
void bench_fill_text(bench_filler *f, ct_token_pack *pack, const int32_t *lengths, int32_t n_rows);
/* A picture of noise for each row of a side that ct_batch_fill_caps has filled. */
void bench_fill_pictures(bench_filler *f, ct_item_side *side);

#endif

/* A small project on disk for tests of whole runs: platforms "shop", "video" and "news" with texts, reviews,
 * linked users, awkward ids, cold users, and a configuration that trains in a second. The same bytes each
 * time.
 *
 * Four tastes are shared by the platforms: a user chooses mostly items of its own taste, whose title says so;
 * so there is something to learn. "news" lies wholly in the past: nobody there has anything to find in
 * validation or test. */
#ifndef CT_TESTS_SUPPORT_TINY_RUN_H
#define CT_TESTS_SUPPORT_TINY_RUN_H

#include "config/config.h"
#include "crosstower/crosstower.h"

/* Writes the files and tiny.yaml into dir. Cache, run and export folders are dir/cache, dir/run,
 * dir/run/export. */
void tiny_write(const char *dir);

/* Opens dir/tiny.yaml with "key=value" overrides, up to a NULL. Ends the test with the mistakes when there
 * are any. */
ct_config *tiny_config(const char *dir, ...) __attribute__((sentinel));

/* Trains to the end, ending the test on failure. options may be NULL. */
ct_train_result tiny_train(const ct_config *config, const ct_train_options *options);

/* A checkpoint of the run folder: "step-00000012" or "best"; see test_path for how long the text lives. */
const char *tiny_checkpoint(const char *dir, const char *name);

/* Rewrites a safetensors file with `factor` times (NaN: NaN instead of) the values of one f32 tensor, hashes
 * mended: a checkpoint of a model that went astray. */
void tiny_spoil(const char *path, const char *tensor, float factor);

#endif

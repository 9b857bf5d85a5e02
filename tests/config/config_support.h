/* Configurations from text, in a folder with small data files. */
#ifndef CT_TESTS_CONFIG_SUPPORT_H
#define CT_TESTS_CONFIG_SUPPORT_H

#include "config/config.h"

/* test_dir_setup and, in that folder: items.csv, users.csv, inter.csv, events-1.csv, events-2.csv, links.csv,
 * vocab.txt, a.npy, c.npy; shop/ (items.csv, interactions.csv), video/ (items.tsv.gz, users.jsonl, interactions.tsv), atomic/
 * (RecBole's), double/ (items.csv and items.tsv), empty/; bert/ and other/ (weights). The working directory is moved
 * into it. */
int config_setup(void **state);
int config_teardown(void **state);

/* Writes text to name in the working directory. */
void config_write(const char *name, const char *text);

/* Loads the file; ends the test when that fails (with the mistakes printed). */
ct_config *config_load_file(const char *name, const char *const *overrides, int n_overrides);
/* config_write("run.yaml") and config_load_file without overrides. */
ct_config *config_load_text(const char *text);
/* Loads what must fail with mistakes, which the caller frees. */
ct_diagnostics config_load_wrong(const char *path, const char *const *overrides, int n);
void config_print_mistakes(const ct_diagnostics *diags);
/* The dump, to be freed with ct_str_free. */
ct_str config_dump_text(const ct_config *config);

#endif

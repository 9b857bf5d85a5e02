/* The public interface to configurations, and texts handed to callers. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/io.h"
#include "base/str.h"
#include "config/config.h"
#include "crosstower/crosstower.h"
#include "run/text.h"

const char *ct_version(void) { return CT_VERSION; }

void ct_text_free(char *text) { ct_free(text); }

ct_status ct__text_out(ct_status st, ct_str *s, char **text, ct_error *err) {
    if (st == CT_OK) st = ct_strdup(ct_str_text(s), text, err);
    ct_str_free(s);
    return st;
}

ct_status ct_config_open(ct_config **out, const char *path, const char *const *overrides, int n_overrides,
                         char **mistakes, ct_error *err) {
    ct_diagnostics diags = {0};
    if (mistakes) *mistakes = NULL;
    ct_status st = ct_config_load(out, path, overrides, n_overrides, &diags, err);
    if (mistakes && diags.n > 0) {
        ct_error why = CT_ERROR_INIT;
        ct_str text = {0};
        const ct_status told = ct__text_out(ct_diagnostics_format(&diags, &text, &why), &text, mistakes, &why);
        if (told != CT_OK) { /* more to the point than the mistakes, which nobody would see */
            ct_error_clear(err);
            st = ct_fail(err, told, "the mistakes in '%s': %s", path, why.text);
        }
    }
    ct_diagnostics_free(&diags);
    return st;
}

void ct_config_close(ct_config *config) { ct_config_free(config); }

ct_status ct_config_text(const ct_config *config, char **text, ct_error *err) {
    ct_str s = {0};
    *text = NULL;
    return ct__text_out(ct_config_dump(config, &s, err), &s, text, err);
}

ct_status ct_config_reference(bool markdown, char **text, ct_error *err) {
    ct_str s = {0};
    *text = NULL;
    return ct__text_out(ct_config_explain(markdown, &s, err), &s, text, err);
}

const char *ct_config_name(const ct_config *config) { return config->name; }
const char *ct_config_run_dir(const ct_config *config) { return config->run_dir; }

void ct_test_io_fault(uint64_t nth, int error_number) { ct_io_set_fault(nth, error_number); }

/* Starting over, going on, refusing. */
#include "train/resume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "run/folder.h"

/* ---- comparing two resolved configurations --------------------------------------------------------------------- */

/* Keys that may change between a run and its continuation: they decide nothing about the numbers. */
static const char *const free_keys[] = {"run_dir",     "threads",      "device",          "data.cache",
                                        "data.max_bad_rows", "train.log_every", "train.checkpoint", "train.prefetch",
                                        "train.non_finite",  "train.patience",  "eval.every",       "eval.at",
                                        "eval.best",   "eval.floors",  "eval.bootstrap",  "eval.max_valid_users",
                                        "eval.compare", "export"};

static bool is_free(const char *key) {
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++) {
        const size_t n = strlen(free_keys[i]);
        if (strncmp(key, free_keys[i], n) == 0 && (key[n] == '\0' || key[n] == '.')) return true;
    }
    return false;
}

/* Walks the lines of a resolved configuration (block YAML, two blanks a level), giving each its whole key. */
typedef struct line_reader {
    const char *at;
    char key[512];
    int depth_end[32]; /* length of key at each depth */
    const char *value;
    int value_length;
} line_reader;

static bool next_line(line_reader *r) {
    for (;;) {
        const char *line = r->at, *end = strchr(line, '\n');
        if (*line == '\0') return false;
        if (!end) end = line + strlen(line);
        r->at = *end ? end + 1 : end;
        int indent = 0;
        while (line + indent < end && line[indent] == ' ') indent++;
        const int depth = indent / 2;
        if (line + indent == end || line[indent] == '#' || depth >= 31) continue;
        const char *name = line + indent, *colon = memchr(name, ':', (size_t)(end - name));
        int from = depth > 0 ? r->depth_end[depth - 1] : 0;
        if (colon) {
            from += snprintf(r->key + from, sizeof r->key - (size_t)from, "%s%.*s", depth > 0 ? "." : "",
                             (int)(colon - name), name);
            if (from >= (int)sizeof r->key) from = (int)sizeof r->key - 1;
        }
        r->depth_end[depth] = from;
        r->value = colon ? colon + 1 : name;
        r->value_length = (int)(end - r->value);
        return true;
    }
}

static bool same_value(const line_reader *a, const line_reader *b) {
    return strcmp(a->key, b->key) == 0 && a->value_length == b->value_length &&
           memcmp(a->value, b->value, (size_t)a->value_length) == 0;
}

/* The next line that counts. */
static bool next_bound(line_reader *r) {
    while (next_line(r))
        if (!is_free(r->key)) return true;
    return false;
}

/* Appends the keys whose values differ; a key that only one side has ends the comparison, being named itself. */
static ct_status differing_keys(const char *a, const char *b, ct_str *keys, ct_error *err) {
    line_reader x = {.at = a}, y = {.at = b};
    for (;;) {
        const bool more_x = next_bound(&x), more_y = next_bound(&y);
        if (!more_x && !more_y) return CT_OK;
        const char *key = more_x ? x.key : y.key;
        if (more_x && more_y && same_value(&x, &y)) continue;
        CT_CHECK(ct_str_printf(keys, err, "%s%s", keys->length ? ", " : "", key));
        if (!more_x || !more_y || strcmp(x.key, y.key) != 0) return CT_OK;
    }
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

static ct_status same_run(const char *path, const ct_config *config, ct_error *err) {
    ct_status st = CT_OK;
    ct_checkpoint_state state;
    char *then = NULL;
    ct_str now = {0}, keys = {0};
    CT_TRY(ct_checkpoint_peek(path, &state, &then, err), st, done);
    CT_TRY(ct_config_dump(config, &now, err), st, done);
    CT_TRY(differing_keys(then, ct_str_text(&now), &keys, err), st, done);
    if (keys.length)
        st = ct_fail(err, CT_ERR_CONFIG, "%s was written by another configuration: %s. Restore it, or start over in "
                     "another run folder (or with --overwrite)", path, ct_str_text(&keys));
done:
    ct_free(then);
    ct_str_free(&now);
    ct_str_free(&keys);
    return st;
}

static ct_status remove_file(const char *path, ct_error *err) {
    if (unlink(path) != 0 && errno != ENOENT)
        return ct_fail(err, CT_ERR_IO, "'%s' cannot be removed: %s", path, strerror(errno));
    return CT_OK;
}

static ct_status start_over(const ct_config *config, ct_error *err) {
    static const char *const files[] = {"checkpoints/best.safetensors", "metrics.jsonl"};
    CT_CHECK(ct_run_prune_checkpoints(config, 0, err));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = NULL;
        CT_CHECK(ct_run_path(config, files[i], &path, err));
        const ct_status st = remove_file(path, err);
        ct_free(path);
        CT_CHECK(st);
    }
    return CT_OK;
}

/* The newest checkpoint that is whole. */
static ct_status newest_whole(const ct_config *config, const int64_t *steps, int n, const ct_observer *observer,
                              char **path, ct_error *err) {
    for (int i = 0; i < n; i++) {
        ct_error why = CT_ERROR_INIT;
        ct_checkpoint_state state;
        char *yaml = NULL;
        CT_CHECK(ct_run_checkpoint_path(config, steps[i], path, err));
        const ct_status st = ct_checkpoint_peek(*path, &state, &yaml, &why);
        ct_free(yaml);
        if (st == CT_OK) return CT_OK;
        ct_observe(observer, CT_MESSAGE_WARNING, "%s; taking the checkpoint before it", why.text);
        ct_free(*path);
        *path = NULL;
    }
    return n > 0 ? ct_fail(err, CT_ERR_FORMAT, "run folder '%s': none of its %d checkpoints is whole", config->run_dir, n)
                 : CT_OK;
}

ct_status ct_resume_find(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                         char **path, ct_error *err) {
    ct_status st = CT_OK;
    int64_t *steps = NULL;
    int n = 0;
    *path = NULL;
    CT_TRY(ct_run_checkpoints(config, &steps, &n, err), st, done);
    if (options->resume) {
        CT_TRY(newest_whole(config, steps, n, observer, path, err), st, done);
        if (*path) CT_TRY(same_run(*path, config, err), st, done);
    } else if (options->overwrite) {
        st = start_over(config, err);
    } else if (n > 0) {
        st = ct_fail(err, CT_ERR_CONFIG, "run folder '%s' holds checkpoints (newest: step %lld): --resume goes on, "
                     "--overwrite starts over", config->run_dir, (long long)steps[0]);
    }
done:
    ct_free(steps);
    if (st != CT_OK) {
        ct_free(*path);
        *path = NULL;
    }
    return st;
}

ct_status ct_resume_load(const char *path, const ct_session *session, ct_checkpoint_state *state, ct_error *err) {
    CT_CHECK(ct_checkpoint_load(path, session->model, true, state, err));
    return ct_checkpoint_check_data(path, state, session->data, err);
}

/* Starting over, going on, refusing. */
#include "train/resume.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "run/folder.h"

/* ---- comparing two resolved configurations --------------------------------------------------------------------- */

/* Keys that may change between a run and its continuation: they decide nothing about the numbers. */
static const char *const free_keys[] = {
    "run_dir",          "threads",          "device",         "data.cache",  "data.max_bad_rows",
    "train.log_every",  "train.checkpoint", "train.prefetch", "eval.every",  "train.non_finite",
    "train.patience",   "eval.at",          "eval.floors",    "eval.compare", "eval.bootstrap",
    "eval.max_users",   "eval.max_valid_users", "export"};

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

/* Has `text` this line? */
static bool has_line(const char *text, const line_reader *line) {
    line_reader r = {.at = text};
    while (next_line(&r))
        if (strcmp(r.key, line->key) == 0)
            return r.value_length == line->value_length && memcmp(r.value, line->value, (size_t)r.value_length) == 0;
    return false;
}

static bool has_key(const char *text, const char *key) {
    line_reader r = {.at = text};
    while (next_line(&r))
        if (strcmp(r.key, key) == 0) return true;
    return false;
}

/* Appends a key that counts, unless it lies in a section that was just named as a whole. */
static ct_status add_key(ct_str *keys, char last[512], const char *key, ct_error *err) {
    const size_t n = strlen(last);
    if (is_free(key) || (n > 0 && strncmp(key, last, n) == 0 && key[n] == '.')) return CT_OK;
    CT_CHECK(ct_str_printf(keys, err, "%s%s", keys->length ? ", " : "", key));
    memcpy(last, key, strlen(key) + 1);
    return CT_OK;
}

/* The keys that a and b do not agree on: first those of a, then those that only b has. */
static ct_status differing_keys(const char *a, const char *b, ct_str *keys, ct_error *err) {
    char last[512] = "";
    line_reader r = {.at = a};
    while (next_line(&r))
        if (!has_line(b, &r)) CT_CHECK(add_key(keys, last, r.key, err));
    r = (line_reader){.at = b};
    while (next_line(&r))
        if (!has_key(a, r.key)) CT_CHECK(add_key(keys, last, r.key, err));
    return CT_OK;
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

static ct_status remove_in_run(const ct_config *config, const char *name, ct_error *err) {
    char *path = NULL;
    CT_CHECK(ct_run_path(config, name, &path, err));
    const ct_status st = remove_file(path, err);
    ct_free(path);
    return st;
}

/* TensorBoard would draw the old curves into the new ones. */
static ct_status remove_events(const ct_config *config, ct_error *err) {
    ct_status st = CT_OK;
    DIR *dir = opendir(config->run_dir);
    if (!dir && errno == ENOENT) return CT_OK;
    if (!dir) return ct_fail(err, CT_ERR_IO, "folder '%s': %s", config->run_dir, strerror(errno));
    for (const struct dirent *e; st == CT_OK && (e = readdir(dir)) != NULL;)
        if (strncmp(e->d_name, "events.out.tfevents.", 20) == 0) st = remove_in_run(config, e->d_name, err);
    closedir(dir);
    return st;
}

ct_status ct_resume_start_over(const ct_config *config, ct_error *err) {
    CT_CHECK(ct_run_prune_checkpoints(config, INT64_MAX, 0, err));
    CT_CHECK(remove_in_run(config, "checkpoints/best.safetensors", err));
    CT_CHECK(remove_in_run(config, "metrics.jsonl", err));
    return remove_events(config, err);
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
        if (st == CT_ERR_MEMORY) return ct_fail(err, st, "%s: %s", *path, why.text); /* says nothing about the file */
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
    } else if (n > 0 && !options->overwrite) {
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
    return ct_checkpoint_load(path, session->model, session->data, true, state, err);
}

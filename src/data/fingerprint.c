/* What makes a cache stale, written as lines and compared line by line, so that the first difference has a
 * name. */
#include "data/fingerprint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lines {
    ct_str *out;
    ct_error *err;
    ct_status st; /* the first failure; later lines are then skipped */
} lines;

/* Line breaks in a value would look like another setting. */
static void put(lines *l, const char *key, const char *value) {
    if (l->st == CT_OK) l->st = ct_str_printf(l->out, l->err, "%s=", key);
    for (const char *c = value ? value : ""; *c && l->st == CT_OK; c++) {
        const char *escape = *c == '\n' ? "\\n" : *c == '\\' ? "\\\\" : NULL;
        l->st = ct_str_append(l->out, escape ? escape : c, escape ? 2 : 1, l->err);
    }
    if (l->st == CT_OK) l->st = ct_str_append(l->out, "\n", 1, l->err);
}

static void put_int(lines *l, const char *key, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(l, key, text);
}

static void put_number(lines *l, const char *key, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    put(l, key, text);
}

static void put_paths(lines *l, const char *key, const ct_strlist *paths) {
    for (int i = 0; i < paths->n; i++) put(l, key, paths->v[i]);
}

/* A key below platforms.NAME: the text lives until the next call. */
typedef struct keys {
    const char *platform;
    char text[512];
} keys;

static const char *key_of(keys *k, const char *rest) {
    snprintf(k->text, sizeof k->text, "platforms.%.400s.%.90s", k->platform, rest);
    return k->text;
}

static void put_platform(lines *l, const ct_config_platform *p) {
    keys k = {.platform = p->name};
    const ct_config_interactions *x = &p->interactions;
    put_paths(l, key_of(&k, "items.path"), &p->items.path);
    put(l, key_of(&k, "items.id"), p->items.id);
    put(l, key_of(&k, "items.title"), p->items.title);
    put(l, key_of(&k, "items.text"), p->items.text);
    put(l, key_of(&k, "items.category"), p->items.category);
    put(l, key_of(&k, "items.image"), p->items.image);
    put(l, key_of(&k, "items.entity"), p->items.entity);
    for (int i = 0; i < p->items.n_vectors; i++) {
        char rest[90];
        snprintf(rest, sizeof rest, "items.vectors.%.60s", p->items.vectors[i].name);
        put(l, key_of(&k, rest), p->items.vectors[i].path);
    }
    put_paths(l, key_of(&k, "users.path"), &p->users.path);
    put(l, key_of(&k, "users.id"), p->users.id);
    put(l, key_of(&k, "users.text"), p->users.text);
    put(l, key_of(&k, "users.person"), p->users.person);
    put_paths(l, key_of(&k, "interactions.path"), &x->path);
    put(l, key_of(&k, "interactions.user"), x->user);
    put(l, key_of(&k, "interactions.item"), x->item);
    put(l, key_of(&k, "interactions.time"), x->time);
    put(l, key_of(&k, "interactions.weight"), x->weight);
    put(l, key_of(&k, "interactions.event"), x->event);
    put(l, key_of(&k, "interactions.text"), x->text);
    put(l, key_of(&k, "interactions.rating"), x->rating);
    if (!isnan(x->min_rating)) put_number(l, key_of(&k, "interactions.min_rating"), x->min_rating);
    for (int i = 0; i < x->n_weights; i++) {
        char rest[90];
        snprintf(rest, sizeof rest, "interactions.weights.%.60s", x->weights[i].event);
        put_number(l, key_of(&k, rest), x->weights[i].weight);
    }
}

static void put_data(lines *l, const ct_config_data *d) {
    put_int(l, "data.max_bad_rows", d->max_bad_rows);
    put_int(l, "data.k_core.users", d->k_core_users);
    put_int(l, "data.k_core.items", d->k_core_items);
    put(l, "data.vocab", d->vocab);
    if (strcmp(d->vocab, "auto") == 0) { /* the rest says how to learn one */
        put_int(l, "data.vocab_size", d->vocab_size);
        put_int(l, "data.vocab_min_count", d->vocab_min_count);
        put(l, "data.user_text", d->user_text);
    }
    put_int(l, "data.lowercase", d->lowercase);
    put_int(l, "data.max_user_tokens", d->max_user_tokens);
    put_int(l, "data.max_item_tokens", d->max_item_tokens);
    put_int(l, "data.max_title_tokens", d->max_title_tokens);
    put_int(l, "data.max_review_tokens", d->max_review_tokens);
    put_int(l, "data.picture_size", d->picture_size);
}

static void put_split(lines *l, const ct_config_eval *e) {
    put(l, "eval.split.method", e->split == CT_SPLIT_TIME ? "time" : "last");
    if (e->split != CT_SPLIT_TIME) return;
    if (e->valid_time)
        put(l, "eval.split.valid_time", e->valid_time);
    else
        put_number(l, "eval.split.valid", e->valid);
    if (e->test_time)
        put(l, "eval.split.test_time", e->test_time);
    else
        put_number(l, "eval.split.test", e->test);
}

ct_status ct__fingerprint_settings(const ct_config *config, ct_str *out, ct_error *err) {
    lines l = {out, err, CT_OK};
    for (int i = 0; i < config->n_platforms; i++) put_platform(&l, &config->platforms[i]);
    put_paths(&l, "links.users", &config->links.users);
    put_paths(&l, "links.items", &config->links.items);
    put_data(&l, &config->data);
    put_split(&l, &config->eval);
    return l.st;
}

static ct_status put_input(const ct__input *in, ct_str *out, ct_error *err) {
    return ct_str_printf(out, err, "%lld %lld %s\n", (long long)in->size, (long long)in->mtime_ns, in->path);
}

static ct_status put_inputs(const ct__inputs *inputs, ct_str *out, ct_error *err) {
    for (size_t i = 0; i < inputs->n; i++) CT_CHECK(put_input(&inputs->v[i], out, err));
    return CT_OK;
}

ct_status ct__fingerprint_picture(const ct__input *file, ct_str *out, ct_error *err) {
    return strchr(file->path, '\n') ? CT_OK : put_input(file, out, err);
}

ct_status ct__fingerprint_inputs(const ct__prepare *p, ct_str *out, ct_error *err) {
    for (int i = 0; i < p->config->n_platforms; i++) {
        CT_CHECK(put_inputs(&p->platforms[i].items, out, err));
        CT_CHECK(put_inputs(&p->platforms[i].users, out, err));
        CT_CHECK(put_inputs(&p->platforms[i].interactions, out, err));
        CT_CHECK(put_inputs(&p->platforms[i].vectors, out, err));
    }
    CT_CHECK(put_inputs(&p->user_links, out, err));
    CT_CHECK(put_inputs(&p->item_links, out, err));
    return put_inputs(&p->vocab, out, err);
}

static size_t line_length(const char *text) {
    return strcspn(text, "\n");
}

static const char *next_line(const char *text) {
    text += line_length(text);
    return *text ? text + 1 : text;
}

/* Steps over the lines that both texts share at their begin. */
static void skip_equal(const char **a, const char **b) {
    while (**a && **b) {
        const size_t n = line_length(*a);
        if (n != line_length(*b) || memcmp(*a, *b, n) != 0) return;
        *a = next_line(*a);
        *b = next_line(*b);
    }
}

ct_status ct__fingerprint_compare_settings(const char *before, const char *now, ct_str *why, ct_error *err) {
    skip_equal(&before, &now);
    if (!*before && !*now) return CT_OK;
    const char *line = *now ? now : before;
    return ct_str_printf(why, err, "the configuration changed (%.*s)", (int)strcspn(line, "=\n"), line);
}

typedef struct input_line {
    long long size, mtime_ns;
    const char *path;
    size_t n_path;
} input_line;

static input_line parse_input(const char *line) {
    input_line in = {0, 0, line, 0};
    char *at = NULL;
    in.size = strtoll(line, &at, 10);
    in.mtime_ns = strtoll(at, &at, 10);
    in.path = *at == ' ' ? at + 1 : at;
    in.n_path = line_length(in.path);
    return in;
}

/* The line of a path in a text, or NULL. */
static const char *find_input(const char *text, const input_line *wanted) {
    for (; *text; text = next_line(text)) {
        const input_line in = parse_input(text);
        if (in.n_path == wanted->n_path && memcmp(in.path, wanted->path, in.n_path) == 0) return text;
    }
    return NULL;
}

static ct_status put_change(const input_line *old, const input_line *new, ct_str *why, ct_error *err) {
    return ct_str_printf(why, err, "'%.*s' %s", (int)new->n_path, new->path,
                         new->mtime_ns > old->mtime_ns ? "is newer" : "changed");
}

ct_status ct__fingerprint_compare_pictures(const char *before, ct_str *why, ct_error *err) {
    ct_status st = CT_OK;
    ct_str path = {0};
    for (const char *line = before; *line && st == CT_OK && why->length == 0; line = next_line(line)) {
        const input_line old = parse_input(line);
        ct__input now;
        ct_str_clear(&path);
        CT_TRY(ct_str_append(&path, old.path, old.n_path, err), st, done);
        ct__input_look(&now, path.data);
        const input_line new = {now.size, now.mtime_ns, old.path, old.n_path};
        if (new.size == old.size && new.mtime_ns == old.mtime_ns) continue;
        if (new.size < 0)
            st = ct_str_printf(why, err, "'%.*s' is gone", (int)old.n_path, old.path);
        else
            st = put_change(&old, &new, why, err);
    }
done:
    ct_str_free(&path);
    return st;
}

ct_status ct__fingerprint_compare_inputs(const char *before, const char *now, ct_str *why, ct_error *err) {
    const char *old_rest = before, *new_rest = now;
    skip_equal(&old_rest, &new_rest);
    if (!*old_rest && !*new_rest) return CT_OK;
    for (const char *line = old_rest; *line; line = next_line(line)) {
        const input_line old = parse_input(line);
        if (!find_input(now, &old))
            return ct_str_printf(why, err, "'%.*s' is gone", (int)old.n_path, old.path);
    }
    for (const char *line = new_rest; *line; line = next_line(line)) {
        const input_line new = parse_input(line);
        const char *found = find_input(before, &new);
        if (!found) return ct_str_printf(why, err, "'%.*s' is new", (int)new.n_path, new.path);
        const input_line old = parse_input(found);
        if (new.mtime_ns == old.mtime_ns &&new.size == old.size) continue;
        return put_change(&old, &new, why, err);
    }
    return ct_str_puts(why, "the input files changed", err);
}

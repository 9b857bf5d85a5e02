/* The reference of all keys, from the schema: for the terminal, and as Markdown. */
#include "config/load.h"

#include <string.h>

/* The key's path with "NAME" and the like where the user chooses. */
static ct_status put_path(ct_str *out, int row, ct_error *err) {
    const int parent = ct__schema_parent(row);
    const char *name = ct__key_name(&ct__schema[row]);
    if (parent >= 0) {
        CT_CHECK(put_path(out, parent, err));
        CT_CHECK(ct_str_puts(out, ".", err));
        if (strcmp(name, "*") == 0) name = ct__schema[parent].map->placeholder;
    }
    return ct_str_puts(out, name, err);
}

/* "only with model.item.text: cnn". */
static ct_status put_condition(ct_str *out, const ct__key *key, ct_error *err) {
    unsigned seen = 0;
    if (!key->when_mask) return CT_OK;
    if (key->when_text) return ct_str_printf(out, err, " Only with %s.", key->when_text);
    for (int i = 0; i < ct__n_schema; i++) {
        const ct__key *decides = &ct__schema[i];
        if (decides->type != CT__KEY_TYPE_CHOICE || decides->offset != key->when_offset) continue;
        CT_CHECK(ct_str_printf(out, err, " Only with %s: ", decides->path));
        for (const ct__choice *c = decides->choices; c->word; c++) {
            const unsigned bit = 1u << c->value;
            if (c->refusal || !(bit & key->when_mask) || (bit & seen)) continue;
            CT_CHECK(ct_str_printf(out, err, "%s%s", seen ? " or " : "", c->word));
            seen |= bit;
        }
        return ct_str_puts(out, ".", err);
    }
    return CT_OK;
}

static ct_status put_default(ct_str *out, const ct__key *key, ct_error *err) {
    if (key->computed) return ct_str_puts(out, key->computed, err);
    return ct_str_puts(out, key->fallback ? key->fallback : "unset", err);
}

static bool is_group(const ct__key *key) {
    return key->type == CT__KEY_TYPE_SECTION || key->type == CT__KEY_TYPE_MAP;
}

/* Text in lines of at most `width` columns, each indented. */
static ct_status put_wrapped(ct_str *out, const char *text, size_t indent, size_t width, ct_error *err) {
    while (*text) {
        size_t n = strlen(text);
        if (n > width - indent) {
            n = width - indent;
            while (n > 0 && text[n] != ' ') n--;
            if (n == 0) n = strcspn(text, " ");
        }
        CT_CHECK(ct_str_printf(out, err, "%*s%.*s\n", (int)indent, "", (int)n, text));
        text += n;
        text += strspn(text, " ");
    }
    return CT_OK;
}

static ct_status put_plain(ct_str *out, int row, ct_error *err) {
    const ct__key *key = &ct__schema[row];
    ct_str line = {0};
    ct_status st;

    if (is_group(key) && ct__schema_parent(row) < 0) CT_TRY(ct_str_puts(out, "\n", err), st, done);
    CT_TRY(put_path(out, row, err), st, done);
    CT_TRY(ct_str_puts(out, "\n", err), st, done);
    if (!is_group(key)) {
        CT_TRY(ct__key_wanted(key, &line, err), st, done);
        CT_TRY(ct_str_puts(&line, "; default: ", err), st, done);
        CT_TRY(put_default(&line, key, err), st, done);
        CT_TRY(put_wrapped(out, ct_str_text(&line), 4, 100, err), st, done);
    }
    ct_str_clear(&line);
    CT_TRY(ct_str_puts(&line, key->help, err), st, done);
    CT_TRY(put_condition(&line, key, err), st, done);
    st = put_wrapped(out, ct_str_text(&line), 4, 100, err);
done:
    ct_str_free(&line);
    return st;
}

/* A table cell: what Markdown would read as markup is escaped. */
static ct_status put_cell(ct_str *out, const char *text, ct_error *err) {
    for (; *text; text++) {
        if (*text == '|' || *text == '*') CT_CHECK(ct_str_puts(out, "\\", err));
        CT_CHECK(ct_str_append(out, text, 1, err));
    }
    return CT_OK;
}

static ct_status put_row(ct_str *out, int row, ct_error *err) {
    const ct__key *key = &ct__schema[row];
    ct_str value = {0}, standard = {0}, meaning = {0};
    ct_status st;

    CT_TRY(ct_str_puts(out, "| `", err), st, done);
    CT_TRY(put_path(out, row, err), st, done);
    CT_TRY(ct_str_puts(out, "` | ", err), st, done);
    if (is_group(key)) {
        CT_TRY(ct_str_puts(&value, "section", err), st, done);
    } else {
        CT_TRY(ct__key_wanted(key, &value, err), st, done);
        CT_TRY(put_default(&standard, key, err), st, done);
    }
    CT_TRY(put_cell(out, ct_str_text(&value), err), st, done);
    CT_TRY(ct_str_puts(out, " | ", err), st, done);
    CT_TRY(put_cell(out, ct_str_text(&standard), err), st, done);
    CT_TRY(ct_str_puts(out, " | ", err), st, done);
    CT_TRY(ct_str_puts(&meaning, key->help, err), st, done);
    CT_TRY(put_condition(&meaning, key, err), st, done);
    CT_TRY(put_cell(out, ct_str_text(&meaning), err), st, done);
    st = ct_str_puts(out, " |\n", err);
done:
    ct_str_free(&value);
    ct_str_free(&standard);
    ct_str_free(&meaning);
    return st;
}

static ct_status put_table_head(ct_str *out, ct_error *err) {
    return ct_str_puts(out, "\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n", err);
}

static ct_status put_heading(ct_str *out, const ct__key *key, ct_error *err) {
    CT_CHECK(ct_str_printf(out, err, "\n## %s\n\n", key->path));
    CT_CHECK(ct_str_printf(out, err, "%s\n", key->help));
    return put_table_head(out, err);
}

ct_status ct_config_explain(bool markdown, ct_str *out, ct_error *err) {
    if (!markdown) {
        for (int i = 0; i < ct__n_schema; i++) CT_CHECK(put_plain(out, i, err));
        return CT_OK;
    }
    CT_CHECK(ct_str_puts(
        out,
        "# Configuration keys\n\n"
        "A run is one YAML file. Every key but `platforms` has a default. A path is relative to the folder "
        "of\n"
        "the file that names it; `$NAME` and `${NAME}` in a path are environment variables, `$$` is a "
        "dollar\n"
        "sign. On the command line, `key=value` goes over the file: `train.lr=1e-4`; a path there is "
        "relative\n"
        "to the working directory. A choice that goes over a file's (`model.item.image=none`) takes along what\n"
        "the file says for the other choice. This page is written by `crosstower config --explain --markdown`.\n",
        err));
    CT_CHECK(put_table_head(out, err));
    for (int i = 0; i < ct__n_schema; i++) {
        const bool heads = is_group(&ct__schema[i]) && ct__schema_parent(i) < 0;
        CT_CHECK(heads ? put_heading(out, &ct__schema[i], err) : put_row(out, i, err));
    }
    return CT_OK;
}

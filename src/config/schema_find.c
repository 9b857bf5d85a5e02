/* Looking rows of the schema up, and saying in words what a key wants. */
#include "config/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ct__schema_find(const char *path) {
    for (int i = 0; i < ct__n_schema; i++) {
        if (strcmp(ct__schema[i].path, path) == 0) return i;
    }
    return -1;
}

const char *ct__key_name(const ct__key *key) {
    const char *dot = strrchr(key->path, '.');
    return dot ? dot + 1 : key->path;
}

int ct__schema_parent(int i) {
    const size_t own = strlen(ct__schema[i].path) - strlen(ct__key_name(&ct__schema[i]));
    if (own == 0) return -1;
    for (int p = i - 1; p >= 0; p--) {
        if (strlen(ct__schema[p].path) == own - 1 &&
            strncmp(ct__schema[p].path, ct__schema[i].path, own - 1) == 0)
            return p;
    }
    return -1;
}

int ct__schema_next(int parent, int previous) {
    const char *prefix = parent < 0 ? "" : ct__schema[parent].path;
    const size_t length = strlen(prefix);

    for (int i = (previous < 0 ? parent : previous) + 1; i < ct__n_schema; i++) {
        const char *rest = ct__schema[i].path;
        if (length) {
            if (strncmp(rest, prefix, length) != 0 || rest[length] != '.')
                return -1; /* rows of a section are adjacent */
            rest += length + 1;
        }
        if (!strchr(rest, '.')) return i;
    }
    return -1;
}

int ct__schema_child(int parent, const char *name) {
    for (int i = ct__schema_next(parent, -1); i >= 0; i = ct__schema_next(parent, i)) {
        const char *own = ct__key_name(&ct__schema[i]);
        if (strcmp(own, "*") == 0 || strcmp(own, name) == 0) return i;
    }
    return -1;
}

const ct__key *ct__schema_deciding(const ct__key *key) {
    for (int i = 0; key->when_mask && i < ct__n_schema; i++) {
        if (ct__schema[i].type == CT__KEY_TYPE_CHOICE && ct__schema[i].offset == key->when_offset) return &ct__schema[i];
    }
    return NULL;
}

bool ct__key_applies(const ct__key *key, const void *base) {
    unsigned kind;
    if (!key->when_mask) return true;
    memcpy(&kind, (const char *)base + key->when_offset, sizeof kind);
    return ((1u << kind) & key->when_mask) != 0;
}

bool ct__key_in_range(const ct__key *key, double value) {
    if (key->min == 0 && key->max == 0) return true;
    if (value < key->min || value > key->max) return false;
    return !(key->above && value == key->min) && !(key->below && value == key->max);
}

ct_status ct__put_real(ct_str *out, double value, ct_error *err) {
    char text[40]; /* from 9 digits on, so that 10 is not written 1e+01 */
    for (int digits = 9; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    for (char *c = text; *c; c++) { /* a process in another locale may write a comma */
        if (*c == ',') *c = '.';
    }
    return ct_str_puts(out, text, err);
}

static ct_status put_range(const ct__key *key, ct_str *out, ct_error *err) {
    const double no_limit = 1e15; /* COUNT_MAX: "at least" reads better */
    if (key->min == 0 && key->max == 0) return CT_OK;
    if (key->max >= no_limit) {
        CT_CHECK(ct_str_puts(out, key->above ? " above " : ", at least ", err));
        return ct__put_real(out, key->min, err);
    }
    CT_CHECK(ct_str_puts(out, key->above ? " above " : " from ", err));
    CT_CHECK(ct__put_real(out, key->min, err));
    CT_CHECK(ct_str_puts(out,
                         key->above && key->below ? " and below "
                         : key->above             ? ", at most "
                         : key->below             ? " to below "
                                                  : " to ",
                         err));
    return ct__put_real(out, key->max, err);
}

static ct_status put_choices(const ct__key *key, ct_str *out, ct_error *err) {
    bool first = true;
    for (const ct__choice *c = key->choices; c->word; c++) {
        if (c->refusal) continue;
        CT_CHECK(ct_str_printf(out, err, "%s%s", first ? "" : ", ", c->word));
        first = false;
    }
    return CT_OK;
}

ct_status ct__key_wanted(const ct__key *key, ct_str *out, ct_error *err) {
    switch (key->type) {
    case CT__KEY_TYPE_SECTION:
        return ct_str_puts(out, "a section (keys with values)", err);
    case CT__KEY_TYPE_MAP:
        return ct_str_printf(out, err, "a section of %s: value", key->map->placeholder);
    case CT__KEY_TYPE_BOOL:
        return ct_str_puts(out, "true or false", err);
    case CT__KEY_TYPE_INT:
        CT_CHECK(ct_str_puts(out, "a whole number", err));
        return put_range(key, out, err);
    case CT__KEY_TYPE_REAL:
        CT_CHECK(ct_str_puts(out, "a number", err));
        return put_range(key, out, err);
    case CT__KEY_TYPE_PAIR:
        CT_CHECK(ct_str_puts(out, "a list of two numbers", err));
        return put_range(key, out, err);
    case CT__KEY_TYPE_INTS:
        CT_CHECK(ct_str_printf(out, err, "a list of at most %d increasing whole numbers", key->max_count));
        return put_range(key, out, err);
    case CT__KEY_TYPE_TEXT:
        if (!key->choices) return ct_str_puts(out, "a text", err);
        break;
    case CT__KEY_TYPE_TIME:
        return ct_str_puts(out, "a time such as 2026-10-01 or 2026-10-01T12:30:00Z, or seconds since 1970",
                           err);
    case CT__KEY_TYPE_PATH:
        if (key->choices) {
            CT_CHECK(put_choices(key, out, err));
            return ct_str_puts(out, ", or the path of a file", err);
        }
        return ct_str_puts(
            out, key->want == CT__PATH_WANT_FILE ? "the path of a file" : "the path of a folder", err);
    case CT__KEY_TYPE_PATHS:
        return ct_str_puts(out, "a path, a glob, or a list of them", err);
    case CT__KEY_TYPE_NAMES:
        return ct_str_puts(out, "a name, or a list of them", err);
    case CT__KEY_TYPE_FLAGS:
        CT_CHECK(ct_str_puts(out, "a list of some of ", err));
        return put_choices(key, out, err);
    case CT__KEY_TYPE_CHOICE:
    case CT__KEY_TYPE_SWITCH:
        break;
    }
    CT_CHECK(ct_str_puts(out, "one of ", err));
    return put_choices(key, out, err);
}

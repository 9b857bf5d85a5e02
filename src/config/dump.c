/* The resolved configuration as YAML. Walks the schema, so that a new key is in it by itself. */
#include "config/load.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool is_plain(const char *text) {
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    const char first = text[0];
    if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/' || first == '_'))
        return false;
    if (text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+")])
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) return false; /* some reader takes these for something else */
    }
    return true;
}

/* Whether the UTF-8 character at s may stand in YAML as it is; the others are written as an escape. */
static bool is_printable(const unsigned char *s, size_t n) {
    if (n == 1) return s[0] >= 0x20 && s[0] != 0x7f;
    if (n == 2) return !(s[0] == 0xC2 && s[1] < 0xA0); /* C1 controls */
    if (n == 3 && s[0] == 0xE2 && s[1] == 0x80)
        return s[2] != 0xA8 && s[2] != 0xA9; /* line breaks to YAML 1.1 */
    if (n == 3 && s[0] == 0xEF) return !(s[1] == 0xBB && s[2] == 0xBF) && !(s[1] == 0xBF && s[2] >= 0xBE);
    return true;
}

static unsigned code_point(const unsigned char *s, size_t n) {
    unsigned c = n == 1 ? s[0] : s[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3Fu);
    return c;
}

static ct_status put_text(ct_str *out, const char *text, bool is_path, ct_error *err) {
    const bool dollar = is_path && strchr(text, '$');
    if (is_plain(text) && !dollar) return ct_str_puts(out, text, err);
    CT_CHECK(ct_str_puts(out, "\"", err));
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t n = *s < 0x80 ? 1 : *s < 0xE0 ? 2 : *s < 0xF0 ? 3 : 4;
        n = strnlen((const char *)s, n);
        if (*s == '"' || *s == '\\') {
            CT_CHECK(ct_str_printf(out, err, "\\%c", *s));
        } else if (*s == '$' && is_path) {
            CT_CHECK(ct_str_puts(out, "$$", err));
        } else if (is_printable(s, n)) {
            CT_CHECK(ct_str_append(out, (const char *)s, n, err));
        } else {
            CT_CHECK(ct_str_printf(out, err, "\\u%04X", code_point(s, n)));
        }
        s += n;
    }
    return ct_str_puts(out, "\"", err);
}

static ct_status put_list(ct_str *out, const ct__key *key, const void *field, ct_error *err) {
    const ct_strlist *texts = field;
    const ct_intlist *numbers = field;
    const bool is_text = key->type == CT__KEY_TYPE_PATHS || key->type == CT__KEY_TYPE_NAMES;
    const int n = is_text ? texts->n : key->type == CT__KEY_TYPE_INTS ? numbers->n : 2;

    CT_CHECK(ct_str_puts(out, "[", err));
    for (int i = 0; i < n; i++) {
        if (i > 0) CT_CHECK(ct_str_puts(out, ", ", err));
        if (is_text)
            CT_CHECK(put_text(out, texts->v[i], key->type == CT__KEY_TYPE_PATHS, err));
        else if (key->type == CT__KEY_TYPE_INTS)
            CT_CHECK(ct_str_printf(out, err, "%lld", (long long)numbers->v[i]));
        else
            CT_CHECK(ct__put_real(out, ((const double *)field)[i], err));
    }
    return ct_str_puts(out, "]", err);
}

static ct_status put_words(ct_str *out, const ct__key *key, const void *field, ct_error *err) {
    unsigned value;
    bool first = true;
    if (key->type == CT__KEY_TYPE_SWITCH)
        value = *(const bool *)field;
    else
        memcpy(&value, field, sizeof value);
    if (key->type == CT__KEY_TYPE_FLAGS) CT_CHECK(ct_str_puts(out, "[", err));
    for (const ct__choice *c = key->choices; c->word; c++) {
        if (c->refusal || (key->type == CT__KEY_TYPE_FLAGS ? !(value & c->value) : value != c->value))
            continue;
        CT_CHECK(ct_str_printf(out, err, "%s%s", first ? "" : ", ", c->word));
        first = false;
        if (key->type != CT__KEY_TYPE_FLAGS) break; /* later words are other names of the same */
    }
    return key->type == CT__KEY_TYPE_FLAGS ? ct_str_puts(out, "]", err) : CT_OK;
}

static ct_status put_value(ct_str *out, const ct__key *key, const void *field, ct_error *err) {
    if (!field) return ct_str_puts(out, key->fallback, err);
    switch (key->type) {
    case CT__KEY_TYPE_BOOL:
        return ct_str_puts(out, *(const bool *)field ? "true" : "false", err);
    case CT__KEY_TYPE_INT:
        return ct_str_printf(out, err, "%lld", (long long)*(const int64_t *)field);
    case CT__KEY_TYPE_REAL:
        return ct__put_real(out, *(const double *)field, err);
    case CT__KEY_TYPE_TEXT:
    case CT__KEY_TYPE_TIME:
        return put_text(out, *(char *const *)field, false, err);
    case CT__KEY_TYPE_PATH:
        return put_text(out, *(char *const *)field, true, err);
    case CT__KEY_TYPE_PATHS:
    case CT__KEY_TYPE_NAMES:
    case CT__KEY_TYPE_INTS:
    case CT__KEY_TYPE_PAIR:
        return put_list(out, key, field, err);
    case CT__KEY_TYPE_CHOICE:
    case CT__KEY_TYPE_SWITCH:
    case CT__KEY_TYPE_FLAGS:
        return put_words(out, key, field, err);
    case CT__KEY_TYPE_SECTION:
    case CT__KEY_TYPE_MAP:
        break;
    }
    return ct_fail(err, CT_ERR_INTERNAL, "config: '%s' is no value", key->path);
}

/* Whether the key is written: it is set, has a meaning, and no other key stands instead of it. */
static bool is_written(int parent, const ct__key *key, const void *base) {
    const void *field = (const char *)base + key->offset;
    if (key->offset == CT__NOWHERE) return key->fallback != NULL;
    if (!ct__key_applies(key, base)) return false;
    for (int i = ct__schema_next(parent, -1); key->unless && i >= 0; i = ct__schema_next(parent, i)) {
        const ct__key *other = &ct__schema[i];
        if (strcmp(ct__key_name(other), key->unless) == 0 &&
            *(char *const *)((const char *)base + other->offset))
            return false;
    }
    switch (key->type) {
    case CT__KEY_TYPE_REAL:
        return !isnan(*(const double *)field);
    case CT__KEY_TYPE_TEXT:
    case CT__KEY_TYPE_TIME:
    case CT__KEY_TYPE_PATH:
        return *(char *const *)field != NULL;
    case CT__KEY_TYPE_PATHS:
    case CT__KEY_TYPE_NAMES:
        return key->may_be_empty || ((const ct_strlist *)field)->n > 0;
    default:
        return true;
    }
}

static ct_status put_section(ct_str *out, int row, const void *base, int indent, ct_error *err);

static ct_status put_map(ct_str *out, int row, const void *base, int indent, ct_error *err) {
    const ct__map *m = ct__schema[row].map;
    const int below = ct__schema_next(row, -1);
    const ct__key *key = &ct__schema[below];
    const char *elements;
    memcpy(&elements, (const char *)base + m->array, sizeof elements);
    const int n = *(const int *)((const char *)base + m->count);

    for (int i = 0; i < n; i++) {
        const char *element = elements + (size_t)i * m->element_bytes;
        CT_CHECK(ct_str_printf(out, err, "%*s", indent, ""));
        CT_CHECK(put_text(out, *(char *const *)(element + m->name), false, err));
        if (key->type == CT__KEY_TYPE_SECTION) {
            CT_CHECK(ct_str_puts(out, ":\n", err));
            CT_CHECK(put_section(out, below, element, indent + 2, err));
        } else {
            CT_CHECK(ct_str_puts(out, ": ", err));
            CT_CHECK(put_value(out, key, element + key->offset, err));
            CT_CHECK(ct_str_puts(out, "\n", err));
        }
    }
    return CT_OK;
}

static ct_status put_section(ct_str *out, int row, const void *base, int indent, ct_error *err) {
    for (int i = ct__schema_next(row, -1); i >= 0; i = ct__schema_next(row, i)) {
        const ct__key *key = &ct__schema[i];
        const bool nested = key->type == CT__KEY_TYPE_SECTION || key->type == CT__KEY_TYPE_MAP;
        if (nested) {
            ct_str inner = {0};
            ct_status st = key->type == CT__KEY_TYPE_MAP ? put_map(&inner, i, base, indent + 2, err)
                                                         : put_section(&inner, i, base, indent + 2, err);
            if (st == CT_OK && inner.length)
                st =
                    ct_str_printf(out, err, "%*s%s:\n%s", indent, "", ct__key_name(key), ct_str_text(&inner));
            ct_str_free(&inner);
            CT_CHECK(st);
        } else if (is_written(row, key, base)) {
            CT_CHECK(ct_str_printf(out, err, "%*s%s: ", indent, "", ct__key_name(key)));
            CT_CHECK(put_value(out, key, key->offset == CT__NOWHERE ? NULL : (const char *)base + key->offset,
                               err));
            CT_CHECK(ct_str_puts(out, "\n", err));
        }
    }
    return CT_OK;
}

ct_status ct_config_dump(const ct_config *config, ct_str *out, ct_error *err) {
    CT_CHECK(
        ct_str_puts(out, "# The resolved configuration of a run: every key, defaults written out.\n", err));
    return put_section(out, -1, config, 0, err);
}

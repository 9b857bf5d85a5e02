/* One value of the tree into its field: each type's syntax, range and message. */
#include "config/load.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

const char *ct__found(const ct__node *node, char *buffer, size_t size) {
    if (node->kind == CT__NODE_KIND_LIST) return "a list";
    if (node->kind == CT__NODE_KIND_MAP) return "a section";
    if (ct__node_is_null(node)) return "nothing";
    const size_t n = strlen(node->text), most = 60;
    snprintf(buffer, size, "%s'%.*s%s'", node->plain ? "" : "the quoted text ",
             (int)ct_utf8_valid_prefix(node->text, n < most ? n : most), node->text, n > most ? "..." : "");
    return buffer;
}

/* "found 'abc', want a number from 0 to 1". */
static ct_status report_wanted(ct__load *l, ct__node *node, const char *path, const ct__key *key) {
    char buffer[128];
    ct_str wanted = {0};
    ct_status st = ct__key_wanted(key, &wanted, l->err);
    if (st == CT_OK)
        st = CT__MISTAKE(l, node, path, "found %s, want %s", ct__found(node, buffer, sizeof buffer),
                         ct_str_text(&wanted));
    ct_str_free(&wanted);
    return st;
}

/* Numbers as YAML 1.2 writes them in decimal; "0x10", "1_000", "1:30", ".inf" are none. */
static bool parse_number(const ct__node *node, double *value) {
    if (node->kind != CT__NODE_KIND_SCALAR || !node->plain) return false;
    if (strspn(node->text, "+-0123456789.eE") != strlen(node->text)) return false;
    const char *s =
        node->text[0] == '+' ? node->text + 1 : node->text; /* ct_parse_f64 is stricter than YAML here */
    return *s != '+' && ct_parse_f64(s, value);
}

/* *ok false: a mistake was reported. */
static ct_status read_real(ct__load *l, const ct__key *key, ct__node *node, const char *path, double *value,
                           bool *ok) {
    *ok = parse_number(node, value) && ct__key_in_range(key, *value);
    return *ok ? CT_OK : report_wanted(l, node, path, key);
}

static ct_status read_int(ct__load *l, const ct__key *key, ct__node *node, const char *path, int64_t *value,
                          bool *ok) {
    double real;
    *ok = false;
    if (!parse_number(node, &real)) return report_wanted(l, node, path, key);
    const char *digits = node->text[0] == '+' ? node->text + 1 : node->text;
    if (!ct_parse_i64(digits, value)) {
        if (real == floor(real) && fabs(real) < 1e15 && ct__key_in_range(key, real))
            return CT__MISTAKE(l, node, path, "found '%s', want a whole number in digits: %.0f", node->text,
                               real);
        return report_wanted(l, node, path, key);
    }
    *ok = ct__key_in_range(key, (double)*value);
    return *ok ? CT_OK : report_wanted(l, node, path, key);
}

static bool parse_bool(const ct__node *node, bool *value) {
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"True", true}, {"TRUE", true},   {"yes", true},
                 {"Yes", true},    {"YES", true},  {"false", false}, {"False", false},
                 {"FALSE", false}, {"no", false},  {"No", false},    {"NO", false}};
    if (node->kind != CT__NODE_KIND_SCALAR || !node->plain) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(node->text, words[i].word) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

static ct_status read_text(ct__load *l, const ct__key *key, ct__node *node, const char *path, bool *ok) {
    *ok = node->kind == CT__NODE_KIND_SCALAR && !ct__node_is_null(node) && node->text[0];
    if (*ok) return CT_OK;
    if (node->kind == CT__NODE_KIND_SCALAR && !node->plain)
        return CT__MISTAKE(l, node, path, "the text is empty");
    return report_wanted(l, node, path, key);
}

/* The choice that a word names; NULL after a mistake was reported. Near words are proposed. */
static ct_status read_choice(ct__load *l, const ct__key *key, ct__node *node, const char *path,
                             const ct__choice **out) {
    const ct__choice *near = NULL;
    int nearest = 3;
    *out = NULL;
    if (node->kind != CT__NODE_KIND_SCALAR || ct__node_is_null(node))
        return report_wanted(l, node, path, key);
    for (const ct__choice *c = key->choices; c->word; c++) {
        if (strcmp(c->word, node->text) == 0) {
            if (c->refusal)
                return CT__MISTAKE(l, node, path, "'%s' is not possible: %s", c->word, c->refusal);
            *out = c;
            return CT_OK;
        }
        const int distance = ct_edit_distance(c->word, node->text, 2);
        if (!c->refusal && distance < nearest && (size_t)distance < strlen(c->word)) {
            near = c;
            nearest = distance;
        }
    }
    if (near) {
        char buffer[128];
        ct_str wanted = {0};
        ct_status st = ct__key_wanted(key, &wanted, l->err);
        if (st == CT_OK)
            st = CT__MISTAKE(l, node, path, "found %s, want %s; did you mean '%s'?",
                             ct__found(node, buffer, sizeof buffer), ct_str_text(&wanted), near->word);
        ct_str_free(&wanted);
        return st;
    }
    return report_wanted(l, node, path, key);
}

ct_status ct__set_text(char **slot, const char *text, ct_error *err) {
    char *copy;
    CT_CHECK(ct_strdup(text, &copy, err));
    ct_free(*slot);
    *slot = copy;
    return CT_OK;
}

static ct_status bind_path(ct__load *l, const ct__key *key, ct__node *node, const char *path, char **slot) {
    char *resolved = NULL;
    bool ok;
    CT_CHECK(read_text(l, key, node, path, &ok));
    if (!ok) return CT_OK;
    for (const ct__choice *c = key->choices; c && c->word; c++) {
        if (strcmp(c->word, node->text) == 0) return ct__set_text(slot, c->word, l->err);
    }
    CT_CHECK(ct__resolve_path(l, node, path, &resolved));
    if (!resolved) return CT_OK;
    const ct_status st = ct__check_path(l, node, path, resolved, key->want, false);
    ct_free(*slot);
    *slot = resolved;
    return st;
}

/* The i-th element where a list or a single value is allowed. */
static ct__node *element(ct__node *node, size_t i) {
    return node->kind == CT__NODE_KIND_LIST ? node->child[i] : node;
}
static size_t n_elements(const ct__node *node) {
    return node->kind == CT__NODE_KIND_LIST ? node->n : 1;
}

static ct_status bind_paths(ct__load *l, const ct__key *key, ct__node *node, const char *path,
                            ct_strlist *list) {
    const size_t n = n_elements(node);
    if (node->kind == CT__NODE_KIND_MAP || (n == 0 && !key->may_be_empty))
        return report_wanted(l, node, path, key);
    CT_CHECK(ct_calloc(n, sizeof *list->v, (void **)&list->v, l->err)); /* a config binds each key once */
    for (size_t i = 0; i < n; i++) {
        ct__node *item = element(node, i);
        char *resolved = NULL;
        bool ok;
        CT_CHECK(read_text(l, key, item, path, &ok));
        if (ok) CT_CHECK(ct__resolve_path(l, item, path, &resolved));
        if (!resolved) {
            node->bad = true;
            continue;
        }
        list->v[list->n++] = resolved;
        CT_CHECK(ct__check_path(l, item, path, resolved, key->want, true));
        node->bad |= item->bad;
    }
    return CT_OK;
}

static ct_status bind_names(ct__load *l, const ct__key *key, ct__node *node, const char *path, ct_strlist *list) {
    const size_t n = n_elements(node);
    if (node->kind == CT__NODE_KIND_MAP || (n == 0 && !key->may_be_empty)) return report_wanted(l, node, path, key);
    CT_CHECK(ct_calloc(n, sizeof *list->v, (void **)&list->v, l->err)); /* a config binds each key once */
    for (size_t i = 0; i < n; i++) {
        ct__node *item = element(node, i);
        bool ok;
        CT_CHECK(read_text(l, key, item, path, &ok));
        for (int k = 0; ok && k < list->n; k++) {
            if (strcmp(list->v[k], item->text) != 0) continue;
            ok = false;
            CT_CHECK(CT__MISTAKE(l, item, path, "'%s' stands twice", item->text));
        }
        node->bad |= !ok;
        if (ok) CT_CHECK(ct_strdup(item->text, &list->v[list->n++], l->err));
    }
    return CT_OK;
}

static ct_status bind_ints(ct__load *l, const ct__key *key, ct__node *node, const char *path,
                           ct_intlist *list) {
    const size_t n = n_elements(node);
    int64_t *v;
    if (node->kind == CT__NODE_KIND_MAP || n == 0 || n > (size_t)key->max_count)
        return report_wanted(l, node, path, key);
    CT_CHECK(ct_calloc(n, sizeof *v, (void **)&v, l->err));
    for (size_t i = 0; i < n; i++) {
        ct__node *item = element(node, i);
        bool ok;
        ct_status st = read_int(l, key, item, path, &v[i], &ok);
        if (st == CT_OK && ok && i > 0 && !node->bad && v[i] <= v[i - 1]) {
            ok = false;
            st = CT__MISTAKE(l, item, path, "%lld stands behind %lld; want increasing numbers, each once",
                             (long long)v[i], (long long)v[i - 1]);
        }
        node->bad |= !ok;
        if (st != CT_OK) {
            ct_free(v);
            return st;
        }
    }
    if (node->bad) {
        ct_free(v);
        return CT_OK;
    }
    ct_free(list->v);
    list->v = v;
    list->n = (int)n;
    return CT_OK;
}

static ct_status bind_pair(ct__load *l, const ct__key *key, ct__node *node, const char *path, double *pair) {
    if (node->kind != CT__NODE_KIND_LIST || node->n != 2) return report_wanted(l, node, path, key);
    for (size_t i = 0; i < 2; i++) {
        double value;
        bool ok;
        CT_CHECK(read_real(l, key, node->child[i], path, &value, &ok));
        if (ok) pair[i] = value;
        node->bad |= !ok;
    }
    return CT_OK;
}

static ct_status bind_flags(ct__load *l, const ct__key *key, ct__node *node, const char *path,
                            unsigned *flags) {
    unsigned bits = 0;
    if (node->kind == CT__NODE_KIND_MAP || n_elements(node) == 0) return report_wanted(l, node, path, key);
    for (size_t i = 0; i < n_elements(node); i++) {
        const ct__choice *choice;
        CT_CHECK(read_choice(l, key, element(node, i), path, &choice));
        if (choice) bits |= choice->value;
        node->bad |= !choice;
    }
    if (bits) *flags = bits;
    return CT_OK;
}

/* A number that its unit may follow: "1 epoch", "0.5 epochs". */
static ct_status bind_real(ct__load *l, const ct__key *key, ct__node *node, const char *path, double *slot) {
    double value;
    bool ok;
    if (key->unit && node->kind == CT__NODE_KIND_SCALAR && node->plain) {
        char *space = strchr(node->text, ' ');
        const size_t n = strlen(key->unit);
        if (space && strncmp(space + 1, key->unit, n) == 0 &&
            (space[1 + n] == 0 || strcmp(space + 1 + n, "s") == 0))
            *space = 0;
    }
    CT_CHECK(read_real(l, key, node, path, &value, &ok));
    if (ok) *slot = value;
    return CT_OK;
}

static ct_status bind_time(ct__load *l, const ct__key *key, ct__node *node, const char *path, char **slot) {
    int64_t seconds;
    bool ok;
    CT_CHECK(read_text(l, key, node, path, &ok));
    if (!ok) return CT_OK;
    if (!ct_parse_time(node->text, &seconds)) return report_wanted(l, node, path, key);
    return ct__set_text(slot, node->text, l->err);
}

static ct_status bind_word(ct__load *l, const ct__key *key, ct__node *node, const char *path, void *field) {
    const ct__choice *choice;
    CT_CHECK(read_choice(l, key, node, path, &choice));
    if (!choice || !field) return CT_OK;
    if (key->type == CT__KEY_TYPE_TEXT) return ct__set_text(field, choice->word, l->err);
    if (key->type == CT__KEY_TYPE_SWITCH)
        *(bool *)field = choice->value != 0;
    else
        memcpy(field, &choice->value, sizeof choice->value);
    return CT_OK;
}

ct_status ct__bind_value(ct__load *l, const ct__key *key, ct__node *node, const char *path, void *base) {
    void *field = key->offset == CT__NOWHERE ? NULL : (char *)base + key->offset;
    int64_t whole;
    bool ok;

    if (ct__node_is_null(node))
        return CT__MISTAKE(l, node, path, "the value is empty; write one, or leave the key out");
    switch (key->type) {
    case CT__KEY_TYPE_BOOL:
        return parse_bool(node, field) ? CT_OK : report_wanted(l, node, path, key);
    case CT__KEY_TYPE_INT:
        CT_CHECK(read_int(l, key, node, path, &whole, &ok));
        if (ok) *(int64_t *)field = whole;
        return CT_OK;
    case CT__KEY_TYPE_REAL:
        return bind_real(l, key, node, path, field);
    case CT__KEY_TYPE_PAIR:
        return bind_pair(l, key, node, path, field);
    case CT__KEY_TYPE_TEXT:
        if (key->choices) return bind_word(l, key, node, path, field);
        CT_CHECK(read_text(l, key, node, path, &ok));
        return ok ? ct__set_text(field, node->text, l->err) : CT_OK;
    case CT__KEY_TYPE_TIME:
        return bind_time(l, key, node, path, field);
    case CT__KEY_TYPE_PATH:
        return bind_path(l, key, node, path, field);
    case CT__KEY_TYPE_PATHS:
        return bind_paths(l, key, node, path, field);
    case CT__KEY_TYPE_NAMES:
        return bind_names(l, key, node, path, field);
    case CT__KEY_TYPE_INTS:
        return bind_ints(l, key, node, path, field);
    case CT__KEY_TYPE_CHOICE:
    case CT__KEY_TYPE_SWITCH:
        return bind_word(l, key, node, path, field);
    case CT__KEY_TYPE_FLAGS:
        return bind_flags(l, key, node, path, field);
    case CT__KEY_TYPE_SECTION:
    case CT__KEY_TYPE_MAP:
        break;
    }
    return ct_fail(l->err, CT_ERR_INTERNAL, "config: '%s' is no value", path);
}

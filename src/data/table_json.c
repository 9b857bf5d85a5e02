/* JSON lines: an object a line, parsed by jansson; the fields that were asked for become the row's cells. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "data/table_source.h"

/* The shortest decimal that reads back as the same double, whatever the process's locale. */
static void format_real(double value, char *text, size_t n) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, n, "%.*g", digits, value);
        double back = 0;
        for (char *c = text; *c; c++)
            if (*c == ',') *c = '.';
        if (ct_parse_f64(text, &back) && back == value) return;
    }
}

/* Appends the text of a string, number or boolean; false for another kind. */
static bool append_scalar(ct_str *out, const json_t *value, ct_status *st, ct_error *err) {
    char text[64];
    switch (json_typeof(value)) {
    case JSON_STRING:
        *st = ct_str_append(out, json_string_value(value), json_string_length(value), err);
        return true;
    case JSON_INTEGER:
        *st = ct_str_printf(out, err, "%lld", (long long)json_integer_value(value));
        return true;
    case JSON_REAL:
        format_real(json_real_value(value), text, sizeof text);
        *st = ct_str_puts(out, text, err);
        return true;
    case JSON_TRUE:
        *st = ct_str_puts(out, "true", err);
        return true;
    case JSON_FALSE:
        *st = ct_str_puts(out, "false", err);
        return true;
    default:
        return false;
    }
}

/* Appends a field's text; *absent for null. A field that has none leaves the reason. */
static ct_status append_field(ct_table *t, const char *name, const json_t *value, bool *absent,
                              ct_error *err) {
    ct_status st = CT_OK;
    *absent = json_is_null(value);
    if (*absent || append_scalar(&t->text, value, &st, err)) return st;
    if (json_is_object(value)) {
        snprintf(t->reason, sizeof t->reason,
                 "field '%.100s' is an object, want a text, a number or an array", name);
        return CT_OK;
    }
    for (size_t i = 0, written = 0; i < json_array_size(value); i++) {
        const json_t *part = json_array_get(value, i);
        if (json_is_null(part)) continue;
        if (written++ > 0) CT_CHECK(ct_str_puts(&t->text, " ", err));
        if (!append_scalar(&t->text, part, &st, err)) {
            snprintf(t->reason, sizeof t->reason, "field '%.100s' holds an array or object in an array",
                     name);
            return CT_OK;
        }
        CT_CHECK(st);
    }
    return CT_OK;
}

/* The columns' texts stand one behind the other, each with its NUL; pointers are set when the buffer no
 * longer moves. */
static ct_status fill_cells(ct_table *t, const json_t *row, ct_error *err) {
    ct_str_clear(&t->text);
    for (int i = 0; i < t->n_columns && !t->reason[0]; i++) {
        const json_t *value = json_object_get(row, t->names[i]);
        bool absent = true;
        const size_t begin = t->text.length;
        if (value) CT_CHECK(append_field(t, t->names[i], value, &absent, err));
        t->cells[i].length = absent ? SIZE_MAX : t->text.length - begin;
        if (!absent) CT_CHECK(ct_str_append(&t->text, "", 1, err));
    }
    size_t at = 0;
    for (int i = 0; i < t->n_columns && !t->reason[0]; i++) {
        if (t->cells[i].length == SIZE_MAX) {
            t->cells[i].length = 0;
            continue;
        }
        t->cells[i].text = t->text.data + at;
        at += t->cells[i].length + 1;
    }
    return CT_OK;
}

static bool is_blank(const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r') return false;
    return true;
}

static ct_status read_row(ct_table *t, const char *bytes, size_t n, ct_error *err) {
    if (ct__table_bad_bytes(t, bytes, n)) return CT_OK;
    json_error_t why;
    json_t *row = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
    if (!row) {
        snprintf(t->reason, sizeof t->reason, "not JSON: %.180s (column %d)", why.text, why.column);
        return CT_OK;
    }
    ct_status st = CT_OK;
    if (!json_is_object(row))
        snprintf(t->reason, sizeof t->reason, "not a JSON object");
    else
        st = fill_cells(t, row, err);
    json_decref(row);
    return st;
}

ct_status ct__table_next_json(ct_table *t, bool *more, ct_error *err) {
    ct__source *s = &t->source;
    for (;;) {
        size_t length = 0, advance = 0;
        bool too_long = false;
        CT_CHECK(ct__source_line(s, t->path, &length, &advance, &too_long, err));
        *more = too_long || advance > 0;
        if (!*more) return CT_OK;
        t->line = t->next_line++;
        if (too_long) {
            snprintf(t->reason, sizeof t->reason, "longer than 16 MiB");
            return ct__source_skip_line(s, t->path, err);
        }
        const char *bytes = s->buf + s->begin;
        s->begin += advance;
        if (!is_blank(bytes, length)) return read_row(t, bytes, length, err);
    }
}

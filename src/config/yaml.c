/* libyaml's events to a tree of nodes. Bounded in depth and number; anchors and aliases are refused, so that
 * a small file cannot unfold into a large one. */
#include "config/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/str.h"
#include "config/diag.h"

typedef struct reader {
    yaml_parser_t parser;
    const ct__source *source;
    const char *bytes;
    size_t n;
    const char *key;
    ct_diagnostics *diags;
    ct_error *err;
    int n_nodes;
    bool stopped; /* a mistake after which nothing more can be read was reported */
} reader;

#define REPORT(r, line, column, ...)                                                                         \
    ct__diagnose((r)->diags, (r)->err, (r)->source, (line), (column), (r)->key, __VA_ARGS__)

static ct_status report_event(reader *r, const yaml_event_t *e, const char *message) {
    return REPORT(r, (int)e->start_mark.line + 1, (int)e->start_mark.column + 1, "%s", message);
}

/* Line and column (in characters) of a byte. */
static void place_of(const reader *r, size_t offset, int *line, int *column) {
    *line = *column = 1;
    for (size_t i = 0; i < offset && i < r->n; i++) {
        if (r->bytes[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)r->bytes[i] & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

/* The byte at line and column, both from 0; 0 at the end. */
static char byte_at(const reader *r, size_t line, size_t column) {
    size_t i = 0;
    for (; line > 0 && i < r->n; i++) line -= r->bytes[i] == '\n';
    for (; column > 0 && i < r->n && r->bytes[i] != '\n'; i++)
        column -= i + 1 >= r->n || ((unsigned char)r->bytes[i + 1] & 0xC0) != 0x80;
    return i < r->n ? r->bytes[i] : 0;
}

static ct_status report_parser(reader *r) {
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unreadable";
    int line, column;

    r->stopped = true;
    if (p->error == YAML_MEMORY_ERROR)
        return ct_fail(r->err, CT_ERR_MEMORY, "'%s': YAML reader out of memory", r->source->file);
    if (p->error == YAML_READER_ERROR) {
        place_of(r, p->problem_offset, &line, &column);
        return REPORT(r, line, column, "not readable as YAML: %s (0x%02x)", problem,
                      (unsigned)p->problem_value);
    }
    line = (int)p->problem_mark.line + 1;
    column = (int)p->problem_mark.column + 1;
    if (byte_at(r, p->problem_mark.line, p->problem_mark.column) == '\t')
        return REPORT(r, line, column, "a tab character; YAML is indented with spaces");
    if (r->source->argument)
        return REPORT(r, 0, 0, "not readable as YAML: %s; put quotes around a text", problem);
    if (p->context) return REPORT(r, line, column, "not readable as YAML: %s, %s", p->context, problem);
    return REPORT(r, line, column, "not readable as YAML: %s", problem);
}

/* The next event; on a syntax error reports it and sets stopped. */
static ct_status next_event(reader *r, yaml_event_t *e) {
    if (yaml_parser_parse(&r->parser, e)) return CT_OK;
    memset(e, 0, sizeof *e);
    return report_parser(r);
}

static ct_status stop(reader *r, const yaml_event_t *e, const char *message) {
    r->stopped = true;
    return report_event(r, e, message);
}

/* Anchors and tags change what a value is: refused, but reading goes on. */
static ct_status refuse_extras(reader *r, const yaml_event_t *e, const yaml_char_t *anchor,
                               const yaml_char_t *tag) {
    if (anchor)
        CT_CHECK(report_event(
            r, e, "an anchor (&name); write the value out, or put shared parts into a file for `extends`"));
    if (tag) CT_CHECK(report_event(r, e, "a tag (!type); the schema knows the types, leave it out"));
    return CT_OK;
}

static ct_status read_node(reader *r, yaml_event_t *e, int depth, ct__node **out);

static ct_status read_scalar(reader *r, const yaml_event_t *e, ct__node *node) {
    const char *value = (const char *)e->data.scalar.value;
    CT_CHECK(refuse_extras(r, e, e->data.scalar.anchor, e->data.scalar.tag));
    if (strlen(value) != e->data.scalar.length) CT_CHECK(report_event(r, e, "a text with a NUL character"));
    node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return ct_strdup(value, &node->text, r->err);
}

static ct_status read_list(reader *r, int depth, ct__node *list) {
    while (!r->stopped) {
        yaml_event_t e;
        ct__node *item = NULL;
        CT_CHECK(next_event(r, &e));
        if (r->stopped || e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            break;
        }
        ct_status st = read_node(r, &e, depth + 1, &item);
        yaml_event_delete(&e);
        if (st == CT_OK && item) st = ct__node_append(list, item, r->err);
        if (st != CT_OK) {
            ct__node_free(item);
            return st;
        }
    }
    return CT_OK;
}

/* Checks a key; *keep says whether its value goes into the map. */
static ct_status check_key(reader *r, const yaml_event_t *e, const ct__node *map, bool *keep) {
    *keep = false;
    if (e->type == YAML_ALIAS_EVENT) return report_event(r, e, "an alias (*name) as a key; write it out");
    if (e->type != YAML_SCALAR_EVENT)
        return report_event(r, e, "a key that is a list or a section; want a word");
    const char *key = (const char *)e->data.scalar.value;
    if (strlen(key) != e->data.scalar.length) return report_event(r, e, "a key with a NUL character");
    if (!key[0]) return report_event(r, e, "an empty key");
    if (strlen(key) > CT__MOST_KEY_BYTES) return report_event(r, e, CT__LONG_KEY);
    if (strcmp(key, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return report_event(r, e, "a merge key (<<); put shared parts into a file for `extends`");
    const ct__node *first = ct__node_get(map, key);
    if (first)
        return REPORT(r, (int)e->start_mark.line + 1, (int)e->start_mark.column + 1,
                      "'%s' stands twice in this section, first in line %d; keep one", key, first->key_line);
    *keep = true;
    return refuse_extras(r, e, e->data.scalar.anchor, e->data.scalar.tag);
}

/* One key and its value. key_event is the caller's to delete. */
static ct_status read_pair(reader *r, yaml_event_t *key_event, int depth, ct__node *map) {
    yaml_event_t e = {0};
    ct__node *value = NULL, *skipped = NULL;
    bool keep;
    ct_status st;

    CT_TRY(check_key(r, key_event, map, &keep), st, done);
    if (key_event->type != YAML_SCALAR_EVENT && key_event->type != YAML_ALIAS_EVENT) {
        CT_TRY(read_node(r, key_event, depth + 1, &skipped), st, done); /* reads to the end of the odd key */
    }
    if (r->stopped) goto done;
    CT_TRY(next_event(r, &e), st, done);
    if (r->stopped) goto done;
    CT_TRY(read_node(r, &e, depth + 1, &value), st, done);
    if (!value || !keep) goto done;
    CT_TRY(ct__node_set_key(value, (const char *)key_event->data.scalar.value,
                            (int)key_event->start_mark.line + 1, (int)key_event->start_mark.column + 1,
                            r->err),
           st, done);
    CT_TRY(ct__node_append(map, value, r->err), st, done);
    value = NULL;
done:
    yaml_event_delete(&e);
    ct__node_free(value);
    ct__node_free(skipped);
    return st;
}

static ct_status read_map(reader *r, int depth, ct__node *map) {
    while (!r->stopped) {
        yaml_event_t e;
        CT_CHECK(next_event(r, &e));
        const bool end = r->stopped || e.type == YAML_MAPPING_END_EVENT;
        const ct_status st = end ? CT_OK : read_pair(r, &e, depth, map);
        yaml_event_delete(&e);
        if (end || st != CT_OK) return st;
    }
    return CT_OK;
}

/* The node that begins with e; *out stays NULL for an alias and after a stop before it began. */
static ct_status read_node(reader *r, yaml_event_t *e, int depth, ct__node **out) {
    ct__node *node = NULL;
    ct__node_kind kind = CT__NODE_KIND_SCALAR;
    ct_status st;

    if (depth > CT__YAML_MAX_DEPTH) return stop(r, e, "nested too deeply; no key stands this deep");
    if (++r->n_nodes > CT__YAML_MAX_NODES)
        return stop(r, e, "too many values; a configuration has at most 20000");
    if (e->type == YAML_ALIAS_EVENT)
        return report_event(
            r, e, "an alias (*name); write the value out, or put shared parts into a file for `extends`");
    if (e->type == YAML_SEQUENCE_START_EVENT) kind = CT__NODE_KIND_LIST;
    if (e->type == YAML_MAPPING_START_EVENT) kind = CT__NODE_KIND_MAP;

    CT_TRY(ct__node_create(&node, kind, r->source, (int)e->start_mark.line + 1, (int)e->start_mark.column + 1,
                           r->err),
           st, fail);
    if (kind == CT__NODE_KIND_LIST) {
        CT_TRY(refuse_extras(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag), st, fail);
        CT_TRY(read_list(r, depth, node), st, fail);
    } else if (kind == CT__NODE_KIND_MAP) {
        CT_TRY(refuse_extras(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag), st, fail);
        CT_TRY(read_map(r, depth, node), st, fail);
    } else {
        CT_TRY(read_scalar(r, e, node), st, fail);
    }
    *out = node;
    return CT_OK;
fail:
    ct__node_free(node);
    return st;
}

/* Bytes that no text editor writes get a better message than libyaml's. */
static ct_status check_bytes(reader *r) {
    const size_t good = ct_utf8_valid_prefix(r->bytes, r->n);
    int line, column;
    if (r->n >= 2 && (memcmp(r->bytes, "\xff\xfe", 2) == 0 || memcmp(r->bytes, "\xfe\xff", 2) == 0)) {
        r->stopped = true;
        return REPORT(r, 1, 1, "the file is UTF-16; save it as UTF-8");
    }
    if (good < r->n) {
        r->stopped = true;
        place_of(r, good, &line, &column);
        return REPORT(r, line, column, "byte 0x%02x is not UTF-8; is this a text file?",
                      (unsigned)(unsigned char)r->bytes[good]);
    }
    return CT_OK;
}

/* Reads to the end of the document and refuses a second one. */
static ct_status read_document(reader *r, ct__node **root) {
    bool in_document = false;
    while (!r->stopped) {
        yaml_event_t e;
        ct_status st = next_event(r, &e);
        const yaml_event_type_t type = e.type;
        if (st == CT_OK && !r->stopped && type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT) {
            if (type == YAML_DOCUMENT_START_EVENT) {
                if (*root || in_document) st = stop(r, &e, "a second document (---); a configuration is one");
                in_document = true;
            } else if (type != YAML_DOCUMENT_END_EVENT) {
                st = read_node(r, &e, 0, root);
            }
        }
        yaml_event_delete(&e);
        if (st != CT_OK) return st;
        if (type == YAML_STREAM_END_EVENT) break;
    }
    return CT_OK;
}

ct_status ct__yaml_parse(ct__node **root, const ct__source *source, const char *bytes, size_t n,
                         const char *key, ct_diagnostics *diags, ct_error *err) {
    reader r = {.source = source, .bytes = bytes, .n = n, .key = key, .diags = diags, .err = err};
    ct_status st;

    *root = NULL;
    CT_CHECK(check_bytes(&r));
    if (r.stopped) return CT_OK;
    if (!yaml_parser_initialize(&r.parser))
        return ct_fail(err, CT_ERR_MEMORY, "'%s': YAML reader out of memory", source->file);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, n);
    st = read_document(&r, root);
    if (st == CT_OK && !r.stopped && !*root)
        st = REPORT(&r, 1, 1, "%s",
                    source->argument ? "no value behind the '='"
                                     : "the file is empty; want at least `platforms`");
    yaml_parser_delete(&r.parser);
    if (st != CT_OK || r.stopped) {
        ct__node_free(*root);
        *root = NULL;
    }
    return st;
}

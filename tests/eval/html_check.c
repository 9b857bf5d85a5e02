/* The checker of html_check.h. */
#include "tests/eval/html_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/support/cmocka.h"

enum { DEEPEST = 64, NAME = 24, ATTRIBUTES = 16 };

typedef struct checker {
    const char *at;
    char open[DEEPEST][NAME];
    int depth;
    char *why;
    size_t size;
} checker;

static bool wrong(checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(checker *c, const char *format, ...) {
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(c->why, c->size, "%s at: %.60s", text, c->at);
    return false;
}

static bool entity(checker *c) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(c->at, known[i], strlen(known[i])) == 0) {
            c->at += strlen(known[i]);
            return true;
        }
    return wrong(c, "a bare &");
}

static bool name(checker *c, char out[NAME]) {
    const size_t n = strspn(c->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    if (n == 0 || n >= NAME) return wrong(c, "no name");
    snprintf(out, NAME, "%.*s", (int)n, c->at);
    c->at += n;
    return true;
}

/* name="value" */
static bool attribute(checker *c, char names[ATTRIBUTES][NAME], int n) {
    if (n == ATTRIBUTES) return wrong(c, "too many attributes");
    if (!name(c, names[n])) return false;
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], names[n]) == 0) return wrong(c, "%s stands twice", names[n]);
    if (strncmp(c->at, "=\"", 2) != 0) return wrong(c, "no value of %s", names[n]);
    for (c->at += 2; *c->at != '"';) {
        if (*c->at == '\0' || *c->at == '<' || *c->at == '>') return wrong(c, "%s is not closed", names[n]);
        if (*c->at != '&') c->at++;
        else if (!entity(c)) return false;
    }
    c->at++;
    return true;
}

static bool opening(checker *c) {
    char tag[NAME], names[ATTRIBUTES][NAME];
    c->at++;
    if (!name(c, tag)) return false;
    for (int n = 0; *c->at == ' '; n++) {
        c->at++;
        if (strncmp(c->at, "/>", 2) == 0) {
            c->at += 2;
            return true;
        }
        if (!attribute(c, names, n)) return false;
    }
    if (*c->at != '>') return wrong(c, "<%s is not closed", tag);
    c->at++;
    if (c->depth == DEEPEST) return wrong(c, "too deep");
    memcpy(c->open[c->depth++], tag, NAME);
    return true;
}

static bool closing(checker *c) {
    char tag[NAME];
    c->at += 2;
    if (!name(c, tag)) return false;
    if (c->depth == 0 || strcmp(c->open[c->depth - 1], tag) != 0)
        return wrong(c, "</%s> closes %s", tag, c->depth ? c->open[c->depth - 1] : "nothing");
    if (*c->at != '>') return wrong(c, "</%s is not closed", tag);
    c->at++;
    c->depth--;
    return true;
}

bool html_well_formed(const char *page, char *why, size_t size) {
    static const char doctype[] = "<!DOCTYPE html>\n";
    checker c = {.at = page, .why = why, .size = size};
    if (ct_utf8_valid_prefix(page, strlen(page)) != strlen(page)) return wrong(&c, "not UTF-8");
    if (strncmp(page, doctype, strlen(doctype)) != 0) return wrong(&c, "no DOCTYPE");
    c.at += strlen(doctype);
    while (*c.at) {
        bool good = true;
        if (*c.at == '<') good = c.at[1] == '/' ? closing(&c) : opening(&c);
        else if (*c.at == '&') good = entity(&c);
        else if (*c.at == '>' || ((unsigned char)*c.at < 0x20 && *c.at != '\n')) good = wrong(&c, "a bare character");
        else c.at++;
        if (!good) return false;
    }
    return c.depth == 0 || wrong(&c, "%s is never closed", c.open[c.depth - 1]);
}

int html_count(const char *page, const char *part) {
    int n = 0;
    for (const char *at = page; (at = strstr(at, part)) != NULL; at += strlen(part)) n++;
    return n;
}

void html_expect_good(const char *page) {
    static const char *const outside[] = {"<script", "<link", "<iframe", "<object", "http:", "https:", "url(", "@import",
                                          "src=\"/", "href=", "=\"nan", "=\"inf", ":nan", "nan%", "inf%", ",nan", ",inf"};
    char why[256];
    if (!html_well_formed(page, why, sizeof why)) fail_msg("%s", why);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (strstr(page, outside[i])) fail_msg("the page holds '%s'", outside[i]);
    assert_int_equal(html_count(page, " src=\""), html_count(page, " src=\"data:image/png;base64,"));
}

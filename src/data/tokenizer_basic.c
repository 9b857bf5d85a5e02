/* BERT's basic tokenisation, one pass over the text: ASCII by table, the common ideographs by range, all else by
 * utf8proc's properties. */
#include "data/tokenizer_basic.h"

#include <string.h>

#include <utf8proc.h>

const char *const ct__special_names[CT__SPECIAL_COUNT] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

void ct__word_rules_init(ct__word_rules *rules, bool lowercase, int n_special) {
    memset(rules, 0, sizeof *rules);
    rules->lowercase = lowercase;
    rules->n_special = n_special;
    for (int c = '0'; c <= '9'; c++) rules->letters[c] = (unsigned char)c;
    for (int c = 'a'; c <= 'z'; c++) {
        const int upper = c - 'a' + 'A';
        rules->letters[c] = (unsigned char)c;
        rules->letters[upper] = (unsigned char)(lowercase ? c : upper);
    }
}

void ct__word_reader_init(ct__word_reader *r, const ct__word_rules *rules, const char *text, size_t n) {
    r->rules = rules;
    r->at = (const unsigned char *)text;
    r->end = n ? r->at + n : r->at;
    r->n_pending = r->next_pending = 0;
    r->run = 0;
    r->kind = CT__WORD_PLAIN;
    r->special = 0;
    r->n_bytes = r->n_chars = 0;
}

/* The blocks of the library, its gap at U+2B820 included. */
static bool is_ideograph(int32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
           (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static bool is_dropped(int32_t c, int category) {
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO ||
           c == 0xFFFD;
}

static bool is_space(int category) {
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

static bool is_punctuation(int32_t c, int category) {
    if (c < 0x80) return true; /* asked of what is no letter, digit, space or control */
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

/* Appends a character that begins no run of combining characters to the word. */
static void put(ct__word_reader *r, int32_t c) {
    if (r->n_chars++ < CT__WORD_MAX_CHARS) r->n_bytes += (size_t)utf8proc_encode_char(c, r->bytes + r->n_bytes);
    r->run = r->n_bytes;
}

/* Adds a combining character that is kept (a spacing mark, say). NFD sorts a run of them by class, stably; a mark of
 * class 0 that was dropped has already ended the run. */
static void put_combining(ct__word_reader *r, int32_t c, int combining_class) {
    if (r->n_chars++ >= CT__WORD_MAX_CHARS) return;
    unsigned char encoded[4];
    const size_t n = (size_t)utf8proc_encode_char(c, encoded);
    size_t place = r->n_bytes;
    while (place > r->run) {
        size_t previous = place - 1;
        while ((r->bytes[previous] & 0xC0) == 0x80) previous--;
        utf8proc_int32_t before;
        utf8proc_iterate(r->bytes + previous, (utf8proc_ssize_t)(place - previous), &before);
        if (utf8proc_get_property(before)->combining_class <= combining_class) break;
        place = previous;
    }
    memmove(r->bytes + place + n, r->bytes + place, r->n_bytes - place);
    memcpy(r->bytes + place, encoded, n);
    r->n_bytes += n;
}

/* Makes the character a word of its own. */
static bool put_alone(ct__word_reader *r, int32_t c) {
    put(r, c);
    r->kind = CT__WORD_ALONE;
    return true;
}

/* The special token that stands at r->at, or -1. */
static int special_at(const ct__word_reader *r) {
    for (int i = 0; i < r->rules->n_special; i++) {
        const size_t n = strlen(ct__special_names[i]);
        if ((size_t)(r->end - r->at) >= n && memcmp(r->at, ct__special_names[i], n) == 0) return i;
    }
    return -1;
}

/* Reads the ASCII character at r->at that is no letter or digit. true: a word is complete. */
static bool read_ascii(ct__word_reader *r) {
    const unsigned char c = *r->at;
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space && (c < ' ' || c == 0x7F)) {
        r->at++;
        return false;
    }
    if (space) {
        r->at++;
        return r->n_chars > 0;
    }
    if (r->n_chars > 0) return true; /* the punctuation is the next word */
    if (c == '[' && (r->special = special_at(r)) >= 0) {
        r->at += strlen(ct__special_names[r->special]);
        r->kind = CT__WORD_SPECIAL;
        return true;
    }
    r->at++;
    return put_alone(r, c);
}

/* Reads the pending characters into the word. true: a word is complete. */
static bool read_pending(ct__word_reader *r) {
    while (r->next_pending < r->n_pending) {
        int32_t c = r->pending[r->next_pending];
        const utf8proc_property_t *property = utf8proc_get_property(c);
        if (r->rules->lowercase) {
            if (property->category == UTF8PROC_CATEGORY_MN) {
                if (property->combining_class == 0) r->run = r->n_bytes;
                r->next_pending++;
                continue;
            }
            c = utf8proc_tolower(c);
        }
        const bool letter = c < 0x80 && r->rules->letters[c] != 0;
        if (!letter && is_punctuation(c, property->category)) {
            if (r->n_chars > 0) return true;
            r->next_pending++;
            return put_alone(r, c);
        }
        r->next_pending++;
        if (property->combining_class != 0 && r->rules->lowercase) put_combining(r, c, property->combining_class);
        else put(r, c);
    }
    return false;
}

/* Puts the character's canonical decomposition (with lowercase; else the character itself) into pending. */
static void decompose(ct__word_reader *r, int32_t c) {
    const int room = (int)(sizeof r->pending / sizeof r->pending[0]);
    int boundary_class = 0;
    utf8proc_ssize_t n = 0;
    if (r->rules->lowercase) n = utf8proc_decompose_char(c, r->pending, room, UTF8PROC_DECOMPOSE, &boundary_class);
    if (n < 1 || n > room) { /* no canonical decomposition of Unicode is longer than four */
        r->pending[0] = c;
        n = 1;
    }
    r->next_pending = 0;
    r->n_pending = (int)n;
}

/* Reads the character at r->at, which is not ASCII. true: a word is complete. */
static bool read_other(ct__word_reader *r) {
    utf8proc_int32_t c;
    const utf8proc_ssize_t n = utf8proc_iterate(r->at, r->end - r->at, &c);
    if (n <= 0) { /* the bytes that follow in a broken sequence are dropped here in their turn */
        r->at++;
        return false;
    }
    if (is_ideograph(c)) {
        if (r->n_chars > 0) return true;
        r->at += n;
        if (c < 0xF900) return put_alone(r, c); /* only compatibility ideographs decompose, to one other */
        decompose(r, c);
        r->n_pending = 0;
        return put_alone(r, r->pending[0]);
    }
    r->at += n;
    const int category = utf8proc_get_property(c)->category;
    if (is_dropped(c, category)) return false;
    if (is_space(category)) return r->n_chars > 0;
    decompose(r, c);
    return read_pending(r);
}

/* Appends the ASCII letters and digits at r->at. */
static void read_letters(ct__word_reader *r) {
    const unsigned char *letters = r->rules->letters, *at = r->at, *const end = r->end;
    size_t n_bytes = r->n_bytes, n_chars = r->n_chars;
    for (; at < end && letters[*at]; at++) {
        if (n_chars++ < CT__WORD_MAX_CHARS) r->bytes[n_bytes++] = letters[*at];
    }
    r->at = at;
    r->n_chars = n_chars;
    r->run = r->n_bytes = n_bytes;
}

bool ct__word_reader_next(ct__word_reader *r) {
    r->kind = CT__WORD_PLAIN;
    r->n_bytes = r->n_chars = r->run = 0;
    if (read_pending(r)) return true;
    while (r->at < r->end) {
        if (r->rules->letters[*r->at]) {
            read_letters(r);
        } else if (*r->at < 0x80) {
            if (read_ascii(r)) return true;
        } else if (read_other(r)) {
            return true;
        }
    }
    return r->n_chars > 0;
}

/* Byte-pair merging with exact incremental counts. Every place in a word where two pieces meet is on the list of its
 * pair, so a merge touches only the words that hold the pair; the pairs lie in a heap by count. */
#include "data/vocab_merge.h"

#include <string.h>

#include "base/alloc.h"
#include "data/tokenizer_basic.h"

/* A piece of a word. It starts as one character; a merged piece lives on in its left half. -1: none. */
typedef struct piece {
    int32_t token;
    int32_t next, previous; /* in its word */
    int32_t word;
    int32_t pair;                     /* the pair that it makes with its right neighbour */
    int32_t pair_next, pair_previous; /* in the list of that pair's places */
} piece;

typedef struct pair {
    int32_t left, right; /* tokens */
    int32_t first;       /* the list of places: their left pieces */
    int32_t heap_place;
    int64_t count; /* occurrences in the corpus */
    int64_t bound; /* >= count: the order of the heap. Counts that fall are seen when the pair gets to the top. */
} pair;

typedef struct merger {
    const ct__vocab_word *info;
    ct_strmap *tokens;
    piece *pieces;
    int32_t n_pieces;
    pair *pairs;
    size_t n_pairs, pairs_capacity;
    int32_t *cells;  /* hash table of the pairs: index, or -1; at most half full */
    int cells_shift; /* 64 - log2 of the number of cells */
    int32_t *heap;
    size_t n_heap, heap_capacity;
} merger;

/* ---- the heap --------------------------------------------------------------------------------------------------- */

static int compare_tokens(const merger *m, int32_t a, int32_t b) {
    size_t n;
    return a == b ? 0 : strcmp(ct_strmap_key(m->tokens, a, &n), ct_strmap_key(m->tokens, b, &n));
}

static bool goes_before(const merger *m, int32_t a, int32_t b) {
    const pair *x = &m->pairs[a], *y = &m->pairs[b];
    if (x->bound != y->bound) return x->bound > y->bound;
    const int order = compare_tokens(m, x->left, y->left);
    return order != 0 ? order < 0 : compare_tokens(m, x->right, y->right) < 0;
}

static void heap_set(merger *m, size_t place, int32_t index) {
    m->heap[place] = index;
    m->pairs[index].heap_place = (int32_t)place;
}

static void heap_rise(merger *m, int32_t index) {
    size_t place = (size_t)m->pairs[index].heap_place;
    while (place > 0) {
        const size_t above = (place - 1) / 2;
        if (!goes_before(m, index, m->heap[above])) break;
        heap_set(m, place, m->heap[above]);
        place = above;
    }
    heap_set(m, place, index);
}

static void heap_sink(merger *m, int32_t index) {
    size_t place = (size_t)m->pairs[index].heap_place;
    for (size_t below; (below = 2 * place + 1) < m->n_heap; place = below) {
        if (below + 1 < m->n_heap && goes_before(m, m->heap[below + 1], m->heap[below])) below++;
        if (!goes_before(m, m->heap[below], index)) break;
        heap_set(m, place, m->heap[below]);
    }
    heap_set(m, place, index);
}

static void heap_remove_top(merger *m) {
    m->pairs[m->heap[0]].heap_place = -1;
    const int32_t last = m->heap[--m->n_heap];
    if (m->n_heap == 0) return;
    heap_set(m, 0, last);
    heap_sink(m, last);
}

/* The pair to merge next, or -1. */
static int32_t best_pair(merger *m) {
    while (m->n_heap > 0) {
        const int32_t top = m->heap[0];
        pair *p = &m->pairs[top];
        if (p->bound == p->count) return top;
        p->bound = p->count;
        if (p->count == 0) heap_remove_top(m);
        else heap_sink(m, top);
    }
    return -1;
}

/* ---- pairs and their places ------------------------------------------------------------------------------------- */

/* The cell of the pair (left, right), or the free one where it belongs. */
static int32_t *find_cell(const merger *m, int32_t left, int32_t right) {
    const size_t mask = ((size_t)1 << (64 - m->cells_shift)) - 1;
    const uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t cell = (size_t)((key * 0x9E3779B97F4A7C15u) >> m->cells_shift); /* multiplicative hashing, Knuth */
    for (; m->cells[cell] >= 0; cell = (cell + 1) & mask) {
        const pair *p = &m->pairs[m->cells[cell]];
        if (p->left == left && p->right == right) break;
    }
    return &m->cells[cell];
}

static ct_status resize_cells(merger *m, int shift, ct_error *err) {
    const size_t n = (size_t)1 << (64 - shift);
    int32_t *cells;
    CT_CHECK(ct_calloc(n, sizeof *cells, (void **)&cells, err));
    for (size_t i = 0; i < n; i++) cells[i] = -1;
    ct_free(m->cells);
    m->cells = cells;
    m->cells_shift = shift;
    for (size_t i = 0; i < m->n_pairs; i++) *find_cell(m, m->pairs[i].left, m->pairs[i].right) = (int32_t)i;
    return CT_OK;
}

/* *out = the pair's index; a new pair has no place and is not in the heap. */
static ct_status intern_pair(merger *m, int32_t left, int32_t right, int32_t *out, ct_error *err) {
    int32_t *cell = find_cell(m, left, right);
    if (*cell >= 0) {
        *out = *cell;
        return CT_OK;
    }
    if (m->n_pairs >= INT32_MAX) return ct_fail(err, CT_ERR_DATA, "vocabulary: more than %d pairs", INT32_MAX);
    if (2 * (m->n_pairs + 1) > (size_t)1 << (64 - m->cells_shift)) {
        CT_CHECK(resize_cells(m, m->cells_shift - 1, err));
        cell = find_cell(m, left, right);
    }
    CT_CHECK(ct_grow((void **)&m->pairs, &m->pairs_capacity, m->n_pairs + 1, sizeof *m->pairs, err));
    m->pairs[m->n_pairs] = (pair){.left = left, .right = right, .first = -1, .heap_place = -1};
    *out = *cell = (int32_t)m->n_pairs++;
    return CT_OK;
}

/* Counts the pair that the piece makes with its right neighbour, if it has one. */
static ct_status connect(merger *m, int32_t at, ct_error *err) {
    piece *x = &m->pieces[at];
    int32_t index = -1;
    if (x->next < 0) return CT_OK;
    CT_CHECK(intern_pair(m, x->token, m->pieces[x->next].token, &index, err));
    CT_CHECK(ct_grow((void **)&m->heap, &m->heap_capacity, m->n_heap + 1, sizeof *m->heap, err));
    pair *p = &m->pairs[index];
    x->pair = index;
    x->pair_previous = -1;
    x->pair_next = p->first;
    if (p->first >= 0) m->pieces[p->first].pair_previous = at;
    p->first = at;
    p->count += m->info[x->word].count;
    if (p->heap_place < 0) heap_set(m, m->n_heap++, index);
    if (p->count > p->bound) {
        p->bound = p->count;
        heap_rise(m, index);
    }
    return CT_OK;
}

static void disconnect(merger *m, int32_t at) {
    piece *x = &m->pieces[at];
    if (x->pair < 0) return;
    pair *p = &m->pairs[x->pair];
    if (x->pair_previous >= 0) m->pieces[x->pair_previous].pair_next = x->pair_next;
    else p->first = x->pair_next;
    if (x->pair_next >= 0) m->pieces[x->pair_next].pair_previous = x->pair_previous;
    p->count -= m->info[x->word].count;
    x->pair = -1;
}

/* ---- merging ---------------------------------------------------------------------------------------------------- */

/* Joins the piece with its right neighbour under the name token. */
static ct_status join(merger *m, int32_t at, int32_t token, ct_error *err) {
    piece *x = &m->pieces[at];
    const int32_t right = x->next, before = x->previous;
    if (before >= 0) disconnect(m, before);
    disconnect(m, at);
    disconnect(m, right);
    x->token = token;
    x->next = m->pieces[right].next;
    if (x->next >= 0) m->pieces[x->next].previous = at;
    if (before >= 0) CT_CHECK(connect(m, before, err));
    return connect(m, at, err);
}

static ct_status merge_pair(merger *m, int32_t index, ct_error *err) {
    char name[CT__WORD_MAX_BYTES + 3];
    size_t n_left, n_right;
    const char *left = ct_strmap_key(m->tokens, m->pairs[index].left, &n_left);
    const char *right = ct_strmap_key(m->tokens, m->pairs[index].right, &n_right);
    int64_t token;
    memcpy(name, left, n_left);
    memcpy(name + n_left, right + 2, n_right - 2); /* a right piece is always "##..." */
    /* The name may be there already, by another way of cutting it: then the vocabulary gains nothing, the words do. */
    CT_CHECK(ct_strmap_insert(m->tokens, name, n_left + n_right - 2, ct_strmap_count(m->tokens), &token, NULL, err));
    for (int32_t at; (at = m->pairs[index].first) >= 0;) {
        /* In "aaa" places overlap; the leftmost goes first, whatever the order of the list. */
        while (m->pieces[at].previous >= 0 && m->pieces[m->pieces[at].previous].pair == index) {
            at = m->pieces[at].previous;
        }
        CT_CHECK(join(m, at, (int32_t)token, err));
    }
    return CT_OK;
}

/* The token of a word's character: "x" at its start, else "##x". -1 when it is not in the alphabet. */
static int32_t letter_token(const merger *m, const char *letter, size_t n, bool first) {
    char name[6] = "##";
    memcpy(name + 2, letter, n);
    return (int32_t)(first ? ct_strmap_find(m->tokens, letter, n) : ct_strmap_find(m->tokens, name, n + 2));
}

/* Appends the pieces of a word; none of them if a character is not in the alphabet. */
static void add_word(merger *m, int32_t word, const char *text, size_t n) {
    const int32_t begin = m->n_pieces;
    int32_t end = begin;
    for (size_t at = 0, length; at < n; at += length) {
        length = ct__utf8_length((unsigned char)text[at]);
        const int32_t token = letter_token(m, text + at, length, at == 0);
        if (token < 0) return;
        m->pieces[end] = (piece){token, end + 1, end - 1, word, -1, -1, -1};
        end++;
    }
    m->pieces[begin].previous = m->pieces[end - 1].next = -1;
    m->n_pieces = end;
}

static ct_status add_words(merger *m, const ct_strmap *words, ct_error *err) {
    const int64_t n_words = ct_strmap_count(words);
    size_t n, total = 0;
    for (int64_t w = 0; w < n_words; w++) {
        const char *text = ct_strmap_key(words, w, &n);
        for (size_t i = 0; i < n && !m->info[w].alone; i++) total += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    if (total > INT32_MAX || n_words > INT32_MAX) {
        return ct_fail(err, CT_ERR_DATA, "vocabulary: %zu characters in distinct words, want at most %d", total,
                       INT32_MAX);
    }
    CT_CHECK(ct_calloc(total, sizeof *m->pieces, (void **)&m->pieces, err));
    for (int64_t w = 0; w < n_words; w++) {
        const char *text = ct_strmap_key(words, w, &n);
        if (!m->info[w].alone) add_word(m, (int32_t)w, text, n);
    }
    for (int32_t at = 0; at < m->n_pieces; at++) CT_CHECK(connect(m, at, err));
    return CT_OK;
}

ct_status ct__vocab_merge(const ct_strmap *words, const ct__vocab_word *info, int32_t size, int32_t min_count,
                          ct_strmap *tokens, ct_error *err) {
    ct_status st = CT_OK;
    merger m = {.info = info, .tokens = tokens};
    CT_TRY(resize_cells(&m, 64 - 10, err), st, done);
    CT_TRY(add_words(&m, words, err), st, done);
    while (ct_strmap_count(tokens) < size) {
        const int32_t index = best_pair(&m);
        if (index < 0 || m.pairs[index].count < min_count) break;
        CT_TRY(merge_pair(&m, index, err), st, done);
    }
done:
    ct_free(m.pieces);
    ct_free(m.pairs);
    ct_free(m.cells);
    ct_free(m.heap);
    return st;
}

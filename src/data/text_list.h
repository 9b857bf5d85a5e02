/* Texts to be embedded: read from a file with their ids and tokenised at once, so that only tokens are kept. */
#ifndef CT_DATA_TEXT_LIST_H
#define CT_DATA_TEXT_LIST_H

#include "data/string_list.h"

/* Zero-initialise; free with ct_text_list_free. */
typedef struct ct_text_list {
    int64_t n;
    int64_t n_empty;       /* texts without a token */
    ct_strings id;         /* [n], distinct */
    ct_token_lists tokens; /* [n] */
    /* What the views above point into. */
    ct_string_list ids;
    int64_t *token_begin; /* [n + 1] */
    size_t token_capacity;
    ct_token_buffer buffer;
} ct_text_list;

/* Called now and then with how many bytes of the file were read; returning nonzero stops with CT_ERR_INTERRUPTED. */
typedef int (*ct_text_list_progress)(void *ctx, int64_t done, int64_t total);

/* A file whose name ends as a table's (see data/table.h) has columns "id" and "text"; any other holds one text a line,
 * gzip or plain, and the id is the line's number from 1. Each text is cut to `limit` tokens. An empty text is a text.
 * CT_ERR_DATA names the first row that is broken or lacks an id, an id that stands twice, a file without a text. */
ct_status ct_text_list_read(ct_text_list *list, const char *path, const ct_tokenizer *tokenizer, int32_t limit,
                            ct_text_list_progress progress, void *ctx, ct_error *err);
void ct_text_list_free(ct_text_list *list);

#endif

/* Strings gathered one after the other, to be read as ct_strings. */
#ifndef CT_DATA_STRING_LIST_H
#define CT_DATA_STRING_LIST_H

#include "base/str.h"
#include "data/dataset.h"

/* Zero-initialise; free with ct_string_list_free. */
typedef struct ct_string_list {
    int64_t n;
    int64_t *begin; /* [n + 1]; NULL while there is none */
    size_t capacity;
    ct_str bytes;
} ct_string_list;

/* Appends text[0..length), which has no NUL in it. */
ct_status ct_string_list_add(ct_string_list *list, const char *text, size_t length, ct_error *err);
/* Valid until the next string is added. */
ct_strings ct_string_list_view(const ct_string_list *list);
void ct_string_list_free(ct_string_list *list); /* leaves it zeroed */

#endif

/* A growing list of strings in one block of bytes. */
#include "data/string_list.h"

#include "base/alloc.h"

ct_status ct_string_list_add(ct_string_list *list, const char *text, size_t length, ct_error *err) {
    CT_CHECK(ct_grow((void **)&list->begin, &list->capacity, (size_t)list->n + 2, sizeof *list->begin, err));
    CT_CHECK(ct_str_append(&list->bytes, text, length, err));
    CT_CHECK(ct_str_append(&list->bytes, "", 1, err));
    list->begin[++list->n] = (int64_t)list->bytes.length;
    return CT_OK;
}

ct_strings ct_string_list_view(const ct_string_list *list) {
    return (ct_strings){list->begin, ct_str_text(&list->bytes)};
}

void ct_string_list_free(ct_string_list *list) {
    ct_free(list->begin);
    ct_str_free(&list->bytes);
    *list = (ct_string_list){0};
}

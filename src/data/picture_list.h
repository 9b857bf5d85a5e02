/* Pictures to be embedded: their ids and paths, found in a folder or read from a list. */
#ifndef CT_DATA_PICTURE_LIST_H
#define CT_DATA_PICTURE_LIST_H

#include "data/string_list.h"

/* Zero-initialise; free with ct_picture_list_free. */
typedef struct ct_picture_list {
    int64_t n;
    ct_strings id, path; /* [n]; ids are distinct, paths relative to `folder` or absolute */
    char *folder;
    /* What the views above point into. */
    ct_string_list ids, paths;
} ct_picture_list;

/* path is a folder: all files below it whose names end in jpg, jpeg, png or webp (small or capital letters), links
 * followed; an id is the path within the folder, in the order of its bytes. Else path is a list, gzip or plain: a line
 * holds "PATH", which is then the id too, or "ID<TAB>PATH"; paths are relative to the list's folder, empty lines are
 * skipped. That a picture is there is not looked at. CT_ERR_DATA names the first line that is broken, an id that
 * stands twice, a name that is not UTF-8, a folder or a list without pictures. */
ct_status ct_picture_list_read(ct_picture_list *list, const char *path, ct_error *err);
void ct_picture_list_free(ct_picture_list *list);

/* The path that opens picture i, owned. */
ct_status ct_picture_list_path(const ct_picture_list *list, int64_t i, char **path, ct_error *err);

#endif

/* The pictures that embed reads: decoded a block at a time, broken ones named and left out. */
#ifndef CT_SERVE_EMBED_PICTURES_H
#define CT_SERVE_EMBED_PICTURES_H

#include "data/picture_list.h"
#include "run/session.h"

/* Vectors of the pictures that could be read, and their ids, in the list's order. */
typedef struct ct__pictures {
    int64_t n, n_broken;
    float *rows;   /* [n, D], room for the whole list */
    ct_strings id; /* [n], of `ids` */
    ct_string_list ids;
} ct__pictures;

/* Encodes the list's pictures as items of the platform. The first broken ones are named, all are counted, to the
 * observer; CT_ERR_DATA when none could be read. Memory: the vectors, and two blocks of decoded pictures. */
ct_status ct__pictures_encode(ct__pictures *out, const ct_picture_list *list, const ct_session *session,
                              int32_t platform, ct_error *err);
void ct__pictures_free(ct__pictures *p);

#endif

/* Who is the same on several platforms: union-find over all users (or all items), fed by shared keys and link
 * files. */
#ifndef CT_DATA_LINKS_H
#define CT_DATA_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

typedef struct ct__link_key {
    int32_t first;         /* the first node with the key */
    int32_t last_platform; /* of the last node with it */
} ct__link_key;

/* Nodes are numbered from 0 over all platforms. Zero-initialise, then create. */
typedef struct ct__links {
    const char *what;    /* "users" or "items" */
    const char *setting; /* "users.person" or "items.entity" */
    int32_t *parent;     /* [n] */
    size_t n, capacity;
    ct_strmap *keys; /* key text to its place in slots */
    ct__link_key *slots;
    size_t slots_capacity;
    int64_t matches; /* keys that came again on another platform */
    int64_t repeats; /* nodes whose key the same platform already had */
} ct__links;

ct_status ct__links_create(ct__links *links, const char *what, const char *setting, ct_error *err);
void ct__links_free(ct__links *links);
/* Adds the next node, alone. CT_ERR_DATA past 2^31 - 2 nodes. */
ct_status ct__links_add(ct__links *links, ct_error *err);
int32_t ct__links_root(const ct__links *links, int32_t node);
void ct__links_join(ct__links *links, int32_t a, int32_t b);
/* Joins node with the earlier ones that have the same key. */
ct_status ct__links_key(ct__links *links, int32_t node, int32_t platform, const char *key, size_t n,
                        ct_error *err);

struct ct__prepare;

/* After all platforms were read: the link files of the config, then the check that keys and files joined
 * somebody. */
ct_status ct__links_read_files(struct ct__prepare *p, ct_error *err);
ct_status ct__links_check_keys(struct ct__prepare *p, ct_error *err);

#endif

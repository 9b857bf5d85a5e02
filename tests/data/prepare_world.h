/* A configuration by hand, the files it names, what prepare made of them: for the tests of prepare and of the
 * cache. */
#ifndef TESTS_DATA_PREPARE_WORLD_H
#define TESTS_DATA_PREPARE_WORLD_H

#include "data/dataset.h"

/* A configuration with all that it points to. Its files lie in the folder of the test. */
typedef struct world {
    ct_config config;
    ct_config_platform platforms[3];
    char *paths[16];
    int n_paths;
    char cache[512];
    const char *dir;
    ct_prepare_report report;
    ct_error err;
    ct_dataset *data;
} world;

/* Three items of the columns item_id, title, text, category, image. */
#define ITEMS "item_id,title,text,category,image\nx,Red hat,warm,clothes,x.png\ny,Blue hat,,,\nz,,,,\n"

/* An empty configuration over the folder *state (of test_dir_setup); then world_end. */
void world_begin(world *w, void **state);
void world_end(world *w);

/* The path of a file in the folder, as a list for a configuration; lives as long as the world. */
ct_strlist world_file(world *w, const char *name);
void world_write(const world *w, const char *name, const char *text);

/* Adds a platform of three files, NAME-items.csv, NAME-users.csv, NAME-inter.csv; users NULL: no users file.
 */
ct_config_platform *world_platform(world *w, const char *name, const char *items, const char *users,
                                   const char *interactions);
/* Two platforms, shop and video, whose users have a key; two keys match. */
void world_linked(world *w, void **state);

/* Prepares and opens, which must work. */
void world_prepare(world *w);
/* Prepares, which must fail with this status and a message that holds part. */
void world_refuse(world *w, ct_status wanted, const char *part);
/* Frees the report and the dataset, clears the error. */
void world_forget(world *w);

/* The whole of dataset.bin; v is freed with free(). */
typedef struct cache_bytes {
    unsigned char *v;
    size_t n;
} cache_bytes;
cache_bytes world_read_cache(const world *w);
void world_write_cache(const world *w, const void *v, size_t n);
/* Writes b with right checksums, as a hostile writer would; opening it must be refused as wrong in its format, with a
 * message that holds part. */
void world_refuse_cache(const world *w, cache_bytes b, bool verify, const char *part);

/* A user's interactions must be these: "item time weight;" of each. */
void world_expect_user(const world *w, int platform, const char *id, const char *wanted);
/* The tokens of list i must be these, a space between two. */
void world_expect_tokens(const world *w, const ct_token_lists *lists, int64_t i, const char *wanted);

#endif

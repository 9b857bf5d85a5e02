/* Who is on which platform. Persons stand in blocks, one for each set of platforms; a platform's users are the persons
 * of its blocks, in an order of the platform's own, so that user numbers say nothing about persons. */
#include "base/alloc.h"
#include "base/hash.h"
#include "sample.h"

enum { ON_SHOP = 1 << SHOP, ON_VIDEO = 1 << VIDEO, ON_NEWS = 1 << NEWS, N_BLOCKS = 7 };

typedef struct block {
    int platforms;
    int64_t n;
} block;

/* Of a platform's users, 30% are on all three, 15 or 20% on each pair, the rest there alone. */
static void blocks_of(const sample *s, block blocks[N_BLOCKS]) {
    const int64_t n = s->n_users, all = n * 30 / 100, shop_video = n * 20 / 100, with_news = n * 15 / 100;
    const block list[N_BLOCKS] = {{ON_SHOP | ON_VIDEO | ON_NEWS, all},
                                  {ON_SHOP | ON_VIDEO, shop_video},
                                  {ON_SHOP | ON_NEWS, with_news},
                                  {ON_VIDEO | ON_NEWS, with_news},
                                  {ON_SHOP, n - all - shop_video - with_news},
                                  {ON_VIDEO, n - all - shop_video - with_news},
                                  {ON_NEWS, n - all - 2 * with_news}};
    for (int b = 0; b < N_BLOCKS; b++) blocks[b] = list[b];
}

int64_t sample_n_persons(const sample *s) {
    block blocks[N_BLOCKS];
    int64_t n = 0;
    blocks_of(s, blocks);
    for (int b = 0; b < N_BLOCKS; b++) n += blocks[b].n;
    return n;
}

int64_t sample_person_of(const sample *s, int platform, int64_t user) {
    block blocks[N_BLOCKS];
    const ct_rng_key key = ct_rng_key_make(s->seed, (uint64_t)platform, ct_hash_name("users"));
    int64_t slot = (int64_t)ct_permute((uint64_t)user, (uint64_t)s->n_users, key), first = 0;
    blocks_of(s, blocks);
    for (int b = 0; b < N_BLOCKS; b++) {
        if (blocks[b].platforms >> platform & 1) {
            if (slot < blocks[b].n) return first + slot;
            slot -= blocks[b].n;
        }
        first += blocks[b].n;
    }
    return -1; /* not reached: the blocks of a platform hold n_users persons */
}

ct_status sample_users_of(const sample *s, int platform, int32_t **users, ct_error *err) {
    const int64_t n = sample_n_persons(s);
    CT_CHECK(ct_calloc((size_t)n, sizeof **users, (void **)users, err));
    for (int64_t i = 0; i < n; i++) (*users)[i] = -1;
    for (int64_t user = 0; user < s->n_users; user++) (*users)[sample_person_of(s, platform, user)] = (int32_t)user;
    return CT_OK;
}

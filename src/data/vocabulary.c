/* The vocabulary of a run: learnt from the texts that training may read, or taken from a file. */
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "data/prepare_state.h"

static const size_t VOCAB_LIMIT = (size_t)256 << 20; /* bytes of a vocab.txt */

static ct_status feed(ct_vocab_learner *learner, const ct__prepare *p, int64_t ref, ct_error *err) {
    if (ref < 0) return CT_OK;
    const char *text = ct__texts_get(&p->texts, ref);
    return ct_vocab_learner_feed(learner, text, strlen(text), err);
}

/* The literal words of data.user_text: the template without {parts} and [SPECIAL] tokens. They are fed often
 * enough to count, so that the words of the template itself are never unknown. */
static ct_status feed_template(ct_vocab_learner *learner, const ct_config_data *data, ct_error *err) {
    ct_status st = CT_OK;
    ct_str words = {0};
    for (const char *c = data->user_text; *c; c++) {
        const char *close = *c == '{' ? strchr(c, '}') : *c == '[' ? strchr(c, ']') : NULL;
        CT_TRY(ct_str_append(&words, close ? " " : c, 1, err), st, done);
        if (close) c = close;
    }
    for (int64_t i = 0; i < data->vocab_min_count; i++)
        CT_TRY(ct_vocab_learner_feed(learner, ct_str_text(&words), words.length, err), st, done);
done:
    ct_str_free(&words);
    return st;
}

/* How many of a user's interactions, the earliest, are training: reviews of later ones must not be seen. */
static int64_t training_count(const ct__prepare *p, int64_t raw_user) {
    const int64_t begin = p->order_begin[raw_user], end = p->order_begin[raw_user + 1];
    if (p->config->eval.split == CT_SPLIT_LAST) return end - begin >= 3 ? end - begin - 2 : end - begin;
    int64_t k = begin;
    while (k < end && p->inters[p->order[k]].time < p->valid_time) k++;
    return k - begin;
}

static ct_status feed_all(ct_vocab_learner *learner, const ct__prepare *p, ct_error *err) {
    for (int64_t i = 0; i < p->n_items; i++) {
        const ct__raw_item *item = &p->items[p->item_raw[i]];
        CT_CHECK(feed(learner, p, item->title, err));
        CT_CHECK(feed(learner, p, item->category, err));
        CT_CHECK(feed(learner, p, item->text, err));
    }
    for (int64_t u = 0; u < p->n_users; u++) {
        const int32_t raw = p->user_raw[u];
        CT_CHECK(feed(learner, p, p->users[raw].profile, err));
        const int64_t begin = p->order_begin[raw], end = begin + training_count(p, raw);
        for (int64_t k = begin; k < end; k++) CT_CHECK(feed(learner, p, p->inters[p->order[k]].review, err));
    }
    return CT_OK;
}

static ct_status learn(ct__prepare *p, ct_error *err) {
    const ct_config_data *data = &p->config->data;
    ct_status st = CT_OK;
    ct_vocab_learner *learner = NULL;
    CT_TRY(ct_vocab_learner_create(&learner, data->lowercase, err), st, done);
    CT_TRY(feed_template(learner, data, err), st, done);
    CT_TRY(feed_all(learner, p, err), st, done);
    st = ct_vocab_learner_finish(learner, (int32_t)data->vocab_size, (int32_t)data->vocab_min_count,
                                 &p->vocab_bytes, &p->n_vocab_bytes, err);
done:
    ct_vocab_learner_free(learner);
    return st;
}

ct_status ct__prepare_vocabulary(ct__prepare *p, ct_error *err) {
    if (p->vocab.n == 0) return learn(p, err);
    return ct_read_file(p->vocab.v[0].path, VOCAB_LIMIT, &p->vocab_bytes, &p->n_vocab_bytes, err);
}

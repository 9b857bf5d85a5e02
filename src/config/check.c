/* What several keys say together. A rule keeps silent when a key that it needs has a mistake of its own. */
#include "config/load.h"

#include <string.h>

bool ct__is_sound(const ct__load *l, const char *key) {
    char part[128];
    for (size_t n = strcspn(key, "."); n < sizeof part;
         n += 1 + strcspn(key + n + 1, ".")) { /* also of the sections around it */
        memcpy(part, key, n);
        part[n] = 0;
        const ct__node *node = ct__node_find(l->root, part);
        if (!node) return true;
        if (node->bad) return false;
        if (!key[n]) return true;
    }
    return true;
}

ct__node *ct__place_of(const ct__load *l, const char *key, const char *or_key) {
    ct__node *node = ct__node_find(l->root, key);
    if (!node && or_key) node = ct__node_find(l->root, or_key);
    return node ? node : l->root;
}

/* The word of the choice. */
static const char *chosen_word(const ct__key *key, const ct_config *config) {
    unsigned value;
    memcpy(&value, (const char *)config + key->offset, sizeof value);
    for (const ct__choice *c = key->choices; c->word; c++) {
        if (!c->refusal && c->value == value) return c->word;
    }
    return "?";
}

/* May it stand although it has no meaning? Yes, when one of the keys that its meaning depends on lies over it, and so
 * took it along as a choice does, or has a mistake of its own. */
static bool is_excused(const ct__load *l, const ct__key *key, const ct__node *node) {
    for (const char *const *k = key->when_keys; *k; k++) {
        const ct__node *decides = ct__node_find(l->root, *k);
        if (!ct__is_sound(l, *k) || (decides && ct__lies_over(l, decides->source, node->source))) return true;
    }
    return false;
}

/* Keys of the kind that was not chosen, and keys that another one stands instead of. */
static ct_status check_meaning(ct__load *l, int row, const ct__node *map) {
    if (!map || map->kind != CT__NODE_KIND_MAP) return CT_OK;
    for (int i = ct__schema_next(row, -1); i >= 0; i = ct__schema_next(row, i)) {
        const ct__key *key = &ct__schema[i];
        ct__node *node = ct__node_get(map, ct__key_name(key));
        if (!node) continue;
        if (key->type == CT__KEY_TYPE_SECTION) CT_CHECK(check_meaning(l, i, node));
        if (!ct__key_applies(key, l->config)) {
            const ct__key *decides = ct__schema_deciding(key);
            if (key->when_text && !is_excused(l, key, node))
                CT_CHECK(ct__diagnose(l->diags, l->err, node->source, node->key_line, node->key_column, key->path,
                                      "has no meaning without %s; leave it out", key->when_text));
            if (decides && ct__is_sound(l, decides->path))
                CT_CHECK(ct__diagnose(l->diags, l->err, node->source, node->key_line, node->key_column,
                                      key->path, "has no meaning with '%s: %s'; leave it out", decides->path,
                                      chosen_word(decides, l->config)));
        }
        if (key->unless && ct__node_get(map, key->unless))
            CT_CHECK(CT__MISTAKE(l, node, key->path,
                                 "stands beside '%s', which says the same otherwise; keep one", key->unless));
    }
    return CT_OK;
}

static ct_status check_transformer(ct__load *l, const char *side, const ct_config_encoder *e) {
    char heads[64] = "model.", hidden[64];
    if (e->kind != CT_ENCODER_TRANSFORMER) return CT_OK;
    strcat(strcat(heads, side), ".");
    strcpy(hidden, heads);
    strcat(heads, "heads");
    strcat(hidden, "hidden");
    if (!ct__is_sound(l, heads) || !ct__is_sound(l, hidden)) return CT_OK;
    if (e->hidden % e->heads != 0)
        return CT__MISTAKE(l, ct__place_of(l, heads, hidden), heads, "%lld heads do not divide hidden %lld",
                           (long long)e->heads, (long long)e->hidden);
    if (e->hidden / e->heads > 256)
        return CT__MISTAKE(l, ct__place_of(l, heads, hidden), heads,
                           "hidden %lld with %lld heads gives heads of %lld; want at most 256",
                           (long long)e->hidden, (long long)e->heads, (long long)(e->hidden / e->heads));
    return CT_OK;
}

static ct_status check_ids(ct__load *l) {
    const ct_config_model *m = &l->config->model;
    if (!ct__is_sound(l, "model.ids.items") || !ct__is_sound(l, "model.ids.users") ||
        !ct__is_sound(l, "model.ids.history"))
        return CT_OK;
    if (m->id_history > 0 && m->id_items == 0)
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "model.ids.history", NULL), "model.ids.history",
                             "averages the items' id vectors, and there are none; set model.ids.items"));
    if (m->user.kind == CT_ENCODER_NONE && m->id_users == 0 && m->id_history == 0 && m->history == 0 &&
        ct__is_sound(l, "model.user.encoder") && ct__is_sound(l, "model.history"))
        CT_CHECK(CT__MISTAKE(
            l, ct__place_of(l, "model.user.encoder", NULL), "model.user.encoder",
            "'none' leaves nothing that tells users apart; set model.history, model.ids.users or model.ids.history"));
    if (ct_config_n_modalities(m) == 0 && m->id_items == 0 && ct__is_sound(l, "model.item.text") &&
        ct__is_sound(l, "model.item.vectors"))
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "model.item.text", NULL), "model.item.text",
                             "'none' leaves nothing that tells items apart; set model.item.image or model.ids.items, or "
                             "give items vectors"));
    return CT_OK;
}

static ct_status check_pictures(ct__load *l) {
    const ct_config *c = l->config;
    if (c->model.image.kind == CT_IMAGE_NONE || !ct__is_sound(l, "data.picture_size") ||
        !ct__is_sound(l, "model.item.image_size"))
        return CT_OK;
    if (c->data.picture_size < c->model.image.size)
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "data.picture_size", NULL), "data.picture_size",
                             "found %lld, but the image encoder sees %lld pixels; want at least as many",
                             (long long)c->data.picture_size, (long long)c->model.image.size));
    if (c->model.image.batch_norm == CT_BATCH_NORM_FROZEN && !c->model.image.weights &&
        ct__is_sound(l, "model.item.batch_norm"))
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "model.item.batch_norm", NULL), "model.item.batch_norm",
                             "'frozen' takes its statistics from published weights; set model.item.image_weights"));
    return CT_OK;
}

static bool is_given(const ct_config *c, const char *vectors) {
    for (int p = 0; p < c->n_platforms; p++) {
        const ct_config_items *items = &c->platforms[p].items;
        for (int i = 0; i < items->n_vectors; i++)
            if (strcmp(items->vectors[i].name, vectors) == 0) return true;
    }
    return false;
}

static ct_status check_vectors(ct__load *l) {
    const ct_config *c = l->config;
    ct__node *node = ct__node_find(l->root, "model.item.vectors");
    if (!node || !ct__is_sound(l, "model.item.vectors") || !ct__is_sound(l, "platforms")) return CT_OK;
    for (int i = 0; i < c->model.vectors.n; i++)
        if (!is_given(c, c->model.vectors.v[i]))
            CT_CHECK(CT__MISTAKE(l, node, "model.item.vectors",
                                 "'%s' is no modality of any platform; name its file by "
                                 "platforms.NAME.items.vectors.%s",
                                 c->model.vectors.v[i], c->model.vectors.v[i]));
    return CT_OK;
}

static ct_status check_temperature(ct__load *l) {
    const ct_config_loss *loss = &l->config->loss;
    if (!ct__is_sound(l, "loss.temperature.init") || !ct__is_sound(l, "loss.temperature.min") ||
        !ct__is_sound(l, "loss.temperature.max"))
        return CT_OK;
    if (loss->temperature_min > loss->temperature_max)
        return CT__MISTAKE(l, ct__place_of(l, "loss.temperature.min", "loss.temperature.max"),
                           "loss.temperature.min", "min %g is above max %g", loss->temperature_min,
                           loss->temperature_max);
    if (loss->temperature < loss->temperature_min || loss->temperature > loss->temperature_max)
        return CT__MISTAKE(l, ct__place_of(l, "loss.temperature.init", "loss.temperature"),
                           "loss.temperature.init", "init %g is not between min %g and max %g",
                           loss->temperature, loss->temperature_min, loss->temperature_max);
    return CT_OK;
}

static ct_status check_split(ct__load *l) {
    const ct_config_eval *e = &l->config->eval;
    int64_t valid, test;
    if (e->split != CT_SPLIT_TIME) return CT_OK;
    if (!e->valid_time && !e->test_time && ct__is_sound(l, "eval.split.valid") &&
        ct__is_sound(l, "eval.split.test") && !(e->valid + e->test < 1))
        return CT__MISTAKE(l, ct__place_of(l, "eval.split.test", "eval.split.valid"), "eval.split.test",
                           "valid %g and test %g leave nothing for training; want a sum below 1", e->valid,
                           e->test);
    if (e->valid_time && e->test_time && ct_parse_time(e->valid_time, &valid) &&
        ct_parse_time(e->test_time, &test) && valid >= test)
        return CT__MISTAKE(l, ct__place_of(l, "eval.split.valid_time", NULL), "eval.split.valid_time",
                           "'%s' is not before test_time '%s'", e->valid_time, e->test_time);
    return CT_OK;
}

static ct_status check_best(ct__load *l) {
    static const char *const metrics[] = {"recall", "ndcg", "mrr", "hr"};
    const ct_config_eval *e = &l->config->eval;
    bool known = false;
    int64_t k = 0;

    if (!ct__is_sound(l, "eval.best") || !ct__is_sound(l, "eval.at") || !e->best) return CT_OK;
    const size_t n = strcspn(e->best, "@");
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        known |= strlen(metrics[i]) == n && strncmp(metrics[i], e->best, n) == 0;
    ct__node *place = ct__place_of(l, "eval.best", "eval.at");
    if (!known || (e->best[n] == 0 && strcmp(e->best, "mrr") != 0) ||
        (e->best[n] && !ct_parse_i64(e->best + n + 1, &k)))
        return CT__MISTAKE(l, place, "eval.best", "found '%s', want recall@k, ndcg@k, mrr@k, hr@k or mrr",
                           e->best);
    if (e->best[n] == 0) return CT_OK;
    for (int i = 0; i < e->at.n; i++) {
        if (e->at.v[i] == k) return CT_OK;
    }
    return CT__MISTAKE(l, place, "eval.best", "found '%s', and %lld is not in eval.at; add it there", e->best,
                       (long long)k);
}

static ct_status check_rest(ct__load *l) {
    const ct_config *c = l->config;
    const unsigned f32_only = c->export.formats & (CT_EXPORT_FAISS | CT_EXPORT_CSV);
    if (c->export.f16 && f32_only && ct__is_sound(l, "export.formats"))
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "export.dtype", NULL), "export.dtype",
                             "'f16' is for npy and safetensors; %s is written in f32",
                             f32_only & CT_EXPORT_FAISS ? "faiss" : "csv"));
    if (c->train.patience > 0 && c->eval.every == 0)
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "train.patience", NULL), "train.patience",
                             "counts validations, and eval.every is 0; set eval.every"));
    if (!ct__node_get(l->root, "platforms"))
        CT_CHECK(CT__MISTAKE(l, l->root, "platforms", "missing; name at least one platform"));
    else if (c->n_platforms == 0 && ct__is_sound(l, "platforms"))
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "platforms", NULL), "platforms",
                             "empty; name at least one platform"));
    if (c->n_platforms == 1 && (c->links.users.n > 0 || c->links.items.n > 0))
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, "links", NULL), "links",
                             "links join platforms, and there is only one"));
    return CT_OK;
}

ct_status ct__check(ct__load *l) {
    CT_CHECK(check_meaning(l, -1, l->root));
    CT_CHECK(ct__check_weights(l));
    CT_CHECK(check_transformer(l, "user", &l->config->model.user));
    CT_CHECK(check_transformer(l, "item", &l->config->model.item));
    CT_CHECK(check_ids(l));
    CT_CHECK(check_pictures(l));
    CT_CHECK(check_vectors(l));
    CT_CHECK(check_temperature(l));
    CT_CHECK(check_split(l));
    CT_CHECK(check_best(l));
    return check_rest(l);
}

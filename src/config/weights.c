/* model.*.weights: a BERT folder decides the encoder's sizes and the vocabulary. */
#include "config/load.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

enum { MAX_CONFIG_BYTES = 1 << 20 };

typedef struct size_rule {
    const char *json, *key; /* the name in config.json, and ours */
    size_t offset;          /* in ct_config_encoder */
} size_rule;

static const size_rule rules[] = {
    {"num_hidden_layers", "layers", offsetof(ct_config_encoder, layers)},
    {"hidden_size", "hidden", offsetof(ct_config_encoder, hidden)},
    {"num_attention_heads", "heads", offsetof(ct_config_encoder, heads)},
    {"intermediate_size", "ffn", offsetof(ct_config_encoder, ffn)},
};

/* One encoder with weights: its section in the tree and its names. */
typedef struct weights {
    const char *side; /* "user" */
    ct__node *section, *node;
    ct_config_encoder *encoder;
    const char *tokens_key; /* "data.max_user_tokens" */
    int64_t tokens;
} weights;

static ct_status report(ct__load *l, const weights *w, ct__node *node, const char *name,
                        const char *message) {
    char key[64];
    snprintf(key, sizeof key, "model.%s.%s", w->side, name);
    return CT__MISTAKE(l, node, key, "%s", message);
}

/* The whole number from 1 that config.json gives for name; 0 after a mistake was reported. */
static ct_status json_size(ct__load *l, const weights *w, const json_t *json, const char *name,
                           int64_t *value) {
    char message[160];
    const json_t *found = json_object_get(json, name);
    *value = json_is_integer(found) ? json_integer_value(found) : 0;
    if (*value >= 1 && *value <= 1000000) return CT_OK;
    *value = 0;
    snprintf(message, sizeof message,
             "config.json of the weights: '%s' is missing or not a size; want BERT's config.json", name);
    return report(l, w, w->node, "weights", message);
}

/* The folder's size must be one that the key takes. */
static ct_status check_range(ct__load *l, const weights *w, const size_rule *rule, int64_t found, bool *fits) {
    char path[64];
    ct_str message = {0};
    ct_status st;
    snprintf(path, sizeof path, "model.%s.%s", w->side, rule->key);
    const ct__key *key = &ct__schema[ct__schema_find(path)];
    *fits = ct__key_in_range(key, (double)found);
    if (*fits) return CT_OK;
    CT_TRY(ct_str_printf(&message, l->err, "config.json of the weights: %s is %lld; this encoder takes ", rule->json,
                         (long long)found),
           st, done);
    CT_TRY(ct__key_wanted(key, &message, l->err), st, done);
    st = report(l, w, w->node, "weights", ct_str_text(&message));
done:
    ct_str_free(&message);
    return st;
}

static ct_status apply_size(ct__load *l, const weights *w, const json_t *json, const size_rule *rule) {
    int64_t *field = (int64_t *)((char *)w->encoder + rule->offset);
    ct__node *written = ct__node_get(w->section, rule->key);
    int64_t wanted;
    bool fits;

    CT_CHECK(json_size(l, w, json, rule->json, &wanted));
    if (wanted == 0) return CT_OK;
    CT_CHECK(check_range(l, w, rule, wanted, &fits));
    if (!fits) return CT_OK;
    if (written && !written->bad) {
        const bool is_ffn = strcmp(rule->key, "ffn") == 0;
        const int64_t said = is_ffn && *field == 0 ? 4 * w->encoder->hidden : *field;
        if (said != wanted) {
            char message[200];
            snprintf(message, sizeof message, "found %lld, and the weights have %s %lld; leave the key out",
                     (long long)said, rule->json, (long long)wanted);
            CT_CHECK(report(l, w, written, rule->key, message));
        }
    }
    *field = wanted;
    return CT_OK;
}

static ct_status apply_config(ct__load *l, const weights *w, const json_t *json) {
    char message[200];
    int64_t positions;
    const char *activation = json_string_value(json_object_get(json, "hidden_act"));

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) CT_CHECK(apply_size(l, w, json, &rules[i]));
    if (activation && strcmp(activation, "gelu") != 0) {
        snprintf(message, sizeof message,
                 "config.json of the weights: hidden_act is '%.40s'; this encoder computes 'gelu'",
                 activation);
        CT_CHECK(report(l, w, w->node, "weights", message));
    }
    CT_CHECK(json_size(l, w, json, "max_position_embeddings", &positions));
    if (positions > 0 && w->tokens > positions && ct__is_sound(l, w->tokens_key))
        CT_CHECK(CT__MISTAKE(l, ct__place_of(l, w->tokens_key, NULL), w->tokens_key,
                             "%lld tokens, and the weights of model.%s have %lld positions",
                             (long long)w->tokens, w->side, (long long)positions));
    return CT_OK;
}

/* A file that must stand in the folder; *path stays NULL when it does not, which is reported. */
static ct_status require_file(ct__load *l, const weights *w, const char *name, char **path) {
    char key[64];
    *path = NULL;
    CT_CHECK(ct_path_join(w->encoder->weights, name, path, l->err));
    snprintf(key, sizeof key, "model.%s.weights", w->side);
    const size_t before = l->diags->n;
    const ct_status st = ct__check_path(l, w->node, key, *path, CT__PATH_WANT_FILE, false);
    if (st != CT_OK || l->diags->n != before) {
        ct_free(*path);
        *path = NULL;
    }
    return st;
}

static ct_status read_config(ct__load *l, const weights *w, const char *path) {
    ct_error error = CT_ERROR_INIT;
    json_error_t problem;
    char *bytes = NULL, message[512];
    size_t n = 0;
    ct_status st = ct_read_file(path, MAX_CONFIG_BYTES, &bytes, &n, &error);

    if (st == CT_ERR_MEMORY) return ct_fail(l->err, st, "%s", error.text);
    if (st != CT_OK) return report(l, w, w->node, "weights", error.text);
    json_t *json = json_loadb(bytes, n, 0, &problem);
    ct_free(bytes);
    if (!json) {
        snprintf(message, sizeof message, "config.json of the weights, line %d: %s", problem.line,
                 problem.text);
        return report(l, w, w->node, "weights", message);
    }
    st = json_is_object(json)
             ? apply_config(l, w, json)
             : report(l, w, w->node, "weights",
                      "config.json of the weights is not an object; want BERT's config.json");
    json_decref(json);
    return st;
}

/* data.vocab follows the weights; an explicit file stays, since a copy elsewhere may be meant. */
static ct_status apply_vocab(ct__load *l, const weights *w, const char *vocab) {
    ct__node *written = ct__node_find(l->root, "data.vocab");
    const bool is_auto = strcmp(l->config->data.vocab, "auto") == 0;
    if (!written) return is_auto ? ct__set_text(&l->config->data.vocab, vocab, l->err) : CT_OK;
    if (!written->bad && is_auto)
        return CT__MISTAKE(
            l, written, "data.vocab",
            "'auto' learns a vocabulary, and the weights of model.%s have their own; leave the key out",
            w->side);
    return CT_OK;
}

static ct_status check_folder(ct__load *l, const weights *w) {
    char *config = NULL, *tensors = NULL, *vocab = NULL;
    ct_status st;

    CT_TRY(require_file(l, w, "config.json", &config), st, done);
    CT_TRY(require_file(l, w, "model.safetensors", &tensors), st, done);
    CT_TRY(require_file(l, w, "vocab.txt", &vocab), st, done);
    if (config) CT_TRY(read_config(l, w, config), st, done);
    if (vocab) st = apply_vocab(l, w, vocab);
done:
    ct_free(config);
    ct_free(tensors);
    ct_free(vocab);
    return st;
}

/* Two folders of weights must share one vocabulary, since there is one tokenizer. */
static ct_status compare_vocabs(ct__load *l, const weights *a, const weights *b) {
    char *path_a = NULL, *path_b = NULL, *bytes_a = NULL, *bytes_b = NULL;
    size_t n_a = 0, n_b = 0;
    ct_status st;

    CT_TRY(ct_path_join(a->encoder->weights, "vocab.txt", &path_a, l->err), st, done);
    CT_TRY(ct_path_join(b->encoder->weights, "vocab.txt", &path_b, l->err), st, done);
    CT_TRY(ct_read_file(path_a, 0, &bytes_a, &n_a, l->err), st, done);
    CT_TRY(ct_read_file(path_b, 0, &bytes_b, &n_b, l->err), st, done);
    if (n_a != n_b || memcmp(bytes_a, bytes_b, n_a) != 0)
        st = report(l, b, b->node, "weights",
                    "its vocab.txt differs from the one of model.user.weights; both texts are read by one "
                    "vocabulary");
done:
    ct_free(path_a);
    ct_free(path_b);
    ct_free(bytes_a);
    ct_free(bytes_b);
    return st;
}

static bool is_given(const weights *w) {
    return w->encoder->weights && w->node && !w->node->bad;
}

ct_status ct__check_weights(ct__load *l) {
    ct_config *c = l->config;
    weights both[2] = {{.side = "user",
                        .encoder = &c->model.user,
                        .tokens_key = "data.max_user_tokens",
                        .tokens = c->data.max_user_tokens},
                       {.side = "item",
                        .encoder = &c->model.item,
                        .tokens_key = "data.max_item_tokens",
                        .tokens = c->data.max_item_tokens}};
    for (int i = 0; i < 2; i++) {
        weights *w = &both[i];
        w->section = ct__node_find(l->root, i == 0 ? "model.user" : "model.item");
        w->node = w->section ? ct__node_get(w->section, "weights") : NULL;
        if (is_given(w) && w->encoder->kind == CT_ENCODER_TRANSFORMER) CT_CHECK(check_folder(l, w));
    }
    if (is_given(&both[0]) && is_given(&both[1]) && both[0].encoder->kind == both[1].encoder->kind)
        return compare_vocabs(l, &both[0], &both[1]);
    return CT_OK;
}

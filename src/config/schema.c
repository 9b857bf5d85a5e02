/* The table of all configuration keys, in the order in which the reference and the resolved file show them: a section
 * comes before its keys. */
#include "config/schema.h"

#define ROOT(field) offsetof(ct_config, field)
#define PLATFORM(field) offsetof(ct_config_platform, field)
#define GROUP(field) offsetof(ct_config_group, field)
#define COUNT_MAX 1e15 /* far more than any count, and exact in a double */

#define SECTION .type = CT__KEY_TYPE_SECTION, .offset = CT__NOWHERE
#define BOOL(f) .type = CT__KEY_TYPE_BOOL, .offset = (f)
#define INT(f, lo, hi) .type = CT__KEY_TYPE_INT, .offset = (f), .min = (lo), .max = (hi)
#define REAL(f, lo, hi) .type = CT__KEY_TYPE_REAL, .offset = (f), .min = (lo), .max = (hi)
#define TEXT(f) .type = CT__KEY_TYPE_TEXT, .offset = (f)
#define TIME(f) .type = CT__KEY_TYPE_TIME, .offset = (f)
#define PATH(f) .type = CT__KEY_TYPE_PATH, .offset = (f)
#define PATHS(f) .type = CT__KEY_TYPE_PATHS, .offset = (f), .want = CT__PATH_WANT_FILE
#define CHOICE(f, list) .type = CT__KEY_TYPE_CHOICE, .offset = (f), .choices = (list)

/* Keys that have a meaning for some kinds of encoder only. */
#define TRANSFORMER (1u << CT_ENCODER_TRANSFORMER)
#define CNN (1u << CT_ENCODER_CNN)
#define OF_USER(kinds) .when_mask = (kinds), .when_offset = ROOT(model.user.kind)
#define OF_ITEM(kinds) .when_mask = (kinds), .when_offset = ROOT(model.item.kind)
#define OF_IMAGE                                                                                                       \
    .when_mask = 1u << CT_IMAGE_RESNET_SMALL | 1u << CT_IMAGE_RESNET18 | 1u << CT_IMAGE_RESNET34 |                     \
                 1u << CT_IMAGE_RESNET50,                                                                              \
    .when_offset = ROOT(model.image.kind)
#define OF_VECTORS                                                                                                     \
    .when_mask = 1u << CT_CONFIG_GIVEN_YES, .when_offset = ROOT(model.has_vectors), .when_text = "model.item.vectors",  \
    .when_keys = modality_keys
#define OF_SEVERAL_MODALITIES                                                                                          \
    .when_mask = 1u << CT_CONFIG_GIVEN_YES, .when_offset = ROOT(model.has_several),                                    \
    .when_text = "two or more of model.item.text, model.item.image and model.item.vectors", .when_keys = modality_keys
#define OF_TIME_SPLIT .when_mask = 1u << CT_SPLIT_TIME, .when_offset = ROOT(eval.split)

static const char *const modality_keys[] = {"model.item.text", "model.item.image", "model.item.vectors", NULL};

static const ct__choice devices[] = {{"auto", 0, NULL},
                                     {"cpu", 0, NULL},
                                     {"cuda", 0, "this version computes on the CPU only"},
                                     {"gpu", 0, "this version computes on the CPU only"},
                                     {NULL, 0, NULL}};
static const ct__choice vocabs[] = {{"auto", 0, NULL}, {NULL, 0, NULL}};
static const ct__choice similarities[] = {
    {"cosine", CT_SIMILARITY_COSINE, NULL}, {"dot", CT_SIMILARITY_DOT, NULL}, {NULL, 0, NULL}};
static const ct__choice user_encoders[] = {{"transformer", CT_ENCODER_TRANSFORMER, NULL},
                                           {"bert", CT_ENCODER_TRANSFORMER, NULL},
                                           {"none", CT_ENCODER_NONE, NULL},
                                           {"cnn", 0, "a user's text is read by a transformer"},
                                           {NULL, 0, NULL}};
static const ct__choice item_encoders[] = {{"cnn", CT_ENCODER_CNN, NULL},
                                           {"transformer", CT_ENCODER_TRANSFORMER, NULL},
                                           {"bert", CT_ENCODER_TRANSFORMER, NULL},
                                           {"none", CT_ENCODER_NONE, NULL},
                                           {NULL, 0, NULL}};
static const ct__choice images[] = {{"none", CT_IMAGE_NONE, NULL},
                                    {"small", CT_IMAGE_RESNET_SMALL, NULL},
                                    {"resnet18", CT_IMAGE_RESNET18, NULL},
                                    {"resnet34", CT_IMAGE_RESNET34, NULL},
                                    {"resnet50", CT_IMAGE_RESNET50, NULL},
                                    {NULL, 0, NULL}};
static const ct__choice fusions[] = {{"concat", CT_FUSION_CONCAT, NULL},
                                     {"gated", CT_FUSION_GATED, NULL},
                                     {"cross_attention", CT_FUSION_CROSS_ATTENTION, NULL},
                                     {NULL, 0, NULL}};
static const ct__choice vector_scales[] = {
    {"unit", CT_VECTOR_SCALE_UNIT, NULL}, {"none", CT_VECTOR_SCALE_NONE, NULL}, {NULL, 0, NULL}};
static const ct__choice batch_norms[] = {{"sync", CT_BATCH_NORM_SYNC, NULL},
                                         {"local", CT_BATCH_NORM_LOCAL, NULL},
                                         {"frozen", CT_BATCH_NORM_FROZEN, NULL},
                                         {NULL, 0, NULL}};
static const ct__choice pools[] = {
    {"mean", CT_POOL_KIND_MEAN, NULL}, {"cls", CT_POOL_KIND_CLS, NULL}, {NULL, 0, NULL}};
static const ct__choice logqs[] = {{"none", CT_LOGQ_KIND_NONE, NULL},
                                   {"classic", CT_LOGQ_KIND_CLASSIC, NULL},
                                   {"corrected", CT_LOGQ_KIND_CORRECTED, NULL},
                                   {NULL, 0, NULL}};
static const ct__choice negatives[] = {
    {"batch", CT_NEGATIVES_BATCH, NULL}, {"platform", CT_NEGATIVES_PLATFORM, NULL}, {NULL, 0, NULL}};
static const ct__choice precisions[] = {
    {"f32", 0, NULL}, {"bf16", 0, "the CPU device trains in f32"}, {NULL, 0, NULL}};
static const ct__choice schedules[] = {
    {"cosine", CT_SCHEDULE_COSINE, NULL}, {"constant", CT_SCHEDULE_CONSTANT, NULL}, {NULL, 0, NULL}};
static const ct__choice batchings[] = {
    {"mixed", CT_BATCHES_MIXED, NULL}, {"homogeneous", CT_BATCHES_HOMOGENEOUS, NULL}, {NULL, 0, NULL}};
static const ct__choice non_finites[] = {
    {"skip", CT_NON_FINITE_SKIP, NULL}, {"stop", CT_NON_FINITE_STOP, NULL}, {NULL, 0, NULL}};
static const ct__choice splits[] = {{"time", CT_SPLIT_TIME, NULL}, {"last", CT_SPLIT_LAST, NULL}, {NULL, 0, NULL}};
static const ct__choice formats[] = {{"npy", CT_EXPORT_NPY, NULL},
                                     {"safetensors", CT_EXPORT_SAFETENSORS, NULL},
                                     {"faiss", CT_EXPORT_FAISS, NULL},
                                     {"csv", CT_EXPORT_CSV, NULL},
                                     {NULL, 0, NULL}};
static const ct__choice dtypes[] = {
    {"f32", 0, NULL}, {"f16", 1, NULL}, {"int8", 0, "this version exports f32 and f16"}, {NULL, 0, NULL}};

static const ct__map platform_map = {.element_bytes = sizeof(ct_config_platform),
                                     .array = ROOT(platforms),
                                     .count = ROOT(n_platforms),
                                     .name = PLATFORM(name),
                                     .placeholder = "NAME"};
static const ct__map vectors_map = {.element_bytes = sizeof(ct_config_vectors),
                                    .array = PLATFORM(items.vectors),
                                    .count = PLATFORM(items.n_vectors),
                                    .name = offsetof(ct_config_vectors, name),
                                    .placeholder = "MODALITY"};
static const ct__map weight_map = {.element_bytes = sizeof(ct_event_weight),
                                   .array = PLATFORM(interactions.weights),
                                   .count = PLATFORM(interactions.n_weights),
                                   .name = offsetof(ct_event_weight, event),
                                   .any_name = true,
                                   .placeholder = "EVENT"};
static const ct__map group_map = {.element_bytes = sizeof(ct_config_group),
                                  .array = ROOT(train.groups),
                                  .count = ROOT(train.n_groups),
                                  .name = GROUP(prefix),
                                  .any_name = true,
                                  .placeholder = "PREFIX"};
static const ct__map compare_map = {.element_bytes = sizeof(ct_config_compare),
                                    .array = ROOT(eval.compare),
                                    .count = ROOT(eval.n_compare),
                                    .name = offsetof(ct_config_compare, name),
                                    .placeholder = "NAME"};

const ct__key ct__schema[] = {
    {"name", TEXT(ROOT(name)), .computed = "the file's name without its ending",
     .help = "The run's name: letters, digits, and . _ - only, because folders are named after it."},
    {"run_dir", PATH(ROOT(run_dir)), .computed = "runs/NAME in the working directory",
     .help = "Folder of the run: checkpoints, metrics, reports, the resolved configuration."},
    {"extends", PATH(CT__NOWHERE), .want = CT__PATH_WANT_FILE,
     .help = "A base file that is read first; what this file says goes over it, key by key."},
    {"seed", INT(ROOT(seed), 0, COUNT_MAX), .fallback = "1",
     .help = "Of every random draw: weights, batches, dropout, vocabulary ties, bootstrap."},
    {"device", TEXT(ROOT(device)), .choices = devices, .fallback = "auto",
     .help = "Where the model is computed; auto takes the best that is there."},
    {"threads", INT(ROOT(threads), 0, 1024), .fallback = "0", .help = "CPU threads; 0: all cores."},

    {"platforms", .type = CT__KEY_TYPE_MAP, .offset = CT__NOWHERE, .map = &platform_map,
     .help = "The platforms of the run, by name. At least one."},
    {"platforms.*", SECTION,
     .help = "One platform. Its name: letters, digits, _ and -; link files use it as a column."},
    {"platforms.*.from", PATH(PLATFORM(from)), .want = CT__PATH_WANT_FOLDER,
     .help = "A folder with items.*, users.* and interactions.* (csv, tsv or jsonl, also .gz; or RecBole's *.item, "
             "*.user, *.inter). Sections whose path is not given are looked for there."},
    {"platforms.*.items", SECTION, .shorthand = "path", .help = "The item table. A plain text is its path."},
    {"platforms.*.items.path", PATHS(PLATFORM(items.path)), .computed = "found in `from`",
     .help = "File, glob, or a list of them."},
    {"platforms.*.items.id", TEXT(PLATFORM(items.id)), .fallback = "item_id", .help = "Column of the item's id."},
    {"platforms.*.items.title", TEXT(PLATFORM(items.title)), .fallback = "title", .help = "Column of the title."},
    {"platforms.*.items.text", TEXT(PLATFORM(items.text)), .fallback = "text",
     .help = "Column of the description, or a template of columns such as \"{genre} {release_year}\"."},
    {"platforms.*.items.category", TEXT(PLATFORM(items.category)), .fallback = "category",
     .help = "Column of the category."},
    {"platforms.*.items.image", TEXT(PLATFORM(items.image)), .fallback = "image",
     .help = "Column of the picture's file name, relative to the folder of the item file."},
    {"platforms.*.items.entity", TEXT(PLATFORM(items.entity)),
     .help = "Column that names the same thing on other platforms."},
    {"platforms.*.items.vectors", .type = CT__KEY_TYPE_MAP, .offset = CT__NOWHERE, .map = &vectors_map,
     .help = "Precomputed vectors of items, such as audio or video, by modality. Items may lack them."},
    {"platforms.*.items.vectors.*", PATH(offsetof(ct_config_vectors, path)), .want = CT__PATH_WANT_FILE,
     .help = "An .npy file, float32 or float16, a row an item. Its ids stand beside it: FILE.ids.csv or FILE.ids for "
             "FILE.npy; without one the rows are those of the item files."},
    {"platforms.*.users", SECTION, .shorthand = "path", .help = "The user table. A plain text is its path."},
    {"platforms.*.users.path", PATHS(PLATFORM(users.path)), .may_be_empty = true,
     .computed = "found in `from`, or none",
     .help = "File, glob, or a list of them; [] for none. Without it the users are those that the interactions "
             "name."},
    {"platforms.*.users.id", TEXT(PLATFORM(users.id)), .fallback = "user_id", .help = "Column of the user's id."},
    {"platforms.*.users.text", TEXT(PLATFORM(users.text)), .fallback = "text",
     .help = "Column of the profile text, or a template of columns."},
    {"platforms.*.users.person", TEXT(PLATFORM(users.person)),
     .help = "Column that names the same person on other platforms."},
    {"platforms.*.interactions", SECTION, .shorthand = "path",
     .help = "Who chose what, and when. A plain text is its path."},
    {"platforms.*.interactions.path", PATHS(PLATFORM(interactions.path)), .computed = "found in `from`",
     .help = "File, glob, or a list of them."},
    {"platforms.*.interactions.user", TEXT(PLATFORM(interactions.user)), .fallback = "user_id",
     .help = "Column of the user's id."},
    {"platforms.*.interactions.item", TEXT(PLATFORM(interactions.item)), .fallback = "item_id",
     .help = "Column of the item's id."},
    {"platforms.*.interactions.time", TEXT(PLATFORM(interactions.time)), .fallback = "timestamp",
     .help = "Column of the time: seconds since 1970, or ISO 8601."},
    {"platforms.*.interactions.weight", TEXT(PLATFORM(interactions.weight)), .fallback = "weight",
     .help = "Column of the weight; where there is none, a row weighs 1."},
    {"platforms.*.interactions.event", TEXT(PLATFORM(interactions.event)), .fallback = "event",
     .help = "Column of the kind of event, for `weights`."},
    {"platforms.*.interactions.text", TEXT(PLATFORM(interactions.text)), .fallback = "review",
     .help = "Column of the review text."},
    {"platforms.*.interactions.rating", TEXT(PLATFORM(interactions.rating)), .fallback = "rating",
     .help = "Column of the rating, for `min_rating`."},
    {"platforms.*.interactions.min_rating", REAL(PLATFORM(interactions.min_rating), 0, 0),
     .help = "Rows that are rated lower are left out; unset: all are kept."},
    {"platforms.*.interactions.weights", .type = CT__KEY_TYPE_MAP, .offset = CT__NOWHERE, .map = &weight_map,
     .help = "Weight by kind of event. When any is named, an event that is not named is a bad row."},
    {"platforms.*.interactions.weights.*", REAL(offsetof(ct_event_weight, weight), 0, 1e6),
     .help = "0 drops the event."},

    {"links", SECTION, .help = "Who is the same across platforms, by files whose columns are platform names."},
    {"links.users", PATHS(ROOT(links.users)), .help = "Each row names one person by the ids on those platforms."},
    {"links.items", PATHS(ROOT(links.items)), .help = "Each row names one thing by the ids on those platforms."},

    {"data", SECTION, .help = "Preparing the data."},
    {"data.cache", PATH(ROOT(data.cache)), .computed = "RUN_DIR/cache",
     .help = "Folder of the prepared data; runs with the same data settings may share it."},
    {"data.max_bad_rows", INT(ROOT(data.max_bad_rows), -1, COUNT_MAX), .fallback = "100",
     .help = "Bad rows a file before the run stops; -1: any number."},
    {"data.k_core", SECTION, .help = "Rare users and items are left out, repeatedly until none is left."},
    {"data.k_core.users", INT(ROOT(data.k_core_users), 0, 1e6), .fallback = "0",
     .help = "Least interactions of a user; 0: off."},
    {"data.k_core.items", INT(ROOT(data.k_core_items), 0, 1e6), .fallback = "0",
     .help = "Least interactions of an item; 0: off."},
    {"data.vocab", PATH(ROOT(data.vocab)), .choices = vocabs, .fallback = "auto", .want = CT__PATH_WANT_FILE,
     .computed = "auto, or vocab.txt of a `weights` folder",
     .help = "auto: learnt from the texts; or a vocab.txt of WordPiece tokens."},
    {"data.vocab_size", INT(ROOT(data.vocab_size), 100, 1e6), .fallback = "8000", .help = "Tokens, for auto."},
    {"data.vocab_min_count", INT(ROOT(data.vocab_min_count), 1, 1e9), .fallback = "2",
     .help = "A piece must be seen this often, for auto."},
    {"data.lowercase", BOOL(ROOT(data.lowercase)), .fallback = "true",
     .help = "Texts are lower-cased and stripped of accents, as uncased BERT does."},
    {"data.user_text", TEXT(ROOT(data.user_text)), .fallback = "\"{profile} [SEP] {titles:10} [SEP] {reviews:3}\"",
     .help = "What the user tower reads: words, [SEP], {profile}, {titles:N} and {reviews:N} (the latest N)."},
    {"data.max_user_tokens", INT(ROOT(data.max_user_tokens), 3, 4096), .fallback = "64",
     .help = "Of a user's text; [CLS] and [SEP] count."},
    {"data.max_item_tokens", INT(ROOT(data.max_item_tokens), 3, 4096), .fallback = "48",
     .help = "Of an item's text; [CLS] and [SEP] count."},
    {"data.max_title_tokens", INT(ROOT(data.max_title_tokens), 1, 4096), .fallback = "12",
     .help = "Of one title in a user's text."},
    {"data.max_review_tokens", INT(ROOT(data.max_review_tokens), 1, 4096), .fallback = "32",
     .help = "Of one review in a user's text."},
    {"data.picture_size", INT(ROOT(data.picture_size), 0, 1024), .fallback = "0",
     .computed = "model.item.image_size where an image encoder is chosen, else 0",
     .help = "Side in pixels of the square pictures in the cache; 0: none are read."},
    {"data.bucket", INT(ROOT(data.bucket), 1, 65536), .fallback = "256",
     .help = "Packed token counts are rounded up to a multiple of this."},

    {"model", SECTION, .help = "The two towers."},
    {"model.dim", INT(ROOT(model.dim), 1, 8192), .fallback = "64", .help = "Size of the shared space."},
    {"model.similarity", CHOICE(ROOT(model.similarity), similarities), .fallback = "cosine",
     .help = "cosine: both vectors are scaled to length 1; dot: left as they are."},
    {"model.platform_embedding", BOOL(ROOT(model.platform_embedding)), .fallback = "true",
     .help = "One learned vector a platform in each tower."},
    {"model.user", SECTION, .help = "The user's text encoder."},
    {"model.user.encoder", CHOICE(ROOT(model.user.kind), user_encoders), .fallback = "transformer",
     .help = "transformer (bert is the same), or none: then ids carry the user."},
    {"model.user.layers", INT(ROOT(model.user.layers), 1, 96), .fallback = "2", OF_USER(TRANSFORMER),
     .help = "Transformer layers."},
    {"model.user.hidden", INT(ROOT(model.user.hidden), 1, 8192), .fallback = "64", OF_USER(TRANSFORMER),
     .help = "Width of the Transformer; a multiple of heads."},
    {"model.user.heads", INT(ROOT(model.user.heads), 1, 256), .fallback = "2", OF_USER(TRANSFORMER),
     .help = "Attention heads; hidden / heads is at most 256."},
    {"model.user.ffn", INT(ROOT(model.user.ffn), 0, 65536), .fallback = "0", OF_USER(TRANSFORMER),
     .help = "Width of the feed-forward layer; 0: 4 * hidden."},
    {"model.user.pool", CHOICE(ROOT(model.user.pool), pools), .fallback = "mean", OF_USER(TRANSFORMER),
     .help = "The text's vector: the mean over tokens, or the first token's."},
    {"model.user.attention_dropout", REAL(ROOT(model.user.attention_dropout), 0, 1), .below = true, .fallback = "0.1",
     OF_USER(TRANSFORMER), .help = "Dropout of attention weights."},
    {"model.user.weights", PATH(ROOT(model.user.weights)), .want = CT__PATH_WANT_FOLDER, OF_USER(TRANSFORMER),
     .help = "Folder of a BERT model (config.json, model.safetensors, vocab.txt) to start from. It decides layers, "
             "hidden, heads, ffn and data.vocab."},
    {"model.user.dropout", REAL(ROOT(model.user.dropout), 0, 1), .below = true, .fallback = "0.1",
     OF_USER(TRANSFORMER), .help = "Dropout after embeddings and layers."},
    {"model.item", SECTION, .help = "The item's text encoder."},
    {"model.item.text", CHOICE(ROOT(model.item.kind), item_encoders), .fallback = "cnn",
     .help = "cnn, transformer (bert is the same), or none: then picture, vectors or ids carry the item."},
    {"model.item.embed", INT(ROOT(model.item.embed), 1, 4096), .fallback = "64", OF_ITEM(CNN),
     .help = "Size of the token embedding."},
    {"model.item.widths", .type = CT__KEY_TYPE_INTS, .offset = ROOT(model.item.widths), .min = 1, .max = 16,
     .max_count = 16, .fallback = "[1, 2, 3]", OF_ITEM(CNN), .help = "Widths of the filters, in tokens."},
    {"model.item.filters", INT(ROOT(model.item.filters), 1, 4096), .fallback = "64", OF_ITEM(CNN),
     .help = "Filters of each width."},
    {"model.item.layers", INT(ROOT(model.item.layers), 1, 96), .fallback = "2", OF_ITEM(TRANSFORMER),
     .help = "Transformer layers."},
    {"model.item.hidden", INT(ROOT(model.item.hidden), 1, 8192), .fallback = "64", OF_ITEM(TRANSFORMER),
     .help = "Width of the Transformer; a multiple of heads."},
    {"model.item.heads", INT(ROOT(model.item.heads), 1, 256), .fallback = "2", OF_ITEM(TRANSFORMER),
     .help = "Attention heads; hidden / heads is at most 256."},
    {"model.item.ffn", INT(ROOT(model.item.ffn), 0, 65536), .fallback = "0", OF_ITEM(TRANSFORMER),
     .help = "Width of the feed-forward layer; 0: 4 * hidden."},
    {"model.item.pool", CHOICE(ROOT(model.item.pool), pools), .fallback = "mean", OF_ITEM(TRANSFORMER),
     .help = "The text's vector: the mean over tokens, or the first token's."},
    {"model.item.attention_dropout", REAL(ROOT(model.item.attention_dropout), 0, 1), .below = true, .fallback = "0.1",
     OF_ITEM(TRANSFORMER), .help = "Dropout of attention weights."},
    {"model.item.weights", PATH(ROOT(model.item.weights)), .want = CT__PATH_WANT_FOLDER, OF_ITEM(TRANSFORMER),
     .help = "Folder of a BERT model to start from, as for the user."},
    {"model.item.dropout", REAL(ROOT(model.item.dropout), 0, 1), .below = true, .fallback = "0.1",
     OF_ITEM(TRANSFORMER | CNN), .help = "Dropout of the text encoder."},
    {"model.item.image", CHOICE(ROOT(model.image.kind), images), .fallback = "none",
     .help = "Encoder of an item's picture: none, a small ResNet for 32 to 64 pixels, or a published ResNet."},
    {"model.item.image_size", INT(ROOT(model.image.size), 16, 1024), .fallback = "64", OF_IMAGE,
     .help = "Side in pixels of what the image encoder sees."},
    {"model.item.image_weights", PATH(ROOT(model.image.weights)), .want = CT__PATH_WANT_FILE, OF_IMAGE,
     .help = "A .safetensors file with torchvision's names to start from."},
    {"model.item.batch_norm", CHOICE(ROOT(model.image.batch_norm), batch_norms), .fallback = "sync", OF_IMAGE,
     .help = "sync, local: statistics of the batch (of all ranks, of the own); frozen: those of image_weights."},
    {"model.item.augment", SECTION, .help = "Random changes of pictures in training."},
    {"model.item.augment.crop", REAL(ROOT(model.image.crop), 0, 1), .above = true, .fallback = "0.6", OF_IMAGE,
     .help = "Least share of the area that a random resized crop keeps; 1: no crop."},
    {"model.item.augment.flip", BOOL(ROOT(model.image.flip)), .fallback = "true", OF_IMAGE,
     .help = "Mirrors every second picture at random."},
    {"model.item.augment.colour", REAL(ROOT(model.image.colour), 0, 1), .below = true, .fallback = "0.1", OF_IMAGE,
     .help = "c: brightness, contrast and saturation are scaled by random factors from 1 - c to 1 + c; 0: off."},
    {"model.item.vectors", .type = CT__KEY_TYPE_NAMES, .offset = ROOT(model.vectors), .may_be_empty = true,
     .computed = "all that platforms.NAME.items.vectors name",
     .help = "The modalities by precomputed vectors that the tower reads; [] for none."},
    {"model.item.vector_scale", CHOICE(ROOT(model.vector_scale), vector_scales), .fallback = "unit", OF_VECTORS,
     .help = "unit: each precomputed vector is scaled to a root mean square of 1; none: taken as it is."},
    {"model.item.fusion", CHOICE(ROOT(model.fusion), fusions), .fallback = "gated", OF_SEVERAL_MODALITIES,
     .help = "How an item's modalities (text, picture, vectors) become one vector."},
    {"model.item.modality_dropout", REAL(ROOT(model.modality_dropout), 0, 1), .below = true, .fallback = "0.1",
     OF_SEVERAL_MODALITIES,
     .help = "Probability that a modality of an item is hidden in training (never all that it has), so that missing ones "
             "are met."},
    {"model.history", INT(ROOT(model.history), 0, 1000), .fallback = "0",
     .help = "How many of the latest items are averaged into the user tower, each as the item tower saw it last. 0: none."},
    {"model.ids", SECTION, .help = "Embedding tables by id, beside the content. Leave out for content alone."},
    {"model.ids.users", INT(ROOT(model.id_users), 0, 4096), .fallback = "0",
     .help = "Size of a user's (person's) vector; 0: none."},
    {"model.ids.items", INT(ROOT(model.id_items), 0, 4096), .fallback = "0",
     .help = "Size of an item's (entity's) vector; 0: none."},
    {"model.ids.history", INT(ROOT(model.id_history), 0, 1000), .fallback = "0",
     .help = "How many of the latest items' vectors are averaged into the user tower; needs ids.items. 0: none."},
    {"model.ids.dropout", REAL(ROOT(model.id_dropout), 0, 1), .below = true, .fallback = "0.1",
     .help = "Probability that an id is hidden from a row in training, so that cold users and items work."},

    {"loss", SECTION, .help = "InfoNCE over the batch."},
    {"loss.logq", CHOICE(ROOT(loss.logq), logqs), .fallback = "corrected",
     .help = "How the sampling bias towards popular items is taken out."},
    {"loss.negatives", CHOICE(ROOT(loss.negatives), negatives), .fallback = "batch",
     .help = "batch: all items of the batch; platform: those of the pair's platform."},
    {"loss.row_share", REAL(ROOT(loss.row_share), 0, 1), .fallback = "0.5",
     .help = "Weight of user-to-item against item-to-user."},
    {"loss.temperature", SECTION, .shorthand = "init", .help = "Divides the similarities. A plain number is init."},
    {"loss.temperature.init", REAL(ROOT(loss.temperature), 0, 100), .above = true, .fallback = "0.07",
     .help = "Where it starts."},
    {"loss.temperature.learn", BOOL(ROOT(loss.temperature_learn)), .fallback = "true",
     .help = "Whether it is learned."},
    {"loss.temperature.min", REAL(ROOT(loss.temperature_min), 0, 100), .above = true, .fallback = "0.01",
     .help = "It is clamped after each step."},
    {"loss.temperature.max", REAL(ROOT(loss.temperature_max), 0, 100), .above = true, .fallback = "1",
     .help = "It is clamped after each step."},

    {"train", SECTION, .help = "The training loop."},
    {"train.batch", INT(ROOT(train.batch), 2, 1e6), .fallback = "512", .help = "Pairs a step."},
    {"train.epochs", REAL(ROOT(train.epochs), 0, 1e6), .above = true, .fallback = "10",
     .help = "Passes over the training interactions; parts are allowed."},
    {"train.steps", INT(ROOT(train.steps), 0, COUNT_MAX), .fallback = "0",
     .help = "Instead of epochs; 0: from epochs."},
    {"train.lr", REAL(ROOT(train.lr), 0, 100), .above = true, .fallback = "1e-3", .help = "Highest learning rate."},
    {"train.warmup", REAL(ROOT(train.warmup), 0, 1), .below = true, .fallback = "0.05",
     .help = "Share of the steps in which the learning rate rises from 0."},
    {"train.schedule", CHOICE(ROOT(train.schedule), schedules), .fallback = "cosine",
     .help = "The learning rate after the warm-up."},
    {"train.min_lr", REAL(ROOT(train.min_lr), 0, 1), .fallback = "0.05",
     .help = "Share of lr at the end of the cosine."},
    {"train.weight_decay", REAL(ROOT(train.weight_decay), 0, 1), .fallback = "0.01",
     .help = "Of AdamW; biases, norms and the temperature are exempt."},
    {"train.id_lr", REAL(ROOT(train.id_lr), 0, 100), .above = true, .computed = "lr",
     .help = "Learning rate of id tables."},
    {"train.id_decay", REAL(ROOT(train.id_decay), 0, 1), .fallback = "0", .help = "Weight decay of id tables."},
    {"train.betas", .type = CT__KEY_TYPE_PAIR, .offset = ROOT(train.beta1), .min = 0, .max = 1, .below = true,
     .fallback = "[0.9, 0.999]", .help = "AdamW's averages of gradient and squared gradient."},
    {"train.eps", REAL(ROOT(train.eps), 0, 1), .above = true, .fallback = "1e-8", .help = "AdamW's denominator."},
    {"train.clip", REAL(ROOT(train.clip), 0, 1e9), .fallback = "1", .help = "Largest norm of the gradient; 0: off."},
    {"train.batches", CHOICE(ROOT(train.batches), batchings), .fallback = "mixed",
     .help = "mixed: a batch holds pairs of all platforms; homogeneous: of one."},
    {"train.platform_temperature", REAL(ROOT(train.platform_temperature), 0, 1e6), .above = true, .fallback = "1",
     .help = "T: platforms are drawn in proportion to n^(1/T); 1: by size, large: evenly."},
    {"train.part_dropout", REAL(ROOT(train.part_dropout), 0, 1), .below = true, .fallback = "0.1",
     .help = "Probability that a part of the user's text is hidden in training."},
    {"train.non_finite", CHOICE(ROOT(train.non_finite), non_finites), .fallback = "skip",
     .help = "What an update that is not finite does: it is skipped and counted, or the run stops."},
    {"train.patience", INT(ROOT(train.patience), 0, 1e6), .fallback = "0",
     .help = "Validations without a better eval.best before the run stops; 0: never."},
    {"train.log_every", INT(ROOT(train.log_every), 1, 1e9), .fallback = "20",
     .help = "Steps between lines of progress."},
    {"train.prefetch", INT(ROOT(train.prefetch), 1, 64), .fallback = "4", .help = "Batches made ahead."},
    {"train.precision", CHOICE(CT__NOWHERE, precisions), .fallback = "f32", .help = "Of the arithmetic."},
    {"train.checkpoint", SECTION, .help = "Saving the run."},
    {"train.checkpoint.every", REAL(ROOT(train.checkpoint_every), 0, 1e6), .above = true, .unit = "epoch",
     .fallback = "1", .help = "Epochs between checkpoints; parts are allowed."},
    {"train.checkpoint.keep", INT(ROOT(train.checkpoint_keep), 1, 1e6), .fallback = "2",
     .help = "Newest ones that are kept; the best is kept too."},
    {"train.groups", .type = CT__KEY_TYPE_MAP, .offset = CT__NOWHERE, .map = &group_map,
     .help = "Settings for the parameters whose name begins with a prefix (user.encoder); the longest prefix wins."},
    {"train.groups.*", SECTION, .help = "One group of parameters."},
    {"train.groups.*.lr", REAL(GROUP(lr), 0, 100), .computed = "train.lr", .help = "Highest learning rate."},
    {"train.groups.*.decay", REAL(GROUP(decay), 0, 1), .computed = "train.weight_decay", .help = "Weight decay."},
    {"train.groups.*.freeze", BOOL(GROUP(freeze)), .fallback = "false", .help = "Leaves the parameters as they are."},

    {"eval", SECTION, .help = "Splitting and ranking."},
    {"eval.split", SECTION, .shorthand = "method", .help = "What is kept back. A plain word is the method."},
    {"eval.split.method", CHOICE(ROOT(eval.split), splits), .fallback = "time",
     .help = "time: by two moments for everybody; last: each user's last for test, last but one for validation."},
    {"eval.split.valid", REAL(ROOT(eval.valid), 0, 1), .below = true, .above = true, .fallback = "0.1", OF_TIME_SPLIT,
     .unless = "valid_time", .help = "Share of all interactions for validation."},
    {"eval.split.test", REAL(ROOT(eval.test), 0, 1), .below = true, .above = true, .fallback = "0.1", OF_TIME_SPLIT,
     .unless = "test_time", .help = "Share of all interactions for test."},
    {"eval.split.valid_time", TIME(ROOT(eval.valid_time)), OF_TIME_SPLIT,
     .help = "When validation begins, instead of a share."},
    {"eval.split.test_time", TIME(ROOT(eval.test_time)), OF_TIME_SPLIT,
     .help = "When test begins, instead of a share."},
    {"eval.at", .type = CT__KEY_TYPE_INTS, .offset = ROOT(eval.at), .min = 1, .max = 10000, .max_count = 16,
     .fallback = "[10, 50]", .help = "Cut-offs k of the ranking metrics."},
    {"eval.every", REAL(ROOT(eval.every), 0, 1e6), .unit = "epoch", .fallback = "1",
     .help = "Epochs between validations; 0: only at the end."},
    {"eval.best", TEXT(ROOT(eval.best)), .computed = "ndcg@10, or ndcg at the first of eval.at",
     .help = "Metric that picks the best checkpoint, mean over platforms: recall@k, ndcg@k, mrr@k, hr@k with k of "
             "eval.at, or mrr."},
    {"eval.floors", BOOL(ROOT(eval.floors)), .fallback = "true", .help = "Popularity and item-kNN beside the model."},
    {"eval.bootstrap", INT(ROOT(eval.bootstrap), 0, 1e6), .fallback = "1000",
     .help = "Draws for the intervals; 0: no intervals."},
    {"eval.max_users", INT(ROOT(eval.max_users), 0, COUNT_MAX), .fallback = "0",
     .help = "Users a platform, drawn by seed, whom an evaluation asks; 0: all. It takes users times items."},
    {"eval.max_valid_users", INT(ROOT(eval.max_valid_users), 0, COUNT_MAX), .fallback = "2000",
     .help = "Users a platform, drawn by seed, for the validations during training; 0: all."},
    {"eval.compare", .type = CT__KEY_TYPE_MAP, .offset = CT__NOWHERE, .map = &compare_map,
     .help = "Other models' vectors, ranked by the same protocol beside this model."},
    {"eval.compare.*", PATH(offsetof(ct_config_compare, path)), .want = CT__PATH_WANT_FOLDER,
     .help = "Folder of an exported bundle."},

    {"export", SECTION, .help = "The bundle of vectors."},
    {"export.formats", .type = CT__KEY_TYPE_FLAGS, .offset = ROOT(export.formats), .choices = formats,
     .fallback = "[npy]", .help = "One or several."},
    {"export.dtype", .type = CT__KEY_TYPE_SWITCH, .offset = ROOT(export.f16), .choices = dtypes, .fallback = "f32",
     .help = "f16 for npy and safetensors; faiss and csv are f32 and refuse it."},
    {"export.path", PATH(ROOT(export.path)), .computed = "RUN_DIR/export", .help = "Folder of the bundle."},
};

const int ct__n_schema = (int)(sizeof ct__schema / sizeof ct__schema[0]);

_Static_assert(offsetof(ct_config_train, beta2) == offsetof(ct_config_train, beta1) + sizeof(double),
               "a PAIR needs two doubles side by side");
_Static_assert(sizeof(ct_encoder_kind) == sizeof(unsigned), "CHOICE fields are written as unsigned");

/* sample_platforms: writes three small platforms with shared tastes, and the oracle that knows them, for the quickstart,
 * for tests and, scaled up, for measurements. docs/sample-data.md describes the model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/str.h"
#include "sample.h"

static const char usage[] =
    "usage: sample_platforms --out DIR [options]\n"
    "Writes three platforms (shop, video, news) with their oracle into DIR. The same options give the same data.\n"
    "  --seed N       of every random draw (7)\n"
    "  --users N      of each platform (2500)\n"
    "  --items N      of each platform (600)\n"
    "  --scale F      multiplies users and items (1)\n"
    "  --pictures N   side of the items' pictures in pixels, 0: none (64)\n"
    "  --if-stale     does nothing when DIR holds what would be written\n"
    "  --stats        prints what popularity, counting and the oracle reach; writes only with --out\n";

typedef struct options {
    sample s;
    double scale;
    bool if_stale, stats;
} options;

static bool integer(const char *text, int64_t low, int64_t high, int64_t *out) {
    return ct_parse_i64(text, out) && *out >= low && *out <= high;
}

/* NULL, or what is wrong with `name value`; *used is how many arguments it took. */
static const char *take_option(options *o, const char *name, const char *value, int *used) {
    int64_t n = 0;
    *used = 1;
    if (strcmp(name, "--if-stale") == 0) o->if_stale = true;
    else if (strcmp(name, "--stats") == 0) o->stats = true;
    else {
        *used = 2;
        if (!value) return "wants a value, or is no option";
        if (strcmp(name, "--out") == 0) o->s.out = value;
        else if (strcmp(name, "--scale") == 0) {
            if (!ct_parse_f64(value, &o->scale) || !(o->scale > 0) || o->scale > 1e6) return "wants a number in (0, 1e6]";
        } else if (strcmp(name, "--seed") == 0) {
            if (!integer(value, 0, INT64_MAX, &n)) return "wants a whole number, not negative";
            o->s.seed = (uint64_t)n;
        } else if (strcmp(name, "--users") == 0) {
            if (!integer(value, 20, 100000000, &o->s.n_users)) return "wants a whole number from 20 to 100000000";
        } else if (strcmp(name, "--items") == 0) {
            if (!integer(value, 24, 10000000, &o->s.n_items)) return "wants a whole number from 24 to 10000000";
        } else if (strcmp(name, "--pictures") == 0) {
            if (!integer(value, 0, 1024, &n)) return "wants a whole number from 0 to 1024";
            o->s.pictures = (int)n;
        } else {
            return "is no option";
        }
    }
    return NULL;
}

/* Exit status 2 with a message, or 0. */
static int parse(options *o, int argc, char **argv) {
    *o = (options){.s = {.seed = 7, .n_users = 2500, .n_items = 600, .pictures = 64}, .scale = 1};
    for (int i = 1, used = 0; i < argc; i += used) {
        const char *wrong = take_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
        if (!wrong) continue;
        fprintf(stderr, "sample_platforms: %s %s\n%s", argv[i], wrong, usage);
        return 2;
    }
    o->s.n_users = (int64_t)((double)o->s.n_users * o->scale + 0.5);
    o->s.n_items = (int64_t)((double)o->s.n_items * o->scale + 0.5);
    if (o->s.n_users < 20 || o->s.n_users > 100000000 || o->s.n_items < 24 || o->s.n_items > 10000000) {
        fprintf(stderr, "sample_platforms: --scale leads to %" PRId64 " users and %" PRId64 " items of each platform\n",
                o->s.n_users, o->s.n_items);
        return 2;
    }
    if (!o->s.out && !o->stats) {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}

/* What sample.json says when the folder is whole. */
static ct_status stamp_text(const sample *s, ct_str *out, ct_error *err) {
    return ct_str_printf(out, err,
                         "{\"version\": %d, \"seed\": %" PRIu64 ", \"users\": %" PRId64 ", \"items\": %" PRId64
                         ", \"pictures\": %d}\n",
                         SAMPLE_VERSION, s->seed, s->n_users, s->n_items, s->pictures);
}

static bool is_written(const char *path, const ct_str *stamp) {
    char *text = NULL;
    size_t n = 0;
    const bool same = ct_path_exists(path) && ct_read_file(path, 4096, &text, &n, NULL) == CT_OK &&
                      strcmp(text, ct_str_text(stamp)) == 0;
    ct_free(text);
    return same;
}

static ct_status make_folder(const sample *s, const char *name, ct_error *err) {
    char *path = NULL;
    ct_status st = ct_path_join(s->out, name, &path, err);
    if (st == CT_OK) st = ct_make_dirs(path, err);
    ct_free(path);
    return st;
}

static ct_status write_platform(const sample *s, int platform, ct_error *err) {
    ct_status st = CT_OK;
    catalogue *c = NULL;
    counts n = {0};
    CT_TRY(make_folder(s, platform_names[platform], err), st, done);
    CT_TRY(catalogue_create(&c, s, platform, err), st, done);
    CT_TRY(write_items(s, platform, c, &n, err), st, done);
    CT_TRY(write_users(s, platform, &n, err), st, done);
    CT_TRY(write_interactions(s, platform, c, &n, err), st, done);
    CT_TRY(write_pictures(s, platform, c, &n, err), st, done);
    printf("%s/%s: %" PRId64 " items, %" PRId64 " users, %" PRId64 " interactions (%" PRId64 " with a review), %" PRId64
           " pictures\n",
           s->out, platform_names[platform], n.items, n.users, n.interactions, n.reviews, n.pictures);
    fflush(stdout);
done:
    catalogue_free(c);
    return st;
}

static ct_status write_all(const options *o, ct_error *err) {
    ct_status st = CT_OK;
    const sample *s = &o->s;
    ct_str stamp = {0};
    char *path = NULL;
    int64_t n_links = 0;
    CT_TRY(ct_path_join(s->out, "sample.json", &path, err), st, done);
    CT_TRY(stamp_text(s, &stamp, err), st, done);
    if (o->if_stale && is_written(path, &stamp)) {
        printf("%s is up to date\n", s->out);
        goto done;
    }
    CT_TRY(make_folder(s, "oracle", err), st, done);
    unlink(path); /* until all is written, the folder is not whole */
    for (int p = 0; p < N_PLATFORMS; p++) CT_TRY(write_platform(s, p, err), st, done);
    CT_TRY(write_links(s, &n_links, err), st, done);
    CT_TRY(write_oracle(s, err), st, done);
    printf("%s: %" PRId64 " persons, %" PRId64 " links of news readers, oracle of %d dimensions\n", s->out,
           sample_n_persons(s), n_links, (int)N_DIMS);
    st = ct_write_file(path, ct_str_text(&stamp), stamp.length, err);
done:
    ct_str_free(&stamp);
    ct_free(path);
    return st;
}

int main(int argc, char **argv) {
    options o;
    ct_error err = CT_ERROR_INIT;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0) continue;
        fputs(usage, stdout);
        return 0;
    }
    const int wrong = parse(&o, argc, argv);
    if (wrong) return wrong;
    ct_status st = o.s.out ? write_all(&o, &err) : CT_OK;
    if (st == CT_OK && o.stats) st = print_statistics(&o.s, &err);
    if (st != CT_OK) fprintf(stderr, "sample_platforms: %s\n", err.text);
    return st == CT_OK ? 0 : 1;
}

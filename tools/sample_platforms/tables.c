/* The tables of each platform, each in another format: shop CSV, JSON lines and gzipped TSV in several files; video
 * TSV; news JSON lines. */
#include "files.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"

/* "2025-03-01T08:00:00Z" */
static void iso_time(int64_t seconds, char out[32]) {
    struct tm t;
    const time_t at = (time_t)seconds;
    gmtime_r(&at, &t);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &t);
}

static ct_status header(out_file *f, ct_str *row, const char *text, ct_error *err) {
    if (!text) return CT_OK;
    CT_CHECK(ct_str_puts(row, text, err));
    return out_row(f, row, err);
}

/* ---- items ------------------------------------------------------------------------------------------------------ */

typedef struct item_row {
    char id[32], image[64], born[32];
    ct_str title, description[N_LANGUAGES];
} item_row;

/* News give a description as an array of its paragraphs, the others as one text; the shop's may hold a line break. */
static ct_status put_item(const sample *s, int platform, const item *it, const item_row *w, ct_str *row, ct_error *err) {
    const char *category = sample_category(it), *image = s->pictures > 0 ? w->image : "";
    const char *zh = ct_str_text(&w->description[ZH]), *en = ct_str_text(&w->description[EN]);
    if (platform == NEWS) {
        CT_CHECK(put_json(row, "item_id", w->id, err));
        CT_CHECK(put_json(row, "title", ct_str_text(&w->title), err));
        CT_CHECK(put_json(row, "category", category, err));
        CT_CHECK(ct_str_puts(row, ", \"text\": [", err));
        if (*zh) CT_CHECK(json_text(row, zh, err));
        if (*zh && *en) CT_CHECK(ct_str_puts(row, ", ", err));
        if (*en) CT_CHECK(json_text(row, en, err));
        CT_CHECK(ct_str_puts(row, "]", err));
        CT_CHECK(put_json(row, "image", *image ? image : NULL, err));
        CT_CHECK(put_json(row, "published", w->born, err));
        return json_end(row, err);
    }
    ct_str text = {0};
    ct_status st = ct_str_printf(&text, err, "%s%s%s", zh, *zh && *en ? platform == SHOP ? "\n" : " " : "", en);
    const char *cells[6] = {w->id, ct_str_text(&w->title), category, ct_str_text(&text), image, w->born};
    for (int i = 0; i < 6 && st == CT_OK; i++)
        st = platform == SHOP ? put_csv(row, cells[i], err) : put_tsv(row, cells[i], err);
    ct_str_free(&text);
    return st;
}

ct_status write_items(const sample *s, int platform, const catalogue *c, counts *n, ct_error *err) {
    static const char *const names[N_PLATFORMS] = {"items.csv", "items.tsv", "items.jsonl"};
    static const char *const headers[N_PLATFORMS] = {"sku,name,cat,description,photo,on_sale_since",
                                                     "item_id\ttitle\tcategory\ttext\timage\tuploaded", NULL};
    ct_status st = CT_OK;
    out_file *f = NULL;
    ct_str row = {0};
    item_row w = {0};
    CT_TRY(out_open(&f, s, platform, names[platform], err), st, done);
    CT_TRY(header(f, &row, headers[platform], err), st, done);
    for (int64_t i = 0; i < s->n_items; i++) {
        const item *it = catalogue_item(c, i);
        ct_str_clear(&w.title);
        ct_str_clear(&w.description[ZH]);
        ct_str_clear(&w.description[EN]);
        sample_item_id(platform, i, w.id);
        sample_image_path(platform, i, w.image);
        iso_time(it->born, w.born);
        CT_TRY(sample_item_texts(s, platform, i, it, &w.title, w.description, err), st, done);
        CT_TRY(put_item(s, platform, it, &w, &row, err), st, done);
        CT_TRY(out_row(f, &row, err), st, done);
        n->items++;
    }
done:
    ct_str_free(&row);
    ct_str_free(&w.title);
    ct_str_free(&w.description[ZH]);
    ct_str_free(&w.description[EN]);
    return out_close(f, st, err);
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

static ct_status put_user(int platform, const char *id, const char *member, const person *p, const char *profile,
                          ct_str *row, ct_error *err) {
    char age[8];
    snprintf(age, sizeof age, "%d", p->age);
    if (platform == VIDEO) {
        const char *cells[5] = {id, member, *profile ? age : "", *profile ? sample_city(p) : "", profile};
        for (int i = 0; i < 5; i++) CT_CHECK(put_tsv(row, cells[i], err));
        return CT_OK;
    }
    CT_CHECK(put_json(row, platform == SHOP ? "uid" : "user_id", id, err));
    if (platform == SHOP) CT_CHECK(put_json(row, "member_no", member, err));
    CT_CHECK(put_json(row, platform == SHOP ? "bio" : "text", *profile ? profile : NULL, err));
    return json_end(row, err);
}

ct_status write_users(const sample *s, int platform, counts *n, ct_error *err) {
    static const char *const names[N_PLATFORMS] = {"users.jsonl", "users.tsv", "users.jsonl"};
    static const char *const headers[N_PLATFORMS] = {NULL, "user_id\tmember_no\tage\tcity\tinterests", NULL};
    ct_status st = CT_OK;
    out_file *f = NULL;
    ct_str row = {0}, profile = {0};
    CT_TRY(out_open(&f, s, platform, names[platform], err), st, done);
    CT_TRY(header(f, &row, headers[platform], err), st, done);
    for (int64_t user = 0; user < s->n_users; user++) {
        const int64_t number = sample_person_of(s, platform, user);
        const person p = sample_person(s, number);
        char id[32], member[32];
        sample_user_id(platform, user, id);
        snprintf(member, sizeof member, "M%07" PRId64, number + 1);
        ct_str_clear(&profile);
        CT_TRY(sample_profile(s, platform, user, &p, platform != VIDEO, &profile, err), st, done);
        CT_TRY(put_user(platform, id, member, &p, ct_str_text(&profile), &row, err), st, done);
        CT_TRY(out_row(f, &row, err), st, done);
        n->users++;
    }
done:
    ct_str_free(&row);
    ct_str_free(&profile);
    return out_close(f, st, err);
}

ct_status write_links(const sample *s, int64_t *n_rows, ct_error *err) {
    ct_status st = CT_OK;
    out_file *f = NULL;
    ct_str row = {0};
    int32_t *users[N_PLATFORMS] = {NULL, NULL, NULL};
    for (int p = 0; p < N_PLATFORMS; p++) CT_TRY(sample_users_of(s, p, &users[p], err), st, done);
    CT_TRY(out_open(&f, s, -1, "links.csv", err), st, done);
    CT_TRY(header(f, &row, "news,shop,video", err), st, done);
    for (int64_t user = 0; user < s->n_users; user++) {
        const int64_t number = sample_person_of(s, NEWS, user);
        char ids[N_PLATFORMS][32] = {"", "", ""};
        if (users[SHOP][number] < 0 && users[VIDEO][number] < 0) continue;
        /* Whoever has a shop account is linked by it; that account's member number leads on to the video site. */
        const int to = users[SHOP][number] >= 0 ? SHOP : VIDEO;
        sample_user_id(NEWS, user, ids[NEWS]);
        sample_user_id(to, users[to][number], ids[to]);
        CT_TRY(ct_str_printf(&row, err, "%s,%s,%s", ids[NEWS], ids[SHOP], ids[VIDEO]), st, done);
        CT_TRY(out_row(f, &row, err), st, done);
        ++*n_rows;
    }
done:
    for (int p = 0; p < N_PLATFORMS; p++) ct_free(users[p]);
    ct_str_free(&row);
    return out_close(f, st, err);
}

/* ---- interactions ----------------------------------------------------------------------------------------------- */

enum { SHOP_FILES = 3 };

typedef struct inter_row {
    char user[32], item[32];
    int64_t time;
    double strength; /* in (0, 1): how much of it the user wanted */
    ct_str review;
} inter_row;

static ct_status put_interaction(int platform, const inter_row *w, ct_str *row, ct_error *err) {
    const char *review = ct_str_text(&w->review);
    char time[32];
    if (platform == NEWS) {
        iso_time(w->time, time);
        CT_CHECK(put_json(row, "user_id", w->user, err));
        CT_CHECK(put_json(row, "item_id", w->item, err));
        CT_CHECK(put_json(row, "timestamp", time, err));
        if (*review) CT_CHECK(put_json(row, "review", review, err));
        return json_end(row, err);
    }
    if (platform == VIDEO) {
        const int watched = 10 + (int)(w->strength * 91); /* per cent of the film */
        return ct_str_printf(row, err, "%s\t%s\t%" PRId64 "\t%d.%02d\t%s", w->user, w->item, w->time, watched / 100,
                             watched % 100, review);
    }
    const char *event = *review || w->strength > 0.55 ? "buy" : w->strength > 0.35 ? "cart" : "view";
    return ct_str_printf(row, err, "%s\t%s\t%" PRId64 "\t%s\t%s", w->user, w->item, w->time, event, review);
}

static ct_status write_user_choices(const sample *s, int platform, catalogue *c, int64_t user, out_file *f, inter_row *w,
                                    ct_str *row, counts *n, ct_error *err) {
    static const double review_shares[N_PLATFORMS] = {0.35, 0.2, 0.12};
    const int64_t number = sample_person_of(s, platform, user);
    const person p = sample_person(s, number);
    ct_rng r = sample_rng(s, platform, "reviews", user);
    choice choices[MAX_CHOICES];
    double taste[N_DIMS];
    sample_taste(s, platform, number, &p, taste);
    sample_user_id(platform, user, w->user);
    const int n_choices = catalogue_choose(c, user, taste, choices);
    for (int i = 0; i < n_choices; i++) {
        sample_item_id(platform, choices[i].item, w->item);
        w->time = choices[i].time;
        ct_str_clear(&w->review);
        w->strength = ct_rng_f64(&r);
        if (ct_rng_f64(&r) < review_shares[platform]) {
            CT_CHECK(sample_review(platform, &p, catalogue_item(c, choices[i].item), &r, &w->review, err));
            n->reviews++;
        }
        CT_CHECK(put_interaction(platform, w, row, err));
        CT_CHECK(out_row(f, row, err));
        n->interactions++;
    }
    return CT_OK;
}

/* One file with the users of part of n_parts. */
static ct_status write_part(const sample *s, int platform, catalogue *c, const char *name, int part, int n_parts,
                            counts *n, ct_error *err) {
    static const char *const headers[N_PLATFORMS] = {"uid\tsku\tts\tevent\treview",
                                                     "user_id\titem_id\ttimestamp\tweight\treview", NULL};
    ct_status st = CT_OK;
    out_file *f = NULL;
    ct_str row = {0};
    inter_row w = {0};
    CT_TRY(out_open(&f, s, platform, name, err), st, done);
    CT_TRY(header(f, &row, headers[platform], err), st, done);
    for (int64_t user = s->n_users * part / n_parts; user < s->n_users * (part + 1) / n_parts; user++)
        CT_TRY(write_user_choices(s, platform, c, user, f, &w, &row, n, err), st, done);
done:
    ct_str_free(&row);
    ct_str_free(&w.review);
    return out_close(f, st, err);
}

ct_status write_interactions(const sample *s, int platform, catalogue *c, counts *n, ct_error *err) {
    if (platform == VIDEO) return write_part(s, platform, c, "interactions.tsv", 0, 1, n, err);
    if (platform == NEWS) return write_part(s, platform, c, "interactions.jsonl", 0, 1, n, err);
    for (int part = 0; part < SHOP_FILES; part++) {
        char name[32];
        snprintf(name, sizeof name, "events-%d.tsv.gz", part + 1);
        CT_CHECK(write_part(s, platform, c, name, part, SHOP_FILES, n, err));
    }
    return CT_OK;
}

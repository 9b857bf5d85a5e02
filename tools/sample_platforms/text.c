/* Titles, descriptions, reviews, profiles: templates filled with words that the attributes choose. */
#include "words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a letter in braces stands for; NULL is empty. */
typedef struct fillers {
    const char *of[128];
} fillers;

static const char *pick(const char *const *list, ct_rng *r) {
    int n = 0;
    while (list[n]) n++;
    return list[ct_rng_below(r, (uint64_t)n)];
}

/* Length of a mark that introduces what follows it (a colon, a bar, a comma) when text of n bytes is one or, with
 * at_end, ends in one; else 0. */
static size_t mark_length(const char *text, size_t n, bool at_end) {
    static const char *const marks[] = {":", "|", ",", "：", "｜", "，"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const size_t length = strlen(marks[i]);
        if (at_end ? n < length : n != length) continue;
        if (memcmp(text + n - length, marks[i], length) == 0) return length;
    }
    return 0;
}

static size_t character_length(const char *t) {
    size_t n = 1;
    while ((t[n] & 0xC0) == 0x80) n++;
    return n;
}

/* Appends the filled template. Spaces around an empty filler melt into one; marks and spaces that an empty filler
 * leaves at the ends go. */
static ct_status fill(ct_str *out, const char *template, const fillers *f, ct_error *err) {
    const size_t begin = out->length;
    bool space = false;
    for (const char *t = template; *t;) {
        const char *piece = t;
        size_t n = character_length(t);
        if (t[0] == '{') {
            piece = f->of[(unsigned char)t[1] & 127];
            n = piece ? strlen(piece) : 0;
            t += 3;
        } else {
            t += n;
            if (*piece == ' ') space = true;
            if (*piece == ' ' || (out->length == begin && mark_length(piece, n, false))) continue;
        }
        if (n == 0) continue;
        const bool tight = out->length == begin || mark_length(piece, n, false);
        if (space && !(tight && *piece != '|')) CT_CHECK(ct_str_puts(out, " ", err));
        space = false;
        CT_CHECK(ct_str_append(out, piece, n, err));
    }
    for (size_t n; out->length > begin;) {
        n = out->data[out->length - 1] == ' ' ? 1 : mark_length(out->data + begin, out->length - begin, true);
        if (n == 0) break;
        out->length -= n;
        out->data[out->length] = '\0';
    }
    return CT_OK;
}

/* Appends a sentence behind what is there: with a space in English, where a line was begun. */
static ct_status sentence(ct_str *out, int language, const char *template, const fillers *f, ct_error *err) {
    if (language == EN && out->length > 0) CT_CHECK(ct_str_puts(out, " ", err));
    return fill(out, template, f, err);
}

static void fill_style(fillers *f, int platform, int language, int mood, int level, int colour, ct_rng *r) {
    f->of['m'] = pick(mood_words[mood][language], r);
    f->of['l'] = pick(level_words[platform][level][language], r);
    f->of['c'] = colour_words[colour][language];
}

static void fill_topic(fillers *f, int platform, int language, int topic, ct_rng *r) {
    const topic_words *w = &topic_words_of[topic];
    f->of['n'] = pick(w->noun[language], r);
    f->of['a'] = pick(w->aspect[language], r);
    f->of['u'] = pick(w->use[language], r);
    f->of['j'] = pick(judgements[language], r);
    f->of['s'] = pick(subjects[platform][language], r);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

void sample_user_id(int platform, int64_t user, char out[32]) {
    static const char *const forms[N_PLATFORMS] = {"u%" PRId64, "viewer%" PRId64, "r-%" PRId64};
    snprintf(out, 32, forms[platform], 10000 + user);
}

void sample_item_id(int platform, int64_t index, char out[32]) {
    static const char *const forms[N_PLATFORMS] = {"SKU%06" PRId64, "v%06" PRId64, "n%06" PRId64};
    snprintf(out, 32, forms[platform], index + 1);
}

void sample_image_path(int platform, int64_t index, char out[64]) {
    char id[32];
    sample_item_id(platform, index, id);
    snprintf(out, 64, "images/%03" PRId64 "/%s.png", index / 1000, id);
}

const char *sample_category(const item *it) {
    return topic_words_of[it->topic].category[it->languages & 1 << ZH ? ZH : EN];
}

const char *sample_city(const person *p) {
    const size_t n = sizeof city_words / sizeof city_words[0];
    return city_words[p->city % n][p->language];
}

/* ---- items ------------------------------------------------------------------------------------------------------ */

/* The title may leave mood and level out; the description has both. */
static ct_status item_in(int language, int platform, const item *it, const char *model, int brand, ct_rng *r,
                         ct_str *title, ct_str *description, ct_error *err) {
    fillers f = {0};
    fill_topic(&f, platform, language, it->topic, r);
    fill_style(&f, platform, language, it->mood, it->level, it->colour, r);
    f.of['b'] = topic_words_of[it->topic].brand[language][brand];
    f.of['M'] = model;
    const char *mood = f.of['m'], *level = f.of['l'];
    if (ct_rng_f64(r) < 0.3) f.of['m'] = NULL;
    if (ct_rng_f64(r) < 0.4) f.of['l'] = NULL;
    if (title->length > 0) CT_CHECK(ct_str_puts(title, " / ", err));
    CT_CHECK(fill(title, pick(title_templates[platform][language], r), &f, err));
    f.of['m'] = mood;
    f.of['l'] = level;
    f.of['n'] = pick(topic_words_of[it->topic].noun[language], r);
    CT_CHECK(sentence(description, language, pick(mood_templates[language], r), &f, err));
    CT_CHECK(sentence(description, language, pick(level_templates[language], r), &f, err));
    return sentence(description, language, pick(aspect_templates[platform][language], r), &f, err);
}

ct_status sample_item_texts(const sample *s, int platform, int64_t index, const item *it, ct_str *title,
                            ct_str description[N_LANGUAGES], ct_error *err) {
    ct_rng r = sample_rng(s, platform, "item text", index);
    char model[16];
    const int letter = 'A' + (int)ct_rng_below(&r, 26), number = 1 + (int)ct_rng_below(&r, 99);
    snprintf(model, sizeof model, "%c%d", letter, number);
    const int brand = (int)ct_rng_below(&r, 3);
    for (int language = 0; language < N_LANGUAGES; language++) {
        if (!(it->languages >> language & 1)) continue;
        CT_CHECK(item_in(language, platform, it, model, brand, &r, title, &description[language], err));
    }
    return CT_OK;
}

/* ---- people ----------------------------------------------------------------------------------------------------- */

/* The topics loved, in one sentence. */
static ct_status interests(const person *p, ct_rng *r, fillers *f, ct_str *out, ct_error *err) {
    static const char letters[] = "ABD";
    ct_str third = {0};
    ct_status st = CT_OK;
    for (int i = 0; i < p->n_loved; i++)
        f->of[(int)letters[i]] = pick(topic_words_of[p->loved[i]].noun[p->language], r);
    if (p->n_loved == 3) {
        st = ct_str_puts(&third, p->language == ZH ? "，" : ", ", err);
        if (st == CT_OK) st = fill(&third, third_interest[p->language], f, err);
    }
    f->of['C'] = third.data;
    if (st == CT_OK) st = sentence(out, p->language, pick(interest_templates[p->language], r), f, err);
    f->of['C'] = NULL;
    ct_str_free(&third);
    return st;
}

ct_status sample_profile(const sample *s, int platform, int64_t user, const person *p, bool with_facts, ct_str *out,
                         ct_error *err) {
    ct_rng r = sample_rng(s, platform, "profile", user);
    const int language = p->language;
    fillers f = {0};
    char age[8];
    if (ct_rng_f64(&r) < 0.1) return CT_OK; /* a profile that was never filled in */
    snprintf(age, sizeof age, "%d", p->age);
    fill_style(&f, platform, language, p->mood, p->level, p->colour, &r);
    f.of['g'] = age;
    f.of['t'] = sample_city(p);
    CT_CHECK(interests(p, &r, &f, out, err));
    if (ct_rng_f64(&r) < 0.8) CT_CHECK(sentence(out, language, pick(mood_likes[language], &r), &f, err));
    if (ct_rng_f64(&r) < 0.8) CT_CHECK(sentence(out, language, pick(colour_likes[language], &r), &f, err));
    if (ct_rng_f64(&r) < 0.6) CT_CHECK(sentence(out, language, pick(level_likes[language], &r), &f, err));
    if (with_facts) CT_CHECK(sentence(out, language, pick(fact_templates[language], &r), &f, err));
    return CT_OK;
}

ct_status sample_review(int platform, const person *p, const item *it, ct_rng *r, ct_str *out, ct_error *err) {
    const int language = p->language;
    fillers f = {0};
    fill_topic(&f, platform, language, it->topic, r);
    fill_style(&f, platform, language, it->mood, it->level, it->colour, r);
    CT_CHECK(sentence(out, language, pick(review_templates[platform][language], r), &f, err));
    if (ct_rng_f64(r) < 0.25) CT_CHECK(sentence(out, language, pick(mood_remarks[language], r), &f, err));
    if (ct_rng_f64(r) < 0.25) CT_CHECK(sentence(out, language, pick(colour_remarks[language], r), &f, err));
    return CT_OK;
}

/* The words that texts are made of. Lists end in NULL; synonyms stand beside each other. */
#ifndef TOOLS_SAMPLE_PLATFORMS_WORDS_H
#define TOOLS_SAMPLE_PLATFORMS_WORDS_H

#include "sample.h"

typedef struct topic_words {
    const char *noun[N_LANGUAGES][5];
    const char *aspect[N_LANGUAGES][5]; /* what a review judges */
    const char *use[N_LANGUAGES][4];    /* "good for ..." */
    const char *brand[N_LANGUAGES][4];  /* the same brand at the same place */
    const char *category[N_LANGUAGES];  /* coarser than the topic */
} topic_words;

extern const topic_words topic_words_of[N_TOPICS];

extern const char *const mood_words[N_MOODS][N_LANGUAGES][4];
extern const char *const level_words[N_PLATFORMS][N_LEVELS][N_LANGUAGES][4];
extern const char *const colour_words[N_COLOURS][N_LANGUAGES];
extern const char *const judgements[N_LANGUAGES][9];
extern const char *const subjects[N_PLATFORMS][N_LANGUAGES][6];
extern const char *const city_words[9][N_LANGUAGES];

/* Templates: {n} stands for a noun, and so on; text.c lists the letters. */
extern const char *const title_templates[N_PLATFORMS][N_LANGUAGES][5];
extern const char *const aspect_templates[N_PLATFORMS][N_LANGUAGES][5];
extern const char *const mood_templates[N_LANGUAGES][5];
extern const char *const level_templates[N_LANGUAGES][4];
extern const char *const review_templates[N_PLATFORMS][N_LANGUAGES][6];
extern const char *const mood_remarks[N_LANGUAGES][4];
extern const char *const colour_remarks[N_LANGUAGES][4];
extern const char *const fact_templates[N_LANGUAGES][3];
extern const char *const interest_templates[N_LANGUAGES][6];
extern const char *const third_interest[N_LANGUAGES];
extern const char *const colour_likes[N_LANGUAGES][4];
extern const char *const mood_likes[N_LANGUAGES][4];
extern const char *const level_likes[N_LANGUAGES][3];

#endif

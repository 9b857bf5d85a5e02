/* A user's text: a template of literal words and parts, composed from token lists, as of a moment.
 *
 * Template: words, special tokens such as [SEP], and the parts {profile}, {titles:N} (titles of the latest N items,
 * newest first), {reviews:N} (the user's latest N reviews, newest first). Parts are cut from the end when the text
 * would pass data.max_user_tokens; a part that is empty takes the literal words directly before it with it. */
#ifndef CT_DATA_USER_TEXT_H
#define CT_DATA_USER_TEXT_H

#include "data/split.h"

typedef struct ct_user_text ct_user_text; /* immutable: may be shared by threads */

/* Parses the template; CT_ERR_CONFIG names data.user_text, the place in it and what is wanted. */
ct_status ct_user_text_create(ct_user_text **out, const char *text, const ct_tokenizer *tokenizer, ct_error *err);
void ct_user_text_free(ct_user_text *t); /* accepts NULL */

enum { CT_PART_PROFILE = 1, CT_PART_TITLES = 2, CT_PART_REVIEWS = 4, CT_PART_ALL = 7 };

/* Writes at most limit tokens (without [CLS] and the closing [SEP]) to ids and returns how many. parts: which parts are
 * shown (training hides some). */
int ct_user_text_compose(const ct_user_text *t, const ct_dataset *data, const ct_split *split, ct_moment moment,
                         unsigned parts, int limit, int32_t *ids);
/* The same text in words, for people (`recommend` and reports show it). Appends to out. */
ct_status ct_user_text_words(const ct_user_text *t, const ct_dataset *data, const ct_split *split, ct_moment moment,
                             ct_str *out, ct_error *err);

#endif

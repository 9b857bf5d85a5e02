/* What the tests of the page share: the report of a small run, and pages made of it. */
#ifndef CT_TESTS_EVAL_HTML_PAGE_H
#define CT_TESTS_EVAL_HTML_PAGE_H

#include "eval/html_parts.h"
#include "run/session.h"

enum { HTML_SIDE = 130 }; /* of the pictures: more than the page shows */

/* Of html_set_up. */
extern char *html_folder;
extern ct_config *html_config;
extern ct_session html_session;
extern ct_eval_report html_report;

/* cmocka's set-up and tear-down of a group. Every "camera" of the project's texts is markup. */
int html_set_up(void **state);
int html_tear_down(void **state);

/* What a page says about its run. */
ct_html_run html_run_of(const char *metrics);
/* The page of a report, checked; to be freed. */
char *html_page_of(const ct_eval_report *r, const ct_html_run *run);
/* The page must hold this. */
void html_expect(const char *page, const char *says);

/* A picture of HTML_SIDE x HTML_SIDE, drawn by html_draw: red grows to the right, green downwards. */
extern uint8_t html_rgb[HTML_SIDE * HTML_SIDE * 3];
void html_draw(void);
/* For ct_html_run: every second item has that picture. */
const uint8_t *html_picture_of(const ct_dataset *data, int32_t item);

#endif

/* A small project with markup in its texts, trained and evaluated; the pages of its report. */
#include "tests/eval/html_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/eval/html_check.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

char *html_folder;
ct_config *html_config;
ct_session html_session;
ct_eval_report html_report;
uint8_t html_rgb[HTML_SIDE * HTML_SIDE * 3];

/* Every "camera" of the small project becomes markup: in titles, texts, reviews, profiles. */
static void spoil_texts(void) {
    static const char *const files[] = {"shop/items.csv", "shop/users.csv", "shop/interactions.csv", "video/items.csv",
                                        "video/interactions.csv"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[700];
        ct_str spoiled = {0};
        snprintf(path, sizeof path, "%s", test_path(html_folder, files[i]));
        char *text = test_read_text(path), *rest = text;
        for (char *at; (at = strstr(rest, "camera")) != NULL; rest = at + 6) {
            ct_str_append(&spoiled, rest, (size_t)(at - rest), NULL);
            ct_str_puts(&spoiled, "<script>alert('1')</script>&\x01", NULL);
        }
        ct_str_puts(&spoiled, rest, NULL);
        test_write_text(path, ct_str_text(&spoiled));
        ct_str_free(&spoiled);
        free(text);
    }
}

int html_set_up(void **state) {
    ct_error err = CT_ERROR_INIT;
    if (test_dir_setup(state) != 0) return -1;
    html_folder = *state;
    tiny_write(html_folder);
    spoil_texts();
    html_config = tiny_config(html_folder, NULL);
    tiny_train(html_config, NULL);
    if (ct_run_evaluate(html_config, NULL, "test", NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    if (ct_session_open_weights(&html_session, html_config, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    const ct_eval_options options = {.stage = CT_STAGE_TEST, .floors = true, .compare = true, .examples = 3};
    if (ct_evaluate_model(html_session.model, html_session.data, &html_session.split, html_config, &options, NULL, NULL,
                          &html_report, &err) != CT_OK)
        fail_msg("%s", err.text);
    return 0;
}

int html_tear_down(void **state) {
    ct_eval_report_free(&html_report);
    ct_session_close(&html_session);
    ct_config_close(html_config);
    return test_dir_teardown(state);
}

ct_html_run html_run_of(const char *metrics) {
    return (ct_html_run){.weights = "/a folder/<best>.safetensors", .step = 1234567, .n_parameters = 1,
                         .device = ct_device_get_info(html_session.device), .metrics = metrics};
}

char *html_page_of(const ct_eval_report *r, const ct_html_run *run) {
    ct_str page = {0};
    ct_error err = CT_ERROR_INIT;
    if (ct_eval_report_html(r, html_session.data, &html_session.split, html_config, run, &page, &err) != CT_OK)
        fail_msg("%s", err.text);
    char *text = strdup(ct_str_text(&page));
    ct_str_free(&page);
    html_expect_good(text);
    return text;
}

void html_expect(const char *page, const char *says) {
    if (!strstr(page, says)) fail_msg("the page does not say '%s'", says);
}

void html_draw(void) {
    for (int y = 0; y < HTML_SIDE; y++)
        for (int x = 0; x < HTML_SIDE; x++)
            for (int c = 0; c < 3; c++)
                html_rgb[(y * HTML_SIDE + x) * 3 + c] = (uint8_t)(c == 0 ? x : c == 1 ? y : 255 - x);
}

const uint8_t *html_picture_of(const ct_dataset *data, int32_t item) {
    assert_true(item >= 0 && item < data->n_items);
    return item % 2 ? html_rgb : NULL;
}

/* crosstower embed, as its users meet it. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    test_write_text("texts.txt", "智能手机 phone\n\nearphone & <watch>\n");
    test_write_text("texts.csv", "id,text\nx1,红 red\n\"x, 2\",fast\n");
    cli_expect("train run.yaml train.steps=12", 0, "12 steps");
    return 0;
}

static void test_help(void **state) {
    (void)state;
    static const char *const says[] = {"CONFIG", "--texts FILE", "--images DIR|LIST", "--out DIR", "--side user|item", "--platform P",
                                       "--checkpoint FILE", "--quiet"};
    cli_expect("--help", 0, "embed");
    cli_expect("embed --help", 0, "usage: crosstower embed CONFIG");
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        if (!strstr(cli_out, says[i])) cli_fail("embed --help", "does not say", says[i]);
}

static void test_lines(void **state) {
    (void)state;
    cli_expect("embed run.yaml --texts texts.txt --out out/lines", 0, "3 texts, 16 dimensions: out/lines");
    if (!strstr(cli_err, "of platform 'shop'")) cli_fail("embed", "does not say the platform", cli_err);
    if (!strstr(cli_err, "1 of 3 texts are empty")) cli_fail("embed", "does not warn", cli_err);
    char *ids = test_read_text("out/lines/texts.ids.csv");
    assert_string_equal(ids, "platform,id\nshop,1\nshop,2\nshop,3\n");
    free(ids);
    assert_int_equal(cli_count("out/lines", ""), 6); /* ids, four formats, manifest */
    assert_int_equal(cli_count("out", ""), 1);
    cli_expect("inspect out/lines", 0, "vectors of texts");
    cli_expect("embed run.yaml --texts texts.txt --out out/again --platform shop --quiet", 0, "3 texts");
    if (strstr(cli_err, "platform")) cli_fail("embed --quiet", "talks", cli_err);
    cli_same_folder("out/lines", "out/again"); /* the same call, the same bytes */
}

static void test_table_of_items(void **state) {
    (void)state;
    cli_expect("embed run.yaml --texts texts.csv --out items --side item --platform news export.formats=[npy]", 0,
               "2 texts");
    char *ids = test_read_text("items/texts.ids.csv");
    assert_string_equal(ids, "platform,id\nnews,x1\nnews,\"x, 2\"\n");
    free(ids);
    assert_int_equal(cli_count("items", ""), 3);
    cli_expect("embed run.yaml --texts texts.csv --out items --side user export.formats=[npy]", 0, "2 texts");
    cli_expect("inspect items", 0, "\"side\": \"user\"");
}

static void test_wrong_lines(void **state) {
    (void)state;
    static const struct {
        const char *args;
        int code;
        const char *says;
    } cases[] = {
        {"embed run.yaml --out x", 2, "--texts or --images is missing"},
        {"embed run.yaml --texts texts.txt", 2, "--out is missing"},
        {"embed --texts texts.txt --out x", 2, "CONFIG is missing"},
        {"embed run.yaml --texts texts.txt --out x --side usr", 2, "did you mean 'user'"},
        {"embed run.yaml --texts texts.txt --out x --plattform shop", 2, "did you mean '--platform'"},
        {"embed run.yaml --texts texts.txt --out x --platform store", 2, "there are shop, video, news"},
        {"embed run.yaml --texts texts.txt --images . --out x", 2, "want one of the two"},
        {"embed run.yaml --images . --side user --out x", 2, "pictures are items'"},
        {"embed run.yaml --images . --out x", 2, "model.item.image: none"},
        {"embed run.yaml --texts nothing.txt --out x", 1, "nothing.txt"},
        {"embed run.yaml --texts run.yaml/x --out x", 1, "run.yaml/x"},
        {"embed run.yaml --texts shop/goods.csv --out x", 1, "no column 'id'"},
        {"embed run.yaml --texts texts.txt --out shop", 2, "no manifest.json in it"},
        {"embed run.yaml --texts texts.txt --out texts.csv", 2, "texts.csv"},
        {"embed run.yaml --texts texts.txt --out x --checkpoint no.safetensors", 2, "no such file"},
        {"embed run.yaml --texts texts.txt --out x model.dim=24", 2, NULL},
        {"embed run.yaml --texts texts.txt --out x run_dir=elsewhere", 2, "crosstower train"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) cli_expect(cases[i].args, cases[i].code, cases[i].says);
    assert_false(cli_exists("x"));
}

/* A small model that reads pictures, of which the catalogue has none: so it trains on texts. */
static void test_pictures(void **state) {
    (void)state;
    static const uint8_t colours[2][3] = {{255, 0, 0}, {0, 0, 255}};
    cli_mkdir("photos");
    cli_mkdir("photos/sub");
    for (uint32_t i = 0; i < 2; i++) {
        png_image image = {.version = PNG_IMAGE_VERSION, .width = 1, .height = 1, .format = PNG_FORMAT_RGB};
        assert_true(png_image_write_to_file(&image, i ? "photos/sub/blue.PNG" : "photos/red.png", 0, colours[i], 0, NULL));
    }
    test_write_text("photos/broken.jpg", "no picture");
    test_write_text("photos/notes.txt", "not looked at");
    test_write_text("list.txt", "the red one\tphotos/red.png\nphotos/broken.jpg\n");
    test_write_text("bad.txt", "photos/broken.jpg\n");
#define SEES " run_dir=sees model.item.image=small model.item.image_size=16"
    cli_expect("train run.yaml train.steps=4" SEES, 0, "4 steps");
    cli_expect("embed run.yaml --images photos --out seen" SEES, 0, "2 pictures, 16 dimensions: seen");
    if (!strstr(cli_err, "left out, picture: 'photos/broken.jpg'")) cli_fail("embed", "does not name it", cli_err);
    if (!strstr(cli_err, "1 of 3 pictures could not be read")) cli_fail("embed", "does not count", cli_err);
    char *ids = test_read_text("seen/images.ids.csv");
    assert_string_equal(ids, "platform,id\nshop,red.png\nshop,sub/blue.PNG\n");
    free(ids);
    assert_int_equal(cli_count("seen", ""), 6);
    cli_expect("inspect seen", 0, "vectors of pictures");
    cli_expect("embed run.yaml --images list.txt --side item --platform news --out seen" SEES, 0, "1 pictures");
    ids = test_read_text("seen/images.ids.csv");
    assert_string_equal(ids, "platform,id\nnews,the red one\n");
    free(ids);
    cli_expect("embed run.yaml --images bad.txt --out x" SEES, 1, "none of 1 pictures could be read");
    cli_expect("embed run.yaml --images shop --out x" SEES, 1, "no picture in this folder");
    cli_expect("embed run.yaml --images photos --out texts.csv" SEES, 2, "texts.csv");
#undef SEES
    assert_false(cli_exists("x"));
}

static void test_full_disk(void **state) {
    (void)state;
    const cli_how full = {.fault = "3:28"};
    cli_expect("embed run.yaml --texts texts.csv --out full", 0, "2 texts");
    assert_int_equal(cli_run(&full, "embed run.yaml --texts texts.txt --out full"), 1);
    if (!strstr(cli_err, "No space left")) cli_fail("embed", "does not say why", cli_err);
    char *ids = test_read_text("full/texts.ids.csv");
    assert_non_null(strstr(ids, "x1")); /* the old one */
    free(ids);
    assert_int_equal(cli_count(".", "full"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),        cmocka_unit_test(test_lines),     cmocka_unit_test(test_table_of_items),
        cmocka_unit_test(test_wrong_lines), cmocka_unit_test(test_pictures),    cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}

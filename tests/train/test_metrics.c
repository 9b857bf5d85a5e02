/* metrics.jsonl and the TensorBoard events: what is written is read back here with a parser of our own, frame
 * by frame. */
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "train/metrics.h"
#include "train/tfevents.h"

/* ---- reading event files
 * ----------------------------------------------------------------------------------------- */

/* CRC-32C bit by bit, and TFRecord's mask. */
static uint32_t masked_crc(const unsigned char *bytes, size_t n) {
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            const uint32_t top = (c ^ (uint32_t)(bytes[i] >> bit)) & 1u;
            c = (c >> 1) ^ (top ? 0x82F63B78u : 0u);
        }
    c = ~c;
    return ((c >> 15) | (c << 17)) + 0xA282EAD8u;
}

typedef struct event {
    double wall_time;
    int64_t step;
    char version[32], tag[160];
    float value;
    bool has_value;
} event;

/* A protobuf field: number, and its value or its bytes. */
typedef struct field {
    int number, type;
    uint64_t value;
    const unsigned char *bytes;
    size_t n;
} field;

static uint64_t varint(const unsigned char **at, const unsigned char *end) {
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(*at < end && shift < 64);
        v |= (uint64_t)(**at & 127) << shift;
        if (!(*(*at)++ & 128)) return v;
    }
}

static bool next_field(const unsigned char **at, const unsigned char *end, field *f) {
    if (*at == end) return false;
    const uint64_t key = varint(at, end);
    *f = (field){.number = (int)(key >> 3), .type = (int)(key & 7)};
    if (f->type == 0) {
        f->value = varint(at, end);
    } else {
        f->n = f->type == 1 ? 8 : f->type == 5 ? 4 : (size_t)varint(at, end);
        assert_true(f->type == 1 || f->type == 2 || f->type == 5);
        assert_true(f->n <= (size_t)(end - *at));
        f->bytes = *at;
        *at += f->n;
        if (f->type != 2) memcpy(&f->value, f->bytes, f->n);
    }
    return true;
}

static void read_scalar(const unsigned char *at, const unsigned char *end, event *e) {
    field f;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) memcpy(e->tag, f.bytes, f.n);
        if (f.number == 2) {
            assert_int_equal(f.type, 5);
            memcpy(&e->value, &f.value, sizeof e->value);
            e->has_value = true;
        }
    }
}

static event read_event(const unsigned char *at, const unsigned char *end) {
    event e = {0};
    field f, value;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) memcpy(&e.wall_time, &f.value, sizeof e.wall_time);
        if (f.number == 2) e.step = (int64_t)f.value;
        if (f.number == 3) memcpy(e.version, f.bytes, f.n);
        if (f.number != 5) continue;
        const unsigned char *inner = f.bytes, *inner_end = f.bytes + f.n;
        assert_true(next_field(&inner, inner_end, &value) && value.number == 1 && value.type == 2);
        assert_true(inner == inner_end);
        read_scalar(value.bytes, value.bytes + value.n, &e);
    }
    return e;
}

/* All events of the one event file of a folder. */
static int read_events(const char *folder, event *events, int most) {
    char path[1024] = "";
    DIR *dir = opendir(folder);
    for (const struct dirent *d; (d = readdir(dir)) != NULL;)
        if (strstr(d->d_name, "events.out.tfevents."))
            snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
    closedir(dir);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    unsigned char *bytes = (unsigned char *)test_read_text(path), *at = bytes;
    const unsigned char *end = bytes + info.st_size;
    int n = 0;
    while (at < end) {
        uint64_t length;
        uint32_t crc;
        assert_true(end - at >= 16 && n < most);
        memcpy(&length, at, 8);
        memcpy(&crc, at + 8, 4);
        assert_true(crc == masked_crc(at, 8));
        assert_true(length <= (uint64_t)(end - at) - 16);
        memcpy(&crc, at + 12 + length, 4);
        assert_true(crc == masked_crc(at + 12, length));
        events[n++] = read_event(at + 12, at + 12 + length);
        at += 16 + length;
    }
    free(bytes);
    return n;
}

static void crc_of_the_reader(void **state) {
    (void)state;
    /* The known answer of CRC-32C: "123456789" gives e3069283. */
    const uint32_t c = 0xE3069283u;
    assert_true(masked_crc((const unsigned char *)"123456789", 9) == ((c >> 15) | (c << 17)) + 0xA282EAD8u);
}

static void event_files_hold_what_was_given(void **state) {
    ct_tfevents *t = NULL;
    ct_error err = CT_ERROR_INIT;
    event e[8];
    char tag[130];
    memset(tag, 'x', sizeof tag);
    tag[128] = '\0';
    assert_int_equal(ct_tfevents_open(&t, *state, &err), CT_OK);
    assert_int_equal(ct_tfevents_scalar(t, 0, "train/loss", 0.25, &err), CT_OK);
    assert_int_equal(ct_tfevents_scalar(t, 300, tag, -1e30, &err), CT_OK);
    assert_int_equal(ct_tfevents_scalar(t, INT64_MAX, "", NAN, &err), CT_OK);
    tag[128] = 'x';
    tag[129] = '\0';
    assert_int_equal(ct_tfevents_scalar(t, 1, tag, 1.0, &err), CT_ERR_ARGUMENT);
    /* Readers follow a file that is still being written. */
    assert_int_equal(read_events(*state, e, 8), 4);
    ct_tfevents_close(t);
    ct_tfevents_close(NULL);
    assert_string_equal(e[0].version, "brain.Event:2");
    assert_true(!e[0].has_value && e[0].wall_time > 1.5e9);
    assert_string_equal(e[1].tag, "train/loss");
    assert_true(e[1].value == 0.25f && e[1].step == 0 && e[1].has_value);
    assert_true(strlen(e[2].tag) == 128 && e[2].value == -1e30f && e[2].step == 300);
    assert_true(isnan(e[3].value) && e[3].step == INT64_MAX);
    ct_error_clear(&err);
    assert_int_equal(ct_tfevents_open(&t, "/nowhere/at/all", &err), CT_ERR_IO);
    assert_null(t);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

/* ---- the log
 * ------------------------------------------------------------------------------------------------------ */

static ct_metrics_log *open_log(char *folder, int64_t first_step) {
    const ct_config config = {.run_dir = folder};
    ct_metrics_log *log = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_metrics_log_open(&log, &config, first_step, &err) != CT_OK) fail_msg("%s", err.text);
    return log;
}

static json_t *line(char *folder, size_t wanted) {
    char *text = test_read_text(test_path(folder, "metrics.jsonl")), *at = text;
    for (; wanted > 0; wanted--) at = strchr(at, '\n') + 1;
    json_t *row = json_loadb(at, (size_t)(strchr(at, '\n') - at), 0, NULL);
    free(text);
    assert_non_null(row);
    return row;
}

static void lines_and_events_say_the_same(void **state) {
    static const int64_t at[] = {5, 10};
    double recall[] = {0.1, 0.2}, ndcg[] = {0.3, 0.4};
    ct_slice slice = {.name = "all", .model = {.n_users = 3, .recall = recall, .ndcg = ndcg, .mrr = 0.5}};
    ct_platform_report platforms[] = {{.name = "shop", .slices = &slice, .n_slices = 1},
                                      {.name = "video", .slices = &slice, .n_slices = 1}};
    const ct_eval_report report = {.n_at = 2, .at = at, .platforms = platforms, .n_platforms = 2};
    const ct_train_progress p = {.step = 20,
                                 .epoch = 1.5,
                                 .loss = NAN,
                                 .lr = 1e-3,
                                 .temperature = 0.07,
                                 .grad_norm = INFINITY,
                                 .prob_row = 0.5,
                                 .prob_col = 0.25,
                                 .other_mass = 0.125,
                                 .pairs_per_s = 1000,
                                 .tokens_per_s = 50000,
                                 .wait_share = 0.01,
                                 .skipped = 2};
    const ct_train_validation v = {.step = 20, .metric_name = "ndcg@10", .metric = 0.4};
    event e[32];
    ct_metrics_log *log = open_log(*state, 0);
    assert_int_equal(ct_metrics_log_train(log, &p, NULL), CT_OK);
    assert_int_equal(ct_metrics_log_valid(log, &v, &report, NULL), CT_OK);
    ct_metrics_log_close(log);
    ct_metrics_log_close(NULL);
    json_t *train = line(*state, 0), *valid = line(*state, 1);
    assert_string_equal(json_string_value(json_object_get(train, "kind")), "train");
    assert_int_equal(json_integer_value(json_object_get(train, "step")), 20);
    assert_int_equal(json_integer_value(json_object_get(train, "skipped")), 2);
    assert_true(json_is_null(json_object_get(train, "loss")) &&
                json_is_null(json_object_get(train, "grad_norm")));
    assert_true(json_real_value(json_object_get(train, "lr")) == 1e-3);
    assert_string_equal(json_string_value(json_object_get(valid, "kind")), "valid");
    assert_true(json_real_value(json_object_get(valid, "ndcg@10")) == 0.4);
    const json_t *shop = json_object_get(json_object_get(valid, "platforms"), "shop");
    assert_true(json_real_value(json_object_get(shop, "recall@5")) == 0.1);
    assert_true(json_real_value(json_object_get(shop, "mrr")) == 0.5);
    json_decref(train);
    json_decref(valid);
    const int n = read_events(*state, e, 32);
    int losses = 0, valids = 0;
    for (int i = 0; i < n; i++) {
        losses += strcmp(e[i].tag, "train/loss") == 0 && isnan(e[i].value);
        if (strcmp(e[i].tag, "valid/video/ndcg@5") == 0) valids += e[i].value == 0.3f && e[i].step == 20;
    }
    assert_int_equal(n, 1 + 11 + 4);
    assert_true(losses == 1 && valids == 1);
}

static void going_on_trims_what_came_later(void **state) {
    const char *path = test_path(*state, "metrics.jsonl");
    test_write_text(
        path,
        "{\"step\":5,\"kind\":\"train\"}\n{\"kind\":\"valid\",\"step\":10}\n\nnot json\n{\"step\":\"7\"}\n"
        "{\"step\":10}\n{\"step\":11}\n{\"step\":4}\n{\"step\":3");
    ct_metrics_log *log = open_log(*state, 10);
    const ct_train_progress p = {.step = 12};
    assert_int_equal(ct_metrics_log_train(log, &p, NULL), CT_OK);
    ct_metrics_log_close(log);
    char *text = test_read_text(path);
    const char kept[] =
        "{\"step\":5,\"kind\":\"train\"}\n{\"kind\":\"valid\",\"step\":10}\n{\"step\":10}\n{\"step\":4}\n"
        "{\"kind\":\"train\",\"step\":12,";
    assert_memory_equal(text, kept, sizeof kept - 1);
    free(text);
    /* A fresh run keeps nothing of an older one. */
    ct_metrics_log_close(open_log(*state, 0));
    text = test_read_text(path);
    assert_string_equal(text, "");
    free(text);
}

static void a_log_that_cannot_be_opened_says_why(void **state) {
    ct_metrics_log *log = NULL;
    ct_error err = CT_ERROR_INIT;
    test_write_text(test_path(*state, "file"), "");
    const char *inside = test_path(*state, "file/run");
    const ct_config config = {.run_dir = (char *)inside};
    assert_int_equal(ct_metrics_log_open(&log, &config, 0, &err), CT_ERR_IO);
    assert_null(log);
    assert_non_null(strstr(err.text, "/file"));
}

int main(void) {
#define RUN(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_of_the_reader),       RUN(event_files_hold_what_was_given),
        RUN(lines_and_events_say_the_same),        RUN(going_on_trims_what_came_later),
        RUN(a_log_that_cannot_be_opened_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Prepare: users and items that are the same over platforms, by shared keys and by files of links. */
#include <string.h>

#include "tests/data/prepare_world.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void shared_keys(void **state) {
    world w;
    world_linked(&w, state);
    w.platforms[0].items.entity = w.platforms[1].items.entity = "title";
    world_prepare(&w);
    const ct_dataset *d = w.data;
    /* a = d (one platform), b = video's a; c, video's b and c alone. */
    assert_int_equal(d->n_persons, 5);
    assert_int_equal(d->user_person[0], d->user_person[3]);
    assert_int_equal(d->user_person[1], d->user_person[4]);
    assert_int_not_equal(d->user_person[0], d->user_person[1]);
    assert_int_equal(d->person_begin[2] - d->person_begin[1], 2);
    assert_int_equal(d->person_user[d->person_begin[1]], 1);
    assert_int_equal(d->person_user[d->person_begin[1] + 1], 4);
    assert_int_equal(w.report.platforms[0].linked_users, 1);
    assert_int_equal(w.report.platforms[1].linked_users, 1);
    assert_int_equal(d->n_entities, 4);
    assert_int_equal(d->item_entity[0], d->item_entity[3]);
    assert_int_equal(w.report.platforms[0].linked_items, 1);
    world_end(&w);
}

static void shared_keys_zero(void **state) {
    world w;
    world_linked(&w, state);
    world_write(&w, "video-users.csv", "user_id,member\na,8\nb,9\nc,7\n");
    world_refuse(
        &w, CT_ERR_DATA,
        "users.person: zero overlap: no key is the same on two platforms:\n  shop has '1', '2' ... 2 keys"
        "\n  video has '8', '9' ... 3 keys");
    w.platforms[1].users.person = NULL;
    world_refuse(&w, CT_ERR_DATA, "no other platform names such a column");
    world_end(&w);
}

static void link_files(void **state) {
    world w;
    world_linked(&w, state);
    w.platforms[0].users.person = w.platforms[1].users.person = NULL;
    world_write(&w, "links.tsv", "video\tnote\tshop\nb\t\tc\nq\t\ta\nc\t\t\n");
    w.config.links.users = world_file(&w, "links.tsv");
    world_prepare(&w);
    assert_int_equal(w.data->user_person[2], w.data->user_person[5]);
    assert_int_equal(w.data->n_persons, 6);
    assert_int_equal(w.report.platforms[0].linked_users, 1);
    assert_int_equal(w.report.n_first_bad, 1);
    assert_non_null(
        strstr(w.report.first_bad[0], "links.tsv:3: 'q' is not one of the users of platform 'video'"));

    w.config.data.k_core_users = 2; /* nobody has two */
    world_refuse(&w, CT_ERR_DATA, "no interaction is left");
    w.config.data.k_core_users = 0;
    w.config.data.max_bad_rows = 0;
    world_refuse(&w, CT_ERR_DATA, "links.tsv': more than data.max_bad_rows (0)");
    world_write(&w, "links.tsv", "video\tshop\nn1\tk1\nn2\tk2\nn3\tk3\n");
    world_refuse(&w, CT_ERR_DATA,
                 "(links.users): zero overlap: no row names two known users:\n  shop: 3 ids looked up, 0 "
                 "known; the file has "
                 "'k1', 'k2'; the platform has 'a', 'b'\n  video: 3 ids looked up, 0 known; the file has "
                 "'n1', 'n2'; the "
                 "platform has 'a', 'b'");
    world_write(&w, "links.tsv", "video\tship\na\ta\n");
    world_refuse(&w, CT_ERR_DATA,
                 "want a column named after each of two platforms or more; the file has: video, ship");
    world_end(&w);
}

static void links_lost_in_k_core(void **state) {
    world w;
    world_linked(&w, state);
    world_write(&w, "shop-inter.csv", "user_id,item_id\na,x\na,y\nb,x\n");
    world_write(&w, "video-inter.csv", "user_id,item_id\na,m\nb,m\nb,n\n");
    w.config.data.k_core_users = 2;
    world_refuse(&w, CT_ERR_DATA, "zero overlap: none of the linked users is kept");
    world_end(&w);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(shared_keys),
        IN_FOLDER(shared_keys_zero),
        IN_FOLDER(link_files),
        IN_FOLDER(links_lost_in_k_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

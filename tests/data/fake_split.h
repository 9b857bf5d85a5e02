/* The three fake platforms and their split by time, open for all tests of a program: cmocka's set-up and tear-down of the
 * group. */
#ifndef CT_TESTS_FAKE_SPLIT_H
#define CT_TESTS_FAKE_SPLIT_H

#include "data/split.h"
#include "tests/data/fake_dataset.h"

extern fake_dataset fake; /* of the shape fake_three */
extern ct_split split;

int fake_split_set_up(void **state);
int fake_split_tear_down(void **state);

#endif

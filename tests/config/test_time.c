/* Moments in text. */
#include <stdio.h>

#include "tests/support/cmocka.h"

#include "config/config.h"

static const struct {
    const char *text;
    int64_t seconds;
} good[] = {{"1970-01-01", 0},
            {"1969-12-31T23:59:59Z", -1},
            {"2026-10-01", 1790812800},
            {"2026-10-01T12:30:00Z", 1790857800},
            {"2026-10-01 12:30", 1790857800},
            {"2026-10-01 12:30:00+02:00", 1790850600},
            {"2026-10-01T12:30:00.999-0530", 1790877600},
            {"2026-10-01t12:30:00+02", 1790850600},
            {"2000-02-29", 951782400},
            {"2024-02-29", 1709164800},
            {"0000-03-01", -62162035200},
            {"9999-12-31", 253402214400},
            {"2016-12-31T23:59:60Z", 1483228800},
            {"1790812800", 1790812800},
            {"1790812800.75", 1790812800},
            {"-1.5", -1},
            {"1.7e9", 1700000000},
            {"2026", 2026}, /* so many seconds */
            {"0", 0}};

static const char *const bad[] = {"",
                                  "2026-13-01",
                                  "2026-00-01",
                                  "2026-02-29",
                                  "1900-02-29",
                                  "2026-04-31",
                                  "2026-10-32",
                                  "2026-10-",
                                  "2026-1-1",
                                  "2026-10-01x",
                                  "2026-10-01T",
                                  "2026-10-01T12",
                                  "2026-10-01T24:00",
                                  " 2026-10-01",
                                  "2026-10-01T12:60",
                                  "2026-10-01T12:00:61",
                                  "2026-10-01T12:00:00.",
                                  "2026-10-01T12:00:00+",
                                  "yesterday",
                                  "2026-10-01T12:00:00+2",
                                  "2026-10-01T12:00:00Zx",
                                  "2026-10-01T-1:00",
                                  "2026-10-01T12:00+24:00",
                                  "12:30",
                                  "nan",
                                  "inf",
                                  "1e300",
                                  "0x10",
                                  "1e",
                                  "99999999999999999999"};

static void good_times(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t seconds = 12345;
        if (!ct_parse_time(good[i].text, &seconds) || seconds != good[i].seconds)
            fail_msg("'%s' gave %lld, want %lld", good[i].text, (long long)seconds,
                     (long long)good[i].seconds);
    }
}

static void bad_times_leave_the_result_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t seconds = 12345;
        if (ct_parse_time(bad[i], &seconds)) fail_msg("'%s' was taken for a time", bad[i]);
        assert_int_equal(seconds, 12345);
    }
}

/* Every day of two cycles of the calendar follows the one before. */
static void days_follow_each_other(void **state) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    (void)state;
    int64_t before = 0;
    for (int year = 1600; year < 2400; year++) {
        const int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= days[month - 1] + (month == 2 ? leap : 0); day++) {
                char text[48];
                int64_t seconds = 0;
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                assert_true(ct_parse_time(text, &seconds));
                if (before != 0) assert_int_equal(seconds - before, 86400);
                before = seconds;
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_times),
                                       cmocka_unit_test(bad_times_leave_the_result_alone),
                                       cmocka_unit_test(days_follow_each_other)};
    return cmocka_run_group_tests_name("config time", tests, NULL, NULL);
}

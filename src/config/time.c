/* Moments in text: ISO 8601 dates and times, or seconds since 1970. */
#include "config/config.h"

#include <math.h>

/* Reads exactly n digits. */
static bool read_digits(const char **s, int n, int *out) {
    int value = 0;
    for (int i = 0; i < n; i++) {
        const char c = (*s)[i];
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    *s += n;
    *out = value;
    return true;
}

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the leap day comes
 * last. */
static int64_t days_of(int year, int month, int day) {
    const int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* "", "Z", "+02", "+02:00", "-0530": seconds east of UTC, up to the end of the text. */
static bool read_zone(const char *s, int *offset) {
    int hours, minutes = 0;
    const bool west = *s == '-';
    *offset = 0;
    if (*s == 0) return true;
    if (*s == 'Z' || *s == 'z') return s[1] == 0;
    if (*s != '+' && *s != '-') return false;
    s++;
    if (!read_digits(&s, 2, &hours)) return false;
    if (*s == ':') {
        s++;
        if (!read_digits(&s, 2, &minutes)) return false;
    } else if (*s != 0 && !read_digits(&s, 2, &minutes)) {
        return false;
    }
    if (*s != 0 || hours > 23 || minutes > 59) return false;
    *offset = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

/* The part behind the date: "T12:30", "T12:30:00", "T12:30:00.25" and a zone. */
static bool read_clock(const char *s, int64_t *seconds) {
    int hours, minutes, secs = 0, offset;
    if (*s == 0) {
        *seconds = 0;
        return true;
    }
    if (*s != 'T' && *s != 't' && *s != ' ') return false;
    s++;
    if (!read_digits(&s, 2, &hours) || *s != ':') return false;
    s++;
    if (!read_digits(&s, 2, &minutes)) return false;
    if (*s == ':') {
        s++;
        if (!read_digits(&s, 2, &secs)) return false;
        if (*s == '.' || *s == ',') {
            s++;
            if (*s < '0' || *s > '9') return false;
            while (*s >= '0' && *s <= '9') s++;
        }
    }
    if (!read_zone(s, &offset)) return false;
    if (hours > 23 || minutes > 59 || secs > 60) return false; /* 60: a leap second */
    *seconds = (int64_t)hours * 3600 + minutes * 60 + secs - offset;
    return true;
}

bool ct_parse_time(const char *text, int64_t *seconds) {
    static const int month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *s = text;
    int year, month, day;
    int64_t clock;
    double real;

    if (read_digits(&s, 4, &year) && *s == '-') {
        s++;
        if (!read_digits(&s, 2, &month) || *s != '-') return false;
        s++;
        if (!read_digits(&s, 2, &day) || month < 1 || month > 12 || day < 1) return false;
        if (day > month_days[month - 1] + (month == 2 && is_leap(year))) return false;
        if (!read_clock(s, &clock)) return false;
        *seconds = days_of(year, month, day) * 86400 + clock;
        return true;
    }
    if (ct_parse_i64(text, seconds)) return true;
    if (!ct_parse_f64(text, &real) || !(fabs(real) < 9.0e18)) return false;
    *seconds = (int64_t)real;
    return true;
}

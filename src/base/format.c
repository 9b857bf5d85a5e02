/* Formatting that does not follow the process's locale. */
#include "base/format.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

locale_t ct__c_locale(void) {
    pthread_once(&c_locale_once, make_c_locale);
    return c_locale;
}

int ct__vformat(char *out, size_t size, const char *format, va_list args) {
    const locale_t c = ct__c_locale();
    const locale_t before = c ? uselocale(c) : (locale_t)0;
    const int n = vsnprintf(out, size, format, args);
    if (c) uselocale(before);
    return n;
}

void ct__vformat_cut(char *out, size_t size, const char *format, va_list args) {
    const int n = ct__vformat(out, size, format, args);
    if (n < 0) {
        snprintf(out, size, "%s",
                 format); /* an encoding error: the bare format still says what it is about */
        return;
    }
    if ((size_t)n < size) return;
    size_t end = size - 4;
    while (end > 0 && ((unsigned char)out[end] & 0xC0) == 0x80) end--; /* not inside a UTF-8 sequence */
    memcpy(out + end, "...", 4);
}

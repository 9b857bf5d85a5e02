/* Formatting that does not follow the process's locale: a number reads 0.5 whatever the user's decimal sign.
 */
#ifndef CT_BASE_FORMAT_H
#define CT_BASE_FORMAT_H

#include <locale.h>
#include <stdarg.h>
#include <stddef.h>

/* The C locale, made once; (locale_t)0 if the system has no memory for it. */
locale_t ct__c_locale(void);

/* vsnprintf in the C locale. */
int ct__vformat(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The same; a text that does not fit is cut between two characters and ends in "...". size >= 4. */
void ct__vformat_cut(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif

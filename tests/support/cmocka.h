/* cmocka, with the headers that it wants before itself. */
#ifndef CT_TESTS_SUPPORT_CMOCKA_H
#define CT_TESTS_SUPPORT_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif

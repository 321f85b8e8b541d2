/* check.h - expectations that name their case. */
#ifndef EBB_TESTS_CHECK_H
#define EBB_TESTS_CHECK_H

#include "frontend/ebb.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* The value of x prints as `text`; the rest names the case. */
void expect_text(const ebb_tensor *x, const char *text, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* ebb_format says all of it, and how long it is. */
void expect_format(const ebb_tensor *x, const char *text, const char *name);
/* No error so far. */
void expect_ok(ebb_context *ebb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first error has this code and its message contains `part`; then it is cleared. */
void expect_error(ebb_context *ebb, ebb_code code, const char *part, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif

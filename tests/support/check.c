/* check.c - see check.h. */
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>

#define NAME_CASE(name, format)                                                                                        \
    char name[256];                                                                                                    \
    va_list list;                                                                                                      \
    va_start(list, format);                                                                                            \
    vsnprintf(name, sizeof name, format, list);                                                                        \
    va_end(list)

void expect_text(const ebb_tensor *x, const char *text, const char *format, ...) {
    NAME_CASE(name, format);
    char have[512];
    ebb_format_value(x, have, sizeof have);
    cr_expect(strcmp(have, text) == 0, "%s: %s, expected %s", name, have, text);
}

void expect_format(const ebb_tensor *x, const char *text, const char *name) {
    char have[1024];
    size_t length = ebb_format(x, have, sizeof have);
    cr_expect(strcmp(have, text) == 0, "%s: %s, expected %s", name, have, text);
    cr_expect_eq(length, strlen(text), "%s: length %zu", name, length);
}

void expect_ok(ebb_context *ebb, const char *format, ...) {
    NAME_CASE(name, format);
    cr_expect(ebb_ok(ebb), "%s: %s", name, ebb_error(ebb));
}

void expect_error(ebb_context *ebb, ebb_code code, const char *part, const char *format, ...) {
    NAME_CASE(name, format);
    cr_expect(ebb_error_code(ebb) == code && strstr(ebb_error(ebb), part),
              "%s: error %s \"%s\", expected %s with \"%s\"", name, ebb_code_name(ebb_error_code(ebb)), ebb_error(ebb),
              ebb_code_name(code), part);
    ebb_clear_error(ebb);
}

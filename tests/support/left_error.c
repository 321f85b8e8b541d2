/* left_error.c - see left_error.h. */
#include "tests/support/left_error.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void left_error(ebb_context *ebb, ebb_code code, const char *function, const char *what, const char *with,
                const char *file, int line) {
    char at[64];
    const char *error = ebb_error(ebb);
    snprintf(at, sizeof at, "%s:%d", file, line);
    cr_expect_eq(ebb_error_code(ebb), code, "%s, %s: error %s \"%s\", expected %s", what, with,
                 ebb_code_name(ebb_error_code(ebb)), error, ebb_code_name(code));
    if (code != EBB_OK)
        cr_expect(strstr(error, function), "%s, %s: \"%s\" does not name %s", what, with, error, function);
    if (code != EBB_OK && line) cr_expect(strstr(error, at), "%s, %s: \"%s\" does not say %s", what, with, error, at);
    ebb_clear_error(ebb);
}

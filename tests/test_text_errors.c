/* test_text_errors.c - texts that are no programs: errors with line and column, text cut anywhere, any byte wrong,
 * memory that runs out. */
#include "jit/graph/text.h"
#include "tests/support/reprint.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

#define HEAD "func f(%1: f64[3]) {\n"

static const struct {
    const char *text, *message;
} errors[] = {
    {"", "1:1: expected \"func\", found the end"},
    {"  \n ; only a comment", "2:18: expected \"func\", found the end"},
    {"func 3()", "1:6: expected a name, found \"3\""},
    {"func f(%1 f64[])", "1:11: expected \":\", found \"f64\""},
    {"func f(%1: f16[])", "1:12: expected a type such as f64[3], found \"f16\""},
    {"func f(%1: f64[-1])", "1:16: a size is not negative"},
    {"func f(%1: f64[1,1,1,1,1,1,1,1,1])", "1:32: the rank is at most 8"},
    {"func f(%1: f64[9223372036854775808])", "1:16: \"9223372036854775808\" is no i64"},
    {"func f(%1: f64[9223372036854775807,2]) {", "1:8: input: f64[9223372036854775807,2] is too large"},
    {"func f(%2: f64[]) {\n  return }", "1:8: no place for parameter %2: the next id is %1"},
    {HEAD "  return\n}\nfunc f() {\n return }", "4:6: a second function @f"},
    {HEAD "  %2 f64[3] = tanh ]", "2:20: tanh: expected an operand such as %1, found \"]\""},
    {HEAD "  %2 f64[3] = tanh %2", "2:20: tanh: %2 is not defined here"},
    {HEAD "  %2 f64[3] = tanh %0", "2:20: tanh: %0 is not defined here"},
    {HEAD "  %2 f64[3] = tanh %99999999999999999999", "2:20: tanh: this id is too large"},
    {HEAD "  %2 f64[3] = tahn %1", "2:15: unknown operation \"tahn\""},
    {HEAD "  %2 f64[3] = input %1", "2:15: parameters stand in the function's head"},
    {HEAD "  %3 f64[3] = tanh %1", "2:3: the next id is %2, not %3"},
    {HEAD "  %1 f64[3] = tanh %1", "2:3: the next id is %2, not %1"},
    {HEAD "  %2 f64[4] = tanh %1\n return}", "2:6: tanh: its type is f64[3], not f64[4]"},
    {HEAD "  %2 f32[3] = tanh %1\n return}", "2:6: tanh: its type is f64[3], not f32[3]"},
    {HEAD "  %2 () = tanh %1\n return}", "2:6: tanh: its type is f64[3], not a tuple"},
    {HEAD "  %2 f64[3] = add %1\n  return %2\n}", "3:3: add: expected \",\", found \"return\""},
    {HEAD "  %2 f64[3] = tanh %1, %1", "2:22: expected an id such as %1, or \"return\", found \",\""},
    {HEAD "  %2 f64[3] = tanh %1 {axis=1}", "2:23: tanh: it has no attributes"},
    {HEAD "  %2 f64[] = sum %1\n return %2\n}", "3:2: sum: expected \"{\", found \"return\""},
    {HEAD "  %2 f64[] = sum %1 {axis=0}", "2:22: sum: expected the attribute \"axes\", found \"axis\""},
    {HEAD "  %2 f64[] = sum %1 {axes=0}", "2:27: sum: expected \"[\", found \"0\""},
    {HEAD "  %2 f64[] = sum %1 {axes=[0,1,2,3,4,5,6,7,8]}", "2:44: sum: a list has at most 8 numbers"},
    {HEAD "  %2 f64[] = sum %1 {axes=[1.5]}", "2:28: sum: \"1.5\" is no i64"},
    {HEAD "  %2 f64[] = sum %1 {axes=[1]} return }", "2:14: sum: axis 1 is out of range for [3]"},
    {HEAD "  %2 f64[3] = slice %1 {start=[0], step=[1,1]}", "2:24: slice: its lists differ in length"},
    {HEAD "  %2 f32[] = constant 1,5", "2:24: expected an id such as %1, or \"return\", found \",\""},
    {HEAD "  %2 f32[2] = constant [1]", "2:26: constant: expected \",\", found \"]\""},
    {HEAD "  %2 i32[] = constant 2147483648", "2:23: constant: \"2147483648\" is no i32"},
    {HEAD "  %2 i32[] = constant 1.5", "2:23: constant: \"1.5\" is no i32"},
    {HEAD "  %2 f32[] = constant 1e39", "2:23: constant: \"1e39\" is no f32"},
    {HEAD "  %2 f32[] = constant nan", "2:23: constant: \"nan\" is no f32"},
    {HEAD "  %2 f32[] = constant nan(0x7f800000)", "2:23: constant: \"nan(0x7f800000)\" is no f32"},
    {HEAD "  %2 f32[65] = constant [1]", "2:6: constant: it has at most 64 elements"},
    {HEAD "  %2 (f64[]) = call @g %1", "2:22: call: no function @g before this one"},
    {HEAD "  %2 (f64[]) = call @f %1", "2:22: call: no function @f before this one"},
    {HEAD "  %2 f64[] = get %1 {k=0}\n return}", "2:14: get: operand is no tuple"},
    {HEAD "  return %2\n}", "2:10: %2 is not defined here"},
    {HEAD "  return %1", "2:12: expected \"}\", found the end"},
    {HEAD "  return \x01", "2:10: expected a result such as %1, found \"?\""},
    {"func g(%1: f64[]) {\n  return %1\n}\nfunc f(%1: f64[]) {\n  %2 (f32[]) = call @g %1\n return}",
     "5:6: call: its result 0 is f64[], not f32[]"},
    {"func g(%1: f64[]) {\n  return %1\n}\nfunc f(%1: f64[]) {\n  %2 () = call @g %1\n return}",
     "5:6: call: it has 1 results, not 0"},
    {"func g(%1: f64[]) {\n  return %1\n}\nfunc f(%1: f64[]) {\n  %2 (f64[]) = call @g %1, %1\n return}",
     "5:16: call: g takes 1 arguments, got 2"},
    {"func g(%1: f64[]) {\n  return %1\n}\nfunc f(%1: f64[]) {\n  %2 (f64[]) = call @g %1\n return %2}",
     "6:9: a tuple is no result: take its parts with get"},
    {"func \"f", "1:6: expected a name, found \"\"\""},
    {"func \"\\x00\"()", "1:6: this name is longer than 4096 bytes or has a wrong escape"},
};

Test(text, errors_say_where) {
    for (int i = 0; i < COUNT(errors); i++) {
        ebb_diag diag = {0};
        ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, errors[i].text, strlen(errors[i].text), &diag);
        cr_expect_null(m, "%s\nis accepted", errors[i].text);
        cr_expect_eq(diag.code, EBB_DATA_ERROR, "%s\ngives code %d", errors[i].text, diag.code);
        cr_expect_str_eq(diag.message, errors[i].message, "%s\ngives   %s\nand not %s", errors[i].text, diag.message,
                         errors[i].message);
        ebb_module_free(m);
    }
}

/* Everything that the notation has, in one text. */
static const char everything[] =
    "func pair(%1: f32[2], %2: f32[2]) {\n  %3 f32[2] = add %1, %2                  ; p.c:1\n  return %3, absent\n}\n\n"
    "func \"the rest\"(%1: f32[2], %3: i32[]) {\n"
    "  %2 (f32[2], absent) = call @pair %1, %1 ; a\\\\b.c:12\n"
    "  %4 f32[2] = get %2 {k=0}\n  %5 f32[2] = constant [-1.5e-10, nan(0x7fc00001)]\n"
    "  %6 f32[4] = pad %5 {low=[1], high=[1], gap=[0]}\n  %7 f32[2] = slice %6 {start=[0], step=[2]}\n"
    "  %8 f32[3,2] = broadcast %7 {axes=[1]}\n  %9 bool[] = constant true\n  return %8, %4\n}\n";

/* A part of a text is a shorter module, if it ends between two functions, or an error; never a crash, never a leak. */
Test(text, cut_at_every_byte) {
    scarce m = {.left = INT64_MAX};
    ebb_allocator a = scarce_allocator(&m);
    int shorter = 0;
    for (size_t n = 0; n < sizeof everything - 1; n++) {
        char *part = malloc(n ? n : 1); /* of its own, so that a sanitizer sees a read past its end */
        memcpy(part, everything, n);
        ebb_diag diag = {0};
        ebb_module *module = ebb_module_parse(&a, part, n, &diag);
        int line, column;
        shorter += module != NULL;
        if (!module) {
            cr_expect_eq(diag.code, EBB_DATA_ERROR, "%zu bytes: code %d, %s", n, diag.code, diag.message);
            cr_expect_eq(sscanf(diag.message, "%d:%d: ", &line, &column), 2, "%zu bytes: %s", n, diag.message);
        }
        ebb_module_free(module);
        free(part);
        cr_assert_eq(m.live, 0, "%zu bytes: %d blocks leak", n, (int)m.live);
    }
    /* Cut behind the first function, its newline, the empty line, and before the last newline. */
    cr_expect_eq(shorter, 4, "%d parts are modules", shorter);
}

/* Any byte of a text may be any other: an error or another program, never a crash. */
Test(text, any_byte_wrong) {
    scarce m = {.left = INT64_MAX};
    ebb_allocator a = scarce_allocator(&m);
    const char wrong[] = {0, ' ', '%', '9', '[', '"', ';', 'n', '-', '\n', '\\', (char)0x80};
    for (size_t i = 0; i < sizeof everything - 1; i++)
        for (size_t k = 0; k < sizeof wrong; k++) {
            char *text = strdup(everything);
            text[i] = wrong[k];
            ebb_diag diag = {0};
            char *again = reprint(&a, text, sizeof everything - 1, &diag);
            cr_expect(again || diag.code != EBB_OK, "byte %zu as %d: no error", i, wrong[k]);
            free(again);
            free(text);
            cr_assert_eq(m.live, 0, "byte %zu as %d: leak", i, wrong[k]);
        }
}

Test(text, any_allocation_may_fail) {
    for (long k = 0;; k++) {
        scarce m = {.left = k};
        ebb_allocator a = scarce_allocator(&m);
        ebb_diag diag = {0};
        char *again = reprint(&a, everything, sizeof everything - 1, &diag);
        cr_assert_eq(m.live, 0, "allocation %ld: %d blocks leak", k, (int)m.live);
        if (again) {
            cr_expect_str_eq(again, everything, "%s", again);
            cr_expect_gt(k, 20, "only %ld allocations were tried", k);
            free(again);
            return;
        }
        cr_assert_eq(diag.code, EBB_NO_MEMORY, "allocation %ld: code %d, %s", k, diag.code, diag.message);
    }
}

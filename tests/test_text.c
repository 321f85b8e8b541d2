/* test_text.c - the text form: golden texts, the fixed point of printing and parsing. What is no program is in
 * test_text_errors.c. */
#include "jit/graph/build.h"
#include "jit/graph/notation.h"
#include "jit/graph/text.h"
#include "tests/support/comma.h"
#include "tests/support/reprint.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- golden texts ---- */

static const ebb_type f64_scalar = {EBB_F64, {0}};

static ebb_type vector(ebb_dtype d, int64_t n) { return (ebb_type){d, {1, {n}}}; }

static ebb_type matrix(ebb_dtype d, int64_t m, int64_t n) { return (ebb_type){d, {2, {m, n}}}; }

static ebb_id input(ebb_graph *g, ebb_type type) { return ebb_add_input(g, type, (ebb_site){0}); }

/* Records one operation with up to three operands and the attributes given. */
static ebb_id rec(ebb_graph *g, ebb_op op, ebb_type asked, int nattr, const int64_t *attr, int narg, const ebb_id *x) {
    return ebb_record(g, &(ebb_application){op, nattr, attr, asked, {0}}, narg, x);
}

static ebb_id rec1(ebb_graph *g, ebb_op op, ebb_id x) { return rec(g, op, (ebb_type){0}, 0, NULL, 1, &x); }

static ebb_id rec2(ebb_graph *g, ebb_op op, ebb_id x, ebb_id y) {
    return rec(g, op, (ebb_type){0}, 0, NULL, 2, (ebb_id[]){x, y});
}

static void golden_loss(ebb_graph *g) {
    ebb_id x = input(g, vector(EBB_F64, 1000));
    input(g, f64_scalar);
    ebb_application tanh = {.op = EBB_OP_tanh, .site = {.file = "loss.c", .line = 12}};
    ebb_id t = ebb_record(g, &tanh, 1, &x);
    ebb_add_output(g, rec(g, EBB_OP_sum, (ebb_type){0}, 1, (int64_t[]){0}, 1, &t));
}

static void golden_formula(ebb_graph *g) {
    ebb_id x = input(g, f64_scalar), y = input(g, f64_scalar);
    ebb_id e = rec1(g, EBB_OP_exp, rec2(g, EBB_OP_mul, rec1(g, EBB_OP_sin, x), y));
    ebb_add_output(g, rec2(g, EBB_OP_add, e, rec1(g, EBB_OP_log1p, rec1(g, EBB_OP_square, x))));
}

static void golden_recorded_twice(ebb_graph *g) { /* the recording door shares nothing */
    ebb_id x = input(g, f64_scalar), a = rec1(g, EBB_OP_square, x), b = rec1(g, EBB_OP_square, x);
    ebb_add_output(g, rec2(g, EBB_OP_mul, a, b));
}

static void golden_late_input(ebb_graph *g) { /* parameters may come after other nodes */
    ebb_id a = rec1(g, EBB_OP_neg, input(g, vector(EBB_F32, 3)));
    ebb_add_output(g, rec2(g, EBB_OP_max, a, input(g, vector(EBB_F32, 3))));
}

static void golden_views(ebb_graph *g) {
    ebb_id x = input(g, matrix(EBB_F32, 2, 3));
    ebb_id t = rec(g, EBB_OP_transpose, (ebb_type){0}, 2, (int64_t[]){1, 0}, 1, &x);
    ebb_id s = rec(g, EBB_OP_slice, matrix(EBB_F32, 2, 1), 4, (int64_t[]){0, 1, 2, 1}, 1, &t);
    ebb_id p = rec(g, EBB_OP_pad, (ebb_type){0}, 6, (int64_t[]){1, 0, 0, 2, 3, 0}, 1, &s);
    ebb_id r = rec(g, EBB_OP_reshape, vector(EBB_F32, 18), 0, NULL, 1, &p);
    ebb_add_output(g, rec(g, EBB_OP_broadcast, matrix(EBB_F32, 4, 18), 1, (int64_t[]){1}, 1, &r));
}

static void golden_dense(ebb_graph *g) {
    ebb_id x[2] = {input(g, matrix(EBB_F32, 64, 784)), input(g, matrix(EBB_F32, 10, 784))};
    ebb_id y = rec(g, EBB_OP_dot, (ebb_type){0}, 2, (int64_t[]){0, 1}, 2, x);
    ebb_add_output(g, rec(g, EBB_OP_softmax, (ebb_type){0}, 1, (int64_t[]){1}, 1, &y));
}

static void golden_constants(ebb_graph *g) {
    float f[3] = {1.5f, -0.0f, 0.1f};
    int64_t payload[2] = {0}, truth = 0x000100, big = INT64_MIN;
    memcpy(payload, f, sizeof f);
    ebb_add_output(g, rec(g, EBB_OP_constant, vector(EBB_F32, 3), 2, payload, 0, NULL));
    ebb_add_output(g, rec(g, EBB_OP_constant, vector(EBB_BOOL, 3), 1, &truth, 0, NULL));
    ebb_add_output(g, rec(g, EBB_OP_constant, (ebb_type){EBB_I64, {0}}, 1, &big, 0, NULL));
    ebb_add_output(g, rec(g, EBB_OP_constant, vector(EBB_F64, 0), 0, NULL, 0, NULL));
}

static void golden_sources(ebb_graph *g) {
    ebb_id key = input(g, vector(EBB_I64, 2));
    ebb_add_output(g, rec(g, EBB_OP_random_normal, vector(EBB_F32, 5), 0, NULL, 1, &key));
    ebb_add_output(g, rec(g, EBB_OP_iota, matrix(EBB_I32, 2, 5), 1, (int64_t[]){1}, 0, NULL));
}

static void golden_gather(ebb_graph *g) {
    ebb_id x[3] = {input(g, matrix(EBB_F64, 5, 2)), input(g, vector(EBB_I32, 3))};
    x[2] = rec(g, EBB_OP_gather, (ebb_type){0}, 1, (int64_t[]){0}, 2, x);
    ebb_add_output(g, rec(g, EBB_OP_scatter_add, (ebb_type){0}, 1, (int64_t[]){0}, 3, x));
    ebb_add_output(g, rec(g, EBB_OP_argmax, (ebb_type){0}, 1, (int64_t[]){1}, 1, x));
}

static void golden_select(ebb_graph *g) {
    ebb_id x = input(g, f64_scalar), y = input(g, f64_scalar);
    ebb_id c = rec2(g, EBB_OP_gt, x, y);
    ebb_id s = rec(g, EBB_OP_select, (ebb_type){0}, 0, NULL, 3, (ebb_id[]){c, x, y});
    ebb_add_output(g, rec(g, EBB_OP_cast, (ebb_type){EBB_I32, {0}}, 0, NULL, 1, &s));
    ebb_add_output(g, EBB_ABSENT);
}

static void golden_symbols(ebb_graph *g) {
    ebb_id x = input(g, matrix(EBB_F32, EBB_SYMBOL(0), 3));
    ebb_add_output(g, rec(g, EBB_OP_reduce_max, (ebb_type){0}, 1, (int64_t[]){1}, 1, &x));
}

static void golden_call(ebb_graph *g) {
    ebb_graph *callee = ebb_graph_new(g->allocator, g->diag, "both ways");
    ebb_id v = input(callee, f64_scalar);
    ebb_add_output(callee, rec1(callee, EBB_OP_sinh, v));
    ebb_add_output(callee, EBB_ABSENT);
    ebb_add_output(callee, v);
    ebb_id x = input(g, f64_scalar);
    ebb_id t = ebb_record_call(g, callee, 1, &x, (ebb_site){.file = "dir name/a\"b.c", .line = 7});
    ebb_add_output(g, ebb_record_get(g, t, 2, (ebb_site){0}));
    ebb_graph_release(callee);
}

static void golden_nothing(ebb_graph *g) { (void)g; }

static const struct {
    const char *name;
    void (*build)(ebb_graph *g);
    const char *text;
} goldens[] = {
    {"loss", golden_loss,
     "func loss(%1: f64[1000], %2: f64[]) {\n"
     "  %3 f64[1000] = tanh %1                  ; loss.c:12\n"
     "  %4 f64[] = sum %3 {axes=[0]}\n"
     "  return %4\n}\n"},
    {"formula", golden_formula,
     "func formula(%1: f64[], %2: f64[]) {\n"
     "  %3 f64[] = sin %1\n  %4 f64[] = mul %3, %2\n  %5 f64[] = exp %4\n"
     "  %6 f64[] = square %1\n  %7 f64[] = log1p %6\n  %8 f64[] = add %5, %7\n  return %8\n}\n"},
    {"twice", golden_recorded_twice,
     "func twice(%1: f64[]) {\n"
     "  %2 f64[] = square %1\n  %3 f64[] = square %1\n  %4 f64[] = mul %2, %3\n  return %4\n}\n"},
    {"late", golden_late_input,
     "func late(%1: f32[3], %3: f32[3]) {\n  %2 f32[3] = neg %1\n  %4 f32[3] = max %2, %3\n  return %4\n}\n"},
    {"views", golden_views,
     "func views(%1: f32[2,3]) {\n"
     "  %2 f32[3,2] = transpose %1 {perm=[1,0]}\n"
     "  %3 f32[2,1] = slice %2 {start=[0,1], step=[2,1]}\n"
     "  %4 f32[6,3] = pad %3 {low=[1,0], high=[0,2], gap=[3,0]}\n"
     "  %5 f32[18] = reshape %4\n"
     "  %6 f32[4,18] = broadcast %5 {axes=[1]}\n"
     "  return %6\n}\n"},
    {"dense", golden_dense,
     "func dense(%1: f32[64,784], %2: f32[10,784]) {\n"
     "  %3 f32[64,10] = dot %1, %2 {tx=0, ty=1}\n  %4 f32[64,10] = softmax %3 {axis=1}\n  return %4\n}\n"},
    {"constants", golden_constants,
     "func constants() {\n"
     "  %1 f32[3] = constant [1.5, -0, 0.1]\n"
     "  %2 bool[3] = constant [false, true, false]\n"
     "  %3 i64[] = constant -9223372036854775808\n"
     "  %4 f64[0] = constant []\n"
     "  return %1, %2, %3, %4\n}\n"},
    {"sources", golden_sources,
     "func sources(%1: i64[2]) {\n"
     "  %2 f32[5] = random_normal %1\n  %3 i32[2,5] = iota {axis=1}\n  return %2, %3\n}\n"},
    {"gather", golden_gather,
     "func gather(%1: f64[5,2], %2: i32[3]) {\n"
     "  %3 f64[3,2] = gather %1, %2 {axis=0}\n"
     "  %4 f64[5,2] = scatter_add %1, %2, %3 {axis=0}\n"
     "  %5 i64[5] = argmax %1 {axis=1}\n  return %4, %5\n}\n"},
    {"select", golden_select,
     "func select(%1: f64[], %2: f64[]) {\n"
     "  %3 bool[] = gt %1, %2\n  %4 f64[] = select %3, %1, %2\n  %5 i32[] = cast %4\n  return %5, absent\n}\n"},
    {"symbols", golden_symbols,
     "func symbols(%1: f32[n0,3]) {\n  %2 f32[n0] = reduce_max %1 {axes=[1]}\n  return %2\n}\n"},
    {"caller", golden_call,
     "func \"both ways\"(%1: f64[]) {\n  %2 f64[] = sinh %1\n  return %2, absent, %1\n}\n\n"
     "func caller(%1: f64[]) {\n"
     "  %2 (f64[], absent, f64[]) = call @\"both ways\" %1 ; dir name/a\\\"b.c:7\n"
     "  %3 f64[] = get %2 {k=2}\n  return %3\n}\n"},
    {"nothing", golden_nothing, "func nothing() {\n  return\n}\n"},
};

Test(text, goldens) {
    for (int i = 0; i < COUNT(goldens); i++) {
        ebb_diag diag = {0};
        ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, &diag, goldens[i].name);
        goldens[i].build(g);
        cr_expect_eq(diag.code, EBB_OK, "%s: %s", goldens[i].name, diag.message);
        cr_expect(ebb_verify(g, &diag), "%s: %s", goldens[i].name, diag.message);
        char *text = ebb_graph_print(g, &diag);
        cr_assert_not_null(text, "%s: %s", goldens[i].name, diag.message);
        cr_expect_str_eq(text, goldens[i].text, "%s prints as\n%s", goldens[i].name, text);
        ebb_mem_free(g->allocator, text);
        ebb_graph_release(g);
    }
}

/* ---- print, parse, print ---- */

/* Values that decimals like to lose; each stands in a constant of that type and must come back as written. */
static const struct {
    const char *type, *value;
} values[] = {
    {"f32[]", "0"},
    {"f32[]", "-0"},
    {"f32[]", "inf"},
    {"f32[]", "-inf"},
    {"f32[]", "nan(0x7fc00000)"},
    {"f32[]", "nan(0xffc12345)"},
    {"f32[]", "nan(0x7f800001)"},
    {"f32[]", "1e-45"},
    {"f32[]", "1.1754944e-38"},
    {"f32[]", "3.4028235e+38"},
    {"f32[]", "0.1"},
    {"f32[]", "16777217.5e0"},
    {"f32[]", "1e+07"},
    {"f32[]", "9999999"},
    {"f64[]", "0.1"},
    {"f64[]", "0.30000000000000004"},
    {"f64[]", "5e-324"},
    {"f64[]", "2.2250738585072014e-308"},
    {"f64[]", "1.7976931348623157e+308"},
    {"f64[]", "nan(0x7ff8000000000000)"},
    {"f64[]", "nan(0xfff0000000000001)"},
    {"f64[]", "-0"},
    {"f64[]", "-123.25"},
    {"f64[]", "9007199254740993e0"},
    {"i32[]", "-2147483648"},
    {"i32[]", "2147483647"},
    {"i64[]", "9223372036854775807"},
    {"bool[]", "true"},
    {"bool[]", "false"},
};

Test(text, values_keep_their_bits) {
    for (int i = 0; i < COUNT(values); i++) {
        char text[200], *again, *third = NULL;
        ebb_diag diag = {0};
        snprintf(text, sizeof text, "func f() {\n  %%1 %s = constant %s\n  return %%1\n}\n", values[i].type,
                 values[i].value);
        again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
        cr_assert_not_null(again, "%s %s: %s", values[i].type, values[i].value, diag.message);
        bool rounded = strstr(values[i].value, "e0"); /* more digits than the type has */
        cr_expect(rounded || !strcmp(again, text), "%s %s came back as\n%s", values[i].type, values[i].value, again);
        third = reprint(&ebb_malloc_allocator, again, strlen(again), &diag);
        cr_expect(third && !strcmp(again, third), "%s %s is no fixed point", values[i].type, values[i].value);
        free(again);
        free(third);
    }
}

static const char *const fixed_points[] = {
    /* a call of a call, without parameters and without results */
    "func a() {\n  return\n}\n\nfunc b() {\n  %1 () = call @a\n  return\n}\n\n"
    "func c(%1: f32[]) {\n  %2 () = call @b\n  %3 f32[] = neg %1\n  return %3\n}\n",
    /* five operands: more than a node holds */
    "func f(%1: f64[], %2: f64[], %3: i32[2], %4: bool[], %5: f64[]) {\n  return %5, %1, %3\n}\n\n"
    "func g(%1: f64[], %2: i32[2], %3: bool[]) {\n"
    "  %4 (f64[], f64[], i32[2]) = call @f %1, %1, %2, %3, %1 ; x.c:1\n"
    "  %5 i32[2] = get %4 {k=2}                ; x.c:-3\n  return %5\n}\n",
    /* rank 8, sizes 0 and 1, and no axes at all */
    "func f(%1: f32[1,2,3,0,5,6,7,8]) {\n  %2 f32[1,2,3,0,5,6,7,8] = sum %1 {axes=[]}\n"
    "  %3 f32[] = sum %1 {axes=[0,1,2,3,4,5,6,7]}\n  %4 f32[2,2] = broadcast %3 {axes=[]}\n  return %4\n}\n",
    /* names and files that need care */
    "func \"grad(\\\"f\\\\x\\x0a)\"(%1: f64[]) {\n  %2 f64[] = exp %1                       ; a\\\\b: c.c:3\n"
    "  %3 f64[] = log %2                       ; \\x09tab.c:2147483647\n  return %3\n}\n",
    /* marks: derivatives of derivatives, macros */
    "func f(%1: f64[]) {\n  %2 f64[] = exp %1                       ; a.c:3 [adjoint]\n"
    "  %3 f64[] = log %2                       ; a.c:4 [tangent of adjoint of adjoint in log_softmax]\n"
    "  %4 f64[] = neg %3                       ; a b[1].c:5 [in mean]\n"
    "  %5 f64[] = neg %4                       ; x [in mean]:6 [tangent of tangent of tangent of tangent of tangent of "
    "tangent of tangent of tangent]\n  return %5\n}\n",
    "func f.grad_2(%1: f64[]) {\n  return %1, %1\n}\n",
};

Test(text, print_of_parse_is_the_text) {
    for (int i = 0; i < COUNT(fixed_points) + COUNT(goldens); i++) {
        const char *text = i < COUNT(fixed_points) ? fixed_points[i] : goldens[i - COUNT(fixed_points)].text;
        ebb_diag diag = {0};
        char *again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
        cr_expect(again && !strcmp(again, text), "%s\n--- came back as\n%s%s", text, again ? again : "", diag.message);
        free(again);
    }
}

Test(text, layout_and_comments_do_not_matter) {
    const char *text = "; a file\n\nfunc f ( %1 : f64 [ 2 , n3 ] ) { ; head\r\n"
                       "%2 f64[2,n3]=tanh %1;a.c:7  \n; not a source line: b.c:9\n%3 f64[2,n3] = \n neg %2 ; "
                       "words\nreturn\n%3 } ; end";
    const char *want = "func f(%1: f64[2,n3]) {\n  %2 f64[2,n3] = tanh %1                  ; a.c:7\n"
                       "  %3 f64[2,n3] = neg %2\n  return %3\n}\n";
    ebb_diag diag = {0};
    char *again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
    cr_expect(again && !strcmp(again, want), "%s%s", again ? again : "", diag.message);
    free(again);
}

/* What is in the brackets is a mark, or the line is a comment. */
Test(text, marks_that_are_none) {
    static const char *const marks[] = {"",           "primal",         "adjoint of", "adjoint tangent",
                                        "in",         "in exp!",        "adjoint in", "in mean of adjoint",
                                        "of adjoint", "adjointin mean", " ",          "adjoint  of t",
                                        "in mean ",   "adjoints"};
    for (int i = 0; i < COUNT(marks); i++) {
        ebb_site site = {0};
        cr_expect_not(ebb_marks_parse(marks[i], strlen(marks[i]), &site), "\"%s\"", marks[i]);
        char text[200];
        snprintf(text, sizeof text, "func f(%%1: f64[]) {\n  %%2 f64[] = exp %%1 ; a.c:3 [%s]\n  return %%2\n}\n",
                 marks[i]);
        ebb_diag diag = {0};
        char *again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
        cr_expect(again && !strchr(again, ';'), "\"%s\": %s%s", marks[i], again ? again : "", diag.message);
        free(again);
    }
    ebb_site nine = {0};
    const char *deep =
        "tangent of tangent of tangent of tangent of tangent of tangent of tangent of tangent of tangent";
    cr_expect_not(ebb_marks_parse(deep, strlen(deep), &nine));
}

Test(text, functions_of_one_name_are_told_apart) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, &diag, "f");
    for (int k = 0; k < 3; k++) {
        ebb_graph *callee = ebb_graph_new(&ebb_malloc_allocator, &diag, k == 1 ? "f_2" : "f");
        ebb_record_call(g, callee, 0, NULL, (ebb_site){0});
        ebb_graph_release(callee);
    }
    char *text = ebb_graph_print(g, &diag);
    const char *want = "func f() {\n  return\n}\n\nfunc f_2() {\n  return\n}\n\nfunc f_3() {\n  return\n}\n\n"
                       "func f_4() {\n  %1 () = call @f\n  %2 () = call @f_2\n  %3 () = call @f_3\n  return\n}\n";
    cr_expect_str_eq(text, want, "%s", text);
    char *again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
    cr_expect(again && !strcmp(again, want), "%s", diag.message);
    free(again);
    ebb_mem_free(g->allocator, text);
    ebb_graph_release(g);
}

Test(text, locale_does_not_matter) {
    const char *text = "func f() {\n  %1 f64[] = constant 1.5\n  return %1\n}\n";
    if (!comma_locale()) cr_skip("no locale with a decimal comma");
    ebb_diag diag = {0};
    char *again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
    cr_expect(again && !strcmp(again, text), "%s%s", again ? again : "", diag.message);
    cr_expect_eq(*localeconv()->decimal_point, ',', "the program's own locale is left as it was");
    free(again);
}

/* ---- lives and depth ---- */

/* The name of a source file lives as long as a graph that names it, also one made from the graph that was parsed. */
Test(text, files_outlive_the_text) {
    const char *text = "func f(%1: f64[]) {\n  %2 f64[] = tanh %1                      ; gone.c:5\n  return %2\n}\n";
    ebb_diag diag = {0};
    char *copy = strdup(text);
    ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, copy, strlen(copy), &diag);
    free(copy);
    ebb_graph *g[3] = {ebb_graph_retain(m->function[0]), ebb_graph_clone(m->function[0], &diag),
                       ebb_expand(m->function[0], false, NULL, &diag)};
    ebb_module_free(m);
    for (int k = 2; k >= 0; k--) {
        for (int j = 0; j < k; j++)
            cr_assert_not_null(g[j], "%s", diag.message);
        char *again = ebb_graph_print(g[k], &diag);
        cr_expect_str_eq(again, text, "graph %d: %s", k, again);
        ebb_mem_free(&ebb_malloc_allocator, again);
    }
    for (int k = 0; k < 3; k++)
        ebb_graph_release(g[k]);
}

/* Many functions in a chain of calls: printing must not use the stack for them. */
Test(text, deep_calls) {
    enum { DEPTH = 3000 };
    ebb_diag diag = {0};
    ebb_graph *g = NULL;
    for (int k = 0; k < DEPTH; k++) {
        char name[20];
        snprintf(name, sizeof name, "f%d", k);
        ebb_graph *caller = ebb_graph_new(&ebb_malloc_allocator, &diag, name);
        ebb_id x = input(caller, f64_scalar);
        if (g) x = ebb_record_get(caller, ebb_record_call(caller, g, 1, &x, (ebb_site){0}), 0, (ebb_site){0});
        ebb_add_output(caller, rec1(caller, EBB_OP_neg, x));
        ebb_graph_release(g);
        g = caller;
    }
    char *text = ebb_graph_print(g, &diag),
         *again = text ? reprint(&ebb_malloc_allocator, text, strlen(text), &diag) : NULL;
    cr_expect(again && !strcmp(text, again), "%s", diag.message);
    ebb_graph *flat = ebb_expand(g, false, NULL, &diag);
    cr_assert_not_null(flat, "%s", diag.message);
    cr_expect_eq(flat->count, 2, "neg of neg is nothing: %d nodes", flat->count);
    free(again);
    ebb_mem_free(&ebb_malloc_allocator, text);
    ebb_graph_release(flat);
    ebb_graph_release(g);
}

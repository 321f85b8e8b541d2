/* test_check.c - the checker of derivatives: true ones pass, for every operation; a wrong rule is found, and its place
 * and name; where there is no derivative, that is said; what it refuses.
 *
 * Start reading at wrong_rules. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "frontend/internal.h"
#include "tests/support/check.h"
#include "tests/support/op_case.h"
#include "tests/support/scarce.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(check, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)context, (void)in, (void)data

static ebb_function *function(ebb_body *body, const char *name, int results, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = name, .results = results, .data = data});
}

static ebb_tensor *literal(const char *text, ebb_dtype dtype) { return ebb_literal(ebb, text, dtype); }
static ebb_tensor *f64(const char *text) { return literal(text, EBB_F64); }

/* ---- every operation ---- */

BODY(one_operation) {
    const op_use *use = data;
    out[0] = ebb_dispatch(context, &use->app, use->c->operands, in);
}

static ebb_tensor *operand_of(const op_use *use, int k) {
    quad_tensor x = quad_new(use->operand[k]);
    ebb_tensor *all = ebb_zeros(ebb, EBB_F64, use->operand[k].shape.rank, use->operand[k].shape.dim);
    op_fill_operand(use, k, (uint64_t)k + 3, &x);
    for (int64_t e = 0; e < x.size; e++)
        ((double *)all->storage->data)[e] = (double)x.at[e];
    quad_free(&x);
    return ebb_cast(all, use->operand[k].dtype);
}

/* What it is not asked of: the derivative of stop_gradient is not that of its value, nor is that of lu, which is
 * looked at through lu_solve, nor that of results that hang together by a constraint on the operands. */
static bool is_apart(ebb_op op) {
    return op == EBB_OP_stop_gradient || op == EBB_OP_lu || (op >= EBB_OP_lu_solve && op <= EBB_OP_lu_sign);
}

/* Whether it has derivatives. */
static bool passes(const op_case *c, ebb_dtype dtype) {
    op_use use;
    int wrt[3], count = 0;
    ebb_operand in[3];
    if (!op_use_of(c, dtype, EBB_I32, &use) || !ebb_is_float(use.result.dtype)) return false;
    for (int k = 0; k < c->operands; k++)
        if (ebb_is_float(use.operand[k].dtype) && !op_is_order(c->op, k)) wrt[count++] = k;
    if (count == 0 || is_apart(c->op)) return false;
    for (int k = 0; k < c->operands; k++)
        in[k] = EBB_OPERAND(operand_of(&use, k));
    /* Compiling them all takes long; how derivatives are compiled is tested elsewhere. */
    ebb_mode mode = c->op % 8 ? EBB_EAGER : EBB_NATIVE;
    ebb_function *f =
        ebb_function_new(ebb, one_operation, &(ebb_function_options){.name = c->name, .data = &use, .mode = mode});
    ebb_check_options o = {.wrt = &(ebb_wrt){.index = wrt, .count = count}, .directions = 1};
    ebb_check_report r = ebb_check_derivatives_n(f, &o, c->operands, in);
    expect_ok(ebb, "%s", op_use_text(&use));
    cr_expect(r.good, "%s: %s", op_use_text(&use), r.message);
    cr_expect(r.kinks == 0 || dtype == EBB_F32, "%s: %s", op_use_text(&use), r.message);
    for (int i = 0; i < r.lines; i++)
        cr_expect_str_empty(r.line[i].refusal, "%s", op_use_text(&use));
    ebb_function_free(f);
    return true;
}

static bool is_small(const op_case *c) {
    int64_t size = 0;
    return c->operands == 0 || (ebb_shape_size(&c->shape[0], &size) && size > 0 && size <= 100);
}

Test(check, every_operation_passes) {
    int cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        for (ebb_dtype dtype = EBB_F32; dtype <= EBB_F64; dtype++)
            EBB_SCOPE (ebb) {
                op_case point = op_case_point((ebb_op)op, 5, op == EBB_OP_cast ? dtype : EBB_NONE);
                if (ebb_op_table[op].access == EBB_POINT && ebb_op_table[op].arity > 0) cases += passes(&point, dtype);
                for (int i = 0; i < op_case_count; i++)
                    if (op_cases[i].op == (ebb_op)op && is_small(&op_cases[i])) cases += passes(&op_cases[i], dtype);
            }
    cr_expect(cases > EBB_OP_COUNT);
    printf("cases: %d operations\n", cases);
}

/* ---- wrong rules ---- */

BODY(wave) { /* x, a: sin(x) a and its sum */
    UNUSED;
    out[0] = ebb_mul(ebb_sin(in[0]), in[1]);
    out[1] = ebb_sum(ebb_square(in[0]));
}

/* What a rule does wrong: the derivative of element 2 of argument 1 is twice what it should be, ... */
enum { NOTHING, ONE_ELEMENT, SIGN, SECOND_RESULT, SECOND_ORDER };

static ebb_tensor *second_twice(ebb_tensor *x) { return ebb_mul(x, f64("[1, 1, 2]")); }
static ebb_tensor *still(ebb_tensor *x) { return ebb_stop_gradient(x); }

BODY(wave_tangent) { /* x, a, y, s, dx, da */
    UNUSED;
    const int wrong = *(const int *)data;
    ebb_tensor *slope = ebb_cos(wrong == SECOND_ORDER ? still(in[0]) : in[0]), *da = in[5];
    if (wrong == ONE_ELEMENT) da = second_twice(da);
    if (wrong == SIGN) slope = ebb_neg(slope);
    out[0] = ebb_add(ebb_mul(ebb_mul(slope, in[1]), in[4]), ebb_mul(ebb_sin(in[0]), da));
    out[1] = ebb_mul(ebb_sum(ebb_mul(in[0], in[4])), wrong == SECOND_RESULT ? 2.5 : 2.0);
}
BODY(wave_cotangent) { /* x, a, y, s, dy, ds */
    UNUSED;
    const int wrong = *(const int *)data;
    ebb_tensor *slope = ebb_cos(wrong == SECOND_ORDER ? still(in[0]) : in[0]);
    if (wrong == SIGN) slope = ebb_neg(slope);
    out[0] = ebb_add(ebb_mul(ebb_mul(slope, in[1]), in[4]),
                     ebb_mul(ebb_mul(in[0], in[5]), wrong == SECOND_RESULT ? 2.5 : 2.0));
    out[1] = ebb_mul(ebb_sin(in[0]), in[4]);
    if (wrong == ONE_ELEMENT) out[1] = second_twice(out[1]);
}

typedef struct outer {
    ebb_function *inner, *other;
} outer;
BODY(around) { /* the wave in the midst of a program, beside another rule, which is true */
    UNUSED;
    const outer *o = data;
    ebb_tensor *w[2];
    ebb_call_n(o->inner, 2, ((ebb_operand[]){EBB_OPERAND(in[0]), EBB_OPERAND(in[1])}), 2, w);
    out[0] = ebb_exp(w[0]);
    out[1] = ebb_add(w[1], ebb_sum(ebb_call(o->other, in[1])));
}
BODY(square) {
    UNUSED;
    out[0] = ebb_square(in[0]);
}
BODY(square_tangent) {
    UNUSED;
    out[0] = ebb_mul(ebb_mul(2, in[0]), in[2]);
}

static const struct {
    const char *what;
    int wrong, order, result, result_element, argument, element;
    double by; /* what the mode says, of what is right */
} wrongs[] = {
    {"true", NOTHING, 0, 0, 0, 0, 0, 1},
    {"one element", ONE_ELEMENT, 1, 0, 2, 1, 2, 2},
    {"the sign", SIGN, 1, 0, -1, 0, -1, -1}, /* all of them: any is right */
    {"the second result", SECOND_RESULT, 1, 1, 0, 0, -1, 1.25},
    {"the second order", SECOND_ORDER, 2, 0, 0, 0, -1, 0},
};

static void expect_place(const ebb_check_report *r, int i, const char *name) {
    const ebb_check_place *p = &r->place;
    cr_assert(r->done && !r->good && r->worst >= 0, "%s: %s", name, r->message);
    cr_expect_eq(p->order, wrongs[i].order, "%s: %s", name, r->message);
    cr_expect_eq(p->in.argument, wrongs[i].argument, "%s: %s", name, r->message);
    cr_expect(wrongs[i].element < 0 || p->in.element == wrongs[i].element, "%s: %s", name, r->message);
    if (p->order == 1) cr_expect_eq(p->result, wrongs[i].result, "%s: %s", name, r->message);
    cr_expect(p->order == 2 || wrongs[i].result_element < 0 || p->result_element == wrongs[i].result_element, "%s: %s",
              name, r->message);
    cr_expect(fabs(p->derivative - wrongs[i].by * p->expected) <= 1e-5 * fabs(p->expected) || p->order == 2, "%s: %s",
              name, r->message);
    if (p->order == 1)
        cr_expect(!strcmp(r->rule, "its_rule") && !strcmp(r->rule_of, "wave"), "%s: %s", name, r->message);
}

/* By either kind of rule, alone and inside of a function. */
Test(check, wrong_rules) {
    int cases = 0;
    for (int i = 0; i < COUNT(wrongs); i++)
        for (int way = 0; way < 4; way++, cases++)
            EBB_SCOPE (ebb) {
                bool reverse = way & 1;
                char name[100];
                snprintf(name, sizeof name, "%s by %s%s", wrongs[i].what, reverse ? "cotangents" : "tangents",
                         way & 2 ? ", inside" : "");
                int wrong = wrongs[i].wrong;
                ebb_function *rule = function(reverse ? wave_cotangent : wave_tangent, "its_rule", 2, &wrong);
                ebb_function *f = (reverse ? ebb_custom_vjp : ebb_custom_jvp)(function(wave, "wave", 2, NULL), rule);
                outer o = {f, ebb_custom_jvp(function(square, "square", 1, NULL),
                                             function(square_tangent, "true_rule", 1, NULL))};
                if (way & 2) f = function(around, "around", 2, &o);
                ebb_check_report r = ebb_check_derivatives(f, NULL, f64("[0.4, 1.1, -0.7]"), f64("[2, 0.3, 1.5]"));
                expect_ok(ebb, "%s", name);
                if (wrong)
                    expect_place(&r, i, name);
                else
                    cr_expect(r.done && r.good && r.worst == -1 && r.kinks == 0 && !*r.rule, "%s: %s", name, r.message);
            }
    printf("cases: %d\n", cases);
}

/* ---- without a derivative ---- */

static ebb_function *formula(const char *text, int n, const char *const *names) {
    return ebb_expression(ebb, text, n, names);
}

static const struct {
    const char *formula, *x, *y;
    int order, argument, element; /* -1: any of them */
    double left, right;           /* NaN: does not settle */
} kinks[] = {
    {"abs(x)", "[1, 0, -2]", "0", 1, 0, 1, -1, 1},    {"sum(relu(x))+y", "[1, 2, 0]", "3", 1, 0, 2, 0, 1},
    {"max(x, y)", "3", "3", 1, -1, 0, 0, 1},          {"floor(x)*y", "2", "3", 1, 0, 0, NAN, 0},
    {"sqrt(x)+y", "[0, 4]", "3", 1, 0, 0, NAN, NAN},  {"cbrt(x)", "0", "0", 1, 0, 0, NAN, NAN},
    {"sum(x*abs(x))", "[2, 0]", "0", 2, 0, 1, -2, 2}, {"norm(x)", "[0, 0]", "0", 1, 0, -1, -1, 1},
};

static bool near_or_nan(double got, double want) {
    return isnan(want) ? isnan(got) : fabs(got - want) <= 1e-6 * (1 + fabs(want));
}

/* The derivative that is chosen there is no error; elsewhere the function is compared as ever. */
Test(check, no_derivative) {
    for (int i = 0; i < COUNT(kinks); i++)
        EBB_SCOPE (ebb) {
            const char *name = kinks[i].formula;
            ebb_function *f = formula(name, 2, (const char *[]){"x", "y"});
            ebb_check_report r = ebb_check_derivatives(f, NULL, f64(kinks[i].x), f64(kinks[i].y));
            const ebb_check_place *k = &r.kink;
            expect_ok(ebb, "%s", name);
            cr_expect(r.done && r.worst == -1 && r.kinks > 0, "%s: %s", name, r.message);
            cr_expect(k->order == kinks[i].order && (kinks[i].argument < 0 || k->in.argument == kinks[i].argument),
                      "%s: %s", name, r.message);
            cr_expect(kinks[i].element < 0 || k->in.element == kinks[i].element, "%s: %s", name, r.message);
            cr_expect(near_or_nan(k->derivative, kinks[i].left) && near_or_nan(k->expected, kinks[i].right), "%s: %s",
                      name, r.message);
            cr_expect(r.good, "%s: %s", name, r.message);
        }
    printf("cases: %d\n", COUNT(kinks));
}

/* ---- more that functions may be ---- */

BODY(with_variable) {
    UNUSED;
    ebb_tensor *w = data;
    out[0] = ebb_sum(ebb_mul(ebb_square(w), in[0]));
    ebb_assign_add(w, in[0]);
}
BODY(with_noise) {
    UNUSED;
    out[0] = ebb_mul(in[0], ebb_random_normal(context, EBB_F64, EBB_SHAPE(2), 0, 1));
    out[1] = ebb_argmax(in[0], 0);
}
BODY(wrong_in_variable) { /* x, w, y, dx, dw */
    UNUSED;
    out[0] = ebb_sum(ebb_add(ebb_mul(in[0], in[4]), ebb_mul(in[1], ebb_mul(in[3], 1.5))));
}
BODY(product_of) {
    UNUSED;
    out[0] = ebb_sum(ebb_mul(in[0], in[1]));
}
BODY(through_variable) {
    UNUSED;
    const outer *o = data;
    out[0] = ebb_call(o->inner, ebb_neg((ebb_tensor *)(void *)o->other), in[0]);
}

Test(check, variables_and_random_numbers) {
    ebb_tensor *w = ebb_variable(ebb, f64("[1, 2]"), "w"), *x = f64("[3, 4]");
    ebb_check_report r = ebb_check_derivatives(function(with_variable, "f", 1, w), NULL, x);
    cr_expect(r.good && r.kinks == 0, "%s", r.message);
    expect_text(w, "[1. 2.]", "variables keep their values");
    r = ebb_check_derivatives(function(with_noise, "f", 2, NULL), NULL, x);
    cr_expect(r.good && r.kinks == 0, "%s", r.message);
    outer o = {ebb_custom_jvp(function(product_of, "product", 1, NULL), function(wrong_in_variable, "half", 1, NULL)),
               (ebb_function *)(void *)w};
    r = ebb_check_derivatives(function(through_variable, "f", 1, &o), NULL, x);
    cr_expect(r.done && !r.good && r.place.in.argument == -1 && r.place.in.variable == w, "%s", r.message);
    cr_expect_not_null(strstr(r.message, "variable w:0["), "%s", r.message);
}

BODY(same) {
    UNUSED;
    out[0] = in[0];
}
BODY(clip) {
    UNUSED;
    out[0] = ebb_div(in[2], ebb_max(ebb_norm(in[2]), 1.0));
}

/* What one mode cannot do is told; the other one is compared. */
Test(check, one_mode_only) {
    ebb_function *f = ebb_custom_vjp(function(same, "same", 1, NULL), function(clip, "clip", 1, NULL));
    ebb_check_report r = ebb_check_derivatives(f, NULL, f64("[3, 4, 1, 2, 5]"));
    cr_expect(r.done && !r.good && r.worst == 1, "a clipped gradient is none: %s", r.message);
    cr_expect_not_null(strstr(r.line[0].refusal, "the rule clip of same is not linear"), "%s", r.message);
    cr_expect(r.line[0].compared == 0 && r.line[1].compared == 3, "%s", r.message);
}

Test(check, options) {
    ebb_function *f = formula("sum(x*y*y)", 2, (const char *[]){"x", "y"});
    ebb_tensor *x = literal("[1, 2]", EBB_F32), *y = f64("[1, 2]");
    ebb_check_report r = ebb_check_derivatives(
        f, (&(ebb_check_options){.wrt = EBB_WRT(1), .order = 1, .directions = 2}), x, ebb_cast(y, EBB_F32));
    cr_expect(r.good && r.lines == 3 && r.line[0].compared == 2 && r.line[0].tolerance == 1e-2, "%s", r.message);
    r = ebb_check_derivatives(f, (&(ebb_check_options){.tolerance = 1e-20}), y, y);
    cr_expect(r.done && r.line[0].tolerance == 1e-20, "%s", r.message);
}

/* ---- without memory ---- */

/* A wrong rule is looked for while allocation k fails: an error, and nothing is lost. */
static bool check_scarcely(int64_t left, int64_t *asked) {
    scarce s = {.left = left};
    int wrong = ONE_ELEMENT;
    ebb_context *poor = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s), .mode = EBB_EAGER});
    if (!poor) return false;
    ebb_context *rich = ebb;
    ebb = poor;
    ebb_function *rule = function(wave_tangent, "its_rule", 2, &wrong), *f = function(wave, "wave", 2, NULL);
    f = f && rule ? ebb_custom_jvp(f, rule) : NULL;
    ebb_tensor *x = f64("[0.4, 1.1, -0.7]");
    ebb_check_report r = {0};
    if (f && ebb_ok(poor)) r = ebb_check_derivatives(f, (&(ebb_check_options){.directions = 1}), x, x);
    cr_expect(r.done == ebb_ok(poor), "%d allocations: %s", (int)left, ebb_error(poor));
    cr_expect(r.done || ebb_error_code(poor) == EBB_NO_MEMORY, "%d allocations: %s", (int)left, ebb_error(poor));
    ebb = rich;
    ebb_close(poor);
    cr_expect_eq(s.live, 0, "%d allocations: %d are lost", (int)left, (int)s.live);
    *asked = s.asked;
    return r.done;
}

Test(check, without_memory) {
    int64_t all = 0, k = 0, some;
    cr_assert(check_scarcely(INT64_MAX, &all));
    for (; k < all; k += 1 + k / 60)
        check_scarcely(k, &some);
    printf("cases: to %d allocations\n", (int)all);
}

/* ---- refusals ---- */

BODY(whole_numbers) {
    UNUSED;
    out[0] = ebb_argmax(in[0], 0);
}
BODY(looks_inside) {
    UNUSED;
    ebb_check_derivatives(data, NULL, in[0]);
    out[0] = in[0];
}

Test(check, refusals) {
    ebb_function *f = formula("sum(x)", 1, (const char *[]){"x"});
    ebb_tensor *x = f64("[1, 2]");
    static const ebb_check_options bad[] = {{.order = 3}, {.order = -1}, {.directions = -1}, {.tolerance = -1}};
    cr_expect_not(ebb_check_derivatives(NULL, NULL, x).done);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_check_derivatives: the function is NULL", "no function");
    for (int i = 0; i < COUNT(bad); i++) {
        cr_expect_not(ebb_check_derivatives(f, &bad[i], x).done);
        expect_error(ebb, EBB_VALUE_ERROR, "none may be negative", "options %d", i);
    }
    cr_expect_not(ebb_check_derivatives(f, (&(ebb_check_options){.wrt = EBB_WRT(1)}), x).done);
    expect_error(ebb, EBB_INDEX_ERROR, "there is no argument 1 to check", "no such argument");
    cr_expect_not(ebb_check_derivatives(f, NULL, literal("[1, 2]", EBB_I32)).done);
    expect_error(ebb, EBB_TYPE_ERROR, "has no real tensor argument and no real variable", "integers");
    cr_expect_not(ebb_check_derivatives(f, (&(ebb_check_options){.wrt = EBB_WRT(0)}), literal("[1, 2]", EBB_I32)).done);
    expect_error(ebb, EBB_TYPE_ERROR, "argument 0 is no real tensor", "an integer");
    cr_expect_not(ebb_check_derivatives(function(whole_numbers, "place", 1, NULL), NULL, x).done);
    expect_error(ebb, EBB_TYPE_ERROR, "place has no real result to derive", "an index");
    ebb_call(function(looks_inside, "outer", 1, f), x);
    expect_error(ebb, EBB_RUNTIME_ERROR, "not inside a traced function", "traced");
    cr_expect_not(ebb_check_derivatives(f, NULL, ebb_matmul(x, f64("[1, 2, 3]"))).done, "poison");
    ebb_clear_error(ebb);
}

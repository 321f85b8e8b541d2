/* test_derivative_errors.c - what derivatives of functions refuse: each message names the transform, the function, what
 * is wrong with its shape or dtype, and a line of the user's.
 *
 * Start reading at the table. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }
TestSuite(derivative_errors, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)context, (void)in, (void)data

BODY(total) {
    UNUSED;
    out[0] = ebb_sum(ebb_square(in[0]));
}
BODY(vector) {
    UNUSED;
    out[0] = ebb_square(in[0]);
}
BODY(whole) {
    UNUSED;
    out[0] = ebb_argmax(in[0], 0);
}
BODY(nothing) {
    UNUSED;
    out[0] = ebb_zeros(context, EBB_F64, EBB_SHAPE(2));
    ebb_tape *tape = ebb_tape_start(context, EBB_TAPE_DEFAULT);
    out[0] = ebb_gradient(tape, out[0], out[0]); /* absent */
}
BODY(two_types) {
    UNUSED;
    out[0] = ebb_sum(ebb_add(ebb_cast(in[0], EBB_F64), in[1]));
}
BODY(flat) { /* x x - x x + a: its derivative in x is 0 */
    UNUSED;
    out[0] = ebb_add(ebb_mul(in[0], 0.0), in[1]);
}
BODY(thrice) {
    UNUSED;
    out[0] = ebb_mul(3, in[0]);
}
BODY(bent) { /* x, y, dx: not linear in dx */
    UNUSED;
    out[0] = ebb_mul(ebb_mul(3, in[2]), in[2]);
}

/* What is asked, of which function of x (and a), and what is said. */
typedef enum ask {
    GRAD,
    JVP,
    VJP,
    HVP,
    JET,
    JACOBIAN_BY_COLUMNS,
    JACOBIAN_BY_ROWS,
    BATCH_JACOBIAN,
    HESSIAN,
    DIAGONAL,
    LAPLACIAN,
    SPARSE_HESSIAN,
    SPARSE_JACOBIAN,
    TRANSPOSE,
    VMAP,
    ROOT,
    FIXED_POINT,
    VJP_OF_BENT,
    JVP_BY_A_ROAD,
    SPARSE_BY_NO_ROAD,
    BY_NO_ROAD
} ask;

static ebb_function *derive(ask what, ebb_function *f) {
    switch (what) {
    case GRAD:
        return ebb_grad(f, NULL);
    case JVP:
        return ebb_jvp(f, NULL);
    case VJP:
        return ebb_vjp(f, NULL);
    case HVP:
        return ebb_hvp(f, NULL);
    case JET:
        return ebb_jet(f, NULL, 3);
    case JACOBIAN_BY_COLUMNS:
        return ebb_jacobian_of(f, NULL, EBB_FORWARD);
    case JACOBIAN_BY_ROWS:
        return ebb_jacobian_of(f, NULL, EBB_REVERSE);
    case BATCH_JACOBIAN:
        return ebb_batch_jacobian_of(f, NULL, EBB_CHEAPER);
    case HESSIAN:
        return ebb_hessian(f, NULL);
    case DIAGONAL:
        return ebb_hessian_diagonal(f, NULL);
    case LAPLACIAN:
        return ebb_laplacian(f, NULL);
    case SPARSE_HESSIAN:
        return ebb_sparse_hessian(f, EBB_WRT(0, 1));
    case SPARSE_JACOBIAN:
        return ebb_sparse_jacobian(f, NULL, EBB_CHEAPER);
    case TRANSPOSE:
        return ebb_transpose_of(f, NULL);
    case VMAP:
        return ebb_vmap(f, NULL);
    case ROOT:
        return ebb_root(f, NULL);
    case FIXED_POINT:
        return ebb_fixed_point(f, NULL);
    case VJP_OF_BENT:
        return ebb_vjp(ebb_custom_jvp(f, ebb_function_new(ebb, bent, &(ebb_function_options){.name = "its_rule"})),
                       NULL);
    case JVP_BY_A_ROAD:
        f = ebb_jvp(f, NULL);
        ebb_set_road(f, "reverse", 0);
        return f;
    case SPARSE_BY_NO_ROAD:
        f = ebb_sparse_jacobian(f, NULL, EBB_CHEAPER);
        ebb_set_road(f, "sideways", 0);
        return f;
    case BY_NO_ROAD:
        f = ebb_hessian(f, NULL);
        ebb_set_road(f, "sideways", 0);
        return f;
    }
    return NULL;
}

#define DEEP "[[[[[[[[1, 2]]]]]]]]"

static const struct {
    ask what;
    ebb_body *f;
    const char *x, *a; /* a: a further argument, or NULL; an "i" before a literal: i32, an "s": f32 */
    const char *says[3];
} cases[] = {
    {GRAD, vector, "[1, 2]", NULL, {"grad: the result of f is f64[2]; a gradient needs a scalar, use vjp"}},
    {GRAD, whole, "[1, 2]", NULL, {"grad: the result of f is i64[]; only f32 and f64 have derivatives"}},
    {GRAD, nothing, "[1, 2]", NULL, {"grad: the result of f is absent"}},
    {GRAD, total, "i[1, 2]", NULL, {"grad: parameter 0 of f is i32[2]; only f32 and f64 have derivatives"}},
    {JVP, vector, "[1, 2]", "[1, 2, 3]", {"jvp_f: argument 1 is f64[3]; it must be f64[2]"}},
    {JVP, vector, "[1, 2]", NULL, {"jvp_f: there is no parameter 0; f is given 0"}},
    {VJP, vector, "[1, 2]", "[1]", {"vjp_f: argument 1 is f64[1]; it must be f64[2]"}},
    {VJP, nothing, "[1, 2]", "[1]", {"vjp: result 0 of f is absent"}},
    {HVP, vector, "[1, 2]", "[1, 2]", {"hvp: the result of f is f64[2]"}},
    {HVP, total, "[1, 2]", "s[1, 2]", {"hvp_f: argument 1 is f32[2]; it must be f64[2]"}},
    {JET, vector, DEEP, DEEP, {"jet: a result of f has rank 8; its series would have one axis too many"}},
    {JACOBIAN_BY_COLUMNS,
     total,
     DEEP,
     NULL,
     {"jacobian of f: a parameter is f64[1,1,1,1,1,1,1,2]", "there is no axis for directions"}},
    {JACOBIAN_BY_ROWS, vector, "[[[[[1, 2]]]]]", NULL, {"jacobian: a block of f would have rank 10, at most 8"}},
    {BATCH_JACOBIAN, vector, "5", NULL, {"batch_jacobian: ", " of f are not batches of equal size"}},
    {HESSIAN, total, DEEP, NULL, {"hessian of f: a parameter is f64[1,1,1,1,1,1,1,2]", "no axis for directions"}},
    {HESSIAN, vector, "[1, 2]", NULL, {"hessian: the result of f is f64[2]"}},
    {DIAGONAL, vector, "[1, 2]", NULL, {"hessian_diagonal: the result of f is f64[2]"}},
    {LAPLACIAN, total, DEEP, NULL, {"laplacian of f: a parameter is f64[1,1,1,1,1,1,1,2]"}},
    {SPARSE_HESSIAN, two_types, "s[1, 2]", "[1, 2]", {"sparse_hessian: f has f32 and f64; entries are of one dtype"}},
    {SPARSE_JACOBIAN, whole, "[1, 2]", NULL, {"sparse_jacobian: no result of f is real"}},
    {TRANSPOSE, vector, "[1, 2]", "[1, 2]", {"transpose_of: f is not linear: square at %"}},
    {VMAP, total, "5", NULL, {"vmap", "f", "axis 0"}},
    {ROOT, flat, "0.7", "0.7", {"singular"}},
    {ROOT, total, "[1, 2]", NULL, {"f gives f64[] at f64[2]; a search needs the same type"}},
    {ROOT, total, "i[1, 2]", NULL, {"the search of f starts at i32[2]; it must be real"}},
    {FIXED_POINT, total, "[1, 2]", NULL, {"f gives f64[] at f64[2]; a search needs the same type"}},
    {VJP_OF_BENT, thrice, "2", "1", {"vjp of custom_jvp_f: the rule its_rule of f is not linear in the tangents"}},
    {JVP_BY_A_ROAD, vector, "[1, 2]", "[1, 2]", {"jvp_f: no road is called \"reverse\"; there is one way only"}},
    {SPARSE_BY_NO_ROAD,
     vector,
     "[1, 2]",
     NULL,
     {"sparse_jacobian: no road is called \"sideways\"; there are \"colours\", \"forward\", \"reverse\""}},
    {BY_NO_ROAD,
     total,
     "[1, 2]",
     NULL,
     {"hessian: no road is called \"sideways\"; there are \"forward over reverse\""}},
};

static ebb_tensor *argument(const char *text) {
    ebb_dtype dtype = *text == 'i' ? EBB_I32 : *text == 's' ? EBB_F32 : EBB_F64;
    return ebb_literal(ebb, text + (dtype != EBB_F64), dtype);
}

Test(derivative_errors, messages) {
    for (int i = 0; i < COUNT(cases); i++)
        EBB_SCOPE (ebb) {
            ebb_function *f = ebb_function_new(ebb, cases[i].f, &(ebb_function_options){.name = "f"});
            ebb_operand in[2] = {EBB_OPERAND(argument(cases[i].x))};
            if (cases[i].a) in[1] = EBB_OPERAND(argument(cases[i].a));
            ebb_tensor *out;
            ebb_call_n(derive(cases[i].what, f), cases[i].a ? 2 : 1, in, 1, &out);
            cr_expect(!ebb_ok(ebb) && ebb_is_poison(out), "case %d, %s", i, cases[i].says[0]);
            for (int k = 0; k < 3 && cases[i].says[k]; k++)
                cr_expect_not_null(strstr(ebb_error(ebb), cases[i].says[k]), "case %d: \"%s\", not \"%s\"", i,
                                   ebb_error(ebb), cases[i].says[k]);
            cr_expect_not_null(strstr(ebb_error(ebb), " (tests/test_derivative_errors.c:"), "case %d: %s", i,
                               ebb_error(ebb));
            ebb_clear_error(ebb);
        }
    printf("cases: %d\n", COUNT(cases));
}

/* A NaN of a search is born on the user's line too. */
BODY(never) { /* x^2 + 1 + a^2 = 0 */
    UNUSED;
    out[0] = ebb_add(ebb_square(in[0]), ebb_add(1, ebb_square(in[1])));
}

Test(derivative_errors, a_search_without_end) {
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_scalar(ebb, 0.7);
        ebb_function *f = ebb_root(ebb_function_new(ebb, never, NULL), &(ebb_search){.steps = 20});
        ebb_nan_origin o = ebb_find_nan(f, x, x);
        cr_expect(o.found && o.file && strstr(o.file, "test_derivative_errors.c"), "%s", o.message);
        expect_ok(ebb, "a search without end");
    }
}

/* test_odd_functions.c - every transform of functions that are odd in some way: of no element, of eight axes, of
 * integers, with results that are constant, absent, or the argument itself, of sizes that are not known. Each gives the
 * same numbers or the same error eagerly and compiled, and no error that does not say what it is about.
 *
 * Start reading at `odd` and `verbs`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

/* ---- functions ---- */

enum { MOST_RESULTS = 4, MOST_ARGUMENTS = 6 };

#define BODY(name, ...)                                                                                                \
    static void name(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {                          \
        (void)ebb, (void)in, (void)data;                                                                               \
        __VA_ARGS__;                                                                                                   \
    }

BODY(cube, out[0] = ebb_pow(in[0], 3))
BODY(squares, out[0] = ebb_sum(ebb_square(in[0])))
BODY(square_each, out[0] = ebb_square(in[0]))
BODY(identity, out[0] = in[0])
BODY(constant, out[0] = ebb_scalar(ebb, 2.0))
BODY(twice, out[0] = out[1] = ebb_sum(ebb_mul(in[0], in[0])))
BODY(partly_whole, out[0] = ebb_sum(ebb_gather(ebb_square(in[0]), in[1], 0)); out[1] = ebb_add(in[1], 1))
/* What a tape says of what does not depend on x. */
static ebb_tensor *nothing(ebb_context *ebb, ebb_tensor *x) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_watch(tape, x);
    return ebb_gradient(tape, ebb_scalar(ebb, 1.0), x);
}
BODY(with_absent, out[0] = ebb_sum(ebb_square(in[0])); out[1] = nothing(ebb, in[0]))
BODY(branch, out[0] = ebb_sum(ebb_select(ebb_gt(in[0], 0), ebb_sqrt(in[0]), ebb_mul(in[0], 0))))
BODY(noisy, out[0] = ebb_sum(ebb_mul(ebb_square(in[0]), ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(2), 0, 1))))
BODY(linear, out[0] = ebb_mul(in[0], 3))
BODY(small, out[0] = ebb_lt(ebb_sum(in[0]), 10))
BODY(no_more, out[0] = ebb_lt(ebb_sum(in[0]), -1e9))
BODY(square_step, out[0] = ebb_mul(in[0], ebb_add(in[0], 1)))
BODY(half_step, out[0] = ebb_add(ebb_mul(in[0], 0.5), ebb_sum(ebb_square(in[1]))))
BODY(loop, out[0] = ebb_sum(ebb_while(ebb, small, square_step, NULL, in[0])))
BODY(no_turn, out[0] = ebb_sum(ebb_square(ebb_while(ebb, no_more, square_step, NULL, in[0]))))
BODY(fold, out[0] = ebb_fold(ebb, half_step, NULL, ebb_scalar(ebb, 1.0), in[0]))
BODY(map, out[0] = ebb_sum(ebb_map(ebb, square_each, NULL, in[0])))
BODY(decide, out[0] = ebb_cond(ebb, ebb_gt(ebb_sum(in[0]), 0), squares, constant, NULL, in[0]))
BODY(system_of, out[0] = ebb_sum(ebb_square(ebb_solve(in[0], ebb_ones(ebb, EBB_F64, EBB_SHAPE(2))))))
BODY(factor, out[0] = ebb_sum(ebb_pow(ebb_cholesky(in[0]), 3)))

typedef struct odd {
    const char *name, *x, *y; /* literals; y: a second argument, of integers */
    ebb_dtype dtype;
    ebb_body *body;
    int results;
    const char *signature;
} odd;

static const odd functions[] = {
    {"a number", "2", NULL, EBB_F64, cube, 1, NULL},
    {"eight axes", "[[[[[[[[1], [2]]]]], [[[[[3], [4]]]]]]]]", NULL, EBB_F64, squares, 1, NULL},
    {"eight axes, each", "[[[[[[[[1], [2]]]]], [[[[[3], [4]]]]]]]]", NULL, EBB_F64, square_each, 1, NULL},
    {"nothing", "[]", NULL, EBB_F64, squares, 1, NULL},
    {"nothing, each", "[]", NULL, EBB_F64, square_each, 1, NULL},
    {"f32", "[1, 2]", NULL, EBB_F32, squares, 1, NULL},
    {"integers", "[1, 2]", NULL, EBB_I32, squares, 1, NULL},
    {"truths", "[true, false]", NULL, EBB_BOOL, identity, 1, NULL},
    {"the argument", "[1, 2]", NULL, EBB_F64, identity, 1, NULL},
    {"the argument, a number", "1", NULL, EBB_F64, identity, 1, NULL},
    {"a constant", "[1, 2]", NULL, EBB_F64, constant, 1, NULL},
    {"the same twice", "[1, 2]", NULL, EBB_F64, twice, 2, NULL},
    {"partly integers", "[1, 2]", "[1, 1, 0]", EBB_F64, partly_whole, 2, NULL},
    {"an absent result", "[1, 2]", NULL, EBB_F64, with_absent, 2, NULL},
    {"a branch at its edge", "[0, 4]", NULL, EBB_F64, branch, 1, NULL},
    {"NaN", "[1, nan]", NULL, EBB_F64, squares, 1, NULL},
    {"draws", "[1, 2]", NULL, EBB_F64, noisy, 1, NULL},
    {"unknown sizes", "[1, 2]", NULL, EBB_F64, squares, 1, "f64[?]"},
    {"unknown sizes, each", "[1, 2]", NULL, EBB_F64, square_each, 1, "f64[?]"},
    {"linear", "[1, 2]", NULL, EBB_F64, linear, 1, NULL},
    {"a loop", "[1, 2]", NULL, EBB_F64, loop, 1, NULL},
    {"a loop of no turn", "[1, 2]", NULL, EBB_F64, no_turn, 1, NULL},
    {"a loop until NaN", "[nan, 2]", NULL, EBB_F64, loop, 1, NULL},
    {"a fold", "[1, 2]", NULL, EBB_F64, fold, 1, NULL},
    {"a fold of nothing", "[]", NULL, EBB_F64, fold, 1, NULL},
    {"a map", "[1, 2]", NULL, EBB_F64, map, 1, NULL},
    {"a branch", "[1, 2]", NULL, EBB_F64, decide, 1, NULL},
    {"the other branch", "[1, -2]", NULL, EBB_F64, decide, 1, NULL},
    {"a system", "[[2, 1], [1, 3]]", NULL, EBB_F64, system_of, 1, NULL},
    {"a factor", "[[4, 1], [1, 3]]", NULL, EBB_F64, factor, 1, NULL},
};

/* ---- transforms ---- */

typedef enum further { NONE, DIRECTION, COTANGENTS } further; /* arguments beside those of the function */

typedef ebb_function *make(ebb_context *ebb, ebb_function *f);
#define MAKE(name, formula)                                                                                            \
    static ebb_function *name(ebb_context *ebb, ebb_function *f) {                                                     \
        (void)ebb;                                                                                                     \
        return formula;                                                                                                \
    }
MAKE(the_function, f)
MAKE(grad, ebb_grad(f, NULL))
MAKE(value_and_grad, ebb_value_and_grad(f, NULL))
MAKE(jvp, ebb_jvp(f, NULL))
MAKE(jet, ebb_jet(f, NULL, 3))
MAKE(vjp, ebb_vjp(f, NULL))
MAKE(hvp, ebb_hvp(f, NULL))
MAKE(by_columns, ebb_jacobian_of(f, NULL, EBB_FORWARD))
MAKE(by_rows, ebb_jacobian_of(f, NULL, EBB_REVERSE))
MAKE(by_cost, ebb_jacobian_of(f, NULL, EBB_CHEAPER))
MAKE(batch_jacobian, ebb_batch_jacobian_of(f, NULL, EBB_CHEAPER))
MAKE(hessian, ebb_hessian(f, NULL))
MAKE(diagonal, ebb_hessian_diagonal(f, NULL))
MAKE(laplacian, ebb_laplacian(f, NULL))
MAKE(second_order, ebb_second_order(f, NULL, ebb_literal(ebb, "[[1, 2], [2, 0]]", EBB_F64)))
MAKE(transposed, ebb_transpose_of(f, NULL))
MAKE(sparse_hessian, ebb_sparse_hessian(f, NULL))
MAKE(sparse_jacobian, ebb_sparse_jacobian(f, NULL, EBB_CHEAPER))
MAKE(batched, ebb_vmap(f, NULL))
MAKE(grad_of_laplacian, ebb_grad(ebb_laplacian(f, NULL), NULL))
MAKE(laplacian_of_grad, ebb_laplacian(ebb_grad(f, NULL), NULL))
MAKE(jacobian_of_grad, ebb_jacobian_of(ebb_grad(f, NULL), NULL, EBB_CHEAPER))
MAKE(grad_of_grad, ebb_grad(ebb_grad(f, NULL), NULL))
MAKE(sparse_of_grad, ebb_sparse_jacobian(ebb_grad(f, NULL), NULL, EBB_CHEAPER))
MAKE(hessian_of_vmap, ebb_hessian(ebb_vmap(f, NULL), NULL))

static const struct verb {
    const char *name;
    make *make;
    further further;
    int results; /* for each of f's: at most */
} verbs[] = {
    {"the function", the_function, NONE, 1},
    {"grad", grad, NONE, 1},
    {"value_and_grad", value_and_grad, NONE, 2},
    {"jvp", jvp, DIRECTION, 2},
    {"jet", jet, DIRECTION, 2},
    {"vjp", vjp, COTANGENTS, 2},
    {"hvp", hvp, DIRECTION, 1},
    {"jacobian by columns", by_columns, NONE, 1},
    {"jacobian by rows", by_rows, NONE, 1},
    {"jacobian", by_cost, NONE, 1},
    {"batch_jacobian", batch_jacobian, NONE, 1},
    {"hessian", hessian, NONE, 1},
    {"hessian_diagonal", diagonal, NONE, 1},
    {"laplacian", laplacian, NONE, 2},
    {"second_order", second_order, NONE, 2},
    {"transpose", transposed, COTANGENTS, 1},
    {"sparse_hessian", sparse_hessian, NONE, 1},
    {"sparse_jacobian", sparse_jacobian, NONE, 1},
    {"vmap", batched, NONE, 1},
    {"grad of laplacian", grad_of_laplacian, NONE, 1},
    {"laplacian of grad", laplacian_of_grad, NONE, 1},
    {"jacobian of grad", jacobian_of_grad, NONE, 1},
    {"grad of grad", grad_of_grad, NONE, 1},
    {"sparse_jacobian of grad", sparse_of_grad, NONE, 1},
    {"hessian of vmap", hessian_of_vmap, NONE, 1},
};

/* ---- one function under one transform ---- */

enum { MOST = 600 };
typedef struct answer {
    int count; /* numbers; -1: an error */
    double number[MOST];
    char text[1024]; /* the error, or shapes of the results */
} answer;

static void note(answer *a, const ebb_tensor *x) {
    size_t used = strlen(a->text);
    if (ebb_is_absent(x)) {
        snprintf(a->text + used, sizeof a->text - used, " absent");
        return;
    }
    snprintf(a->text + used, sizeof a->text - used, " %d[", (int)ebb_dtype_of(x));
    for (int i = 0; i < ebb_rank(x); i++) {
        used = strlen(a->text);
        snprintf(a->text + used, sizeof a->text - used, "%lld,", (long long)ebb_dim(x, i));
    }
    for (int64_t k = 0; k < ebb_size(x) && a->count < MOST; k++)
        a->number[a->count++] = ebb_item(x, k);
}

static ebb_tensor *ones_like(ebb_context *ebb, const ebb_tensor *x) {
    int64_t dims[EBB_MAX_RANK];
    for (int i = 0; i < ebb_rank(x); i++)
        dims[i] = ebb_dim(x, i);
    return ebb_ones(ebb, ebb_dtype_of(x), ebb_rank(x), dims);
}

static int arguments(ebb_context *ebb, const odd *o, further more, ebb_function *f, ebb_operand *in) {
    int n = 0;
    in[n++] = EBB_OPERAND(ebb_literal(ebb, o->x, o->dtype));
    if (o->y) in[n++] = EBB_OPERAND(ebb_literal(ebb, o->y, EBB_I64));
    if (more == DIRECTION) in[n++] = EBB_OPERAND(ones_like(ebb, in[0].tensor));
    if (more == COTANGENTS) {
        ebb_tensor *y[2];
        ebb_call_n(f, n, in, o->results, y);
        for (int j = 0; j < o->results; j++)
            in[n++] = EBB_OPERAND(ebb_is_absent(y[j]) ? ebb_scalar(ebb, 0.0) : ones_like(ebb, y[j]));
    }
    return n;
}

static void ask(const odd *o, const struct verb *v, ebb_mode mode, answer *a) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode, .seed = 3});
    ebb_function_options options = {.name = "odd", .results = o->results, .signature = o->signature, .mode = mode};
    ebb_function *f = ebb_function_new(ebb, o->body, &options), *g = v->make(ebb, f);
    ebb_operand in[MOST_ARGUMENTS];
    ebb_tensor *out[MOST_RESULTS];
    int n = arguments(ebb, o, v->further, f, in), results = v->results * o->results;
    *a = (answer){0};
    ebb_set_seed(ebb, 3);
    for (; results > 0; results--) { /* as many as there are */
        ebb_call_n(g, n, in, results, out);
        if (ebb_ok(ebb) || !strstr(ebb_error(ebb), "results")) break;
        if (results > 1) ebb_clear_error(ebb);
    }
    for (int j = 0; ebb_ok(ebb) && j < results; j++)
        note(a, out[j]);
    if (!ebb_ok(ebb)) {
        a->count = -1;
        snprintf(a->text, sizeof a->text, "%s", ebb_error(ebb));
    }
    ebb_close(ebb);
}

static bool is_same(double x, double y) {
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-6 * (fabs(x) + fabs(y)) + 1e-12;
}

/* Up to the line, which is that of the call or of the trace. */
static bool is_same_text(const char *x, const char *y) {
    size_t length = strcspn(x, "(");
    return length == strcspn(y, "(") && !memcmp(x, y, length);
}

/* ---- what one derivative says of another ---- */

static const answer *find(const answer *all, const char *name) {
    for (int k = 0; k < COUNT(verbs); k++)
        if (!strcmp(verbs[k].name, name)) return all[k].count < 0 ? NULL : &all[k];
    return NULL;
}

/* Of a function with one result, a number: n elements of x. */
static void expect_consistent(const odd *o, const answer *all) {
    const answer *h = find(all, "hessian"), *p = find(all, "hvp"), *d = find(all, "hessian_diagonal"),
                 *l = find(all, "laplacian"), *s = find(all, "jacobian of grad");
    if (!h || !p || o->results > 1) return;
    double trace = 0;
    for (int i = 0; i < p->count; i++) {
        double row = 0;
        for (int j = 0; j < p->count; j++)
            row += h->number[i * p->count + j];
        trace += h->number[i * (p->count + 1)];
        cr_expect(is_same(row, p->number[i]), "%s: row %d of the Hessian adds up to %g, hvp %g", o->name, i, row,
                  p->number[i]);
        cr_expect(is_same(h->number[i * (p->count + 1)], d->number[i]), "%s: diagonal %d", o->name, i);
    }
    for (int k = 0; s && k < h->count; k++)
        cr_expect(is_same(h->number[k], s->number[k]), "%s: element %d of the Hessian and of the gradient's Jacobian",
                  o->name, k);
    if (l) cr_expect(is_same(trace, l->number[1]), "%s: laplacian %g, trace %g", o->name, l->number[1], trace);
}

Test(odd_functions, are_the_same_in_every_mode) {
    static answer eager[COUNT(verbs)], native;
    int cases = 0, errors = 0;
    for (int i = 0; i < COUNT(functions); i++) {
        for (int k = 0; k < COUNT(verbs); k++, cases++) {
            ask(&functions[i], &verbs[k], EBB_EAGER, &eager[k]);
            ask(&functions[i], &verbs[k], EBB_NATIVE, &native);
            cr_expect(is_same_text(eager[k].text, native.text), "%s of %s: \"%s\" eagerly, \"%s\" compiled",
                      verbs[k].name, functions[i].name, eager[k].text, native.text);
            cr_expect(eager[k].count >= 0 || strstr(eager[k].text, "(tests/test_odd_functions.c:"),
                      "%s of %s: no line in \"%s\"", verbs[k].name, functions[i].name, eager[k].text);
            for (int j = 0; j < eager[k].count && eager[k].count == native.count; j++)
                cr_expect(is_same(eager[k].number[j], native.number[j]), "%s of %s: number %d is %.17g, compiled %.17g",
                          verbs[k].name, functions[i].name, j, eager[k].number[j], native.number[j]);
            errors += eager[k].count < 0;
        }
        expect_consistent(&functions[i], eager);
    }
    printf("cases: %d, %d of them refused\n", cases, errors);
}

/* test_confusion.c - perturbation confusion: derivatives inside derivatives, whose formulas use outer variables.
 *
 * A system that marks "what is perturbed" by one flag takes an outer variable for the inner one: of x (d/dy (x + y)) it
 * then gives 2 for the derivative 1 in x (Siskind and Pearlmutter, "Perturbation confusion and referential
 * transparency", 2005; "Nesting forward-mode AD in a functional framework", 2008; the shift operator is from Manzyuk
 * and others, "Perturbation confusion in forward automatic differentiation of higher-order functions", 2019). Here a
 * derivative d/dy is taken in every way that there is, inside every other way, two and three deep, eagerly and
 * compiled, with the outer variables captured or given as arguments. Start reading at derivative. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "tests/support/check.h"

typedef enum way {
    TAPE, /* first the tapes, then what traces a function */
    PERSISTENT_TAPE,
    FORWARD_TAPE,
    GRAD,
    GRAD_CAPTURED,
    JVP,
    JVP_CAPTURED,
    VJP,
    JET,
    VMAP,
    JACOBIAN,
    SPARSE_JACOBIAN,
    REMAT,
    WAYS
} way;
static const char *const way_name[WAYS] = {"a tape",
                                           "a persistent tape",
                                           "a forward tape",
                                           "grad",
                                           "grad, captured",
                                           "jvp",
                                           "jvp, captured",
                                           "vjp",
                                           "jet",
                                           "grad in vmap",
                                           "jacobian_of",
                                           "sparse_jacobian",
                                           "grad of remat"};

enum { DEEPEST = 3 };

/* A formula of the variables so far, v[0] the outermost; `level` of them are given. */
typedef struct scene scene;
typedef ebb_tensor *formula(const scene *s, int level, ebb_tensor *const *v);
struct scene {
    ebb_context *ebb;
    ebb_mode mode;
    way ways[DEEPEST];
    formula *f;
};

/* ---- d/dv[level] of s->f, at v[level], in the way that the scene has for this level ---- */

static ebb_tensor *by_tape(const scene *s, int level, ebb_tensor *const *v, int flags) {
    ebb_tape *tape = ebb_tape_start(s->ebb, flags);
    ebb_watch(tape, v[level]);
    ebb_tensor *y = s->f(s, level + 1, v), *dy;
    ebb_gradients(tape, 1, &y, 1, (ebb_tensor *const *)&v[level], &dy, &(ebb_gradient_options){.zeros = true});
    return dy;
}

static ebb_tensor *by_forward_tape(const scene *s, int level, ebb_tensor *const *v) {
    ebb_tensor *x = v[level], *one = ebb_ones(s->ebb, EBB_F64, EBB_SCALAR);
    ebb_tape *forward = ebb_forward_start(s->ebb, 1, &x, &one);
    return ebb_tangent_or_zeros(forward, s->f(s, level + 1, v));
}

typedef struct closure {
    const scene *s;
    int level;
    ebb_tensor *v[DEEPEST];
    bool captured;
} closure;

/* The innermost variable is the argument; outer ones are further arguments, or captured. */
static void body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    closure c = *(const closure *)data;
    for (int k = 0; k < c.level && !c.captured; k++)
        c.v[k] = in[1 + k];
    c.v[c.level] = in[0];
    out[0] = c.s->f(c.s, c.level + 1, c.v);
}

static ebb_tensor *last_result(ebb_function *f, int nin, const ebb_operand *in, int nout) {
    ebb_tensor *out[2];
    ebb_call_n(f, nin, in, nout, out);
    return out[nout - 1];
}

/* Two examples of the variable, and every outer one the same for both; the derivative of the first. */
static ebb_tensor *by_vmap(ebb_context *ebb, ebb_function *f, int nin, ebb_operand *in) {
    int axes[1 + DEEPEST] = {0, EBB_SAME, EBB_SAME, EBB_SAME};
    ebb_function *both = ebb_vmap(ebb_grad(f, NULL), &(ebb_vmap_options){.arguments = nin, .in_axes = axes});
    ebb_tensor *x[2] = {in[0].tensor, ebb_add(in[0].tensor, 1)};
    in[0] = EBB_OPERAND(ebb_stack(2, x, 0));
    return ebb_gather(last_result(both, nin, in, 1), ebb_scalar(ebb, 0), 0);
}

static ebb_tensor *by_function(const scene *s, int level, ebb_tensor *const *v, way w) {
    static closure closures[4 * DEEPEST]; /* they outlive the bodies that make them */
    static int used;
    closure *c = &closures[used++ % (4 * DEEPEST)];
    *c = (closure){.s = s, .level = level, .captured = w == GRAD_CAPTURED || w == JVP_CAPTURED};
    ebb_function *f =
        ebb_function_new(s->ebb, body, &(ebb_function_options){.name = "inner", .data = c, .mode = s->mode});
    ebb_operand in[2 + DEEPEST] = {EBB_OPERAND(v[level])};
    int n = 1;
    for (int k = 0; k < level; k++) {
        c->v[k] = v[k];
        if (!c->captured) in[n++] = EBB_OPERAND(v[k]);
    }
    in[n] = EBB_OPERAND(ebb_ones(s->ebb, EBB_F64, EBB_SCALAR));
    switch (w) {
    case JVP:
    case JVP_CAPTURED:
        return last_result(ebb_jvp(f, NULL), n + 1, in, 2);
    case VJP:
        return last_result(ebb_vjp(f, NULL), n + 1, in, 2);
    case JET:
        return ebb_reshape(last_result(ebb_jet(f, NULL, 1), n + 1, in, 2), EBB_SCALAR);
    case VMAP:
        return by_vmap(s->ebb, f, n, in);
    case JACOBIAN:
        return last_result(ebb_jacobian_of(f, NULL, EBB_FORWARD), n, in, 1);
    case SPARSE_JACOBIAN: /* one entry, or none */
        return ebb_sum(last_result(ebb_sparse_jacobian(f, NULL, EBB_CHEAPER), n, in, 1));
    case REMAT:
        return last_result(ebb_grad(ebb_remat(f), NULL), n, in, 1);
    default:
        return last_result(ebb_grad(f, NULL), n, in, 1);
    }
}

static ebb_tensor *derivative(const scene *s, int level, ebb_tensor *const *v) {
    way w = s->ways[level];
    if (w == TAPE) return by_tape(s, level, v, EBB_TAPE_DEFAULT);
    if (w == PERSISTENT_TAPE) return by_tape(s, level, v, EBB_TAPE_PERSISTENT);
    return w == FORWARD_TAPE ? by_forward_tape(s, level, v) : by_function(s, level, v, w);
}

/* d/dy of the formula at y, one level further in, where v[0 ... level - 1] are given. */
static ebb_tensor *inner(const scene *s, int level, ebb_tensor *const *v, ebb_tensor *y) {
    ebb_tensor *all[DEEPEST];
    for (int k = 0; k < level; k++)
        all[k] = v[k];
    all[level] = y;
    return derivative(s, level, all);
}

/* ---- formulas: at level 1 of x alone, which asks for d/dy of what they are at level 2 ---- */

static ebb_tensor *number(const scene *s, double x) { return ebb_scalar(s->ebb, x); }

#define FORMULA(name, deep, at, combined)                                                                              \
    static ebb_tensor *name(const scene *s, int level, ebb_tensor *const *v) {                                         \
        ebb_tensor *x = v[0];                                                                                          \
        if (level == 2) {                                                                                              \
            ebb_tensor *y = v[1];                                                                                      \
            (void)x, (void)y;                                                                                          \
            return deep;                                                                                               \
        }                                                                                                              \
        ebb_tensor *d = inner(s, level, v, at);                                                                        \
        (void)d;                                                                                                       \
        return combined;                                                                                               \
    }

FORMULA(sum, ebb_add(x, y), number(s, 1), ebb_mul(x, d))
FORMULA(product, ebb_mul(x, y), number(s, 2), ebb_mul(x, d))
FORMULA(product_square, ebb_mul(x, ebb_square(y)), number(s, 2), ebb_mul(x, d))
FORMULA(wave, ebb_sin(ebb_mul(x, y)), number(s, 0.5), ebb_mul(x, d))
FORMULA(inner_only, ebb_square(y), number(s, 2), ebb_mul(x, d))
FORMULA(outer_only, ebb_square(x), number(s, 2), ebb_mul(x, d))
/* For a tape y must be a tensor of its own: asked for the derivative in x itself, it gives that of x + x. */
FORMULA(sum_at_x, ebb_add(x, y), ebb_add(x, 0), ebb_mul(x, d))
FORMULA(square_at_x, ebb_mul(x, ebb_square(y)), ebb_add(x, 0), ebb_mul(x, d))
FORMULA(at_x_squared, ebb_exp(ebb_mul(x, y)), ebb_square(x), d)
/* The shift operator: d/du f(x + u) at u = 0, twice, is f''. */
FORMULA(shift, ebb_exp(ebb_mul(2, ebb_add(x, y))), number(s, 0), d)

/* ---- and of loops and branches, whose bodies use the outer variable ---- */

typedef struct outside {
    const scene *s;
    ebb_tensor *x;
} outside;

static void three_times(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_lt(in[1], 3);
}
static void times_x(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    out[0] = ebb_mul(in[0], ((const outside *)data)->x);
    out[1] = ebb_add(in[1], 1);
}
static void x_square(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    out[0] = ebb_mul(((const outside *)data)->x, ebb_square(in[0]));
}

static ebb_tensor *loop(const scene *s, ebb_body *f, ebb_tensor *x, ebb_tensor *y) {
    outside o = {s, x};
    return ebb_while(s->ebb, three_times, f, &o, y, ebb_scalar(s->ebb, 0));
}
static ebb_tensor *branch(const scene *s, ebb_tensor *x, ebb_tensor *y) {
    outside o = {s, x};
    return ebb_cond(s->ebb, ebb_gt(y, x), x_square, x_square, &o, y);
}

FORMULA(in_a_loop, loop(s, times_x, x, y), number(s, 2), ebb_mul(x, d))
FORMULA(in_a_branch, branch(s, x, y), number(s, 2), ebb_mul(x, d))

/* A derivative in each iteration: the state becomes d/dy x y^2 at y = the state. */
static void derive_each(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    const outside *o = data;
    out[0] = inner(o->s, 1, &o->x, in[0]);
    out[1] = ebb_add(in[1], 1);
}
FORMULA(in_every_iteration, ebb_mul(x, ebb_square(y)), number(s, 1), loop(s, derive_each, x, number(s, 1)))

#define X 1.5
static const struct {
    const char *name;
    formula *f;
    double want; /* d/dx at X */
} pairs[] = {
    {"x (d/dy (x + y))", sum, 1},
    {"x (d/dy x y)", product, 2 * X},
    {"x (d/dy x y^2)", product_square, 8 * X},
    {"x (d/dy sin(x y))", wave, 0}, /* set below */
    {"x (d/dy y^2)", inner_only, 4},
    {"x (d/dy x^2)", outer_only, 0},
    {"x (d/dy (x + y)) at y = x", sum_at_x, 1},
    {"x (d/dy x y^2) at y = x", square_at_x, 6 * X *X},
    {"d/dy exp(x y) at y = x^2", at_x_squared, 0},
    {"the shift operator twice", shift, 0},
    {"x (d/dy y x^3, by a loop)", in_a_loop, 4 * X *X *X},
    {"x (d/dy x y^2, by a branch)", in_a_branch, 8 * X},
    {"d/dy x y^2 in every iteration", in_every_iteration, 24 * X *X},
};

static double wanted(int k) {
    if (pairs[k].f == wave) return 2 * X * cos(X / 2) - X * X / 2 * sin(X / 2);
    if (pairs[k].f == at_x_squared) return exp(X * X * X) * (1 + 3 * X * X * X);
    if (pairs[k].f == shift) return 4 * exp(2 * X);
    return pairs[k].want;
}

static const char *mode_text(ebb_mode mode) { return mode == EBB_EAGER ? "eager" : "compiled"; }

/* A function's body does not see what another body is being traced with: it says so, and gives no number. */
static bool is_function(way w) { return w >= GRAD; }
static bool is_captured(way w) { return w == GRAD_CAPTURED || w == JVP_CAPTURED; }
static bool is_refused(int depth, const way *ways) {
    bool traced = false, captures = false;
    for (int k = 0; k < depth; k++) {
        captures |= traced && is_captured(ways[k]);
        traced |= is_function(ways[k]);
    }
    return captures;
}

static int check_pair(ebb_mode mode, way outer, way inside, int k) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode});
    scene s = {.ebb = ebb, .mode = mode, .ways = {outer, inside}, .f = pairs[k].f};
    ebb_tensor *x = ebb_scalar(ebb, X), *d = derivative(&s, 0, &x);
    double got = ebb_item(d, 0), want = wanted(k);
    if (is_refused(2, s.ways) && pairs[k].f != inner_only)
        expect_error(ebb, EBB_TYPE_ERROR, "pass it as an argument", "%s in %s", way_name[inside], way_name[outer]);
    else
        cr_expect(ebb_ok(ebb) && fabs(got - want) <= 1e-13 * (1 + fabs(want)), "%s, %s in %s, %s: %.17g, not %.17g; %s",
                  pairs[k].name, way_name[inside], way_name[outer], mode_text(mode), got, want,
                  ebb_ok(ebb) ? "" : ebb_error(ebb));
    ebb_close(ebb);
    return 1;
}

Test(confusion, every_way_inside_every_way_eager) {
    int cases = 0;
    for (way outer = 0; outer < WAYS; outer++)
        for (way inside = 0; inside < WAYS; inside++)
            for (int k = 0; k < COUNT(pairs); k++)
                cases += check_pair(EBB_EAGER, outer, inside, k);
    printf("cases: %d pairs of derivatives, eager\n", cases);
}

/* Each pair of ways with some of the formulas, so that each formula meets each way. */
Test(confusion, every_way_inside_every_way_compiled) {
    int cases = 0;
    for (way outer = 0; outer < WAYS; outer++)
        for (way inside = 0; inside < WAYS; inside++)
            for (int k = (int)(outer + inside) % 3; k < COUNT(pairs); k += 3)
                cases += check_pair(EBB_NATIVE, outer, inside, k);
    printf("cases: %d pairs of derivatives, compiled\n", cases);
}

/* ---- three deep ---- */

/* x d/dy (y d/dz x y z) is 2 x^2 y; d/dx of it 4 x y, y = 3. And x (d/dy y (d/dz (x + y + z))) has 1. */
static ebb_tensor *three_products(const scene *s, int level, ebb_tensor *const *v) {
    if (level == 3) return ebb_mul(ebb_mul(v[0], v[1]), v[2]);
    return ebb_mul(v[level - 1], inner(s, level, v, number(s, level == 1 ? 3 : 5)));
}
static ebb_tensor *three_sums(const scene *s, int level, ebb_tensor *const *v) {
    if (level == 3) return ebb_add(ebb_add(v[0], v[1]), v[2]);
    return ebb_mul(v[level - 1], inner(s, level, v, number(s, level == 1 ? 3 : 5)));
}

static void check_three(ebb_mode mode, int which, const way *ways, formula *f, double want) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode});
    scene s = {.ebb = ebb, .mode = mode, .ways = {ways[0], ways[1], ways[2]}, .f = f};
    ebb_tensor *x = ebb_scalar(ebb, X), *d = derivative(&s, 0, &x);
    double got = ebb_item(d, 0);
    if (is_refused(3, ways))
        expect_error(ebb, EBB_TYPE_ERROR, "pass it as an argument", "%s", way_name[ways[2]]);
    else
        cr_expect(ebb_ok(ebb) && fabs(got - want) <= 1e-13 * want, "%s in %s in %s, %s, %d: %.17g, not %.17g; %s",
                  way_name[ways[2]], way_name[ways[1]], way_name[ways[0]], mode_text(mode), which, got, want,
                  ebb_ok(ebb) ? "" : ebb_error(ebb));
    ebb_close(ebb);
}

Test(confusion, three_deep) {
    int cases = 0;
    for (int i = 0; i < WAYS * WAYS * WAYS; i++) {
        const way ways[3] = {(way)(i % WAYS), (way)(i / WAYS % WAYS), (way)(i / WAYS / WAYS)};
        ebb_mode mode = i % 10 ? EBB_EAGER : EBB_NATIVE;
        check_three(mode, 0, ways, three_products, 4 * X * 3);
        check_three(mode, 1, ways, three_sums, 1);
        cases += 2;
    }
    printf("cases: %d triples of derivatives\n", cases);
}

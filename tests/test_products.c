/* test_products.c - sums of products as one node: what they compute, what every transform makes of them, what is known
 * of them and refused. How large series are that are made of them is in test_series.c. Start reading at transforms. */
#include <criterion/criterion.h>
#include <math.h>
#include <quadmath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "dual/pattern.h"
#include "jit/graph/build.h"
#include "jit/graph/text.h"
#include "tests/support/engines.h"
#include "tests/support/parsed.h"
#include "tests/support/run_graph.h"
#include "tests/support/scarce.h"

static ebb_diag diag;
static ebb_graph *g; /* of the programs that are built here */
static ebb_builder *const b = &(ebb_builder){.graph = NULL};

/* ---- values: by both engines, against quadruple precision, and as written out to the bit ---- */

enum { MOST = 6 }; /* products */

typedef struct trial {
    ebb_dtype dtype;
    bool matrices, left, right; /* given transposed */
    int products;
    int64_t m, k, n; /* [m, k] by [k, n]; others are vectors of n */
} trial;

static ebb_type factor_type(const trial *t, int i) {
    if (!t->matrices) return (ebb_type){t->dtype, {1, {t->n}}};
    int64_t rows = i % 2 ? t->k : t->m, columns = i % 2 ? t->n : t->k;
    bool turned = i % 2 ? t->right : t->left;
    return (ebb_type){t->dtype, {2, {turned ? columns : rows, turned ? rows : columns}}};
}

static quad at(const trial *t, const quad_tensor *x, int i, int64_t row, int64_t column) {
    bool turned = i % 2 ? t->right : t->left;
    return x->at[turned ? column * x->type.shape.dim[1] + row : row * x->type.shape.dim[1] + column];
}

/* Element e of the sum, and what its rounding errors are in proportion to. */
static quad element(const trial *t, const quad_tensor *x, int64_t e, quad *scale) {
    quad sum = 0;
    *scale = 0;
    for (int i = 0; i < 2 * t->products; i += 2)
        for (int64_t j = 0; j < (t->matrices ? t->k : 1); j++) {
            quad p = t->matrices ? at(t, &x[i], 0, e / t->n, j) * at(t, &x[i + 1], 1, j, e % t->n)
                                 : x[i].at[e] * x[i + 1].at[e];
            sum += p;
            *scale += fabsq(p);
        }
    return sum;
}

static int64_t compare(const engines *e, const trial *t, const quad_tensor *x) {
    const int64_t size = t->matrices ? t->m * t->n : t->n;
    const double unit = t->dtype == EBB_F32 ? 0x1p-24 : 0x1p-53;
    for (int64_t i = 0; i < size; i++) {
        quad scale, want = element(t, x, i, &scale);
        for (int engine = 0; engine < ENGINES; engine++) {
            double off = (double)fabsq(engines_get(e, engine, 0, i) - want);
            cr_expect(off <= (double)scale * unit * (t->products + (t->matrices ? t->k : 0) + 1),
                      "%s, %d products, element %d, %s: off by %g", e->graph->name, t->products, (int)i,
                      engine_name[engine], off);
        }
        if (t->matrices) continue; /* BLAS may add in another order */
        cr_expect_eq(engines_get(e, EVALUATOR, 0, i), engines_get(e, NATIVE, 0, i), "%d products, element %d",
                     t->products, (int)i);
    }
    return size;
}

static int64_t try(const trial *t) {
    engines e;
    ebb_id id[2 * MOST];
    quad_tensor x[2 * MOST];
    engines_start(&e, t->matrices ? "matrices" : "vectors");
    for (int i = 0; i < 2 * t->products; i++)
        id[i] = engines_input(&e, factor_type(t, i));
    const int64_t flag[2] = {t->left, t->right};
    ebb_application app = {.op = t->matrices ? EBB_OP_sum_dot : EBB_OP_sum_mul, .nattr = 2 * t->matrices, .attr = flag};
    engines_output(&e, ebb_record(e.graph, &app, 2 * t->products, id));
    engines_compile(&e);
    for (int i = 0; i < 2 * t->products; i++) {
        x[i] = quad_new(factor_type(t, i));
        for (int64_t k = 0; k < x[i].size; k++)
            x[i].at[k] = (float)sin((double)(k + 1) * (i + 1) * 1.7);
        engines_set(&e, i, &x[i]);
    }
    engines_run(&e);
    int64_t numbers = compare(&e, t, x);
    for (int i = 0; i < 2 * t->products; i++)
        quad_free(&x[i]);
    engines_stop(&e);
    return numbers;
}

Test(products, values) {
    int64_t numbers = 0;
    for (int products = 1; products <= MOST; products++)
        for (int d = EBB_F32; d <= EBB_F64; d++)
            for (int way = 0; way < 5; way++)
                numbers += try(&(trial){(ebb_dtype)d, way < 4, way & 1, way & 2, products, 3, 4, way < 4 ? 2 : 37});
    cr_expect(numbers > 0);
    printf("cases: %lld numbers\n", (long long)numbers);
}

/* ---- every transform: of the node, and of what it stands for ---- */

static const char *const programs[] = {
    "func f(%1: f64[3], %2: f64[3]) { %3 f64[3] = sin %1 %4 f64[3] = sum_mul %1, %2, %3, %3, %2, %3, %1, %1 "
    "%5 f64[] = sum %4 {axes=[0]} return %5 }",
    "func f(%1: f64[2,3], %2: f64[2,3]) { %3 f64[2,3] = tanh %1 "
    "%4 f64[2,2] = sum_dot %1, %2, %3, %1, %2, %3 {tx=0, ty=1} %5 f64[2,2] = exp %4 "
    "%6 f64[] = sum %5 {axes=[0,1]} return %6 }",
    "func f(%1: f64[2,2], %2: f64[2,2]) { %3 f64[2,2] = sum_dot %1, %2, %2, %1, %2, %2 {tx=1, ty=0} "
    "%4 f64[2,2] = sum_mul %3, %1, %3, %2, %1, %2 %5 f64[2,2] = sum_dot %3, %4, %4, %3, %1, %4 {tx=1, ty=1} "
    "%6 f64[] = sum %5 {axes=[0,1]} return %6 }",
    /* what a selection has not taken, with an infinite slope there */
    "func f(%1: f64[4], %2: f64[4]) { %3 f64[] = constant 0 %4 f64[4] = broadcast %3 {axes=[]} %5 bool[4] = gt %1, %4 "
    "%6 f64[4] = sqrt %1 %7 f64[4] = select %5, %6, %4 %8 f64[4] = exp %7 "
    "%9 f64[4] = sum_mul %7, %8, %8, %2, %7, %7 %10 f64[] = sum %9 {axes=[0]} return %10 }",
};
enum { PROGRAMS = sizeof programs / sizeof *programs, BOTH = 2 };

typedef ebb_graph *transform(const ebb_graph *f);
static const ebb_dual_spec spec = {.nwrt = BOTH, .wrt = (const int[]){0, 1}};

static ebb_graph *of_value(const ebb_graph *f) { return ebb_expand(f, false, NULL, &diag); }
static ebb_graph *of_grad(const ebb_graph *f) { return ebb_grad_graph(f, &spec, &diag); }
static ebb_graph *of_jvp(const ebb_graph *f) { return ebb_jvp_graph(f, &spec, &diag); }
static ebb_graph *of_hvp(const ebb_graph *f) { return ebb_hvp_graph(f, &spec, &diag); }
static ebb_graph *of_jet(const ebb_graph *f) { return ebb_jet_graph(f, 5, &spec, &diag); }
static ebb_graph *of_hessian(const ebb_graph *f) { return ebb_hessian_graph(f, &spec, &diag); }
static ebb_graph *of_diagonal(const ebb_graph *f) { return ebb_hessian_diagonal_graph(f, &spec, &diag); }
static ebb_graph *of_laplacian(const ebb_graph *f) {
    int64_t d = size_of_node(f, f->input[0]) + size_of_node(f, f->input[1]);
    return ebb_second_order_graph(f, d, NULL, &spec, &diag);
}
static ebb_graph *of_many(const ebb_graph *f) {
    return ebb_vmap_graph(f, 3, (const int[]){0, 0, -1, -1, -1, -1, -1}, (const int[]){0, 0, 0, 0}, NULL, &diag);
}
static ebb_graph *of_some(const ebb_graph *f) { /* one factor is the same for all */
    return ebb_vmap_graph(f, 3, (const int[]){1, -1, -1, -1, -1, -1, -1}, (const int[]){0, 0, 0, 0}, NULL, &diag);
}

static const struct {
    const char *name;
    transform *of;
} transforms[] = {{"value", of_value}, {"grad", of_grad},       {"jvp", of_jvp},           {"hvp", of_hvp},
                  {"jet", of_jet},     {"hessian", of_hessian}, {"diagonal", of_diagonal}, {"laplacian", of_laplacian},
                  {"vmap", of_many},   {"vmap of one", of_some}};
enum { TRANSFORMS = sizeof transforms / sizeof *transforms };

/* Its results one after the other; how many numbers. */
static int run(const ebb_graph *f, bool natively, double *out) {
    double *in[16], *result[16] = {NULL}, *to = out;
    ebb_graph *ready = ebb_expand_to_run(f, &diag);
    cr_assert(ready && f->inputs <= 16 && f->outputs <= 16, "%s", diag.message);
    for (int k = 0; k < f->inputs; k++) {
        int64_t size = size_of_node(f, f->input[k]);
        in[k] = malloc((size_t)size * sizeof(double));
        for (int64_t i = 0; i < size; i++)
            in[k][i] = i == 1 && k == 0 ? 0 : sin(1 + 2.3 * (double)i + k);
    }
    for (int j = 0; j < f->outputs; j++) {
        if (f->output[j] == EBB_ABSENT) continue;
        result[j] = to;
        to += size_of_node(f, f->output[j]);
    }
    cr_assert((natively ? run_graph_natively : run_graph)(ready, (const double *const *)in, result, &diag), "%s",
              diag.message);
    for (int k = 0; k < f->inputs; k++)
        free(in[k]);
    ebb_graph_release(ready);
    return (int)(to - out);
}

/* Both roads add the same products up in another order at most. Nested ones are left to the evaluator, for time. */
static int agree(const ebb_graph *one, const ebb_graph *other, bool nested, const char *what, const char *more) {
    static double x[2][4096];
    for (int natively = 0; natively < (nested ? 1 : 2); natively++) {
        int n = run(one, natively, x[0]), m = run(other, natively, x[1]);
        cr_assert_eq(n, m, "%s of %s: %d numbers, %d written out", what, more, n, m);
        for (int i = 0; i < n; i++)
            cr_expect(x[0][i] == x[1][i] || fabs(x[0][i] - x[1][i]) <= 1e-12 * (1 + fabs(x[1][i])),
                      "%s of %s: number %d is %.17g, written out %.17g", what, more, i, x[0][i], x[1][i]);
    }
    return run(one, false, x[0]);
}

Test(products, transforms) {
    int cases = 0, numbers = 0;
    for (int p = 0; p < PROGRAMS; p++) {
        ebb_graph *f = parsed(programs[p]), *apart = ebb_expand_to_run(f, &diag);
        for (int i = 0; i < TRANSFORMS; i++)
            for (int j = 0; j < TRANSFORMS; j++) {
                bool of_scalar = j == 1 || j == 3 || j >= 5; /* of results that are one number */
                if (of_scalar && i != 0 && j < 8) continue;
                ebb_graph *first[2] = {transforms[i].of(f), transforms[i].of(apart)}, *then[2];
                cr_assert(first[0] && first[1], "%s of %d: %s", transforms[i].name, p, diag.message);
                for (int k = 0; k < 2; k++)
                    cr_assert_not_null(then[k] = transforms[j].of(first[k]), "%s of %s of %d: %s", transforms[j].name,
                                       transforms[i].name, p, diag.message);
                numbers += agree(then[0], then[1], i && j, transforms[j].name, transforms[i].name);
                cases++;
                for (int k = 0; k < 2; k++)
                    ebb_graph_release(first[k]), ebb_graph_release(then[k]);
            }
        ebb_graph_release(apart);
        ebb_graph_release(f);
    }
    cr_expect(numbers > 1000);
    printf("cases: %d, %d numbers\n", cases, numbers);
}

/* ---- what is known without running ---- */

Test(products, facts) {
    ebb_graph *f = parsed(programs[1]);
    ebb_cost cost = ebb_cost_at(f, 4); /* three products of [2,3] by [3,2], two sums of them */
    cr_expect(cost.operations == 3 * 24 + 2 * 4 && cost.written == 32 && cost.read == 6 * 48, "%g operations",
              cost.operations);
    cr_expect(ebb_births_known(EBB_OP_sum_mul) && ebb_births_known(EBB_OP_sum_dot));
    ebb_graph *births = ebb_births_graph(f, false, &diag);
    cr_expect_not_null(births, "%s", diag.message);
    ebb_graph_release(births);
    ebb_graph_release(f);
    static const struct {
        const char *text;
        bool linear;
    } linear[] = {
        {"func f(%1: f64[2], %2: f64[2]) { %3 f64[2] = sum_mul %1, %2, %2, %1, %1, %1 return %3 }", false},
        {"func f(%1: f64[2], %2: f64[2]) { %3 f64[2] = sum_mul %1, %2, %2, %2, %1, %2 return %3 }", false},
        {"func f(%1: f64[2], %2: f64[2]) { %3 f64[2] = sum_mul %1, %2, %2, %1, %1, %2 return %3 }", true},
    };
    for (int i = 0; i < 3; i++) {
        ebb_graph *t = ebb_transpose_graph(f = parsed(linear[i].text), NULL, &diag);
        cr_expect_eq(t != NULL, linear[i].linear, "%s", linear[i].text);
        ebb_graph_release(t);
        ebb_graph_release(f);
    }
    f = parsed("func f(%1: f64[5], %2: f64[5]) { %3 f64[5] = sum_mul %1, %2, %1, %1, %2, %2 return %3 }");
    ebb_relation r;
    cr_assert(ebb_pattern_nodes(f, NULL, 1e6, 1, &f->input[0], 1, &f->output[0], &r));
    cr_expect(r.nests == 1 && ebb_nest_pairs(&r.nest[0]) == 5, "element by element: %d nests", (int)r.nests);
    ebb_relation_free(&r);
    ebb_graph_release(f);
}

/* ---- what is refused ---- */

Test(products, refusals) {
    static const char *const texts[][2] = {
        {"func f(%1: f64[2]) { %2 f64[2] = sum_mul return %2 }", "in pairs, got 0"},
        {"func f(%1: f64[2]) { %2 f64[2] = sum_mul %1, %1, %1 return %2 }", "in pairs, got 3"},
        {"func f(%1: i64[2]) { %2 i64[2] = sum_mul %1, %1 return %2 }", "operand is i64[2]; it needs f32 or f64"},
        {"func f(%1: f64[2], %2: f64[3]) { %3 f64[2] = sum_mul %1, %1, %2, %2 return %3 }", "differ in shape"},
        {"func f(%1: f64[2], %2: f64[3]) { %3 f64[2] = sum_mul %1, %2 return %3 }", "differ in shape"},
        {"func f(%1: f64[2,3]) { %2 f64[2,2] = sum_dot %1, %1 {tx=0, ty=0} return %2 }", "inner sizes 3 and 2 differ"},
        {"func f(%1: f64[2,3]) { %2 f64[2,2] = sum_dot %1, %1 return %2 }", "{"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        diag = (ebb_diag){0};
        ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, texts[i][0], strlen(texts[i][0]), &diag);
        cr_expect_null(m, "%s", texts[i][0]);
        cr_expect(strstr(diag.message, texts[i][1]), "%s: %s", texts[i][0], diag.message);
    }
}

/* ---- memory runs out ---- */

static ebb_id vector(int n) { return ebb_add_input(g, (ebb_type){EBB_F64, {n ? 1 : 0, {n}}}, (ebb_site){0}); }
static ebb_id gated(const ebb_id *x) { /* a selection: guarded coefficients */
    ebb_id zero = ebb_g_full_like(b, x[0], 0), in = ebb_g_gt(b, x[0], zero);
    return ebb_g_mul(b, ebb_g_select(b, in, ebb_g_sqrt(b, x[0]), zero), ebb_g_exp(b, x[1]));
}

static bool derive_twice(const ebb_allocator *a) {
    diag = (ebb_diag){0};
    g = b->graph = ebb_graph_new(a, &diag, "f");
    if (!g) return false;
    ebb_id x[2] = {vector(2), vector(2)}, curve[8] = {x[1], 0, 0, 0, x[0]}, c[4], dx[2], y = gated(x), one;
    bool ok = ebb_jet_nodes(g, 4, 2, x, curve, 1, &y, c) && (one = ebb_g_full_like(b, c[3], 1)) > 0 &&
              ebb_vjp_nodes(g, 1, &c[3], &one, 2, x, dx) && ebb_add_output(g, dx[0]) && ebb_add_output(g, dx[1]);
    ebb_graph *many = ok ? ebb_vmap_graph(g, 2, (int[]){0, 0}, (int[]){0, 0}, NULL, &diag) : NULL;
    ebb_graph *ready = many ? ebb_expand_to_run(many, &diag) : NULL;
    ok = ready != NULL;
    ebb_graph_release(ready);
    ebb_graph_release(many);
    ebb_graph_release(g);
    return ok;
}

Test(products, no_memory) {
    scarce s = {.left = INT64_MAX};
    ebb_allocator a = scarce_allocator(&s);
    cr_assert(derive_twice(&a), "%s", diag.message);
    int64_t all = s.asked, step = 1 + all / 300;
    for (int64_t k = 0; k < all; k += step) {
        s = (scarce){.left = k};
        a = scarce_allocator(&s);
        cr_expect(!derive_twice(&a), "allocation %d", (int)k);
        cr_expect_eq(s.live, 0, "allocation %d: %d blocks are lost", (int)k, (int)s.live);
    }
    printf("cases: %d of %d allocations\n", (int)(all / step), (int)all);
}

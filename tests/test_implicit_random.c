/* test_implicit_random.c - functions that an equation defines, where the equation is made of a random program: the
 * fixed point of y = 0.3 sin(y) + tanh(h(theta)), and the root of the difference of both sides, have the derivatives of
 * the iteration written out, in every mode, one upon the other and for many examples. Start reading at compare. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/internal.h"
#include "tests/support/check.h"
#include "tests/support/run_graph.h"
#include "tests/support/transformed.h"

enum { MOST = 16, MOST_OUT = 2 * MOST * MOST };

/* ---- the equation ---- */

/* h(theta): result 0 of the program, a number. */
static ebb_tensor *program(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *theta) {
    ebb_tensor **value = calloc((size_t)g->count, sizeof(ebb_tensor *)), *results[2];
    for (int k = 0; k < g->inputs; k++)
        value[g->input[k]] = theta[k];
    bool ok = ebb_replay(ebb, g, value, results, (ebb_site){0});
    free(value);
    return ok ? ebb_tanh(results[0]) : &ebb->poison;
}

static ebb_tensor *step(ebb_tensor *y, ebb_tensor *h) { return ebb_add(ebb_mul(ebb_sin(y), 0.3), h); }

static void fixed(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    out[0] = step(in[0], program(ebb, data, in + 1));
}
static void difference(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    out[0] = ebb_sub(in[0], step(in[0], program(ebb, data, in + 1)));
}

/* 0.3^40 is less than a last digit. */
static void written_out(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tensor *h = program(ebb, data, in + 1);
    out[0] = ebb_mul(in[0], 0);
    for (int k = 0; k < 40; k++)
        out[0] = step(out[0], h);
}

/* ---- what is asked of it ---- */

static ebb_function *itself(ebb_function *f, const ebb_wrt *wrt) { return (void)wrt, f; }
static ebb_function *series(ebb_function *f, const ebb_wrt *wrt) { return ebb_jet(f, wrt, 3); }
static ebb_function *by_columns(ebb_function *f, const ebb_wrt *wrt) { return ebb_jacobian_of(f, wrt, EBB_FORWARD); }
static ebb_function *by_rows(ebb_function *f, const ebb_wrt *wrt) { return ebb_jacobian_of(f, wrt, EBB_REVERSE); }

static const struct {
    const char *name;
    ebb_function *(*of)(ebb_function *f, const ebb_wrt *wrt);
    bool directions; /* one more argument for each in wrt */
    int results;     /* or -1: one for each in wrt; -2: for each pair */
} questions[] = {
    {"value", itself, false, 1},
    {"grad", ebb_grad, false, -1},
    {"jvp", ebb_jvp, true, 2},
    {"hvp", ebb_hvp, true, -1},
    {"hessian", ebb_hessian, false, -2},
    {"diagonal", ebb_hessian_diagonal, false, -1},
    {"laplacian", ebb_laplacian, false, 2},
    {"series", series, true, 2},
    {"by columns", by_columns, false, -1},
    {"by rows", by_rows, false, -1},
};

typedef enum { ALONE, FOR_MANY, TANGENTS, OVERS } over;
static const char *const over_name[OVERS] = {"", "vmap of ", "jvp of "};

/* The arguments of all questions: y, theta, as many directions, and as many again. */
typedef struct arguments {
    int n; /* theta */
    ebb_tensor *x[1 + 3 * MOST];
} arguments;

static int ask(ebb_context *ebb, ebb_function *f, int q, over o, const arguments *a, ebb_tensor **out) {
    int index[MOST], n = a->n, count = 1 + n + (questions[q].directions ? n : 0), axes[1 + 3 * MOST] = {EBB_SAME};
    int results = questions[q].results == -1 ? n : questions[q].results == -2 ? n * n : questions[q].results;
    ebb_operand in[1 + 3 * MOST];
    for (int i = 0; i < n; i++)
        index[i] = 1 + i;
    const ebb_wrt wrt = {.index = index, .count = n};
    ebb_function *g = questions[q].of(f, &wrt);
    if (o == TANGENTS) g = ebb_jvp(g, &wrt), results *= 2;
    if (o == FOR_MANY) g = ebb_vmap(g, &(ebb_vmap_options){.arguments = count, .in_axes = axes});
    if (o == TANGENTS) count += n;
    for (int k = 0; k < count; k++) {
        ebb_tensor *both[] = {a->x[k], ebb_mul(a->x[k], -0.5)};
        in[k] = EBB_OPERAND(o == FOR_MANY && k > 0 ? ebb_stack(2, both, 0) : a->x[k]);
    }
    ebb_call_n(g, count, in, results, out);
    expect_ok(ebb, "%s%s", over_name[o], questions[q].name);
    return results;
}

/* The search ends with steps of 1e-12; third derivatives have that times some powers of 1 / 0.7. */
static int compare(ebb_context *ebb, const ebb_graph *g, uint64_t seed, const arguments *a) {
    const ebb_function_options options = {.name = "f", .data = (void *)g, .mode = seed % 4 ? EBB_EAGER : EBB_NATIVE};
    ebb_function *plain = ebb_function_new(ebb, written_out, &options);
    ebb_function *searches[] = {ebb_fixed_point(ebb_function_new(ebb, fixed, &options), NULL),
                                ebb_root(ebb_function_new(ebb, difference, &options), NULL)};
    int compared = 0, q = (int)(seed % COUNT(questions));
    over o = (over)(seed / COUNT(questions) % OVERS);
    ebb_tensor *want[MOST_OUT], *got[MOST_OUT];
    for (int k = 0; k < 2; k++) {
        int results = ask(ebb, plain, q, o, a, want), same = ask(ebb, searches[k], q, o, a, got);
        cr_assert_eq(results, same);
        for (int j = 0; j < results; j++) {
            double scale = 1;
            for (int64_t i = 0; i < ebb_size(want[j]); i++)
                scale = fmax(scale, fabs(ebb_item(want[j], i)));
            for (int64_t i = 0; i < ebb_size(want[j]); i++, compared++)
                cr_expect(fabs(ebb_item(got[j], i) - ebb_item(want[j], i)) <= 1e-10 * scale,
                          "seed %d, %s%s by %s: result %d[%d] is %.17g, written out %.17g", (int)seed, over_name[o],
                          questions[q].name, k ? "root" : "fixed point", j, (int)i, ebb_item(got[j], i),
                          ebb_item(want[j], i));
        }
    }
    return compared;
}

/* Numbers of its own for each argument. */
static ebb_tensor *some(ebb_context *ebb, uint64_t seed, const ebb_type *type) {
    int64_t size = 0;
    ebb_shape_size(&type->shape, &size);
    double *x = malloc((size_t)size * sizeof *x + 1);
    fill_uniform(seed, -1, 1, size, x);
    ebb_tensor *t = ebb_constant(ebb, EBB_F64, type->shape.rank, type->shape.dim, x);
    free(x);
    return t;
}

/* 0: not asked. */
static int try_seed(uint64_t seed) {
    ebb_diag diag = {0};
    ebb_graph *f = random_program(seed, &diag), *g = ebb_expand(f, false, NULL, &diag);
    arguments a = {.n = g->inputs};
    int wrt[MOST_PARAMETERS], compared = 0;
    bool good = g->inputs > 0 && g->inputs < MOST && real_parameters(g, wrt) == g->inputs;
    for (int k = 0; k < g->inputs; k++)
        good &= ebb_dtype_at(g, g->input[k]) == EBB_F64 && size_of_node(g, g->input[k]) < 20;
    if (good) {
        ebb_context *ebb = ebb_open(NULL);
        a.x[0] = ebb_scalar(ebb, 0.0);
        for (int k = 0; k < 3 * g->inputs; k++) {
            ebb_type type = ebb_type_of(g, g->input[k % g->inputs]);
            a.x[1 + k] = some(ebb, seed * 91 + (uint64_t)k, &type);
        }
        compared = compare(ebb, g, seed, &a);
        ebb_close(ebb);
    }
    ebb_graph_release(g), ebb_graph_release(f);
    return compared;
}

Test(implicit_random, derivatives_are_those_of_the_iteration) {
    int programs = 0, numbers = 0;
    for (uint64_t seed = 1; programs < 60 && seed < 400; seed++) {
        int compared = try_seed(seed);
        programs += compared > 0, numbers += compared;
    }
    printf("cases: %d equations of random programs, %d numbers\n", programs, numbers);
    cr_expect_geq(programs, 60);
}

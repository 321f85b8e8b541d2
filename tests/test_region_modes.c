/* test_region_modes.c - derivatives of regions: each mode, and each nesting of two, against the same program written
 * out as a straight line.
 *
 * Start reading at compare. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "tests/support/engines.h"
#include "tests/support/parsed.h"
#include "tests/support/region_numbers.h"
#include "tests/support/run_graph.h"
#include "tests/support/unroll.h"

/* Native code gives the same: to the bit, but that products may be added up in another order. */
static void compare_native(const ebb_graph *g, numbers *in, const numbers *out, const char *what) {
    engines e;
    engines_start(&e, what);
    engines_take(&e, ebb_graph_clone(g, &e.diag));
    engines_compile(&e);
    for (int k = 0; k < g->inputs; k++) {
        quad_tensor x = quad_new(ebb_type_of(g, g->input[k]));
        for (int64_t i = 0; i < x.size; i++)
            x.at[i] = in->room[k][i];
        engines_set(&e, k, &x);
        quad_free(&x);
    }
    engines_run(&e);
    for (int j = 0; j < g->outputs; j++)
        for (int64_t i = 0; i < size_of_node(g, g->output[j]); i++) {
            double x = (double)engines_get(&e, NATIVE, j, i), y = out->room[j][i];
            cr_expect(fabs(x - y) <= 1e-13 * (1 + fabs(y)), "%s: native result %d[%d] is %.17g, not %.17g", what, j,
                      (int)i, x, y);
        }
    engines_stop(&e);
}

/* ---- transforms, one after the other ---- */

/* The names of up to three, the first one first. */
static ebb_graph *transformed(const ebb_graph *g, const region_program *p, const char *chain, ebb_diag *diag) {
    ebb_graph *now = ebb_expand(g, false, NULL, diag);
    char text[64], *rest = NULL;
    ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt};
    strcpy(text, chain);
    for (char *verb = strtok_r(text, " ", &rest); now && verb; verb = strtok_r(NULL, " ", &rest)) {
        ebb_graph *next = NULL;
        if (!strcmp(verb, "jvp")) next = ebb_jvp_graph(now, &spec, diag);
        if (!strcmp(verb, "vjp")) next = ebb_vjp_graph(now, &spec, diag);
        if (!strcmp(verb, "laplacian")) next = ebb_second_order_graph(now, 0, NULL, &spec, diag);
        if (!strcmp(verb, "columns")) next = ebb_jacobian_graph(now, EBB_FORWARD, &spec, diag);
        if (!strcmp(verb, "rows")) next = ebb_jacobian_graph(now, EBB_REVERSE, &spec, diag);
        if (!strncmp(verb, "jet", 3)) next = ebb_jet_graph(now, atoi(verb + 3), &spec, diag);
        ebb_graph_release(now);
        now = next;
    }
    return now;
}

static int cases;

/* Both programs round at the same places, but sums over iterations may be added in another order. */
static void compare(const region_program *p, const char *chain) {
    static numbers in, got, want;
    char what[200];
    ebb_diag diag = {0};
    snprintf(what, sizeof what, "%s: %s", p->name, chain);
    ebb_graph *f = parsed(p->text);
    f->diag = &diag;
    fill_numbers(f, p, &in);
    ebb_graph *line = unrolled(f, (const double *const *)in.at);
    ebb_graph *a = transformed(f, p, chain, &diag), *b = a ? transformed(line, p, chain, &diag) : NULL;
    cr_assert(a && b, "%s: %s", what, diag.message);
    cr_assert(ebb_verify(a, &diag), "%s: %s", what, diag.message);
    fill_numbers(a, p, &in);
    run_numbers(a, &in, &got, what);
    run_numbers(b, &in, &want, what);
    if (strlen(chain) <= strlen("vjp vjp")) compare_native(a, &in, &got, what);
    for (int j = 0; j < a->outputs; j++)
        for (int64_t e = 0; e < size_of_node(a, a->output[j]); e++) {
            double x = got.room[j][e], y = want.room[j][e];
            cr_expect(fabs(x - y) <= 1e-12 * (1 + fabs(y)), "%s: result %d[%d] is %.17g, not %.17g", what, j, (int)e, x,
                      y);
            cases++;
        }
    ebb_graph_release(a);
    ebb_graph_release(b);
    ebb_graph_release(line);
    ebb_graph_release(f);
}

static void compare_all(const char *const *chain, int chains) {
    cases = 0;
    for (int i = 0; i < region_program_count; i++)
        for (int k = 0; k < chains; k++)
            compare(&region_programs[i], chain[k]);
    printf("cases: %d\n", cases);
}
#define COMPARE(...)                                                                                                   \
    compare_all((const char *const[]){__VA_ARGS__}, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

Test(region_modes, first_order) { COMPARE("", "jvp", "vjp", "jet1", "jet2"); }
Test(region_modes, second_order) { COMPARE("jvp jvp", "jvp vjp", "vjp jvp", "vjp vjp"); }
Test(region_modes, whole_derivatives) { COMPARE("columns", "rows", "columns rows", "laplacian", "laplacian vjp"); }
Test(region_modes, series) { COMPARE("jet6"); }
Test(region_modes, third_order) {
    COMPARE("jvp jvp vjp", "jvp vjp jvp", "jvp vjp vjp", "vjp jvp jvp", "vjp jvp vjp", "vjp vjp jvp", "vjp vjp vjp");
}
Test(region_modes, series_of_gradients_and_gradients_of_series) { COMPARE("vjp jet3", "jet3 vjp", "jet2 jet2"); }

/* ---- many examples ---- */

enum { EXAMPLES = 3 };

/* Example e of parameters that have it, row by row in `all`. */
static void fill_examples(const ebb_graph *g, const region_program *p, const int *axes, int e, numbers *all,
                          numbers *one) {
    fill_numbers(g, p, one);
    for (int k = 0; k < g->inputs; k++) {
        int64_t size = size_of_node(g, g->input[k]);
        cr_assert_leq(size * EXAMPLES, ROOM);
        all->at[k] = all->room[k];
        if (axes[k] >= 0) fill_uniform((uint64_t)(100 * k + e), 0.3, 0.9, size, one->room[k]);
        if (!ebb_is_float(ebb_dtype_at(g, g->input[k])))
            one->room[k][0] = p->whole[k] * (axes[k] >= 0 && e == 1 ? p->other : 1);
        memcpy(all->room[k] + (axes[k] >= 0 ? e * size : 0), one->room[k], (size_t)size * sizeof(double));
    }
}

/* The program for all examples is the program for each of them. */
static void compare_examples(const region_program *p, const ebb_graph *g, const int *axes, bool native,
                             const char *what) {
    static numbers all, one, got, want;
    ebb_diag diag = {0};
    ebb_graph *f = ebb_graph_clone(g, &diag), *many = ebb_vmap_graph(f, EXAMPLES, axes, NULL, NULL, &diag);
    cr_assert(many && ebb_verify(many, &diag), "%s: %s", what, diag.message);
    for (int e = 0; e < EXAMPLES; e++)
        fill_examples(g, p, axes, e, &all, &one);
    run_numbers(many, &all, &got, what);
    if (native) compare_native(many, &all, &got, what);
    for (int e = 0; e < EXAMPLES; e++) {
        fill_examples(g, p, axes, e, &all, &one);
        run_numbers(g, &one, &want, what);
        for (int j = 0; j < g->outputs; j++)
            for (int64_t i = 0, size = size_of_node(g, g->output[j]); i < size; i++) {
                double x = got.room[j][e * size + i], y = want.room[j][i];
                cr_expect(fabs(x - y) <= 1e-12 * (1 + fabs(y)), "%s: example %d: result %d[%d] is %.17g, not %.17g",
                          what, e, j, (int)i, x, y);
                cases++;
            }
    }
    ebb_graph_release(many);
    ebb_graph_release(f);
}

/* All parameters have examples, or only those before or behind the first k, or one. */
static void compare_batches(const region_program *p, const char *chain) {
    ebb_diag diag = {0};
    char what[200];
    ebb_graph *f = parsed(p->text), *g = transformed(f, p, chain, &diag);
    cr_assert(g, "%s: %s: %s", p->name, chain, diag.message);
    for (int k = 0; k <= 2 * g->inputs; k++) {
        int axes[MOST], many = 0;
        for (int i = 0; i < g->inputs; i++)
            many += (axes[i] = k <= g->inputs ? (i >= k ? 0 : -1) : i == k - g->inputs - 1 ? 0 : -1) == 0;
        if (many == 0) continue;
        snprintf(what, sizeof what, "%s: %s, vmap %d", p->name, chain, k);
        compare_examples(p, g, axes, k == 0, what);
    }
    ebb_graph_release(g);
    ebb_graph_release(f);
}

Test(region_modes, many_examples) {
    static const char *const chain[] = {"", "jvp", "vjp", "vjp vjp", "vjp jvp", "jet2 vjp"};
    cases = 0;
    for (int i = 0; i < region_program_count; i++)
        for (int k = 0; k < (int)(sizeof chain / sizeof *chain); k++)
            compare_batches(&region_programs[i], chain[k]);
    printf("cases: %d\n", cases);
}

/* test_births.c - how NaN go through each operation on shapes: what the instrumented variant says is held against what
 * the evaluator does with a NaN in each place of each operand. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/op_case.h"
#include "tests/support/run_graph.h"

/* One operation on parameters, and its variant. */
typedef struct trial {
    ebb_diag diag;
    ebb_graph *graph, *variant;
    double *in[3], *y, first[8];
    int operands;
} trial;

static bool start(trial *t, const op_use *use) {
    ebb_id x[3];
    *t = (trial){.operands = use->c->operands};
    t->graph = ebb_graph_new(&ebb_malloc_allocator, &t->diag, "f");
    for (int k = 0; k < t->operands; k++) {
        quad_tensor numbers = quad_new(use->operand[k]);
        op_fill_operand(use, k, 7, &numbers);
        x[k] = ebb_add_input(t->graph, use->operand[k], (ebb_site){0});
        t->in[k] = calloc((size_t)numbers.size + 1, sizeof(double));
        for (int64_t e = 0; e < numbers.size; e++)
            t->in[k][e] = ebb_is_float(use->operand[k].dtype) ? 1 : (double)numbers.at[e];
        quad_free(&numbers);
    }
    ebb_add_output(t->graph, ebb_record(t->graph, &use->app, t->operands, x));
    t->y = calloc((size_t)size_of_node(t->graph, t->graph->output[0]) + 1, sizeof(double));
    t->variant = ebb_births_graph(t->graph, false, &t->diag);
    return t->variant != NULL;
}

static void stop(trial *t) {
    for (int k = 0; k < t->operands; k++)
        free(t->in[k]);
    free(t->y);
    ebb_graph_release(t->graph);
    ebb_graph_release(t->variant);
}

/* Whether a NaN in any place of the operands comes out. */
static bool comes_out(trial *t) {
    int64_t n = size_of_node(t->graph, t->graph->output[0]);
    bool any = false;
    cr_assert(run_graph(t->graph, (const double *const *)t->in, &t->y, &t->diag), "%s", t->diag.message);
    for (int64_t e = 0; e < n; e++)
        any |= isnan(t->y[e]);
    return any;
}

/* NaN at elements a and b of operand k (b < 0: one only): which of them is found, and nothing else. */
static void expect_found(trial *t, const op_use *use, int k, int64_t a, int64_t b, bool *alone) {
    double *out[8] = {0};
    int64_t n = size_of_node(t->graph, t->graph->input[k]), want = alone[a] ? a : b >= 0 && alone[b] ? b : n;
    if (b >= 0 && b < a && alone[b]) want = b;
    for (int j = 0; j < t->variant->outputs; j++)
        out[j] = &t->first[j];
    t->in[k][a] = NAN;
    if (b >= 0) t->in[k][b] = NAN;
    cr_assert(run_graph(t->variant, (const double *const *)t->in, out, &t->diag), "%s", t->diag.message);
    t->in[k][a] = 1;
    if (b >= 0) t->in[k][b] = 1;
    ebb_id x = t->graph->input[k], y = t->graph->output[0];
    bool reaches = t->variant->output[x - 1] != EBB_ABSENT;
    int64_t found = reaches ? (int64_t)t->first[x - 1] : n;
    cr_expect_eq(found, want, "%s, operand %d: NaN at %lld and %lld: %lld is found, not %lld", op_use_text(use), k,
                 (long long)a, (long long)b, (long long)found, (long long)want);
    cr_expect_eq((int64_t)t->first[y - 1], size_of_node(t->graph, y), "%s: bears what it was given", op_use_text(use));
}

static int try_operand(trial *t, const op_use *use, int k) {
    int64_t n = size_of_node(t->graph, t->graph->input[k]);
    if (!ebb_is_float(use->operand[k].dtype) || n == 0) return 0;
    bool *alone = calloc((size_t)n, sizeof *alone);
    for (int64_t e = 0; e < n; e++) {
        t->in[k][e] = NAN;
        alone[e] = comes_out(t);
        t->in[k][e] = 1;
    }
    for (int64_t e = 0; e < n; e++) {
        expect_found(t, use, k, e, -1, alone);
        expect_found(t, use, k, e, (e * 7 + 3) % n, alone);
    }
    free(alone);
    return (int)n;
}

static bool is_on_shapes(ebb_op op) {
    ebb_access access = ebb_op_table[op].access;
    return access == EBB_VIEW || access == EBB_REDUCE || access == EBB_WHOLE;
}

static int try_case(const op_case *c, ebb_dtype dtype) {
    op_use use;
    trial t;
    int tried = 0;
    if (!is_on_shapes(c->op) || op_is_of_matrix(c->op) || !op_use_of(c, dtype, EBB_I32, &use) ||
        !ebb_is_float(use.result.dtype))
        return 0;
    cr_assert(start(&t, &use), "%s: %s", op_use_text(&use), t.diag.message);
    if (size_of_node(t.graph, t.graph->output[0]) > 0)
        for (int k = 0; k < t.operands; k++)
            tried += try_operand(&t, &use, k);
    stop(&t);
    return tried;
}

Test(births, each_operation_hands_on_what_it_was_given) {
    bool seen[EBB_OP_COUNT] = {false};
    int tried = 0;
    for (int i = 0; i < op_case_count; i++) {
        int elements = try_case(&op_cases[i], i % 2 ? EBB_F32 : EBB_F64);
        seen[op_cases[i].op] |= elements > 0;
        tried += elements;
    }
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        bool whole = ebb_op_table[op].family == EBB_STEP || op_is_of_matrix((ebb_op)op),
             random = ebb_op_table[op].family == EBB_LEAF;
        if (!is_on_shapes((ebb_op)op) || whole || random) continue;
        cr_expect(ebb_births_known((ebb_op)op), "%s: births.c does not know it", ebb_op_table[op].name);
        cr_expect(seen[op], "%s: was not tried", ebb_op_table[op].name);
    }
    printf("cases: %d elements\n", 2 * tried);
}

/* A NaN of its own, beside one that came in. */
Test(births, a_reduction_bears_some_and_hands_on_others) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, &diag, "f");
    ebb_builder b = {.graph = g};
    const ebb_type type = {EBB_F64, {2, {3, 2}}};
    ebb_id x = ebb_add_input(g, type, b.site), y = ebb_g_sum(&b, x, 1, (int64_t[]){1});
    ebb_add_output(g, y);
    ebb_graph *variant = ebb_births_graph(g, false, &diag), *infinite = ebb_births_graph(g, true, &diag);
    cr_assert_not_null(variant);
    cr_assert_not_null(infinite);
    const double in[6] = {1, NAN, INFINITY, -INFINITY, NAN, 1};
    double first[2];
    cr_assert(run_graph(variant, (const double *[]){in}, (double *[]){&first[0], &first[1]}, &diag), "%s",
              diag.message);
    cr_expect(first[x - 1] == 1 && first[y - 1] == 1, "%g %g", first[0], first[1]);
    cr_assert(run_graph(infinite, (const double *[]){in}, (double *[]){&first[0], &first[1]}, &diag), "%s",
              diag.message);
    cr_expect(first[x - 1] == 1 && first[y - 1] == 3, "infinities are bad too: %g %g", first[0], first[1]);
    ebb_graph_release(variant);
    ebb_graph_release(infinite);
    ebb_graph_release(g);
}

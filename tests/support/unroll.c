/* unroll.c - see unroll.h. What a region decides by is computed: the program so far is run for it. */
#include "tests/support/unroll.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dual/rules.h"
#include "jit/graph/region.h"
#include "tests/support/run_graph.h"

typedef struct unrolling {
    ebb_graph *to;
    const double *const *in;
} unrolling;

static void run(unrolling *u, const ebb_graph *f, const ebb_id *x, ebb_id *y);

static bool decide(unrolling *u, ebb_id p) {
    double answer = 0;
    double *out[1] = {&answer};
    ebb_clear_outputs(u->to);
    cr_assert(ebb_add_output(u->to, p));
    cr_assert(run_graph(u->to, u->in, out, u->to->diag), "%s", u->to->diag->message);
    ebb_clear_outputs(u->to);
    return answer != 0;
}

/* Row k of x. */
static ebb_id row(ebb_builder *b, ebb_id x, int64_t k) {
    ebb_shape all = *ebb_shape_of(b->graph, x), one = all, last = {.rank = all.rank - 1};
    int64_t start[EBB_MAX_RANK] = {k}, step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    one.dim[0] = 1;
    for (int i = 1; i < all.rank; i++)
        last.dim[i - 1] = all.dim[i];
    return ebb_g_reshape(b, ebb_g_slice(b, x, start, step, &one), &last);
}

static ebb_id as_row(ebb_builder *b, ebb_id x) {
    ebb_shape one;
    cr_assert(ebb_shape_insert(ebb_shape_of(b->graph, x), 0, 1, &one));
    return ebb_g_reshape(b, x, &one);
}

static void loop(unrolling *u, const ebb_loop *l, const ebb_id *x, ebb_id *y) {
    ebb_builder b = {.graph = u->to};
    int given = l->states + l->captures, n = l->body->inputs, m = l->body->outputs;
    ebb_id *in = malloc(sizeof *in * (size_t)(n + 1)), *out = malloc(sizeof *out * (size_t)(m + 1));
    ebb_id *stack = l->trips > 0 ? malloc(sizeof *stack * (size_t)(m * l->trips + 1)) : NULL, more;
    memcpy(in, x, sizeof *in * (size_t)n);
    for (int64_t i = 0; l->condition || i < l->trips; i++) {
        int64_t k = l->reverse ? l->trips - 1 - i : i;
        if (l->condition) run(u, l->condition, in, &more);
        if (l->condition && !decide(u, more)) break;
        for (int q = given; q < n; q++)
            in[q] = row(&b, x[q], k);
        run(u, l->body, in, out);
        for (int s = 0; s < l->states; s++)
            in[s] = out[s];
        for (int j = l->states; j < m; j++)
            stack[(j - l->states) * l->trips + k] = as_row(&b, out[j]);
    }
    for (int j = 0; j < m; j++) {
        ebb_shape none;
        y[j] = j < l->states  ? in[j]
               : l->trips > 0 ? ebb_stack(&b, (int)l->trips, stack + (j - l->states) * l->trips)
                              : 0;
        if (y[j] != EBB_ABSENT) continue;
        ebb_type type = ebb_type_of(l->body, l->body->output[j]);
        cr_assert(ebb_shape_insert(&type.shape, 0, 0, &none));
        y[j] = ebb_g_full(&b, type.dtype, &none, 0);
    }
    free(stack);
    free(out);
    free(in);
}

static void region(unrolling *u, const ebb_graph *f, ebb_id id, const ebb_id *map, ebb_id *y) {
    const ebb_region r = ebb_region_of(f, id);
    int arity = f->node[id].arity;
    ebb_id *x = malloc(sizeof *x * (size_t)(arity + 1));
    for (int i = 0; i < arity; i++)
        x[i] = map[ebb_operands(f, id)[i]];
    cr_assert_neq(r.op, EBB_OP_unloop);
    if (r.op == EBB_OP_custom) {
        run(u, r.callee[0], x, y);
    } else if (r.op == EBB_OP_cond) {
        run(u, r.callee[decide(u, x[0]) ? 0 : 1], x + 1, y);
    } else {
        const ebb_loop l = ebb_loop_of(f, id);
        loop(u, &l, x, y);
    }
    free(x);
}

/* f on nodes x of the program that is made. */
static void run(unrolling *u, const ebb_graph *f, const ebb_id *x, ebb_id *y) {
    ebb_id *map = calloc((size_t)f->count, sizeof *map), **tuple = calloc((size_t)f->count, sizeof *tuple);
    for (int k = 0; k < f->inputs; k++)
        map[f->input[k]] = x[k];
    for (ebb_id id = 1; id < f->count; id++) {
        ebb_op op = ebb_op_of(f, id);
        if (op == EBB_OP_input) continue;
        if (ebb_is_region(op)) {
            tuple[id] = malloc(sizeof **tuple * (size_t)(ebb_results_of(f, id) + 1));
            region(u, f, id, map, tuple[id]);
        } else if (op == EBB_OP_get) {
            map[id] = tuple[ebb_operands(f, id)[0]][ebb_attr_of(f, id).v[0]];
        } else {
            map[id] = ebb_derive_again(u->to, f, id, map);
        }
        cr_assert_neq(map[id], EBB_POISON, "%s", u->to->diag->message);
    }
    for (int j = 0; j < f->outputs; j++)
        y[j] = map[f->output[j]];
    for (ebb_id id = 1; id < f->count; id++)
        free(tuple[id]);
    free(tuple);
    free(map);
}

ebb_graph *unrolled(const ebb_graph *g, const double *const *in) {
    unrolling u = {ebb_graph_new(g->allocator, g->diag, g->name), in};
    ebb_id *x = malloc(sizeof *x * (size_t)(g->inputs + 1)), *y = malloc(sizeof *y * (size_t)(g->outputs + 1));
    for (int k = 0; k < g->inputs; k++)
        x[k] = ebb_add_input(u.to, ebb_type_of(g, g->input[k]), (ebb_site){0});
    run(&u, g, x, y);
    for (int j = 0; j < g->outputs; j++)
        cr_assert(ebb_add_output(u.to, y[j]));
    free(x);
    free(y);
    return u.to;
}

/* random_regions.c - branches and loops for random programs. Their callees are random programs too, whose results are
 * bounded in smooth programs, so that a few iterations stay where slopes are small. Start reading at maker_add_region.
 */
#include "jit/graph/region.h"
#include "tests/support/random_maker.h"

enum { MOST_ARGUMENTS = 8, CALLEE_NODES = 6 };

/* A region in the making: operands, the first `states` of which a loop hands from iteration to iteration. */
typedef struct plan {
    ebb_id arg[MOST_ARGUMENTS];
    int states, captures, sequences;
    bool counts; /* state 0 is the number of the iteration */
} plan;

static int arguments_of(const plan *p) { return p->states + p->captures + p->sequences; }

static ebb_id any_number(maker *m) { return maker_some_of(m, m->o.smooth ? FLOATS : ANY, 0); }

/* ---- callees ---- */

/* A program with these parameters; of sequences a row. */
static maker new_callee(maker *m, const char *name, const plan *p) {
    maker in = {.g = ebb_graph_new(m->g->allocator, m->g->diag, name), .seed = ebb_random_next(&m->seed), .o = m->o};
    in.inside = m->inside + 1, in.closed = true;
    for (int k = 0; k < arguments_of(p); k++) {
        ebb_shape s = *shape_at(m, p->arg[k]), row = {.rank = s.rank - 1};
        for (int i = 1; i < s.rank; i++)
            row.dim[i - 1] = s.dim[i];
        maker_input(&in, dtype_at(m, p->arg[k]), k < p->states + p->captures ? s : row);
    }
    return in;
}

static void fill_callee(maker *in) {
    int most = in->g->count + CALLEE_NODES;
    for (int tries = 0; in->g->count < most && tries < 2 * CALLEE_NODES; tries++)
        maker_grow(in);
}

/* Something of x's type, made of x and another node; numbers are bounded where that does not cost exactness. */
static ebb_id next_of(maker *in, ebb_id x) {
    ebb_dtype dtype = dtype_at(in, x);
    ebb_id y = maker_partner(in, dtype, *shape_at(in, x));
    if (dtype == EBB_BOOL) return maker_apply(in, EBB_OP_logical_or, 2, x, y);
    if (!ebb_is_float(dtype)) return maker_apply(in, EBB_OP_max, 2, x, y);
    y = maker_apply(in, EBB_OP_add, 2, x, y);
    return in->o.exact ? maker_apply(in, EBB_OP_mul, 2, y, maker_full(in, dtype, *shape_at(in, x), 0.5))
                       : maker_apply(in, EBB_OP_sin, 1, y, 0);
}

static ebb_graph *make_body(maker *m, const plan *p) {
    maker in = new_callee(m, "body", p);
    fill_callee(&in);
    for (int k = 0; k < p->states; k++) {
        ebb_id x = in.g->input[k];
        bool counter = k == 0 && p->counts;
        ebb_add_output(in.g, counter ? maker_apply(&in, EBB_OP_add, 2, x, maker_full(&in, EBB_I64, (ebb_shape){0}, 1))
                                     : next_of(&in, x));
    }
    for (int64_t k = p->counts ? 0 : maker_below(m, 3); k > 0; k--)
        ebb_add_output(in.g, any_number(&in));
    return in.g;
}

/* As long as the counter is small, and, where kinks are welcome, a sum not too large. */
static ebb_graph *make_condition(maker *m, const plan *p) {
    maker in = new_callee(m, "more", p);
    ebb_id most = maker_full(&in, EBB_I64, (ebb_shape){0}, (double)maker_below(m, 4));
    ebb_id more = maker_apply(&in, EBB_OP_lt, 2, in.g->input[0], most), last = in.g->input[p->states - 1];
    if (m->o.kinks && ebb_is_float(dtype_at(&in, last)) && maker_below(m, 2)) {
        int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
        ebb_application sum = {.op = EBB_OP_sum, .nattr = shape_at(&in, last)->rank, .attr = axes};
        ebb_id small = maker_apply(&in, EBB_OP_lt, 2, maker_record(&in, sum, 1, last, 0, 0),
                                   maker_full(&in, dtype_at(&in, last), (ebb_shape){0}, 0.75));
        more = maker_apply(&in, EBB_OP_logical_and, 2, more, small);
    }
    ebb_add_output(in.g, more);
    return in.g;
}

/* One result like each of these. */
static ebb_graph *make_branch(maker *m, const char *name, const plan *p, int results) {
    maker in = new_callee(m, name, p);
    fill_callee(&in);
    for (int k = 0; k < results; k++)
        ebb_add_output(in.g, next_of(&in, in.g->input[k]));
    return in.g;
}

/* ---- regions ---- */

static void get_all(maker *m, ebb_id tuple) {
    for (int k = 0; tuple > 0 && k < ebb_results_of(m->g, tuple); k++)
        ebb_record_get(m->g, tuple, k, (ebb_site){0});
}

static void add_cond(maker *m, plan *p) {
    ebb_id arg[MOST_ARGUMENTS + 1];
    int n = arguments_of(p), results = 1 + (int)maker_below(m, p->captures);
    arg[0] = maker_partner(m, EBB_BOOL, (ebb_shape){0});
    for (int k = 0; k < n; k++)
        arg[k + 1] = p->arg[k];
    ebb_graph *then = make_branch(m, "then", p, results), *otherwise = make_branch(m, "otherwise", p, results);
    get_all(m, ebb_record_cond(m->g, then, otherwise, n + 1, arg, (ebb_site){0}));
    ebb_graph_release(then), ebb_graph_release(otherwise);
}

static void add_loop(maker *m, plan *p, int64_t trips) {
    ebb_loop loop = {.body = make_body(m, p), .condition = p->counts ? make_condition(m, p) : NULL};
    loop.states = p->states, loop.captures = p->captures;
    loop.trips = p->counts ? -1 : trips;
    loop.reverse = !p->counts && maker_below(m, 3) == 0;
    get_all(m, ebb_record_loop(m->g, &loop, arguments_of(p), p->arg, (ebb_site){0}));
    ebb_graph_release(loop.body), ebb_graph_release(loop.condition);
}

/* Something to take rows of: as many as the first one has. */
static void add_sequences(maker *m, plan *p, int64_t *trips) {
    ebb_id x = maker_some_of(m, m->o.smooth ? FLOATS : ANY, 1);
    *trips = shape_at(m, x)->dim[0];
    p->arg[arguments_of(p)] = x;
    p->sequences = 1;
}

void maker_add_region(maker *m) {
    plan p = {.counts = maker_below(m, 3) == 0};
    int64_t trips = maker_below(m, 4);
    bool branches = !p.counts && maker_below(m, 2);
    if (p.counts) p.arg[p.states++] = maker_full(m, EBB_I64, (ebb_shape){0}, 0);
    for (int64_t k = branches ? 0 : 1 + maker_below(m, 2); k > 0; k--)
        p.arg[p.states++] = any_number(m);
    for (int64_t k = branches ? 1 + maker_below(m, 3) : maker_below(m, 3); k > 0; k--)
        p.arg[p.states + p.captures++] = any_number(m);
    if (branches) {
        add_cond(m, &p);
        return;
    }
    if (!p.counts && maker_below(m, 2)) add_sequences(m, &p, &trips);
    add_loop(m, &p, trips);
}

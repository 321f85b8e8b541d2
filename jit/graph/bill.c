/* bill.c - what programs cost: the facts of cost.c added up over nodes, and the scratch that is alive at once.
 *
 * One walk over the nodes in their order, which is the order in which they would run one by one. A value is alive from
 * its node to its last reader; a view keeps alive what it shows. The functions that regions run have bills of their
 * own, made before, callees before callers. Start reading at visit. */
#include "jit/graph/cost.h"
#include "jit/graph/loop.h"
#include "jit/graph/reach.h"
#include "jit/graph/region.h"

#include <math.h>

/* Operations that take as long as moving a byte: what WHOLE and fused operations read and write. */
#define OPERATIONS_PER_BYTE 0.03

double ebb_work_of(const ebb_cost *cost) {
    return cost->operations + OPERATIONS_PER_BYTE * (cost->read + cost->written);
}

static void add(ebb_cost *sum, const ebb_cost *cost, double times) {
    sum->operations += times * cost->operations;
    sum->read += times * cost->read;
    sum->written += times * cost->written;
}

ebb_cost ebb_total(const ebb_bill *bill, int64_t directions) {
    ebb_cost sum = bill->once;
    add(&sum, &bill->each, (double)directions);
    return sum;
}

/* ---- the walk ---- */

enum { LIVE = 1, MANY = 2 }; /* marks: y needs it; it hangs on a direction */

typedef struct walk {
    const ebb_graph *g;
    ebb_diag *diag;
    ebb_id limit;        /* one past the last y */
    uint8_t *mark;       /* [limit] */
    ebb_id *root, *last; /* [limit]: whose memory it is read from; the last reader of that */
    double once, many;   /* bytes alive, those of one direction */
    double directions;   /* asked */
    double bytes, most;  /* allowed, and how many directions that allows */
    ebb_bill bill;
    ebb_cost *cost; /* [limit] of each node; NULL: nobody asks */
    const ebb_reach *reach;
    const ebb_bill *callee; /* [reach->count]: the functions that regions run */
} walk;

static double bytes_of(const ebb_type *type) {
    int64_t bytes;
    return ebb_type_bytes(type, &bytes) ? (double)bytes : INFINITY;
}

/* Of a region, its results together. */
static double size_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    double sum = 0;
    if (!ebb_is_region(ebb_op_of(g, id))) return bytes_of(&type);
    for (int32_t k = ebb_results_of(g, id); k-- > 0;)
        if (ebb_result_type(g, id, k, &type)) sum += bytes_of(&type);
    return sum;
}

static bool shows_another(ebb_op op) {
    return ebb_op_table[op].access == EBB_VIEW || op == EBB_OP_stop_gradient || op == EBB_OP_get;
}

/* Parameters and constants are there anyway; an iota is computed where it is read. */
static bool takes_memory(const walk *w, ebb_id id) {
    ebb_op op = ebb_op_of(w->g, id);
    return w->root[id] == id && ebb_op_table[op].access != EBB_SOURCE && op != EBB_OP_iota;
}

static void mark_live(walk *w, int m, const ebb_id *y) {
    for (int j = 0; j < m; j++)
        if (y[j] > 0) w->mark[y[j]] |= LIVE;
    for (ebb_id id = w->limit - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(w->g, id);
        for (int32_t i = 0; (w->mark[id] & LIVE) && i < w->g->node[id].arity; i++)
            w->mark[x[i]] |= LIVE;
    }
}

static void mark_many(walk *w, int n, const ebb_id *v) {
    for (int i = 0; i < n; i++)
        if (v[i] > 0 && v[i] < w->limit) w->mark[v[i]] |= MANY;
    for (ebb_id id = 1; id < w->limit; id++) {
        const ebb_id *x = ebb_operands(w->g, id);
        for (int32_t i = 0; i < w->g->node[id].arity; i++)
            w->mark[id] |= w->mark[x[i]] & MANY;
    }
}

/* Results are read after all nodes. */
static void find_last_readers(walk *w, int m, const ebb_id *y) {
    for (ebb_id id = 1; id < w->limit; id++) {
        const ebb_id *x = ebb_operands(w->g, id);
        w->root[id] = shows_another(ebb_op_of(w->g, id)) ? w->root[x[0]] : id;
        for (int32_t i = 0; (w->mark[id] & LIVE) && i < w->g->node[id].arity; i++)
            w->last[w->root[x[i]]] = id;
    }
    for (int j = 0; j < m; j++)
        if (y[j] > 0) w->last[w->root[y[j]]] = w->limit;
}

static void hold(walk *w, ebb_id id, double bytes) {
    if (w->mark[id] & MANY)
        w->many += bytes;
    else
        w->once += bytes;
}

/* The memory of this moment, and how many directions would fill what is allowed. */
static void look(walk *w) {
    double peak = w->once + (w->many > 0 ? w->many * w->directions : 0), left = w->bytes - w->once;
    if (peak > w->bill.peak) w->bill.peak = peak;
    if (left < 0)
        w->most = 0;
    else if (w->many > 0 && left / w->many < w->most)
        w->most = left / w->many;
}

/* ---- regions: what they run, as often as they run it ---- */

static const ebb_bill *bill_of(const walk *w, const ebb_graph *callee) {
    static const ebb_bill nothing;
    return callee ? &w->callee[ebb_reach_find(w->reach, callee)] : &nothing;
}

static double larger(double a, double b) { return a > b ? a : b; }

static double state_bytes(const ebb_loop *l) {
    double sum = 0;
    for (int32_t k = 0; k < l->states; k++)
        sum += size_of(l->body, l->body->input[k]);
    return sum;
}

/* The states that an unloop keeps, in bytes, and how often it runs the body: all of them, and the body once for each,
 * or as many as the budget holds, but two at least, and more often. Where a condition ends it, first once to count. */
static double steps_of(const ebb_loop *l, double trips, double *kept) {
    const double states = state_bytes(l), each = states + sizeof(int64_t), all = larger(trips - 1, 0);
    const double budget = l->budget > 0 ? (double)l->budget : EBB_KEPT_STATES;
    const double slots = states > 0 ? fmin(all, larger(2, floor(budget / each))) : 0;
    *kept = slots * each;
    if (states == 0) return l->condition ? trips : 0;
    return ebb_loop_steps(trips, slots) + (l->condition && slots < all ? trips : 0);
}

static ebb_cost loop_cost(const walk *w, ebb_id id, double *scratch) {
    const ebb_loop l = ebb_loop_of(w->g, id);
    const ebb_bill *body = bill_of(w, l.body), *more = bill_of(w, l.condition), *pullback = bill_of(w, l.pullback);
    double trips = l.trips < 0 ? EBB_GUESSED_TRIPS : (double)l.trips, states = state_bytes(&l), kept = 0;
    ebb_cost cost = {0, 0, 0};
    add(&cost, &body->once, l.pullback ? steps_of(&l, trips, &kept) : trips);
    add(&cost, &more->once, trips);
    add(&cost, &pullback->once, trips);
    *scratch = larger(larger(body->peak, more->peak), pullback->peak) + 2 * states + kept;
    return cost;
}

/* Either branch: the dearer one. */
static ebb_cost cond_cost(const walk *w, ebb_id id, double *scratch) {
    const ebb_region r = ebb_region_of(w->g, id);
    const ebb_bill *a = bill_of(w, r.callee[0]), *b = bill_of(w, r.callee[1]);
    *scratch = larger(a->peak, b->peak);
    return ebb_work_of(&a->once) >= ebb_work_of(&b->once) ? a->once : b->once;
}

static ebb_cost primal_cost(const walk *w, ebb_id id, double *scratch) {
    const ebb_region r = ebb_region_of(w->g, id);
    *scratch = bill_of(w, r.callee[0])->peak;
    return bill_of(w, r.callee[0])->once;
}

static ebb_cost cost_of(const walk *w, ebb_id id, double *scratch) {
    ebb_op op = ebb_op_of(w->g, id);
    *scratch = 0;
    if (op == EBB_OP_custom) return primal_cost(w, id, scratch);
    if (op == EBB_OP_cond) return cond_cost(w, id, scratch);
    return op == EBB_OP_loop || op == EBB_OP_unloop ? loop_cost(w, id, scratch) : ebb_cost_at(w->g, id);
}

/* ---- one node after the other ---- */

/* The node's cost; then its memory beside that of its operands, of which it may be the last reader. */
static void visit(walk *w, ebb_id id) {
    const ebb_id *x = ebb_operands(w->g, id);
    double scratch;
    ebb_cost cost = cost_of(w, id, &scratch);
    add(w->mark[id] & MANY ? &w->bill.each : &w->bill.once, &cost, 1);
    if (w->cost) w->cost[id] = cost;
    if (takes_memory(w, id)) hold(w, id, size_of(w->g, id));
    hold(w, id, scratch);
    look(w);
    hold(w, id, -scratch);
    for (int32_t i = 0; i < w->g->node[id].arity; i++) {
        ebb_id r = w->root[x[i]];
        if (w->last[r] != id) continue;
        w->last[r] = 0;
        if (takes_memory(w, r)) hold(w, r, -size_of(w->g, r));
    }
}

/* False: a node that costs nothing as it is never executed, or that has no size. */
static bool check(const walk *w, ebb_id id) {
    const ebb_graph *g = w->g;
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes;
    char text[EBB_TYPE_TEXT];
    const ebb_op_row *row = &ebb_op_table[ebb_op_of(g, id)];
    bool runs = row->access != EBB_NOWHERE || row->family == EBB_PRODUCTS;
    if (runs && ebb_type_bytes(&type, &bytes)) return true;
    return ebb_fail(w->diag, EBB_VALUE_ERROR, g->site[id],
                    "%s of type %s has no cost: %s must be expanded, its sizes known", row->name,
                    ebb_type_text(&type, text), g->name);
}

static bool run(walk *w, int m, const ebb_id *y, int n, const ebb_id *v) {
    mark_live(w, m, y);
    mark_many(w, n, v);
    find_last_readers(w, m, y);
    for (ebb_id id = 1; id < w->limit; id++)
        if (w->mark[id] & LIVE) {
            if (!check(w, id)) return false;
            visit(w, id);
        }
    return true;
}

static bool start(walk *w, int m, const ebb_id *y, int n, const ebb_id *v) {
    const ebb_allocator *a = w->g->allocator;
    w->limit = 1;
    for (int j = 0; j < m; j++)
        if (y[j] >= w->limit) w->limit = y[j] + 1;
    size_t count = (size_t)w->limit;
    w->mark = ebb_mem_new(a, count, sizeof *w->mark);
    w->root = ebb_mem_new(a, 2 * count, sizeof *w->root);
    w->last = w->root ? w->root + count : NULL;
    bool ok = (w->mark && w->root) || ebb_fail_memory(w->diag);
    ok = ok && run(w, m, y, n, v);
    ebb_mem_free(a, w->mark);
    ebb_mem_free(a, w->root);
    return ok;
}

/* The bills of all functions that g's regions run, then w. */
static bool start_reach(walk *w, int m, const ebb_id *y, int n, const ebb_id *v) {
    const ebb_allocator *a = w->g->allocator;
    ebb_reach reach;
    ebb_bill *callee = NULL;
    bool ok = ebb_reach_from(w->g, &reach);
    if (ok) callee = ebb_mem_new(a, (size_t)reach.count, sizeof *callee);
    ok = callee || ebb_fail_memory(w->diag);
    for (int32_t k = 0; ok && k < reach.count - 1; k++) {
        const ebb_graph *g = reach.graph[k];
        walk own = {.g = g, .diag = w->diag, .directions = 1, .bytes = INFINITY, .reach = &reach, .callee = callee};
        ok = start(&own, g->outputs, g->output, 0, NULL);
        callee[k] = own.bill;
    }
    w->reach = &reach;
    w->callee = callee;
    ok = ok && start(w, m, y, n, v);
    ebb_mem_free(a, callee);
    ebb_reach_end(&reach);
    return ok;
}

static bool walk_from(walk *w, int m, const ebb_id *y, int n, const ebb_id *v) {
    w->diag = w->g->diag;
    return w->g->callees ? start_reach(w, m, y, n, v) : start(w, m, y, n, v);
}

/* ---- the questions ---- */

bool ebb_cost_nodes(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, int64_t directions,
                    ebb_bill *bill) {
    walk w = {.g = g, .directions = (double)directions, .bytes = INFINITY};
    if (!walk_from(&w, m, y, n, v)) return false;
    *bill = w.bill;
    return true;
}

bool ebb_directions_within(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, double bytes,
                           int64_t *directions) {
    walk w = {.g = g, .directions = 1, .bytes = bytes, .most = 0x1p62};
    if (!walk_from(&w, m, y, n, v)) return false;
    *directions = (int64_t)w.most;
    return true;
}

bool ebb_cost_graph(const ebb_graph *g, ebb_bill *bill, ebb_cost *cost) {
    walk w = {.g = g, .directions = 1, .bytes = INFINITY, .cost = cost};
    if (!walk_from(&w, g->outputs, g->output, 0, NULL)) return false;
    *bill = w.bill;
    return true;
}

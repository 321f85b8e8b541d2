/* bill.c - what programs cost: the facts of cost.c added up over nodes, and the scratch that is alive at once.
 *
 * One walk over the nodes in their order, which is the order in which they would run one by one. A value is alive from
 * its node to its last reader; a view keeps alive what it shows. Start reading at walk. */
#include "jit/graph/cost.h"

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
    ebb_id limit;        /* one past the last y */
    uint8_t *mark;       /* [limit] */
    ebb_id *root, *last; /* [limit]: whose memory it is read from; the last reader of that */
    double once, many;   /* bytes alive, those of one direction */
    double directions;   /* asked */
    double bytes, most;  /* allowed, and how many directions that allows */
    ebb_bill bill;
} walk;

static double size_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes;
    return ebb_type_bytes(&type, &bytes) ? (double)bytes : INFINITY;
}

static bool shows_another(ebb_op op) { return ebb_op_table[op].access == EBB_VIEW || op == EBB_OP_stop_gradient; }

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
    if (left < 0) w->most = 0;
    if (w->many > 0 && left / w->many < w->most) w->most = left / w->many;
}

/* The node's cost; then its memory beside that of its operands, of which it may be the last reader. */
static void visit(walk *w, ebb_id id) {
    const ebb_id *x = ebb_operands(w->g, id);
    ebb_cost cost = ebb_cost_at(w->g, id);
    add(w->mark[id] & MANY ? &w->bill.each : &w->bill.once, &cost, 1);
    if (takes_memory(w, id)) hold(w, id, size_of(w->g, id));
    look(w);
    for (int32_t i = 0; i < w->g->node[id].arity; i++) {
        ebb_id r = w->root[x[i]];
        if (w->last[r] != id) continue;
        w->last[r] = 0;
        if (takes_memory(w, r)) hold(w, r, -size_of(w->g, r));
    }
}

/* False: a node that costs nothing as it is never executed, or that has no size. */
static bool check(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes;
    char text[EBB_TYPE_TEXT];
    if (ebb_op_table[ebb_op_of(g, id)].access != EBB_NOWHERE && ebb_type_bytes(&type, &bytes)) return true;
    return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[id],
                    "%s of type %s has no cost: %s must be expanded, its sizes known",
                    ebb_op_table[ebb_op_of(g, id)].name, ebb_type_text(&type, text), g->name);
}

static bool run(walk *w, int m, const ebb_id *y, int n, const ebb_id *v) {
    mark_live(w, m, y);
    mark_many(w, n, v);
    find_last_readers(w, m, y);
    for (ebb_id id = 1; id < w->limit; id++)
        if (w->mark[id] & LIVE) {
            if (!check(w->g, id)) return false;
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
    bool ok = (w->mark && w->root) || ebb_fail_memory(w->g->diag);
    ok = ok && run(w, m, y, n, v);
    ebb_mem_free(a, w->mark);
    ebb_mem_free(a, w->root);
    return ok;
}

/* ---- the questions ---- */

bool ebb_cost_nodes(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, int64_t directions,
                    ebb_bill *bill) {
    walk w = {.g = g, .directions = (double)directions, .bytes = INFINITY, .most = INFINITY};
    if (!start(&w, m, y, n, v)) return false;
    *bill = w.bill;
    return true;
}

bool ebb_directions_within(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, double bytes,
                           int64_t *directions) {
    walk w = {.g = g, .directions = 1, .bytes = bytes, .most = 0x1p62};
    if (!start(&w, m, y, n, v)) return false;
    *directions = (int64_t)w.most;
    return true;
}

bool ebb_cost_graph(const ebb_graph *g, ebb_bill *bill) {
    return ebb_cost_nodes(g, g->outputs, g->output, 0, NULL, 1, bill);
}

/* run.c - a whole graph, node by node, without a compiler.
 *
 * Operands come before users, so one backward loop counts the uses of every node and one forward loop runs those that
 * are used. A node's value lives in a slot: contiguous memory, or a view of another node's (its root), which is given
 * back when the last use of it and of its views is over. Results are used to the end.
 * Invariant: parameters are only read until every node has run, so results may lie in the same memory; a result that
 * is a view of a parameter is saved before any result is written. Start reading at ebb_eval_graph. */
#include "jit/eval/inside.h"
#include "jit/eval/pool.h"
#include "jit/eval/region.h"
#include "jit/graph/plain_floats.h"
#include "jit/graph/region.h"

#include <string.h>

typedef struct slot {
    const void *data;
    const int64_t *stride; /* NULL: contiguous; else from the pool */
    int32_t uses;          /* reads to come, by nodes, results and views */
    ebb_id root;           /* whose memory this is; 0: a parameter's, a constant's, or known */
} slot;

typedef struct run {
    const ebb_graph *g;
    const void *const *known, *const *in;
    void *const *out;
    slot *slot;
    eval_pool pool;
    ebb_diag *diag;
} run;

static const void *known_at(const run *r, ebb_id id) { return r->known ? r->known[id] : NULL; }

/* ---- before: what is needed, and which results can be computed in place ---- */

static void count_uses(run *r) {
    const ebb_graph *g = r->g;
    for (int32_t j = 0; j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT && r->out[j]) r->slot[g->output[j]].uses++;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        if (r->slot[id].uses == 0 || known_at(r, id)) continue;
        const ebb_id *operand = ebb_operands(g, id);
        for (int32_t k = 0; k < g->node[id].arity; k++)
            r->slot[operand[k]].uses++;
    }
}

static bool overlap(const void *a, int64_t a_bytes, const void *b, int64_t b_bytes) {
    const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + (uintptr_t)b_bytes && y < x + (uintptr_t)a_bytes;
}

static int64_t bytes_of(const run *r, ebb_id id) {
    const ebb_type type = ebb_type_of(r->g, id);
    int64_t bytes;
    return ebb_type_bytes(&type, &bytes) ? bytes : 0;
}

static bool lies_in_parameters(const run *r, const void *memory, int64_t bytes) {
    for (int32_t k = 0; k < r->g->inputs; k++)
        if (overlap(memory, bytes, r->in[k], bytes_of(r, r->g->input[k]))) return true;
    return false;
}

/* A result that is no view and meets no parameter is computed where it belongs; below a page a copy costs less than to
 * find that out. */
static void place_results(run *r) {
    for (int32_t j = 0; j < r->g->outputs; j++) {
        const ebb_id id = r->g->output[j];
        if (id == EBB_ABSENT || !r->out[j]) continue;
        const ebb_access access = ebb_op_table[ebb_op_of(r->g, id)].access;
        const int64_t bytes = bytes_of(r, id);
        if (access == EBB_SOURCE || access == EBB_VIEW || access == EBB_NESTED || bytes < 4096) continue;
        if (!lies_in_parameters(r, r->out[j], bytes)) r->slot[id].data = r->out[j], r->slot[id].root = id;
    }
}

/* ---- one node ---- */

static void read_slot(const run *r, ebb_id id, ebb_type *type, ebb_view *view) {
    const slot *s = &r->slot[id];
    type->dtype = ebb_dtype_at(r->g, id);
    type->shape = *ebb_shape_of(r->g, id);
    if (s->stride) {
        view->data = s->data;
        memcpy(view->stride, s->stride, sizeof view->stride);
    } else {
        ebb_view_contiguous(view, s->data, &type->shape);
    }
}

static void copy_result(const run *r, ebb_id id, void *to) {
    ebb_type type;
    ebb_view view;
    read_slot(r, id, &type, &view);
    eval_copy(&type, &view, to);
}

static bool run_input(run *r, ebb_id id, const ebb_application *app) {
    int64_t bytes;
    if (!ebb_type_bytes(&app->asked, &bytes))
        return ebb_fail(r->diag, EBB_VALUE_ERROR, app->site, "input: parameter %d has no concrete shape",
                        (int)app->attr[0]);
    r->slot[id].data = r->in[app->attr[0]];
    return r->slot[id].data || bytes == 0 ||
           ebb_fail(r->diag, EBB_VALUE_ERROR, app->site, "input: parameter %d is missing", (int)app->attr[0]);
}

/* A view of operand x, if it can be one. The view holds a use of its root. False: no memory, or *done is false. */
static bool run_view(run *r, ebb_id id, ebb_id x, const ebb_application *app, const ebb_type *type, const ebb_view *arg,
                     bool *done) {
    slot *s = &r->slot[id];
    ebb_view y;
    *done = ebb_eval_view(app, type, arg, &app->asked, &y);
    if (!*done) return true;
    s->data = y.data;
    if (!eval_view_is_contiguous(&y, &app->asked.shape)) {
        int64_t *stride = eval_pool_take(&r->pool, sizeof y.stride);
        if (!stride) return ebb_fail_memory(r->diag);
        memcpy(stride, y.stride, sizeof y.stride);
        s->stride = stride;
    }
    s->root = r->slot[x].root;
    if (s->root) r->slot[s->root].uses++;
    return true;
}

/* Memory for the result, if it has no place yet. */
static bool take_result(run *r, ebb_id id, const ebb_application *app) {
    slot *s = &r->slot[id];
    int64_t bytes;
    if (s->data) return true;
    if (!ebb_type_bytes(&app->asked, &bytes))
        return ebb_fail(r->diag, EBB_VALUE_ERROR, app->site, "%s: too large", ebb_op_table[app->op].name);
    s->data = eval_pool_take(&r->pool, bytes);
    s->root = id;
    return s->data || ebb_fail_memory(r->diag);
}

static bool run_apply(run *r, ebb_id id, const ebb_application *app) {
    const ebb_id *operand = ebb_operands(r->g, id);
    const int narg = r->g->node[id].arity;
    slot *s = &r->slot[id];
    ebb_type type[3];
    ebb_view arg[3];
    bool done = false;
    for (int k = 0; k < narg; k++)
        read_slot(r, operand[k], &type[k], &arg[k]);
    if (ebb_op_table[app->op].access == EBB_VIEW && !run_view(r, id, operand[0], app, type, arg, &done)) return false;
    if (done) return true;
    return take_result(r, id, app) &&
           ebb_eval_op(app, narg, type, arg, &app->asked, (void *)(uintptr_t)s->data, r->pool.allocator, r->diag);
}

/* ---- sums of products, as they are written out: one product after another is added to the first ---- */

static bool run_product(run *r, const ebb_application *app, const ebb_id *x, void *to) {
    ebb_application product = *app;
    ebb_type type[2];
    ebb_view arg[2];
    product.op = ebb_product_of(app->op);
    for (int k = 0; k < 2; k++)
        read_slot(r, x[k], &type[k], &arg[k]);
    return ebb_eval_op(&product, 2, type, arg, &app->asked, to, r->pool.allocator, r->diag);
}

static bool run_products(run *r, ebb_id id, const ebb_application *app) {
    const ebb_application plus = {.op = EBB_OP_add, .asked = app->asked, .site = app->site};
    const ebb_type type[2] = {app->asked, app->asked};
    const ebb_id *x = ebb_operands(r->g, id);
    if (!take_result(r, id, app)) return false;
    void *sum = (void *)(uintptr_t)r->slot[id].data, *next = eval_pool_take(&r->pool, bytes_of(r, id));
    if (!next) return ebb_fail_memory(r->diag);
    ebb_view both[2];
    ebb_view_contiguous(&both[0], sum, &app->asked.shape);
    ebb_view_contiguous(&both[1], next, &app->asked.shape);
    bool ok = run_product(r, app, x, sum);
    for (int32_t k = 2; ok && k < r->g->node[id].arity; k += 2)
        ok = run_product(r, app, x + k, next) &&
             ebb_eval_op(&plus, 2, type, both, &app->asked, sum, r->pool.allocator, r->diag);
    eval_pool_give(&r->pool, next);
    return ok;
}

static void drop_use(run *r, ebb_id id) {
    slot *s = &r->slot[id];
    if (--s->uses) return;
    if (s->stride) eval_pool_give(&r->pool, s->stride);
    if (s->root == id) eval_pool_give(&r->pool, s->data);
    if (s->root && s->root != id) drop_use(r, s->root); /* a root has no root of its own: one step deep */
}

/* One number: no views, and no loops around the loop. Long scalar programs live on this. */
static bool run_number(run *r, ebb_id id, eval_loop *loop) {
    static const int64_t step[3];
    const ebb_id *operand = ebb_operands(r->g, id);
    const void *x[3];
    for (int k = 0; k < r->g->node[id].arity; k++)
        x[k] = r->slot[operand[k]].data;
    void *y = eval_pool_take(&r->pool, sizeof(int64_t));
    if (!y) return ebb_fail_memory(r->diag);
    loop(1, y, x, step);
    r->slot[id].data = y;
    r->slot[id].root = id;
    return true;
}

static eval_loop *number_loop(const ebb_graph *g, ebb_id id) {
    const ebb_node *node = &g->node[id];
    if (ebb_op_table[node->op].access != EBB_POINT || ebb_shape_of(g, id)->rank > 0) return NULL;
    return eval_point_loop((ebb_op)node->op, ebb_dtype_at(g, ebb_operands(g, id)[node->arity - 1]),
                           (ebb_dtype)node->dtype);
}

/* ---- regions: all results of one lie in one buffer, which its gets are parts of ---- */

static int64_t result_bytes(const run *r, ebb_id region, int32_t k) {
    ebb_type type;
    int64_t bytes;
    return ebb_result_type(r->g, region, k, &type) && ebb_type_bytes(&type, &bytes) ? (bytes + 15) / 16 * 16 : 0;
}

/* The operand, contiguous: as it is, or a copy in *copy. NULL: no memory. */
static const void *whole_operand(run *r, ebb_id x, void **copy) {
    static const char nothing;
    if (!r->slot[x].stride) return r->slot[x].data ? r->slot[x].data : &nothing;
    *copy = eval_pool_take(&r->pool, bytes_of(r, x));
    if (*copy) copy_result(r, x, *copy);
    return *copy;
}

static bool point_operands(run *r, ebb_id id, const void **in, void **copy) {
    const ebb_id *operand = ebb_operands(r->g, id);
    for (int32_t k = 0; k < r->g->node[id].arity; k++)
        if (!(in[k] = whole_operand(r, operand[k], &copy[k]))) return ebb_fail_memory(r->diag);
    return true;
}

/* Room for the results that are there; NULL for absent ones. */
static bool point_results(run *r, ebb_id id, void **out) {
    const int32_t results = ebb_results_of(r->g, id);
    int64_t bytes = 0;
    ebb_type type;
    for (int32_t k = 0; k < results; k++)
        bytes += result_bytes(r, id, k);
    char *all = eval_pool_take(&r->pool, bytes);
    if (!all) return ebb_fail_memory(r->diag);
    r->slot[id].data = all;
    r->slot[id].root = id;
    for (int32_t k = 0; k < results; k++) {
        out[k] = ebb_result_type(r->g, id, k, &type) ? all : NULL;
        all += result_bytes(r, id, k);
    }
    return true;
}

static bool run_region(run *r, ebb_id id) {
    const ebb_allocator *a = r->pool.allocator;
    const size_t arity = (size_t)r->g->node[id].arity, results = (size_t)ebb_results_of(r->g, id);
    void **out = ebb_mem_new(a, 2 * arity + results + 1, sizeof *out);
    if (!out) return ebb_fail_memory(r->diag);
    void **copy = out + results;
    const void **in = (const void **)(void *)(copy + arity);
    const bool ok = point_operands(r, id, in, copy) && point_results(r, id, out) &&
                    eval_region(r->g, id, in, out, &r->pool, r->diag);
    for (size_t k = 0; k < arity; k++)
        if (copy[k]) eval_pool_give(&r->pool, copy[k]);
    ebb_mem_free(a, out);
    return ok;
}

static bool run_get(run *r, ebb_id id) {
    const ebb_id region = ebb_operands(r->g, id)[0];
    const int32_t k = (int32_t)ebb_attr_of(r->g, id).v[0];
    const char *data = r->slot[region].data;
    for (int32_t j = 0; j < k; j++)
        data += result_bytes(r, region, j);
    r->slot[id].data = data;
    r->slot[id].root = region;
    r->slot[region].uses++;
    return true;
}

static bool run_any(run *r, ebb_id id) {
    const ebb_graph *g = r->g;
    const ebb_attr attr = ebb_attr_of(g, id);
    const ebb_application app = {ebb_op_of(g, id), attr.n, attr.v, ebb_type_of(g, id), g->site[id]};
    if (app.op == EBB_OP_input) return run_input(r, id, &app);
    if (app.op == EBB_OP_constant) {
        r->slot[id].data = attr.v;
        return true;
    }
    if (app.op == EBB_OP_get) return run_get(r, id);
    if (ebb_op_table[app.op].access == EBB_NESTED) return run_region(r, id);
    if (ebb_op_table[app.op].family == EBB_PRODUCTS) return run_products(r, id, &app);
    if (ebb_op_table[app.op].access == EBB_NOWHERE)
        return ebb_fail(r->diag, EBB_INTERNAL_ERROR, app.site, "%s: the graph must be expanded before it runs",
                        ebb_op_table[app.op].name);
    return run_apply(r, id, &app);
}

static bool run_node(run *r, ebb_id id) {
    eval_loop *loop = number_loop(r->g, id);
    if (!(loop ? run_number(r, id, loop) : run_any(r, id))) return false;
    const ebb_id *operand = ebb_operands(r->g, id);
    for (int32_t k = 0; k < r->g->node[id].arity; k++)
        drop_use(r, operand[k]);
    return true;
}

static bool run_nodes(run *r) {
    for (ebb_id id = 1; id < r->g->count; id++) {
        if (r->slot[id].uses == 0) continue;
        if (known_at(r, id)) {
            r->slot[id].data = known_at(r, id);
        } else if (!run_node(r, id)) {
            return false;
        }
    }
    return true;
}

/* ---- after: results ---- */

/* Borrowed memory that a result may be about to overwrite is saved; what already lies where it belongs is left. */
static bool save_result(run *r, int32_t j) {
    const ebb_id id = r->g->output[j];
    slot *s = &r->slot[id];
    if (s->root || (s->data == r->out[j] && !s->stride)) return true;
    void *copy = eval_pool_take(&r->pool, bytes_of(r, id));
    if (!copy) return ebb_fail_memory(r->diag);
    copy_result(r, id, copy);
    *s = (slot){.data = copy, .uses = 1, .root = id};
    return true;
}

static bool give_results(run *r) {
    const ebb_graph *g = r->g;
    for (int32_t j = 0; j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT && r->out[j] && !save_result(r, j)) return false;
    for (int32_t j = 0; j < g->outputs; j++) {
        const ebb_id id = g->output[j];
        if (id == EBB_ABSENT || !r->out[j]) continue;
        if (r->slot[id].data != r->out[j] || r->slot[id].stride) copy_result(r, id, r->out[j]);
    }
    return true;
}

bool ebb_eval_graph(const ebb_graph *g, const void *const *known, const void *const *in, void *const *out,
                    const ebb_allocator *allocator, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    run r = {.g = g, .known = known, .in = in, .out = out, .diag = diag, .pool = {.allocator = allocator}};
    r.slot = ebb_mem_new(allocator, (size_t)g->count, sizeof *r.slot);
    if (!r.slot) return ebb_fail_memory(diag);
    count_uses(&r);
    place_results(&r);
    const bool ok = run_nodes(&r) && give_results(&r);
    eval_pool_end(&r.pool);
    ebb_mem_free(allocator, r.slot);
    return ok;
}

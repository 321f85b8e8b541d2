/* expand.c - from a recorded graph to one that dual, plan and eval can read: macros written out, calls inlined, and
 * everything rebuilt: through the deriving door, or verbatim for tapes, where each old node keeps a new one of its own.
 *
 * A graph is read node by node, in order, by a frame: which node is next, and the new id of each one before it. A call
 * pushes a frame that reads the callee; when that one has been read, the new ids of its results lie in `result`, and
 * the map of the call node says where. So calls of calls cost heap, never stack. Start reading at run.
 *
 * Other regions stay. Their callees are written anew in the same way, each once, before those who run them. */
#include "jit/graph/expand.h"
#include "jit/graph/plain_floats.h"
#include "jit/graph/reach.h"
#include "jit/graph/region.h"

/* Calls that call twice what calls twice ... stand for more operations than there is time for: give up at this many. */
#define MOST_INLINED 10000000

typedef struct frame {
    const ebb_graph *from;
    ebb_id *map;         /* [from->count]: new ids; of a call, the index of its first result in `result` */
    uint8_t *live;       /* [from->count]: what is worth reading; NULL: all */
    ebb_id next;         /* the node to read next */
    int32_t result_base; /* where in `result` this frame's results go */
} frame;

typedef struct expansion {
    ebb_graph *to;
    bool verbatim;
    frame *frame; /* the innermost is the last one */
    int32_t depth, capacity;
    ebb_id *result;
    int32_t results, result_capacity;
    int64_t inlined; /* nodes of callees read so far */
    int32_t symbols; /* size[k] is written for symbol k */
    const int64_t *size;
    bool to_run;            /* a custom is its primal, a sum of products products and sums */
    const ebb_reach *reach; /* the functions of the program; NULL: it has no others */
    ebb_graph **anew;       /* [reach->count]: what a function is now, if a region that stays runs it */
} expansion;

/* A region that is its first callee, on its own operands. */
static bool is_written_out(const expansion *e, ebb_op op) {
    return op == EBB_OP_call || (op == EBB_OP_custom && e->to_run);
}

static int64_t with_size(const expansion *e, int64_t dim) {
    return dim < 0 && -1 - dim < e->symbols ? e->size[-1 - dim] : dim;
}

static ebb_type with_sizes(const expansion *e, ebb_type type) {
    for (int i = 0; i < type.shape.rank; i++)
        type.shape.dim[i] = with_size(e, type.shape.dim[i]);
    return type;
}

/* A frame that reads `from`, with room for its results. */
static bool push(expansion *e, const ebb_graph *from, bool all) {
    const ebb_allocator *a = e->to->allocator;
    if (!ebb_mem_reserve(a, &e->frame, &e->capacity, (int64_t)e->depth + 1, sizeof *e->frame))
        return ebb_fail_memory(e->to->diag);
    frame *f = &e->frame[e->depth++];
    *f = (frame){.from = from, .next = 1, .result_base = e->results};
    f->map = ebb_mem_new(a, (size_t)from->count, sizeof *f->map);
    if (f->map && !all) f->live = ebb_live_nodes(from);
    if (!f->map || (!all && !f->live)) return ebb_fail_memory(e->to->diag);
    return true;
}

static void pop(expansion *e) {
    frame *f = &e->frame[--e->depth];
    ebb_mem_free(e->to->allocator, f->map);
    ebb_mem_free(f->from->allocator, f->live);
}

static bool enter_call(expansion *e, const frame *caller, ebb_id id) {
    const ebb_graph *callee = caller->from->callee[ebb_attr_of(caller->from, id).v[0]];
    const ebb_id *x = ebb_operands(caller->from, id), *known = caller->map; /* `caller` moves when a frame is pushed */
    if (!push(e, callee, false)) return false;
    for (int32_t k = 0; k < callee->inputs; k++)
        e->frame[e->depth - 1].map[callee->input[k]] = known[x[k]];
    return true;
}

/* The value of x as a node of its own. */
static ebb_id apart(expansion *e, ebb_id x, ebb_site site) {
    return ebb_record(e->to, &(ebb_application){.op = EBB_OP_reshape, .asked = ebb_type_of(e->to, x), .site = site}, 1,
                      &x);
}

/* Result k of the callee. In verbatim graphs a parameter that is handed back is a node of its own, as it is a tensor of
 * its own; what the callee computed is that node itself, so that a result may be differentiated by another one. */
static ebb_id result_of(expansion *e, const frame *f, int32_t k) {
    ebb_id id = f->from->output[k];
    ebb_site site = f->from->site[id];
    if (!e->verbatim || ebb_op_of(f->from, id) != EBB_OP_input) return f->map[id];
    return ebb_graph_keep_site(e->to, f->from, &site) ? apart(e, f->map[id], site) : EBB_POISON;
}

/* The callee has been read: what its own calls left in `result` makes room for its results. */
static bool leave_call(expansion *e) {
    frame *f = &e->frame[e->depth - 1];
    const ebb_graph *callee = f->from;
    int32_t base = f->result_base;
    if (!ebb_mem_reserve(e->to->allocator, &e->result, &e->result_capacity, (int64_t)base + callee->outputs,
                         sizeof *e->result))
        return ebb_fail_memory(e->to->diag);
    for (int32_t k = 0; k < callee->outputs; k++)
        if ((e->result[base + k] = result_of(e, f, k)) == EBB_POISON) return false;
    e->results = base + callee->outputs;
    pop(e);
    frame *caller = &e->frame[e->depth - 1];
    caller->map[caller->next - 1] = base;
    return true;
}

/* ---- one node ---- */

/* What the macro stands for on parameters of its own, so that the deriving door cannot look through an operand and
 * leave it out: its derivative may be asked for. */
static ebb_graph *lone_macro(const expansion *e, const ebb_application *app, int32_t arity, const ebb_id *x,
                             ebb_id *y) {
    ebb_id parameter[3];
    ebb_graph *g = ebb_graph_new(e->to->allocator, e->to->diag, NULL);
    if (g) g->without = e->to->without;
    for (int32_t k = 0; g && k < arity; k++)
        parameter[k] = ebb_add_input(g, ebb_type_of(e->to, x[k]), app->site);
    if (!g || parameter[arity - 1] == EBB_POISON) return g;
    *y = ebb_expand_macro(&(ebb_builder){g, app->site}, app->op, parameter, (ebb_attr){app->nattr, app->attr});
    return g;
}

static ebb_id expand_verbatim(expansion *e, const ebb_application *app, int32_t arity, const ebb_id *x) {
    ebb_id y = EBB_POISON, *renumber;
    ebb_graph *g = lone_macro(e, app, arity, x, &y);
    if (y != EBB_POISON) {
        renumber = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *renumber);
        if (!renumber) ebb_fail_memory(g->diag);
        for (int32_t k = 0; renumber && k < arity; k++)
            renumber[g->input[k]] = x[k];
        bool itself = ebb_op_of(g, y) == EBB_OP_input;
        y = renumber && ebb_copy_nodes(e->to, g, NULL, renumber) ? renumber[y] : EBB_POISON;
        if (y != EBB_POISON && itself) y = apart(e, y, app->site);
        ebb_mem_free(g->allocator, renumber);
    }
    ebb_graph_release(g);
    return y;
}

/* The same operation on the new operands, or what it stands for. */
static ebb_id put(expansion *e, ebb_application *app, int32_t arity, const ebb_id *x) {
    ebb_family family = ebb_op_table[app->op].family;
    if (family == EBB_MACRO) app->site.macro = (uint16_t)app->op;
    ebb_builder b = {e->to, app->site};
    if (family == EBB_PRODUCTS && e->to_run) return ebb_g_products_apart(&b, app, arity, x);
    if (family != EBB_MACRO) return e->verbatim ? ebb_record(e->to, app, arity, x) : ebb_derive(e->to, app, arity, x);
    if (e->verbatim) return expand_verbatim(e, app, arity, x);
    return ebb_expand_macro(&b, app->op, x, (ebb_attr){app->nattr, app->attr});
}

/* Anything but input, regions and get. */
static ebb_id rebuild(expansion *e, const frame *f, ebb_id id) {
    ebb_application app = ebb_application_of(f->from, id);
    app.asked = with_sizes(e, app.asked);
    if (!ebb_graph_keep_site(e->to, f->from, &app.site)) return EBB_POISON;
    ebb_id few[3], *x = ebb_new_operands(e->to, f->from, id, f->map, few);
    ebb_id y = x ? put(e, &app, f->from->node[id].arity, x) : EBB_POISON;
    if (x != few) ebb_mem_free(e->to->allocator, x);
    return y;
}

/* A region that stays runs what its callees have become. */
static ebb_id rebuild_region(expansion *e, const frame *f, ebb_id id) {
    ebb_region r = ebb_region_of(f->from, id);
    ebb_site site = f->from->site[id];
    for (int k = 0; k < 3; k++)
        if (r.callee[k]) r.callee[k] = e->anew[ebb_reach_find(e->reach, r.callee[k])];
    if (ebb_region_numbers(r.op) && !r.callee[1]) r.number[2] = with_size(e, r.number[2]);
    if (!ebb_graph_keep_site(e->to, f->from, &site)) return EBB_POISON;
    return ebb_put_region(e->verbatim ? ebb_record_region : ebb_derive_region, e->to, &r, f->from, id, f->map, site);
}

/* Of a call that has been written out, the result is there. */
static ebb_id resolve_get(expansion *e, const frame *f, ebb_id id) {
    const ebb_id tuple = ebb_operands(f->from, id)[0];
    const int k = (int)ebb_attr_of(f->from, id).v[0];
    ebb_site site = f->from->site[id];
    if (is_written_out(e, ebb_op_of(f->from, tuple))) return e->result[f->map[tuple] + k];
    if (!ebb_graph_keep_site(e->to, f->from, &site)) return EBB_POISON;
    return (e->verbatim ? ebb_record_get : ebb_derive_get)(e->to, f->map[tuple], k, site);
}

static bool read_node(expansion *e, frame *f, ebb_id id) {
    if (f->live && !f->live[id]) return true;
    if (e->depth > 1 && ++e->inlined > MOST_INLINED)
        return ebb_fail(e->to->diag, EBB_VALUE_ERROR, f->from->site[id],
                        "%s: its calls stand for more than %d operations", e->to->name, MOST_INLINED);
    if (is_written_out(e, ebb_op_of(f->from, id))) return enter_call(e, f, id);
    switch (ebb_op_of(f->from, id)) {
    case EBB_OP_input:
        return true; /* mapped when the frame was made */
    case EBB_OP_get:
        f->map[id] = resolve_get(e, f, id);
        break;
    default:
        f->map[id] = ebb_is_region(ebb_op_of(f->from, id)) ? rebuild_region(e, f, id) : rebuild(e, f, id);
    }
    return f->map[id] != EBB_POISON;
}

/* Reads everything; the outermost frame is left in place, with its map. */
static bool run(expansion *e) {
    for (;;) {
        frame *f = &e->frame[e->depth - 1];
        if (f->next < f->from->count) {
            ebb_id id = f->next++;
            if (!read_node(e, f, id)) return false;
        } else if (e->depth == 1) {
            return true;
        } else if (!leave_call(e)) {
            return false;
        }
    }
}

/* The parameters come first, in their order, needed or not. */
static bool begin(expansion *e, const ebb_graph *g, bool all) {
    if (!push(e, g, all)) return false;
    for (int32_t k = 0; k < g->inputs; k++) {
        ebb_id id = g->input[k];
        ebb_site site = g->site[id];
        if (!ebb_graph_keep_site(e->to, g, &site)) return false;
        e->frame[0].map[id] = ebb_add_input(e->to, with_sizes(e, ebb_type_of(g, id)), site);
        if (e->frame[0].map[id] == EBB_POISON) return false;
    }
    return true;
}

static bool finish(expansion *e, const ebb_graph *g, ebb_id *map) {
    const frame *f = &e->frame[0];
    for (int32_t k = 0; k < g->outputs; k++)
        if (!ebb_add_output(e->to, f->map[g->output[k]])) return false;
    for (ebb_id id = 0; map && id < g->count; id++)
        map[id] = g->node[id].dtype == EBB_NONE ? EBB_ABSENT : f->map[id];
    return true;
}

static ebb_graph *rebuild_all(expansion e, const ebb_graph *g, bool all, ebb_id *map, ebb_diag *diag) {
    e.to = ebb_graph_new(g->allocator, diag, g->name);
    if (!e.to) return ebb_fail_memory(diag), NULL;
    e.to->without = g->without;
    bool good = begin(&e, g, all) && run(&e) && finish(&e, g, map);
    while (e.depth > 0)
        pop(&e);
    ebb_mem_free(g->allocator, e.frame);
    ebb_mem_free(g->allocator, e.result);
    if (good) return e.to;
    ebb_graph_release(e.to);
    return NULL;
}

/* ---- the functions that regions run ---- */

static ebb_graph *rebuild_live(expansion e, const ebb_graph *g, bool all, ebb_id *map, ebb_diag *diag) {
    ebb_graph *to = rebuild_all(e, g, all, map, diag);
    return to && !all ? ebb_drop_dead(to, map, g->count) : to;
}

/* run[k]: whether a region that stays runs function k. */
static void mark_run(const expansion *e, const ebb_reach *reach, uint8_t *run) {
    for (int32_t k = 0; k < reach->count; k++)
        for (ebb_id id = 1; reach->graph[k]->callees && id < reach->graph[k]->count; id++) {
            const ebb_op op = ebb_op_of(reach->graph[k], id);
            ebb_graph *callee[3];
            if (!ebb_is_region(op) || is_written_out(e, op)) continue;
            for (int32_t i = ebb_callees_of(reach->graph[k], id, callee); i-- > 0;)
                run[ebb_reach_find(reach, callee[i])] = 1;
        }
}

static bool rebuild_callees(const expansion *e, ebb_diag *diag) {
    uint8_t *run = ebb_mem_new(e->reach->graph[0]->allocator, (size_t)e->reach->count, 1);
    if (!run) return ebb_fail_memory(diag);
    mark_run(e, e->reach, run);
    bool good = true;
    for (int32_t k = 0; good && k < e->reach->count; k++)
        if (run[k]) good = (e->anew[k] = rebuild_live(*e, e->reach->graph[k], false, NULL, diag)) != NULL;
    ebb_mem_free(e->reach->graph[0]->allocator, run);
    return good;
}

static ebb_graph *rebuild_module(expansion e, const ebb_graph *g, bool all, ebb_id *map, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    if (!g->callees) return rebuild_live(e, g, all, map, diag);
    ebb_reach reach;
    ebb_graph *to = NULL;
    e.reach = &reach;
    if (ebb_reach_from(g, &reach)) e.anew = ebb_mem_new(g->allocator, (size_t)reach.count, sizeof(ebb_graph *));
    if (!e.anew)
        ebb_fail_memory(diag);
    else if (rebuild_callees(&e, diag))
        to = rebuild_live(e, g, all, map, diag);
    for (int32_t k = 0; e.anew && k < reach.count; k++)
        ebb_graph_release(e.anew[k]);
    ebb_mem_free(g->allocator, e.anew);
    ebb_reach_end(&reach);
    return to;
}

/* ---- the passes ---- */

ebb_graph *ebb_expand(const ebb_graph *g, bool keep, ebb_id *map, ebb_diag *diag) {
    return rebuild_module((expansion){0}, g, keep, map, diag);
}

ebb_graph *ebb_expand_to_run(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *all = rebuild_module((expansion){.to_run = true}, g, false, NULL, diag);
    if (all) all = ebb_take_covered(all, diag);
    return all ? ebb_drop_unread(all, diag) : NULL;
}

ebb_graph *ebb_expand_verbatim(const ebb_graph *g, ebb_id *map, ebb_diag *diag) {
    return rebuild_module((expansion){.verbatim = true}, g, false, map, diag);
}

ebb_graph *ebb_specialise(const ebb_graph *g, int32_t symbols, const int64_t *size, ebb_diag *diag) {
    return rebuild_module((expansion){.verbatim = true, .symbols = symbols, .size = size}, g, false, NULL, diag);
}

/* expand.c - from a recorded graph to one that dual, plan and eval can read: macros written out, calls inlined, and
 * everything rebuilt: through the deriving door, or verbatim for tapes, where each old node keeps a new one of its own.
 *
 * A graph is read node by node, in order, by a frame: which node is next, and the new id of each one before it. A call
 * pushes a frame that reads the callee; when that one has been read, the new ids of its results lie in `result`, and
 * the map of the call node says where. So calls of calls cost heap, never stack. Start reading at run. */
#include "jit/graph/expand.h"
#include "jit/graph/plain_floats.h"

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
} expansion;

static ebb_type with_sizes(const expansion *e, ebb_type type) {
    for (int i = 0; i < type.shape.rank; i++)
        if (type.shape.dim[i] < 0 && -1 - type.shape.dim[i] < e->symbols)
            type.shape.dim[i] = e->size[-1 - type.shape.dim[i]];
    return type;
}

/* The nodes that outputs need, as flags; NULL: no memory. */
static uint8_t *mark_live(const ebb_graph *g) {
    uint8_t *live = ebb_mem_new(g->allocator, (size_t)g->count, 1);
    if (!live) return NULL;
    for (int32_t k = 0; k < g->outputs; k++)
        live[g->output[k]] = 1;
    live[EBB_ABSENT] = 0;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(g, id);
        for (int32_t k = 0; live[id] && k < g->node[id].arity; k++)
            live[x[k]] = 1;
    }
    return live;
}

/* A frame that reads `from`, with room for its results. */
static bool push(expansion *e, const ebb_graph *from, bool all) {
    const ebb_allocator *a = e->to->allocator;
    if (!ebb_mem_reserve(a, &e->frame, &e->capacity, (int64_t)e->depth + 1, sizeof *e->frame))
        return ebb_fail_memory(e->to->diag);
    frame *f = &e->frame[e->depth++];
    *f = (frame){.from = from, .next = 1, .result_base = e->results};
    f->map = ebb_mem_new(a, (size_t)from->count, sizeof *f->map);
    if (f->map && !all) f->live = mark_live(from);
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

/* Records the nodes of g that are live (NULL: all) into `to`; renumber has the new ids, those of inputs already. */
static bool copy_nodes(ebb_graph *to, const ebb_graph *g, const uint8_t *live, ebb_id *renumber) {
    for (ebb_id id = 1; id < g->count; id++) {
        if ((live && !live[id]) || ebb_op_of(g, id) == EBB_OP_input) continue;
        ebb_application app = ebb_application_of(g, id);
        ebb_id x[3] = {0};
        for (int32_t k = 0; k < g->node[id].arity && k < 3; k++)
            x[k] = renumber[ebb_operands(g, id)[k]];
        if (!ebb_graph_keep_site(to, g, &app.site)) return false;
        renumber[id] = ebb_record(to, &app, g->node[id].arity, x);
        if (renumber[id] == EBB_POISON) return false;
    }
    return true;
}

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
        y = renumber && copy_nodes(e->to, g, NULL, renumber) ? renumber[y] : EBB_POISON;
        if (y != EBB_POISON && itself) y = apart(e, y, app->site);
        ebb_mem_free(g->allocator, renumber);
    }
    ebb_graph_release(g);
    return y;
}

/* Anything but input, call and get: the same operation on the new operands, or what the macro stands for. */
static ebb_id rebuild(expansion *e, const frame *f, ebb_id id) {
    ebb_op op = ebb_op_of(f->from, id);
    int32_t arity = f->from->node[id].arity;
    ebb_application app = ebb_application_of(f->from, id);
    app.asked = with_sizes(e, app.asked);
    ebb_id x[3] = {0};
    for (int32_t k = 0; k < arity && k < 3; k++)
        x[k] = f->map[ebb_operands(f->from, id)[k]];
    if (!ebb_graph_keep_site(e->to, f->from, &app.site)) return EBB_POISON;
    if (ebb_op_table[op].family == EBB_MACRO) app.site.macro = (uint16_t)op;
    if (ebb_op_table[op].family != EBB_MACRO)
        return e->verbatim ? ebb_record(e->to, &app, arity, x) : ebb_derive(e->to, &app, arity, x);
    if (e->verbatim) return expand_verbatim(e, &app, arity, x);
    return ebb_expand_macro(&(ebb_builder){e->to, app.site}, op, x, ebb_attr_of(f->from, id));
}

static ebb_id resolve_get(const expansion *e, const frame *f, ebb_id id) {
    return e->result[f->map[ebb_operands(f->from, id)[0]] + ebb_attr_of(f->from, id).v[0]];
}

static bool read_node(expansion *e, frame *f, ebb_id id) {
    if (f->live && !f->live[id]) return true;
    if (e->depth > 1 && ++e->inlined > MOST_INLINED)
        return ebb_fail(e->to->diag, EBB_VALUE_ERROR, f->from->site[id],
                        "%s: its calls stand for more than %d operations", e->to->name, MOST_INLINED);
    switch (ebb_op_of(f->from, id)) {
    case EBB_OP_input:
        return true; /* mapped when the frame was made */
    case EBB_OP_call:
        return enter_call(e, f, id);
    case EBB_OP_get:
        f->map[id] = resolve_get(e, f, id);
        break;
    default:
        f->map[id] = rebuild(e, f, id);
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

/* ---- what is left over ---- */

static bool all_live(const ebb_graph *g, const uint8_t *live) {
    for (ebb_id id = 1; id < g->count; id++)
        if (!live[id] && ebb_op_of(g, id) != EBB_OP_input) return false;
    return true;
}

/* Copies what is live of a rebuilt graph, all parameters included, which come first there. */
static bool copy_live(ebb_graph *to, const ebb_graph *g, const uint8_t *live, ebb_id *renumber) {
    for (int32_t k = 0; k < g->inputs; k++) {
        ebb_id id = g->input[k];
        ebb_site site = g->site[id];
        if (!ebb_graph_keep_site(to, g, &site)) return false;
        renumber[id] = ebb_add_input(to, ebb_type_of(g, id), site);
        if (renumber[id] == EBB_POISON) return false;
    }
    if (!copy_nodes(to, g, live, renumber)) return false;
    for (int32_t k = 0; k < g->outputs; k++)
        if (!ebb_add_output(to, renumber[g->output[k]])) return false;
    return true;
}

/* Folding and unused results of calls leave nodes behind that nothing needs. Takes g; `map` has `count` entries. */
static ebb_graph *drop_dead(ebb_graph *g, ebb_id *map, int32_t count) {
    uint8_t *live = mark_live(g);
    if (live && all_live(g, live)) return ebb_mem_free(g->allocator, live), g;
    ebb_id *renumber = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *renumber);
    ebb_graph *to = live && renumber ? ebb_graph_new(g->allocator, g->diag, g->name) : NULL;
    if (to)
        to->without = g->without;
    else
        ebb_fail_memory(g->diag);
    if (to && !copy_live(to, g, live, renumber)) {
        ebb_graph_release(to);
        to = NULL;
    }
    for (int32_t id = 0; to && map && id < count; id++)
        map[id] = renumber[map[id]];
    ebb_mem_free(g->allocator, live);
    ebb_mem_free(g->allocator, renumber);
    ebb_graph_release(g);
    return to;
}

ebb_graph *ebb_expand(const ebb_graph *g, bool keep, ebb_id *map, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    ebb_graph *to = rebuild_all((expansion){0}, g, keep, map, diag);
    return to && !keep ? drop_dead(to, map, g->count) : to;
}

ebb_graph *ebb_expand_verbatim(const ebb_graph *g, ebb_id *map, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    ebb_graph *to = rebuild_all((expansion){.verbatim = true}, g, false, map, diag);
    return to ? drop_dead(to, map, g->count) : NULL;
}

ebb_graph *ebb_specialise(const ebb_graph *g, int32_t symbols, const int64_t *size, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    expansion e = {.verbatim = true, .symbols = symbols, .size = size};
    ebb_graph *to = rebuild_all(e, g, false, NULL, diag);
    return to ? drop_dead(to, NULL, g->count) : NULL;
}

/* kernel.c - a cluster as a kernel: its members' values as instructions over one iteration space.
 *
 * Everything is expressed by maps into the space: the value of node r under map m is the member's instruction, a
 * constant, a load with strides, or (cheap values of elsewhere) the operation once more. Instructions know the first
 * pass that can use them; a dear element value that a later pass needs is spilled. Start reading at ebb_lower_kernel.
 */
#include "jit/plan/planner.h"

#include <string.h>

typedef struct ebb_writer { /* the kernel that is being written */
    ebb_planner *p;
    const ebb_cluster *c;
    int32_t cluster;
    ebb_shape kept;
    int32_t guard; /* what is written is needed only where this is true: inside of pads; -1: everywhere */
} ebb_writer;

static int32_t value_at(ebb_writer *w, ebb_id root, const ebb_map *m);

/* ---- levels and maps ---- */

/* What a member's level is called in the kernel. */
static int kernel_level(const ebb_writer *w, int member) {
    if (member == EBB_LEVEL_ELEMENT && w->c->reduced) return EBB_LEVEL_ELEMENT;
    const ebb_shape *s = member == EBB_LEVEL_ELEMENT ? &w->c->space : &w->kept;
    return s->rank > 0 ? EBB_LEVEL_ROW : EBB_LEVEL_KERNEL;
}

static int level_of_strides(const ebb_writer *w, const int64_t stride[EBB_MAX_RANK]) {
    int level = EBB_LEVEL_KERNEL;
    for (int32_t a = 0; a < w->c->space.rank; a++) {
        int l = w->c->reduced >> a & 1 ? EBB_LEVEL_ELEMENT : EBB_LEVEL_ROW;
        if (stride[a] != 0 && l > level) level = l;
    }
    return level;
}

/* A member's own axes as seen from the kernel's space. */
static ebb_map member_map(const ebb_writer *w, int member) {
    if (member == EBB_LEVEL_ELEMENT) return ebb_map_identity(&w->c->space);
    ebb_map m = {0};
    for (int32_t a = 0; a < w->c->space.rank; a++)
        if (!(w->c->reduced >> a & 1)) m.axis[m.rank++].step[a] = 1;
    return m;
}

/* ---- instructions ---- */

static ebb_inst new_inst(const ebb_writer *w, ebb_inst_kind kind, ebb_id node) {
    return (ebb_inst){.kind = (uint8_t)kind,
                      .dtype = w->p->graph->node[node].dtype,
                      .operand = {-1, -1, -1},
                      .buffer = -1,
                      .node = node};
}

static int32_t put_constant(ebb_writer *w, ebb_id id) {
    ebb_inst inst = new_inst(w, EBB_CONST, id);
    memcpy(&inst.bits, ebb_attr_of(w->p->graph, id).v, ebb_dtype_size((ebb_dtype)inst.dtype));
    return ebb_put_inst(w->p, &inst, (ebb_fact){.buffer = -1});
}

/* A value that depends on the index alone: `from` at the start of m, `unit` more for a step on each root axis. */
static int32_t put_strided(ebb_writer *w, ebb_inst *inst, const ebb_map *m, const int64_t unit[EBB_MAX_RANK]) {
    for (int32_t i = 0; i < m->rank; i++) {
        inst->offset += m->axis[i].start * unit[i];
        for (int32_t a = 0; a < EBB_MAX_RANK; a++)
            inst->stride[a] += m->axis[i].step[a] * unit[i];
    }
    inst->level = (uint8_t)level_of_strides(w, inst->stride);
    if (inst->kind == EBB_LOAD && inst->operand[0] >= 0 && w->p->room.inst[inst->operand[0]].level > inst->level)
        inst->level = w->p->room.inst[inst->operand[0]].level;
    return ebb_put_inst(w->p, inst, (ebb_fact){.stage = inst->stage, .cost = 1, .buffer = -1});
}

static int32_t put_iota(ebb_writer *w, ebb_id id, const ebb_map *m) {
    int8_t place[EBB_MAX_RANK];
    int64_t unit[EBB_MAX_RANK] = {0};
    ebb_inst inst = new_inst(w, EBB_IOTA, id);
    ebb_slim(ebb_shape_of(w->p->graph, id), place);
    int8_t axis = place[ebb_attr_of(w->p->graph, id).v[0]];
    if (axis >= 0) unit[axis] = 1;
    return put_strided(w, &inst, m, unit);
}

/* Whether an index of the kernel's space leads outside of the root's shape. */
static bool may_leave(const ebb_writer *w, const ebb_shape *root, const ebb_map *m) {
    for (int32_t i = 0; i < m->rank; i++) {
        int64_t least = m->axis[i].start, most = least;
        for (int32_t a = 0; a < w->c->space.rank; a++) {
            int64_t reach = m->axis[i].step[a] * (w->c->space.dim[a] - 1);
            if (reach < 0)
                least += reach;
            else
                most += reach;
        }
        if (least < 0 || most >= root->dim[i]) return true;
    }
    return false;
}

static int32_t put_load(ebb_writer *w, ebb_id root, const ebb_map *m) {
    int64_t unit[EBB_MAX_RANK];
    ebb_shape s = ebb_slim_of(w->p, root);
    ebb_inst inst = new_inst(w, EBB_LOAD, root);
    ebb_row_major(&s, unit);
    if (w->guard >= 0 && may_leave(w, &s, m)) inst.operand[0] = w->guard;
    inst.buffer = ebb_buffer_of(w->p, root);
    return inst.buffer < 0 ? -1 : put_strided(w, &inst, m, unit);
}

/* How far along the last axis a shape of element level goes, for FOLDs and STOREs. */
static int64_t span_of(const ebb_writer *w, const ebb_shape *s) {
    int64_t own = ebb_last_axis(s);
    return own < ebb_last_axis(&w->c->space) ? own : 0;
}

/* s: of the member that is stored. */
static bool add_store(ebb_writer *w, int32_t value, int32_t buffer, int member, const ebb_shape *s) {
    ebb_room *r = &w->p->room;
    int64_t unit[EBB_MAX_RANK];
    ebb_map m = member_map(w, member);
    ebb_row_major(s, unit);
    ebb_inst inst = new_inst(w, EBB_STORE, r->inst[value].node);
    inst.dtype = r->inst[value].dtype;
    inst.operand[0] = value;
    inst.buffer = buffer;
    inst.level = (uint8_t)kernel_level(w, member);
    if (member == EBB_LEVEL_ELEMENT) inst.span = span_of(w, s);
    for (int32_t i = 0; i < m.rank; i++)
        for (int32_t a = 0; a < EBB_MAX_RANK; a++)
            inst.stride[a] += m.axis[i].step[a] * unit[i];
    if (inst.level == EBB_LEVEL_ELEMENT) inst.stage = r->fact[value].stage;
    if (!ebb_mem_reserve(w->p->allocator, &r->store, &r->store_room, (int64_t)r->stores + 1, sizeof inst))
        return ebb_fail_memory(w->p->diag);
    r->store[r->stores++] = inst;
    if (r->inst[value].level == EBB_LEVEL_ELEMENT) r->fact[value].buffer = buffer;
    return true;
}

/* The element value, as later passes see it: loaded from where its own pass stored it. */
static int32_t spill(ebb_writer *w, int32_t value) {
    ebb_room *r = &w->p->room;
    if (r->fact[value].buffer < 0) {
        ebb_dtype dtype = (ebb_dtype)r->inst[value].dtype;
        int32_t buffer = ebb_new_buffer(w->p, EBB_IN_ARENA, -1, dtype, ebb_elements(&w->c->space));
        if (buffer < 0 || !add_store(w, value, buffer, EBB_LEVEL_ELEMENT, &w->c->space)) return -1;
    }
    int64_t unit[EBB_MAX_RANK];
    ebb_map m = member_map(w, EBB_LEVEL_ELEMENT);
    ebb_row_major(&w->c->space, unit);
    ebb_inst inst = new_inst(w, EBB_LOAD, r->inst[value].node);
    inst.dtype = r->inst[value].dtype;
    inst.buffer = r->fact[value].buffer;
    inst.stage = r->fact[value].stage + 1;
    return put_strided(w, &inst, &m, unit);
}

/* Makes `inst` depend on the operands: level, first pass, cost, and spills where passes lie between. */
static bool depend(ebb_writer *w, ebb_inst *inst, int n, ebb_fact *fact) {
    ebb_room *r = &w->p->room;
    for (int i = 0; i < n; i++) {
        int32_t x = inst->operand[i];
        if (r->fact[x].stage > fact->stage) fact->stage = r->fact[x].stage;
        if (r->inst[x].level > inst->level) inst->level = r->inst[x].level;
    }
    for (int i = 0; i < n; i++) {
        int32_t x = inst->operand[i];
        if (r->inst[x].level < EBB_LEVEL_ELEMENT) continue;
        if (r->fact[x].stage < fact->stage && r->fact[x].cost > EBB_DEAR) x = inst->operand[i] = spill(w, x);
        if (x < 0) return false;
        fact->cost += r->fact[x].cost;
    }
    if (fact->cost > EBB_NEVER) fact->cost = EBB_NEVER;
    return true;
}

/* ---- values ---- */

/* Finds the instructions of a node's operands; m: the axes of the index they share, as seen from the space. */
static bool find_operands(ebb_writer *w, ebb_id id, const ebb_map *m, ebb_inst *inst) {
    const ebb_planner *p = w->p;
    for (int32_t i = 0; i < p->graph->node[id].arity; i++) {
        ebb_id x = ebb_operands(p->graph, id)[i];
        ebb_map own = ebb_map_of(p, x), through = ebb_map_through(&own, m);
        inst->operand[i] = value_at(w, p->cell[x].root, &through);
        if (inst->operand[i] < 0) return false;
    }
    return true;
}

/* ---- pads ---- */

static int32_t put_number(ebb_writer *w, ebb_id node, ebb_dtype dtype, int64_t value) {
    ebb_inst inst = new_inst(w, EBB_CONST, node);
    inst.dtype = (uint8_t)dtype;
    inst.bits = (uint64_t)value;
    return ebb_put_inst(w->p, &inst, (ebb_fact){.buffer = -1});
}

/* What a pad needs beside the program's own operations; operands after the first may be -1. */
static int32_t put_op(ebb_writer *w, ebb_id node, ebb_op op, ebb_dtype dtype, int32_t x, int32_t y, int32_t z) {
    ebb_inst inst = new_inst(w, EBB_APPLY, node);
    ebb_fact fact = {.cost = 1, .buffer = -1};
    const int32_t operand[] = {x, y, z};
    int n = z >= 0 ? 3 : y >= 0 ? 2 : 1;
    inst.op = (uint8_t)op;
    inst.dtype = (uint8_t)dtype;
    memcpy(inst.operand, operand, sizeof operand);
    for (int i = 0; i < n; i++)
        if (operand[i] < 0) return -1;
    return depend(w, &inst, n, &fact) ? ebb_put_inst(w->p, &inst, fact) : -1;
}

/* `before` (-1: nothing) and low <= index < low + size on one axis of the pad; m: its axes as seen from the space. */
static int32_t put_inside(ebb_writer *w, ebb_id id, const ebb_map *m, int32_t axis, int64_t low, int64_t size,
                          int64_t whole, int32_t before) {
    int64_t unit[EBB_MAX_RANK] = {0};
    ebb_inst inst = new_inst(w, EBB_IOTA, id);
    inst.dtype = EBB_I64;
    unit[axis] = 1;
    int32_t index = put_strided(w, &inst, m, unit), inside = before;
    for (int side = 0; side < 2 && index >= 0; side++) {
        if (side ? low + size == whole : low == 0) continue;
        int32_t limit = put_number(w, id, EBB_I64, side ? low + size : low);
        int32_t good = put_op(w, id, side ? EBB_OP_lt : EBB_OP_ge, EBB_BOOL, index, limit, -1);
        inside = inside < 0 ? good : put_op(w, id, EBB_OP_logical_and, EBB_BOOL, inside, good, -1);
        if (inside < 0) return -1;
    }
    return inside;
}

/* Where the pad shows its operand: within its own bounds and what guards it already; *x: the operand's axes there. */
static int32_t put_bounds(ebb_writer *w, ebb_id id, const ebb_map *m, ebb_map *x) {
    const ebb_graph *g = w->p->graph;
    const ebb_shape *from = ebb_shape_of(g, ebb_operands(g, id)[0]), *to = ebb_shape_of(g, id);
    ebb_attr attr = ebb_attr_of(g, id);
    int8_t from_place[EBB_MAX_RANK], to_place[EBB_MAX_RANK];
    int32_t inside = w->guard;
    *x = (ebb_map){.rank = ebb_slim(from, from_place).rank};
    ebb_slim(to, to_place);
    for (int32_t i = 0; i < from->rank; i++) {
        if (from_place[i] >= 0) {
            x->axis[from_place[i]].start = -attr.v[i];
            x->axis[from_place[i]].step[to_place[i]] = 1;
        }
        if (to->dim[i] == from->dim[i]) continue;
        inside = put_inside(w, id, m, to_place[i], attr.v[i], from->dim[i], to->dim[i], inside);
        if (inside < 0) return -1;
    }
    return inside;
}

/* The operand, computed under a guard, and 0 where that does not hold. A guarded load is 0 there by itself. */
static int32_t put_pad(ebb_writer *w, ebb_id id, const ebb_map *m) {
    const ebb_planner *p = w->p;
    ebb_id x = ebb_operands(p->graph, id)[0];
    ebb_map own = ebb_map_of(p, x), inner, through;
    int32_t outer = w->guard, inside = put_bounds(w, id, m, &inner);
    if (inside < 0) return -1;
    inner = ebb_map_through(&inner, m);
    through = ebb_map_through(&own, &inner);
    w->guard = inside;
    int32_t value = value_at(w, p->cell[x].root, &through);
    w->guard = outer;
    if (value < 0 || (p->room.inst[value].kind == EBB_LOAD && p->room.inst[value].operand[0] == inside)) return value;
    ebb_dtype dtype = ebb_dtype_at(p->graph, id);
    return put_op(w, id, EBB_OP_select, dtype, inside, value, put_number(w, id, dtype, 0));
}

static int32_t put_apply(ebb_writer *w, ebb_id id, const ebb_map *m) {
    if (ebb_op_of(w->p->graph, id) == EBB_OP_pad) return put_pad(w, id, m);
    ebb_inst inst = new_inst(w, EBB_APPLY, id);
    ebb_fact fact = {.cost = ebb_compute_cost(w->p, id), .buffer = -1};
    inst.op = (uint8_t)ebb_op_of(w->p->graph, id);
    if (!find_operands(w, id, m, &inst) || !depend(w, &inst, w->p->graph->node[id].arity, &fact)) return -1;
    return ebb_put_inst(w->p, &inst, fact);
}

static int32_t put_fold(ebb_writer *w, ebb_id id) {
    ebb_inst inst = new_inst(w, EBB_FOLD, id);
    ebb_fact fact = {.buffer = -1};
    ebb_map m = member_map(w, EBB_LEVEL_ELEMENT);
    inst.op = (uint8_t)ebb_op_of(w->p->graph, id);
    if (!find_operands(w, id, &m, &inst) || !depend(w, &inst, 1, &fact)) return -1;
    ebb_shape s = ebb_slim_of(w->p, ebb_operands(w->p->graph, id)[0]);
    inst.level = (uint8_t)kernel_level(w, EBB_LEVEL_ROW);
    inst.span = span_of(w, &s);
    inst.stage = fact.stage;
    return ebb_put_inst(w->p, &inst, (ebb_fact){.stage = fact.stage + 1, .buffer = -1});
}

/* Depth: what is not in memory is cheap, so only a few operations hang together. */
static int32_t value_at(ebb_writer *w, ebb_id root, const ebb_map *m) {
    const ebb_cell *c = &w->p->cell[root];
    bool constant = ebb_op_of(w->p->graph, root) == EBB_OP_constant;
    if (constant && m->rank == 0) return put_constant(w, root);
    if (c->role == EBB_ROLE_IOTA) return put_iota(w, root, m);
    if (!c->free && c->cluster == w->cluster) return c->inst;
    if (c->free || (c->role == EBB_ROLE_POINT && (c->spread || !c->stored))) return put_apply(w, root, m);
    return put_load(w, root, m);
}

static int32_t put_member(ebb_writer *w, ebb_id id) {
    const ebb_cell *c = &w->p->cell[id];
    ebb_map m = member_map(w, c->level);
    if (c->role == EBB_ROLE_REDUCE) return put_fold(w, id);
    if (c->role == EBB_ROLE_POINT) return put_apply(w, id, &m);
    ebb_map own = ebb_map_of(w->p, id), through = ebb_map_through(&own, &m);
    return value_at(w, c->root, &through); /* a view or iota that is wanted in memory */
}

static bool write_member(ebb_writer *w, ebb_id id) {
    ebb_cell *c = &w->p->cell[id];
    c->inst = put_member(w, id);
    if (c->inst < 0) return false;
    if (!c->stored) return true;
    int32_t buffer = ebb_buffer_of(w->p, id);
    ebb_shape s = c->level == EBB_LEVEL_ELEMENT ? ebb_slim_of(w->p, id) : w->kept;
    return buffer >= 0 && add_store(w, c->inst, buffer, c->level, &s);
}

/* ---- the step ---- */

static bool append_kernel(ebb_writer *w) {
    ebb_room *r = &w->p->room;
    ebb_step *s = ebb_new_step(w->p, EBB_STEP_KERNEL, r->store[r->stores - 1].node);
    if (!s) return false;
    ebb_kernel *k = &s->kernel;
    k->axes = w->c->space.rank;
    for (int32_t a = 0; a < k->axes; a++) {
        k->extent[a] = w->c->space.dim[a];
        k->reduced[a] = w->c->reduced >> a & 1;
    }
    k->inst = ebb_mem_new(w->p->allocator, (size_t)r->count + (size_t)r->stores, sizeof *k->inst);
    if (!k->inst) return ebb_fail_memory(w->p->diag);
    memcpy(k->inst, r->inst, (size_t)r->count * sizeof *k->inst);
    memcpy(k->inst + r->count, r->store, (size_t)r->stores * sizeof *k->inst);
    k->count = r->count + r->stores;
    return ebb_tidy(w->p, k);
}

bool ebb_lower_kernel(ebb_planner *p, int32_t cluster) {
    ebb_writer w = {p, &p->cluster[cluster], cluster, ebb_kept_shape(&p->cluster[cluster]), -1};
    ebb_room_start(p);
    for (int32_t i = 0; i < w.c->count; i++)
        if (!write_member(&w, p->member[w.c->first + i])) return false;
    return p->room.stores == 0 || append_kernel(&w);
}

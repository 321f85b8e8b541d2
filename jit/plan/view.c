/* view.c - views as index arithmetic: every axis of the root depends on at most one axis of the view.
 *
 * A chain of views is one map from the root's axes to the view's; maps compose, so chains of any length cost the same.
 * A reshape is a view if each axis that matters survives it whole; any other one reads its operand's buffer (ALIAS). */
#include "jit/plan/planner.h"

ebb_shape ebb_slim(const ebb_shape *s, int8_t place[EBB_MAX_RANK]) {
    ebb_shape slim = {0};
    for (int32_t i = 0; i < s->rank && i < EBB_MAX_RANK; i++) {
        bool dropped = s->dim[i] == 1;
        if (place) place[i] = dropped ? -1 : (int8_t)slim.rank;
        if (!dropped) slim.dim[slim.rank++] = s->dim[i];
    }
    return slim;
}

ebb_shape ebb_slim_of(const ebb_planner *p, ebb_id id) { return ebb_slim(ebb_shape_of(p->graph, id), NULL); }

int64_t ebb_elements(const ebb_shape *s) {
    int64_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= s->dim[i]; /* classify.c has checked the size */
    return n;
}

int64_t ebb_last_axis(const ebb_shape *slim) { return slim->rank ? slim->dim[slim->rank - 1] : 1; }

/* Never 0, also for empty shapes: a value that differs along an axis has a stride there. */
void ebb_row_major(const ebb_shape *slim, int64_t stride[EBB_MAX_RANK]) {
    int64_t step = 1;
    for (int32_t i = slim->rank; i-- > 0; step *= slim->dim[i] ? slim->dim[i] : 1)
        stride[i] = step;
}

uint32_t ebb_reduced_axes(const ebb_planner *p, ebb_id reduce) {
    int8_t place[EBB_MAX_RANK];
    uint32_t bits = 0;
    ebb_slim(ebb_shape_of(p->graph, ebb_operands(p->graph, reduce)[0]), place);
    ebb_attr axes = ebb_attr_of(p->graph, reduce);
    for (int32_t i = 0; i < axes.n; i++)
        if (place[axes.v[i]] >= 0) bits |= 1u << place[axes.v[i]];
    return bits;
}

/* ---- maps ---- */

bool ebb_axis_is(const ebb_axis *axis, int32_t a) {
    for (int32_t k = 0; k < EBB_MAX_RANK; k++)
        if (axis->step[k] != (k == a)) return false;
    return axis->start == 0;
}

ebb_map ebb_map_identity(const ebb_shape *slim) {
    ebb_map m = {.rank = slim->rank};
    for (int32_t i = 0; i < m.rank; i++)
        m.axis[i].step[i] = 1;
    return m;
}

ebb_map ebb_map_of(const ebb_planner *p, ebb_id id) {
    const ebb_cell *c = &p->cell[id];
    ebb_shape root = ebb_slim_of(p, c->root);
    if (c->role != EBB_ROLE_VIEW) return ebb_map_identity(&root);
    ebb_map m = {.rank = root.rank};
    for (int32_t i = 0; i < m.rank; i++)
        m.axis[i] = p->axis[c->map + i];
    return m;
}

ebb_map ebb_map_through(const ebb_map *inner, const ebb_map *outer) {
    ebb_map m = {.rank = inner->rank};
    for (int32_t i = 0; i < m.rank; i++) {
        m.axis[i].start = inner->axis[i].start;
        for (int32_t k = 0; k < outer->rank; k++) {
            const int64_t step = inner->axis[i].step[k];
            m.axis[i].start += step * outer->axis[k].start;
            for (int32_t a = 0; step && a < EBB_MAX_RANK; a++)
                m.axis[i].step[a] += step * outer->axis[k].step[a];
        }
    }
    return m;
}

bool ebb_map_is_identity(const ebb_map *m, const ebb_shape *root, const ebb_shape *space) {
    if (!ebb_shape_equal(root, space)) return false;
    for (int32_t i = 0; i < m->rank; i++)
        if (!ebb_axis_is(&m->axis[i], i)) return false;
    return true;
}

/* ---- the view operations: the operand's slim axes as seen from the result ---- */

typedef struct ebb_look { /* one view operation */
    const ebb_shape *from, *to;
    int8_t from_place[EBB_MAX_RANK], to_place[EBB_MAX_RANK];
    ebb_shape from_slim, to_slim;
    ebb_attr attr;
} ebb_look;

/* Axis `from` of the operand moves by `step` with axis `to` of the result. An axis that is not there stands at 0. */
static void follow(ebb_map *m, int8_t from, int8_t to, int64_t step) {
    if (from >= 0 && to >= 0) m->axis[from].step[to] = step;
}

static ebb_map look_broadcast(const ebb_look *v) {
    ebb_map m = {.rank = v->from_slim.rank};
    for (int32_t i = 0; i < v->from->rank; i++)
        follow(&m, v->from_place[i], v->to_place[v->attr.v[i]], 1);
    return m;
}

static ebb_map look_transpose(const ebb_look *v) {
    ebb_map m = {.rank = v->from_slim.rank};
    for (int32_t i = 0; i < v->to->rank; i++)
        follow(&m, v->from_place[v->attr.v[i]], v->to_place[i], 1);
    return m;
}

static ebb_map look_slice(const ebb_look *v) {
    ebb_map m = {.rank = v->from_slim.rank};
    int32_t rank = v->from->rank;
    for (int32_t i = 0; i < rank; i++) {
        bool reads = v->to->dim[i] > 0; /* else a start and a step may be anything */
        follow(&m, v->from_place[i], v->to_place[i], reads ? v->attr.v[rank + i] : 1);
        if (v->from_place[i] >= 0 && reads) m.axis[v->from_place[i]].start = v->attr.v[i];
    }
    return m;
}

static ebb_map look_windows(const ebb_look *v) {
    ebb_map m = {.rank = v->from_slim.rank};
    const int64_t axis = v->attr.v[0];
    for (int32_t i = 0; i < v->from->rank; i++) {
        follow(&m, v->from_place[i], v->to_place[i <= axis ? i : i + 1], i == axis ? v->attr.v[2] : 1);
        if (i == axis) follow(&m, v->from_place[i], v->to_place[i + 1], v->attr.v[3]);
    }
    return m;
}

static ebb_map look_reverse(const ebb_look *v) {
    ebb_map m = ebb_map_identity(&v->from_slim);
    for (int32_t i = 0; i < v->attr.n; i++) {
        int8_t place = v->from_place[v->attr.v[i]];
        if (place < 0 || v->from_slim.dim[place] == 0) continue;
        m.axis[place].start = v->from_slim.dim[place] - 1;
        m.axis[place].step[place] = -1;
    }
    return m;
}

/* Axes that survive a reshape whole; the others are torn: no index arithmetic finds them. */
static ebb_map look_reshape(const ebb_look *v, uint32_t *torn) {
    const ebb_shape *x = &v->from_slim, *y = &v->to_slim;
    ebb_map m = {.rank = x->rank};
    if (ebb_shape_equal(x, y)) return ebb_map_identity(x);
    *torn = (1u << x->rank) - 1;
    if (ebb_elements(x) == 0) return m;
    for (int32_t i = 0, j = 0; i < x->rank && j < y->rank; i++, j++) {
        if (x->dim[i] == y->dim[j]) {
            m.axis[i].step[j] = 1;
            *torn &= ~(1u << i);
            continue;
        }
        int64_t a = x->dim[i], b = y->dim[j]; /* a group of axes with the same product on both sides */
        while (a != b)
            if (a < b)
                a *= x->dim[++i];
            else
                b *= y->dim[++j];
    }
    return m;
}

static ebb_map look(const ebb_planner *p, ebb_id id, uint32_t *torn) {
    const ebb_graph *g = p->graph;
    ebb_look v = {
        .from = ebb_shape_of(g, ebb_operands(g, id)[0]), .to = ebb_shape_of(g, id), .attr = ebb_attr_of(g, id)};
    v.from_slim = ebb_slim(v.from, v.from_place);
    v.to_slim = ebb_slim(v.to, v.to_place);
    switch (ebb_op_of(g, id)) {
    case EBB_OP_broadcast:
        return look_broadcast(&v);
    case EBB_OP_transpose:
        return look_transpose(&v);
    case EBB_OP_slice:
        return look_slice(&v);
    case EBB_OP_reverse:
        return look_reverse(&v);
    case EBB_OP_windows:
        return look_windows(&v);
    default:
        return look_reshape(&v, torn); /* or what changes at most axes of size 1 */
    }
}

/* Whether the root can be found from the new view: no axis that it moves with is torn. */
static bool is_whole(const ebb_map *operand, uint32_t torn) {
    for (int32_t i = 0; i < operand->rank; i++)
        for (int32_t a = 0; torn >> a; a++)
            if ((torn >> a & 1) && operand->axis[i].step[a]) return false;
    return true;
}

bool ebb_view_new(ebb_planner *p, ebb_id id, bool *is_view) {
    ebb_id x = ebb_operands(p->graph, id)[0];
    uint32_t torn = 0;
    ebb_map operand = ebb_map_of(p, x), step = look(p, id, &torn), m = ebb_map_through(&operand, &step);
    *is_view = is_whole(&operand, torn);
    if (!*is_view) return true;
    if (!ebb_mem_reserve(p->allocator, &p->axis, &p->axis_room, (int64_t)p->axes + m.rank, sizeof *p->axis))
        return ebb_fail_memory(p->diag);
    p->cell[id].root = p->cell[x].root;
    p->cell[id].map = p->axes;
    for (int32_t i = 0; i < m.rank; i++)
        p->axis[p->axes++] = m.axis[i];
    return true;
}

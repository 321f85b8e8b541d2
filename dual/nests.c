/* nests.c - two nests in a row: the pairs (i, k) for which there is a j with (i, j) in x and (j, k) in y.
 *
 * The j are the elements of a tensor, with axes. Both nests are first split until each loop runs along one axis of it,
 * and each axis has one loop at most; then the axes can be looked at one by one: an arithmetic progression meets
 * another one in a third. Start reading at ebb_nests_chain. */
#include "dual/relation.h"

typedef struct ebb_nest_loop loop;

enum { MOST_PARTS = 64, MOST_UNROLLED = 32 };

typedef struct axes {
    int32_t rank;
    int64_t size[EBB_MAX_RANK], stride[EBB_MAX_RANK];
} axes;

/* What is split into parts: rows are the elements between. */
typedef struct parts {
    const axes *axes;
    ebb_nest part[MOST_PARTS];
    int count;
} parts;

/* Those longer than 1. */
static axes axes_of(const ebb_shape *s) {
    axes a = {0};
    int64_t step = 1;
    for (int k = s->rank - 1; k >= 0; k--) {
        if (s->dim[k] > 1) a.size[a.rank] = s->dim[k], a.stride[a.rank++] = step;
        step *= s->dim[k];
    }
    return a;
}

/* ---- splitting ---- */

/* The axis that steps of so many rows run along, the innermost being 0; -1: none alone. */
static int axis_along(const axes *a, int64_t row) {
    int k = a->rank - 1;
    while (k >= 0 && a->stride[k] > row)
        k--;
    return k >= 0 && row % a->stride[k] == 0 ? k : -1;
}

static int64_t place(const axes *a, int k, int64_t row) { return row / a->stride[k] % a->size[k]; }

static bool push(parts *p, const ebb_nest *n) {
    if (p->count == MOST_PARTS) return false;
    p->part[p->count++] = *n;
    return true;
}

/* The loop of n's steps from `first` on, so many of them, as a nest of its own. */
static bool push_steps(parts *p, const ebb_nest *n, int k, int64_t first, int64_t count) {
    ebb_nest part = *n;
    part.row += first * n->loop[k].row;
    part.column += first * n->loop[k].column;
    part.loop[k].count = count;
    return count == 0 || push(p, &part);
}

/* A loop that leaves its axis: what is left of the first line, whole lines as two loops, what begins the last line. */
static bool split_lines(parts *p, const ebb_nest *n, int k, int axis) {
    const axes *a = p->axes;
    const loop l = n->loop[k];
    int64_t step = l.row / a->stride[axis], at = place(a, axis, n->row);
    if (a->size[axis] % step != 0 || n->loops == EBB_MOST_LOOPS) return false;
    int64_t line = a->size[axis] / step, head = (line - at / step) % line;
    if (head > l.count) head = l.count;
    int64_t lines = (l.count - head) / line, tail = (l.count - head) % line;
    ebb_nest whole = *n;
    whole.row += head * l.row;
    whole.column += head * l.column;
    whole.loop[k].count = line;
    ebb_nest_add(&whole, lines, l.row * line, l.column * line);
    return push_steps(p, n, k, 0, head) && push_steps(p, n, k, head + lines * line, tail) &&
           (lines == 0 || push(p, &whole));
}

/* Each step of the loop as a nest of its own. */
static bool unroll(parts *p, const ebb_nest *n, int k) {
    if (n->loop[k].count > MOST_UNROLLED) return false;
    ebb_nest part = *n;
    part.loop[k].count = 1;
    for (int64_t i = 0; i < n->loop[k].count; i++) {
        if (!push(p, &part)) return false;
        part.row += n->loop[k].row;
        part.column += n->loop[k].column;
    }
    return true;
}

/* How nest n stands: *k is a loop to be split at its axis, or to be unrolled; -1: n is as it should be. False: it
 * cannot be. */
static bool examine(const axes *a, const ebb_nest *n, int *k, int *axis, bool *lines) {
    int of_axis[EBB_MAX_RANK];
    for (int i = 0; i < a->rank; i++)
        of_axis[i] = -1;
    for (*k = n->loops - 1; *k >= 0; --*k) {
        const loop *l = &n->loop[*k];
        if (l->row == 0 || l->count == 1) continue;
        *axis = axis_along(a, l->row);
        if (*axis < 0) return false;
        *lines = place(a, *axis, n->row) + l->row / a->stride[*axis] * (l->count - 1) >= a->size[*axis];
        if (*lines) return true;
        if (of_axis[*axis] >= 0) { /* the shorter one of the two */
            if (n->loop[of_axis[*axis]].count < l->count) *k = of_axis[*axis];
            return true;
        }
        of_axis[*axis] = *k;
    }
    return true;
}

/* All of n, in parts with one loop for each axis at most; false: that would be too many, or cannot be. */
static bool split(parts *p, const ebb_nest *n) {
    p->count = 0;
    push(p, n);
    for (int i = 0; i < p->count;) {
        ebb_nest part = p->part[i];
        int k, axis = 0;
        bool lines = false;
        if (!examine(p->axes, &part, &k, &axis, &lines)) return false;
        if (k < 0) {
            i++;
            continue;
        }
        p->part[i] = p->part[--p->count];
        if (!(lines ? split_lines(p, &part, k, axis) : unroll(p, &part, k))) return false;
    }
    return true;
}

/* ---- meeting ---- */

/* The inverse of p modulo q, which have no common divisor. */
static int64_t inverse(int64_t p, int64_t q) {
    int64_t r = q, next = p % q, t = 0, next_t = 1;
    while (next) {
        int64_t quotient = r / next, old = next;
        next = r - quotient * next;
        r = old;
        old = next_t;
        next_t = t - quotient * next_t;
        t = old;
    }
    return t < 0 ? t + q : t;
}

static int64_t divisor(int64_t p, int64_t q) {
    while (q) {
        int64_t rest = p % q;
        p = q;
        q = rest;
    }
    return p;
}

static int64_t down(int64_t x, int64_t by) { return x / by - (x % by < 0); }
static int64_t up(int64_t x, int64_t by) { return -down(-x, by); }
static int64_t larger(int64_t x, int64_t y) { return x > y ? x : y; }
static int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }

/* Where a + p i = b + q j with 0 <= i < m, 0 <= j < n: i = first_i + t q / g, j = first_j + t p / g. */
typedef struct meeting {
    int64_t i, j, step_i, step_j, count;
} meeting;

static meeting meet(int64_t a, int64_t p, int64_t m, int64_t b, int64_t q, int64_t n) {
    int64_t g = divisor(p, q), apart = b - a;
    if (apart % g) return (meeting){0};
    meeting met = {.step_i = q / g, .step_j = p / g};
    int64_t rest = apart / g % met.step_i;
    met.i = (rest < 0 ? rest + met.step_i : rest) * inverse(met.step_j, met.step_i) % met.step_i;
    met.j = (a + p * met.i - b) / q;
    int64_t first = larger(0, up(-met.j, met.step_j));
    int64_t last = smaller(down(m - 1 - met.i, met.step_i), down(n - 1 - met.j, met.step_j));
    met.i += first * met.step_i;
    met.j += first * met.step_j;
    met.count = larger(0, last - first + 1);
    return met;
}

static const loop *loop_along(const axes *a, const ebb_nest *n, int axis) {
    for (int k = 0; k < n->loops; k++)
        if (n->loop[k].row && n->loop[k].count > 1 && axis_along(a, n->loop[k].row) == axis) return &n->loop[k];
    return NULL;
}

/* What both have of one axis, as a loop of `to`; false: nothing. x's columns are to's rows. */
static bool meet_axis(const axes *a, const ebb_nest *x, const ebb_nest *y, int axis, ebb_nest *to) {
    static const loop still = {1, 0, 0};
    const loop *lx = loop_along(a, x, axis), *ly = loop_along(a, y, axis);
    int64_t p = lx ? lx->row / a->stride[axis] : a->size[axis], q = ly ? ly->row / a->stride[axis] : a->size[axis];
    if (!lx) lx = &still;
    if (!ly) ly = &still;
    meeting m = meet(place(a, axis, x->row), p, lx->count, place(a, axis, y->row), q, ly->count);
    to->row += m.i * lx->column;
    to->column += m.j * ly->column;
    if (m.count > 1) ebb_nest_add(to, m.count, m.step_i * lx->column, m.step_j * ly->column);
    return m.count > 0;
}

static bool meet_parts(ebb_relation *r, const axes *a, const ebb_nest *x, const ebb_nest *y, bool *fits) {
    ebb_nest to = {.row = x->column, .column = y->column};
    for (int axis = 0; axis < a->rank; axis++)
        if (!meet_axis(a, x, y, axis, &to)) return true;
    for (int k = 0; *fits && k < x->loops; k++)
        if (x->loop[k].row == 0) {
            *fits = to.loops < EBB_MOST_LOOPS;
            if (*fits) ebb_nest_add(&to, x->loop[k].count, x->loop[k].column, 0);
        }
    for (int k = 0; *fits && k < y->loops; k++)
        if (y->loop[k].row == 0) {
            *fits = to.loops < EBB_MOST_LOOPS;
            if (*fits) ebb_nest_add(&to, y->loop[k].count, 0, y->loop[k].column);
        }
    return !*fits || ebb_relation_add(r, &to);
}

bool ebb_nests_chain(ebb_relation *r, const ebb_nest *x, const ebb_shape *between, const ebb_nest *y, bool *done) {
    axes a = axes_of(between);
    parts of_x = {.axes = &a}, of_y = {.axes = &a};
    ebb_nest turned = *x;
    ebb_nest_transpose(&turned);
    *done = split(&of_x, &turned) && split(&of_y, y);
    for (int i = 0; *done && i < of_x.count; i++)
        for (int k = 0; *done && k < of_y.count; k++)
            if (!meet_parts(r, &a, &of_x.part[i], &of_y.part[k], done)) return false;
    return true;
}

/* implicit.c - derivatives of what an equation defines: y with F(x, y) = 0.
 *
 * An operation gives F, appended as nodes of its operands and its result, and solves dF/dy dy = r. With that,
 *
 *     forward   order k of F is 0, and linear in y[k]: dF/dy y[k] = -(order k of F where y[k] is left out)
 *     reverse   u = (dF/dy)'^-1 ct, and then the cotangents of x are those of F for -u
 *
 * The nodes of F, and those of a solution, are a handful; they are walked as a patch of the program: all that leads to
 * some nodes from others. Start reading at ebb_implicit_cotangent. */
#include "dual/rules.h"

#include <stdlib.h>
#include <string.h>

/* ---- patches ---- */

static bool has(const ebb_patch *w, ebb_id id) {
    for (int i = 0; i < w->count; i++)
        if (w->id[i] == id) return true;
    return false;
}

static bool is_one_of(ebb_id id, int n, const ebb_id *list) {
    for (int i = 0; i < n; i++)
        if (list[i] == id) return true;
    return false;
}

static bool add(const ebb_graph *g, ebb_patch *w, ebb_id id) {
    if (id == EBB_POISON) return false;
    if (id == EBB_ABSENT || has(w, id)) return true;
    if (w->count == EBB_MOST_PATCH)
        return ebb_fail(g->diag, EBB_INTERNAL_ERROR, g->site[id], "a residual of more than %d nodes", EBB_MOST_PATCH);
    w->id[w->count++] = id;
    return true;
}

static int rising(const void *a, const void *b) {
    const ebb_id x = *(const ebb_id *)a, y = *(const ebb_id *)b;
    return (x > y) - (x < y);
}

bool ebb_patch_ends_at(const ebb_primal *p, ebb_id id) { return id == p->y || is_one_of(id, p->arity, p->x); }

bool ebb_patch_find(const ebb_graph *g, const ebb_primal *p, int nstop, const ebb_id *stop, int nto, const ebb_id *to,
                    ebb_patch *w) {
    w->count = 0;
    for (int i = 0; i < nto; i++)
        if (!add(g, w, to[i])) return false;
    for (int i = 0; i < w->count; i++) {
        ebb_id id = w->id[i];
        if (ebb_patch_ends_at(p, id) || is_one_of(id, nstop, stop)) continue;
        for (int k = 0; k < g->node[id].arity; k++)
            if (!add(g, w, ebb_operands(g, id)[k])) return false;
    }
    qsort(w->id, (size_t)w->count, sizeof *w->id, rising);
    return true;
}

/* ---- the adjoint loop over a patch ---- */

static int place(const ebb_patch *w, ebb_id id) {
    const ebb_id *at = bsearch(&id, w->id, (size_t)w->count, sizeof *w->id, rising);
    return at ? (int)(at - w->id) : -1;
}

/* leads[i]: node i hangs on one of `from`, and not only by what the operands and the result of p hang on themselves. */
static void mark_leads(const ebb_graph *g, const ebb_primal *p, const ebb_patch *w, int n, const ebb_id *from,
                       bool *leads) {
    for (int i = 0; i < w->count; i++) {
        const ebb_id id = w->id[i];
        leads[i] = is_one_of(id, n, from);
        bool passes = ebb_op_table[ebb_op_of(g, id)].family != EBB_STEP && ebb_is_float(ebb_dtype_at(g, id));
        if (leads[i] || !passes || ebb_patch_ends_at(p, id)) continue;
        for (int k = 0; k < g->node[id].arity; k++) {
            int x = place(w, ebb_operands(g, id)[k]);
            leads[i] |= x >= 0 && leads[x];
        }
    }
}

/* ct[i], of node i of the patch, goes to those of its operands that lead on. */
static bool visit(ebb_builder *b, const ebb_patch *w, int i, const bool *leads, ebb_id *ct) {
    ebb_primal p = ebb_primal_of(b->graph, w->id[i]);
    for (int k = 0; k < p.arity; k++) {
        int x = place(w, p.x[k]);
        if (x < 0 || !leads[x]) continue;
        ct[x] = ebb_plus(b, ct[x], ebb_pull(b, &p, ct[i], k));
        if (ct[x] == EBB_POISON) return false;
    }
    return true;
}

/* dx[i]: the cotangent of from[i] when to[j] has ct[j]. No path leads from one of `from` to another. */
static bool pull_patch(ebb_builder *b, const ebb_primal *p, int n, const ebb_id *from, int m, const ebb_id *to,
                       const ebb_id *ct, ebb_id *dx) {
    ebb_patch w;
    bool leads[EBB_MOST_PATCH];
    ebb_id all[EBB_MOST_PATCH] = {EBB_ABSENT};
    if (!ebb_patch_find(b->graph, p, n, from, m, to, &w)) return false;
    mark_leads(b->graph, p, &w, n, from, leads);
    for (int j = 0; j < m; j++)
        all[place(&w, to[j])] = ebb_plus(b, all[place(&w, to[j])], ct[j]);
    for (int i = w.count - 1; i >= 0; i--)
        if (leads[i] && all[i] != EBB_ABSENT && !is_one_of(w.id[i], n, from) && !visit(b, &w, i, leads, all))
            return false;
    for (int i = 0; i < n; i++) {
        int at = place(&w, from[i]);
        dx[i] = at >= 0 ? all[at] : EBB_ABSENT;
    }
    return true;
}

/* ---- both directions ---- */

int ebb_parts_of(const ebb_id *part) {
    int n = 0;
    while (n < EBB_MOST_PARTS && part[n] != EBB_ABSENT)
        n++;
    return n;
}

ebb_id ebb_implicit_tangent(ebb_builder *b, const ebb_primal *p, const ebb_id *part, const ebb_id *rest) {
    ebb_id r[EBB_MOST_PARTS] = {EBB_ABSENT};
    bool any = false;
    for (int i = 0; i < ebb_parts_of(part); i++) {
        r[i] = rest[i] == EBB_ABSENT ? EBB_ABSENT : ebb_g_neg(b, rest[i]);
        any |= r[i] != EBB_ABSENT;
    }
    return any ? ebb_solve_residual(b, p, r) : EBB_ABSENT;
}

/* The residual itself is an r like any other, so its solution serves to be turned round. */
bool ebb_turned_solve(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u) {
    const uint32_t before = b->graph->without;
    b->graph->without |= EBB_NO_IDENTITIES; /* as for the residual */
    ebb_id dy = ebb_solve_residual(b, p, part);
    b->graph->without = before;
    return dy != EBB_POISON && pull_patch(b, p, parts, part, 1, &dy, &ct, u);
}

ebb_id ebb_implicit_cotangent(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id part[EBB_MOST_PARTS], u[EBB_MOST_PARTS], dx;
    if (is_one_of(p->x[i], i, p->x)) return EBB_ABSENT; /* it has all of it by its first place */
    int parts = ebb_residual(b, p, part);
    if (!ebb_solve_back(b, p, ct, parts, part, u)) return EBB_POISON;
    for (int k = 0; k < parts; k++)
        if (u[k]) u[k] = ebb_g_neg(b, u[k]);
    return pull_patch(b, p, 1, &p->x[i], parts, part, u, &dx) ? dx : EBB_POISON;
}

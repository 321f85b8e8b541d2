/* linear_algebra.c - systems of linear equations and factorisations.
 *
 * The graph's operations take matrices on the last two axes and equal batch axes before them; a vector of right sides
 * gets its second axis here and loses it again. Start reading at ebb_solve_at. */
#include "frontend/values.h"

/* ---- systems: matrix a, right sides r ---- */

typedef struct system_call {
    const char *function;
    ebb_context *ebb;
    ebb_tensor *arg[2];
    ebb_shape shape[2]; /* of the operands, a vector as a column */
    ebb_site site;
} system_call;

static bool refuse(const system_call *c, const char *why) {
    char a[EBB_TYPE_TEXT], r[EBB_TYPE_TEXT];
    ebb_fail_at(c->ebb, EBB_VALUE_ERROR, c->site, "%s: matrix %s, right side %s: %s", c->function,
                ebb_shape_text(&c->arg[0]->type.shape, a), ebb_shape_text(&c->arg[1]->type.shape, r), why);
    return false;
}

/* Both get all batch axes of either. */
static bool make_batches(system_call *c) {
    ebb_shape batch[2], both;
    for (int k = 0; k < 2; k++) {
        c->shape[k] = c->arg[k]->type.shape;
        if (k == 1 && c->shape[k].rank == 1) c->shape[k].dim[c->shape[k].rank++] = 1;
        if (c->shape[k].rank < 2) return refuse(c, k ? "a scalar is no right side" : "a matrix has two axes");
        batch[k] = c->shape[k];
        batch[k].rank -= 2;
    }
    if (!ebb_shape_broadcast(&batch[0], &batch[1], &both)) return refuse(c, "batch axes do not broadcast");
    for (int k = 0; k < 2; k++) {
        const ebb_shape own = c->shape[k];
        c->shape[k] = both;
        for (int i = 2; i > 0; i--)
            c->shape[k].dim[c->shape[k].rank++] = own.dim[own.rank - i];
    }
    return true;
}

/* The operand as a matrix, in all batches. */
static ebb_tensor *batched(const system_call *c, int k) {
    ebb_tensor *x = c->arg[k];
    ebb_shape column = x->type.shape;
    if (k == 1 && column.rank == 1) column.dim[column.rank++] = 1;
    return ebb_stretch(c->ebb, ebb_reshaped(c->ebb, x, &column, c->site), &c->shape[k], c->site);
}

static ebb_tensor *system_of(system_call *c, ebb_op op, int nattr, const int64_t *attr) {
    ebb_application app = {.op = op, .nattr = nattr, .attr = attr, .site = c->site};
    c->ebb = ebb_context_of(2, c->arg);
    ebb_tensor *y = ebb_poison_of(c->ebb);
    if (!ebb_operands_usable(c->ebb, c->function, 2, c->arg, c->site) || !make_batches(c)) return y;
    EBB_SCOPE (c->ebb) {
        ebb_tensor *arg[2] = {batched(c, 0), batched(c, 1)};
        y = ebb_dispatch(c->ebb, &app, 2, arg);
        if (c->arg[1]->type.shape.rank == 1 && y->kind != EBB_KIND_POISON) {
            ebb_shape vector = y->type.shape;
            vector.dim[--vector.rank] = 0;
            y = ebb_reshaped(c->ebb, y, &vector, c->site);
        }
        ebb_keep(y);
    }
    return y;
}

ebb_tensor *ebb_solve_at(ebb_tensor *a, ebb_tensor *r, bool transpose_a, const char *file, int line) {
    system_call c = {.function = "ebb_solve", .arg = {a, r}, .site = ebb_site_at(file, line)};
    return system_of(&c, EBB_OP_solve, 1, (const int64_t[]){transpose_a});
}

ebb_tensor *ebb_triangular_solve_at(ebb_tensor *a, ebb_tensor *r, const ebb_triangle *triangle, const char *file,
                                    int line) {
    const ebb_triangle t = triangle ? *triangle : (ebb_triangle){false};
    system_call c = {.function = "ebb_triangular_solve", .arg = {a, r}, .site = ebb_site_at(file, line)};
    return system_of(&c, EBB_OP_triangular_solve, 3, (const int64_t[]){t.transposed, t.upper, t.unit});
}

/* ---- factorisations ---- */

ebb_tensor *ebb_cholesky_at(ebb_tensor *a, const char *file, int line) {
    const ebb_application app = {.op = EBB_OP_cholesky, .site = ebb_site_at(file, line)};
    ebb_context *ebb = ebb_context_of(1, &a);
    if (!ebb_operands_usable(ebb, "ebb_cholesky", 1, &a, app.site)) return ebb_poison_of(ebb);
    return ebb_dispatch(ebb, &app, 1, &a);
}

/* jacobian.c - Jacobians from a tape: one gradient for each element of the target (of a batch: for each element of one
 * row of it), put one beside the other.
 *
 * Everything is an operation, so Jacobians can be differentiated, and asked for inside traced functions. Start reading
 * at jacobian. */
#include "frontend/values.h"

static ebb_tensor *widened(ebb_context *ebb, ebb_tensor *x, int axis, int64_t low, int64_t high, ebb_site site) {
    int64_t pad[3 * EBB_MAX_RANK] = {0};
    int rank = x->type.shape.rank;
    pad[axis] = low;
    pad[rank + axis] = high;
    return ebb_dispatch(ebb, &(ebb_application){.op = EBB_OP_pad, .nattr = 3 * rank, .attr = pad, .site = site}, 1, &x);
}

/* x, then y, on that axis. */
static ebb_tensor *beside(ebb_context *ebb, ebb_tensor *x, ebb_tensor *y, int axis, ebb_site site) {
    int64_t left = ebb_dim(x, axis), right = ebb_dim(y, axis);
    ebb_tensor *arg[2] = {widened(ebb, x, axis, 0, right, site), NULL};
    if (arg[0]->kind != EBB_KIND_POISON) arg[1] = widened(ebb, y, axis, left, 0, site);
    if (!arg[1] || arg[1]->kind == EBB_KIND_POISON) return ebb_poison_of(ebb);
    return ebb_dispatch(ebb, &(ebb_application){.op = EBB_OP_add, .site = site}, 2, arg);
}

/* Pairwise, so that each row is copied log(rows) times. Uses up row[]. */
static ebb_tensor *put_together(ebb_context *ebb, int64_t rows, ebb_tensor **row, int axis, ebb_site site) {
    for (int64_t width = 1; width < rows; width *= 2)
        for (int64_t k = 0; k + width < rows; k += 2 * width) {
            row[k] = beside(ebb, row[k], row[k + width], axis, site);
            if (row[k]->kind == EBB_KIND_POISON) return row[k];
        }
    return row[0];
}

/* The shape with a size of 1 put in at `axis`. */
static ebb_shape with_axis(const ebb_shape *s, int axis) {
    ebb_shape to = {.rank = s->rank + 1};
    for (int i = 0; i < to.rank; i++)
        to.dim[i] = i < axis ? s->dim[i] : i == axis ? 1 : s->dim[i - 1];
    return to;
}

static ebb_tensor *of_rows(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, int axis, int64_t rows, ebb_tensor **row,
                           const ebb_shape *shape, ebb_site site) {
    ebb_context *ebb = tape->context;
    if (!ebb_gradient_rows(tape, y, x, rows, row, site)) return ebb_poison_of(ebb);
    if (row[0]->kind == EBB_KIND_ABSENT) return row[0];
    ebb_shape thick = with_axis(&x->type.shape, axis);
    for (int64_t r = 0; rows > 1 && r < rows; r++) {
        row[r] = ebb_reshaped(ebb, row[r], &thick, site);
        if (row[r]->kind == EBB_KIND_POISON) return row[r];
    }
    return ebb_reshaped(ebb, put_together(ebb, rows, row, axis, site), shape, site);
}

/* y's shape, then what x has beyond the first `shared` axes. */
static bool jacobian_shape(ebb_context *ebb, const char *function, const ebb_tensor *y, const ebb_tensor *x, int shared,
                           ebb_shape *shape, ebb_site site) {
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    const ebb_shape *of_x = &x->type.shape;
    *shape = y->type.shape;
    if (shared && (shape->rank < 2 || of_x->rank < 2 || shape->dim[0] != of_x->dim[0]))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: target %s and source %s are not batches of equal size",
                           function, ebb_type_text(&y->type, a), ebb_type_text(&x->type, b)),
               false;
    if (shape->rank + of_x->rank - shared > EBB_MAX_RANK)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: target %s and source %s have too many axes together",
                           function, ebb_type_text(&y->type, a), ebb_type_text(&x->type, b)),
               false;
    for (int i = shared; i < of_x->rank; i++)
        shape->dim[shape->rank++] = of_x->dim[i];
    return true;
}

/* batch: 1, or 0 for a plain Jacobian. */
static ebb_tensor *jacobian(const char *function, ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, int batch,
                            ebb_site site) {
    ebb_context *ebb = tape ? tape->context : ebb_current();
    ebb_shape shape;
    if (!ebb_tape_asks_gradients(tape, function, site)) return ebb_poison_of(ebb);
    ebb_enter(ebb);
    if (!ebb_operands_usable(ebb, function, 2, (ebb_tensor *[]){y, x}, site) ||
        !jacobian_shape(ebb, function, y, x, batch, &shape, site))
        return ebb_poison_of(ebb);
    if (!ebb_shape_concrete(&y->type.shape) || !ebb_shape_concrete(&x->type.shape))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: the sizes of target and source must be known", function);
    int64_t rows = 1;
    for (int i = batch; i < y->type.shape.rank; i++)
        rows *= y->type.shape.dim[i];
    if (rows == 0) return ebb_zeros_at(ebb, x->type.dtype, shape.rank, shape.dim, site.file, site.line);
    ebb_tensor **row = ebb_mem_new(&ebb->allocator, (size_t)rows, sizeof *row), *all = ebb_poison_of(ebb);
    if (!row) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory for %lld rows", function, (long long)rows);
    EBB_SCOPE (ebb)
        all = ebb_keep(of_rows(tape, y, x, batch, rows, row, &shape, site));
    ebb_mem_free(&ebb->allocator, row);
    return all;
}

ebb_tensor *ebb_jacobian_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line) {
    return jacobian("ebb_jacobian", tape, y, x, 0, ebb_site_at(file, line));
}

ebb_tensor *ebb_batch_jacobian_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line) {
    return jacobian("ebb_batch_jacobian", tape, y, x, 1, ebb_site_at(file, line));
}

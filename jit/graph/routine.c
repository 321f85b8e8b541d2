/* routine.c - the numbers that describe a WHOLE operation; one writer for each layout of routine.h. */
#include "jit/graph/routine.h"

/* Product of the sizes of axes [from, to). */
static int64_t product(const ebb_shape *s, int from, int to) {
    int64_t size = 1;
    for (int i = from; i < to; i++)
        size *= s->dim[i];
    return size;
}

static int describe_dot(const ebb_application *app, const ebb_type *arg, const ebb_type *result, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape, *y = &result->shape;
    int r = x->rank;
    desc[EBB_DOT_DTYPE] = result->dtype;
    desc[EBB_DOT_BATCH] = product(y, 0, r - 2);
    desc[EBB_DOT_M] = y->dim[r - 2];
    desc[EBB_DOT_N] = y->dim[r - 1];
    desc[EBB_DOT_K] = x->dim[app->attr[0] ? r - 2 : r - 1];
    desc[EBB_DOT_TX] = app->attr[0];
    desc[EBB_DOT_TY] = app->attr[1];
    return EBB_DOT_COUNT;
}

/* OpenBLAS has kernels for up to a million multiplications that do without packing the factors first. Pieces that are
 * short, or wide, gain nothing (docs/performance.md). */
enum { PIECE = 1000000, SHORTEST = 60, WIDEST = 4 };

int64_t ebb_dot_piece(const int64_t *desc) {
    const int64_t m = desc[EBB_DOT_M], n = desc[EBB_DOT_N], k = desc[EBB_DOT_K];
    const bool tx = desc[EBB_DOT_TX] != 0, ty = desc[EBB_DOT_TY] != 0;
    if (!ebb_is_float((ebb_dtype)desc[EBB_DOT_DTYPE]) || m < 2 || n < 2 || k < 2 || (tx && ty)) return 0;
    const int64_t all = tx ? k : m, rows = PIECE / (n * (tx ? m : k));
    if (rows < SHORTEST || n > WIDEST * rows || rows >= all) return 0;
    const int64_t pieces = (all + rows - 1) / rows; /* of even size */
    return (all + pieces - 1) / pieces;
}

static int64_t dot_scratch(const int64_t *desc) {
    if (!desc[EBB_DOT_TY] || !ebb_dot_piece(desc)) return 0;
    return desc[EBB_DOT_K] * desc[EBB_DOT_N] * (int64_t)ebb_dtype_size((ebb_dtype)desc[EBB_DOT_DTYPE]);
}

static int describe_gather(const ebb_application *app, const ebb_type *arg, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape, *index = &arg[1].shape;
    int axis = (int)app->attr[0];
    desc[EBB_GATHER_DTYPE] = arg[0].dtype;
    desc[EBB_GATHER_INDEX_DTYPE] = arg[1].dtype;
    desc[EBB_GATHER_OUTER] = product(x, 0, axis);
    desc[EBB_GATHER_SIZE] = x->dim[axis];
    desc[EBB_GATHER_INNER] = product(x, axis + 1, x->rank);
    desc[EBB_GATHER_COUNT_] = product(index, 0, index->rank);
    return EBB_GATHER_COUNT;
}

static int describe_check_index(const ebb_application *app, const ebb_type *arg, int64_t *desc) {
    desc[EBB_GATHER_DTYPE] = EBB_I64;
    desc[EBB_GATHER_INDEX_DTYPE] = arg[0].dtype;
    desc[EBB_GATHER_OUTER] = desc[EBB_GATHER_INNER] = 1;
    desc[EBB_GATHER_SIZE] = app->attr[0];
    desc[EBB_GATHER_COUNT_] = product(&arg[0].shape, 0, arg[0].shape.rank);
    return EBB_GATHER_COUNT;
}

static int describe_argmax(const ebb_application *app, const ebb_type *arg, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape;
    int axis = (int)app->attr[0];
    desc[EBB_ARGMAX_DTYPE] = arg[0].dtype;
    desc[EBB_ARGMAX_OUTER] = product(x, 0, axis);
    desc[EBB_ARGMAX_SIZE] = x->dim[axis];
    desc[EBB_ARGMAX_INNER] = product(x, axis + 1, x->rank);
    return EBB_ARGMAX_COUNT;
}

static int describe_search(const ebb_application *app, const ebb_type *arg, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape, *values = &arg[1].shape;
    desc[EBB_SEARCH_DTYPE] = arg[0].dtype;
    desc[EBB_SEARCH_BATCH] = product(x, 0, x->rank - 1);
    desc[EBB_SEARCH_SIZE] = x->dim[x->rank - 1];
    desc[EBB_SEARCH_COUNT_] = product(values, x->rank - 1, values->rank);
    desc[EBB_SEARCH_RIGHT] = app->attr[0];
    return EBB_SEARCH_COUNT;
}

static int describe_concat(const ebb_application *app, const ebb_type *arg, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape, *y = &arg[1].shape;
    int axis = (int)app->attr[0];
    desc[EBB_CONCAT_DTYPE] = arg[0].dtype;
    desc[EBB_CONCAT_OUTER] = product(x, 0, axis);
    desc[EBB_CONCAT_LEFT] = product(x, axis, x->rank);
    desc[EBB_CONCAT_RIGHT] = product(y, axis, y->rank);
    return EBB_CONCAT_COUNT;
}

static int describe_overlap_add(const ebb_application *app, const ebb_type *arg, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape;
    int axis = (int)app->attr[0];
    desc[EBB_OVERLAP_DTYPE] = arg[0].dtype;
    desc[EBB_OVERLAP_OUTER] = product(x, 0, axis);
    desc[EBB_OVERLAP_COUNT_] = x->dim[axis];
    desc[EBB_OVERLAP_WINDOW] = x->dim[axis + 1];
    desc[EBB_OVERLAP_INNER] = product(x, axis + 2, x->rank);
    desc[EBB_OVERLAP_SIZE] = app->attr[1];
    desc[EBB_OVERLAP_STRIDE] = app->attr[2];
    desc[EBB_OVERLAP_DILATION] = app->attr[3];
    return EBB_OVERLAP_COUNT;
}

static int describe_random(const ebb_type *result, int64_t *desc) {
    desc[EBB_RANDOM_DTYPE] = result->dtype;
    desc[EBB_RANDOM_SIZE] = product(&result->shape, 0, result->shape.rank);
    return EBB_RANDOM_COUNT;
}

static int describe_pad(const ebb_application *app, const ebb_type *arg, const ebb_type *result, int64_t *desc) {
    int rank = result->shape.rank;
    desc[EBB_PAD_DTYPE] = result->dtype;
    desc[EBB_PAD_RANK] = rank;
    for (int i = 0; i < rank; i++) {
        const int64_t sizes[] = {arg[0].shape.dim[i], result->shape.dim[i], app->attr[i], app->attr[2 * rank + i]};
        for (int part = 0; part < 4; part++)
            desc[EBB_PAD_SIZES + part * rank + i] = sizes[part];
    }
    return EBB_PAD_SIZES + 4 * rank;
}

static int describe_matrix(const ebb_application *app, const ebb_type *arg, const ebb_type *result, int64_t *desc) {
    const ebb_shape *x = &arg[0].shape;
    int r = x->rank;
    desc[EBB_MATRIX_DTYPE] = arg[0].dtype;
    desc[EBB_MATRIX_BATCH] = product(x, 0, r - 2);
    desc[EBB_MATRIX_ROWS] = x->dim[r - 2];
    desc[EBB_MATRIX_COLUMNS] = x->dim[r - 1];
    desc[EBB_MATRIX_RIGHT] = result->shape.rank == r ? result->shape.dim[r - 1] : 0;
    for (int i = 0; i < 3; i++)
        desc[EBB_MATRIX_TRANSPOSED + i] = i < app->nattr ? app->attr[i] : 0;
    return EBB_MATRIX_COUNT;
}

static bool on_matrices(ebb_op op) { return op >= EBB_OP_triangular_solve && op <= EBB_OP_svd; }

static int64_t halvings(int64_t n) {
    int64_t k = 1;
    while (k < 62 && (int64_t)1 << k < n)
        k++;
    return k;
}

/* What LAPACK's manual asks for, with blocks of 32. */
int64_t ebb_scratch_reals(ebb_op op, int64_t m, int64_t n) {
    if (op == EBB_OP_cofactor) return n * n;
    if (op == EBB_OP_qr) return n + 32 * n;
    if (op == EBB_OP_svd) return 3 * n + 32 * (m + n);
    return op == EBB_OP_eigh ? 2 * n + 1 + 32 * n + 2 * n * halvings(n) + 4 * n * n : 0;
}

int64_t ebb_scratch_ints(ebb_op op, int64_t n) {
    if (op == EBB_OP_cofactor) return 2 * n;
    return op == EBB_OP_eigh ? 6 + 6 * n + 5 * n * halvings(n) : 0;
}

int64_t ebb_scratch(ebb_op op, const int64_t *desc) {
    if (op == EBB_OP_dot) return dot_scratch(desc);
    if (!on_matrices(op)) return 0;
    const int64_t m = desc[EBB_MATRIX_ROWS], n = desc[EBB_MATRIX_COLUMNS];
    return ebb_scratch_reals(op, m, n) * (int64_t)ebb_dtype_size((ebb_dtype)desc[EBB_MATRIX_DTYPE]) +
           ebb_scratch_ints(op, n) * (int64_t)sizeof(int64_t);
}

int ebb_describe(const ebb_application *app, int narg, const ebb_type *arg, const ebb_type *result,
                 int64_t desc[EBB_DESCRIBE_MAX]) {
    (void)narg;
    if (app->op == EBB_OP_dot) return describe_dot(app, arg, result, desc);
    if (app->op == EBB_OP_gather || app->op == EBB_OP_scatter_add || app->op == EBB_OP_scatter_max)
        return describe_gather(app, arg, desc);
    if (app->op == EBB_OP_check_index) return describe_check_index(app, arg, desc);
    if (app->op == EBB_OP_searchsorted) return describe_search(app, arg, desc);
    if (app->op == EBB_OP_concat) return describe_concat(app, arg, desc);
    if (app->op == EBB_OP_overlap_add) return describe_overlap_add(app, arg, desc);
    if (app->op == EBB_OP_argmax || app->op == EBB_OP_argsort || app->op == EBB_OP_cumsum)
        return describe_argmax(app, arg, desc);
    if (on_matrices(app->op)) return describe_matrix(app, arg, result, desc);
    if (app->op >= EBB_OP_random_uniform && app->op <= EBB_OP_random_truncated_normal)
        return describe_random(result, desc);
    return app->op == EBB_OP_pad ? describe_pad(app, arg, result, desc) : 0;
}

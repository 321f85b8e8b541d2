/* test_eval_views.c - the evaluator's views, operations on whole tensors that are views, and what it refuses.
 * Operations element by element are in test_eval.c. */
#include <criterion/criterion.h>

#include "support/strided.h"

#include <stdlib.h>
#include <string.h>

static ebb_type typed(ebb_dtype d, int rank, const int64_t *dim) {
    ebb_type t = {.dtype = d, .shape = {.rank = rank}};
    for (int a = 0; a < rank; a++)
        t.shape.dim[a] = dim[a];
    return t;
}

#define TYPE(d, ...) typed(d, sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]){__VA_ARGS__})

/* Result element `at` of a view of an operand whose elements are 0, 1, 2 ... (contiguous) */
static int64_t source(const ebb_application *app, const ebb_type *x, const ebb_shape *to, const int64_t *at) {
    int64_t in[EBB_MAX_RANK] = {0}, index = 0;
    if (app->op == EBB_OP_reshape) {
        for (int a = 0; a < to->rank; a++)
            index = index * to->dim[a] + at[a];
        return index;
    }
    for (int a = 0; a < x->shape.rank; a++) {
        if (app->op == EBB_OP_broadcast) in[a] = x->shape.dim[a] == 1 ? 0 : at[app->attr[a]];
        if (app->op == EBB_OP_slice) in[a] = app->attr[a] + app->attr[x->shape.rank + a] * at[a];
        if (app->op == EBB_OP_transpose) in[app->attr[a]] = at[a];
    }
    for (int a = 0; a < x->shape.rank; a++)
        index = index * x->shape.dim[a] + in[a];
    return index;
}

Test(eval, views) {
    const struct {
        ebb_op op;
        ebb_type x, y;
        int nattr;
        int64_t attr[8];
    } cases[] = {{EBB_OP_broadcast, TYPE(EBB_F32, 3), TYPE(EBB_F32, 2, 3, 4), 1, {1}},
                 {EBB_OP_broadcast, TYPE(EBB_F32, 1, 5), TYPE(EBB_F32, 4, 5), 2, {0, 1}},
                 {EBB_OP_broadcast, {EBB_F32, {0}}, TYPE(EBB_F32, 2, 0), 0, {0}},
                 {EBB_OP_broadcast, {EBB_F32, {0}}, TYPE(EBB_F32, 7), 0, {0}},
                 {EBB_OP_transpose, TYPE(EBB_F32, 2, 3, 4), TYPE(EBB_F32, 4, 2, 3), 3, {2, 0, 1}},
                 {EBB_OP_slice, TYPE(EBB_F32, 7, 9), TYPE(EBB_F32, 3, 4), 4, {1, 2, 2, 2}},
                 {EBB_OP_slice, TYPE(EBB_F32, 7, 9), TYPE(EBB_F32, 0, 4), 4, {7, 2, 2, 2}},
                 {EBB_OP_reshape, TYPE(EBB_F32, 6, 4), TYPE(EBB_F32, 2, 3, 1, 2, 2), 0, {0}},
                 {EBB_OP_reshape, TYPE(EBB_F32, 2, 3, 4), TYPE(EBB_F32, 24), 0, {0}},
                 {EBB_OP_reshape, TYPE(EBB_F32, 1, 1), {EBB_F32, {0}}, 0, {0}},
                 {EBB_OP_reshape, TYPE(EBB_F32, 0, 3), TYPE(EBB_F32, 5, 0), 0, {0}}};
    float x[64], y[64];
    for (int i = 0; i < 64; i++)
        x[i] = (float)i;
    for (int c = 0; c < COUNT(cases); c++) {
        const ebb_application app = {cases[c].op, cases[c].nattr, cases[c].attr, cases[c].y, {0}};
        const ebb_shape *to = &cases[c].y.shape;
        ebb_view from, view;
        int64_t at[EBB_MAX_RANK] = {0}, i = 0;
        ebb_view_contiguous(&from, x, &cases[c].x.shape);
        cr_assert(ebb_eval_view(&app, &cases[c].x, &from, &cases[c].y, &view), "case %d is a view", c);
        cr_assert(ebb_eval_op(&app, 1, &cases[c].x, &from, &cases[c].y, y, &ebb_malloc_allocator, NULL));
        for (bool more = size_of(to) > 0; more; more = next_index(to, at), i++) {
            const float want = x[source(&app, &cases[c].x, to, at)];
            cr_assert_eq(((const float *)view.data)[place(to, &view, at)], want, "case %d, view, element %d", c,
                         (int)i);
            cr_assert_eq(y[i], want, "case %d, copy, element %d", c, (int)i);
        }
    }
}

/* A reshape of any strided operand: right as a view where it can be one, right as a copy always. */
Test(eval, reshape_of_views) {
    static const ebb_shape shapes[] = {{1, {24}},         {2, {6, 4}},       {2, {4, 6}},         {3, {2, 3, 4}},
                                       {4, {2, 1, 3, 4}}, {4, {3, 2, 2, 2}}, {5, {1, 2, 2, 3, 2}}};
    float *memory = malloc(ROOM * 4), y[24];
    int views = 0, copies = 0;
    for (int i = 0; i < ROOM; i++)
        memory[i] = (float)i;
    for (int round = 0; round < 2000; round++) {
        const ebb_type from = {EBB_F32, shapes[below(COUNT(shapes))]}, to = {EBB_F32, shapes[below(COUNT(shapes))]};
        const ebb_application app = {.op = EBB_OP_reshape, .asked = to};
        const ebb_view x = any_view(memory, EBB_F32, &from.shape, (int)below(6));
        ebb_view view;
        const bool is_view = ebb_eval_view(&app, &from, &x, &to, &view);
        int64_t in[EBB_MAX_RANK] = {0}, at[EBB_MAX_RANK] = {0};
        cr_assert(ebb_eval_op(&app, 1, &from, &x, &to, y, &ebb_malloc_allocator, NULL));
        for (int i = 0; i < 24; i++, next_index(&from.shape, in), next_index(&to.shape, at)) {
            const float want = ((const float *)x.data)[place(&from.shape, &x, in)];
            cr_assert_eq(y[i], want, "copy, round %d", round);
            if (is_view)
                cr_assert_eq(((const float *)view.data)[place(&to.shape, &view, at)], want, "view, round %d", round);
        }
        *(is_view ? &views : &copies) += 1;
    }
    cr_assert(views > 500 && copies > 100, "%d views, %d copies", views, copies);
    free(memory);
}

Test(eval, whole_operations_take_views) {
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const ebb_type type[2] = {TYPE(EBB_F32, 3, 2), TYPE(EBB_F32, 2, 3)};
    const ebb_view arg[2] = {{x, {1, 3}}, {x, {3, 1}}}; /* transposed, and as it is */
    const ebb_application app = {.op = EBB_OP_dot, .nattr = 2, .attr = (int64_t[]){0, 0}};
    ebb_type result;
    float y[9];
    cr_assert(ebb_infer(NULL, &app, 2, type, &result));
    cr_assert(ebb_eval_op(&app, 2, type, arg, &result, y, &ebb_malloc_allocator, NULL));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            cr_assert_eq(y[3 * i + j], x[i] * x[j] + x[3 + i] * x[3 + j]);
}

Test(eval, faults_are_messages) {
    const float x[10] = {0};
    const int32_t index[5] = {1, 2, 3, 12, 4};
    const ebb_type type[2] = {TYPE(EBB_F32, 10), TYPE(EBB_I32, 5)};
    const ebb_view arg[2] = {{x, {1}}, {index, {1}}};
    const ebb_application app = {EBB_OP_gather, 1, (int64_t[]){0}, {0}, {.file = "model.c", .line = 17}};
    ebb_diag diag = {0};
    ebb_type result;
    float y[5];
    cr_assert(ebb_infer(&diag, &app, 2, type, &result));
    cr_assert_not(ebb_eval_op(&app, 2, type, arg, &result, y, &ebb_malloc_allocator, &diag));
    cr_assert_str_eq(diag.message, "gather: index 12 at position 3 is outside [0, 10)");
    cr_assert(diag.code == EBB_INDEX_ERROR && diag.site.line == 17);
}

Test(eval, what_cannot_run_says_so) {
    static const ebb_op ops[] = {EBB_OP_input, EBB_OP_call, EBB_OP_get, EBB_OP_softmax, EBB_OP_mean};
    for (int i = 0; i < COUNT(ops); i++) {
        const ebb_application app = {.op = ops[i]};
        const ebb_type type = {EBB_F32, {0}};
        float x = 0, y;
        const ebb_view arg = {&x, {0}};
        ebb_diag diag = {0};
        cr_assert_not(ebb_eval_op(&app, 1, &type, &arg, &type, &y, &ebb_malloc_allocator, &diag));
        cr_assert_not_null(strstr(diag.message, "expanded"), "%s", diag.message);
    }
}

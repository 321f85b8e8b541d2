/* test_jacobian.c - Jacobians of functions: by columns, by rows, and by the tape, all equal; and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "tests/support/check.h"

static ebb_context *ebb;

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

/* (x [3], m [2,3]) -> m x of [2], sum(x) sin(x) of [3], argmax */
BODY(several) {
    UNUSED;
    out[0] = ebb_matmul(in[1], in[0]);
    out[1] = ebb_mul(ebb_sum(in[0]), ebb_sin(in[0]));
    out[2] = ebb_argmax(in[0], 0);
}
BODY(scalar) {
    UNUSED;
    out[0] = ebb_mul(ebb_square(in[0]), in[0]);
}
BODY(deep) {
    UNUSED;
    out[0] = ebb_reshape(in[0], EBB_SHAPE(1, 1, 1, 1, 1, 1, 3));
}
BODY(total) {
    UNUSED;
    out[0] = ebb_sum(ebb_square(in[0]));
}
BODY(square_norm) {
    UNUSED;
    out[0] = ebb_sum(ebb_mul(in[0], ebb_square(in[0])));
}
BODY(trace_of_jacobian) {
    (void)e;
    out[0] = ebb_sum(ebb_square(ebb_call((ebb_function *)data, in[0])));
}

static ebb_function *function(ebb_body *body, int results, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .results = results, .data = data});
}
static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

static void expect_equal(const ebb_tensor *a, const ebb_tensor *b, const char *what) {
    cr_assert_eq(ebb_size(a), ebb_size(b), "%s: %d and %d elements", what, (int)ebb_size(a), (int)ebb_size(b));
    for (int64_t k = 0; k < ebb_size(a); k++)
        cr_expect(fabs(ebb_item(a, k) - ebb_item(b, k)) <= 1e-14, "%s, element %d: %.17g and %.17g", what, (int)k,
                  ebb_item(a, k), ebb_item(b, k));
}

static void roads_agree(void) {
    ebb_function *f = function(several, 3, NULL);
    ebb_tensor *x = f64("[0.5, -1, 2]"), *m = f64("[[1, 2, 3], [4, 5, 6]]"), *block[3][6];
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(m)};
    for (int road = 0; road < 3; road++)
        ebb_call_n(ebb_jacobian_of(f, EBB_WRT(0, 1), (ebb_road)road), 2, in, 6, block[road]);
    expect_text(block[1][0], "[[1. 2. 3.]\n [4. 5. 6.]]", "m x in x");
    cr_expect_eq(ebb_rank(block[1][1]), 3, "m x in m: [2,2,3]");
    for (int k = 0; k < 4; k++) {
        expect_equal(block[0][k], block[1][k], "cheaper and forward");
        expect_equal(block[1][k], block[2][k], "forward and reverse");
    }
    expect_text(block[2][3],
                "[[[0. 0. 0.]\n  [0. 0. 0.]]\n\n [[0. 0. 0.]\n  [0. 0. 0.]]\n\n [[0. 0. 0.]\n  [0. 0. 0.]]]",
                "no connection: zeros");
    for (int road = 0; road < 3; road++)
        cr_expect(ebb_is_absent(block[road][4]) && ebb_is_absent(block[road][5]), "argmax has none");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_mul(ebb_sum(x), ebb_sin(x));
    expect_equal(ebb_jacobian(tape, y, x), block[0][2], "the tape's");
}

/* d/dx of |J|^2 where J = diag(3 x^2): 36 x^3 */
static void nested(void) {
    ebb_function *cube = function(scalar, 1, NULL);
    for (int road = 1; road < 3; road++) {
        ebb_function *f = function(trace_of_jacobian, 1, ebb_jacobian_of(cube, NULL, (ebb_road)road));
        expect_text(ebb_call(ebb_grad(f, NULL), f64("[1, 2]")), "[ 36. 288.]", "gradient of a Jacobian");
        expect_text(ebb_call(ebb_grad(f, NULL), f64("2")), "288.0", "of a scalar");
        expect_text(ebb_call(ebb_jacobian_of(cube, NULL, (ebb_road)road), f64("[]")), "[]", "of nothing");
    }
}

/* diag(6 x): its program has the same size for 3 and for 300 elements. */
static void hessians_of_any_size(void) {
    ebb_function *h = ebb_hessian(function(square_norm, 1, NULL), NULL);
    expect_text(ebb_call(h, f64("[1, 2, 3]")), "[[ 6.  0.  0.]\n [ 0. 12.  0.]\n [ 0.  0. 18.]]", "small");
    ebb_tensor *x = ebb_cast(ebb_range(ebb, EBB_I32, 300), EBB_F64), *large = ebb_call(h, x);
    for (int64_t k = 0; k < ebb_size(large); k++)
        cr_expect_eq(ebb_item(large, k), k / 300 == k % 300 ? 6.0 * (double)(k / 300) : 0, "element %d", (int)k);
}

/* As many axes as there can be: the only row needs no axis for directions, columns would. */
static void of_the_highest_rank(void) {
    ebb_function *f = function(total, 1, NULL);
    ebb_tensor *x = ebb_reshape(f64("[1, 2, 3, 4, 5, 6]"), EBB_SHAPE(1, 1, 1, 1, 1, 1, 1, 6)), *row;
    for (int road = 0; road < 3; road++) {
        row = ebb_call(ebb_jacobian_of(f, NULL, (ebb_road)road), x);
        if (road == EBB_FORWARD)
            expect_error(ebb, EBB_VALUE_ERROR, "no axis for directions", "columns of rank 8");
        else
            expect_text(ebb_reshape(row, EBB_SHAPE(6)), "[ 2.  4.  6.  8. 10. 12.]", "the only row");
    }
}

static void refusals(void) {
    ebb_call(ebb_jacobian_of(function(deep, 1, NULL), NULL, EBB_FORWARD), f64("[[1, 2, 3]]"));
    expect_error(ebb, EBB_VALUE_ERROR, "would have rank 9", "too many axes");
    ebb_call(ebb_jacobian_of(function(scalar, 1, NULL), EBB_WRT(1), EBB_FORWARD), f64("1"));
    expect_error(ebb, EBB_INDEX_ERROR, "no parameter 1", "a parameter that is not there");
    ebb_call(ebb_jacobian_of(function(scalar, 1, NULL), NULL, EBB_REVERSE), ebb_literal(ebb, "1", EBB_I32));
    expect_error(ebb, EBB_TYPE_ERROR, "only f32 and f64 have derivatives", "an integer");
    cr_expect_null(ebb_jacobian_of(NULL, NULL, EBB_FORWARD));
    ebb_clear_error(ebb);
}

Test(jacobian, of_functions) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ebb = ebb_open(&(ebb_options){.mode = modes[i]});
        roads_agree();
        nested();
        hessians_of_any_size();
        of_the_highest_rank();
        refusals();
        expect_ok(ebb, "mode %d", (int)modes[i]);
        ebb_close(ebb);
    }
}

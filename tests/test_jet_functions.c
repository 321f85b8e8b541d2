/* test_jet_functions.c - series of functions: in every mode, inside gradients, put into one another. The passes are in
 * test_jet.c. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/ebb.h"

/* ---- functions to functions ---- */

static void wave(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mul(ebb_sin(in[0]), in[1]);
}

/* The coefficient of t^3: -y cos(x) / 6. */
static void third(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_operand x[3] = {EBB_OPERAND(in[0]), EBB_OPERAND(in[1]), EBB_OPERAND(ebb_ones(ebb, EBB_F64, 0, NULL))};
    ebb_tensor *both[2];
    ebb_call_n(data, 3, x, 2, both);
    out[0] = ebb_gather(both[1], ebb_scalar(ebb, 2), 0);
}

static void expect_number(const ebb_tensor *x, double want, const char *what) {
    cr_expect(fabs(ebb_item(x, 0) - want) <= 1e-15, "%s: %.17g, not %.17g", what, ebb_item(x, 0), want);
}

/* The series in two parameters, as a function that is differentiated in its turn, by each engine. */
Test(jet_functions, of_functions_and_inside_gradients) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.mode = modes[i]});
        ebb_function *f = ebb_function_new(ebb, wave, &(ebb_function_options){.name = "wave"});
        ebb_operand in[4] = {EBB_OPERAND(ebb_scalar(ebb, 0.7)), EBB_OPERAND(ebb_scalar(ebb, 2.0)),
                             EBB_OPERAND(ebb_scalar(ebb, 1.0)), EBB_OPERAND(ebb_scalar(ebb, 1.0))};
        ebb_tensor *both[2];
        ebb_call_n(ebb_jet(f, EBB_WRT(0, 1), 2), 4, in, 2, both);
        expect_number(both[0], 2 * sin(0.7), "value");
        cr_expect_eq(ebb_dim(both[1], 0), 2);
        cr_expect(fabs(ebb_item(both[1], 1) - (cos(0.7) - sin(0.7))) <= 1e-15, "both move: %.17g",
                  ebb_item(both[1], 1));
        ebb_function *c3 =
            ebb_function_new(ebb, third, &(ebb_function_options){.name = "third", .data = ebb_jet(f, EBB_WRT(0), 3)});
        ebb_tensor *x = in[0].tensor, *y = in[1].tensor;
        expect_number(ebb_call(c3, x, y), -2 * cos(0.7) / 6, "third coefficient");
        expect_number(ebb_call(ebb_grad(c3, EBB_WRT(0)), x, y), 2 * sin(0.7) / 6, "its gradient");
        expect_number(ebb_call(ebb_grad(c3, EBB_WRT(1)), x, y), -cos(0.7) / 6, "its gradient in y");
        ebb_call_n(ebb_jet(f, NULL, 0), 3, in, 2, both);
        cr_expect(ebb_is_poison(both[0]) && strstr(ebb_error(ebb), "order 0"), "%s", ebb_error(ebb));
        ebb_close(ebb);
    }
}

/* ---- series put into one another ---- */

static void inner(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mul(ebb_sin(in[0]), ebb_sum(in[0]));
}
static void outer(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_tanh(ebb_mul(in[0], ebb_sum(in[0])));
}
static void composed(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tensor *y;
    inner(ebb, in, &y, data);
    outer(ebb, &y, out, data);
}

static ebb_function *named(ebb_context *ebb, ebb_body *body) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f"});
}

/* The series of the inner function is the curve along which the outer one goes: that of the composition. */
Test(jet_functions, along_curves) {
    enum { LENGTH = 6, SIZE = 3 };
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.mode = modes[i]});
        ebb_tensor *x = ebb_literal(ebb, "[0.1, -0.3, 0.5]", EBB_F64), *v = ebb_literal(ebb, "[1, 2, -1]", EBB_F64);
        ebb_tensor *y[2], *z[2], *want[2];
        ebb_call_n(ebb_jet(named(ebb, inner), NULL, LENGTH), 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v)}), 2,
                   y);
        ebb_function *along = ebb_jet_series(named(ebb, outer), NULL, LENGTH);
        ebb_call_n(along, 2, ((ebb_operand[]){EBB_OPERAND(y[0]), EBB_OPERAND(y[1])}), 2, z);
        ebb_call_n(ebb_jet(named(ebb, composed), NULL, LENGTH), 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v)}), 2,
                   want);
        cr_assert(ebb_ok(ebb), "%s", ebb_error(ebb));
        for (int64_t k = 0; k < LENGTH * SIZE; k++)
            cr_expect(fabs(ebb_item(z[1], k) - ebb_item(want[1], k)) <= 1e-14 * (1 + fabs(ebb_item(want[1], k))),
                      "coefficient %d: %.17g, of the composition %.17g", (int)k, ebb_item(z[1], k),
                      ebb_item(want[1], k));
        ebb_call_n(along, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v)}), 2, z);
        cr_expect(strstr(ebb_error(ebb), "argument 1 is f64[3]; it must be f64[6,3]"), "%s", ebb_error(ebb));
        ebb_clear_error(ebb);
        ebb_tensor *deep = ebb_reshape(x, EBB_SHAPE(1, 1, 1, 1, 1, 1, 1, 3));
        ebb_call_n(along, 2, ((ebb_operand[]){EBB_OPERAND(deep), EBB_OPERAND(deep)}), 2, z);
        cr_expect(strstr(ebb_error(ebb), "one axis too many"), "%s", ebb_error(ebb));
        ebb_close(ebb);
    }
}

/* formula.c - see formula.h. Each road gives value, gradient and Hessian; unit[i], unit[1 - i] is the direction of
 * variable i. */
#include "frontend/common/formula.h"

static void formula(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_tensor *x = in[0], *y = in[1];
    ebb_tensor *wave = ebb_exp(ebb_mul(ebb_sin(x), y));
    ebb_tensor *slope = ebb_mul(ebb_log(ebb_add(1, ebb_mul(x, x))), ebb_tanh(y));
    ebb_tensor *bowl = ebb_sqrt(ebb_add(ebb_add(ebb_mul(x, x), ebb_mul(y, y)), 1));
    out[0] = ebb_add(ebb_add(wave, slope), bowl);
}

ebb_function *formula_in(ebb_context *ebb) {
    return ebb_function_new(ebb, formula, &(ebb_function_options){.name = "f"});
}

void formula_point(ebb_context *ebb, ebb_operand at[2], ebb_operand unit[2]) {
    at[0] = ebb_operand_tensor(ebb_scalar(ebb, 0.7));
    at[1] = ebb_operand_tensor(ebb_scalar(ebb, 1.3));
    unit[0] = ebb_operand_tensor(ebb_scalar(ebb, 1.0));
    unit[1] = ebb_operand_tensor(ebb_scalar(ebb, 0.0));
}

/* Dual numbers, and dual numbers of dual numbers: the results of jvp(jvp f) are f, its tangents along both directions,
 * and the second derivative along both. */
static answer forward(ebb_context *ebb, ebb_function *f) {
    ebb_function *second = ebb_jvp(ebb_jvp(f, EBB_WRT(0, 1)), EBB_WRT(0, 1));
    ebb_operand at[2], unit[2];
    answer a = {0};
    formula_point(ebb, at, unit);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            ebb_operand in[6] = {at[0], at[1], unit[i], unit[1 - i], unit[k], unit[1 - k]};
            ebb_tensor *out[4];
            ebb_call_n(second, 6, in, 4, out);
            a.part[0] = ebb_item(out[0], 0);
            a.part[1 + i] = ebb_item(out[1], 0);
            a.part[3 + 2 * i + k] = ebb_item(out[3], 0);
        }
    return a;
}

/* The adjoint sweep, and the adjoint sweep of that. */
static answer reverse(ebb_context *ebb, ebb_function *f) {
    ebb_function *first = ebb_value_and_grad(f, EBB_WRT(0, 1));
    ebb_function *second = ebb_vjp(ebb_grad(f, EBB_WRT(0, 1)), EBB_WRT(0, 1));
    ebb_operand at[2], unit[2];
    ebb_tensor *out[4];
    answer a = {0};
    formula_point(ebb, at, unit);
    ebb_call_n(first, 2, at, 3, out);
    for (int k = 0; k < 3; k++)
        a.part[k] = ebb_item(out[k], 0);
    for (int i = 0; i < 2; i++) {
        ebb_operand in[4] = {at[0], at[1], unit[i], unit[1 - i]};
        ebb_call_n(second, 4, in, 4, out);
        a.part[3 + 2 * i] = ebb_item(out[2], 0);
        a.part[4 + 2 * i] = ebb_item(out[3], 0);
    }
    return a;
}

/* Dual numbers through the adjoint sweep: what ebb_hvp does for one direction and ebb_hessian for all. */
static answer forward_over_reverse(ebb_context *ebb, ebb_function *f) {
    ebb_operand at[2], unit[2];
    ebb_tensor *out[4];
    answer a = reverse(ebb, f);
    formula_point(ebb, at, unit);
    ebb_call_n(ebb_hessian(f, EBB_WRT(0, 1)), 2, at, 4, out);
    for (int k = 0; k < 4; k++)
        a.part[3 + k] = ebb_item(out[k], 0);
    return a;
}

static answer direction_products(ebb_context *ebb, ebb_function *f) {
    ebb_function *product = ebb_hvp(f, EBB_WRT(0, 1));
    ebb_operand at[2], unit[2];
    ebb_tensor *out[2];
    answer a = reverse(ebb, f);
    formula_point(ebb, at, unit);
    for (int i = 0; i < 2; i++) {
        ebb_operand in[4] = {at[0], at[1], unit[i], unit[1 - i]};
        ebb_call_n(product, 4, in, 2, out);
        a.part[3 + 2 * i] = ebb_item(out[0], 0);
        a.part[4 + 2 * i] = ebb_item(out[1], 0);
    }
    return a;
}

const road formula_roads[FORMULA_ROADS] = {
    {"forward (jvp of jvp)", forward},
    {"reverse (vjp of grad)", reverse},
    {"forward over reverse (hvp)", direction_products},
    {"forward over reverse (hessian)", forward_over_reverse},
};

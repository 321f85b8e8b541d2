/* test_layers.c - layers: what they compute, and their variables in TensorFlow's order. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(&(ebb_options){.seed = 3}); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(layers, .init = start, .fini = stop);

static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

/* ---- order (semantics 6.1) ---- */

static ebb_tensor *identity(ebb_context *e, ebb_tensor *x, void *data) { return (void)e, (void)data, x; }
static ebb_layer *dense(const char *name, int64_t in, int64_t out) {
    return ebb_dense(ebb, &(ebb_dense_options){.name = name, .inputs = in, .outputs = out});
}

static void expect_variables(ebb_layer *l, bool trainable_only, int count, const char *const *names, const char *what) {
    ebb_tensor *v[16] = {0};
    int have = ebb_layer_variables(l, trainable_only, 16, v);
    cr_expect_eq(have, count, "%s: %d variables", what, have);
    for (int i = 0; i < count && i < have; i++)
        cr_expect_str_eq(ebb_name(v[i]), names[i], "%s, variable %d: %s", what, i, ebb_name(v[i]));
}

Test(layers, line_1_of_dense_and_sequential) {
    ebb_layer *d1 = dense("dense_1", 3, 3), *d2 = dense("dense_2", 3, 1), *parts[4] = {0};
    expect_variables(d1, false, 2, (const char *[]){"dense_1/b:0", "dense_1/w:0"}, "dense");
    ebb_layer *model = ebb_sequential(ebb, NULL, 2, (ebb_layer *[]){d1, d2});
    expect_variables(model, false, 4, (const char *[]){"dense_1/b:0", "dense_1/w:0", "dense_2/b:0", "dense_2/w:0"},
                     "sequential");
    ebb_layer *swapped = ebb_sequential(ebb, "swapped", 2, (ebb_layer *[]){d2, d1});
    expect_variables(swapped, false, 4, (const char *[]){"dense_2/b:0", "dense_2/w:0", "dense_1/b:0", "dense_1/w:0"},
                     "a list's order");
    cr_expect_eq(ebb_layer_parts(model, 4, parts), 2);
    cr_expect(parts[0] == d1 && parts[1] == d2 && strcmp(ebb_layer_name(parts[1]), "dense_2") == 0);
}

Test(layers, line_1_sorted_by_name_own_first_each_once) {
    ebb_layer *outer = ebb_layer_new(ebb, "outer", identity, NULL),
              *inner = ebb_layer_new(ebb, "inner", identity, NULL);
    ebb_layer *last = ebb_layer_new(ebb, "last", identity, NULL), *parts[4] = {0};
    ebb_tensor *shared = ebb_variable(ebb, f64("1"), "shared"), *fixed = ebb_variable_fixed(ebb, f64("1"), "fixed");
    ebb_layer_add_layer(outer, "a_layer", inner);
    ebb_layer_add_variable(outer, "z", ebb_variable(ebb, f64("1"), "z"));
    ebb_layer_add_variable(outer, "b", shared);
    ebb_layer_add_variable(inner, "y", fixed);
    ebb_layer_add_variable(inner, "x", ebb_variable(ebb, f64("1"), "x"));
    ebb_layer_add_variable(inner, "w", shared);
    ebb_layer_add_layer(inner, "deep", last);
    ebb_layer_add_layer(outer, "c_layer", last);
    ebb_layer_add_variable(last, "v", ebb_variable(ebb, f64("1"), "v"));
    ebb_layer_add_layer(last, "around", outer);
    static const char *const all[] = {"shared:0", "z:0", "x:0", "fixed:0", "v:0"};
    expect_variables(outer, false, 5, all, "all");
    static const char *const trainable[] = {"shared:0", "z:0", "x:0", "v:0"};
    expect_variables(outer, true, 4, trainable, "trainable");
    cr_expect_eq(ebb_layer_parts(outer, 4, parts), 2, "a layer is no part of itself");
    cr_expect(parts[0] == inner && parts[1] == last);
    cr_expect_eq(ebb_layer_variables(outer, false, 1, (ebb_tensor *[1]){0}), 5, "less room");
}

/* ---- values (test_notebook_004.c has the notebook's model) ---- */

static void call_layer(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = ebb_sum(ebb_layer_call(data, in[0]));
}

/* Eagerly and compiled, with gradients, for every activation. */
Test(layers, activations_eager_and_compiled) {
    const double values[] = {1, 3, 1 / (1 + exp(2)) + 1 / (1 + exp(-3)), tanh(-2) + tanh(3), 1}; /* of -2 and 3 */
    for (ebb_activation a = EBB_ACTIVATE_NONE; a <= EBB_ACTIVATE_SOFTMAX; a++)
        EBB_SCOPE (ebb) {
            ebb_layer *l = ebb_dense(
                ebb, &(ebb_dense_options){
                         .inputs = 1, .outputs = 2, .dtype = EBB_F64, .activation = a, .weights = f64("[[-2, 3]]")});
            ebb_tensor *x = f64("[[1]]"), *v[2], *g[2][2], *y[2];
            cr_assert_eq(ebb_layer_variables(l, true, 2, v), 2);
            for (int native = 0; native < 2; native++) {
                ebb_function *f =
                    ebb_function_new(ebb, call_layer, &(ebb_function_options){.data = l, .mode = EBB_NATIVE});
                ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
                y[native] = native ? ebb_call(f, x) : ebb_sum(ebb_layer_call(l, x));
                ebb_gradients(tape, 1, &y[native], 2, v, g[native], NULL);
            }
            cr_expect(fabs(ebb_item(y[0], 0) - values[a]) < 1e-15, "activation %d: %.17g", a, ebb_item(y[0], 0));
            cr_expect(fabs(ebb_item(y[0], 0) - ebb_item(y[1], 0)) < 1e-15, "activation %d", a);
            for (int k = 0; k < 2; k++)
                for (int i = 0; i < 2; i++)
                    cr_expect(fabs(ebb_item(g[0][k], i) - ebb_item(g[1][k], i)) < 1e-15, "activation %d", a);
            expect_ok(ebb, "activation %d", a);
            ebb_layer_free(l);
        }
}

Test(layers, first_values) {
    ebb_tensor *v[2];
    ebb_layer_variables(dense("d", 30, 20), true, 2, v);
    double limit = sqrt(6.0 / 50), largest = 0;
    for (int i = 0; i < 600; i++)
        largest = fmax(largest, fabs(ebb_item(v[1], i)));
    cr_expect(largest <= limit && largest > 0.9 * limit, "%g of %g", largest, limit);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(ebb_item(v[0], i), 0);
}

/* ---- life and refusals ---- */

Test(layers, layers_live_as_long_as_they_are_parts) {
    ebb_layer *d = dense("d", 1, 1), *model = ebb_sequential(ebb, NULL, 1, &d),
              *outer = ebb_sequential(ebb, NULL, 1, &model);
    ebb_tensor *v[2];
    ebb_layer_free(d), ebb_layer_free(model);
    cr_expect_eq(ebb_layer_variables(outer, true, 2, v), 2);
    expect_ok(ebb, "kept");
    ebb_layer_free(outer);
    ebb_square(v[0]);
    expect_error(ebb, EBB_RUNTIME_ERROR, "used after", "its variables went with it");
    ebb_layer_free(NULL);
}

static ebb_tensor *gives_nothing(ebb_context *e, ebb_tensor *x, void *data) {
    return (void)e, (void)x, (void)data, NULL;
}

Test(layers, refusals) {
    ebb_layer *d = dense("d", 2, 2), *own = ebb_layer_new(ebb, "own", gives_nothing, NULL);
    ebb_tensor *x = f64("[[1, 2]]"), *v = ebb_variable(ebb, x, "v");
    cr_expect(ebb_is_poison(ebb_layer_call(NULL, x)));
    expect_error(ebb, EBB_TYPE_ERROR, "the layer is NULL", "no layer");
    cr_expect(ebb_is_poison(ebb_layer_call(d, f64("[[1, 2, 3]]"))));
    expect_error(ebb, EBB_TYPE_ERROR, "test_layers.c", "another dtype, with the line of the call");
    cr_expect(ebb_is_poison(ebb_layer_call(own, x)));
    expect_error(ebb, EBB_VALUE_ERROR, "own gave NULL", "no result");
    cr_expect_null(dense("none", 0, 1));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_dense: none: [0,1] weights", "no inputs");
    cr_expect_null(ebb_dense(ebb, &(ebb_dense_options){.inputs = 2, .outputs = 1, .weights = x}));
    expect_error(ebb, EBB_VALUE_ERROR, "the weights are not f32[2,1]", "other weights");
    cr_expect_null(ebb_sequential(ebb, NULL, 2, (ebb_layer *[]){d, NULL}));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_sequential: layer 1 is NULL", "a missing layer");
    ebb_layer_add_variable(d, "v", v);
    expect_error(ebb, EBB_VALUE_ERROR, "d is not of ebb_layer_new", "a part of a dense layer");
    ebb_layer_add_variable(own, "v", x);
    expect_error(ebb, EBB_TYPE_ERROR, "v is no variable", "a tensor");
    ebb_layer_add_variable(own, "v", v), ebb_layer_add_variable(own, "v", v);
    expect_error(ebb, EBB_VALUE_ERROR, "own has a part v", "the same name");
    cr_expect_null(ebb_layer_new(ebb, NULL, NULL, NULL));
    expect_error(ebb, EBB_TYPE_ERROR, "the body is NULL", "no body");
    cr_expect_eq(ebb_layer_variables(NULL, false, 0, NULL), 0);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_layer_variables: the layer is NULL", "no layer");
}

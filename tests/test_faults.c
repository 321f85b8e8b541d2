/* test_faults.c - memory runs out at every allocation there is, once or for good: an error or success, never a crash,
 * no block lost, and the context is usable afterwards. Start reading at every_allocation_fails. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "jit/load/load.h"
#include "tests/support/check.h"
#include "tests/support/scarce.h"

/* What is tried. The world around it is made while memory lasts. */
typedef struct world {
    ebb_context *ebb;
    ebb_tensor *x, *m, *labels, *v, *w;
    ebb_optimizer *optimizer;
} world;
typedef void job(const world *w);

static void model(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    const world *w = data;
    ebb_tensor *h = ebb_tanh(ebb_add(ebb_matmul(w->m, in[0]), w->v));
    out[0] = ebb_sum(ebb_mul(h, ebb_softmax(in[0], 0)));
}

static void updating(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    model(ebb, in, out, data);
    ebb_assign_add(((const world *)data)->v, in[0]);
    ebb_assign_sub(((const world *)data)->v, in[0]);
}

static ebb_function *function_of(const world *w, ebb_body *body, ebb_mode mode) {
    return ebb_function_new(w->ebb, body, &(ebb_function_options){.name = "model", .data = (void *)w, .mode = mode});
}

static void eager_operations(const world *w) {
    ebb_tensor *y[] = {ebb_add(w->x, 1),
                       ebb_mul(w->m, w->x),
                       ebb_reshape(w->m, EBB_SHAPE(9)),
                       ebb_sum_over(w->m, EBB_AXES(1), true),
                       ebb_softmax(w->m, 1),
                       ebb_sparse_softmax_cross_entropy(w->m, w->labels),
                       ebb_matmul(w->m, w->m),
                       ebb_gather(w->m, w->labels, 0),
                       ebb_norm(w->m),
                       ebb_argmax(w->m, 1),
                       ebb_concat(3, ((ebb_tensor *[]){w->m, w->m, w->m}), 0),
                       ebb_stack(2, ((ebb_tensor *[]){w->m, w->m}), 1),
                       ebb_tile(w->m, ((int64_t[]){2, 1})),
                       ebb_diag(w->x),
                       ebb_sort(w->m, 1),
                       ebb_cumprod(w->m, 0),
                       ebb_transpose(w->m, EBB_AXES(1, 0)),
                       ebb_select(ebb_gt(w->m, 0), w->m, w->x),
                       ebb_random_normal(w->ebb, EBB_F32, EBB_SHAPE(3), 0, 1),
                       ebb_range(w->ebb, EBB_F32, 5)};
    ebb_assign(w->v, ebb_add(w->v, 0));
    ebb_release(y[0]);
}
static void places(const world *w) {
    ebb_tensor *at, *count, *index = ebb_reshape(w->labels, EBB_SHAPE(-1, 1));
    ebb_tensor *y[] = {
        ebb_gather_nd(w->m, index),
        ebb_scatter_nd_update(w->m, index, w->m),
        ebb_scatter_max(w->m, w->labels, w->m, 0),
        ebb_dynamic_slice(w->m, ebb_slice(w->labels, (int64_t[]){0}, (int64_t[]){2}, NULL), EBB_SHAPE(1, 1)),
        ebb_top_k(w->m, 1, 1, &at),
        ebb_unique(w->m, -1, &count),
        ebb_quantile_over(w->m, 0.3, EBB_AXES(0), true),
        ebb_random_categorical(w->m, 3),
        ebb_random_shuffle(w->m)};
    ebb_release(y[0]);
}
static void literals_and_variables(const world *w) {
    ebb_tensor *v = ebb_variable(w->ebb, ebb_literal(w->ebb, "[[1, 2.5], [3, 4]]", EBB_NONE), "another");
    ebb_release(v);
}
static void printing(const world *w) {
    char text[256];
    ebb_format(w->m, text, sizeof text);
    ebb_format_value(w->v, text, sizeof text);
}
static void a_tape(const world *w) {
    EBB_SCOPE (w->ebb) {
        ebb_tensor *y = NULL;
        ebb_tape *tape = ebb_tape_start(w->ebb, EBB_TAPE_DEFAULT);
        ebb_watch(tape, w->x);
        model(w->ebb, &w->x, &y, (void *)w);
        ebb_tensor *g[2], *const sources[] = {w->x, w->v};
        ebb_gradients(tape, 1, &y, 2, sources, g, NULL);
        ebb_keep(g[1]);
    }
}
static void tapes_in_tapes(const world *w) {
    ebb_tape *outer = ebb_tape_start(w->ebb, EBB_TAPE_PERSISTENT), *inner = ebb_tape_start(w->ebb, EBB_TAPE_DEFAULT);
    ebb_watch(outer, w->x);
    ebb_watch(inner, w->x);
    ebb_tensor *d = ebb_gradient(inner, ebb_mul(ebb_square(w->x), ebb_exp(w->x)), w->x);
    ebb_gradient(outer, d, w->x);
}
static void call_native(const world *w) {
    ebb_function *f = function_of(w, model, EBB_NATIVE);
    for (int i = 0; i < 2; i++)
        ebb_call(f, w->x);
    ebb_function_free(f);
}
static void call_updating(const world *w) {
    ebb_function *f = function_of(w, updating, EBB_COMPILED);
    for (int i = 0; i < 2; i++)
        ebb_call(f, w->x);
}
static void call_eagerly(const world *w) { ebb_call(function_of(w, model, EBB_EAGER), w->x); }
static void tape_around_a_call(const world *w) {
    ebb_tape *tape = ebb_tape_start(w->ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, w->x);
    ebb_gradient(tape, ebb_call(function_of(w, updating, EBB_COMPILED), w->x), w->x);
}
static void derived(const world *w, ebb_function *(*derive)(ebb_function *, const ebb_wrt *)) {
    ebb_call(derive(function_of(w, updating, EBB_COMPILED), NULL), w->x);
}
static void gradient(const world *w) { derived(w, ebb_grad); }
static void hessian(const world *w) { derived(w, ebb_hessian); }
static void hessian_vector_product(const world *w) {
    ebb_call(ebb_hvp(function_of(w, model, EBB_COMPILED), EBB_WRT(0)), w->x, w->x);
}
static void sparse_derivatives(const world *w) {
    ebb_operand x = EBB_OPERAND(w->x);
    ebb_function *h = ebb_value_and_sparse_hessian(function_of(w, model, EBB_COMPILED), NULL);
    if (h) ebb_sparsity_of_n(h, 1, &x);
    if (h) ebb_call(h, w->x);
    derived(w, ebb_sparse_hessian);
    ebb_function *j = ebb_sparse_jacobian(function_of(w, updating, EBB_COMPILED), NULL, EBB_CHEAPER);
    if (j) ebb_call(j, w->x);
}
static void taylor_series(const world *w) {
    ebb_call(ebb_jet(function_of(w, model, EBB_COMPILED), EBB_WRT(0), 3), w->x, w->x);
}
static void examples(const world *w) {
    ebb_call(ebb_vmap(function_of(w, model, EBB_COMPILED), &(ebb_vmap_options){.out_axes = (int[]){0}}), w->m);
}
static void squares(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_square(in[0]);
}
static void squares_back(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mul(ebb_mul(in[0], 2), in[2]);
}
static void rules(const world *w) {
    ebb_function *f = function_of(w, squares, EBB_COMPILED), *rule = function_of(w, squares_back, EBB_COMPILED);
    ebb_function *ruled = f && rule ? ebb_custom_vjp(f, rule) : NULL;
    if (ruled) ebb_call(ebb_vjp(ruled, NULL), w->x, w->x);
    if (ruled) ebb_call(ebb_jvp(ruled, NULL), w->x, w->x);
    ebb_function *again = ebb_remat(function_of(w, model, EBB_COMPILED));
    if (again) ebb_call(ebb_grad(again, NULL), w->x);
}
static void text_of_a_trace(const world *w) {
    ebb_operand x = {.tensor = w->x};
    ebb_concrete *c = ebb_get_concrete(function_of(w, model, EBB_COMPILED), 1, &x);
    ebb_concrete_text(c);
    ebb_concrete_signature(c);
}
static void expression(const world *w) {
    const char *const names[] = {"x"};
    ebb_function *f = ebb_expression(w->ebb, "exp(sin(x)*2) + sum(x^2)/3 - select(x > 1, x, -x)", 1, names);
    if (f) ebb_call(f, w->x);
}
static void loss_of(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    model(ebb, &((const world *)data)->w, out, data);
}
static void optimizer_step(const world *w) { ebb_minimize(w->optimizer, loss_of, (void *)w, 1, &w->w); }
static void new_optimizer(const world *w) {
    ebb_optimizer *adam = ebb_adam(w->ebb, &(ebb_adam_options){.amsgrad = true}), *sgd = ebb_sgd(w->ebb, NULL);
    if (adam) ebb_apply_gradients(adam, 1, &w->x, &w->w);
    if (sgd) ebb_apply_gradients(sgd, 1, &w->x, &w->w);
    ebb_optimizer_free(adam);
}

static void parts_of_variables(const world *w) {
    ebb_tensor *v = ebb_variable(w->ebb, w->m, "another"), *held = ebb_stop_gradient(v);
    ebb_assign_item(v, EBB_INDEX(1), w->x);
    ebb_assign_slice(v, ((int64_t[]){0, 0}), ((int64_t[]){3, 3}), ((int64_t[]){2, 2}), 5);
    ebb_release(held);
    ebb_release(v);
}
static void jacobians(const world *w) {
    ebb_tape *tape = ebb_tape_start(w->ebb, EBB_TAPE_PERSISTENT);
    ebb_tensor *y = ebb_softmax(ebb_mul(w->v, w->x), 0), *v[2];
    ebb_jacobian(tape, y, w->v);
    ebb_watched_variables(tape, 2, v);
    if (tape) ebb_tape_reset(tape);
}
static void forward_tapes(const world *w) {
    ebb_tape *outer = ebb_forward_start(w->ebb, 1, &w->v, &w->x), *t = ebb_forward_start(w->ebb, 1, &w->v, &w->x);
    ebb_tape *tape = ebb_tape_start(w->ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *y = ebb_call(function_of(w, model, EBB_COMPILED), w->x), *g = ebb_gradient(tape, y, w->v);
    ebb_tangent(outer, ebb_tangent(t, y));
    if (!ebb_is_absent(g)) ebb_tangent_or_zeros(t, g);
}
static void sums(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mean(ebb_mul(in[0], in[0]));
}
static void unknown_sizes(const world *w) {
    ebb_function_options o = {.signature = "f32[n]"}, r = {.reduce_retracing = true};
    ebb_function *f = ebb_function_new(w->ebb, sums, &o), *g = ebb_function_new(w->ebb, sums, &r);
    ebb_tensor *one = ebb_literal(w->ebb, "[1]", EBB_F32);
    ebb_tensor *const x[] = {w->x, one, w->x};
    for (int i = 0; i < 3; i++) {
        if (f) ebb_call(f, x[i]);
        if (g) ebb_call(g, x[i]);
    }
}
static void dense_by_pattern(const world *w) {
    ebb_function *f = ebb_function_new(w->ebb, sums, NULL);
    ebb_tensor *x = ebb_range(w->ebb, EBB_F32, 40);
    if (f) ebb_call(ebb_hessian(f, NULL), x);
    if (f) ebb_call(ebb_jacobian_of(ebb_grad(f, NULL), NULL, EBB_CHEAPER), x);
}
static void bears_nan(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_sum(ebb_softmax(ebb_log(ebb_sub(in[0], 2)), 0));
}
static void where_a_nan_was_born(const world *w) {
    ebb_find_nan(ebb_grad(function_of(w, bears_nan, EBB_COMPILED), NULL), w->x);
    ebb_find_nan(function_of(w, model, EBB_COMPILED), w->x);
}
static void checked_for_nan(const world *w) {
    ebb_function_options o = {.data = (void *)w, .check_nan = true};
    ebb_function *f = ebb_function_new(w->ebb, updating, &o);
    for (int i = 0; f && i < 2; i++)
        ebb_call(f, w->x);
}
static void images(const world *w) {
    ebb_tensor *x = ebb_ones(w->ebb, EBB_F32, EBB_SHAPE(1, 4, 4, 1)),
               *k = ebb_ones(w->ebb, EBB_F32, EBB_SHAPE(3, 3, 1, 2));
    ebb_tape *tape = ebb_tape_start(w->ebb, EBB_TAPE_DEFAULT);
    if (tape) ebb_watch(tape, k);
    ebb_tensor *y = ebb_conv2d(x, k, &(ebb_conv_options){.same = true});
    ebb_pool_options o = {.same = true, .stride = {1, 1}};
    ebb_tensor *z = ebb_add(ebb_max_pool2d(y, 2, 2, &o), ebb_average_pool2d(y, 2, 2, &o));
    if (tape) ebb_gradient(tape, z, k);
    ebb_einsum("ii,ij,kj->k", w->m, w->m, w->m);
}
static void layers(const world *w) {
    ebb_layer *d = ebb_dense(w->ebb, &(ebb_dense_options){.inputs = 3, .outputs = 2});
    ebb_layer *l = d ? ebb_sequential(w->ebb, NULL, 2, (ebb_layer *[]){d, d}) : NULL;
    ebb_tensor *v[2];
    if (d) ebb_layer_call(d, w->m);
    if (l) ebb_layer_variables(l, true, 2, v);
    ebb_layer_free(d);
    ebb_layer_free(l);
}
static void explanations(const world *w) {
    ebb_function *f = ebb_grad(function_of(w, model, EBB_COMPILED), NULL);
    ebb_set_road(f, "forward", 0);
    ebb_explanation e = f ? ebb_explain(f, w->x) : (ebb_explanation){0};
    const ebb_operand in[] = {EBB_OPERAND(w->x)};
    ebb_concrete *c = e.good ? ebb_get_concrete(f, 1, in) : NULL;
    ebb_concrete_program(c);
    ebb_concrete_plan(c);
    ebb_function_free(f);
}

static void grows(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    const world *w = data;
    ebb_assign(w->v, ebb_sub(w->v, 0));
    out[0] = ebb_add(ebb_mul(in[0], 2), w->v);
    out[1] = in[0];
}
static void shrinks(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    out[0] = out[1] = ebb_mul(in[0], ((const world *)data)->x);
}
static void is_below_9(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_lt(ebb_max_over(in[0], EBB_ALL_AXES, false), 9);
}
static void branches(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_cond_n(ebb, ebb_gt(ebb_sum(in[0]), 0), grows, shrinks, data, EBB_OPERANDS(in[0]), 2, out);
}
static void flows(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const world *w = data;
    ebb_tensor *up[2], *rows[2], *none[2];
    ebb_while_n(ebb, is_below_9, grows, data, EBB_OPERANDS(in[0], in[0]), up, NULL);
    ebb_scan(ebb, branches, data, EBB_OPERANDS(up[0]), EBB_OPERANDS(w->m), 1, rows, NULL);
    ebb_scan(ebb, branches, data, EBB_OPERANDS(w->x), EBB_NO_OPERANDS, 1, none, NULL);
    out[0] = ebb_add(ebb_sum(rows[0]), ebb_add(ebb_sum(rows[1]), ebb_sum(none[1])));
}
static void flows_eagerly(const world *w) { ebb_call(function_of(w, flows, EBB_EAGER), w->x); }
static void flows_traced(const world *w) { ebb_call(function_of(w, flows, EBB_COMPILED), w->x); }
/* A loop alone: its second derivative has enough allocations. */
static void through_rows(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const world *w = data;
    ebb_tensor *rows[2];
    ebb_scan(ebb, shrinks, data, EBB_OPERANDS(in[0]), EBB_OPERANDS(w->m), 1, rows, NULL);
    out[0] = ebb_sum(rows[1]);
}
static void flows_derived(const world *w) {
    ebb_function *f = function_of(w, through_rows, EBB_COMPILED);
    ebb_tape *tape = ebb_tape_start(w->ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, w->x);
    ebb_gradient(tape, ebb_call(f, w->x), w->x);
    ebb_call(ebb_hvp(f, NULL), w->x, w->x);
}

static const struct {
    const char *name;
    job *run;
} jobs[] = {{"eager operations", eager_operations},
            {"places", places},
            {"literals and variables", literals_and_variables},
            {"printing", printing},
            {"a tape", a_tape},
            {"tapes in tapes", tapes_in_tapes},
            {"trace, compile, call", call_native},
            {"a call that updates", call_updating},
            {"a body run eagerly", call_eagerly},
            {"a tape around a call", tape_around_a_call},
            {"gradient of a function", gradient},
            {"Hessian of a function", hessian},
            {"Hessian-vector product", hessian_vector_product},
            {"sparse derivatives", sparse_derivatives},
            {"dense derivatives by pattern", dense_by_pattern},
            {"Taylor series", taylor_series},
            {"examples", examples},
            {"rules of one's own", rules},
            {"text of a trace", text_of_a_trace},
            {"expression", expression},
            {"optimizer step", optimizer_step},
            {"new optimizer", new_optimizer},
            {"parts of variables", parts_of_variables},
            {"Jacobians", jacobians},
            {"forward tapes", forward_tapes},
            {"unknown sizes", unknown_sizes},
            {"where a NaN was born", where_a_nan_was_born},
            {"a call checked for NaN", checked_for_nan},
            {"layers", layers},
            {"explanations", explanations},
            {"images", images},
            {"branches and loops, eagerly", flows_eagerly},
            {"branches and loops, traced", flows_traced},
            {"branches and loops, derived", flows_derived}};
enum { JOBS = sizeof jobs / sizeof *jobs };

/* ---- one run ---- */

static void make_world(world *w, scarce *s) {
    w->ebb = ebb_open(&(ebb_options){.allocator = scarce_allocator(s)});
    w->x = ebb_literal(w->ebb, "[1, 2, 3]", EBB_F32);
    w->m = ebb_literal(w->ebb, "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", EBB_F32);
    w->labels = ebb_literal(w->ebb, "[0, 2, 1]", EBB_I32);
    w->v = ebb_variable(w->ebb, ebb_literal(w->ebb, "[1, 1, 1]", EBB_F32), "v");
    w->w = ebb_variable(w->ebb, w->x, "w");
    w->optimizer = ebb_adam(w->ebb, NULL);
    cr_assert(ebb_ok(w->ebb), "%s", ebb_error(w->ebb));
}

/* After the error is cleared everything works again, the job too. */
static void expect_usable(const world *w, int i, long k) {
    ebb_clear_error(w->ebb);
    EBB_SCOPE (w->ebb) {
        expect_text(ebb_add(ebb_mul(w->x, 2), 1), "[3. 5. 7.]", "%s, allocation %ld: afterwards", jobs[i].name, k);
        expect_text(w->v, "[1. 1. 1.]", "%s, allocation %ld: the variable", jobs[i].name, k);
        jobs[i].run(w);
        expect_ok(w->ebb, "%s, allocation %ld: once more", jobs[i].name, k);
    }
}

/* False when the job does not ask so often. */
static bool run_with(int i, long k, bool once) {
    scarce s = {.left = INT64_MAX, .once = once};
    world w;
    make_world(&w, &s);
    s.left = k;
    EBB_SCOPE (w.ebb)
        jobs[i].run(&w);
    bool reached = s.left < 0;
    s.left = INT64_MAX;
    if (!ebb_ok(w.ebb))
        cr_expect_eq(ebb_error_code(w.ebb), EBB_NO_MEMORY, "%s, allocation %ld: %s", jobs[i].name, k, ebb_error(w.ebb));
    expect_usable(&w, i, k);
    ebb_close(w.ebb);
    cr_expect_eq(s.live, 0, "%s, allocation %ld: %lld blocks lost", jobs[i].name, k, (long long)s.live);
    cr_expect_eq(ebb_executable_live(), 0, "%s, allocation %ld: code is still there", jobs[i].name, k);
    return reached;
}

/* Compiling takes its time, and the compiler's own memory is not ours: one job is compiled, the others end just before.
 */
static void every_allocation_fails(int i, int *cases) {
    if (jobs[i].run == call_native)
        unsetenv("EBB_JIT");
    else
        setenv("EBB_JIT", "off", 1);
    for (int once = 0; once < 2; once++)
        for (long k = 0; run_with(i, k, once); k++)
            ++*cases;
}

Test(faults, memory_runs_out_everywhere) {
    int cases = 0;
    for (int i = 0; i < JOBS; i++) {
        int before = cases;
        every_allocation_fails(i, &cases);
        cr_expect_gt(cases, before + (jobs[i].run != printing ? 4 : -1), "%s asks for no memory", jobs[i].name);
    }
    printf("cases: %d allocations that failed\n", cases);
}

Test(faults, no_context_without_memory) {
    for (long k = 0;; k++) {
        scarce s = {.left = k};
        ebb_context *ebb =
            ebb_open(&(ebb_options){.allocator = scarce_allocator(&s), .dump_folder = "/tmp", .cpu = "x86-64"});
        ebb_close(ebb);
        cr_expect_eq(s.live, 0, "allocation %ld", k);
        if (ebb) break;
    }
}

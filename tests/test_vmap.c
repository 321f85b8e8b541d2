/* test_vmap.c - batching: every operation against a loop over the examples, random programs, and functions of
 * functions.
 *
 * Start reading at every_operation_is_batched. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/graph/build.h"
#include "tests/support/check.h"
#include "tests/support/each_op.h"
#include "tests/support/engines.h"
#include "tests/support/random_graph.h"

enum { EXAMPLES = 3 };

static ebb_type with_examples(ebb_type type) {
    memmove(type.shape.dim + 1, type.shape.dim, (size_t)type.shape.rank * sizeof *type.shape.dim);
    type.shape.dim[0] = EXAMPLES;
    type.shape.rank++;
    return type;
}

/* Example e of a batch, by other operations than those of batching. */
static ebb_id example_of(ebb_builder *b, ebb_id batch, int e) {
    int64_t start[EBB_MAX_RANK] = {e}, step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    ebb_shape one = *ebb_shape_of(b->graph, batch), rest = {.rank = one.rank - 1};
    one.dim[0] = 1;
    memcpy(rest.dim, one.dim + 1, (size_t)rest.rank * sizeof *rest.dim);
    return ebb_g_reshape(b, ebb_g_slice(b, batch, start, step, &one), &rest);
}

/* ---- every operation ---- */

typedef struct trial {
    op_use use;
    unsigned batched; /* bit k: operand k has examples */
    ebb_id x[3], y;
    int input[3], all, each[EXAMPLES];
    bool same; /* for all examples */
} trial;

/* The operation on operands without examples, which stand for one of them. */
static void record(engines *e, trial *t) {
    for (int k = 0; k < t->use.c->operands; k++) {
        t->x[k] = engines_input(e, t->use.operand[k]);
        t->input[k] = e->inputs - 1;
    }
    t->y = ebb_record(e->graph, &t->use.app, t->use.c->operands, t->x);
}

static void batch(engines *e, trial *t, const ebb_id *map) {
    ebb_builder b = {e->graph, {0}};
    ebb_id x[3], bx[3], y = map[t->y], by;
    int n = 0;
    for (int k = 0; k < t->use.c->operands; k++) {
        if (!(t->batched >> k & 1)) continue;
        x[n] = map[t->x[k]];
        bx[n++] = engines_input(e, with_examples(t->use.operand[k]));
        t->input[k] = e->inputs - 1;
    }
    cr_assert(ebb_vmap_nodes(e->graph, EXAMPLES, n, x, bx, 1, &y, &by), "%s: %s", op_use_text(&t->use),
              e->diag.message);
    t->same = by == EBB_ABSENT; /* the product of nothing */
    t->all = engines_output(e, t->same ? y : by);
    for (int i = 0; i < EXAMPLES; i++) {
        ebb_id arg[3];
        for (int k = 0, j = 0; k < t->use.c->operands; k++)
            arg[k] = t->batched >> k & 1 ? example_of(&b, bx[j++], i) : map[t->x[k]];
        ebb_application app = t->use.app;
        t->each[i] = engines_output(e, ebb_record(e->graph, &app, t->use.c->operands, arg));
    }
}

/* Every example of every operand has numbers of its own. */
static void set(engines *e, const trial *t, int k, int input, bool batched) {
    ebb_type type = t->use.operand[k];
    quad_tensor all = quad_new(batched ? with_examples(type) : type), one = quad_new(type);
    for (int i = 0; i < (batched ? EXAMPLES : 1); i++) {
        op_fill_operand(&t->use, k, (uint64_t)(10 * i + k + 1), &one);
        for (int64_t j = 0; j < one.size; j++)
            all.at[i * one.size + j] = one.at[j];
    }
    engines_set(e, input, &all);
    quad_free(&all);
    quad_free(&one);
}

/* A longer product or sum may add in another order: a few units in the last place of its largest element. */
static void compare(const engines *e, const trial *t, int engine) {
    int64_t size = 0;
    cr_assert(ebb_shape_size(&t->use.result.shape, &size));
    double largest = 0;
    for (int64_t k = 0; k < EXAMPLES * size; k++)
        largest = fmax(largest, fabs((double)engines_get(e, engine, t->each[k / size], k % size)));
    for (int64_t k = 0; k < EXAMPLES * size; k++) {
        double got = (double)engines_get(e, engine, t->all, t->same ? k % size : k),
               want = (double)engines_get(e, engine, t->each[k / size], k % size);
        cr_expect(got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= 1e-14 * largest,
                  "%s, operands %x, example %d, element %d, %s: %.17g, alone %.17g", op_use_text(&t->use), t->batched,
                  (int)(k / size), (int)(k % size), engine_name[engine], got, want);
    }
}

static bool try(const op_case *c, unsigned batched) {
    trial t = {.batched = batched};
    engines e;
    if (!op_use_of(c, EBB_F64, EBB_I32, &t.use) && !op_use_of(c, EBB_I32, EBB_I32, &t.use) &&
        !op_use_of(c, EBB_BOOL, EBB_I32, &t.use))
        return false;
    bool fits = t.use.result.shape.rank < EBB_MAX_RANK;
    for (int k = 0; k < c->operands; k++)
        fits &= t.use.operand[k].shape.rank < EBB_MAX_RANK;
    if (!fits) return false;
    engines_start(&e, c->name);
    record(&e, &t);
    ebb_id *map = engines_expand(&e);
    batch(&e, &t, map);
    free(map);
    engines_compile(&e);
    for (int k = 0; k < c->operands; k++) {
        set(&e, &t, k, t.input[k], batched >> k & 1);
        if (batched >> k & 1) set(&e, &t, k, k, false); /* the parameter that stands for one example */
    }
    engines_run(&e);
    for (int engine = 0; engine < ENGINES; engine++)
        compare(&e, &t, engine);
    engines_stop(&e);
    return true;
}

static int try_all(const op_case *c, void *data) {
    (void)data;
    int cases = 0;
    for (unsigned batched = 1; batched < 1u << c->operands; batched++)
        cases += try(c, batched);
    return cases;
}

static void try_operations(int part, int parts) {
    int cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        if (op % parts != part) continue;
        int own = each_small_case((ebb_op)op, 4, EBB_F32, try_all, NULL);
        ebb_access access = ebb_op_table[op].access;
        bool listed = access == EBB_VIEW || access == EBB_REDUCE || access == EBB_WHOLE;
        cr_expect(!listed || own > 0 || op == EBB_OP_random_uniform || op == EBB_OP_random_normal, "%s has no case",
                  ebb_op_table[op].name);
        cases += own;
    }
    cr_expect(cases > 0);
    printf("cases: %d operations batched\n", cases);
}

Test(vmap, every_operation_is_batched_1) { try_operations(0, 2); }
Test(vmap, every_operation_is_batched_2) { try_operations(1, 2); }

/* ---- random numbers with a key for each example ---- */

enum { KEYS = 2000 };

static void draw(ebb_op op) {
    static const int tried[] = {0, 1, KEYS - 1};
    engines e;
    engines_start(&e, "draw");
    ebb_id key = engines_input(&e, (ebb_type){EBB_I64, {1, {2}}}), batch, y, by;
    ebb_application app = {.op = op, .asked = {EBB_F64, {1, {5}}}};
    y = ebb_record(e.graph, &app, 1, &key);
    batch = engines_input(&e, (ebb_type){EBB_I64, {2, {KEYS, 2}}});
    cr_assert(ebb_vmap_nodes(e.graph, KEYS, 1, &key, &batch, 1, &y, &by), "%s", e.diag.message);
    int all = engines_output(&e, by), each[3];
    for (int i = 0; i < 3; i++) {
        ebb_id k = example_of(&(ebb_builder){e.graph, {0}}, batch, tried[i]);
        each[i] = engines_output(&e, ebb_record(e.graph, &app, 1, &k));
    }
    engines_compile(&e);
    quad_tensor one = quad_new((ebb_type){EBB_I64, {1, {2}}}), keys = quad_new((ebb_type){EBB_I64, {2, {KEYS, 2}}});
    for (int i = 0; i < 2 * KEYS; i++)
        keys.at[i] = 7 * i + 1;
    engines_set(&e, 0, &one);
    engines_set(&e, 1, &keys);
    engines_run(&e);
    for (int engine = 0; engine < ENGINES; engine++)
        for (int k = 0; k < 15; k++)
            cr_expect(engines_get(&e, engine, all, 5 * tried[k / 5] + k % 5) ==
                          engines_get(&e, engine, each[k / 5], k % 5),
                      "%s, number %d of example %d", ebb_op_table[op].name, k % 5, tried[k / 5]);
    quad_free(&one);
    quad_free(&keys);
    engines_stop(&e);
}

Test(vmap, each_key_draws_its_own_numbers) {
    draw(EBB_OP_random_uniform);
    draw(EBB_OP_random_normal);
    draw(EBB_OP_random_truncated_normal);
}

/* ---- random programs, all of whose parameters have examples ---- */

static ebb_graph *batched_program(const ebb_graph *f, ebb_graph **alone, ebb_diag *diag) {
    int axes[64], last[64];
    for (int k = 0; k < 64; k++)
        axes[k] = 0, last[k] = 0;
    *alone = ebb_expand(f, false, NULL, diag);
    return ebb_vmap_graph(f, EXAMPLES, axes, last, NULL, diag);
}

/* Runs g on buffers of its parameters; out[j]: room for result j. */
static void run(const ebb_graph *g, const void *const *in, void **out, ebb_diag *diag) {
    cr_assert(ebb_eval_graph(g, NULL, in, out, &ebb_malloc_allocator, diag), "%s", diag->message);
}

static int64_t bytes_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes = 0;
    return ebb_type_bytes(&type, &bytes) ? bytes : 0;
}

static double number(ebb_dtype dtype, const void *from, int64_t k) { return (double)quad_load(dtype, from, k); }

static void compare_example(const ebb_graph *alone, void *const *got, void *const *want, int i, uint64_t seed) {
    for (int j = 0; j < alone->outputs; j++) {
        ebb_id y = alone->output[j];
        ebb_dtype dtype = y ? ebb_dtype_at(alone, y) : EBB_F64;
        int64_t size = y ? bytes_of(alone, y) / (int64_t)ebb_dtype_size(dtype) : 0;
        double largest = 1;
        for (int64_t k = 0; k < size; k++)
            largest = fmax(largest, fabs(number(dtype, want[j], k)));
        for (int64_t k = 0; k < size; k++) {
            double a = number(dtype, got[j], i * size + k), b = number(dtype, want[j], k);
            cr_expect(a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= (dtype == EBB_F32 ? 1e-4 : 1e-11) * largest,
                      "seed %d, result %d, example %d, element %d: %.17g, alone %.17g", (int)seed, j, i, (int)k, a, b);
        }
    }
}

static void expect_program(uint64_t seed) {
    ebb_diag diag = {0};
    ebb_graph *f = ebb_random_graph(seed, &(ebb_random_options){.nodes = 25, .smooth = seed % 2});
    ebb_graph *alone, *g = batched_program(f, &alone, &diag);
    cr_assert_not_null(g, "seed %d: %s", (int)seed, diag.message);
    void *in[64], *one[64], *got[64], *want[64];
    for (int k = 0; k < g->inputs; k++) {
        int64_t bytes = bytes_of(alone, alone->input[k]);
        ebb_dtype dtype = ebb_dtype_at(alone, alone->input[k]);
        in[k] = malloc((size_t)(EXAMPLES * bytes) + 1);
        ebb_random_fill(seed + (uint64_t)k, dtype, EXAMPLES * bytes / (int64_t)ebb_dtype_size(dtype), false, in[k]);
    }
    for (int j = 0; j < g->outputs; j++) {
        int64_t bytes = alone->output[j] ? bytes_of(alone, alone->output[j]) : 0;
        got[j] = malloc((size_t)(EXAMPLES * bytes) + 1), want[j] = malloc((size_t)bytes + 1);
    }
    run(g, (const void *const *)in, got, &diag);
    for (int i = 0; i < EXAMPLES; i++) {
        for (int k = 0; k < g->inputs; k++)
            one[k] = (char *)in[k] + i * bytes_of(alone, alone->input[k]);
        run(alone, (const void *const *)one, want, &diag);
        compare_example(alone, got, want, i, seed);
    }
    for (int k = 0; k < g->inputs; k++)
        free(in[k]);
    for (int j = 0; j < g->outputs; j++)
        free(got[j]), free(want[j]);
    ebb_graph_release(g), ebb_graph_release(alone), ebb_graph_release(f);
}

Test(vmap, random_programs) {
    for (uint64_t seed = 1; seed <= 200; seed++)
        expect_program(seed);
}

/* ---- functions ---- */

static ebb_context *ebb;

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

/* (w [2], x [2]) -> (w . x)^2 */
BODY(loss) {
    UNUSED;
    out[0] = ebb_square(ebb_sum(ebb_mul(in[0], in[1])));
}
BODY(total_loss) {
    (void)e;
    out[0] = ebb_sum(ebb_call((ebb_function *)data, in[0], in[1]));
}
BODY(counting) {
    (void)e;
    ebb_assign_add(data, 1);
    out[0] = ebb_add(in[0], 1);
}
BODY(recording) {
    (void)e;
    ebb_assign(data, ebb_sum(in[0]));
    out[0] = in[0];
}
BODY(product) {
    UNUSED;
    out[0] = ebb_mul(in[0], in[1]);
}

BODY(taken) {
    UNUSED;
    out[0] = ebb_gather(in[0], in[1], 0);
}

static ebb_function *function(ebb_body *body, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .data = data});
}
static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

static void per_example_gradients(void) {
    ebb_vmap_options over_x = {.arguments = 2, .in_axes = (int[]){EBB_SAME, 0}};
    ebb_function *f = function(loss, NULL), *each = ebb_vmap(ebb_grad(f, EBB_WRT(0)), &over_x);
    ebb_tensor *w = f64("[1, 2]"), *x = f64("[[1, 1], [0, 1], [2, 1]]");
    expect_text(ebb_call(each, w, x), "[[ 6.  6.]\n [ 0.  4.]\n [16.  8.]]", "gradient of each example");
    ebb_function *together = function(total_loss, ebb_vmap(f, &over_x));
    expect_text(ebb_call(ebb_grad(together, EBB_WRT(0)), w, x), "[22. 18.]", "gradient of their sum");
    expect_text(ebb_call(ebb_vmap(f, &over_x), w, x), "[ 9.  4. 16.]", "values");
}

static void axes(void) {
    ebb_tensor *x = f64("[1, 2]"), *y = f64("[3, 4, 5]");
    ebb_function *f = function(product, NULL);
    ebb_function *rows = ebb_vmap(f, &(ebb_vmap_options){.arguments = 2, .in_axes = (int[]){EBB_SAME, 0}});
    ebb_function *table = ebb_vmap(rows, &(ebb_vmap_options){.arguments = 2, .in_axes = (int[]){0, EBB_SAME}});
    expect_text(ebb_call(table, x, y), "[[ 3.  4.  5.]\n [ 6.  8. 10.]]", "two levels: an outer product");
    ebb_function *turned =
        ebb_vmap(rows, &(ebb_vmap_options){.arguments = 2, .in_axes = (int[]){0, EBB_SAME}, .out_axes = (int[]){1}});
    expect_text(ebb_call(turned, x, y), "[[ 3.  6.]\n [ 4.  8.]\n [ 5. 10.]]", "examples last");
    expect_text(ebb_call(ebb_vmap(f, NULL), x, 3.0), "[3. 6.]", "a number is the same for all");
    ebb_function *columns = ebb_vmap(f, &(ebb_vmap_options){.arguments = 2, .in_axes = (int[]){1, 0}});
    expect_text(ebb_call(columns, f64("[[1, 2], [3, 4]]"), f64("[10, 100]")), "[[ 10.  30.]\n [200. 400.]]", "axis 1");
    expect_text(ebb_call(ebb_jvp(rows, EBB_WRT(0)), f64("2"), y, f64("1")), "[ 6.  8. 10.]", "jvp of it");
}

static void state(void) {
    ebb_tensor *count = ebb_variable(ebb, f64("0"), "count");
    expect_text(ebb_call(ebb_vmap(function(counting, count), NULL), f64("[1, 2, 3]")), "[2. 3. 4.]", "beside a state");
    expect_text(count, "1.0", "the state moves once, as it is the same for all examples");
    ebb_call(ebb_vmap(function(recording, count), NULL), f64("[1, 2]"));
    expect_error(ebb, EBB_VALUE_ERROR, "differs between examples", "a state of each example");
    expect_text(count, "1.0", "nothing was assigned");
}

static void refusals(void) {
    ebb_function *f = function(product, NULL), *g = ebb_vmap(f, NULL);
    ebb_tensor *x = f64("[1, 2]");
    ebb_call(g, x, f64("[1, 2, 3]"));
    expect_error(ebb, EBB_VALUE_ERROR, "has 3 examples, where earlier arguments have 2", "different numbers");
    ebb_call(g, x, f64("1"));
    expect_error(ebb, EBB_INDEX_ERROR, "argument 1 is f64[]; it has no axis 0 of examples", "a scalar");
    ebb_call(ebb_vmap(f, &(ebb_vmap_options){.arguments = 2, .in_axes = (int[]){EBB_SAME, EBB_SAME}}), x, x);
    expect_error(ebb, EBB_VALUE_ERROR, "no argument has an axis of examples", "no examples");
    ebb_call(ebb_vmap(f, &(ebb_vmap_options){.out_axes = (int[]){2}}), x, x);
    expect_error(ebb, EBB_INDEX_ERROR, "axis 2 of 1", "an axis that the result lacks");
    f = function(taken, NULL);
    ebb_tensor *rows = f64("[[1, 2, 3], [4, 5, 6]]");
    expect_text(ebb_call(ebb_vmap(f, NULL), rows, ebb_literal(ebb, "[2, 0]", EBB_I32)), "[3. 4.]", "an index for each");
    ebb_call(ebb_vmap(f, NULL), rows, ebb_literal(ebb, "[3, 0]", EBB_I32));
    expect_error(ebb, EBB_INDEX_ERROR, "outside", "an index that would lie in the next example");
    cr_expect_null(ebb_vmap(NULL, NULL));
    ebb_clear_error(ebb);
    cr_expect_null(ebb_vmap(f, &(ebb_vmap_options){.arguments = -1, .in_axes = (int[]){0}}));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_vmap: -1 arguments", "a number of arguments below 0");
    ebb_clear_error(ebb);
}

BODY(rows_product) {
    UNUSED;
    out[0] = ebb_matmul(in[0], in[1]);
}
/* The function that data is, in a trace. */
BODY(calling) {
    (void)e;
    out[0] = ebb_call(data, in[0], in[1]);
}

static ebb_function *with_signature(ebb_function *f, const char *signature) {
    return ebb_function_new(ebb, calling, &(ebb_function_options){.name = "f", .data = f, .signature = signature});
}

/* Sizes that a trace does not know: those of an example may be such, where no rule counts with them. */
static void unknown_sizes(void) {
    ebb_vmap_options over_x = {.arguments = 2, .in_axes = (int[]){0, EBB_SAME}};
    ebb_tensor *x = f64("[[[1, 2]], [[3, 4]]]"), *y = f64("[[1], [10]]"), *rows = f64("[[1, 2, 3], [4, 5, 6]]");
    ebb_function *f = ebb_vmap(function(rows_product, NULL), &over_x), *g = ebb_vmap(function(taken, NULL), NULL);
    expect_text(ebb_call(with_signature(f, "f64[2,?,2], f64[2,1]"), x, y), "[[[21.]]\n\n [[43.]]]", "unknown rows");
    ebb_call(with_signature(f, "f64[?,1,2], f64[2,1]"), x, y);
    expect_error(ebb, EBB_VALUE_ERROR, "the size of axis 0 must be known", "unknown number of examples");
    ebb_call(with_signature(g, "f64[2,?], i32[2]"), rows, ebb_literal(ebb, "[2, 0]", EBB_I32));
    expect_error(ebb, EBB_VALUE_ERROR, "the size of axis 0 must be known", "an index into unknown sizes");
}

Test(vmap, of_functions) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ebb = ebb_open(&(ebb_options){.mode = modes[i]});
        per_example_gradients();
        axes();
        state();
        refusals();
        if (modes[i] != EBB_EAGER) unknown_sizes(); /* eager calls make no traces */
        expect_ok(ebb, "mode %d", (int)modes[i]);
        ebb_close(ebb);
    }
}

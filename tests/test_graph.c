/* test_graph.c - graphs: sharing, builders, errors and poison, calls, memory, size. */
#include "support/small_graph.h"
#include "jit/graph/routine.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(graph, .init = small_graph_start, .fini = small_graph_stop, .timeout = 120);

/* ---- sharing ---- */

Test(graph, deriving_shares_recording_does_not) {
    ebb_id x = input("f64[3]"), y = input("f64[3]");
    const ebb_application square = {.op = EBB_OP_square};
    ebb_id t1 = ebb_record(graph, &square, 1, &x), t2 = ebb_record(graph, &square, 1, &x);
    cr_expect_neq(t1, t2);
    SAME(ebb_g_square(b, x), t1);
    SAME(ebb_g_add(b, x, y), ebb_g_add(b, y, x));
    SAME(ebb_g_mul(b, x, y), ebb_g_mul(b, y, x));
    cr_expect_neq(ebb_g_sub(b, x, y), ebb_g_sub(b, y, x));
    cr_expect_neq(ebb_g_max(b, x, y), ebb_g_max(b, y, x));
    cr_expect_neq(ebb_g_cast_to(b, x, EBB_I32), ebb_g_cast_to(b, x, EBB_I64));
    cr_expect_neq(input("f64[3]"), input("f64[3]"));
    ebb_id later = ebb_record(graph, &(ebb_application){.op = EBB_OP_exp}, 1, &x);
    SAME(ebb_g_exp(b, x), later);
    graph->node[later].flags = 3; /* marks of a pass do not matter */
    SAME(ebb_g_exp(b, x), later);
    ebb_forget_shared(graph);
    ebb_id anew = ebb_g_exp(b, x);
    cr_expect_neq(anew, later);
    SAME(ebb_g_exp(b, x), anew);
}

Test(graph, random_numbers_are_functions_of_key_and_type) {
    ebb_id key = input("i64[2]"), other = input("i64[2]");
    const ebb_application draw = {.op = EBB_OP_random_normal, .asked = type_of_text("f32[4]")};
    const ebb_application wide = {.op = EBB_OP_random_normal, .asked = type_of_text("f64[4]")};
    ebb_id first = ebb_derive(graph, &draw, 1, &key);
    SAME(ebb_derive(graph, &draw, 1, &key), first);
    cr_expect_neq(ebb_derive(graph, &draw, 1, &other), first);
    cr_expect_neq(ebb_derive(graph, &wide, 1, &key), first);
}

Test(graph, payload_bits_are_the_constant) {
    const uint64_t quiet = 0x7ff8000000000001, other = 0x7ff8000000000002;
    const ebb_type scalar = {.dtype = EBB_F64};
    ebb_id x = ebb_g_constant(b, scalar, &quiet);
    SAME(ebb_g_constant(b, scalar, &quiet), x);
    cr_expect_neq(ebb_g_constant(b, scalar, &other), x);
}

/* ---- builders ---- */

Test(graph, builders_fill_attributes) {
    ebb_id x = input("f32[2,3]"), i = input("i32[4]");
    const ebb_shape to = shape("[2,3]");
    cr_expect_str_eq(text_at(ebb_g_pad(b, x, (int64_t[]){1, 0}, (int64_t[]){0, 2}, (int64_t[]){1, 0})), "f32[4,5]");
    cr_expect_str_eq(text_at(ebb_g_gather(b, x, i, 1)), "f32[2,4]");
    cr_expect_str_eq(text_at(ebb_g_scatter_add(b, x, i, input("f32[2,4]"), 1)), "f32[2,3]");
    cr_expect_str_eq(text_at(ebb_g_iota(b, EBB_I64, &to, 1)), "i64[2,3]");
    cr_expect_str_eq(text_at(ebb_g_full_like(b, x, 3)), "f32[2,3]");
    ebb_id sum = ebb_g_sum(b, x, 1, (int64_t[]){0}), back = ebb_g_expand_axes(b, sum, &to, 1, (int64_t[]){0});
    cr_expect_str_eq(text_at(back), "f32[2,3]");
    cr_expect_eq(ebb_attr_of(graph, back).n, 1);
    cr_expect_eq(ebb_attr_of(graph, back).v[0], 1);
    cr_expect_eq(graph->site[back].line, 7);
}

Test(graph, descriptions_of_whole_operations) {
    const struct {
        ebb_op op;
        const char *arg[3], *result;
        int nattr;
        int64_t attr[6];
        int n;
        int64_t want[10];
    } cases[] = {
        {EBB_OP_dot, {"f32[5,3,2]", "f32[5,4,3]"}, "f32[5,2,4]", 2, {1, 1}, 7, {EBB_F32, 5, 2, 4, 3, 1, 1}},
        {EBB_OP_gather, {"f64[5,6,7]", "i32[2,3]"}, "f64[5,2,3,7]", 1, {1}, 6, {EBB_F64, EBB_I32, 5, 6, 7, 6}},
        {EBB_OP_argmax, {"i32[5,6,7]"}, "i64[5,7]", 1, {1}, 4, {EBB_I32, 5, 6, 7}},
        {EBB_OP_argsort, {"bool[5,6,7]"}, "i64[5,6,7]", 1, {1}, 4, {EBB_BOOL, 5, 6, 7}},
        {EBB_OP_cumsum, {"f32[5,6,7]"}, "f32[5,6,7]", 1, {2}, 4, {EBB_F32, 30, 7, 1}},
        {EBB_OP_concat, {"f64[5,6,7]", "f64[5,2,7]"}, "f64[5,8,7]", 1, {1}, 4, {EBB_F64, 5, 42, 14}},
        {EBB_OP_random_normal, {"i64[2]"}, "f32[5,7]", 0, {0}, 2, {EBB_F32, 35}},
        {EBB_OP_pad, {"f32[3,4]"}, "f32[7,9]", 6, {1, 2, 1, 3, 1, 0}, 10, {EBB_F32, 2, 3, 4, 7, 9, 1, 2, 1, 0}},
        {EBB_OP_exp, {"f32[3]"}, "f32[3]", 0, {0}, 0, {0}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        ebb_type arg[3] = {{0}}, result = type_of_text(cases[c].result);
        int narg = 0;
        while (narg < 3 && cases[c].arg[narg])
            arg[narg] = type_of_text(cases[c].arg[narg]), narg++;
        const ebb_application app = {.op = cases[c].op, .nattr = cases[c].nattr, .attr = cases[c].attr};
        int64_t desc[EBB_DESCRIBE_MAX];
        const char *name = ebb_op_table[app.op].name;
        cr_expect_eq(ebb_describe(&app, narg, arg, &result, desc), cases[c].n, "%s", name);
        for (int i = 0; i < cases[c].n; i++)
            cr_expect_eq(desc[i], cases[c].want[i], "%s: number %d is %d", name, i, (int)desc[i]);
    }
}

/* ---- errors ---- */

Test(graph, poison_spreads_and_the_first_error_stays) {
    ebb_id x = input("f32[3]"), y = input("f32[4]");
    ebb_id bad = ebb_g_add(b, x, y);
    cr_expect_eq(bad, EBB_POISON);
    int32_t count = graph->count;
    ebb_shape s = shape("[3]");
    const int64_t axis = 0;
    cr_expect_eq(ebb_g_mul(b, bad, x), EBB_POISON);
    cr_expect_eq(ebb_g_sum(b, bad, 1, &axis), EBB_POISON);
    cr_expect_eq(ebb_g_broadcast(b, bad, &s, &axis), EBB_POISON);
    cr_expect_eq(ebb_g_full_like(b, bad, 1), EBB_POISON);
    cr_expect_eq(ebb_g_transpose(b, bad, &axis), EBB_POISON);
    cr_expect_eq(ebb_g_dot(b, x, bad, false, false), EBB_POISON);
    cr_expect_eq(ebb_record(graph, &(ebb_application){.op = EBB_OP_exp}, 1, &bad), EBB_POISON);
    cr_expect_eq(ebb_record_get(graph, bad, 0, b->site), EBB_POISON);
    cr_expect_not(ebb_add_output(graph, bad));
    cr_expect_eq(graph->count, count, "poison appends nothing");
    cr_expect_eq((int)diag.code, EBB_VALUE_ERROR);
    cr_expect_str_eq(diag.message, "add: operands f32[3] and f32[4] differ in shape");
    cr_expect_eq(diag.site.line, 7);
}

static void expect_fault(ebb_id got, ebb_code code, const char *message) {
    cr_expect_eq(got, EBB_POISON, "%s", message);
    cr_expect_eq((int)diag.code, (int)code, "%s: %s", message, diag.message);
    cr_expect_str_eq(diag.message, message);
    diag = (ebb_diag){.code = EBB_OK};
}

Test(graph, faults_of_callers) {
    ebb_id x = input("f32[3]"), none = EBB_ABSENT, beyond = 999;
    const ebb_application exp_ = {.op = EBB_OP_exp}, input_ = {.op = EBB_OP_input}, wild = {.op = (ebb_op)999};
    expect_fault(ebb_g_exp(b, EBB_ABSENT), EBB_INTERNAL_ERROR, "exp: operand is no node");
    expect_fault(ebb_record(graph, &exp_, 1, &none), EBB_INTERNAL_ERROR, "exp: operand is no node");
    expect_fault(ebb_record(graph, &exp_, 1, &beyond), EBB_INTERNAL_ERROR, "exp: operand is no node");
    expect_fault(ebb_g_add(b, x, -5), EBB_INTERNAL_ERROR, "add: operand is no node");
    expect_fault(ebb_record(graph, &input_, 0, NULL), EBB_INTERNAL_ERROR,
                 "input: is recorded by a function of its own");
    expect_fault(ebb_record(graph, &wild, 0, NULL), EBB_INTERNAL_ERROR, "999 is no operation");
    const ebb_application blind = {.op = EBB_OP_sum, .nattr = 1}, fewer = {.op = EBB_OP_sum, .nattr = -1};
    expect_fault(ebb_record(graph, &blind, 1, &x), EBB_INTERNAL_ERROR, "sum: attributes are missing");
    expect_fault(ebb_record(graph, &fewer, 1, &x), EBB_INTERNAL_ERROR, "sum: attributes are missing");
    expect_fault(ebb_g_full_like(b, EBB_ABSENT, 1), EBB_TYPE_ERROR, "constant: no dtype is asked for");
    cr_expect_not(ebb_add_output(graph, 999));
    cr_expect_str_eq(diag.message, "result 0 is no node");
}

Test(graph, long_messages_are_cut) {
    char name[4000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    ebb_diag d = {.code = EBB_OK};
    cr_expect_not(ebb_fail(&d, EBB_VALUE_ERROR, (ebb_site){0}, "%s", name));
    cr_expect_eq(strlen(d.message), sizeof d.message - 1);
    cr_expect_not(ebb_fail(&d, EBB_TYPE_ERROR, (ebb_site){0}, "later"));
    cr_expect_eq((int)d.code, EBB_VALUE_ERROR);
    cr_expect_not(ebb_fail(NULL, EBB_TYPE_ERROR, (ebb_site){0}, "nobody listens"));
}

/* ---- calls ---- */

static ebb_graph *small_function(const ebb_allocator *a, ebb_diag *d, int parameters) {
    ebb_graph *f = ebb_graph_new(a, d, "f");
    for (int k = 0; f && k < parameters; k++)
        ebb_add_input(f, (ebb_type){EBB_F32, {1, {3}}}, (ebb_site){0});
    if (f && f->inputs) ebb_add_output(f, f->input[0]);
    if (f) ebb_add_output(f, EBB_ABSENT);
    return f;
}

Test(graph, calls_and_tuples) {
    ebb_id x = input("f32[3]"), y = input("f32[4]");
    ebb_graph *f = small_function(&ebb_malloc_allocator, &diag, 5),
              *g = small_function(&ebb_malloc_allocator, &diag, 1);
    ebb_id call = ebb_record_call(graph, f, 5, (ebb_id[]){x, x, x, x, x}, b->site);
    cr_assert_gt(call, 0);
    cr_expect_str_eq(text_at(call), "a tuple");
    ebb_id again = ebb_record_call(graph, f, 5, ebb_operands(graph, call), b->site);
    cr_expect_neq(again, call, "calls are not shared");
    for (int k = 0; k < 5; k++)
        cr_expect_eq(ebb_operands(graph, again)[k], x);
    cr_expect_eq(graph->callees, 1);
    cr_expect_str_eq(text_at(ebb_record_get(graph, call, 0, b->site)), "f32[3]");
    expect_fault(ebb_record_get(graph, call, 1, b->site), EBB_INDEX_ERROR, "get: f has no result 1");
    expect_fault(ebb_record_get(graph, call, -1, b->site), EBB_INDEX_ERROR, "get: f has no result -1");
    expect_fault(ebb_record_get(graph, x, 0, b->site), EBB_TYPE_ERROR, "get: operand is no tuple");
    expect_fault(ebb_g_exp(b, call), EBB_TYPE_ERROR, "exp: operand is a tuple");
    expect_fault(ebb_record_call(graph, g, 1, &y, b->site), EBB_TYPE_ERROR,
                 "call: argument 0 is f32[4]; f needs f32[3]");
    expect_fault(ebb_record_call(graph, g, 0, NULL, b->site), EBB_VALUE_ERROR, "call: f takes 1 arguments, got 0");
    expect_fault(ebb_record_call(graph, graph, 1, &x, b->site), EBB_RUNTIME_ERROR, "call: main calls itself");
    cr_expect_not(ebb_add_output(graph, call));
    cr_expect_str_eq(diag.message, "result 0 is a tuple");
    ebb_graph_release(f);
    ebb_graph_release(g);
    cr_expect_eq(graph->callee[0]->references, 1, "the call keeps its callee");
}

/* ---- memory ---- */

/* Some thirty nodes of every kind, a callee, a clone. */
static bool build_program(const ebb_allocator *a, ebb_diag *d) {
    ebb_graph *g = ebb_graph_new(a, d, "program"), *f = small_function(a, d, 5), *clone = NULL;
    bool good = false;
    if (g && f && d->code == EBB_OK) {
        ebb_builder make = {g, {.file = "program.c", .line = 1}};
        ebb_id x = ebb_add_input(g, (ebb_type){EBB_F32, {1, {3}}}, make.site), y = x;
        for (int i = 0; i < 12; i++)
            y = ebb_g_add(&make, ebb_g_tanh(&make, y), ebb_g_full_like(&make, x, i));
        ebb_id call = ebb_record_call(g, f, 5, (ebb_id[]){x, y, x, y, x}, make.site);
        ebb_id z = ebb_record_get(g, call, 0, make.site);
        good = ebb_add_output(g, ebb_g_sum(&make, z, 1, (int64_t[]){0}));
        if (good) good = (clone = ebb_graph_clone(g, d)) != NULL && clone->count == g->count;
    }
    ebb_graph_release(f);
    ebb_graph_release(g);
    ebb_graph_release(clone);
    return good;
}

Test(graph, any_allocation_may_fail) {
    for (int64_t k = 0;; k++) {
        scarce c = {.left = k, .once = true};
        const ebb_allocator a = scarce_allocator(&c);
        ebb_diag d = {.code = EBB_OK};
        bool good = build_program(&a, &d);
        cr_expect_eq(c.live, 0, "allocation %d fails: %d blocks are lost", (int)k, (int)c.live);
        cr_expect_eq(good, d.code == EBB_OK, "allocation %d fails: %s", (int)k, d.message);
        if (c.asked <= k) {
            cr_expect(good, "without failure it works: %s", d.message);
            cr_expect_gt(k, 20);
            return;
        }
        cr_expect_eq((int)d.code, EBB_NO_MEMORY, "allocation %d fails: %s", (int)k, d.message);
    }
}

Test(graph, a_clone_is_equal_and_apart) {
    const char *file = NULL;
    cr_assert(ebb_graph_own_file(graph, "read.c", &file));
    b->site.file = file;
    ebb_id x = input("f32[3]"), y = ebb_g_exp(b, x);
    ebb_add_output(graph, y);
    ebb_graph *clone = ebb_graph_clone(graph, &diag);
    cr_assert_not_null(clone);
    small_graph_stop(); /* the clone lives on */
    graph = clone;
    b->graph = clone;
    cr_expect_eq(graph->output[0], y);
    cr_expect_str_eq(text_at(y), "f32[3]");
    cr_expect_str_eq(graph->site[y].file, "read.c");
    b->site.file = "here.c";
    SAME(ebb_g_exp(b, x), y);
    cr_expect_eq(graph->inputs, 1);
    cr_expect_eq(input("f32[]"), y + 1);
    cr_expect_eq(graph->inputs, 2);
}

/* ---- size ---- */

/* Of this process, so that a busy machine makes no failure. */
static double milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

enum { MANY = 1000000 };

Test(graph, a_million_nodes) {
    const ebb_application neg = {.op = EBB_OP_neg};
    const ebb_application flat = {.op = EBB_OP_reshape, .asked.shape = {1, {6}}};
    const ebb_application tall = {.op = EBB_OP_reshape, .asked.shape = {2, {3, 2}}};
    double start_ms = milliseconds();
    ebb_id x = input("f32[2,3]"), y = x, z = x;
    for (int i = 0; i < MANY; i++)
        y = ebb_record(graph, &neg, 1, &y);
    for (int i = 0; i < MANY; i++)
        y = ebb_g_tanh(b, y);
    for (int i = 0; i < MANY; i++)
        z = ebb_record(graph, i % 2 ? &tall : &flat, 1, &z);
    cr_expect_gt(z, 3 * MANY);
    SAME(ebb_g_reshape(b, z, &(ebb_shape){2, {1, 6}}), ebb_g_reshape(b, x, &(ebb_shape){2, {1, 6}}));
    cr_expect_lt(milliseconds() - start_ms, 20000, "appending three million nodes takes seconds at most");
}

Test(graph, a_long_chain_of_callees_dies_without_recursion) {
    ebb_graph *f = small_function(&ebb_malloc_allocator, &diag, 1);
    for (int i = 0; i < 100000; i++) {
        ebb_graph *caller = small_function(&ebb_malloc_allocator, &diag, 1);
        cr_assert_gt(ebb_record_call(caller, f, 1, caller->input, b->site), 0);
        ebb_graph_release(f);
        f = caller;
    }
    ebb_graph_release(f);
}

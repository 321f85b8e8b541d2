/* test_control_errors.c - what branches and loops refuse, eagerly and in a traced function, and that memory may run
 * out anywhere. Start reading at the table. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(control_errors, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)out, (void)data

/* ---- bodies ---- */

BODY(same) {
    UNUSED;
    out[0] = in[0];
}
BODY(sets_nothing) { UNUSED; }
BODY(gives_absent) {
    UNUSED;
    ebb_tape *tape = ebb_tape_start(e, EBB_TAPE_MANUAL);
    out[0] = ebb_gradient(tape, in[0], in[0]);
}
BODY(gives_poison) {
    UNUSED;
    out[0] = ebb_reshape(in[0], EBB_SHAPE(7));
}
BODY(doubles) {
    UNUSED;
    out[0] = ebb_stack(2, ((ebb_tensor *[]){in[0], in[0]}), 0);
}
BODY(narrows) {
    UNUSED;
    out[0] = ebb_cast(in[0], EBB_F32);
}
BODY(is_small) {
    UNUSED;
    out[0] = ebb_lt(in[0], 10);
}
BODY(two_answers) {
    UNUSED;
    out[0] = ebb_lt(ebb_stack(2, ((ebb_tensor *[]){in[0], in[0]}), 0), 10);
}
BODY(fails_to_assign) {
    UNUSED;
    ebb_assign(in[0], 1); /* a tensor has no assign */
    out[0] = in[0];
}
BODY(eight_axes) {
    UNUSED;
    out[0] = in[0];
    out[1] = ebb_reshape(in[0], EBB_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
}
BODY(stacks_same) {
    UNUSED;
    out[0] = out[1] = in[0];
}

/* ---- jobs: each is one call, on x f64 [] ---- */

typedef ebb_tensor *job(ebb_context *e, ebb_tensor *x);
#define JOB(name, ...)                                                                                                 \
    static ebb_tensor *name(ebb_context *e, ebb_tensor *x) {                                                           \
        ebb_tensor *r[3] = {x, x, x};                                                                                  \
        __VA_ARGS__;                                                                                                   \
        return r[0];                                                                                                   \
    }
#define SCAN(body, ...) ebb_scan(e, body, NULL, EBB_OPERANDS(x), __VA_ARGS__)

JOB(real_predicate, r[0] = ebb_cond(e, x, same, same, NULL, x))
JOB(long_predicate, r[0] = ebb_cond(e, ebb_gt(ebb_reshape(x, EBB_SHAPE(1)), 0), same, same, NULL, x))
JOB(number_predicate, r[0] = ebb_cond(e, 1, same, same, NULL, x))
JOB(null_predicate, r[0] = ebb_cond(e, (ebb_tensor *)NULL, same, same, NULL, x))
JOB(no_then, r[0] = ebb_cond(e, (bool)true, NULL, same, NULL, x))
JOB(no_otherwise, r[0] = ebb_cond(e, (bool)true, same, NULL, NULL, x))
JOB(no_condition, r[0] = ebb_while(e, NULL, same, NULL, x))
JOB(no_body, r[0] = ebb_while(e, is_small, NULL, NULL, x))
JOB(null_operand, r[0] = ebb_cond(e, (bool)true, same, same, NULL, x, (ebb_tensor *)NULL))
JOB(null_state, r[0] = ebb_while(e, is_small, same, NULL, x, (ebb_tensor *)NULL))
JOB(nothing_set, r[0] = ebb_cond(e, (bool)true, sets_nothing, same, NULL, x))
JOB(no_state_set, r[0] = ebb_while(e, is_small, sets_nothing, NULL, x))
JOB(no_answer, r[0] = ebb_while(e, sets_nothing, same, NULL, x))
JOB(absent_result, r[0] = ebb_cond(e, (bool)true, gives_absent, same, NULL, x))
JOB(absent_state, r[0] = ebb_while(e, is_small, gives_absent, NULL, x))
JOB(poison_result, r[0] = ebb_cond(e, (bool)true, gives_poison, same, NULL, x))
JOB(poison_state, r[0] = ebb_while(e, is_small, gives_poison, NULL, x))
JOB(poison_answer, r[0] = ebb_while(e, gives_poison, same, NULL, x))
JOB(longer_state, r[0] = ebb_while(e, is_small, doubles, NULL, x))
JOB(narrower_state, r[0] = ebb_while(e, is_small, narrows, NULL, x))
JOB(real_answer, r[0] = ebb_while(e, same, same, NULL, x))
JOB(long_answer, r[0] = ebb_while(e, two_answers, same, NULL, x))
JOB(failed_assign, r[0] = ebb_while(e, is_small, fails_to_assign, NULL, x))
JOB(no_rows, SCAN(same, EBB_OPERANDS(x), 0, r, NULL))
JOB(different_rows,
    SCAN(same, EBB_OPERANDS(ebb_ones(e, EBB_F64, EBB_SHAPE(3)), ebb_ones(e, EBB_F32, EBB_SHAPE(4, 2))), 0, r, NULL))
JOB(other_trips, SCAN(same, EBB_OPERANDS(ebb_ones(e, EBB_F64, EBB_SHAPE(3))), 0, r, (&(ebb_scan_options){.trips = 4})))
JOB(negative_trips, SCAN(same, EBB_NO_OPERANDS, 0, r, (&(ebb_scan_options){.trips = -1})))
JOB(negative_budget, SCAN(same, EBB_NO_OPERANDS, 0, r, (&(ebb_scan_options){.trips = 1, .checkpoint_bytes = -1})))
JOB(negative_budget_of_while,
    ebb_while_n(e, is_small, same, NULL, EBB_OPERANDS(x), r, (&(ebb_while_options){.checkpoint_bytes = -5})))
JOB(negative_outputs, SCAN(same, EBB_NO_OPERANDS, -2, r, (&(ebb_scan_options){.trips = 1})))
JOB(no_results, SCAN(same, EBB_NO_OPERANDS, 0, NULL, (&(ebb_scan_options){.trips = 1})))
JOB(no_list, ebb_scan(e, same, NULL, 1, NULL, EBB_NO_OPERANDS, 0, r, NULL))
JOB(nine_axes, SCAN(eight_axes, EBB_NO_OPERANDS, 1, r, (&(ebb_scan_options){.trips = 1})))
JOB(state_of_scan, SCAN(doubles, EBB_NO_OPERANDS, 0, r, (&(ebb_scan_options){.trips = 1})))
JOB(state_of_fold, r[0] = ebb_fold(e, doubles, NULL, x, ebb_ones(e, EBB_F64, EBB_SHAPE(2))))
JOB(rows_of_map, r[0] = ebb_map(e, same, NULL, x))

static const struct {
    const char *name;
    job *run;
    ebb_code code;
    const char *message;
} rows[] = {
    {"real predicate", real_predicate, EBB_TYPE_ERROR, "ebb_cond: the predicate is f64[]; it must be bool[]"},
    {"predicate [1]", long_predicate, EBB_TYPE_ERROR, "ebb_cond: the predicate is bool[1]; it must be bool[]"},
    {"predicate 1", number_predicate, EBB_TYPE_ERROR, "ebb_cond: the predicate is i32[]; it must be bool[]"},
    {"predicate NULL", null_predicate, EBB_TYPE_ERROR, "ebb_cond: the predicate is NULL"},
    {"then NULL", no_then, EBB_TYPE_ERROR, "ebb_cond: the branch then is NULL"},
    {"otherwise NULL", no_otherwise, EBB_TYPE_ERROR, "ebb_cond: the branch otherwise is NULL"},
    {"condition NULL", no_condition, EBB_TYPE_ERROR, "ebb_while: the condition is NULL"},
    {"body NULL", no_body, EBB_TYPE_ERROR, "ebb_while: the body is NULL"},
    {"operand NULL", null_operand, EBB_TYPE_ERROR, "ebb_cond: operand 1 is NULL"},
    {"state NULL", null_state, EBB_TYPE_ERROR, "ebb_while: state 1 is NULL"},
    {"nothing set", nothing_set, EBB_VALUE_ERROR, "ebb_cond: the branch then did not set result 0"},
    {"no state set", no_state_set, EBB_VALUE_ERROR, "ebb_while: the body did not set result 0"},
    {"no answer", no_answer, EBB_VALUE_ERROR, "ebb_while: the condition did not set result 0"},
    {"absent result", absent_result, EBB_TYPE_ERROR, "ebb_cond: result 0 of the branch then is absent"},
    {"absent state", absent_state, EBB_TYPE_ERROR, "ebb_while: result 0 of the body is absent"},
    {"poison result", poison_result, EBB_VALUE_ERROR, "ebb_reshape: "},
    {"poison state", poison_state, EBB_VALUE_ERROR, "ebb_reshape: "},
    {"poison answer", poison_answer, EBB_VALUE_ERROR, "ebb_reshape: "},
    {"longer state", longer_state, EBB_VALUE_ERROR, "ebb_while: state 0 is f64[], but the body makes it f64[2]"},
    {"narrower state", narrower_state, EBB_VALUE_ERROR, "ebb_while: state 0 is f64[], but the body makes it f32[]"},
    {"real answer", real_answer, EBB_TYPE_ERROR, "ebb_while: the condition is f64[]; it must be bool[]"},
    {"answer [2]", long_answer, EBB_TYPE_ERROR, "ebb_while: the condition is bool[2]; it must be bool[]"},
    {"failed assign", failed_assign, EBB_ATTRIBUTE_ERROR, "ebb_assign: a tensor has no assign"},
    {"no rows", no_rows, EBB_VALUE_ERROR, "ebb_scan: sequence 0 is f64[]; it has no rows"},
    {"different rows", different_rows, EBB_VALUE_ERROR,
     "ebb_scan: sequence 0 is f64[3] and sequence 1 is f32[4,2]; their first sizes differ"},
    {"other trips", other_trips, EBB_VALUE_ERROR, "ebb_scan: 4 iterations are asked for; the sequences"},
    {"negative trips", negative_trips, EBB_VALUE_ERROR, "ebb_scan: -1 iterations are asked for"},
    {"negative budget", negative_budget, EBB_VALUE_ERROR, "ebb_scan: checkpoint_bytes is -1; it must not be negative"},
    {"negative budget of while", negative_budget_of_while, EBB_VALUE_ERROR,
     "ebb_while: checkpoint_bytes is -5; it must not be negative"},
    {"negative outputs", negative_outputs, EBB_TYPE_ERROR, "ebb_scan: results, and no list of them"},
    {"no results", no_results, EBB_TYPE_ERROR, "ebb_scan: results, and no list of them"},
    {"no list", no_list, EBB_TYPE_ERROR, "ebb_scan: operands, and no list of them"},
    {"nine axes", nine_axes, EBB_VALUE_ERROR, "ebb_scan: output 0 is f64[1,1,1,1,1,1,1,1]; stacked it would have 9"},
    {"state of scan", state_of_scan, EBB_VALUE_ERROR, "ebb_scan: state 0 is f64[], but the body makes it f64[2]"},
    {"state of fold", state_of_fold, EBB_VALUE_ERROR, "ebb_fold: state 0 is f64[], but the body makes it f64[2]"},
    {"rows of map", rows_of_map, EBB_VALUE_ERROR, "ebb_map: sequence 0 is f64[]; it has no rows"},
};

BODY(traced_job) {
    UNUSED;
    out[0] = (*(job *const *)data)(e, in[0]);
}

static void expect_refused(int i, const char *how, ebb_tensor *y) {
    cr_expect(rows[i].run == no_results || rows[i].run == negative_outputs || ebb_is_poison(y), "%s, %s: a result",
              rows[i].name, how);
    cr_expect_not_null(strstr(ebb_error(ebb), "(tests/test_control_errors.c:"), "%s, %s: no line in \"%s\"",
                       rows[i].name, how, ebb_error(ebb));
    expect_error(ebb, rows[i].code, rows[i].message, "%s, %s", rows[i].name, how);
}

Test(control_errors, eagerly_and_in_a_trace) {
    ebb_tensor *x = ebb_scalar(ebb, 1.0);
    for (int i = 0; i < COUNT(rows); i++) {
        expect_refused(i, "eagerly", rows[i].run(ebb, x));
        ebb_function *f = ebb_function_new(
            ebb, traced_job, &(ebb_function_options){.name = "f", .data = (void *)(uintptr_t)&rows[i].run});
        expect_refused(i, "traced", ebb_call(f, x));
    }
    printf("cases: %d\n", 2 * COUNT(rows));
}

Test(control_errors, poison_passes_silently) {
    ebb_tensor *poison = ebb_add(ebb_scalar(ebb, 1.0), ebb_scalar(ebb, 1.0f)), *r[1], *x = ebb_scalar(ebb, 1.0);
    ebb_clear_error(ebb);
    cr_expect(ebb_is_poison(poison));
    cr_expect(ebb_is_poison(ebb_cond(ebb, poison, same, same, NULL, x)));
    cr_expect(ebb_is_poison(ebb_cond(ebb, (bool)true, same, same, NULL, poison)));
    cr_expect(ebb_is_poison(ebb_while(ebb, is_small, same, NULL, poison)));
    ebb_scan(ebb, same, NULL, EBB_OPERANDS(x), EBB_OPERANDS(poison), 0, r, NULL);
    cr_expect(ebb_is_poison(r[0]));
}

Test(control_errors, without_a_context_or_from_another_one) {
    ebb_context *other = ebb_open(NULL);
    ebb_tensor *x = ebb_scalar(other, 1.0);
    ebb_add(ebb_scalar(ebb, 1.0), 1); /* this context is the current one again */
    cr_expect(ebb_is_poison(ebb_cond(NULL, (bool)true, same, same, NULL, 1)));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_cond: the context is NULL", "no context");
    cr_expect(ebb_is_poison(ebb_while(ebb, is_small, same, NULL, x)));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_while: state 0 belongs to another context", "another context");
    ebb_close(other);
    ebb_add(ebb_scalar(ebb, 1.0), 1);
}

/* ---- in a trace only ---- */

BODY(long_then) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(in[0], 0), doubles, same, NULL, in[0]);
}
BODY(narrow_otherwise) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(in[0], 0), same, narrows, NULL, in[0]);
}
static ebb_tensor *leaked;
BODY(leaks) {
    UNUSED;
    out[0] = leaked = ebb_add(in[0], 1);
}
BODY(keeps) {
    UNUSED;
    out[0] = leaked = ebb_keep(ebb_add(in[0], 1));
}
BODY(uses_leaked) {
    UNUSED;
    out[0] = ebb_mul(in[0], leaked);
}
BODY(leak_of_a_loop) {
    UNUSED;
    ebb_tensor *y = ebb_while(e, is_small, leaks, NULL, in[0]);
    out[0] = ebb_mul(y, leaked);
}
BODY(leak_of_a_branch) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(in[0], 0), leaks, uses_leaked, NULL, in[0]);
}
BODY(leak_as_result) {
    UNUSED;
    ebb_while(e, is_small, keeps, NULL, in[0]);
    out[0] = leaked;
}
BODY(kept_of_a_branch) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(in[0], 0), keeps, uses_leaked, NULL, in[0]);
}
/* A function that is traced inside a body, and has no right to the tensors of the function around. */
BODY(calls_the_user) {
    UNUSED;
    out[0] = ebb_call((ebb_function *)data, in[0]);
}
BODY(branches_on_foreign) {
    UNUSED;
    out[0] = ebb_cond(e, (bool)true, uses_leaked, same, NULL, in[0]);
}
BODY(foreign) {
    UNUSED;
    ebb_function *g = ebb_function_new(e, branches_on_foreign, &(ebb_function_options){.name = "g"});
    leaked = ebb_add(in[0], 1);
    out[0] = ebb_while(e, is_small, calls_the_user, g, in[0]);
}
static ebb_function *itself;
BODY(calls_itself) {
    UNUSED;
    out[0] = ebb_while(e, is_small, calls_the_user, itself, in[0]);
}

Test(control_errors, what_only_a_trace_can_know) {
    static const struct {
        ebb_body *body;
        ebb_code code;
        const char *message;
    } traced[] = {
        {long_then, EBB_VALUE_ERROR, "ebb_cond: result 0 is f64[2] in one branch and f64[] in the other"},
        {narrow_otherwise, EBB_VALUE_ERROR, "ebb_cond: result 0 is f64[] in one branch and f32[] in the other"},
        {leak_of_a_loop, EBB_RUNTIME_ERROR, "ebb_mul: operand 2 is used after its scope closed; made at"},
        {leak_of_a_branch, EBB_RUNTIME_ERROR, "ebb_mul: operand 2 is used after its scope closed; made at"},
        {kept_of_a_branch, EBB_TYPE_ERROR, "ebb_mul: operand 2 is a traced tensor outside of its function"},
        {leak_as_result, EBB_TYPE_ERROR, "f is a traced tensor outside of its function"},
        {foreign, EBB_TYPE_ERROR, "g: uses a traced tensor of another function"},
        {calls_itself, EBB_RUNTIME_ERROR, "f: a function cannot call itself while it is traced"},
    };
    for (int i = 0; i < COUNT(traced); i++) {
        itself = ebb_function_new(ebb, traced[i].body, &(ebb_function_options){.name = "f"});
        cr_expect(ebb_is_poison(ebb_call(itself, ebb_scalar(ebb, 1.0))), "row %d", i);
        cr_expect_not_null(strstr(ebb_error(ebb), "(tests/test_control_errors.c:"), "row %d: no line in \"%s\"", i,
                           ebb_error(ebb));
        expect_error(ebb, traced[i].code, traced[i].message, "row %d", i);
    }
    printf("cases: %d\n", COUNT(traced));
}

/* ---- eagerly only ---- */

BODY(longer_and_longer) {
    int *n = data;
    UNUSED;
    out[0] = in[0];
    out[1] = ebb_ones(e, EBB_F64, EBB_SHAPE(++*n));
}

Test(control_errors, rows_of_different_shapes) {
    ebb_tensor *r[2], *x = ebb_scalar(ebb, 1.0);
    int n = 0;
    ebb_scan(ebb, longer_and_longer, &n, EBB_OPERANDS(x), EBB_NO_OPERANDS, 1, r, (&(ebb_scan_options){.trips = 3}));
    cr_expect(ebb_is_poison(r[0]) && ebb_is_poison(r[1]));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_scan: output 0 was f64[1], and is f64[2] for row 1", "three rows");
    cr_expect_eq(n, 2, "the loop went on");
}

/* An error ends a loop, and the states are given back. */
Test(control_errors, an_error_ends_the_loop) {
    ebb_tensor *r[2], *x = ebb_scalar(ebb, 1.0);
    ebb_scan(ebb, stacks_same, NULL, EBB_OPERANDS(ebb_reshape(x, EBB_SHAPE(2))), EBB_NO_OPERANDS, 1, r, NULL);
    cr_expect(ebb_is_poison(r[0]) && ebb_is_poison(r[1]));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_reshape", "a poison state");
}

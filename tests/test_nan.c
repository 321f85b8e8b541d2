/* test_nan.c - where a NaN was born: each case is a program and what must be said of it, by compiled code and by the
 * evaluator; then the option that makes a NaN an error. test_births.c looks at the operations one by one. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/scarce.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(nan, .init = start, .fini = stop);

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
static int marked; /* the line that bears the NaN */
#define MARK(x) (marked = __LINE__, (x))

/* ---- programs ---- */

static ebb_tensor *log_of_negative(ebb_tensor *x) { return ebb_sum(MARK(ebb_log(ebb_neg(x)))); }
static ebb_tensor *square_root(ebb_tensor *x) { return ebb_sum(MARK(ebb_sqrt(x))); }
static ebb_tensor *zero_times_root(ebb_tensor *x) { return ebb_sum(ebb_mul(MARK(ebb_sqrt(x)), 0)); }
static ebb_tensor *power(ebb_tensor *x) { return ebb_sum(MARK(ebb_pow(x, 1.5))); }
static ebb_tensor *x_over_x(ebb_tensor *x) { return ebb_sum(MARK(ebb_div(x, x))); }
static ebb_tensor *guarded_root(ebb_tensor *x) { return ebb_sum(ebb_select(ebb_gt(x, 0), ebb_sqrt(x), 0)); }
static ebb_tensor *root_on_the_other_side(ebb_tensor *x) {
    return ebb_sum(ebb_select(ebb_gt(x, 0), 0, MARK(ebb_sqrt(x))));
}
static ebb_tensor *two_roots(ebb_tensor *x) {
    ebb_tensor *unused = ebb_sqrt(x), *taken = MARK(ebb_log(x));
    return ebb_sum(ebb_select(ebb_gt(x, 0), unused, taken));
}
static ebb_tensor *nothing_is_wrong(ebb_tensor *x) { return ebb_sum(ebb_log(x)); }
static ebb_tensor *through_softmax(ebb_tensor *x) { return ebb_sum(ebb_square(MARK(ebb_softmax(x, 0)))); }
static ebb_tensor *through_mean(ebb_tensor *x) { return MARK(ebb_mean(x)); }
static ebb_tensor *log_inside_norm(ebb_tensor *x) { return ebb_norm(MARK(ebb_log(x))); }
static ebb_tensor *through_loss(ebb_tensor *x) {
    ebb_tensor *label = ebb_literal(ebb, "[5]", EBB_I32);
    return ebb_sum(MARK(ebb_sparse_softmax_cross_entropy(ebb_reshape(x, EBB_SHAPE(1, 3)), label)));
}
/* log bears NaN in every row; only row 1, column 2 gets through the gather. */
static ebb_tensor *through_much(ebb_tensor *x) {
    ebb_tensor *y = MARK(ebb_log(x)), *one = ebb_literal(ebb, "[1]", EBB_I32);
    ebb_tensor *row = ebb_gather(y, one, 0), *product = ebb_matmul(row, ebb_transpose(row, EBB_AXES(1, 0)));
    return ebb_max_over(ebb_concat(2, ((ebb_tensor *[]){ebb_neg(product), product}), 0), EBB_AXES(0, 1), false);
}
static ebb_tensor *a_product_of_matrices(ebb_tensor *x) {
    return ebb_sum(MARK(ebb_matmul(x, ebb_exp(ebb_mul(x, 1e4)))));
}
static ebb_tensor *a_sum_of_infinities(ebb_tensor *x) {
    return ebb_sum(MARK(ebb_sum_over(ebb_recip(x), EBB_AXES(1), false)));
}
static ebb_tensor *the_first_of_two(ebb_tensor *x) {
    ebb_tensor *first = MARK(ebb_log(x)), *second = ebb_sqrt(x);
    return ebb_sum(ebb_add(second, first));
}
static ebb_tensor *a_folded_number(ebb_tensor *x) {
    return ebb_sum(ebb_mul(x, MARK(ebb_log(ebb_full(ebb, EBB_F64, EBB_SCALAR, -1)))));
}
static ebb_tensor *a_gradient_inside(ebb_tensor *x) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_sum(ebb_sqrt(x));
    return ebb_sum(MARK(ebb_mul(ebb_gradient(tape, y, x), x)));
}
static ebb_tensor *nan_in_a_gradient_inside(ebb_tensor *x) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    return ebb_sum(ebb_gradient(tape, zero_times_root(x), x));
}
static ebb_tensor *a_tangent_inside(ebb_tensor *x) {
    ebb_tensor *zero = ebb_mul(x, 0);
    ebb_tape *tape = ebb_forward_start(ebb, 1, &x, &zero);
    ebb_tensor *y = ebb_sum(MARK(ebb_sqrt(x)));
    return ebb_tangent(tape, y);
}

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
BODY(log_of_row) {
    (void)e, (void)data;
    out[0] = MARK(ebb_log(in[0]));
}
BODY(square_of_row) {
    (void)e, (void)data;
    out[0] = ebb_square(in[0]);
}
static ebb_tensor *born_in_a_loop(ebb_tensor *x) { return ebb_sum(ebb_map(ebb, log_of_row, NULL, x)); }
static ebb_tensor *born_before_a_loop(ebb_tensor *x) {
    ebb_tensor *y = MARK(ebb_log(x));
    return ebb_sum(ebb_map(ebb, square_of_row, NULL, y));
}
static ebb_tensor *born_in_a_branch(ebb_tensor *x) {
    return ebb_cond(ebb, ebb_lt(ebb_sum(x), 0), log_of_row, square_of_row, NULL, ebb_sum(x));
}

BODY(below_four) {
    (void)e, (void)data;
    out[0] = ebb_lt(in[1], 4);
}
BODY(down) { /* x - 1, and the sum of the roots on the way */
    (void)e, (void)data;
    out[0] = ebb_sub(in[0], 1);
    out[1] = ebb_add(in[1], 1);
    out[2] = ebb_add(in[2], MARK(ebb_sqrt(in[0])));
}
static ebb_tensor *born_in_a_while(ebb_tensor *x) {
    ebb_tensor *out[3];
    ebb_while_n(ebb, below_four, down, NULL, EBB_OPERANDS(ebb_sum(x), 0, ebb_scalar(ebb, 0.0)), out, NULL);
    return out[2];
}
static ebb_tensor *born_on_the_way_back(ebb_tensor *x) { /* infinite slope at 0, times 0 */
    ebb_tensor *out[3];
    ebb_while_n(ebb, below_four, down, NULL, EBB_OPERANDS(ebb_sum(x), 1, ebb_scalar(ebb, 0.0)), out, NULL);
    return ebb_mul(out[2], 0.0);
}
BODY(broken_rule) { /* x, y, dx */
    (void)e, (void)data;
    out[0] = ebb_mul(in[2], MARK(ebb_div(in[0], in[0])));
}
static ebb_tensor *born_in_a_rule(ebb_tensor *x) {
    ebb_function *f = ebb_function_new(ebb, square_of_row, NULL), *rule = ebb_function_new(ebb, broken_rule, NULL);
    return ebb_sum(ebb_call(ebb_custom_jvp(f, rule), x));
}
BODY(nested_row) {
    (void)e, (void)data;
    out[0] = ebb_cond(e, ebb_lt(in[0], 0), log_of_row, square_of_row, NULL, in[0]);
}
static ebb_tensor *born_in_nested_regions(ebb_tensor *x) { return ebb_sum(ebb_map(ebb, nested_row, NULL, x)); }

/* ---- what is said of them ---- */

typedef enum { PLAIN, GRAD, GRAD_GRAD, JVP, HVP, JVP_JVP } derivative;

/* `said`: what follows "NaN born in log (tests/test_nan.c:41)". NULL: nothing is found. */
static const struct {
    const char *name, *x; /* x: f64; also the direction of JVP and HVP unless there is another one */
    ebb_tensor *(*program)(ebb_tensor *x);
    derivative derivative;
    const char *direction, *op, *said;
} cases[] = {
    {"log(-x)", "[-1, 2, -3]", log_of_negative, PLAIN, 0, "log", ", element 1 [1], in primal code: log(-2.0)"},
    {"log(-x), gradient", "[-1, 2, -3]", zero_times_root, GRAD, 0, "sqrt",
     ", element 0 [0], in primal code: sqrt(-1.0)"},
    {"sqrt at 0", "[4, 0]", square_root, PLAIN, 0, NULL, NULL},
    {"sqrt at 0, first", "[4, 0]", square_root, GRAD, 0, NULL, NULL},
    {"sqrt at 0, second", "0", square_root, GRAD_GRAD, 0, NULL, NULL},
    {"0 * inf backward", "[4, 0]", zero_times_root, GRAD, 0, "mul", ", element 1 [1], in adjoint code: mul(0.0, inf)"},
    {"x / x at 0", "[1, 0]", x_over_x, PLAIN, 0, "div", ", element 1 [1], in primal code: div(0.0, 0.0)"},
    {"where", "[4, -4]", guarded_root, PLAIN, 0, NULL, NULL},
    {"where, gradient", "[4, 0, -4]", guarded_root, GRAD, 0, NULL, NULL},
    {"where, tangent", "[4, 0, -4]", guarded_root, JVP, 0, NULL, NULL},
    {"where, second", "[4, 0, -4]", guarded_root, HVP, 0, NULL, NULL},
    {"where it is taken", "[4, -4]", root_on_the_other_side, PLAIN, 0, "sqrt",
     ", element 1 [1], in primal code: sqrt(-4.0)"},
    {"two branches", "[4, -4]", two_roots, PLAIN, 0, "log", ", element 1 [1], in primal code: log(-4.0)"},
    {"none", "[4, 1]", nothing_is_wrong, HVP, 0, NULL, NULL},
    {"softmax", "[-inf, -inf]", through_softmax, PLAIN, 0, "sub of softmax",
     ", element 0 [0], in primal code: sub(-inf, -inf)"},
    {"mean", "[inf, 1, -inf]", through_mean, PLAIN, 0, "sum of mean", ", in primal code"},
    {"log inside norm", "[1, -1, 3]", log_inside_norm, PLAIN, 0, "log", ", element 1 [1], in primal code: log(-1.0)"},
    {"log inside norm, gradient", "[1, -1, 3]", log_inside_norm, GRAD, 0, "log",
     ", element 1 [1], in primal code: log(-1.0)"},
    {"label out of range", "[1, 2, 3]", through_loss, PLAIN, 0, "sparse_softmax_cross_entropy", ", in primal code"},
    {"tangent", "[4, 0]", square_root, JVP, "[1, 0]", "mul", ", element 1 [1], in tangent code: mul(0.0, inf)"},
    {"tangent of a tangent", "0", square_root, JVP_JVP, "0", "mul", ", in tangent code: mul(0.0, inf)"},
    {"Hessian product", "[4, 0]", power, HVP, "[0, 0]", "mul",
     ", element 1 [1], in tangent of adjoint code: mul(0.0, inf)"},
    {"many operations", "[[-1, 2, -3], [4, 5, -6]]", through_much, PLAIN, 0, "log",
     ", element 5 [1,2], in primal code: log(-6.0)"},
    {"many operations, gradient", "[[-1, 2, -3], [4, 5, -6]]", through_much, GRAD, 0, "log",
     ", element 5 [1,2], in primal code: log(-6.0)"},
    {"in a matmul", "[[1, 0], [1, 1]]", a_product_of_matrices, PLAIN, 0, "matmul", ", element 0 [0,0], in primal code"},
    {"in a sum", "[[1, 2], [0, -0.0]]", a_sum_of_infinities, PLAIN, 0, "sum", ", element 1 [1], in primal code"},
    {"the first of two", "[1, -1]", the_first_of_two, PLAIN, 0, "log", ", element 1 [1], in primal code: log(-1.0)"},
    {"folding", "[1, 2]", a_folded_number, PLAIN, 0, "log", ", in primal code: log(-1.0)"},
    {"gradient inside", "[4, 0]", a_gradient_inside, PLAIN, 0, "mul", ", element 1 [1], in primal code: mul(inf, 0.0)"},
    {"NaN in a gradient inside", "[4, 0]", nan_in_a_gradient_inside, PLAIN, 0, "mul",
     ", element 1 [1], in adjoint code: mul(0.0, inf)"},
    {"its second derivative", "[4, 0]", nan_in_a_gradient_inside, JVP, "[1, 0]", "mul",
     ", element 1 [1], in adjoint code: mul(0.0, inf)"},
    {"in a loop", "[1, -1]", born_in_a_loop, PLAIN, 0, "log", ", in primal code, iteration 1: log(-1.0)"},
    {"in a while", "[2]", born_in_a_while, PLAIN, 0, "sqrt", ", in primal code, iteration 3: sqrt(-1.0)"},
    {"in a while, tangent", "[2]", born_in_a_while, JVP, 0, "sqrt", ", in primal code, iteration 3: sqrt(-1.0)"},
    {"on the way back", "[2]", born_on_the_way_back, GRAD, 0, "mul", ", in adjoint code: mul(0.0, inf)"},
    {"in a rule, not asked for", "[1, 0]", born_in_a_rule, PLAIN, 0, NULL, NULL},
    {"in a rule", "[1, 0]", born_in_a_rule, GRAD, 0, "div", ", element 1 [1], in primal code: div(0.0, 0.0)"},
    {"in nested regions", "[3, 2, -4]", born_in_nested_regions, PLAIN, 0, "log",
     ", in primal code, iteration 2: log(-4.0)"},
    {"before a loop", "[1, -1]", born_before_a_loop, PLAIN, 0, "log", ", element 1 [1], in primal code: log(-1.0)"},
    {"in a branch", "[1, -2]", born_in_a_branch, PLAIN, 0, "log", ", in primal code: log(-1.0)"},
    {"in a branch not taken", "[1, 2]", born_in_a_branch, PLAIN, 0, NULL, NULL},
    {"tangent inside", "[4, 0]", a_tangent_inside, PLAIN, 0, "mul", ", element 1 [1], in tangent code: mul(0.0, inf)"},
};

static int nested_case;

static void body(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context;
    out[0] = cases[*(int *)data].program(in[0]);
}

static ebb_function *derived(ebb_function *f, derivative d) {
    switch (d) {
    case PLAIN:
        break;
    case GRAD:
        return ebb_grad(f, NULL);
    case GRAD_GRAD:
        return ebb_grad(ebb_grad(f, NULL), NULL);
    case JVP:
        return ebb_jvp(f, NULL);
    case JVP_JVP:
        return ebb_jvp(ebb_jvp(f, NULL), NULL);
    case HVP:
        return ebb_hvp(f, NULL);
    }
    return f;
}

static ebb_nan_origin find(int i) {
    ebb_function *f = ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .data = &i});
    f = derived(f, cases[i].derivative);
    if (cases[i].derivative == GRAD) ebb_set_road(f, "reverse", 0); /* of one number either may be cheaper */
    const char *direction = cases[i].direction ? cases[i].direction : cases[i].x;
    ebb_tensor *x = ebb_literal(ebb, cases[i].x, EBB_F64), *v = ebb_literal(ebb, direction, EBB_F64);
    derivative d = cases[i].derivative;
    int nin = d == JVP || d == HVP ? 2 : d == JVP_JVP ? 3 : 1;
    ebb_nan_origin o = ebb_find_nan_n(f, nin, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v), EBB_OPERAND(v)}), false);
    expect_ok(ebb, "%s", cases[i].name);
    return o;
}

static void expect_said(int i, const char *engine) {
    char want[600] = "";
    ebb_nan_origin o = find(i);
    if (cases[i].op)
        snprintf(want, sizeof want, "NaN born in %s (%s:%d)%s", cases[i].op, __FILE__, marked, cases[i].said);
    cr_expect_eq(o.found, cases[i].op != NULL, "%s, %s: %s", cases[i].name, engine, o.message);
    cr_expect_str_eq(o.message, want, "%s, %s:\n%s\n%s", cases[i].name, engine, o.message, want);
}

Test(nan, named_by_compiled_code) {
    for (int i = 0; i < COUNT(cases); i++)
        EBB_SCOPE (ebb)
            expect_said(i, "compiled");
}

Test(nan, named_by_the_evaluator) {
    setenv("EBB_JIT", "off", 1);
    for (int i = 0; i < COUNT(cases); i++)
        EBB_SCOPE (ebb)
            expect_said(i, "evaluator");
}

/* ---- the record ---- */

static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

static ebb_function *function_of(ebb_body *code, void *data, bool check) {
    return ebb_function_new(ebb, code, &(ebb_function_options){.name = "f", .data = data, .check_nan = check});
}

static void log_of(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context;
    ebb_tensor *x = data ? ebb_mul(in[0], (ebb_tensor *)data) : in[0];
    out[0] = MARK(ebb_log(x));
}

Test(nan, what_the_record_says) {
    ebb_function *f = function_of(log_of, NULL, false), *tangent = ebb_jvp(ebb_jvp(f, NULL), NULL);
    ebb_tensor *x = f64("[[1, 2, 3], [4, -5, 6]]"), *zero = ebb_mul(x, 0), *one = ebb_add(zero, 1);
    ebb_nan_origin o = ebb_find_nan(f, x);
    cr_expect(o.found && o.part == EBB_PRIMAL && o.order == 0 && o.argument == -1 && !o.tensor && !o.macro);
    cr_expect_str_eq(o.op, "log");
    cr_expect_str_eq(o.file, __FILE__);
    cr_expect_eq(o.line, marked);
    cr_expect(o.element == 4 && o.rank == 2 && o.index[0] == 1 && o.index[1] == 1);
    cr_expect(o.operands == 1 && o.operand[0] == -5.0);
    o = ebb_find_nan(tangent, zero, zero, zero, one);
    cr_expect(o.found && o.part == EBB_TANGENT && o.order == 1 && o.element == 0 && o.operands == 2, "%s", o.message);
    o = ebb_find_nan(f, ebb_square(x));
    cr_expect(!o.found && !o.op && !o.file && o.argument == -1 && !*o.message);
    o = ebb_find_infinity(f, ebb_square(x));
    cr_expect_not(o.found);
    o = ebb_find_infinity(f, zero);
    cr_expect(o.found && o.operand[0] == 0.0 && strncmp(o.message, "NaN or infinity born in log", 27) == 0, "%s",
              o.message);
    cr_expect_not(ebb_find_nan(f, zero).found);
}

/* What comes from outside is named as such; so is a constant of the program. */
Test(nan, from_outside) {
    ebb_tensor *x = f64("[1, 2]"), *bad = f64("[1, nan]"), *v = ebb_variable(ebb, bad, "v");
    int line = __LINE__ + 1;
    ebb_tensor *captured = ebb_constant(ebb, EBB_F64, EBB_SHAPE(2), ((double[]){1, NAN}));
    char want[200];
    ebb_nan_origin o = ebb_find_nan(function_of(log_of, NULL, false), bad);
    cr_expect(o.found && o.argument == 0 && !o.op && !o.tensor && o.element == 1);
    cr_expect_str_eq(o.message, "NaN in argument 0, element 1 [1]");
    o = ebb_find_nan(function_of(log_of, v, false), x);
    cr_expect(o.found && o.argument == -1 && o.tensor == v, "%s", o.message);
    cr_expect_not_null(strstr(o.message, "NaN in variable v:0"), "%s", o.message);
    o = ebb_find_nan(function_of(log_of, captured, false), x);
    cr_expect(o.found && o.argument == -1 && o.tensor == captured);
    snprintf(want, sizeof want, "NaN in a tensor from outside (%s:%d), element 1 [1]", __FILE__, line);
    cr_expect_str_eq(o.message, want, "%s", o.message);
    o = ebb_find_nan(ebb_expression(ebb, "sqrt(x - 2)", 1, (const char *[]){"x"}), x);
    cr_expect(o.found && strcmp(o.op, "sqrt") == 0, "%s", o.message);
    cr_expect_not(ebb_find_nan(ebb_expression(ebb, "select(x > 0, x, log(x))", 1, (const char *[]){"x"}), x).found);
}

static void a_constant(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    out[0] = ebb_mul(in[0], MARK(ebb_full(context, EBB_F64, EBB_SCALAR, NAN)));
}

Test(nan, in_a_constant) {
    char want[200];
    ebb_nan_origin o = ebb_find_nan(function_of(a_constant, NULL, false), f64("[1, 2]"));
    snprintf(want, sizeof want, "NaN in a constant (%s:%d)", __FILE__, marked);
    cr_expect_str_eq(o.message, want, "%s", o.message);
}

/* Nothing is changed by looking: not the variable, not the random numbers. */
static void step(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tensor *noise = ebb_random_uniform(context, EBB_F64, EBB_SHAPE(64), -1, 1);
    ebb_assign_add((ebb_tensor *)data, in[0]);
    out[0] = ebb_log(ebb_mul(noise, (ebb_tensor *)data));
}

Test(nan, looking_changes_nothing) {
    ebb_tensor *v = ebb_variable(ebb, f64("1"), "v"), *one = f64("1");
    ebb_function *f = function_of(step, v, false);
    for (int i = 0; i < 3; i++) {
        ebb_nan_origin o = ebb_find_nan(f, one);
        cr_expect_eq(ebb_item(v, 0), 1.0 + i);
        ebb_tensor *y = ebb_call(f, one);
        int64_t first = 0;
        while (first < 63 && !isnan(ebb_item(y, first)))
            first++;
        cr_expect(o.found && o.element == first, "%s, not %lld", o.message, (long long)first);
        cr_expect_eq(ebb_item(v, 0), 2.0 + i);
    }
    cr_expect_eq(ebb_trace_count(f), 1);
}

Test(nan, refusals) {
    ebb_function *f = function_of(log_of, NULL, false);
    ebb_tensor *poison = ebb_matmul(f64("1"), f64("1"));
    ebb_clear_error(ebb);
    cr_expect_not(ebb_find_nan(f, poison).found, "poison");
    expect_ok(ebb, "poison has had its error");
    cr_expect_not(ebb_find_nan((ebb_function *)NULL, poison).found);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_find_nan: the function is NULL", "no function");
    cr_expect_not(ebb_find_nan_n(f, 2, NULL, false).found);
    expect_error(ebb, EBB_TYPE_ERROR, "2 arguments and no list", "no arguments");
    cr_expect_not(ebb_find_nan(ebb_grad(f, NULL), f64("[1, 2]")).found);
    expect_error(ebb, EBB_VALUE_ERROR, "a gradient needs a scalar", "what a call would say");
}

/* Allocation k fails while a NaN is looked for in a region: an error, and nothing is lost. */
static bool find_scarcely(int64_t left, int64_t *asked) {
    scarce s = {.left = left};
    ebb_context *rich = ebb;
    bool found = false;
    ebb = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s), .mode = EBB_EAGER});
    if (ebb) {
        ebb_function *f = ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .data = &nested_case});
        ebb_tensor *x = f64("[3, 2, -4]");
        ebb_nan_origin o = {0};
        if (ebb_ok(ebb)) o = ebb_find_nan(f, x);
        found = o.found && o.iteration == 2;
        cr_expect(found == ebb_ok(ebb) && (found || ebb_error_code(ebb) == EBB_NO_MEMORY), "%d allocations: %s, %s",
                  (int)left, o.message, ebb_error(ebb));
    }
    ebb_close(ebb);
    ebb = rich;
    cr_expect_eq(s.live, 0, "%d allocations: %d are lost", (int)left, (int)s.live);
    *asked = s.asked;
    return found;
}

Test(nan, without_memory) {
    int64_t all = 0, some;
    while (cases[nested_case].program != born_in_nested_regions)
        nested_case++;
    cr_assert(find_scarcely(INT64_MAX, &all));
    for (int64_t k = 0; k < all; k += 1 + k / 100)
        find_scarcely(k, &some);
    printf("cases: to %d allocations\n", (int)all);
}

static void looks_inside(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context;
    out[0] = in[0];
    ebb_find_nan((ebb_function *)data, in[0]);
}

Test(nan, not_in_a_body) {
    ebb_call(function_of(looks_inside, function_of(log_of, NULL, false), false), f64("1"));
    expect_error(ebb, EBB_RUNTIME_ERROR, "not inside a traced function", "in a body");
}

/* ---- NaN as an error ---- */

static void update(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context;
    out[0] = ebb_sum(in[0]);
    ebb_assign_sub((ebb_tensor *)data, MARK(ebb_sqrt(in[0])));
}

static void expect_checked(const char *engine) {
    char text[200];
    ebb_tensor *v = ebb_variable(ebb, f64("[1, 1]"), "v"), *good = f64("[4, 9]"), *bad = f64("[4, -9]");
    ebb_function *f = function_of(update, v, true);
    expect_text(ebb_call(f, good), "13.0", "%s", engine);
    expect_text(v, "[-1. -2.]", "%s: updated", engine);
    cr_expect(ebb_is_poison(ebb_call(f, bad)), "%s", engine);
    snprintf(text, sizeof text, "f: NaN born in sqrt (%s:%d), element 1 [1], in primal code: sqrt(-9.0)", __FILE__,
             marked);
    expect_error(ebb, EBB_FLOAT_ERROR, text, "%s", engine);
    expect_text(v, "[-1. -2.]", "%s: as it was", engine);
    ebb_call(ebb_grad(function_of(body, &(int){5}, true), NULL), f64("[4, 0]"));
    expect_error(ebb, EBB_FLOAT_ERROR, "grad_f: NaN born in mul", "%s: derivatives inherit it", engine);
    expect_text(ebb_call(function_of(log_of, NULL, false), bad), "[1.3862943611198906                nan]",
                "%s: not asked", engine);
}

Test(nan, is_an_error_of_the_call) {
    cr_assert_str_eq(cases[5].name, "0 * inf backward");
    expect_checked("compiled");
    setenv("EBB_JIT", "off", 1);
    expect_checked("evaluator");
    cr_expect_str_eq(ebb_code_name(EBB_FLOAT_ERROR), "FloatingPointError");
}

/* In a context that checks: functions, and what tapes are asked. */
Test(nan, is_an_error_of_the_context) {
    ebb_context *strict = ebb_open(&(ebb_options){.check_nan = true});
    ebb_tensor *x = ebb_literal(strict, "[4, 0]", EBB_F64), *v = ebb_variable(strict, x, "v");
    ebb_function *f = ebb_function_new(strict, log_of, NULL);
    ebb_call(f, ebb_neg(x));
    expect_error(strict, EBB_FLOAT_ERROR, "function: NaN born in log", "a function");
    char text[200];
    ebb_tape *tape = ebb_tape_start(strict, EBB_TAPE_PERSISTENT);
    ebb_tensor *y = ebb_mul(MARK(ebb_sqrt(v)), 0), *z = ebb_log(ebb_neg(v)), *n = ebb_norm(z);
    expect_text(ebb_gradient(tape, ebb_square(v), v), "[8. 0.]", "no NaN");
    cr_expect(ebb_is_poison(ebb_gradient(tape, y, v)));
    snprintf(text, sizeof text, "ebb_gradient: NaN born in mul (%s:%d), element 1 [1], in adjoint code: mul(0.0, inf)",
             __FILE__, marked);
    expect_error(strict, EBB_FLOAT_ERROR, text, "a gradient");
    cr_expect(ebb_is_poison(ebb_gradient(tape, n, v)));
    expect_error(strict, EBB_FLOAT_ERROR, "NaN born in log", "NaN of the program, in its gradient");
    cr_expect(ebb_is_poison(ebb_jacobian(tape, y, v)));
    expect_error(strict, EBB_FLOAT_ERROR, "NaN born in mul", "a Jacobian");
    expect_text(ebb_gradient(tape, ebb_select(ebb_gt(v, 1), y, v), v), "[0. 1.]", "a branch not taken");
    expect_ok(strict, "at the end");
    ebb_close(strict);
}

/* Macros that run eagerly stand on the line of their own call, and say what they are. */
Test(nan, eager_macros_have_their_own_lines) {
    ebb_context *strict = ebb_open(&(ebb_options){.check_nan = true});
    ebb_tensor *x = ebb_literal(strict, "[-inf, -inf]", EBB_F64), *fine = ebb_literal(strict, "[1, 2]", EBB_F64);
    char text[200];
    ebb_tape *tape = ebb_tape_start(strict, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, x);
    ebb_softmax(fine, 0);
    ebb_gradient(tape, ebb_square(MARK(ebb_softmax(x, 0))), x);
    snprintf(text, sizeof text, "in sub of softmax (%s:%d)", __FILE__, marked);
    expect_error(strict, EBB_FLOAT_ERROR, text, "the second softmax");
    ebb_close(strict);
}

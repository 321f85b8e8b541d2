/* flows.c - see flows.h. Start reading at the table, at the end. */
#include "tests/support/flows.h"

#include <math.h>

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

/* ---- branches ---- */

BODY(grow) {
    UNUSED;
    out[0] = ebb_mul(in[0], ebb_sin(in[0]));
}
BODY(shrink) {
    UNUSED;
    out[0] = ebb_mul(in[0], ebb_exp(ebb_neg(in[0])));
}
BODY(branch) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(ebb_sum(in[0]), 0), grow, shrink, NULL, in[0]);
}

/* Uses a tensor of the function around, gives two results. */
BODY(with_scale) {
    UNUSED;
    ebb_tensor *scale = data;
    out[0] = ebb_mul(in[0], scale);
    out[1] = ebb_sum(scale);
}
BODY(without_scale) {
    UNUSED;
    out[0] = in[0];
    out[1] = ebb_sum(in[0]);
}
BODY(branch_of_two) {
    UNUSED;
    ebb_tensor *r[2];
    ebb_cond_n(e, ebb_lt(ebb_sum(in[0]), ebb_sum(in[1])), with_scale, without_scale, ebb_exp(in[1]),
               EBB_OPERANDS(in[0]), 2, r);
    out[0] = ebb_mul(r[0], r[1]);
}
BODY(plain_of_two) {
    UNUSED;
    ebb_tensor *scale = ebb_exp(in[1]);
    out[0] = ebb_mul(ebb_mul(in[0], scale), ebb_sum(scale));
}

/* ---- as long as ---- */

static double next_of(double z) { return 1.5 * z + 0.1 * sin(z); }
static int steps_to_ten(double z) {
    int n = 0;
    for (; z < 10; z = next_of(z))
        n++;
    return n;
}

BODY(below_ten) {
    UNUSED;
    out[0] = ebb_lt(in[0], 10);
}
BODY(next) {
    UNUSED;
    out[0] = ebb_add(ebb_mul(1.5, in[0]), ebb_mul(0.1, ebb_sin(in[0])));
}
BODY(up_to_ten) {
    UNUSED;
    out[0] = ebb_while(e, below_ten, next, NULL, in[0]);
}
static ebb_tensor *next_times(ebb_context *e, ebb_tensor *x, int n) {
    for (int i = 0; i < n; i++)
        next(e, &x, &x, NULL);
    return x;
}
BODY(up_from_one) { /* from 1 */
    UNUSED;
    out[0] = next_times(e, in[0], steps_to_ten(1));
}
BODY(itself) {
    UNUSED;
    out[0] = in[0];
}

/* A counter that is no real number, and a second state. */
BODY(counts_to_five) {
    UNUSED;
    out[0] = ebb_lt(in[2], 5);
}
BODY(swap_and_count) {
    UNUSED;
    out[0] = ebb_mul(in[1], ebb_cos(in[0]));
    out[1] = in[0];
    out[2] = ebb_add(in[2], 1);
}
BODY(five_times) {
    UNUSED;
    ebb_tensor *r[3];
    ebb_while_n(e, counts_to_five, swap_and_count, NULL, EBB_OPERANDS(in[0], in[1], 0), r, NULL);
    out[0] = ebb_sub(r[0], ebb_square(r[1]));
}
BODY(plain_five_times) {
    UNUSED;
    ebb_tensor *a = in[0], *b = in[1];
    for (int i = 0; i < 5; i++) {
        ebb_tensor *old = a;
        a = ebb_mul(b, ebb_cos(a));
        b = old;
    }
    out[0] = ebb_sub(a, ebb_square(b));
}

/* ---- row after row ---- */

/* h' = tanh(W h + row), stacked as well; W comes from the function around. */
BODY(cell) {
    UNUSED;
    out[0] = out[1] = ebb_tanh(ebb_add(ebb_sum_over(ebb_mul((ebb_tensor *)data, in[0]), EBB_AXES(1), false), in[1]));
}
static ebb_tensor *network(ebb_context *e, ebb_tensor *const *in, const ebb_scan_options *options) {
    ebb_tensor *r[2];
    ebb_scan(e, cell, in[0], EBB_OPERANDS(ebb_ones(e, EBB_F64, EBB_SHAPE(2))), EBB_OPERANDS(in[1]), 1, r, options);
    return ebb_add(ebb_sum(ebb_square(r[1])), ebb_mul(ebb_sum(r[0]), ebb_sum(ebb_mul(r[1], in[1]))));
}
static ebb_tensor *row_of(ebb_tensor *x, int64_t i) {
    int64_t start[EBB_MAX_RANK] = {i}, stop[EBB_MAX_RANK] = {i + 1};
    for (int a = 1; a < ebb_rank(x); a++)
        stop[a] = INT64_MAX;
    return ebb_reshape_at(ebb_slice(x, start, stop, NULL), ebb_rank(x) - 1,
                          (const int64_t[]){ebb_dim(x, 1), ebb_dim(x, 2)}, NULL, 0);
}
static ebb_tensor *plain_network(ebb_context *e, ebb_tensor *const *in, bool reverse) {
    ebb_tensor *h = ebb_ones(e, EBB_F64, EBB_SHAPE(2)), *row[16];
    int n = (int)ebb_dim(in[1], 0);
    for (int k = 0; k < n; k++) {
        int i = reverse ? n - 1 - k : k;
        ebb_tensor *r[2];
        cell(e, (ebb_tensor *[]){h, row_of(in[1], i)}, r, in[0]);
        h = row[i] = r[0];
    }
    ebb_tensor *all = ebb_stack(n, row, 0);
    return ebb_add(ebb_sum(ebb_square(all)), ebb_mul(ebb_sum(h), ebb_sum(ebb_mul(all, in[1]))));
}
BODY(recurrent) {
    UNUSED;
    out[0] = network(e, in, NULL);
}
BODY(plain_recurrent) {
    UNUSED;
    out[0] = plain_network(e, in, false);
}
BODY(recurrent_back) {
    UNUSED;
    out[0] = network(e, in, &(ebb_scan_options){.reverse = true});
}
BODY(plain_recurrent_back) {
    UNUSED;
    out[0] = plain_network(e, in, true);
}

BODY(cube_sum) {
    UNUSED;
    out[0] = ebb_mul(ebb_sum(ebb_pow(in[0], 3)), in[1]);
}
BODY(each_row) {
    UNUSED;
    out[0] = ebb_map(e, cube_sum, NULL, in[0], in[1]);
}
BODY(plain_each_row) {
    UNUSED;
    out[0] = ebb_mul(ebb_sum_over(ebb_pow(in[0], 3), EBB_AXES(1), false), in[1]);
}

BODY(horner_step) {
    UNUSED;
    out[0] = ebb_add(ebb_mul(in[0], (ebb_tensor *)data), in[1]);
}
BODY(horner) {
    UNUSED;
    out[0] = ebb_fold(e, horner_step, in[0], 0.0, in[1]);
}
BODY(plain_horner) {
    UNUSED;
    ebb_tensor *p = ebb_scalar(e, 0.0);
    for (int i = 0; i < ebb_dim(in[1], 0); i++)
        horner_step(e, (ebb_tensor *[]){p, row_of(in[1], i)}, &p, in[0]);
    out[0] = p;
}

/* ---- no iteration, one iteration ---- */

BODY(never) {
    UNUSED;
    ebb_tensor *r[1];
    ebb_scan(e, next, NULL, EBB_OPERANDS(ebb_square(in[0])), EBB_NO_OPERANDS, 0, r, NULL);
    out[0] = ebb_exp(r[0]);
}
BODY(plain_never) {
    UNUSED;
    out[0] = ebb_exp(ebb_square(in[0]));
}
BODY(once) {
    UNUSED;
    ebb_tensor *r[1];
    ebb_scan(e, next, NULL, EBB_OPERANDS(ebb_square(in[0])), EBB_NO_OPERANDS, 0, r, (&(ebb_scan_options){.trips = 1}));
    out[0] = ebb_exp(r[0]);
}
BODY(plain_once) {
    UNUSED;
    out[0] = ebb_exp(next_times(e, ebb_square(in[0]), 1));
}
BODY(already_there) {
    UNUSED;
    out[0] = ebb_square(ebb_while(e, below_ten, next, NULL, ebb_add(in[0], 20)));
}
BODY(plain_already_there) {
    UNUSED;
    out[0] = ebb_square(ebb_add(in[0], 20));
}

/* ---- one in the other ---- */

BODY(row_up_to_ten) {
    UNUSED;
    out[0] = ebb_add(in[0], ebb_while(e, below_ten, next, NULL, in[1]));
}
BODY(while_in_fold) {
    UNUSED;
    out[0] = ebb_fold(e, row_up_to_ten, NULL, 0.0, in[0]);
}
BODY(plain_while_in_fold) { /* rows 0.5, 2, 20 */
    UNUSED;
    ebb_tensor *a = next_times(e, row_of(in[0], 0), steps_to_ten(0.5));
    ebb_tensor *b = next_times(e, row_of(in[0], 1), steps_to_ten(2));
    out[0] = ebb_add(ebb_add(a, b), row_of(in[0], 2));
}

BODY(times) {
    UNUSED;
    out[0] = ebb_mul(in[0], in[1]);
}
BODY(less) {
    UNUSED;
    out[0] = ebb_sub(in[0], ebb_exp(in[1]));
}
BODY(times_or_less) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(in[1], 0), times, less, NULL, in[0], in[1]);
}
BODY(cond_in_fold) {
    UNUSED;
    out[0] = ebb_fold(e, times_or_less, NULL, in[0], in[1]);
}
BODY(plain_cond_in_fold) { /* rows 0.5, -1, 2 */
    UNUSED;
    ebb_tensor *a = ebb_mul(in[0], row_of(in[1], 0)), *b = ebb_sub(a, ebb_exp(row_of(in[1], 1)));
    out[0] = ebb_mul(b, row_of(in[1], 2));
}

BODY(element_of_row) { /* data: what the outer loop captured */
    UNUSED;
    out[0] = ebb_add(ebb_sin(in[0]), ebb_mul(in[1], (ebb_tensor *)data));
}
BODY(whole_row) {
    UNUSED;
    out[0] = ebb_fold(e, element_of_row, data, in[0], in[1]);
}
BODY(fold_in_fold) {
    UNUSED;
    out[0] = ebb_fold(e, whole_row, in[0], in[0], in[1]);
}
BODY(plain_fold_in_fold) {
    UNUSED;
    ebb_tensor *h = in[0];
    for (int i = 0; i < ebb_dim(in[1], 0); i++)
        for (int j = 0; j < ebb_dim(in[1], 1); j++)
            element_of_row(e, (ebb_tensor *[]){h, row_of(row_of(in[1], i), j)}, &h, in[0]);
    out[0] = h;
}

BODY(loop_branch) {
    UNUSED;
    out[0] = ebb_mul(ebb_while(e, below_ten, next, NULL, in[0]), (ebb_tensor *)data);
}
BODY(other_branch) {
    UNUSED;
    out[0] = ebb_log(in[0]); /* NaN for a negative x, if it ran */
}
BODY(while_in_cond) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_lt(in[1], 0), loop_branch, other_branch, in[1], in[0]);
}
BODY(plain_while_in_cond) { /* from 1 */
    UNUSED;
    out[0] = ebb_mul(next_times(e, in[0], steps_to_ten(1)), in[1]);
}

/* ---- a derivative in a body: steps down a slope ---- */

static ebb_tensor *valley(ebb_tensor *x) { return ebb_sum(ebb_add(ebb_pow(x, 4), ebb_sin(x))); }
BODY(descend) {
    UNUSED;
    ebb_tape *tape = ebb_tape_start(e, EBB_TAPE_MANUAL);
    ebb_watch(tape, in[0]);
    out[0] = ebb_sub(in[0], ebb_mul(0.05, ebb_gradient(tape, valley(in[0]), in[0])));
}
BODY(descent) {
    UNUSED;
    ebb_tensor *r[1];
    ebb_scan(e, descend, NULL, EBB_OPERANDS(in[0]), EBB_NO_OPERANDS, 0, r, (&(ebb_scan_options){.trips = 3}));
    out[0] = valley(r[0]);
}
BODY(plain_descent) {
    UNUSED;
    ebb_tensor *x = in[0];
    for (int i = 0; i < 3; i++) /* the slope by hand */
        x = ebb_sub(x, ebb_mul(0.05, ebb_add(ebb_mul(4, ebb_pow(x, 3)), ebb_cos(x))));
    out[0] = valley(x);
}

/* ---- all of them ---- */

const flow_case flow_cases[] = {
    {"a branch that is taken", branch, grow, 1, {"[0.5, 1.5, -0.3]"}},
    {"a branch that is not taken", branch, shrink, 1, {"[0.5, -1.5, -0.3]"}},
    {"two results, a captured tensor", branch_of_two, plain_of_two, 2, {"[0.5, -1.5]", "[0.25, 1]"}},
    {"up to ten", up_to_ten, up_from_one, 1, {"1"}},
    {"up to ten, done already", up_to_ten, itself, 1, {"11"}},
    {"a counter beside", five_times, plain_five_times, 2, {"[0.5, 1]", "[1.25, -2]"}},
    {"a recurrent network",
     recurrent,
     plain_recurrent,
     2,
     {"[[0.5, -0.25], [0.125, 1]]", "[[0.5, 1], [-1, 0.25], [0.75, -0.5]]"}},
    {"the same from the end",
     recurrent_back,
     plain_recurrent_back,
     2,
     {"[[0.5, -0.25], [0.125, 1]]", "[[0.5, 1], [-1, 0.25], [0.75, -0.5]]"}},
    {"each row", each_row, plain_each_row, 2, {"[[0.5, 1], [-1, 0.25]]", "[2, 3]"}},
    {"Horner's rule", horner, plain_horner, 2, {"1.5", "[1, -2, 0.5, 3]"}},
    {"no iteration", never, plain_never, 1, {"[0.5, -1]"}},
    {"one iteration", once, plain_once, 1, {"[0.5, -1]"}},
    {"a condition that is false at once", already_there, plain_already_there, 1, {"0.5"}},
    {"while in fold", while_in_fold, plain_while_in_fold, 1, {"[0.5, 2, 20]"}},
    {"cond in fold", cond_in_fold, plain_cond_in_fold, 2, {"1.25", "[0.5, -1, 2]"}},
    {"fold in fold", fold_in_fold, plain_fold_in_fold, 2, {"0.75", "[[0.5, -1, 2], [1, 0.25, -0.5]]"}},
    {"while in cond", while_in_cond, plain_while_in_cond, 2, {"1", "-2"}},
    {"a gradient in a body", descent, plain_descent, 1, {"[0.5, -1]"}},
};
const int flow_case_count = sizeof flow_cases / sizeof *flow_cases;

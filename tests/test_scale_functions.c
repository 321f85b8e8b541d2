/* test_scale_functions.c - long bodies, long tapes, thousands of functions, of traces and of compiles: memory stays
 * flat, and everything runs on a stack of 256 kB. EBB_SCALE=full: the sizes that are asked for. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jit/load/load.h"
#include "tests/support/check.h"
#include "tests/support/scale.h"

/* What grew since `before` is less than `limit`. */
static void expect_flat(long before, long limit, const char *what) {
    long grown = resident_kb() - before;
    printf("scale: %s: %ld kB more\n", what, grown);
    cr_expect(SCALE_SANITIZED || grown < limit, "%s: %ld kB more, of at most %ld", what, grown, limit);
}

/* ---- what a person writes ---- */

static int64_t steps; /* of the loop in the body */

/* y = x / 2 + x, again and again, goes to 2 x. */
static void long_body(ebb_context *ebb, ebb_tensor *const *args, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = args[0];
    for (int64_t i = 0; i < steps; i += 2)
        out[0] = ebb_add(ebb_mul(out[0], 0.5), args[0]);
}

static void expect_number(ebb_tensor *got, double want, const char *what) {
    double value = ebb_item(got, 0);
    cr_expect(fabs(value - want) <= 1e-13 * want, "%s: %.17g, not %.17g", what, value, want);
}

SCALE_TEST(a_long_body_traced) {
    steps = sized(300000, 60000, 2000);
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *f = ebb_function_new(ebb, long_body, &(ebb_function_options){.name = "long"});
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_scalar(ebb, 3.0);
        expect_number(ebb_call(f, x), 6, "value");
        expect_number(ebb_call(ebb_grad(f, NULL), x), 2, "gradient");
        expect_number(ebb_call(ebb_jvp(f, NULL), x, x), 6, "value, by jvp");
    }
    expect_ok(ebb, "a body of %lld operations", (long long)steps);
    ebb_close(ebb);
}

/* sum of (x[i+1] - x[i]^2)^2: a tridiagonal Hessian. */
static void chained(ebb_context *ebb, ebb_tensor *const *args, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    const int64_t n = ebb_dim(args[0], 0), first[] = {0}, second[] = {1}, last[] = {n - 1}, end[] = {n};
    ebb_tensor *a = ebb_slice(args[0], first, last, NULL), *b = ebb_slice(args[0], second, end, NULL);
    out[0] = ebb_sum(ebb_square(ebb_sub(b, ebb_square(a))));
}

SCALE_TEST(a_sparse_hessian) {
    int64_t n = sized(1000000, 100000, 10000);
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *h = ebb_sparse_hessian(ebb_function_new(ebb, chained, NULL), NULL);
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_ones(ebb, EBB_F64, EBB_SHAPE(n)); /* where row i adds up to -4 + (12 - 4 + 2) - 4 */
        long before = resident_kb();
        const ebb_sparsity *s = ebb_sparsity_of(h, x);
        ebb_tensor *entries = ebb_call(h, x);
        cr_assert(s && ebb_ok(ebb), "%s", ebb_error(ebb));
        cr_expect(s->entries == 3 * n - 2 && s->forward == 3, "%lld entries", (long long)s->entries);
        expect_flat(before, (long)(n / 1024 * 8 * 100), "a sparse Hessian"); /* a hundred vectors */
        for (int64_t i = 1; i < n - 1; i++)
            cr_assert(ebb_item(entries, s->start[i]) == -4 && ebb_item(entries, s->start[i] + 1) == 10 &&
                          ebb_item(entries, s->start[i] + 2) == -4,
                      "row %lld", (long long)i);
    }
    ebb_close(ebb);
}

SCALE_TEST(a_long_tape) {
    steps = sized(300000, 100000, 2000);
    ebb_context *ebb = ebb_open(NULL);
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_scalar(ebb, 3.0), *y, *fan = x;
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
        ebb_watch(tape, x);
        long_body(ebb, &x, &y, NULL);
        for (int64_t i = 0; i < steps; i += 2)
            fan = ebb_add(fan, ebb_mul(x, 2));
        expect_number(ebb_gradient(tape, y, x), 2, "a chain");
        expect_number(ebb_gradient(tape, fan, x), (double)steps + 1, "a fan");
    }
    expect_ok(ebb, "a tape of %lld operations", (long long)steps);
    ebb_close(ebb);
}

static void small_body(ebb_context *ebb, ebb_tensor *const *args, ebb_tensor **out, void *data) {
    (void)ebb;
    out[0] = ebb_add(ebb_sum(ebb_mul(ebb_sin(args[0]), *(const double *)data)), 1);
}

static ebb_function *small_function(ebb_context *ebb, double *factor) {
    return ebb_function_new(ebb, small_body, &(ebb_function_options){.name = "small", .data = factor});
}

/* Made, called (or only traced) and freed, again and again. */
static void cycles(const char *what, int64_t count, bool call, long limit) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_tensor *x = ebb_full(ebb, EBB_F64, EBB_SHAPE(3), 0.5);
    long before = 0;
    for (int64_t i = 0; i < count; i++) {
        double factor = (double)i;
        if (i == count / 10) before = resident_kb();
        ebb_function *f = small_function(ebb, &factor);
        EBB_SCOPE (ebb) {
            if (call)
                expect_number(ebb_call(f, x), 3 * sin(0.5) * factor + 1, what);
            else
                cr_expect_not_null(ebb_get_concrete(f, 1, (ebb_operand[]){EBB_OPERAND(x)}), "%s", what);
        }
        ebb_function_free(f);
    }
    expect_flat(before, limit, what);
    cr_expect_eq(ebb_executable_live(), 0, "%s: code that was not given back", what);
    expect_ok(ebb, "%s", what);
    ebb_close(ebb);
}

SCALE_TEST(compile_and_free) { cycles("compile, call, free", sized(10000, 400, 50), true, 1024); }
SCALE_TEST(trace_and_free) { cycles("trace, free", sized(10000, 10000, 1000), false, 512); }

/* One function is traced again for each number, and freed with all its traces. */
SCALE_TEST(retraces) {
    int64_t count = sized(2500, 1000, 100);
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_scalar(ebb, 1.0);
    long before = 0;
    for (int round = 0; round < 4; round++) {
        steps = 4;
        ebb_function *f = ebb_function_new(ebb, long_body, &(ebb_function_options){.name = "again"});
        for (int64_t i = 0; i < count; i++)
            EBB_SCOPE (ebb)
                ebb_get_concrete(f, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND((double)i)}));
        cr_expect_eq(ebb_trace_count(f), count, "%d traces", ebb_trace_count(f));
        ebb_function_free(f);
        if (round < 2) before = resident_kb(); /* twice: the first look trims, and the next round takes that back */
    }
    expect_flat(before, 512, "retraces");
    expect_ok(ebb, "retraces");
    ebb_close(ebb);
}

/* H088 */
SCALE_TEST(functions_side_by_side) {
    int64_t count = sized(3000, 300, 50);
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_tensor *x = ebb_full(ebb, EBB_F64, EBB_SHAPE(3), 0.5);
    ebb_function **f = calloc((size_t)count, sizeof *f);
    double *factor = calloc((size_t)count, sizeof *factor);
    long before = 0;
    for (int64_t i = 0; i < count; i++) {
        factor[i] = (double)i;
        f[i] = small_function(ebb, &factor[i]);
        EBB_SCOPE (ebb)
            ebb_call(f[i], x);
        if (i == 0) before = resident_kb();
    }
    cr_expect_eq(ebb_executable_live(), count, "%lld alive", (long long)ebb_executable_live());
    for (int64_t i = 0; i < count; i++)
        EBB_SCOPE (ebb)
            expect_number(ebb_call(f[i], x), 3 * sin(0.5) * factor[i] + 1, "one of many");
    printf("scale: %lld functions: %ld kB for each\n", (long long)count, (resident_kb() - before) / count);
    for (int64_t i = 0; i < count; i++)
        ebb_function_free(f[i]);
    cr_expect_eq(ebb_executable_live(), 0, "%lld not given back", (long long)ebb_executable_live());
    expect_flat(before, 4096 + 4 * count, "functions side by side");
    expect_ok(ebb, "functions side by side");
    ebb_close(ebb);
    free(f);
    free(factor);
}

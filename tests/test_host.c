/* test_host.c - the program around us: its floating-point environment. Forks and limits are in test_host_limits.c.
 *
 * Cases carry the numbers of the list of hard cases. Most change the process for good, so each is a test of its own,
 * which Criterion runs in its own process. */
#include <criterion/criterion.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jit/graph/text.h"
#include "tests/support/check.h"

/* ---- H091, H092: whatever the host's floating-point environment, the numbers are the same ---- */

/* What a piece of work gave, as bytes: looking at numbers would be arithmetic in the host's environment. */
typedef struct record {
    unsigned char bytes[1 << 14];
    size_t length;
} record;

static void keep_bytes(record *r, const void *from, size_t bytes) {
    cr_assert(r->length + bytes <= sizeof r->bytes);
    memcpy(r->bytes + r->length, from, bytes);
    r->length += bytes;
}

static void keep(record *r, ebb_tensor *x) {
    char text[1024];
    size_t bytes = (size_t)ebb_size(x) * (ebb_dtype_of(x) == EBB_F64 || ebb_dtype_of(x) == EBB_I64 ? 8 : 4);
    cr_assert_not_null(ebb_data(x));
    keep_bytes(r, ebb_data(x), bytes);
    ebb_format(x, text, sizeof text);
    keep_bytes(r, text, strlen(text));
}

/* Divisions by zero, overflow, underflow, invalid operations, inexact ones. */
static ebb_tensor *hard_formula(ebb_tensor *x) {
    ebb_tensor *y[] = {ebb_div(1, x),
                       ebb_div(x, 3),
                       ebb_log(x),
                       ebb_sqrt(x),
                       ebb_exp(ebb_mul(x, 1e30)),
                       ebb_mul(ebb_mul(x, 1e-30), 1e-30),
                       ebb_tanh(x),
                       ebb_pow(x, -1.5)};
    return ebb_concat((int)(sizeof y / sizeof *y), y, 0);
}

static ebb_tensor *hard_numbers(ebb_context *ebb, ebb_dtype dtype) {
    static const char *const text = "[0, -0., 1, -1, 1e-40, 3e38, 0.1, 7, -2.5, 1e-20, 1e20]";
    return ebb_literal(ebb, text, dtype);
}

static void hard_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = hard_formula(in[0]);
}

/* Folded while it is traced. */
static void constant_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    ebb_tensor *x = ebb_literal(ebb, "[0, 1e-40, 3e38, -1, 0.1, 3]", EBB_F32);
    ebb_tensor *zero = ebb_scalar_at(ebb, EBB_F32, ebb_operand_long(0));
    ebb_tensor *y = ebb_add(ebb_div(x, zero), ebb_div(ebb_log(x), 3));
    out[0] = ebb_add(ebb_add(y, ebb_mul(ebb_mul(x, x), 1e-10)), ebb_mul(0, in[0]));
}

static void loss_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_tensor *y = ebb_softmax(ebb_matmul(in[0], in[1]), 1);
    out[0] = ebb_add(ebb_mean(ebb_log(y)), ebb_mean_over(ebb_square(in[1]), EBB_AXES(0, 1), false));
}

/* An exponent that a host which flushes subnormals takes for 0. */
static void power_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_pow(in[0], 1e-310);
}

static void eager(ebb_context *ebb, record *r) {
    keep(r, hard_formula(hard_numbers(ebb, EBB_F32)));
    keep(r, hard_formula(hard_numbers(ebb, EBB_F64)));
    keep(r, ebb_cast(hard_numbers(ebb, EBB_F64), EBB_F32));
    keep(r, ebb_cast(hard_numbers(ebb, EBB_F64), EBB_I32));
    keep(r, ebb_lgamma(hard_numbers(ebb, EBB_F64)));
    keep(r, ebb_sum(hard_numbers(ebb, EBB_F32)));
}

static void made(ebb_context *ebb, record *r) {
    keep(r, ebb_full(ebb, EBB_F32, EBB_SHAPE(3), 1e300));
    keep(r, ebb_full(ebb, EBB_F32, EBB_SHAPE(3), 1e-42));
    keep(r, ebb_scalar(ebb, 0.1));
    keep(r, ebb_literal(ebb, "[1e-320, 0.1, 1e308, 123456789012345678901234567890]", EBB_F64));
    keep(r, ebb_range(ebb, EBB_F32, 20));
    keep(r, ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(9), -0.1, 0.3));
    keep(r, ebb_random_normal(ebb, EBB_F64, EBB_SHAPE(9), 0.1, 0.3));
    double item = ebb_item(ebb_scalar(ebb, INT64_MAX), 0);
    keep_bytes(r, &item, sizeof item);
}

static void called(ebb_context *ebb, record *r) {
    ebb_function *f = ebb_function_new(ebb, hard_body, NULL), *g = ebb_function_new(ebb, constant_body, NULL);
    keep(r, ebb_call(f, hard_numbers(ebb, EBB_F32)));
    keep(r, ebb_call(f, hard_numbers(ebb, EBB_F64)));
    keep(r, ebb_call(g, ebb_ones(ebb, EBB_F32, EBB_SCALAR)));
}

static void evaluated(ebb_context *ebb, record *r) {
    setenv("EBB_JIT", "off", 1);
    called(ebb, r);
    unsetenv("EBB_JIT");
}

static void differentiated(ebb_context *ebb, record *r) {
    ebb_tensor *x = ebb_literal(ebb, "[[0.1, 0.2], [1e-30, 3]]", EBB_F32);
    ebb_function *f = ebb_function_new(ebb, loss_body, NULL);
    keep(r, ebb_call(ebb_grad(f, EBB_WRT(1)), x, x));
    keep(r, ebb_call(ebb_hessian(f, EBB_WRT(1)), x, x));
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_sum(ebb_div(ebb_sqrt(x), 3));
    keep(r, ebb_gradient(tape, y, x));
    ebb_function *power = ebb_function_new(ebb, power_body, NULL);
    ebb_tensor *half = ebb_scalar(ebb, 0.5), *both[2];
    ebb_operand line[2] = {EBB_OPERAND(half), EBB_OPERAND(half)};
    keep(r, ebb_call(ebb_grad(power, NULL), half));
    keep(r, ebb_call(ebb_vmap(ebb_grad(power, NULL), NULL), ebb_literal(ebb, "[0.5, 0.7]", EBB_F64)));
    ebb_call_n(ebb_jet(power, NULL, 3), 2, line, 2, both);
    keep(r, both[1]);
}

static void formulas(ebb_context *ebb, record *r) {
    ebb_function *f = ebb_expression(ebb, "1/3 + 2^0.5 + x/(1/0) + exp(x)/0.7", 1, (const char *[]){"x"});
    keep(r, ebb_call(f, ebb_scalar(ebb, 0.1)));
    keep(r, ebb_call(ebb_grad(f, NULL), ebb_scalar(ebb, 0.1)));
    const char *text = ebb_concrete_text(ebb_get_concrete(f, 1, &(ebb_operand){.tensor = ebb_scalar(ebb, 0.3)}));
    keep_bytes(r, text, strlen(text));
}

static void trained(ebb_context *ebb, record *r) {
    ebb_tensor *w = ebb_variable(ebb, ebb_literal(ebb, "[[0.1, 0.2], [0.3, 0.7]]", EBB_F32), "w");
    ebb_optimizer *adam = ebb_adam(ebb, NULL);
    for (int step = 0; step < 3; step++) {
        EBB_SCOPE (ebb) {
            ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
            ebb_tensor *g = ebb_gradient(tape, ebb_mean(ebb_log(ebb_softmax(ebb_matmul(w, w), 1))), w);
            ebb_apply_gradients(adam, 1, &g, &w);
        }
    }
    keep(r, w);
    ebb_layer *layer = ebb_dense(ebb, &(ebb_dense_options){.inputs = 3, .outputs = 2});
    keep(r, ebb_layer_call(layer, ebb_literal(ebb, "[[0.1, 0.2, 0.3]]", EBB_F32)));
}

static const struct {
    const char *name;
    void (*run)(ebb_context *ebb, record *r);
} works[] = {{"eager operations", eager},
             {"making and reading", made},
             {"functions", called},
             {"functions without code", evaluated},
             {"derivatives", differentiated},
             {"expressions", formulas},
             {"training", trained}};
#define WORKS ((int)(sizeof works / sizeof *works))

static void work(int w, record *r) {
    ebb_context *ebb = ebb_open(NULL);
    r->length = 0;
    works[w].run(ebb, r);
    expect_ok(ebb, "%s", works[w].name);
    ebb_close(ebb);
}

/* What a host may set, and the flags of what happened. */
typedef struct control {
    unsigned vectors, x87, flags;
} control;

#ifdef __x86_64__
static control control_now(void) {
    unsigned mxcsr;
    unsigned short x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return (control){mxcsr & ~0x3Fu, x87, mxcsr & 0x3Fu};
}
static void flush_subnormals(void) {
    unsigned mxcsr = control_now().vectors | 0x8040u;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}
#else
static control control_now(void) {
    return (control){(unsigned)fegetround(), (unsigned)fegetexcept(), (unsigned)fetestexcept(FE_ALL_EXCEPT)};
}
static void flush_subnormals(void) {}
#endif

static bool same_control(control x, control y) { return x.vectors == y.vectors && x.x87 == y.x87; }

static void trap_some(void) { feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW); }
static void trap_all(void) { feenableexcept(FE_ALL_EXCEPT); }
static void round_up(void) { fesetround(FE_UPWARD); }
static void round_to_zero(void) { fesetround(FE_TOWARDZERO); }
static void everything(void) {
    fesetround(FE_DOWNWARD);
    flush_subnormals();
    feenableexcept(FE_ALL_EXCEPT);
}

static const struct {
    const char *name;
    void (*set)(void);
} hosts[] = {{"H091 signals at zero division, overflow and invalid operations", trap_some},
             {"H091 a signal at every exception", trap_all},
             {"H091 rounding up", round_up},
             {"H091 rounding to zero", round_to_zero},
             {"H092 subnormals flushed to zero", flush_subnormals},
             {"H091 H092 all of it", everything}};

static sigjmp_buf after_signal;
static void on_signal(int number) { siglongjmp(after_signal, number); }

/* The same work in the default environment and in the host's; the latter is left as it was, its sticky flags too. */
static void work_in_host(int h, int w, const record *expected) {
    static record got;
    control before = {0}, after = {0};
    hosts[h].set();
    if (sigsetjmp(after_signal, 1) == 0) {
        before = control_now();
        work(w, &got);
        after = control_now();
        fesetenv(FE_DFL_ENV);
    } else {
        fesetenv(FE_DFL_ENV);
        cr_assert_fail("%s, %s: a signal", hosts[h].name, works[w].name);
    }
    cr_expect(same_control(before, after) && before.flags == after.flags, "%s, %s: the environment was changed",
              hosts[h].name, works[w].name);
    cr_expect(got.length == expected->length && memcmp(got.bytes, expected->bytes, got.length) == 0,
              "%s, %s: other numbers", hosts[h].name, works[w].name);
}

Test(host, H091_H092_no_floating_point_environment_changes_the_numbers) {
    static record expected;
    signal(SIGFPE, on_signal);
    for (int w = 0; w < WORKS; w++) {
        work(w, &expected);
        cr_assert(expected.length > 0);
        for (size_t h = 0; h < sizeof hosts / sizeof *hosts; h++)
            work_in_host((int)h, w, &expected);
    }
}

/* In the default environment too nothing changes but the flags. */
Test(host, H092_the_control_bits_stay_as_they_are) {
    static record r;
    for (int w = 0; w < WORKS; w++) {
        control before = control_now();
        work(w, &r);
        cr_expect(same_control(before, control_now()), "%s", works[w].name);
    }
}

/* The raw entry is the machine's own: it runs in the environment of its caller. */
Test(host, H091_raw_native_code_runs_in_the_callers_environment) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_function *f = ebb_expression(ebb, "x/3", 1, (const char *[]){"x"});
    ebb_native n = ebb_native_of(ebb_get_concrete(f, 1, &(ebb_operand){.tensor = ebb_scalar(ebb, 1.0)}));
    cr_assert(n.entry && n.work_bytes == 0);
    double x = 1, nearest = 0, up = 0;
    n.entry((const void *[]){&x}, (void *[]){&nearest}, NULL);
    fesetround(FE_UPWARD);
    n.entry((const void *[]){&x}, (void *[]){&up}, NULL);
    cr_expect_eq(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    cr_expect(nearest < up, "%a, %a", nearest, up);
    ebb_close(ebb);
}

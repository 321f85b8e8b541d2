/* test_no_engine.c - without the compiler: EBB_JIT=off, or an engine that is not where EBB_ENGINE says. Functions that
 * need not be native run on the evaluator with the same numbers; the others say clearly why they cannot run. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/load/load.h"
#include "tests/support/check.h"

static const struct {
    const char *name, *variable, *value, *says;
} ways[] = {{"compiling is off", "EBB_JIT", "off", "EBB_JIT=off"},
            {"no engine there", "EBB_ENGINE", "/nowhere/ebb-engine.so", "/nowhere/ebb-engine.so"},
            {"not a module", "EBB_ENGINE", "/etc/passwd", "/etc/passwd"}};

static void loss(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_tensor *v = data;
    ebb_assign_add(v, 1);
    out[0] = ebb_sum(ebb_mul(ebb_square(in[0]), v));
}

static int said;
static void listen(void *self, const char *message) { said += strstr(message, self) != NULL; }

static void with_evaluator(const char *name, const char *says) {
    ebb_context *ebb = ebb_open(&(ebb_options){.log = listen, .log_self = (void *)says});
    ebb_tensor *v = ebb_variable(ebb, ebb_literal(ebb, "1", EBB_F64), "v"), *x = ebb_literal(ebb, "[1, 2, 3]", EBB_F64);
    ebb_function *f = ebb_function_new(ebb, loss, &(ebb_function_options){.name = "loss", .data = v});
    said = 0;
    expect_text(ebb_call(f, x), "28.0", "%s: value", name);
    expect_text(ebb_call(f, x), "42.0", "%s: the variable was updated", name);
    expect_text(ebb_call(ebb_grad(f, NULL), x), "[ 8. 16. 24.]", "%s: gradient", name);
    expect_text(v, "4.0", "%s: state of the gradient's call", name);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    expect_text(ebb_gradient(tape, ebb_call(f, x), x), "[10. 20. 30.]", "%s: tape", name);
    ebb_concrete *c = ebb_get_concrete(f, 1, &(ebb_operand){.tensor = x});
    cr_expect(!ebb_concrete_is_native(c), "%s", name);
    cr_expect(said > 0, "%s: the log says why", name);
    expect_ok(ebb, "%s", name);
    cr_expect_null(ebb_native_of(c).entry);
    expect_error(ebb, EBB_UNAVAILABLE, says, "%s: raw native code", name);
    ebb_close(ebb);
}

static void asking_for_native(const char *name, const char *says) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_tensor *v = ebb_variable(ebb, ebb_literal(ebb, "1", EBB_F64), "v"), *x = ebb_literal(ebb, "[1, 2, 3]", EBB_F64);
    ebb_function *f = ebb_function_new(ebb, loss, &(ebb_function_options){.name = "loss", .data = v});
    for (int round = 0; round < 2; round++) {
        cr_expect(ebb_is_poison(ebb_call(f, x)), "%s, round %d", name, round);
        expect_error(ebb, EBB_UNAVAILABLE, says, "%s, round %d", name, round);
    }
    expect_text(v, "1.0", "%s: nothing was updated", name);
    ebb_close(ebb);
}

static void run(int way) {
    setenv(ways[way].variable, ways[way].value, 1);
    with_evaluator(ways[way].name, ways[way].says);
    asking_for_native(ways[way].name, ways[way].says);
    cr_expect_eq(ebb_executable_live(), 0);
}

/* Each in a process of its own: an engine that is open stays open. */
Test(no_engine, compiling_is_off) { run(0); }
Test(no_engine, no_engine_there) { run(1); }
Test(no_engine, not_a_module) { run(2); }

/* A failure is not remembered by functions that must be native. */
Test(no_engine, an_engine_that_comes_later_is_used) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_tensor *v = ebb_variable(ebb, ebb_literal(ebb, "1", EBB_F64), "v"), *x = ebb_literal(ebb, "[1, 2, 3]", EBB_F64);
    ebb_function *f = ebb_function_new(ebb, loss, &(ebb_function_options){.data = v});
    setenv("EBB_JIT", "off", 1);
    ebb_call(f, x);
    expect_error(ebb, EBB_UNAVAILABLE, "EBB_JIT", "switched off");
    unsetenv("EBB_JIT");
    expect_text(ebb_call(f, x), "28.0", "switched on");
    expect_ok(ebb, "switched on");
    ebb_close(ebb);
}

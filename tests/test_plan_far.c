/* test_plan_far.c - plans of programs whose values are too large to be near when the next kernel reads them, as text.
 */
#include <criterion/criterion.h>

#include "jit/plan/plan.h"
#include "tests/support/parsed.h"

static const struct {
    const char *name, *program, *plan;
} goldens[] = {
    /* clang-format off */
    {"what is large and spread out of less is computed where it is read, though a product wants it in memory",
     "func far(%1: f64[512], %2: f64[64], %3: f64[64,64]) {\n"
     " %4 f64[512] = tanh %1\n"
     " %5 f64[512,64] = broadcast %4 {axes=[0]}\n"
     " %6 f64[512,64] = broadcast %2 {axes=[1]}\n"
     " %7 f64[512,64] = mul %5, %6\n"
     " %8 f64[512,64] = square %7\n"
     " %9 f64[512,64] = sub %8, %5\n"
     " %10 f64[512,64] = dot %9, %3 {tx=0, ty=0}\n"
     " %11 f64[512,64] = mul %10, %9\n"
     " %12 f64[512] = sum %11 {axes=[1]}\n"
     " return %12\n"
     "}\n",
     "plan far: 4 steps, arena 528384\n"
     "0 kernel [512]\n"
     "  %0 f64 row load in0 {1}\n"
     "  %1 f64 row tanh %0\n"
     "  store %1 row to arena0:4096 {1}\n"
     "1 kernel [512][64]\n"
     "  %0 f64 row load arena0:4096 {1,0}\n"
     "  %1 f64 row load in1 {0,1}\n"
     "  %2 f64 row mul %0 %1\n"
     "  %3 f64 row square %2\n"
     "  %4 f64 row sub %3 %0\n"
     "  store %4 row to arena4096:262144 {64,1}\n"
     "2 routine dot arena4096:262144 in2 -> arena266240:262144 {5,1,512,64,64,0,0}\n"
     "3 kernel [512][64*] 1 pass\n"
     "  %0 f64 element load arena266240:262144 {64,1}\n"
     "  %1 f64 row load arena0:4096 {1,0}\n"
     "  %2 f64 element load in1 {0,1}\n"
     "  %3 f64 element mul %1 %2\n"
     "  %4 f64 element square %3\n"
     "  %5 f64 element sub %4 %1\n"
     "  %6 f64 element mul %0 %5\n"
     "  %7 f64 row sum %6 pass 0\n"
     "  store %7 row to out0 {1,0}\n",
    },
    {"what is large and costs some more is computed again, if that reads no more than it would have itself",
     "func again(%1: f64[512,64], %2: f64[512]) {\n"
     " %3 f64[512,64] = tanh %1\n"
     " %4 f64[512,64] = broadcast %2 {axes=[0]}\n"
     " %5 f64[512,64] = mul %3, %4\n"
     " %6 f64[512,64] = square %5\n"
     " %7 f64[512,64] = add %6, %4\n"
     " %8 f64[512,64] = neg %7\n"
     " %9 f64[64] = sum %8 {axes=[0]}\n"
     " %10 f64[512] = sum %8 {axes=[1]}\n"
     " return %3, %9, %10\n"
     "}\n",
     "plan again: 2 steps, arena 0\n"
     "0 kernel [512*][64] 1 pass\n"
     "  %0 f64 element load in0 {64,1}\n"
     "  %1 f64 element tanh %0\n"
     "  %2 f64 element load in1 {1,0}\n"
     "  %3 f64 element mul %1 %2\n"
     "  %4 f64 element square %3\n"
     "  %5 f64 element add %4 %2\n"
     "  %6 f64 element neg %5\n"
     "  %7 f64 row sum %6 pass 0\n"
     "  store %1 element to out0 {64,1} pass 0\n"
     "  store %7 row to out1 {0,1}\n"
     "1 kernel [512][64*] 1 pass\n"
     "  %0 f64 element load out0 {64,1}\n"
     "  %1 f64 row load in1 {1,0}\n"
     "  %2 f64 element mul %0 %1\n"
     "  %3 f64 element square %2\n"
     "  %4 f64 element add %3 %1\n"
     "  %5 f64 element neg %4\n"
     "  %6 f64 row sum %5 pass 0\n"
     "  store %6 row to out2 {1,0}\n",
    },
    /* clang-format on */
};

/* Where such sizes are called near, the plans are others. */
Test(plan_far, goldens) {
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        ebb_diag diag = {0};
        ebb_graph *g = parsed(goldens[i].program);
        ebb_plan *plan = ebb_plan_new(g, &(ebb_plan_options){0}, &diag),
                 *near = ebb_plan_new(g, &(ebb_plan_options){.far_bytes = 1 << 20}, &diag);
        cr_assert(plan && near, "%s: %s", goldens[i].name, diag.message);
        char *text = ebb_plan_print(plan), *other = ebb_plan_print(near);
        cr_expect_str_eq(text, goldens[i].plan, "%s: the plan is now\n%s", goldens[i].name, text);
        cr_expect_str_neq(text, other, "%s: the same if it is near", goldens[i].name);
        ebb_mem_free(g->allocator, text);
        ebb_mem_free(g->allocator, other);
        ebb_plan_free(plan);
        ebb_plan_free(near);
        ebb_graph_release(g);
    }
}

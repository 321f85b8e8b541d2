/* test_plan_text.c - plans of well-known programs, as text: what is one kernel, in how many passes, what is stored. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/graph/text.h"
#include "jit/plan/plan.h"
#include "tests/support/parsed.h"

static const struct {
    const char *name, *program, *plan;
    int32_t alias[4];
} goldens[] = {
    /* clang-format off */
    {"one step of a linear regression is one kernel",
     "func step(%1: f32[], %2: f32[], %3: f32[100], %4: f32[100], %5: f32[]) {\n"
     " %6 f32[100] = broadcast %1 {axes=[]}\n"
     " %7 f32[100] = mul %3, %6\n"
     " %8 f32[100] = broadcast %2 {axes=[]}\n"
     " %9 f32[100] = add %7, %8\n"
     " %10 f32[100] = sub %9, %4\n"
     " %11 f32[100] = square %10\n"
     " %12 f32[] = sum %11 {axes=[0]}\n"
     " %13 f32[100] = mul %10, %3\n"
     " %14 f32[] = sum %13 {axes=[0]}\n"
     " %15 f32[] = sum %10 {axes=[0]}\n"
     " %16 f32[] = mul %5, %14\n"
     " %17 f32[] = mul %5, %15\n"
     " %18 f32[] = sub %1, %16\n"
     " %19 f32[] = sub %2, %17\n"
     " return %12, %18, %19\n"
     "}\n",
     "plan step: 1 steps, arena 0\n"
     "0 kernel [100*] 1 pass\n"
     "  %0 f32 element load in2 {1}\n"
     "  %1 f32 kernel load in0 {0}\n"
     "  %2 f32 element mul %0 %1\n"
     "  %3 f32 kernel load in1 {0}\n"
     "  %4 f32 element add %2 %3\n"
     "  %5 f32 element load in3 {1}\n"
     "  %6 f32 element sub %4 %5\n"
     "  %7 f32 element square %6\n"
     "  %8 f32 kernel sum %7 pass 0\n"
     "  %9 f32 element mul %6 %0\n"
     "  %10 f32 kernel sum %9 pass 0\n"
     "  %11 f32 kernel sum %6 pass 0\n"
     "  %12 f32 kernel load in4 {0}\n"
     "  %13 f32 kernel mul %12 %10\n"
     "  %14 f32 kernel mul %12 %11\n"
     "  %15 f32 kernel sub %1 %13\n"
     "  %16 f32 kernel sub %3 %14\n"
     "  store %8 kernel to out0 {0}\n"
     "  store %15 kernel to out1 {0}\n"
     "  store %16 kernel to out2 {0}\n",
     {-1, 0, 1, -1}},
    {"pads are read where they are used: what lies outside is 0",
     "func stencil(%1: f64[9]) {\n"
     " %2 f64[8] = slice %1 {start=[1], step=[1]}\n"
     " %3 f64[8] = slice %1 {start=[0], step=[1]}\n"
     " %4 f64[8] = mul %2, %3\n"
     " %5 f64[8] = tanh %4\n"
     " %6 f64[9] = pad %4 {low=[1], high=[0], gap=[0]}\n"
     " %7 f64[9] = pad %5 {low=[0], high=[1], gap=[0]}\n"
     " %8 f64[9] = add %6, %7\n"
     " return %8\n"
     "}\n",
     "plan stencil: 1 steps, arena 0\n"
     "0 kernel [9]\n"
     "  %0 i64 row iota 0 {1}\n"
     "  %1 i64 kernel const 8\n"
     "  %2 bool row lt %0 %1\n"
     "  %3 f64 row load in0+1 {1} where %2\n"
     "  %4 f64 row load in0 {1}\n"
     "  %5 f64 row mul %3 %4\n"
     "  %6 f64 row tanh %5\n"
     "  %7 f64 kernel const 0\n"
     "  %8 f64 row select %2 %6 %7\n"
     "  %9 i64 kernel const 1\n"
     "  %10 bool row ge %0 %9\n"
     "  %11 f64 row load in0+-1 {1} where %10\n"
     "  %12 f64 row mul %4 %11\n"
     "  %13 f64 row select %10 %12 %7\n"
     "  %14 f64 row add %13 %8\n"
     "  store %14 row to out0 {1}\n",
     {-1}},
    {"a softmax is one kernel of rows, its exp is spilled",
     "func softmax(%1: f32[64,10]) {\n"
     " %2 f32[64] = reduce_max %1 {axes=[1]}\n"
     " %3 f32[64,10] = broadcast %2 {axes=[0]}\n"
     " %4 f32[64,10] = sub %1, %3\n"
     " %5 f32[64,10] = exp %4\n"
     " %6 f32[64] = sum %5 {axes=[1]}\n"
     " %7 f32[64,10] = broadcast %6 {axes=[0]}\n"
     " %8 f32[64,10] = div %5, %7\n"
     " return %8\n"
     "}\n",
     "plan softmax: 1 steps, arena 2560\n"
     "0 kernel [64][10*] 3 passes\n"
     "  %0 f32 element load in0 {10,1}\n"
     "  %1 f32 row reduce_max %0 pass 0\n"
     "  %2 f32 element sub %0 %1\n"
     "  %3 f32 element exp %2\n"
     "  %4 f32 row sum %3 pass 1\n"
     "  %5 f32 element load arena0:2560 {10,1} from pass 2\n"
     "  %6 f32 element div %5 %4\n"
     "  store %3 element to arena0:2560 {10,1} pass 1\n"
     "  store %6 element to out0 {10,1} pass 2\n",
     {-1, -1, -1, -1}},
    {"a cross entropy and its gradient: rows, then the mean",
     "func loss(%1: f32[64,10], %2: f32[64,10]) {\n"
     " %3 f32[64] = reduce_max %1 {axes=[1]}\n"
     " %4 f32[64,10] = broadcast %3 {axes=[0]}\n"
     " %5 f32[64,10] = sub %1, %4\n"
     " %6 f32[64,10] = exp %5\n"
     " %7 f32[64] = sum %6 {axes=[1]}\n"
     " %8 f32[64] = log %7\n"
     " %9 f32[64,10] = broadcast %8 {axes=[0]}\n"
     " %10 f32[64,10] = sub %5, %9\n"
     " %11 f32[64,10] = mul %10, %2\n"
     " %12 f32[64] = sum %11 {axes=[1]}\n"
     " %13 f32[] = sum %12 {axes=[0]}\n"
     " %14 f32[64,10] = broadcast %7 {axes=[0]}\n"
     " %15 f32[64,10] = div %6, %14\n"
     " %16 f32[64,10] = sub %15, %2\n"
     " return %13, %16\n"
     "}\n",
     "plan loss: 2 steps, arena 2816\n"
     "0 kernel [64][10*] 3 passes\n"
     "  %0 f32 element load in0 {10,1}\n"
     "  %1 f32 row reduce_max %0 pass 0\n"
     "  %2 f32 element sub %0 %1\n"
     "  %3 f32 element exp %2\n"
     "  %4 f32 row sum %3 pass 1\n"
     "  %5 f32 row log %4\n"
     "  %6 f32 element sub %2 %5\n"
     "  %7 f32 element load in1 {10,1}\n"
     "  %8 f32 element mul %6 %7\n"
     "  %9 f32 row sum %8 pass 2\n"
     "  %10 f32 element load arena0:2560 {10,1} from pass 2\n"
     "  %11 f32 element div %10 %4\n"
     "  %12 f32 element sub %11 %7\n"
     "  store %9 row to arena2560:256 {1,0}\n"
     "  store %3 element to arena0:2560 {10,1} pass 1\n"
     "  store %12 element to out1 {10,1} pass 2\n"
     "1 kernel [64*] 1 pass\n"
     "  %0 f32 element load arena2560:256 {1}\n"
     "  %1 f32 kernel sum %0 pass 0\n"
     "  store %1 kernel to out0 {0}\n",
     {-1, -1, -1, -1}},
    {"a layer's gradient: the mask is computed again, the bias' gradient is in the same kernel",
     "func back(%1: f32[64,32], %2: f32[32], %3: f32[64,32]) {\n"
     " %4 f32[64,32] = broadcast %2 {axes=[1]}\n"
     " %5 f32[64,32] = add %1, %4\n"
     " %6 f32[] = constant 0\n"
     " %7 f32[64,32] = broadcast %6 {axes=[]}\n"
     " %8 bool[64,32] = gt %5, %7\n"
     " %9 f32[64,32] = select %8, %3, %7\n"
     " %10 f32[32] = sum %9 {axes=[0]}\n"
     " %11 f32[32] = sub %2, %10\n"
     " return %9, %11\n"
     "}\n",
     "plan back: 1 steps, arena 0\n"
     "0 kernel [64*][32] 1 pass\n"
     "  %0 f32 element load in0 {32,1}\n"
     "  %1 f32 row load in1 {0,1}\n"
     "  %2 f32 element add %0 %1\n"
     "  %3 f32 kernel const 0\n"
     "  %4 bool element gt %2 %3\n"
     "  %5 f32 element load in2 {32,1}\n"
     "  %6 f32 element select %4 %5 %3\n"
     "  %7 f32 row sum %6 pass 0\n"
     "  %8 f32 row sub %1 %7\n"
     "  store %6 element to out0 {32,1} pass 0\n"
     "  store %8 row to out1 {0,1}\n",
     {-1, 1, -1, -1}},
    {"views are strides; what has no strides is an alias",
     "func views(%1: f64[6,4], %2: f64[4,3]) {\n"
     " %3 f64[4,6] = transpose %1 {perm=[1,0]}\n"
     " %4 f64[4,3] = slice %3 {start=[0,1], step=[1,2]}\n"
     " %5 f64[4,3] = add %4, %2\n"
     " %6 f64[4,1,3] = reshape %5\n"
     " %7 f64[4,3] = reshape %6\n"
     " %8 f64[24] = reshape %1\n"
     " %9 f64[24] = tanh %8\n"
     " %10 f64[4,6] = reshape %9\n"
     " %11 f64[4,6] = add %10, %3\n"
     " return %7, %11\n"
     "}\n",
     "plan views: 3 steps, arena 192\n"
     "0 kernel [4][3]\n"
     "  %0 f64 row load in0+4 {1,8}\n"
     "  %1 f64 row load in1 {3,1}\n"
     "  %2 f64 row add %0 %1\n"
     "  store %2 row to out0 {3,1}\n"
     "1 kernel [24]\n"
     "  %0 f64 row load in0 {1}\n"
     "  %1 f64 row tanh %0\n"
     "  store %1 row to arena0:192 {1}\n"
     "2 kernel [4][6]\n"
     "  %0 f64 row load arena0:192 {6,1}\n"
     "  %1 f64 row load in0 {1,4}\n"
     "  %2 f64 row add %0 %1\n"
     "  store %2 row to out1 {6,1}\n",
     {-1, -1, -1, -1}},
    {"pooling reads overlapping windows where they lie",
     "func pool(%1: f32[7,9,4]) {\n"
     " %2 f32[7,4,3,4] = windows %1 {axis=1, size=3, stride=2, dilation=1}\n"
     " %3 f32[2,2,4,3,4] = windows %2 {axis=0, size=2, stride=2, dilation=3}\n"
     " %4 f32[2,3,2,4,4] = transpose %3 {perm=[1,3,0,2,4]}\n"
     " %5 f32[2,4,4] = reduce_max %4 {axes=[0,1]}\n"
     " return %5\n"
     "}\n",
     "plan pool: 1 steps, arena 0\n"
     "0 kernel [2*][3*][2][4][4] 1 pass\n"
     "  %0 f32 element load in0 {108,4,72,8,1}\n"
     "  %1 f32 row reduce_max %0 pass 0\n"
     "  store %1 row to out0 {0,0,16,4,1}\n",
     {-1, -1, -1, -1}},
    {"sums of floats keep their axes, other axes are merged",
     "func merged(%1: f32[2,3,4,5], %2: i32[2,3,4,5]) {\n"
     " %3 f32[2,3] = sum %1 {axes=[2,3]}\n"
     " %4 i32[2,3] = sum %2 {axes=[2,3]}\n"
     " %5 f32[4,5] = sum %1 {axes=[0,1]}\n"
     " %6 f32[2,3] = reduce_max %1 {axes=[2,3]}\n"
     " return %3, %4, %5, %6\n"
     "}\n",
     "plan merged: 4 steps, arena 0\n"
     "0 kernel [6][4*][5*] 1 pass\n"
     "  %0 f32 element load in0 {20,5,1}\n"
     "  %1 f32 row sum %0 pass 0\n"
     "  store %1 row to out0 {1,0,0}\n"
     "1 kernel [6][20*] 1 pass\n"
     "  %0 i32 element load in1 {20,1}\n"
     "  %1 i32 row sum %0 pass 0\n"
     "  store %1 row to out1 {1,0}\n"
     "2 kernel [6*][20] 1 pass\n"
     "  %0 f32 element load in0 {20,1}\n"
     "  %1 f32 row sum %0 pass 0\n"
     "  store %1 row to out2 {0,1}\n"
     "3 kernel [6][20*] 1 pass\n"
     "  %0 f32 element load in0 {20,1}\n"
     "  %1 f32 row reduce_max %0 pass 0\n"
     "  store %1 row to out3 {1,0}\n",
     {-1, -1, -1, -1}},
    {"updates of one shape are one kernel, in place",
     "func adam(%1: f32[8,4], %2: f32[8,4], %3: f32[8,4]) {\n"
     " %4 f32[] = constant 0.5\n"
     " %5 f32[8,4] = broadcast %4 {axes=[]}\n"
     " %6 f32[8,4] = mul %2, %5\n"
     " %7 f32[8,4] = add %6, %3\n"
     " %8 f32[8,4] = tanh %7\n"
     " %9 f32[8,4] = sub %1, %8\n"
     " return %9, %7\n"
     "}\n",
     "plan adam: 1 steps, arena 0\n"
     "0 kernel [32]\n"
     "  %0 f32 row load in1 {1}\n"
     "  %1 f32 kernel const 0.5\n"
     "  %2 f32 row mul %0 %1\n"
     "  %3 f32 row load in2 {1}\n"
     "  %4 f32 row add %2 %3\n"
     "  %5 f32 row tanh %4\n"
     "  %6 f32 row load in0 {1}\n"
     "  %7 f32 row sub %6 %5\n"
     "  store %4 row to out1 {1}\n"
     "  store %7 row to out0 {1}\n",
     {0, 1, -1, -1}},
    /* clang-format on */
};

static ebb_plan *plan_of(const ebb_graph *g, const int32_t *alias) {
    ebb_diag diag = {0};
    ebb_plan *plan = ebb_plan_new(g, &(ebb_plan_options){.alias = alias}, &diag);
    cr_assert_not_null(plan, "%s", diag.message);
    return plan;
}

Test(plan_text, goldens) {
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        ebb_graph *g = parsed(goldens[i].program);
        ebb_plan *plan = plan_of(g, goldens[i].alias);
        char *text = ebb_plan_print(plan);
        cr_expect_str_eq(text, goldens[i].plan, "%s: the plan is now\n%s", goldens[i].name, text);
        ebb_mem_free(g->allocator, text);
        ebb_plan_free(plan);
        ebb_graph_release(g);
    }
}

/* A perceptron's value and gradients: five products, and between them as few kernels as there can be. */
static const char perceptron[] =
    "func mlp(%1: f32[784,128], %2: f32[128], %3: f32[128,10], %4: f32[10], %5: f32[64,784], %6: i64[64]) {\n"
    " %7 f32[64,128] = dot %5, %1 {tx=0, ty=0}\n"
    " %8 f32[64,128] = broadcast %2 {axes=[1]}\n"
    " %9 f32[64,128] = add %7, %8\n"
    " %10 f32[64,128] = relu %9\n"
    " %11 f32[64,10] = dot %10, %3 {tx=0, ty=0}\n"
    " %12 f32[64,10] = broadcast %4 {axes=[1]}\n"
    " %13 f32[64,10] = add %11, %12\n"
    " %14 f32[64] = sparse_softmax_cross_entropy %13, %6\n"
    " %15 f32[] = mean %14 {axes=[0]}\n"
    " return %15\n}";

/* Every parameter is replaced by itself minus its gradient. */
static ebb_graph *descend(ebb_graph *grad, int n) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_graph_new(grad->allocator, &diag, "step");
    ebb_id arg[8], all, next[8];
    for (int k = 0; k < grad->inputs; k++)
        arg[k] = ebb_add_input(g, ebb_type_of(grad, grad->input[k]), (ebb_site){0});
    all = ebb_record_call(g, grad, grad->inputs, arg, (ebb_site){0});
    ebb_add_output(g, ebb_record_get(g, all, 0, (ebb_site){0}));
    for (int k = 0; k < n; k++) {
        const ebb_id x[] = {arg[k], ebb_record_get(g, all, k + 1, (ebb_site){0})};
        next[k] = ebb_record(g, &(ebb_application){.op = EBB_OP_sub}, 2, x);
        ebb_add_output(g, next[k]);
    }
    ebb_graph *e = ebb_expand(g, false, NULL, &diag);
    cr_assert_not_null(e, "%s", diag.message);
    ebb_graph_release(g);
    return e;
}

Test(plan_text, one_step_of_a_perceptron) {
    static const int wrt[] = {0, 1, 2, 3};
    ebb_diag diag = {0};
    ebb_graph *f = parsed(perceptron);
    ebb_graph *grad = ebb_grad_graph(f, &(ebb_dual_spec){.nwrt = 4, .wrt = wrt, .value = true}, &diag);
    cr_assert_not_null(grad, "%s", diag.message);
    ebb_graph *g = descend(grad, 4);
    ebb_plan *plan = plan_of(g, (const int32_t[]){-1, 0, 1, 2, 3});
    int kind[3] = {0};
    for (int t = 0; t < plan->steps; t++)
        kind[plan->step[t].kind]++;
    char *text = ebb_plan_print(plan);
    cr_expect_eq(kind[EBB_STEP_ROUTINE], 5, "%s", text);
    cr_expect_leq(kind[EBB_STEP_KERNEL], 7, "%s", text);
    cr_expect_eq(kind[EBB_STEP_COPY], 0, "%s", text);
    ebb_mem_free(g->allocator, text);
    ebb_plan_free(plan);
    ebb_graph_release(g);
    ebb_graph_release(grad);
    ebb_graph_release(f);
}

/* test_nests.c - what shares a loop nest: ragged kernels, whose members differ in length along the last axis, and short
 * axes that are walked within each vector. Which programs have a ragged kernel, and that every length, at every vector
 * width, gives the evaluator's bits. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"
#include "tests/support/parsed.h"
#include "tests/support/plan_run.h"
#include "tests/support/random_graph.h"

static ebb_diag diag;

/* In the texts N, M, L and K are n, n - 1, n - 2 and n - 3. */
static ebb_graph *program(const char *text, int n) {
    static char full[4096];
    char *to = full;
    for (; *text; text++)
        if (strchr("NMLK", *text))
            to += sprintf(to, "%d", n - (*text == 'M' ? 1 : *text == 'L' ? 2 : *text == 'K' ? 3 : 0));
        else
            *to++ = *text;
    *to = 0;
    return parsed(full);
}

#define NEIGHBOURS(T)                                                                                                  \
    " %2 " T "[M] = slice %1 {start=[0], step=[1]}\n %3 " T "[M] = slice %1 {start=[1], step=[1]}\n"                   \
    " %4 " T "[M] = square %2\n %5 " T "[M] = sub %3, %4\n %6 " T "[M] = square %5\n"

/* What the directions have in common are four operations, cheap enough to be computed where they are used. */
#define POINT(D)                                                                                                       \
    "func f(%1: f64[N], %2: f64[" #D                                                                                   \
    ",N]) {\n %3 f64[N] = square %1\n %4 f64[N] = sub %3, %1\n %5 f64[N] = mul %4, %1\n"                               \
    " %6 f64[N] = abs %1\n %7 f64[" #D ",N] = broadcast %5 {axes=[1]}\n %8 f64[" #D ",N] = broadcast %6 {axes=[1]}\n"  \
    " %9 f64[" #D ",N] = mul %2, %7\n %10 f64[" #D ",N] = add %9, %8\n return %10\n}"

static const struct {
    const char *name, *text;
    bool gradient; /* the program is the function's value and gradient */
    int kernels, ragged;
} programs[] = {
    {"a sum over neighbours and its gradient",
     "func f(%1: f64[N]) {\n" NEIGHBOURS("f64") " %7 f64[] = sum %6 {axes=[0]}\n return %7\n}", true, 1, 1},
    {"the same in f32", "func f(%1: f32[N]) {\n" NEIGHBOURS("f32") " %7 f32[] = sum %6 {axes=[0]}\n return %7\n}", true,
     1, 1},
    {"second differences and their gradient",
     "func f(%1: f64[N]) {\n %2 f64[L] = slice %1 {start=[0], step=[1]}\n %3 f64[L] = slice %1 {start=[1], step=[1]}\n"
     " %4 f64[L] = slice %1 {start=[2], step=[1]}\n %5 f64[L] = add %2, %4\n %6 f64[L] = sub %5, %3\n"
     " %7 f64[L] = square %6\n %8 f64[] = sum %7 {axes=[0]}\n return %8\n}",
     true, 1, 1},
    {"rows",
     "func f(%1: f32[3,N]) {\n %2 f32[3,M] = slice %1 {start=[0,0], step=[1,1]}\n"
     " %3 f32[3,M] = slice %1 {start=[0,1], step=[1,1]}\n %4 f32[3,M] = sub %3, %2\n %5 f32[3,M] = square %4\n"
     " %6 f32[] = sum %5 {axes=[0,1]}\n return %6\n}",
     true, 1, 1},
    {"results of three lengths",
     "func f(%1: f32[N]) {\n %2 f32[M] = slice %1 {start=[1], step=[1]}\n %3 f32[K] = slice %1 {start=[3], step=[1]}\n"
     " %4 f32[N] = square %1\n %5 f32[M] = neg %2\n %6 f32[K] = abs %3\n return %4, %5, %6\n}",
     false, 1, 1},
    {"a sum that is longer than what is stored",
     "func f(%1: f64[N]) {\n %2 f64[N] = square %1\n %3 f64[] = sum %2 {axes=[0]}\n"
     " %4 f64[K] = slice %1 {start=[2], step=[1]}\n %5 f64[K] = neg %4\n %6 f64[] = reduce_max %2 {axes=[0]}\n"
     " return %3, %5, %6\n}",
     false, 1, 1},
    {"row results behind a ragged pass",
     "func f(%1: f64[2,N]) {\n %2 f64[2,M] = slice %1 {start=[0,1], step=[1,1]}\n %3 f64[2,M] = square %2\n"
     " %4 f64[2] = sum %3 {axes=[1]}\n %5 f64[2,N] = neg %1\n %6 f64[2] = sqrt %4\n return %4, %5, %6\n}",
     false, 1, 1},
    {"a state in place beside a sum over neighbours",
     "func f(%1: f64[N], %8: f64[N]) {\n" NEIGHBOURS("f64") " %7 f64[] = sum %6 {axes=[0]}\n"
                                                            " %9 f64[N] = sub %8, %1\n return %7, %9\n}",
     false, 1, 1},
    {"sums of two lengths",
     "func f(%1: f64[N]) {\n %2 f64[M] = slice %1 {start=[1], step=[1]}\n %3 f64[] = sum %2 {axes=[0]}\n"
     " %4 f64[] = sum %1 {axes=[0]}\n return %3, %4\n}",
     false, 2, 0},
    {"columns",
     "func f(%1: f64[3,N]) {\n %2 f64[3,M] = slice %1 {start=[0,1], step=[1,1]}\n %3 f64[M] = sum %2 {axes=[0]}\n"
     " %4 f64[3,N] = neg %1\n return %3, %4\n}",
     false, 2, 0},
    {"what needs the sum first",
     "func f(%1: f64[N]) {\n %2 f64[M] = slice %1 {start=[1], step=[1]}\n %3 f64[M] = square %2\n"
     " %4 f64[] = sum %3 {axes=[0]}\n %5 f64[N] = broadcast %4 {axes=[]}\n %6 f64[N] = mul %1, %5\n return %4, %6\n}",
     false, 2, 0},
    {"three directions at one point", POINT(3), false, 1, 0},
    {"four directions", POINT(4), false, 1, 0},
    {"more than are worth it", POINT(5), false, 1, 0},
    {"directions that differ in length",
     "func f(%1: f64[N], %2: f64[2,N], %3: i32[N]) {\n %4 f64[N] = square %1\n %5 f64[N] = sub %4, %1\n"
     " %6 f64[2,N] = broadcast %5 {axes=[1]}\n %7 f64[2,N] = mul %2, %6\n %8 i32[2,N] = iota {axis=0}\n"
     " %9 i32[2,N] = broadcast %3 {axes=[1]}\n %10 bool[2,N] = eq %9, %8\n %11 f64[2,N] = cast %10\n"
     " %12 f64[2,N] = add %11, %7\n %13 f64[2,M] = slice %12 {start=[0,0], step=[1,1]}\n"
     " %14 f64[N] = neg %1\n %15 f64[N] = abs %14\n %16 f64[2,N] = broadcast %15 {axes=[1]}\n"
     " %17 f64[2,N] = pad %13 {low=[0,1], high=[0,0], gap=[0,0]}\n %18 f64[2,N] = sub %17, %16\n"
     " %19 f64[2,M] = slice %2 {start=[0,1], step=[1,1]}\n %20 f64[2,M] = mul %19, %19\n return %18, %20\n}",
     false, 1, 1},
    {"a short head",
     "func f(%1: f64[N]) {\n %2 f64[3] = slice %1 {start=[0], step=[1]}\n %3 f64[3] = neg %2\n %4 f64[N] = square %1\n"
     " return %3, %4\n}",
     false, 2, 0},
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static ebb_graph *made(int i, int n) {
    ebb_graph *f = program(programs[i].text, n), *g = f;
    diag = (ebb_diag){0};
    if (programs[i].gradient)
        g = ebb_grad_graph(f, &(ebb_dual_spec){.nwrt = 1, .wrt = (const int[]){0}, .value = true}, &diag);
    cr_assert_not_null(g, "%s: %s", programs[i].name, diag.message);
    ebb_graph *ready = ebb_expand(g, false, NULL, &diag);
    cr_assert_not_null(ready, "%s: %s", programs[i].name, diag.message);
    if (g != f) ebb_graph_release(g);
    ebb_graph_release(f);
    return ready;
}

static ebb_plan *planned(const ebb_graph *g, ebb_plan_options options) {
    ebb_plan *plan = ebb_plan_new(g, &options, &diag);
    cr_assert_not_null(plan, "%s", diag.message);
    cr_assert_null(plan_fault(plan), "%s", plan_fault(plan));
    return plan;
}

static bool is_ragged(const ebb_kernel *k) {
    for (int32_t i = 0; i < k->count; i++)
        if (k->inst[i].span) return true;
    return false;
}

/* ---- which ---- */

static void expect_kernels(int i, bool no_ragged) {
    ebb_graph *g = made(i, 100);
    ebb_plan *plan = planned(g, (ebb_plan_options){.no_ragged = no_ragged});
    int kernels = 0, ragged = 0;
    for (int32_t t = 0; t < plan->steps; t++) {
        kernels += plan->step[t].kind == EBB_STEP_KERNEL;
        ragged += plan->step[t].kind == EBB_STEP_KERNEL && is_ragged(&plan->step[t].kernel);
    }
    char *text = ebb_plan_print(plan);
    cr_expect_eq(ragged, no_ragged ? 0 : programs[i].ragged, "%s: %s", programs[i].name, text);
    if (no_ragged)
        cr_expect_geq(kernels, programs[i].kernels + programs[i].ragged, "%s: %s", programs[i].name, text);
    else
        cr_expect_eq(kernels, programs[i].kernels, "%s: %s", programs[i].name, text);
    ebb_mem_free(g->allocator, text);
    ebb_plan_free(plan);
    ebb_graph_release(g);
}

Test(nests, which_programs) {
    for (int i = 0; i < PROGRAMS; i++) {
        expect_kernels(i, false);
        expect_kernels(i, true);
    }
}

/* ---- to the bit ---- */

enum { MOST = 4 };
typedef struct rooms {
    void *in[MOST], *out[MOST], *wanted[MOST];
    size_t bytes[MOST]; /* of the results */
} rooms;

static void *room(const ebb_graph *g, ebb_id id, size_t *bytes) {
    ebb_type type = ebb_type_of(g, id);
    int64_t n = 0;
    ebb_type_bytes(&type, &n);
    *bytes = (size_t)n;
    return calloc(1, (size_t)n + 8);
}

static void open_rooms(rooms *r, const ebb_graph *g) {
    for (int k = 0; k < g->inputs; k++) {
        size_t bytes;
        r->in[k] = room(g, g->input[k], &bytes);
        ebb_dtype dtype = ebb_dtype_at(g, g->input[k]);
        ebb_random_fill((uint64_t)k + 1, dtype, (int64_t)(bytes / ebb_dtype_size(dtype)), false, r->in[k]);
    }
    for (int j = 0; j < g->outputs; j++) {
        r->out[j] = room(g, g->output[j], &r->bytes[j]);
        r->wanted[j] = room(g, g->output[j], &r->bytes[j]);
    }
    cr_assert(ebb_eval_graph(g, NULL, (const void *const *)r->in, r->wanted, g->allocator, &diag), "%s", diag.message);
}

static void close_rooms(rooms *r, const ebb_graph *g) {
    for (int k = 0; k < g->inputs; k++)
        free(r->in[k]);
    for (int j = 0; j < g->outputs; j++)
        free(r->out[j]), free(r->wanted[j]);
}

/* Results lie over the second parameter, if it is given to one. */
static void expect_same(const char *what, const ebb_graph *g, rooms *r, const int32_t *alias) {
    for (int j = 0; j < g->outputs; j++) {
        const void *have = alias && alias[j] >= 0 ? r->in[alias[j]] : r->out[j];
        cr_expect(memcmp(have, r->wanted[j], r->bytes[j]) == 0, "%s: result %d", what, j);
    }
}

static bool run_natively(const ebb_plan *plan, int bits, rooms *r, void *const *out) {
    ebb_executable *x = ebb_compile(plan, &(ebb_compile_options){.vector_bits = bits}, &diag);
    if (!x && bits > 128 && diag.code == EBB_UNAVAILABLE) return false;
    cr_assert_not_null((void *)x, "%s", diag.message);
    void *work = aligned_alloc(64, ((size_t)ebb_executable_work(x) + 127) / 64 * 64);
    cr_expect_eq(ebb_executable_entry(x)((const void *const *)r->in, out, work), EBB_OK);
    free(work);
    ebb_executable_release(x);
    return true;
}

/* bits: 0, the plan's naive interpreter. */
static bool check(int i, int n, int bits, bool in_place) {
    static const int32_t over[MOST] = {-1, 1, -1, -1};
    char what[200];
    ebb_graph *g = made(i, n);
    rooms r;
    void *out[MOST];
    const int32_t *alias = in_place && g->inputs > 1 ? over : NULL;
    snprintf(what, sizeof what, "%s, n = %d, %d bits%s", programs[i].name, n, bits, alias ? ", in place" : "");
    ebb_plan *plan = planned(g, (ebb_plan_options){.alias = alias});
    open_rooms(&r, g);
    for (int j = 0; j < g->outputs; j++)
        out[j] = alias && alias[j] >= 0 ? r.in[alias[j]] : r.out[j];
    bool ran = bits == 0 ? plan_run(plan, (const void *const *)r.in, out) == EBB_OK : run_natively(plan, bits, &r, out);
    if (ran) expect_same(what, g, &r, alias);
    close_rooms(&r, g);
    ebb_plan_free(plan);
    ebb_graph_release(g);
    return ran;
}

/* Around vectors, chunks of sixteen and thirty-two, and blocks of sums (2048 numbers of f64, 4096 of f32). */
static const int lengths[] = {4,  5,  6,   7,   8,   9,   15,  16,   17,   18,   19,   31,   32,   33,
                              34, 63, 130, 145, 146, 500, 999, 2047, 2048, 2049, 2050, 4097, 4099, 8195};

Test(nests, every_length_and_width_to_the_bit) {
    int cases = 0;
    for (int i = 0; i < PROGRAMS; i++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            cases += check(i, lengths[l], 0, l % 2);
            cases += check(i, lengths[l], 128 << (l + (size_t)i) % 3, l % 2);
        }
    printf("cases: %d programs, lengths and widths\n", cases);
}

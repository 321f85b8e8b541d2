/* test_plan.c - plans run by a naive interpreter give what the evaluator gives, to the bit, on random programs; and
 * what is fused, viewed, written in place and cut is what should be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/graph/build.h"
#include "jit/graph/text.h"
#include "jit/plan/plan.h"
#include "tests/support/parsed.h"
#include "support/plan_run.h"
#include "support/random_graph.h"
#include "tests/support/scarce.h"

static ebb_diag diag;

/* ---- running both ways ---- */

typedef struct buffers {
    void **in, **out, **expected;
} buffers;

static int64_t bytes_of(const ebb_graph *g, ebb_id id) {
    ebb_type t = ebb_type_of(g, id);
    int64_t bytes = 0;
    ebb_type_bytes(&t, &bytes);
    return bytes;
}

static int64_t count_of(const ebb_graph *g, ebb_id id) {
    int64_t n = 0;
    ebb_shape_size(ebb_shape_of(g, id), &n);
    return n;
}

static void fill(const ebb_graph *g, void **in, uint64_t seed) {
    for (int k = 0; k < g->inputs; k++)
        ebb_random_fill(seed + (uint64_t)k, ebb_dtype_at(g, g->input[k]), count_of(g, g->input[k]), seed % 3 == 0,
                        in[k]);
}

static void **rooms(const ebb_graph *g, const ebb_id *id, int n) {
    void **room = calloc((size_t)n + 1, sizeof *room);
    for (int i = 0; i < n; i++)
        room[i] = calloc(1, (size_t)bytes_of(g, id[i]) + 8);
    return room;
}

static void free_rooms(void **room, int n) {
    for (int i = 0; i < n; i++)
        free(room[i]);
    free(room);
}

/* Equal to the bit, but for what a NaN carries. */
static bool same(ebb_dtype dtype, const void *x, const void *y, int64_t n) {
    size_t size = ebb_dtype_size(dtype);
    for (int64_t i = 0; i < n; i++) {
        const char *a = (const char *)x + i * (int64_t)size, *b = (const char *)y + i * (int64_t)size;
        double u = 0, v = 0;
        if (dtype == EBB_F32) u = (double)*(const float *)a, v = (double)*(const float *)b;
        if (dtype == EBB_F64) u = *(const double *)a, v = *(const double *)b;
        if (memcmp(a, b, size) && !(u != u && v != v)) return false;
    }
    return true;
}

static char *text_of(const ebb_plan *plan) {
    char *text = ebb_plan_print(plan);
    cr_assert_not_null(text);
    return text;
}

static void show(const char *what, const ebb_graph *g, const ebb_plan *plan) {
    char *program = ebb_graph_print(g, &diag), *text = text_of(plan);
    cr_log_error("%s\n%s\n%s", what, program ? program : "?", text);
    ebb_mem_free(g->allocator, program);
    ebb_mem_free(g->allocator, text);
}

/* Runs a plan against the evaluator; result j has parameter alias[j]'s memory if `shared`. */
static bool agrees(const char *what, const ebb_graph *g, const ebb_plan *plan, const int32_t *alias, bool shared,
                   uint64_t seed) {
    buffers b = {rooms(g, g->input, g->inputs), rooms(g, g->output, g->outputs), rooms(g, g->output, g->outputs)};
    void **to = calloc((size_t)g->outputs + 1, sizeof *to);
    bool ok = true;
    cr_assert_null(plan_fault(plan), "%s: %s", what, plan_fault(plan));
    fill(g, b.in, seed);
    cr_assert(ebb_eval_graph(g, NULL, (const void *const *)b.in, b.expected, g->allocator, &diag), "%s: %s", what,
              diag.message);
    for (int j = 0; j < g->outputs; j++)
        to[j] = shared && alias && alias[j] >= 0 ? b.in[alias[j]] : b.out[j];
    cr_assert_eq(plan_run(plan, (const void *const *)b.in, to), EBB_OK, "%s", what);
    for (int j = 0; j < g->outputs && ok; j++) {
        ebb_id y = g->output[j];
        ok = y == EBB_ABSENT || same(ebb_dtype_at(g, y), to[j], b.expected[j], count_of(g, y));
        if (!ok) cr_log_error("%s: result %d differs%s", what, j, shared ? " in place" : "");
    }
    if (!ok) show(what, g, plan);
    free(to);
    free_rooms(b.in, g->inputs);
    free_rooms(b.out, g->outputs);
    free_rooms(b.expected, g->outputs);
    return ok;
}

static ebb_plan *plan_with(const ebb_graph *g, ebb_plan_options options) {
    diag = (ebb_diag){0};
    ebb_plan *plan = ebb_plan_new(g, &options, &diag);
    cr_assert_not_null(plan, "%s", diag.message);
    return plan;
}

static bool check(const char *what, const ebb_graph *g, const int32_t *alias, uint64_t seed) {
    const ebb_plan_options options[] = {{.alias = alias},
                                        {.alias = alias, .no_fusion = true},
                                        {.alias = alias, .no_ragged = true},
                                        {.alias = alias, .scalar_chunk = 8, .far_bytes = 1}};
    bool ok = true;
    for (size_t i = 0; i < sizeof options / sizeof *options && ok; i++) {
        ebb_plan *plan = plan_with(g, options[i]);
        char name[256];
        snprintf(name, sizeof name, "%s, options %zu", what, i);
        ok = agrees(name, g, plan, alias, false, seed) && agrees(name, g, plan, alias, true, seed);
        ebb_plan_free(plan);
    }
    return ok;
}

static ebb_graph *expanded(ebb_graph *g) {
    ebb_graph *e = ebb_expand_to_run(g, &diag);
    cr_assert_not_null(e, "%s", diag.message);
    ebb_graph_release(g);
    return e;
}

/* ---- random programs ---- */

static const struct {
    const char *name;
    int seeds;
    ebb_random_options o;
} families[] = {
    {"small", 300, {.nodes = 12, .state = 2}},
    {"middling", 200, {.nodes = 30, .outputs = 5, .state = 3}},
    {"exact", 150, {.nodes = 40, .outputs = 6, .state = 3, .exact = true, .size = 5}},
    {"no routines", 200, {.nodes = 40, .no_whole = true, .rank = 2, .size = 7, .state = 2}},
    {"few shapes", 200, {.nodes = 50, .no_whole = true, .no_empty = true, .rank = 2, .size = 2, .state = 3}},
    {"scalars", 100, {.nodes = 60, .no_whole = true, .rank = 1, .size = 1, .state = 3, .outputs = 8}},
    {"neighbours", 150, {.nodes = 30, .rank = 2, .size = 20, .state = 3, .neighbours = true}},
    {"many axes", 100, {.nodes = 25, .rank = 5, .size = 4, .state = 2}},
    {"long sums", 40, {.nodes = 12, .rank = 2, .size = 300, .no_whole = true, .no_empty = true}},
};

Test(plan, random_programs) {
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (int s = 0; s < families[f].seeds; s++) {
            ebb_graph *g = expanded(ebb_random_graph((uint64_t)s, &families[f].o));
            int32_t alias[64];
            char name[64];
            snprintf(name, sizeof name, "%s, seed %d", families[f].name, s);
            ebb_random_alias(g, &families[f].o, alias);
            cr_assert(check(name, g, alias, (uint64_t)s), "%s", name);
            ebb_graph_release(g);
        }
}

Test(plan, random_gradients) {
    ebb_random_options o = {.nodes = 16, .outputs = 1, .smooth = true, .no_empty = true, .size = 6};
    for (int s = 0; s < 200; s++) {
        o.neighbours = s % 2;
        ebb_graph *f = ebb_random_graph((uint64_t)s, &o);
        int wrt[8], n = 0;
        for (int k = 0; k < f->inputs && n < 8; k++)
            if (ebb_is_float(ebb_dtype_at(f, f->input[k]))) wrt[n++] = k;
        diag = (ebb_diag){0};
        ebb_graph *g = ebb_grad_graph(f, &(ebb_dual_spec){.nwrt = n, .wrt = wrt, .results = 1, .value = true}, &diag);
        cr_assert_not_null(g, "seed %d: %s", s, diag.message);
        g = expanded(g);
        cr_assert(check("gradient", g, NULL, (uint64_t)s), "seed %d", s);
        ebb_graph_release(g);
        ebb_graph_release(f);
    }
}

/* ---- in place or not ---- */

static int steps_of(const ebb_plan *plan, ebb_step_kind kind) {
    int n = 0;
    for (int t = 0; t < plan->steps; t++)
        n += plan->step[t].kind == kind;
    return n;
}

static const struct {
    const char *name;
    int32_t alias[3];
    int copies;
    const char *text;
} places[] = {
    {"same index", {0}, 0, "func f(%1: f32[9], %2: f32[9]) {\n %3 f32[9] = sub %1, %2\n return %3\n}"},
    {"transposed",
     {0},
     1,
     "func f(%1: f32[3,3]) {\n %2 f32[3,3] = transpose %1 {perm=[1,0]}\n %3 f32[3,3] = add %2, %1\n return %3\n}"},
    {"read in an earlier pass and the same",
     {0},
     0,
     "func f(%1: f32[9]) {\n %2 f32[] = sum %1 {axes=[0]}\n %3 f32[9] = broadcast %2 {axes=[]}\n"
     " %4 f32[9] = sub %1, %3\n return %4\n}"},
    {"read in a later pass",
     {0, -1},
     1,
     "func f(%1: f32[9]) {\n %2 f32[9] = tanh %1\n %3 f32[] = sum %2 {axes=[0]}\n %4 f32[9] = broadcast %3 {axes=[]}\n"
     " %5 f32[9] = mul %1, %4\n return %2, %5\n}"},
    {"one row for all",
     {0},
     1,
     "func f(%1: f32[3,4]) {\n %2 f32[1,4] = slice %1 {start=[0,0], step=[1,1]}\n %3 f32[4] = reshape %2\n"
     " %4 f32[3,4] = broadcast %3 {axes=[1]}\n %5 f32[3,4] = add %1, %4\n return %5\n}"},
    {"a later step reads it",
     {0, -1},
     1,
     "func f(%1: f32[3,3]) {\n %2 f32[3,3] = tanh %1\n %3 f32[3,3] = dot %2, %1 {tx=0, ty=0}\n return %2, %3\n}"},
    {"an earlier step reads it",
     {0},
     0,
     "func f(%1: f32[3,3]) {\n %2 f32[3,3] = dot %1, %1 {tx=0, ty=0}\n %3 f32[3,3] = sub %1, %2\n return %3\n}"},
    {"a product over its operand",
     {0},
     1,
     "func f(%1: f32[3,3]) {\n %2 f32[3,3] = dot %1, %1 {tx=0, ty=0}\n return %2\n}"},
    {"scatter_add over its operand",
     {0},
     0,
     "func f(%1: f32[5], %2: f32[2]) {\n %3 i64[2] = iota {axis=0}\n %4 f32[5] = scatter_add %1, %3, %2 {axis=0}\n"
     " return %4\n}"},
    {"windows that turn it",
     {0},
     1,
     "func f(%1: f32[2,2]) {\n %2 f32[4] = reshape %1\n %3 f32[2,2] = windows %2 {axis=0, size=2, stride=1, "
     "dilation=2}\n %4 f32[2,2] = neg %3\n return %4\n}"},
    {"another result reads it, the store does not",
     {0, -1},
     1,
     "func f(%1: f32[9], %2: f32[9], %3: f32[9]) {\n %4 f32[9] = mul %2, %3\n %5 f32[9] = mul %1, %3\n return %4, "
     "%5\n}"},
    {"another result reads it, the store too",
     {0, -1},
     0,
     "func f(%1: f32[9], %2: f32[9]) {\n %3 f32[9] = mul %1, %2\n %4 f32[9] = add %1, %2\n return %3, %4\n}"},
    {"a row value",
     {0},
     0,
     "func f(%1: f32[6], %2: f32[6,9]) {\n %3 f32[6] = sum %2 {axes=[1]}\n %4 f32[6] = sub %1, %3\n return %4\n}"},
    {"a column value that elements read",
     {0},
     0,
     "func f(%1: f32[9], %2: f32[6,9]) {\n %3 f32[6,9] = broadcast %1 {axes=[1]}\n %4 f32[6,9] = sub %2, %3\n"
     " %5 f32[9] = sum %4 {axes=[0]}\n %6 f32[9] = sub %1, %5\n return %6\n}"},
    {"a scalar that elements read",
     {0, 1},
     0,
     "func f(%1: f32[], %2: f32[], %3: f32[9]) {\n %4 f32[9] = broadcast %1 {axes=[]}\n %5 f32[9] = mul %3, %4\n"
     " %6 f32[] = sum %5 {axes=[0]}\n %7 f32[] = mul %2, %6\n %8 f32[] = sub %1, %7\n %9 f32[] = sub %2, %6\n"
     " return %8, %9\n}"},
    {"a parameter as it is", {0}, 1, "func f(%1: f32[9]) {\n return %1\n}"},
    {"two parameters swapped", {0, 1}, 4, "func f(%1: f32[9], %2: f32[9]) {\n return %2, %1\n}"},
    {"the old value as a result", {0, -1}, 2, "func f(%1: f32[9]) {\n %2 f32[9] = tanh %1\n return %2, %1\n}"},
    {"a loop's state over its first value",
     {0},
     1,
     "func step(%1: f32[9]) {\n %2 f32[9] = add %1, %1\n return %2\n}\n"
     "func f(%1: f32[9]) {\n %2 (f32[9]) = loop @step %1 {states=1, captures=0, trips=3, reverse=0}\n"
     " %3 f32[9] = get %2 {k=0}\n return %3\n}"},
    {"one node twice", {0, -1}, 1, "func f(%1: f32[9]) {\n %2 f32[9] = tanh %1\n return %2, %2\n}"},
};

Test(plan, in_place) {
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        ebb_graph *g = parsed(places[i].text);
        ebb_plan *plan = plan_with(g, (ebb_plan_options){.alias = places[i].alias});
        int copies = steps_of(plan, EBB_STEP_COPY);
        if (copies != places[i].copies) show(places[i].name, g, plan);
        cr_expect_eq(copies, places[i].copies, "%s: %d copies, not %d", places[i].name, copies, places[i].copies);
        cr_expect(check(places[i].name, g, places[i].alias, 1), "%s", places[i].name);
        ebb_plan_free(plan);
        ebb_graph_release(g);
    }
}

static void refused(const char *name, const int32_t *alias) {
    ebb_graph *g = parsed("func f(%1: f32[9]) {\n %2 f32[9] = tanh %1\n return %2, %2\n}");
    diag = (ebb_diag){0};
    ebb_plan *plan = ebb_plan_new(g, &(ebb_plan_options){.alias = alias}, &diag);
    cr_expect_null(plan, "%s", name);
    cr_expect_eq(diag.code, EBB_VALUE_ERROR, "%s: %s", name, diag.message);
    ebb_graph_release(g);
}

Test(plan, wrong_aliases) {
    refused("no such parameter", (const int32_t[]){1, -1});
    refused("one parameter for two results", (const int32_t[]){0, 0});
}

/* ---- edges ---- */

Test(plan, absent_results) {
    ebb_graph *g = parsed("func f(%1: f32[9]) {\n %2 f32[9] = tanh %1\n return %2\n}");
    cr_assert(ebb_add_output(g, EBB_ABSENT));
    cr_expect(check("an absent result", g, (const int32_t[]){0, -1}, 1));
    ebb_clear_outputs(g);
    cr_expect(check("no result", g, NULL, 1));
    ebb_graph_release(g);
}

static const struct {
    const char *name, *text;
    ebb_code code;
} misfits[] = {
    {"a symbolic size", "func f(%1: f32[n0]) {\n %2 f32[n0] = tanh %1\n return %2\n}", EBB_VALUE_ERROR},
    {"a macro", "func f(%1: f32[9]) {\n %2 f32[] = mean %1 {axes=[0]}\n return %2\n}", EBB_INTERNAL_ERROR},
};

Test(plan, what_is_no_program_for_plans) {
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        ebb_graph *g = parsed(misfits[i].text);
        diag = (ebb_diag){0};
        ebb_plan *plan = ebb_plan_new(g, NULL, &diag);
        cr_expect_null(plan, "%s", misfits[i].name);
        cr_expect_eq(diag.code, misfits[i].code, "%s: %s", misfits[i].name, diag.message);
        ebb_graph_release(g);
    }
}

/* ---- size ---- */

/* n operations on values of that shape: the value and the sum of some, as a recurrence that branches. */
static ebb_graph *long_program(const ebb_allocator *allocator, int n, ebb_shape s) {
    static ebb_diag unread;
    ebb_builder b = {.graph = ebb_graph_new(allocator, &unread, "long")};
    ebb_id x = ebb_add_input(b.graph, (ebb_type){EBB_F64, s}, b.site), y = x, z = x;
    for (int i = 0; i < n; i += 3) {
        ebb_id w = ebb_g_mul(&b, x, i % 5 ? y : z);
        z = i % 30 ? z : w;
        y = ebb_g_add(&b, w, ebb_g_sin(&b, y));
    }
    ebb_add_output(b.graph, y);
    ebb_add_output(b.graph, z);
    return b.graph;
}

static double seconds_to_plan(int n, ebb_shape s, bool no_fusion) {
    ebb_graph *g = long_program(&ebb_malloc_allocator, n, s);
    clock_t start = clock();
    ebb_plan *plan = plan_with(g, (ebb_plan_options){.no_fusion = no_fusion});
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    for (int t = 0; t < plan->steps; t++)
        cr_assert_leq(plan->step[t].kernel.count, s.rank ? 256 : 1000, "step %d", t);
    cr_expect(agrees("a long program", g, plan, NULL, false, 1));
    ebb_plan_free(plan);
    ebb_graph_release(g);
    return seconds;
}

Test(plan, long_programs_take_linear_time) {
    static const struct {
        const char *name;
        ebb_shape s;
        bool no_fusion;
    } programs[] = {{"scalars", {0}, false},
                    {"scalars, not fused", {0}, true},
                    {"vectors", {1, {3}}, false},
                    {"vectors, not fused", {1, {30}}, true}};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        double one = seconds_to_plan(25000, programs[i].s, programs[i].no_fusion);
        double four = seconds_to_plan(100000, programs[i].s, programs[i].no_fusion);
        cr_expect_lt(four, 12 * one + 0.2, "%s: %.3f s for 25,000 operations, %.3f s for 100,000", programs[i].name,
                     one, four);
    }
}

/* ---- memory ---- */

Test(plan, every_allocation_may_fail) {
    scarce m = {.left = INT64_MAX};
    ebb_allocator allocator = scarce_allocator(&m);
    ebb_graph *g = long_program(&allocator, 60, (ebb_shape){2, {3, 2}});
    ebb_plan *plan = NULL;
    for (int k = 0; !plan; k++) {
        int64_t before = m.live;
        diag = (ebb_diag){0};
        m.left = k;
        plan = ebb_plan_new(g, &(ebb_plan_options){.alias = (const int32_t[]){0, -1}, .no_fusion = k % 2}, &diag);
        m.left = INT64_MAX;
        cr_assert(plan || diag.code == EBB_NO_MEMORY, "allocation %d: %s", k, diag.message);
        cr_assert(plan || m.live == before, "allocation %d: a leak", k);
    }
    ebb_plan_free(plan);
    ebb_graph_release(g);
    cr_expect_eq(m.live, 0, "a leak");
}

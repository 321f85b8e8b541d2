/* test_lower_graphs.c - random programs: planned, compiled and run, against the evaluator.
 *
 * Programs of exact operations agree to the bit; smooth ones within a tolerance, since libm and libmvec differ in the
 * last places. Vector width, level, fusion and buffers in place are drawn too. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit/eval/eval.h"
#include "jit/graph/text.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"
#include "tests/support/random_graph.h"

static ebb_diag diag;

#define ROOM_MAX 16
typedef struct rooms {
    int n;
    ebb_type type[ROOM_MAX];
    int64_t count[ROOM_MAX], bytes[ROOM_MAX];
    char *data[ROOM_MAX];
} rooms;

/* Buffers with element alignment only. */
static void open_rooms(rooms *r, const ebb_graph *g, const ebb_id *id, int n) {
    cr_assert(n <= ROOM_MAX, "%d buffers", n);
    r->n = n;
    for (int i = 0; i < n; i++) {
        r->type[i] = ebb_type_of(g, id[i]);
        ebb_shape_size(&r->type[i].shape, &r->count[i]);
        ebb_type_bytes(&r->type[i], &r->bytes[i]);
        size_t offset = ebb_dtype_size(r->type[i].dtype);
        r->data[i] = (char *)aligned_alloc(64, ((size_t)r->bytes[i] + offset + 127) / 64 * 64) + offset;
        memset(r->data[i], 0, (size_t)r->bytes[i]);
    }
}

static void close_rooms(rooms *r) {
    for (int i = 0; i < r->n; i++)
        free(r->data[i] - ebb_dtype_size(r->type[i].dtype));
}

static double number(ebb_dtype d, const char *p) {
    return d == EBB_F32 ? (double)*(const float *)(const void *)p : *(const double *)(const void *)p;
}

static bool close_enough(ebb_dtype d, const char *x, const char *y, double tolerance) {
    if (!ebb_is_float(d)) return memcmp(x, y, ebb_dtype_size(d)) == 0;
    double a = number(d, x), b = number(d, y);
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (tolerance == 0) return memcmp(x, y, ebb_dtype_size(d)) == 0;
    return a == b || fabs(a - b) <= tolerance * (d == EBB_F32 ? 1 : 1e-8) * (1 + fabs(b));
}

/* How a program is compiled and called. */
typedef struct manner {
    int bits, level;
    bool no_fusion, in_place;
} manner;

static void complain(const char *name, const manner *m, const ebb_graph *g, const ebb_plan *plan) {
    char *program = ebb_graph_print(g, &diag), *text = ebb_plan_print(plan);
    cr_log_error("%s: %d bits, level %d%s%s\n%s\n%s", name, m->bits, m->level, m->no_fusion ? ", not fused" : "",
                 m->in_place ? ", in place" : "", program ? program : "?", text ? text : "?");
    ebb_mem_free(g->allocator, program);
    ebb_mem_free(g->allocator, text);
}

static int call(const ebb_executable *x, rooms *in, rooms *out, const int32_t *alias, bool in_place) {
    void *to[ROOM_MAX], *work = aligned_alloc(64, (size_t)ebb_executable_work(x) + 64);
    for (int j = 0; j < out->n; j++)
        to[j] = in_place && alias[j] >= 0 ? in->data[alias[j]] : out->data[j];
    memset(work, 0xff, (size_t)ebb_executable_work(x));
    int code = ebb_executable_entry(x)((const void *const *)in->data, to, work);
    for (int j = 0; j < out->n; j++)
        if (to[j] != out->data[j]) memcpy(out->data[j], to[j], (size_t)out->bytes[j]);
    free(work);
    return code;
}

static bool results_agree(const ebb_graph *g, const rooms *got, const rooms *wanted, double tolerance) {
    for (int j = 0; j < got->n; j++) {
        ebb_dtype d = got->type[j].dtype;
        for (int64_t i = 0; i < got->count[j] && g->output[j] != EBB_ABSENT; i++) {
            const char *x = got->data[j] + i * (int64_t)ebb_dtype_size(d), *y = wanted->data[j] + (x - got->data[j]);
            if (close_enough(d, x, y, tolerance)) continue;
            if (ebb_is_float(d))
                cr_log_error("result %d[%lld] is %.17g, not %.17g", j, (long long)i, number(d, x), number(d, y));
            return false;
        }
    }
    return true;
}

static int ragged; /* programs with a ragged kernel */

static bool has_ragged(const ebb_plan *plan) {
    for (int32_t t = 0; t < plan->steps; t++)
        for (int32_t i = 0; plan->step[t].kind == EBB_STEP_KERNEL && i < plan->step[t].kernel.count; i++)
            if (plan->step[t].kernel.inst[i].span) return true;
    return false;
}

static void check(const char *name, const ebb_graph *g, const int32_t *alias, uint64_t seed, double tolerance,
                  const manner *m) {
    rooms in, out, wanted;
    open_rooms(&in, g, g->input, g->inputs);
    open_rooms(&out, g, g->output, g->outputs);
    open_rooms(&wanted, g, g->output, g->outputs);
    for (int k = 0; k < in.n; k++)
        ebb_random_fill(seed + (uint64_t)k, in.type[k].dtype, in.count[k], tolerance == 0 && seed % 3 == 0, in.data[k]);
    diag = (ebb_diag){0};
    ebb_plan *plan = ebb_plan_new(g, &(ebb_plan_options){.alias = alias, .no_fusion = m->no_fusion}, &diag);
    cr_assert(plan != NULL, "%s: %s", name, diag.message);
    ragged += has_ragged(plan);
    ebb_executable *x = ebb_compile(plan, &(ebb_compile_options){.vector_bits = m->bits, .level = m->level}, &diag);
    cr_assert(x != NULL || diag.code == EBB_UNAVAILABLE, "%s: %s", name, diag.message);
    cr_assert(x != NULL || m->bits > 128, "%s: %s", name, diag.message);
    bool ok = ebb_eval_graph(g, NULL, (const void *const *)in.data, (void *const *)wanted.data, g->allocator, &diag) ||
              x == NULL;
    cr_assert(ok, "%s: %s", name, diag.message);
    ok = !x || (call(x, &in, &out, alias, m->in_place) == EBB_OK && results_agree(g, &out, &wanted, tolerance));
    if (!ok) complain(name, m, g, plan);
    cr_assert(ok, "%s", name);
    ebb_executable_release(x);
    ebb_plan_free(plan);
    close_rooms(&in), close_rooms(&out), close_rooms(&wanted);
}

static void check_seeds(const char *family, int seeds, const ebb_random_options *o, double tolerance) {
    for (int s = 0; s < seeds; s++) {
        ebb_graph *recorded = ebb_random_graph((uint64_t)s, o);
        ebb_graph *g = ebb_expand_to_run(recorded, &diag);
        cr_assert(g != NULL, "%s", diag.message);
        uint64_t luck = (uint64_t)s * 7919;
        uint64_t drawn = ebb_random_next(&luck);
        manner m = {128 << drawn % 3, drawn / 3 % 4 == 0 ? 1 : 2, drawn / 12 % 4 == 0, drawn / 48 % 2 == 0};
        int32_t alias[64];
        char name[64];
        ebb_random_alias(g, o, alias);
        snprintf(name, sizeof name, "%s, seed %d", family, s);
        check(name, g, alias, (uint64_t)s, tolerance, &m);
        ebb_graph_release(g);
        ebb_graph_release(recorded);
    }
}

static int seeds(int usual) { /* EBB_SEEDS: more, for a long search */
    const char *text = getenv("EBB_SEEDS");
    return text && atoi(text) > 0 ? atoi(text) : usual;
}

Test(lower_graphs, exact_programs_agree_to_the_bit) {
    check_seeds("exact", seeds(80), &(ebb_random_options){.nodes = 30, .outputs = 5, .state = 3, .exact = true}, 0);
}

Test(lower_graphs, long_exact_sums_agree_to_the_bit) {
    check_seeds("sums", seeds(30),
                &(ebb_random_options){.nodes = 12, .rank = 2, .size = 300, .exact = true, .no_whole = true}, 0);
}

Test(lower_graphs, programs_that_look_at_neighbours) {
    const ebb_random_options vectors = {.nodes = 40,
                                        .outputs = 6,
                                        .state = 2,
                                        .rank = 1,
                                        .size = 90,
                                        .exact = true,
                                        .no_whole = true,
                                        .no_empty = true,
                                        .neighbours = true};
    ebb_random_options rows = vectors;
    rows.rank = 2;
    rows.size = 40;
    ragged = 0;
    check_seeds("vectors", seeds(60), &vectors, 0);
    check_seeds("rows", seeds(30), &rows, 0);
    cr_expect_gt(ragged, 10);
    printf("cases: %d programs with a ragged kernel\n", ragged);
}

Test(lower_graphs, exact_programs_of_many_axes_and_of_none) {
    check_seeds("axes", seeds(25), &(ebb_random_options){.nodes = 20, .rank = 5, .size = 4, .exact = true, .state = 2},
                0);
    check_seeds("scalars", seeds(25),
                &(ebb_random_options){.nodes = 60, .rank = 1, .size = 1, .exact = true, .state = 3}, 0);
}

Test(lower_graphs, smooth_programs_agree_closely) {
    check_seeds("smooth", seeds(60), &(ebb_random_options){.nodes = 25, .outputs = 4, .smooth = true, .no_empty = true},
                1e-4);
}

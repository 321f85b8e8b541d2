/* test_eval_graph.c - whole graphs through the evaluator: views, results in the parameters' memory, errors with their
 * line, a chain of a million nodes on a small stack, and an allocator that fails at every turn. */
#include <criterion/criterion.h>

#include "jit/eval/eval.h"
#include "jit/graph/build.h"
#include "tests/support/scarce.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static ebb_diag diag;

static ebb_graph *new_graph(void) { return ebb_graph_new(&ebb_malloc_allocator, &diag, "test"); }

static ebb_type typed(ebb_dtype d, int rank, int64_t n0, int64_t n1) { return (ebb_type){d, {rank, {n0, n1}}}; }

static ebb_id record(ebb_graph *g, ebb_op op, int narg, ebb_id x, ebb_id y) {
    const ebb_application app = {.op = op, .site = {.file = "graph.c", .line = g->count}};
    return ebb_record(g, &app, narg, (ebb_id[]){x, y});
}

static bool evaluate(const ebb_graph *g, const void *const *in, void *const *out) {
    return ebb_eval_graph(g, NULL, in, out, &ebb_malloc_allocator, &diag);
}

/* ---- results ---- */

Test(eval_graph, results_of_every_kind) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 2, 2, 3), (ebb_site){0}), k = ebb_g_number(&b, EBB_F32, 5);
    const ebb_id t = ebb_g_transpose(&b, x, (int64_t[]){1, 0}), y = ebb_g_add(&b, x, x);
    const ebb_id s = ebb_g_reshape(&b, t, &(ebb_shape){1, {6}}), r = ebb_g_broadcast(&b, k, &(ebb_shape){1, {2}}, NULL);
    const ebb_id list[] = {x, k, t, y, y, s, r, EBB_ABSENT, x};
    for (int j = 0; j < 9; j++)
        ebb_add_output(g, list[j]);
    float in[6] = {1, 2, 3, 4, 5, 6}, out[9][6] = {{0}};
    cr_assert(evaluate(g, (const void *[]){in},
                       (void *[]){out[0], out[1], out[2], out[3], out[4], out[5], out[6], NULL, out[8]}),
              "%s", diag.message);
    static const float want[9][6] = {{1, 2, 3, 4, 5, 6},
                                     {5},
                                     {1, 4, 2, 5, 3, 6},
                                     {2, 4, 6, 8, 10, 12},
                                     {2, 4, 6, 8, 10, 12},
                                     {1, 4, 2, 5, 3, 6},
                                     {5, 5},
                                     {0},
                                     {1, 2, 3, 4, 5, 6}};
    for (int j = 0; j < 9; j++)
        cr_assert_eq(memcmp(out[j], want[j], sizeof out[j]), 0, "result %d", j);
    ebb_graph_release(g);
}

/* Parameters a and b are read by everything, and their memory is overwritten by the results: b, a', a + b ... */
static void check_aliases(int64_t n) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id x = ebb_add_input(g, typed(EBB_F64, 2, n, n), (ebb_site){0}),
                 y = ebb_add_input(g, typed(EBB_F64, 2, n, n), (ebb_site){0});
    const ebb_id results[] = {y, ebb_g_transpose(&b, x, (int64_t[]){1, 0}), ebb_g_add(&b, x, y), ebb_g_mul(&b, x, y)};
    for (int j = 0; j < 4; j++)
        ebb_add_output(g, results[j]);
    const size_t size = (size_t)(n * n);
    double *memory[4], *was[2];
    for (int j = 0; j < 4; j++)
        memory[j] = malloc(size * 8);
    for (int k = 0; k < 2; k++)
        was[k] = malloc(size * 8);
    for (size_t i = 0; i < size; i++)
        memory[0][i] = was[0][i] = (double)i, memory[1][i] = was[1][i] = 1000 - (double)i;
    cr_assert(
        evaluate(g, (const void *[]){memory[0], memory[1]}, (void *[]){memory[0], memory[1], memory[2], memory[3]}));
    for (size_t i = 0; i < size; i++) {
        const size_t across = i % (size_t)n * (size_t)n + i / (size_t)n;
        cr_assert(memory[0][i] == was[1][i] && memory[1][i] == was[0][across], "swapped, n %d element %d", (int)n,
                  (int)i);
        cr_assert(memory[2][i] == 1000 && memory[3][i] == was[0][i] * was[1][i], "n %d element %d", (int)n, (int)i);
    }
    for (int j = 0; j < 4; j++)
        free(memory[j]);
    for (int k = 0; k < 2; k++)
        free(was[k]);
    ebb_graph_release(g);
}

Test(eval_graph, results_may_lie_in_the_parameters) {
    check_aliases(1);
    check_aliases(3);
    check_aliases(40);
}

Test(eval_graph, an_update_in_place) {
    enum { N = 4096 };
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id w = ebb_add_input(g, typed(EBB_F32, 1, N, 0), (ebb_site){0}), old = ebb_g_neg(&b, w);
    const ebb_id twice = ebb_g_add(&b, w, w), sum = ebb_g_sum(&b, ebb_g_add(&b, w, twice), 1, (int64_t[]){0});
    ebb_add_output(g, twice), ebb_add_output(g, old), ebb_add_output(g, sum);
    static float x[N], y[N];
    float total;
    for (int i = 0; i < N; i++)
        x[i] = 1;
    cr_assert(evaluate(g, (const void *[]){x}, (void *[]){x, y, &total}));
    cr_assert(x[7] == 2 && y[N - 1] == -1 && total == 3 * N);
    ebb_graph_release(g);
}

Test(eval_graph, known_values_are_not_computed) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 0, 0, 0), (ebb_site){0}), y = ebb_g_exp(&b, x),
                 z = ebb_g_add(&b, y, y);
    ebb_add_output(g, z), ebb_add_output(g, y);
    const float seven = 7;
    float out[2];
    const void *known[8] = {NULL};
    known[y] = &seven;
    cr_assert(
        ebb_eval_graph(g, known, (const void *[]){NULL}, (void *[]){&out[0], &out[1]}, &ebb_malloc_allocator, &diag),
        "%s", diag.message);
    cr_assert(out[0] == 14 && out[1] == 7);
    cr_assert(
        ebb_eval_graph(g, known, (const void *[]){NULL}, (void *[]){&out[0], NULL}, &ebb_malloc_allocator, &diag));
    ebb_graph_release(g);
}

Test(eval_graph, empty_tensors) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 2, 0, 3), (ebb_site){0}), y = ebb_g_exp(&b, x),
                 s = ebb_g_sum(&b, y, 1, (int64_t[]){0});
    ebb_add_output(g, y), ebb_add_output(g, s);
    float out[3] = {9, 9, 9}, nothing;
    cr_assert(evaluate(g, (const void *[]){NULL}, (void *[]){&nothing, out}), "%s", diag.message);
    cr_assert(out[0] == 0 && out[2] == 0);
    ebb_graph_release(g);
}

/* ---- errors ---- */

Test(eval_graph, errors_name_the_line) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g, .site = {.file = "user.c", .line = 41}};
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 1, 10, 0), (ebb_site){.file = "user.c", .line = 40}),
                 i = ebb_add_input(g, typed(EBB_I64, 1, 2, 0), (ebb_site){0});
    ebb_add_output(g, ebb_g_gather(&b, x, i, 0));
    const float table[10] = {0};
    const int64_t index[2] = {3, -1};
    float out[2];
    cr_assert_not(evaluate(g, (const void *[]){table, index}, (void *[]){out}));
    cr_assert_str_eq(diag.message, "gather: index -1 at position 1 is outside [0, 10)");
    cr_assert(diag.code == EBB_INDEX_ERROR && diag.site.line == 41);
    diag = (ebb_diag){0};
    cr_assert_not(evaluate(g, (const void *[]){NULL, index}, (void *[]){out}));
    cr_assert(diag.code == EBB_VALUE_ERROR && diag.site.line == 40, "%s", diag.message);
    ebb_graph_release(g);
}

Test(eval_graph, what_cannot_run_says_so) {
    ebb_graph *g = new_graph();
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 1, 4, 0), (ebb_site){0});
    const ebb_application app = {.op = EBB_OP_softmax, .nattr = 1, .attr = (int64_t[]){0}};
    ebb_add_output(g, ebb_record(g, &app, 1, &x));
    float memory[4] = {0};
    cr_assert_not(evaluate(g, (const void *[]){memory}, (void *[]){memory}));
    cr_assert_not_null(strstr(diag.message, "softmax: the graph must be expanded"), "%s", diag.message);
    diag = (ebb_diag){0};
    ebb_graph *symbolic = new_graph();
    ebb_add_output(symbolic, ebb_add_input(symbolic, typed(EBB_F32, 1, EBB_SYMBOL(0), 0), (ebb_site){0}));
    cr_assert_not(evaluate(symbolic, (const void *[]){memory}, (void *[]){memory}));
    cr_assert_not_null(strstr(diag.message, "no concrete shape"), "%s", diag.message);
    ebb_graph_release(g);
    ebb_graph_release(symbolic);
}

Test(eval_graph, every_allocation_may_fail) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 2, 3, 4), (ebb_site){0}),
                 t = ebb_g_transpose(&b, x, (int64_t[]){1, 0});
    const ebb_id y = ebb_g_exp(&b, ebb_g_mul(&b, t, t)), s = ebb_g_sum(&b, y, 1, (int64_t[]){1});
    const ebb_id p = ebb_g_pad(&b, t, (int64_t[]){1, 1}, (int64_t[]){0, 0}, (int64_t[]){0, 0});
    const ebb_id flat = ebb_g_reshape(&b, ebb_g_transpose(&b, y, (int64_t[]){1, 0}), &(ebb_shape){1, {12}});
    const ebb_id list[] = {s, p, flat, t};
    for (int j = 0; j < 4; j++)
        ebb_add_output(g, list[j]);
    float in[12] = {0.5f}, out[4][24];
    for (int64_t k = 0;; k++) {
        scarce m = {.left = k};
        const ebb_allocator failing = scarce_allocator(&m);
        diag = (ebb_diag){0};
        memset(out, 0, sizeof out);
        const bool ok =
            ebb_eval_graph(g, NULL, (const void *[]){in}, (void *[]){out[0], out[1], out[2], out[3]}, &failing, &diag);
        cr_assert_eq(m.live, 0, "allocation %d leaks", (int)k);
        cr_assert_eq(ok, m.left >= 0, "allocation %d", (int)k);
        cr_assert_eq(diag.code, ok ? EBB_OK : EBB_NO_MEMORY, "allocation %d: %s", (int)k, diag.message);
        if (!ok) continue;
        cr_assert(k > 5 && out[3][0] == 0.5f && out[0][3] == 3, "allocation %d", (int)k);
        break;
    }
    ebb_graph_release(g);
}

/* ---- large graphs ---- */

static void *run_chain(void *unused) {
    enum { NODES = 1000000 };
    ebb_graph *g = new_graph();
    const ebb_id x = ebb_add_input(g, typed(EBB_F64, 0, 0, 0), (ebb_site){0});
    ebb_id y = x;
    for (int i = 0; i < NODES; i++)
        y = record(g, i & 1 ? EBB_OP_sub : EBB_OP_add, 2, y, x);
    ebb_add_output(g, record(g, EBB_OP_add, 2, y, x));
    scarce m = {.left = INT64_MAX};
    const ebb_allocator counting = scarce_allocator(&m);
    const double in = 1.5;
    double out = 0;
    cr_assert(ebb_eval_graph(g, NULL, (const void *[]){&in}, (void *[]){&out}, &counting, &diag));
    cr_assert_eq(out, 3);
    cr_assert_leq(m.most, 8, "buffers are used again: %d", (int)m.most);
    ebb_graph_release(g);
    return unused;
}

Test(eval_graph, a_million_nodes_on_a_small_stack) {
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    cr_assert_eq(pthread_create(&thread, &attr, run_chain, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
}

/* Sixteen transposed sums live at once; their memory must not be used again while a view of it is to be read. */
Test(eval_graph, views_keep_their_memory) {
    ebb_graph *g = new_graph();
    ebb_builder b = {.graph = g};
    const ebb_id x = ebb_add_input(g, typed(EBB_F32, 2, 8, 8), (ebb_site){0});
    ebb_id view[16], total = x;
    for (int i = 0; i < 16; i++)
        view[i] = ebb_g_transpose(&b, ebb_g_add(&b, x, ebb_g_full_like(&b, x, i + 1)), (int64_t[]){1, 0});
    for (int i = 0; i < 16; i++)
        total = ebb_g_add(&b, total, view[i]);
    ebb_add_output(g, total);
    float in[64], out[64];
    for (int i = 0; i < 64; i++)
        in[i] = (float)i;
    cr_assert(evaluate(g, (const void *[]){in}, (void *[]){out}), "%s", diag.message);
    for (int i = 0; i < 64; i++) {
        const int across = i % 8 * 8 + i / 8;
        cr_assert_eq(out[i], (float)(i + 16 * across + 136), "element %d: %g", i, (double)out[i]);
    }
    ebb_graph_release(g);
}

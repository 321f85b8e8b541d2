/* fuzz_program.c - any text as a program that runs: expanded with and without the optimisations of the deriving door,
 * it gives the same bits on the evaluator. Whatever transform is applied to it gives a program that verifies, or an
 * error. Start reading at run_both, then differentiate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dual/sparse.h"
#include "jit/eval/eval.h"
#include "jit/graph/region.h"
#include "jit/graph/text.h"
#include "tests/fuzz/fuzz.h"

/* More than this is not run: it would only be slow. */
enum { MOST_NODES = 400, MOST_BYTES = 1 << 16, MOST_WORK = 10000 };

/* ---- what is worth running ---- */

/* Nodes to run, where a loop counts those of its functions for each iteration; one that nobody counted, too many. */
static double work_of(const ebb_graph *g) {
    double work = g->count;
    for (ebb_id id = 1; id < g->count && work < MOST_WORK; id++) {
        ebb_graph *callee[3];
        const ebb_op op = ebb_op_of(g, id);
        const bool loops = op == EBB_OP_loop || op == EBB_OP_unloop;
        const double trips = loops ? (double)ebb_loop_of(g, id).trips : 1;
        for (int32_t k = ebb_is_region(op) ? ebb_callees_of(g, id, callee) : 0; k-- > 0;)
            work += trips < 0 ? MOST_WORK : (trips + 1) * work_of(callee[k]);
    }
    return work;
}

static bool is_small(const ebb_graph *g) {
    if (g->count > MOST_NODES || g->callees > 8 || work_of(g) >= MOST_WORK) return false;
    for (ebb_id id = 1; id < g->count; id++) {
        ebb_type type = ebb_type_of(g, id);
        int64_t bytes = 0;
        if (type.dtype != EBB_NONE && (!ebb_type_bytes(&type, &bytes) || bytes > MOST_BYTES)) return false;
    }
    for (int32_t c = 0; c < g->callees; c++)
        if (g->callee[c]->count > 40 || !is_small(g->callee[c])) return false;
    return true;
}

/* ---- running ---- */

static size_t bytes_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes = 0;
    return ebb_type_bytes(&type, &bytes) ? (size_t)bytes : 0;
}

static void **buffers(const ebb_graph *g, const ebb_id *id, int32_t n) {
    void **b = calloc((size_t)n + 1, sizeof *b);
    for (int32_t k = 0; b && k < n; k++)
        b[k] = calloc(1, bytes_of(g, id[k]) + 1);
    fuzz_expect(b != NULL, "no memory");
    return b;
}

static void drop(void **b, int32_t n) {
    for (int32_t k = 0; k < n; k++)
        free(b[k]);
    free(b);
}

/* Small numbers of either sign; bools are 0 or 1. */
static void fill(const ebb_graph *g, void **in) {
    for (int32_t k = 0; k < g->inputs; k++) {
        ebb_dtype d = ebb_dtype_at(g, g->input[k]);
        size_t n = bytes_of(g, g->input[k]) / ebb_dtype_size(d);
        for (size_t i = 0; i < n; i++) {
            int value = (int)((i * 7 + (size_t)k) % 5) - 2;
            if (d == EBB_BOOL) ((uint8_t *)in[k])[i] = value > 0;
            if (d == EBB_I32) ((int32_t *)in[k])[i] = value;
            if (d == EBB_I64) ((int64_t *)in[k])[i] = value;
            if (d == EBB_F32) ((float *)in[k])[i] = (float)value / 2;
            if (d == EBB_F64) ((double *)in[k])[i] = value / 2.0;
        }
    }
}

static bool is_nan(ebb_dtype d, const void *x) {
    return (d == EBB_F32 && isnan(*(const float *)x)) || (d == EBB_F64 && isnan(*(const double *)x));
}

static bool same(const ebb_graph *g, int32_t j, const char *x, const char *y) {
    ebb_dtype d = ebb_dtype_at(g, g->output[j]);
    size_t size = ebb_dtype_size(d), bytes = bytes_of(g, g->output[j]);
    for (size_t i = 0; i < bytes; i += size)
        if (memcmp(x + i, y + i, size) != 0 && !(is_nan(d, x + i) && is_nan(d, y + i))) return false;
    return true;
}

static bool run(const ebb_graph *g, void **in, void **out) {
    ebb_diag diag = {0};
    return ebb_eval_graph(g, NULL, (const void *const *)in, out, &ebb_malloc_allocator, &diag);
}

/* An optimisation may leave out the operation that would have failed, so only what runs in both is compared. */
static void run_both(const ebb_graph *usual, const ebb_graph *plain) {
    void **in = buffers(usual, usual->input, usual->inputs), **out = buffers(usual, usual->output, usual->outputs);
    void **want = buffers(plain, plain->output, plain->outputs);
    fill(usual, in);
    bool ran = run(plain, in, want), good = run(usual, in, out);
    fuzz_expect(good || !ran, "fails only if it is optimised");
    for (int32_t j = 0; ran && good && j < usual->outputs; j++)
        fuzz_expect(same(usual, j, out[j], want[j]), "result %d is another one if it is optimised", (int)j);
    drop(in, usual->inputs), drop(out, usual->outputs), drop(want, plain->outputs);
}

/* ---- derivatives ---- */

typedef ebb_graph *transform(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag);

static ebb_graph *series(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_jet_graph(g, 2, spec, diag);
}
static ebb_graph *curves(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_jet_series_graph(g, 2, spec, diag);
}
static ebb_graph *laplacian(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_second_order_graph(g, 0, NULL, spec, diag);
}
static ebb_graph *jacobian(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_jacobian_graph(g, EBB_CHEAPER, spec, diag);
}
static ebb_graph *batch_jacobian(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_batch_jacobian_graph(g, EBB_CHEAPER, spec, diag);
}
static ebb_graph *sparse_jacobian(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_sparse_jacobian_graph(g, EBB_CHEAPER, spec, diag);
}
static ebb_graph *again(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    (void)spec;
    return ebb_remat_graph(g, diag);
}
static ebb_graph *examples(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    int in[MOST_NODES], out[MOST_NODES] = {0};
    for (int32_t k = 0; k < g->inputs; k++)
        in[k] = k % 2 ? -1 : 0;
    return ebb_vmap_graph(g, 2, in, out, spec, diag);
}

/* The second half; the first one must be a program too. */
static ebb_graph *linear_part(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_graph *primal, *linear;
    if (!ebb_linearize_graph(g, spec, &primal, &linear, diag)) return NULL;
    fuzz_expect(ebb_verify(primal, diag), "the primal half is no program: %s", diag->message);
    ebb_graph_release(primal);
    return linear;
}

static const struct {
    const char *name;
    transform *apply;
} transforms[] = {{"jvp", ebb_jvp_graph},
                  {"vjp", ebb_vjp_graph},
                  {"grad", ebb_grad_graph},
                  {"series", series},
                  {"curves", curves},
                  {"examples", examples},
                  {"linearize", linear_part},
                  {"transpose", ebb_transpose_graph},
                  {"hvp", ebb_hvp_graph},
                  {"hessian", ebb_hessian_graph},
                  {"sparse hessian", ebb_sparse_hessian_graph},
                  {"diagonal", ebb_hessian_diagonal_graph},
                  {"laplacian", laplacian},
                  {"jacobian", jacobian},
                  {"sparse jacobian", sparse_jacobian},
                  {"batch jacobian", batch_jacobian},
                  {"again", again}};
enum { TRANSFORMS = sizeof transforms / sizeof *transforms };

static void differentiate(const ebb_graph *g) {
    for (int k = 0; k < TRANSFORMS; k++) {
        ebb_diag diag = {0};
        ebb_sparse brought = {0};
        ebb_graph *d = transforms[k].apply(g, &(ebb_dual_spec){.nwrt = 0, .brought = &brought}, &diag);
        fuzz_expect((d != NULL) == (diag.code == EBB_OK), "%s: a program and an error, or neither: %s",
                    transforms[k].name, diag.message);
        fuzz_expect(!d || ebb_verify(d, &diag), "%s is no program: %s", transforms[k].name, diag.message);
        ebb_graph_release(d);
        ebb_sparse_free(&brought);
    }
}

static void try(ebb_graph *g) {
    ebb_diag diag = {0};
    ebb_graph *usual = ebb_expand(g, false, NULL, &diag);
    g->without = EBB_NO_FOLDING | EBB_NO_IDENTITIES | EBB_NO_SHARING;
    ebb_graph *plain = ebb_expand(g, false, NULL, &diag);
    g->without = 0;
    if (usual && plain && is_small(usual) && is_small(plain)) {
        fuzz_expect(ebb_verify(usual, &diag), "expanded, but not right: %s", diag.message);
        run_both(usual, plain);
        if (g->inputs > 0 && g->outputs > 0) differentiate(g);
    }
    ebb_graph_release(usual);
    ebb_graph_release(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ebb_diag diag = {0};
    ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, (const char *)data, size, &diag);
    ebb_graph *g = m && m->functions ? m->function[m->functions - 1] : NULL;
    if (g && is_small(g)) try(g);
    ebb_module_free(m);
    return 0;
}

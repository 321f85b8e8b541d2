/* bench_sparse.c - W2, the sparse Hessian of Rosenbrock's function in 100,000 variables: the pattern with its colours,
 * the compiled program, and a call, against the tridiagonal Hessian written by hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "dual/colour.h"
#include "dual/dual.h"
#include "dual/pattern.h"
#include "frontend/trace.h"

enum { N = 100000 };

static void rosenbrock(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    const int64_t n = ebb_dim(in[0], 0), first[] = {0}, second[] = {1}, last[] = {n - 1}, end[] = {n};
    ebb_tensor *a = ebb_slice(in[0], first, last, NULL), *b = ebb_slice(in[0], second, end, NULL);
    ebb_tensor *steep = ebb_square(ebb_sub(b, ebb_square(a))), *flat = ebb_square(ebb_sub(1, a));
    out[0] = ebb_sum(ebb_add(ebb_mul(100, steep), flat));
}

/* ---- by hand: the three diagonals, row by row ---- */

typedef struct hand {
    const double *x;
    double *entries;
} hand;

static void by_hand(void *data) {
    hand *h = data;
    const double *x = h->x;
    double *e = h->entries;
    for (int i = 0; i < N; i++) {
        double d = 0;
        if (i > 0) *e++ = -400 * x[i - 1], d = 200;
        if (i < N - 1) d += 1200 * x[i] * x[i] - 400 * x[i + 1] + 2;
        *e++ = d;
        if (i < N - 1) *e++ = -400 * x[i];
    }
}

/* ---- the pattern and its colours ---- */

static void find_pattern(void *data) {
    ebb_graph *gradient = data;
    ebb_relation r;
    ebb_rows rows;
    ebb_compressed c;
    if (!ebb_pattern_nodes(gradient, NULL, EBB_MOST_PAIRS, 1, gradient->input, 1, gradient->output, &r) ||
        !ebb_relation_add_transpose(&r) || !ebb_relation_all_rows(&r, &rows) ||
        !ebb_compress_hessian(&ebb_malloc_allocator, &rows, &c))
        exit(1);
    ebb_relation_free(&r);
    ebb_compressed_free(&ebb_malloc_allocator, &c);
}

/* ---- a dense Hessian takes the same road ---- */

static void bench_dense(ebb_context *ebb, ebb_function *f, const double *u) {
    enum { FEW = 1000 };
    ebb_tensor *x = ebb_constant(ebb, EBB_F64, EBB_SHAPE(FEW), u);
    ebb_function *columns = ebb_hessian(f, NULL);
    ebb_set_road(columns, "forward over reverse", 0);
    native by_pattern = native_new(ebb, ebb_hessian(f, NULL), EBB_OPERANDS(x));
    native by_direction = native_new(ebb, columns, EBB_OPERANDS(x));
    bench_title("W2, the dense Hessian in 1,000 variables", "forward over reverse");
    bench_row("by pattern", bench_pair(native_call, &by_pattern, native_call, &by_direction), "", true);
    native_free(&by_pattern), native_free(&by_direction);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *f = ebb_function_new(ebb, rosenbrock, &(ebb_function_options){.name = "rosenbrock"});
    double *u = malloc(N * sizeof *u), *entries = malloc(3 * N * sizeof *entries);
    if (!u || !entries) return 1;
    bench_uniform(1, N, u);
    for (int i = 0; i < N; i++)
        u[i] = 2 * u[i] - 1;
    ebb_tensor *x = ebb_constant(ebb, EBB_F64, EBB_SHAPE(N), u);
    ebb_operand in = EBB_OPERAND(x);
    ebb_graph *gradient = ebb_grad_graph(ebb_get_concrete(f, 1, &in)->graph, NULL, &ebb->diag);
    hand h = {u, entries};
    double start = bench_now();
    ebb_function *sparse = ebb_sparse_hessian(f, NULL);
    const ebb_sparsity *s = ebb_sparsity_of(sparse, x);
    printf("W2 n = 100000: traced, with pattern, colours and program, in %.1f ms: %lld entries, %d colours\n",
           (bench_now() - start) * 1e3, (long long)s->entries, s->forward);
    start = bench_now();
    native hessian = native_new(ebb, sparse, EBB_OPERANDS(x));
    printf("compiled in %.1f ms\n", (bench_now() - start) * 1e3);
    native value = native_new(ebb, ebb_value_and_grad(f, NULL), EBB_OPERANDS(x));
    native product = native_new(ebb, ebb_hvp(f, NULL), EBB_OPERANDS(x, x));
    bench_yardsticks();
    bench_title("W2, the tridiagonal Hessian in 100,000 variables", "C by hand");
    bench_result r = bench_pair(find_pattern, gradient, NULL, NULL);
    bench_row("pattern and colours", r, "50 ms", r.ours < 50e-3);
    r = bench_pair(native_call, &hessian, by_hand, &h);
    bench_row("sparse Hessian", r, "1 ms", r.ours < 1e-3);
    bench_row("sparse Hessian, against value and gradient", bench_pair(native_call, &hessian, native_call, &value), "",
              true);
    bench_row("Hessian-vector product", bench_pair(native_call, &product, NULL, NULL), "", true);
    bench_dense(ebb, f, u);
    double worst = 0;
    const double *have = hessian.out[0];
    for (int k = 0; k < 3 * N - 2; k++)
        worst = fmax(worst, fabs(have[k] - entries[k]));
    printf("largest difference from C by hand: %.3g\n", worst);
    int code = ebb_ok(ebb) && worst < 1e-9 ? 0 : 1;
    if (!ebb_ok(ebb)) fprintf(stderr, "%s\n", ebb_error(ebb));
    native_free(&hessian), native_free(&value), native_free(&product);
    ebb_graph_release(gradient);
    free(u), free(entries);
    ebb_close(ebb);
    return code;
}

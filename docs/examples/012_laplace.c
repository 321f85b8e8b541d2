/* 012_laplace.c - logistic regression by Bayes' rule, with Laplace's approximation.
 *
 * The posterior of the weights is taken for a normal distribution around its maximum, whose precision is the Hessian
 * there: MacKay, "The evidence framework applied to classification networks", 1992. Cholesky's factor of the Hessian
 * gives Newton's steps to the maximum, the volume of the posterior and with it the evidence of the model, and the
 * uncertainty of a prediction. Two weights only, so that the evidence can be summed up on a grid to compare: a batch of
 * forty thousand weights by ebb_vmap. Start reading at main. */
#include <ebb.h>

#include <math.h>

enum { POINTS = 60, WEIGHTS = 2, GRID = 200 };

typedef struct samples {
    ebb_tensor *x, *y; /* [POINTS, WEIGHTS], and [POINTS] of 0 and 1 */
} samples;

/* Two clouds that overlap; the second input is 1 for all: the offset. */
static samples make_samples(ebb_context *ebb) {
    ebb_tensor *y = ebb_cast(ebb_ge(ebb_range(ebb, EBB_I64, POINTS), POINTS / 2), EBB_F64);
    ebb_tensor *noise = ebb_random_normal(ebb, EBB_F64, EBB_SHAPE(POINTS), 0, 1.5);
    ebb_tensor *columns[] = {ebb_add(ebb_mul(2, y), noise), ebb_ones(ebb, EBB_F64, EBB_SHAPE(POINTS))};
    return (samples){ebb_stack(2, columns, 1), y};
}

/* w [WEIGHTS] -> -log of likelihood times prior, which is normal with variance 10. */
static void energy(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    const samples *s = data;
    ebb_tensor *w = in[0], *logit = ebb_matmul(s->x, w);
    ebb_tensor *likelihood = ebb_sum(ebb_sub(ebb_softplus(logit), ebb_mul(s->y, logit)));
    ebb_tensor *prior = ebb_add(ebb_div(ebb_sum(ebb_square(w)), 2 * 10), WEIGHTS / 2.0 * log(2 * acos(-1) * 10));
    out[0] = ebb_add(likelihood, prior);
}

/* w -> the next w of Newton's method, the energy at w, and the factor of the Hessian there: factor factor' */
static void newton(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_tensor *w = in[0], *at[3]; /* energy, gradient, Hessian */
    ebb_call_n(data, 1, (ebb_operand[]){EBB_OPERAND(w)}, 3, at);
    ebb_tensor *factor = ebb_cholesky(at[2]), *half = ebb_triangular_solve(factor, at[1], NULL);
    out[0] = ebb_sub(w, ebb_triangular_solve(factor, half, &(ebb_triangle){.transposed = true}));
    out[1] = at[0];
    out[2] = factor;
}

/* The mode, and what newton says of it. */
typedef struct posterior {
    ebb_tensor *mode, *factor;
    double energy, log_volume; /* of the square root of the inverse Hessian: -log(det factor) */
} posterior;

static posterior find_mode(ebb_context *ebb, ebb_function *f) {
    ebb_function_options options = {.name = "newton", .results = 3, .data = ebb_hessian(f, &(ebb_wrt){.values = true})};
    ebb_function *step = ebb_function_new(ebb, newton, &options);
    posterior p = {.mode = ebb_zeros(ebb, EBB_F64, EBB_SHAPE(WEIGHTS))};
    for (int i = 0; i < 10; i++) {
        ebb_tensor *out[3];
        ebb_call_n(step, 1, (ebb_operand[]){EBB_OPERAND(p.mode)}, 3, out);
        p.mode = out[0], p.factor = out[2];
        p.energy = ebb_item(out[1], 0);
        if (i < 5) printf("step %d: -log posterior %.8f\n", i, p.energy);
    }
    for (int k = 0; k < WEIGHTS; k++)
        p.log_volume -= log(ebb_item(p.factor, k * WEIGHTS + k));
    return p;
}

/* The integral of exp(-energy), by its value on a grid of 12 deviations around the mode. */
static double log_evidence_by_grid(ebb_context *ebb, ebb_function *f, const posterior *p) {
    static double grid[WEIGHTS][GRID * GRID];
    const double cell = 12.0 / GRID;
    for (int i = 0; i < GRID * GRID; i++)
        grid[0][i] = (i / GRID + 0.5) * cell - 6, grid[1][i] = (i % GRID + 0.5) * cell - 6;
    ebb_tensor *u = ebb_constant(ebb, EBB_F64, EBB_SHAPE(WEIGHTS, GRID * GRID), grid);
    ebb_tensor *away = ebb_triangular_solve(p->factor, u, &(ebb_triangle){.transposed = true});
    ebb_tensor *w = ebb_add(ebb_reshape(p->mode, EBB_SHAPE(WEIGHTS, 1)), away);
    ebb_tensor *energies = ebb_call(ebb_vmap(f, &(ebb_vmap_options){.arguments = 1, .in_axes = (int[]){1}}), w);
    return ebb_item(ebb_logsumexp_over(ebb_neg(energies), EBB_ALL_AXES, false), 0) + 2 * log(cell) + p->log_volume;
}

/* How likely class 1 is at x: with the weights at the mode, and with their uncertainty (MacKay's approximation). */
static void predict(ebb_context *ebb, const posterior *p, double x) {
    ebb_tensor *input = ebb_constant(ebb, EBB_F64, EBB_SHAPE(WEIGHTS), (double[]){x, 1});
    double logit = ebb_item(ebb_matmul(input, p->mode), 0);
    double variance = ebb_item(ebb_sum(ebb_square(ebb_triangular_solve(p->factor, input, NULL))), 0);
    double moderate = logit / sqrt(1 + acos(-1) * variance / 8);
    printf("at %4.1f: %.4f by the mode, %.4f with its uncertainty; logit %.4f +- %.4f\n", x, 1 / (1 + exp(-logit)),
           1 / (1 + exp(-moderate)), logit, sqrt(variance));
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 12});
    samples s = make_samples(ebb);
    ebb_function *f = ebb_function_new(ebb, energy, &(ebb_function_options){.name = "energy", .data = &s});
    posterior p = find_mode(ebb, f);
    printf("weights %.6f and %.6f\n", ebb_item(p.mode, 0), ebb_item(p.mode, 1));
    printf("log evidence: %.6f by Laplace, ", WEIGHTS / 2.0 * log(2 * acos(-1)) + p.log_volume - p.energy);
    printf("%.6f by %d points\n", log_evidence_by_grid(ebb, f, &p), GRID * GRID);
    for (int k = 0; k < 5; k++)
        predict(ebb, &p, (double[]){-4, 0, 1, 2, 8}[k]);
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}

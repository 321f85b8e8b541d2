/* expression_table.c - the functions of the expression language: one row each, pasted from the lists of ebb.h. */
#include "frontend/expression.h"

#include <string.h>

/* The library's own operations that take more than tensors get their usual meaning: all axes, or the last one. */
static ebb_tensor *all_sum(ebb_tensor *x, const char *file, int line) {
    return ebb_sum_at(x, EBB_ALL_AXES, false, file, line);
}
static ebb_tensor *all_mean(ebb_tensor *x, const char *file, int line) {
    return ebb_mean_at(x, EBB_ALL_AXES, false, file, line);
}
static ebb_tensor *all_norm(ebb_tensor *x, const char *file, int line) {
    return ebb_norm_at(x, EBB_ALL_AXES, false, file, line);
}
static ebb_tensor *all_logsumexp(ebb_tensor *x, const char *file, int line) {
    return ebb_logsumexp_at(x, EBB_ALL_AXES, false, file, line);
}
static ebb_tensor *last_softmax(ebb_tensor *x, const char *file, int line) { return ebb_softmax_at(x, -1, file, line); }
static ebb_tensor *last_log_softmax(ebb_tensor *x, const char *file, int line) {
    return ebb_log_softmax_at(x, -1, file, line);
}
static ebb_tensor *dot(ebb_operand x, ebb_operand y, const char *file, int line) {
    return all_sum(ebb_mul_at(x, y, file, line), file, line);
}

static ebb_tensor *solve(ebb_operand a, ebb_operand r, const char *file, int line) {
    return ebb_solve_at(a.tensor, r.tensor, false, file, line);
}

static ebb_tensor *logdet(ebb_tensor *a, const char *file, int line) { return ebb_slogdet_at(a, NULL, file, line); }
static ebb_tensor *eigenvalues(ebb_tensor *a, const char *file, int line) { return ebb_eigh_at(a, NULL, file, line); }
static ebb_tensor *singular_values(ebb_tensor *a, const char *file, int line) {
    return ebb_svd_at(a, NULL, NULL, file, line);
}

#define UNARY(op) {#op, 1, ebb_##op##_at, NULL, NULL},
#define BINARY(op) {#op, 2, NULL, ebb_##op##_at, NULL},
static const ebb_formula_op table[] = {
    EBB_UNARY_LIST(UNARY) EBB_BINARY_LIST(BINARY) /* and these: */
    {"sum", 1, all_sum, NULL, NULL},
    {"mean", 1, all_mean, NULL, NULL},
    {"norm", 1, all_norm, NULL, NULL},
    {"logsumexp", 1, all_logsumexp, NULL, NULL},
    {"softmax", 1, last_softmax, NULL, NULL},
    {"log_softmax", 1, last_log_softmax, NULL, NULL},
    {"dot", 2, NULL, dot, NULL},
    {"cholesky", 1, ebb_cholesky_at, NULL, NULL},
    {"inv", 1, ebb_inv_at, NULL, NULL},
    {"det", 1, ebb_det_at, NULL, NULL},
    {"logdet", 1, logdet, NULL, NULL},
    {"eigvalsh", 1, eigenvalues, NULL, NULL},
    {"svdvals", 1, singular_values, NULL, NULL},
    {"solve", 2, NULL, solve, NULL},
    {"clip", 3, NULL, NULL, ebb_clip_at},
    {"select", 3, NULL, NULL, NULL},
};

const ebb_formula_op *ebb_formula_op_by_name(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0) return &table[i];
    return NULL;
}

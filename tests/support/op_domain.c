/* op_domain.c - where the numbers that operations are tested with come from. */
#include "tests/support/op_case.h"

/* Where floating-point operands are taken from: inside the domain, and where results are of ordinary size. */
static const struct domain {
    double low[2], high[2]; /* of operand 0, and of the others; all 0: from -3 to 3 */
} domains[EBB_OP_COUNT] = {
    [EBB_OP_exp] = {{-20}, {20}},
    [EBB_OP_expm1] = {{-5}, {5}},
    [EBB_OP_log] = {{1e-3}, {50}},
    [EBB_OP_log1p] = {{-0.9}, {10}},
    [EBB_OP_sqrt] = {{1e-3}, {50}},
    [EBB_OP_recip] = {{0.1}, {10}},
    [EBB_OP_sin] = {{-30}, {30}},
    [EBB_OP_cos] = {{-30}, {30}},
    [EBB_OP_tan] = {{-1.4}, {1.4}},
    [EBB_OP_asin] = {{-0.98}, {0.98}},
    [EBB_OP_acos] = {{-0.98}, {0.98}},
    [EBB_OP_atan] = {{-10}, {10}},
    [EBB_OP_sinh] = {{-8}, {8}},
    [EBB_OP_cosh] = {{-8}, {8}},
    [EBB_OP_tanh] = {{-5}, {5}},
    [EBB_OP_sigmoid] = {{-20}, {20}},
    [EBB_OP_softplus] = {{-20}, {20}},
    [EBB_OP_erf] = {{-4}, {4}},
    [EBB_OP_div] = {{-3, 0.1}, {3, 10}},
    [EBB_OP_pow] = {{0.05, -4}, {8, 4}},
    [EBB_OP_logsumexp] = {{-9}, {9}},
    [EBB_OP_softmax] = {{-9}, {9}},
    [EBB_OP_log_softmax] = {{-9}, {9}},
    [EBB_OP_exp2] = {{-20}, {20}},
    [EBB_OP_log2] = {{1e-3}, {50}},
    [EBB_OP_log10] = {{1e-3}, {50}},
    [EBB_OP_rsqrt] = {{0.1}, {50}},
    [EBB_OP_cbrt] = {{0.1}, {50}},
    [EBB_OP_asinh] = {{-50}, {50}},
    [EBB_OP_acosh] = {{1.1}, {50}},
    [EBB_OP_atanh] = {{-0.98}, {0.98}},
    [EBB_OP_erfc] = {{-4}, {4}},
    [EBB_OP_erfinv] = {{-0.9}, {0.9}},
    [EBB_OP_lgamma] = {{0.2}, {9}},
    [EBB_OP_digamma] = {{-5}, {9}},
    [EBB_OP_polygamma] = {{0, 0.3}, {5, 9}},
    [EBB_OP_sinc_slope] = {{0, -3}, {5, 3}},
    [EBB_OP_hypot] = {{0.2, -3}, {3, 3}},
    [EBB_OP_atan2] = {{-3, 0.2}, {3, 3}},
    [EBB_OP_logaddexp] = {{0.5, 0.5}, {9, 9}},
    [EBB_OP_xlogy] = {{-3, 0.2}, {3, 9}},
    [EBB_OP_divide_no_nan] = {{-3, 0.1}, {3, 10}},
    [EBB_OP_fmod] = {{-9, 0.5}, {9, 3}},
    [EBB_OP_floormod] = {{-9, 0.5}, {9, 3}},
    [EBB_OP_floordiv] = {{-9, 0.5}, {9, 3}},
    [EBB_OP_triangular_solve] = {{-0.3, -1}, {0.3, 1}},
    [EBB_OP_lu] = {{-0.3}, {0.3}},
    [EBB_OP_lu_solve] = {{-0.3, -1}, {0.3, 1}},
    [EBB_OP_cholesky] = {{-0.3}, {0.3}},
    [EBB_OP_cofactor] = {{-0.3}, {0.3}},
    [EBB_OP_lu_det] = {{-0.3}, {0.3}},
    [EBB_OP_lu_logdet] = {{-0.3}, {0.3}},
    [EBB_OP_lu_sign] = {{-0.3}, {0.3}},
    [EBB_OP_qr] = {{-0.3}, {0.3}},
    [EBB_OP_eigh] = {{-0.1}, {0.1}},
    [EBB_OP_svd] = {{-0.1}, {0.1}},
    [EBB_OP_inv] = {{-0.3}, {0.3}},
    [EBB_OP_det] = {{-0.3}, {0.3}},
    [EBB_OP_logdet] = {{-0.3}, {0.3}},
    [EBB_OP_det_sign] = {{-0.3}, {0.3}},
    [EBB_OP_solve] = {{-0.3, -1}, {0.3, 1}},
    [EBB_OP_prod] = {{0.5}, {1.6}},
    [EBB_OP_cumprod] = {{0.5}, {1.6}},
};

void op_domain(ebb_op op, int k, double *low, double *high) {
    const struct domain *d = &domains[op];
    bool given = d->low[k > 0] != d->high[k > 0];
    *low = given ? d->low[k > 0] : -3;
    *high = given ? d->high[k > 0] : 3;
}

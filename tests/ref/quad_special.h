/* quad_special.h - references of functions that quadmath lacks, from their definitions. */
#ifndef EBB_QUAD_SPECIAL_H
#define EBB_QUAD_SPECIAL_H

/* The y with erf(y) = x: Newton's method on the complement. |x| <= 1. */
__float128 quad_erfinv_of(__float128 x);
/* The n-th derivative of digamma: a sum over all poles. x is not far below 0. */
__float128 quad_polygamma_of(int n, __float128 x);
/* The n-th derivative of sin(pi x) / (pi x): its power series. |x| is not large. */
__float128 quad_sinc_slope_of(int n, __float128 x);

#endif

/* special.h - functions that libm lacks, or has in a form that is not for threads; an f behind the name: for float.
 *
 * Folding, the evaluator and native code call the same ones. */
#ifndef EBB_SPECIAL_H
#define EBB_SPECIAL_H

/* The inverse of erf: infinite at -1 and 1, NaN outside. Rounded once. */
double ebb_erfinv(double x);
float ebb_erfinvf(float x);

/* log |gamma(x)|: inf at 0, -1, -2, ... */
double ebb_lgamma(double x);
float ebb_lgammaf(float x);

/* The derivative of order n + 1 of lgamma; n = 0 is digamma. NaN unless n is whole and from 0 to 1000. At 0 it is
 * infinite, of the sign of its own side; at -1, -2, ... inf for odd n, else NaN: its sides differ. Rounded once, but
 * within 1e-18 near the zeros of digamma. */
double ebb_polygamma(double n, double x);
float ebb_polygammaf(float n, float x);

/* The derivative of order n of sin(pi x) / (pi x). NaN unless n is whole and from 0 to 1000. */
double ebb_sinc_slope(double n, double x);
float ebb_sinc_slopef(float n, float x);

#endif

/* test_hard_points.c - formulas of one or two numbers at the points where other libraries went wrong; the numbers H001
 * ... are those of tests/hard-cases.md.
 *
 * A formula is written in the expression language and run as a user would: in a body with tapes, eagerly and as native
 * code, in f32 and f64, with scalars and with vectors in whose lanes the point stands among ordinary neighbours. Asked
 * are the value, the derivatives in x and e by forward and by reverse, and the second one in x by both ways to nest
 * them; a pole of the second one only by the forward outer pass, as reverse adds infinities of both signs on the way.
 * Start reading at `points`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "frontend/ebb.h"
#include "tests/support/tolerance.h"

#define ANY 987654321.0 /* not asked */
#define INF INFINITY
#define LN_2 0.693147180559945309417

typedef struct point {
    const char *name, *formula; /* of x and e */
    ebb_dtype only;             /* EBB_NONE: both */
    double x, e;
    double y, dx, de, dxx; /* what is expected; NaN, infinities and the sign of y's zero too */
} point;

#define AT(name, formula, x, y, dx, dxx) {name, formula, EBB_NONE, x, 0.5, y, dx, ANY, dxx}
#define AT2(name, formula, x, e, y, dx, de, dxx) {name, formula, EBB_NONE, x, e, y, dx, de, dxx}
#define AT64(name, formula, x, y, dx, dxx) {name, formula, EBB_F64, x, 0.5, y, dx, ANY, dxx}
#define AT32(name, formula, x, y, dx, dxx) {name, formula, EBB_F32, x, 0.5, y, dx, ANY, dxx}

static const point points[] = {
    AT("H001 sqrt(0)", "sqrt(x)", 0, 0, INF, -INF),
    AT("H001 sqrt(-0)", "sqrt(x)", -0.0, -0.0, ANY, ANY),
    AT("H001 sqrt(-1)", "sqrt(x)", -1, NAN, NAN, NAN),
    AT("H002 a root not taken", "select(x > 0, sqrt(x), 0)", 0, 0, 0, 0),
    AT("H002 a root taken", "select(x > 0, sqrt(x), 0)", 4, 2, 0.25, -0.03125),
    AT("H003 an overflow not taken", "select(x < 0, exp(x), 1)", 1000, 1, 0, 0),
    AT("H004 NaN not taken", "select(x > 0, log(x), 2*x)", -1, -2, 2, 0),
    AT2("H004 NaN of e not taken", "select(e < 0, x, x*log(e))", 3, -1, 3, 1, 0, 0),
    AT("H004 NaN of a power not taken", "select(x > 0, x^0.5, x)", -4, -4, 1, 0),
    AT("H008 sqrt(x^2) is not the norm", "sqrt(x^2)", 0, 0, NAN, NAN),
    AT2("H009 hypot(0,0)", "hypot(x, e)", 0, 0, 0, 0, 0, 0),
    AT2("H009 hypot, large", "hypot(x, e)", 3e18, -4e18, 5e18, 0.6, -0.8, ANY),
    AT("H011 abs(0)", "abs(x)", 0, 0, 0, 0),
    AT("H011 sign(0)", "sign(x)", 0, 0, 0, 0),
    AT("H012 relu(0)", "relu(x)", 0, 0, 0, 0),
    AT("H012 relu(-0)", "relu(x)", -0.0, 0, 0, 0),
    AT2("H013 max of equals", "max(x, e)", 3, 3, 3, 1, 0, 0),
    AT2("H013 min of equals", "min(x, e)", 3, 3, 3, 1, 0, 0),
    AT("H013 max of one with itself", "max(x, x)", 3, 3, 1, 0),
    AT2("H015 max(NaN,1)", "max(x, e)", NAN, 1, NAN, ANY, ANY, ANY),
    AT2("H015 max(1,NaN)", "max(x, e)", 1, NAN, NAN, ANY, ANY, ANY),
    AT2("H015 min(NaN,1)", "min(x, e)", NAN, 1, NAN, ANY, ANY, ANY),
    AT2("H015 min(1,NaN)", "min(x, e)", 1, NAN, NAN, ANY, ANY, ANY),
    AT("H016 clip at its lower bound", "clip(x, 0, 1)", 0, 0, 1, 0),
    AT("H016 clip at its upper bound", "clip(x, 0, 1)", 1, 1, 1, 0),
    AT("H016 clip below", "clip(x, 0, 1)", -1, 0, 0, 0),
    AT("H016 clip above", "clip(x, 0, 1)", INF, 1, 0, 0),
    AT("H016 clip of NaN", "clip(x, 0, 1)", NAN, NAN, ANY, ANY),
    AT2("H017 pow(0,0)", "pow(x, e)", 0, 0, 1, 0, 0, 0),
    AT2("H018 pow(0,2)", "pow(x, e)", 0, 2, 0, 0, 0, 2),
    AT("H018 x^2 at 0", "x^2", 0, 0, 0, 2),
    AT2("H019 pow(0,0.5)", "pow(x, e)", 0, 0.5, 0, INF, 0, -INF),
    AT2("H020 pow(-2,3)", "pow(x, e)", -2, 3, -8, 12, 0, -12),
    AT("H020 x^3 at -2", "x^3", -2, -8, 12, -12),
    AT("H021 x^0 at 0", "x^0", 0, 1, 0, 0),
    AT("H022 x^1 at 0", "x^1", 0, 0, 1, 0),
    AT2("H023 pow(0,-1)", "pow(x, e)", 0, -1, INF, -INF, 0, INF),
    AT2("H024 pow(NaN,0)", "pow(x, e)", NAN, 0, 1, 0, 0, 0),
    AT2("H024 pow(1,NaN)", "pow(x, e)", 1, NAN, 1, NAN, ANY, NAN),
    AT2("H025 pow(-0,3)", "pow(x, e)", -0.0, 3, -0.0, 0, 0, 0),
    AT2("H025 pow(2,31)", "pow(x, e)", 2, 31, 2147483648, 33285996544, 2147483648 * LN_2, 499289948160),
    AT2("H025 pow(1,2^31)", "pow(x, e)", 1, 2147483648, 1, 2147483648, 0, 4611686016279904256),
    {"H025 pow(-1,2^31-1)", "pow(x, e)", EBB_F64, -1, 2147483647, -1, 2147483647, 0, -4611686011984936960.0},
    AT("H026 log(0)", "log(x)", 0, -INF, INF, -INF),
    AT("H027 x log x at 0 is NaN", "x*log(x)", 0, NAN, NAN, NAN),
    AT2("H027 xlogy(0,0)", "xlogy(x, e)", 0, 0, 0, 0, 0, 0),
    AT("H027 entropy of 0", "xlogy(x, x)", 0, 0, 0, 0),
    AT("H027 entropy of 1", "xlogy(x, x)", 1, 0, 1, 1),
    AT("H027 entropy by a branch", "select(x > 0, x*log(x), 0)", 0, 0, 0, 0),
    AT("H028 log1p(1e-20)", "log1p(x)", 1e-20, 1e-20, 1, -1),
    AT("H028 expm1(1e-20)", "expm1(x)", 1e-20, 1e-20, 1, 1),
    AT("H029 log1p(-1)", "log1p(x)", -1, -INF, INF, -INF),
    AT("H030 1/0", "1/x", 0, INF, -INF, INF),
    AT("H030 1/-0", "1/x", -0.0, -INF, -INF, -INF),
    AT("H030 recip(0)", "recip(x)", 0, INF, -INF, INF),
    AT2("H031 0/0", "x/e", 0, 0, NAN, INF, NAN, 0),
    AT("H032 asin(1)", "asin(x)", 1, 1.57079632679489661923, INF, INF),
    AT("H032 asin(-1)", "asin(x)", -1, -1.57079632679489661923, INF, -INF),
    AT("H032 acos(1)", "acos(x)", 1, 0, -INF, -INF),
    AT("H032 acosh(1)", "acosh(x)", 1, 0, INF, -INF),
    AT("H032 atanh(1)", "atanh(x)", 1, INF, INF, INF),
    AT("H032 atanh(-1)", "atanh(x)", -1, -INF, INF, -INF),
    AT2("H033 atan2(0,0)", "atan2(x, e)", 0, 0, 0, 0, 0, 0),
    AT2("H033 atan2(0,-1)", "atan2(x, e)", 0, -1, 3.14159265358979323846, -1, 0, 0),
    AT2("H033 atan2(-0,-1)", "atan2(x, e)", -0.0, -1, -3.14159265358979323846, -1, 0, 0),
    AT("H034 sinc(0)", "sinc(x)", 0, 1, 0, -3.28986813369645287),
    AT("H034 sin(x)/x is not sinc", "sin(x)/x", 0, NAN, NAN, NAN),
    AT64("H035 sin(1e22)", "sin(x)", 1e22, -0.852200849767188802, 0.523214785395138945, 0.852200849767188802),
    AT32("H035 sin(1e22)", "sin(x)", 1e22, -0.734081535296101526, 0.679061337095050972, 0.734081535296101526),
    AT64("H035 cos(1e22)", "cos(x)", 1e22, 0.523214785395138945, 0.852200849767188802, -0.523214785395138945),
    AT64("H035 tan(1e22)", "tan(x)", 1e22, -1.62877822560689888, 3.65291850821115798, -11.8995882521815399),
    AT64("H035 tan near pi/2", "tan(x)", 1.5707963267948966, 16331239353195369.8, 2.66709378811357119e+32,
         8.71138940622065339e+48),
    AT32("H035 tan near pi/2", "tan(x)", 1.5707963267948966, -22877332.4288564599, 523372339060408.41,
         -2.39467259695062795e+22),
    AT64("H036 exp(709.78)", "exp(x)", 709.78, 1.79282279439451562e+308, 1.79282279439451562e+308,
         1.79282279439451562e+308),
    AT32("H036 exp(88.72)", "exp(x)", 88.72, 3.39318051622670583e+38, 3.39318051622670583e+38, 3.39318051622670583e+38),
    AT32("H036 exp(89)", "exp(x)", 89, INF, INF, INF),
    AT32("H036 exp(-104)", "exp(x)", -104, 0, 0, 0),
    AT("H036 exp(710)", "exp(x)", 710, INF, INF, INF),
    AT("H036 exp(-745.2) is 0 or the least number", "select(exp(x) <= 5e-324, 1, 0)", -745.2, 1, 0, 0),
    AT64("H037 erfc(27) is subnormal, not 0", "erfc(x)", 27, 5.23704892378925569e-319, ANY, ANY),
    AT64("H037 erfc(10)", "erfc(x)", 10, 2.08848758376254476e-45, -4.19765623135441689e-44, 8.39531246270883378e-43),
    AT32("H037 erfc(9)", "erfc(x)", 9, 4.13703174651381024e-37, -7.49207342824597449e-36, 1.34857321708427541e-34),
    AT("H037 erf(1e18)", "erf(x)", 1e18, 1, 0, 0),
    AT("H038 lgamma(0)", "lgamma(x)", 0, INF, -INF, INF),
    AT("H038 lgamma(-1)", "lgamma(x)", -1, INF, NAN, INF),
    AT("H038 digamma(0)", "digamma(x)", 0, -INF, INF, -INF),
    AT("H038 digamma(-1)", "digamma(x)", -1, NAN, INF, NAN),
    AT("H039 cbrt(0)", "cbrt(x)", 0, 0, INF, ANY),
    AT2("H040 fmod(-5,3)", "fmod(x, e)", -5, 3, -2, 1, 1, 0),
    AT2("H040 floormod(-5,3)", "floormod(x, e)", -5, 3, 1, 1, 2, 0),
    AT2("H040 floormod(5,-3)", "floormod(x, e)", 5, -3, -1, 1, 2, 0),
    AT2("H041 logaddexp(1000,1000)", "logaddexp(x, e)", 1000, 1000, 1000 + LN_2, 0.5, 0.5, 0.25),
    AT2("H043 logaddexp(inf,0)", "logaddexp(x, e)", INF, 0, INF, 1, 0, 0),
    AT2("H044 logaddexp(-inf,-inf)", "logaddexp(x, e)", -INF, -INF, -INF, 0, 0, 0),
    AT("H045 softplus(1000)", "softplus(x)", 1000, 1000, 1, 0),
    AT("H045 softplus(-1000)", "softplus(x)", -1000, 0, 0, 0),
    AT("H045 log1p(exp(x)) is not rewritten", "log1p(exp(x))", 1000, INF, NAN, NAN),
    AT("H046 sigmoid(-1000)", "sigmoid(x)", -1000, 0, 0, 0),
    AT("H046 log of sigmoid(-1000)", "-softplus(-x)", -1000, -1000, 1, 0),
    AT2("H049 cross-entropy of logit -1e4, y = 1", "softplus(x) - x*e", -1e4, 1, 1e4, -1, 1e4, 0),
    AT2("H050 cross-entropy of p = 0, y = 1", "-(xlogy(e, x) + xlogy(1 - e, 1 - x))", 0, 1, INF, -INF, ANY, INF),
    AT2("H050 cross-entropy of p = 1, y = 1", "-(xlogy(e, x) + xlogy(1 - e, 1 - x))", 1, 1, -0.0, -1, ANY, 1),
    AT("H066 -0 + 0", "x + 0", -0.0, 0, 1, 0),
    AT("H066 -0 + -0", "x + -0.0", -0.0, -0.0, 1, 0),
    AT("H066 -0 - 0", "x - 0", -0.0, -0.0, 1, 0),
    AT("H066 -0 * 1", "x*1", -0.0, -0.0, 1, 0),
    AT("H066 max(-0,-0)", "max(x, -0.0)", -0.0, -0.0, 1, 0),
    AT("H066 max(-0,0)", "max(x, 0.0)", -0.0, 0, ANY, 0),
    AT("H066 zeros of both signs are two constants", "1/(x*0) + 1/(x*-0.0)", 1, NAN, ANY, ANY),
    AT64("H066 subnormal times 1.5", "x*1.5", 1e-323, 1.5e-323, 1.5, 0),
    AT("H068 output is input", "x", -0.0, -0.0, 1, 0),
    AT("H068 the same input twice", "x*x", 3, 9, 6, 2),
    AT("H068 a quotient of one with itself", "x/x", 3, 1, 0, 0),
    AT("H069 x*x - x*x", "x*x - x*x", 3, 0, 0, 0),
    AT2("H069 (x - x) * inf", "(x - x)*e", 3, INF, NAN, NAN, 0, ANY),
    AT("H072 stop_gradient", "stop_gradient(x)*x", 3, 9, 3, 0),
};
enum { POINTS = sizeof points / sizeof *points };

/* ---- one formula, by every road ---- */

enum { VALUE, X_FORWARD, X_REVERSE, E_FORWARD, E_REVERSE, FORWARD_REVERSE, REVERSE_FORWARD, RESULTS };
static const char *const road[RESULTS] = {"the value",
                                          "d/dx forward",
                                          "d/dx reverse",
                                          "d/de forward",
                                          "d/de reverse",
                                          "d2/dx2 forward over reverse",
                                          "d2/dx2 reverse over forward"};

static ebb_tensor *ones_like(ebb_tensor *x) { return ebb_add(ebb_mul(ebb_cast(ebb_eq(x, x), ebb_dtype_of(x)), 0), 1); }

static ebb_tensor *reverse(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x) {
    ebb_tensor *d;
    ebb_gradients(tape, 1, &y, 1, &x, &d, &(ebb_gradient_options){.zeros = true});
    return d;
}

static ebb_tape *watching(ebb_context *ebb, ebb_tensor *x) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_watch(tape, x);
    return tape;
}

static void by_every_road(ebb_context *ebb, ebb_function *f, ebb_tensor *x, ebb_tensor *e, ebb_tensor **out) {
    ebb_tensor *one = ones_like(x);
    ebb_tape *outer = ebb_forward_start(ebb, 1, &x, &one), *tape = watching(ebb, x);
    out[VALUE] = ebb_call(f, x, e);
    out[X_FORWARD] = ebb_tangent_or_zeros(outer, out[VALUE]);
    out[X_REVERSE] = reverse(tape, out[VALUE], x);
    out[FORWARD_REVERSE] = ebb_tangent_or_zeros(outer, out[X_REVERSE]);
    ebb_tape_stop(outer);

    outer = watching(ebb, x);
    tape = ebb_forward_start(ebb, 1, &x, &one);
    ebb_tensor *d = ebb_tangent_or_zeros(tape, ebb_call(f, x, e));
    ebb_tape_stop(tape);
    out[REVERSE_FORWARD] = reverse(outer, d, x);

    outer = watching(ebb, e);
    tape = ebb_forward_start(ebb, 1, &e, &one);
    ebb_tensor *y = ebb_call(f, x, e);
    out[E_FORWARD] = ebb_tangent_or_zeros(tape, y);
    ebb_tape_stop(tape);
    out[E_REVERSE] = reverse(outer, y, e);
}

/* Of two scalars, then of two vectors. */
static void body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *formula) {
    ebb_function *f = ebb_expression(ebb, formula, 2, (const char *[]){"x", "e"});
    by_every_road(ebb, f, in[0], in[1], out);
    by_every_road(ebb, f, in[2], in[3], out + RESULTS);
}

/* ---- running and comparing ---- */

enum { LANES = 37 };
static const int lanes[] = {0, 7, 18, 35, 36}; /* of the point: in whole vectors and in the remainder */
static const double near_x = 0.75, near_e = 1.25;

typedef struct trial {
    ebb_context *ebb;
    ebb_function *f;
    ebb_dtype dtype;
    const char *mode;
    ebb_tensor *out[2 * RESULTS];
    int64_t cases;
} trial;

/* In units in the last place of `want`, or of 1 for neighbours, whose terms may cancel. */
static bool agrees(const trial *t, int result, double got, double want, double scale) {
    if (result == VALUE && zero_differs(t->dtype, got, want)) return false;
    return ulps_apart(t->dtype, got, want, scale) <= (result == VALUE ? 8 : 16);
}

static void expect(trial *t, const point *p, int result, int lane, double want, double scale) {
    if (want == ANY || (result == REVERSE_FORWARD && isinf(want))) return;
    double got = ebb_item(t->out[result + (lane < 0 ? 0 : RESULTS)], lane < 0 ? 0 : lane);
    cr_expect(agrees(t, result, got, want, scale), "%s, %s at (%g, %g), %s %s, lane %d: %s is %.17g, should be %.17g",
              p->name, p->formula, p->x, p->e, t->mode, t->dtype == EBB_F32 ? "f32" : "f64", lane, road[result], got,
              want);
    t->cases++;
}

static void run(trial *t, double x, double e) {
    double xs[LANES], es[LANES];
    ebb_tensor *in[2] = {ebb_full(t->ebb, t->dtype, EBB_SCALAR, x), ebb_full(t->ebb, t->dtype, EBB_SCALAR, e)};
    for (int k = 0; k < LANES; k++)
        xs[k] = near_x, es[k] = near_e;
    for (size_t k = 0; k < sizeof lanes / sizeof *lanes; k++)
        xs[lanes[k]] = x, es[lanes[k]] = e;
    ebb_tensor *x64 = ebb_constant(t->ebb, EBB_F64, EBB_SHAPE(LANES), xs);
    ebb_tensor *e64 = ebb_constant(t->ebb, EBB_F64, EBB_SHAPE(LANES), es);
    ebb_operand all[] = {EBB_OPERAND(in[0]), EBB_OPERAND(in[1]), EBB_OPERAND(ebb_cast(x64, t->dtype)),
                         EBB_OPERAND(ebb_cast(e64, t->dtype))};
    ebb_call_n(t->f, 4, all, 2 * RESULTS, t->out);
    cr_assert(ebb_ok(t->ebb), "%s", ebb_error(t->ebb));
}

/* The neighbours of the point are what they would be without it. */
static void check(trial *t, const point *p) {
    const double want[RESULTS] = {p->y, p->dx, p->dx, p->de, p->de, p->dxx, p->dxx};
    double ordinary[RESULTS];
    run(t, near_x, near_e);
    for (int j = 0; j < RESULTS; j++)
        ordinary[j] = ebb_item(t->out[j], 0);
    run(t, p->x, p->e);
    for (int j = 0; j < RESULTS; j++) {
        expect(t, p, j, -1, want[j], 0);
        for (size_t k = 0; k < sizeof lanes / sizeof *lanes; k++)
            expect(t, p, j, lanes[k], want[j], 0);
        for (int k = 1; k < LANES; k += 11)
            expect(t, p, j, k, ordinary[j], 1);
    }
}

/* A function serves all points in a row with the same formula. */
static void check_all(ebb_dtype dtype, ebb_mode mode) {
    trial t = {.ebb = ebb_open(&(ebb_options){.mode = mode}), .dtype = dtype};
    t.mode = mode == EBB_EAGER ? "eager" : "native";
    for (int i = 0; i < POINTS; i++) {
        if (i == 0 || strcmp(points[i].formula, points[i - 1].formula)) {
            ebb_function_options o = {.results = 2 * RESULTS, .data = (void *)(uintptr_t)points[i].formula};
            ebb_function_free(t.f);
            t.f = ebb_function_new(t.ebb, body, &o);
        }
        if (points[i].only != EBB_NONE && points[i].only != dtype) continue;
        EBB_SCOPE (t.ebb)
            check(&t, &points[i]);
    }
    ebb_close(t.ebb);
    printf("cases: %d numbers of hard points, %s\n", (int)t.cases, t.mode);
    fflush(stdout);
}

Test(hard_points, f32_eager) { check_all(EBB_F32, EBB_EAGER); }
Test(hard_points, f64_eager) { check_all(EBB_F64, EBB_EAGER); }
Test(hard_points, f32_native) { check_all(EBB_F32, EBB_NATIVE); }
Test(hard_points, f64_native) { check_all(EBB_F64, EBB_NATIVE); }

/* ---- mixed derivatives of powers ---- */

/* x^e has all its derivatives where x > 0, also in e and also for e = 0: the Hessian is symmetric. */
static const struct {
    double x, e, xx, xe, ee;
} powers[] = {
    {2, 3, 12, 4 + 12 * LN_2, 8 * LN_2 *LN_2},
    {2, 0, 0, 0.5, LN_2 *LN_2},
    {2, 1, 0, 1 + LN_2, 2 * LN_2 *LN_2},
    {0.5, -1, 16, 4 + 4 * LN_2, 2 * LN_2 *LN_2},
    {0, 2, 2, 0, 0},
    {0, 0, 0, 0, 0},
};

static void check_powers(ebb_dtype dtype, ebb_mode mode) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode});
    ebb_function *f = ebb_expression(ebb, "pow(x, e)", 2, (const char *[]){"x", "e"});
    ebb_function *hessian = ebb_hessian(f, EBB_WRT(0, 1));
    for (size_t k = 0; k < sizeof powers / sizeof *powers; k++) {
        double want[] = {powers[k].xx, powers[k].xe, powers[k].xe, powers[k].ee};
        ebb_operand in[] = {EBB_OPERAND(ebb_full(ebb, dtype, EBB_SCALAR, powers[k].x)),
                            EBB_OPERAND(ebb_full(ebb, dtype, EBB_SCALAR, powers[k].e))};
        ebb_tensor *out[4];
        ebb_call_n(hessian, 2, in, 4, out);
        for (int j = 0; j < 4; j++)
            cr_expect(ulps_apart(dtype, ebb_item(out[j], 0), want[j], 1) <= 16,
                      "pow(%g, %g), mode %d: second derivative %d is %.17g, should be %.17g", powers[k].x, powers[k].e,
                      mode, j, ebb_item(out[j], 0), want[j]);
    }
    ebb_close(ebb);
}

Test(hard_points, H073_mixed_derivatives_of_powers) {
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
        check_powers(EBB_F32, mode);
        check_powers(EBB_F64, mode);
    }
}

/* test_region_derivatives.c - derivatives of regions by other ways than in test_region_modes.c: differences, formulas,
 * linearize and transpose, long loops, where a NaN was born, and no memory. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/graph/region.h"
#include "tests/support/parsed.h"
#include "tests/support/region_numbers.h"
#include "tests/support/run_graph.h"
#include "tests/support/scarce.h"

static double dot(const ebb_graph *g, ebb_id x, const double *a, const double *b) {
    double sum = 0;
    for (int64_t e = 0; e < size_of_node(g, x); e++)
        sum += a[e] * b[e];
    return sum;
}

/* ---- differences ---- */

/* The tangents of a program along its directions, by central differences: off by h^2, and by rounding through h. */
static int compare_differences(const region_program *p) {
    static numbers in, out, up, down;
    const double h = 1e-5;
    ebb_diag diag = {0};
    int tried = 0;
    ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt};
    ebb_graph *f = parsed(p->text), *g = ebb_jvp_graph(f, &spec, &diag);
    cr_assert(g, "%s: %s", p->name, diag.message);
    fill_numbers(g, p, &in);
    run_numbers(g, &in, &out, p->name);
    for (int side = -1; side <= 1; side += 2) {
        fill_numbers(g, p, &in);
        for (int i = 0; i < p->nwrt; i++)
            for (int e = 0; e < ROOM; e++)
                in.room[p->wrt[i]][e] += side * h * in.room[f->inputs + i][e];
        run_numbers(f, &in, side > 0 ? &up : &down, p->name);
    }
    for (int j = 0; j < f->outputs; j++)
        for (int64_t e = 0; e < size_of_node(f, f->output[j]); e++, tried++) {
            double want = (up.room[j][e] - down.room[j][e]) / (2 * h), got = out.room[f->outputs + j][e];
            cr_expect(fabs(got - want) < 1e-8 * (1 + fabs(want)), "%s: tangent %d[%d] is %.12g, by differences %.12g",
                      p->name, j, (int)e, got, want);
        }
    ebb_graph_release(g);
    ebb_graph_release(f);
    return tried;
}

Test(region_derivatives, tangents_are_differences) {
    int tried = 0;
    for (int i = 0; i < region_program_count; i++)
        tried += compare_differences(&region_programs[i]);
    printf("cases: %d\n", tried);
}

/* ---- linearize, transpose ---- */

/* The linear part gives the tangents, and its transpose the same number the other way round. */
static void compare_halves(const region_program *p) {
    static numbers in, out, middle, tangents, turned, back;
    ebb_diag diag = {0};
    ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt};
    ebb_graph *f = parsed(p->text), *g = ebb_jvp_graph(f, &spec, &diag), *primal, *linear;
    cr_assert(g && ebb_linearize_graph(f, &spec, &primal, &linear, &diag), "%s: %s", p->name, diag.message);
    cr_assert(ebb_verify(primal, &diag) && ebb_verify(linear, &diag), "%s: %s", p->name, diag.message);
    int residuals = linear->inputs - p->nwrt, last[4];
    fill_numbers(g, p, &in);
    run_numbers(g, &in, &out, p->name);
    run_numbers(primal, &in, &middle, p->name);
    for (int i = 0; i < residuals; i++)
        middle.at[i] = middle.room[f->outputs + i];
    for (int i = 0; i < p->nwrt; i++)
        middle.at[residuals + i] = in.room[f->inputs + i], last[i] = residuals + i;
    run_numbers(linear, &middle, &tangents, p->name);
    for (int j = 0; j < f->outputs; j++)
        for (int64_t e = 0; e < size_of_node(f, f->output[j]); e++)
            cr_expect_float_eq(tangents.room[j][e], out.room[f->outputs + j][e], 1e-13, "%s: tangent %d", p->name, j);

    ebb_graph *t = ebb_transpose_graph(linear, &(ebb_dual_spec){.nwrt = p->nwrt, .wrt = last}, &diag);
    cr_assert(t && ebb_verify(t, &diag), "%s: %s", p->name, diag.message);
    cr_expect_eq(t->inputs, residuals + f->outputs);
    double left = 0, right = 0;
    for (int i = 0; i < residuals; i++)
        turned.at[i] = middle.at[i];
    for (int j = 0; j < f->outputs; j++) {
        turned.at[residuals + j] = turned.room[residuals + j];
        fill_uniform(77 + (uint64_t)j, -1, 1, ROOM, turned.room[residuals + j]);
        left += dot(f, f->output[j], turned.room[residuals + j], tangents.room[j]);
    }
    run_numbers(t, &turned, &back, p->name);
    for (int i = 0; i < p->nwrt; i++)
        right += dot(t, t->output[i], back.room[i], in.room[f->inputs + i]);
    cr_expect_float_eq(left, right, 1e-12 * (1 + fabs(left)), "%s: u'Jv is %.17g, v'J'u %.17g", p->name, left, right);
    ebb_graph *all[] = {t, linear, primal, g, f};
    for (int i = 0; i < 5; i++)
        ebb_graph_release(all[i]);
}

Test(region_derivatives, two_halves) {
    for (int i = 0; i < region_program_count; i++)
        compare_halves(&region_programs[i]);
    printf("cases: %d\n", 2 * region_program_count);
}

/* ---- long loops, and loops whose length is not known ---- */

/* x <- x + h sin(a x), while the count is below n: three states, of which the program's own count decides. */
#define DRIFT                                                                                                          \
    "func step(%1: f64[], %2: i64[], %3: f64[], %4: i64[]) {\n  %5 f64[] = mul %3, %1\n  %6 f64[] = sin %5\n"          \
    "  %7 f64[] = constant 0.000001\n  %8 f64[] = mul %7, %6\n  %9 f64[] = add %1, %8\n  %10 i64[] = constant 1\n"     \
    "  %11 i64[] = add %2, %10\n  return %9, %11\n}\n"                                                                 \
    "func more(%1: f64[], %2: i64[], %3: f64[], %4: i64[]) {\n  %5 bool[] = lt %2, %4\n  return %5\n}\n"               \
    "func f(%1: f64[], %2: f64[], %3: i64[]) {\n  %4 i64[] = constant 0\n"                                             \
    "  %5 (f64[], i64[]) = loop @step @more %1, %4, %2, %3 {states=2, captures=2, trips=-1, reverse=0}\n"              \
    "  %6 f64[] = get %5 {k=0}\n  return %6\n}\n"

/* The same by hand: y, its gradient in x and a, and the second derivatives along v. */
static void drift(double x, double a, int64_t n, const double v[2], double answer[5]) {
    const double h = 0.000001;
    double d[2] = {1, 0}, t = v[0], dd[2] = {0, 0}; /* dx_n / d(x, a); their tangents */
    for (int64_t i = 0; i < n; i++) {
        double s = sin(a * x), c = cos(a * x), w = a * t + v[1] * x; /* w: the tangent of a x */
        double own[2] = {a * d[0], a * d[1] + x};                    /* the gradient of a x */
        double turn[2] = {a * dd[0] + v[1] * d[0], a * dd[1] + v[1] * d[1] + t};
        for (int k = 0; k < 2; k++) {
            dd[k] += h * (c * turn[k] - s * own[k] * w);
            d[k] += h * c * own[k];
        }
        t += h * c * w;
        x += h * s;
    }
    memcpy(answer, (double[]){x, d[0], d[1], dd[0], dd[1]}, 5 * sizeof *answer);
}

/* H071: 0, 1 and a million iterations. The cotangents of a come from a sum of a million terms. */
Test(region_derivatives, loops_of_any_length) {
    const int64_t lengths[] = {0, 1, 2, 1000, 1000000};
    const int wrt[] = {0, 1};
    for (int k = 0; k < 5; k++) {
        ebb_diag diag = {0};
        ebb_graph *f = parsed(DRIFT);
        ebb_dual_spec spec = {.nwrt = 2, .wrt = wrt, .value = true};
        ebb_graph *g = ebb_hvp_graph(f, &spec, &diag);
        cr_assert(g && ebb_verify(g, &diag), "%s", diag.message);
        double x = 0.7, a = 1.3, n = (double)lengths[k], v[2] = {0.4, -0.6}, got[5], want[5];
        cr_assert(run_graph(g, (const double *[]){&x, &a, &n, &v[0], &v[1]},
                            (double *[]){&got[0], &got[1], &got[2], &got[3], &got[4]}, &diag),
                  "%s", diag.message);
        drift(x, a, lengths[k], v, want);
        for (int i = 0; i < 5; i++)
            cr_expect(fabs(got[i] - want[i]) <= 1e-10 * (fabs(want[i]) + 1e-300),
                      "%d iterations: answer %d is %.17g, not %.17g", (int)lengths[k], i, got[i], want[i]);
        ebb_graph_release(g);
        ebb_graph_release(f);
    }
}

/* ---- perturbation confusion ---- */

/* H080: d/dx of x times the sum over i of d/dy (x + y), where the inner derivative is taken in the body of a loop. */
Test(region_derivatives, perturbations_are_not_confused) {
    ebb_diag diag = {0};
    ebb_graph *sum = parsed("func inner(%1: f64[], %2: f64[]) { %3 f64[] = add %1, %2 return %3 }");
    ebb_graph *inner = ebb_grad_graph(sum, &(ebb_dual_spec){.nwrt = 1, .wrt = (int[]){1}}, &diag);
    ebb_graph *body = ebb_graph_new(&ebb_malloc_allocator, &diag, "body"),
              *f = ebb_graph_new(&ebb_malloc_allocator, &diag, "f");
    const ebb_type type = {.dtype = EBB_F64};
    ebb_site site = {0};
    /* (s, x) -> s + x d/dy (x + y) at y = s */
    ebb_id s = ebb_add_input(body, type, site), x = ebb_add_input(body, type, site);
    ebb_id slope = ebb_record_get(body, ebb_record_call(body, inner, 2, (ebb_id[]){x, s}, site), 0, site);
    ebb_builder b = {.graph = body};
    cr_assert(ebb_add_output(body, ebb_g_add(&b, s, ebb_g_mul(&b, x, slope))));
    ebb_id y = ebb_add_input(f, type, site);
    const ebb_loop three = {.body = body, .states = 1, .captures = 1, .trips = 3};
    ebb_id start = ebb_g_number(&(ebb_builder){.graph = f}, EBB_F64, 0);
    ebb_id tuple = ebb_record_loop(f, &three, 2, (ebb_id[]){start, y}, site);
    cr_assert(ebb_add_output(f, ebb_record_get(f, tuple, 0, site)), "%s", diag.message);
    ebb_graph *forward = ebb_jvp_graph(f, NULL, &diag), *reverse = ebb_grad_graph(f, NULL, &diag);
    cr_assert(forward && reverse, "%s", diag.message);
    double at = 0.4, one = 1, got[3];
    cr_assert(run_graph(forward, (const double *[]){&at, &one}, (double *[]){&got[0], &got[1]}, &diag));
    cr_assert(run_graph(reverse, (const double *[]){&at}, (double *[]){&got[2]}, &diag));
    cr_expect(fabs(got[0] - 1.2) < 1e-15 && got[1] == 3 && got[2] == 3, "%g, %g, %g", got[0], got[1], got[2]);
    ebb_graph *all[] = {forward, reverse, f, body, inner, sum};
    for (int i = 0; i < 6; i++)
        ebb_graph_release(all[i]);
}

/* ---- no memory ---- */

static void give_allocator(ebb_graph *g, const ebb_allocator *a) {
    g->allocator = a;
    for (int32_t k = 0; k < g->callees; k++)
        give_allocator(g->callee[k], a);
}

static bool derive_all(const ebb_graph *f, const region_program *p, ebb_diag *diag) {
    ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt};
    int axes[8] = {0, 0, 0, 0, 0, 0, 0, 0}, last[4];
    ebb_graph *g[7] = {0}, *linear = NULL;
    bool ok = (g[0] = ebb_vjp_graph(f, &spec, diag)) && (g[1] = ebb_vjp_graph(g[0], &spec, diag)) &&
              (g[2] = ebb_jet_graph(g[0], 2, &spec, diag)) &&
              (g[3] = ebb_vmap_graph(g[0], 2, axes, NULL, NULL, diag)) &&
              (g[4] = ebb_births_graph(g[0], false, diag)) && ebb_linearize_graph(f, &spec, &g[5], &linear, diag);
    for (int i = 0; ok && i < p->nwrt; i++)
        last[i] = linear->inputs - p->nwrt + i;
    ok = ok && (g[6] = ebb_transpose_graph(linear, &(ebb_dual_spec){.nwrt = p->nwrt, .wrt = last}, diag));
    for (int i = 0; i < 7; i++)
        ebb_graph_release(g[i]);
    ebb_graph_release(linear);
    return ok;
}

/* Allocations fail one after the other, later ones farther apart. */
Test(region_derivatives, every_allocation_may_fail) {
    int failed = 0;
    for (int i = 0; i < region_program_count; i++) {
        const region_program *p = &region_programs[i];
        ebb_graph *f = parsed(p->text);
        scarce s = {0};
        const ebb_allocator allocator = scarce_allocator(&s);
        give_allocator(f, &allocator);
        bool done = false;
        for (int64_t k = 0; !done; k += 1 + k / 50, failed++) {
            ebb_diag diag = {0};
            s = (scarce){.left = k};
            done = derive_all(f, p, &diag);
            cr_expect_eq(s.live, 0, "%s: allocation %d failed: %d blocks lost", p->name, (int)k, (int)s.live);
            if (!done)
                cr_expect_eq(diag.code, EBB_NO_MEMORY, "%s: allocation %d failed: code %d %s", p->name, (int)k,
                             (int)diag.code, diag.message);
        }
        give_allocator(f, &ebb_malloc_allocator);
        ebb_graph_release(f);
    }
    printf("cases: %d\n", failed);
}

/* ---- rules of one's own that say what is not so ---- */

#define CLIP                                                                                                           \
    "func same(%1: f64[3]) {\n  return %1\n}\n"                                                                        \
    "func clip(%1: f64[3], %2: f64[3], %3: f64[3]) {\n  %4 f64[3] = square %3\n  %5 f64[] = sum %4 {axes=[0]}\n"       \
    "  %6 f64[] = sqrt %5\n  %7 f64[] = constant 1\n  %8 f64[] = max %6, %7\n  %9 f64[3] = broadcast %8 {axes=[]}\n"   \
    "  %10 f64[3] = div %3, %9\n  return %10\n}\n"                                                                     \
    "func f(%1: f64[3]) {\n  %2 (f64[3]) = custom @same @clip %1 {reverse=1}\n  %3 f64[3] = get %2 {k=0}\n"            \
    "  %4 f64[3] = exp %3\n  %5 f64[] = sum %4 {axes=[0]}\n  return %5\n}\n"

/* The gradient of a sum of exp(x), cut to length 1; its Jacobian in x is that of the cut one. */
Test(region_derivatives, a_gradient_is_clipped) {
    ebb_diag diag = {0};
    const double x[3] = {0.5, -0.2, 1.1}, v[3] = {0.3, 0.1, -0.7};
    double e[3], length = 0, along = 0, got[3], tangent[3];
    ebb_graph *f = parsed(CLIP), *g = ebb_grad_graph(f, NULL, &diag), *h = ebb_vjp_graph(g, NULL, &diag);
    cr_assert(g && h, "%s", diag.message);
    for (int i = 0; i < 3; i++) {
        e[i] = exp(x[i]);
        length += e[i] * e[i];
    }
    length = sqrt(length);
    for (int i = 0; i < 3; i++)
        along += e[i] * v[i] / length;
    cr_assert(run_graph(h, (const double *[]){x, v}, (double *[]){got, tangent}, &diag), "%s", diag.message);
    for (int i = 0; i < 3; i++) {
        cr_expect_float_eq(got[i], e[i] / length, 1e-15, "gradient %d is %g", i, got[i]);
        double want = e[i] * (v[i] - along * e[i] / length) / length;
        cr_expect_float_eq(tangent[i], want, 1e-15, "second derivative %d is %g, not %g", i, tangent[i], want);
    }
    ebb_graph_release(h);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

/* H072: what a rule cannot do is said with its name. */
Test(region_derivatives, a_rule_that_serves_one_direction_says_so) {
    ebb_diag diag = {0};
    ebb_graph *f = parsed(CLIP);
    cr_expect_null(ebb_jvp_graph(f, NULL, &diag));
    cr_expect(
        diag.code == EBB_VALUE_ERROR &&
            strstr(diag.message, "the rule clip of same is not linear in the cotangents, so same has no forward mode"),
        "%s", diag.message);
    ebb_graph_release(f);
}

/* What only runs has forgotten its rules, in functions that it runs too. */
Test(region_derivatives, rules_are_gone_from_what_runs) {
    for (int i = 0; i < region_program_count; i++) {
        ebb_diag diag = {0};
        ebb_graph *f = parsed(region_programs[i].text), *g = ebb_expand_to_run(f, &diag);
        cr_assert(g && ebb_verify(g, &diag), "%s: %s", region_programs[i].name, diag.message);
        for (int32_t k = -1; k < g->callees; k++) {
            const ebb_graph *part = k < 0 ? g : g->callee[k];
            for (ebb_id id = 1; id < part->count; id++)
                cr_expect_neq(ebb_op_of(part, id), EBB_OP_custom, "%s", region_programs[i].name);
        }
        ebb_graph_release(g);
        ebb_graph_release(f);
    }
}

/* A rule whose zero is absent is no more than zero. */
Test(region_derivatives, a_rule_may_leave_out_what_is_zero) {
    ebb_diag diag = {0};
    ebb_graph *f =
        parsed("func p(%1: f64[], %2: f64[]) { %3 f64[] = mul %1, %2 return %3 }\n"
               "func r(%1: f64[], %2: f64[], %3: f64[], %4: f64[]) { %5 f64[] = mul %2, %4 return %5, absent }\n"
               "func f(%1: f64[], %2: f64[]) { %3 (f64[]) = custom @p @r %1, %2 {reverse=1}\n"
               "%4 f64[] = get %3 {k=0} return %4 }\n");
    ebb_dual_spec spec = {.nwrt = 2, .wrt = (int[]){0, 1}};
    ebb_graph *g = ebb_grad_graph(f, &spec, &diag), *h = ebb_jvp_graph(f, &spec, &diag);
    cr_assert(g && h, "%s", diag.message);
    double x = 3, y = 5, got[4], one = 1;
    cr_assert(run_graph(g, (const double *[]){&x, &y}, (double *[]){&got[0], &got[1]}, &diag));
    cr_assert(run_graph(h, (const double *[]){&x, &y, &one, &one}, (double *[]){&got[2], &got[3]}, &diag));
    cr_expect(got[0] == 5 && got[1] == 0 && got[2] == 15 && got[3] == 5, "%g %g %g %g", got[0], got[1], got[2], got[3]);
    ebb_graph_release(h);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

/* test_dual.c - every derivative rule, in every direction, against differences of the evaluator's own values.
 *
 * A case is one operation on one set of shapes. For each, one program computes the value y, the tangent t = J v, the
 * cotangents c = J' ct and the second derivatives by three roads: forward over reverse, reverse over forward, reverse
 * over reverse. The cases are in rule_cases.c. Start reading at `derive`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "dual/mutate.h"
#include "tests/support/rule_cases.h"
#include "tests/support/run_graph.h"

/* ---- the program of a case ---- */

enum {
    VALUE,
    TANGENT,
    COTANGENT,
    FORWARD_REVERSE = COTANGENT + 3,
    REVERSE_FORWARD = FORWARD_REVERSE + 3,
    REVERSE_REVERSE = REVERSE_FORWARD + 3,
    RESULTS = REVERSE_REVERSE + 3
};
static const char *const result_name[RESULTS] = {"value",
                                                 "jvp",
                                                 "vjp 0",
                                                 "vjp 1",
                                                 "vjp 2",
                                                 "forward over reverse 0",
                                                 "forward over reverse 1",
                                                 "forward over reverse 2",
                                                 "reverse over forward 0",
                                                 "reverse over forward 1",
                                                 "reverse over forward 2",
                                                 "reverse over reverse 0",
                                                 "reverse over reverse 1",
                                                 "reverse over reverse 2"};

typedef struct program {
    ebb_graph *graph;
    int n;             /* operands */
    ebb_id x[3], v[3]; /* them, and their directions (absent: not float) */
    ebb_id ct;
    int float_at[3]; /* which operands are float */
    int floats;
} program;

static ebb_id zeros_if_absent(ebb_builder *b, ebb_id t, ebb_id like) { return t ? t : ebb_g_full_like(b, like, 0); }

/* sum(s * t), a scalar */
static ebb_id inner(ebb_builder *b, ebb_id s, ebb_id t) {
    int64_t all[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return ebb_g_sum(b, ebb_g_mul(b, s, t), ebb_shape_of(b->graph, s)->rank, all);
}

static ebb_id apply(ebb_graph *g, const rule_case *c, ebb_dtype real, int n, const ebb_id *x) {
    int64_t attr[3 * EBB_MAX_RANK];
    ebb_application app = {.op = c->op, .attr = attr, .nattr = rule_list(c->attr, attr)};
    app.asked.dtype = c->cast ? c->cast : real;
    app.asked.shape = c->asked ? rule_shape(c->asked) : *ebb_shape_of(g, x[0]);
    if (c->op == EBB_OP_lu_det || c->op == EBB_OP_lu_logdet) {
        ebb_application lu = {.op = EBB_OP_lu};
        return ebb_record(g, &app, 2, (ebb_id[]){x[0], ebb_record(g, &lu, 1, x)});
    }
    if (c->op == EBB_OP_lu_solve) {
        ebb_application lu = {.op = EBB_OP_lu};
        return ebb_record(g, &app, 3, (ebb_id[]){x[0], ebb_record(g, &lu, 1, x), x[1]});
    }
    if (c->op != EBB_OP_polygamma && c->op != EBB_OP_sinc_slope) return ebb_record(g, &app, n, x);
    ebb_application to_real = {.op = EBB_OP_cast, .asked.dtype = real}; /* the order, a whole number */
    return ebb_record(g, &app, n, (ebb_id[]){ebb_record(g, &to_real, 1, x), x[1]});
}

/* The inputs: operands, then a direction for each float one, then the cotangent. Returns y. */
static ebb_id begin(program *p, const rule_case *c, ebb_dtype real, ebb_diag *diag) {
    ebb_site site = {0};
    ebb_id y;
    *p = (program){.graph = ebb_graph_new(&ebb_malloc_allocator, diag, c->name), .n = rule_operands(c)};
    for (int k = 0; k < p->n; k++)
        p->x[k] = ebb_add_input(p->graph, rule_operand_type(c->shape[k], real), site);
    for (int k = 0; k < p->n; k++) {
        if (!ebb_is_float(ebb_dtype_at(p->graph, p->x[k]))) continue;
        p->v[k] = ebb_add_input(p->graph, ebb_type_of(p->graph, p->x[k]), site);
        p->float_at[p->floats++] = k;
    }
    y = apply(p->graph, c, real, p->n, p->x);
    p->ct = y == EBB_POISON ? y : ebb_add_input(p->graph, ebb_type_of(p->graph, y), site);
    return y;
}

/* The second derivatives, three times. */
static bool derive_twice(program *p, ebb_id t, const ebb_id *c, ebb_id *out) {
    ebb_graph *g = p->graph;
    ebb_builder b = {g, {0}};
    ebb_id one = ebb_g_number(&b, ebb_dtype_at(g, t), 1), pairing = inner(&b, p->ct, t), back = EBB_ABSENT;
    if (!ebb_jvp_nodes(g, p->n, p->x, p->v, p->n, c, out + FORWARD_REVERSE)) return false;
    if (!ebb_vjp_nodes(g, 1, &pairing, &one, p->n, p->x, out + REVERSE_FORWARD)) return false;
    for (int k = 0; k < p->floats; k++) {
        int at = p->float_at[k];
        ebb_id term = ebb_g_cast_to(&b, inner(&b, c[at], p->v[at]), ebb_dtype_at(g, t));
        back = back ? ebb_g_add(&b, back, term) : term;
    }
    return ebb_vjp_nodes(g, 1, &back, &one, p->n, p->x, out + REVERSE_REVERSE);
}

static bool derive(program *p, const rule_case *c, ebb_dtype real, ebb_diag *diag) {
    ebb_id out[RESULTS] = {0}, y = begin(p, c, real, diag);
    ebb_graph *g = p->graph;
    ebb_builder b = {g, {0}};
    if (y == EBB_POISON) return false;
    out[VALUE] = y;
    if (!ebb_jvp_nodes(g, p->n, p->x, p->v, 1, &y, out + TANGENT)) return false;
    if (!ebb_vjp_nodes(g, 1, &y, &p->ct, p->n, p->x, out + COTANGENT)) return false;
    out[TANGENT] = zeros_if_absent(&b, out[TANGENT], y);
    for (int k = 0; k < p->n; k++)
        if (p->v[k]) out[COTANGENT + k] = zeros_if_absent(&b, out[COTANGENT + k], p->x[k]);
    if (!derive_twice(p, out[TANGENT], out + COTANGENT, out)) return false;
    for (int j = FORWARD_REVERSE; j < RESULTS; j++) {
        int k = (j - FORWARD_REVERSE) % 3;
        if (k < p->n && p->v[k]) out[j] = zeros_if_absent(&b, out[j], p->x[k]);
    }
    for (int j = 0; j < RESULTS; j++)
        if (!ebb_add_output(g, out[j])) return false;
    return ebb_verify(g, diag);
}

/* ---- its numbers ---- */

typedef struct numbers {
    double at[RESULTS][MOST_ELEMENTS];
} numbers;

/* All results at x + h v. */
static bool run_at(const program *p, const rule_case *c, double h, numbers *result, ebb_diag *diag) {
    double in[7][MOST_ELEMENTS], *out[RESULTS];
    const double *from[7];
    for (int k = 0; k < p->n; k++)
        rule_operand_values(c, k, size_of_node(p->graph, p->x[k]), in[k]);
    for (int k = 0; k < p->floats; k++) {
        int at = p->float_at[k];
        int64_t size = size_of_node(p->graph, p->x[at]);
        fill_uniform(200 + (uint64_t)k, -1, 1, size, in[p->n + k]);
        for (int64_t e = 0; e < size; e++)
            in[at][e] += h * in[p->n + k][e];
    }
    fill_uniform(300, -1, 1, size_of_node(p->graph, p->ct), in[p->n + p->floats]);
    for (int k = 0; k < 7; k++)
        from[k] = in[k];
    for (int j = 0; j < RESULTS; j++)
        out[j] = result->at[j];
    memset(result, 0, sizeof *result);
    return run_graph(p->graph, from, out, diag);
}

/* The slope of every result along v: Richardson's central differences. */
static bool slopes(const program *p, const rule_case *c, numbers *slope, ebb_diag *diag) {
    static numbers at[4];
    const double h = 1e-3, step[4] = {h, -h, 2 * h, -2 * h};
    for (int s = 0; s < 4; s++)
        if (!run_at(p, c, step[s], &at[s], diag)) return false;
    for (int j = 0; j < RESULTS; j++)
        for (int e = 0; e < MOST_ELEMENTS; e++)
            slope->at[j][e] = (8 * (at[0].at[j][e] - at[1].at[j][e]) - (at[2].at[j][e] - at[3].at[j][e])) / (12 * h);
    return true;
}

/* ---- comparing ---- */

static char complaint[2048]; /* the last difference found */

static bool near(const rule_case *c, const char *what, const double *got, const double *want, double tolerance) {
    double scale = 1;
    for (int e = 0; e < MOST_ELEMENTS; e++)
        scale = fmax(scale, fabs(want[e]));
    for (int e = 0; e < MOST_ELEMENTS; e++) {
        if (fabs(got[e] - want[e]) <= tolerance * scale) continue;
        snprintf(complaint, sizeof complaint, "%s: %s at element %d is %.17g, should be %.17g", c->name, what, e,
                 got[e], want[e]);
        return false;
    }
    return true;
}

static double dot_product(const double *s, const double *t, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += s[k] * t[k];
    return sum;
}

/* <ct, J v> = <J' ct, v> */
static bool adjoint(const program *p, const rule_case *c, const numbers *r) {
    double ct[MOST_ELEMENTS], v[MOST_ELEMENTS], left[MOST_ELEMENTS] = {0}, right[MOST_ELEMENTS] = {0};
    int64_t size = size_of_node(p->graph, p->ct);
    fill_uniform(300, -1, 1, size, ct);
    left[0] = dot_product(ct, r->at[TANGENT], size);
    for (int k = 0; k < p->floats; k++) {
        int64_t n = size_of_node(p->graph, p->x[p->float_at[k]]);
        fill_uniform(200 + (uint64_t)k, -1, 1, n, v);
        right[0] += dot_product(r->at[COTANGENT + p->float_at[k]], v, n);
    }
    return near(c, "<ct, J v> against <J' ct, v>", left, right, 1e-12);
}

static bool agree(const program *p, const rule_case *c, const numbers *r, const numbers *slope) {
    if (!near(c, "jvp against differences", r->at[TANGENT], slope->at[VALUE], 1e-8) || !adjoint(p, c, r)) return false;
    for (int k = 0; k < 3; k++) {
        const double *second = r->at[FORWARD_REVERSE + k];
        if (!near(c, result_name[FORWARD_REVERSE + k], second, slope->at[COTANGENT + k], 1e-8)) return false;
        if (!near(c, result_name[REVERSE_FORWARD + k], r->at[REVERSE_FORWARD + k], second, 1e-12)) return false;
        if (!near(c, result_name[REVERSE_REVERSE + k], r->at[REVERSE_REVERSE + k], second, 1e-12)) return false;
    }
    return true;
}

/* f64: everything agrees with differences and among itself. */
static bool check_f64(const rule_case *c, numbers *result) {
    static numbers slope;
    ebb_diag diag = {0};
    program p;
    bool ran = derive(&p, c, EBB_F64, &diag) && run_at(&p, c, 0, result, &diag) && slopes(&p, c, &slope, &diag);
    if (!ran) snprintf(complaint, sizeof complaint, "%s: %s", c->name, diag.message);
    bool ok = ran && agree(&p, c, result, &slope);
    ebb_graph_release(p.graph);
    return ok;
}

/* f32: the same numbers as f64, with fewer digits. */
static bool check_f32(const rule_case *c, const numbers *wide) {
    static numbers narrow;
    ebb_diag diag = {0};
    program p;
    bool ok = derive(&p, c, EBB_F32, &diag) && run_at(&p, c, 0, &narrow, &diag);
    if (!ok) snprintf(complaint, sizeof complaint, "%s: %s", c->name, diag.message);
    for (int j = 0; ok && j < RESULTS; j++)
        ok = near(c, result_name[j], narrow.at[j], wide->at[j], 1e-5);
    ebb_graph_release(p.graph);
    return ok;
}

static bool check(const rule_case *c) {
    static numbers result;
    return check_f64(c, &result) && check_f32(c, &result);
}

/* ---- tests ---- */

Test(dual, every_rule_agrees_with_differences) {
    for (int k = 0; k < rule_case_count; k++)
        cr_expect(check(&rule_cases[k]), "%s", complaint);
    cr_log_info("%d cases x {value, jvp, vjp, 3 second derivatives} x {f64, f32}", rule_case_count);
}

static bool in_table(ebb_op op) {
    for (int k = 0; k < rule_case_count; k++)
        if (rule_cases[k].op == op) return true;
    return false;
}

static bool has_rule(ebb_op op) {
    ebb_family family = ebb_op_table[op].family;
    return family == EBB_LINEAR || family == EBB_BILINEAR || family == EBB_SMOOTH || family == EBB_SELECTION ||
           family == EBB_IMPLICIT;
}

Test(dual, every_operation_with_a_rule_has_a_case) {
    for (int op = 1; op < EBB_OP_COUNT; op++)
        cr_expect(in_table((ebb_op)op) || !has_rule((ebb_op)op), "%s has no case", ebb_op_table[op].name);
}

/* ---- mutants: rules with the wrong sign ---- */

static bool own_case_fails(ebb_op op) {
    for (int k = 0; k < rule_case_count; k++)
        if (rule_cases[k].op == op && !check(&rule_cases[k])) return true;
    return false;
}

/* The rule's answer about one operand is turned round: 1 if some case of the operation fails, 0 if none does, -1 if
 * there is no answer to turn, as about an index. */
static int try_mutant(ebb_op op, int operand) {
    ebb_dual_mutate = (ebb_mutant){.op = op, .operand = operand};
    bool found = own_case_fails(op);
    bool asked = ebb_dual_mutate.asked > 0;
    ebb_dual_mutate = (ebb_mutant){.op = EBB_OP_NONE};
    return asked ? found : -1;
}

Test(dual, every_mutant_is_caught) {
    int mutants = 0, caught = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        int before = mutants;
        for (int operand = 0; in_table((ebb_op)op) && operand < ebb_op_table[op].arity; operand++) {
            int found = try_mutant((ebb_op)op, operand);
            mutants += found >= 0;
            caught += found > 0;
            cr_expect(found != 0, "the wrong sign of %s in operand %d goes unnoticed", ebb_op_table[op].name, operand);
        }
        cr_expect(mutants > before || !has_rule((ebb_op)op), "%s has no mutant", ebb_op_table[op].name);
    }
    printf("cases: mutants of derivative rules: %d, caught: %d\n", mutants, caught);
    fflush(stdout);
}

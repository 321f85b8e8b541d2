/* test_dual_structure.c - the two passes on graphs of every form: what is connected to what, deep chains, wide fans,
 * intermediate nodes, and what they refuse. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dual/dual.h"
#include "jit/graph/notation.h"
#include "support/run_graph.h"

static ebb_diag diag;

typedef struct sheet {
    ebb_builder b;
    ebb_id x, y;
} sheet; /* a program of two f64 scalars */

static sheet new_sheet(void) {
    diag = (ebb_diag){0};
    sheet s = {.b = {ebb_graph_new(&ebb_malloc_allocator, &diag, "sheet"), {.file = "model.c", .line = 7}}};
    s.x = ebb_add_input(s.b.graph, (ebb_type){EBB_F64, {0}}, s.b.site);
    s.y = ebb_add_input(s.b.graph, (ebb_type){EBB_F64, {0}}, s.b.site);
    return s;
}

static ebb_id gradient(sheet *s, ebb_id of, ebb_id in) {
    ebb_id one = ebb_g_full_like(&s->b, of, 1), d = EBB_POISON;
    ebb_vjp_nodes(s->b.graph, 1, &of, &one, 1, &in, &d);
    return d;
}

static ebb_id tangent(sheet *s, ebb_id of, ebb_id in) {
    ebb_id one = ebb_g_full_like(&s->b, in, 1), d = EBB_POISON;
    ebb_jvp_nodes(s->b.graph, 1, &in, &one, 1, &of, &d);
    return d;
}

/* A node's value at x, y; absent is 0. Releases nothing. */
static double value_at(sheet *s, ebb_id id, double x, double y) {
    double result = 0;
    ebb_clear_outputs(s->b.graph);
    cr_assert(ebb_add_output(s->b.graph, id), "%s", diag.message);
    cr_assert(run_graph(s->b.graph, (const double *[]){&x, &y}, (double *[]){&result}, &diag), "%s", diag.message);
    return result;
}

static ebb_id record(sheet *s, ebb_op op, ebb_id x, ebb_id y) {
    ebb_application app = {.op = op, .asked = ebb_type_of(s->b.graph, x), .site = s->b.site};
    return ebb_record(s->b.graph, &app, ebb_op_table[op].arity, (ebb_id[]){x, y});
}

Test(structure, what_is_not_connected_is_absent_and_costs_nothing) {
    sheet s = new_sheet();
    ebb_id f = ebb_g_sin(&s.b, s.x), step = ebb_g_sign(&s.b, s.x), one = ebb_g_number(&s.b, EBB_F64, 1), d;
    int32_t before = s.b.graph->count;
    cr_assert(ebb_vjp_nodes(s.b.graph, 1, &f, &one, 1, &s.y, &d));
    cr_expect_eq(d, EBB_ABSENT, "no path: vjp");
    cr_assert(ebb_jvp_nodes(s.b.graph, 1, &s.y, &one, 1, &f, &d));
    cr_expect_eq(d, EBB_ABSENT, "no path: jvp");
    cr_assert(ebb_vjp_nodes(s.b.graph, 1, &step, &one, 1, &s.x, &d));
    cr_expect_eq(d, EBB_ABSENT, "through a step");
    cr_assert(ebb_vjp_nodes(s.b.graph, 1, &f, &(ebb_id){EBB_ABSENT}, 1, &s.x, &d));
    cr_expect_eq(d, EBB_ABSENT, "no cotangent");
    cr_assert(ebb_jvp_nodes(s.b.graph, 1, &s.x, &(ebb_id){EBB_ABSENT}, 1, &f, &d));
    cr_expect_eq(d, EBB_ABSENT, "no tangent");
    cr_assert(ebb_vjp_nodes(s.b.graph, 1, &(ebb_id){EBB_ABSENT}, &one, 1, &s.x, &d));
    cr_expect_eq(d, EBB_ABSENT, "an absent result");
    cr_expect_eq(s.b.graph->count, before, "zeros appended %d nodes", (int)(s.b.graph->count - before));
    ebb_graph_release(s.b.graph);
}

Test(structure, result_is_the_parameter_itself) {
    sheet s = new_sheet();
    ebb_id ct = s.y, d;
    cr_assert(ebb_vjp_nodes(s.b.graph, 1, &s.x, &ct, 1, &s.x, &d));
    cr_expect_eq(d, ct);
    cr_assert(ebb_jvp_nodes(s.b.graph, 1, &s.x, &ct, 1, &s.x, &d));
    cr_expect_eq(d, ct);
    ebb_graph_release(s.b.graph);
}

/* t1 = square(x); t2 = square(x); y = t1*t2, as recorded: the gradient in t1 is t2, not 2 t1. */
Test(structure, recorded_nodes_are_not_confused) {
    sheet s = new_sheet();
    ebb_id t1 = record(&s, EBB_OP_square, s.x, 0), t2 = record(&s, EBB_OP_square, s.x, 0);
    ebb_id y = record(&s, EBB_OP_mul, t1, t2);
    cr_expect_neq(t1, t2);
    cr_expect_eq(gradient(&s, y, t1), t2);
    cr_expect_eq(tangent(&s, y, t2), t1);
    cr_expect_eq(value_at(&s, gradient(&s, y, s.x), 3, 0), 108);
    ebb_graph_release(s.b.graph);
}

/* z = x*x; y = z*x. All three named: the derivative in x counts the way through z. The same node twice: twice. */
Test(structure, sources_that_depend_on_each_other) {
    sheet s = new_sheet();
    ebb_id z = ebb_g_mul(&s.b, s.x, s.x), y = ebb_g_mul(&s.b, z, s.x), one = ebb_g_number(&s.b, EBB_F64, 1), d[4];
    cr_assert(ebb_vjp_nodes(s.b.graph, 1, &y, &one, 4, (ebb_id[]){s.x, z, y, s.x}, d));
    cr_expect_eq(value_at(&s, d[0], 5, 0), 75);
    cr_expect_eq(value_at(&s, d[1], 5, 0), 5);
    cr_expect_eq(d[2], one);
    cr_expect_eq(d[3], d[0]);
    ebb_id dy;
    cr_assert(ebb_jvp_nodes(s.b.graph, 2, (ebb_id[]){s.x, z}, (ebb_id[]){one, s.y}, 1, &y, &dy));
    cr_expect_eq(value_at(&s, dy, 5, 10), 75, "z's direction is the one given");
    cr_assert(ebb_jvp_nodes(s.b.graph, 2, (ebb_id[]){s.x, s.x}, (ebb_id[]){one, one}, 1, &y, &dy));
    cr_expect_eq(value_at(&s, dy, 5, 0), 150, "a node named twice moves twice");
    ebb_graph_release(s.b.graph);
}

Test(structure, several_results_add_up) {
    sheet s = new_sheet();
    ebb_id y[3] = {ebb_g_square(&s.b, s.x), s.x, ebb_g_square(&s.b, s.x)}, one = ebb_g_number(&s.b, EBB_F64, 1), d;
    cr_assert(ebb_vjp_nodes(s.b.graph, 3, y, (ebb_id[]){one, one, s.y}, 1, &s.x, &d));
    cr_expect_eq(value_at(&s, d, 5, 2), 10 + 1 + 20);
    ebb_graph_release(s.b.graph);
}

Test(structure, integers_have_no_derivative) {
    sheet s = new_sheet();
    ebb_id n = ebb_g_cast_to(&s.b, s.x, EBB_I32), m = ebb_g_mul(&s.b, n, n), y = ebb_g_cast_to(&s.b, m, EBB_F64);
    cr_expect_eq(gradient(&s, y, s.x), EBB_ABSENT);
    cr_expect_eq(gradient(&s, y, n), EBB_ABSENT);
    cr_expect_eq(gradient(&s, m, s.x), EBB_ABSENT);
    cr_expect_eq(tangent(&s, y, s.x), EBB_ABSENT);
    cr_expect_eq(tangent(&s, m, n), EBB_ABSENT);
    ebb_graph_release(s.b.graph);
}

Test(structure, derived_nodes_carry_the_line_of_their_primal) {
    sheet s = new_sheet();
    s.b.site.line = 42;
    ebb_id y = ebb_g_tanh(&s.b, s.x);
    s.b.site.line = 99;
    ebb_id z = ebb_g_mul(&s.b, y, s.x), d = gradient(&s, y, s.x), t = tangent(&s, z, s.x);
    cr_expect_eq(s.b.graph->site[d].line, 42);
    cr_expect_str_eq(s.b.graph->site[d].file, "model.c");
    cr_expect_eq(s.b.graph->site[t].line, 99);
    ebb_graph_release(s.b.graph);
}

static void expect_part(const sheet *s, ebb_id id, const char *want, const char *what) {
    char marks[EBB_MARKS_TEXT];
    ebb_marks_print(s->b.graph->site[id], marks);
    cr_expect_str_eq(marks, want, "%s: \"%s\"", what, marks);
}

/* Each in a program of its own, as equal nodes are shared, and the first one gives them its name. */
Test(structure, derived_nodes_say_what_they_are_part_of) {
    static const struct {
        const char *want, *passes; /* forward and reverse */
        ebb_op macro;
    } cases[] = {{"", "", EBB_OP_NONE},
                 {"adjoint", "r", EBB_OP_NONE},
                 {"tangent", "f", EBB_OP_NONE},
                 {"tangent of adjoint", "rf", EBB_OP_NONE},
                 {"adjoint of adjoint", "rr", EBB_OP_NONE},
                 {"adjoint of tangent", "fr", EBB_OP_NONE},
                 {"tangent of tangent of adjoint", "rff", EBB_OP_NONE},
                 {"adjoint in norm", "r", EBB_OP_norm},
                 {"in norm", "", EBB_OP_norm}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sheet s = new_sheet();
        s.b.site.macro = (uint16_t)cases[i].macro;
        ebb_id y = ebb_g_sin(&s.b, s.x);
        for (const char *pass = cases[i].passes; *pass; pass++)
            y = *pass == 'f' ? tangent(&s, y, s.x) : gradient(&s, y, s.x);
        expect_part(&s, y, cases[i].want, cases[i].passes);
        ebb_graph_release(s.b.graph);
    }
}

/* What the program computes too is part of the program, whoever asked first. */
Test(structure, equal_nodes_belong_to_the_program) {
    sheet s = new_sheet();
    ebb_id y = ebb_g_sin(&s.b, s.x), d = gradient(&s, y, s.x), c;
    expect_part(&s, d, "adjoint", "alone");
    s.b.site.line = 50;
    c = ebb_g_cos(&s.b, s.x);
    cr_expect_eq(c, d);
    expect_part(&s, d, "", "shared");
    cr_expect_eq(s.b.graph->site[d].line, 50);
    s.b.site.line = 60;
    cr_expect_eq(ebb_g_cos(&s.b, s.x), d);
    cr_expect_eq(s.b.graph->site[d].line, 50, "the first of equals");
    ebb_graph_release(s.b.graph);
}

/* d/dx (x * d/dy (x + y)) = 1, with each mode inside each. */
Test(structure, perturbations_are_not_confused) {
    sheet s = new_sheet();
    ebb_id sum = ebb_g_add(&s.b, s.x, s.y);
    ebb_id inner[2] = {gradient(&s, sum, s.y), tangent(&s, sum, s.y)};
    for (int k = 0; k < 2; k++) {
        ebb_id f = ebb_g_mul(&s.b, s.x, inner[k]);
        cr_expect_eq(value_at(&s, gradient(&s, f, s.x), 3, 4), 1);
        cr_expect_eq(value_at(&s, tangent(&s, f, s.x), 3, 4), 1);
    }
    ebb_graph_release(s.b.graph);
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 500,000 times y = sin(y) + x, differentiated in both directions. */
Test(structure, deep_chains_cost_no_stack) {
    enum { DEPTH = 1000000 };
    sheet s = new_sheet();
    ebb_id y = s.x;
    for (int k = 0; k < DEPTH / 2; k++)
        y = record(&s, EBB_OP_add, record(&s, EBB_OP_sin, y, 0), s.x);
    double start = seconds();
    ebb_id back = gradient(&s, y, s.x);
    double reverse = seconds() - start;
    start = seconds();
    ebb_id ahead = tangent(&s, y, s.x);
    cr_log_info("a chain of %d nodes: reverse %.2f s, forward %.2f s", DEPTH, reverse, seconds() - start);
    double a = value_at(&s, back, 0.5, 0), b = value_at(&s, ahead, 0.5, 0);
    cr_expect(fabs(a - b) <= 1e-12 * fabs(b) && a > 1, "reverse %.17g, forward %.17g", a, b);
    ebb_graph_release(s.b.graph);
}

/* One node used 100,000 times. */
Test(structure, wide_fans_are_linear) {
    enum { WIDTH = 100000 };
    sheet s = new_sheet();
    ebb_id z = ebb_g_square(&s.b, s.x), y = s.y;
    for (int k = 0; k < WIDTH; k++)
        y = record(&s, EBB_OP_add, y, z);
    cr_expect_eq(value_at(&s, gradient(&s, y, s.x), 3, 0), 6.0 * WIDTH);
    cr_expect_eq(value_at(&s, gradient(&s, y, z), 3, 0), 1.0 * WIDTH);
    cr_expect_eq(value_at(&s, tangent(&s, y, s.x), 3, 0), 6.0 * WIDTH);
    ebb_graph_release(s.b.graph);
}

/* ---- what is refused ---- */

static void expect_refused(sheet *s, const char *what, ebb_code code, const char *words, ebb_id y, ebb_id ct) {
    ebb_id d;
    diag = (ebb_diag){0};
    cr_expect_not(ebb_vjp_nodes(s->b.graph, 1, &y, &ct, 1, &s->x, &d), "%s was taken", what);
    cr_expect_eq(diag.code, code, "%s: code %d", what, (int)diag.code);
    cr_expect(strstr(diag.message, words), "%s: \"%s\" does not say \"%s\"", what, diag.message, words);
}

Test(structure, wrong_arguments_are_errors) {
    sheet s = new_sheet();
    ebb_id y = ebb_g_sin(&s.b, s.x), pair = ebb_g_full(&s.b, EBB_F64, &(ebb_shape){1, {2}}, 1), d;
    expect_refused(&s, "a wrong shape", EBB_VALUE_ERROR, "the cotangent of f64[] is f64[2]", y, pair);
    expect_refused(&s, "a wrong dtype", EBB_VALUE_ERROR, "f32[]", y, ebb_g_number(&s.b, EBB_F32, 1));
    expect_refused(&s, "no node", EBB_INTERNAL_ERROR, "no node", 12345, y);
    expect_refused(&s, "poison", EBB_OK, "", EBB_POISON, y);
    cr_expect_not(ebb_jvp_nodes(s.b.graph, 1, &s.x, &pair, 1, &y, &d));
    cr_expect(strstr(diag.message, "the tangent of f64[] is f64[2]"), "%s", diag.message);
    ebb_graph_release(s.b.graph);
}

Test(structure, macros_must_be_expanded_first) {
    sheet s = new_sheet();
    ebb_application mean = {.op = EBB_OP_mean, .site = {.file = "loss.c", .line = 12}};
    ebb_id z = ebb_g_mul(&s.b, s.x, s.y), y = ebb_record(s.b.graph, &mean, 1, &z), one = ebb_g_number(&s.b, EBB_F64, 1);
    expect_refused(&s, "a macro", EBB_LOOKUP_ERROR, "mean", y, one);
    cr_expect_eq(diag.site.line, 12);
    ebb_graph_release(s.b.graph);
}

/* test_scale.c - programs of a million nodes: every pass takes time in proportion, on a stack of 256 kB.
 *
 * A program is one row of `programs`. A way through the house is a road of phases, timed by the CPU, as the machine
 * may be shared. EBB_SCALE=full (./run scale) takes the sizes that are asked for; without it, those that every build
 * can afford. What a person meets is in test_scale_functions.c. Start reading at `travel`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/graph/text.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"
#include "tests/support/scale.h"

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ---- programs of any size: two parameters x and c, one scalar result ---- */

typedef struct maker {
    ebb_graph *graph;
    ebb_id x, c;
    int64_t left; /* nodes to make */
} maker;

static ebb_id make(maker *m, ebb_op op, ebb_id a, ebb_id b) {
    ebb_application app = {.op = op, .site = {.file = "scale.c", .line = 1}};
    m->left--;
    return ebb_record(m->graph, &app, ebb_op_table[op].arity, (ebb_id[]){a, b});
}

/* As deep as it is long. */
static ebb_id deep(maker *m) {
    ebb_id y = m->x;
    while (m->left > 0)
        y = make(m, EBB_OP_tanh, make(m, EBB_OP_add, make(m, EBB_OP_mul, make(m, EBB_OP_sin, y, 0), m->c), m->x), 0);
    return y;
}

/* A third of all nodes read x; what they are is added two by two. */
static ebb_id fanned(maker *m) {
    int64_t n = m->left / 3 + 1;
    ebb_id *term = malloc((size_t)n * sizeof *term), scale = m->c;
    for (int64_t i = 0; i < n; i++)
        term[i] = make(m, EBB_OP_mul, m->x, scale = make(m, EBB_OP_add, scale, m->c));
    for (; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; i++)
            term[i] = make(m, EBB_OP_add, term[2 * i], term[2 * i + 1]);
        if (n % 2) term[n / 2] = term[n - 1];
    }
    ebb_id y = term[0];
    free(term);
    return y;
}

static ebb_id shaped(maker *m, ebb_op op, int nattr, const int64_t *attr, int64_t size, ebb_id x) {
    ebb_application app = {.op = op, .nattr = nattr, .attr = attr, .asked = {EBB_NONE, {size > 0, {size}}}};
    m->left--;
    return ebb_record(m->graph, &app, 1, &x);
}

/* Values of different sizes that live long and die in another order: the arena has as many gaps as it can have. */
static ebb_id scattered(maker *m) {
    int64_t n = m->left / 7 + 1;
    ebb_id *value = malloc((size_t)n * sizeof *value), scale = m->c, y = m->c;
    for (int64_t i = 0; i < n; i++) {
        int64_t size = 2 + i % 7 * 8;
        ebb_id part = shaped(m, EBB_OP_slice, 2, (int64_t[]){0, 1}, size, m->x);
        scale = make(m, EBB_OP_mul, scale, m->c);
        ebb_id stretched = shaped(m, EBB_OP_broadcast, 0, NULL, size, scale);
        value[i] = make(m, EBB_OP_exp, make(m, EBB_OP_add, part, stretched), 0);
    }
    for (int64_t i = 0; i < n; i++)
        y = make(m, EBB_OP_add, y, shaped(m, EBB_OP_sum, 1, (int64_t[]){0}, 0, value[i * 7919 % n]));
    free(value);
    return y;
}

typedef struct program {
    const char *name;
    ebb_id (*make)(maker *);
    int64_t x, c; /* elements; 0: a scalar */
} program;

static const program programs[] = {
    {"a chain", deep, 0, 0},
    {"a fan", fanned, 0, 0},
    {"a chain of small tensors", deep, 8, 8},
    {"a fan of small tensors", fanned, 8, 8},
    {"tensors of many sizes", scattered, 64, 0},
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static ebb_type real(int64_t n) { return (ebb_type){EBB_F64, {n > 0, {n}}}; }

static ebb_graph *record(const program *p, int64_t nodes, ebb_diag *diag) {
    const int64_t axis = 0;
    maker m = {.graph = ebb_graph_new(&ebb_malloc_allocator, diag, "big"), .left = nodes};
    m.x = ebb_add_input(m.graph, real(p->x), (ebb_site){0});
    m.c = ebb_add_input(m.graph, real(p->c), (ebb_site){0});
    ebb_id y = p->make(&m);
    ebb_application sum = {.op = EBB_OP_sum, .nattr = 1, .attr = &axis};
    if (y > 0 && ebb_shape_of(m.graph, y)->rank) y = ebb_record(m.graph, &sum, 1, &y);
    ebb_add_output(m.graph, y);
    return m.graph;
}

/* ---- the roads ---- */

typedef struct road {
    const program *program;
    int64_t nodes;
    bool print; /* times */
    ebb_diag diag;
    double lap, total;
    double value[2][64]; /* of the results, by road: they must agree */
} road;

static void lap(road *r, const char *phase) {
    double now = cpu_ms();
    if (r->print) printf("scale: %s of %lld: %s %.0f ms\n", r->program->name, (long long)r->nodes, phase, now - r->lap);
    cr_expect_eq(r->diag.code, EBB_OK, "%s of %lld: %s: %s", r->program->name, (long long)r->nodes, phase,
                 r->diag.message);
    r->total += now - r->lap;
    r->lap = now;
}

/* The graph comes back from its text as it was, but for the table of what its nodes say, which it does not need. */
static void there_and_back(road *r, const ebb_graph *g) {
    char *text = ebb_graph_print(g, &r->diag);
    lap(r, "print");
    ebb_module *m = text ? ebb_module_parse(&ebb_malloc_allocator, text, strlen(text), &r->diag) : NULL;
    const ebb_graph *back = m ? m->function[0] : NULL;
    cr_expect(back && back->count == g->count && memcmp(back->node, g->node, (size_t)g->count * sizeof *g->node) == 0,
              "%s of %lld: another graph comes back", r->program->name, (long long)r->nodes);
    ebb_module_free(m);
    ebb_mem_free(&ebb_malloc_allocator, text);
    lap(r, "parse");
}

/* Points, directions, and where results go. */
static double point[3][64];
static const void *const in[] = {point[0], point[1], point[2]};

static void evaluate(road *r, const ebb_graph *g, double *value) {
    void *out[] = {value, value + 1};
    ebb_eval_graph(g, NULL, in, out, &ebb_malloc_allocator, &r->diag);
    lap(r, "evaluate");
}

/* The directional derivative by both roads: the gradient's scalar product with the direction is the tangent. */
static void differentiate(road *r, const ebb_graph *g) {
    double value[2] = {0}, gradient[64] = {0}, product = 0;
    ebb_graph *jvp = ebb_jvp_graph(g, NULL, &r->diag);
    lap(r, "jvp");
    if (jvp) evaluate(r, jvp, value);
    ebb_graph_release(jvp);
    lap(r, "free");
    ebb_graph *grad = ebb_grad_graph(g, NULL, &r->diag);
    lap(r, "grad");
    if (grad) evaluate(r, grad, gradient);
    ebb_graph_release(grad);
    lap(r, "free");
    for (int i = 0; i < (r->program->x ? r->program->x : 1); i++)
        product += gradient[i] * point[2][i];
    cr_expect(fabs(product - value[1]) <= 1e-9 * fabs(product) && product != 0,
              "%s of %lld: forward %.17g, reverse %.17g", r->program->name, (long long)r->nodes, value[1], product);
}

static void compile_and_run(road *r, const ebb_graph *g, double *value) {
    ebb_graph *sealed = ebb_expand(g, false, NULL, &r->diag);
    lap(r, "expand");
    ebb_plan *plan = sealed ? ebb_plan_new(sealed, NULL, &r->diag) : NULL;
    lap(r, "plan");
    ebb_executable *code = plan ? ebb_compile(plan, NULL, &r->diag) : NULL;
    lap(r, "compile");
    size_t work = code ? (size_t)ebb_executable_work(code) / 64 * 64 + 64 : 64;
    void *arena = aligned_alloc(64, work), *out[] = {value, value + 1};
    if (code) cr_expect_eq(ebb_executable_entry(code)(in, out, arena), EBB_OK, "%s: the call", r->program->name);
    free(arena);
    lap(r, "run");
    ebb_executable_release(code);
    ebb_plan_free(plan);
    ebb_graph_release(sealed);
    lap(r, "free");
}

enum { GRAPH = 1, DERIVATIVES = 2, CODE = 4, CODE_OF_GRADIENT = 8 };

/* The phases that `roads` names; gives their CPU time. */
static double travel(const program *p, int64_t nodes, int roads, bool print) {
    road r = {.program = p, .nodes = nodes, .print = print, .lap = cpu_ms()};
    double *evaluated = r.value[0], *compiled = r.value[1];
    ebb_graph *g = record(p, nodes, &r.diag);
    lap(&r, "record");
    cr_expect_gt(g->count, nodes, "%s: %d nodes", p->name, g->count);
    if (roads & GRAPH) {
        cr_expect(ebb_verify(g, &r.diag), "%s of %lld: %s", p->name, (long long)nodes, r.diag.message);
        lap(&r, "verify");
        there_and_back(&r, g);
    }
    if (roads & DERIVATIVES) differentiate(&r, g);
    if (roads & (CODE | CODE_OF_GRADIENT)) {
        ebb_graph *f = roads & CODE ? ebb_graph_retain(g) : ebb_grad_graph(g, NULL, &r.diag);
        lap(&r, "derive");
        evaluate(&r, f, evaluated);
        compile_and_run(&r, f, compiled);
        ebb_graph_release(f);
        cr_expect(fabs(*evaluated - *compiled) <= 1e-9 * fabs(*evaluated) && *compiled != 0,
                  "%s of %lld: evaluated %.17g, compiled %.17g", p->name, (long long)nodes, *evaluated, *compiled);
    }
    ebb_graph_release(g);
    lap(&r, "free");
    return r.total;
}

static void prepare(void) {
    for (int i = 0; i < 64; i++) {
        point[0][i] = 0.3 + 0.01 * i;
        point[1][i] = 0.7;
        point[2][i] = 1 - 0.02 * i;
    }
}
TestSuite(scale, .init = prepare);

/* H076: as a chain, H081: as a fan, and others. */
SCALE_TEST(a_million_nodes) {
    int64_t nodes = sized(1000000, 1000000, 30000);
    travel(&programs[0], nodes, GRAPH | DERIVATIVES, true);
    for (int i = 1; i < PROGRAMS && scale_full(); i++)
        travel(&programs[i], nodes / 4, GRAPH | DERIVATIVES, true);
}

SCALE_TEST(a_million_nodes_compiled) {
    int64_t nodes = sized(1000000, 40000, 3000);
    for (int i = 0; i < PROGRAMS; i++)
        travel(&programs[i], programs[i].x ? nodes / 20 : nodes, CODE, true);
    for (int i = 0; i < PROGRAMS; i++)
        travel(&programs[i], programs[i].x ? nodes / 40 : nodes / 10, CODE_OF_GRADIENT, true);
}

/* H077. Eight times as many nodes take about eight times as long; what grows with the square takes 64 times as long. */
SCALE_TEST(time_is_linear) {
    static const struct {
        const char *what;
        int roads;
        int64_t nodes;
    } cases[] = {{"graphs and derivatives", GRAPH | DERIVATIVES, 24000},
                 {"native code", CODE, 16000},
                 {"native code of gradients", CODE_OF_GRADIENT, 8000}};
    travel(&programs[0], 100, CODE, false); /* the engine is open */
    for (int i = 0; i < PROGRAMS && !SCALE_SANITIZED; i++) {
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            int64_t nodes = programs[i].x && k > 0 ? cases[k].nodes / 4 : cases[k].nodes;
            double small = travel(&programs[i], nodes / 8, cases[k].roads, false);
            double large = travel(&programs[i], nodes, cases[k].roads, false);
            printf("scale: %s: %s: %.1f ms, eight times as many nodes %.1f ms\n", programs[i].name, cases[k].what,
                   small, large);
            cr_expect_lt(large, 28 * small, "%s: %s: %.1f ms, eight times as many nodes %.1f ms", programs[i].name,
                         cases[k].what, small, large);
        }
    }
}

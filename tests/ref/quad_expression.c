/* quad_expression.c - see quad_expression.h. Start reading at draw, then evaluate. */
#include "tests/ref/quad_expression.h"

#include <quadmath.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef __float128 quad;

/* ---- functions of one number: value, first and second derivative; and where they may be applied ---- */

static quad sigmoid(quad x) { return 1 / (1 + expq(-x)); }
static quad erf_slope(quad x) { return 2 / sqrtq(M_PIq) * expq(-x * x); }

enum domain { ANY, SMALL, POSITIVE, UNIT }; /* any; |x| <= 1; x >= 1.25; |x| <= 0.9 */

/* name, domain, f, f', f'' */
#define FUNCTIONS(F)                                                                                                   \
    F(neg, ANY, -x, -1, 0)                                                                                             \
    F(abs, ANY, fabsq(x), x < 0 ? -1 : 1, 0)                                                                           \
    F(square, ANY, x *x, 2 * x, 2)                                                                                     \
    F(relu, ANY, x > 0 ? x : 0, x > 0 ? 1 : 0, 0)                                                                      \
    F(exp, SMALL, expq(x), expq(x), expq(x))                                                                           \
    F(expm1, SMALL, expm1q(x), expq(x), expq(x))                                                                       \
    F(log, POSITIVE, logq(x), 1 / x, -1 / (x * x))                                                                     \
    F(log1p, POSITIVE, log1pq(x), 1 / (1 + x), -1 / ((1 + x) * (1 + x)))                                               \
    F(sqrt, POSITIVE, sqrtq(x), 1 / (2 * sqrtq(x)), -1 / (4 * x * sqrtq(x)))                                           \
    F(recip, POSITIVE, 1 / x, -1 / (x * x), 2 / (x * x * x))                                                           \
    F(sin, ANY, sinq(x), cosq(x), -sinq(x))                                                                            \
    F(cos, ANY, cosq(x), -sinq(x), -cosq(x))                                                                           \
    F(tan, SMALL, tanq(x), 1 + tanq(x) * tanq(x), 2 * tanq(x) * (1 + tanq(x) * tanq(x)))                               \
    F(asin, UNIT, asinq(x), 1 / sqrtq(1 - x * x), x / ((1 - x * x) * sqrtq(1 - x * x)))                                \
    F(acos, UNIT, acosq(x), -1 / sqrtq(1 - x * x), -x / ((1 - x * x) * sqrtq(1 - x * x)))                              \
    F(atan, ANY, atanq(x), 1 / (1 + x * x), -2 * x / ((1 + x * x) * (1 + x * x)))                                      \
    F(sinh, SMALL, sinhq(x), coshq(x), sinhq(x))                                                                       \
    F(cosh, SMALL, coshq(x), sinhq(x), coshq(x))                                                                       \
    F(tanh, ANY, tanhq(x), 1 - tanhq(x) * tanhq(x), -2 * tanhq(x) * (1 - tanhq(x) * tanhq(x)))                         \
    F(sigmoid, ANY, sigmoid(x), sigmoid(x) * sigmoid(-x), sigmoid(x) * sigmoid(-x) * (1 - 2 * sigmoid(x)))             \
    F(softplus, ANY, log1pq(expq(x)), sigmoid(x), sigmoid(x) * sigmoid(-x))                                            \
    F(erf, ANY, erfq(x), erf_slope(x), -2 * x * erf_slope(x))

#define DEFINE(name, domain, f, d1, d2)                                                                                \
    static void apply_##name(quad x, quad d[3]) { d[0] = f, d[1] = d1, d[2] = ((void)x, d2); }
FUNCTIONS(DEFINE)

static const struct function {
    const char *name;
    enum domain domain;
    void (*apply)(quad x, quad d[3]);
} functions[] = {
#define ROW(name, domain, f, d1, d2) {#name, domain, apply_##name},
    FUNCTIONS(ROW)
#undef ROW
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

/* ---- trees ---- */

enum kind { NUMBER, VARIABLE, FUNCTION, ADD, SUB, MUL, DIV, POW, MAX, MIN, SELECT };

typedef struct node {
    enum kind kind;
    int which; /* variable or function */
    double number;
    int arg[2];
} node;

typedef struct tree {
    node node[512];
    int count;
    uint64_t random;
} tree;

static uint64_t bits(tree *t) { /* splitmix64 */
    uint64_t z = t->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int below(tree *t, int n) { return (int)(bits(t) % (unsigned)n); }

static int add_node(tree *t, node n) {
    t->node[t->count] = n;
    return t->count++;
}

static int add_number(tree *t, double number) { return add_node(t, (node){.kind = NUMBER, .number = number}); }

static int add_binary(tree *t, enum kind kind, int a, int b) {
    return add_node(t, (node){.kind = kind, .arg = {a, b}});
}

static int add_function(tree *t, const char *name, int a) {
    int which = 0;
    while (strcmp(functions[which].name, name) != 0)
        which++;
    return add_node(t, (node){.kind = FUNCTION, .which = which, .arg = {a, 0}});
}

/* Something of `a` that lies in the domain. */
static int into(tree *t, enum domain domain, int a) {
    switch (domain) {
    case ANY:
        break;
    case SMALL:
        return add_function(t, "sin", a);
    case UNIT:
        return add_binary(t, MUL, add_number(t, 0.9), add_function(t, "sin", a));
    case POSITIVE:
        return add_binary(t, ADD, add_number(t, 1.25), add_function(t, "square", a));
    }
    return a;
}

static int draw(tree *t, int depth);

static int draw_leaf(tree *t) {
    if (below(t, 4) == 0) return add_number(t, (below(t, 41) - 20) / 8.0);
    return add_node(t, (node){.kind = VARIABLE, .which = below(t, QUAD_VARIABLES)});
}

static int draw_binary(tree *t, int depth) {
    enum kind kind = (enum kind)(ADD + below(t, SELECT - ADD + 1));
    int a = draw(t, depth), b = draw(t, depth);
    if (kind == DIV) b = into(t, POSITIVE, b);
    if (kind == POW) a = into(t, POSITIVE, a), b = into(t, SMALL, b);
    return add_binary(t, kind, a, b);
}

static int draw(tree *t, int depth) {
    if (depth == 0 || below(t, 8) == 0) return draw_leaf(t);
    if (below(t, 2)) return draw_binary(t, depth - 1);
    int which = below(t, FUNCTION_COUNT), a = draw(t, depth - 1);
    return add_node(t, (node){.kind = FUNCTION, .which = which, .arg = {into(t, functions[which].domain, a), 0}});
}

/* ---- text ---- */

typedef struct text {
    char *to;
    size_t used;
} text;

#define SAY(...) (out->used += (size_t)snprintf(out->to + out->used, QUAD_TEXT - out->used, __VA_ARGS__))

static void print(const tree *t, int at, text *out) {
    static const char *const operators[] = {[ADD] = " + ", [SUB] = " - ", [MUL] = "*", [DIV] = "/", [POW] = "^"};
    const node *n = &t->node[at];
    if (out->used >= QUAD_TEXT / 2) return; /* the caller draws another */
    if (n->kind == NUMBER) {
        SAY(n->number < 0 ? "(%.17g)" : "%.17g", n->number);
    } else if (n->kind == VARIABLE) {
        SAY("%c", 'x' + n->which);
    } else if (n->kind == FUNCTION) {
        SAY("%s(", functions[n->which].name);
        print(t, n->arg[0], out);
        SAY(")");
    } else {
        bool infix = n->kind < MAX;
        SAY("%s(", infix ? "" : n->kind == MAX ? "max" : n->kind == MIN ? "min" : "select");
        print(t, n->arg[0], out);
        if (n->kind == SELECT) { /* select(a < b, a, b) is another min, whose derivative is chosen by the comparison */
            SAY(" < ");
            print(t, n->arg[1], out);
            SAY(", ");
            print(t, n->arg[0], out);
        }
        SAY("%s", infix ? operators[n->kind] : ", ");
        print(t, n->arg[1], out);
        SAY(")");
    }
}

/* ---- evaluation: value, gradient and Hessian of each node ---- */

typedef struct jet {
    quad v, g[QUAD_VARIABLES], h[QUAD_VARIABLES][QUAD_VARIABLES];
} jet;

#define EACH(i) for (int i = 0; i < QUAD_VARIABLES; i++)

/* F(a, b) from the partial derivatives of F. */
static jet chain(quad v, quad fa, quad fb, quad faa, quad fab, quad fbb, const jet *a, const jet *b) {
    jet r = {.v = v};
    EACH(i) r.g[i] = fa * a->g[i] + fb * b->g[i];
    EACH(i)
    EACH(k)
    r.h[i][k] = fa * a->h[i][k] + fb * b->h[i][k] + faa * a->g[i] * a->g[k] + fbb * b->g[i] * b->g[k] +
                fab * (a->g[i] * b->g[k] + b->g[i] * a->g[k]);
    return r;
}

static jet power(const jet *a, const jet *b) {
    quad p = powq(a->v, b->v), l = logq(a->v), q = p / a->v;
    return chain(p, b->v * q, p * l, b->v * (b->v - 1) * q / a->v, q + b->v * q * l, p * l * l, a, b);
}

static jet evaluate_node(const node *n, const jet *value, const double point[QUAD_VARIABLES]) {
    const jet *a = &value[n->arg[0]], *b = &value[n->arg[1]];
    quad d[3];
    jet r = {0};
    switch (n->kind) {
    case NUMBER:
        r.v = n->number;
        return r;
    case VARIABLE:
        r.v = point[n->which], r.g[n->which] = 1;
        return r;
    case FUNCTION:
        functions[n->which].apply(a->v, d);
        return chain(d[0], d[1], 0, d[2], 0, 0, a, a);
    case ADD:
        return chain(a->v + b->v, 1, 1, 0, 0, 0, a, b);
    case SUB:
        return chain(a->v - b->v, 1, -1, 0, 0, 0, a, b);
    case MUL:
        return chain(a->v * b->v, b->v, a->v, 0, 1, 0, a, b);
    case DIV: {
        quad y = b->v, x = a->v;
        return chain(x / y, 1 / y, -x / (y * y), 0, -1 / (y * y), 2 * x / (y * y * y), a, b);
    }
    case POW:
        return power(a, b);
    case MAX:
        return a->v >= b->v ? *a : *b;
    case MIN:
        return a->v <= b->v ? *a : *b;
    case SELECT:
        return a->v < b->v ? *a : *b;
    }
    return r;
}

/* Whether a derivative jumps where the node is evaluated, or nearly so. */
static bool at_kink(const node *n, const jet *value) {
    quad a = value[n->arg[0]].v, b = value[n->arg[1]].v;
    bool one =
        n->kind == FUNCTION && (functions[n->which].apply == apply_abs || functions[n->which].apply == apply_relu);
    return (one && fabsq(a) < 1e-6Q) || (n->kind >= MAX && fabsq(a - b) < 1e-6Q);
}

static void widen(double *scale, quad x) {
    if (fabsq(x) > (quad)*scale) *scale = (double)fabsq(x);
}

/* False: at this point the expression is no fair question. */
static bool evaluate(const tree *t, quad_expression *e) {
    static jet value[512];
    e->scale = 1;
    for (int at = 0; at < t->count; at++) {
        jet *r = &value[at];
        *r = evaluate_node(&t->node[at], value, e->point);
        if (at_kink(&t->node[at], value)) return false;
        widen(&e->scale, r->v);
        EACH(i) widen(&e->scale, r->g[i]);
        EACH(i) EACH(k) widen(&e->scale, r->h[i][k]);
    }
    const jet *r = &value[t->count - 1];
    e->value = (double)r->v;
    EACH(i) e->gradient[i] = (double)r->g[i];
    EACH(i) EACH(k) e->hessian[i][k] = (double)r->h[i][k];
    return e->scale < 1e4;
}

void quad_random_expression(uint64_t seed, quad_expression *e) {
    tree t = {.random = seed};
    bool good = false;
    while (!good) {
        text out = {e->text, 0};
        t.count = 0;
        int root = draw(&t, 4);
        EACH(i) e->point[i] = (below(&t, 4001) - 2000) / 1024.0;
        print(&t, root, &out);
        good = out.used < QUAD_TEXT / 2 && evaluate(&t, e);
    }
}

/* implicit.c - functions that an equation defines: ebb_root, ebb_fixed_point.
 *
 * A search finds the x of f(x, theta) = 0 in a loop. Its derivative is not that of the steps it took but that of the
 * equation, f_x dx + f_theta dtheta = 0, a linear system at the x that was found. That is a rule of the search
 * (custom.c), so every mode and order follows from it. Invariant: both bodies run only while they are traced, as a
 * function with a rule always is; so errors of theirs are on the line of the call (ebb_users_site). Start reading at
 * implicit. */
#include <math.h>

#include "frontend/trace.h"
#include "frontend/values.h"

enum { MOST_ARGUMENTS = 64 };

typedef struct equation {
    ebb_function *f; /* counted by the functions whose data this is */
    bool fixed;      /* x = f(x, ...); else 0 = f(x, ...) */
    ebb_search search;
} equation;

/* ---- f and its derivatives at x ---- */

typedef struct place {
    const equation *e;
    ebb_function *jacobian;
    int count; /* arguments of f: x, then theta */
    ebb_operand argument[2 * MOST_ARGUMENTS];
} place;

static int count_arguments(ebb_tensor *const *in) {
    int count = 0;
    while (in[count])
        count++;
    return count;
}

static void put_arguments(place *p, int count, ebb_tensor *const *in) {
    p->count = count;
    for (int k = 0; k < count; k++)
        p->argument[k] = EBB_OPERAND(in[k]);
}

static int64_t elements(const ebb_tensor *x) {
    int64_t size = 0;
    ebb_shape_size(&x->type.shape, &size);
    return size;
}

static ebb_tensor *as_vector(ebb_tensor *x) { return ebb_reshape(x, EBB_SHAPE(elements(x))); }

/* The dx with (d equation / dx) dx = r, of x's shape. */
static ebb_tensor *solve(const place *p, ebb_tensor *x, ebb_tensor *r) {
    ebb_tensor *matrix;
    int64_t n = elements(x);
    ebb_call_n(p->jacobian, p->count, p->argument, 1, &matrix);
    matrix = ebb_reshape(matrix, EBB_SHAPE(n, n));
    if (p->e->fixed) matrix = ebb_sub(matrix, ebb_diag(ebb_ones(x->context, x->type.dtype, EBB_SHAPE(n))));
    return ebb_reshape(ebb_solve(matrix, as_vector(r)), x->type.shape.rank, x->type.shape.dim);
}

/* ---- the search: states x, size of the last step, steps ---- */

static void unfinished(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const place *p = data;
    (void)ebb;
    out[0] = ebb_logical_and(ebb_gt(in[1], p->e->search.tolerance), ebb_lt(in[2], p->e->search.steps));
}

static ebb_tensor *largest(ebb_tensor *x) { return ebb_max_over(ebb_abs(x), EBB_ALL_AXES, false); }

static void improve(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    place *p = data;
    ebb_tensor *y;
    (void)ebb;
    p->argument[0] = EBB_OPERAND(in[0]);
    ebb_call_n(p->e->f, p->count, p->argument, 1, &y);
    ebb_tensor *step = p->e->fixed ? ebb_sub(y, in[0]) : ebb_neg(solve(p, in[0], y));
    out[0] = ebb_add(in[0], step);
    out[1] = ebb_div(largest(step), ebb_add(1, largest(out[0])));
    out[2] = ebb_add(in[2], 1);
}

static bool check_start(const equation *e, ebb_context *ebb, int count, const ebb_tensor *x) {
    char text[EBB_TYPE_TEXT] = "nothing";
    if (count > 0) ebb_type_text(&x->type, text);
    if (count == 0 || !ebb_is_float(x->type.dtype) || elements(x) < 1)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, ebb_site_at(NULL, 0),
                           "the search of %s starts at %s; it must be real, with an element at least", e->f->name,
                           text),
               false;
    return count <= MOST_ARGUMENTS ||
           (ebb_fail_at(ebb, EBB_VALUE_ERROR, ebb_site_at(NULL, 0),
                        "the search of %s has %d arguments; %d are possible", e->f->name, count, MOST_ARGUMENTS),
            false);
}

/* f's result must be of x's type. */
static bool check_result(place *p, ebb_context *ebb, const ebb_tensor *x) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    ebb_tensor *y;
    ebb_call_n(p->e->f, p->count, p->argument, 1, &y);
    if (y->kind == EBB_KIND_POISON) return false;
    if (y->kind != EBB_KIND_ABSENT && ebb_type_equal(&y->type, &x->type)) return true;
    return ebb_fail_at(ebb, EBB_VALUE_ERROR, ebb_site_at(NULL, 0), "%s gives %s at %s; a search needs the same type",
                       p->e->f->name, y->kind == EBB_KIND_ABSENT ? "nothing" : ebb_type_text(&y->type, have),
                       ebb_type_text(&x->type, want)),
           false;
}

/* x where the search has ended, NaN where it has not. */
static void search(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    place p = {.e = data};
    ebb->trace->own_file = __FILE__;
    ebb_tensor *x = in[0], *last[3];
    int count = count_arguments(in);
    out[0] = &ebb->poison;
    if (!check_start(p.e, ebb, count, x)) return;
    put_arguments(&p, count, in);
    if (!check_result(&p, ebb, x)) return;
    equation exact = *p.e;
    if (!exact.search.tolerance) exact.search.tolerance = x->type.dtype == EBB_F64 ? 1e-12 : 2e-6;
    p.e = &exact;
    p.jacobian = p.e->fixed ? NULL : ebb_jacobian_of(p.e->f, EBB_WRT(0), EBB_CHEAPER);
    ebb_tensor *size = ebb_cast(ebb_scalar(ebb, (double)INFINITY), x->type.dtype);
    ebb_while_n(ebb, unfinished, improve, &p, EBB_OPERANDS(x, size, 0), last, NULL);
    out[0] = ebb_select(ebb_le(last[1], exact.search.tolerance), last[0], NAN);
    ebb_function_free(p.jacobian);
}

/* ---- the rule: x0, theta, x, then the tangent of each real one of x0 and theta ---- */

/* How many arguments f has, of so many of the rule's; 0: that cannot be. */
static int arguments_of_f(int all, ebb_tensor *const *in) {
    int real = 0;
    for (int count = 1; count < all; count++) {
        real += ebb_is_float(in[count - 1]->type.dtype);
        if (count + 1 + real == all) return count;
    }
    return 0;
}

/* What the equation changes by when theta does; NULL: nothing in theta is real. */
static ebb_tensor *change(place *p, ebb_tensor *const *tangent) {
    int wrt[MOST_ARGUMENTS], n = 0;
    ebb_tensor *moved;
    for (int k = 1; k < p->count; k++)
        if (ebb_is_float(p->argument[k].tensor->type.dtype)) wrt[n++] = k;
    if (n == 0) return NULL;
    for (int k = 0; k < n; k++)
        p->argument[p->count + k] = EBB_OPERAND(tangent[k]);
    ebb_function *along = ebb_jvp(p->e->f, &(ebb_wrt){.index = wrt, .count = n});
    int results = p->e->f->results;
    ebb_tensor **all = ebb_mem_new(&tangent[0]->context->allocator, 2 * (size_t)results, sizeof(ebb_tensor *));
    if (all) ebb_call_n(along, p->count + n, p->argument, 2 * results, all);
    moved = all ? all[results] : ebb_fail_at(tangent[0]->context, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory");
    ebb_mem_free(&tangent[0]->context->allocator, all);
    ebb_function_free(along);
    return moved;
}

static void rule(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    place p = {.e = data};
    ebb->trace->own_file = __FILE__;
    int count = arguments_of_f(count_arguments(in), in);
    out[0] = &ebb->absent;
    if (count == 0) {
        out[0] =
            ebb_fail_at(ebb, EBB_TYPE_ERROR, ebb_site_at(NULL, 0),
                        "the derivative of the search of %s needs tensors as arguments, not C numbers", p.e->f->name);
        return;
    }
    put_arguments(&p, count, in);
    p.argument[0] = EBB_OPERAND(in[count]);
    ebb_tensor *moved = change(&p, in + count + 2);
    if (!moved) return;
    p.jacobian = ebb_jacobian_of(p.e->f, EBB_WRT(0), EBB_CHEAPER);
    out[0] = ebb_neg(solve(&p, in[count], moved));
    ebb_function_free(p.jacobian);
}

/* ---- making them ---- */

/* A function with this body, which keeps f alive. */
static ebb_function *function_of(const equation *e, ebb_body *body, const char *prefix) {
    char name[256];
    ebb_context *ebb = e->f->context;
    snprintf(name, sizeof name, "%s_%s", prefix, e->f->name);
    ebb_function *g = ebb_function_new(ebb, body, &(ebb_function_options){.name = name, .mode = e->f->mode});
    if (!g) return NULL;
    g->data = g->owned = ebb_mem_copy(&ebb->allocator, e, sizeof *e);
    if (g->owned) {
        g->rule = e->f;
        e->f->references++;
        return g;
    }
    ebb_function_free(g);
    ebb_fail_at(ebb, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory for a function");
    return NULL;
}

static bool check_search(ebb_function *f, const ebb_search *search, const char *name) {
    bool good = f && (!search || (search->steps >= 0 && search->tolerance >= 0));
    if (!good)
        ebb_fail_at(f ? f->context : ebb_current(), f ? EBB_VALUE_ERROR : EBB_TYPE_ERROR, ebb_site_at(NULL, 0),
                    f ? "ebb_%s: a negative number of steps or tolerance" : "ebb_%s: the function is NULL", name);
    return good;
}

static ebb_function *implicit(ebb_function *f, bool fixed, const ebb_search *given, const char *name) {
    equation e = {.f = f, .fixed = fixed};
    if (!check_search(f, given, name)) return NULL;
    if (given) e.search = *given;
    if (!e.search.steps) e.search.steps = fixed ? 10000 : 100;
    ebb_function *primal = function_of(&e, search, name), *derivative = primal ? function_of(&e, rule, "rule") : NULL;
    ebb_function *both = derivative ? ebb_custom_jvp(primal, derivative) : NULL;
    ebb_function_free(derivative); /* `both` holds them */
    ebb_function_free(primal);
    return both;
}

ebb_function *ebb_root(ebb_function *f, const ebb_search *options) { return implicit(f, false, options, "root"); }

ebb_function *ebb_fixed_point(ebb_function *f, const ebb_search *options) {
    return implicit(f, true, options, "fixed_point");
}

/* vmap.c - ebb_vmap: a function of one example as a function of many.
 *
 * Tracing it traces the base for one example, whose types are those of the arguments without the examples' axis, and
 * lets dual/ write the program for all of them. Start reading at ebb_vmap_trace. */
#include <string.h>

#include "dual/dual.h"
#include "frontend/trace.h"

static int *copy_axes(ebb_function *f, const int *axes, int count) {
    return ebb_mem_copy(&f->context->allocator, axes, (size_t)count * sizeof *axes);
}

ebb_function *ebb_vmap(ebb_function *f, const ebb_vmap_options *options) {
    static const ebb_vmap_options defaults;
    const ebb_vmap_options *o = options ? options : &defaults;
    ebb_function *g = ebb_transform_new(f, NULL, EBB_VMAP, "vmap");
    if (!g) return NULL;
    if (o->arguments < 0) {
        ebb_function_free(g);
        ebb_fail_at(f->context, EBB_VALUE_ERROR, ebb_site_at(NULL, 0), "ebb_vmap: %d arguments", o->arguments);
        return NULL;
    }
    ebb_mem_free(&f->context->allocator, g->wrt);
    g->nwrt = o->in_axes ? o->arguments : 0;
    g->wrt = g->nwrt ? copy_axes(g, o->in_axes, g->nwrt) : NULL;
    g->out_axes = o->out_axes ? copy_axes(g, o->out_axes, f->results) : NULL;
    if ((!g->nwrt || g->wrt) && (!o->out_axes || g->out_axes)) return g;
    ebb_function_free(g);
    ebb_fail_at(f->context, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory for a function");
    return NULL;
}

/* ---- tracing ---- */

static bool is_tensor(const ebb_operand *in) { return in->tensor && in->tensor->kind != EBB_KIND_VARIABLE; }

/* The axis of argument k's examples; -1: it is the same for all. */
static int axis_of(const ebb_function *f, int k, const ebb_operand *in) {
    if (!is_tensor(in)) return -1;
    return k < f->nwrt ? f->wrt[k] : f->nwrt ? -1 : 0;
}

/* `example` is x without the examples' axis, of which only the type is looked at; counts them in *n, -1 before. */
static bool one_example(const ebb_function *f, int k, int axis, const ebb_tensor *x, ebb_tensor *example, int64_t *n,
                        ebb_site site) {
    char text[EBB_TYPE_TEXT];
    ebb_shape *s = &example->type.shape;
    *example = *x;
    if (axis >= s->rank)
        return ebb_fail_at(f->context, EBB_INDEX_ERROR, site, "%s: argument %d is %s; it has no axis %d of examples",
                           f->name, k, ebb_type_text(&x->type, text), axis),
               false;
    if (s->dim[axis] < 0)
        return ebb_fail_at(f->context, EBB_VALUE_ERROR, site,
                           "%s: argument %d is %s; the size of axis %d must be known", f->name, k,
                           ebb_type_text(&x->type, text), axis),
               false;
    if (*n >= 0 && *n != s->dim[axis])
        return ebb_fail_at(f->context, EBB_VALUE_ERROR, site,
                           "%s: argument %d is %s; axis %d has %lld examples, where earlier arguments have %lld",
                           f->name, k, ebb_type_text(&x->type, text), axis, (long long)s->dim[axis], (long long)*n),
               false;
    *n = s->dim[axis];
    memmove(s->dim + axis, s->dim + axis + 1, (size_t)(--s->rank - axis) * sizeof *s->dim);
    return true;
}

static bool examples_of(const ebb_function *f, int nin, const ebb_operand *in, ebb_operand *one, ebb_tensor *example,
                        int64_t *n, ebb_site site) {
    *n = -1;
    for (int k = 0; k < nin; k++) {
        int axis = axis_of(f, k, &in[k]);
        one[k] = in[k];
        if (axis < 0) continue;
        if (!one_example(f, k, axis, in[k].tensor, &example[k], n, site)) return false;
        one[k].tensor = &example[k];
    }
    if (*n >= 0) return true;
    ebb_fail_at(f->context, EBB_VALUE_ERROR, site, "%s: no argument has an axis of examples", f->name);
    return false;
}

static ebb_graph *batch(const ebb_function *f, const ebb_concrete *base, int64_t n, const ebb_operand *in,
                        ebb_diag *diag) {
    const ebb_allocator *a = &f->context->allocator;
    int *axes = ebb_mem_new(a, (size_t)base->graph->inputs + 1, sizeof *axes);
    if (!axes) return ebb_fail_memory(diag), NULL;
    for (int p = 0; p < base->graph->inputs; p++)
        axes[p] = -1; /* variables and captured tensors */
    for (int k = 0; k < base->arguments; k++)
        if (base->parameter[k] >= 0) axes[base->parameter[k]] = axis_of(f, k, &in[k]);
    ebb_graph *g = ebb_vmap_graph(base->graph, n, axes, f->out_axes, &(ebb_dual_spec){.results = base->results}, diag);
    ebb_mem_free(a, axes);
    return g;
}

static bool trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_operand *one, ebb_tensor *example,
                  ebb_site site) {
    ebb_function *f = c->function;
    ebb_diag diag = {0};
    int64_t n;
    if (!examples_of(f, nin, in, one, example, &n, site)) return false;
    ebb_concrete *base = ebb_function_concrete(f->base, nin, one, site);
    if (!base) return false;
    ebb_graph *inner = batch(f, base, n, in, &diag);
    if (inner) inner->diag = &f->context->diag;
    bool good = inner && ebb_transform_wrap(c, base, inner, &diag, site);
    ebb_graph_release(inner);
    if (!good) ebb_fail_diag(f->context, &diag, site);
    return good;
}

bool ebb_vmap_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    const ebb_allocator *a = &c->function->context->allocator;
    ebb_operand *one = ebb_mem_new(a, (size_t)nin + 1, sizeof *one);
    ebb_tensor *example = ebb_mem_new(a, (size_t)nin + 1, sizeof *example);
    bool good = one && example;
    if (good)
        good = trace(c, nin, in, one, example, site);
    else
        ebb_fail_at(c->function->context, EBB_NO_MEMORY, site, "%s: no memory for a trace", c->function->name);
    ebb_mem_free(a, example);
    ebb_mem_free(a, one);
    return good;
}

/* transform.c - derivatives of functions by name: a derived function has another function as its body.
 *
 * Tracing one traces its base for the same leading arguments, lets dual/ write the derived program, and wraps it so
 * that parameters are in the usual order: the base's arguments, the transform's own, then bindings. State goes through.
 * Start reading at ebb_transform_trace. */
#include <string.h>

#include "dual/sparse.h"
#include "frontend/trace.h"

/* ---- making them ---- */

static bool copy_wrt(ebb_function *f, const ebb_wrt *wrt) {
    static const int first[] = {0};
    const int *index = wrt && wrt->count > 0 ? wrt->index : first;
    f->nwrt = wrt && wrt->count > 0 ? wrt->count : 1;
    f->wrt = ebb_mem_copy(&f->context->allocator, index, (size_t)f->nwrt * sizeof *index);
    return f->wrt != NULL;
}

/* Of `results` results of the base so many are derived. */
static int result_count(ebb_transform t, int results, int derived, int nwrt, bool value) {
    switch (t) {
    case EBB_BODY:
    case EBB_VMAP:
    case EBB_LINEARIZE: /* more, when they are known */
    case EBB_LINEARIZED:
    case EBB_CUSTOM_JVP:
    case EBB_CUSTOM_VJP:
    case EBB_REMAT:
        return results;
    case EBB_GRAD:
    case EBB_TRANSPOSE:
        return nwrt;
    case EBB_VALUE_AND_GRAD:
        return results + nwrt;
    case EBB_JVP:
    case EBB_JET:
    case EBB_JET_SERIES:
    case EBB_LAPLACIAN:
    case EBB_SECOND_ORDER:
        return results + derived;
    case EBB_VJP:
        return results + nwrt;
    case EBB_HVP:
        return nwrt + (value ? results + nwrt : 0);
    case EBB_HESSIAN:
        return nwrt * nwrt + (value ? results + nwrt : 0);
    case EBB_HESSIAN_DIAGONAL:
        return nwrt + (value ? results : 0);
    case EBB_JACOBIAN:
    case EBB_BATCH_JACOBIAN:
        return derived * nwrt + (value ? results : 0);
    case EBB_SPARSE_HESSIAN:
    case EBB_SPARSE_JACOBIAN:
        return 1;
    case EBB_VALUE_AND_SPARSE_HESSIAN:
        return 2 + nwrt;
    }
    return 0;
}

/* What the caller may get wrong about wrt. */
static bool check_options(const ebb_function *base, const ebb_wrt *wrt, const char *prefix) {
    ebb_site site = ebb_site_at(NULL, 0);
    if (!wrt) return true;
    if (wrt->count < 0 || (wrt->count && !wrt->index))
        return ebb_fail_at(base->context, EBB_TYPE_ERROR, site, "ebb_%s: %d parameters and no list of them", prefix,
                           wrt->count),
               false;
    if (wrt->auxiliary < 0 || (wrt->auxiliary && wrt->auxiliary >= base->results))
        return ebb_fail_at(base->context, EBB_VALUE_ERROR, site,
                           "ebb_%s: %d of the %d results of %s shall be auxiliary; one at least is to be derived",
                           prefix, wrt->auxiliary, base->results, base->name),
               false;
    return true;
}

ebb_function *ebb_transform_new(ebb_function *base, const ebb_wrt *wrt, ebb_transform transform, const char *prefix) {
    if (!base) {
        ebb_fail_at(ebb_current(), EBB_TYPE_ERROR, ebb_site_at(NULL, 0), "ebb_%s: the function is NULL", prefix);
        return NULL;
    }
    char name[256];
    snprintf(name, sizeof name, "%s_%s", prefix, base->name);
    ebb_enter(base->context);
    if (!check_options(base, wrt, prefix)) return NULL;
    static const ebb_wrt defaults;
    const ebb_wrt *o = wrt ? wrt : &defaults;
    int results =
        result_count(transform, base->results, base->results - o->auxiliary, o->count > 0 ? o->count : 1, o->values);
    ebb_function *f = ebb_function_alloc(base->context, name, results, base->mode);
    if (!f) return NULL;
    f->transform = transform;
    f->auxiliary = o->auxiliary;
    f->value = o->values;
    f->base = base;
    f->check_nan = base->check_nan;
    base->references++;
    if (copy_wrt(f, wrt)) return f;
    ebb_function_free(f);
    ebb_fail_at(base->context, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory for a function");
    return NULL;
}

ebb_function *ebb_grad(ebb_function *f, const ebb_wrt *wrt) { return ebb_transform_new(f, wrt, EBB_GRAD, "grad"); }
ebb_function *ebb_value_and_grad(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_VALUE_AND_GRAD, "value_and_grad");
}
ebb_function *ebb_jvp(ebb_function *f, const ebb_wrt *wrt) { return ebb_transform_new(f, wrt, EBB_JVP, "jvp"); }
ebb_function *ebb_vjp(ebb_function *f, const ebb_wrt *wrt) { return ebb_transform_new(f, wrt, EBB_VJP, "vjp"); }
ebb_function *ebb_hvp(ebb_function *f, const ebb_wrt *wrt) { return ebb_transform_new(f, wrt, EBB_HVP, "hvp"); }
ebb_function *ebb_hessian(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_HESSIAN, "hessian");
}

ebb_function *ebb_jacobian_of(ebb_function *f, const ebb_wrt *wrt, ebb_road road) {
    ebb_function *jacobian = ebb_transform_new(f, wrt, EBB_JACOBIAN, "jacobian");
    if (jacobian) jacobian->order = (int)road;
    return jacobian;
}

ebb_function *ebb_batch_jacobian_of(ebb_function *f, const ebb_wrt *wrt, ebb_road road) {
    ebb_function *jacobian = ebb_transform_new(f, wrt, EBB_BATCH_JACOBIAN, "batch_jacobian");
    if (jacobian) jacobian->order = (int)road;
    return jacobian;
}

ebb_function *ebb_jet(ebb_function *f, const ebb_wrt *wrt, int order) {
    ebb_function *jet = ebb_transform_new(f, wrt, EBB_JET, "jet");
    if (jet) jet->order = order;
    return jet;
}

ebb_function *ebb_jet_series(ebb_function *f, const ebb_wrt *wrt, int order) {
    ebb_function *jet = ebb_transform_new(f, wrt, EBB_JET_SERIES, "jet_series");
    if (jet) jet->order = order;
    return jet;
}

bool ebb_is_derivative(const ebb_function *f) {
    return f->base && f->transform != EBB_VMAP && f->transform != EBB_REMAT && !f->rule;
}

/* ---- tracing them ---- */

static int own_arguments(const ebb_function *f) {
    switch (f->transform) {
    case EBB_JVP:
    case EBB_JET:
    case EBB_JET_SERIES:
    case EBB_HVP:
        return f->nwrt;
    case EBB_VJP:
    case EBB_TRANSPOSE:
        return f->base->results - f->auxiliary;
    case EBB_BODY:
    case EBB_GRAD:
    case EBB_VALUE_AND_GRAD:
    case EBB_HESSIAN:
    case EBB_HESSIAN_DIAGONAL:
    case EBB_JACOBIAN:
    case EBB_SPARSE_HESSIAN:
    case EBB_VALUE_AND_SPARSE_HESSIAN:
    case EBB_SPARSE_JACOBIAN:
    case EBB_BATCH_JACOBIAN:
    case EBB_LAPLACIAN:
    case EBB_SECOND_ORDER:
    case EBB_LINEARIZE:
    case EBB_LINEARIZED:
    case EBB_VMAP:
    case EBB_CUSTOM_JVP:
    case EBB_CUSTOM_VJP:
    case EBB_REMAT:
        return 0;
    }
    return 0;
}

static ebb_graph *derive_graph(const ebb_function *f, const ebb_graph *g, ebb_concrete *keeper,
                               const ebb_dual_spec *spec, ebb_diag *diag) {
    switch (f->transform) {
    case EBB_GRAD:
    case EBB_VALUE_AND_GRAD:
        return ebb_grad_graph(g, spec, diag);
    case EBB_JVP:
        return ebb_jvp_graph(g, spec, diag);
    case EBB_JET:
        return ebb_jet_graph(g, f->order, spec, diag);
    case EBB_JET_SERIES:
        return ebb_jet_series_graph(g, f->order, spec, diag);
    case EBB_VJP:
        return ebb_vjp_graph(g, spec, diag);
    case EBB_HVP:
        return ebb_hvp_graph(g, spec, diag);
    case EBB_HESSIAN:
        return ebb_hessian_graph(g, spec, diag);
    case EBB_JACOBIAN:
        return ebb_jacobian_graph(g, (ebb_road)f->order, spec, diag);
    case EBB_BATCH_JACOBIAN:
        return ebb_batch_jacobian_graph(g, (ebb_road)f->order, spec, diag);
    case EBB_HESSIAN_DIAGONAL:
        return ebb_hessian_diagonal_graph(g, spec, diag);
    case EBB_LAPLACIAN:
        return ebb_second_order_graph(g, 0, NULL, spec, diag);
    case EBB_SECOND_ORDER:
        return ebb_second_order_graph(g, f->order, f->owned, spec, diag);
    case EBB_TRANSPOSE:
        return ebb_transpose_derive(g, spec, diag);
    case EBB_SPARSE_HESSIAN:
    case EBB_VALUE_AND_SPARSE_HESSIAN:
        return ebb_sparse_hessian_graph(g, spec, diag);
    case EBB_SPARSE_JACOBIAN:
        return ebb_sparse_jacobian_graph(g, (ebb_road)f->order, spec, diag);
    case EBB_LINEARIZE:
        return ebb_linearize_derive(keeper, g, spec, diag);
    case EBB_REMAT:
        return ebb_remat_graph(g, diag);
    case EBB_BODY:
    case EBB_VMAP: /* vmap.c */
    case EBB_CUSTOM_JVP:
    case EBB_CUSTOM_VJP: /* custom.c */
    case EBB_LINEARIZED: /* linear.c */
        break;
    }
    return NULL;
}

/* Arguments of the base to parameters of its graph. */
static bool wrt_parameters(const ebb_function *f, const ebb_concrete *base, int *parameter, ebb_diag *diag,
                           ebb_site site) {
    for (int i = 0; i < f->nwrt; i++) {
        int k = f->wrt[i];
        if (base->parameter[k] < 0)
            return ebb_fail(diag, EBB_TYPE_ERROR, site, "%s: parameter %d is not a tensor argument", f->name, k);
        parameter[i] = base->parameter[k];
    }
    return true;
}

static bool check_wrt(const ebb_function *f, int arguments, ebb_site site) {
    for (int i = 0; i < f->nwrt; i++)
        if (f->wrt[i] < 0 || f->wrt[i] >= arguments)
            return ebb_fail_at(f->context, EBB_INDEX_ERROR, site, "%s: there is no parameter %d; %s is given %d",
                               f->name, f->wrt[i], f->base->name, arguments),
                   false;
    return true;
}

/* Of the others there is one way only. */
static bool has_roads(ebb_transform t) {
    return t == EBB_GRAD || t == EBB_VALUE_AND_GRAD || t == EBB_JET || t == EBB_JET_SERIES ||
           (t >= EBB_HVP && t <= EBB_LAPLACIAN);
}

static bool check_road(const ebb_function *f, ebb_diag *diag, ebb_site site) {
    return !f->road || has_roads(f->transform) ||
           ebb_fail(diag, EBB_VALUE_ERROR, site, "%s: no road is called \"%s\"; there is one way only", f->name,
                    f->road);
}

/* What the derived graph brings along goes to the keeper; NULL: it is only looked at. */
static ebb_graph *derive_from(const ebb_function *f, const ebb_concrete *base, ebb_concrete *keeper, ebb_roads *roads,
                              ebb_diag *diag, ebb_site site) {
    const ebb_allocator *a = &f->context->allocator;
    int *parameter = ebb_mem_new(a, (size_t)f->nwrt + 1, sizeof *parameter);
    ebb_graph *g = NULL;
    if (!parameter)
        ebb_fail_memory(diag);
    else if (check_road(f, diag, site) && wrt_parameters(f, base, parameter, diag, site)) {
        ebb_dual_spec spec = {.nwrt = f->nwrt,
                              .wrt = parameter,
                              .results = base->results,
                              .value = f->value || f->transform == EBB_VALUE_AND_GRAD ||
                                       f->transform == EBB_VALUE_AND_SPARSE_HESSIAN,
                              .auxiliary = f->auxiliary,
                              .budget = f->budget,
                              .road = f->road,
                              .roads = roads};
        ebb_bringing bringing;
        if (ebb_bring_start(&bringing, f, base, &spec, diag)) g = derive_graph(f, base->graph, keeper, &spec, diag);
        ebb_bring_end(&bringing, f, keeper, g);
    }
    ebb_mem_free(a, parameter);
    return g;
}

/* The wrapper's parameters: arguments that are tensors, own arguments, bindings, those too that the transform brings
 * along; operand[p] is what parameter p of the inner graph gets. */
static bool wrap_parameters(ebb_concrete *c, const ebb_concrete *base, const ebb_graph *inner, ebb_id *operand,
                            ebb_site site) {
    ebb_graph *g = c->graph;
    int first_own = base->graph->inputs;
    for (int32_t k = 0; k < c->arguments; k++) {
        int32_t p = k < base->arguments ? base->parameter[k] : first_own + (k - base->arguments);
        c->parameter[k] = p < 0 ? -1 : g->inputs;
        if (p >= 0) operand[p] = ebb_add_input(g, ebb_type_of(inner, inner->input[p]), site);
    }
    int shift = c->results - base->results;
    if (!ebb_concrete_copy_bindings(c, base->binding, base->bindings) ||
        !ebb_concrete_copy_versions(c, base->version, base->versions, base->passed, shift) ||
        !ebb_bring_bind(c, first_own, site))
        return false;
    for (int32_t i = 0; i < c->bindings; i++) {
        ebb_binding *b = &c->binding[i];
        operand[b->parameter] = ebb_add_input(g, b->tensor->type, site);
        b->parameter = g->inputs - 1;
        if (b->state >= 0) b->state += shift;
    }
    return true;
}

bool ebb_transform_wrap(ebb_concrete *c, const ebb_concrete *base, ebb_graph *inner, ebb_diag *diag, ebb_site site) {
    const ebb_allocator *a = &c->function->context->allocator;
    ebb_id *operand = ebb_mem_new(a, (size_t)inner->inputs + 1, sizeof *operand);
    c->graph = ebb_graph_new(a, diag, c->function->name);
    bool good = operand && c->graph && wrap_parameters(c, base, inner, operand, site);
    if (!good) ebb_fail_memory(diag);
    ebb_id call = good ? ebb_record_call(c->graph, inner, inner->inputs, operand, site) : EBB_POISON;
    for (int32_t j = 0; good && j < inner->outputs; j++)
        good = ebb_add_output(c->graph,
                              inner->output[j] == EBB_ABSENT ? EBB_ABSENT : ebb_record_get(c->graph, call, j, site));
    ebb_mem_free(a, operand);
    if (c->graph) c->graph->diag = &c->function->context->diag;
    return good;
}

/* The transform's own arguments are tensors of the types that the derived program asks for. */
static bool check_own(const ebb_concrete *c, const ebb_concrete *base, int nin, const ebb_operand *in, ebb_diag *diag,
                      ebb_site site) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    for (int k = base->arguments; k < nin; k++) {
        const char *name = c->function->name;
        if (!in[k].tensor || in[k].tensor->kind == EBB_KIND_VARIABLE)
            return ebb_fail(diag, EBB_TYPE_ERROR, site, "%s: argument %d must be a tensor, not a number or variable",
                            name, k);
        ebb_type expected = ebb_type_of(c->graph, c->graph->input[c->parameter[k]]);
        const ebb_type *given = &in[k].tensor->type;
        if (given->dtype != expected.dtype || !ebb_shape_equal(&given->shape, &expected.shape))
            return ebb_fail(diag, EBB_VALUE_ERROR, site, "%s: argument %d is %s; it must be %s", name, k,
                            ebb_type_text(given, have), ebb_type_text(&expected, want));
    }
    return true;
}

bool ebb_transform_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    ebb_context *ebb = f->context;
    ebb_diag diag = {0};
    int own = own_arguments(f);
    if (f->transform == EBB_VMAP) return ebb_vmap_trace(c, nin, in, site);
    if (f->transform == EBB_LINEARIZED) return ebb_linear_trace(c, nin, in, site);
    if (f->rule) return ebb_custom_trace(c, nin, in, site);
    if (nin < own)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: needs %d more behind the arguments of %s", f->name, own,
                           f->base->name),
               false;
    if (!check_wrt(f, nin - own, site)) return false;
    ebb_concrete *base = ebb_function_concrete(f->base, nin - own, in, site);
    if (!base) return false;
    ebb_graph *inner = derive_from(f, base, c, NULL, &diag, site);
    if (inner) inner->diag = &ebb->diag;
    bool good = inner && ebb_transform_wrap(c, base, inner, &diag, site) && check_own(c, base, nin, in, &diag, site);
    ebb_graph_release(inner);
    if (!good) ebb_fail_diag(ebb, &diag, site);
    return good;
}

bool ebb_transform_roads(const ebb_function *f, int nin, const ebb_operand *in, ebb_roads *roads, ebb_diag *diag,
                         ebb_site site) {
    if (!ebb_is_derivative(f) || f->transform == EBB_LINEARIZE || ebb_is_sparse(f)) return true;
    ebb_concrete *base = ebb_function_concrete(f->base, nin - own_arguments(f), in, site);
    ebb_graph *g = base ? derive_from(f, base, NULL, roads, diag, site) : NULL;
    ebb_graph_release(g);
    return g != NULL;
}

/* custom.c - functions with a derivative of their own (ebb_custom_jvp, ebb_custom_vjp), and functions that are computed
 * again when a derivative comes back through them (ebb_remat).
 *
 * Tracing one with a rule traces f for the arguments, and the rule for what a rule gets: the arguments, f's results,
 * and a derivative for each real one of them. Both become one custom region. Start reading at ebb_custom_trace. */
#include "dual/dual.h"
#include "frontend/trace.h"
#include "jit/graph/region.h"

static ebb_function *with_rule(ebb_function *f, ebb_function *rule, ebb_transform transform, const char *prefix) {
    if (f && (!rule || rule->context != f->context)) {
        ebb_fail_at(f->context, EBB_TYPE_ERROR, ebb_site_at(NULL, 0),
                    rule ? "ebb_%s: the rule belongs to another context" : "ebb_%s: the rule is NULL", prefix);
        return NULL;
    }
    ebb_function *g = ebb_transform_new(f, NULL, transform, prefix);
    if (!g) return NULL;
    rule->references++;
    g->rule = rule;
    return g;
}

ebb_function *ebb_custom_jvp(ebb_function *f, ebb_function *rule) {
    return with_rule(f, rule, EBB_CUSTOM_JVP, "custom_jvp");
}

ebb_function *ebb_custom_vjp(ebb_function *f, ebb_function *rule) {
    return with_rule(f, rule, EBB_CUSTOM_VJP, "custom_vjp");
}

ebb_function *ebb_remat(ebb_function *f) {
    ebb_function *g = ebb_transform_new(f, NULL, EBB_REMAT, "remat");
    if (g) g->nwrt = 0;
    return g;
}

/* ---- tracing the rule ---- */

typedef struct ruling {
    ebb_function *f; /* with the rule */
    ebb_concrete *base;
    ebb_operand *in;  /* of the rule */
    ebb_tensor *like; /* of which only the types are looked at */
    int count;
    ebb_site site;
} ruling;

/* What is used from outside would have no derivative, and nobody would know. */
static bool uses_arguments_only(const ebb_function *f, const ebb_concrete *c, ebb_site site) {
    if (c->bindings == 0) return true;
    const ebb_tensor *x = c->binding[0].tensor;
    bool variable = x->kind == EBB_KIND_VARIABLE;
    return ebb_fail_at(f->context, EBB_VALUE_ERROR, site,
                       "%s: %s uses %s%s; with a rule, all that it uses must be a tensor argument", f->name,
                       c->function->name, variable ? "variable " : "a tensor from outside", variable ? x->name : ""),
           false;
}

static void add_like(ruling *r, const ebb_tensor *any, ebb_type type) {
    ebb_tensor *x = &r->like[r->count];
    *x = *any;
    x->type = type;
    r->in[r->count++] = (ebb_operand){.tensor = x};
}

static const ebb_tensor *first_tensor(int nin, const ebb_operand *in) {
    for (int k = 0; k < nin; k++)
        if (in[k].tensor) return in[k].tensor;
    return NULL;
}

/* The arguments, the results, then a derivative for each real one: of the arguments for tangents, of the results for
 * cotangents. */
static bool list_arguments(ruling *r, int nin, const ebb_operand *in) {
    const ebb_graph *g = r->base->graph;
    const ebb_tensor *any = first_tensor(nin, in);
    if (!any)
        return ebb_fail_at(r->f->context, EBB_VALUE_ERROR, r->site, "%s: there is no tensor argument", r->f->name),
               false;
    for (int k = 0; k < nin; k++)
        r->in[r->count++] = in[k];
    for (int j = 0; j < r->base->results; j++) {
        if (g->output[j] == EBB_ABSENT)
            return ebb_fail_at(r->f->context, EBB_VALUE_ERROR, r->site, "%s: result %d of %s is absent", r->f->name, j,
                               r->base->function->name),
                   false;
        add_like(r, any, ebb_type_of(g, g->output[j]));
    }
    bool tangents = r->f->transform == EBB_CUSTOM_JVP;
    for (int k = 0; tangents && k < g->inputs; k++)
        if (ebb_is_float(ebb_dtype_at(g, g->input[k]))) add_like(r, any, ebb_type_of(g, g->input[k]));
    for (int j = 0; !tangents && j < r->base->results; j++)
        if (ebb_is_float(ebb_dtype_at(g, g->output[j]))) add_like(r, any, ebb_type_of(g, g->output[j]));
    return true;
}

static ebb_concrete *trace_rule(ruling *r, int nin, const ebb_operand *in) {
    const ebb_allocator *a = &r->f->context->allocator;
    size_t most = (size_t)nin + (size_t)r->base->graph->inputs + 2 * (size_t)r->base->results;
    ebb_concrete *rule = NULL;
    r->in = ebb_mem_new(a, most + 1, sizeof *r->in);
    r->like = ebb_mem_new(a, most + 1, sizeof *r->like);
    if (!r->in || !r->like)
        ebb_fail_at(r->f->context, EBB_NO_MEMORY, r->site, "%s: no memory for a trace", r->f->name);
    else if (list_arguments(r, nin, in))
        rule = ebb_function_concrete(r->f->rule, r->count, r->in, r->site);
    ebb_mem_free(a, r->like);
    ebb_mem_free(a, r->in);
    return rule && uses_arguments_only(r->f, rule, r->site) ? rule : NULL;
}

/* ---- the region ---- */

static bool record(ebb_graph *to, ebb_graph *primal, ebb_graph *rule, bool reverse, ebb_site site) {
    ebb_id *arg = ebb_mem_new(to->allocator, (size_t)primal->inputs + 1, sizeof *arg);
    bool good = arg || ebb_fail_memory(to->diag);
    for (int32_t k = 0; good && k < primal->inputs; k++)
        good = (arg[k] = ebb_add_input(to, ebb_type_of(primal, primal->input[k]), site)) != EBB_POISON;
    ebb_id tuple = good ? ebb_record_custom(to, primal, rule, reverse, primal->inputs, arg, site) : EBB_POISON;
    good = tuple != EBB_POISON;
    for (int32_t j = 0; good && j < primal->outputs; j++)
        good = ebb_add_output(to, ebb_record_get(to, tuple, j, site));
    ebb_mem_free(to->allocator, arg);
    return good;
}

static ebb_graph *make_region(const ruling *r, const ebb_concrete *rule, ebb_diag *diag) {
    ebb_graph *to = ebb_graph_new(&r->f->context->allocator, diag, r->base->function->name);
    if (to && record(to, r->base->graph, rule->graph, r->f->transform == EBB_CUSTOM_VJP, r->site)) return to;
    if (!to) ebb_fail_memory(diag);
    ebb_graph_release(to);
    return NULL;
}

bool ebb_custom_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    ebb_diag diag = {0};
    ruling r = {.f = f, .site = site};
    r.base = ebb_function_concrete(f->base, nin, in, site);
    ebb_concrete *rule = r.base && uses_arguments_only(f, r.base, site) ? trace_rule(&r, nin, in) : NULL;
    if (!rule) return false;
    ebb_graph *inner = make_region(&r, rule, &diag);
    if (inner) inner->diag = &f->context->diag;
    bool good = inner && ebb_transform_wrap(c, r.base, inner, &diag, site);
    ebb_graph_release(inner);
    if (!good) ebb_fail_diag(f->context, &diag, site);
    return good;
}

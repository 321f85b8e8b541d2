/* linear.c - linear functions: the derivative of a function at one point, and the transpose of a linear one.
 *
 * ebb_linearize derives once and splits the tangent from the value (dual/linearize.c). The value's program runs at
 * once, and what it leaves for the tangents, the residuals, is captured by a function of tangents alone: a transform
 * without a base, whose program is there already. Start reading at ebb_linearize_at. */
#include "dual/dual.h"
#include "frontend/trace.h"
#include "frontend/values.h"

struct ebb_linear {
    ebb_graph *graph;      /* of residuals, then tangents; counted */
    int count;             /* residuals */
    ebb_tensor **residual; /* [count], held */
};

static ebb_linear *linear_new(ebb_context *ebb, ebb_graph *graph, int count) {
    ebb_linear *linear = ebb_mem_new(&ebb->allocator, 1, sizeof *linear);
    if (!linear) return NULL;
    linear->residual = ebb_mem_new(&ebb->allocator, (size_t)count + 1, sizeof *linear->residual);
    linear->graph = ebb_graph_retain(graph);
    linear->count = count;
    if (linear->residual) return linear;
    ebb_linear_free(ebb, linear);
    return NULL;
}

void ebb_linear_free(ebb_context *ebb, ebb_linear *linear) {
    if (!linear) return;
    for (int k = 0; linear->residual && k < linear->count; k++)
        ebb_handle_release(linear->residual[k]);
    ebb_graph_release(linear->graph);
    ebb_mem_free(&ebb->allocator, linear->residual);
    ebb_mem_free(&ebb->allocator, linear);
}

/* ---- the value's program: EBB_LINEARIZE ---- */

/* Gives f's results, then residuals, then state; c's function keeps what they are for. */
ebb_graph *ebb_linearize_derive(ebb_concrete *c, const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_function *f = c->function;
    ebb_graph *primal, *linear;
    if (!ebb_linearize_graph(g, spec, &primal, &linear, diag)) return NULL;
    int residuals = linear->inputs - spec->nwrt;
    ebb_linear_free(f->context, f->linear);
    f->linear = linear_new(f->context, linear, residuals);
    f->results = c->results = spec->results + residuals;
    ebb_graph_release(linear);
    if (f->linear) return primal;
    ebb_graph_release(primal);
    ebb_fail_memory(diag);
    return NULL;
}

/* ---- the function of tangents: EBB_LINEARIZED ---- */

static bool check_tangents(const ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    const ebb_graph *g = f->linear->graph;
    for (int k = 0; k < nin; k++) {
        ebb_type expected = ebb_type_of(g, g->input[f->linear->count + k]);
        const ebb_tensor *x = in[k].tensor;
        if (!x || x->kind == EBB_KIND_VARIABLE)
            return ebb_fail_at(f->context, EBB_TYPE_ERROR, site,
                               "%s: argument %d must be a tensor, not a number or variable", f->name, k),
                   false;
        if (!ebb_type_equal(&x->type, &expected))
            return ebb_fail_at(f->context, EBB_VALUE_ERROR, site, "%s: argument %d is %s; it must be %s", f->name, k,
                               ebb_type_text(&x->type, have), ebb_type_text(&expected, want)),
                   false;
    }
    return true;
}

/* Parameters: the tangents, then the residuals as what is captured. */
static bool write_parameters(ebb_concrete *c, int nin, ebb_id *operand, ebb_site site) {
    const ebb_linear *linear = c->function->linear;
    const ebb_graph *g = linear->graph;
    for (int k = 0; k < nin; k++) {
        c->parameter[k] = k;
        operand[linear->count + k] = ebb_add_input(c->graph, ebb_type_of(g, g->input[linear->count + k]), site);
    }
    for (int k = 0; k < linear->count; k++) {
        const ebb_binding one = {linear->residual[k], nin + k, -1};
        operand[k] = ebb_add_input(c->graph, ebb_type_of(g, g->input[k]), site);
        if (!ebb_concrete_copy_bindings(c, &one, 1)) return false;
    }
    return true;
}

static bool write_program(ebb_concrete *c, int nin, ebb_id *operand, ebb_site site) {
    ebb_graph *g = c->function->linear->graph;
    if (!write_parameters(c, nin, operand, site)) return ebb_fail_memory(c->graph->diag);
    ebb_id call = ebb_record_call(c->graph, g, g->inputs, operand, site);
    bool good = call != EBB_POISON;
    for (int j = 0; good && j < g->outputs; j++)
        good = ebb_add_output(c->graph, g->output[j] ? ebb_record_get(c->graph, call, j, site) : EBB_ABSENT);
    return good;
}

bool ebb_linear_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    ebb_context *ebb = f->context;
    ebb_diag diag = {0};
    if (!check_tangents(f, nin, in, site)) return false;
    ebb_id *operand = ebb_mem_new(&ebb->allocator, (size_t)f->linear->graph->inputs + 1, sizeof *operand);
    c->graph = ebb_graph_new(&ebb->allocator, &diag, f->name);
    bool good = operand && c->graph ? write_program(c, nin, operand, site) : ebb_fail_memory(&diag);
    if (c->graph) c->graph->diag = &ebb->diag;
    ebb_mem_free(&ebb->allocator, operand);
    if (!good) ebb_fail_diag(ebb, &diag, site);
    return good;
}

/* ---- both ---- */

/* A function of what `primal` left in results, which become its residuals. Takes over primal's linear part. */
static ebb_function *function_of_tangents(ebb_function *primal, int results, ebb_tensor *const *result) {
    ebb_context *ebb = primal->context;
    ebb_linear *linear = primal->linear;
    char name[256];
    snprintf(name, sizeof name, "linear_%s", primal->base->name);
    for (int k = 0; k < linear->count; k++)
        if (result[results + k]->kind == EBB_KIND_POISON) return NULL;
    ebb_function *f = ebb_function_alloc(ebb, name, linear->graph->outputs, primal->mode);
    if (!f) return NULL;
    for (int k = 0; k < linear->count; k++)
        linear->residual[k] = ebb_handle_retain(result[results + k]);
    f->transform = EBB_LINEARIZED;
    f->arguments = linear->graph->inputs - linear->count;
    f->linear = linear;
    primal->linear = NULL;
    return f;
}

/* Runs primal, and hands out its first results. */
static ebb_function *run(ebb_function *primal, int nin, const ebb_operand *in, int nout, ebb_tensor **out,
                         ebb_site site) {
    ebb_context *ebb = primal->context;
    if (!ebb_function_concrete(primal, nin, in, site)) return NULL;
    ebb_tensor **result = ebb_mem_new(&ebb->allocator, (size_t)primal->results + 1, sizeof *result);
    if (!result) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "no memory for a function"), NULL;
    ebb_call_n_at(primal, nin, in, primal->results, result, site.file, site.line);
    for (int j = 0; j < nout; j++)
        out[j] = result[j];
    ebb_function *f = function_of_tangents(primal, primal->base->results, result);
    ebb_mem_free(&ebb->allocator, result);
    return f;
}

ebb_function *ebb_linearize_at(ebb_function *f, const ebb_wrt *wrt, int nin, const ebb_operand *in, int nout,
                               ebb_tensor **out, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = f ? f->context : ebb_current();
    for (int j = 0; out && j < nout; j++)
        out[j] = ebb_poison_of(ebb);
    if (!ebb_callable("ebb_linearize", f, nin, in, site)) return NULL;
    if (nout > f->results || (nout > 0 && !out))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_linearize: %s has %d results, %d were asked for", f->name,
                           f->results, nout),
               NULL;
    if (ebb->trace)
        return ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site,
                           "ebb_linearize: %s has no values in the body of a traced function; use ebb_jvp", f->name),
               NULL;
    ebb_function *primal = ebb_transform_new(f, wrt, EBB_LINEARIZE, "linearize");
    ebb_function *linear = primal ? run(primal, nin, in, nout, out, site) : NULL;
    ebb_function_free(primal);
    return linear;
}

/* ---- the transpose ---- */

ebb_function *ebb_transpose_of(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_TRANSPOSE, "transpose");
}

static bool names(const ebb_dual_spec *spec, int k) {
    for (int i = 0; i < spec->nwrt; i++)
        if (spec->wrt[i] == k) return true;
    return false;
}

/* Calls t, the transpose of g, from a program that has all parameters of g, of which t takes none that wrt names. */
static bool call_transpose(ebb_graph *all, ebb_graph *t, const ebb_graph *g, const ebb_dual_spec *spec,
                           ebb_id *operand) {
    int taken = 0;
    for (int k = 0; k < g->inputs; k++) {
        ebb_id x = ebb_add_input(all, ebb_type_of(g, g->input[k]), (ebb_site){0});
        if (!names(spec, k)) operand[taken++] = x;
    }
    while (taken < t->inputs) {
        operand[taken] = ebb_add_input(all, ebb_type_of(t, t->input[taken]), (ebb_site){0});
        taken++;
    }
    ebb_id call = ebb_record_call(all, t, taken, operand, (ebb_site){0});
    for (int j = 0; j < t->outputs; j++)
        if (!ebb_add_output(all, t->output[j] ? ebb_record_get(all, call, j, (ebb_site){0}) : EBB_ABSENT)) return false;
    return call != EBB_POISON;
}

ebb_graph *ebb_transpose_derive(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_graph *t = ebb_transpose_graph(g, spec, diag);
    if (!t) return NULL;
    ebb_graph *all = ebb_graph_new(t->allocator, diag, t->name);
    ebb_id *operand = ebb_mem_new(t->allocator, (size_t)t->inputs + (size_t)spec->nwrt + 1, sizeof *operand);
    bool ok = all && operand ? call_transpose(all, t, g, spec, operand) : ebb_fail_memory(diag);
    ebb_mem_free(t->allocator, operand);
    ebb_graph_release(t);
    if (ok) return all;
    ebb_graph_release(all);
    return NULL;
}

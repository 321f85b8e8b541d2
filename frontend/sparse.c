/* sparse.c - ebb_sparse_hessian and its like: derived functions that keep a pattern, and bring tensors along.
 *
 * What dual/ calls hidden parameters (colours, places) becomes bindings, as captured tensors are: so sparse functions
 * are called, nested and differentiated as all others. Captured tensors never change, so that patterns may follow an
 * index that is one. Dense derivatives may be computed by their pattern too. Start reading at ebb_bring_start. */
#include "dual/sparse.h"

#include "frontend/trace.h"

/* ---- making them ---- */

ebb_function *ebb_sparse_hessian(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_SPARSE_HESSIAN, "sparse_hessian");
}

ebb_function *ebb_value_and_sparse_hessian(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_VALUE_AND_SPARSE_HESSIAN, "value_and_sparse_hessian");
}

ebb_function *ebb_sparse_jacobian(ebb_function *f, const ebb_wrt *wrt, ebb_road road) {
    ebb_function *jacobian = ebb_transform_new(f, wrt, EBB_SPARSE_JACOBIAN, "sparse_jacobian");
    if (jacobian) jacobian->order = (int)road;
    return jacobian;
}

bool ebb_is_sparse(const ebb_function *f) {
    return f->transform == EBB_SPARSE_HESSIAN || f->transform == EBB_VALUE_AND_SPARSE_HESSIAN ||
           f->transform == EBB_SPARSE_JACOBIAN;
}

/* ---- tracing them ---- */

/* What the pattern may look at. */
static const void **known_of(const ebb_concrete *base) {
    const ebb_allocator *a = &base->function->context->allocator;
    const void **known = ebb_mem_new(a, (size_t)base->graph->inputs + 1, sizeof *known);
    for (int32_t i = 0; known && i < base->bindings; i++) {
        const ebb_tensor *x = base->binding[i].tensor;
        if (x->kind == EBB_KIND_VALUE) known[base->binding[i].parameter] = x->storage->data;
    }
    return known;
}

bool ebb_bring_start(ebb_bringing *b, const ebb_function *f, const ebb_concrete *base, ebb_dual_spec *spec,
                     ebb_diag *diag) {
    *b = (ebb_bringing){0};
    if (!ebb_is_sparse(f) && f->transform != EBB_HESSIAN && f->transform != EBB_JACOBIAN) return true;
    spec->known = b->known = known_of(base);
    spec->brought = b->brought = ebb_mem_new(&f->context->allocator, 1, sizeof *b->brought);
    return (b->known && b->brought) || ebb_fail_memory(diag);
}

static void show(const ebb_compressed *plan, ebb_sparsity *s) {
    *s = (ebb_sparsity){.rows = plan->pattern.rows,
                        .columns = plan->pattern.columns,
                        .entries = ebb_rows_count(&plan->pattern),
                        .start = plan->pattern.start,
                        .column = plan->pattern.column,
                        .forward = plan->forward,
                        .reverse = plan->reverse,
                        .column_colour = plan->of_column,
                        .row_colour = plan->of_row};
}

void ebb_bring_end(ebb_bringing *b, const ebb_function *f, ebb_concrete *keeper, const ebb_graph *program) {
    const ebb_allocator *a = &f->context->allocator;
    ebb_mem_free(a, b->known);
    if (keeper && program && b->brought && (ebb_is_sparse(f) || b->brought->hiddens)) {
        keeper->sparse = b->brought;
        if (ebb_is_sparse(f)) show(&b->brought->plan, &keeper->sparsity);
    } else if (b->brought) {
        ebb_sparse_free(b->brought);
        ebb_mem_free(a, b->brought);
    }
}

/* The elements are the tensor's from here on. */
static bool bind(ebb_concrete *c, ebb_hidden *h, int32_t parameter, ebb_site site) {
    ebb_tensor *x = ebb_tensor_value(c->function->context, &h->type, h->data, site);
    ebb_mem_free(&c->function->context->allocator, h->data);
    h->data = NULL;
    return x->kind != EBB_KIND_POISON && ebb_concrete_copy_bindings(c, &(ebb_binding){x, parameter, -1}, 1);
}

bool ebb_bring_bind(ebb_concrete *c, int32_t first, ebb_site site) {
    bool good = true;
    EBB_SCOPE (c->function->context)
        for (int k = 0; good && c->sparse && k < c->sparse->hiddens; k++)
            good = bind(c, &c->sparse->hidden[k], first + k, site);
    return good;
}

void ebb_sparse_forget(ebb_concrete *c) {
    if (c->sparse) ebb_sparse_free(c->sparse);
    ebb_mem_free(&c->function->context->allocator, c->sparse);
    c->sparse = NULL;
}

/* ---- asking for the pattern ---- */

const ebb_sparsity *ebb_sparsity_of_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!ebb_callable("ebb_sparsity_of", f, nin, in, site)) return NULL;
    if (!ebb_is_sparse(f))
        return ebb_fail_at(f->context, EBB_TYPE_ERROR, site, "ebb_sparsity_of: %s is no sparse derivative", f->name),
               NULL;
    ebb_concrete *c = ebb_function_concrete(f, nin, in, site);
    return c ? &c->sparsity : NULL;
}

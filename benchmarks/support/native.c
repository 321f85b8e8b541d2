/* native.c - see native.h. */
#include "benchmarks/support/native.h"

#include <stdio.h>
#include <stdlib.h>

#include "frontend/trace.h"

static void *room(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p) exit(1);
    return p;
}

static size_t bytes_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes = 0;
    return id != EBB_ABSENT && ebb_type_bytes(&type, &bytes) ? (size_t)bytes : 0;
}

native native_new(ebb_context *ebb, ebb_function *f, int nin, const ebb_operand *in) {
    native n = {.concrete = ebb_get_concrete(f, nin, in)};
    n.code = ebb_native_of(n.concrete);
    if (!n.code.entry) {
        fprintf(stderr, "no native code: %s\n", ebb_error(ebb));
        exit(1);
    }
    n.in = room((size_t)n.code.inputs * sizeof *n.in);
    n.out = room((size_t)n.code.outputs * sizeof *n.out);
    n.work = room((size_t)n.code.work_bytes);
    for (int k = 0; k < nin; k++)
        n.in[k] = ebb_data(in[k].tensor);
    for (int j = 0; j < n.code.results; j++)
        n.out[j] = room(bytes_of(n.concrete->sealed, n.concrete->sealed->output[j]));
    ebb_native_bind(n.concrete, n.in, n.out);
    return n;
}

void native_call(void *data) {
    native *n = data;
    n->code.entry(n->in, n->out, n->work);
}

double native_item(const native *n, int result) { return *(const double *)n->out[result]; }
float native_item_f32(const native *n, int result) { return *(const float *)n->out[result]; }

void native_free(native *n) {
    for (int j = 0; j < n->code.results; j++)
        free(n->out[j]);
    free(n->in), free(n->out), free(n->work);
}

void comfortable_call(void *data) {
    comfortable *c = data;
    EBB_SCOPE (c->ebb) {
        ebb_tensor *out;
        ebb_call_n(c->f, c->nin, c->in, 1, &out);
    }
}

/* ways.c - see ways.h. */
#include "tests/support/ways.h"

#include <stdlib.h>
#include <string.h>

const way ways[WAYS] = {
    {"as ever", .in_place = false},
    {"no folding", .without = EBB_NO_FOLDING},
    {"no identities", .without = EBB_NO_IDENTITIES},
    {"no sharing", .without = EBB_NO_SHARING},
    {"none of these", .without = EBB_NO_FOLDING | EBB_NO_IDENTITIES | EBB_NO_SHARING},
    {"no fusion", .plan.no_fusion = true},
    {"no ragged kernels", .plan.no_ragged = true},
    {"no recomputing", .plan.no_recomputing = true},
    {"everything is far", .plan.far_bytes = 1},
    {"everything is far, in place", .plan.far_bytes = 1, .in_place = true},
    {"no reuse of scratch memory", .plan.no_reuse = true},
    {"in place", .in_place = true},
    {"in place, no fusion", .plan.no_fusion = true, .in_place = true},
    {"no optimisation by LLVM", .compile.level = 1},
    {"no passes of LLVM", .compile.no_passes = true},
    {"no turned axes", .compile.no_turning = true},
    {"128 bits", .compile.vector_bits = 128},
    {"256 bits", .compile.vector_bits = 256},
    {"512 bits", .compile.vector_bits = 512},
    {"cpu x86-64", .compile.cpu = "x86-64"},
};

enum { MOST = 256 }; /* parameters, or results */

static size_t bytes_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes = 0;
    return ebb_type_bytes(&type, &bytes) ? (size_t)bytes : 0;
}

/* The parameter whose memory each result takes: the first one of its type that is left; -1: none. */
static void find_aliases(const ebb_graph *g, int32_t *alias) {
    bool taken[MOST] = {false};
    for (int j = 0; j < g->outputs; j++) {
        ebb_type type = ebb_type_of(g, g->output[j]);
        alias[j] = -1;
        for (int k = 0; k < g->inputs && g->output[j] != EBB_ABSENT && alias[j] < 0; k++) {
            ebb_type other = ebb_type_of(g, g->input[k]);
            if (!taken[k] && ebb_type_equal(&type, &other)) taken[alias[j] = k] = true;
        }
    }
}

static void call(const ebb_executable *x, void *const *in, void *const *out, int *code) {
    void *work = aligned_alloc(64, ((size_t)ebb_executable_work(x) + 127) / 64 * 64);
    memset(work, 0xff, (size_t)ebb_executable_work(x));
    *code = ebb_executable_entry(x)((const void *const *)in, out, work);
    free(work);
}

/* With copies of the parameters where results are written over them; the results are where they would be else. */
static void call_in_place(const ebb_graph *g, const ebb_executable *x, const int32_t *alias, void *const *in,
                          void *const *out, int *code) {
    void *shared[MOST];
    for (int k = 0; k < g->inputs; k++)
        shared[k] = in[k];
    for (int j = 0; j < g->outputs; j++) {
        if (alias[j] < 0) continue;
        memcpy(out[j], in[alias[j]], bytes_of(g, g->output[j]));
        shared[alias[j]] = out[j];
    }
    call(x, shared, out, code);
}

static ebb_plan *plan_with(const ebb_graph *g, const way *w, const int32_t *alias, ebb_diag *diag) {
    ebb_plan_options options = w->plan;
    if (w->in_place) options.alias = alias;
    return ebb_plan_new(g, &options, diag);
}

ebb_plan *way_plan(const ebb_graph *g, const way *w, ebb_diag *diag) {
    int32_t alias[MOST];
    find_aliases(g, alias);
    return plan_with(g, w, alias, diag);
}

bool way_run(const ebb_graph *g, const way *w, void *const *in, void *const *out, int *code, ebb_diag *diag) {
    int32_t alias[MOST];
    if (g->inputs > MOST || g->outputs > MOST)
        return ebb_fail(diag, EBB_VALUE_ERROR, (ebb_site){0}, "more than %d parameters or results", MOST);
    find_aliases(g, alias);
    ebb_plan *plan = plan_with(g, w, alias, diag);
    ebb_executable *x = plan ? ebb_compile(plan, &w->compile, diag) : NULL;
    if (x && w->in_place)
        call_in_place(g, x, alias, in, out, code);
    else if (x)
        call(x, in, out, code);
    bool ran = x != NULL;
    ebb_executable_release(x);
    ebb_plan_free(plan);
    return ran;
}

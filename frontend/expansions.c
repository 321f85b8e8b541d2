/* expansions.c - macros that run now: their primitives as a small graph, made once for each operation, attributes and
 * types, and remembered.
 *
 * Invariant: a remembered graph is only read. The oldest of a full table makes room. Start reading at ebb_run_macro. */
#include "frontend/values.h"

#include <string.h>

enum { MOST_OPERANDS = 3, REMEMBERED = 32 };

typedef struct expansion {
    ebb_graph *graph; /* NULL: an empty row */
    ebb_op op;
    int nattr, narg;
    int64_t attr[EBB_MAX_RANK];
    ebb_type type[MOST_OPERANDS];
} expansion;

struct ebb_expansions {
    expansion row[REMEMBERED];
    unsigned next;
};

static bool is_type(const ebb_type *a, const ebb_type *b) {
    return a->dtype == b->dtype && ebb_shape_equal(&a->shape, &b->shape);
}

static bool is_expansion(const expansion *e, const ebb_application *app, int narg, const ebb_type *type) {
    if (!e->graph || e->op != app->op || e->nattr != app->nattr || e->narg != narg) return false;
    if (app->nattr && memcmp(e->attr, app->attr, (size_t)app->nattr * sizeof *app->attr)) return false;
    for (int k = 0; k < narg; k++)
        if (!is_type(&e->type[k], &type[k])) return false;
    return true;
}

static ebb_graph *find(const ebb_context *ebb, const ebb_application *app, int narg, const ebb_type *type) {
    for (int i = 0; ebb->expansions && i < REMEMBERED; i++)
        if (is_expansion(&ebb->expansions->row[i], app, narg, type))
            return ebb_graph_retain(ebb->expansions->row[i].graph);
    return NULL;
}

/* Without memory, or with attributes that no macro has, it is simply made again next time. */
static void remember(ebb_context *ebb, const ebb_application *app, int narg, const ebb_type *type, ebb_graph *g) {
    if (!ebb->expansions) ebb->expansions = ebb_mem_new(&ebb->allocator, 1, sizeof *ebb->expansions);
    if (!ebb->expansions || app->nattr > EBB_MAX_RANK) return;
    expansion *e = &ebb->expansions->row[ebb->expansions->next++ % REMEMBERED];
    ebb_graph_release(e->graph);
    *e = (expansion){ebb_graph_retain(g), app->op, app->nattr, narg, {0}, {{0}}};
    for (int i = 0; i < app->nattr; i++)
        e->attr[i] = app->attr[i];
    for (int k = 0; k < narg; k++)
        e->type[k] = type[k];
}

/* The macro alone between inputs and an output; expanded. On no line, as it will be used on other ones too. */
static ebb_graph *expand(ebb_context *ebb, const ebb_application *app, int narg, const ebb_type *type, ebb_diag *diag) {
    ebb_id id[MOST_OPERANDS];
    ebb_application anywhere = *app;
    anywhere.site = (ebb_site){0};
    ebb_graph *g = ebb_graph_new(&ebb->allocator, diag, ebb_op_table[app->op].name), *expanded = NULL;
    if (!g) return ebb_fail_memory(diag), NULL;
    for (int k = 0; k < narg; k++)
        id[k] = ebb_add_input(g, type[k], anywhere.site);
    if (ebb_add_output(g, ebb_record(g, &anywhere, narg, id))) expanded = ebb_expand(g, false, NULL, diag);
    ebb_graph_release(g);
    if (expanded) expanded->diag = NULL; /* `diag` lives shorter than the graph */
    return expanded;
}

static ebb_tensor *replay(ebb_context *ebb, const ebb_graph *g, int narg, ebb_tensor *const *arg, ebb_site site) {
    ebb_tensor **value = ebb_mem_new(&ebb->allocator, (size_t)g->count, sizeof *value), *result = NULL;
    if (!value) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "out of memory");
    for (int k = 0; k < narg; k++)
        value[g->input[k]] = arg[k];
    bool good = ebb_replay(ebb, g, value, &result, site);
    ebb_mem_free(&ebb->allocator, value);
    return good ? result : ebb_poison_of(ebb);
}

ebb_tensor *ebb_run_macro(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg) {
    ebb_type type[MOST_OPERANDS], result;
    ebb_diag diag = {0};
    if (narg > MOST_OPERANDS) return ebb_fail_at(ebb, EBB_INTERNAL_ERROR, app->site, "dispatch: %d operands", narg);
    for (int k = 0; k < narg; k++)
        type[k] = arg[k]->type;
    if (!ebb_infer(&diag, app, narg, type, &result)) return ebb_fail_diag(ebb, &diag, app->site);
    ebb_graph *g = find(ebb, app, narg, type);
    if (!g && (g = expand(ebb, app, narg, type, &diag))) remember(ebb, app, narg, type, g);
    if (!g) return ebb_fail_diag(ebb, &diag, app->site);
    ebb_tensor *y = replay(ebb, g, narg, arg, app->site);
    ebb_graph_release(g);
    return y;
}

void ebb_expansions_free(ebb_context *ebb) {
    for (int i = 0; ebb->expansions && i < REMEMBERED; i++)
        ebb_graph_release(ebb->expansions->row[i].graph);
    ebb_mem_free(&ebb->allocator, ebb->expansions);
    ebb->expansions = NULL;
}

/* sparse.c - the transforms of sparse.h: pattern, products, entries.
 *
 * A large table must not become text of the program: the colours, of which the directions are made by comparing them
 * with a count, and the places of the entries are parameters with a value, hidden ones. Start reading at
 * ebb_sparse_hessian_graph. */
#include "dual/sparse.h"

#include <string.h>

#include "dual/batch.h"
#include "dual/pattern.h"
#include "dual/transform.h"

/* Where the transform stands. */
typedef struct sparse {
    ebb_work w;
    ebb_sparse *s;
    int parameters;                        /* f's */
    int m;                                 /* what is differentiated: real results, or gradients */
    ebb_id *of;                            /* [m] */
    ebb_id *first;                         /* what may be given before the entries */
    ebb_id *direction, *derivative, *seed; /* room for products, [n + m] each */
    ebb_id *room;                          /* the memory of all of them */
    ebb_id hidden[3];                      /* the parameters of s->hidden */
} sparse;

/* ---- before ---- */

static bool check_sizes(const ebb_work *w) {
    const ebb_graph *g = w->b.graph;
    for (ebb_id id = 1; id < g->count; id++)
        if (!ebb_shape_concrete(ebb_shape_of(g, id)))
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[id], "%s: the sizes in %s must be known", w->verb,
                            g->name);
    return true;
}

static bool check_dtypes(const sparse *t, int n, const ebb_id *x) {
    const ebb_graph *g = t->w.b.graph;
    ebb_dtype dtype = ebb_dtype_at(g, t->w.x[0]);
    for (int i = 0; i < n; i++)
        if (ebb_dtype_at(g, x[i]) != dtype)
            return ebb_fail(g->diag, EBB_TYPE_ERROR, g->site[x[i]], "%s: %s has %s and %s; entries are of one dtype",
                            t->w.verb, g->name, ebb_dtype_short(dtype), ebb_dtype_short(ebb_dtype_at(g, x[i])));
    return true;
}

static bool make_room(sparse *t, int most) {
    ebb_graph *g = t->w.b.graph;
    size_t each = (size_t)most + 1;
    t->room = ebb_mem_new(g->allocator, 5 * each, sizeof *t->room);
    if (!t->room) return ebb_fail_memory(g->diag);
    t->of = t->room;
    t->first = t->of + each;
    t->direction = t->first + each;
    t->derivative = t->direction + each;
    t->seed = t->derivative + each;
    return true;
}

/* ---- the pattern ---- */

static bool find_pattern(sparse *t, const ebb_dual_spec *spec, bool symmetric, ebb_rows *rows) {
    ebb_graph *g = t->w.b.graph;
    ebb_relation r;
    bool ok = ebb_pattern_nodes(g, spec ? spec->known : NULL, t->w.n, t->w.x, t->m, t->of, &r);
    if (ok && symmetric) ok = ebb_relation_add_transpose(&r) || ebb_fail_memory(g->diag);
    if (ok && ebb_relation_pairs(&r) > EBB_MOST_PAIRS)
        ok = ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                      "%s: the pattern of %s, %lld by %lld, may have %.3g entries, more than %d", t->w.verb, g->name,
                      (long long)r.rows, (long long)r.columns, ebb_relation_pairs(&r), (int)EBB_MOST_PAIRS);
    ok = ok && (ebb_relation_all_rows(&r, rows) || ebb_fail_memory(g->diag));
    ebb_relation_free(&r);
    return ok;
}

/* ---- hidden parameters ---- */

/* Takes the data; NULL: there was no memory for it. */
static ebb_id hide(sparse *t, ebb_dtype dtype, int64_t size, void *data) {
    ebb_graph *g = t->w.b.graph;
    const ebb_type type = {dtype, {1, {size}}};
    if (!data) return ebb_fail_memory(g->diag), EBB_POISON;
    t->s->hidden[t->s->hiddens] = (ebb_hidden){type, data};
    return t->hidden[t->s->hiddens++] = ebb_add_input(g, type, (ebb_site){0});
}

static ebb_id hide_colours(sparse *t, int64_t size, const int32_t *colour) {
    return hide(t, EBB_I32, size, ebb_mem_copy(t->w.b.graph->allocator, colour, (size_t)size * sizeof *colour + 1));
}

/* Of so many elements; as narrow numbers as they can be. */
static ebb_id hide_places(sparse *t, int64_t elements) {
    ebb_compressed *plan = &t->s->plan;
    int64_t count = ebb_rows_count(&plan->pattern), *wide = plan->place;
    plan->place = NULL;
    if (elements > INT32_MAX) return hide(t, EBB_I64, count, wide);
    int32_t *narrow = ebb_mem_new(t->w.b.graph->allocator, (size_t)count + 1, sizeof *narrow);
    for (int64_t k = 0; narrow && k < count; k++)
        narrow[k] = (int32_t)wide[k];
    ebb_mem_free(t->w.b.graph->allocator, wide);
    return hide(t, EBB_I32, count, narrow);
}

/* ---- products ---- */

static int64_t size_of(const sparse *t, ebb_id id) {
    int64_t size = 0;
    ebb_shape_size(ebb_shape_of(t->w.b.graph, id), &size);
    return size;
}

/* For elements `first` on of all: 1 where the colour is that of the product, [products, at...]. */
static ebb_id seed_like(sparse *t, ebb_id at, ebb_id colours, int64_t first, int32_t products) {
    static const int64_t one[] = {1}, axes[EBB_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7, 8};
    ebb_builder *b = &t->w.b;
    ebb_graph *g = b->graph;
    const ebb_shape part = {1, {size_of(t, at)}};
    ebb_shape batch;
    if (!ebb_shape_insert(ebb_shape_of(g, at), 0, products, &batch)) {
        ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[at],
                 "%s: %s is differentiated in rank %d; there is no axis for "
                 "directions",
                 t->w.verb, g->name, EBB_MAX_RANK);
        return EBB_POISON;
    }
    ebb_id own = ebb_g_slice(b, colours, &first, one, &part);
    ebb_id wide = ebb_g_broadcast(b, ebb_g_reshape(b, own, ebb_shape_of(g, at)), &batch, axes);
    return ebb_g_cast_to(b, ebb_g_eq(b, wide, ebb_g_iota(b, EBB_I32, &batch, 0)), ebb_dtype_at(g, at));
}

/* One product's derivatives, the same for all as there may be, side by side: [products, all elements], flat. */
static ebb_id side_by_side(sparse *t, int m, const ebb_id *of, const ebb_id *alone, const ebb_id *all,
                           int32_t products) {
    ebb_builder *b = &t->w.b;
    ebb_id both = EBB_ABSENT;
    int64_t width = 0;
    for (int j = 0; j < m; j++) {
        const ebb_shape lines = {2, {products, size_of(t, of[j])}};
        ebb_id d = all[j];
        if (d == EBB_ABSENT && alone[j] != EBB_ABSENT) d = ebb_spread(b, alone[j], products);
        d = d == EBB_ABSENT ? ebb_g_full(b, ebb_dtype_at(b->graph, of[j]), &lines, 0) : ebb_g_reshape(b, d, &lines);
        both = both == EBB_ABSENT ? d : ebb_g_concat(b, both, d, 1);
        width += lines.dim[1];
    }
    return ebb_g_reshape(b, both, &(ebb_shape){1, {products * width}});
}

/* ebb_jvp_nodes or ebb_vjp_nodes: the derivatives of[n] along directions of at[]. */
typedef bool pass(ebb_graph *g, int n, const ebb_id *at, const ebb_id *direction, int m, const ebb_id *of, ebb_id *out);

/* The pass along a direction that is a parameter, which nobody gives: batched over the sums of unit vectors of each
 * colour. */
static ebb_id products(sparse *t, pass *along, int n, const ebb_id *at, int m, const ebb_id *of, const int32_t *colour,
                       int32_t count) {
    ebb_graph *g = t->w.b.graph;
    ebb_id *alone = t->derivative, *all = t->seed + n;
    int64_t first = 0, elements = 0;
    for (int i = 0; i < n; i++)
        elements += size_of(t, at[i]);
    ebb_id colours = hide_colours(t, elements, colour);
    if (colours == EBB_POISON || !ebb_more_inputs(&t->w, n, at, t->direction) ||
        !along(g, n, at, t->direction, m, of, alone))
        return EBB_POISON;
    for (int i = 0; i < n; i++) {
        t->seed[i] = seed_like(t, at[i], colours, first, count);
        if (t->seed[i] == EBB_POISON) return EBB_POISON;
        first += size_of(t, at[i]);
    }
    bool ok = ebb_vmap_nodes(g, count, n, t->direction, t->seed, m, alone, all);
    return ok ? side_by_side(t, m, of, alone, all, count) : EBB_POISON;
}

/* The entries, by rows. */
static ebb_id entries(sparse *t) {
    const ebb_compressed *plan = &t->s->plan;
    ebb_builder *b = &t->w.b;
    ebb_id all = EBB_ABSENT, rows = EBB_ABSENT;
    ebb_dtype dtype = ebb_dtype_at(b->graph, t->w.x[0]);
    if (plan->forward) all = products(t, ebb_jvp_nodes, t->w.n, t->w.x, t->m, t->of, plan->of_column, plan->forward);
    if (plan->reverse && all != EBB_POISON)
        rows = products(t, ebb_vjp_nodes, t->m, t->of, t->w.n, t->w.x, plan->of_row, plan->reverse);
    if (all == EBB_POISON || rows == EBB_POISON) return EBB_POISON;
    if (all == EBB_ABSENT && rows == EBB_ABSENT) return ebb_g_full(b, dtype, &(ebb_shape){1, {0}}, 0);
    all = all == EBB_ABSENT ? rows : rows == EBB_ABSENT ? all : ebb_g_concat(b, all, rows, 0);
    ebb_id places = all == EBB_POISON ? all : hide_places(t, size_of(t, all));
    return places == EBB_POISON ? places : ebb_g_gather(b, all, places, 0);
}

/* ---- the transforms ---- */

static bool begin(sparse *t, const char *verb, const ebb_graph *f, const ebb_dual_spec *spec, ebb_sparse *s,
                  ebb_diag *diag) {
    *t = (sparse){.s = s};
    *s = (ebb_sparse){.allocator = f->allocator};
    bool ok = ebb_start(&t->w, verb, f, spec, diag) && check_sizes(&t->w) && make_room(t, t->w.n + t->w.results);
    t->parameters = ok ? t->w.b.graph->inputs : 0;
    return ok;
}

/* The program: what is given, entries, state. */
static ebb_graph *write(sparse *t, int given, const ebb_id *first, ebb_id *room) {
    ebb_work *w = &t->w;
    ebb_id *in = room, *out = in + t->parameters + 3;
    int n = 0;
    ebb_id values = entries(t);
    if (values == EBB_POISON) return NULL;
    memcpy(in, w->b.graph->input, (size_t)t->parameters * sizeof *in);
    memcpy(in + t->parameters, t->hidden, (size_t)t->s->hiddens * sizeof *in);
    for (; n < given; n++)
        out[n] = first[n];
    out[n++] = values;
    for (int j = w->results; j < w->outputs; j++)
        out[n++] = w->y[j];
    return ebb_extract(w->b.graph, t->parameters + t->s->hiddens, in, n, out);
}

static ebb_graph *end(sparse *t, bool ok, int given, const ebb_id *first) {
    const ebb_allocator *a = t->s->allocator;
    ebb_graph *done = NULL;
    size_t size = (size_t)t->parameters + 3 + (size_t)given + 1 + (size_t)t->w.outputs;
    ebb_id *room = ok ? ebb_mem_new(a, size, sizeof *room) : NULL;
    if (room)
        done = write(t, given, first, room);
    else if (ok)
        ebb_fail_memory(t->w.b.graph->diag);
    ebb_mem_free(a, room);
    ebb_mem_free(a, t->room);
    ebb_abandon(&t->w);
    if (!done) ebb_sparse_free(t->s);
    return done;
}

/* What is differentiated: the gradients. The value goes first. */
static void take_gradients(sparse *t) {
    t->m = t->w.n;
    t->first[0] = t->w.y[0];
    for (int i = 0; i < t->w.n; i++)
        t->first[i + 1] = t->of[i] = t->w.dx[i];
}

ebb_graph *ebb_sparse_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_sparse *s, ebb_diag *diag) {
    sparse t;
    ebb_rows rows = {0};
    bool ok = begin(&t, "sparse_hessian", f, spec, s, diag) && ebb_gradients(&t.w) && check_dtypes(&t, t.w.n, t.w.x);
    if (ok) take_gradients(&t);
    ok = ok && find_pattern(&t, spec, true, &rows) &&
         (ebb_compress_hessian(f->allocator, &rows, &s->plan) || ebb_fail_memory(diag));
    return end(&t, ok, spec && spec->value ? t.w.n + 1 : 0, t.first);
}

/* What is differentiated: the real results. */
static bool take_results(sparse *t) {
    const ebb_graph *g = t->w.b.graph;
    for (int j = 0; j < t->w.results; j++) {
        t->first[j] = t->w.y[j];
        if (t->w.y[j] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(g, t->w.y[j]))) t->of[t->m++] = t->w.y[j];
    }
    return t->m || ebb_fail(g->diag, EBB_TYPE_ERROR, (ebb_site){0}, "%s: no result of %s is real", t->w.verb, g->name);
}

ebb_graph *ebb_sparse_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_sparse *s,
                                     ebb_diag *diag) {
    sparse t;
    ebb_rows rows = {0};
    bool ok = begin(&t, "sparse_jacobian", f, spec, s, diag) && take_results(&t) && check_dtypes(&t, t.w.n, t.w.x) &&
              check_dtypes(&t, t.m, t.of) && find_pattern(&t, spec, false, &rows) &&
              (ebb_compress_jacobian(f->allocator, &rows, road, &s->plan) || ebb_fail_memory(diag));
    return end(&t, ok, spec && spec->value ? t.w.results : 0, t.first);
}

void ebb_sparse_free(ebb_sparse *s) {
    if (!s->allocator) return;
    ebb_compressed_free(s->allocator, &s->plan);
    for (int k = 0; k < s->hiddens; k++)
        ebb_mem_free(s->allocator, s->hidden[k].data);
    *s = (ebb_sparse){0};
}

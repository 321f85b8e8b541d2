/* products.c - the entries of a pattern as nodes: the pattern, which products there are, all of them together, and
 * where the entries are found in them.
 *
 * A large table must not become text of the program: the colours, of which the directions are made by comparing them
 * with a count, and the places of the entries are parameters with a value, hidden ones. Start reading at
 * ebb_products_entries. */
#include "dual/products.h"

#include <string.h>

#include "dual/basis.h"
#include "dual/batch.h"
#include "dual/pattern.h"

/* ---- before ---- */

static bool check_sizes(const ebb_work *w) {
    const ebb_graph *g = w->b.graph;
    for (ebb_id id = 1; id < g->count; id++)
        if (!ebb_shape_concrete(ebb_shape_of(g, id)))
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[id], "%s: the sizes in %s must be known", w->verb,
                            g->name);
    return true;
}

static bool check_dtypes(const ebb_products *t, int n, const ebb_id *x) {
    const ebb_graph *g = t->w->b.graph;
    ebb_dtype dtype = ebb_dtype_at(g, t->w->x[0]);
    for (int i = 0; i < n; i++)
        if (ebb_dtype_at(g, x[i]) != dtype)
            return ebb_fail(g->diag, EBB_TYPE_ERROR, g->site[x[i]], "%s: %s has %s and %s; entries are of one dtype",
                            t->w->verb, g->name, ebb_dtype_short(dtype), ebb_dtype_short(ebb_dtype_at(g, x[i])));
    return true;
}

bool ebb_products_start(ebb_products *t, ebb_work *w, int m, const ebb_id *of) {
    const ebb_allocator *a = w->b.graph->allocator;
    size_t each = (size_t)w->n + (size_t)m + 1;
    *t = (ebb_products){.w = w, .m = m};
    t->room = ebb_mem_new(a, 4 * each, sizeof *t->room);
    if (!t->room) return ebb_fail_memory(w->b.graph->diag);
    t->of = t->room;
    t->direction = t->of + each;
    t->derivative = t->direction + each;
    t->seed = t->derivative + each;
    memcpy(t->of, of, (size_t)m * sizeof *of);
    return check_sizes(w) && check_dtypes(t, w->n, w->x) && check_dtypes(t, m, t->of);
}

void ebb_products_stop(ebb_products *t) {
    if (t->w) ebb_mem_free(t->w->b.graph->allocator, t->room);
    t->room = NULL;
}

/* ---- the pattern ---- */

bool ebb_products_pattern(ebb_products *t, double most, bool symmetric, ebb_rows *rows) {
    ebb_graph *g = t->w->b.graph;
    ebb_relation r;
    bool ok = ebb_pattern_nodes(g, t->w->known, most, t->w->n, t->w->x, t->m, t->of, &r);
    if (ok && symmetric) ok = ebb_relation_add_transpose(&r) || ebb_fail_memory(g->diag);
    if (ok && ebb_relation_pairs(&r) > most)
        ok = ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                      "%s: the pattern of %s, %lld by %lld, may have %.3g entries, more than %.0f", t->w->verb, g->name,
                      (long long)r.rows, (long long)r.columns, ebb_relation_pairs(&r), most);
    ok = ok && (ebb_relation_all_rows(&r, rows) || ebb_fail_memory(g->diag));
    ebb_relation_free(&r);
    return ok;
}

/* ---- hidden parameters ---- */

/* Takes the data; NULL: there was no memory for it. */
static ebb_id hide(ebb_products *t, ebb_dtype dtype, int64_t size, void *data) {
    ebb_graph *g = t->w->b.graph;
    const ebb_type type = {dtype, {1, {size}}};
    if (!data) return ebb_fail_memory(g->diag), EBB_POISON;
    t->w->brought->hidden[t->w->brought->hiddens] = (ebb_hidden){type, data};
    return t->w->hidden[t->w->brought->hiddens++] = ebb_add_input(g, type, (ebb_site){0});
}

static ebb_id hide_colours(ebb_products *t, int64_t size, const int32_t *colour) {
    return hide(t, EBB_I32, size, ebb_mem_copy(t->w->b.graph->allocator, colour, (size_t)size * sizeof *colour + 1));
}

/* Places among so many elements: as narrow numbers as they can be. Takes them. */
static ebb_id hide_places(ebb_products *t, int64_t elements, int64_t count, int64_t *wide) {
    const ebb_allocator *a = t->w->b.graph->allocator;
    if (elements > INT32_MAX) return hide(t, EBB_I64, count, wide);
    int32_t *narrow = ebb_mem_new(a, (size_t)count + 1, sizeof *narrow);
    for (int64_t k = 0; narrow && k < count; k++)
        narrow[k] = (int32_t)wide[k];
    ebb_mem_free(a, wide);
    return hide(t, EBB_I32, count, narrow);
}

/* ---- products ---- */

static int64_t size_of(const ebb_products *t, ebb_id id) { return ebb_element_count(t->w->b.graph, id); }

/* Products from, from + 1 ...; of all elements those from `first` on, which are at's: 1 where the colour is that of the
 * product, [products, at...]. */
static ebb_id seed_like(ebb_products *t, ebb_id at, ebb_id colours, int64_t first, int64_t from, int64_t products) {
    static const int64_t one[] = {1}, axes[EBB_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7, 8};
    ebb_builder *b = &t->w->b;
    ebb_graph *g = b->graph;
    const ebb_shape part = {1, {size_of(t, at)}};
    ebb_shape batch;
    if (!ebb_shape_insert(ebb_shape_of(g, at), 0, products, &batch)) {
        char text[EBB_TYPE_TEXT];
        ebb_type type = ebb_type_of(g, at);
        ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[at],
                 "%s: %s is differentiated in %s; beside its %d axes there is no axis for directions", t->w->verb,
                 g->name, ebb_type_text(&type, text), EBB_MAX_RANK);
        return EBB_POISON;
    }
    ebb_id own = ebb_g_slice(b, colours, &first, one, &part), product = ebb_g_iota(b, EBB_I32, &batch, 0);
    ebb_id wide = ebb_g_broadcast(b, ebb_g_reshape(b, own, ebb_shape_of(g, at)), &batch, axes);
    if (from) product = ebb_g_add(b, product, ebb_g_full_like(b, product, (double)from));
    return ebb_g_cast_to(b, ebb_g_eq(b, wide, product), ebb_dtype_at(g, at));
}

/* The derivatives of[m] of some products, side by side: [products, all elements], flat. `alone` are those of one
 * product; what is the same for all of them is spread. */
static ebb_id side_by_side(ebb_products *t, int m, const ebb_id *of, const ebb_id *alone, const ebb_id *all,
                           int64_t products) {
    ebb_builder *b = &t->w->b;
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

/* One way of products: from `at` to `of`. */
typedef struct way {
    int n, m;
    const ebb_id *at, *of;
    ebb_id colours;
    int64_t count;
} way;

/* Products from, from + 1 ...: the pass along a direction that is a parameter, batched over sums of unit vectors. */
static ebb_id block(ebb_products *t, const way *w, int64_t from, int64_t products) {
    ebb_id *all = t->seed + w->n;
    int64_t first = 0;
    for (int i = 0; i < w->n; i++) {
        t->seed[i] = seed_like(t, w->at[i], w->colours, first, from, products);
        if (t->seed[i] == EBB_POISON) return EBB_POISON;
        first += size_of(t, w->at[i]);
    }
    bool ok = ebb_vmap_nodes(t->w->b.graph, products, w->n, t->direction, t->seed, w->m, t->derivative, all);
    return ok ? side_by_side(t, w->m, w->of, t->derivative, all, products) : EBB_POISON;
}

/* All products, in blocks that keep the budget, one after the other. */
static ebb_id blocks(ebb_products *t, const way *w, int64_t rows) {
    ebb_graph *g = t->w->b.graph;
    int64_t count = (w->count + rows - 1) / rows, k = 0;
    ebb_id *piece = ebb_mem_new(g->allocator, (size_t)count + 1, sizeof *piece), all = EBB_POISON;
    if (!piece) return ebb_fail_memory(g->diag), EBB_POISON;
    if (count > t->w->blocks) t->w->blocks = count;
    for (int64_t from = 0; from < w->count; from += rows, k++) {
        piece[k] = block(t, w, from, w->count - from < rows ? w->count - from : rows);
        if (piece[k] == EBB_POISON) break;
    }
    if (k == count) all = ebb_stack(&t->w->b, (int)count, piece);
    ebb_mem_free(g->allocator, piece);
    return all;
}

/* ebb_jvp_nodes or ebb_vjp_nodes: the derivatives of[n] along directions of at[]. */
typedef bool pass(ebb_graph *g, int n, const ebb_id *at, const ebb_id *direction, int m, const ebb_id *of, ebb_id *out);

static ebb_id products(ebb_products *t, pass *along, int n, const ebb_id *at, int m, const ebb_id *of,
                       const int32_t *colour, int32_t count) {
    ebb_graph *g = t->w->b.graph;
    way w = {n, m, at, of, EBB_ABSENT, count};
    int64_t elements = 0, rows;
    for (int i = 0; i < n; i++)
        elements += size_of(t, at[i]);
    w.colours = hide_colours(t, elements, colour);
    bool ok = w.colours != EBB_POISON && ebb_more_inputs(t->w, n, at, t->direction) &&
              along(g, n, at, t->direction, m, of, t->derivative) &&
              ebb_block_of(g, m, t->derivative, n, t->direction, count, t->w->budget, &rows);
    return ok ? blocks(t, &w, rows) : EBB_POISON;
}

/* ---- entries ---- */

/* All products, one after the other; absent if there are none. */
static ebb_id both_ways(ebb_products *t) {
    const ebb_compressed *plan = &t->w->brought->plan;
    ebb_id forward = EBB_ABSENT, reverse = EBB_ABSENT;
    if (plan->forward)
        forward = products(t, ebb_jvp_nodes, t->w->n, t->w->x, t->m, t->of, plan->of_column, plan->forward);
    if (plan->reverse && forward != EBB_POISON)
        reverse = products(t, ebb_vjp_nodes, t->m, t->of, t->w->n, t->w->x, plan->of_row, plan->reverse);
    if (forward == EBB_ABSENT || reverse == EBB_POISON) return reverse;
    return reverse == EBB_ABSENT ? forward : ebb_g_concat(&t->w->b, forward, reverse, 0);
}

ebb_id ebb_products_entries(ebb_products *t) {
    ebb_compressed *plan = &t->w->brought->plan;
    ebb_builder *b = &t->w->b;
    ebb_id all = both_ways(t);
    if (all == EBB_POISON) return all;
    if (all == EBB_ABSENT) return ebb_g_full(b, ebb_dtype_at(b->graph, t->w->x[0]), &(ebb_shape){1, {0}}, 0);
    int64_t *wide = plan->place;
    plan->place = NULL;
    ebb_id places = hide_places(t, size_of(t, all), ebb_rows_count(&plan->pattern), wide);
    return places == EBB_POISON ? places : ebb_g_gather(b, all, places, 0);
}

/* Where each entry is in the dense matrix. */
static ebb_id hide_targets(ebb_products *t) {
    const ebb_rows *r = &t->w->brought->plan.pattern;
    int64_t count = ebb_rows_count(r),
            *target = ebb_mem_new(t->w->b.graph->allocator, (size_t)count + 1, sizeof *target);
    for (int64_t i = 0; target && i < r->rows; i++)
        for (int64_t k = r->start[i]; k < r->start[i + 1]; k++)
            target[k] = i * r->columns + r->column[k];
    if (!target) return ebb_fail_memory(t->w->b.graph->diag), EBB_POISON;
    return hide_places(t, r->rows * r->columns, count, target);
}

ebb_id ebb_products_matrix(ebb_products *t) {
    const ebb_rows *r = &t->w->brought->plan.pattern;
    ebb_builder *b = &t->w->b;
    ebb_id entries = ebb_products_entries(t), targets = entries == EBB_POISON ? entries : hide_targets(t);
    if (targets == EBB_POISON) return targets;
    ebb_id zeros = ebb_g_full(b, ebb_dtype_at(b->graph, entries), &(ebb_shape){1, {r->rows * r->columns}}, 0);
    return ebb_g_scatter_add(b, zeros, targets, entries, 0);
}

/* series.c - see series.h. */
#include "dual/series.h"

#include "dual/dual.h"

/* ---- words ---- */

static const int64_t ones[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1}, zeros[EBB_MAX_RANK] = {0};

/* [rows, like...]; false: too many axes. */
static bool shape_of(const ebb_builder *b, int64_t rows, ebb_id like, ebb_shape *shape) {
    return ebb_shape_insert(ebb_shape_of(b->graph, like), 0, rows, shape) ||
           ebb_fail(b->graph->diag, EBB_VALUE_ERROR, b->site,
                    "jet: a result of %s has rank %d; its series would have one axis too many", b->graph->name,
                    EBB_MAX_RANK);
}

ebb_id ebb_series_row(ebb_builder *b, ebb_id series, int64_t k, ebb_id like) {
    const int64_t start[EBB_MAX_RANK] = {k};
    if (series == EBB_POISON) return series;
    ebb_shape one = *ebb_shape_of(b->graph, series);
    one.dim[0] = 1;
    return ebb_g_reshape(b, ebb_g_slice(b, series, start, ones, &one), ebb_shape_of(b->graph, like));
}

ebb_id ebb_series_zeros(ebb_builder *b, int64_t rows, ebb_id like) {
    ebb_shape shape;
    if (!shape_of(b, rows, like, &shape)) return EBB_POISON;
    return ebb_g_full(b, ebb_dtype_at(b->graph, like), &shape, 0);
}

ebb_id ebb_series_begun(ebb_builder *b, int64_t rows, ebb_id y) {
    const int64_t high[EBB_MAX_RANK] = {rows - 1};
    ebb_shape one;
    if (y == EBB_POISON || !shape_of(b, 1, y, &one)) return EBB_POISON;
    ebb_id row = ebb_g_reshape(b, y, &one);
    return rows > 1 ? ebb_g_pad(b, row, zeros, high, zeros) : row;
}

ebb_id ebb_series_joined(ebb_builder *b, int order, ebb_id *c, ebb_id like) {
    ebb_shape row;
    if (!shape_of(b, 1, like, &row)) return EBB_POISON;
    for (int k = 0; k < order; k++)
        c[k] = ebb_g_reshape(b, ebb_present(b, c[k], like), &row);
    return ebb_stack(b, order, c);
}

/* ---- straight ---- */

static bool is_line(const ebb_graph *g, ebb_id x, ebb_id curve) {
    return ebb_shape_of(g, curve)->rank == ebb_shape_of(g, x)->rank;
}

static bool take_apart(ebb_graph *g, int order, ebb_id x, ebb_id curve, ebb_id *c) {
    ebb_builder b = ebb_builder_for(g, x, EBB_TANGENT);
    if (curve == EBB_ABSENT || curve == EBB_POISON) return curve == EBB_ABSENT;
    if (is_line(g, x, curve)) return c[0] = curve, true;
    for (int k = 0; k < order; k++)
        if ((c[k] = ebb_series_row(&b, curve, k, x)) == EBB_POISON) return false;
    return true;
}

/* c: [n + m][order], zero. */
static bool write_straight(ebb_graph *g, int order, int n, const ebb_id *x, const ebb_id *curve, int m, const ebb_id *y,
                           ebb_id *series, ebb_id *c) {
    ebb_id *dy = c + (int64_t)n * order;
    for (int i = 0; i < n; i++)
        if (!take_apart(g, order, x[i], curve[i], c + (int64_t)i * order)) return false;
    if (!ebb_jet_nodes(g, order, n, x, c, m, y, dy)) return false;
    for (int j = 0; j < m; j++, dy += order) {
        ebb_builder b = ebb_builder_for(g, y[j], EBB_TANGENT);
        bool moves = false;
        for (int k = 0; k < order; k++)
            moves |= dy[k] != EBB_ABSENT;
        series[j] = moves ? ebb_series_joined(&b, order, dy, y[j]) : EBB_ABSENT;
        if (series[j] == EBB_POISON) return false;
    }
    return true;
}

/* ---- which ---- */

/* Straight-line code has order^2 / 2 products for each node, and to compile one takes 20 us; for W9 at one point that
 * is as much as a loop takes at an order of about 40, and a call as long. In a loop a product takes about 1 ns longer
 * for each element: it reads zeros beyond the order that it is at, and hands all coefficients on. So for many elements
 * straight-line code has made up for its compile after some ten calls, if that ends in seconds. */
enum { FEW_ELEMENTS = 1024, FEW_PRODUCTS = 250000 };

static bool are_few(const ebb_graph *g, int n, const ebb_id *x) {
    int64_t size;
    for (int i = 0; i < n; i++)
        if (x[i] != EBB_ABSENT && ebb_shape_size(ebb_shape_of(g, x[i]), &size) && size > FEW_ELEMENTS) return false;
    return true;
}

static bool is_rolled(const ebb_graph *g, int order, int n, const ebb_id *x, int m, const ebb_id *y) {
    const double products = (double)g->count * order * order;
    if (order <= EBB_MOST_STRAIGHT) return false;
    return g->callees > 0 || products > (double)FEW_PRODUCTS || (are_few(g, n, x) && are_few(g, m, y));
}

bool ebb_series_nodes(ebb_graph *g, int order, ebb_writing writing, int n, const ebb_id *x, const ebb_id *curve, int m,
                      const ebb_id *y, ebb_id *series) {
    bool written = false;
    if (writing == EBB_ROLLED || (writing == EBB_BY_ORDER && is_rolled(g, order, n, x, m, y))) {
        if (!ebb_rolled_nodes(g, order, n, x, curve, m, y, series, &written)) return false;
        if (written) return true;
    }
    ebb_id *c = ebb_mem_new(g->allocator, (size_t)(n + m) * (size_t)order + 1, sizeof *c);
    bool ok = c ? write_straight(g, order, n, x, curve, m, y, series, c) : ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, c);
    return ok;
}

/* colour.c - greedy colourings: each vertex gets the least colour that nothing near it forbids. In the natural order,
 * which suits bands, and, unless that is as good as can be, with the longest columns first, which suits irregular
 * patterns; the better one stays. The same pattern always gets the same colours.
 *
 * Start reading at ebb_colour_columns; then ebb_colour_star. */
#include "dual/colour.h"

#include <string.h>

static int64_t length(const ebb_rows *r, int64_t row) { return r->start[row + 1] - r->start[row]; }

static int64_t longest(const ebb_rows *r, const bool *skip) {
    int64_t most = 0;
    for (int64_t i = 0; i < r->rows; i++)
        if (!(skip && skip[i]) && length(r, i) > most) most = length(r, i);
    return most;
}

/* by[] = all rows, the longest first, else as they come: counting sort. */
static bool longest_first(const ebb_allocator *a, const ebb_rows *r, int64_t *by) {
    int64_t most = longest(r, NULL);
    int64_t *end = ebb_mem_new(a, (size_t)most + 2, sizeof *end);
    for (int64_t i = 0; end && i < r->rows; i++)
        end[most - length(r, i) + 1]++;
    for (int64_t k = 1; end && k <= most; k++)
        end[k] += end[k - 1];
    for (int64_t i = 0; end && i < r->rows; i++)
        by[end[most - length(r, i)]++] = i;
    ebb_mem_free(a, end);
    return end != NULL;
}

/* What a greedy colouring works with. */
typedef struct greedy greedy;
struct greedy {
    const ebb_allocator *a;
    const ebb_rows *r, *turned; /* columns: both; star: r, symmetric */
    const bool *skip;
    int32_t *colour, colours;
    int64_t *forbidden;         /* [columns + 1]: the last vertex, from 1, that may not have this colour */
    void (*restart)(greedy *w); /* before a pass; NULL: nothing to do */
    void *more;                 /* star: its stars */
};

static void forbid(greedy *w, int64_t v, int64_t neighbour) {
    if (w->colour[neighbour] >= 0) w->forbidden[w->colour[neighbour]] = v + 1;
}

static void choose(greedy *w, int64_t v) {
    int32_t c = 0;
    while (w->forbidden[c] == v + 1)
        c++;
    w->colour[v] = c;
    if (c == w->colours) w->colours++;
}

/* One vertex after the other, by[0] first; by NULL: as they come. `visit` forbids, chooses and remembers. */
typedef void visitor(greedy *w, int64_t v);
static void colour_all(greedy *w, int64_t vertices, const int64_t *by, visitor *visit) {
    if (w->restart) w->restart(w);
    w->colours = 0;
    memset(w->forbidden, 0, (size_t)(vertices + 1) * sizeof *w->forbidden);
    for (int64_t v = 0; v < vertices; v++)
        w->colour[v] = -1;
    for (int64_t i = 0; i < vertices; i++)
        visit(w, by ? by[i] : i);
}

/* ---- columns ---- */

static void visit_column(greedy *w, int64_t v) {
    bool any = false;
    for (int64_t k = w->turned->start[v]; k < w->turned->start[v + 1]; k++) {
        int64_t row = w->turned->column[k];
        if (w->skip && w->skip[row]) continue;
        any = true;
        for (int64_t i = w->r->start[row]; i < w->r->start[row + 1]; i++)
            forbid(w, v, w->r->column[i]);
    }
    if (any) choose(w, v);
}

/* Each column that has entries by itself. */
static void one_by_one(greedy *w) {
    w->colours = 0;
    for (int64_t v = 0; v < w->r->columns; v++)
        w->colour[v] = length(w->turned, v) ? w->colours++ : -1;
}

/* Tries the other order, and keeps it if it is better. */
static bool try_other_order(greedy *w, const ebb_rows *lengths, visitor *visit) {
    int64_t vertices = lengths->rows, *by = ebb_mem_new(w->a, (size_t)vertices + 1, sizeof *by);
    int32_t *first = w->colour, colours = w->colours;
    w->colour = ebb_mem_new(w->a, (size_t)vertices + 1, sizeof *w->colour);
    bool ok = by && w->colour && longest_first(w->a, lengths, by);
    if (ok) {
        colour_all(w, vertices, by, visit);
        if (w->colours < colours)
            memcpy(first, w->colour, (size_t)vertices * sizeof *first);
        else
            w->colours = colours;
    }
    ebb_mem_free(w->a, w->colour);
    ebb_mem_free(w->a, by);
    w->colour = first;
    return ok;
}

bool ebb_colour_columns(const ebb_allocator *a, const ebb_rows *r, const ebb_rows *turned, const bool *skip,
                        int32_t *colour, int32_t *colours) {
    greedy w = {.a = a, .r = r, .turned = turned, .skip = skip, .colour = colour};
    int64_t least = longest(r, skip);
    bool ok = true;
    if (least > r->columns / 2) { /* no colouring is half as large, and looking for one takes long */
        one_by_one(&w);
    } else {
        w.forbidden = ebb_mem_new(a, (size_t)r->columns + 1, sizeof *w.forbidden);
        ok = w.forbidden != NULL;
        if (ok) colour_all(&w, r->columns, NULL, visit_column);
        if (ok && w.colours > least) ok = try_other_order(&w, turned, visit_column);
        ebb_mem_free(a, w.forbidden);
    }
    *colours = w.colours;
    return ok;
}

/* ---- stars ----
 * Edges between two colours form stars: a path of four would be no star. Each edge knows its star, and a star of more
 * than one edge its hub. Colouring v, a neighbour w forbids its own colour; two neighbours of one colour forbid those
 * of all their neighbours (a path x w v w' would be one); and one neighbour w forbids the colour of x where x is the
 * hub of a star that w is a leaf of. */

typedef struct stars {
    int64_t *mirror;      /* [entries]: the same edge from its other end */
    int32_t *star;        /* [entries] */
    int64_t *hub;         /* [stars]: -1 while it is one edge */
    int64_t *first, *via; /* by colour: the vertex, from 1, whose first neighbour of it was met by entry via */
    int64_t *treated;     /* [vertices]: the vertex, from 1, that it was treated for */
    int32_t stars;
    bool *apart; /* [vertices]: it has a colour of its own */
} stars;

static void treat(greedy *w, stars *s, int64_t v, int64_t neighbour) {
    for (int64_t k = w->r->start[neighbour]; k < w->r->start[neighbour + 1]; k++)
        if (w->r->column[k] != v) forbid(w, v, w->r->column[k]);
    s->treated[neighbour] = v + 1;
}

static bool is_coloured(const greedy *w, int64_t v, int64_t x) { return x != v && w->colour[x] >= 0; }

static void look_at(greedy *w, stars *s, int64_t v, int64_t entry) {
    int64_t near = w->r->column[entry], c = w->colour[near];
    w->forbidden[c] = v + 1;
    if (s->first[c] == v + 1) {
        int64_t other = w->r->column[s->via[c]];
        if (s->treated[other] != v + 1) treat(w, s, v, other);
        treat(w, s, v, near);
        return;
    }
    s->first[c] = v + 1;
    s->via[c] = entry;
    for (int64_t k = w->r->start[near]; k < w->r->start[near + 1]; k++) {
        int64_t x = w->r->column[k];
        if (is_coloured(w, v, x) && x != near && s->hub[s->star[k]] == x) forbid(w, v, x);
    }
}

static void set_star(stars *s, int64_t entry, int32_t star, int64_t hub) {
    s->star[entry] = s->star[s->mirror[entry]] = star;
    s->hub[star] = hub;
}

/* v has its colour: the edge to w joins a star around w, or one around v, or begins one. */
static void join_star(greedy *w, stars *s, int64_t v, int64_t entry) {
    int64_t near = w->r->column[entry];
    for (int64_t k = w->r->start[near]; k < w->r->start[near + 1]; k++) {
        int64_t x = w->r->column[k];
        if (!is_coloured(w, v, x) || x == near || w->colour[x] != w->colour[v]) continue;
        set_star(s, entry, s->star[k], near);
        return;
    }
    int64_t via = s->via[w->colour[near]];
    if (via != entry)
        set_star(s, entry, s->star[via], v);
    else
        set_star(s, entry, s->stars++, -1);
}

static void visit_vertex(greedy *w, int64_t v) {
    stars *s = w->more;
    if (s->apart[v] || length(w->r, v) == 0) return;
    for (int64_t k = w->r->start[v]; k < w->r->start[v + 1]; k++)
        if (is_coloured(w, v, w->r->column[k])) look_at(w, s, v, k);
    choose(w, v);
    for (int64_t k = w->r->start[v]; k < w->r->start[v + 1]; k++)
        if (is_coloured(w, v, w->r->column[k])) join_star(w, s, v, k);
}

/* A symmetric pattern is its own transpose, so walking the rows meets the entries of each column in order. */
static void find_mirrors(const ebb_rows *r, int64_t *mirror, int64_t *at) {
    memcpy(at, r->start, (size_t)r->rows * sizeof *at);
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = r->start[i]; k < r->start[i + 1]; k++)
            mirror[k] = at[r->column[k]]++;
}

/* Vertices that would make the search long: theirs is the square of their number of neighbours. */
static void set_apart(const ebb_rows *r, bool *apart) {
    enum { FEW = 32 };
    int64_t most = FEW;
    while (most * most < 4 * ebb_rows_count(r))
        most++;
    for (int64_t v = 0; v < r->rows; v++)
        apart[v] = length(r, v) > most;
}

static void colour_those_apart(greedy *w, const stars *s) {
    for (int64_t v = 0; v < w->r->rows; v++)
        if (s->apart[v]) w->colour[v] = w->colours++;
}

static bool make_stars(const ebb_allocator *a, const ebb_rows *r, stars *s) {
    size_t vertices = (size_t)r->rows + 1, entries = (size_t)ebb_rows_count(r) + 1;
    *s = (stars){.mirror = ebb_mem_new(a, entries, sizeof *s->mirror),
                 .star = ebb_mem_new(a, entries, sizeof *s->star),
                 .hub = ebb_mem_new(a, entries, sizeof *s->hub),
                 .first = ebb_mem_new(a, vertices, sizeof *s->first),
                 .via = ebb_mem_new(a, vertices, sizeof *s->via),
                 .treated = ebb_mem_new(a, vertices, sizeof *s->treated),
                 .apart = ebb_mem_new(a, vertices, sizeof *s->apart)};
    return s->mirror && s->star && s->hub && s->first && s->via && s->treated && s->apart;
}

static void free_stars(const ebb_allocator *a, stars *s) {
    void *all[] = {s->mirror, s->star, s->hub, s->first, s->via, s->treated, s->apart};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        ebb_mem_free(a, all[k]);
}

static void restart_stars(greedy *w) {
    stars *s = w->more;
    s->stars = 0;
    memset(s->first, 0, (size_t)w->r->rows * sizeof *s->first);
    memset(s->treated, 0, (size_t)w->r->rows * sizeof *s->treated);
}

bool ebb_colour_star(const ebb_allocator *a, const ebb_rows *r, int32_t *colour, int32_t *colours) {
    stars s;
    greedy w = {.a = a, .r = r, .colour = colour, .restart = restart_stars, .more = &s};
    w.forbidden = ebb_mem_new(a, (size_t)r->rows + 1, sizeof *w.forbidden);
    bool ok = make_stars(a, r, &s) && w.forbidden;
    if (ok) {
        find_mirrors(r, s.mirror, s.via);
        set_apart(r, s.apart);
        colour_all(&w, r->rows, NULL, visit_vertex);
        if (w.colours > longest(r, s.apart)) ok = try_other_order(&w, r, visit_vertex);
        colour_those_apart(&w, &s);
    }
    ebb_mem_free(a, w.forbidden);
    free_stars(a, &s);
    *colours = w.colours;
    return ok;
}

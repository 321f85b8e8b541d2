/* loop.c - see loop.h. Sizes beyond all memory stay what they are: so many bytes are refused when they are asked for.
 */
#include "jit/graph/loop.h"

enum { ALIGN = 64 };
#define MOST_BYTES ((int64_t)1 << 56)
#define DEFAULT_BUDGET ((int64_t)16 << 20)

static int64_t at_most(int64_t bytes) { return bytes < MOST_BYTES ? bytes : MOST_BYTES; }

static int64_t times(int64_t n, int64_t bytes) {
    int64_t product;
    return __builtin_mul_overflow(n, bytes, &product) ? MOST_BYTES : at_most(product);
}

/* The size of a set of n values; sets may follow each other. */
static int64_t set_bytes(int64_t n, const ebb_loop_value *value) {
    int64_t end = 0, unit = 8;
    for (int64_t k = 0; k < n; k++) {
        ebb_loop_place(&end, value[k].bytes);
        end = at_most(end);
        if (value[k].bytes > 8) unit = ALIGN;
    }
    return (end + unit - 1) / unit * unit;
}

/* ---- the description ---- */

/* All states are kept if they fit into the budget, else as many as do, but two at least. The last iteration's are there
 * when the way back begins. */
static int64_t slots_of(const ebb_loop_desc *d, int64_t budget) {
    const int64_t each = set_bytes(d->states, d->value) + (int64_t)sizeof(int64_t);
    const int64_t most = (budget ? budget : DEFAULT_BUDGET) / each, least = 2;
    if (d->states == 0) return 0;
    if (d->trips >= 0 && d->trips - 1 <= (most > least ? most : least)) return d->trips > 1 ? d->trips - 1 : 0;
    return most > least ? most : least;
}

static ebb_loop_value value_of(const ebb_graph *g, ebb_id id) {
    const ebb_type type = ebb_type_of(g, id);
    ebb_loop_value v = {.dtype = type.dtype};
    ebb_type_bytes(&type, &v.bytes);
    return v;
}

static void describe_values(const ebb_loop *l, ebb_loop_value *value) {
    int32_t floats = 0;
    for (int32_t k = 0; k < l->body->inputs; k++) {
        value[k] = value_of(l->body, l->body->input[k]);
        if (l->pullback && ebb_is_float((ebb_dtype)value[k].dtype))
            value[k].back = l->pullback->output[floats++] != EBB_ABSENT;
    }
    for (int32_t k = 0; k < l->stacked; k++)
        value[l->body->inputs + k] = value_of(l->body, l->body->output[l->states + k]);
}

ebb_loop_desc *ebb_loop_describe(const ebb_graph *g, ebb_id id, const int64_t room[3], int64_t *numbers,
                                 ebb_diag *diag) {
    const ebb_loop l = ebb_loop_of(g, id);
    const size_t values = (size_t)l.body->inputs + (size_t)l.stacked;
    const size_t bytes = sizeof(ebb_loop_desc) + values * sizeof(ebb_loop_value);
    if (!l.condition && l.trips < 0) {
        ebb_fail(diag, EBB_VALUE_ERROR, g->site[id], "%s: the number of iterations is a size that is not known",
                 ebb_op_table[ebb_op_of(g, id)].name);
        return NULL;
    }
    ebb_loop_desc *d = ebb_mem_new(g->allocator, bytes, 1);
    if (!d) return ebb_fail_memory(diag), NULL;
    d->states = l.states;
    d->captures = l.captures;
    d->sequences = l.sequences;
    d->stacked = l.stacked;
    d->trips = l.condition ? -1 : l.trips;
    d->reverse = l.reverse;
    d->unloops = l.pullback != NULL;
    for (int k = 0; k < 3; k++)
        d->room[k] = room[k];
    describe_values(&l, d->value);
    if (l.pullback) d->slots = slots_of(d, l.budget);
    *numbers = (int64_t)(bytes / sizeof(int64_t));
    return d;
}

/* With s = slots + 1 states, each iteration is repeated r times at most, where (s + r choose s) is the least one that
 * is not below n; then it takes r n - (s + r choose r - 1) steps (Griewank and Walther 2000). */
double ebb_loop_steps(double n, double slots) {
    const double s = slots + 1;
    double r = 1, reach = s + 1, before = 1; /* before: (s + r choose r - 1) */
    if (n <= 1) return 0;
    while (reach < n) {
        r++;
        before = before * (s + r) / (r - 1);
        reach = reach * (s + r) / r;
    }
    return r * n - before;
}

/* ---- places ---- */

static int64_t take(ebb_loop_places *p, int64_t bytes) {
    const int64_t at = p->total;
    p->total = at_most((at + at_most(bytes) + ALIGN - 1) / ALIGN * ALIGN);
    return at;
}

static void place_way_back(const ebb_loop_desc *d, ebb_loop_places *p) {
    const int64_t pointer = (int64_t)sizeof(void *), inputs = d->states + d->captures + d->sequences;
    const int64_t set = set_bytes(d->states, d->value), captures = set_bytes(d->captures, d->value + d->states);
    p->back_in = take(p, (inputs + d->states + d->stacked) * pointer);
    p->back_out = take(p, inputs * pointer);
    p->states[1] = take(p, set);
    p->cotangents[0] = take(p, set);
    p->cotangents[1] = take(p, set);
    p->term = take(p, captures);
    p->error = take(p, captures);
    p->slot_bytes = set;
    p->position = take(p, times(d->slots, (int64_t)sizeof(int64_t)));
    p->slot = take(p, times(d->slots, set));
}

ebb_loop_places ebb_loop_places_of(const ebb_loop_desc *d) {
    const int64_t pointer = (int64_t)sizeof(void *), inputs = d->states + d->captures + d->sequences;
    ebb_loop_places p = {0};
    p.body_in = take(&p, inputs * pointer);
    p.body_out = take(&p, (d->states + d->stacked) * pointer);
    p.flag = take(&p, 1);
    p.states[0] = take(&p, set_bytes(d->states, d->value));
    if (d->unloops) place_way_back(d, &p);
    for (int k = 0; k < 3; k++)
        p.room[k] = take(&p, d->room[k]);
    return p;
}

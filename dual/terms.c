/* terms.c - see terms.h. A product is under the guards of both its factors (guard.c); which terms go together is found
 * by looking, as there are one or two guards in all. Start reading at ebb_terms_sum. */
#include "dual/terms.h"

enum { FEW = 3 }; /* so many products are worth a node */

static void add(ebb_terms *w, const ebb_builder *b, ebb_term t) {
    const ebb_graph *g = b->graph;
    w->failed |= t.x == EBB_POISON || t.y == EBB_POISON || t.guard == EBB_POISON;
    if (!ebb_mem_reserve(g->allocator, &w->term, &w->capacity, (int64_t)w->count + 1, sizeof t)) {
        ebb_fail_memory(g->diag);
        w->failed = true;
    }
    if (!w->failed) w->term[w->count++] = t;
}

void ebb_terms_put(ebb_terms *w, ebb_builder *b, const ebb_primal *p, ebb_id x, bool moves_x, ebb_id y, bool moves_y) {
    ebb_term t = {.product = EBB_OP_mul, .x = x, .y = y};
    ebb_id c;
    if (x == EBB_ABSENT || y == EBB_ABSENT) return;
    if (ebb_product_of(p->op) == EBB_OP_dot) {
        t.product = EBB_OP_dot;
        t.attr = ebb_attr_of(b->graph, p->y);
        moves_x = moves_y = false; /* a guard does not go through a sum over an axis */
    }
    if (moves_x) ebb_split_guard(b, x, &t.guard, &t.x);
    if (moves_y && ebb_split_guard(b, y, &c, &t.y)) t.guard = t.guard ? ebb_both_guards(b, c, t.guard) : c;
    add(w, b, t);
}

bool ebb_terms_take(ebb_terms *w, ebb_builder *b, ebb_id product) {
    ebb_term t = {.guard = EBB_ABSENT};
    ebb_id u = product;
    if (product <= EBB_ABSENT) return false;
    ebb_split_guard(b, product, &t.guard, &u);
    t.product = ebb_op_of(b->graph, u);
    if (t.product != EBB_OP_mul && t.product != EBB_OP_dot) return false;
    t.attr = ebb_attr_of(b->graph, u);
    t.x = ebb_operands(b->graph, u)[0];
    t.y = ebb_operands(b->graph, u)[1];
    add(w, b, t);
    return !w->failed;
}

static bool go_together(const ebb_term *s, const ebb_term *t) {
    return s->product == t->product && s->guard == t->guard && s->attr.v == t->attr.v;
}

/* Moves the operands of all terms that go with the first one to operand[], and the others up; how many there were. */
static int gather(ebb_terms *w) {
    const ebb_term first = w->term[0];
    int n = 0, others = 0;
    for (int i = 0; i < w->count; i++) {
        const ebb_term t = w->term[i];
        if (!go_together(&first, &t)) {
            w->term[others++] = t;
            continue;
        }
        w->operand[2 * n] = t.x;
        w->operand[2 * n++ + 1] = t.y;
    }
    w->count = others;
    return n;
}

static ebb_id sum_of(ebb_builder *b, const ebb_term *t, int n, const ebb_id *operand) {
    const ebb_application app = {.op = t->product, .nattr = t->attr.n, .attr = t->attr.v, .site = b->site};
    ebb_id sum = n < FEW ? ebb_g_products_apart(b, &app, 2 * n, operand)
                         : ebb_g_sum_products(b, t->product, t->attr, n, operand);
    return t->guard ? ebb_guarded(b, t->guard, sum) : sum;
}

static bool has_room(ebb_terms *w, const ebb_graph *g) {
    return ebb_mem_reserve(g->allocator, &w->operand, &w->operands, 2 * (int64_t)w->count, sizeof *w->operand) ||
           ebb_fail_memory(g->diag);
}

ebb_id ebb_terms_sum(ebb_terms *w, ebb_builder *b) {
    ebb_id sum = EBB_ABSENT;
    if (w->failed || (w->count && !has_room(w, b->graph))) sum = EBB_POISON;
    while (w->count && sum != EBB_POISON) {
        const ebb_term first = w->term[0];
        int n = gather(w);
        sum = ebb_plus(b, sum, sum_of(b, &first, n, w->operand));
    }
    w->count = 0;
    return sum;
}

void ebb_terms_free(const ebb_graph *g, ebb_terms *w) {
    ebb_mem_free(g->allocator, w->operand);
    ebb_mem_free(g->allocator, w->term);
}

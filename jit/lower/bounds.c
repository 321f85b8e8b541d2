/* bounds.c - where on the vector axis the bounds of pads hold, so that they are tested at the edges only.
 *
 * A bound is a comparison of an index that moves with the vector axis alone, rising, with a number: index >= number, or
 * index < number. */
#include "jit/lower/nest.h"

static const ebb_inst *operand(const ebb_nest *t, int32_t i, int j) { return &t->k->inst[t->k->inst[i].operand[j]]; }

bool ebb_is_bound(const ebb_nest *t, int32_t i) {
    const ebb_inst *inst = &t->k->inst[i];
    if (inst->kind != EBB_APPLY || (inst->op != EBB_OP_ge && inst->op != EBB_OP_lt) || t->vector < 0) return false;
    const ebb_inst *index = operand(t, i, 0), *number = operand(t, i, 1);
    if (index->kind != EBB_IOTA || index->dtype != EBB_I64 || number->kind != EBB_CONST) return false;
    for (int a = 0; a < t->k->axes; a++)
        if (a == t->vector ? index->stride[a] < 1 : index->stride[a] && t->k->extent[a] != 1) return false;
    return true;
}

/* The first index on the vector axis from which on the value is at least the bound's number. */
static int64_t crossing(const ebb_nest *t, int32_t i) {
    const ebb_inst *index = operand(t, i, 0);
    int64_t step = index->stride[t->vector], way = (int64_t)operand(t, i, 1)->bits - index->offset;
    return way <= 0 ? 0 : (way + step - 1) / step;
}

void ebb_nest_inside(const ebb_nest *t, int64_t *from, int64_t *to) {
    *from = 0;
    *to = t->k->extent[t->vector];
    for (int32_t i = 0; i < t->k->count; i++) {
        if (!ebb_is_bound(t, i)) continue;
        int64_t at = crossing(t, i);
        if (t->k->inst[i].op == EBB_OP_ge && at > *from) *from = at;
        if (t->k->inst[i].op == EBB_OP_lt && at < *to) *to = at;
    }
}

/* arena.c - where scratch lives: buffers that are never alive together may share memory.
 *
 * Buffers of at most eight bytes (the numbers that cross between straight-line kernels, of which there may be many)
 * live in slots behind the others; the free ones are a stack. The others are placed at the first gap that holds them;
 * gaps are kept sorted and are never adjacent. Invariant: a buffer's memory is taken before the first step that touches
 * it and given back after the last. */
#include "jit/plan/planner.h"

#include <string.h>

enum { ALIGN = 64, SLOT = 8 };
#define MOST_BYTES ((int64_t)1 << 56) /* more than any machine has; far from overflow */

typedef struct ebb_gap {
    int64_t offset, bytes;
} ebb_gap;

typedef struct ebb_arena {
    ebb_planner *p;
    ebb_gap *gap;
    int32_t gaps, gap_room;
    int64_t top; /* end of the large buffers */
    int64_t *slot;
    int32_t free_slots, slot_room; /* free slots, as offsets behind the large buffers */
    int64_t slot_top;
    int32_t *last; /* [buffers]: last step that touches it; -1 */
    bool *placed;  /* [buffers] */
} ebb_arena;

static int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

/* ---- slots ---- */

static int64_t take_slot(ebb_arena *a) {
    if (a->free_slots) return a->slot[--a->free_slots];
    a->slot_top += SLOT;
    return a->slot_top - SLOT;
}

static bool give_slot(ebb_arena *a, int64_t offset) {
    if (!ebb_mem_reserve(a->p->allocator, &a->slot, &a->slot_room, (int64_t)a->free_slots + 1, sizeof *a->slot))
        return ebb_fail_memory(a->p->diag);
    a->slot[a->free_slots++] = offset;
    return true;
}

/* ---- gaps ---- */

static void remove_gap(ebb_arena *a, int32_t i) {
    a->gaps--;
    memmove(&a->gap[i], &a->gap[i + 1], (size_t)(a->gaps - i) * sizeof *a->gap);
}

static int64_t take_gap(ebb_arena *a, int64_t bytes) {
    for (int32_t i = 0; i < a->gaps; i++) {
        ebb_gap *g = &a->gap[i];
        if (g->bytes < bytes) continue;
        int64_t offset = g->offset;
        *g = (ebb_gap){g->offset + bytes, g->bytes - bytes};
        if (g->bytes == 0) remove_gap(a, i);
        return offset;
    }
    int64_t offset = a->top;
    if (a->top < MOST_BYTES) a->top += bytes;
    return offset;
}

static int32_t first_gap_after(const ebb_arena *a, int64_t offset) {
    int32_t low = 0, high = a->gaps;
    while (low < high) {
        int32_t mid = low + (high - low) / 2;
        if (a->gap[mid].offset < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool give_gap(ebb_arena *a, ebb_gap g) {
    int32_t i = first_gap_after(a, g.offset);
    if (i < a->gaps && g.offset + g.bytes == a->gap[i].offset) {
        g.bytes += a->gap[i].bytes;
        remove_gap(a, i);
    }
    if (i > 0 && a->gap[i - 1].offset + a->gap[i - 1].bytes == g.offset) {
        a->gap[i - 1].bytes += g.bytes;
        return true;
    }
    if (!ebb_mem_reserve(a->p->allocator, &a->gap, &a->gap_room, (int64_t)a->gaps + 1, sizeof g))
        return ebb_fail_memory(a->p->diag);
    memmove(&a->gap[i + 1], &a->gap[i], (size_t)(a->gaps - i) * sizeof g);
    a->gap[i] = g;
    a->gaps++;
    return true;
}

/* ---- buffers ---- */

static void take(ebb_arena *a, int32_t buffer) {
    ebb_buffer *b = &a->p->plan->buffer[buffer];
    if (b->place != EBB_IN_ARENA || a->placed[buffer]) return;
    a->placed[buffer] = true;
    b->offset = b->bytes <= SLOT ? take_slot(a) : take_gap(a, round_up(b->bytes, ALIGN));
}

static bool give(ebb_arena *a, int32_t buffer, int32_t step) {
    const ebb_buffer *b = &a->p->plan->buffer[buffer];
    if (b->place != EBB_IN_ARENA || a->last[buffer] != step || a->p->options->no_reuse) return true;
    a->last[buffer] = -1;
    if (b->bytes <= SLOT) return give_slot(a, b->offset);
    return give_gap(a, (ebb_gap){b->offset, round_up(b->bytes, ALIGN)});
}

static int32_t touched_nested(const ebb_nested *n, int32_t i) {
    const int32_t all = n->operands + n->results; /* in[] and out[] follow each other */
    const int32_t buffer = i < all ? n->in[i] : n->work;
    return i > all ? -1 : buffer >= 0 ? buffer : -2;
}

/* The i-th buffer that a step touches; -1 past the end, -2: none at this i. */
static int32_t touched(const ebb_step *s, int32_t i) {
    if (s->kind == EBB_STEP_REGION) return touched_nested(s->nested, i);
    if (s->kind == EBB_STEP_KERNEL) {
        if (i >= s->kernel.count) return -1;
        return s->kernel.inst[i].buffer >= 0 ? s->kernel.inst[i].buffer : -2;
    }
    if (i < s->nin) return s->in[i];
    return i == s->nin ? s->out : i == s->nin + 1 ? s->scratch : -1;
}

static bool run_steps(ebb_arena *a) {
    const ebb_plan *plan = a->p->plan;
    for (int32_t t = 0; t < plan->steps; t++)
        for (int32_t i = 0, b; (b = touched(&plan->step[t], i)) != -1; i++)
            if (b >= 0) a->last[b] = t;
    for (int32_t t = 0; t < plan->steps; t++) {
        for (int32_t i = 0, b; (b = touched(&plan->step[t], i)) != -1; i++)
            if (b >= 0) take(a, b);
        for (int32_t i = 0, b; (b = touched(&plan->step[t], i)) != -1; i++)
            if (b >= 0 && !give(a, b, t)) return false;
    }
    return true;
}

static bool finish(ebb_arena *a) {
    ebb_plan *plan = a->p->plan;
    if (a->top >= MOST_BYTES)
        return ebb_fail(a->p->diag, EBB_VALUE_ERROR, (ebb_site){0},
                        "%s needs more scratch memory than can be addressed", a->p->graph->name);
    for (int32_t b = 0; b < plan->buffers; b++)
        if (plan->buffer[b].place == EBB_IN_ARENA && plan->buffer[b].bytes <= SLOT) plan->buffer[b].offset += a->top;
    plan->arena_bytes = round_up(a->top + a->slot_top, ALIGN);
    return true;
}

bool ebb_place_arena(ebb_planner *p) {
    size_t n = (size_t)p->plan->buffers;
    ebb_arena a = {.p = p,
                   .last = ebb_mem_new(p->allocator, n, sizeof *a.last),
                   .placed = ebb_mem_new(p->allocator, n, sizeof *a.placed)};
    bool ok = a.last && a.placed ? run_steps(&a) && finish(&a) : ebb_fail_memory(p->diag);
    ebb_mem_free(p->allocator, a.last);
    ebb_mem_free(p->allocator, a.placed);
    ebb_mem_free(p->allocator, a.gap);
    ebb_mem_free(p->allocator, a.slot);
    return ok;
}

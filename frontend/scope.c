/* scope.c - who holds temporaries: a stack of references, cut into scopes by marks.
 *
 * Invariant: scope d > 0 owns temporaries [mark[d-1], mark[d]), the innermost one up to the end, the root (0) what lies
 * below mark[0]; order within a scope does not matter. A tensor may be in the list more than once. */
#include "frontend/values.h"

int ebb_scope_open(ebb_context *ebb) {
    if (!ebb) {
        ebb_fail_at(NULL, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_scope_open: the context is NULL");
        return 0;
    }
    ebb_enter(ebb);
    if (!ebb_mem_reserve(&ebb->allocator, &ebb->mark, &ebb->mark_capacity, ebb->depth + 1, sizeof *ebb->mark)) {
        ebb_fail_at(ebb, EBB_NO_MEMORY, (ebb_site){0}, "ebb_scope_open: out of memory");
        return 0;
    }
    ebb->mark[ebb->depth] = ebb->temporaries.count;
    return ++ebb->depth;
}

static void release_from(ebb_context *ebb, int32_t first) {
    while (ebb->temporaries.count > first)
        ebb_handle_release(ebb->temporaries.item[--ebb->temporaries.count]);
}

void ebb_scope_close(ebb_context *ebb, int depth) {
    if (!ebb || depth < 1 || depth > ebb->depth) return;
    ebb_enter(ebb);
    ebb_tapes_close(ebb, depth);
    release_from(ebb, ebb->mark[depth - 1]);
    ebb->depth = depth - 1;
}

void ebb_scopes_free(ebb_context *ebb) {
    ebb_tapes_close(ebb, 0);
    ebb_tapes_forget(ebb, 0);
    release_from(ebb, 0);
    ebb_mem_free(&ebb->allocator, ebb->temporaries.item);
    ebb_mem_free(&ebb->allocator, ebb->mark);
    ebb->temporaries = (ebb_tensor_list){0};
    ebb->mark = NULL;
    ebb->depth = ebb->mark_capacity = 0;
}

ebb_tensor *ebb_scope_hold(ebb_context *ebb, ebb_tensor *x) {
    ebb_tensor_list *t = &ebb->temporaries;
    if (!x || !ebb_mem_reserve(&ebb->allocator, &t->item, &t->capacity, t->count + (int64_t)1, sizeof *t->item)) {
        ebb_handle_release(x);
        return ebb_fail_at(ebb, EBB_NO_MEMORY, (ebb_site){0}, "out of memory");
    }
    x->depth = ebb->depth;
    return t->item[t->count++] = x;
}

/* Where x was held last, not below `from`; -1 if it is not there. */
static int32_t find_held(const ebb_context *ebb, const ebb_tensor *x, int32_t from) {
    int32_t i = ebb->temporaries.count - 1;
    while (i >= from && ebb->temporaries.item[i] != x)
        i--;
    return i >= from ? i : -1;
}

/* Swapped to the front of its scope, the outer one's end moves over it. */
ebb_tensor *ebb_keep(ebb_tensor *x) {
    ebb_context *ebb = ebb_context_of(1, &x);
    if (x && (x->kind == EBB_KIND_VARIABLE || x->kind == EBB_KIND_ABSENT)) return x;
    if (!ebb_operands_usable(ebb, "ebb_keep", 1, &x, (ebb_site){0})) return ebb_poison_of(ebb);
    if (!ebb->depth) return x;
    ebb_tensor **item = ebb->temporaries.item;
    int32_t *front = &ebb->mark[ebb->depth - 1], i = find_held(ebb, x, *front);
    if (i < 0) return x;
    item[i] = item[*front];
    item[(*front)++] = x;
    x->depth = ebb->depth - 1;
    return x;
}

/* The hole is filled with the last of its scope, that one's with the last of the next scope, and so on. */
static void forget_held(ebb_context *ebb, int32_t hole) {
    ebb_tensor **item = ebb->temporaries.item;
    for (int d = 0; d < ebb->depth; d++)
        if (hole < ebb->mark[d]) {
            int32_t last = --ebb->mark[d];
            item[hole] = item[last];
            hole = last;
        }
    item[hole] = item[--ebb->temporaries.count];
}

/* False if the user gave it up before, and only functions or tapes still hold it. */
static bool forget_variable(ebb_context *ebb, ebb_tensor *v) {
    if (!v->previous && ebb->variables != v) return false;
    *(v->previous ? &v->previous->next : &ebb->variables) = v->next;
    if (v->next) v->next->previous = v->previous;
    v->next = v->previous = NULL;
    return true;
}

static bool forget_temporary(ebb_context *ebb, ebb_tensor *x) {
    int32_t i = find_held(ebb, x, 0);
    if (i >= 0) forget_held(ebb, i);
    return i >= 0;
}

void ebb_release(ebb_tensor *x) {
    if (!x || x->kind == EBB_KIND_ABSENT || x->kind == EBB_KIND_POISON) return;
    ebb_context *ebb = x->context;
    if (!ebb_operands_usable(ebb, "ebb_release", 1, &x, (ebb_site){0})) return;
    if (x->kind == EBB_KIND_VARIABLE ? forget_variable(ebb, x) : forget_temporary(ebb, x)) ebb_handle_release(x);
}

/* table.c - the names under which running code finds the runtime, and where it leaves word of a fault. */
#include "jit/runtime/runtime.h"
#include "jit/graph/special.h"
#include "jit/runtime/loop.h"

#include <inttypes.h>
#include <stdio.h>

#define SYMBOL(name) {#name, (void *)(uintptr_t)name}

const ebb_rt_symbol ebb_rt_table[] = {
#define RUN_SOURCE(name)
#define RUN_POINT(name)
#define RUN_VIEW(name)
#define RUN_REDUCE(name)
#define RUN_NESTED(name)
#define RUN_NOWHERE(name)
#define RUN_WHOLE(name) SYMBOL(ebb_rt_##name),
#define OP(name, family, access, arity, rule) RUN_##access(name)
#include "jit/graph/ops.def"
#undef OP
#undef RUN_WHOLE
    /* clang-format off */
    SYMBOL(ebb_rt_push_f32),
    SYMBOL(ebb_rt_push_f64),
    SYMBOL(ebb_rt_pop_f32),
    SYMBOL(ebb_rt_pop_f64),
    SYMBOL(ebb_rt_philox),
    SYMBOL(ebb_rt_to_i32),
    SYMBOL(ebb_rt_to_i64),
    SYMBOL(ebb_rt_fault),
    SYMBOL(ebb_rt_fault_at),
    SYMBOL(ebb_rt_loop),
    SYMBOL(ebb_rt_unloop),
    SYMBOL(ebb_erfinv),
    SYMBOL(ebb_erfinvf),
    SYMBOL(ebb_lgamma),
    SYMBOL(ebb_lgammaf),
    SYMBOL(ebb_polygamma),
    SYMBOL(ebb_polygammaf),
    SYMBOL(ebb_sinc_slope),
    SYMBOL(ebb_sinc_slopef),
    /* clang-format on */
    {NULL, NULL},
};

ebb_rt_routine *ebb_rt_routine_of(ebb_op op) {
    static ebb_rt_routine *const routine[EBB_OP_COUNT] = {
#define RUN_WHOLE(name) [EBB_OP_##name] = ebb_rt_##name,
#define OP(name, family, access, arity, rule) RUN_##access(name)
#include "jit/graph/ops.def"
#undef OP
    };
    return (unsigned)op < EBB_OP_COUNT ? routine[op] : NULL;
}

/* ---- faults ---- */

ebb_rt_fault_info *ebb_rt_fault(void) {
    static _Thread_local ebb_rt_fault_info fault;
    return &fault;
}

void ebb_rt_fault_at(int32_t node) { ebb_rt_fault()->node = node; }

const char *ebb_rt_fault_text(ebb_op macro, char text[EBB_RT_FAULT_TEXT]) {
    const ebb_rt_fault_info *f = ebb_rt_fault();
    const char *name = ebb_op_table[macro ? macro : f->op].name;
    switch (f->reason) {
    case EBB_RT_OUTSIDE:
        snprintf(text, EBB_RT_FAULT_TEXT, "%s: index %" PRId64 " at position %" PRId64 " is outside [0, %" PRId64 ")",
                 name, f->index, f->position, f->size);
        break;
    case EBB_RT_SINGULAR:
        snprintf(text, EBB_RT_FAULT_TEXT,
                 "%s: matrix %" PRId64 ", of %" PRId64 " rows, is singular: pivot %" PRId64 " is 0", name, f->position,
                 f->size, f->index);
        break;
    case EBB_RT_NOT_POSITIVE:
        snprintf(text, EBB_RT_FAULT_TEXT,
                 "%s: matrix %" PRId64 ", of %" PRId64 " rows, is not positive definite: pivot %" PRId64
                 " is not positive",
                 name, f->position, f->size, f->index);
        break;
    case EBB_RT_NOT_FINITE:
        snprintf(text, EBB_RT_FAULT_TEXT,
                 "%s: matrix %" PRId64 ", of %" PRId64 " rows: element %" PRId64 " is not finite", name, f->position,
                 f->size, f->index);
        break;
    case EBB_RT_NO_END:
        snprintf(text, EBB_RT_FAULT_TEXT,
                 "%s: matrix %" PRId64 ", of %" PRId64 " rows: the iteration does not converge", name, f->position,
                 f->size);
        break;
    }
    return text;
}

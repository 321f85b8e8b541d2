/* problem.c - from the options of eval, grad, hessian and bench to a function and its arguments. */
#include "frontend/command/command.h"

#include <stdlib.h>

bool problem_open(problem *p, ebb_context *ebb, const options *o) {
    size_t room = (size_t)o->variables + 1;
    *p = (problem){.count = o->variables};
    p->all = calloc(room, sizeof *p->all);
    p->arguments = calloc(2 * room, sizeof *p->arguments);
    if (!p->all || !p->arguments) return false;
    for (int i = 0; i < o->variables; i++) {
        ebb_tensor *x = ebb_literal(ebb, o->value[i], o->dtype);
        p->all[i] = i;
        p->arguments[i] = ebb_operand_tensor(x);
        if (!ebb_is_poison(x)) p->size += ebb_size(x);
    }
    p->function = ebb_expression_at(ebb, o->expression, o->variables, (const char *const *)o->name, NULL, 0);
    return ebb_ok(ebb);
}

void problem_close(problem *p) {
    free(p->all);
    free(p->arguments);
}

ebb_wrt problem_wrt(const problem *p) { return (ebb_wrt){.index = p->all, .count = p->count}; }

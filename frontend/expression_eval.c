/* expression_eval.c - formula to operations, and the public door: a function whose body runs a formula.
 *
 * Invariant: the formula and its function live and die together. Start reading at ebb_expression. */
#include "frontend/expression.h"

#include <math.h>
#include <string.h>

#include "frontend/trace.h"
#include "jit/graph/plain_floats.h"

/* Errors of operations name the column as if it were a line. */
static const char where[] = "expression";

typedef struct run {
    ebb_context *context;
    ebb_dtype home;     /* of numbers that meet no tensor */
    ebb_operand *value; /* of each node */
} run;

/* ---- numbers ---- */

/* A whole number is given as an integer, so that it can meet integer tensors too; -0 is not whole. */
static ebb_operand operand_of_number(double v) {
    bool whole = trunc(v) == v && fabs(v) <= 0x1p53 && !(v == 0 && signbit(v));
    return whole ? ebb_operand_long((int64_t)v) : ebb_operand_double(v);
}

static ebb_tensor *as_tensor(const run *r, ebb_operand x) {
    return x.tensor ? x.tensor : ebb_scalar_at(r->context, r->home, x);
}

/* x, made a tensor if y is a number as well. */
static ebb_operand beside(const run *r, ebb_operand x, ebb_operand y) {
    return x.tensor || y.tensor ? x : ebb_operand_tensor(as_tensor(r, x));
}

/* The dtype of the first floating variable. */
static ebb_dtype home_dtype(int count, ebb_tensor *const *variables) {
    for (int i = 0; i < count; i++)
        if (ebb_is_float(ebb_dtype_of(variables[i]))) return ebb_dtype_of(variables[i]);
    return EBB_F64;
}

/* ---- nodes ---- */

static ebb_tensor *apply(const run *r, const ebb_formula_node *n) {
    ebb_operand x = r->value[n->arg[0]], y = r->value[n->arg[1]], z = r->value[n->arg[2]];
    if (n->op->arity == 1) return n->op->unary(as_tensor(r, x), where, n->column);
    if (n->op->arity == 2) return n->op->binary(beside(r, x, y), y, where, n->column);
    if (n->op->ternary) return n->op->ternary(as_tensor(r, x), y, z, where, n->column);
    return ebb_select_at(as_tensor(r, x), beside(r, y, z), z, where, n->column);
}

static ebb_operand node_value(const run *r, const ebb_formula_node *n, ebb_tensor *const *variables) {
    switch (n->kind) {
    case EBB_FORMULA_NUMBER:
        return operand_of_number(n->number);
    case EBB_FORMULA_VARIABLE:
        return ebb_operand_tensor(variables[n->variable]);
    case EBB_FORMULA_OP:
        break;
    }
    return ebb_operand_tensor(apply(r, n));
}

ebb_tensor *ebb_formula_run(ebb_context *ebb, const ebb_formula *formula, ebb_tensor *const *variables) {
    EBB_PLAIN_FLOATS;
    run r = {ebb, home_dtype(formula->variables, variables), NULL};
    r.value = ebb_mem_new(&ebb->allocator, (size_t)formula->count, sizeof *r.value);
    if (!r.value) return ebb_fail_at(ebb, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "%s: no memory", where);
    for (int32_t i = 0; i < formula->count; i++)
        r.value[i] = node_value(&r, &formula->node[i], variables);
    ebb_tensor *result = as_tensor(&r, r.value[formula->count - 1]);
    ebb_mem_free(&ebb->allocator, r.value);
    return result;
}

/* ---- the public door ---- */

static void formula_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    out[0] = ebb_formula_run(ebb, data, in);
}

ebb_function *ebb_expression_at(ebb_context *ebb, const char *text, int count, const char *const *names,
                                const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!ebb) {
        ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "ebb_expression: the context is NULL");
        return NULL;
    }
    ebb_enter(ebb);
    if (!text || count < 0 || (count > 0 && !names)) {
        ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_expression: text or names are missing");
        return NULL;
    }
    ebb_formula *formula = ebb_formula_parse(ebb, text, count, names, site);
    if (!formula) return NULL;
    ebb_function *f = ebb_function_new(ebb, formula_body, &(ebb_function_options){.name = where, .data = formula});
    if (!f) {
        ebb_mem_free(&ebb->allocator, formula);
        return NULL;
    }
    f->owned = formula;
    f->arguments = count;
    return f;
}

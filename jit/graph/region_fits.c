/* region_fits.c - what a region may look like: its callees, its numbers and its operands must fit each other.
 *
 * Start reading at ebb_region_fits. */
#include "jit/graph/region.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct fitting {
    const ebb_graph *g;
    const ebb_region *r;
    int narg;
    const ebb_id *arg;
    ebb_site site;
    ebb_diag *diag;
} fitting;

static bool no(const fitting *f, ebb_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool no(const fitting *f, ebb_code code, const char *format, ...) {
    char text[sizeof f->diag->message];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return ebb_fail(f->diag, code, f->site, "%s: %s", ebb_op_table[f->r->op].name, text);
}

/* ---- words ---- */

static bool takes(const fitting *f, const ebb_graph *callee, int64_t n) {
    return callee->inputs == n ||
           no(f, EBB_VALUE_ERROR, "%s takes %d arguments, got %lld", callee->name, callee->inputs, (long long)n);
}

/* Parameter `to` of the callee gets `what` number k, of this type. */
static bool suits(const fitting *f, const ebb_graph *callee, int64_t to, const char *what, int64_t k,
                  const ebb_type *have) {
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    const ebb_type want = ebb_type_of(callee, callee->input[to]);
    return ebb_type_equal(&want, have) || no(f, EBB_TYPE_ERROR, "%s %lld is %s; %s needs %s", what, (long long)k,
                                             ebb_type_text(have, a), callee->name, ebb_type_text(&want, b));
}

/* The operand with that number, as `what` number k. */
static bool operand_suits(const fitting *f, const ebb_graph *callee, int64_t to, int64_t operand, const char *what,
                          int64_t k) {
    const ebb_type have = ebb_type_of(f->g, f->arg[operand]);
    return suits(f, callee, to, what, k, &have);
}

static bool is_bool_scalar(const ebb_type *t) { return t->dtype == EBB_BOOL && t->shape.rank == 0; }

static bool has_float(const ebb_graph *g, ebb_id id) { return ebb_is_float(ebb_dtype_at(g, id)); }

/* The type of a row, stacked `trips` times. */
static bool stacks(const fitting *f, const char *what, int64_t k, const ebb_type *row, ebb_type *all) {
    char text[EBB_TYPE_TEXT];
    *all = *row;
    if (!ebb_shape_insert(&row->shape, 0, f->r->number[2], &all->shape))
        return no(f, EBB_VALUE_ERROR, "%s %lld has %d axes, which leaves none for the iterations", what, (long long)k,
                  EBB_MAX_RANK);
    return ebb_type_fits(all) ||
           no(f, EBB_VALUE_ERROR, "%s %lld is %s, too large", what, (long long)k, ebb_type_text(all, text));
}

/* ---- call, cond ---- */

static bool call_fits(const fitting *f) {
    if (!takes(f, f->r->callee[0], f->narg)) return false;
    for (int k = 0; k < f->narg; k++)
        if (!operand_suits(f, f->r->callee[0], k, k, "argument", k)) return false;
    return true;
}

/* Both branches give the same: absent is the same as absent only. */
static bool branches_agree(const fitting *f) {
    const ebb_graph *then = f->r->callee[0], *otherwise = f->r->callee[1];
    if (then->outputs != otherwise->outputs)
        return no(f, EBB_VALUE_ERROR, "%s gives %d results, %s %d", then->name, then->outputs, otherwise->name,
                  otherwise->outputs);
    for (int32_t k = 0; k < then->outputs; k++) {
        const ebb_type x = ebb_type_of(then, then->output[k]), y = ebb_type_of(otherwise, otherwise->output[k]);
        char a[EBB_TYPE_TEXT] = "absent", b[EBB_TYPE_TEXT] = "absent";
        if (ebb_type_equal(&x, &y)) continue;
        if (x.dtype) ebb_type_text(&x, a);
        if (y.dtype) ebb_type_text(&y, b);
        return no(f, EBB_TYPE_ERROR, "result %d is %s in %s, %s in %s", k, a, then->name, b, otherwise->name);
    }
    return true;
}

static bool cond_fits(const fitting *f) {
    char text[EBB_TYPE_TEXT];
    if (f->narg < 1) return no(f, EBB_VALUE_ERROR, "it has no predicate");
    const ebb_type p = ebb_type_of(f->g, f->arg[0]);
    if (!is_bool_scalar(&p))
        return no(f, EBB_TYPE_ERROR, "the predicate is %s; it must be bool[]", ebb_type_text(&p, text));
    for (int b = 0; b < 2; b++) {
        if (!takes(f, f->r->callee[b], f->narg - 1)) return false;
        for (int k = 1; k < f->narg; k++)
            if (!operand_suits(f, f->r->callee[b], k - 1, k, "argument", k - 1)) return false;
    }
    return branches_agree(f);
}

/* ---- custom ---- */

/* "the tangent of argument 0": what a rule takes or gives for a float argument or result. */
static bool rule_suits(const fitting *f, int32_t at, bool given, const char *what, int32_t k, const ebb_type *want) {
    const ebb_graph *rule = f->r->callee[1];
    const ebb_id id = given ? rule->output[at] : rule->input[at];
    const ebb_type is = ebb_type_of(rule, id);
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    if ((given && id == EBB_ABSENT) || ebb_type_equal(&is, want)) return true;
    return no(f, EBB_TYPE_ERROR, "the rule %s of %s %s %s for %s %d, which is %s", rule->name, f->r->callee[0]->name,
              given ? "gives" : "takes", ebb_type_text(&is, a), what, k, ebb_type_text(want, b));
}

/* One for each float one of the primal's parameters or results, from *at on. */
static bool rule_has(const fitting *f, bool results, bool given, int32_t *at) {
    const ebb_graph *primal = f->r->callee[0];
    const int32_t n = results ? primal->outputs : primal->inputs;
    for (int32_t k = 0; k < n; k++) {
        const ebb_type type = ebb_type_of(primal, results ? primal->output[k] : primal->input[k]);
        const char *what = results ? "the derivative of result" : "the derivative of argument";
        if (ebb_is_float(type.dtype) && !rule_suits(f, (*at)++, given, what, k, &type)) return false;
    }
    return true;
}

static int32_t count_floats(const ebb_graph *g, const ebb_id *id, int32_t n) {
    int32_t floats = 0;
    for (int32_t k = 0; k < n; k++)
        floats += has_float(g, id[k]);
    return floats;
}

/* First the numbers, so that nobody looks for what is not there. */
static bool rule_counts(const fitting *f, int32_t x, int32_t y) {
    const ebb_graph *primal = f->r->callee[0], *rule = f->r->callee[1];
    const bool reverse = f->r->number[0] != 0;
    const int32_t takes = primal->inputs + primal->outputs + (reverse ? y : x), gives = reverse ? x : y;
    if (rule->inputs != takes)
        return no(f, EBB_VALUE_ERROR,
                  "the rule %s of %s takes %d arguments; it must take %d: %d arguments, %d results, %d %s", rule->name,
                  primal->name, rule->inputs, takes, primal->inputs, primal->outputs, reverse ? y : x,
                  reverse ? "cotangents" : "tangents");
    return rule->outputs == gives ||
           no(f, EBB_VALUE_ERROR, "the rule %s of %s gives %d results; it must give %d %s", rule->name, primal->name,
              rule->outputs, gives, reverse ? "cotangents" : "tangents");
}

static bool custom_fits(const fitting *f) {
    const ebb_graph *primal = f->r->callee[0];
    const bool reverse = f->r->number[0] != 0;
    int32_t in = 0, out = 0;
    if (f->r->number[0] != 0 && f->r->number[0] != 1) return no(f, EBB_VALUE_ERROR, "reverse is neither 0 nor 1");
    for (int32_t k = 0; k < primal->outputs; k++)
        if (primal->output[k] == EBB_ABSENT)
            return no(f, EBB_VALUE_ERROR, "result %d of %s is absent", k, primal->name);
    if (!call_fits(f) || !rule_counts(f, count_floats(primal, primal->input, primal->inputs),
                                      count_floats(primal, primal->output, primal->outputs)))
        return false;
    for (int32_t k = 0; k < primal->inputs; k++, in++) {
        const ebb_type type = ebb_type_of(primal, primal->input[k]);
        if (!rule_suits(f, in, false, "argument", k, &type)) return false;
    }
    for (int32_t k = 0; k < primal->outputs; k++, in++) {
        const ebb_type type = ebb_type_of(primal, primal->output[k]);
        if (!rule_suits(f, in, false, "result", k, &type)) return false;
    }
    return rule_has(f, reverse, false, &in) && rule_has(f, !reverse, true, &out);
}

/* ---- loop ---- */

static bool numbers_fit(const fitting *f) {
    const int64_t states = f->r->number[0], captures = f->r->number[1], trips = f->r->number[2];
    const bool whiles = f->r->callee[1];
    if (states < 0 || captures < 0 || states > INT_MAX || captures > INT_MAX)
        return no(f, EBB_VALUE_ERROR, "%lld states and %lld captures", (long long)states, (long long)captures);
    if (f->r->number[3] != 0 && f->r->number[3] != 1) return no(f, EBB_VALUE_ERROR, "reverse is neither 0 nor 1");
    if (f->r->number[4] < 0)
        return no(f, EBB_VALUE_ERROR, "a budget of %lld bytes is negative", (long long)f->r->number[4]);
    if (whiles && trips != -1)
        return no(f, EBB_VALUE_ERROR, "it has a condition and %lld iterations; it is one or the other",
                  (long long)trips);
    return whiles || trips >= EBB_SYMBOL(INT32_MAX) || no(f, EBB_VALUE_ERROR, "%lld iterations", (long long)trips);
}

/* Whether the body has room for them all, and nothing beside them if there is a condition. */
static bool counts_fit(const fitting *f) {
    const ebb_graph *body = f->r->callee[0];
    const int64_t states = f->r->number[0], given = states + f->r->number[1];
    if (given > body->inputs)
        return no(f, EBB_VALUE_ERROR, "%s takes %d arguments, fewer than %lld states and %lld captures", body->name,
                  body->inputs, (long long)states, (long long)f->r->number[1]);
    if (body->outputs < states)
        return no(f, EBB_VALUE_ERROR, "%s gives %d results for %lld states", body->name, body->outputs,
                  (long long)states);
    if (!f->r->callee[1]) return true;
    if (body->inputs > given) return no(f, EBB_VALUE_ERROR, "with a condition it has no sequences");
    return body->outputs == states || no(f, EBB_VALUE_ERROR, "with a condition it has no stacked results");
}

/* Operands: states, captures, sequences. */
static bool body_takes(const fitting *f, int64_t operands) {
    const ebb_graph *body = f->r->callee[0];
    const int64_t states = f->r->number[0], given = states + f->r->number[1];
    if (!takes(f, body, operands)) return false;
    for (int64_t k = 0; k < operands; k++) {
        const char *what = k < states ? "state" : k < given ? "capture" : "sequence";
        const int64_t number = k < states ? k : k < given ? k - states : k - given;
        const ebb_type slice = ebb_type_of(body, body->input[k]), have = ebb_type_of(f->g, f->arg[k]);
        ebb_type want = slice;
        char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
        if (k >= given && !stacks(f, what, number, &slice, &want)) return false;
        if (!ebb_type_equal(&want, &have))
            return no(f, EBB_TYPE_ERROR, "%s %lld is %s; %s needs %s", what, (long long)number, ebb_type_text(&have, a),
                      body->name, ebb_type_text(&want, b));
    }
    return true;
}

static bool body_gives(const fitting *f) {
    const ebb_graph *body = f->r->callee[0];
    const int64_t states = f->r->number[0];
    for (int32_t k = 0; k < body->outputs; k++) {
        const ebb_type is = ebb_type_of(body, body->output[k]);
        ebb_type want, all;
        char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
        if (body->output[k] == EBB_ABSENT) return no(f, EBB_VALUE_ERROR, "result %d of %s is absent", k, body->name);
        if (k >= states && !stacks(f, "stacked result", k - states, &is, &all)) return false;
        if (k >= states) continue;
        want = ebb_type_of(body, body->input[k]);
        if (!ebb_type_equal(&is, &want))
            return no(f, EBB_TYPE_ERROR, "state %d is %s, but %s makes it %s", k, ebb_type_text(&want, a), body->name,
                      ebb_type_text(&is, b));
    }
    return true;
}

static bool condition_fits(const fitting *f) {
    const ebb_graph *condition = f->r->callee[1];
    const int64_t given = f->r->number[0] + f->r->number[1];
    char text[EBB_TYPE_TEXT] = "absent";
    if (!condition) return true;
    if (!takes(f, condition, given)) return false;
    for (int64_t k = 0; k < given; k++)
        if (!operand_suits(f, condition, k, k, "argument", k)) return false;
    if (condition->outputs != 1)
        return no(f, EBB_VALUE_ERROR, "the condition %s gives %d results", condition->name, condition->outputs);
    const ebb_type p = ebb_type_of(condition, condition->output[0]);
    if (p.dtype) ebb_type_text(&p, text);
    return is_bool_scalar(&p) ||
           no(f, EBB_TYPE_ERROR, "the condition %s gives %s; it must be bool[]", condition->name, text);
}

static bool loop_fits(const fitting *f, int64_t operands) {
    return numbers_fit(f) && counts_fit(f) && body_takes(f, operands) && body_gives(f) && condition_fits(f);
}

/* ---- unloop ---- */

/* A cotangent for each float result of the body goes in, one for each float parameter comes out. */
static bool pullback_fits(const fitting *f) {
    const ebb_graph *body = f->r->callee[0], *pullback = f->r->callee[2];
    int64_t in = body->inputs, out = 0;
    for (int32_t k = 0; k < body->outputs; k++)
        in += has_float(body, body->output[k]);
    if (!takes(f, pullback, in)) return false;
    in = 0;
    for (int32_t k = 0; k < body->inputs; k++, in++) {
        const ebb_type type = ebb_type_of(body, body->input[k]);
        if (!suits(f, pullback, in, "parameter", k, &type)) return false;
        out += ebb_is_float(type.dtype);
    }
    for (int32_t k = 0; k < body->outputs; k++) {
        const ebb_type type = ebb_type_of(body, body->output[k]);
        if (ebb_is_float(type.dtype) && !suits(f, pullback, in++, "the cotangent of result", k, &type)) return false;
    }
    return pullback->outputs == out || no(f, EBB_VALUE_ERROR, "%s gives %d cotangents for %lld float parameters",
                                          pullback->name, pullback->outputs, (long long)out);
}

static bool pullback_gives(const fitting *f) {
    const ebb_graph *body = f->r->callee[0], *pullback = f->r->callee[2];
    int32_t out = 0;
    for (int32_t k = 0; k < body->inputs; k++) {
        if (!has_float(body, body->input[k])) continue;
        const ebb_id id = pullback->output[out++];
        const ebb_type want = ebb_type_of(body, body->input[k]), is = ebb_type_of(pullback, id);
        char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
        if (id != EBB_ABSENT && !ebb_type_equal(&want, &is))
            return no(f, EBB_TYPE_ERROR, "%s gives %s for parameter %d, which is %s", pullback->name,
                      ebb_type_text(&is, a), k, ebb_type_text(&want, b));
    }
    return true;
}

static bool cotangents_fit(const fitting *f) {
    const ebb_graph *body = f->r->callee[0];
    const int64_t states = f->r->number[0];
    int64_t at = body->inputs;
    for (int32_t k = 0; k < body->outputs; k++) {
        const ebb_type row = ebb_type_of(body, body->output[k]);
        ebb_type want = row;
        char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
        if (!ebb_is_float(row.dtype)) continue;
        if (k >= states) ebb_shape_insert(&row.shape, 0, f->r->number[2], &want.shape);
        const ebb_type is = at < f->narg ? ebb_type_of(f->g, f->arg[at]) : (ebb_type){0};
        if (at++ < f->narg && !ebb_type_equal(&want, &is))
            return no(f, EBB_TYPE_ERROR, "the cotangent of result %d is %s, the result %s", k, ebb_type_text(&is, a),
                      ebb_type_text(&want, b));
    }
    return at == f->narg || no(f, EBB_VALUE_ERROR, "%lld cotangents for %lld float results",
                               (long long)(f->narg - body->inputs), (long long)(at - body->inputs));
}

static bool unloop_fits(const fitting *f) {
    const int64_t operands = f->r->callee[0]->inputs;
    if (f->narg < operands) return takes(f, f->r->callee[0], f->narg);
    return loop_fits(f, operands) && pullback_fits(f) && pullback_gives(f) && cotangents_fit(f);
}

/* ---- any ---- */

static bool operands_are_nodes(const fitting *f) {
    for (int k = 0; k < f->narg; k++)
        if (f->arg[k] <= EBB_ABSENT || f->arg[k] >= f->g->count)
            return no(f, EBB_INTERNAL_ERROR, "argument %d is no node", k);
    return true;
}

/* A loop may lack its condition, and nothing else. */
static bool has_callees(const fitting *f) {
    for (int k = 0; k < ebb_region_callees(f->r->op); k++) {
        const bool may_lack = k == 1 && (f->r->op == EBB_OP_loop || f->r->op == EBB_OP_unloop);
        if (!f->r->callee[k] && !may_lack) return no(f, EBB_INTERNAL_ERROR, "function %d is missing", k);
        if (f->r->callee[k] == f->g) return no(f, EBB_RUNTIME_ERROR, "%s calls itself", f->g->name);
    }
    return ebb_region_nesting(f->r) <= EBB_MOST_NESTED ||
           no(f, EBB_VALUE_ERROR, "it would be one of more than %d regions inside one another", EBB_MOST_NESTED);
}

bool ebb_region_fits(const ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site,
                     ebb_diag *diag) {
    const fitting f = {g, r, narg, arg, site, diag};
    if (!operands_are_nodes(&f) || !has_callees(&f)) return false;
    switch (r->op) {
    case EBB_OP_call:
        return call_fits(&f);
    case EBB_OP_custom:
        return custom_fits(&f);
    case EBB_OP_cond:
        return cond_fits(&f);
    case EBB_OP_loop:
        return loop_fits(&f, narg);
    case EBB_OP_unloop:
        return unloop_fits(&f);
    default:
        return ebb_fail(diag, EBB_INTERNAL_ERROR, site, "no such region");
    }
}

/* nan.c - where a NaN was born: runs the instrumented variant of a program and says what it found in words.
 *
 * dual/births.c writes the variant, which is compiled when it is asked for, run once and given up. It has one small
 * output for each operation; the earliest operation that bore a NaN is the answer. A second run, with that operation's
 * operands as results, has the numbers that it was given. Start reading at ebb_nan_find. */
#include "frontend/nan.h"
#include "dual/dual.h"
#include "frontend/values.h"
#include "jit/graph/notation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool ebb_any_nan(const ebb_type *type, const void *data) {
    const float *f = data;
    const double *d = data;
    int64_t n = 0;
    bool any = false;
    if (!ebb_is_float(type->dtype) || !ebb_shape_size(&type->shape, &n)) return false;
    for (int64_t i = 0; i < n; i++)
        any |= type->dtype == EBB_F32 ? f[i] != f[i] : d[i] != d[i];
    return any;
}

/* ---- running a variant ---- */

/* A tape has values: only what is not known is computed. */
static bool run_known(const ebb_nan_search *s, const ebb_graph *g, void *const *out, ebb_diag *diag) {
    const ebb_allocator *a = &s->ebb->allocator;
    const void **known = ebb_mem_new(a, (size_t)g->count + (size_t)g->inputs, sizeof *known);
    if (!known) return ebb_fail_memory(diag);
    for (ebb_id id = 1; id < s->graph->count; id++)
        if (s->value[id] && s->value[id]->storage) known[id] = s->value[id]->storage->data;
    const void **in = known + g->count;
    for (int32_t k = 0; k < g->inputs; k++)
        in[k] = known[g->input[k]];
    bool good = ebb_eval_graph(g, known, in, out, a, diag);
    ebb_mem_free(a, known);
    return good;
}

static bool run(const ebb_nan_search *s, ebb_graph *g, void *const *out, ebb_diag *diag) {
    if (s->value) return run_known(s, g, out, diag);
    return ebb_run_once(s->ebb, s->name, g, s->mode, s->in ? s->in : s->concrete->in, out, diag);
}

/* ---- which node and element ---- */

ebb_id ebb_nan_first_born(const ebb_nan_search *s, ebb_graph *variant, int64_t *element, ebb_diag *diag) {
    const ebb_allocator *a = &s->ebb->allocator;
    size_t count = (size_t)variant->outputs + 1;
    int64_t *first = ebb_mem_new(a, count, sizeof *first);
    void **out = ebb_mem_new(a, count, sizeof *out);
    ebb_id found = EBB_POISON;
    for (int32_t j = 0; out && first && j < variant->outputs; j++)
        if (variant->output[j] != EBB_ABSENT) out[j] = &first[j];
    if (!out || !first) {
        ebb_fail_memory(diag);
    } else if (run(s, variant, out, diag)) {
        int64_t size = 0;
        for (found = 1; found <= variant->outputs; found++)
            if (out[found - 1] && ebb_shape_size(ebb_shape_of(variant, found), &size) && first[found - 1] < size) break;
        if (found > variant->outputs)
            found = EBB_ABSENT;
        else
            *element = first[found - 1];
    }
    ebb_mem_free(a, first);
    ebb_mem_free(a, out);
    return found;
}

static void set_place(ebb_nan_origin *o, const ebb_graph *g, ebb_id id, int64_t element) {
    const ebb_shape *s = ebb_shape_of(g, id);
    const ebb_site site = g->site[id];
    o->found = true;
    o->file = site.file;
    o->line = site.line;
    o->part = (ebb_part)(site.part & 3);
    for (unsigned part = site.part; part; part >>= 2)
        o->order++;
    o->element = element;
    o->rank = s->rank;
    for (int a = s->rank - 1; a >= 0; element /= s->dim[a], a--)
        o->index[a] = element % s->dim[a];
}

/* ---- what came in from outside ---- */

static void set_input(ebb_nan_origin *o, const ebb_nan_search *s, ebb_id id) {
    const ebb_concrete *c = s->concrete;
    const int32_t parameter = (int32_t)ebb_attr_of(s->graph, id).v[0];
    if (s->value) o->tensor = s->value[id];
    for (int32_t i = 0; c && i < c->arguments; i++)
        if (c->parameter[i] == parameter) o->argument = i;
    for (int32_t i = 0; c && i < c->bindings; i++)
        if (c->binding[i].parameter == parameter) o->tensor = c->binding[i].tensor;
    o->file = o->tensor ? o->tensor->site.file : NULL;
    o->line = o->tensor ? o->tensor->site.line : 0;
}

/* ---- the numbers that the operation was given ---- */

static double number_at(ebb_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case EBB_BOOL:
        return ((const bool *)data)[i];
    case EBB_I32:
        return ((const int32_t *)data)[i];
    case EBB_I64:
        return (double)((const int64_t *)data)[i];
    case EBB_F32:
        return (double)((const float *)data)[i];
    case EBB_F64:
        return ((const double *)data)[i];
    case EBB_NONE:
        break;
    }
    return NAN;
}

/* Room for the value of node id; NULL and an error if there is none. */
static void *room_for(const ebb_nan_search *s, const ebb_graph *g, ebb_id id, ebb_diag *diag) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes = 0;
    void *room = ebb_type_bytes(&type, &bytes) ? ebb_mem_new(&s->ebb->allocator, (size_t)bytes + 1, 1) : NULL;
    if (!room) ebb_fail_memory(diag);
    return room;
}

/* The program with the operands of node id as results. */
static ebb_graph *operands_graph(const ebb_nan_search *s, ebb_id id, ebb_diag *diag) {
    ebb_graph *g = ebb_graph_clone(s->graph, diag);
    if (!g) return NULL;
    ebb_clear_outputs(g);
    for (int32_t k = 0; k < g->node[id].arity; k++)
        if (!ebb_add_output(g, ebb_operands(g, id)[k])) {
            ebb_graph_release(g);
            return NULL;
        }
    return g;
}

void **ebb_nan_operands(const ebb_nan_search *s, ebb_id id, ebb_diag *diag) {
    const ebb_allocator *a = &s->ebb->allocator;
    int32_t count = s->graph->node[id].arity;
    ebb_graph *g = operands_graph(s, id, diag);
    void **out = g ? ebb_mem_new(a, (size_t)count + 1, sizeof *out) : NULL;
    bool good = out || (g && ebb_fail_memory(diag));
    for (int32_t k = 0; good && k < count; k++)
        good = (out[k] = room_for(s, g, g->output[k], diag)) != NULL;
    good = good && run(s, g, out, diag);
    ebb_graph_release(g);
    if (good) return out;
    ebb_nan_free(a, count, out);
    return NULL;
}

static bool set_operands(ebb_nan_origin *o, const ebb_nan_search *s, ebb_id id, ebb_diag *diag) {
    void **out = ebb_nan_operands(s, id, diag);
    if (!out) return false;
    for (int32_t k = 0; k < s->graph->node[id].arity; k++)
        o->operand[o->operands++] =
            number_at(ebb_dtype_at(s->graph, ebb_operands(s->graph, id)[k]), out[k], o->element);
    ebb_nan_free(&s->ebb->allocator, s->graph->node[id].arity, out);
    return true;
}

/* ---- words ---- */

__attribute__((format(printf, 2, 3))) static void say(ebb_nan_origin *o, const char *format, ...) {
    size_t at = strlen(o->message);
    va_list list;
    va_start(list, format);
    vsnprintf(o->message + at, sizeof o->message - at, format, list);
    va_end(list);
}

static void say_element(ebb_nan_origin *o) {
    if (o->rank == 0) return;
    say(o, ", element %lld [", (long long)o->element);
    for (int a = 0; a < o->rank; a++)
        say(o, "%s%lld", a ? "," : "", (long long)o->index[a]);
    say(o, "]");
}

static void say_line(ebb_nan_origin *o) {
    if (o->file) say(o, " (%s:%d)", o->file, o->line);
}

static void say_input(ebb_nan_origin *o) {
    const ebb_tensor *x = o->tensor;
    if (o->argument >= 0)
        say(o, " in argument %d", o->argument);
    else if (x && x->kind == EBB_KIND_VARIABLE)
        say(o, " in variable %s", x->name);
    else
        say(o, x ? " in a tensor from outside" : " in a constant");
    say_line(o);
    say_element(o);
}

/* "log(-0.5)" */
static void say_operands(ebb_nan_origin *o, ebb_dtype dtype) {
    char text[32];
    for (int k = 0; k < o->operands; k++) {
        float narrow = (float)o->operand[k];
        ebb_number_text(dtype, dtype == EBB_F32 ? (const void *)&narrow : &o->operand[k], text);
        say(o, "%s%s", k ? ", " : "(", text);
    }
    say(o, ")");
}

static void say_operation(ebb_nan_origin *o, const ebb_graph *g, ebb_id id) {
    char part[EBB_MARKS_TEXT];
    ebb_marks_print((ebb_site){.part = g->site[id].part}, part);
    say(o, " born in %s%s%s", o->op, o->macro ? " of " : "", o->macro ? o->macro : "");
    say_line(o);
    say_element(o);
    say(o, ", in %s code", *part ? part : "primal");
    if (o->iteration >= 0) say(o, ", iteration %lld", (long long)o->iteration);
    if (!o->operands) return;
    say(o, ": %s", o->op);
    say_operands(o, ebb_dtype_at(g, id));
}

/* ---- the whole search ---- */

/* A result of a region is the region's. */
static ebb_id who_bore(const ebb_graph *g, ebb_id id) {
    return ebb_op_of(g, id) == EBB_OP_get ? ebb_operands(g, id)[0] : id;
}

static bool describe(const ebb_nan_search *s, ebb_id id, int64_t element, ebb_nan_origin *o, ebb_diag *diag) {
    const ebb_id by = who_bore(s->graph, id);
    const ebb_op op = ebb_op_of(s->graph, by);
    const ebb_site site = s->graph->site[id];
    const bool constant = op == EBB_OP_constant, outside = op == EBB_OP_input || (constant && !site.macro);
    set_place(o, s->graph, id, element);
    if (op == EBB_OP_input) set_input(o, s, id);
    /* What a macro says is NaN, a loss for a label out of range, is a constant in its formula. */
    if (!outside) o->op = ebb_op_public(constant ? (ebb_op)site.macro : op);
    if (!outside && !constant && site.macro) o->macro = ebb_op_public((ebb_op)site.macro);
    if (!outside && ebb_op_table[op].access == EBB_POINT && !set_operands(o, s, id, diag)) return false;
    say(o, s->infinite ? "NaN or infinity" : "NaN");
    if (outside)
        say_input(o);
    else
        say_operation(o, s->graph, id);
    return true;
}

/* From a node that bore one, as deep into regions as it can be told. */
static bool descend(const ebb_nan_search *s, ebb_id id, int64_t element, ebb_nan_origin *o, ebb_diag *diag) {
    ebb_nan_search at = *s;
    ebb_nan_inside inside = {0}, before;
    bool good = true;
    while (good && ebb_is_region(ebb_op_of(at.graph, who_bore(at.graph, id)))) {
        before = inside;
        good = ebb_nan_enter(&at, who_bore(at.graph, id), &inside, diag);
        if (!good || !inside.graph) break;
        if (before.graph) ebb_nan_free(&s->ebb->allocator, before.graph->inputs, before.in);
        if (inside.iteration >= 0) o->iteration = inside.iteration;
        at = (ebb_nan_search){.ebb = s->ebb,
                              .name = s->name,
                              .graph = inside.graph,
                              .mode = EBB_EAGER,
                              .in = (const void *const *)inside.in,
                              .infinite = s->infinite};
        id = inside.id;
        element = inside.element;
    }
    good = good && describe(&at, id, element, o, diag);
    if (at.in) ebb_nan_free(&s->ebb->allocator, at.graph->inputs, (void **)at.in);
    return good;
}

bool ebb_nan_find(const ebb_nan_search *s, ebb_nan_origin *origin, ebb_diag *diag) {
    int64_t element = 0;
    *origin = (ebb_nan_origin){.argument = -1, .iteration = -1};
    ebb_graph *variant = ebb_births_graph(s->graph, s->infinite, diag);
    ebb_id id = variant ? ebb_nan_first_born(s, variant, &element, diag) : EBB_POISON;
    ebb_graph_release(variant);
    return id != EBB_POISON && (id == EBB_ABSENT || descend(s, id, element, origin, diag));
}

bool ebb_nan_fail(const ebb_nan_search *s, ebb_diag *diag) {
    ebb_nan_origin o;
    if (!ebb_nan_find(s, &o, diag)) return false;
    return ebb_fail(diag, EBB_FLOAT_ERROR, (ebb_site){0}, "%s: %s", s->name, o.found ? o.message : "a result is NaN");
}

/* ---- the public function ---- */

static bool find(ebb_function *f, int nin, const ebb_operand *in, bool infinite, ebb_nan_origin *origin,
                 ebb_site site) {
    ebb_context *ebb = f->context;
    ebb_diag diag = {0};
    if (ebb->trace)
        return ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site, "ebb_find_nan: %s: not inside a traced function", f->name),
               false;
    ebb_concrete *c = ebb_function_concrete(f, nin, in, site);
    if (!c) return false;
    for (int32_t k = 0; k < c->arguments; k++)
        if (c->parameter[k] >= 0) c->in[c->parameter[k]] = in[k].tensor->storage->data;
    ebb_concrete_point_bindings(c);
    ebb_nan_search s = {
        .ebb = ebb, .name = f->name, .graph = c->sealed, .concrete = c, .mode = f->mode, .infinite = infinite};
    return ebb_nan_find(&s, origin, &diag) || (ebb_fail_diag(ebb, &diag, site), false);
}

ebb_nan_origin ebb_find_nan_at(ebb_function *f, int nin, const ebb_operand *in, bool infinite, const char *file,
                               int line) {
    ebb_nan_origin origin = {.argument = -1, .iteration = -1};
    if (!ebb_callable("ebb_find_nan", f, nin, in, ebb_site_at(file, line))) return origin;
    if (!find(f, nin, in, infinite, &origin, ebb_site_at(file, line)))
        origin = (ebb_nan_origin){.argument = -1, .iteration = -1};
    return origin;
}

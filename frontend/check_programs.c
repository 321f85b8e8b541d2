/* check_programs.c - see check.h: a function and its derivatives as programs on long vectors of numbers.
 *
 * Parameters of the program that are not looked at (integers, captured tensors, the state of random numbers) have the
 * values that they have now; what the function would assign is not computed. Start reading at ebb_check_open. */
#include "dual/dual.h"
#include "frontend/check.h"

#include <float.h>
#include <math.h>

/* ---- long vectors ---- */

static bool add_tensor(ebb_checked *k, ebb_check_space *s, int i, ebb_type type) {
    int64_t size = 0;
    bool good = ebb_shape_size(&type.shape, &size);
    s->type[i] = type;
    s->elements = s->start[i + 1] = s->start[i] + size;
    for (int side = 0; good && side < EBB_CHECK_SIDES; side++)
        good = (s->data[side][i] = ebb_mem_new(&k->ebb->allocator, (size_t)size + 1, sizeof(double))) != NULL;
    return good;
}

static bool make_space(ebb_checked *k, ebb_check_space *s, int count, const ebb_graph *g, const ebb_id *id) {
    const ebb_allocator *a = &k->ebb->allocator;
    *s = (ebb_check_space){.count = count};
    s->type = ebb_mem_new(a, (size_t)count + 1, sizeof *s->type);
    s->start = ebb_mem_new(a, (size_t)count + 1, sizeof *s->start);
    bool good = s->type && s->start;
    for (int side = 0; good && side < EBB_CHECK_SIDES; side++)
        good = (s->data[side] = ebb_mem_new(a, (size_t)count + 1, sizeof(void *))) != NULL;
    for (int i = 0; good && i < count; i++)
        good = add_tensor(k, s, i, ebb_type_of(g, id[i]));
    return good || ebb_fail_memory(&k->diag);
}

static void free_space(const ebb_allocator *a, ebb_check_space *s) {
    for (int side = 0; side < EBB_CHECK_SIDES; side++) {
        for (int i = 0; s->data[side] && i < s->count; i++)
            ebb_mem_free(a, s->data[side][i]);
        ebb_mem_free(a, s->data[side]);
    }
    ebb_mem_free(a, s->type);
    ebb_mem_free(a, s->start);
}

static void put_element(ebb_dtype dtype, void *to, int64_t e, double value) {
    if (dtype == EBB_F32)
        ((float *)to)[e] = (float)value;
    else
        ((double *)to)[e] = value;
}

/* from + step * way; way NULL: from */
static void put(const ebb_check_space *s, int side, const double *from, const double *way, double step) {
    for (int i = 0; i < s->count; i++)
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
            put_element(s->type[i].dtype, s->data[side][i], e - s->start[i], way ? from[e] + step * way[e] : from[e]);
}

static void get(const ebb_check_space *s, int side, double *to) {
    for (int i = 0; i < s->count; i++)
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
            to[e] = s->type[i].dtype == EBB_F32 ? (double)((const float *)s->data[side][i])[e - s->start[i]]
                                                : ((const double *)s->data[side][i])[e - s->start[i]];
}

/* ---- the programs ---- */

/* g with `count` of its outputs, the first ones left out; takes g. NULL: an error is in diag. */
static ebb_graph *keep_outputs(ebb_graph *g, int32_t first, ebb_diag *diag) {
    ebb_graph *kept = g ? ebb_graph_clone(g, diag) : NULL;
    if (kept) ebb_clear_outputs(kept);
    bool good = kept != NULL;
    for (int32_t j = first; good && j < g->outputs; j++)
        good = ebb_add_output(kept, g->output[j]) || ebb_fail_memory(diag);
    if (!good) ebb_graph_release(kept);
    ebb_graph_release(g);
    return good ? kept : NULL;
}

/* The tangents, or the cotangents, of a program alone. */
static ebb_graph *derive(const ebb_checked *k, const ebb_graph *f, bool forward, ebb_diag *diag) {
    const ebb_dual_spec spec = {.nwrt = k->x.count, .wrt = k->wrt};
    return keep_outputs(forward ? ebb_jvp_graph(f, &spec, diag) : ebb_vjp_graph(f, &spec, diag), f->outputs, diag);
}

/* In both orders; program[VALUE] is the base. */
static ebb_graph *derive_program(const ebb_checked *k, int program, ebb_diag *diag) {
    bool forward_first = program == EBB_CHECK_FORWARD || program == EBB_CHECK_REVERSE_FORWARD;
    if (program == EBB_CHECK_VALUE) return ebb_graph_retain(k->base);
    ebb_graph *first = derive(k, k->base, forward_first, diag);
    if (!first || program < EBB_CHECK_FORWARD_REVERSE) return first;
    ebb_graph *second = derive(k, first, !forward_first, diag);
    ebb_graph_release(first);
    return second;
}

/* One that cannot be says why; false: no memory. */
static bool make_program(ebb_checked *k, int program) {
    ebb_check_program *p = &k->program[program];
    ebb_graph *g = derive_program(k, program, &p->refusal);
    if (g) p->graph = ebb_expand_to_run(g, &p->refusal);
    ebb_graph_release(g);
    return p->graph || p->refusal.code != EBB_NO_MEMORY || ebb_fail_memory(&k->diag);
}

static bool make_programs(ebb_checked *k) {
    int last = k->options.order == 1 ? EBB_CHECK_REVERSE : EBB_CHECK_REVERSE_FORWARD;
    for (int p = 0; p <= last; p++)
        if (!make_program(k, p)) return false;
    if (k->program[EBB_CHECK_VALUE].graph) return true;
    k->diag = k->program[EBB_CHECK_VALUE].refusal;
    return false;
}

/* ---- running ---- */

int64_t ebb_check_gives(const ebb_checked *k, int program) {
    return program <= EBB_CHECK_FORWARD ? k->y.elements : k->x.elements;
}

/* The parameters behind those of the base, in the order of the program. */
static void point_directions(ebb_checked *k, int program) {
    bool weights_first = program == EBB_CHECK_REVERSE || program == EBB_CHECK_FORWARD_REVERSE;
    const void **in = k->in + k->base->inputs;
    for (int o = 0; o < 2; o++) {
        const ebb_check_space *s = weights_first == (o == 0) ? &k->y : &k->x;
        for (int i = 0; i < s->count; i++)
            *in++ = s->data[EBB_CHECK_DIRECTION][i];
    }
}

bool ebb_check_run(ebb_checked *k, int program, const ebb_check_point *p, double *out) {
    ebb_check_program *what = &k->program[program];
    const ebb_function *f = k->concrete->function;
    const ebb_check_space *s = program <= EBB_CHECK_FORWARD ? &k->y : &k->x;
    put(&k->x, EBB_CHECK_POINT, k->at, p->way, p->step);
    if (p->v) put(&k->x, EBB_CHECK_DIRECTION, p->v, NULL, 0);
    if (p->u) put(&k->y, EBB_CHECK_DIRECTION, p->u, NULL, 0);
    point_directions(k, program);
    if (!what->tried && !ebb_compile_apart(k->ebb, f->name, what->graph, f->mode, &what->native, &k->diag))
        return false;
    what->tried = true;
    if (!ebb_run_apart(k->ebb, f->name, what->graph, what->native, k->in, s->data[EBB_CHECK_RESULT], &k->diag))
        return false;
    get(s, EBB_CHECK_RESULT, out);
    return true;
}

/* ---- what is looked at ---- */

static bool is_real_parameter(const ebb_graph *g, int32_t p) {
    return p >= 0 && ebb_is_float(ebb_dtype_at(g, g->input[p]));
}

static void look_at(ebb_checked *k, int32_t parameter, int argument, const ebb_tensor *variable) {
    k->spot[k->x.count] = (ebb_check_spot){.argument = argument, .variable = variable};
    k->wrt[k->x.count++] = parameter;
}

static bool look_at_asked(ebb_checked *k, const ebb_wrt *wrt) {
    const ebb_concrete *c = k->concrete;
    for (int i = 0; i < wrt->count; i++) {
        int a = wrt->index[i];
        if (a < 0 || a >= c->arguments)
            return ebb_fail(&k->diag, EBB_INDEX_ERROR, (ebb_site){0}, "%s: there is no argument %d to check",
                            c->function->name, a);
        if (!is_real_parameter(c->graph, c->parameter[a]))
            return ebb_fail(&k->diag, EBB_TYPE_ERROR, (ebb_site){0}, "%s: argument %d is no real tensor",
                            c->function->name, a);
        look_at(k, c->parameter[a], a, NULL);
    }
    return true;
}

static void look_at_all(ebb_checked *k) {
    const ebb_concrete *c = k->concrete;
    for (int a = 0; a < c->arguments; a++)
        if (is_real_parameter(c->graph, c->parameter[a])) look_at(k, c->parameter[a], a, NULL);
    for (int32_t i = 0; i < c->bindings; i++)
        if (c->binding[i].tensor->kind == EBB_KIND_VARIABLE && is_real_parameter(c->graph, c->binding[i].parameter))
            look_at(k, c->binding[i].parameter, -1, c->binding[i].tensor);
}

static bool find_arguments(ebb_checked *k) {
    const ebb_concrete *c = k->concrete;
    const ebb_allocator *a = &k->ebb->allocator;
    const ebb_wrt *wrt = k->options.wrt;
    size_t most = (size_t)c->graph->inputs + (wrt && wrt->count > 0 ? (size_t)wrt->count : 0) + 1;
    k->wrt = ebb_mem_new(a, most, sizeof *k->wrt);
    k->spot = ebb_mem_new(a, most, sizeof *k->spot);
    if (!k->wrt || !k->spot) return ebb_fail_memory(&k->diag);
    if (wrt && wrt->count > 0) {
        if (!look_at_asked(k, wrt)) return false;
    } else {
        look_at_all(k);
    }
    return k->x.count > 0 || ebb_fail(&k->diag, EBB_TYPE_ERROR, (ebb_site){0},
                                      "%s has no real tensor argument and no real variable", c->function->name);
}

/* The recorded program with its real results, and nothing else. */
static bool find_results(ebb_checked *k) {
    const ebb_concrete *c = k->concrete;
    const ebb_graph *g = c->graph;
    int results = c->results - (k->options.wrt ? k->options.wrt->auxiliary : 0);
    k->result = ebb_mem_new(&k->ebb->allocator, (size_t)c->results + 1, sizeof *k->result);
    k->base = ebb_graph_clone(g, &k->diag);
    if (!k->result || !k->base) return ebb_fail_memory(&k->diag);
    k->base->diag = &k->diag;
    ebb_clear_outputs(k->base);
    for (int j = 0; j < results; j++) {
        if (g->output[j] == EBB_ABSENT || !ebb_is_float(ebb_dtype_at(g, g->output[j]))) continue;
        k->result[k->base->outputs] = j;
        if (!ebb_add_output(k->base, g->output[j])) return false;
    }
    return k->base->outputs > 0 ||
           ebb_fail(&k->diag, EBB_TYPE_ERROR, (ebb_site){0}, "%s has no real result to derive", c->function->name);
}

static bool make_spaces(ebb_checked *k) {
    const ebb_graph *g = k->base;
    ebb_id *x = ebb_mem_new(&k->ebb->allocator, (size_t)k->x.count, sizeof *x);
    if (!x) return ebb_fail_memory(&k->diag);
    for (int i = 0; i < k->x.count; i++)
        x[i] = g->input[k->wrt[i]];
    bool good = make_space(k, &k->x, k->x.count, g, x) && make_space(k, &k->y, g->outputs, g, g->output);
    ebb_mem_free(&k->ebb->allocator, x);
    return good;
}

/* ---- numbers ---- */

static bool make_room(ebb_checked *k) {
    const ebb_allocator *a = &k->ebb->allocator;
    size_t x = (size_t)k->x.elements, y = (size_t)k->y.elements, most = x > y ? x : y;
    k->at = ebb_mem_new(a, 3 * x + y + most + 1, sizeof *k->at);
    k->slope = ebb_mem_new(a, most + 1, sizeof *k->slope);
    k->in = ebb_mem_new(a, (size_t)(k->base->inputs + k->x.count + k->y.count) + 1, sizeof *k->in);
    if (!k->at || !k->slope || !k->in) return ebb_fail_memory(&k->diag);
    k->v = k->at + x;
    k->w = k->v + x;
    k->u = k->w + x;
    k->given = k->u + y;
    return true;
}

/* Where the numbers of the parameters are now; those that are looked at are copied, and moved from then on. */
static void point_inputs(ebb_checked *k, const ebb_operand *in) {
    const ebb_concrete *c = k->concrete;
    for (int32_t a = 0; a < c->arguments; a++)
        if (c->parameter[a] >= 0) k->in[c->parameter[a]] = in[a].tensor->storage->data;
    for (int32_t i = 0; i < c->bindings; i++)
        k->in[c->binding[i].parameter] = c->binding[i].tensor->storage->data;
    for (int i = 0; i < k->x.count; i++) {
        void *own = k->x.data[EBB_CHECK_POINT][i];
        k->x.data[EBB_CHECK_POINT][i] = (void *)k->in[k->wrt[i]];
        k->in[k->wrt[i]] = own;
    }
    get(&k->x, EBB_CHECK_POINT, k->at);
    for (int i = 0; i < k->x.count; i++)
        k->x.data[EBB_CHECK_POINT][i] = (void *)k->in[k->wrt[i]];
}

static void choose_tolerances(ebb_checked *k) {
    bool narrow = false;
    for (int i = 0; i < k->x.count; i++)
        narrow |= k->x.type[i].dtype == EBB_F32;
    for (int j = 0; j < k->y.count; j++)
        narrow |= k->y.type[j].dtype == EBB_F32;
    k->epsilon = narrow ? (double)FLT_EPSILON : DBL_EPSILON;
    k->levels = 10;
    k->halvings = narrow ? 1 : 2; /* to 2^-12, 2^-21 */
    k->equal = 10 * sqrt(k->epsilon);
    k->near = k->options.tolerance > 0 ? k->options.tolerance : narrow ? 1e-2 : 1e-6;
}

/* ---- the whole ---- */

bool ebb_check_open(ebb_checked *k, ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    k->ebb = f->context;
    k->concrete = ebb_function_concrete(f, nin, in, site);
    if (!k->concrete || !find_arguments(k) || !find_results(k) || !make_spaces(k) || !make_room(k)) return false;
    point_inputs(k, in);
    choose_tolerances(k);
    return make_programs(k);
}

void ebb_check_close(ebb_checked *k) {
    const ebb_allocator *a = &k->ebb->allocator;
    for (int p = 0; p < EBB_CHECK_PROGRAMS; p++) {
        ebb_executable_release(k->program[p].native);
        ebb_graph_release(k->program[p].graph);
    }
    free_space(a, &k->x);
    free_space(a, &k->y);
    ebb_graph_release(k->base);
    void *owned[] = {k->wrt, k->spot, k->result, (void *)k->in, k->at, k->slope};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        ebb_mem_free(a, owned[i]);
}

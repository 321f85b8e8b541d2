/* control_run.c - branches and loops on values: C decides, and whoever listens is shown what the bodies do.
 *
 * Invariant: states are counted by the flow, and each iteration has a scope of its own, so memory does not grow with
 * the number of iterations, but for what is stacked. Start reading at ebb_flow_run. */
#include "frontend/control.h"
#include "frontend/values.h"

/* ---- what a body may give ---- */

const char *ebb_role_text(ebb_role role) {
    static const char *const text[] = {"branch then", "branch otherwise", "body", "condition"};
    return text[role];
}

ebb_type ebb_row_type(const ebb_type *x) {
    ebb_type row = {x->dtype, {.rank = x->shape.rank - 1}};
    for (int a = 0; a < row.shape.rank; a++)
        row.shape.dim[a] = x->shape.dim[a + 1];
    return row;
}

static bool is_predicate(const ebb_flow *w, const char *what, const ebb_type *type) {
    char text[EBB_TYPE_TEXT];
    if (type->dtype == EBB_BOOL && type->shape.rank == 0) return true;
    return ebb_fail_at(w->ebb, EBB_TYPE_ERROR, w->site, "%s: the %s is %s; it must be bool[]", w->function, what,
                       ebb_type_text(type, text)),
           false;
}

bool ebb_flow_decides(const ebb_flow *w) { return !w->predicate || is_predicate(w, "predicate", &w->predicate->type); }

static bool is_state(const ebb_flow *w, int k, const ebb_type *is) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    const ebb_type *was = &w->in[k]->type;
    if (ebb_type_equal(is, was)) return true;
    return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: state %d is %s, but the body makes it %s", w->function, k,
                       ebb_type_text(was, want), ebb_type_text(is, have)),
           false;
}

static bool is_stackable(const ebb_flow *w, int k, const ebb_type *is) {
    char text[EBB_TYPE_TEXT];
    if (is->shape.rank < EBB_MAX_RANK) return true;
    return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: output %d is %s; stacked it would have %d axes",
                       w->function, k - w->states, ebb_type_text(is, text), EBB_MAX_RANK + 1),
           false;
}

/* Result k of a part as a tensor that is no variable; NULL: an error was recorded, but for poison. */
static ebb_tensor *result_of(const ebb_flow *w, int part, int k, ebb_tensor *x) {
    char what[128];
    const char *role = ebb_role_text(w->part[part].role);
    if (!x) {
        ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: the %s did not set result %d", w->function, role, k);
        return NULL;
    }
    snprintf(what, sizeof what, "%s: result %d of the %s", w->function, k, role);
    if (!ebb_usable(w->ebb, x, what, w->site)) return NULL;
    if (x->kind == EBB_KIND_VARIABLE) x = ebb_variable_read(x);
    return x->kind == EBB_KIND_POISON ? NULL : x;
}

static bool results_fit(const ebb_flow *w, int part, ebb_tensor **result) {
    const ebb_flow_part *p = &w->part[part];
    for (int k = 0; k < p->results; k++) {
        if (!(result[k] = result_of(w, part, k, result[k]))) return false;
        const ebb_type *is = &result[k]->type;
        if (p->role == EBB_CONDITION && !is_predicate(w, "condition", is)) return false;
        if (p->role == EBB_STEP_BODY && !(k < w->states ? is_state(w, k, is) : is_stackable(w, k, is))) return false;
    }
    return true;
}

/* An error that no result shows, say of a failed assign, counts all the same: a loop might wait for it forever. */
bool ebb_flow_body(const ebb_flow *w, int part, ebb_tensor *const *arg, ebb_tensor **result) {
    ebb_context *ebb = w->ebb;
    const ebb_flow_part *p = &w->part[part];
    int n = ebb_part_operands(w, part);
    size_t room = (size_t)p->results + (size_t)n + EBB_SPARE_ARGUMENTS;
    ebb_tensor **out = ebb_mem_new(&ebb->allocator, room, sizeof *out);
    if (!out) return ebb_fail_at(ebb, EBB_NO_MEMORY, w->site, "%s: no memory", w->function), false;
    ebb_tensor **in = out + p->results;
    for (int k = 0; k < n; k++)
        in[k] = arg[k];
    uint64_t errors = ebb->errors;
    p->body(ebb, in, out, w->data);
    bool good = (ebb->errors == errors || ebb_ok(ebb)) && results_fit(w, part, out);
    for (int k = 0; k < p->results && good; k++)
        result[k] = out[k];
    ebb_mem_free(&ebb->allocator, out);
    return good;
}

/* ---- one body ---- */

/* In a scope of its own; result[k] are counted. */
static bool run_part(const ebb_flow *w, int part, ebb_tensor *const *arg, ebb_tensor **result) {
    int scope = ebb_scope_open(w->ebb);
    bool good = scope && ebb_flow_body(w, part, arg, result);
    for (int k = 0; good && k < w->part[part].results; k++)
        ebb_handle_retain(result[k]);
    ebb_scope_close(w->ebb, scope);
    return good;
}

static bool truth(const ebb_tensor *x) { return *(const bool *)x->storage->data; }

/* ---- as long as a condition holds ---- */

/* The new states, which come counted, take the place of the old ones. */
static void move_on(ebb_flow *w, ebb_tensor *const *state) {
    for (int k = 0; k < w->states; k++) {
        ebb_handle_release(w->in[k]);
        w->in[k] = state[k];
    }
}

static bool asks_more(const ebb_flow *w, bool *more) {
    ebb_tensor *answer;
    if (!run_part(w, 1, w->in, &answer)) return false;
    *more = truth(answer);
    ebb_handle_release(answer);
    return true;
}

static bool run_while(ebb_flow *w, ebb_tensor **result) {
    bool more = true, good;
    while ((good = asks_more(w, &more)) && more && (good = run_part(w, 0, w->in, result)))
        move_on(w, result);
    return good;
}

/* ---- so many times ---- */

/* What the iterations stack: row i of output y is row[y * trips + i], counted. */
typedef struct stack {
    int outputs;
    int64_t trips;
    ebb_tensor **row;
} stack;

static bool stack_new(const ebb_flow *w, stack *s) {
    *s = (stack){w->results - w->states, w->trips, NULL};
    bool fits = !s->outputs || w->trips <= INT32_MAX / s->outputs;
    if (fits) s->row = ebb_mem_new(&w->ebb->allocator, (size_t)(s->outputs * w->trips) + 1, sizeof *s->row);
    if (s->row) return true;
    return ebb_fail_at(w->ebb, EBB_NO_MEMORY, w->site, "%s: no memory for %lld iterations", w->function,
                       (long long)w->trips),
           false;
}

static void stack_free(const ebb_flow *w, stack *s) {
    for (int64_t i = 0; s->row && i < s->outputs * s->trips; i++)
        ebb_handle_release(s->row[i]);
    ebb_mem_free(&w->ebb->allocator, s->row);
}

/* Takes row i of each output. */
static bool stack_push(const ebb_flow *w, stack *s, int64_t i, ebb_tensor *const *output) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    const int64_t first = w->reverse ? s->trips - 1 : 0;
    for (int y = 0; y < s->outputs; y++)
        s->row[y * s->trips + i] = output[y];
    for (int y = 0; y < s->outputs; y++) {
        const ebb_type *is = &output[y]->type, *was = &s->row[y * s->trips + first]->type;
        if (ebb_type_equal(is, was)) continue;
        return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: output %d was %s, and is %s for row %lld",
                           w->function, y, ebb_type_text(was, want), ebb_type_text(is, have), (long long)i),
               false;
    }
    return true;
}

/* Nothing ran, so that only a trace can tell the types. */
static bool stack_nothing(ebb_flow *w) {
    ebb_type *type = ebb_mem_new(&w->ebb->allocator, (size_t)w->results + 1, sizeof *type);
    if (!type) return ebb_fail_at(w->ebb, EBB_NO_MEMORY, w->site, "%s: no memory", w->function), false;
    bool good = ebb_flow_types(w, type);
    for (int k = w->states; k < w->results && good; k++) {
        ebb_type all = {.dtype = type[k].dtype};
        good = ebb_shape_insert(&type[k].shape, 0, 0, &all.shape);
        EBB_SCOPE (w->ebb)
            w->out[k] = ebb_handle_retain(ebb_tensor_value(w->ebb, &all, NULL, w->site));
        good = good && w->out[k] && w->out[k]->kind != EBB_KIND_POISON;
    }
    ebb_mem_free(&w->ebb->allocator, type);
    return good;
}

static bool stack_up(ebb_flow *w, const stack *s) {
    bool good = true;
    for (int y = 0; y < s->outputs && good; y++) {
        ebb_tensor **out = &w->out[w->states + y];
        EBB_SCOPE (w->ebb)
            *out = ebb_handle_retain(ebb_stack_at((int)s->trips, s->row + y * s->trips, 0, w->site.file, w->site.line));
        good = *out && (*out)->kind != EBB_KIND_POISON;
    }
    return good;
}

/* ---- row after row ----
 *
 * A row has a cotangent as large as what it was cut from. So, if a tape listens, rows are cut from blocks, which are
 * cut from the sequences: n sqrt(n) instead of n^2 for a scan of n rows. */

typedef struct rows {
    int64_t size, current; /* rows of a block; which block it is */
    ebb_tensor **block;    /* [sequences] counted */
} rows;

static int64_t rows_of_block(const ebb_flow *w) {
    int64_t size = 1;
    if (!ebb_observed(w->ebb)) return w->trips;
    while (size * size < w->trips)
        size *= 2;
    return size;
}

static ebb_tensor *cut_rows(const ebb_flow *w, ebb_tensor *x, int64_t from, int64_t n) {
    return n == x->type.shape.dim[0] ? x : ebb_part_of(w->ebb, x, 0, from, 1, n, w->site);
}

static bool enter_block(const ebb_flow *w, rows *r, int64_t number) {
    const int64_t from = number * r->size, left = w->trips - from;
    for (int k = 0; k < w->sequences; k++) {
        ebb_tensor *block = cut_rows(w, w->in[w->states + k], from, left < r->size ? left : r->size);
        if (block->kind == EBB_KIND_POISON) return false;
        ebb_handle_release(r->block[k]);
        r->block[k] = ebb_handle_retain(block);
    }
    r->current = number;
    return true;
}

/* The operands of iteration i: states and rows, the latter held by the innermost scope. */
static bool operands_of(const ebb_flow *w, rows *r, int64_t i, ebb_tensor **arg) {
    if (i / r->size != r->current && !enter_block(w, r, i / r->size)) return false;
    for (int k = 0; k < w->states; k++)
        arg[k] = w->in[k];
    for (int k = 0; k < w->sequences; k++) {
        ebb_shape row = ebb_row_type(&r->block[k]->type).shape;
        ebb_tensor *one = cut_rows(w, r->block[k], i % r->size, 1);
        arg[w->states + k] = ebb_reshaped(w->ebb, one, &row, w->site);
        if (arg[w->states + k]->kind == EBB_KIND_POISON) return false;
    }
    return true;
}

static bool run_trips(ebb_flow *w, stack *s, rows *r, ebb_tensor **arg, ebb_tensor **result) {
    bool good = true;
    for (int64_t n = 0; n < w->trips && good; n++) {
        int64_t i = w->reverse ? w->trips - 1 - n : n;
        good = false;
        EBB_SCOPE (w->ebb)
            good = operands_of(w, r, i, arg) && run_part(w, 0, arg, result);
        if (!good) break;
        move_on(w, result);
        good = stack_push(w, s, i, result + w->states);
    }
    return good;
}

static bool run_scan(ebb_flow *w, ebb_tensor **result) {
    stack s;
    ebb_tensor **arg = result + w->results;
    rows r = {.size = rows_of_block(w), .current = -1, .block = arg + ebb_flow_operands(w)};
    bool good = stack_new(w, &s) && run_trips(w, &s, &r, arg, result);
    for (int k = 0; k < w->sequences; k++)
        ebb_handle_release(r.block[k]);
    if (good) good = s.trips ? stack_up(w, &s) : !s.outputs || stack_nothing(w);
    stack_free(w, &s);
    return good;
}

/* ---- all of them ---- */

static bool run_loop(ebb_flow *w) {
    ebb_context *ebb = w->ebb;
    size_t room = (size_t)w->results + (size_t)ebb_flow_operands(w) + (size_t)w->sequences + 1;
    ebb_tensor **scratch = ebb_mem_new(&ebb->allocator, room, sizeof *scratch);
    if (!scratch) return ebb_fail_at(ebb, EBB_NO_MEMORY, w->site, "%s: no memory", w->function), false;
    bool good = w->parts == 2 ? run_while(w, scratch) : run_scan(w, scratch);
    for (int k = 0; k < w->states && good; k++)
        w->out[k] = ebb_handle_retain(w->in[k]);
    ebb_mem_free(&ebb->allocator, scratch);
    return good;
}

bool ebb_flow_run(ebb_flow *w) {
    return w->predicate ? run_part(w, truth(w->predicate) ? 0 : 1, w->in, w->out) : run_loop(w);
}

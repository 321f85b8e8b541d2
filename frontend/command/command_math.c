/* command_math.c - eval, grad and hessian: an expression's value and derivatives.
 *
 * All three compute what they need, then one report shows it, for people or as JSON. Start reading at run_math. */
#include "frontend/command/command.h"

#include <stdlib.h>

#include "frontend/common/json.h"

typedef struct answer {
    ebb_tensor *value;
    ebb_tensor **gradient; /* [variables], or NULL: not asked for */
    double *hessian;       /* [n, n] over the elements of all variables in their order, or NULL */
    int64_t n;
} answer;

/* ---- computing ---- */

/* Not the macro: errors shall name columns of the expression, not lines of this file. */
static void call(ebb_function *f, const problem *p, int results, ebb_tensor **out) {
    ebb_call_n_at(f, p->count, p->arguments, results, out, NULL, 0);
}

static bool compute_value(answer *a, const problem *p) {
    call(p->function, p, 1, &a->value);
    return !ebb_is_poison(a->value);
}

/* A variable that the expression does not use has a gradient of zeros. */
static ebb_tensor *zeros_if_absent(ebb_context *ebb, ebb_tensor *x, ebb_tensor *like) {
    int64_t dims[EBB_MAX_RANK];
    if (!ebb_is_absent(x)) return x;
    for (int i = 0; i < ebb_rank(like); i++)
        dims[i] = ebb_dim(like, i);
    return ebb_zeros(ebb, ebb_dtype_of(like), ebb_rank(like), dims);
}

static bool compute_gradient(answer *a, ebb_context *ebb, const problem *p) {
    ebb_wrt wrt = problem_wrt(p);
    ebb_tensor **out = calloc((size_t)p->count + 1, sizeof(ebb_tensor *));
    a->gradient = calloc((size_t)p->count + 1, sizeof(ebb_tensor *));
    bool good = out && a->gradient;
    if (good) call(ebb_value_and_grad(p->function, &wrt), p, p->count + 1, out);
    for (int i = 0; good && i < p->count; i++)
        a->gradient[i] = zeros_if_absent(ebb, out[i + 1], p->arguments[i].tensor);
    if (good) a->value = out[0];
    free(out);
    return good && ebb_ok(ebb);
}

/* Block (i, j), of shape xi + xj, into the full matrix at (row, column); an absent one is zero already. */
static void place_block(answer *a, const ebb_tensor *block, int64_t row, int64_t column, int64_t columns) {
    int64_t size = ebb_is_absent(block) ? 0 : ebb_size(block);
    for (int64_t k = 0; k < size; k++)
        a->hessian[(row + k / columns) * a->n + column + k % columns] = ebb_item(block, k);
}

static void place_blocks(answer *a, const problem *p, ebb_tensor *const *blocks) {
    for (int64_t i = 0, row = 0; i < p->count; row += ebb_size(p->arguments[i++].tensor))
        for (int64_t j = 0, column = 0; j < p->count; j++) {
            int64_t columns = ebb_size(p->arguments[j].tensor);
            place_block(a, blocks[i * p->count + j], row, column, columns);
            column += columns;
        }
}

static bool compute_hessian(answer *a, ebb_context *ebb, const problem *p) {
    ebb_wrt wrt = problem_wrt(p);
    int count = p->count * p->count;
    ebb_tensor **blocks = calloc((size_t)count + 1, sizeof(ebb_tensor *));
    a->n = p->size;
    a->hessian = calloc((size_t)(a->n * a->n) + 1, sizeof(double));
    bool good = blocks && a->hessian;
    if (good) call(ebb_hessian(p->function, &wrt), p, count, blocks);
    good = good && ebb_ok(ebb);
    if (good) place_blocks(a, p, blocks);
    free(blocks);
    return good;
}

/* ---- showing ---- */

static void show_matrix(json *j, const answer *a, ebb_dtype dtype) {
    json_open(j, '[');
    for (int64_t i = 0; i < a->n; i++) {
        json_open(j, '[');
        for (int64_t k = 0; k < a->n; k++)
            json_real(j, a->hessian[i * a->n + k], dtype);
        json_close(j, ']');
    }
    json_close(j, ']');
}

static bool show_json(const answer *a, const options *o) {
    json j = {.to = stdout};
    json_open(&j, '{');
    json_key(&j, "value");
    json_tensor(&j, a->value);
    if (a->gradient) {
        json_key(&j, "gradient");
        json_open(&j, '{');
        for (int i = 0; i < o->variables; i++) {
            json_key(&j, o->name[i]);
            json_tensor(&j, a->gradient[i]);
        }
        json_close(&j, '}');
    }
    if (a->hessian) {
        json_key(&j, "hessian");
        show_matrix(&j, a, o->dtype);
    }
    json_close(&j, '}');
    return json_end(&j);
}

static void show_line(const char *label, const ebb_tensor *x) {
    json j = {.to = stdout, .human = true};
    printf("%-10s", label);
    json_tensor(&j, x);
    putchar('\n');
}

static bool show_table(const answer *a, const options *o) {
    show_line("value", a->value);
    if (a->gradient) puts("gradient");
    for (int i = 0; a->gradient && i < o->variables; i++) {
        char label[64];
        snprintf(label, sizeof label, "  %-7s ", o->name[i]);
        show_line(label, a->gradient[i]);
    }
    if (a->hessian) puts("hessian");
    for (int64_t i = 0; a->hessian && i < a->n; i++) {
        for (int64_t k = 0; k < a->n; k++)
            printf("  %18.12g", a->hessian[i * a->n + k]);
        putchar('\n');
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* ---- the commands ---- */

enum { VALUE, GRADIENT, HESSIAN };

static bool answer_and_show(ebb_context *ebb, const problem *p, const options *o, int order) {
    answer a = {0};
    bool good = order == VALUE ? compute_value(&a, p) : compute_gradient(&a, ebb, p);
    if (good && order == HESSIAN) good = compute_hessian(&a, ebb, p);
    good = good && (o->json ? show_json(&a, o) : show_table(&a, o));
    free(a.gradient);
    free(a.hessian);
    return good;
}

static int run_math(const options *o, int order) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = o->mode, .cpu = o->cpu});
    bool good = false;
    problem p = {0};
    if (ebb)
        EBB_SCOPE (ebb) {
            good = problem_open(&p, ebb, o) && answer_and_show(ebb, &p, o, order);
            problem_close(&p);
        }
    return finish(o, ebb, good);
}

int command_eval(const options *o) { return run_math(o, VALUE); }
int command_grad(const options *o) { return run_math(o, GRADIENT); }
int command_hessian(const options *o) { return run_math(o, HESSIAN); }

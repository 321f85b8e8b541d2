/* command_taylor.c - taylor: the coefficients of t -> f(x + t v) for an expression f. */
#include "frontend/command/command.h"

#include <stdlib.h>

#include "frontend/common/json.h"

/* What was asked for with --along; else 1 for the first variable and 0 for the others. Of x's shape. */
static ebb_tensor *direction(ebb_context *ebb, const options *o, int i, const ebb_tensor *x) {
    bool asked = false;
    int64_t dims[EBB_MAX_RANK];
    for (int k = 0; k < o->variables; k++)
        asked |= o->along[k] != NULL;
    const char *text = o->along[i] ? o->along[i] : i == 0 && !asked ? "1" : "0";
    for (int k = 0; k < ebb_rank(x); k++)
        dims[k] = ebb_dim(x, k);
    return ebb_broadcast_to(ebb_literal(ebb, text, o->dtype), ebb_rank(x), dims);
}

static void show_line(int k, const ebb_tensor *coefficient) {
    json j = {.to = stdout, .human = true};
    printf("t^%-8d", k);
    json_tensor(&j, coefficient);
    putchar('\n');
}

static bool show_table(ebb_context *ebb, ebb_tensor *const *answer, const options *o) {
    show_line(0, answer[0]);
    for (int k = 1; k <= o->order; k++)
        show_line(k, ebb_gather(answer[1], ebb_scalar(ebb, k - 1), 0));
    return fflush(stdout) == 0 && !ferror(stdout);
}

static bool show_json(ebb_tensor *const *answer) {
    json j = {.to = stdout};
    json_open(&j, '{');
    json_key(&j, "value");
    json_tensor(&j, answer[0]);
    json_key(&j, "coefficients");
    json_tensor(&j, answer[1]);
    json_close(&j, '}');
    return json_end(&j);
}

static bool answer_and_show(ebb_context *ebb, problem *p, const options *o) {
    ebb_wrt wrt = problem_wrt(p);
    ebb_tensor *answer[2];
    for (int i = 0; i < p->count; i++)
        p->arguments[p->count + i] = ebb_operand_tensor(direction(ebb, o, i, p->arguments[i].tensor));
    ebb_call_n_at(ebb_jet(p->function, &wrt, o->order), 2 * p->count, p->arguments, 2, answer, NULL, 0);
    return ebb_ok(ebb) && (o->json ? show_json(answer) : show_table(ebb, answer, o));
}

int command_taylor(const options *o) {
    if (o->variables == 0) {
        fprintf(stderr, "ebb taylor: there is no variable to move; give one with -v NAME=VALUE\n");
        return EXIT_USAGE;
    }
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = o->mode});
    bool good = false;
    problem p = {0};
    if (ebb)
        EBB_SCOPE (ebb) {
            good = problem_open(&p, ebb, o) && answer_and_show(ebb, &p, o);
            problem_close(&p);
        }
    return finish(o, ebb, good);
}

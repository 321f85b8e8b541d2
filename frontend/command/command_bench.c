/* command_bench.c - times an expression's value, gradient and Hessian-vector product, eager against compiled. */
#include "frontend/command/command.h"

#include "frontend/common/json.h"
#include "frontend/common/timing.h"

/* What is timed, and the function that computes it. */
enum { VALUE, GRADIENT, HVP, KINDS };
static const char *const kind_names[KINDS] = {"value", "gradient", "hvp"};

typedef struct side { /* the same expression in a context of one mode */
    ebb_context *ebb;
    problem problem;
    ebb_function *function[KINDS];
} side;

typedef struct job {
    side *side;
    int kind;
} job;

static bool side_open(side *s, const options *o, ebb_mode mode) {
    s->ebb = ebb_open(&(ebb_options){.mode = mode, .cpu = o->cpu});
    if (!s->ebb) return false;
    ebb_scope_open(s->ebb); /* until ebb_close */
    if (!problem_open(&s->problem, s->ebb, o)) return false;
    problem *p = &s->problem;
    ebb_wrt wrt = problem_wrt(p);
    s->function[VALUE] = p->function;
    s->function[GRADIENT] = ebb_value_and_grad(p->function, &wrt);
    s->function[HVP] = ebb_hvp(p->function, &wrt);
    for (int i = 0; i < p->count; i++) /* along the values themselves */
        p->arguments[p->count + i] = p->arguments[i];
    return ebb_ok(s->ebb);
}

static void side_close(side *s) {
    problem_close(&s->problem);
    ebb_close(s->ebb);
}

static void run_job(void *data) {
    const job *j = data;
    const problem *p = &j->side->problem;
    int inputs = j->kind == HVP ? 2 * p->count : p->count;
    EBB_SCOPE (j->side->ebb) {
        ebb_tensor *first;
        ebb_call_n_at(j->side->function[j->kind], inputs, p->arguments, 1, &first, NULL, 0);
    }
}

/* ---- showing ---- */

static bool show_json(const timing *eager, const timing *compiled) {
    json j = {.to = stdout};
    json_open(&j, '{');
    for (int k = 0; k < KINDS; k++) {
        json_key(&j, kind_names[k]);
        json_open(&j, '{');
        json_key(&j, "eager_seconds");
        json_real(&j, eager[k].seconds, EBB_F32);
        json_key(&j, "compiled_seconds");
        json_real(&j, compiled[k].seconds, EBB_F32);
        json_close(&j, '}');
    }
    json_close(&j, '}');
    return json_end(&j);
}

static bool show_table(const timing *eager, const timing *compiled) {
    printf("%-10s %12s %12s %8s\n", "per call", "eager", "compiled", "ratio");
    for (int k = 0; k < KINDS; k++) {
        char left[24], right[24];
        printf("%-10s %12s %12s %7.1fx\n", kind_names[k], duration_text(eager[k].seconds, left),
               duration_text(compiled[k].seconds, right), eager[k].seconds / compiled[k].seconds);
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* ---- the command ---- */

static bool bench(side sides[2], const options *o) {
    job jobs[2 * KINDS];
    timing timings[2 * KINDS];
    for (int i = 0; i < 2 * KINDS; i++) {
        jobs[i] = (job){&sides[i / KINDS], i % KINDS};
        timings[i] = (timing){.run = run_job, .data = &jobs[i]};
        run_job(&jobs[i]);
    }
    if (!ebb_ok(sides[0].ebb) || !ebb_ok(sides[1].ebb)) return false;
    time_interleaved(timings, 2 * KINDS, 2);
    return o->json ? show_json(timings, timings + KINDS) : show_table(timings, timings + KINDS);
}

int command_bench(const options *o) {
    side sides[2] = {0};
    bool good = side_open(&sides[0], o, EBB_EAGER) && side_open(&sides[1], o, EBB_NATIVE) && bench(sides, o);
    ebb_context *failed = sides[0].ebb && !ebb_ok(sides[0].ebb) ? sides[0].ebb : sides[1].ebb;
    if (!good) fprintf(stderr, "ebb bench: %s\n", failed ? ebb_error(failed) : "out of memory");
    side_close(&sides[0]);
    side_close(&sides[1]);
    return good ? EXIT_GOOD : EXIT_FAILED;
}

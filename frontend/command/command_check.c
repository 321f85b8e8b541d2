/* command_check.c - check: an expression's derivatives of first and second order, compared in all modes with each other
 * and with differences. */
#include "frontend/command/command.h"

#include "frontend/common/json.h"

static bool show_table(const ebb_check_report *r) {
    printf("%-5s  %-20s  %-22s  %8s  %9s  %9s\n", "order", "mode", "against", "compared", "error", "allowed");
    for (int i = 0; i < r->lines; i++) {
        const ebb_check_line *line = &r->line[i];
        printf("%-5d  %-20s  %-22s  ", line->order, line->what, line->against);
        if (*line->refusal)
            printf("%s\n", line->refusal);
        else
            printf("%8lld  %9.2g  %9.2g%s\n", (long long)line->compared, line->error, line->tolerance,
                   line->error > line->tolerance ? "  !" : "");
    }
    puts(r->message);
    return fflush(stdout) == 0 && !ferror(stdout);
}

static bool show_json(const ebb_check_report *r) {
    json j = {.to = stdout};
    json_open(&j, '{');
    json_key(&j, "good");
    json_bool(&j, r->good);
    json_key(&j, "comparisons");
    json_open(&j, '[');
    for (int i = 0; i < r->lines; i++) {
        const ebb_check_line *line = &r->line[i];
        json_open(&j, '{');
        json_field(&j, "order", line->order);
        json_text_field(&j, "mode", line->what);
        json_text_field(&j, "against", line->against);
        json_field(&j, "compared", (double)line->compared);
        json_field(&j, "error", line->error);
        json_field(&j, "allowed", line->tolerance);
        json_text_field(&j, "refusal", line->refusal);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_field(&j, "without_derivative", (double)r->kinks);
    json_text_field(&j, "message", r->message);
    json_close(&j, '}');
    return json_end(&j);
}

/* A wrong derivative is a failure, as a script wants it. */
static bool check(const problem *p, const options *o, bool *agrees) {
    ebb_check_options settings = {
        .order = o->order, .directions = o->directions, .seed = o->seed, .tolerance = o->tolerance};
    ebb_check_report r = ebb_check_derivatives_at(p->function, &settings, p->count, p->arguments, NULL, 0);
    *agrees = r.good;
    return r.done && (o->json ? show_json(&r) : show_table(&r));
}

int command_check(const options *o) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = o->mode, .cpu = o->cpu});
    bool good = false, agrees = false;
    problem p = {0};
    if (ebb)
        EBB_SCOPE (ebb) {
            good = problem_open(&p, ebb, o) && check(&p, o, &agrees);
            problem_close(&p);
        }
    int status = finish(o, ebb, good);
    return status == EXIT_GOOD && !agrees ? EXIT_FAILED : status;
}

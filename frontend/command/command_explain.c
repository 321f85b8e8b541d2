/* command_explain.c - explain: the program that an expression or a derivative of it becomes, what its operations cost,
 * which roads there were to the derivative and why one was taken, and the plan. Nothing is compiled. */
#include "frontend/command/command.h"

#include <string.h>

#include "frontend/common/json.h"

/* ---- what is explained ---- */

static ebb_function *gradient_of(ebb_function *f, const ebb_wrt *wrt) { return ebb_grad(f, wrt); }
static ebb_function *sparse_jacobian_of(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_sparse_jacobian(f, wrt, EBB_CHEAPER);
}
static ebb_function *jacobian_of(ebb_function *f, const ebb_wrt *wrt) { return ebb_jacobian_of(f, wrt, EBB_CHEAPER); }

static const struct {
    const char *name;
    ebb_function *(*derive)(ebb_function *f, const ebb_wrt *wrt); /* NULL: the expression itself */
    bool directions;                                              /* it takes one for each variable */
} objects[] = {
    {"value", NULL, false},
    {"gradient", gradient_of, false},
    {"jacobian", jacobian_of, false},
    {"hessian", ebb_hessian, false},
    {"hvp", ebb_hvp, true},
    {"diagonal", ebb_hessian_diagonal, false},
    {"laplacian", ebb_laplacian, false},
    {"sparse_jacobian", sparse_jacobian_of, false},
    {"sparse_hessian", ebb_sparse_hessian, false},
};
enum { OBJECTS = sizeof objects / sizeof *objects };

int explain_object(const char *name) {
    for (int i = 0; i < OBJECTS; i++)
        if (strcmp(objects[i].name, name) == 0) return i;
    return -1;
}

enum { MOST_KINDS = 256 };

typedef struct answer {
    ebb_concrete *concrete;
    ebb_explanation e;
    ebb_operation_cost cost[MOST_KINDS];
    int kinds;
} answer;

/* Directions are the values themselves: any will do, as nothing runs. */
static bool explain(answer *a, problem *p, const options *o) {
    ebb_wrt wrt = problem_wrt(p);
    ebb_function *f = p->function;
    int inputs = p->count;
    if (objects[o->object].derive) f = objects[o->object].derive(f, &wrt);
    if (o->road || o->budget > 0) ebb_set_road(f, o->road, (int64_t)(o->budget * 1e6));
    for (int i = 0; objects[o->object].directions && i < p->count; i++)
        p->arguments[inputs++] = p->arguments[i];
    a->e = ebb_explain_at(f, inputs, p->arguments, NULL, 0);
    a->concrete = a->e.good ? ebb_get_concrete_at(f, inputs, p->arguments, NULL, 0) : NULL;
    a->kinds = ebb_concrete_costs(a->concrete, MOST_KINDS, a->cost);
    return a->e.good;
}

/* ---- as tables ---- */

static void show_costs(const answer *a) {
    printf("\n%-24s %8s %12s %12s\n", "cost by operation", "number", "operations", "bytes");
    for (int k = 0; k < a->kinds; k++)
        printf("  %-22s %8d %12.6g %12.6g\n", a->cost[k].op, a->cost[k].count, a->cost[k].operations, a->cost[k].bytes);
    printf("  %-22s %8d %12.6g %12.6g\n", "all", a->e.nodes, a->e.operations, a->e.bytes);
    printf("  at most %.6g bytes at once, if nothing is fused\n", a->e.peak_bytes);
}

static void show_roads(const ebb_explanation *e) {
    if (!e->roads) return;
    printf("\n%-24s %10s %7s %12s %12s %12s\n", "roads", "directions", "blocks", "operations", "bytes", "peak bytes");
    for (int k = 0; k < e->roads; k++) {
        const ebb_road_estimate *r = &e->road[k];
        printf("%c %-22s", k == e->chosen ? '*' : ' ', r->road);
        if (*r->refusal)
            printf(" %s\n", r->refusal);
        else
            printf(" %10lld %7lld %12.6g %12.6g %12.6g\n", (long long)r->directions, (long long)r->blocks,
                   r->operations, r->bytes, r->peak_bytes);
    }
    printf("  %s\n", e->why);
}

static bool show_table(const answer *a) {
    const ebb_explanation *e = &a->e;
    printf("%s\n\n%s", ebb_concrete_signature(a->concrete), ebb_concrete_program(a->concrete));
    show_costs(a);
    show_roads(e);
    printf("\n%d kernel%s, %d routine%s, %d cop%s, arena of %lld bytes\n%s", e->kernels, e->kernels == 1 ? "" : "s",
           e->routines, e->routines == 1 ? "" : "s", e->copies, e->copies == 1 ? "y" : "ies", (long long)e->arena_bytes,
           ebb_concrete_plan(a->concrete));
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* ---- as JSON ---- */

static void put_costs(json *j, const answer *a) {
    json_key(j, "by_operation");
    json_open(j, '[');
    for (int k = 0; k < a->kinds; k++) {
        json_open(j, '{');
        json_text_field(j, "op", a->cost[k].op);
        json_field(j, "count", a->cost[k].count);
        json_field(j, "operations", a->cost[k].operations);
        json_field(j, "bytes", a->cost[k].bytes);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_roads(json *j, const ebb_explanation *e) {
    json_key(j, "roads");
    json_open(j, '[');
    for (int k = 0; k < e->roads; k++) {
        const ebb_road_estimate *r = &e->road[k];
        json_open(j, '{');
        json_text_field(j, "road", r->road);
        json_field(j, "directions", (double)r->directions);
        json_field(j, "blocks", (double)r->blocks);
        json_field(j, "operations", r->operations);
        json_field(j, "bytes", r->bytes);
        json_field(j, "peak_bytes", r->peak_bytes);
        json_text_field(j, "refusal", r->refusal);
        json_close(j, '}');
    }
    json_close(j, ']');
    if (e->roads) json_text_field(j, "chosen", e->road[e->chosen].road);
    if (e->roads) json_text_field(j, "why", e->why);
}

static void put_plan(json *j, const answer *a) {
    json_key(j, "plan");
    json_open(j, '{');
    json_field(j, "kernels", a->e.kernels);
    json_field(j, "routines", a->e.routines);
    json_field(j, "copies", a->e.copies);
    json_field(j, "arena_bytes", (double)a->e.arena_bytes);
    json_text_field(j, "text", ebb_concrete_plan(a->concrete));
    json_close(j, '}');
}

static bool show_json(const answer *a, const options *o) {
    json j = {.to = stdout};
    json_open(&j, '{');
    json_text_field(&j, "of", objects[o->object].name);
    json_text_field(&j, "signature", ebb_concrete_signature(a->concrete));
    json_text_field(&j, "program", ebb_concrete_program(a->concrete));
    json_field(&j, "operations", a->e.operations);
    json_field(&j, "bytes", a->e.bytes);
    json_field(&j, "peak_bytes", a->e.peak_bytes);
    put_costs(&j, a);
    put_roads(&j, &a->e);
    put_plan(&j, a);
    json_close(&j, '}');
    return json_end(&j);
}

/* ---- the command ---- */

int command_explain(const options *o) {
    ebb_context *ebb = ebb_open(NULL);
    bool good = false;
    problem p = {0};
    answer a = {0};
    if (ebb)
        EBB_SCOPE (ebb) {
            good = problem_open(&p, ebb, o) && explain(&a, &p, o) && (o->json ? show_json(&a, o) : show_table(&a));
            problem_close(&p);
        }
    return finish(o, ebb, good);
}

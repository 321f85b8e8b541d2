/* op_trial.c - see op_trial.h. Start reading at op_trials_run. */
#include "tests/support/op_trial.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/tolerance.h"

static const char *const mode_name[MODES] = {"value", "jvp", "vjp", "forward over reverse", "reverse over forward"};

bool op_trial_fits(op_trial *t, const op_case *c, ebb_dtype dtype, ebb_dtype index) {
    *t = (op_trial){.c = *c};
    return op_use_of(&t->c, dtype, index, &t->use);
}

/* ---- the program ---- */

/* The operation itself, with inputs for its operands, then, if it is derived, a direction for each and a cotangent. */
static void record(engines *e, op_trial *t) {
    t->use.c = &t->c;
    t->use.app.attr = t->c.attr;
    for (int k = 0; k < t->c.operands; k++)
        t->x[k] = engines_input(e, t->use.operand[k]);
    t->y = ebb_record(e->graph, &t->use.app, t->c.operands, t->x);
    cr_assert(t->y > 0, "%s: %s", op_use_text(&t->use), e->diag.message);
    for (int k = 0; t->derived && k < t->c.operands; k++)
        if (ebb_is_float(t->use.operand[k].dtype)) t->v[k] = engines_input(e, t->use.operand[k]);
    if (t->derived) t->ct = engines_input(e, t->use.result);
}

static ebb_id inner_product(ebb_builder *b, ebb_id s, ebb_id t) {
    static const int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return ebb_g_sum(b, ebb_g_mul(b, s, t), ebb_shape_of(b->graph, s)->rank, axes);
}

static void derive(engines *e, op_trial *t, const ebb_id *map) {
    ebb_builder b = {e->graph, {0}};
    ebb_id result[MODES][3] = {{EBB_ABSENT}}, y = map[t->y], dy = EBB_ABSENT, ct = map[t->ct], x[3], v[3];
    int n = t->c.operands;
    for (int k = 0; k < n; k++)
        x[k] = map[t->x[k]], v[k] = map[t->v[k]];
    bool ok = ebb_jvp_nodes(e->graph, n, x, v, 1, &y, &dy) && ebb_vjp_nodes(e->graph, 1, &y, &ct, n, x, result[VJP]) &&
              ebb_jvp_nodes(e->graph, n, x, v, n, result[VJP], result[FORWARD_OVER_REVERSE]);
    result[JVP][0] = dy;
    if (ok && dy != EBB_ABSENT) {
        ebb_id total = inner_product(&b, ct, dy), one = ebb_g_number(&b, t->use.result.dtype, 1);
        ok = ebb_vjp_nodes(e->graph, 1, &total, &one, n, x, result[REVERSE_OVER_FORWARD]);
    }
    cr_assert(ok, "%s: %s", op_use_text(&t->use), e->diag.message);
    for (int mode = JVP; mode < MODES; mode++)
        for (int k = 0; k < (mode == JVP ? 1 : n); k++)
            t->output[mode][k] = engines_output(e, result[mode][k]);
}

/* ---- numbers ---- */

static void fill(op_trial *t, uint64_t seed) {
    t->p = (quad_point){.app = &t->use.app, .operands = t->c.operands, .ct = quad_new(t->use.result)};
    op_fill_direction(seed + 5, &t->p.ct);
    for (int k = 0; k < t->c.operands; k++) {
        t->p.x[k] = quad_new(t->use.operand[k]);
        op_fill_operand(&t->use, k, seed, &t->p.x[k]);
        if (!t->v[k]) continue;
        t->p.v[k] = quad_new(t->use.operand[k]);
        op_fill_direction(seed + 11 + (uint64_t)k, &t->p.v[k]);
    }
}

static void refer(op_trial *t) {
    t->want[VALUE][0] = quad_new(t->use.result);
    quad_apply(&(quad_call){&t->use.app, t->p.x, &t->want[VALUE][0]});
    if (!t->derived) return;
    t->want[JVP][0] = quad_new(t->use.result);
    quad_jvp(&t->p, &t->want[JVP][0]);
    for (int k = 0; k < t->c.operands; k++) {
        if (!t->v[k]) continue;
        for (int mode = VJP; mode < MODES; mode++)
            t->want[mode][k] = quad_new(t->use.operand[k]);
        quad_vjp(&t->p, k, &t->want[VJP][k]);
        quad_second(&t->p, k, &t->want[FORWARD_OVER_REVERSE][k]);
        for (int64_t j = 0; j < t->p.x[k].size; j++) /* two roads to the same numbers */
            t->want[REVERSE_OVER_FORWARD][k].at[j] = t->want[FORWARD_OVER_REVERSE][k].at[j];
    }
}

static void set_inputs(engines *e, const op_trial *t, int *input) {
    for (int k = 0; k < t->c.operands; k++)
        engines_set(e, (*input)++, &t->p.x[k]);
    for (int k = 0; k < t->c.operands; k++)
        if (t->v[k]) engines_set(e, (*input)++, &t->p.v[k]);
    if (t->derived) engines_set(e, (*input)++, &t->p.ct);
}

/* ---- comparing ---- */

static void expect_close(const engines *e, const op_trial *t, int mode, int operand, int engine) {
    const quad_tensor *want = &t->want[mode][operand];
    ebb_dtype dtype = want->type.dtype;
    double allowed = mode == VALUE ? tolerance_of_value(t->c.op, engine) : tolerance_of_derivative(t->c.op, engine);
    for (int64_t k = 0; k < want->size; k++) {
        quad got = engines_get(e, engine, t->output[mode][operand], k);
        double apart = ulps_apart(dtype, got, want->at[k], mode == VALUE ? want->scale[k] : 1);
        bool sign = mode != VALUE || t->c.op == EBB_OP_dot || !zero_differs(dtype, got, want->at[k]);
        cr_expect(apart <= allowed && sign, "%s, %s, %s of operand %d: element %d is %.17g, should be %.17g: %.3g ulp",
                  op_use_text(&t->use), engine_name[engine], mode_name[mode], operand, (int)k, (double)got,
                  (double)want->at[k], apart);
    }
}

static int64_t compare(const engines *e, op_trial *t) {
    int64_t cases = 0;
    for (int mode = 0; mode < MODES; mode++)
        for (int k = 0; k < 3; k++) {
            if (!t->want[mode][k].at) continue;
            for (int engine = 0; engine < ENGINES; engine++, cases++)
                expect_close(e, t, mode, k, engine);
            quad_free(&t->want[mode][k]);
        }
    return cases;
}

static void forget(op_trial *t) {
    quad_free(&t->p.ct);
    for (int k = 0; k < 3; k++) {
        quad_free(&t->p.x[k]);
        quad_free(&t->p.v[k]);
    }
}

int64_t op_trials_run(op_trial *trials, int n, bool derived) {
    engines e;
    int input = 0;
    int64_t cases = 0;
    engines_start(&e, n ? trials[0].c.name : "nothing");
    for (int i = 0; i < n; i++) {
        trials[i].derived = derived && ebb_is_float(trials[i].use.result.dtype);
        record(&e, &trials[i]);
        trials[i].output[VALUE][0] = engines_output(&e, trials[i].y);
        fill(&trials[i], (uint64_t)i + 1);
        refer(&trials[i]);
    }
    ebb_id *map = engines_expand(&e);
    for (int i = 0; i < n; i++)
        if (trials[i].derived) derive(&e, &trials[i], map);
    engines_compile(&e);
    for (int i = 0; i < n; i++)
        set_inputs(&e, &trials[i], &input);
    engines_run(&e);
    for (int i = 0; i < n; i++) {
        cases += compare(&e, &trials[i]);
        forget(&trials[i]);
    }
    free(map);
    engines_stop(&e);
    return cases;
}

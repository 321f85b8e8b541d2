/* op_modes.c - see op_modes.h. */
#include "tests/support/op_modes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/graph/build.h"

const char *const nesting_name[NESTINGS] = {"f",   "r",   "ff",  "fr",  "rf",  "rr",  "fff",
                                            "ffr", "frf", "frr", "rff", "rfr", "rrf", "rrr"};

const char *mode_part_name(const mode_part *part) {
    static char text[80];
    if (part->nesting < 0)
        snprintf(text, sizeof text, "coefficient %d", part->order);
    else if (part->operand < 0)
        snprintf(text, sizeof text, "%s", nesting_name[part->nesting]);
    else
        snprintf(text, sizeof text, "%s in operand %d", nesting_name[part->nesting], part->operand);
    return text;
}

/* ---- the program: the operation, its directions and cotangent, then every mode ---- */

static void add_slot(op_modes *m, int slot, ebb_type type) {
    m->slot[slot].one_input = m->e.inputs;
    m->slot[slot].one = engines_input(&m->e, type);
}

static void record(op_modes *m) {
    engines *e = &m->e;
    ebb_id x[3];
    for (int k = 0; k < m->c.operands; k++) {
        add_slot(m, MODE_X + k, m->use.operand[k]);
        x[k] = m->slot[MODE_X + k].one;
        if (ebb_is_float(m->use.operand[k].dtype)) add_slot(m, MODE_V + k, m->use.operand[k]);
    }
    add_slot(m, MODE_CT, m->use.result);
    m->y = ebb_record(e->graph, &m->use.app, m->c.operands, x);
    cr_assert(m->y > 0, "%s: %s", op_use_text(&m->use), e->diag.message);
    ebb_id *map = engines_expand(e);
    m->y = map[m->y];
    for (int i = 0; i < MODE_SLOTS; i++)
        m->slot[i].one = map[m->slot[i].one];
    free(map);
}

/* What a nesting gives: derivatives of y, or one in each operand; absent ones are zero. */
typedef struct nested {
    bool in_operands;
    ebb_id d[3];
} nested;

static ebb_id pairing(ebb_builder *b, ebb_id s, ebb_id t) {
    static const int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return ebb_g_sum(b, ebb_g_mul(b, s, t), ebb_shape_of(b->graph, s)->rank, axes);
}

static bool forward(op_modes *m, const nested *inner, nested *outer) {
    ebb_id x[3], v[3];
    int n = m->c.operands;
    for (int k = 0; k < n; k++)
        x[k] = m->slot[MODE_X + k].one, v[k] = m->slot[MODE_V + k].one;
    *outer = *inner;
    for (int k = 0; k < (inner->in_operands ? n : 1); k++)
        if (inner->d[k] && !ebb_jvp_nodes(m->e.graph, n, x, v, 1, &inner->d[k], &outer->d[k])) return false;
    return true;
}

/* Of one number: what is there along v or ct. */
static bool reverse(op_modes *m, const nested *inner, nested *outer) {
    ebb_builder b = {m->e.graph, {0}};
    ebb_id x[3], total = EBB_ABSENT, one = ebb_g_number(&b, m->use.result.dtype, 1);
    int n = m->c.operands;
    *outer = (nested){.in_operands = true};
    for (int k = 0; k < (inner->in_operands ? n : 1); k++) {
        ebb_id with = m->slot[inner->in_operands ? MODE_V + k : MODE_CT].one;
        if (!inner->d[k] || !with) continue;
        ebb_id term = ebb_g_cast_to(&b, pairing(&b, inner->d[k], with), m->use.result.dtype);
        total = total ? ebb_g_add(&b, total, term) : term;
    }
    for (int k = 0; k < n; k++)
        x[k] = m->slot[MODE_X + k].one;
    return !total || ebb_vjp_nodes(b.graph, 1, &total, &one, n, x, outer->d);
}

static void add_part(op_modes *m, mode_part part) {
    part.output = engines_output(&m->e, part.node);
    m->part[m->parts++] = part;
}

static void nest(op_modes *m) {
    nested made[NESTINGS];
    for (int i = 0; i < NESTINGS; i++) {
        const char *word = nesting_name[i];
        nested inner = {.d = {m->y}};
        for (int j = 0; j < i; j++)
            if (!strcmp(nesting_name[j], word + 1)) inner = made[j];
        bool ok = *word == 'f' ? forward(m, &inner, &made[i]) : reverse(m, &inner, &made[i]);
        cr_assert(ok, "%s refuses %s: %s", op_use_text(&m->use), word, m->e.diag.message);
        for (int k = 0; k < (made[i].in_operands ? m->c.operands : 1); k++)
            if (!made[i].in_operands || m->slot[MODE_V + k].one)
                add_part(m, (mode_part){.nesting = i,
                                        .order = (int)strlen(word),
                                        .operand = made[i].in_operands ? k : -1,
                                        .node = made[i].d[k]});
    }
}

static void expand_in_series(op_modes *m) {
    ebb_id x[3], curve[3 * MODE_ORDER] = {EBB_ABSENT}, c[MODE_ORDER];
    for (int k = 0; k < m->c.operands; k++)
        x[k] = m->slot[MODE_X + k].one, curve[k * MODE_ORDER] = m->slot[MODE_V + k].one;
    cr_assert(ebb_jet_nodes(m->e.graph, MODE_ORDER, m->c.operands, x, curve, 1, &m->y, c),
              "%s refuses a jet of order %d: %s", op_use_text(&m->use), MODE_ORDER, m->e.diag.message);
    for (int k = 0; k < MODE_ORDER; k++)
        add_part(m, (mode_part){.nesting = -1, .order = k + 1, .operand = -1, .node = c[k]});
}

/* ---- the same for many examples ---- */

/* May every node have one axis more? */
static bool has_room(const op_modes *m) {
    for (ebb_id id = 1; id < m->e.graph->count; id++)
        if (ebb_shape_of(m->e.graph, id)->rank == EBB_MAX_RANK) return false;
    return true;
}

static void add_many_inputs(op_modes *m) {
    for (int i = 0; i < MODE_SLOTS; i++) {
        if (!m->slot[i].one) continue;
        ebb_type many = ebb_type_of(m->e.graph, m->slot[i].one);
        ebb_shape one = many.shape;
        cr_assert(ebb_shape_insert(&one, 0, MODE_EXAMPLES, &many.shape));
        m->slot[i].many_input = m->e.inputs;
        m->slot[i].many = engines_input(&m->e, many);
    }
}

static bool differs(int which, int slot) { return which == BATCH_ALL || (slot < MODE_V) == (which == BATCH_POINTS); }

static void batch(op_modes *m, int which) {
    ebb_id one[MODE_SLOTS], many[MODE_SLOTS], y[PARTS], by[PARTS];
    int n = 0, results = 0;
    for (int i = 0; i < MODE_SLOTS; i++)
        if (m->slot[i].one && differs(which, i)) one[n] = m->slot[i].one, many[n++] = m->slot[i].many;
    for (int i = 0; i < m->parts; i++)
        if (m->part[i].node) y[results++] = m->part[i].node;
    cr_assert(ebb_vmap_nodes(m->e.graph, MODE_EXAMPLES, n, one, many, results, y, by),
              "%s: its derivatives refuse vmap: %s", op_use_text(&m->use), m->e.diag.message);
    for (int i = 0, k = 0; i < m->parts; i++) {
        ebb_id result = m->part[i].node ? by[k++] : EBB_ABSENT;
        m->part[i].many[which] = result ? engines_output(&m->e, result) : -1;
    }
}

/* ---- numbers ---- */

/* Directions are short, that series converge: `scale` is a power of 2, so that nothing is rounded. */
static void fill(op_modes *m, quad_point *p, uint64_t seed, double scale) {
    *p = (quad_point){.app = &m->use.app, .operands = m->c.operands, .ct = quad_new(m->use.result)};
    op_fill_direction(seed + 5, &p->ct);
    for (int k = 0; k < m->c.operands; k++) {
        p->x[k] = quad_new(m->use.operand[k]);
        op_fill_operand(&m->use, k, seed, &p->x[k]);
        if (!m->slot[MODE_V + k].one) continue;
        p->v[k] = quad_new(m->use.operand[k]);
        op_fill_direction(seed + 11 + (uint64_t)k, &p->v[k]);
        for (int64_t j = 0; j < p->v[k].size; j++)
            p->v[k].at[j] *= op_is_order(m->c.op, k) ? 0 : scale;
    }
}

static void forget(quad_point *p) {
    quad_free(&p->ct);
    for (int k = 0; k < 3; k++)
        quad_free(&p->x[k]), quad_free(&p->v[k]);
}

static bool is_regular(const quad_point *p) {
    quad_tensor c[MODE_ORDER + 1];
    bool good = quad_taylor(p, MODE_ORDER, c);
    for (int k = 0; k <= MODE_ORDER; k++)
        quad_free(&c[k]);
    return good;
}

/* Another point, or shorter directions, until no kink or pole is near. */
static void find_points(op_modes *m) {
    double scale = 0.25;
    uint64_t seed = 1;
    for (int tries = 1;; tries++, seed += 31) {
        fill(m, &m->point[0], seed, scale);
        if (is_regular(&m->point[0])) break;
        forget(&m->point[0]);
        if (tries % 8 == 0) scale /= 4;
        cr_assert(tries < 80, "%s: no point without a kink", op_use_text(&m->use));
    }
    for (int i = 1; i < MODE_EXAMPLES; i++)
        fill(m, &m->point[i], seed + 1000 * (uint64_t)i, scale);
}

/* ---- running ---- */

static const quad_tensor *value_of(const quad_point *p, int slot) {
    return slot == MODE_CT ? &p->ct : slot < MODE_V ? &p->x[slot - MODE_X] : &p->v[slot - MODE_V];
}

static void set_many(op_modes *m, int slot) {
    quad_tensor all = quad_new(ebb_type_of(m->e.graph, m->e.graph->input[m->slot[slot].many_input]));
    for (int i = 0; i < MODE_EXAMPLES; i++) {
        const quad_tensor *one = value_of(&m->point[i], slot);
        for (int64_t j = 0; j < one->size; j++)
            all.at[i * one->size + j] = one->at[j];
    }
    engines_set(&m->e, m->slot[slot].many_input, &all);
    quad_free(&all);
}

void op_modes_run(op_modes *m, int point, int directions) {
    for (int i = 0; i < MODE_SLOTS; i++)
        if (m->slot[i].one)
            engines_set(&m->e, m->slot[i].one_input, value_of(&m->point[i < MODE_V ? point : directions], i));
    engines_run(&m->e);
}

static bool is_real(const op_use *use) {
    bool some = false;
    for (int k = 0; k < use->c->operands; k++)
        some |= ebb_is_float(use->operand[k].dtype);
    return some && ebb_is_float(use->result.dtype);
}

bool op_modes_start(op_modes *m, const op_case *c, ebb_dtype dtype, bool native) {
    *m = (op_modes){.c = *c};
    if (!op_use_of(&m->c, dtype, EBB_I32, &m->use) || !is_real(&m->use)) return false;
    engines_start(&m->e, c->name);
    m->e.no_code = !native;
    record(m);
    nest(m);
    expand_in_series(m);
    m->batched = has_room(m);
    if (m->batched) add_many_inputs(m);
    for (int which = 0; m->batched && which < BATCHES; which++)
        batch(m, which);
    engines_compile(&m->e);
    find_points(m);
    for (int i = 0; m->batched && i < MODE_SLOTS; i++)
        if (m->slot[i].one) set_many(m, i);
    return true;
}

void op_modes_stop(op_modes *m) {
    for (int i = 0; i < MODE_EXAMPLES; i++)
        forget(&m->point[i]);
    engines_stop(&m->e);
}

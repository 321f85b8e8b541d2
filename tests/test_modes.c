/* test_modes.c - every operation in every mode: each nesting of forward and reverse to order 3, Taylor series to order
 * 10, and all of these for many examples at once. No operation may refuse one.
 *
 * What is expected comes from no rule: series of the references in quadruple precision (tests/ref/quad_taylor.c) along
 * a line say what forward derivatives are, and cotangents when they are paired with another direction; nestings of the
 * same order agree element by element; many examples are a loop over them. The evaluator runs all cases; the first one
 * of each operation runs as native code too. Start reading at check. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/op_modes.h"

static int64_t compared[NESTINGS + 1], batched[NESTINGS + 1]; /* tensors, by nesting; the last are series */

static int column(const mode_part *part) { return part->nesting < 0 ? NESTINGS : part->nesting; }

static int64_t size_of(const op_modes *m, const mode_part *part) {
    int64_t size = 0;
    cr_assert(ebb_shape_size(part->operand < 0 ? &m->use.result.shape : &m->use.operand[part->operand].shape, &size));
    return size;
}

static double get(const op_modes *m, int engine, const mode_part *part, int64_t k) {
    return (double)engines_get(&m->e, engine, part->output, k);
}

static double largest(const op_modes *m, int engine, const mode_part *part) {
    double largest = 0;
    for (int64_t k = 0; k < size_of(m, part); k++)
        largest = fmax(largest, fabs(get(m, engine, part, k)));
    return largest;
}

/* ---- how near is near ---- */

/* Rounding, in the coarsest of the dtypes that meet. */
static double unit_of(const op_modes *m) {
    bool single = m->use.result.dtype == EBB_F32;
    for (int k = 0; k < m->c.operands; k++)
        single |= m->use.operand[k].dtype == EBB_F32;
    return single ? 0x1p-24 : 0x1p-53;
}

/* `scale` is the largest element of this order or the one below. What cancels to 0 is left of numbers around 1, which
 * directions of a quarter, at most, make smaller with each order. The series of the reference lack 1e-24 of `value`. */
static double room(const op_modes *m, const mode_part *part, double scale, double value) {
    const double units = op_is_of_matrix(m->c.op) ? 128 : 32; /* solutions are sums of products themselves */
    return units * unit_of(m) * (scale + 1 / pow(4, part->order)) + 1e-24 * value;
}

typedef struct wanted {
    double scale, value;
    const char *by;
} wanted;

static void expect_near(const op_modes *m, int engine, const mode_part *part, int64_t k, double got, double want,
                        const wanted *w) {
    bool near = fabs(got - want) <= room(m, part, w->scale, w->value) || got == want || (isnan(got) && isnan(want));
    cr_expect(near, "%s, %s, %s: element %d is %.17g, by %s %.17g, apart %.3g times what is allowed",
              op_use_text(&m->use), engine_name[engine], mode_part_name(part), (int)k, got, w->by, want,
              fabs(got - want) / room(m, part, w->scale, w->value));
}

static double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

/* ---- against series of the reference ---- */

static double largest_of(const quad_tensor *x) {
    double largest = 0;
    for (int64_t k = 0; k < x->size; k++)
        largest = fmax(largest, fabs((double)x->at[k]));
    return largest;
}

static void compare_series(const op_modes *m, int engine) {
    quad_tensor c[MODE_ORDER + 1];
    quad_taylor(&m->point[0], MODE_ORDER, c);
    for (int i = 0; i < m->parts; i++) {
        const mode_part *part = &m->part[i];
        if (part->operand >= 0) continue;
        double times = part->nesting < 0 ? 1 : factorial(part->order);
        wanted w = {fmax(largest_of(&c[part->order]), largest_of(&c[part->order - 1])), largest_of(&c[0]), "series"};
        for (int64_t k = 0; k < size_of(m, part); k++)
            expect_near(m, engine, part, k, get(m, engine, part, k) / times, (double)c[part->order].at[k], &w);
        compared[column(part)]++;
    }
    for (int k = 0; k <= MODE_ORDER; k++)
        quad_free(&c[k]);
}

/* ---- cotangents: paired with directions of their own, and one nesting with another ---- */

static void compare_paired(const op_modes *m, int engine, const quad_tensor *u, const quad want[4]) {
    for (int i = 0; i < m->parts; i++) {
        const mode_part *part = &m->part[i];
        if (part->operand < 0 || (i && m->part[i - 1].nesting == part->nesting)) continue;
        wanted w = {.by = "pairing with a direction"};
        double sum = 0;
        for (int j = i; j < m->parts && m->part[j].nesting == part->nesting; j++)
            for (int64_t k = 0; k < size_of(m, &m->part[j]); k++) {
                double term = get(m, engine, &m->part[j], k) * (double)u[m->part[j].operand].at[k];
                sum += term, w.scale += fabs(term);
            }
        w.scale = fmax(w.scale, fabs((double)want[part->order]));
        expect_near(m, engine, part, 0, sum, (double)want[part->order], &w);
    }
}

static void compare_nestings(const op_modes *m, int engine) {
    for (int i = 0; i < m->parts; i++) {
        const mode_part *part = &m->part[i], *first = part;
        if (part->operand < 0) continue;
        while (first > m->part && first[-1].order == part->order)
            first--;
        while (first->operand != part->operand)
            first++;
        wanted w = {largest(m, engine, first), 0, nesting_name[first->nesting]};
        for (int64_t k = 0; k < size_of(m, part); k++)
            expect_near(m, engine, part, k, get(m, engine, part, k), get(m, engine, first, k), &w);
        compared[column(part)]++;
    }
}

static void compare_cotangents(const op_modes *m) {
    quad_tensor u[3] = {{.at = NULL}};
    quad want[4] = {0};
    for (int k = 0; k < m->c.operands; k++) {
        if (!m->slot[MODE_V + k].one) continue;
        u[k] = quad_new(m->use.operand[k]);
        op_fill_direction(77 + (uint64_t)k, &u[k]);
        for (int64_t j = 0; j < u[k].size; j++)
            u[k].at[j] *= op_is_order(m->c.op, k) ? 0 : 0x1p-10;
    }
    for (int n = 1; n <= 3; n++)
        want[n] = quad_along(&m->point[0], u, n);
    for (int engine = 0; engine < engines_there(&m->e); engine++) {
        compare_paired(m, engine, u, want);
        compare_nestings(m, engine);
    }
    for (int k = 0; k < 3; k++)
        quad_free(&u[k]);
}

/* ---- many examples ---- */

/* Row i of the batch, which the other parameters of this run are, too. */
static void compare_row(const op_modes *m, int which, int row) {
    for (int engine = 0; engine < engines_there(&m->e); engine++)
        for (int i = 0; i < m->parts; i++) {
            const mode_part *part = &m->part[i];
            int64_t size = size_of(m, part), from = part->many[which] < 0 ? 0 : row * size;
            int output = part->many[which] < 0 ? part->output : part->many[which];
            wanted w = {largest(m, engine, part), 0, "a loop over the examples"};
            for (int64_t k = 0; k < size; k++)
                expect_near(m, engine, part, k, (double)engines_get(&m->e, engine, output, from + k),
                            get(m, engine, part, k), &w);
            batched[column(part)]++;
        }
}

static void compare_many(op_modes *m) {
    for (int i = 0; i < MODE_EXAMPLES; i++)
        for (int which = 0; which < BATCHES; which++) {
            if (i == 0 && which != BATCH_ALL) continue;
            op_modes_run(m, which == BATCH_DIRECTIONS ? 0 : i, which == BATCH_POINTS ? 0 : i);
            compare_row(m, which, i);
        }
}

/* ---- the table ---- */

static bool check(const op_case *c, ebb_dtype dtype, bool native) {
    static op_modes m;
    if (!op_modes_start(&m, c, dtype, native)) return false;
    op_modes_run(&m, 0, 0);
    for (int engine = 0; engine < engines_there(&m.e); engine++)
        compare_series(&m, engine);
    compare_cotangents(&m);
    if (m.batched) compare_many(&m);
    op_modes_stop(&m);
    return true;
}

static bool is_small(const op_case *c) {
    int64_t size = 0;
    return c->operands > 0 && ebb_shape_size(&c->shape[0], &size) && size <= 40;
}

/* One case is enough for f32, and native code of a few of them: rules do not look at the dtype. */
static int check_operation(ebb_op op, ebb_dtype dtype) {
    bool native = dtype == EBB_F64 || op % 4 == 0,
         pointwise = ebb_op_table[op].access == EBB_POINT && ebb_op_table[op].arity > 0;
    op_case point = op_case_point(op, 5, op == EBB_OP_cast ? EBB_F64 : EBB_NONE);
    int cases = pointwise && check(&point, dtype, native);
    for (int i = 0; i < op_case_count; i++)
        if (op_cases[i].op == op && is_small(&op_cases[i]) && (dtype == EBB_F64 || !cases))
            cases += check(&op_cases[i], dtype, native && !cases);
    return cases;
}

/* sum_mul and sum_dot have any number of operands, and a test of their own: test_products.c. */
static bool has_derivative(ebb_op op) {
    if (op == EBB_OP_reduce_all || op == EBB_OP_reduce_any || op == EBB_OP_argmin || op == EBB_OP_arg_top_k)
        return false; /* the macros whose results are not real */
    ebb_family family = ebb_op_table[op].family;
    return family == EBB_LINEAR || family == EBB_BILINEAR || family == EBB_SMOOTH || family == EBB_SELECTION ||
           family == EBB_IMPLICIT || family == EBB_MACRO;
}

static int64_t all_batched(void) {
    int64_t sum = 0;
    for (int i = 0; i <= NESTINGS; i++)
        sum += batched[i];
    return sum;
}

static void check_all(ebb_dtype dtype, int part, int parts) {
    int cases = 0, operations = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        if (op % parts != part) continue;
        int64_t before = all_batched();
        int of_this = check_operation((ebb_op)op, dtype);
        if (has_derivative((ebb_op)op))
            cr_expect(of_this > 0 && all_batched() > before, "%s: %d cases, %lld numbers of many examples",
                      ebb_op_table[op].name, of_this, (long long)(all_batched() - before));
        cases += of_this;
        operations += of_this > 0;
    }
    printf("cases: %d of %d operations on %s; tensors compared, and of many examples:\n", cases, operations,
           ebb_dtype_short(dtype));
    for (int i = 0; i <= NESTINGS; i++) {
        cr_expect(compared[i] > 0 && batched[i] > 0);
        printf("  %s %lld, %lld\n", i < NESTINGS ? nesting_name[i] : "series", (long long)compared[i],
               (long long)batched[i]);
    }
    fflush(stdout);
}

Test(modes, f64_1) { check_all(EBB_F64, 0, 2); }
Test(modes, f64_2) { check_all(EBB_F64, 1, 2); }
Test(modes, f32) { check_all(EBB_F32, 0, 1); }

/* test_einsum.c - ebb_einsum against loops over all its letters.
 *
 * A row names an equation and the operands' shapes. The reference runs over every value of every letter and adds the
 * product of what it finds there; for derivatives the same loops give each operand's share. Start reading at `rows`. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(einsum, .init = start, .fini = stop);

enum { OPERANDS = 4, MOST = 4096 };

typedef struct row {
    const char *equation, *shape[OPERANDS]; /* "2,3"; "" is a scalar */
    const char *plain; /* the same with letters in place of "..." and with a result; NULL: as it is */
} row;

static const row rows[] = {
    {"i->i", {"4"}, NULL},
    {"ij->ij", {"2,3"}, NULL},
    {"ij->ji", {"2,3"}, NULL},
    {"ij->i", {"2,3"}, NULL},
    {"ij->j", {"2,3"}, NULL},
    {"ij->", {"2,3"}, NULL},
    {"i->", {"5"}, NULL},
    {"->", {""}, NULL},
    {"ijk->kij", {"2,3,4"}, NULL},
    {"ba", {"2,3"}, "ba->ab"},
    {"aB", {"2,3"}, "aB->Ba"},
    {"ii->i", {"3,3"}, NULL},
    {"ii->", {"3,3"}, NULL},
    {"ii", {"3,3"}, "ii->"},
    {"iii->i", {"2,2,2"}, NULL},
    {"iij->ij", {"3,3,2"}, NULL},
    {"iji->ji", {"3,2,3"}, NULL},
    {"ijij->ij", {"2,3,2,3"}, NULL},
    {"iijj->", {"2,2,3,3"}, NULL},
    {"ij,jk->ik", {"2,3", "3,4"}, NULL},
    {"ij,jk", {"2,3", "3,4"}, "ij,jk->ik"},
    {"ij,jk->ki", {"2,3", "3,4"}, NULL},
    {"ij,kj->ik", {"2,3", "4,3"}, NULL},
    {"ji,jk->ik", {"3,2", "3,4"}, NULL},
    {"ji,kj->ik", {"3,2", "4,3"}, NULL},
    {"bij,bjk->bik", {"2,3,4", "2,4,2"}, NULL},
    {"bij,bkj->bik", {"2,3,4", "2,2,4"}, NULL},
    {"bij,jk->bik", {"2,3,4", "4,2"}, NULL},
    {"ibj,kjb->ikb", {"3,2,4", "2,4,2"}, NULL},
    {"bhqd,bhkd->bhqk", {"2,2,3,4", "2,2,5,4"}, NULL},
    {"bqhd,bkhd->bhqk", {"2,3,2,4", "2,5,2,4"}, NULL},
    {"ijk,kjl->il", {"2,3,4", "4,3,2"}, NULL},
    {"ijkl,jmkn->imln", {"2,3,2,3", "3,2,2,2"}, NULL},
    {"i,i->", {"5", "5"}, NULL},
    {"i,i->i", {"5", "5"}, NULL},
    {"i,j->ij", {"3", "4"}, NULL},
    {"i,j->ji", {"3", "4"}, NULL},
    {"i,j->", {"3", "4"}, NULL},
    {"ij,ij->", {"3,4", "3,4"}, NULL},
    {"ij,ij->ij", {"3,4", "3,4"}, NULL},
    {"ij,ij->j", {"3,4", "3,4"}, NULL},
    {"ij,j->i", {"3,4", "4"}, NULL},
    {"ij,j->ij", {"3,4", "4"}, NULL},
    {"i,ij,j->", {"3", "3,4", "4"}, NULL},
    {"bi,bi->b", {"2,5", "2,5"}, NULL},
    {"ij,k->ik", {"3,4", "2"}, NULL},
    {"ii,ij->j", {"3,3", "3,2"}, NULL},
    {"iji,ij->j", {"3,2,3", "3,2"}, NULL},
    {",->", {"", ""}, NULL},
    {",ij->ji", {"", "2,3"}, NULL},
    {"ij,jk,kl->il", {"2,3", "3,4", "4,2"}, NULL},
    {"ij,jk,kl", {"5,2", "2,4", "4,2"}, "ij,jk,kl->il"},
    {"ij,jk,ki->", {"2,3", "3,4", "4,2"}, NULL},
    {"i,i,i->i", {"4", "4", "4"}, NULL},
    {"bn,anm,bm->ba", {"2,3", "3,3,2", "2,2"}, NULL},
    {"ab,bc,cd,de->ae", {"2,3", "3,2", "2,4", "4,2"}, NULL},
    {"ij,ab,ij,b->a", {"2,3", "2,2", "2,3", "2"}, NULL},
    {"...->...", {"2,3"}, "ab->ab"},
    {"...i->...", {"2,3,4"}, "abi->ab"},
    {"i...->...i", {"2,3,4"}, "iab->abi"},
    {"...ij->...ji", {"2,3,4"}, "aij->aji"},
    {"...ii->...i", {"2,3,3"}, "aii->ai"},
    {"...ij,...jk->...ik", {"2,3,4", "2,4,2"}, "aij,ajk->aik"},
    {"...ij,jk", {"2,2,3,4", "4,2"}, "abij,jk->abik"},
    {"...ij,...jk->...ik", {"2,1,3,4", "5,4,2"}, "azij,bjk->abik"},
    {"...,...->...", {"2,3", "3"}, "ab,b->ab"},
    {"...,...", {"2,1", "3"}, "az,b->ab"},
    {"i...,...", {"2,3", ""}, "ia,->ai"},
    {"...i,...i->...", {"2,3", "3"}, "ai,i->a"},
    {" i j , j k -> i k ", {"2,3", "3,4"}, "ij,jk->ik"},
    {"Ij,jK->IK", {"2,3", "3,4"}, NULL},
    {"ij,jk->ik", {"2,0", "0,3"}, NULL},
    {"ij,jk->ik", {"0,2", "2,3"}, NULL},
    {"ii->i", {"0,0"}, NULL},
    {"abcdefgh->hgfedcba", {"1,2,1,2,1,2,1,2"}, NULL},
    {"abcdef,fedcgh->abgh", {"1,2,2,1,2,2", "2,2,1,2,2,1"}, NULL},
};

/* ---- the reference ---- */

typedef struct problem {
    int operands, rank[OPERANDS + 1], letters;
    char axis[OPERANDS + 1][9]; /* of each operand, then of the result */
    int64_t dims[OPERANDS + 1][8], size[OPERANDS + 1];
    char letter[52];
    int extent[52];
} problem;

static int letter_at(const problem *p, char c) {
    int k = 0;
    while (k < p->letters && p->letter[k] != c)
        k++;
    return k;
}

static void read_problem(const row *r, problem *p) {
    const char *at = r->plain ? r->plain : r->equation;
    memset(p, 0, sizeof *p);
    for (; *at; at++) {
        if (isalpha((unsigned char)*at)) p->axis[p->operands][p->rank[p->operands]++] = *at;
        if (*at == ',' || *at == '-') p->operands++;
    }
    for (int k = 0; k < p->operands; k++) {
        const char *text = r->shape[k];
        p->size[k] = 1;
        for (int a = 0; a < p->rank[k]; a++) {
            char *end;
            int l = letter_at(p, p->axis[k][a]);
            p->size[k] *= p->dims[k][a] = strtol(text, &end, 10);
            text = *end ? end + 1 : end;
            if (l == p->letters) p->letter[p->letters++] = p->axis[k][a];
            p->extent[l] = (int)p->dims[k][a];
        }
    }
    const int y = p->operands;
    p->size[y] = 1;
    for (int a = 0; a < p->rank[y]; a++)
        p->size[y] *= p->dims[y][a] = p->extent[letter_at(p, p->axis[y][a])];
}

/* Where tensor k is read when letters have these values. */
static int64_t offset(const problem *p, int k, const int *value) {
    int64_t at = 0;
    for (int a = 0; a < p->rank[k]; a++)
        at = at * p->dims[k][a] + value[letter_at(p, p->axis[k][a])];
    return at;
}

static bool next(const problem *p, int *value) {
    for (int l = p->letters - 1; l >= 0; l--) {
        if (++value[l] < p->extent[l]) return true;
        value[l] = 0;
    }
    return false;
}

/* The result of x, and, where ct is given, the gradient of <ct, y> in each operand. */
static void refer(const problem *p, double (*x)[MOST], const double *ct, double *y, double (*dx)[MOST]) {
    int value[52] = {0};
    for (int l = 0; l < p->letters; l++)
        if (!p->extent[l]) return;
    do {
        int64_t to = offset(p, p->operands, value);
        double product = 1;
        for (int k = 0; k < p->operands; k++)
            product *= x[k][offset(p, k, value)];
        if (y) y[to] += product;
        for (int k = 0; k < p->operands && ct; k++) {
            double others = ct[to];
            for (int j = 0; j < p->operands; j++)
                if (j != k) others *= x[j][offset(p, j, value)];
            dx[k][offset(p, k, value)] += others;
        }
    } while (next(p, value));
}

/* ---- comparing ---- */

static double weight(int64_t k) { return ((double)(k % 7) - 2.5) / 4; }

static void fill(double *x, unsigned seed) {
    for (int i = 0; i < MOST; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (double)(seed >> 8) / (1 << 23) - 1;
    }
}

static void expect_numbers(const row *r, const char *what, int k, ebb_tensor *got, const double *want, int64_t n) {
    cr_expect_eq(ebb_size(got), n, "%s, %s %d: %d numbers, not %d", r->equation, what, k, (int)ebb_size(got), (int)n);
    for (int64_t i = 0; i < n && ebb_size(got) == n; i++)
        cr_expect_float_eq(ebb_item(got, i), want[i], 1e-11, "%s, %s %d: element %d is %.17g, should be %.17g",
                           r->equation, what, k, (int)i, ebb_item(got, i), want[i]);
}

static void body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const row *r = data;
    int n = 0;
    (void)e;
    while (n < OPERANDS && r->shape[n])
        n++;
    out[0] = ebb_einsum_at(r->equation, n, in, __FILE__, __LINE__);
}

/* sum of weight y */
static void loss(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    static double w[MOST];
    ebb_tensor *y;
    int64_t dims[8] = {0};
    body(e, in, &y, data);
    for (int a = 0; a < ebb_rank(y); a++)
        dims[a] = ebb_dim(y, a);
    for (int i = 0; i < MOST; i++)
        w[i] = weight(i);
    out[0] = ebb_sum(ebb_mul(y, ebb_constant(e, EBB_F64, ebb_rank(y), dims, w)));
}

static ebb_function *function_of(ebb_body *f, const row *r, ebb_mode mode) {
    return ebb_function_new(ebb, f, &(ebb_function_options){.data = (void *)(uintptr_t)r, .mode = mode});
}

/* Slopes in direction 1 - x of everything: y is a polynomial of degree one in each operand, so a difference of
 * gradients would do, but central differences of a cubic are exact: g' = (g(h) - g(-h)) / 2h + O(h^2 g'''), and h is
 * small. */
static void moved(const problem *p, double (*x)[MOST], double h, double (*to)[MOST]) {
    for (int k = 0; k < p->operands; k++)
        for (int64_t i = 0; i < p->size[k]; i++)
            to[k][i] = x[k][i] + h * (1 - x[k][i]);
}

/* Of each gradient along that direction, by Richardson's rule: exact up to the fourth power of h. */
static void refer_slopes(const problem *p, double (*x)[MOST], const double *ct, double (*slope)[MOST]) {
    static const double step[] = {1e-2, -1e-2, 2e-2, -2e-2}, share[] = {8 / 0.12, -8 / 0.12, -1 / 0.12, 1 / 0.12};
    static double at[OPERANDS][MOST], g[OPERANDS][MOST];
    memset(slope, 0, OPERANDS * sizeof *slope);
    for (int s = 0; s < 4; s++) {
        moved(p, x, step[s], at);
        memset(g, 0, sizeof g);
        refer(p, at, ct, NULL, g);
        for (int k = 0; k < p->operands; k++)
            for (int64_t i = 0; i < p->size[k]; i++)
                slope[k][i] += share[s] * g[k][i];
    }
}

static void check_derivatives(const row *r, const problem *p, double (*x)[MOST], ebb_tensor **in, ebb_mode mode) {
    static double ct[MOST], dx[OPERANDS][MOST], slope[OPERANDS][MOST];
    const int n = p->operands, which[OPERANDS] = {0, 1, 2, 3};
    ebb_tensor *out[2 * OPERANDS];
    ebb_operand arg[2 * OPERANDS];
    for (int i = 0; i < MOST; i++)
        ct[i] = weight(i);
    memset(dx, 0, sizeof dx);
    refer(p, x, ct, NULL, dx);
    refer_slopes(p, x, ct, slope);
    for (int k = 0; k < n; k++) {
        arg[k] = ebb_operand_tensor(in[k]);
        arg[n + k] = ebb_operand_tensor(ebb_sub(1, in[k]));
    }
    ebb_function *f = function_of(loss, r, mode), *grad = ebb_grad(f, &(ebb_wrt){.index = which, .count = n});
    ebb_function *all = ebb_jvp(grad, &(ebb_wrt){.index = which, .count = n});
    ebb_call_n(all, 2 * n, arg, 2 * n, out);
    for (int k = 0; k < n; k++) {
        expect_numbers(r, mode == EBB_NATIVE ? "native gradient" : "gradient", k, out[k], dx[k], p->size[k]);
        expect_numbers(r, "slope of the gradient", k, out[n + k], slope[k], p->size[k]);
    }
    ebb_function_free(all);
    ebb_function_free(grad);
    ebb_function_free(f);
}

static void check_row(const row *r) {
    static double x[OPERANDS][MOST], y[MOST];
    problem p;
    ebb_tensor *in[OPERANDS], *eager, *native;
    ebb_operand arg[OPERANDS];
    read_problem(r, &p);
    memset(y, 0, sizeof y);
    for (int k = 0; k < p.operands; k++) {
        fill(x[k], (unsigned)k + 1);
        int rank = 0;
        int64_t dims[8];
        for (const char *at = r->shape[k]; *at; at += *at == ',')
            dims[rank++] = strtol(at, (char **)(uintptr_t)&at, 10);
        in[k] = ebb_constant(ebb, EBB_F64, rank, dims, x[k]);
        arg[k] = ebb_operand_tensor(in[k]);
    }
    refer(&p, x, NULL, y, NULL);
    ebb_function *f = function_of(body, r, EBB_NATIVE);
    body(ebb, in, &eager, (void *)(uintptr_t)r);
    native = ebb_call_at(f, p.operands, arg, __FILE__, __LINE__);
    expect_numbers(r, "eager", 0, eager, y, p.size[p.operands]);
    expect_numbers(r, "native", 0, native, y, p.size[p.operands]);
    cr_expect_eq(ebb_rank(eager), p.rank[p.operands], "%s has rank %d", r->equation, ebb_rank(eager));
    for (int a = 0; a < ebb_rank(eager); a++)
        cr_expect_eq(ebb_dim(eager, a), p.dims[p.operands][a], "%s, axis %d", r->equation, a);
    cr_expect(ebb_size(eager) == 0 || !memcmp(ebb_data(eager), ebb_data(native), (size_t)ebb_size(eager) * 8),
              "%s: eager and native differ in a bit", r->equation);
    ebb_function_free(f);
    check_derivatives(r, &p, x, in, EBB_NATIVE);
    check_derivatives(r, &p, x, in, EBB_EAGER);
}

Test(einsum, values_and_derivatives) {
    for (int k = 0; k < COUNT(rows); k++)
        EBB_SCOPE (ebb)
            check_row(&rows[k]);
    printf("cases: %d equations, values and derivatives, eager and native\n", COUNT(rows));
}

/* ---- other dtypes, unknown sizes, refusals ---- */

static void matrix_product(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_einsum("ij,jk", in[0], in[0]);
}

Test(einsum, integers_wrap_and_f32) {
    ebb_tensor *i = ebb_literal(ebb, "[[2147483647, 1], [2, 3]]", EBB_I32), *l = ebb_cast(i, EBB_I64);
    ebb_tensor *f = ebb_literal(ebb, "[[1, 2], [3, 4]]", EBB_F32);
    expect_text(ebb_einsum("ij,jk", i, i), "[[          3 -2147483646]\n [          4          11]]", "i32");
    ebb_function *product = ebb_function_new(ebb, matrix_product, &(ebb_function_options){.mode = EBB_NATIVE});
    expect_text(ebb_call(product, i), "[[          3 -2147483646]\n [          4          11]]", "i32, native");
    expect_text(ebb_call(product, l),
                "[[4611686014132420611          2147483650]\n [         4294967300                  11]]",
                "i64, native");
    expect_text(ebb_call(product, f), "[[ 7. 10.]\n [15. 22.]]", "f32, native");
    expect_text(ebb_einsum("ij,ij->", l, l), "4611686014132420623", "i64");
    ebb_tensor *five = ebb_ones(ebb, EBB_F32, EBB_SHAPE(1, 1, 1, 1, 1));
    expect_text(ebb_einsum("abcde,fghij,abcde,fghij->", five, five, five, five), "1.0", "fewer axes first");
    expect_text(ebb_einsum("ij,kj->ik", f, f), "[[ 5. 11.]\n [11. 25.]]", "f32");
}

/* The matrices of a batch, a batch of unknown size on either side, and one letter among others. */
static const char *const open_equations[] = {"bij,jk->bik", "ij,bjk->bik", "bij,bjk->bik",
                                             "bi,jb->ij",   "bij,bij->",   "bij->jib"};

static void open_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    for (int k = 0; k < COUNT(open_equations); k++) {
        ebb_tensor *x = in[k == 1], *y = in[k != 1], *line = ebb_sum_over(in[0], EBB_AXES(2), false);
        if (k == 2 || k == 4) y = in[0];
        if (k == 3) x = line, y = ebb_transpose(line, EBB_AXES(1, 0));
        out[k] = k == 5 ? ebb_einsum(open_equations[k], x) : ebb_einsum(open_equations[k], x, y);
    }
}

Test(einsum, unknown_sizes) {
    ebb_function *f =
        ebb_function_new(ebb, open_body, &(ebb_function_options){.results = 6, .signature = "f32[b,3,3], f32[3,3]"});
    for (int64_t n = 0; n < 3; n++)
        EBB_SCOPE (ebb) {
            ebb_tensor *x = ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(n, 3, 3), 0, 1), *out[6], *want[6];
            ebb_tensor *in[] = {x, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(3, 3), 0, 1)};
            open_body(ebb, in, want, NULL); /* sums of a few f32 products, in another order */
            ebb_call_n(f, 2, ((ebb_operand[]){EBB_OPERAND(in[0]), EBB_OPERAND(in[1])}), 6, out);
            for (int k = 0; k < 6; k++)
                for (int64_t i = 0; i < ebb_size(want[k]); i++)
                    cr_expect_float_eq(ebb_item(out[k], i), ebb_item(want[k], i), 1e-5, "%s, batch of %d: element %d",
                                       open_equations[k], (int)n, (int)i);
        }
}

Test(einsum, refusals) {
    ebb_tensor *x = ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 3)), *y = ebb_ones(ebb, EBB_F32, EBB_SHAPE(4, 2));
    ebb_tensor *i = ebb_ones(ebb, EBB_I32, EBB_SHAPE(2, 3)), *b = ebb_ones(ebb, EBB_BOOL, EBB_SHAPE(2, 3));
    ebb_tensor *five = ebb_ones(ebb, EBB_F32, EBB_SHAPE(1, 1, 1, 1, 1)), *many[17];
    for (int k = 0; k < 17; k++)
        many[k] = x;
#define REFUSE(code, text, call)                                                                                       \
    cr_expect(ebb_is_poison(call), "%s", text);                                                                        \
    expect_error(ebb, code, text, "%s", #call)
    REFUSE(EBB_VALUE_ERROR, "ebb_einsum: \"ij,jk->ik\": column 4: letter 'j' has size [4] in operand 2 and [3] before",
           ebb_einsum("ij,jk->ik", x, y));
    REFUSE(EBB_VALUE_ERROR, "ebb_einsum: \"ii\": column 2: letter 'i' has size [3] in operand 1 and [2] before",
           ebb_einsum("ii", x));
    REFUSE(EBB_VALUE_ERROR, "\"...,...\": column 5: an axis of \"...\" has size [4] in operand 2 and [2] before",
           ebb_einsum("...,...", x, y));
    REFUSE(EBB_VALUE_ERROR, "\"ijk,jk\": column 1: operand 1 is f32[2,3]; it needs 3 axes", ebb_einsum("ijk,jk", x, y));
    REFUSE(EBB_VALUE_ERROR, "\"i\": column 1: operand 1 is f32[2,3]; it needs 1 axes", ebb_einsum("i", x));
    REFUSE(EBB_VALUE_ERROR, "\"ij, ...abc\": column 5: operand 2 is f32[4,2]; it needs at least 3 axes",
           ebb_einsum("ij, ...abc", x, y));
    REFUSE(EBB_VALUE_ERROR, "\"ij->iz\": column 6: letter 'z' is in no operand", ebb_einsum("ij->iz", x));
    REFUSE(EBB_VALUE_ERROR, "\"ij->iji\": column 7: letter 'i' is in the result twice", ebb_einsum("ij->iji", x));
    REFUSE(EBB_VALUE_ERROR, "\"i...->i\": column 7: the result has no \"...\"", ebb_einsum("i...->i", x));
    REFUSE(EBB_VALUE_ERROR, "\"i......\": column 5: a second \"...\"", ebb_einsum("i......", x));
    REFUSE(EBB_VALUE_ERROR, "\"i..j\": column 2: expected a letter, \"...\", \",\", \"->\" or the end",
           ebb_einsum("i..j", x));
    REFUSE(EBB_VALUE_ERROR, "\"ij->i,j\": column 6: expected a letter, \"...\" or the end", ebb_einsum("ij->i,j", x));
    REFUSE(EBB_VALUE_ERROR, "\"ij-i\": column 3: expected", ebb_einsum("ij-i", x));
    REFUSE(EBB_VALUE_ERROR, "\"i1\": column 2: expected", ebb_einsum("i1", x));
    REFUSE(EBB_VALUE_ERROR, "\"abcdefghi\": column 9: more than 8 axes", ebb_einsum("abcdefghi", x));
    REFUSE(EBB_VALUE_ERROR, "\"ij,jk\": it has 2 operands; 1 are given", ebb_einsum("ij,jk", x));
    REFUSE(EBB_VALUE_ERROR, "\"ij\": it has 1 operands; 2 are given", ebb_einsum("ij", x, x));
    REFUSE(EBB_VALUE_ERROR, "more than 16 operands",
           ebb_einsum_at("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", 17, many, __FILE__, __LINE__));
    REFUSE(EBB_VALUE_ERROR, "a product or the result has 10 axes; 8 at most", ebb_einsum("abcde,fghij", five, five));
    REFUSE(EBB_TYPE_ERROR, "\"ij,ij\": f32 and i32 do not mix; cast one", ebb_einsum("ij,ij", x, i));
    REFUSE(EBB_TYPE_ERROR, "\"ij\": operand 1 is bool[2,3]; it needs i32, i64, f32 or f64", ebb_einsum("ij", b));
    REFUSE(EBB_TYPE_ERROR, "the equation or the operands are missing", ebb_einsum(NULL, x));
    REFUSE(EBB_TYPE_ERROR, "the equation or the operands are missing", ebb_einsum_at("i", 1, NULL, __FILE__, __LINE__));
    REFUSE(EBB_TYPE_ERROR, "ebb_einsum: operand 2", ebb_einsum("ij,jk", x, NULL));
}

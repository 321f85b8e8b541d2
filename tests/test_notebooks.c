/* test_notebooks.c - the cells of the notebooks 000 to 003 that the library was made from, with the outputs they
 * print. test_notebooks_training.c has their training loops, test_variables.c their variables.
 *
 * Where a cell differentiates, it runs four ways: eagerly; as a function run eagerly; compiled with the tape outside;
 * compiled with the gradient inside. Numbers are exact. */
#include <criterion/criterion.h>
#include <string.h>

#include "frontend/common/progress.h"
#include "tests/support/check.h"
#include "tests/support/four_ways.h"

/* ---- the formulas that the cells differentiate ---- */

#define FORMULA(name, ...)                                                                                             \
    static void name(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {                          \
        (void)ebb, (void)data;                                                                                         \
        out[0] = (__VA_ARGS__);                                                                                        \
    }

FORMULA(polynomial, ebb_add(ebb_add(ebb_pow(in[0], 2), ebb_mul(2, in[0])), 1))
FORMULA(squared, ebb_square(in[0]))
FORMULA(cubed, ebb_pow(in[0], 3))
FORMULA(two_variables, ebb_add(ebb_add(ebb_square(in[0]), ebb_mul(2, ebb_square(in[1]))), 1))
FORMULA(fall, ebb_mul(4.9, ebb_pow(in[0], 2))) /* by logarithms, pow would give NaN at 0 */
FORMULA(line, ebb_add(ebb_mul(ebb_literal(ebb, "0.25", EBB_F32), in[0]), in[1]))

/* b = a^2, c = sqrt(a), d = b + c, e = a b d: each element of e is 4. */
static void squares_and_roots(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_tensor *a = in[0], *b = ebb_square(a), *d = ebb_add(b, ebb_sqrt(a));
    out[0] = ebb_mul(ebb_matmul(a, b), d);
}

/* sum((x w + b - y)^2) in w and b; its Hessian is 2 A'A with A = [x, 1]. */
static void matrix_loss(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    ebb_tensor *x = ebb_literal(ebb, "[[1., 2.], [3., 4.]]", EBB_F32), *y = ebb_literal(ebb, "[[1.], [2.]]", EBB_F32);
    out[0] = ebb_sum(ebb_square(ebb_sub(ebb_add(ebb_matmul(x, in[0]), in[1]), y)));
}

/* ---- the cells ---- */

static const struct cell {
    const char *id;
    question ask;
    const char *x[2], *answers[ANSWERS];
} cells[] = {
    {"G000-6", {.body = polynomial, .n = 1}, {"3."}, {"16.0", "8.0"}},
    {"G001-14", {.body = squared, .n = 1}, {"3."}, {"9.0", "6.0"}},
    {"G001-15 y", {.body = squared, .n = 1, .tape_flags = EBB_TAPE_PERSISTENT}, {"3."}, {"9.0", "6.0"}},
    {"G001-15 z", {.body = cubed, .n = 1, .tape_flags = EBB_TAPE_PERSISTENT}, {"3."}, {"27.0", "27.0"}},
    {"G001-16", {.body = squared, .n = 1, .tape_flags = EBB_TAPE_MANUAL, .unwatched = true}, {"3."}, {"9.0", "None"}},
    {"G001-17 and, of a tensor, G001-18",
     {.body = squared, .n = 1, .tape_flags = EBB_TAPE_MANUAL},
     {"3."},
     {"9.0", "6.0"}},
    {"G001-19, G001-20", {.body = two_variables, .n = 2}, {"3.", "4."}, {"42.0", "6.0", "16.0"}},
    {"G001-21",
     {.body = two_variables, .n = 2, .tape_flags = EBB_TAPE_PERSISTENT},
     {"3.", "4."},
     {"42.0", "6.0", "16.0"}},
    {"G001-22",
     {.body = two_variables, .n = 2, .tape_flags = EBB_TAPE_PERSISTENT, .order = SECOND},
     {"3.", "4."},
     {"42.0", "6.0", "16.0", "2.0", "4.0"}},
    {"G001-23",
     {.body = two_variables, .n = 2},
     {"[1., 2, 3]", "[4., 5, 6]"},
     {"[34. 55. 82.]", "[2. 4. 6.]", "[16. 20. 24.]"}},
    {"G001-25",
     {.body = two_variables, .n = 2, .order = HESSIAN},
     {"3.", "4."},
     {"42.0", "6.0", "16.0", "2.0", "0.0", "0.0", "4.0"}},
    {"G002-8",
     {.body = squares_and_roots, .n = 1},
     {"[[1., 1], [1, 1]]"},
     {"[[4. 4.]\n [4. 4.]]", "[[17. 17.]\n [17. 17.]]"}},
    {"G002-9 and, of a tensor, G002-10", {.body = squared, .n = 1}, {"3."}, {"9.0", "6.0"}},
    {"G002-11: position, speed, acceleration", {.body = fall, .n = 1, .order = SECOND}, {"0."}, {"0.0", "0.0", "9.8"}},
    {"G003-1", {.body = squared, .n = 1}, {"3."}, {"9.0", "6.0"}},
    {"G003-2", {.body = line, .n = 2}, {"0.5", "3."}, {"3.125", "0.25", "1.0"}},
    {"G003-3", {.body = matrix_loss, .n = 2}, {"[[1.], [2.]]", "1."}, {"125.0", "[[ 70.]\n [100.]]", "30.0"}},
    {"G003-5",
     {.body = matrix_loss, .n = 2, .order = HESSIAN},
     {"[[1.], [2.]]", "1."},
     {"125.0", "[[ 70.]\n [100.]]", "30.0", "[[[[20.]\n   [28.]]]\n\n\n [[[28.]\n   [40.]]]]", "[[ 8.]\n [12.]]",
      "[[ 8.]\n [12.]]", "4.0"}},
};

/* A derivative that is zero everywhere is absent or zero: that depends on the way, and is the only thing that does. */
static void expect_answer(const ebb_tensor *have, const char *text, const char *id, int k, way w, bool variable) {
    if (ebb_is_absent(have) && k > 0 && strcmp(text, "0.0") == 0) return;
    expect_text(have, text, "%s, answer %d, %s, of a %s", id, k, way_name[w], variable ? "variable" : "tensor");
}

static void run_cell(ebb_context *ebb, const struct cell *c, way w, bool variable) {
    ebb_tensor *x[2] = {0}, *out[ANSWERS];
    for (int i = 0; i < c->ask.n; i++) {
        x[i] = ebb_literal(ebb, c->x[i], EBB_F32);
        if (variable) x[i] = ebb_variable(ebb, x[i], "x");
    }
    int count = answer(ebb, &c->ask, w, x, out);
    for (int k = 0; k < count; k++)
        expect_answer(out[k], c->answers[k], c->id, k, w, variable);
    expect_ok(ebb, "%s, %s", c->id, way_name[w]);
}

Test(notebooks, cells_with_gradients_four_ways) {
    ebb_context *ebb = ebb_open(NULL);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        for (way w = 0; w < WAYS; w++)
            for (int variable = 0; variable < 2; variable++)
                EBB_SCOPE (ebb)
                    run_cell(ebb, &cells[i], w, variable);
    ebb_close(ebb);
}

/* ---- what is not a formula with its derivatives ---- */

Test(notebooks, g000_3_assign_add) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *v = ebb_variable(ebb, ebb_scalar(ebb, 1.0f), NULL);
    expect_text(ebb_assign_add(v, 1.0), "2.0", "G000-3 returned");
    expect_text(v, "2.0", "G000-3");
    ebb_close(ebb);
}

Test(notebooks, g001_24_asked_twice) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *y = ebb_square(x);
    expect_text(ebb_gradient(tape, y, x), "6.0", "G001-24");
    cr_expect(ebb_is_poison(ebb_gradient(tape, y, x)), "G001-24");
    expect_error(ebb, EBB_RUNTIME_ERROR, "only once", "G001-24");
    ebb_close(ebb);
}

Test(notebooks, g002_1_to_8_tensors) {
    ebb_context *ebb = ebb_open(NULL);
    char text[128];
    ebb_format(ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 1)), text, sizeof text);
    cr_expect_str_eq(text, "ebb.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)", "G002-1: %s", text);
    expect_text(ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 1)), "[[0.]\n [0.]]", "G002-1");
    float host[4] = {1, 1, 1, 1};
    host[0] = 0;
    ebb_tensor *x = ebb_constant(ebb, EBB_F32, EBB_SHAPE(2, 2), host);
    expect_text(x, "[[0. 1.]\n [1. 1.]]", "G002-3: a host array can be written");
    cr_expect(ebb_is_poison(ebb_assign_item(x, EBB_INDEX(0, 0), 0)));
    expect_error(ebb, EBB_TYPE_ERROR, "cannot be written", "G002-4: a tensor cannot");
    ebb_tensor *v = ebb_variable(ebb, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(3, 1), 0, 1), "v"); /* G002-5 */
    cr_expect(ebb_rank(v) == 2 && ebb_dim(v, 0) == 3 && ebb_dim(v, 1) == 1 && ebb_dtype_of(v) == EBB_F32, "G002-5");
    expect_text(ebb_assign(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1))), "[[1.]\n [1.]\n [1.]]", "G002-6");
    expect_text(ebb_assign_item(v, EBB_INDEX(0, 0), 3.), "[[3.]\n [1.]\n [1.]]", "G002-6");
    expect_text(ebb_assign_add(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1))), "[[4.]\n [2.]\n [2.]]", "G002-7");
    expect_text(ebb_assign_sub(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1))), "[[3.]\n [1.]\n [1.]]", "G002-7");
    expect_text(ebb_sqrt(ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 2))), "[[1. 1.]\n [1. 1.]]", "G002-8: IEEE's root");
    expect_ok(ebb, "G002");
    ebb_close(ebb);
}

Test(notebooks, g003_4_names) {
    ebb_context *ebb = ebb_open(NULL);
    cr_expect_str_eq(ebb_name(ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "w")), "w:0", "G003-4");
    cr_expect_str_eq(ebb_name(ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "b")), "b:0", "G003-4");
    ebb_close(ebb);
}

/* G003-8: a bar of a thousand, described every ten steps. */
Test(notebooks, g003_8_progress_bar) {
    FILE *to = tmpfile();
    cr_assert_not_null(to);
    progress bar = {.to = to, .live = true};
    char label[40] = "", text[1 << 17];
    for (int i = 0; i < 1000; i++) {
        if (i % 10 == 0) snprintf(label, sizeof label, "loss: %d", i);
        progress_draw(&bar, label, i + 1, 1000, "");
    }
    rewind(to);
    size_t length = fread(text, 1, sizeof text - 1, to);
    text[length] = 0;
    fclose(to);
    int labels = 0;
    for (int i = 0; i < 1000; i += 10) {
        snprintf(label, sizeof label, "\rloss: %d:", i);
        labels += strstr(text, label) != NULL;
    }
    cr_expect_eq(labels, 100);
    cr_expect_not_null(strstr(text, "100%|########################| 1000/1000"), "%s",
                       text + (length > 200 ? length - 200 : 0));
}

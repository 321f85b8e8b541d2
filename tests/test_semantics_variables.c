/* test_semantics_variables.c - how tensors and variables behave, line by line: each test is a numbered line of the list
 * that the library follows, which is TensorFlow's behaviour in C's clothes. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(semantics_1, .init = start, .fini = stop);

static ebb_tensor *literal(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }
static ebb_tensor *variable(const char *text) { return ebb_variable(ebb, literal(text), "v"); }

Test(semantics_1, line_1_literals) {
    static const struct {
        const char *text;
        ebb_dtype asked, dtype;
        const char *value;
    } cases[] = {{"3", EBB_NONE, EBB_I32, "3"},
                 {"[1, 2]", EBB_NONE, EBB_I32, "[1 2]"},
                 {"3.", EBB_NONE, EBB_F32, "3.0"},
                 {"[1, 2.5]", EBB_NONE, EBB_F32, "[1.  2.5]"},
                 {"[1, 2]", EBB_F64, EBB_F64, "[1. 2.]"}};
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_tensor *x = ebb_literal(ebb, cases[i].text, cases[i].asked);
        cr_expect_eq(ebb_dtype_of(x), cases[i].dtype, "%s", cases[i].text);
        expect_text(x, cases[i].value, "%s", cases[i].text);
    }
}

Test(semantics_1, line_2_a_variable_copies_its_value) {
    ebb_tensor *x = literal("[1, 2]"), *v = ebb_variable(ebb, x, "v"), *w = ebb_variable(ebb, v, "w");
    ebb_assign(v, literal("[5, 6]"));
    expect_text(x, "[1 2]", "what it was made from");
    expect_text(w, "[1 2]", "a variable made from it");
    cr_expect_neq(ebb_data(v), ebb_data(w));
    cr_expect(ebb_dtype_of(v) == EBB_I32 && ebb_rank(v) == 1 && ebb_dim(v, 0) == 2);
}

Test(semantics_1, line_3_assign_keeps_shape_and_dtype) {
    ebb_tensor *a = variable("[2., 3.]");
    ebb_assign(a, literal("[1., 2., 3.]"));
    expect_error(ebb, EBB_VALUE_ERROR, "variable v:0 is f32[2], the value f32[3]", "another shape");
    ebb_assign(a, literal("[1, 2]"));
    expect_error(ebb, EBB_VALUE_ERROR, "the value i32[2]", "no cast between tensors");
    expect_text(a, "[2. 3.]", "unchanged");
    ebb_assign(a, ebb_literal(ebb, "[1, 2]", ebb_dtype_of(a)));
    expect_text(a, "[1. 2.]", "a literal is converted");
    cr_expect_eq(ebb_dtype_of(a), EBB_F32);
}

Test(semantics_1, line_4_assigns_give_the_new_value) {
    ebb_tensor *v = variable("1.");
    expect_text(ebb_assign(v, 2), "2.0", "assign");
    expect_text(ebb_assign_add(v, ebb_assign_add(v, 1)), "6.0", "chained: 3 + 3");
    expect_text(ebb_assign_sub(v, 0.5), "5.5", "assign_sub");
}

/* ---- 5: parts; everything eagerly and inside a compiled function ---- */

typedef struct part {
    const char *name, *variable;
    int count;
    int64_t index[3]; /* count >= 0: of an item */
    int64_t start[2], stop[2], step[2];
    const char *value, *after;
} part;

static const part parts[] = {
    {"one element", "[[1., 2.], [3., 4.]]", 2, {1, 0}, {0}, {0}, {0}, "9.", "[[1. 2.]\n [9. 4.]]"},
    {"from the end", "[[1., 2.], [3., 4.]]", 2, {-1, -1}, {0}, {0}, {0}, "9.", "[[1. 2.]\n [3. 9.]]"},
    {"a row", "[[1., 2.], [3., 4.]]", 1, {1}, {0}, {0}, {0}, "[7., 8.]", "[[1. 2.]\n [7. 8.]]"},
    {"a row of one number", "[[1, 2], [3, 4]]", 1, {0}, {0}, {0}, {0}, "7", "[[7 7]\n [3 4]]"},
    {"all of it", "[1, 2]", 0, {0}, {0}, {0}, {0}, "5", "[5 5]"},
    {"a scalar", "1.", 0, {0}, {0}, {0}, {0}, "5.", "5.0"},
    {"booleans", "[true, true]", 1, {1}, {0}, {0}, {0}, "false", "[ True False]"},
    {"beside NaN", "[nan, inf, 1.]", 1, {2}, {0}, {0}, {0}, "nan", "[nan inf nan]"},
    {"a block", "[[1, 2, 3], [4, 5, 6]]", -1, {0}, {0, 1}, {2, 3}, {1, 1}, "[[7, 8], [9, 0]]", "[[1 7 8]\n [4 9 0]]"},
    {"with steps", "[[1, 2, 3], [4, 5, 6]]", -1, {0}, {0, 0}, {2, 3}, {2, 2}, "[[7, 8]]", "[[7 2 8]\n [4 5 6]]"},
    {"a stretched row", "[[1, 2], [3, 4]]", -1, {0}, {0, 0}, {2, 2}, {1, 1}, "[8, 9]", "[[8 9]\n [8 9]]"},
    {"an empty block", "[[1, 2], [3, 4]]", -1, {0}, {1, 1}, {1, 2}, {1, 1}, "7", "[[1 2]\n [3 4]]"},
};

static ebb_tensor *write_part(const part *p, ebb_tensor *v, ebb_tensor *x) {
    if (p->count < 0) return ebb_assign_slice(v, p->start, p->stop, p->step, x);
    return ebb_assign_item(v, p->count, p->index, x);
}

typedef struct writing {
    const part *part;
    ebb_tensor *v;
} writing;

static void write_inside(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    const writing *w = data;
    ebb_tensor *v = write_part(w->part, w->v, in[0]);
    out[0] = v;
}

Test(semantics_1, line_5_a_part_is_written_in_place) {
    for (int i = 0; i < COUNT(parts); i++)
        for (int native = 0; native < 2; native++)
            EBB_SCOPE (ebb) {
                const part *p = &parts[i];
                writing w = {p, variable(p->variable)};
                ebb_tensor *before = ebb_stop_gradient(w.v), *x = literal(p->value);
                char old[64];
                ebb_format_value(before, old, sizeof old);
                if (native) {
                    ebb_function *f =
                        ebb_function_new(ebb, write_inside, &(ebb_function_options){.data = &w, .mode = EBB_NATIVE});
                    expect_text(ebb_call(f, x), p->after, "%s, what a compiled function gives", p->name);
                } else {
                    cr_expect_eq(write_part(p, w.v, x), w.v, "%s gives the variable", p->name);
                }
                expect_text(w.v, p->after, "%s, %s", p->name, native ? "compiled" : "eager");
                expect_text(before, old, "%s: what was read before", p->name);
                expect_ok(ebb, "%s", p->name);
            }
}

Test(semantics_1, line_5_nothing_is_copied) {
    ebb_tensor *v = variable("[[1., 2.], [3., 4.]]");
    const void *place = ebb_data(v);
    for (int i = 0; i < 4; i++)
        ebb_assign_item(v, EBB_INDEX(i / 2, i % 2), (double)i);
    expect_text(v, "[[0. 1.]\n [2. 3.]]", "four elements");
    cr_expect_eq(ebb_data(v), place, "nobody holds the old value");
    ebb_assign_item(v, EBB_INDEX(0), v);
    expect_error(ebb, EBB_VALUE_ERROR, "the part of v:0 is f32[2], the value f32[2,2]", "itself into its row");
    ebb_assign_item(v, 0, NULL, v);
    expect_text(v, "[[0. 1.]\n [2. 3.]]", "itself into itself");
    ebb_assign_item(v, EBB_INDEX(1),
                    ebb_reshape(ebb_slice(v, ((int64_t[]){0, 0}), ((int64_t[]){1, 2}), NULL), EBB_SHAPE(2)));
    expect_text(v, "[[0. 1.]\n [0. 1.]]", "one row into another");
}

Test(semantics_1, line_5_refusals) {
    ebb_tensor *v = variable("[[1., 2.], [3., 4.]]"), *whole = variable("[1, 2]");
    ebb_assign_item(v, EBB_INDEX(2, 0), 9.);
    expect_error(ebb, EBB_INDEX_ERROR, "index 2 of axis 0 is outside f32[2,2]", "past the end");
    ebb_assign_item(v, EBB_INDEX(0, -3), 9.);
    expect_error(ebb, EBB_INDEX_ERROR, "index -3 of axis 1", "before the start");
    ebb_assign_item(v, EBB_INDEX(0, 0, 0), 9.);
    expect_error(ebb, EBB_INDEX_ERROR, "3 indices for f32[2,2]", "too many");
    ebb_assign_item(v, EBB_INDEX(0, 0), literal("[1., 2.]"));
    expect_error(ebb, EBB_VALUE_ERROR, "the part of v:0 is f32[], the value f32[2]", "too much");
    ebb_assign_item(v, EBB_INDEX(0, 0), literal("1"));
    expect_error(ebb, EBB_VALUE_ERROR, "the value i32[]", "another dtype");
    ebb_assign_item(whole, EBB_INDEX(0), 1.5);
    expect_error(ebb, EBB_TYPE_ERROR, "not whole", "a fraction");
    ebb_assign_slice(v, NULL, NULL, NULL, 1.);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_assign_slice: start or stop is NULL", "no positions");
    ebb_assign_slice(v, ((int64_t[]){0, 0}), ((int64_t[]){2, 2}), ((int64_t[]){0, 1}), 1.);
    expect_error(ebb, EBB_VALUE_ERROR, "step 0 of axis 0", "no step");
    cr_expect(ebb_is_poison(ebb_assign_item(NULL, EBB_INDEX(0), 1)));
    expect_error(ebb, EBB_TYPE_ERROR, "operand 1 is NULL", "nothing");
    expect_text(v, "[[1. 2.]\n [3. 4.]]", "unchanged");
}

/* ---- 6 to 9 ---- */

Test(semantics_1, line_6_trainable_and_what_tensors_lack) {
    cr_expect(ebb_trainable(variable("3")), "also of integers");
    ebb_tensor *x = literal("[[1., 1.], [1., 1.]]");
    ebb_assign(x, 3);
    expect_error(ebb, EBB_ATTRIBUTE_ERROR, "a tensor has no assign", "assign");
    cr_expect(!ebb_trainable(x));
    expect_error(ebb, EBB_ATTRIBUTE_ERROR, "a tensor has no trainable", "trainable");
    cr_expect(ebb_is_poison(ebb_assign_item(x, EBB_INDEX(0, 0), 0))); /* G002-4 */
    expect_error(ebb, EBB_TYPE_ERROR, "a tensor's elements cannot be written", "an element");
    ebb_assign_slice(x, ((int64_t[]){0, 0}), ((int64_t[]){1, 1}), NULL, 0);
    expect_error(ebb, EBB_TYPE_ERROR, "a tensor's elements cannot be written", "a block");
}

Test(semantics_1, line_7_names) {
    ebb_tensor *unnamed = ebb_variable(ebb, literal("1"), NULL), *a = ebb_variable(ebb, literal("1"), "w"),
               *b = ebb_variable(ebb, literal("2"), "w");
    cr_expect_str_eq(ebb_name(unnamed), "Variable:0");
    cr_expect(a != b && strcmp(ebb_name(a), "w:0") == 0 && strcmp(ebb_name(b), "w:0") == 0);
}

Test(semantics_1, line_8_tensor_or_variable) {
    ebb_tensor *x = literal("1"), *v = variable("1");
    cr_expect(ebb_is_tensor(x) && !ebb_is_variable(x));
    cr_expect(!ebb_is_tensor(v) && ebb_is_variable(v));
}

Test(semantics_1, line_9_state_stops_gradients) {
    ebb_tensor *x0 = variable("3."), *x1 = variable("0.");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_assign_add(x1, x0);
    ebb_tensor *y = ebb_square(x1);
    cr_expect(ebb_is_absent(ebb_gradient(tape, y, x0)));
    expect_text(ebb_gradient(tape, y, x1), "6.0", "the state itself");
    ebb_assign_item(x1, 0, NULL, x0);
    y = ebb_square(x1);
    cr_expect(ebb_is_absent(ebb_gradient(tape, y, x0)), "also through a part");
}

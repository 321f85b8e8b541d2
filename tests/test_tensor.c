/* test_tensor.c - contexts and errors, makers and readers of tensors, scopes, handles, memory. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/values.h"
#include "tests/support/check.h"
#include "tests/support/scarce.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(tensor, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }

/* ---- contexts and errors ---- */

Test(tensor, versions_and_codes_have_names) {
    cr_expect_str_eq(ebb_version(), "0.1.0");
    cr_expect_str_eq(ebb_code_name(EBB_VALUE_ERROR), "ValueError");
    cr_expect_str_eq(ebb_code_name((ebb_code)99), "unknown error");
    for (int code = EBB_OK; code <= EBB_INTERNAL_ERROR; code++)
        cr_expect_gt(strlen(ebb_code_name((ebb_code)code)), 1, "code %d", code);
}

Test(tensor, the_first_error_is_kept_until_it_is_cleared) {
    ebb_tensor *x = read("[1, 2, 3]"), *y = read("[1, 2, 3, 4]");
    cr_expect(ebb_ok(ebb));
    cr_expect_str_eq(ebb_error(ebb), "");
    ebb_tensor *sum = ebb_add_at(EBB_OPERAND(x), EBB_OPERAND(y), "a.c", 7);
    cr_expect(ebb_is_poison(sum) && !ebb_ok(ebb));
    cr_expect_str_eq(ebb_error(ebb), "ebb_add: shapes [3] and [4] do not broadcast (a.c:7)");
    cr_expect(ebb_is_poison(ebb_neg(ebb_exp(sum))), "what is made of poison is poison");
    ebb_neg(NULL);
    cr_expect_str_eq(ebb_error(ebb), "ebb_add: shapes [3] and [4] do not broadcast (a.c:7)");
    ebb_clear_error(ebb);
    cr_expect(ebb_ok(ebb) && !strcmp(ebb_error(ebb), "") && ebb_error_code(ebb) == EBB_OK);
    expect_text(ebb_neg(x), "[-1 -2 -3]", "usable after an error");
}

Test(tensor, a_call_with_nothing_but_null_reports_to_the_context_used_last) {
    ebb_context *other = ebb_open(NULL);
    read("1");
    ebb_neg(NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_neg: operand 1 is NULL", "used last");
    expect_ok(other, "not used last");
    ebb_close(other);
    ebb_close(NULL);
    ebb_tensor *lost = ebb_neg(NULL); /* a context was closed since: nobody to report to */
    expect_ok(ebb, "no context");
    cr_expect(ebb_is_poison(lost));
    ebb_add(read("1"), lost);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_add: operand 2 is the result of a call without a context",
                 "poison of nobody");
}

Test(tensor, functions_of_contexts_take_null) {
    cr_expect_not(ebb_ok(NULL));
    cr_expect_eq((int)ebb_error_code(NULL), EBB_TYPE_ERROR);
    cr_expect_str_eq(ebb_error(NULL), "the context is NULL");
    ebb_clear_error(NULL);
    ebb_scope_close(NULL, 1);
    cr_expect_eq(ebb_scope_open(NULL), 0);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_scope_open: the context is NULL", "scope");
    struct {
        const char *name;
        ebb_tensor *made;
    } made[] = {{"scalar", ebb_scalar(NULL, 1.0f)},
                {"constant", ebb_constant(NULL, EBB_F32, EBB_SCALAR, &(float){1})},
                {"literal", ebb_literal(NULL, "1", EBB_NONE)},
                {"full", ebb_full(NULL, EBB_F32, EBB_SCALAR, 1)},
                {"zeros", ebb_zeros(NULL, EBB_F32, EBB_SCALAR)},
                {"ones", ebb_ones(NULL, EBB_F32, EBB_SCALAR)},
                {"range", ebb_range(NULL, EBB_F32, 3)},
                {"variable", ebb_variable(NULL, read("1"), NULL)},
                {"uniform", ebb_random_uniform(NULL, EBB_F32, EBB_SCALAR, 0, 1)},
                {"normal", ebb_random_normal(NULL, EBB_F32, EBB_SCALAR, 0, 1)}};
    ebb_clear_error(ebb);
    for (int i = 0; i < COUNT(made); i++)
        cr_expect(ebb_is_poison(made[i].made), "%s", made[i].name);
    ebb_set_seed(NULL, 1);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_set_seed: the context is NULL", "seed");
}

/* ---- makers ---- */

Test(tensor, makers_take_the_dtype_of_c) {
    struct {
        ebb_tensor *x;
        const char *text;
    } made[] = {
        {ebb_scalar(ebb, 3.0f), "ebb.Tensor(3.0, shape=(), dtype=float32)"},
        {ebb_scalar(ebb, 0.1), "ebb.Tensor(0.1, shape=(), dtype=float64)"},
        {ebb_scalar(ebb, 3), "ebb.Tensor(3, shape=(), dtype=int32)"},
        {ebb_scalar(ebb, INT64_MIN), "ebb.Tensor(-9223372036854775808, shape=(), dtype=int64)"},
        {ebb_scalar(ebb, (bool)1), "ebb.Tensor(True, shape=(), dtype=bool)"},
        {ebb_scalar_at(ebb, EBB_F64, EBB_NUMBER(3)), "ebb.Tensor(3.0, shape=(), dtype=float64)"},
        {ebb_constant(ebb, EBB_I64, EBB_SHAPE(2), (int64_t[]){1, 2}), "ebb.Tensor([1 2], shape=(2,), dtype=int64)"},
        {ebb_constant(ebb, EBB_BOOL, EBB_SHAPE(2), "\0\7"), "ebb.Tensor([False  True], shape=(2,), dtype=bool)"},
        {ebb_full(ebb, EBB_I32, EBB_SHAPE(3), 7), "ebb.Tensor([7 7 7], shape=(3,), dtype=int32)"},
        {ebb_full(ebb, EBB_F32, EBB_SHAPE(0), 7), "ebb.Tensor([], shape=(0,), dtype=float32)"},
        {ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 1)),
         "ebb.Tensor(\n[[0.]\n [0.]], shape=(2, 1), dtype=float32)"}, /* G002-1 */
        {ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 1)), "ebb.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)"},
        {ebb_ones(ebb, EBB_BOOL, EBB_SCALAR), "ebb.Tensor(True, shape=(), dtype=bool)"},
        {ebb_range(ebb, EBB_I32, 5), "ebb.Tensor([0 1 2 3 4], shape=(5,), dtype=int32)"},
        {ebb_range(ebb, EBB_F64, 3), "ebb.Tensor([0. 1. 2.], shape=(3,), dtype=float64)"},
        {ebb_range(ebb, EBB_I64, 0), "ebb.Tensor([], shape=(0,), dtype=int64)"},
    };
    for (int i = 0; i < COUNT(made); i++)
        expect_format(made[i].x, made[i].text, made[i].text);
    expect_ok(ebb, "makers");
}

Test(tensor, makers_refuse) {
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge[4] = {1 << 30, 1 << 30, 1 << 30, 2}, negative = -2;
    struct {
        const char *error;
        ebb_code code;
        ebb_tensor *(*make)(ebb_context *, ebb_dtype, int, const int64_t *, const char *, int);
        ebb_dtype dtype;
        int rank;
        const int64_t *dims;
    } cases[] = {
        {"ebb_zeros: rank 9; it is 0 to 8", EBB_VALUE_ERROR, ebb_zeros_at, EBB_F32, 9, nine},
        {"ebb_zeros: rank -1; it is 0 to 8", EBB_VALUE_ERROR, ebb_zeros_at, EBB_F32, -1, nine},
        {"ebb_ones: the sizes are NULL", EBB_TYPE_ERROR, ebb_ones_at, EBB_F32, 1, NULL},
        {"ebb_ones: size -2 of axis 0 is negative", EBB_VALUE_ERROR, ebb_ones_at, EBB_F32, 1, &negative},
        {"ebb_zeros: no such dtype: 0", EBB_TYPE_ERROR, ebb_zeros_at, EBB_NONE, 0, NULL},
        {"ebb_zeros: no such dtype: 77", EBB_TYPE_ERROR, ebb_zeros_at, (ebb_dtype)77, 0, NULL},
        {"f32[1073741824,1073741824,1073741824,2] is too large", EBB_VALUE_ERROR, ebb_zeros_at, EBB_F32, 4, huge},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        cr_expect(ebb_is_poison(cases[i].make(ebb, cases[i].dtype, cases[i].rank, cases[i].dims, NULL, 0)), "%s",
                  cases[i].error);
        cr_expect_str_eq(ebb_error(ebb), cases[i].error);
        expect_error(ebb, cases[i].code, "", "%s", cases[i].error);
    }
    ebb_constant(ebb, EBB_F32, EBB_SHAPE(2), NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_constant: the data is NULL", "no data");
    expect_text(ebb_constant(ebb, EBB_F32, EBB_SHAPE(0), NULL), "[]", "no data for nothing");
    ebb_full(ebb, EBB_I32, EBB_SCALAR, 2.5);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_full: the number 2.5 is not whole, the tensor is i32", "fraction");
    ebb_scalar_at(ebb, EBB_I32, EBB_NUMBER(1LL << 31));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_scalar: the number 2147483648 is out of range for i32", "too large");
    ebb_scalar_at(ebb, EBB_F32, ebb_operand_tensor(read("1")));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_scalar: takes a number, not a tensor", "tensor");
    ebb_range(ebb, EBB_BOOL, 2);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_range: ", "bool");
    ebb_range(ebb, EBB_I32, (1LL << 31) + 1);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_range: 2147483649 numbers are out of range for i32", "range");
}

/* ---- readers ---- */

Test(tensor, readers_answer_for_every_kind) {
    ebb_tensor *x = read("[[1,2,3],[4,5,6]]");
    cr_expect(ebb_rank(x) == 2 && ebb_dim(x, 0) == 2 && ebb_dim(x, -1) == 3 && ebb_dim(x, 2) == -1 &&
              ebb_dim(x, -3) == -1);
    cr_expect(ebb_size(x) == 6 && ebb_item(x, 5) == 6 && ((const int32_t *)ebb_data(x))[1] == 2);
    cr_expect(ebb_is_tensor(x) && !ebb_is_variable(x) && !ebb_is_traced(x) && !ebb_is_absent(x) && !ebb_is_poison(x));
    cr_expect_str_eq(ebb_name(x), "");
    expect_ok(ebb, "readers");
    ebb_tensor *others[] = {&ebb->absent, &ebb->poison};
    for (int i = 0; i < 2; i++) {
        cr_expect(ebb_dtype_of(others[i]) == EBB_NONE && ebb_rank(others[i]) == 0 && ebb_dim(others[i], 0) == -1,
                  "kind %d", i);
        cr_expect(ebb_size(others[i]) == 0 && !ebb_data(others[i]) && !ebb_is_tensor(others[i]), "kind %d", i);
        cr_expect(ebb_is_absent(others[i]) == !i && ebb_is_poison(others[i]) == (i == 1), "kind %d", i);
        expect_ok(ebb, "kind %d", i);
    }
    cr_expect(isnan(ebb_item(&ebb->absent, 0)));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_item: an absent tensor has no value", "absent");
    cr_expect(isnan(ebb_item(x, 6)));
    expect_error(ebb, EBB_INDEX_ERROR, "ebb_item: i32[2,3] has no element 6", "index");
    cr_expect(isnan(ebb_item(x, -1)));
    expect_error(ebb, EBB_INDEX_ERROR, "no element -1", "index");
}

static void read_all_of(ebb_tensor *x, ebb_code code, const char *why) {
    struct {
        const char *name;
        bool neutral;
    } done;
#define READ(call, want)                                                                                               \
    done.name = #call;                                                                                                 \
    done.neutral = (call)want;                                                                                         \
    cr_expect(done.neutral, "%s", done.name);                                                                          \
    expect_error(ebb, code, why, "%s", done.name);
    READ(ebb_dtype_of(x), == EBB_NONE)
    READ(ebb_rank(x), == 0)
    READ(ebb_dim(x, 0), == -1)
    READ(ebb_size(x), == 0)
    READ(ebb_data(x), == NULL)
    READ(ebb_is_variable(x), == false)
    READ(ebb_is_tensor(x), == false)
    READ(ebb_is_absent(x), == false)
    READ(ebb_is_poison(x), == false)
    READ(ebb_is_traced(x), == false)
    READ(ebb_trainable(x), == false)
    READ(ebb_name(x)[0], == 0)
    READ(ebb_format_value(x, NULL, 0), == 0)
    READ(isnan(ebb_item(x, 0)), != 0)
    READ(ebb_is_poison(ebb_keep(x)), == true)
    READ(ebb_is_poison(ebb_variable(ebb, x, "v")), == true)
    READ(ebb_is_poison(ebb_assign(x, 1)), == true)
#undef READ
}

Test(tensor, readers_refuse_null_and_the_dead) {
    read("1");
    read_all_of(NULL, EBB_TYPE_ERROR, "is NULL");
    ebb_tensor *dead = NULL;
    EBB_SCOPE (ebb)
        dead = ebb_neg_at(read("1"), "a.c", 3);
    read_all_of(dead, EBB_RUNTIME_ERROR, "is used after its scope closed; made at a.c:3");
    ebb_release(dead);
    expect_error(ebb, EBB_RUNTIME_ERROR, "ebb_release: operand 1 is used after its scope closed", "release");
    ebb_release(NULL);
    expect_ok(ebb, "release NULL");
}

/* ---- scopes ---- */

Test(tensor, a_scope_releases_what_is_not_kept) {
    ebb_tensor *gone = NULL, *kept = NULL, *twice = NULL;
    EBB_SCOPE (ebb) {
        EBB_SCOPE (ebb) {
            gone = read("1");
            kept = ebb_keep(read("2"));
            twice = ebb_keep(ebb_keep(read("3"))); /* still in the scope outside this one */
        }
        expect_text(kept, "2", "kept once");
        twice = ebb_keep(twice);
        ebb_neg_at(gone, "a.c", 9);
        expect_error(ebb, EBB_RUNTIME_ERROR, "ebb_neg: operand 1 is used after its scope closed", "gone");
    }
    ebb_neg(kept);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "kept once");
    expect_text(twice, "3", "kept outward twice");
    expect_text(ebb_keep(twice), "3", "at the root there is no outside");
    expect_ok(ebb, "scopes");
}

Test(tensor, an_outer_scope_closes_inner_ones) {
    ebb_tensor *inner = NULL;
    int outer = ebb_scope_open(ebb);
    cr_expect_eq(outer, 1);
    for (int i = 0; i < 3; i++)
        EBB_SCOPE (ebb)
            break; /* break closes the scope, as its end does */
    for (int i = 0; i < 3; i++)
        ebb_scope_open(ebb);
    cr_expect_eq(ebb_scope_open(ebb), 5);
    inner = read("1");
    ebb_scope_close(ebb, outer);
    cr_expect_eq(ebb->depth, 0);
    ebb_neg(inner);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "inner");
    ebb_scope_close(ebb, 5);
    ebb_scope_close(ebb, 0);
    ebb_scope_close(ebb, -1);
    cr_expect_eq(ebb_scope_open(ebb), 1);
    expect_ok(ebb, "closing twice is nothing");
}

/* Tensors of three scopes, given up in every order: the others live as long as their scopes. */
Test(tensor, release_takes_one_tensor_out_of_any_scope) {
    for (int first = 0; first < 9; first++)
        for (int second = 0; second < 9; second++) {
            ebb_tensor *x[9];
            int scope[3] = {0};
            for (int i = 0; i < 9; i++) {
                if (i % 3 == 0) scope[i / 3] = ebb_scope_open(ebb);
                x[i] = ebb_full(ebb, EBB_I32, EBB_SCALAR, i);
            }
            ebb_release(x[first]);
            if (second != first) ebb_release(x[second]);
            for (int d = 2; d >= 0; d--) {
                for (int i = 0; i < 3 * (d + 1); i++)
                    cr_assert(i == first || i == second || ebb_item(x[i], 0) == i, "%d, %d: %d after scope %d", first,
                              second, i, d + 1);
                ebb_scope_close(ebb, scope[d]);
            }
            cr_assert(ebb_ok(ebb) && ebb->temporaries.count == 0, "%d, %d: %s", first, second, ebb_error(ebb));
        }
}

Test(tensor, the_dead_stay_dead_for_a_while) {
    ebb_tensor *dead = read("1");
    ebb_release(dead);
    for (int i = 0; i < 1000; i++)
        ebb_release(ebb_scalar(ebb, i));
    ebb_neg(dead);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "a thousand later");
}

/* ---- memory ---- */

Test(tensor, a_steady_loop_asks_for_no_memory) {
    scarce s = {.left = INT64_MAX};
    ebb_context *own = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
    ebb_tensor *v = ebb_variable(own, ebb_ones(own, EBB_F32, EBB_SHAPE(10)), "v"),
               *w = ebb_ones(own, EBB_F32, EBB_SHAPE(1));
    int64_t asked = 0;
    for (int i = 0; i < 4000; i++) {
        if (i == 2000) asked = s.asked;
        EBB_SCOPE (own)
            ebb_assign(v, ebb_mul(ebb_add(v, w), 0.5));
    }
    cr_expect_eq(s.asked, asked, "%d allocations in a steady loop", (int)(s.asked - asked));
    ebb_close(own);
    cr_expect_eq(s.live, 0);
}

static ebb_tensor *short_program(ebb_context *own) {
    ebb_tensor *v = ebb_variable(own, ebb_literal(own, "[[1, 2], [3, 4]]", EBB_F32), "v"), *y = v;
    EBB_SCOPE (own) {
        ebb_tensor *noise = ebb_random_uniform(own, EBB_F32, EBB_SHAPE(2, 2), 2, 3);
        ebb_assign_add(v, ebb_mul(ebb_softmax(noise, 0), 0));
        y = ebb_keep(ebb_sum(ebb_matmul(v, ebb_add(v, ebb_range(own, EBB_F32, 2)))));
    }
    return y;
}

/* [[1,2],[3,4]] x [[1,3],[3,5]] = [[7,13],[15,29]] */
Test(tensor, any_allocation_may_fail) {
    for (int once = 0; once < 2; once++)
        for (int64_t k = 0;; k++) {
            scarce s = {.left = k, .once = once};
            ebb_context *own = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
            bool good = own != NULL;
            if (own) {
                ebb_tensor *y = short_program(own);
                good = ebb_ok(own);
                cr_expect(good ? ebb_item(y, 0) == 64 : ebb_error_code(own) == EBB_NO_MEMORY, "allocation %d: %s",
                          (int)k, ebb_error(own));
                s.left = INT64_MAX;
                ebb_clear_error(own);
                cr_expect(ebb_item(short_program(own), 0) == 64, "usable after allocation %d: %s", (int)k,
                          ebb_error(own));
            }
            ebb_close(own);
            cr_assert_eq(s.live, 0, "allocation %d: %d blocks are lost", (int)k, (int)s.live);
            if (good && s.asked < k) break;
            cr_assert_lt(k, 5000);
        }
}

Test(tensor, what_there_is_no_room_for_is_named) {
    scarce s = {.left = INT64_MAX};
    ebb_context *own = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
    s.left = 0;
    cr_expect(ebb_is_poison(ebb_zeros(own, EBB_F32, EBB_SHAPE(8388608, 4194304))));
    expect_error(own, EBB_NO_MEMORY, "no room for f32[8388608,4194304]", "zeros");
    ebb_close(own);
}

Test(tensor, serial_maps_find_what_was_put) {
    ebb_serial_map m = {0};
    cr_expect_eq(ebb_map_find(&m, 1), -1);
    for (int i = 1; i <= 1000; i++)
        cr_assert(ebb_map_put(&ebb_malloc_allocator, &m, (uint64_t)i * i * 77, i));
    cr_assert(ebb_map_put(&ebb_malloc_allocator, &m, 77, 5));
    for (int i = 2; i <= 1000; i++)
        cr_assert_eq(ebb_map_find(&m, (uint64_t)i * i * 77), i);
    cr_expect(ebb_map_find(&m, 77) == 5 && ebb_map_find(&m, 78) == -1 && m.count == 1000);
    ebb_map_free(&ebb_malloc_allocator, &m);
    cr_expect_eq(m.capacity, 0);
}

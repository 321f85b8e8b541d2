/* test_verify.c - graphs broken by hand, each in one way, that ebb_verify must refuse, and none other. */
#include "jit/graph/intern.h"
#include "jit/graph/text.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

#define SOUND                                                                                                          \
    "func g(%1: f64[2], %2: f64[2]) {\n  %3 f64[2] = mul %1, %2\n  return %3, absent\n}\n"                             \
    "func f(%1: f64[2], %2: f64[2]) {\n  %3 f64[2] = add %1, %2\n  %4 (f64[2], absent) = call @g %3, %2\n"             \
    "  %5 f64[2] = get %4 {k=0}\n  %6 f64[] = sum %5 {axes=[0]}\n  %7 f64[2] = constant [1, 2]\n"                      \
    "  %8 bool[2] = lt %7, %5\n  return %6, %8\n}\n"

static void swap_inputs(ebb_graph *g) {
    ebb_id first = g->input[0];
    g->input[0] = g->input[1];
    g->input[1] = first;
}

static int64_t new_attr; /* what the corruption puts in */
static int32_t attr_of(ebb_graph *g, int64_t value) {
    new_attr = value;
    return ebb_intern_put(g->attrs, &new_attr, sizeof new_attr);
}

static int32_t shape_of(ebb_graph *g, ebb_shape shape) { return ebb_intern_put(g->shapes, &shape, sizeof shape); }

#define CORRUPTION(name, change)                                                                                       \
    static void name(ebb_graph *g) { change; }
CORRUPTION(absent_is_a_node, g->node[0].op = EBB_OP_add)
CORRUPTION(no_operation, g->node[3].op = EBB_OP_COUNT)
CORRUPTION(operation_none, g->node[3].op = EBB_OP_NONE)
CORRUPTION(wrong_dtype, g->node[3].dtype = EBB_F32)
CORRUPTION(dtype_of_nowhere, g->node[3].dtype = 77)
CORRUPTION(wrong_shape, g->node[3].shape = 0)
CORRUPTION(shape_of_nowhere, g->node[3].shape = 99)
CORRUPTION(shape_negative, g->node[3].shape = -1)
CORRUPTION(attr_of_nowhere, g->node[6].attr = 99)
CORRUPTION(attr_missing, g->node[7].attr = 0)
CORRUPTION(axis_out_of_range, g->node[6].attr = attr_of(g, 5))
CORRUPTION(operand_later, g->node[3].operand[1] = 5)
CORRUPTION(operand_itself, g->node[3].operand[0] = 3)
CORRUPTION(operand_absent, g->node[3].operand[0] = 0)
CORRUPTION(operand_negative, g->node[3].operand[0] = -7)
CORRUPTION(operand_tuple, g->node[6].operand[0] = 4)
CORRUPTION(arity_too_small, g->node[3].arity = 1)
CORRUPTION(arity_negative, g->node[3].arity = -1)
CORRUPTION(arity_outside, g->node[3].arity = 4)
CORRUPTION(rank_too_large, g->node[3].shape = shape_of(g, (ebb_shape){.rank = 9}))
CORRUPTION(size_behind_rank, g->node[3].shape = shape_of(g, (ebb_shape){1, {2, 7}}))
CORRUPTION(inputs_out_of_order, swap_inputs(g); int32_t a = g->node[1].attr; g->node[1].attr = g->node[2].attr;
           g->node[2].attr = a)
CORRUPTION(input_elsewhere, g->input[1] = 3)
CORRUPTION(input_outside, g->input[1] = 100)
CORRUPTION(input_forgotten, g->inputs = 1)
CORRUPTION(output_outside, g->output[0] = 9)
CORRUPTION(output_poison, g->output[0] = EBB_POISON)
CORRUPTION(output_tuple, g->output[0] = 4)
CORRUPTION(callee_outside, g->node[4].attr = attr_of(g, 1))
CORRUPTION(callee_negative, g->node[4].attr = attr_of(g, -1))
CORRUPTION(call_is_no_tuple, g->node[4].dtype = EBB_F64)
CORRUPTION(call_arity, g->node[4].arity = 1)
CORRUPTION(call_type, g->callee[0]->input[0] = EBB_ABSENT)
CORRUPTION(get_absent, g->node[5].attr = attr_of(g, 1))
CORRUPTION(get_outside, g->node[5].attr = attr_of(g, 2))
CORRUPTION(get_of_tensor, g->node[5].operand[0] = 3)
CORRUPTION(get_type, g->node[5].dtype = EBB_F32)

static const struct {
    const char *name;
    void (*corrupt)(ebb_graph *g);
} corruptions[] = {
#define ROW(name) {#name, name}
    ROW(absent_is_a_node), ROW(no_operation),    ROW(operation_none),      ROW(wrong_dtype),
    ROW(dtype_of_nowhere), ROW(wrong_shape),     ROW(shape_of_nowhere),    ROW(shape_negative),
    ROW(attr_of_nowhere),  ROW(attr_missing),    ROW(axis_out_of_range),   ROW(operand_later),
    ROW(operand_itself),   ROW(operand_absent),  ROW(operand_negative),    ROW(operand_tuple),
    ROW(arity_too_small),  ROW(arity_negative),  ROW(arity_outside),       ROW(rank_too_large),
    ROW(size_behind_rank), ROW(swap_inputs),     ROW(inputs_out_of_order), ROW(input_elsewhere),
    ROW(input_outside),    ROW(input_forgotten), ROW(output_outside),      ROW(output_poison),
    ROW(output_tuple),     ROW(callee_outside),  ROW(callee_negative),     ROW(call_is_no_tuple),
    ROW(call_arity),       ROW(call_type),       ROW(get_absent),          ROW(get_outside),
    ROW(get_of_tensor),    ROW(get_type),
};

Test(verify, finds_what_is_broken) {
    for (int i = -1; i < COUNT(corruptions); i++) {
        ebb_diag diag = {0};
        ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, SOUND, strlen(SOUND), &diag);
        cr_assert_not_null(m, "%s", diag.message);
        ebb_graph *g = ebb_module_find(m, "f");
        if (i >= 0) corruptions[i].corrupt(g);
        bool sound = ebb_verify(g, &diag);
        cr_expect_eq(sound, i < 0, "%s: %s", i < 0 ? "the sound graph" : corruptions[i].name, diag.message);
        cr_expect(i < 0 || diag.code == EBB_INTERNAL_ERROR, "%s: code %d", corruptions[i < 0 ? 0 : i].name, diag.code);
        ebb_module_free(m);
    }
}

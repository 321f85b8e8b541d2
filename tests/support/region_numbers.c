/* region_numbers.c - see region_numbers.h. */
#include "tests/support/region_numbers.h"

#include <criterion/criterion.h>

#include "tests/support/run_graph.h"

void fill_numbers(const ebb_graph *g, const region_program *p, numbers *in) {
    cr_assert_leq(g->inputs, MOST);
    for (int k = 0; k < g->inputs; k++) {
        cr_assert_leq(size_of_node(g, g->input[k]), ROOM);
        in->at[k] = in->room[k];
        fill_uniform((uint64_t)k + 1, 0.3, 0.9, ROOM, in->room[k]);
        if (!ebb_is_float(ebb_dtype_at(g, g->input[k]))) in->room[k][0] = p->whole[k];
    }
}

void run_numbers(const ebb_graph *g, numbers *in, numbers *out, const char *what) {
    ebb_diag diag = {0};
    cr_assert_leq(g->outputs, MOST);
    for (int j = 0; j < g->outputs; j++) {
        cr_assert_leq(size_of_node(g, g->output[j]), ROOM);
        out->at[j] = out->room[j];
    }
    cr_assert(run_graph(g, (const double *const *)in->at, out->at, &diag), "%s: %s", what, diag.message);
}

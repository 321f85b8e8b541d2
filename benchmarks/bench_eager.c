/* bench_eager.c - what one eager operation costs, with and without a tape, and the same in torch where Debian's
 * python3-torch is. */
#include "benchmarks/support/bench.h"
#include "frontend/ebb.h"

#include <stdio.h>

enum { OPS = 100 };

typedef struct chain {
    ebb_context *ebb;
    ebb_tensor *x, *y;
    bool tape;
} chain;

/* A hundred operations on ten elements. */
static void run_chain(void *data) {
    chain *c = data;
    EBB_SCOPE (c->ebb) {
        if (c->tape) ebb_watch(ebb_tape_start(c->ebb, EBB_TAPE_DEFAULT), c->x);
        ebb_tensor *z = c->x;
        for (int i = 0; i < OPS / 2; i++)
            z = ebb_mul(ebb_add(z, c->y), c->y);
    }
}

static const char torch_program[] = "import torch, time, statistics\n"
                                    "torch.set_num_threads(1)\n"
                                    "x = torch.ones(10); y = torch.full((10,), 0.5)\n"
                                    "def run():\n"
                                    "    z = x\n"
                                    "    for i in range(50): z = (z + y) * y\n"
                                    "run(); t = []\n"
                                    "for i in range(200):\n"
                                    "    s = time.perf_counter(); run(); t.append(time.perf_counter() - s)\n"
                                    "print(statistics.median(t) / 100)\n";

static bench_result per_op(bench_result r, double torch) {
    r.ours /= OPS;
    r.other = torch;
    r.ratio = r.low = r.high = torch > 0 ? r.ours / torch : 0;
    return r;
}

int main(void) {
    ebb_context *ebb = ebb_open(NULL);
    chain plain = {ebb, ebb_ones(ebb, EBB_F32, EBB_SHAPE(10)), ebb_full(ebb, EBB_F32, EBB_SHAPE(10), 0.5), false};
    chain taped = plain;
    taped.tape = true;
    double torch = 0; /* seconds per operation */
    bench_torch(torch_program, 1, &torch);
    bench_title("One eager operation on ten elements, f32", torch > 0 ? "torch" : "torch (not installed)");
    bench_result r = per_op(bench_pair(run_chain, &plain, NULL, NULL), torch);
    bench_row("add or mul", r, "0.5 us", r.ours < 0.5e-6);
    bench_row("the same under a tape", per_op(bench_pair(run_chain, &taped, NULL, NULL), 0), "", true);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}

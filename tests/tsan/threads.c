/* threads.c - four threads at once, for ThreadSanitizer (./run check); without it, a test of the results alone.
 *
 * Each thread has a context of its own, in which it does a bit of everything; all of them start before the engine is
 * open. They share what may be shared: native code, which each calls with buffers of its own, and executables, which
 * each holds and lets go. H087: what one thread frees lives on for those that hold it.
 *
 * A plain program, since the sanitizer does not see through the processes of a test framework. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/ebb.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"

enum { THREADS = 4, ROUNDS = 12, CALLS = 300, N = 19 };

static atomic_int faults;

static void expect(bool good, const char *what, ebb_context *ebb) {
    if (good) return;
    fprintf(stderr, "threads: %s: %s\n", what, ebb ? ebb_error(ebb) : "");
    faults++;
}

/* ---- what each thread does in its own context ---- */

static void loss(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mean(ebb_square(ebb_log_softmax(ebb_matmul(in[0], in[1]), 1)));
}

static void step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tensor *v = data;
    (void)ebb;
    ebb_assign_add(v, ebb_sum(in[0]));
    out[0] = ebb_add(v, 1);
}

static void work_eagerly(ebb_context *ebb) {
    ebb_tensor *x = ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(N, N), 0, 1);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_sum(ebb_square(ebb_matmul(x, ebb_transpose(x, EBB_AXES(1, 0)))));
    ebb_tensor *g = ebb_gradient(tape, y, x);
    expect(ebb_size(g) == N * N && ebb_ok(ebb), "eager", ebb);
    ebb_literal(ebb, "[1, 2", EBB_F32);
    expect(ebb_error_code(ebb) == EBB_VALUE_ERROR, "an error of one's own", ebb);
    ebb_clear_error(ebb);
}

static void work_compiled(ebb_context *ebb, int round) {
    ebb_tensor *v = ebb_variable(ebb, ebb_full(ebb, EBB_F64, EBB_SCALAR, 1), "v");
    ebb_function *f = ebb_function_new(ebb, loss, &(ebb_function_options){.name = "loss", .mode = EBB_NATIVE});
    ebb_function *s = ebb_function_new(ebb, step, &(ebb_function_options){.data = v, .mode = EBB_NATIVE});
    ebb_tensor *x = ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(3 + round % 3, 3 + round % 3), -1, 1);
    expect(ebb_item(ebb_call(f, x, x), 0) > 0, "a function", ebb);
    expect(ebb_size(ebb_call(ebb_grad(f, NULL), x, x)) > 0, "its gradient", ebb);
    expect(ebb_item(ebb_call(s, ebb_ones(ebb, EBB_F64, EBB_SHAPE(4))), 0) == 6, "a variable", ebb);
    ebb_function_free(f);
    ebb_function_free(s);
    ebb_release(v);
}

/* ---- what all share ---- */

/* y = exp(x) W, with an arena, of one context that the main thread owns. */
static void shared_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_matmul(ebb_exp(in[0]), in[1]);
}

static struct {
    ebb_native native;
    double x[N * N], w[N * N], y[N * N];
    ebb_executable *executable; /* y = x + x of N f64 */
    pthread_barrier_t barrier;
} shared;

static void call_shared(void) {
    double y[N * N];
    void *work = aligned_alloc(64, (size_t)(shared.native.work_bytes + 127) / 64 * 64);
    for (int i = 0; i < CALLS; i++) {
        int code = shared.native.entry((const void *[]){shared.x, shared.w}, (void *[]){y}, work);
        expect(code == EBB_OK && memcmp(y, shared.y, sizeof y) == 0, "shared native code", NULL);
    }
    free(work);
}

static void hold_shared(ebb_executable *held) {
    double y[N];
    for (int i = 0; i < CALLS; i++) {
        ebb_executable *x = ebb_executable_retain(held);
        int code = ebb_executable_entry(x)((const void *[]){shared.x}, (void *[]){y}, NULL);
        expect(code == EBB_OK && y[1] == 2 * shared.x[1], "a shared executable", NULL);
        ebb_executable_release(x);
    }
    ebb_executable_release(held);
}

/* The first compiles of the process happen in all threads at once. */
static void *thread_main(void *context) {
    ebb_context *ebb = context;
    for (int round = 0; round < ROUNDS; round++) {
        EBB_SCOPE (ebb) {
            work_compiled(ebb, round);
            work_eagerly(ebb);
        }
    }
    pthread_barrier_wait(&shared.barrier); /* the main thread shares something now */
    pthread_barrier_wait(&shared.barrier);
    call_shared();
    hold_shared(shared.executable);
    expect(ebb_ok(ebb), "in the end", ebb);
    ebb_close(ebb);
    return NULL;
}

static ebb_executable *compile_doubling(void) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, NULL, "doubling");
    ebb_id x = ebb_add_input(g, (ebb_type){EBB_F64, {1, {N}}}, (ebb_site){0});
    ebb_application add = {.op = EBB_OP_add};
    ebb_add_output(g, ebb_record(g, &add, 2, (ebb_id[]){x, x}));
    ebb_plan *plan = ebb_plan_new(g, NULL, &diag);
    ebb_executable *made = plan ? ebb_compile(plan, NULL, &diag) : NULL;
    if (!made) fprintf(stderr, "threads: %s\n", diag.message);
    if (plan) ebb_plan_free(plan);
    ebb_graph_release(g);
    return made;
}

static bool share_something(ebb_context *ebb) {
    ebb_function *f = ebb_function_new(ebb, shared_body, &(ebb_function_options){.mode = EBB_NATIVE});
    ebb_tensor *x = ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(N, N), -1, 1);
    ebb_operand in[] = {ebb_operand_tensor(x), ebb_operand_tensor(x)};
    ebb_tensor *y = ebb_call(f, x, x);
    shared.native = ebb_native_of(ebb_get_concrete(f, 2, in));
    shared.executable = compile_doubling();
    if (!ebb_ok(ebb) || !shared.native.entry || !shared.executable) return false;
    memcpy(shared.x, ebb_data(x), sizeof shared.x);
    memcpy(shared.w, ebb_data(x), sizeof shared.w);
    memcpy(shared.y, ebb_data(y), sizeof shared.y);
    for (int t = 0; t < THREADS; t++)
        ebb_executable_retain(shared.executable);
    return true;
}

int main(void) {
    pthread_t thread[THREADS];
    ebb_context *ebb = ebb_open(NULL);
    pthread_barrier_init(&shared.barrier, NULL, THREADS + 1);
    for (int t = 0; t < THREADS; t++)
        pthread_create(&thread[t], NULL, thread_main, ebb_open(&(ebb_options){.seed = (uint64_t)t}));
    pthread_barrier_wait(&shared.barrier);
    if (!share_something(ebb)) {
        fprintf(stderr, "threads: nothing to share: %s\n", ebb_error(ebb));
        return 1;
    }
    pthread_barrier_wait(&shared.barrier);
    ebb_executable_release(shared.executable); /* the threads hold it still */
    for (int t = 0; t < THREADS; t++)
        pthread_join(thread[t], NULL);
    ebb_close(ebb);
    expect(ebb_executable_live() == 0, "all code is given back", NULL);
    return faults != 0;
}

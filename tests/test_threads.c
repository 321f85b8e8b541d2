/* test_threads.c - a context belongs to one thread at a time: it may go from hand to hand, and a build without NDEBUG
 * notices two threads in it at once. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "tests/support/check.h"

typedef struct visit {
    ebb_tensor *x, *y;
} visit;

static void *negate(void *data) {
    visit *v = data;
    v->y = ebb_neg(v->x);
    return NULL;
}

/* Another thread computes -x meanwhile. */
static ebb_tensor *negate_elsewhere(ebb_tensor *x) {
    visit v = {.x = x};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, negate, &v), 0);
    pthread_join(thread, NULL);
    return v.y;
}

Test(threads, a_context_goes_from_hand_to_hand) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_scalar(ebb, 3.0);
    expect_text(ebb_mul(negate_elsewhere(ebb_square(x)), 2), "-18.0", "here, there, here");
    expect_ok(ebb, "one at a time");
    ebb_close(ebb);
}

#ifndef NDEBUG
static void disturbed(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    cr_expect(ebb_is_poison(negate_elsewhere(in[0])), "what the intruder gets");
    out[0] = in[0];
}

Test(threads, two_at_once_are_noticed) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED};
    for (int i = 0; i < 2; i++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.mode = modes[i]});
        ebb_function *f = ebb_function_new(ebb, disturbed, &(ebb_function_options){.name = "disturbed"});
        ebb_tensor *x = ebb_scalar(ebb, 3.0);
        ebb_call(f, x);
        expect_error(ebb, EBB_RUNTIME_ERROR, "two threads at the same time (tests/test_threads.c:", "mode %d", i);
        expect_text(ebb_neg(x), "-3.0", "and then it is one's own again");
        expect_ok(ebb, "after the error");
        ebb_close(ebb);
    }
}
#endif

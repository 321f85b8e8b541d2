/* 010_newton.c - Newton's method in ten dimensions, with a compiled Hessian.
 *
 * The function is written once. A whole step - its value, gradient and Hessian, and the solution of the linear system -
 * is one traced function, compiled at its first call: all columns of the Hessian are computed side by side in it. Near
 * the minimum each step doubles the number of right digits. Start reading at main. */
#include <ebb.h>

#include <math.h>

enum { N = 10 };

/* x [N] -> sum of (x[i + 1] - x[i]^2)^2 + (1 - x[i])^2 / 4: a curved valley (Rosenbrock), whose floor is at 1. */
static void valley(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_tensor *x = in[0], *next = ebb_slice(x, (int64_t[]){1}, (int64_t[]){N}, NULL),
               *before = ebb_slice(x, (int64_t[]){0}, (int64_t[]){N - 1}, NULL);
    ebb_tensor *across = ebb_square(ebb_sub(next, ebb_square(before))), *along = ebb_square(ebb_sub(1, before));
    out[0] = ebb_sum(ebb_add(across, ebb_div(along, 4)));
}

/* x [N] -> the next x, the value at x, and the norm of the gradient there; data: the Hessian of valley, with values */
static void newton(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_tensor *x = in[0], *at[3]; /* value, gradient, Hessian */
    ebb_call_n(data, 1, (ebb_operand[]){EBB_OPERAND(x)}, 3, at);
    out[0] = ebb_sub(x, ebb_solve(at[2], at[1]));
    out[1] = at[0];
    out[2] = ebb_norm(at[1]);
}

int main(void) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_function *f = ebb_function_new(ebb, valley, &(ebb_function_options){.name = "valley"});
    ebb_function *hessian = ebb_hessian(f, &(ebb_wrt){.values = true});
    ebb_function *step =
        ebb_function_new(ebb, newton, &(ebb_function_options){.name = "newton", .results = 3, .data = hessian});
    ebb_tensor *x = ebb_full(ebb, EBB_F64, EBB_SHAPE(N), 2);
    puts("step  value       gradient  from the minimum");
    for (int i = 0; ebb_ok(ebb); i++) {
        ebb_tensor *out[3];
        ebb_call_n(step, 1, (ebb_operand[]){EBB_OPERAND(x)}, 3, out);
        double away = ebb_item(ebb_norm(ebb_sub(x, 1)), 0);
        if (away < 1e-10) {
            printf("%4d  less than 1e-10 from the minimum\n", i);
            break;
        }
        printf("%4d  %.3e   %.1e   %.1e\n", i, ebb_item(out[1], 0), ebb_item(out[2], 0), away);
        x = out[0];
    }
    printf("bodies traced: %d\n", ebb_trace_count(step));
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}

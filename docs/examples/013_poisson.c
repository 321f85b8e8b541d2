/* 013_poisson.c - a network that solves the Poisson equation (a physics-informed network).
 *
 *     -laplacian(u) = f on the unit square, u = 0 on its edge; f = 2 pi^2 sin(pi x) sin(pi y)
 *
 * so that u = sin(pi x) sin(pi y). The u here is x (1 - x) y (1 - y) times a small network, which is 0 on the edge
 * whatever its weights are. ebb_laplacian takes its Laplacian in one forward pass, for one point; ebb_vmap makes of
 * that one program for many points; ebb_jacobian_of takes the derivatives of what is left of the equation in all
 * weights, third derivatives of the network. A step of Levenberg's and Marquardt's method is one compiled function of
 * all this. (Raissi, Perdikaris, Karniadakis, "Physics-informed neural networks", 2019; Mueller, Zeinhofer, "Achieving
 * high accuracy with PINNs via energy natural gradients", 2023.) Given the name of a file, it draws the error there as
 * SVG. Start reading at main. */
#include <ebb.h>

#include <math.h>

enum { WIDTH = 12, SIDE = 12, POINTS = SIDE * SIDE, STEPS = 100, CELLS = 25 };
/* One vector of weights: of the first layer and its offsets, of the second, of the last. */
enum { WEIGHTS = 2 * WIDTH + WIDTH + WIDTH * WIDTH + WIDTH + WIDTH };

/* The next rows * columns of the weights. */
static ebb_tensor *layer(ebb_tensor *w, int64_t *at, int64_t rows, int64_t columns) {
    int64_t from = *at;
    *at += rows * columns;
    return ebb_reshape(ebb_slice(w, &from, at, NULL), EBB_SHAPE(rows, columns));
}

/* x [2], w [WEIGHTS] -> u [] */
static void network(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_tensor *x = in[0], *w = in[1], *y = ebb_reshape(x, EBB_SHAPE(1, 2));
    int64_t at = 0, inputs = 2;
    for (int k = 0; k < 2; k++, inputs = WIDTH) {
        y = ebb_matmul(y, layer(w, &at, inputs, WIDTH));
        y = ebb_tanh(ebb_add(y, layer(w, &at, 1, WIDTH)));
    }
    y = ebb_matmul(y, layer(w, &at, WIDTH, 1));
    out[0] = ebb_mul(ebb_reshape(y, EBB_SCALAR), ebb_prod_over(ebb_mul(x, ebb_sub(1, x)), EBB_ALL_AXES, false));
}

/* sin(pi x) sin(pi y): x [n,2] -> [n] */
static ebb_tensor *solution(ebb_tensor *x) { return ebb_prod_over(ebb_sin(ebb_mul(acos(-1), x)), EBB_AXES(1), false); }

/* w [WEIGHTS], x [POINTS,2] -> laplacian(u) + f at each point; data: the Laplacian at many points. */
static void residual(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_tensor *u[2], *f = ebb_mul(2 * acos(-1) * acos(-1), solution(in[1])); /* u, and its Laplacian */
    ebb_call_n(data, 2, ((ebb_operand[]){EBB_OPERAND(in[1]), EBB_OPERAND(in[0])}), 2, u);
    out[0] = ebb_add(u[1], f);
}

/* w, x, damping [] -> the next w: w - J' (J J' + damping)^-1 r; data: the Jacobian of residual, with r before it. */
static void levenberg(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tensor *at[2]; /* r [POINTS], J [POINTS,WEIGHTS] */
    ebb_call_n(data, 2, ((ebb_operand[]){EBB_OPERAND(in[0]), EBB_OPERAND(in[1])}), 2, at);
    ebb_tensor *damped = ebb_mul(ebb_one_hot(ebb_range(ebb, EBB_I64, POINTS), POINTS, EBB_F64), in[2]);
    ebb_tensor *s = ebb_solve(ebb_add(ebb_matmul_with(at[1], at[1], false, true), damped), at[0]);
    out[0] = ebb_sub(in[0], ebb_matmul(s, at[1]));
}

/* side * side points of the square, [side * side, 2]: the middles of as many cells. */
static ebb_tensor *points(ebb_context *ebb, int side) {
    static double x[CELLS * CELLS][2];
    for (int i = 0; i < side * side; i++)
        x[i][0] = (i % side + 0.5) / side, x[i][1] = (i / side + 0.5) / side;
    return ebb_constant(ebb, EBB_F64, EBB_SHAPE(side * side, 2), x);
}

/* ---- the picture ---- */

/* From blue by white to red, for -1 to 1. */
static void print_cell(FILE *file, double x, double y, double width, double height, double value) {
    int faded = (int)(255 * (1 - fmin(fabs(value), 1)));
    fprintf(file, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"#%02x%02x%02x\"/>\n", x, y, width, height,
            value > 0 ? 255 : faded, faded, value < 0 ? 255 : faded);
}

/* error [CELLS * CELLS], at points(CELLS). False: the file cannot be written. */
static bool draw(const char *name, const ebb_tensor *error, double largest) {
    const double cell = 12, side = CELLS * cell;
    FILE *file = fopen(name, "w");
    if (!file) return false;
    fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"430\" height=\"360\" font-family=\"sans-serif\" "
                  "font-size=\"13\">\n<rect width=\"430\" height=\"360\" fill=\"white\"/>\n"
                  "<text x=\"20\" y=\"20\">error of the network, u - sin(pi x) sin(pi y)</text>\n"
                  "<g transform=\"translate(20 32)\" shape-rendering=\"crispEdges\">\n");
    for (int i = 0; i < CELLS * CELLS; i++)
        print_cell(file, i % CELLS * cell, (CELLS - 1 - i / CELLS) * cell, cell, cell, ebb_item(error, i) / largest);
    for (int k = 0; k < 30; k++)
        print_cell(file, side + 20, k * side / 30, 16, side / 30, 1 - (k + 0.5) / 15);
    fprintf(file, "</g>\n<rect x=\"20\" y=\"32\" width=\"%g\" height=\"%g\" fill=\"none\" stroke=\"black\"/>\n", side,
            side);
    for (int k = 0; k < 3; k++)
        fprintf(file, "<text x=\"%g\" y=\"%g\">%.2g</text>\n", 62 + side, 40 + k * side / 2 - k * 2, (1 - k) * largest);
    for (int k = 0; k < 2; k++)
        fprintf(file, "<text x=\"%g\" y=\"%g\">%d</text>\n<text x=\"8\" y=\"%g\">%d</text>\n", 20 + k * (side - 8),
                48 + side, k, 32 + side - k * (side - 10), k);
    fprintf(file, "</svg>\n");
    return !fclose(file);
}

/* ---- training ---- */

typedef struct problem {
    ebb_function *residual, *step, *many; /* many: the network at many points */
    ebb_tensor *x;                        /* [POINTS,2] */
} problem;

static problem make_problem(ebb_context *ebb) {
    const ebb_vmap_options over_points = {.arguments = 2, .in_axes = (int[]){0, EBB_SAME}};
    problem p = {.x = points(ebb, SIDE)};
    ebb_function *u = ebb_function_new(ebb, network, &(ebb_function_options){.name = "network"});
    ebb_function_options r = {.name = "residual", .data = ebb_vmap(ebb_laplacian(u, NULL), &over_points)};
    p.many = ebb_vmap(u, &over_points);
    p.residual = ebb_function_new(ebb, residual, &r);
    ebb_function_options l = {.name = "levenberg",
                              .data = ebb_jacobian_of(p.residual, &(ebb_wrt){.values = true}, EBB_CHEAPER)};
    p.step = ebb_function_new(ebb, levenberg, &l);
    return p;
}

static double loss(const problem *p, ebb_tensor *w) {
    return ebb_item(ebb_mean(ebb_square(ebb_call(p->residual, w, p->x))), 0);
}

/* A step that makes it worse is taken back and damped more. */
static ebb_tensor *train(ebb_context *ebb, const problem *p, ebb_tensor *w) {
    double damping = 1, now = loss(p, w);
    for (int i = 0; i < STEPS && ebb_ok(ebb); i++) {
        ebb_tensor *next = ebb_call(p->step, w, p->x, ebb_scalar(ebb, damping));
        double then = loss(p, next);
        if (i % 20 == 0) printf("step %3d: mean squared residual %.2e\n", i, now);
        damping *= then < now ? 0.2 : 5;
        if (then < now) w = next, now = then;
    }
    printf("step %3d: mean squared residual %.2e\n", STEPS, now);
    return w;
}

int main(int argc, char **argv) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 13});
    problem p = make_problem(ebb);
    ebb_tensor *w = train(ebb, &p, ebb_random_normal(ebb, EBB_F64, EBB_SHAPE(WEIGHTS), 0, 0.5));
    ebb_tensor *x = points(ebb, CELLS), *error = ebb_sub(ebb_call(p.many, x, w), solution(x));
    double largest = ebb_item(ebb_max_over(ebb_abs(error), EBB_ALL_AXES, false), 0);
    printf("u is off by %.1e at most, at %d other points\n", largest, CELLS * CELLS);
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    if (good && argc > 1 && !draw(argv[1], error, largest)) {
        fprintf(stderr, "cannot write %s\n", argv[1]);
        good = false;
    }
    ebb_close(ebb);
    return good ? 0 : 1;
}

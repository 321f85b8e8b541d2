/* check.c - ebb_check_derivatives: derivatives compared with each other and with differences, and what came of it in
 * words.
 *
 * Each row of the table is one comparison. Along a direction all ways give their vectors, which are compared number by
 * number where one is known to be like the other, and as <u, J v> = <J' u, v> where not. Of the first that fails the
 * place is found. Start reading at ebb_check_derivatives_at. */
#include "frontend/check.h"

#include "jit/runtime/runtime.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FORWARD, REVERSE, TRANSPOSED, TANGENT_OF_GRADIENT, GRADIENT_OF_TANGENT, ROWS };

static const struct {
    const char *what, *against;
    int order, way, other;
    int needs[2]; /* programs */
} rows[ROWS] = {
    {"forward", "differences", 1, EBB_BY_FORWARD, EBB_BY_DIFFERENCES, {EBB_CHECK_FORWARD, EBB_CHECK_VALUE}},
    {"reverse", "differences", 1, EBB_BY_REVERSE, EBB_BY_DIFFERENCES, {EBB_CHECK_REVERSE, EBB_CHECK_VALUE}},
    {"reverse", "forward", 1, EBB_BY_REVERSE, EBB_BY_FORWARD, {EBB_CHECK_REVERSE, EBB_CHECK_FORWARD}},
    {"forward over reverse",
     "differences of reverse",
     2,
     EBB_BY_FORWARD_REVERSE,
     EBB_BY_GRADIENTS,
     {EBB_CHECK_FORWARD_REVERSE, EBB_CHECK_REVERSE}},
    {"reverse over forward",
     "forward over reverse",
     2,
     EBB_BY_REVERSE_FORWARD,
     EBB_BY_FORWARD_REVERSE,
     {EBB_CHECK_REVERSE_FORWARD, EBB_CHECK_FORWARD_REVERSE}},
};

/* What is being found out, and where it is worst: number `of` in direction `direction`. */
typedef struct finding {
    ebb_checked k;
    ebb_check_report *r;
    int direction;
    int64_t kinks[3]; /* by order */
    struct {
        double error;
        int direction;
        int64_t of;
    } worst[ROWS];
} finding;

/* ---- directions ---- */

/* Between 1/2 and 3/2, of either sign: nothing is looked at along a direction that hardly moves it. */
static double random_number(const ebb_checked *k, uint32_t direction, uint32_t vector, int64_t i) {
    const uint32_t counter[4] = {(uint32_t)i, (uint32_t)((uint64_t)i >> 32), direction, vector};
    const uint32_t key[2] = {(uint32_t)k->options.seed, (uint32_t)(k->options.seed >> 32)};
    uint32_t bits[4];
    ebb_rt_philox(counter, key, bits);
    double size = 0.5 + bits[0] * 0x1p-32;
    return bits[1] & 1 ? -size : size;
}

/* An element moves by its own size, but by a thousandth of the largest of its tensor at least; by 1 if all are 0. */
static void aim(ebb_checked *k, int direction) {
    const uint32_t d = (uint32_t)direction;
    for (int i = 0; i < k->x.count; i++) {
        double largest = 0;
        for (int64_t e = k->x.start[i]; e < k->x.start[i + 1]; e++)
            largest = fmax(largest, fabs(k->at[e]));
        for (int64_t e = k->x.start[i]; e < k->x.start[i + 1]; e++)
            k->v[e] = random_number(k, d, 0, e) * (largest > 0 ? fmax(fabs(k->at[e]), largest / 1000) : 1);
    }
    for (int64_t j = 0; j < k->y.elements; j++)
        k->u[j] = k->y.elements == 1 ? 1 : random_number(k, d, 1, j);
}

static void leave_one(double *vec, int64_t n, int64_t i) {
    memset(vec, 0, (size_t)n * sizeof *vec);
    vec[i] = 1;
}

/* ---- comparing ---- */

static void note(finding *f, int row, double number, double expected, double noise, double scale, int64_t of) {
    ebb_check_line *line = &f->r->line[row];
    double apart = fabs(number - expected) - 4 * noise, error = apart <= 0 ? 0 : apart / scale;
    if (isnan(error)) error = INFINITY;
    line->compared++;
    line->error = fmax(line->error, error);
    if (error <= f->worst[row].error) return;
    f->worst[row].error = error;
    f->worst[row].direction = f->direction;
    f->worst[row].of = of;
}

static bool is_possible(const finding *f, int row) { return f->r->line[row].refusal[0] == 0; }

/* What is a millionth of the largest derivative (f32: a hundredth), or as much less than the largest number that is
 * derived as modes may be apart, need not be right to its own size. */
static double least_of(const ebb_checked *k, int64_t n, const double *number) {
    double largest = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(number[i])) largest = fmax(largest, fabs(number[i]));
        if (isfinite(k->slope[i].size)) size = fmax(size, k->slope[i].size);
    }
    return (k->halvings == 1 ? 1e-2 : 1e-6) * largest + k->equal * size + 1e-300;
}

/* Numbers side by side. */
static void note_each(finding *f, int row, int64_t n, const double *number, const double *expected) {
    double floor = least_of(&f->k, n, number);
    for (int64_t i = 0; i < n; i++) {
        const ebb_check_slope *s = &f->k.slope[i];
        double want = expected ? expected[i] : s->value, noise = expected ? 0 : s->noise;
        if (s->smooth) note(f, row, number[i], want, noise, fmax(fmax(fabs(number[i]), fabs(want)), floor), i);
    }
}

static void count_kinks(finding *f, int order, int64_t n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += !f->k.slope[i].smooth;
    if (count > f->kinks[order]) f->kinks[order] = count;
}

/* Results without a derivative have no weight. */
static void mask(ebb_checked *k) {
    for (int64_t j = 0; j < k->y.elements; j++)
        if (!k->slope[j].smooth) k->u[j] = 0;
}

/* <J' u, v> against <u, J v>, from differences or from forward mode; where something has no derivative, reverse mode
 * may have infinities, which say nothing. */
static bool compare_products(finding *f, int row, double size) {
    ebb_checked *k = &f->k;
    double number, expected, noise, none;
    if (!is_possible(f, row)) return true;
    if (!ebb_check_by(k, rows[row].way, k->u, k->v, NULL, &number, &none) ||
        !ebb_check_by(k, rows[row].other, k->u, k->v, NULL, &expected, &noise))
        return false;
    if (f->kinks[1] == 0 || isfinite(number)) note(f, row, number, expected, noise, fmax(size, fabs(number)), 0);
    return true;
}

static bool compare_first(finding *f) {
    ebb_checked *k = &f->k;
    double size = 1e-300;
    if (!ebb_check_slopes(k, EBB_CHECK_VALUE, k->v, NULL)) return false;
    count_kinks(f, 1, k->y.elements);
    mask(k);
    for (int64_t j = 0; j < k->y.elements; j++)
        if (k->u[j] != 0) size += fabs(k->u[j] * k->slope[j].value);
    if (is_possible(f, FORWARD)) {
        if (!ebb_check_run(k, EBB_CHECK_FORWARD, &(ebb_check_point){.v = k->v}, k->given)) return false;
        note_each(f, FORWARD, k->y.elements, k->given, NULL);
    }
    return compare_products(f, REVERSE, size) && compare_products(f, TRANSPOSED, size);
}

static bool compare_second(finding *f) {
    ebb_checked *k = &f->k;
    const ebb_check_point p = {.v = k->v, .u = k->u};
    if (k->options.order == 1 || !is_possible(f, TANGENT_OF_GRADIENT)) return true;
    if (!ebb_check_slopes(k, EBB_CHECK_REVERSE, k->v, k->u) ||
        !ebb_check_run(k, EBB_CHECK_FORWARD_REVERSE, &p, k->given))
        return false;
    count_kinks(f, 2, k->x.elements);
    note_each(f, TANGENT_OF_GRADIENT, k->x.elements, k->given, NULL);
    if (!is_possible(f, GRADIENT_OF_TANGENT)) return true;
    if (!ebb_check_run(k, EBB_CHECK_REVERSE_FORWARD, &p, k->w)) return false;
    note_each(f, GRADIENT_OF_TANGENT, k->x.elements, k->w, k->given);
    return true;
}

static void start_lines(finding *f) {
    const ebb_checked *k = &f->k;
    f->r->lines = k->options.order == 1 ? TANGENT_OF_GRADIENT : ROWS;
    for (int i = 0; i < f->r->lines; i++) {
        ebb_check_line *line = &f->r->line[i];
        bool modes = i == TRANSPOSED || i == GRADIENT_OF_TANGENT;
        *line = (ebb_check_line){rows[i].what, rows[i].against, rows[i].order, 0, modes ? k->equal : k->near, 0, ""};
        for (int n = 0; n < 2; n++) {
            const ebb_check_program *p = &k->program[rows[i].needs[n]];
            if (!p->graph) snprintf(line->refusal, sizeof line->refusal, "%s", p->refusal.message);
        }
    }
}

static bool compare(finding *f) {
    for (f->direction = 0; f->direction < f->k.options.directions; f->direction++) {
        aim(&f->k, f->direction);
        if (!compare_first(f) || !compare_second(f)) return false;
    }
    return true;
}

/* ---- places ---- */

static ebb_check_spot spot_of(const ebb_checked *k, int64_t element) {
    int i = 0;
    while (element >= k->x.start[i + 1])
        i++;
    ebb_check_spot spot = k->spot[i];
    spot.element = element - k->x.start[i];
    return spot;
}

static void place_of(const ebb_checked *k, int order, const ebb_check_pair *pair, ebb_check_place *place) {
    *place = (ebb_check_place){.order = order, .derivative = pair->number, .expected = pair->expected};
    if (order == 2) {
        place->in = spot_of(k, pair->of);
        place->and_in = spot_of(k, pair->in);
        return;
    }
    int j = 0;
    while (pair->of >= k->y.start[j + 1])
        j++;
    place->in = spot_of(k, pair->in);
    place->result = k->result[j];
    place->result_element = pair->of - k->y.start[j];
}

/* Before a place is looked for: the direction once more, and all weight on one number if it is known which. */
static bool aim_at(finding *f, int direction, int order, bool one, int64_t of) {
    ebb_checked *k = &f->k;
    aim(k, direction);
    if (!ebb_check_slopes(k, EBB_CHECK_VALUE, k->v, NULL)) return false;
    mask(k);
    if (one && order == 1) leave_one(k->u, k->y.elements, of);
    if (one && order == 2) leave_one(k->w, k->x.elements, of);
    return true;
}

static bool find_worst(finding *f) {
    int row = 0;
    f->r->worst = -1;
    while (row < f->r->lines && !(f->r->line[row].error > f->r->line[row].tolerance))
        row++;
    if (row == f->r->lines) return true;
    bool known = row != REVERSE && row != TRANSPOSED;
    ebb_check_pair pair = {
        .way = rows[row].way, .other = rows[row].other, .narrow_results = !known, .of = f->worst[row].of};
    if (!aim_at(f, f->worst[row].direction, rows[row].order, known, pair.of) || !ebb_check_narrow(&f->k, &pair))
        return false;
    f->r->worst = row;
    place_of(&f->k, rows[row].order, &pair, &f->r->place);
    return ebb_check_rules(&f->k, f->r);
}

/* The slopes along the unit vector: where the direction goes down, the left one is ahead. */
static void set_slopes(const ebb_checked *k, const ebb_check_pair *pair, ebb_check_place *place) {
    const ebb_check_slope *s = &k->slope[pair->of];
    double v = k->v[pair->in];
    place->derivative = (v > 0 ? s->left : s->right) / v;
    place->expected = (v > 0 ? s->right : s->left) / v;
}

/* The first number of that order that has no derivative. */
static bool find_kink(finding *f, int order) {
    ebb_checked *k = &f->k;
    ebb_check_pair pair = {.way = order == 1 ? EBB_BY_JUMP : EBB_BY_GRADIENT_JUMP, .other = -1};
    for (int d = 0; d < k->options.directions; d++) {
        if (!aim_at(f, d, order, false, 0)) return false;
        if (order == 2 && !ebb_check_slopes(k, EBB_CHECK_REVERSE, k->v, k->u)) return false;
        int64_t n = order == 1 ? k->y.elements : k->x.elements;
        for (pair.of = 0; pair.of < n && k->slope[pair.of].smooth;)
            pair.of++;
        if (pair.of == n) continue;
        leave_one(order == 1 ? k->u : k->w, n, pair.of);
        if (!ebb_check_narrow(k, &pair)) return false;
        place_of(k, order, &pair, &f->r->kink);
        set_slopes(k, &pair, &f->r->kink);
        return true;
    }
    return true;
}

static bool find_places(finding *f) {
    f->r->kinks = f->kinks[1] + f->kinks[2];
    return find_worst(f) && (f->r->kinks == 0 || find_kink(f, f->kinks[1] ? 1 : 2));
}

/* ---- words ---- */

__attribute__((format(printf, 2, 3))) static void say(ebb_check_report *r, const char *format, ...) {
    size_t at = strlen(r->message);
    va_list list;
    va_start(list, format);
    vsnprintf(r->message + at, sizeof r->message - at, format, list);
    va_end(list);
}

static void say_spot(ebb_check_report *r, const ebb_check_spot *s) {
    if (s->argument >= 0)
        say(r, "argument %d", s->argument);
    else
        say(r, "variable %s", s->variable->name);
    say(r, "[%lld]", (long long)s->element);
}

static void say_place(ebb_check_report *r, const ebb_check_place *p) {
    if (p->order == 2) {
        say(r, "the second derivative in ");
        say_spot(r, &p->in);
        say(r, " and ");
        say_spot(r, &p->and_in);
    } else {
        say(r, "the derivative of result %d[%lld] in ", p->result, (long long)p->result_element);
        say_spot(r, &p->in);
    }
}

static void say_worst(ebb_check_report *r) {
    const ebb_check_line *line = &r->line[r->worst];
    say(r, "order %d, %s: ", line->order, line->what);
    say_place(r, &r->place);
    say(r, " is %.6g, by %s %.6g", r->place.derivative, line->against, r->place.expected);
    if (*r->rule) say(r, "; the rule %s of %s is not true", r->rule, r->rule_of);
}

static void say_agreement(ebb_check_report *r) {
    double error = 0;
    int64_t compared = 0;
    for (int i = 0; i < r->lines; i++) {
        error = fmax(error, r->line[i].error);
        compared += r->line[i].compared;
    }
    r->good = compared > 0;
    if (r->good)
        say(r, "%lld derivatives agree to %.2g", (long long)compared, error);
    else
        say(r, "nothing could be compared");
}

static void say_all(ebb_check_report *r) {
    if (r->worst >= 0)
        say_worst(r);
    else
        say_agreement(r);
    for (int i = 0; i < r->lines; i++)
        if (*r->line[i].refusal && rows[i].order == 1 && i != TRANSPOSED)
            say(r, "; no %s mode: %s", r->line[i].what, r->line[i].refusal);
    if (r->kinks == 0) return;
    say(r, "; %lld %s no derivative: ", (long long)r->kinks, r->kinks == 1 ? "number has" : "numbers have");
    say_place(r, &r->kink);
    say(r, " is %.6g from the left, %.6g from the right", r->kink.derivative, r->kink.expected);
}

/* ---- the public function ---- */

static bool set_options(finding *f, const ebb_function *of, const ebb_check_options *o, ebb_site site) {
    ebb_check_options *own = &f->k.options;
    if (o) *own = *o;
    if (own->order < 0 || own->order > 2 || own->directions < 0 || own->tolerance < 0 ||
        (own->wrt && (own->wrt->count < 0 || (own->wrt->count && !own->wrt->index) || own->wrt->auxiliary < 0)))
        return ebb_fail_at(
                   of->context, EBB_VALUE_ERROR, site,
                   "ebb_check_derivatives: %s: order %d, %d directions, tolerance %g: none may be negative, and "
                   "the order is 1 or 2",
                   of->name, own->order, own->directions, own->tolerance),
               false;
    if (!own->directions) own->directions = 3;
    if (!own->order) own->order = 2;
    return true;
}

static bool check(finding *f, ebb_function *of, int nin, const ebb_operand *in, ebb_site site) {
    if (of->context->trace)
        return ebb_fail_at(of->context, EBB_RUNTIME_ERROR, site,
                           "ebb_check_derivatives: %s: not inside a traced function", of->name),
               false;
    bool good = ebb_check_open(&f->k, of, nin, in, site);
    if (good) start_lines(f);
    good = good && compare(f) && find_places(f);
    ebb_check_close(&f->k);
    if (!good && f->k.diag.code != EBB_OK) ebb_fail_diag(of->context, &f->k.diag, site);
    return good;
}

ebb_check_report ebb_check_derivatives_at(ebb_function *f, const ebb_check_options *options, int nin,
                                          const ebb_operand *in, const char *file, int line) {
    ebb_check_report r = {0};
    ebb_site site = ebb_site_at(file, line);
    if (!ebb_callable("ebb_check_derivatives", f, nin, in, site)) return r;
    finding found = {.r = &r, .k = {.ebb = f->context}};
    if (!set_options(&found, f, options, site) || !check(&found, f, nin, in, site)) return (ebb_check_report){0};
    r.done = true;
    say_all(&r);
    return r;
}

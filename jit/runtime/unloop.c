/* unloop.c - the driver of unloops: forward through a loop, then back through its iterations, in bounded memory.
 *
 * To go back through iteration i the states before it must be known. They are kept in slots where there is one for each
 * iteration. Where there are fewer, the way back begins again from a state that is kept, and keeps some on the way: at
 * the places that binomial coefficients say, which costs the fewest repetitions (A. Griewank and A. Walther, Algorithm
 * 799: revolve, 2000). The slots are a stack: each is before a later iteration than the one below it, and is given back
 * when its iteration has been gone through. The first states are the operands, which need no slot.
 *
 * If only a condition knows how many iterations there are, they are counted first, with states kept as far as they fit.
 *
 * Cotangents of captures are summed with the error of each sum carried to the next (W. Kahan, 1965), so that a million
 * iterations lose no more than one. Start reading at go_back. */
#include "jit/runtime/loop.h"

#include <string.h>

typedef struct unloop {
    const ebb_loop_desc *d;
    char *work;
    ebb_loop_places at;
    ebb_rt_step *body, *pullback;
    const void *const *in;
    void *const *out;
    const void **body_in, **back_in;
    void **body_out, **back_out;
    int64_t trips, parameters, float_states;
    int64_t *position; /* the iteration that each used slot is before */
    int64_t used;
    int turn;       /* which set of cotangents is written next */
    bool went_back; /* through one iteration at least */
} unloop;

static bool is_float(int64_t dtype) { return ebb_is_float((ebb_dtype)dtype); }

static char *set_at(const unloop *u, int which) { return u->work + u->at.states[which]; }
static char *slot_at(const unloop *u, int64_t k) { return u->work + u->at.slot + k * u->at.slot_bytes; }

/* ---- forward ---- */

/* The states of the set, as the first arguments of a function; NULL: the operands. */
static void read_states(const unloop *u, const char *set, const void **argument) {
    int64_t end = 0;
    for (int64_t k = 0; k < u->d->states; k++)
        argument[k] = set ? set + ebb_loop_place(&end, u->d->value[k].bytes) : u->in[k];
}

static void write_states(const unloop *u, char *set) {
    int64_t end = 0;
    for (int64_t k = 0; k < u->d->states; k++)
        u->body_out[k] = set + ebb_loop_place(&end, u->d->value[k].bytes);
}

static int64_t row_of(const unloop *u, int64_t i) { return u->d->reverse ? u->trips - 1 - i : i; }

static void point_slices(const unloop *u, int64_t i, const void **argument) {
    const int64_t row = row_of(u, i);
    for (int64_t k = u->d->states + u->d->captures; k < u->parameters; k++)
        argument[k] = (const char *)u->in[k] + row * u->d->value[k].bytes;
}

/* From the states before iteration i to those behind it. */
static int advance(const unloop *u, const char *from, int64_t i, char *to) {
    read_states(u, from, u->body_in);
    write_states(u, to);
    point_slices(u, i, u->body_in);
    return u->body(u->body_in, u->body_out, u->work + u->at.room[EBB_LOOP_BODY]);
}

/* From the states before iteration i to those before iteration j > i. */
static int advance_to(const unloop *u, const char *from, int64_t i, int64_t j, char *to) {
    int code = EBB_OK;
    for (; code == EBB_OK && i < j; i++) {
        char *next = i + 1 == j ? to : set_at(u, (int)(i & 1));
        code = advance(u, from, i, next);
        from = next;
    }
    return code;
}

/* Counts the iterations; the states behind the first ones are kept in the slots. */
static int count_trips(unloop *u, ebb_rt_step *condition) {
    uint8_t *flag = (uint8_t *)u->work + u->at.flag;
    const char *states = NULL;
    for (int64_t i = 0;; i++) {
        read_states(u, states, u->body_in);
        int code = condition(u->body_in, (void *[]){flag}, u->work + u->at.room[EBB_LOOP_CONDITION]);
        u->trips = i;
        if (code != EBB_OK || !*flag) return code;
        char *next = i < u->d->slots ? slot_at(u, i) : set_at(u, (int)(i & 1));
        code = advance(u, states, i, next);
        if (code != EBB_OK) return code;
        states = next;
    }
}

/* All states that the way back asks for are kept, if there are slots for them. */
static int keep_all(unloop *u, bool there) {
    int code = EBB_OK;
    if (u->trips - 1 > u->d->slots) return code;
    for (; code == EBB_OK && u->used < u->trips - 1; u->used++) {
        const int64_t i = u->used;
        if (!there) code = advance(u, i ? slot_at(u, i - 1) : NULL, i, slot_at(u, i));
        u->position[i] = i + 1;
    }
    return code;
}

/* ---- sums of captures ---- */

#define DEFINE_ADD(type)                                                                                               \
    static void add_##type(int64_t n, type *sum, const type *term, type *error) {                                      \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            const type y = term[i] - error[i], next = sum[i] + y, lost = (next - sum[i]) - y;                          \
            error[i] = lost - lost == 0 ? lost : 0; /* no error is known of an infinity */                             \
            sum[i] = next;                                                                                             \
        }                                                                                                              \
    }
DEFINE_ADD(float)
DEFINE_ADD(double)

/* The first term is written where the sum will be. */
static void add_terms(const unloop *u) {
    const int64_t first = u->d->states;
    int64_t end = 0, result = u->float_states;
    for (int64_t k = first; k < first + u->d->captures; k++) {
        const ebb_loop_value *v = &u->d->value[k];
        const int64_t at = ebb_loop_place(&end, v->bytes);
        char *term = u->work + u->at.term + at, *error = u->work + u->at.error + at;
        if (v->back && !u->went_back)
            memset(error, 0, (size_t)v->bytes);
        else if (v->back && v->dtype == EBB_F32)
            add_float(v->bytes / 4, u->out[result], (const float *)(void *)term, (float *)(void *)error);
        else if (v->back)
            add_double(v->bytes / 8, u->out[result], (const double *)(void *)term, (double *)(void *)error);
        result += is_float(v->dtype);
    }
}

/* ---- one iteration back ---- */

/* Where the pullback leaves what it gives. */
static void point_results(const unloop *u, int64_t i) {
    const ebb_loop_desc *d = u->d;
    int64_t states = 0, captures = 0, result = 0;
    for (int64_t k = 0; k < u->parameters; k++) {
        const ebb_loop_value *v = &d->value[k];
        char *to = is_float(v->dtype) ? u->out[result] : NULL; /* behind the last float one there is none */
        if (k < d->states)
            to = u->work + u->at.cotangents[u->turn] + ebb_loop_place(&states, v->bytes);
        else if (k < d->states + d->captures) {
            const int64_t at = ebb_loop_place(&captures, v->bytes);
            if (u->went_back) to = u->work + u->at.term + at;
        } else
            to = v->back ? to + row_of(u, i) * v->bytes : NULL;
        if (!is_float(v->dtype)) continue;
        u->back_out[result++] = v->back ? to : NULL;
    }
}

/* back_in ends with the cotangents of the body's float results: of states those that are carried, then rows. */
static void point_cotangents(const unloop *u, int64_t i) {
    const ebb_loop_desc *d = u->d;
    int64_t at = u->parameters + u->float_states;
    for (int64_t k = 0; k < d->stacked; k++) {
        const ebb_loop_value *v = &d->value[u->parameters + k];
        if (!is_float(v->dtype)) continue;
        u->back_in[at] = (const char *)u->in[at] + row_of(u, i) * v->bytes;
        at++;
    }
}

/* The cotangents of states that were written are those to carry on; what the pullback does not give is zero. */
static void carry(unloop *u) {
    int64_t end = 0, at = u->parameters;
    for (int64_t k = 0; k < u->d->states; k++) {
        const ebb_loop_value *v = &u->d->value[k];
        char *written = u->work + u->at.cotangents[u->turn] + ebb_loop_place(&end, v->bytes);
        if (!is_float(v->dtype)) continue;
        if (!v->back) memset(written, 0, (size_t)v->bytes);
        u->back_in[at++] = written;
    }
    u->turn ^= 1;
    u->went_back = true;
}

/* Back through iteration i, before which the states are those of the set. */
static int pull(unloop *u, const char *set, int64_t i) {
    read_states(u, set, u->back_in);
    point_slices(u, i, u->back_in);
    point_cotangents(u, i);
    point_results(u, i);
    int code = u->pullback(u->back_in, u->back_out, u->work + u->at.room[EBB_LOOP_PULLBACK]);
    if (code != EBB_OK) return code;
    add_terms(u);
    carry(u);
    return EBB_OK;
}

/* ---- all iterations back ---- */

/* (s + r choose s): how many iterations one can go back through from s kept states, each repeated at most r times. */
static int64_t reach(int64_t s, int64_t r) {
    const int64_t most = s > r ? s : r, least = s > r ? r : s;
    int64_t n = 1;
    for (int64_t k = 1; k <= least; k++) {
        if (__builtin_mul_overflow(n, most + k, &n)) return INT64_MAX;
        n /= k;
    }
    return n;
}

/* How far to go before the next state is kept: for n iterations behind one that is, and as many free slots. */
static int64_t stride(int64_t n, int64_t slots) {
    int64_t r = 1;
    while (reach(slots + 1, r) < n)
        r++;
    const int64_t left = reach(slots + 1, r - 1), right = n - reach(slots, r - 1);
    return left < right ? left : right;
}

static int go_back(unloop *u) {
    int code = EBB_OK;
    for (int64_t end = u->trips; code == EBB_OK && end > 0;) {
        const int64_t first = u->used ? u->position[u->used - 1] : 0, n = end - first, slots = u->d->slots - u->used;
        const char *kept = u->used ? slot_at(u, u->used - 1) : NULL;
        if (n == 1 || u->d->states == 0) {
            code = pull(u, kept, --end);
            if (u->used && end == first) u->used--;
        } else if (slots == 0) {
            char *last = set_at(u, (int)(end & 1));
            code = advance_to(u, kept, first, end - 1, last);
            if (code == EBB_OK) code = pull(u, last, --end);
        } else {
            const int64_t next = first + stride(n, slots);
            code = advance_to(u, kept, first, next, slot_at(u, u->used));
            u->position[u->used++] = next;
        }
    }
    return code;
}

/* Cotangents of states are where they were carried to; sums without a term are zero. */
static void finish(const unloop *u) {
    int64_t result = 0, at = u->parameters;
    for (int64_t k = 0; k < u->d->states + u->d->captures; k++) {
        const ebb_loop_value *v = &u->d->value[k];
        if (!is_float(v->dtype)) continue;
        void *to = u->out[result++];
        const void *carried = k < u->d->states ? u->back_in[at++] : NULL;
        if (to && carried) memcpy(to, carried, (size_t)v->bytes);
        if (to && !carried && !u->went_back) memset(to, 0, (size_t)v->bytes);
    }
}

static unloop open_unloop(const ebb_loop_desc *d, const void *const *in, void *const *out, void *work) {
    unloop u = {.d = d, .work = work, .at = ebb_loop_places_of(d), .in = in, .out = out, .trips = d->trips};
    u.parameters = d->states + d->captures + d->sequences;
    u.body_in = (const void **)(void *)(u.work + u.at.body_in);
    u.body_out = (void **)(void *)(u.work + u.at.body_out);
    u.back_in = (const void **)(void *)(u.work + u.at.back_in);
    u.back_out = (void **)(void *)(u.work + u.at.back_out);
    u.position = (int64_t *)(void *)(u.work + u.at.position);
    memcpy(u.body_in, in, (size_t)(d->states + d->captures) * sizeof *in);
    memcpy(u.back_in, in, (size_t)(d->states + d->captures) * sizeof *in);
    for (int64_t k = 0; k < d->stacked; k++)
        u.body_out[d->states + k] = NULL;
    for (int64_t k = 0, at = u.parameters; k < d->states; k++)
        if (is_float(d->value[k].dtype)) u.back_in[at] = in[at], at++, u.float_states++;
    return u;
}

int ebb_rt_unloop(const ebb_loop_desc *d, ebb_rt_step *body, ebb_rt_step *condition, ebb_rt_step *pullback,
                  const void *const *in, void *const *out, void *work) {
    unloop u = open_unloop(d, in, out, work);
    u.body = body;
    u.pullback = pullback;
    int code = condition ? count_trips(&u, condition) : EBB_OK;
    if (code == EBB_OK && d->states) code = keep_all(&u, condition != NULL);
    if (code == EBB_OK) code = go_back(&u);
    if (code == EBB_OK) finish(&u);
    return code;
}

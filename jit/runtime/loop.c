/* loop.c - the driver of loops. See loop.h.
 *
 * States are read in one place and written in another, in turns. One of the two is the room for the result, and where
 * the number of iterations is known, the turns are such that the last one ends there. */
#include "jit/runtime/loop.h"

#include <string.h>

typedef struct loop {
    const ebb_loop_desc *d;
    char *work;
    ebb_loop_places at;
    const void *const *in;
    void *const *out;
    const void **body_in;
    void **body_out;
} loop;

static loop open_loop(const ebb_loop_desc *d, const void *const *in, void *const *out, void *work) {
    loop l = {.d = d, .work = work, .at = ebb_loop_places_of(d), .in = in, .out = out};
    l.body_in = (const void **)(void *)(l.work + l.at.body_in);
    l.body_out = (void **)(void *)(l.work + l.at.body_out);
    memcpy(l.body_in, in, (size_t)(d->states + d->captures) * sizeof *in);
    return l;
}

/* The states go to the room for the result, or to the set in work. */
static void write_states(const loop *l, bool to_result) {
    int64_t end = 0;
    for (int64_t k = 0; k < l->d->states; k++) {
        char *spare = l->work + l->at.states[0] + ebb_loop_place(&end, l->d->value[k].bytes);
        l->body_out[k] = to_result ? l->out[k] : spare;
    }
}

static void read_written(const loop *l) {
    for (int64_t k = 0; k < l->d->states; k++)
        l->body_in[k] = l->body_out[k];
}

static void point_rows(const loop *l, int64_t i) {
    const ebb_loop_desc *d = l->d;
    const int64_t row = d->reverse ? d->trips - 1 - i : i, first = d->states + d->captures;
    const ebb_loop_value *slice = d->value + first, *result = slice + d->sequences;
    for (int64_t k = 0; k < d->sequences; k++)
        l->body_in[first + k] = (const char *)l->in[first + k] + row * slice[k].bytes;
    for (int64_t k = 0; k < d->stacked; k++)
        l->body_out[d->states + k] = (char *)l->out[d->states + k] + row * result[k].bytes;
}

/* What was read last is the result. */
static void keep_read(const loop *l) {
    for (int64_t k = 0; k < l->d->states; k++)
        if (l->body_in[k] != l->out[k]) memcpy(l->out[k], l->body_in[k], (size_t)l->d->value[k].bytes);
}

static int run_trips(const loop *l, ebb_rt_step *body) {
    for (int64_t i = 0; i < l->d->trips; i++) {
        write_states(l, (l->d->trips - 1 - i) % 2 == 0);
        point_rows(l, i);
        int code = body(l->body_in, l->body_out, l->work + l->at.room[EBB_LOOP_BODY]);
        if (code != EBB_OK) return code;
        read_written(l);
    }
    return EBB_OK;
}

static int run_while(const loop *l, ebb_rt_step *body, ebb_rt_step *condition) {
    uint8_t *flag = (uint8_t *)l->work + l->at.flag;
    for (bool to_result = true;; to_result = !to_result) {
        int code = condition(l->body_in, (void *[]){flag}, l->work + l->at.room[EBB_LOOP_CONDITION]);
        if (code != EBB_OK || !*flag) return code;
        write_states(l, to_result);
        code = body(l->body_in, l->body_out, l->work + l->at.room[EBB_LOOP_BODY]);
        if (code != EBB_OK) return code;
        read_written(l);
    }
}

int ebb_rt_loop(const ebb_loop_desc *d, ebb_rt_step *body, ebb_rt_step *condition, const void *const *in,
                void *const *out, void *work) {
    const loop l = open_loop(d, in, out, work);
    const int code = condition ? run_while(&l, body, condition) : run_trips(&l, body);
    if (code == EBB_OK) keep_read(&l);
    return code;
}

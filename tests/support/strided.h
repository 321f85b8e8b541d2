/* strided.h - for the tests of the evaluator: elements of any dtype, numbers with edges among them, views of every
 * kind. */
#ifndef EBB_TEST_STRIDED_H
#define EBB_TEST_STRIDED_H

#include "jit/eval/eval.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- numbers ---- */

typedef union number { /* an element of any dtype */
    uint8_t b;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
} number;

number get(const void *from, ebb_dtype d, int64_t i);
bool same_elements(ebb_dtype d, number a, number b); /* to the bit; any NaN equals any other */
double as_double(ebb_dtype d, number v);
double larger(double x, double y); /* NaN propagates, -0 < +0 */

uint64_t draw(void); /* the next of a fixed stream */
int64_t below(int64_t n);
void fill_any(void *to, ebb_dtype d, int64_t n); /* ordinary numbers with every kind of edge among them */

/* ---- views ---- */

int64_t size_of(const ebb_shape *s);
bool next_index(const ebb_shape *s, int64_t *at); /* row-major; false, and at the first again, after the last */
int64_t place(const ebb_shape *s, const ebb_view *v, const int64_t *at); /* in elements from v->data */

enum { ROOM = 1 << 15 }; /* elements of a buffer for any_view; views start in its middle */

/* kind 0: contiguous; 1: one element for all; 2: transposed; else any mixture, with negative and zero strides. */
ebb_view any_view(void *memory, ebb_dtype d, const ebb_shape *s, int kind);

#endif

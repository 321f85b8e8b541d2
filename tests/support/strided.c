/* strided.c - see strided.h. */
#include "strided.h"

#include <math.h>
#include <string.h>

number get(const void *from, ebb_dtype d, int64_t i) {
    number v = {.i64 = 0};
    memcpy(&v, (const char *)from + i * (int64_t)ebb_dtype_size(d), ebb_dtype_size(d));
    return v;
}

bool same_elements(ebb_dtype d, number a, number b) {
    if (d == EBB_F32 && isnan(a.f32) && isnan(b.f32)) return true;
    if (d == EBB_F64 && isnan(a.f64) && isnan(b.f64)) return true;
    return memcmp(&a, &b, ebb_dtype_size(d)) == 0;
}

double as_double(ebb_dtype d, number v) {
    return d == EBB_BOOL  ? v.b
           : d == EBB_I32 ? v.i32
           : d == EBB_I64 ? (double)v.i64
           : d == EBB_F32 ? (double)v.f32
                          : v.f64;
}

static uint64_t state = 1;

uint64_t draw(void) { /* splitmix64 */
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

int64_t below(int64_t n) { return (int64_t)(draw() % (uint64_t)n); }

void fill_any(void *to, ebb_dtype d, int64_t n) {
    static const double edges[] = {0,    -0.0, 1,   -1,   INFINITY, -INFINITY, NAN,    0.5,  2,    -2,
                                   88.8, -104, 710, -746, 1e-40,    -1e-310,   5e-324, 1e30, 1e300};
    static const int64_t whole[] = {0, 1, -1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, 2, -7};
    for (int64_t i = 0; i < n; i++) {
        const bool edge = below(4) == 0;
        const double x = edge ? edges[below(COUNT(edges))] : (double)(int64_t)draw() * 0x1p-61;
        const int64_t k = edge ? whole[below(COUNT(whole))] : below(2001) - 1000;
        if (d == EBB_BOOL) ((uint8_t *)to)[i] = draw() & 1;
        if (d == EBB_I32) ((int32_t *)to)[i] = (int32_t)k;
        if (d == EBB_I64) ((int64_t *)to)[i] = k;
        if (d == EBB_F32) ((float *)to)[i] = (float)x;
        if (d == EBB_F64) ((double *)to)[i] = x;
    }
}

/* ---- views ---- */

bool next_index(const ebb_shape *s, int64_t *at) {
    for (int a = s->rank - 1; a >= 0; a--) {
        if (++at[a] < s->dim[a]) return true;
        at[a] = 0;
    }
    return false;
}

int64_t place(const ebb_shape *s, const ebb_view *v, const int64_t *at) {
    int64_t offset = 0;
    for (int a = 0; a < s->rank; a++)
        offset += v->stride[a] * at[a];
    return offset;
}

int64_t size_of(const ebb_shape *s) {
    int64_t n = 1;
    for (int a = 0; a < s->rank; a++)
        n *= s->dim[a];
    return n;
}

ebb_view any_view(void *memory, ebb_dtype d, const ebb_shape *s, int kind) {
    ebb_view v;
    ebb_view_contiguous(&v, (char *)memory + ROOM / 2 * ebb_dtype_size(d), s);
    int64_t step = 1;
    for (int a = 0; a < s->rank; a++) {
        if (kind == 1) v.stride[a] = 0;
        if (kind == 2) v.stride[a] = step;
        if (kind > 2) v.stride[a] *= below(4) - 1;
        step *= s->dim[a];
    }
    return v;
}

double larger(double x, double y) {
    if (isnan(x) || isnan(y)) return NAN;
    if (x == y) return signbit(x) ? y : x;
    return x > y ? x : y;
}

/* idx.c - reads IDX files, the format of the MNIST family, plain or gzip'ed.
 *
 *     00 00 | type | rank | rank sizes, u32 | elements, row-major            everything big-endian
 *
 * Invariant: the file is measured before anything is allocated, so a header that lies costs nothing; a first pass
 * counts the unpacked bytes, a second one converts them through two small buffers. Start reading at ebb_read_idx. */
#include <math.h>
#include <string.h>

#include "frontend/file.h"
#include "jit/graph/plain_floats.h"

enum { CHUNK = 2048 }; /* elements converted at a time */

static uint64_t big_endian(const unsigned char *b, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | b[i];
    return value;
}

/* ---- element types of the file: bytes to double, which holds each of them exactly ---- */

static float f32_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double f64_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* code, name, bytes, the value of `u`, the dtype that holds it without loss */
#define IDX_TYPES(ROW)                                                                                                 \
    ROW(0x08, u8, 1, (double)u, EBB_I32)                                                                               \
    ROW(0x09, i8, 1, (double)(int8_t)u, EBB_I32)                                                                       \
    ROW(0x0B, i16, 2, (double)(int16_t)u, EBB_I32)                                                                     \
    ROW(0x0C, i32, 4, (double)(int32_t)u, EBB_I32)                                                                     \
    ROW(0x0D, f32, 4, (double)f32_of_bits((uint32_t)u), EBB_F32)                                                       \
    ROW(0x0E, f64, 8, f64_of_bits(u), EBB_F64)

#define DECODE(code, name, size, value, dtype)                                                                         \
    static void decode_##name(const unsigned char *from, double *to, size_t n) {                                       \
        for (size_t i = 0; i < n; i++) {                                                                               \
            uint64_t u = big_endian(from + i * size, size);                                                            \
            to[i] = value;                                                                                             \
        }                                                                                                              \
    }
IDX_TYPES(DECODE)

typedef struct element {
    int code, bytes;
    void (*decode)(const unsigned char *from, double *to, size_t n);
    ebb_dtype natural;
    const char *name;
} element;

#define ELEMENT(code, name, size, value, dtype) {code, size, decode_##name, dtype, #name},
static const element elements[] = {IDX_TYPES(ELEMENT)};

static const element *element_of(int code) {
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (elements[i].code == code) return &elements[i];
    return NULL;
}

/* ---- dtypes of the tensor: double to element, if it fits exactly ---- */

/* The casts of `in_range` are defined for every double that passes the comparison before them. */
#define STORE(name, type, in_range)                                                                                    \
    static size_t store_##name(const double *from, void *to, size_t n) {                                               \
        type *out = to;                                                                                                \
        for (size_t i = 0; i < n; i++) {                                                                               \
            double v = from[i];                                                                                        \
            if (!(in_range)) return i;                                                                                 \
            out[i] = (type)v;                                                                                          \
        }                                                                                                              \
        return n;                                                                                                      \
    }
STORE(bool, bool, v == 0 || v == 1)
STORE(i32, int32_t, v >= -0x1p31 && v < 0x1p31 && trunc(v) == v)
STORE(i64, int64_t, v >= -0x1p63 && v < 0x1p63 && trunc(v) == v)
STORE(f32, float, v != v || isinf(v) || (fabs(v) <= 0x1.fffffep127 && (double)(float)v == v))
STORE(f64, double, true)

/* Gives the number of elements stored: fewer than n if the next one does not fit. */
typedef size_t store(const double *from, void *to, size_t n);

static store *store_of(ebb_dtype dtype) {
    switch (dtype) {
    case EBB_BOOL:
        return store_bool;
    case EBB_I32:
        return store_i32;
    case EBB_I64:
        return store_i64;
    case EBB_F32:
        return store_f32;
    case EBB_F64:
        return store_f64;
    case EBB_NONE:
        break;
    }
    return NULL;
}

/* ---- the file ---- */

typedef struct header {
    const element *element;
    ebb_shape shape;
    int64_t size;
} header;

static bool read_magic(ebb_file *s, header *h) {
    unsigned char magic[4];
    if (ebb_file_read(s, magic, 4) < 4)
        return s->failed ? false : ebb_file_fail(s, EBB_DATA_ERROR, s->position, "the file ends inside its header");
    if (magic[0] || magic[1])
        return ebb_file_fail(s, EBB_DATA_ERROR, magic[0] ? 0 : 1, "not an IDX file: it begins with two zero bytes");
    h->element = element_of(magic[2]);
    if (!h->element) return ebb_file_fail(s, EBB_DATA_ERROR, 2, "unknown element type 0x%02X", magic[2]);
    if (magic[3] > EBB_MAX_RANK)
        return ebb_file_fail(s, EBB_DATA_ERROR, 3, "rank %d, but at most %d are possible", magic[3], EBB_MAX_RANK);
    h->shape.rank = magic[3];
    return true;
}

static bool read_sizes(ebb_file *s, header *h) {
    for (int i = 0; i < h->shape.rank; i++) {
        unsigned char size[4];
        if (ebb_file_read(s, size, 4) < 4)
            return s->failed ? false : ebb_file_fail(s, EBB_DATA_ERROR, s->position, "the file ends inside its header");
        h->shape.dim[i] = (int64_t)big_endian(size, 4);
    }
    return true;
}

static bool check_size(ebb_file *s, header *h, uint64_t file_bytes) {
    uint64_t start = s->position, bytes;
    if (!ebb_shape_size(&h->shape, &h->size) || __builtin_mul_overflow((uint64_t)h->size, h->element->bytes, &bytes))
        return ebb_file_fail(s, EBB_DATA_ERROR, 4, "the sizes of the header overflow");
    if (bytes > file_bytes - start)
        return ebb_file_fail(s, EBB_DATA_ERROR, file_bytes,
                             "the file ends, but its header says %llu bytes of data and %llu are there",
                             (unsigned long long)bytes, (unsigned long long)(file_bytes - start));
    if (bytes < file_bytes - start)
        return ebb_file_fail(s, EBB_DATA_ERROR, start + bytes, "%llu bytes follow the last element",
                             (unsigned long long)(file_bytes - start - bytes));
    return true;
}

static bool convert(ebb_file *s, const header *h, ebb_dtype dtype, char *to) {
    EBB_PLAIN_FLOATS;
    unsigned char bytes[CHUNK * 8];
    double values[CHUNK];
    size_t size = ebb_dtype_size(dtype), width = (size_t)h->element->bytes;
    for (int64_t left = h->size; left > 0;) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        uint64_t start = s->position;
        if (ebb_file_read(s, bytes, n * width) < n * width)
            return s->failed ? false : ebb_file_fail(s, EBB_DATA_ERROR, s->position, "the file ends while it is read");
        h->element->decode(bytes, values, n);
        size_t stored = store_of(dtype)(values, to, n);
        if (stored < n)
            return ebb_file_fail(s, EBB_VALUE_ERROR, start + stored * width, "%s element %.17g is no %s",
                                 h->element->name, values[stored], ebb_dtype_short(dtype));
        to += n * size;
        left -= (int64_t)n;
    }
    return true;
}

/* Reads what follows the header into a new tensor; poison after an error. */
static ebb_tensor *read_tensor(ebb_file *s, const header *h, ebb_dtype dtype) {
    ebb_type type = {dtype != EBB_NONE ? dtype : h->element->natural, h->shape};
    ebb_tensor *x = ebb_tensor_value(s->context, &type, NULL, s->site);
    if (ebb_is_poison(x) || h->size == 0 || convert(s, h, type.dtype, x->storage->data)) return x;
    return ebb_poison_of(s->context);
}

ebb_tensor *ebb_read_idx_at(ebb_context *ebb, const char *path, ebb_dtype dtype, const char *source, int line) {
    static const char what[] = "ebb_read_idx";
    ebb_site site = ebb_site_at(source, line);
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "%s: the context is NULL", what);
    ebb_enter(ebb);
    if (!path) return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: path is NULL", what);
    if (dtype != EBB_NONE && !store_of(dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: no such dtype: %d", what, (int)dtype);
    ebb_file file;
    if (!ebb_file_open(&file, ebb, what, path, site)) return ebb_poison_of(ebb);
    header h = {0};
    uint64_t bytes;
    bool good = ebb_file_measure(&file, &bytes) && read_magic(&file, &h) && read_sizes(&file, &h) &&
                check_size(&file, &h, bytes);
    ebb_tensor *x = good ? read_tensor(&file, &h, dtype) : ebb_poison_of(ebb);
    ebb_file_close(&file);
    return x;
}

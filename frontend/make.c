/* make.c - tensors from C data. They are values even while a function is traced: their data can be read at once. */
#include "frontend/values.h"

#include <string.h>

/* The checks that every maker begins with. */
static bool is_asked_well(ebb_context *ebb, const char *function, ebb_dtype dtype, int rank, const int64_t *dims,
                          ebb_type *type, ebb_site site) {
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "%s: the context is NULL", function), false;
    ebb_enter(ebb);
    if (!ebb_dtype_size(dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: no such dtype: %d", function, (int)dtype), false;
    type->dtype = dtype;
    return ebb_shape_given(ebb, function, rank, dims, &type->shape, site);
}

ebb_tensor *ebb_scalar_at(ebb_context *ebb, ebb_dtype dtype, ebb_operand number) {
    ebb_type type;
    int64_t bits = 0;
    if (dtype == EBB_NONE) dtype = number.dtype;
    if (!is_asked_well(ebb, "ebb_scalar", dtype, EBB_SCALAR, &type, (ebb_site){0})) return ebb_poison_of(ebb);
    if (number.tensor)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_scalar: takes a number, not a tensor");
    if (!ebb_number_fits(ebb, "ebb_scalar", number, dtype, (ebb_site){0})) return ebb_poison_of(ebb);
    ebb_number_bits(number, dtype, &bits);
    return ebb_tensor_value(ebb, &type, &bits, (ebb_site){0});
}

/* C code may write any byte as a bool; the library's are 0 and 1. */
static void normalise_bools(ebb_tensor *x) {
    unsigned char *b = x->storage->data;
    for (int64_t i = 0, n = ebb_size(x); i < n; i++)
        b[i] = b[i] != 0;
}

ebb_tensor *ebb_constant_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, const void *data,
                            const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_type type;
    int64_t size = 0;
    if (!is_asked_well(ebb, "ebb_constant", dtype, rank, dims, &type, site)) return ebb_poison_of(ebb);
    if (!data && (!ebb_shape_size(&type.shape, &size) || size))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_constant: the data is NULL");
    ebb_tensor *x = ebb_tensor_value(ebb, &type, data, site);
    if (x->kind == EBB_KIND_VALUE && dtype == EBB_BOOL) normalise_bools(x);
    return x;
}

/* What is filled doubles with each copy. */
static void fill(char *data, size_t bytes, const void *element, size_t size) {
    if (!bytes) return;
    memcpy(data, element, size);
    for (size_t done = size; done < bytes; done *= 2)
        memcpy(data + done, data, done < bytes - done ? done : bytes - done);
}

static ebb_tensor *full(ebb_context *ebb, const char *function, ebb_dtype dtype, int rank, const int64_t *dims,
                        double value, ebb_site site) {
    ebb_type type;
    int64_t bits = 0, bytes = 0;
    ebb_operand number = ebb_operand_double(value);
    if (!is_asked_well(ebb, function, dtype, rank, dims, &type, site)) return ebb_poison_of(ebb);
    if (!ebb_number_fits(ebb, function, number, dtype, site)) return ebb_poison_of(ebb);
    ebb_number_bits(number, dtype, &bits);
    ebb_tensor *x = ebb_tensor_value(ebb, &type, NULL, site);
    if (x->kind == EBB_KIND_VALUE && ebb_type_bytes(&type, &bytes))
        fill(x->storage->data, (size_t)bytes, &bits, ebb_dtype_size(dtype));
    return x;
}

ebb_tensor *ebb_full_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double value,
                        const char *file, int line) {
    return full(ebb, "ebb_full", dtype, rank, dims, value, ebb_site_at(file, line));
}

ebb_tensor *ebb_zeros_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, const char *file, int line) {
    return full(ebb, "ebb_zeros", dtype, rank, dims, 0, ebb_site_at(file, line));
}

ebb_tensor *ebb_ones_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, const char *file, int line) {
    return full(ebb, "ebb_ones", dtype, rank, dims, 1, ebb_site_at(file, line));
}

ebb_tensor *ebb_range_at(ebb_context *ebb, ebb_dtype dtype, int64_t n, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    static const int64_t axis = 0;
    ebb_application app = {.op = EBB_OP_iota, .nattr = 1, .attr = &axis, .site = site};
    if (!is_asked_well(ebb, "ebb_range", dtype, 1, &n, &app.asked, site)) return ebb_poison_of(ebb);
    if (dtype == EBB_I32 && n > (int64_t)INT32_MAX + 1)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_range: %lld numbers are out of range for i32",
                           (long long)n);
    return ebb_run(ebb, &app, 0, NULL, NULL);
}

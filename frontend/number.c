/* number.c - C numbers among tensors: they take the dtype of the tensor they meet, if they fit it.
 *
 * An integer fits every float dtype; a real fits an integer dtype only if it is whole and in range; bool takes 0 and 1.
 * Start reading at ebb_number_fits; ebb_number_bits relies on it. */
#include "frontend/values.h"
#include "jit/graph/plain_floats.h"

#include <math.h>
#include <string.h>

static bool in_range(ebb_operand n, ebb_dtype dtype) {
    double low = dtype == EBB_BOOL ? 0 : dtype == EBB_I32 ? -0x1p31 : -0x1p63, high = dtype == EBB_BOOL ? 2 : -low;
    if (ebb_is_float(n.dtype)) return n.number.real >= low && n.number.real < high;
    return dtype == EBB_I64 || ((double)n.number.integer >= low && (double)n.number.integer < high);
}

bool ebb_number_fits(ebb_context *ebb, const char *function, ebb_operand n, ebb_dtype dtype, ebb_site site) {
    EBB_PLAIN_FLOATS;
    char text[32];
    bool real = ebb_is_float(n.dtype);
    if (ebb_is_float(dtype)) return true;
    ebb_number_text(real ? EBB_F64 : EBB_I64, &n.number, text);
    const char *name = ebb_dtype_short(dtype);
    if (real && !(n.number.real == trunc(n.number.real) && isfinite(n.number.real)))
        ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: the number %s is not whole, the tensor is %s", function, text,
                    name);
    else if (!in_range(n, dtype))
        ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: the number %s is out of range for %s", function, text, name);
    else
        return true;
    return false;
}

void ebb_number_bits(ebb_operand n, ebb_dtype dtype, void *out) {
    EBB_PLAIN_FLOATS;
    bool real = ebb_is_float(n.dtype);
    int64_t integer = !real ? n.number.integer : ebb_is_float(dtype) ? 0 : (int64_t)n.number.real;
    switch (dtype) {
    case EBB_BOOL:
        *(bool *)out = integer != 0;
        break;
    case EBB_I32:
        *(int32_t *)out = (int32_t)integer;
        break;
    case EBB_I64:
        *(int64_t *)out = integer;
        break;
    case EBB_F32:
        *(float *)out = real ? (float)n.number.real : (float)integer;
        break;
    case EBB_F64:
        *(double *)out = real ? n.number.real : (double)integer;
        break;
    case EBB_NONE:
        break;
    }
}

ebb_tensor *ebb_number_tensor(ebb_context *ebb, const char *function, ebb_operand n, ebb_dtype dtype, ebb_site site) {
    if (!ebb_number_fits(ebb, function, n, dtype, site)) return ebb_poison_of(ebb);
    int64_t bits = 0;
    ebb_number_bits(n, dtype, &bits);
    ebb_type type = {.dtype = dtype};
    if (!ebb->trace) return ebb_tensor_value(ebb, &type, &bits, site);
    ebb_application app = {EBB_OP_constant, 1, &bits, type, site};
    return ebb_dispatch(ebb, &app, 0, NULL);
}

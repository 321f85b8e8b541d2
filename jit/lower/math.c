/* math.c - calls of the mathematical functions: libm for scalars, libmvec for vectors.
 *
 * libmvec has a variant for each register width; its names follow the vector ABI: _ZGV, a letter for the width, N (not
 * masked), the lanes, a v per operand, and the scalar name. A vector that is narrower than the narrowest register is
 * widened with copies of its own lanes; a function that libmvec lacks is called lane by lane.
 * Never emit llvm.exp and the like on vectors: LLVM would call libm lane by lane. */
#include "jit/lower/emit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static void *libm, *libmvec;

static void open_libraries(void) {
    libm = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    libmvec = dlopen("libmvec.so.1", RTLD_NOW | RTLD_LOCAL);
}

void *ebb_lower_math_address(const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_libraries);
    void *address = libmvec ? dlsym(libmvec, name) : NULL;
    if (!address && libm) address = dlsym(libm, name);
    return address;
}

#define NARROWEST_BITS 128

static int lane_bits(const ebb_apply *a) { return (int)(8 * ebb_dtype_size(a->from)); }

static bool vector_name(const ebb_apply *a, int lanes, const char *name, int narg, char *text, size_t size) {
    int bits = lanes * lane_bits(a);
    char letter = bits == 128 ? 'b' : bits == 256 ? 'd' : 'e';
    snprintf(text, size, "_ZGV%cN%d%.*s_%s%s", letter, lanes, narg, "vv", name, a->from == EBB_F32 ? "f" : "");
    return ebb_lower_math_address(text) != NULL;
}

static LLVMValueRef call_scalar(const ebb_apply *a, const char *name, int narg, LLVMValueRef *x) {
    char text[32];
    snprintf(text, sizeof text, "%s%s", name, a->from == EBB_F32 ? "f" : "");
    return ebb_emit_call(a->e, text, ebb_emit_type(a->e, a->from, 1), narg, x);
}

static LLVMValueRef call_lane_by_lane(const ebb_apply *a, const char *name, int narg, const LLVMValueRef *x) {
    LLVMValueRef result = LLVMConstNull(ebb_emit_type(a->e, a->from, a->lanes));
    for (int lane = 0; lane < a->active; lane++) {
        LLVMValueRef one[2];
        for (int i = 0; i < narg; i++)
            one[i] = ebb_emit_lane(a->e, x[i], lane);
        LLVMValueRef y = call_scalar(a, name, narg, one);
        result = LLVMBuildInsertElement(a->e->builder, result, y, LLVMConstInt(a->e->i32, (unsigned)lane, 0), "");
    }
    return result;
}

LLVMValueRef ebb_emit_scalar_math(const ebb_apply *a, const char *name, int narg, const LLVMValueRef *x) {
    LLVMValueRef arg[2] = {x[0], narg > 1 ? x[1] : NULL};
    return a->lanes == 1 ? call_scalar(a, name, narg, arg) : call_lane_by_lane(a, name, narg, arg);
}

LLVMValueRef ebb_emit_math(const ebb_apply *a, const char *name, int narg, const LLVMValueRef *x) {
    LLVMValueRef arg[2] = {x[0], narg > 1 ? x[1] : NULL};
    int narrowest = NARROWEST_BITS / lane_bits(a);
    int lanes = a->lanes < narrowest ? narrowest : a->lanes;
    char text[48];
    if (a->lanes == 1 || !vector_name(a, lanes, name, narg, text, sizeof text))
        return ebb_emit_scalar_math(a, name, narg, x);
    for (int i = 0; i < narg && lanes != a->lanes; i++)
        arg[i] = ebb_emit_lanes(a->e, arg[i], 0, lanes);
    LLVMValueRef y = ebb_emit_call(a->e, text, ebb_emit_type(a->e, a->from, lanes), narg, arg);
    return lanes == a->lanes ? y : ebb_emit_lanes(a->e, y, 0, a->lanes);
}

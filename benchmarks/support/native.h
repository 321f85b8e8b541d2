/* native.h - a compiled function ready for raw calls, with its arguments bound; it stops the program if there is no
 * native code. */
#ifndef EBB_BENCH_NATIVE_H
#define EBB_BENCH_NATIVE_H

#include "frontend/ebb.h"

typedef struct native {
    ebb_concrete *concrete;
    ebb_native code;
    const void **in;
    void **out;
    void *work;
} native;

native native_new(ebb_context *ebb, ebb_function *f, int nin, const ebb_operand *in);
void native_call(void *data);                    /* a bench_work: one raw call */
double native_item(const native *n, int result); /* the first element of a result of dtype f64 */
float native_item_f32(const native *n, int result);
void native_free(native *n);

/* The same through ebb_call: one call inside a scope. */
typedef struct comfortable {
    ebb_context *ebb;
    ebb_function *f;
    int nin;
    const ebb_operand *in;
} comfortable;
void comfortable_call(void *data);

#endif

/* plain_floats.h - what we compute, we compute in IEEE 754's default environment, whatever the host has set.
 *
 * A host may round another way, flush subnormals to zero, or want a signal at a division by zero. Where numbers are
 * computed by us, EBB_PLAIN_FLOATS stands at the begin: to the end of the block arithmetic rounds to nearest, keeps
 * subnormals and raises no signal; then the host has its environment back as it was. So results and folded constants
 * do not depend on it. A host that has not changed anything (MXCSR says it in 4 ns) is left alone; what it finds
 * changed then are the sticky flags, as after any arithmetic. */
#ifndef EBB_PLAIN_FLOATS_H
#define EBB_PLAIN_FLOATS_H

#include <fenv.h>
#include <stdbool.h>

typedef struct ebb_float_guard {
    bool exchanged;
    fenv_t host;
} ebb_float_guard;

/* All but the sticky flags: subnormals, masks of signals, rounding. The C library changes those of the x87 unit too. */
#define EBB_MXCSR_CONTROL 0xFFC0u
#define EBB_MXCSR_DEFAULT 0x1F80u

static inline bool ebb_floats_are_plain(void) {
#ifdef __x86_64__
    unsigned mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return (mxcsr & EBB_MXCSR_CONTROL) == EBB_MXCSR_DEFAULT;
#else
    return false;
#endif
}

static inline void ebb_floats_enter(ebb_float_guard *guard) {
    guard->exchanged = !ebb_floats_are_plain();
    if (!guard->exchanged) return;
    fegetenv(&guard->host);
    fesetenv(FE_DFL_ENV);
}

static inline void ebb_floats_leave(ebb_float_guard *guard) {
    if (guard->exchanged) fesetenv(&guard->host);
}

#define EBB_PLAIN_FLOATS                                                                                               \
    ebb_float_guard float_guard __attribute__((cleanup(ebb_floats_leave)));                                            \
    ebb_floats_enter(&float_guard)

#endif

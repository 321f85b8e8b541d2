/* scale.h - for tests of size: how large this time, on how small a stack, and how much memory the process has. */
#ifndef EBB_TEST_SCALE_H
#define EBB_TEST_SCALE_H

#include <stdbool.h>
#include <stdint.h>

/* A sanitizer makes everything slower, frames larger, and keeps freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__)
#define SCALE_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SCALE_SANITIZED true
#endif
#endif
#ifndef SCALE_SANITIZED
#define SCALE_SANITIZED false
#endif

bool scale_full(void); /* EBB_SCALE=full */
/* The number for this variant of the test. */
int64_t sized(int64_t full, int64_t usual, int64_t sanitized);

long resident_kb(void); /* when the C library has given back what it can */

void on_small_stack(void (*body)(void)); /* a thread with 256 kB */

/* A test whose body runs there. */
#define SCALE_TEST(name)                                                                                               \
    static void body_##name(void);                                                                                     \
    Test(scale, name) { on_small_stack(body_##name); }                                                                 \
    static void body_##name(void)

#endif

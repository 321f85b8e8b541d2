/* scale.c - see scale.h. */
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool scale_full(void) {
    const char *wanted = getenv("EBB_SCALE");
    return wanted && strcmp(wanted, "full") == 0;
}

int64_t sized(int64_t full, int64_t usual, int64_t sanitized) {
    return SCALE_SANITIZED ? sanitized : scale_full() ? full : usual;
}

long resident_kb(void) {
    long total = 0, pages = 0;
    malloc_trim(0);
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &total, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * 4;
}

enum { STACK = SCALE_SANITIZED ? 4 << 20 : 256 << 10 };

static void *run_body(void *body) {
    void (*function)(void);
    memcpy(&function, body, sizeof function);
    function();
    return NULL;
}

void on_small_stack(void (*body)(void)) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, STACK), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, run_body, &body), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* expect.c - see fuzz.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

void fuzz_expect(bool good, const char *format, ...) {
    va_list list;
    if (good) return;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    fuzz_expect(text != NULL, "no memory");
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

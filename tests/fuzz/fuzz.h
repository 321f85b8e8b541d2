/* fuzz.h - what all fuzz targets share.
 *
 * A target is one file fuzz_<name>.c with one function: bytes in, nothing may go wrong. Linked with libFuzzer it is
 * searched for bytes that break something (./run fuzz); linked with replay.c it goes through corpus/<name> as a test.
 * corpus/<name> holds the smallest inputs of each kind and whatever once broke something; <name>.dict the words. */
#ifndef EBB_FUZZ_H
#define EBB_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with the message if it is not so. */
void fuzz_expect(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *fuzz_text(const uint8_t *data, size_t size); /* the bytes as a string, up to the first 0; free it */

#endif

/* fuzz_graph_text.c - any text as programs: parsed, or refused with line and column. What parses is verified, and what
 * it prints parses to what prints the same. */
#include <stdlib.h>
#include <string.h>

#include "jit/graph/text.h"
#include "tests/fuzz/fuzz.h"

static ebb_module *parse(const char *text, size_t size, ebb_diag *diag) {
    return ebb_module_parse(&ebb_malloc_allocator, text, size, diag);
}

static void check(ebb_graph *g) {
    ebb_diag diag = {0};
    fuzz_expect(ebb_verify(g, &diag), "parsed, but not right: %s", diag.message);
    char *text = ebb_graph_print(g, &diag);
    fuzz_expect(text != NULL, "does not print: %s", diag.message);
    ebb_module *m = parse(text, strlen(text), &diag);
    fuzz_expect(m != NULL, "what is printed does not parse: %s\n%s", diag.message, text);
    char *again = ebb_graph_print(m->function[m->functions - 1], &diag);
    fuzz_expect(again != NULL, "does not print again: %s", diag.message);
    fuzz_expect(strcmp(text, again) == 0, "prints another text:\n%s\n%s", text, again);
    ebb_mem_free(&ebb_malloc_allocator, again);
    ebb_mem_free(&ebb_malloc_allocator, text);
    ebb_module_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ebb_diag diag = {0};
    ebb_module *m = parse((const char *)data, size, &diag);
    fuzz_expect((m != NULL) == (diag.code == EBB_OK), "a module and an error, or neither: %s", diag.message);
    for (int32_t i = 0; m && i < m->functions; i++)
        check(m->function[i]);
    ebb_module_free(m);
    return 0;
}

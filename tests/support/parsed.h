/* parsed.h - graphs from text. */
#ifndef EBB_TESTS_PARSED_H
#define EBB_TESTS_PARSED_H

#include "jit/graph/graph.h"

/* The last function of the text, to be released; the test fails if it does not parse. */
ebb_graph *parsed(const char *text);

#endif

/* left_error.h - one call with bad input, and the error that it left. */
#ifndef EBB_TEST_LEFT_ERROR_H
#define EBB_TEST_LEFT_ERROR_H

#include "frontend/ebb.h"

/* The call `what` on `line` (0: it has no line to show) of `file` left this error, or none for EBB_OK; it is cleared.
 */
void left_error(ebb_context *ebb, ebb_code code, const char *function, const char *what, const char *with,
                const char *file, int line);

#endif

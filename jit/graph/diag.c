/* diag.c - the first error, kept with its source line. */
#include "jit/graph/diag.h"

#include <stdarg.h>
#include <stdio.h>

bool ebb_fail(ebb_diag *diag, ebb_code code, ebb_site site, const char *format, ...) {
    if (!diag || diag->code != EBB_OK) return false;
    diag->code = code;
    diag->site = site;
    va_list list;
    va_start(list, format);
    vsnprintf(diag->message, sizeof diag->message, format, list);
    va_end(list);
    return false;
}

bool ebb_fail_memory(ebb_diag *diag) { return ebb_fail(diag, EBB_NO_MEMORY, (ebb_site){0}, "out of memory"); }

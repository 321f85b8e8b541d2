/* progress.h - a progress bar on a terminal; nothing anywhere else. */
#ifndef EBB_COMMON_PROGRESS_H
#define EBB_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

typedef struct progress {
    FILE *to;
    bool live;   /* to is a terminal */
    double next; /* when the bar may be drawn again */
} progress;

progress progress_on(FILE *to);
/* Draws "label [####....]  52%  note" over the bar before; several calls a moment draw once. */
void progress_draw(progress *p, const char *label, double fraction, const char *note);
void progress_clear(progress *p); /* takes the bar away, so that a line can be printed in its place */

#endif

/* progress.h - a progress bar on a terminal; nothing anywhere else. */
#ifndef EBB_COMMON_PROGRESS_H
#define EBB_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct progress {
    FILE *to;
    bool live;          /* to is a terminal */
    double pause, next; /* seconds between drawings, and when the bar may be drawn again */
} progress;

progress progress_on(FILE *to);
/* Draws "label:  52%|####....| 520/1000 note" over the bar before. Of several calls a moment one is drawn, but always
 * the last one of all. */
void progress_draw(progress *p, const char *label, int64_t done, int64_t total, const char *note);
void progress_clear(progress *p); /* takes the bar away, so that a line can be printed in its place */

#endif

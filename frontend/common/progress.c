/* progress.c - see progress.h. */
#include "frontend/common/progress.h"

#include <unistd.h>

#include "frontend/common/timing.h"

progress progress_on(FILE *to) { return (progress){.to = to, .live = isatty(fileno(to)) == 1}; }

void progress_draw(progress *p, const char *label, double fraction, const char *note) {
    static const char full[] = "########################", empty[] = "........................";
    const int width = sizeof full - 1;
    double now = p->live ? clock_seconds() : 0;
    if (!p->live || now < p->next) return;
    int done = (int)(fraction * width);
    fprintf(p->to, "\r%s [%.*s%.*s] %3.0f%%  %s\033[K", label, done, full, width - done, empty, 100 * fraction, note);
    fflush(p->to);
    p->next = now + 0.05;
}

void progress_clear(progress *p) {
    if (p->live) fputs("\r\033[K", p->to);
    p->next = 0;
}

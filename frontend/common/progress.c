/* progress.c - see progress.h. */
#include "frontend/common/progress.h"

#include <unistd.h>

#include "frontend/common/timing.h"

progress progress_on(FILE *to) { return (progress){.to = to, .live = isatty(fileno(to)) == 1, .pause = 0.05}; }

void progress_draw(progress *p, const char *label, int64_t done, int64_t total, const char *note) {
    static const char full[] = "########################", empty[] = "........................";
    const int width = sizeof full - 1;
    double now = p->live ? clock_seconds() : 0, part = total > 0 ? (double)done / (double)total : 1;
    if (!p->live || (now < p->next && done < total)) return;
    int filled = (int)(part * width);
    fprintf(p->to, "\r%s: %3.0f%%|%.*s%.*s| %lld/%lld %s\033[K", label, 100 * part, filled, full, width - filled, empty,
            (long long)done, (long long)total, note);
    fflush(p->to);
    p->next = now + p->pause;
}

void progress_clear(progress *p) {
    if (p->live) fputs("\r\033[K", p->to);
    p->next = 0;
}

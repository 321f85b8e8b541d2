/* timing.c - see timing.h. Start reading at time_interleaved. */
#include "frontend/common/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WARM_UP = 3, MOST_SAMPLES = 101, LEAST_SAMPLES = 5, MOST_TIMINGS = 16 };

double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double sample(const timing *t, long repeats) {
    double start = clock_seconds();
    for (long i = 0; i < repeats; i++)
        t->run(t->data);
    return (clock_seconds() - start) / (double)repeats;
}

/* So many runs that the clock's own cost does not show. */
static long calibrate(const timing *t) {
    const double least = 200e-6;
    long repeats = 1;
    sample(t, WARM_UP);
    while (sample(t, repeats) * (double)repeats < least)
        repeats *= 2;
    return repeats;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void time_interleaved(timing *timings, int count, double budget) {
    static double samples[MOST_TIMINGS][MOST_SAMPLES];
    long repeats[MOST_TIMINGS];
    if (count > MOST_TIMINGS) count = MOST_TIMINGS;
    for (int k = 0; k < count; k++)
        repeats[k] = calibrate(&timings[k]);
    int rounds = 0;
    double start = clock_seconds();
    while (rounds < LEAST_SAMPLES || (rounds < MOST_SAMPLES && clock_seconds() - start < budget)) {
        for (int k = 0; k < count; k++)
            samples[k][rounds] = sample(&timings[k], repeats[k]);
        rounds++;
    }
    for (int k = 0; k < count; k++) {
        qsort(samples[k], (size_t)rounds, sizeof **samples, ascending);
        timings[k].seconds = samples[k][rounds / 2];
    }
}

const char *duration_text(double seconds, char text[24]) {
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
    int u = 0;
    while (u < 3 && seconds < units[u].unit)
        u++;
    snprintf(text, 24, "%.3g %s", seconds / units[u].unit, units[u].name);
    return text;
}

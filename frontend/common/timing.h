/* timing.h - how long things take: medians of interleaved runs, so that a slow moment of the machine hits all alike. */
#ifndef EBB_COMMON_TIMING_H
#define EBB_COMMON_TIMING_H

double clock_seconds(void); /* from an unknown start, never backwards */

typedef struct timing {
    void (*run)(void *data);
    void *data;
    double seconds; /* the answer: median time of one run */
} timing;

/* Times all of them for about `budget` seconds together; each runs a few times before, unmeasured. */
void time_interleaved(timing *timings, int count, double budget);

/* "831 ns", "12.4 us", "3.05 ms"; gives text. */
const char *duration_text(double seconds, char text[24]);

#endif

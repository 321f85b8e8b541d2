/* bench.h - side-by-side timings: two ways of doing the same work, run in turn, with the ratio of each pair.
 *
 * A shared machine drifts; the ratio of neighbours does not. bench_pair runs 31 pairs after a warm-up, each side long
 * enough to be measured, in time that the thread had a processor, and gives the medians and the 95 % interval of the
 * median ratio (order statistics 10 and 22 of 31). */
#ifndef EBB_BENCH_H
#define EBB_BENCH_H

#include <stdbool.h>
#include <stdint.h>

typedef void bench_work(void *data); /* one call of the work */

typedef struct bench_result {
    double ours, other;      /* median seconds per call */
    double ratio, low, high; /* ours / other, and its interval; 0 without another side */
} bench_result;

double bench_now(void);                                                                          /* seconds */
bench_result bench_pair(bench_work *ours, void *ours_data, bench_work *other, void *other_data); /* other may be NULL */

/* The table: `limit` is what the issue asks for ("" if nothing), good whether it holds. */
void bench_title(const char *title, const char *other);
void bench_row(const char *what, bench_result r, const char *limit, bool good);
const char *bench_time(double seconds, char text[32]); /* "12.3 ns" */
/* sgemm GF/s, copy GB/s and ns per expf of this run: a slow baseline shows here. */
void bench_yardsticks(void);

/* The first n numbers that a program in Python prints, if Debian's python3-torch is there to run it; else zeros. */
bool bench_torch(const char *program, int n, double *number);

/* The splitmix64 stream of the workloads. */
void bench_uniform(uint64_t seed, int64_t n, double *out);

#endif

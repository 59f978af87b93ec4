/* bench_figures.h -- what every program of the bench needs to tell what it saw. */
#ifndef LG_TESTS_BENCH_FIGURES_H
#define LG_TESTS_BENCH_FIGURES_H

#include <stddef.h>
#include <stdint.h>

void bench_figures_sort(int64_t *values, size_t count);
/* In milliseconds, of microseconds that are sorted: the smallest value that `percent` of all do not exceed. */
double bench_figures_percentile_ms(const int64_t *sorted_us, size_t count, unsigned percent);
/* User and system time of this process. */
double bench_figures_cpu_s(void);

#endif

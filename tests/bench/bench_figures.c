#include "bench_figures.h"

#include <stdlib.h>
#include <sys/resource.h>

static int by_size(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return (one > other) - (one < other);
}

void bench_figures_sort(int64_t *values, size_t count)
{
	qsort(values, count, sizeof *values, by_size);
}

double bench_figures_percentile_ms(const int64_t *sorted_us, size_t count, unsigned percent)
{
	size_t rank = (count * percent + 99) / 100;

	return count ? (double)sorted_us[rank ? rank - 1 : 0] / 1e3 : 0;
}

double bench_figures_cpu_s(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

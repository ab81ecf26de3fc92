/*
 * A log-linear histogram of nanoseconds: 128 buckets for each power of two, so that a
 * quantile is within 0.8% of the truth from 1 ns to hours, at a fixed size and a few
 * instructions a record.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BITS = 7, HISTOGRAM_STEPS = 1 << HISTOGRAM_BITS };

struct histogram {
    uint64_t total, largest;
    uint64_t buckets[(64 - HISTOGRAM_BITS + 1) * HISTOGRAM_STEPS];
};

static inline void histogram_record(struct histogram *h, uint64_t value, uint64_t times)
{
    size_t bucket = value;
    if (value >= HISTOGRAM_STEPS) {
        unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
        bucket = ((size_t)shift << HISTOGRAM_BITS) + (size_t)(value >> shift);
    }
    h->buckets[bucket] += times;
    h->total += times;
    if (value > h->largest)
        h->largest = value;
}

/* The value below which `share` (0 to 1) of the records lie: the middle of its bucket. */
static inline double histogram_quantile(const struct histogram *h, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)(share * (double)h->total);
    if (h->total == 0)
        return 0.0;
    for (size_t bucket = 0;; bucket++) {
        seen += h->buckets[bucket];
        if (seen > wanted || seen == h->total) {
            size_t shift = bucket < HISTOGRAM_STEPS ? 0 : (bucket >> HISTOGRAM_BITS) - 1;
            uint64_t low = (uint64_t)(bucket - (shift << HISTOGRAM_BITS)) << shift;
            return (double)low + (double)(((uint64_t)1 << shift) - 1) / 2.0;
        }
    }
}

#endif

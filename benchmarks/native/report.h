/*
 * What a run of load.c found, as text or as one JSON object a line.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "histogram.h"

struct counts {
    uint64_t frames, bytes, opened; /* in the measured window; bytes of bodies */
    uint64_t wrong, lost, missing;  /* in the whole run: echoes and connections */
};

struct report {
    double wall_s, own_cpu_s, server_cpu_s; /* of the measured window */
    struct counts count;
    struct histogram latency;
};

static void print_json(const struct report *r, bool with_server)
{
    const struct counts *n = &r->count;
    printf("{\"event\":\"result\",\"frames\":%llu,\"seconds\":%.6f,\"frames_per_s\":%.1f,"
           "\"megabytes_per_s\":%.3f,",
           (unsigned long long)n->frames, r->wall_s, (double)n->frames / r->wall_s,
           (double)n->bytes / r->wall_s / 1e6);
    printf("\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.2f,",
           histogram_quantile(&r->latency, 0.50) / 1e3, histogram_quantile(&r->latency, 0.99) / 1e3,
           histogram_quantile(&r->latency, 0.999) / 1e3, (double)r->latency.largest / 1e3);
    printf("\"opened\":%llu,\"wrong\":%llu,\"lost\":%llu,\"missing\":%llu,\"load_busy\":%.4f,",
           (unsigned long long)n->opened, (unsigned long long)n->wrong, (unsigned long long)n->lost,
           (unsigned long long)n->missing, r->own_cpu_s / r->wall_s);
    if (with_server)
        printf("\"server_cpu_s\":%.6f}\n", r->server_cpu_s);
    else
        printf("\"server_cpu_s\":null}\n");
}

static void print_text(const struct report *r, bool with_churn, bool with_server)
{
    const struct counts *n = &r->count;
    printf("%llu frames in %.2f s: %.0f frames/s, %.1f MB/s of bodies\n",
           (unsigned long long)n->frames, r->wall_s, (double)n->frames / r->wall_s,
           (double)n->bytes / r->wall_s / 1e6);
    printf("latency us: p50 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
           histogram_quantile(&r->latency, 0.50) / 1e3, histogram_quantile(&r->latency, 0.99) / 1e3,
           histogram_quantile(&r->latency, 0.999) / 1e3, (double)r->latency.largest / 1e3);
    if (with_churn)
        printf("connections opened and closed: %.0f/s\n", (double)n->opened / r->wall_s);
    if (with_server && n->frames)
        printf("server CPU: %.2f us/frame, %.0f%% busy\n",
               r->server_cpu_s / (double)n->frames * 1e6, 100.0 * r->server_cpu_s / r->wall_s);
    printf("errors %llu (wrong %llu, lost %llu, missing %llu); load generator %.0f%% busy\n",
           (unsigned long long)(n->wrong + n->lost + n->missing), (unsigned long long)n->wrong,
           (unsigned long long)n->lost, (unsigned long long)n->missing,
           100.0 * r->own_cpu_s / r->wall_s);
}

static void print_report(const struct report *r, bool json, bool with_churn, bool with_server)
{
    if (json)
        print_json(r, with_server);
    else
        print_text(r, with_churn, with_server);
}

#endif

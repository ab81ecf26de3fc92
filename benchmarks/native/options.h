/*
 * The command line of load.c: read into `options`, or one line on stderr and exit status 2.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_WATCHED = 64 }; /* processes given to --cpu-of */

static struct {
    struct sockaddr_storage address;
    socklen_t address_size;
    size_t connections, idle, slow, depth, body_size, vary;
    double seconds, warmup;
    bool churn, json;
    pid_t watched[MAX_WATCHED];
    size_t watched_count;
} options = {.connections = 1, .depth = 1, .body_size = 64, .seconds = 2.0, .warmup = 0.2};

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void usage(void)
{
    fputs("usage: load HOST PORT [--connections N] [--depth D] [--size BYTES] [--vary BYTES]\n"
          "            [--idle N] [--slow N] [--seconds S] [--warmup S] [--churn] [--cpu-of PID[,PID...]] [--json]\n",
          stderr);
    exit(2);
}

static double number(const char *text, double smallest, double largest)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= smallest && value <= largest))
        fail("bad number '%s' (%g to %g)", text, smallest, largest);
    return value;
}

static void read_options(int argc, char **argv)
{
    if (argc < 3)
        usage();
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int problem = getaddrinfo(argv[1], argv[2], &hints, &found);
    if (problem)
        fail("%s %s: %s", argv[1], argv[2], gai_strerror(problem));
    memcpy(&options.address, found->ai_addr, found->ai_addrlen);
    options.address_size = found->ai_addrlen;
    freeaddrinfo(found);
    for (int i = 3; i < argc; i++) {
        const char *name = argv[i];
        if (!strcmp(name, "--json")) {
            options.json = true;
        } else if (!strcmp(name, "--churn")) {
            options.churn = true;
        } else if (++i >= argc) {
            usage();
        } else if (!strcmp(name, "--connections")) {
            options.connections = (size_t)number(argv[i], 0, 1e6);
        } else if (!strcmp(name, "--idle")) {
            options.idle = (size_t)number(argv[i], 0, 1e6);
        } else if (!strcmp(name, "--slow")) {
            options.slow = (size_t)number(argv[i], 0, 1e3);
        } else if (!strcmp(name, "--depth")) {
            options.depth = (size_t)number(argv[i], 1, 1e6);
        } else if (!strcmp(name, "--size")) {
            options.body_size = (size_t)number(argv[i], 0, 1e9);
        } else if (!strcmp(name, "--vary")) {
            options.vary = (size_t)number(argv[i], 0, 1e9);
        } else if (!strcmp(name, "--seconds")) {
            options.seconds = number(argv[i], 0.01, 3600);
        } else if (!strcmp(name, "--warmup")) {
            options.warmup = number(argv[i], 0, 60);
        } else if (!strcmp(name, "--cpu-of")) {
            for (char *pid = strtok(argv[i], ","); pid; pid = strtok(NULL, ","))
                if (options.watched_count < MAX_WATCHED)
                    options.watched[options.watched_count++] = (pid_t)number(pid, 1, 1e9);
        } else {
            usage();
        }
    }
    if (options.vary > options.body_size)
        fail("--vary %zu: more than --size %zu", options.vary, options.body_size);
}

#endif

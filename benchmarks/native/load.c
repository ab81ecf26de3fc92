/*
 * load.c: a closed-loop load generator for echo servers that speak
 * "4-byte big-endian length + body".
 *
 *   cc -O2 -o load load.c
 *   ./load 127.0.0.1 9000 --connections 64 --depth 16 --size 64 --seconds 2
 *
 * One process, one epoll instance. Each connection sends a group of DEPTH frames in one
 * write, waits until all of their echoes are back, and sends the next group. What comes
 * back must be what went out, so every byte (headers too) is compared with the group in
 * flight; a sequence number in each body makes a stale echo a wrong one.
 *
 * Latency is the time from the start of a group's write to the recv that completes a
 * frame's echo: the round trip for a depth of 1, and the wait within the group beyond it.
 *
 * Exit: 0 all echoes right; 1 a wrong or missing echo, or a connection lost; 2 could not start.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum {
    HEADER = 4,
    SCRATCH = 256 * 1024,    /* bytes read per recv */
    GREETINGS_AT_ONCE = 50,  /* below the smallest listen backlog in common use */
    SETUP_LIMIT_S = 60,      /* to open and greet every connection */
    DRAIN_LIMIT_S = 3,       /* for the echoes still in flight at the end */
    EVENTS_AT_ONCE = 512,
    MAX_WATCHED = 64         /* processes given to --cpu-of */
};

enum role { BUSY, IDLE, CHURN };

struct connection {
    int fd;
    enum role role;
    bool greeted;         /* its first frame has come back */
    bool in_flight;       /* a group is on its way */
    uint32_t interest;    /* what epoll has registered */
    unsigned char *group; /* the frames in flight: ours alone once greeted */
    size_t group_size, written, echoed, frame_size;
    uint64_t started_ns, sequence;
};

static struct {
    struct sockaddr_storage address;
    socklen_t address_size;
    size_t connections, idle, depth, body_size;
    double seconds, warmup;
    bool churn, json;
    pid_t watched[MAX_WATCHED];
    size_t watched_count;
} options = {.connections = 1, .depth = 1, .body_size = 64, .seconds = 2.0, .warmup = 0.2};

static struct {
    uint64_t frames, opened; /* in the measured window */
    uint64_t wrong, lost, missing;
} count;

static struct histogram latency;
static unsigned char scratch[SCRATCH];
static unsigned char *greeting;
static size_t greeting_size;
static int epoll_fd;
static bool sending; /* false while the last echoes drain */
static size_t greeted_count, alive_count, in_flight_count;

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

static void *allocate(size_t items, size_t size)
{
    void *memory = calloc(items ? items : 1, size);
    if (!memory)
        fail("out of memory");
    return memory;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t))
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* CPU time of the watched processes (all threads, user and system), in ns. */
static uint64_t watched_cpu_ns(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < options.watched_count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(options.watched[i], &clock) == 0)
            total += clock_ns(clock);
    }
    return total;
}

static void fill_frames(unsigned char *out, size_t frames, size_t body_size, uint64_t seed)
{
    for (size_t f = 0; f < frames; f++) {
        uint32_t header = htonl((uint32_t)body_size);
        memcpy(out, &header, HEADER);
        out += HEADER;
        for (size_t i = 0; i < body_size; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            *out++ = (unsigned char)(seed >> 56);
        }
    }
}

static void lose(struct connection *c)
{
    close(c->fd); /* which takes it out of epoll */
    c->fd = -1;
    alive_count--;
    if (c->in_flight)
        in_flight_count--;
    c->in_flight = false;
}

static void set_interest(struct connection *c, uint32_t interest)
{
    if (c->interest == interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event))
        fail("epoll_ctl: %s", strerror(errno));
    c->interest = interest;
}

static void write_group(struct connection *c)
{
    while (c->written < c->group_size) {
        ssize_t n = send(c->fd, c->group + c->written, c->group_size - c->written,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            count.lost++;
            lose(c);
            return;
        }
        if (n < 0) {
            set_interest(c, EPOLLIN | EPOLLOUT);
            return;
        }
        c->written += (size_t)n;
    }
    set_interest(c, EPOLLIN);
}

static void start_group(struct connection *c)
{
    size_t stamp = options.body_size < 8 ? options.body_size : 8;
    if (c->greeted && c->role == BUSY)
        for (size_t f = 0; f < options.depth; f++) {
            c->sequence++;
            memcpy(c->group + f * c->frame_size + HEADER, &c->sequence, stamp);
        }
    c->written = c->echoed = 0;
    c->in_flight = true;
    in_flight_count++;
    c->started_ns = now_ns();
    write_group(c);
}

/* Connects and sends the greeting. Sockets stay blocking (every later call says
 * MSG_DONTWAIT), so the connect itself waits for the kernel's handshake only. */
static void open_connection(struct connection *c)
{
    static const int on = 1;
    uint64_t started = now_ns();
    c->fd = socket(options.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&options.address, options.address_size))
        fail("connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->interest = EPOLLIN;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event))
        fail("epoll_ctl: %s", strerror(errno));
    c->group = greeting;
    c->group_size = c->frame_size = greeting_size;
    alive_count++;
    start_group(c);
    c->started_ns = started; /* a churned connection's latency begins at its connect */
}

static void become_busy(struct connection *c, uint64_t seed)
{
    c->frame_size = HEADER + options.body_size;
    c->group_size = c->frame_size * options.depth;
    c->group = allocate(c->group_size, 1);
    fill_frames(c->group, options.depth, options.body_size, seed);
}

/* All echoes of the group in flight are back. */
static void finish_group(struct connection *c)
{
    c->in_flight = false;
    in_flight_count--;
    if (!c->greeted) {
        c->greeted = true;
        greeted_count++;
    } else if (sending && c->role == BUSY) {
        start_group(c);
    }
    if (sending && c->role == CHURN) {
        count.opened++;
        lose(c);
        open_connection(c);
    }
}

static void read_echoes(struct connection *c)
{
    ssize_t n = recv(c->fd, scratch, sizeof scratch, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        count.lost++;
        lose(c);
        return;
    }
    size_t size = (size_t)n;
    if (!c->in_flight || size > c->written - c->echoed ||
        memcmp(scratch, c->group + c->echoed, size) != 0) {
        count.wrong++;
        lose(c);
        return;
    }
    size_t before = c->echoed / c->frame_size;
    c->echoed += size;
    size_t completed = c->echoed / c->frame_size - before;
    if (completed && c->greeted) {
        count.frames += completed;
        histogram_record(&latency, now_ns() - c->started_ns, completed);
    }
    if (c->echoed == c->group_size)
        finish_group(c);
}

static void turn(int timeout_ms)
{
    static struct epoll_event events[EVENTS_AT_ONCE];
    int ready = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);
    for (int i = 0; i < ready; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            write_group(c);
        if (c->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT))
            read_echoes(c);
    }
}

static void turn_until(uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = now_ns();
        if (now >= deadline_ns || alive_count == 0)
            return;
        turn((int)((deadline_ns - now) / 1000000u) + 1);
    }
}

static uint64_t after(double seconds) { return now_ns() + (uint64_t)(seconds * 1e9); }

static void open_all(struct connection *all, size_t total)
{
    uint64_t deadline = after(SETUP_LIMIT_S);
    for (size_t opened = 0; greeted_count + count.lost + count.wrong < total;) {
        while (opened < total && in_flight_count < GREETINGS_AT_ONCE)
            open_connection(&all[opened++]);
        turn(100);
        if (now_ns() > deadline)
            fail("only %zu of %zu connections had an echo within %d s", greeted_count, total,
                 SETUP_LIMIT_S);
    }
}

static void read_options(int argc, char **argv);

static void report(double wall_s, double own_cpu_s, double server_cpu_s)
{
    double per_second = (double)count.frames / wall_s;
    double megabytes = per_second * (double)options.body_size / 1e6;
    double p50 = histogram_quantile(&latency, 0.50) / 1e3;
    double p99 = histogram_quantile(&latency, 0.99) / 1e3;
    double p999 = histogram_quantile(&latency, 0.999) / 1e3;
    unsigned long long errors = count.wrong + count.lost + count.missing;
    if (options.json) {
        printf("{\"event\":\"result\",\"frames\":%llu,\"seconds\":%.6f,\"frames_per_s\":%.1f,"
               "\"megabytes_per_s\":%.3f,\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,"
               "\"max_us\":%.2f,\"opened\":%llu,\"wrong\":%llu,\"lost\":%llu,\"missing\":%llu,"
               "\"load_busy\":%.4f,\"server_cpu_s\":",
               (unsigned long long)count.frames, wall_s, per_second, megabytes, p50, p99, p999,
               (double)latency.largest / 1e3, (unsigned long long)count.opened,
               (unsigned long long)count.wrong, (unsigned long long)count.lost,
               (unsigned long long)count.missing, own_cpu_s / wall_s);
        options.watched_count ? printf("%.6f}\n", server_cpu_s) : printf("null}\n");
        return;
    }
    printf("%llu frames in %.2f s: %.0f frames/s, %.1f MB/s of bodies\n",
           (unsigned long long)count.frames, wall_s, per_second, megabytes);
    printf("latency us: p50 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n", p50, p99, p999,
           (double)latency.largest / 1e3);
    if (options.churn)
        printf("connections opened and closed: %.0f/s\n", (double)count.opened / wall_s);
    if (options.watched_count && count.frames)
        printf("server CPU: %.2f us/frame\n", server_cpu_s / (double)count.frames * 1e6);
    printf("errors %llu (wrong %llu, lost %llu, missing %llu); load generator %.0f%% busy\n",
           errors, (unsigned long long)count.wrong, (unsigned long long)count.lost,
           (unsigned long long)count.missing, 100.0 * own_cpu_s / wall_s);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail("epoll_create1: %s", strerror(errno));
    size_t greeting_body = options.body_size < 64 ? options.body_size : 64;
    greeting_size = HEADER + greeting_body;
    greeting = allocate(greeting_size, 1);
    fill_frames(greeting, 1, greeting_body, 1);

    size_t total = options.connections + options.idle;
    struct connection *all = allocate(total, sizeof *all);
    for (size_t i = 0; i < total; i++)
        all[i].role = i >= options.connections ? IDLE : options.churn ? CHURN : BUSY;
    open_all(all, total);
    if (options.json)
        printf("{\"event\":\"ready\",\"connections\":%zu}\n", alive_count);

    sending = true;
    for (size_t i = 0; i < options.connections; i++) {
        struct connection *c = &all[i];
        if (c->fd < 0)
            continue;
        if (c->role == CHURN) {
            lose(c);
            open_connection(c);
        } else {
            become_busy(c, i + 2);
            start_group(c);
        }
    }
    turn_until(after(options.warmup));

    count.frames = count.opened = 0;
    memset(&latency, 0, sizeof latency);
    uint64_t started = now_ns(), own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t server_cpu = watched_cpu_ns();
    turn_until(after(options.seconds));
    double wall_s = (double)(now_ns() - started) / 1e9;
    double own_cpu_s = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_cpu) / 1e9;
    double server_cpu_s = (double)(watched_cpu_ns() - server_cpu) / 1e9;

    uint64_t frames = count.frames, opened = count.opened; /* the drain's do not count */
    struct histogram measured = latency;
    sending = false;
    for (uint64_t deadline = after(DRAIN_LIMIT_S); in_flight_count && now_ns() < deadline;)
        turn(100);
    count.missing = in_flight_count;
    count.frames = frames;
    count.opened = opened;
    latency = measured;
    report(wall_s, own_cpu_s, server_cpu_s);
    return count.wrong + count.lost + count.missing ? 1 : 0;
}

static void usage(void)
{
    fputs("usage: load HOST PORT [--connections N] [--depth D] [--size BYTES] [--idle N]\n"
          "            [--seconds S] [--warmup S] [--churn] [--cpu-of PID[,PID...]] [--json]\n",
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
        } else if (!strcmp(name, "--depth")) {
            options.depth = (size_t)number(argv[i], 1, 1e6);
        } else if (!strcmp(name, "--size")) {
            options.body_size = (size_t)number(argv[i], 0, 1e9);
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
}

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
#include <netinet/tcp.h>
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
#include "options.h"
#include "report.h"

enum {
    HEADER = 4,
    SCRATCH = 256 * 1024,    /* bytes read per recv */
    GREETINGS_AT_ONCE = 50,  /* below the smallest listen backlog in common use */
    SETUP_LIMIT_S = 60,      /* to open and greet every connection */
    DRAIN_LIMIT_S = 3,       /* for the echoes still in flight at the end */
    EVENTS_AT_ONCE = 512,
    CHURN_SOURCES = 4,
    SLOW_BODY = 64 * 1024,   /* what a slow reader sends, far ahead of what it reads: */
    SLOW_DEPTH = 256,        /* 16 MiB, more than the socket buffers on the way hold */
    SLOW_TICK_MS = 100,
    SLOW_READ = 100 * 1000   /* bytes a tick: 1 MB/s */
};

enum role { BUSY, IDLE, CHURN, SLOW };

struct connection {
    int fd;
    enum role role;
    bool greeted;         /* its first frame has come back */
    bool in_flight;       /* a group is on its way */
    uint32_t interest;    /* what epoll has registered */
    unsigned char *group; /* the frames in flight: ours alone once greeted */
    size_t group_size, written, echoed;
    size_t frame_size, vary; /* the first frame of a pair is `vary` shorter, the second longer */
    uint64_t started_ns, sequence;
};

static struct counts count;
static struct histogram latency;
static unsigned char scratch[SCRATCH];
static unsigned char *greeting;
static size_t greeting_size;
static int epoll_fd;
static bool sending; /* false while the last echoes drain */
static size_t greeted_count, alive_count, in_flight_count;

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

static void fill_frames(unsigned char *out, size_t frames, size_t body_size, size_t vary,
                        uint64_t seed)
{
    for (size_t f = 0; f < frames; f++) {
        size_t size = f % 2 ? body_size + vary : body_size - vary;
        uint32_t header = htonl((uint32_t)size);
        memcpy(out, &header, HEADER);
        out += HEADER;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            *out++ = (unsigned char)(seed >> 56);
        }
    }
}

/* Bytes of the first `frames` frames of a group. */
static size_t size_of(const struct connection *c, size_t frames)
{
    return frames * c->frame_size - (frames % 2 ? c->vary : 0);
}

/* Frames that are whole within the first `size` bytes of a group. */
static size_t whole_in(const struct connection *c, size_t size)
{
    size_t frames = size / c->frame_size;
    return size >= size_of(c, frames + 1) ? frames + 1 : frames;
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

/* A slow reader reads by the clock, so epoll must not tell it what it knows. */
static uint32_t reading(const struct connection *c)
{
    return c->role == SLOW && c->greeted ? 0 : EPOLLIN;
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
            set_interest(c, reading(c) | EPOLLOUT);
            return;
        }
        c->written += (size_t)n;
    }
    set_interest(c, reading(c));
}

static void start_group(struct connection *c)
{
    size_t smallest = c->frame_size - HEADER - c->vary, stamp = smallest < 8 ? smallest : 8;
    if (c->group != greeting)
        for (size_t frame = 0, start; (start = size_of(c, frame)) < c->group_size; frame++) {
            c->sequence++;
            memcpy(c->group + start + HEADER, &c->sequence, stamp);
        }
    c->written = c->echoed = 0;
    c->in_flight = true;
    in_flight_count++;
    c->started_ns = now_ns();
    write_group(c);
}

/* A closed connection's port stays in TIME_WAIT, and the kernel hands one out again after a
 * second: 14,000 connects a second from one address, whatever the server could do. All of
 * 127.0.0.0/8 is this host, so on loopback the churn takes turns over a few of its addresses. */
static void spread_source(int fd)
{
    static const int on = 1;
    static uint32_t turn_of;
    struct sockaddr_in source = {.sin_family = AF_INET};
    const struct sockaddr_in *target = (const struct sockaddr_in *)&options.address;
    if (target->sin_family != AF_INET || ntohl(target->sin_addr.s_addr) >> 24 != 127)
        return;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn_of++ % CHURN_SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source))
        fail("bind: %s", strerror(errno));
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
    if (c->role == CHURN)
        spread_source(c->fd);
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

static void use_group(struct connection *c, size_t depth, size_t body_size, size_t vary,
                      uint64_t seed)
{
    c->frame_size = HEADER + body_size;
    c->vary = vary;
    c->group_size = size_of(c, depth);
    c->group = allocate(c->group_size, 1);
    fill_frames(c->group, depth, body_size, vary, seed);
}

/* All echoes of the group in flight are back. */
static void finish_group(struct connection *c)
{
    c->in_flight = false;
    in_flight_count--;
    if (!c->greeted) {
        c->greeted = true;
        greeted_count++;
    } else if (sending && (c->role == BUSY || c->role == SLOW)) {
        start_group(c);
    }
    if (sending && c->role == CHURN) {
        count.opened++;
        lose(c);
        open_connection(c);
    }
}

static void read_echoes(struct connection *c, size_t limit)
{
    ssize_t n = recv(c->fd, scratch, limit, MSG_DONTWAIT);
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
    size_t before = whole_in(c, c->echoed);
    c->echoed += size;
    size_t completed = whole_in(c, c->echoed) - before;
    if (completed && c->greeted && c->role != SLOW) {
        count.frames += completed;
        count.bytes += completed * (c->frame_size - HEADER);
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
            read_echoes(c, sizeof scratch);
    }
}

static struct connection *slow_readers;
static size_t slow_count;
static uint64_t slow_due_ns;

static void turn_until(uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = now_ns();
        if (now >= deadline_ns || alive_count == 0)
            return;
        int wait_ms = (int)((deadline_ns - now) / 1000000u) + 1;
        if (slow_count && wait_ms > SLOW_TICK_MS)
            wait_ms = SLOW_TICK_MS;
        turn(wait_ms);
        if (slow_count && now >= slow_due_ns) {
            slow_due_ns = now + SLOW_TICK_MS * 1000000u;
            for (size_t i = 0; i < slow_count; i++)
                if (slow_readers[i].fd >= 0)
                    read_echoes(&slow_readers[i], SLOW_READ);
        }
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
    fill_frames(greeting, 1, greeting_body, 0, 1);

    size_t total = options.connections + options.slow + options.idle;
    struct connection *all = allocate(total, sizeof *all);
    for (size_t i = 0; i < total; i++)
        all[i].role = i >= options.connections + options.slow ? IDLE
                      : i >= options.connections              ? SLOW
                      : options.churn                         ? CHURN
                                                              : BUSY;
    open_all(all, total);
    if (options.json)
        printf("{\"event\":\"ready\",\"connections\":%zu}\n", alive_count);

    sending = true;
    slow_readers = all + options.connections;
    slow_count = options.slow;
    for (size_t i = 0; i < options.connections + options.slow; i++) {
        struct connection *c = &all[i];
        if (c->fd < 0)
            continue;
        if (c->role == CHURN) {
            lose(c);
            open_connection(c);
        } else {
            if (c->role == SLOW)
                use_group(c, SLOW_DEPTH, SLOW_BODY, 0, i + 2);
            else
                use_group(c, options.depth, options.body_size, options.vary, i + 2);
            start_group(c);
        }
    }
    turn_until(after(options.warmup));

    count.frames = count.bytes = count.opened = 0;
    memset(&latency, 0, sizeof latency);
    uint64_t started = now_ns(), own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t server_cpu = watched_cpu_ns();
    turn_until(after(options.seconds));
    struct report report = {
        .wall_s = (double)(now_ns() - started) / 1e9,
        .own_cpu_s = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_cpu) / 1e9,
        .server_cpu_s = (double)(watched_cpu_ns() - server_cpu) / 1e9,
        .count = count, /* what the drain adds is outside the window */
        .latency = latency,
    };
    sending = false;
    for (size_t i = 0; i < slow_count; i++)
        if (slow_readers[i].fd >= 0)
            lose(&slow_readers[i]); /* its echoes would take seconds: they are not waited for */
    for (uint64_t deadline = after(DRAIN_LIMIT_S); in_flight_count && now_ns() < deadline;)
        turn(100);
    report.count.wrong = count.wrong;
    report.count.lost = count.lost;
    report.count.missing = in_flight_count;
    print_report(&report, options.json, options.churn, options.watched_count > 0);
    return count.wrong + count.lost + in_flight_count ? 1 : 0;
}

/*
 * echo.c: the native limit. A store-and-forward echo server for frames of
 * "4-byte big-endian length + body": one process, one thread, level-triggered epoll,
 * direct writes (EPOLLOUT is armed for a remainder only).
 *
 *   cc -O2 -o echo echo.c
 *   ./echo [HOST [PORT [CAP]]]     127.0.0.1, 0 (any free port) and 1 MiB unless told
 *
 * A wake-up makes one recv, into a buffer that all connections share. Frames that arrived
 * whole leave in one send straight from it; only what is left over (an unfinished frame, an
 * unsent remainder) is copied to a buffer of the connection's own, which grows as bytes
 * arrive. Nothing is read while an echo is pending.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 4, BACKLOG = 4096, EVENTS_AT_ONCE = 512, SHARED = 256 * 1024 };

struct connection {
    int fd;
    uint32_t interest;     /* what epoll has registered */
    unsigned char *buffer; /* bytes that outlive a wake-up */
    size_t capacity, size;
    size_t ready, sent; /* of `size`: in whole frames, and of those already echoed */
};

static unsigned char shared[SHARED];
static size_t cap = 1024 * 1024;
static int epoll_fd;

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static void close_connection(struct connection *c)
{
    close(c->fd); /* which takes it out of epoll */
    free(c->buffer);
    free(c);
}

static void set_interest(struct connection *c, uint32_t interest)
{
    if (c->interest == interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event))
        fail("epoll_ctl");
    c->interest = interest;
}

static size_t frame_size(const unsigned char *header)
{
    uint32_t length;
    memcpy(&length, header, sizeof length);
    return HEADER + (size_t)ntohl(length);
}

/* How many of these bytes make whole frames; false if a header exceeds the CAP. */
static bool whole_frames(const unsigned char *data, size_t size, size_t *whole)
{
    size_t end = 0;
    while (size - end >= HEADER) {
        size_t frame = frame_size(data + end);
        if (frame - HEADER > cap)
            return false;
        if (size - end < frame)
            break;
        end += frame;
    }
    *whole = end;
    return true;
}

static void reserve(struct connection *c, size_t capacity)
{
    if (c->capacity >= capacity)
        return;
    c->buffer = realloc(c->buffer, capacity);
    if (!c->buffer)
        fail("realloc");
    c->capacity = capacity;
}

/* Sends what it can of [data, data + size); -1 if the connection is gone. */
static ssize_t send_some(int fd, const unsigned char *data, size_t size)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)sent;
}

/* Echoes the whole frames held in the connection's buffer. */
static void write_held(struct connection *c)
{
    ssize_t n = send_some(c->fd, c->buffer + c->sent, c->ready - c->sent);
    if (n < 0) {
        close_connection(c);
        return;
    }
    c->sent += (size_t)n;
    if (c->sent < c->ready) {
        set_interest(c, EPOLLOUT);
        return;
    }
    c->size -= c->ready;
    if (c->size)
        memmove(c->buffer, c->buffer + c->ready, c->size);
    c->ready = c->sent = 0;
    set_interest(c, EPOLLIN);
}

/* Nothing is held: read into the shared buffer, and keep only what is left over. */
static void read_shared(struct connection *c)
{
    size_t ready;
    ssize_t n = recv(c->fd, shared, sizeof shared, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !whole_frames(shared, (size_t)n, &ready)) {
        close_connection(c);
        return;
    }
    ssize_t sent = send_some(c->fd, shared, ready);
    if (sent < 0) {
        close_connection(c);
        return;
    }
    size_t left = (size_t)(n - sent);
    if (left == 0)
        return;
    reserve(c, left);
    memcpy(c->buffer, shared + sent, left);
    c->size = left;
    c->ready = ready - (size_t)sent;
    if (c->ready)
        set_interest(c, EPOLLOUT);
}

/* An unfinished frame is held: read the rest behind it. */
static void read_held(struct connection *c)
{
    size_t frame = c->size < HEADER ? HEADER : frame_size(c->buffer);
    if (c->size == c->capacity) /* double, so that memory follows the bytes, not the header */
        reserve(c, c->size * 2 < SHARED ? SHARED : c->size * 2 < frame ? c->size * 2 : frame);
    ssize_t n = recv(c->fd, c->buffer + c->size, c->capacity - c->size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_connection(c);
        return;
    }
    c->size += (size_t)n;
    if (!whole_frames(c->buffer, c->size, &c->ready))
        close_connection(c);
    else if (c->ready)
        write_held(c);
}

static void accept_all(int listener)
{
    static const int on = 1;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            fail("accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
            fail("calloc");
        c->fd = fd;
        c->interest = EPOLLIN;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
            fail("epoll_ctl");
    }
}

static int listen_on(const char *host, int port)
{
    static const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        fprintf(stderr, "echo: '%s' is not an IPv4 address\n", host);
        exit(2);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        fail("bind");
    printf("listening on %s:%d\n", host, ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc > 4) {
        fputs("usage: echo [HOST [PORT [CAP]]]\n", stderr);
        return 2;
    }
    if (argc > 3)
        cap = strtoul(argv[3], NULL, 10);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    /* Large bodies come and go: reuse their memory rather than map it anew each time. */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail("epoll_create1");
    int listener = listen_on(argc > 1 ? argv[1] : "127.0.0.1", argc > 2 ? atoi(argv[2]) : 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS_AT_ONCE];
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event))
        fail("epoll_ctl");
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                accept_all(listener);
            else if (c->ready)
                write_held(c);
            else if (c->size)
                read_held(c);
            else
                read_shared(c);
        }
    }
}

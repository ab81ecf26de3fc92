/* A right client of length-prefixed frames: six of them, two at a time. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int get_all(int fd, char *to, size_t size)
{
    while (size) {
        ssize_t got = recv(fd, to, size, 0);
        if (got <= 0)
            return -1;
        to += got;
        size -= (size_t)got;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval patience = {1, 200000};
    char sent[2][64], got[64];
    uint32_t length;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (argc < 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to))
        return 3;
    for (int round = 0; round < 3; round++) {
        char both[128];
        size_t size = 0;
        for (int which = 0; which < 2; which++) {
            int body = snprintf(sent[which], sizeof sent[which], "round %d, frame %d", round, which);
            length = htonl((uint32_t)body);
            memcpy(both + size, &length, 4);
            memcpy(both + size + 4, sent[which], (size_t)body);
            size += 4 + (size_t)body;
        }
        if (send(fd, both, size, MSG_NOSIGNAL) != (ssize_t)size)
            return 3;
        for (int which = 0; which < 2; which++) {
            size_t body = strlen(sent[which]);
            if (get_all(fd, (char *)&length, 4) || ntohl(length) != body)
                return 4;
            if (get_all(fd, got, body) || memcmp(got, sent[which], body))
                return 4;
        }
    }
    close(fd);
    return 0;
}

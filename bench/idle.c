/* SPDX-License-Identifier: Apache-2.0 */
/* idle: opens N connections, makes one request on each, says so, and holds them until its standard input ends. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_one(const struct sockaddr_in *to)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
    char reply[4096];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
        return -1;
    if (write(fd, request, sizeof request - 1) < 0 || read(fd, reply, sizeof reply) <= 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int count = atoi(argv[2]);
    for (int i = 0; i < count; i++) {
        if (open_one(&to) < 0) {
            fprintf(stderr, "idle: connection %d: ", i);
            perror("");
            return 1;
        }
    }
    printf("open\n");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}

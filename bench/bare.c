#include "bench/bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/process.h"

enum { EVENT_COUNT = 1024, CLIENT_COUNT_MAX = 65536 };

struct bare {
    int epoll_fd, listen_fd;
    struct pos_bare_client *clients; /* by descriptor */
    uint8_t in[POS_BARE_IN_SIZE], out[POS_BARE_OUT_SIZE];
};

static void welcome(struct bare *bare)
{
    int one = 1;
    int fd = accept4(bare->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fd >= CLIENT_COUNT_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bare->clients[fd].held_size = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(bare->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* The request's number comes back; the rest is whatever the memory holds. */
static size_t answer(uint8_t *out, const uint8_t *request)
{
    out[0] = 0;
    out[1] = POS_BARE_REPLY_SIZE - 2;
    memcpy(out + 2, request + 2, 4);
    return POS_BARE_REPLY_SIZE;
}

size_t pos_bare_answer(struct pos_bare_client *client, uint8_t *in, size_t got, uint8_t *out)
{
    size_t at = 0, done = 0, size = client->held_size + got;
    memcpy(in, client->held, client->held_size);
    for (; size - at >= POS_BARE_REQUEST_SIZE; at += POS_BARE_REQUEST_SIZE)
        done += answer(out + done, in + at);
    client->held_size = (uint8_t)(size - at);
    memcpy(client->held, in + at, size - at);
    return done;
}

static void serve(struct bare *bare, int fd)
{
    struct pos_bare_client *client = &bare->clients[fd];
    ssize_t got = read(fd, bare->in + client->held_size, POS_BARE_READ_SIZE);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    size_t size = pos_bare_answer(client, bare->in, (size_t)got, bare->out);
    /* Its one client reads what it asked for, so a short write means that it is gone. */
    if (size > 0 && write(fd, bare->out, size) != (ssize_t)size)
        close(fd);
}

int pos_bare_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return -1;
    printf("%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int pos_bare_serve(void)
{
    static struct bare bare;
    struct epoll_event events[EVENT_COUNT];
    signal(SIGPIPE, SIG_IGN);
    bare.clients = calloc(CLIENT_COUNT_MAX, sizeof *bare.clients);
    bare.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bare.listen_fd = pos_bare_listen();
    if (bare.clients == NULL || bare.epoll_fd < 0 || bare.listen_fd < 0) {
        perror("bare server");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = bare.listen_fd};
    epoll_ctl(bare.epoll_fd, EPOLL_CTL_ADD, bare.listen_fd, &event);
    for (;;) {
        int count = epoll_wait(bare.epoll_fd, events, EVENT_COUNT, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == bare.listen_fd)
                welcome(&bare);
            else
                serve(&bare, events[i].data.fd);
    }
}

enum pos_status pos_bare_start(const char *command, int core, const char *log_path, pid_t *pid,
                               uint16_t *port, struct pos_error *error)
{
    char self[POS_PATH_SIZE_MAX] = {0}, name[32], text[16] = {0};
    int output;
    (void)snprintf(name, sizeof name, "%s", command);
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return pos_error_set(error, POS_ERR_IO, "cannot find this program: %s", strerror(errno));
    char *const argv[] = {self, name, NULL};
    enum pos_status status = pos_process_start(argv, core, log_path, &output, pid, error);
    if (status != POS_OK)
        return status;
    ssize_t size = read(output, text, sizeof text - 1);
    close(output);
    *port = (uint16_t)(size > 0 ? strtoul(text, NULL, 10) : 0);
    if (*port != 0)
        return POS_OK;
    (void)pos_process_end(*pid);
    return pos_error_set(error, POS_ERR_IO, "the %s did not start", command);
}

/* ---- the other side ---- */

static size_t make_request(void *context, uint8_t *out, uint32_t *mark)
{
    uint32_t *counter = context;
    *mark = ++*counter;
    memset(out, 0, POS_BARE_REQUEST_SIZE);
    out[1] = POS_BARE_REQUEST_SIZE - 2;
    memcpy(out + 2, mark, sizeof *mark);
    return POS_BARE_REQUEST_SIZE;
}

static ssize_t read_reply(void *context, struct pos_bytes stream, struct pos_load_reply *reply)
{
    (void)context;
    if (stream.size < POS_BARE_REPLY_SIZE)
        return 0;
    if (stream.data[0] != 0 || stream.data[1] != POS_BARE_REPLY_SIZE - 2)
        return -1;
    memcpy(&reply->mark, stream.data + 2, sizeof reply->mark);
    memcpy(reply->code, "00", 3);
    reply->good = true;
    return POS_BARE_REPLY_SIZE;
}

struct pos_load_source pos_bare_source(uint32_t *counter)
{
    return (struct pos_load_source){.request = make_request,
                                    .request_size_max = POS_BARE_REQUEST_SIZE,
                                    .reply = read_reply,
                                    .context = counter};
}

#include "tests/core/net/support.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void opened(void *context, struct pos_connection *connection)
{
    pos_connection_set_user(connection, context);
}

static void command(struct server *server, struct pos_connection *connection, struct pos_bytes body)
{
    static uint8_t large[65536];
    switch (body.data[0]) {
    case 'C':
        pos_connection_close(connection, POS_CLOSE_DONE);
        break;
    case 'B':
        pos_connection_close(connection, POS_CLOSE_FRAME);
        break;
    case 'L':
        pos_connection_write(connection, pos_bytes(large, sizeof large));
        break;
    default:
        (void)server;
    }
}

static size_t bytes(void *context, struct pos_connection *connection, struct pos_bytes stream)
{
    struct server *server = context;
    size_t used = 0;
    server->bytes_calls++;
    while (stream.size - used >= 2) {
        const uint8_t *at = stream.data + used;
        size_t size = (size_t)at[0] << 8 | at[1];
        if (size > POS_FRAME_BODY_SIZE_MAX) {
            pos_connection_close(connection, POS_CLOSE_FRAME);
            return used;
        }
        if (stream.size - used < 2 + size)
            break;
        used += 2 + size;
        if (size > 0 && at[2] == 'A' && server->late_count < 64) {
            server->late[server->late_count++] = pos_connection_handle(connection);
            continue;
        }
        if (size == 0 || at[2] != 'L')
            pos_connection_write(connection, pos_bytes(at, 2 + size));
        if (size > 0)
            command(server, connection, pos_bytes(at + 2, size));
    }
    return used;
}

static bool ended(void *context, struct pos_connection *connection)
{
    struct server *server = context;
    (void)connection;
    return server->keeps;
}

static void closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct server *server = context;
    (void)connection;
    server->closed[reason]++;
}

static void answer_late(void *context)
{
    struct server *server = context;
    for (uint32_t i = 0; i < server->late_count; i++) {
        struct pos_connection *connection = pos_connection_find(server->loop, server->late[i]);
        if (connection == NULL)
            continue;
        pos_connection_write(connection, pos_bytes("\0\4late", 6));
        if (server->keeps)
            pos_connection_close(connection, POS_CLOSE_PEER);
    }
    server->late_count = 0;
}

static void *run(void *argument)
{
    struct server *server = argument;
    pos_loop_run(server->loop);
    return NULL;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "cannot %s\n", what);
    abort();
}

void server_start(struct server *server)
{
    static const struct pos_connection_events events = {
        .opened = opened, .bytes = bytes, .ended = ended, .closed = closed};
    struct pos_error error = {0};
    enum pos_status status;
    must(pos_loop_create(&server->loop) == POS_OK, "make a loop");
    if (server->options.address == NULL)
        server->options.address = "127.0.0.1";
    if (server->path != NULL)
        status = pos_listener_open_local(server->loop, server->path, &server->options.connection,
                                         &events, server, &server->listener, &error);
    else
        status = pos_listener_open(server->loop, &server->options, &events, server,
                                   &server->listener, &error);
    must(status == POS_OK, error.text);
    must(pos_timer_open(server->loop, 50, answer_late, server, &server->timer) == POS_OK,
         "make a timer");
    server->port = pos_listener_port(server->listener);
    must(pthread_create(&server->thread, NULL, run, server) == 0, "start a thread");
}

void server_stop(struct server *server)
{
    pos_loop_stop(server->loop);
    pthread_join(server->thread, NULL);
    pos_loop_destroy(server->loop);
}

static void wait_at_most(int fd)
{
    struct timeval limit = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int connect_local(const struct server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", server->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    wait_at_most(fd);
    return fd;
}

void client_connect_with(const struct server *server, int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    int one = 1;
    inet_pton(AF_INET, server->options.address, &address.sin_addr);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    wait_at_most(fd);
}

int client_connect(const struct server *server)
{
    if (server->path != NULL)
        return connect_local(server);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client_connect_with(server, fd);
    return fd;
}

int client_connect_small(const struct server *server)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    client_connect_with(server, fd);
    return fd;
}

void client_send(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        size -= (size_t)sent;
    }
}

bool client_receive(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t got = recv(fd, at, size, 0);
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

bool client_ended(int fd, int timeout_ms)
{
    uint8_t sink[4096];
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, timeout_ms) <= 0)
            return false;
        if (recv(fd, sink, sizeof sink, MSG_DONTWAIT) <= 0)
            return true;
    }
}

bool client_ended_in_order(int fd)
{
    uint8_t sink[4096];
    ssize_t size;
    while ((size = recv(fd, sink, sizeof sink, 0)) > 0)
        ;
    return size == 0;
}

size_t frame_make(uint8_t *out, char first, size_t size)
{
    out[0] = (uint8_t)(size >> 8);
    out[1] = (uint8_t)size;
    memset(out + 2, 'x', size);
    if (size > 0)
        out[2] = (uint8_t)first;
    return 2 + size;
}

bool client_echo(int fd)
{
    uint8_t frame[102], back[102];
    size_t size = frame_make(frame, 'E', 100);
    client_send(fd, frame, size);
    return client_receive(fd, back, size) && memcmp(frame, back, size) == 0;
}

bool counter_becomes(const struct pos_counter *counter, uint64_t value)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (pos_counter_read(counter) == value)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

/* One connection of the load: requests out, replies in, and its life. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load_inside.h"
#include "core/base/clock.h"

enum {
    SOURCE_CONNECTION_COUNT = 16000, /* connections from one loopback address */
    SOURCE_COUNT = 200,              /* of those addresses */
};

static void lose(struct pos_load *load, struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    connection->lost = true;
    load->lost++;
    load->tally.lost++;
    load->in_flight -= connection->in_flight;
}

static void watch(struct pos_load *load, struct connection *connection, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (connection->waits_to_write ? EPOLLOUT : 0u),
                                .data.ptr = connection};
    epoll_ctl(load->epoll_fd, operation, connection->fd, &event);
}

/* ---- connecting ---- */

/* One address has ports for so many; those of closed connections are used up for a minute. */
static void choose_source(int fd, uint32_t number)
{
    int one = 1;
    uint32_t source = number / SOURCE_CONNECTION_COUNT % SOURCE_COUNT;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source)};
    if (source == 0)
        return;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
}

bool pos_load_connect(struct pos_load *load, struct connection *connection, bool wait)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(load->options.port)};
    int one = 1;
    inet_pton(AF_INET, load->options.address, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0)
        return false;
    if (ntohl(to.sin_addr.s_addr) == INADDR_LOOPBACK)
        choose_source(fd, load->made++);
    bool connected = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (!connected && errno != EINPROGRESS) {
        int saved = errno;
        close(fd);
        errno = saved;
        return false;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (wait)
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    connection->fd = fd;
    connection->waits_to_write = !connected;
    watch(load, connection, EPOLL_CTL_ADD);
    return true;
}

/* As a terminal that hangs up after its transaction. */
static void hang_up(struct pos_load *load, struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    connection->held_size = 0;
    connection->asked_count = 0;
    load->tally.reconnected++;
}

/* ---- asking ---- */

/* Keeps what the socket did not take; the server is behind, not gone. */
static void keep_unsent(struct pos_load *load, struct connection *connection, const uint8_t *data,
                        size_t size)
{
    size_t capacity = load->options.outstanding * load->options.source.request_size_max;
    if (connection->unsent == NULL)
        connection->unsent = malloc(capacity);
    if (connection->unsent == NULL || connection->unsent_size + size > capacity) {
        lose(load, connection);
        return;
    }
    memcpy(connection->unsent + connection->unsent_size, data, size);
    connection->unsent_size += size;
    if (connection->waits_to_write)
        return;
    connection->waits_to_write = true;
    watch(load, connection, EPOLL_CTL_MOD);
}

static void send_bytes(struct pos_load *load, struct connection *connection, const uint8_t *data,
                       size_t size)
{
    ssize_t sent = 0;
    if (!connection->waits_to_write) {
        sent = send(connection->fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            lose(load, connection);
            return;
        }
    }
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < size)
        keep_unsent(load, connection, data + sent, size - (size_t)sent);
}

void pos_load_ask(struct pos_load *load, struct connection *connection, uint32_t count,
                  uint64_t since_ns)
{
    const struct pos_load_source *source = &load->options.source;
    size_t size = 0;
    if (count > 0 && connection->fd < 0 && !connection->lost &&
        !pos_load_connect(load, connection, false))
        lose(load, connection);
    for (; count > 0 && pos_load_has_room(load, connection); count--) {
        struct asked *asked = &connection->asked[connection->in_flight++];
        size += source->request(source->context, load->out + size, &asked->mark);
        asked->since_ns = since_ns;
        connection->asked_count++;
        load->in_flight++;
    }
    if (size > 0)
        send_bytes(load, connection, load->out, size);
}

void pos_load_on_writable(struct pos_load *load, struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->unsent, connection->unsent_size, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            lose(load, connection);
        return;
    }
    connection->unsent_size -= (size_t)sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_size);
    if (connection->unsent_size > 0)
        return;
    connection->waits_to_write = false;
    watch(load, connection, EPOLL_CTL_MOD);
}

/* ---- replies ---- */

static void record(struct pos_load *load, const struct asked *asked, uint64_t now_ns)
{
    if (load->latency != NULL && asked->since_ns >= load->from_ns &&
        asked->since_ns < load->until_ns) {
        pos_histogram_record(load->latency, now_ns - asked->since_ns);
        if (load->series != NULL)
            pos_series_record(load->series, now_ns, now_ns - asked->since_ns);
    }
}

static void take_reply(struct pos_load *load, struct connection *connection,
                       const struct pos_load_reply *reply, uint64_t now_ns)
{
    uint32_t i = 0;
    while (i < connection->in_flight && connection->asked[i].mark != reply->mark)
        i++;
    if (i == connection->in_flight) {
        load->tally.unmatched++;
        return;
    }
    record(load, &connection->asked[i], now_ns);
    memmove(&connection->asked[i], &connection->asked[i + 1],
            (connection->in_flight - i - 1) * sizeof *connection->asked);
    connection->in_flight--;
    load->in_flight--;
    load->tally.replies++;
    pos_load_tally_count(&load->tally, reply->code, 1, reply->good);
    if (!reply->good)
        return;
    load->tally.good++;
    connection->answered = true;
}

/* Returns how many bytes were replies; -1 when the stream cannot be read. */
static ssize_t take_replies(struct pos_load *load, struct connection *connection,
                            struct pos_bytes stream, uint64_t now_ns)
{
    const struct pos_load_source *source = &load->options.source;
    size_t used = 0;
    while (used < stream.size) {
        struct pos_load_reply reply = {0};
        ssize_t size = source->reply(source->context,
                                     pos_bytes(stream.data + used, stream.size - used), &reply);
        if (size < 0)
            return -1;
        if (size == 0)
            break;
        used += (size_t)size;
        take_reply(load, connection, &reply, now_ns);
    }
    return (ssize_t)used;
}

static bool hold(struct connection *connection, struct pos_bytes rest)
{
    if (rest.size > POS_FRAME_SIZE_MAX)
        return false;
    if (rest.size > 0 && connection->held == NULL)
        connection->held = malloc(POS_FRAME_SIZE_MAX);
    if (rest.size > 0 && connection->held == NULL)
        return false;
    if (rest.size > 0)
        memcpy(connection->held, rest.data, rest.size);
    connection->held_size = rest.size;
    return true;
}

void pos_load_on_readable(struct pos_load *load, struct connection *connection)
{
    size_t held = connection->held_size;
    ssize_t got = read(connection->fd, load->in + held, POS_LOAD_READ_SIZE);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            lose(load, connection);
        return;
    }
    uint64_t now_ns = pos_clock_monotonic_ns();
    if (held > 0)
        memcpy(load->in, connection->held, held);
    struct pos_bytes stream = pos_bytes(load->in, held + (size_t)got);
    ssize_t used = take_replies(load, connection, stream, now_ns);
    if (used < 0 || !hold(connection, pos_bytes(stream.data + used, stream.size - (size_t)used))) {
        load->tally.unreadable++;
        lose(load, connection);
        return;
    }
    if (load->options.reconnect > 0 && connection->in_flight == 0 &&
        connection->asked_count == load->options.reconnect)
        hang_up(load, connection);
    if (load->closed_loop)
        pos_load_ask(load, connection, load->options.outstanding, now_ns);
}

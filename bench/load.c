#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/interrupt.h"
#include "bench/process.h"
#include "core/base/clock.h"

enum {
    EVENT_COUNT = 256,
    READ_SIZE = 65536,
    SOURCE_CONNECTION_COUNT = 16000, /* connections from one loopback address */
    DRAIN_S = 5,
    SPARE_DESCRIPTORS = 400, /* of a gateway for its database and itself */
};

struct asked {
    uint64_t sent_ns;
    uint32_t mark;
};

struct connection {
    int fd; /* -1: lost */
    bool answered;
    bool waits_to_write;
    uint32_t in_flight;
    struct asked *asked; /* `outstanding` of them; the first in_flight count, oldest first */
    uint8_t *held;       /* a reply's beginning; allocated when one was cut */
    size_t held_size;
    uint8_t *unsent;
    size_t unsent_size;
};

struct pos_load {
    struct pos_load_options options;
    struct connection *connections;
    struct asked *asked;
    int epoll_fd;
    bool issuing;
    uint64_t in_flight;
    uint8_t *out;
    struct pos_load_tally tally;
    struct pos_histogram *latency; /* NULL outside a measured stretch */
    uint8_t in[POS_FRAME_SIZE_MAX + READ_SIZE];
};

/* ---- counting ---- */

static void count_code(struct pos_load_tally *tally, const char *code, uint64_t count)
{
    size_t i = 0;
    while (i < tally->code_count && strcmp(tally->codes[i].code, code) != 0)
        i++;
    if (i == tally->code_count) {
        if (i == POS_LOAD_CODE_COUNT_MAX)
            return;
        memcpy(tally->codes[i].code, code, sizeof tally->codes[i].code);
        tally->codes[i].count = 0;
        tally->code_count++;
    }
    tally->codes[i].count += count;
}

void pos_load_tally_add(struct pos_load_tally *into, const struct pos_load_tally *from)
{
    into->replies += from->replies;
    into->good += from->good;
    into->unmatched += from->unmatched;
    into->unreadable += from->unreadable;
    into->lost += from->lost;
    for (size_t i = 0; i < from->code_count; i++)
        count_code(into, from->codes[i].code, from->codes[i].count);
}

/* ---- one connection ---- */

static void lose(struct pos_load *load, struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    load->tally.lost++;
    load->in_flight -= connection->in_flight;
}

static void watch(struct pos_load *load, struct connection *connection, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (connection->waits_to_write ? EPOLLOUT : 0u),
                                .data.ptr = connection};
    epoll_ctl(load->epoll_fd, operation, connection->fd, &event);
}

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
    if (connection->unsent_size == 0) {
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

/* Asks until `outstanding` requests are under way; all of them in one write. */
static void ask(struct pos_load *load, struct connection *connection, uint64_t now_ns)
{
    const struct pos_load_source *source = &load->options.source;
    size_t size = 0;
    for (; connection->in_flight < load->options.outstanding; connection->in_flight++) {
        struct asked *asked = &connection->asked[connection->in_flight];
        size += source->request(source->context, load->out + size, &asked->mark);
        asked->sent_ns = now_ns;
        load->in_flight++;
    }
    if (size > 0)
        send_bytes(load, connection, load->out, size);
}

static void on_writable(struct pos_load *load, struct connection *connection)
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
    if (load->latency != NULL)
        pos_histogram_record(load->latency, now_ns - connection->asked[i].sent_ns);
    memmove(&connection->asked[i], &connection->asked[i + 1],
            (connection->in_flight - i - 1) * sizeof *connection->asked);
    connection->in_flight--;
    load->in_flight--;
    load->tally.replies++;
    count_code(&load->tally, reply->code, 1);
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

static void on_readable(struct pos_load *load, struct connection *connection)
{
    size_t held = connection->held_size;
    ssize_t got = read(connection->fd, load->in + held, READ_SIZE);
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
    if (load->issuing)
        ask(load, connection, now_ns);
}

/* ---- all of them ---- */

static void poll_once(struct pos_load *load, int timeout_ms)
{
    struct epoll_event events[EVENT_COUNT];
    int count = epoll_wait(load->epoll_fd, events, EVENT_COUNT, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->fd >= 0 && (events[i].events & EPOLLOUT) != 0)
            on_writable(load, connection);
        if (connection->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            on_readable(load, connection);
    }
}

static void run_for(struct pos_load *load, double seconds, uint64_t replies_max)
{
    uint64_t end_ns = pos_clock_monotonic_ns() + (uint64_t)(seconds * 1e9);
    while (pos_clock_monotonic_ns() < end_ns && load->in_flight > 0 && !pos_interrupted() &&
           (replies_max == 0 || load->tally.replies < replies_max))
        poll_once(load, 10);
}

static void start_asking(struct pos_load *load)
{
    load->issuing = true;
    for (uint32_t i = 0; i < load->options.connections; i++)
        if (load->connections[i].fd >= 0)
            ask(load, &load->connections[i], pos_clock_monotonic_ns());
}

static uint32_t count_answered(struct pos_load *load)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < load->options.connections; i++) {
        count += load->connections[i].answered;
        load->connections[i].answered = false;
    }
    return count;
}

/* What was not good before and after the stretch still belongs into the report. */
static void add_failures(struct pos_load_tally *into, const struct pos_load_tally *outside)
{
    into->unmatched += outside->unmatched;
    into->unreadable += outside->unreadable;
    into->lost += outside->lost;
    for (size_t i = 0; i < outside->code_count; i++)
        if (strcmp(outside->codes[i].code, "00") != 0)
            count_code(into, outside->codes[i].code, outside->codes[i].count);
}

static struct pos_load_tally take_tally(struct pos_load *load)
{
    struct pos_load_tally tally = load->tally;
    memset(&load->tally, 0, sizeof load->tally);
    return tally;
}

static void measure(struct pos_load *load, struct pos_load_phase *phase)
{
    memset(phase->latency, 0, sizeof *phase->latency);
    load->latency = phase->latency;
    uint64_t cpu_ns = phase->server_pid != 0 ? pos_process_cpu_ns(phase->server_pid) : 0;
    uint64_t start_ns = pos_clock_monotonic_ns();
    run_for(load, phase->duration_s, phase->requests_max);
    load->latency = NULL;
    phase->seconds = (double)(pos_clock_monotonic_ns() - start_ns) / 1e9;
    phase->server_cpu_ns =
        phase->server_pid != 0 ? pos_process_cpu_ns(phase->server_pid) - cpu_ns : 0;
}

void pos_load_run(struct pos_load *load, struct pos_load_phase *phase)
{
    (void)take_tally(load);
    start_asking(load);
    run_for(load, phase->warm_up_s, 0);
    struct pos_load_tally before = take_tally(load);
    measure(load, phase);
    phase->tally = take_tally(load);
    load->issuing = false;
    run_for(load, DRAIN_S, 0);
    struct pos_load_tally after = take_tally(load);
    add_failures(&phase->tally, &before);
    add_failures(&phase->tally, &after);
    phase->unanswered = load->in_flight;
    phase->answered_connections = count_answered(load);
}

/* ---- life ---- */

enum pos_status pos_load_prepare(uint32_t connections, struct pos_error *error)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return pos_error_set(error, POS_ERR_LIMIT, "cannot read the limit on descriptors");
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* root may */
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_LIMIT,
                         "cannot have %llu descriptors: raise the limit (ulimit -n) or ask for "
                         "fewer connections",
                         (unsigned long long)wanted);
}

static int connect_one(const struct pos_load_options *options, uint32_t index)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;
    inet_pton(AF_INET, options->address, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    uint32_t source = index / SOURCE_CONNECTION_COUNT;
    if (source > 0 && ntohl(to.sin_addr.s_addr) == INADDR_LOOPBACK) {
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static enum pos_status connect_all(struct pos_load *load, struct pos_error *error)
{
    const struct pos_load_options *options = &load->options;
    for (uint32_t i = 0; i < options->connections; i++) {
        struct connection *connection = &load->connections[i];
        connection->asked = &load->asked[(size_t)i * options->outstanding];
        connection->fd = connect_one(options, i);
        if (connection->fd < 0)
            return pos_error_set(error, POS_ERR_NETWORK, "connection %u to %s port %u: %s", i + 1,
                                 options->address, options->port, strerror(errno));
        (void)fcntl(connection->fd, F_SETFL, O_NONBLOCK);
        watch(load, connection, EPOLL_CTL_ADD);
    }
    return POS_OK;
}

static enum pos_status allocate(struct pos_load *load)
{
    const struct pos_load_options *options = &load->options;
    load->connections = calloc(options->connections, sizeof *load->connections);
    load->asked = calloc((size_t)options->connections * options->outstanding, sizeof *load->asked);
    load->out = malloc(options->outstanding * options->source.request_size_max);
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load->connections == NULL)
        return POS_ERR_MEMORY;
    for (uint32_t i = 0; i < options->connections; i++)
        load->connections[i].fd = -1;
    return load->asked != NULL && load->out != NULL && load->epoll_fd >= 0 ? POS_OK
                                                                           : POS_ERR_MEMORY;
}

enum pos_status pos_load_open(const struct pos_load_options *options, struct pos_load **out,
                              struct pos_error *error)
{
    struct pos_load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the load");
    load->options = *options;
    load->epoll_fd = -1;
    enum pos_status status = allocate(load);
    if (status != POS_OK)
        (void)pos_error_set(error, status, "no memory for %u connections", options->connections);
    else
        status = connect_all(load, error);
    if (status != POS_OK) {
        pos_load_close(load);
        return status;
    }
    *out = load;
    return POS_OK;
}

/* By a reset: thousands of connections in TIME_WAIT would use the ports up that the next round
 * needs. */
static void drop(int fd)
{
    struct linger hard = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

void pos_load_close(struct pos_load *load)
{
    if (load == NULL)
        return;
    for (uint32_t i = 0; load->connections != NULL && i < load->options.connections; i++) {
        if (load->connections[i].fd >= 0)
            drop(load->connections[i].fd);
        free(load->connections[i].held);
        free(load->connections[i].unsent);
    }
    if (load->epoll_fd >= 0)
        close(load->epoll_fd);
    free(load->connections);
    free(load->asked);
    free(load->out);
    free(load);
}

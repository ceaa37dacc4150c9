#include "keymgmt/mother_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/wire/frame.h"

enum { STAN_MAX = 999999, HOST_SIZE = 256, PORT_SIZE = 8 };

/* ---- address ---- */

static bool is_port(const char *text)
{
    size_t size = strlen(text);
    unsigned value = 0;
    for (size_t i = 0; i < size && i < 6; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    return size >= 1 && size <= 5 && value >= 1 && value <= 65535;
}

enum pos_status pos_mother_address_parse(const char *text, char *host, size_t host_capacity,
                                         char *port, size_t port_capacity, struct pos_error *error)
{
    const char *colon = strrchr(text, ':');
    const char *begin = text, *end = colon;
    if (text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']') {
        begin++;
        end--;
    } else if (colon != NULL && memchr(text, ':', (size_t)(colon - text)) != NULL) {
        colon = NULL; /* a bare IPv6 address: where its port begins cannot be told */
    }
    if (colon == NULL || end == begin || (size_t)(end - begin) >= host_capacity ||
        !is_port(colon + 1) || strlen(colon + 1) >= port_capacity)
        return pos_error_set(error, POS_ERR_USAGE,
                             "'%.64s' is no address: give HOST:PORT, like 127.0.0.1:7583 or "
                             "[::1]:7583",
                             text);
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return POS_OK;
}

/* ---- socket ---- */

static uint64_t deadline_in(int timeout_ms)
{
    return pos_clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* POS_ERR_TIMEOUT when the socket is not ready at the deadline. */
static enum pos_status wait_for(int socket, short events, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = pos_clock_monotonic_ns();
        if (now >= deadline_ns)
            return POS_ERR_TIMEOUT;
        struct pollfd ready = {.fd = socket, .events = events};
        int count = poll(&ready, 1, (int)((deadline_ns - now) / 1000000u) + 1);
        if (count > 0)
            return POS_OK;
        if (count < 0 && errno != EINTR)
            return POS_ERR_NETWORK;
    }
}

static int connect_to(const struct addrinfo *address, uint64_t deadline_ns)
{
    int socket_number = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (socket_number < 0)
        return -1;
    int flags = fcntl(socket_number, F_GETFL);
    int one = 1;
    bool connected = false;
    if (flags >= 0 && fcntl(socket_number, F_SETFL, flags | O_NONBLOCK) == 0) {
        connected = connect(socket_number, address->ai_addr, address->ai_addrlen) == 0;
        int failure = 0;
        socklen_t size = sizeof failure;
        if (!connected && errno == EINPROGRESS &&
            wait_for(socket_number, POLLOUT, deadline_ns) == POS_OK &&
            getsockopt(socket_number, SOL_SOCKET, SO_ERROR, &failure, &size) == 0) {
            connected = failure == 0;
            errno = failure;
        }
    }
    if (connected) {
        (void)setsockopt(socket_number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        return socket_number;
    }
    int number = errno;
    (void)close(socket_number);
    errno = number;
    return -1;
}

enum pos_status pos_mother_link_open(struct pos_mother_link *link, const char *address,
                                     int timeout_ms, struct pos_error *error)
{
    link->socket = -1;
    link->address = address;
    link->received = 0;
    char host[HOST_SIZE], port[PORT_SIZE];
    enum pos_status status =
        pos_mother_address_parse(address, host, sizeof host, port, sizeof port, error);
    if (status != POS_OK)
        return status;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return pos_error_set(error, POS_ERR_UNREACHABLE, "cannot find %s: %s", host,
                             gai_strerror(failed));
    uint64_t deadline_ns = deadline_in(timeout_ms);
    errno = 0;
    for (const struct addrinfo *each = found; each != NULL && link->socket < 0;
         each = each->ai_next)
        link->socket = connect_to(each, deadline_ns);
    int number = errno;
    freeaddrinfo(found);
    if (link->socket >= 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_UNREACHABLE,
                         "cannot reach the mother POS at %s: %s; does it run, and there?", address,
                         number == 0 || number == EINPROGRESS ? "no answer" : strerror(number));
}

void pos_mother_link_close(struct pos_mother_link *link)
{
    if (link->socket >= 0)
        (void)close(link->socket);
    link->socket = -1;
}

/* ---- one exchange ---- */

static enum pos_status broken(const struct pos_mother_link *link, enum pos_status status,
                              struct pos_error *error)
{
    return pos_error_set(error, status, "the mother POS at %s: %s", link->address,
                         status == POS_ERR_TIMEOUT ? "no answer in time" : pos_status_text(status));
}

static enum pos_status send_all(const struct pos_mother_link *link, struct pos_bytes bytes,
                                uint64_t deadline_ns)
{
    size_t sent = 0;
    while (sent < bytes.size) {
        ssize_t put = send(link->socket, bytes.data + sent, bytes.size - sent, MSG_NOSIGNAL);
        if (put >= 0) {
            sent += (size_t)put;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return errno == EPIPE || errno == ECONNRESET ? POS_ERR_CLOSED : POS_ERR_NETWORK;
        enum pos_status status = wait_for(link->socket, POLLOUT, deadline_ns);
        if (status != POS_OK)
            return status;
    }
    return POS_OK;
}

static enum pos_status receive_some(struct pos_mother_link *link, uint64_t deadline_ns)
{
    for (;;) {
        ssize_t got = recv(link->socket, link->stream + link->received,
                           sizeof link->stream - link->received, 0);
        if (got > 0) {
            link->received += (size_t)got;
            return POS_OK;
        }
        if (got == 0 || errno == ECONNRESET)
            return POS_ERR_CLOSED;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return POS_ERR_NETWORK;
        enum pos_status status = wait_for(link->socket, POLLIN, deadline_ns);
        if (status != POS_OK)
            return status;
    }
}

/* Waits for a whole frame; it is at the front of the stream then, *consumed bytes long. */
static enum pos_status receive_frame(struct pos_mother_link *link, uint64_t deadline_ns,
                                     struct pos_frame *frame, size_t *consumed)
{
    for (;;) {
        const char *reason;
        switch (pos_frame_next(&pos_dialect_iso87b, pos_bytes(link->stream, link->received), frame,
                               consumed, &reason)) {
        case POS_FRAME_READY:
            return POS_OK;
        case POS_FRAME_BROKEN:
            return POS_ERR_FORMAT;
        case POS_FRAME_KEEP_ALIVE:
            link->received -= *consumed;
            memmove(link->stream, link->stream + *consumed, link->received);
            continue;
        case POS_FRAME_PARTIAL:
            break;
        }
        enum pos_status status = receive_some(link, deadline_ns);
        if (status != POS_OK)
            return status;
    }
}

static enum pos_status build(struct pos_mother_link *link, const struct pos_kind_rule *rule,
                             struct pos_bytes line, struct pos_buffer *out)
{
    link->stan = link->stan % STAN_MAX + 1;
    char stan[16], code[16];
    (void)snprintf(stan, sizeof stan, "%06u", link->stan);
    (void)snprintf(code, sizeof code, "%03u", rule->network_code);
    struct pos_draft draft;
    pos_draft_init(&draft, rule->mti);
    pos_draft_set(&draft, 11, pos_bytes_text(stan));
    pos_draft_set(&draft, 70, pos_bytes_text(code));
    if (line.size > 0)
        pos_draft_set(&draft, 62, line);
    size_t start = pos_frame_begin(&pos_dialect_iso87b, NULL, false, out);
    struct pos_encoded encoded;
    struct pos_decode_error wrong;
    enum pos_status status = pos_iso8583_encode(&pos_dialect_iso87b, &draft, out, &encoded, &wrong);
    return status == POS_OK ? pos_frame_end(out, start) : status;
}

static void copy_field(const struct pos_message *message, unsigned field, char *text,
                       size_t capacity)
{
    struct pos_bytes value = pos_message_value(message, field, text, capacity - 1);
    text[value.size] = '\0';
}

static enum pos_status read_reply(const struct pos_mother_link *link,
                                  const struct pos_kind_rule *rule, struct pos_bytes bytes,
                                  struct pos_mother_reply *reply)
{
    struct pos_message message;
    struct pos_decode_error wrong;
    if (pos_iso8583_decode(&pos_dialect_iso87b, bytes, &message, &wrong) != POS_OK)
        return POS_ERR_FORMAT;
    if (message.mti != pos_reply_mti(rule->mti) ||
        pos_message_number(&message, 11, 0) != link->stan ||
        pos_message_number(&message, 70, 0) != rule->network_code || !pos_message_has(&message, 39))
        return POS_ERR_MISMATCH;
    copy_field(&message, 39, reply->code, sizeof reply->code);
    copy_field(&message, 62, reply->text, sizeof reply->text);
    return POS_OK;
}

enum pos_status pos_mother_link_ask(struct pos_mother_link *link, enum pos_kind kind,
                                    struct pos_bytes line, int timeout_ms,
                                    struct pos_mother_reply *reply, struct pos_error *error)
{
    const struct pos_kind_rule *rule = pos_kind_rule(kind);
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    enum pos_status status = build(link, rule, line, &out);
    if (status != POS_OK)
        return pos_error_set(error, status, "the line cannot be sent: %s", pos_status_text(status));
    uint64_t deadline_ns = deadline_in(timeout_ms);
    struct pos_frame frame;
    size_t consumed = 0;
    status = send_all(link, pos_buffer_view(&out), deadline_ns);
    if (status == POS_OK)
        status = receive_frame(link, deadline_ns, &frame, &consumed);
    if (status == POS_OK)
        status = read_reply(link, rule, frame.message, reply);
    if (status != POS_OK)
        return broken(link, status, error);
    link->received -= consumed;
    memmove(link->stream, link->stream + consumed, link->received);
    return POS_OK;
}

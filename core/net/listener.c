/*
 * Listeners accept by themselves rather than through libuv: so a full process refuses politely
 * and then pauses instead of spinning on a listen queue it cannot empty.
 */
#include "core/net/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

struct pos_listener {
    uv_poll_t poll;
    uv_timer_t resume;
    struct pos_loop *loop;
    struct pos_endpoint *endpoint;
    struct pos_link link;
    uint32_t connection_count_max;
    int fd;
    int handles_open; /* of poll and resume */
    bool closed;
    uint16_t port;
    char path[POS_PATH_SIZE_MAX]; /* "" for TCP */
};

/* ---- accepting ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void take_reserve(struct pos_loop *loop)
{
    if (loop->reserve_fd < 0)
        loop->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The reserve comes before a peer: who has none can only leave peers waiting. */
static void on_resume(uv_timer_t *timer)
{
    struct pos_listener *listener = timer->data;
    pos_loop_wake(listener->loop);
    take_reserve(listener->loop);
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* Gives the reserve up for a moment to turn one peer away. */
static bool turn_away(struct pos_listener *listener)
{
    struct pos_loop *loop = listener->loop;
    if (loop->reserve_fd >= 0)
        close(loop->reserve_fd);
    loop->reserve_fd = -1;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    take_reserve(loop);
    return fd >= 0;
}

/* No descriptor or no memory. Where the reserve does not help either (another thread was quicker)
 * the peers wait in the kernel for a while: trying at once would be trying for ever. */
static void out_of_means(struct pos_listener *listener)
{
    struct pos_loop *loop = listener->loop;
    pos_counter_add(&loop->stats.accept_failures, 1);
    if (turn_away(listener))
        return;
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->resume, on_resume, POS_ACCEPT_PAUSE_MS, 0);
}

static void welcome(struct pos_listener *listener, int fd)
{
    struct pos_loop *loop = listener->loop;
    struct pos_connection *connection;
    if (listener->endpoint->connection_count >= listener->connection_count_max) {
        pos_counter_add(&loop->stats.closed[POS_CLOSE_LIMIT], 1);
        close(fd);
        return;
    }
    if (pos_connection_adopt(loop, listener->endpoint, fd, listener->path[0] != '\0',
                             POS_CONNECTION_OPEN, &connection) != POS_OK) {
        pos_counter_add(&loop->stats.closed[POS_CLOSE_LIMIT], 1);
        return;
    }
    pos_connection_opened(connection);
}

/* False: leave the rest for another turn. */
static bool accept_one(struct pos_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        welcome(listener, fd);
        return !listener->closed;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        out_of_means(listener);
        return false;
    }
    /* The peer was gone before we came: ECONNABORTED and what TCP passes on. */
    pos_counter_add(&listener->loop->stats.accept_failures, 1);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct pos_listener *listener = poll->data;
    (void)status;
    (void)events;
    pos_loop_wake(listener->loop);
    for (int i = 0; i < POS_ACCEPT_COUNT_MAX; i++)
        if (!accept_one(listener))
            return;
}

/* ---- sockets ---- */

static enum pos_status network_error(struct pos_error *error, const char *what, const char *where)
{
    return pos_error_set(error, POS_ERR_NETWORK, "cannot %s %s: %s", what, where, strerror(errno));
}

/* Whether somebody listens there. Two programs of one user could share the port, each thinking it
 * has it, and terminals would reach now one and now the other; a socket that does not share finds
 * out. */
static bool is_taken(const struct sockaddr_storage *address)
{
    int one = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool taken = bind(fd, (const struct sockaddr *)address, pos_address_size(address)) != 0 &&
                 errno == EADDRINUSE;
    int number = errno;
    close(fd);
    errno = number;
    return taken;
}

static enum pos_status listen_tcp(const struct pos_listener_options *options, int *out,
                                  struct pos_error *error)
{
    struct sockaddr_storage address;
    char where[POS_ADDRESS_SIZE_MAX];
    int one = 1;
    snprintf(where, sizeof where, "%s port %u", options->address, options->port);
    if (!pos_address_parse(options->address, options->port, &address))
        return pos_error_set(error, POS_ERR_NETWORK,
                             "cannot listen on \"%s\": not an IPv4 or IPv6 address",
                             options->address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return network_error(error, "make a socket for", where);
    *out = fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (options->first && is_taken(&address))
        return network_error(error, "listen on", where);
    if (options->shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0)
        return network_error(error, "share", where);
    if (bind(fd, (struct sockaddr *)&address, pos_address_size(&address)) != 0 ||
        listen(fd, BACKLOG) != 0)
        return network_error(error, "listen on", where);
    return POS_OK;
}

/* Removes a socket that nobody listens on. */
static enum pos_status clear_path(const struct sockaddr_un *address, struct pos_error *error)
{
    struct stat old;
    if (lstat(address->sun_path, &old) != 0)
        return POS_OK;
    if (!S_ISSOCK(old.st_mode))
        return pos_error_set(error, POS_ERR_NETWORK, "cannot listen on %s: it is not a socket",
                             address->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return network_error(error, "make a socket for", address->sun_path);
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    if (!refused)
        return pos_error_set(error, POS_ERR_NETWORK,
                             "cannot listen on %s: another process does; end it first",
                             address->sun_path);
    return unlink(address->sun_path) == 0 ? POS_OK
                                          : network_error(error, "replace", address->sun_path);
}

static enum pos_status listen_local(const char *path, int *out, struct pos_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return pos_error_set(error, POS_ERR_NETWORK,
                             "cannot listen on %s: a socket's path has at most %zu characters",
                             path, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    enum pos_status status = clear_path(&address, error);
    if (status != POS_OK)
        return status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return network_error(error, "make a socket for", path);
    *out = fd;
    /* The mode goes to the file when it is made, so it is never open to others. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0)
        return network_error(error, "listen on", path);
    return POS_OK;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&address)->sin_port) : 0;
}

/* ---- life ---- */

static void start(struct pos_listener *listener)
{
    struct pos_loop *loop = listener->loop;
    uv_poll_init(&loop->uv, &listener->poll, listener->fd);
    uv_timer_init(&loop->uv, &listener->resume);
    listener->poll.data = listener->resume.data = listener;
    listener->handles_open = 2;
    pos_link_append(&loop->listeners, &listener->link);
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static enum pos_status open_listener(struct pos_loop *loop, int fd, const char *path,
                                     uint32_t count_max,
                                     const struct pos_connection_options *options,
                                     const struct pos_connection_events *events, void *context,
                                     struct pos_listener **out)
{
    struct pos_listener *listener = calloc(1, sizeof *listener);
    struct pos_endpoint *endpoint = pos_endpoint_create(events, context, options);
    if (listener == NULL || endpoint == NULL || loop->stopped) {
        free(listener);
        free(endpoint);
        close(fd);
        return loop->stopped ? POS_ERR_STATE : POS_ERR_MEMORY;
    }
    listener->loop = loop;
    listener->endpoint = endpoint;
    listener->connection_count_max = count_max == 0 ? POS_CONNECTION_COUNT_MAX : count_max;
    listener->fd = fd;
    listener->port = port_of(fd);
    snprintf(listener->path, sizeof listener->path, "%s", path);
    start(listener);
    *out = listener;
    return POS_OK;
}

enum pos_status pos_listener_open(struct pos_loop *loop, const struct pos_listener_options *options,
                                  const struct pos_connection_events *events, void *context,
                                  struct pos_listener **listener, struct pos_error *error)
{
    int fd = -1;
    enum pos_status status = listen_tcp(options, &fd, error);
    if (status == POS_OK)
        return open_listener(loop, fd, "", options->connection_count_max, &options->connection,
                             events, context, listener);
    if (fd >= 0)
        close(fd);
    return status;
}

enum pos_status pos_listener_open_local(struct pos_loop *loop, const char *path,
                                        const struct pos_connection_options *options,
                                        const struct pos_connection_events *events, void *context,
                                        struct pos_listener **listener, struct pos_error *error)
{
    int fd = -1;
    enum pos_status status = listen_local(path, &fd, error);
    if (status == POS_OK)
        return open_listener(loop, fd, path, 0, options, events, context, listener);
    if (fd >= 0)
        close(fd);
    return status;
}

uint16_t pos_listener_port(const struct pos_listener *listener)
{
    return listener->port;
}

static void free_listener(struct pos_listener *listener)
{
    pos_endpoint_release(listener->endpoint);
    free(listener);
}

/* One of two; the memory of a listener that its owner closed goes with the second. One that the
 * loop closed stays until the loop is destroyed, since its owner may still name it. */
static void on_closed(uv_handle_t *handle)
{
    struct pos_listener *listener = handle->data;
    if (--listener->handles_open == 0 && !pos_link_linked(&listener->link))
        free_listener(listener);
}

static void close_listener(struct pos_listener *listener)
{
    listener->closed = true;
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    uv_close((uv_handle_t *)&listener->resume, on_closed);
    close(listener->fd);
    if (listener->path[0] != '\0')
        unlink(listener->path);
}

void pos_listener_close(struct pos_listener *listener)
{
    if (listener == NULL || listener->closed)
        return;
    pos_link_remove(&listener->link);
    close_listener(listener);
}

void pos_listener_close_all(struct pos_loop *loop)
{
    struct pos_link *head = &loop->listeners;
    for (struct pos_link *link = head->next; link != head; link = link->next)
        close_listener(POS_CONTAINER(link, struct pos_listener, link));
}

void pos_listener_destroy_all(struct pos_loop *loop)
{
    for (struct pos_link *link; (link = pos_link_take(&loop->listeners)) != NULL;)
        free_listener(POS_CONTAINER(link, struct pos_listener, link));
}

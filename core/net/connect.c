/* Connecting: the socket is ours until it is made, so that it can come from a chosen address. */
#include "core/net/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool pos_address_parse(const char *address, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    return uv_ip4_addr(address, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(address, port, (struct sockaddr_in6 *)out) == 0;
}

socklen_t pos_address_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

/* The port is chosen when the destination is known, so a source is not limited to 28,000 in all. */
static bool come_from(int fd, const struct sockaddr_storage *source)
{
    int one = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    return bind(fd, (const struct sockaddr *)source, pos_address_size(source)) == 0;
}

static void on_connected(uv_connect_t *request, int status)
{
    struct pos_connection *connection = request->data;
    free(request);
    if (connection->state != POS_CONNECTION_CONNECTING)
        return;
    pos_loop_wake(connection->loop);
    if (status != 0) {
        pos_connection_close(connection, POS_CLOSE_CONNECT);
        return;
    }
    pos_connection_move(connection, POS_CONNECTION_OPEN);
    pos_connection_opened(connection);
    if (connection->waiting != NULL)
        pos_output_flush(connection);
}

static void begin(struct pos_connection *connection, const struct sockaddr_storage *to)
{
    uv_connect_t *request = malloc(sizeof *request);
    if (request != NULL) {
        request->data = connection;
        int result =
            uv_tcp_connect(request, &connection->uv.tcp, (const struct sockaddr *)to, on_connected);
        if (result == 0) {
            pos_wheel_schedule(connection);
            return;
        }
        free(request);
    }
    pos_connection_close(connection, POS_CLOSE_CONNECT);
}

enum pos_status pos_connection_connect(struct pos_loop *loop, const char *address, uint16_t port,
                                       const char *source,
                                       const struct pos_connection_options *options,
                                       const struct pos_connection_events *events, void *context,
                                       struct pos_connection **connection)
{
    struct sockaddr_storage to, from;
    if (!pos_address_parse(address, port, &to) ||
        (source != NULL && !pos_address_parse(source, 0, &from)))
        return POS_ERR_USAGE;
    if (loop->stopped)
        return POS_ERR_STATE;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? POS_ERR_LIMIT : POS_ERR_NETWORK;
    if (source != NULL && !come_from(fd, &from)) {
        close(fd);
        return POS_ERR_NETWORK;
    }
    struct pos_endpoint *endpoint = pos_endpoint_create(events, context, options);
    if (endpoint == NULL) {
        close(fd);
        return POS_ERR_MEMORY;
    }
    enum pos_status status =
        pos_connection_adopt(loop, endpoint, fd, false, POS_CONNECTION_CONNECTING, connection);
    pos_endpoint_release(endpoint);
    if (status == POS_OK)
        begin(*connection, &to);
    return status;
}

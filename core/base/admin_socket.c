#include "core/base/admin_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static enum pos_status explain_connect(const char *path, int number, struct pos_error *error)
{
    if (number == EACCES || number == EPERM)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "the gateway's socket %s is not for this user: run this as the user "
                             "that the gateway runs as",
                             path);
    return pos_error_set(
        error, POS_ERR_UNREACHABLE,
        "no gateway answers at %s: %s. Is it running, and is this the admin.socket "
        "of its configuration?",
        path, strerror(number));
}

enum pos_status pos_admin_socket_open(const char *path, struct pos_admin_socket *made,
                                      struct pos_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *made = (struct pos_admin_socket){.file = -1, .path = path};
    if (path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return pos_error_set(error, POS_ERR_USAGE,
                             "the gateway's socket is a path of 1 to %zu characters",
                             sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    made->file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made->file >= 0 &&
        connect(made->file, (const struct sockaddr *)&address, sizeof address) == 0)
        return POS_OK;
    int number = errno;
    pos_admin_socket_close(made);
    return explain_connect(path, number, error);
}

void pos_admin_socket_close(struct pos_admin_socket *socket)
{
    if (socket->file >= 0)
        (void)close(socket->file);
    socket->file = -1;
}

static enum pos_status explain_failure(const struct pos_admin_socket *socket, int number,
                                       struct pos_error *error)
{
    if (number == EAGAIN || number == EWOULDBLOCK)
        return pos_error_set(error, POS_ERR_TIMEOUT, "the gateway at %s gives no answer in time",
                             socket->path);
    return pos_error_set(error, POS_ERR_NETWORK, "the gateway at %s cannot be spoken to: %s",
                         socket->path, strerror(number));
}

static enum pos_status send_all(struct pos_admin_socket *socket, struct pos_bytes bytes,
                                struct pos_error *error)
{
    for (size_t sent = 0; sent < bytes.size;) {
        ssize_t count = send(socket->file, bytes.data + sent, bytes.size - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR)
            return explain_failure(socket, errno, error);
        sent += count > 0 ? (size_t)count : 0;
    }
    return POS_OK;
}

/* Nothing follows the line, because one is asked at a time. */
static enum pos_status receive_line(struct pos_admin_socket *socket, char *answer, size_t capacity,
                                    struct pos_error *error)
{
    for (size_t size = 0; size < capacity;) {
        ssize_t count = recv(socket->file, answer + size, capacity - size, 0);
        if (count == 0)
            return pos_error_set(error, POS_ERR_CLOSED,
                                 "the gateway at %s ended before it answered", socket->path);
        if (count < 0 && errno != EINTR)
            return explain_failure(socket, errno, error);
        size += count > 0 ? (size_t)count : 0;
        if (size > 0 && answer[size - 1] == '\n') {
            answer[size - 1] = '\0';
            return POS_OK;
        }
    }
    return pos_error_set(error, POS_ERR_LENGTH, "the gateway at %s answers too much", socket->path);
}

enum pos_status pos_admin_socket_ask(struct pos_admin_socket *socket, struct pos_bytes line,
                                     int timeout_seconds, char *answer, size_t capacity,
                                     struct pos_error *error)
{
    const struct timeval patience = {.tv_sec = timeout_seconds};
    (void)setsockopt(socket->file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(socket->file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    enum pos_status status = send_all(socket, line, error);
    if (status == POS_OK)
        status = send_all(socket, pos_bytes("\n", 1), error);
    return status == POS_OK ? receive_line(socket, answer, capacity, error) : status;
}

/*
 * The asking end of a gateway's admin socket: one line out, one line back. What the lines say is
 * between the gateway (gateway/admin.h) and whoever asks. Blocks; one thread a socket.
 */
#ifndef POS_BASE_ADMIN_SOCKET_H
#define POS_BASE_ADMIN_SOCKET_H

#include "core/base/bytes.h"
#include "core/base/error.h"

struct pos_admin_socket {
    int file;         /* -1: closed */
    const char *path; /* borrowed until it is closed */
};

/* POS_ERR_UNREACHABLE: nobody listens there; POS_ERR_NOT_ALLOWED: not for this user; POS_ERR_USAGE:
 * not a socket's path. */
POS_MUST_USE enum pos_status
pos_admin_socket_open(const char *path, struct pos_admin_socket *socket, struct pos_error *error);

/* Sends `line`, which has no line end, and takes the answer, NUL-terminated and without its own.
 * After an error the socket is of no use any more: POS_ERR_TIMEOUT (nothing moved for so long),
 * POS_ERR_CLOSED, POS_ERR_NETWORK, POS_ERR_LENGTH: the answer has `capacity` bytes or more. */
POS_MUST_USE enum pos_status pos_admin_socket_ask(struct pos_admin_socket *socket,
                                                  struct pos_bytes line, int timeout_seconds,
                                                  char *answer, size_t capacity,
                                                  struct pos_error *error);

void pos_admin_socket_close(struct pos_admin_socket *socket); /* closed is fine */

#endif

/*
 * A client of a mother POS: one TCP connection, one request at a time, each with a deadline. Only
 * the two messages of key loading (921, 922).
 */
#ifndef POS_KEYMGMT_MOTHER_LINK_H
#define POS_KEYMGMT_MOTHER_LINK_H

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/wire/message.h"

enum { POS_MOTHER_TEXT_SIZE_MAX = 64 };

struct pos_mother_link {
    int socket; /* -1: none */
    int timeout_ms;
    uint32_t stan;
    const char *address; /* borrowed, for error texts */
    size_t received;
    uint8_t stream[POS_FRAME_SIZE_MAX];
};

struct pos_mother_reply {
    char code[3];                            /* field 39 */
    char text[POS_MOTHER_TEXT_SIZE_MAX + 1]; /* field 62; "" when absent or longer */
};

/* "HOST:PORT", "[v6]:PORT" into its parts. POS_ERR_USAGE. Pure. */
POS_MUST_USE enum pos_status pos_mother_address_parse(const char *text, char *host,
                                                      size_t host_capacity, char *port,
                                                      size_t port_capacity,
                                                      struct pos_error *error);

/* Connects. POS_ERR_USAGE (address), POS_ERR_UNREACHABLE, POS_ERR_TIMEOUT. */
POS_MUST_USE enum pos_status pos_mother_link_open(struct pos_mother_link *link, const char *address,
                                                  int timeout_ms, struct pos_error *error);
void pos_mother_link_close(struct pos_mother_link *link);

/* Sends one request of `kind` (POS_KIND_LOAD with a line, POS_KIND_LOAD_STATUS with nothing) and
 * waits for its reply. POS_ERR_CLOSED, POS_ERR_TIMEOUT, POS_ERR_NETWORK: the link is of no use any
 * more; POS_ERR_FORMAT, POS_ERR_MISMATCH: what came is no reply to it. */
POS_MUST_USE enum pos_status pos_mother_link_ask(struct pos_mother_link *link, enum pos_kind kind,
                                                 struct pos_bytes line, int timeout_ms,
                                                 struct pos_mother_reply *reply,
                                                 struct pos_error *error);

#endif

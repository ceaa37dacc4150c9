/*
 * The requests under way to the acquirer host: which request a reply belongs to, and which have
 * waited too long. Fixed size; no allocation. One thread.
 *
 * A reply belongs to a request when MTI, STAN (11), RRN (37) and TID (41) all agree; two requests
 * that a reply could not tell apart are never under way together.
 */
#ifndef POS_GATEWAY_HOST_WINDOW_H
#define POS_GATEWAY_HOST_WINDOW_H

#include "core/wire/iso8583.h"

struct pos_host_key {
    uint16_t mti; /* the reply's */
    char stan[6];
    char rrn[12];
    char tid[8];
};

/* POS_ERR_FORMAT when 11, 37 or 41 is missing. */
POS_MUST_USE enum pos_status pos_host_key_of_message(const struct pos_message *reply,
                                                     struct pos_host_key *key);
POS_MUST_USE enum pos_status pos_host_key_of_draft(const struct pos_draft *request,
                                                   struct pos_host_key *key);

struct pos_host_window;

POS_MUST_USE enum pos_status pos_host_window_create(uint32_t size, struct pos_host_window **window);
void pos_host_window_destroy(struct pos_host_window *window);

/* POS_ERR_LIMIT: full. POS_ERR_EXISTS: a request with this key is under way. Deadlines must not
 * decrease from call to call. */
POS_MUST_USE enum pos_status pos_host_window_put(struct pos_host_window *window,
                                                 const struct pos_host_key *key,
                                                 uint64_t deadline_ns, void *request);
/* Takes the request out; NULL when no such request is under way. */
void *pos_host_window_take(struct pos_host_window *window, const struct pos_host_key *key);
/* Takes out the oldest request whose deadline has passed; NULL when there is none. */
void *pos_host_window_take_late(struct pos_host_window *window, uint64_t now_ns);
uint32_t pos_host_window_count(const struct pos_host_window *window);

#endif

/*
 * Capture files as tcpdump writes them: classic pcap (either byte order, micro- or nanoseconds) and
 * pcapng. One packet after the other, in bounded memory, from a file or a pipe.
 */
#ifndef POS_EMULATOR_TRACE_CAPTURE_H
#define POS_EMULATOR_TRACE_CAPTURE_H

#include <stdio.h>

#include "core/base/bytes.h"
#include "core/base/error.h"

enum {
    POS_CAPTURE_MAGIC_SIZE = 4,
    POS_CAPTURE_PACKET_SIZE_MAX = 262144, /* bytes; tcpdump's own limit */
    POS_CAPTURE_INTERFACE_COUNT_MAX = 64,
};

struct pos_packet {
    uint64_t time_ns;       /* since 1970; 0 unknown */
    uint16_t link;          /* LINKTYPE_ number: 1 Ethernet, 113 Linux cooked, ... */
    struct pos_bytes bytes; /* as many as were captured; borrowed until the next packet */
};

struct pos_capture;

bool pos_capture_is_one(const uint8_t magic[POS_CAPTURE_MAGIC_SIZE]);

/* `magic`: the first bytes, which were read off the file before. The file stays the caller's.
 * POS_ERR_CORRUPT, POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_capture_create(FILE *file,
                                                const uint8_t magic[POS_CAPTURE_MAGIC_SIZE],
                                                struct pos_capture **capture,
                                                struct pos_error *error);
void pos_capture_destroy(struct pos_capture *capture); /* NULL is fine */

/* POS_ERR_NOT_FOUND: no more (a capture that ends at a packet's end). POS_ERR_CORRUPT, with the
 * place in the file: damaged, or cut inside a packet. */
POS_MUST_USE enum pos_status pos_capture_next(struct pos_capture *capture,
                                              struct pos_packet *packet, struct pos_error *error);

#endif

/* From a captured packet to its TCP segment: Ethernet (with VLAN tags), Linux cooked v1 and v2, raw
 * IP and BSD loopback below; IPv4 and IPv6. What is fragmented or tunnelled is not followed. */
#ifndef POS_EMULATOR_TRACE_SEGMENT_H
#define POS_EMULATOR_TRACE_SEGMENT_H

#include "emulator/trace/capture.h"

struct pos_segment_end {
    uint8_t address[16]; /* IPv4 in the first 4, zeros behind */
    uint16_t port;
    bool v6;
};

struct pos_segment {
    struct pos_segment_end from, to;
    uint32_t sequence;
    bool syn, ack, fin, rst;
    struct pos_bytes payload; /* as much of it as was captured; borrowed from the packet */
};

/* False: not TCP over IP, or not enough of it captured to tell. */
bool pos_segment_parse(const struct pos_packet *packet, struct pos_segment *segment);

#endif

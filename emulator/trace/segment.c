#include "emulator/trace/segment.h"

#include <string.h>

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_COOKED_2 = 276,
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86DD,
    TYPE_VLAN = 0x8100,
    TYPE_VLAN_OUTER = 0x88A8,
    VLAN_COUNT_MAX = 2,
    PROTOCOL_TCP = 6,
    IPV4_HEADER_SIZE_MIN = 20,
    IPV6_HEADER_SIZE = 40,
    TCP_HEADER_SIZE_MIN = 20,
};

static void skip(struct pos_cursor *cursor, size_t size)
{
    (void)pos_cursor_take(cursor, size);
}

static bool is_ip(unsigned type)
{
    return type == TYPE_IPV4 || type == TYPE_IPV6;
}

/* Over the link's header to the IP header. */
static bool skip_link(struct pos_cursor *cursor, uint16_t link)
{
    unsigned type = TYPE_IPV4; /* where the link does not say: the IP version does */
    switch (link) {
    case LINK_ETHERNET:
        skip(cursor, 12);
        type = pos_cursor_u16(cursor);
        for (int i = 0; i < VLAN_COUNT_MAX && (type == TYPE_VLAN || type == TYPE_VLAN_OUTER); i++) {
            skip(cursor, 2);
            type = pos_cursor_u16(cursor);
        }
        break;
    case LINK_COOKED:
        skip(cursor, 14);
        type = pos_cursor_u16(cursor);
        break;
    case LINK_COOKED_2:
        type = pos_cursor_u16(cursor);
        skip(cursor, 18);
        break;
    case LINK_NULL:
    case LINK_LOOP:
        skip(cursor, 4);
        break;
    case LINK_RAW:
        break;
    default:
        return false;
    }
    return !cursor->failed && is_ip(type);
}

static void take_address(struct pos_cursor *cursor, size_t size, struct pos_segment_end *end)
{
    struct pos_bytes bytes = pos_cursor_take(cursor, size);
    memset(end->address, 0, sizeof end->address);
    if (bytes.size == size)
        memcpy(end->address, bytes.data, size);
    end->v6 = size == 16;
}

/* Leaves the cursor behind the header; *size is what IP says of the rest, 0 when it does not. */
static bool take_ipv4(struct pos_cursor *cursor, struct pos_segment *segment, size_t *size)
{
    size_t header = (size_t)(pos_cursor_u8(cursor) & 15) * 4;
    skip(cursor, 1);
    size_t total = pos_cursor_u16(cursor);
    skip(cursor, 2);
    unsigned fragment = pos_cursor_u16(cursor);
    skip(cursor, 1);
    unsigned protocol = pos_cursor_u8(cursor);
    skip(cursor, 2);
    take_address(cursor, 4, &segment->from);
    take_address(cursor, 4, &segment->to);
    if (cursor->failed || header < IPV4_HEADER_SIZE_MIN || protocol != PROTOCOL_TCP ||
        (fragment & 0x3FFF) != 0 || (total != 0 && total < header))
        return false;
    skip(cursor, header - IPV4_HEADER_SIZE_MIN);
    *size = total == 0 ? 0 : total - header;
    return true;
}

static bool take_ipv6(struct pos_cursor *cursor, struct pos_segment *segment, size_t *size)
{
    skip(cursor, 4);
    *size = pos_cursor_u16(cursor);
    unsigned protocol = pos_cursor_u8(cursor);
    skip(cursor, 1);
    take_address(cursor, 16, &segment->from);
    take_address(cursor, 16, &segment->to);
    return !cursor->failed && protocol == PROTOCOL_TCP;
}

/* `size`: of the segment, header included, as IP has it; 0: all that is there. */
static bool take_tcp(struct pos_cursor *cursor, struct pos_segment *segment, size_t size)
{
    segment->from.port = pos_cursor_u16(cursor);
    segment->to.port = pos_cursor_u16(cursor);
    segment->sequence = pos_cursor_u32(cursor);
    skip(cursor, 4);
    size_t header = (size_t)(pos_cursor_u8(cursor) >> 4) * 4;
    unsigned flags = pos_cursor_u8(cursor);
    skip(cursor, 6);
    if (cursor->failed || header < TCP_HEADER_SIZE_MIN || (size != 0 && size < header))
        return false;
    skip(cursor, header - TCP_HEADER_SIZE_MIN);
    size_t there = cursor->bytes.size - cursor->offset;
    size_t wanted = size == 0 ? there : size - header; /* behind it is only padding */
    segment->payload = pos_cursor_take(cursor, wanted < there ? wanted : there);
    segment->fin = (flags & 0x01) != 0;
    segment->syn = (flags & 0x02) != 0;
    segment->rst = (flags & 0x04) != 0;
    segment->ack = (flags & 0x10) != 0;
    return !cursor->failed;
}

bool pos_segment_parse(const struct pos_packet *packet, struct pos_segment *segment)
{
    struct pos_cursor cursor = pos_cursor(packet->bytes);
    size_t size = 0;
    if (!skip_link(&cursor, packet->link) || cursor.offset == cursor.bytes.size)
        return false;
    unsigned version = cursor.bytes.data[cursor.offset] >> 4;
    bool good = version == 4   ? take_ipv4(&cursor, segment, &size)
                : version == 6 ? take_ipv6(&cursor, segment, &size)
                               : false;
    return good && take_tcp(&cursor, segment, size);
}

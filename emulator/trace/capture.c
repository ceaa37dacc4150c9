#include "emulator/trace/capture.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. */
enum {
    PCAP_HEADER_SIZE = 24,
    RECORD_HEADER_SIZE = 16,
    BLOCK_HEADER_SIZE = 8, /* type, total length; the length comes again at the end */
    BLOCK_SIZE_MIN = 12,
    /* A packet, what stands before it, and its options. */
    BLOCK_SIZE_MAX = POS_CAPTURE_PACKET_SIZE_MAX + 65536,
    BLOCK_SECTION = 0x0A0D0D0A,
    BLOCK_INTERFACE = 1,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    OPTION_END = 0,
    OPTION_TIME_RESOLUTION = 9,
    OPTION_TIME_OFFSET = 14,
};
static const uint32_t pcap_micro = 0xA1B2C3D4u, pcap_nano = 0xA1B23C4Du, byte_order = 0x1A2B3C4Du;

struct interface {
    uint16_t link;
    uint64_t units_per_second;
    int64_t offset_seconds;
};

struct pos_capture {
    FILE *file;
    uint64_t place; /* bytes read so far */
    bool swapped;   /* written on a machine of the other byte order */
    bool blocks;    /* pcapng */
    bool section;   /* pcapng: the first block's type has been read, and nothing behind it */
    struct interface interfaces[POS_CAPTURE_INTERFACE_COUNT_MAX];
    uint32_t interface_count; /* 1 in pcap */
    uint8_t memory[BLOCK_SIZE_MAX];
};

/* ---- reading ---- */

static uint32_t order32(const struct pos_capture *capture, uint32_t value)
{
    return capture->swapped ? __builtin_bswap32(value) : value;
}

static uint32_t get32(const struct pos_capture *capture, const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return order32(capture, le32toh(value));
}

static uint16_t get16(const struct pos_capture *capture, const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    value = le16toh(value);
    return capture->swapped ? __builtin_bswap16(value) : value;
}

static enum pos_status damaged(const struct pos_capture *capture, struct pos_error *error,
                               const char *what)
{
    return pos_error_set(error, POS_ERR_CORRUPT, "the capture is damaged at byte %llu: %s",
                         (unsigned long long)capture->place, what);
}

/* POS_ERR_NOT_FOUND: the file ends exactly here. */
static enum pos_status read_exactly(struct pos_capture *capture, void *into, size_t size,
                                    struct pos_error *error)
{
    size_t got = fread(into, 1, size, capture->file);
    if (got == size) {
        capture->place += got;
        return POS_OK;
    }
    if (ferror(capture->file) != 0)
        return pos_error_set(error, POS_ERR_IO, "reading the capture failed");
    if (got == 0)
        return POS_ERR_NOT_FOUND;
    return damaged(capture, error, "it ends inside a packet");
}

/* The same where there must be something. */
static enum pos_status read_rest(struct pos_capture *capture, void *into, size_t size,
                                 struct pos_error *error)
{
    enum pos_status status = size == 0 ? POS_OK : read_exactly(capture, into, size, error);
    return status == POS_ERR_NOT_FOUND ? damaged(capture, error, "it ends inside a packet")
                                       : status;
}

/* ---- pcap ---- */

static enum pos_status open_pcap(struct pos_capture *capture, uint32_t magic,
                                 struct pos_error *error)
{
    uint8_t header[PCAP_HEADER_SIZE - POS_CAPTURE_MAGIC_SIZE];
    enum pos_status status = read_rest(capture, header, sizeof header, error);
    if (status != POS_OK)
        return status;
    bool nano = order32(capture, magic) == pcap_nano;
    /* The upper bits of the link type say things about checksums. */
    capture->interfaces[0] =
        (struct interface){.link = (uint16_t)(get32(capture, header + 16) & 0xFFFF),
                           .units_per_second = nano ? 1000000000u : 1000000u};
    capture->interface_count = 1;
    return POS_OK;
}

static enum pos_status next_record(struct pos_capture *capture, struct pos_packet *packet,
                                   struct pos_error *error)
{
    uint8_t header[RECORD_HEADER_SIZE];
    enum pos_status status = read_exactly(capture, header, sizeof header, error);
    if (status != POS_OK)
        return status;
    uint32_t size = get32(capture, header + 8);
    uint64_t unit_ns = 1000000000u / capture->interfaces[0].units_per_second;
    if (size > POS_CAPTURE_PACKET_SIZE_MAX)
        return damaged(capture, error, "a packet longer than any is");
    packet->time_ns = (uint64_t)get32(capture, header) * 1000000000u +
                      (uint64_t)get32(capture, header + 4) * unit_ns;
    packet->link = capture->interfaces[0].link;
    packet->bytes = pos_bytes(capture->memory, size);
    return read_rest(capture, capture->memory, size, error);
}

/* ---- pcapng ---- */

/* A section's byte order is its own. `header` is type and length, of which the length may be in
 * either order until the magic behind it is known. */
static enum pos_status begin_section(struct pos_capture *capture, uint8_t *header,
                                     struct pos_error *error)
{
    uint8_t magic[4];
    enum pos_status status = read_rest(capture, magic, sizeof magic, error);
    if (status != POS_OK)
        return status;
    capture->swapped = false;
    uint32_t value = get32(capture, magic);
    if (value != byte_order && value != __builtin_bswap32(byte_order))
        return damaged(capture, error, "a section without its byte order");
    capture->swapped = value != byte_order;
    capture->interface_count = 0;
    uint32_t size = get32(capture, header + 4);
    if (size < BLOCK_SIZE_MIN + sizeof magic || size > BLOCK_SIZE_MAX || size % 4 != 0)
        return damaged(capture, error, "a section header of an impossible length");
    return read_rest(capture, capture->memory, size - BLOCK_HEADER_SIZE - sizeof magic, error);
}

/* if_tsresol: a power of ten, or of two when bit 7 is set. 0: more than can be counted. */
static uint64_t units_of(uint8_t resolution)
{
    unsigned power = resolution & 0x7F;
    if ((resolution & 0x80) != 0)
        return power <= 32 ? (uint64_t)1 << power : 0;
    uint64_t units = 1;
    for (unsigned i = 0; i < power; i++)
        units *= 10;
    return power <= 9 ? units : 0;
}

static enum pos_status read_options(struct pos_capture *capture, struct pos_bytes options,
                                    struct interface *interface, struct pos_error *error)
{
    size_t at = 0;
    while (options.size - at >= 4) {
        uint16_t code = get16(capture, options.data + at);
        size_t size = get16(capture, options.data + at + 2);
        size_t padded = (size + 3) / 4 * 4;
        at += 4;
        if (code == OPTION_END)
            break;
        if (padded > options.size - at)
            return damaged(capture, error, "an option longer than its block");
        if (code == OPTION_TIME_RESOLUTION && size >= 1)
            interface->units_per_second = units_of(options.data[at]);
        if (code == OPTION_TIME_OFFSET && size >= 8) {
            uint64_t low = get32(capture, options.data + at + (capture->swapped ? 4 : 0));
            uint64_t high = get32(capture, options.data + at + (capture->swapped ? 0 : 4));
            interface->offset_seconds = (int64_t)(high << 32 | low);
        }
        at += padded;
    }
    return POS_OK;
}

static enum pos_status take_interface(struct pos_capture *capture, struct pos_bytes body,
                                      struct pos_error *error)
{
    if (body.size < 8)
        return damaged(capture, error, "an interface that is too short");
    if (capture->interface_count == POS_CAPTURE_INTERFACE_COUNT_MAX)
        return damaged(capture, error, "more interfaces than this program follows");
    struct interface *interface = &capture->interfaces[capture->interface_count++];
    *interface =
        (struct interface){.link = get16(capture, body.data), .units_per_second = 1000000u};
    return read_options(capture, pos_bytes(body.data + 8, body.size - 8), interface, error);
}

static uint64_t time_of(const struct interface *interface, uint64_t units)
{
    uint64_t per_second = interface->units_per_second;
    if (per_second == 0)
        return 0;
    uint64_t seconds = units / per_second + (uint64_t)interface->offset_seconds;
    uint64_t rest = units % per_second; /* below 2^32 or 10^9: no overflow below */
    return seconds * 1000000000u + rest * 1000000000u / per_second;
}

/* Enhanced: interface, time high and low, captured, original. Simple: original, and no time. */
static enum pos_status take_packet(struct pos_capture *capture, uint32_t type,
                                   struct pos_bytes body, struct pos_packet *packet,
                                   struct pos_error *error)
{
    size_t front = type == BLOCK_PACKET ? 20 : 4;
    if (body.size < front)
        return damaged(capture, error, "a packet that is too short");
    uint32_t number = type == BLOCK_PACKET ? get32(capture, body.data) : 0;
    if (number >= capture->interface_count)
        return damaged(capture, error, "a packet of an interface that is not there");
    const struct interface *interface = &capture->interfaces[number];
    size_t size = get32(capture, body.data + (type == BLOCK_PACKET ? 12 : 0));
    packet->time_ns = 0;
    if (type == BLOCK_PACKET) {
        packet->time_ns = time_of(interface, (uint64_t)get32(capture, body.data + 4) << 32 |
                                                 get32(capture, body.data + 8));
        if (size > body.size - front)
            return damaged(capture, error, "a packet longer than its block");
    }
    packet->link = interface->link;
    packet->bytes =
        pos_bytes(body.data + front, size < body.size - front ? size : body.size - front);
    return POS_OK;
}

/* One block; *found when it was a packet. */
static enum pos_status next_block(struct pos_capture *capture, struct pos_packet *packet,
                                  bool *found, struct pos_error *error)
{
    uint8_t header[BLOCK_HEADER_SIZE] = {0x0A, 0x0D, 0x0D, 0x0A};
    size_t known = capture->section ? POS_CAPTURE_MAGIC_SIZE : 0;
    enum pos_status status = known > 0
                                 ? read_rest(capture, header + known, sizeof header - known, error)
                                 : read_exactly(capture, header, sizeof header, error);
    if (status != POS_OK)
        return status;
    capture->section = false;
    uint32_t type = get32(capture, header);
    if (type == BLOCK_SECTION) /* the same in either order */
        return begin_section(capture, header, error);
    size_t size = get32(capture, header + 4);
    if (size < BLOCK_SIZE_MIN || size > BLOCK_SIZE_MAX || size % 4 != 0)
        return damaged(capture, error, "a block of an impossible length");
    status = read_rest(capture, capture->memory, size - BLOCK_HEADER_SIZE, error);
    if (status != POS_OK)
        return status;
    struct pos_bytes body = pos_bytes(capture->memory, size - BLOCK_SIZE_MIN);
    if (type == BLOCK_INTERFACE)
        return take_interface(capture, body, error);
    *found = type == BLOCK_PACKET || type == BLOCK_SIMPLE_PACKET;
    return *found ? take_packet(capture, type, body, packet, error) : POS_OK;
}

/* ---- either ---- */

static uint32_t magic_of(const uint8_t magic[POS_CAPTURE_MAGIC_SIZE])
{
    uint32_t value;
    memcpy(&value, magic, sizeof value);
    return le32toh(value);
}

static bool is_pcap(uint32_t magic)
{
    return magic == pcap_micro || magic == pcap_nano;
}

bool pos_capture_is_one(const uint8_t magic[POS_CAPTURE_MAGIC_SIZE])
{
    uint32_t value = magic_of(magic);
    return value == BLOCK_SECTION || is_pcap(value) || is_pcap(__builtin_bswap32(value));
}

enum pos_status pos_capture_create(FILE *file, const uint8_t magic[POS_CAPTURE_MAGIC_SIZE],
                                   struct pos_capture **capture, struct pos_error *error)
{
    uint32_t value = magic_of(magic);
    struct pos_capture *made = malloc(sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for packets");
    made->file = file;
    made->place = POS_CAPTURE_MAGIC_SIZE;
    made->swapped = is_pcap(__builtin_bswap32(value));
    made->blocks = made->section = value == BLOCK_SECTION;
    made->interface_count = 0;
    enum pos_status status = made->blocks ? POS_OK : open_pcap(made, value, error);
    if (status != POS_OK) {
        free(made);
        made = NULL;
    }
    *capture = made;
    return status;
}

void pos_capture_destroy(struct pos_capture *capture)
{
    free(capture);
}

enum pos_status pos_capture_next(struct pos_capture *capture, struct pos_packet *packet,
                                 struct pos_error *error)
{
    bool found = false;
    if (!capture->blocks)
        return next_record(capture, packet, error);
    enum pos_status status = POS_OK;
    while (status == POS_OK && !found) /* each turn reads on, so the file's end ends it */
        status = next_block(capture, packet, &found, error);
    return status;
}

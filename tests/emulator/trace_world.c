#include "tests/emulator/trace_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void put_frame(const struct pos_dialect *dialect, uint16_t mti, const struct given *given,
               struct pos_buffer *out)
{
    static const struct pos_route route = {.tpdu = {0x60, 0, 1, 0, 2}, .header = {0x60, 0x31}};
    struct pos_frame model = pos_route_frame(&route);
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    pos_draft_init(&draft, mti);
    for (; given->field != 0; given++)
        pos_draft_set(&draft, given->field, pos_bytes_text(given->text));
    size_t start = pos_frame_begin(dialect, &model, false, out);
    cr_assert_eq(pos_iso8583_encode(dialect, &draft, out, &encoded, &error), POS_OK, "%s field %u",
                 dialect->name, error.field);
    cr_assert_eq(pos_frame_end(out, start), POS_OK);
}

void put_echo(const struct pos_dialect *dialect, bool reply, const char *stan,
              struct pos_buffer *out)
{
    struct pos_network_name name;
    struct given given[5] = {{11, stan}, {41, "TERM0001"}};
    cr_assert_eq(pos_network_name(dialect, pos_kind_rule(POS_KIND_ECHO), 1, &name), POS_OK);
    given[2] = (struct given){dialect->network_field, name.text};
    if (reply)
        given[3] = (struct given){39, "00"};
    put_frame(dialect, reply ? pos_reply_mti(name.mti) : name.mti, given, out);
}

static void tell(void *context, const struct pos_event *event)
{
    struct told *told = context;
    told->events++;
    pos_show(&told->show, event);
}

void told_open(struct told *told, const struct pos_dialect *dialect, enum pos_show_form form)
{
    memset(told, 0, sizeof *told);
    told->show = (struct pos_show){
        .to = open_memstream(&told->text, &told->size), .form = form, .keep_alives = true};
    told->trace.options =
        (struct pos_trace_options){.dialect = dialect, .tell = tell, .context = told};
}

const char *told_text(struct told *told)
{
    (void)fflush(told->show.to);
    return told->text;
}

unsigned told_count(struct told *told, const char *word)
{
    unsigned count = 0;
    for (const char *at = told_text(told); (at = strstr(at, word)) != NULL; at += strlen(word))
        count++;
    return count;
}

void told_close(struct told *told)
{
    (void)fclose(told->show.to);
    free(told->text);
}

/* ---- captures ---- */

static bool is_swapped(const struct tape *tape)
{
    return tape->form == PCAP_SWAPPED || tape->form == PCAPNG_SWAPPED;
}

/* In the byte order of the machine that is said to have captured. */
static void put32(struct tape *tape, uint32_t value)
{
    pos_buffer_put_u32(&tape->out, is_swapped(tape) ? value : __builtin_bswap32(value));
}

static void put16(struct tape *tape, uint16_t value)
{
    pos_buffer_put_u16(&tape->out, is_swapped(tape) ? value : __builtin_bswap16(value));
}

static bool is_blocks(const struct tape *tape)
{
    return tape->form == PCAPNG || tape->form == PCAPNG_SWAPPED;
}

static void put_blocks_header(struct tape *tape)
{
    put32(tape, 0x0A0D0D0A); /* section: length, order, version 1.0, length unknown */
    put32(tape, 28);
    put32(tape, 0x1A2B3C4D);
    put16(tape, 1);
    put16(tape, 0);
    put32(tape, 0xFFFFFFFF);
    put32(tape, 0xFFFFFFFF);
    put32(tape, 28);
    put32(tape, 1); /* interface: link, snap length, resolution 10^-9 */
    put32(tape, 32);
    put16(tape, tape->link);
    put16(tape, 0);
    put32(tape, 262144);
    put16(tape, 9);
    put16(tape, 1);
    pos_buffer_put(&tape->out, pos_bytes("\x09\0\0", 4));
    put32(tape, 0);
    put32(tape, 32);
    put32(tape, 5); /* statistics: to be passed over */
    put32(tape, 16);
    put32(tape, 0);
    put32(tape, 16);
}

void tape_open(struct tape *tape, enum capture_form form, uint16_t link, bool v6)
{
    tape->out = pos_buffer(tape->memory, sizeof tape->memory);
    tape->form = form;
    tape->link = link;
    tape->v6 = v6;
    if (is_blocks(tape)) {
        put_blocks_header(tape);
        return;
    }
    put32(tape, form == PCAP_NANO ? 0xA1B23C4D : 0xA1B2C3D4);
    put16(tape, 2);
    put16(tape, 4);
    put32(tape, 0);
    put32(tape, 0);
    put32(tape, 262144);
    put32(tape, link);
}

static void put_link(const struct tape *tape, struct pos_buffer *packet)
{
    static const uint8_t zeros[18];
    uint16_t type = tape->v6 ? 0x86DD : 0x0800;
    switch (tape->link) {
    case 1: /* with a VLAN tag, to have seen one */
        pos_buffer_put(packet, pos_bytes(zeros, 12));
        pos_buffer_put_u32(packet, 0x81000007);
        pos_buffer_put_u16(packet, type);
        break;
    case 113:
        pos_buffer_put(packet, pos_bytes(zeros, 14));
        pos_buffer_put_u16(packet, type);
        break;
    case 276:
        pos_buffer_put_u16(packet, type);
        pos_buffer_put(packet, pos_bytes(zeros, 18));
        break;
    case 0:
        pos_buffer_put_u32(packet, 0x02000000);
        break;
    default:
        break;
    }
}

static void put_ip(const struct tape *tape, size_t size, struct pos_buffer *packet)
{
    if (tape->v6) {
        uint8_t address[16] = {[15] = 1};
        pos_buffer_put_u32(packet, 0x60000000);
        pos_buffer_put_u16(packet, (uint16_t)(20 + size));
        pos_buffer_put_u16(packet, 0x0640);
        pos_buffer_put(packet, pos_bytes(address, 16));
        pos_buffer_put(packet, pos_bytes(address, 16));
        return;
    }
    pos_buffer_put_u16(packet, 0x4500);
    pos_buffer_put_u16(packet, (uint16_t)(40 + size));
    pos_buffer_put_u32(packet, 0x00004000);
    pos_buffer_put_u32(packet, 0x40060000);
    pos_buffer_put_u32(packet, 0x7F000001);
    pos_buffer_put_u32(packet, 0x7F000001);
}

static void put_packet(struct tape *tape, struct pos_bytes packet, uint64_t time_ns)
{
    uint32_t size = (uint32_t)packet.size, padded = (size + 3) / 4 * 4;
    if (is_blocks(tape)) {
        put32(tape, 6);
        put32(tape, 32 + padded);
        put32(tape, 0);
        put32(tape, (uint32_t)(time_ns >> 32));
        put32(tape, (uint32_t)time_ns);
    } else {
        put32(tape, (uint32_t)(time_ns / 1000000000));
        put32(tape, (uint32_t)(time_ns % 1000000000 / (tape->form == PCAP_NANO ? 1 : 1000)));
    }
    put32(tape, size);
    put32(tape, size);
    pos_buffer_put(&tape->out, packet);
    if (is_blocks(tape)) {
        pos_buffer_put(&tape->out, pos_bytes("\0\0\0", padded - size));
        put32(tape, 32 + padded);
    }
    cr_assert_not(tape->out.overflow);
}

void tape_segment(struct tape *tape, bool back, uint32_t sequence, const char *flags,
                  struct pos_bytes payload, uint64_t time_ns)
{
    uint8_t memory[4096];
    struct pos_buffer packet = pos_buffer(memory, sizeof memory);
    uint8_t bits = 0;
    for (; *flags != '\0'; flags++)
        bits |= *flags == 'S' ? 2 : *flags == 'A' ? 16 : *flags == 'F' ? 1 : 4;
    put_link(tape, &packet);
    put_ip(tape, payload.size, &packet);
    pos_buffer_put_u16(&packet, back ? 8583 : 50000);
    pos_buffer_put_u16(&packet, back ? 50000 : 8583);
    pos_buffer_put_u32(&packet, sequence);
    pos_buffer_put_u32(&packet, 0);
    pos_buffer_put_u8(&packet, 0x50);
    pos_buffer_put_u8(&packet, bits);
    pos_buffer_put(&packet, pos_bytes("\1\0\0\0\0", 6));
    pos_buffer_put(&packet, payload);
    cr_assert_not(packet.overflow);
    put_packet(tape, pos_buffer_view(&packet), time_ns);
}

enum pos_status tape_read(const struct tape *tape, size_t size, struct pos_trace *trace,
                          uint16_t port, struct pos_error *error)
{
    struct pos_capture *capture;
    struct pos_flows *flows;
    struct pos_packet packet;
    struct pos_segment segment;
    uint8_t magic[POS_CAPTURE_MAGIC_SIZE];
    FILE *file = fmemopen((void *)(uintptr_t)tape->memory, size, "r");
    cr_assert_eq(fread(magic, 1, sizeof magic, file), sizeof magic);
    cr_assert(pos_capture_is_one(magic));
    enum pos_status status = pos_capture_create(file, magic, &capture, error);
    cr_assert_eq(pos_flows_create(trace, port, &flows), POS_OK);
    while (status == POS_OK && (status = pos_capture_next(capture, &packet, error)) == POS_OK)
        if (pos_segment_parse(&packet, &segment))
            cr_assert_eq(pos_flows_take(flows, &segment, packet.time_ns), POS_OK);
    pos_flows_destroy(flows);
    pos_capture_destroy(capture);
    (void)fclose(file);
    return status;
}

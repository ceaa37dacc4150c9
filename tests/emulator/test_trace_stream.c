/* Conversations and captures: frames out of bytes however they are cut, gaps, pairs, formats. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/trace_world.h"

static uint8_t memory[65536];
static struct told told;
static struct pos_talk *talk;

static void open_talk(const struct pos_dialect *dialect)
{
    told_open(&told, dialect, POS_SHOW_BRIEF);
    talk = pos_talk_open(&told.trace, "c:1", "s:2", 2);
}

static void client(size_t from, size_t size)
{
    pos_talk_bytes(talk, POS_TALK_CLIENT, pos_bytes(memory + from, size), 1000);
}

static void close_all(void)
{
    pos_talk_close(talk, 0);
    told_close(&told);
}

/* ---- frames ---- */

Test(trace_talk, every_way_to_cut_a_stream_shows_the_same)
{
    const struct pos_dialect *dialect;
    for (size_t n = 0; (dialect = pos_dialect_nth(n)) != NULL; n++) {
        struct pos_buffer out = pos_buffer(memory, sizeof memory);
        put_echo(dialect, false, "000001", &out);
        pos_buffer_put_u16(&out, 0);
        put_echo(dialect, false, "000002", &out);
        open_talk(dialect);
        client(0, out.size);
        char *whole = strdup(told_text(&told));
        cr_expect_eq(told_count(&told, "echo"), 2, "%s", whole);
        close_all();
        for (size_t a = 0; a <= out.size; a++) {
            for (size_t b = a; b <= out.size; b++) {
                open_talk(dialect);
                client(0, a);
                client(a, b - a);
                client(b, out.size - b);
                cr_expect_str_eq(told_text(&told), whole, "%s cut at %zu and %zu", dialect->name, a,
                                 b);
                close_all();
            }
        }
        free(whole);
    }
}

Test(trace_talk, the_largest_frame_passes_and_a_larger_one_does_not)
{
    static uint8_t large[2 + 4097];
    for (size_t size = 4096; size <= 4097; size++) {
        large[0] = (uint8_t)(size >> 8);
        large[1] = (uint8_t)size;
        open_talk(&pos_dialect_iso87b);
        for (size_t i = 0; i < size + 2; i++)
            pos_talk_bytes(talk, POS_TALK_CLIENT, pos_bytes(large + i, 1), 0);
        cr_expect_eq(told.trace.messages, size == 4096, "%zu", size);
        cr_expect_eq(told_count(&told, "frame-too-long"), size > 4096, "%zu", size);
        close_all();
    }
}

Test(trace_talk, after_a_gap_it_goes_on_where_a_frame_begins)
{
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_echo(&pos_dialect_iso87b, false, "000001", &out);
    size_t one = out.size;
    put_echo(&pos_dialect_iso87b, false, "000002", &out);
    open_talk(&pos_dialect_iso87b);
    client(0, 10);
    pos_talk_gap(talk, POS_TALK_CLIENT, 5, 0);
    client(15, one - 15);
    client(one, one);
    cr_expect_eq(told.trace.messages, 1, "%s", told_text(&told));
    cr_expect_eq(told.trace.wrong, 0, "what is missing is nobody's fault");
    cr_expect_eq(told.trace.skipped, one - 5);
    cr_expect(strstr(told_text(&told), "gap: 5 bytes") != NULL, "%s", told_text(&told));
    cr_expect(strstr(told_text(&told), "000002") != NULL, "%s", told_text(&told));
    close_all();
}

Test(trace_talk, both_sides_have_frames_of_their_own)
{
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_echo(&pos_dialect_iso87b, false, "000001", &out);
    open_talk(&pos_dialect_iso87b);
    client(0, 10);
    pos_talk_bytes(talk, POS_TALK_SERVER, pos_buffer_view(&out), 0);
    client(10, out.size - 10);
    cr_expect_eq(told_count(&told, "c:1 > s:2 iso87b 0800 echo"), 1, "%s", told_text(&told));
    cr_expect_eq(told_count(&told, "s:2 > c:1 iso87b 0800 echo"), 1, "%s", told_text(&told));
    close_all();
}

/* ---- pairs ---- */

static void say(bool reply, const char *stan, uint64_t time_ns)
{
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_echo(&pos_dialect_iso87b, reply, stan, &out);
    pos_talk_bytes(talk, reply ? POS_TALK_SERVER : POS_TALK_CLIENT, pos_buffer_view(&out), time_ns);
}

Test(trace_talk, a_reply_finds_its_request_in_any_order)
{
    open_talk(&pos_dialect_iso87b);
    say(false, "000001", 1000000000);
    say(false, "000002", 1001000000);
    say(true, "000002", 1003000000);
    say(true, "000009", 1004000000); /* nobody asked */
    cr_expect_eq(pos_talk_waiting(talk), 1);
    say(true, "000001", 1004500000);
    cr_expect_eq(pos_talk_waiting(talk), 0);
    cr_expect_eq(told_count(&told, "after_ms"), 2, "%s", told_text(&told));
    cr_expect_eq(told_count(&told, "after_ms=2.000"), 1, "%s", told_text(&told));
    cr_expect_eq(told_count(&told, "after_ms=4.500"), 1, "%s", told_text(&told));
    close_all();
}

Test(trace_talk, more_requests_than_it_follows_push_out_the_oldest)
{
    char stan[8];
    open_talk(&pos_dialect_iso87b);
    for (unsigned i = 1; i <= POS_TALK_WAITING_COUNT_MAX + 1; i++) {
        (void)snprintf(stan, sizeof stan, "%06u", i);
        say(false, stan, i);
    }
    cr_expect_eq(pos_talk_waiting(talk), POS_TALK_WAITING_COUNT_MAX);
    cr_expect_eq(told.trace.unanswered, 1);
    say(true, "000001", 1000);
    cr_expect_eq(told_count(&told, "after_ms"), 0);
    say(true, "000002", 1000);
    cr_expect_eq(told_count(&told, "after_ms"), 1);
    close_all();
}

Test(trace_talk, a_format_error_takes_its_kind_from_its_request)
{
    static const struct given request[] = {{3, "310000"}, {11, "000005"}, {41, "TERM0001"}, {0, 0}};
    static const struct given reply[] = {{11, "000005"}, {39, "30"}, {41, "TERM0001"}, {0, 0}};
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    open_talk(&pos_dialect_iso87b);
    put_frame(&pos_dialect_iso87b, 0x0210, reply, &out);
    pos_talk_bytes(talk, POS_TALK_SERVER, pos_buffer_view(&out), 0);
    cr_expect_eq(told_count(&told, "0210 unknown reply"), 1, "%s", told_text(&told));
    out.size = 0;
    put_frame(&pos_dialect_iso87b, 0x0200, request, &out);
    size_t one = out.size;
    put_frame(&pos_dialect_iso87b, 0x0210, reply, &out);
    client(0, one);
    pos_talk_bytes(talk, POS_TALK_SERVER, pos_bytes(memory + one, out.size - one), 0);
    cr_expect_eq(told_count(&told, "0210 balance reply"), 1, "%s", told_text(&told));
    close_all();
}

/* ---- captures ---- */

static struct tape tape;
static uint8_t bytes[256];
static struct pos_buffer ask, answer;
enum { BEGIN = 0xFFFFFFF0 }; /* sequence numbers that wrap within the request */
#define T0 UINT64_C(1795651200000000000)

static void make_messages(const struct pos_dialect *dialect)
{
    ask = pos_buffer(bytes, 128);
    answer = pos_buffer(bytes + 128, 128);
    put_echo(dialect, false, "000001", &ask);
    put_echo(dialect, true, "000001", &answer);
}

static struct pos_bytes part(const struct pos_buffer *buffer, size_t from, size_t size)
{
    return pos_bytes(buffer->data + from, size);
}

/* Hand-shake, a request in two segments, its reply 1.5 ms later, and the end. */
static void record_echo(void)
{
    const struct pos_bytes none = {0};
    tape_segment(&tape, false, BEGIN - 1, "S", none, T0);
    tape_segment(&tape, true, 7, "SA", none, T0);
    tape_segment(&tape, false, BEGIN, "A", none, T0);
    tape_segment(&tape, false, BEGIN, "A", part(&ask, 0, 20), T0 + 1000000);
    tape_segment(&tape, false, BEGIN + 20u, "A", part(&ask, 20, ask.size - 20), T0 + 2000000);
    tape_segment(&tape, true, 8, "A", pos_buffer_view(&answer), T0 + 3500000);
    tape_segment(&tape, false, (uint32_t)(BEGIN + ask.size), "FA", none, T0 + 4000000);
    tape_segment(&tape, true, (uint32_t)(8 + answer.size), "FA", none, T0 + 4000000);
}

Test(trace_capture, every_format_and_link_says_the_same)
{
    static const uint16_t links[] = {0, 1, 101, 113, 276};
    make_messages(&pos_dialect_iso87a);
    for (int form = PCAP; form <= PCAPNG_SWAPPED; form++) {
        for (size_t i = 0; i < 2 * sizeof links / sizeof links[0]; i++) {
            struct pos_error error;
            bool v6 = i % 2 != 0;
            tape_open(&tape, (enum capture_form)form, links[i / 2], v6);
            record_echo();
            told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
            cr_expect_eq(tape_read(&tape, tape.out.size, &told.trace, 0, &error),
                         POS_ERR_NOT_FOUND);
            const char *ends = v6 ? "[::1]:50000 > [::1]:8583" : "127.0.0.1:50000 > 127.0.0.1:8583";
            cr_expect(strstr(told_text(&told), ends) != NULL, "%s", told_text(&told));
            cr_expect(strstr(told_text(&told), "2026-11-26T00:00:00.003500Z") != NULL, "%s",
                      told_text(&told));
            cr_expect(strstr(told_text(&told), "after_ms=1.500") != NULL, "form %d link %u: %s",
                      form, links[i / 2], told_text(&told));
            cr_expect_eq(told.events, 2, "%s", told_text(&told));
            told_close(&told);
        }
    }
}

Test(trace_capture, one_that_is_cut_anywhere_ends_well_and_says_so)
{
    make_messages(&pos_dialect_iso87a);
    for (int form = PCAP; form <= PCAPNG; form++) {
        size_t whole = 0;
        tape_open(&tape, (enum capture_form)form, 1, false);
        record_echo();
        for (size_t size = 4; size <= tape.out.size; size++) {
            struct pos_error error;
            told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
            enum pos_status status = tape_read(&tape, size, &told.trace, 0, &error);
            cr_expect(status == POS_ERR_NOT_FOUND || status == POS_ERR_CORRUPT, "%zu", size);
            whole += status == POS_ERR_NOT_FOUND;
            told_close(&told);
        }
        cr_expect_eq(whole, form == PCAPNG ? 11 : 9, "form %d: whole at packets' ends: %zu", form,
                     whole);
    }
}

/* Whatever is in the file, the reader ends, and the sanitizers have nothing to say. */
Test(trace_capture, any_byte_may_be_anything)
{
    static const uint8_t values[] = {0x00, 0xFF, 0x80, 0x7F, 0x40};
    make_messages(&pos_dialect_iso87a);
    for (int form = PCAP; form <= PCAPNG_SWAPPED; form++) {
        tape_open(&tape, (enum capture_form)form, 1, form % 2 != 0);
        record_echo();
        for (size_t i = 4; i < tape.out.size; i++) {
            for (size_t v = 0; v < sizeof values; v++) {
                struct pos_error error;
                uint8_t was = tape.memory[i];
                tape.memory[i] = values[v];
                told_open(&told, NULL, POS_SHOW_FIELDS);
                enum pos_status status = tape_read(&tape, tape.out.size, &told.trace, 0, &error);
                cr_expect(status == POS_ERR_NOT_FOUND || status == POS_ERR_CORRUPT, "byte %zu", i);
                told_close(&told);
                tape.memory[i] = was;
            }
        }
    }
}

Test(trace_capture, bytes_that_were_sent_again_count_once)
{
    const struct pos_bytes none = {0};
    struct pos_error error;
    make_messages(&pos_dialect_iso87a);
    tape_open(&tape, PCAP, 1, false);
    tape_segment(&tape, false, BEGIN - 1, "S", none, T0);
    tape_segment(&tape, false, BEGIN - 1, "S", none, T0);
    tape_segment(&tape, false, BEGIN, "A", part(&ask, 0, 20), T0);
    tape_segment(&tape, false, BEGIN, "A", part(&ask, 0, 20), T0);
    tape_segment(&tape, false, BEGIN + 10u, "A", part(&ask, 10, ask.size - 10), T0);
    tape_segment(&tape, false, BEGIN - 1, "A", pos_bytes("x", 1), T0); /* TCP's keep-alive */
    told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
    (void)tape_read(&tape, tape.out.size, &told.trace, 0, &error);
    cr_expect_eq(told.trace.messages, 1, "%s", told_text(&told));
    cr_expect_eq(told.trace.wrong + told.trace.gaps, 0, "%s", told_text(&told));
    told_close(&told);
}

Test(trace_capture, what_is_missing_is_a_gap)
{
    const struct pos_bytes none = {0};
    struct pos_error error;
    make_messages(&pos_dialect_iso87a);
    uint32_t at = BEGIN;
    tape_open(&tape, PCAPNG, 113, false);
    tape_segment(&tape, false, at - 1, "S", none, T0);
    tape_segment(&tape, false, at, "A", part(&ask, 0, 20), T0);
    at += (uint32_t)ask.size; /* the second half is not there */
    tape_segment(&tape, false, at, "A", pos_buffer_view(&ask), T0);
    at += (uint32_t)ask.size + 9;
    tape_segment(&tape, false, at, "FA", none, T0);
    told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
    (void)tape_read(&tape, tape.out.size, &told.trace, 0, &error);
    cr_expect_eq(told.trace.messages, 1, "%s", told_text(&told));
    cr_expect_eq(told.trace.gaps, 2, "%s", told_text(&told));
    cr_expect(strstr(told_text(&told), "gap: 9 bytes") != NULL, "%s", told_text(&told));
    cr_expect_eq(told.trace.wrong, 0, "%s", told_text(&told));
    told_close(&told);
}

Test(trace_capture, one_that_begins_late_finds_the_next_frame)
{
    struct pos_error error;
    make_messages(&pos_dialect_iso87x);
    tape_open(&tape, PCAP_NANO, 276, true);
    tape_segment(&tape, true, 500, "A", part(&answer, 9, 20), T0);
    tape_segment(&tape, false, 100, "A", pos_buffer_view(&ask), T0);
    tape_segment(&tape, true, 520, "A", pos_buffer_view(&answer), T0 + 1);
    told_open(&told, NULL, POS_SHOW_BRIEF);
    (void)tape_read(&tape, tape.out.size, &told.trace, 0, &error);
    cr_expect_eq(told.trace.messages, 2, "%s", told_text(&told));
    cr_expect_eq(told.trace.wrong, 0, "%s", told_text(&told));
    cr_expect(strstr(told_text(&told), "guess: iso87x, certain") != NULL, "%s", told_text(&told));
    cr_expect(strstr(told_text(&told), "[::1]:50000 > [::1]:8583 iso87x 0800 echo") != NULL, "%s",
              told_text(&told));
    told_close(&told);
}

Test(trace_capture, a_port_that_is_used_again_is_another_conversation)
{
    const struct pos_bytes none = {0};
    struct pos_error error;
    make_messages(&pos_dialect_iso87a);
    tape_open(&tape, PCAP, 101, false);
    for (uint32_t round = 0; round < 2; round++) {
        uint32_t begin = 1000 + 100000 * round;
        tape_segment(&tape, false, begin, "S", none, T0);
        tape_segment(&tape, false, begin + 1, "A", pos_buffer_view(&ask), T0);
    }
    tape_segment(&tape, false, 1, "R", none, T0);
    told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
    (void)tape_read(&tape, tape.out.size, &told.trace, 8583, &error);
    cr_expect_eq(told.trace.messages, 2, "%s", told_text(&told));
    cr_expect_eq(told.trace.gaps, 0, "%s", told_text(&told));
    cr_expect_eq(told.trace.unanswered, 2);
    told_close(&told);
    told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
    (void)tape_read(&tape, tape.out.size, &told.trace, 8584, &error);
    cr_expect_eq(told.trace.messages, 0, "another port: %s", told_text(&told));
    told_close(&told);
}

Test(trace_capture, more_connections_than_it_follows_end_the_oldest)
{
    struct pos_flows *flows;
    make_messages(&pos_dialect_iso87a);
    told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
    cr_assert_eq(pos_flows_create(&told.trace, 0, &flows), POS_OK);
    for (uint32_t i = 0; i <= POS_FLOW_COUNT_MAX; i++) {
        struct pos_segment segment = {.syn = true, .sequence = 9};
        segment.from.port = (uint16_t)(10000 + i);
        segment.to.port = 8583;
        cr_assert_eq(pos_flows_take(flows, &segment, 1), POS_OK);
        segment.syn = false;
        segment.sequence = 10;
        segment.payload = part(&ask, 0, 20);
        cr_assert_eq(pos_flows_take(flows, &segment, 1), POS_OK);
    }
    cr_expect_eq(told_count(&told, "ends inside a frame"), 1, "%s", told_text(&told));
    cr_expect(strstr(told_text(&told), ":10000 > ") != NULL, "%s", told_text(&told));
    pos_flows_destroy(flows);
    told_close(&told);
}

Test(trace_capture, damage_is_named_with_its_place)
{
    static const struct {
        enum capture_form form;
        size_t at;
        const char *bytes; /* four of them, instead of those there */
        const char *says;
    } rows[] = {
        {PCAP, 24 + 8, "\1\0\4\0", "at byte 40: a packet longer than any is"},
        {PCAP, 24 + 8, "\0\0\4\0", "ends inside a packet"},
        {PCAPNG, 4, "\x0C\0\0\0", "a section header of an impossible length"},
        {PCAPNG, 8, "\0\0\0\0", "a section without its byte order"},
        {PCAPNG, 28 + 4, "\x0C\0\0\0", "an interface that is too short"},
        {PCAPNG, 28 + 16, "\x09\0\xFF\0", "an option longer than its block"},
        {PCAPNG, 76 + 4, "\x1E\0\0\0", "a block of an impossible length"},
        {PCAPNG, 76 + 4, "\x08\0\0\0", "a block of an impossible length"},
        {PCAPNG, 76 + 4, "\0\0\xFF\0", "a block of an impossible length"},
        {PCAPNG, 76 + 8, "\1\0\0\0", "a packet of an interface that is not there"},
        {PCAPNG, 76 + 20, "\0\1\0\0", "a packet longer than its block"},
    };
    make_messages(&pos_dialect_iso87a);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_error error = {.text = ""};
        tape_open(&tape, rows[i].form, 1, false);
        record_echo();
        memcpy(tape.memory + rows[i].at, rows[i].bytes, 4);
        told_open(&told, &pos_dialect_iso87a, POS_SHOW_BRIEF);
        cr_expect_eq(tape_read(&tape, tape.out.size, &told.trace, 0, &error), POS_ERR_CORRUPT,
                     "row %zu", i);
        cr_expect(strstr(error.text, rows[i].says) != NULL, "row %zu: %s", i, error.text);
        told_close(&told);
    }
}

Test(trace_segment, what_is_no_whole_tcp_is_left_alone)
{
    enum { IP = 14 + 4, TCP = IP + 20 }; /* behind an Ethernet header with a VLAN tag */
    static const struct {
        size_t at;
        uint8_t value;
        const char *name;
        bool segment;
    } rows[] = {
        {0, 0, "as it is", true},
        {IP + 6, 0x40, "not to be fragmented", true},
        {IP + 6, 0x20, "more fragments", false},
        {IP + 7, 0x08, "a later fragment", false},
        {IP + 9, 17, "UDP", false},
        {IP, 0x44, "an IP header that is too short", false},
        {IP, 0x4F, "one that is longer than the packet", false},
        {IP, 0x55, "IP of version 5", false},
        {IP + 3, 0x10, "less than its header", false},
        {TCP + 12, 0x40, "a TCP header that is too short", false},
        {16, 0x08, "another protocol", false}, /* 0806 below */
    };
    uint8_t packet[IP + 40] = {[12] = 0x81, [16] = 0x08, [IP] = 0x45, [IP + 3] = 40};
    packet[IP + 9] = 6;
    packet[TCP + 12] = 0x50;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t changed[sizeof packet];
        struct pos_segment segment;
        memcpy(changed, packet, sizeof changed);
        changed[rows[i].at] = rows[i].value;
        if (rows[i].at == 16)
            changed[17] = 6;
        const struct pos_packet given = {.link = 1, .bytes = pos_bytes(changed, sizeof changed)};
        cr_expect_eq(pos_segment_parse(&given, &segment), rows[i].segment, "%s", rows[i].name);
        for (size_t size = 0; rows[i].segment && size < sizeof changed; size++) {
            const struct pos_packet cut = {.link = 1, .bytes = pos_bytes(changed, size)};
            cr_expect_not(pos_segment_parse(&cut, &segment), "%s, cut to %zu", rows[i].name, size);
        }
    }
}

/* What the tests of the trace share: messages in any dialect, what was shown of them as text, and
 * captures made by hand. */
#ifndef TESTS_EMULATOR_TRACE_WORLD_H
#define TESTS_EMULATOR_TRACE_WORLD_H

#include <stdio.h>

#include "emulator/trace/flows.h"
#include "emulator/trace/show.h"

/* A field of a message, as text; kind b fields are given as their bytes. */
struct given {
    unsigned field;
    const char *text;
};

/* Appends a frame; `given` ends with field 0. */
void put_frame(const struct pos_dialect *dialect, uint16_t mti, const struct given *given,
               struct pos_buffer *out);
/* An echo request, or its reply. */
void put_echo(const struct pos_dialect *dialect, bool reply, const char *stan,
              struct pos_buffer *out);

/* A trace that writes into memory. */
struct told {
    struct pos_trace trace;
    struct pos_show show;
    char *text;
    size_t size;
    unsigned events;
};
void told_open(struct told *told, const struct pos_dialect *dialect, enum pos_show_form form);
/* All that was shown so far. */
const char *told_text(struct told *told);
unsigned told_count(struct told *told, const char *word);
void told_close(struct told *told);

/* A capture in memory. */
enum capture_form { PCAP, PCAP_NANO, PCAP_SWAPPED, PCAPNG, PCAPNG_SWAPPED };
struct tape {
    uint8_t memory[65536];
    struct pos_buffer out;
    enum capture_form form;
    uint16_t link;
    bool v6;
};
void tape_open(struct tape *tape, enum capture_form form, uint16_t link, bool v6);
/* A segment from port 50000 to port 8583, or `back`; flags as in "S", "SA", "", "F". */
void tape_segment(struct tape *tape, bool back, uint32_t sequence, const char *flags,
                  struct pos_bytes payload, uint64_t time_ns);
/* Reads the first `size` bytes of the tape; what the reader said at its end. */
enum pos_status tape_read(const struct tape *tape, size_t size, struct pos_trace *trace,
                          uint16_t port, struct pos_error *error);

#endif

/*
 * What somebody captured, for `posgate-emulator trace`: the first byte says how it is shown and in
 * which dialect, the rest is the file, a capture or hexadecimal. Whatever is in it, what is shown
 * are lines of printable characters, and as JSON each is an object.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/trace/capture.h"
#include "emulator/trace/flows.h"
#include "emulator/trace/hex_text.h"
#include "emulator/trace/show.h"
#include "tests/fuzz/fuzz.h"

static struct pos_show show;

static void tell(void *context, const struct pos_event *event)
{
    (void)context;
    pos_show(&show, event);
}

static enum pos_status read_packets(struct pos_capture *capture, struct pos_trace *trace,
                                    struct pos_error *error)
{
    struct pos_flows *flows;
    struct pos_packet packet;
    struct pos_segment segment;
    fuzz_must(pos_flows_create(trace, 0, &flows) == POS_OK, "there is memory");
    enum pos_status status;
    while ((status = pos_capture_next(capture, &packet, error)) == POS_OK)
        if (pos_segment_parse(&packet, &segment))
            fuzz_must(pos_flows_take(flows, &segment, packet.time_ns) == POS_OK, "memory");
    pos_flows_destroy(flows);
    return status;
}

static void read_file(FILE *file, struct pos_trace *trace)
{
    uint8_t head[POS_CAPTURE_MAGIC_SIZE];
    struct pos_capture *capture;
    struct pos_error error = {.text = ""};
    size_t size = fread(head, 1, sizeof head, file);
    enum pos_status status;
    if (size < sizeof head || !pos_capture_is_one(head)) {
        status = pos_hex_text_read(trace, pos_bytes(head, size), file, &error);
    } else {
        status = pos_capture_create(file, head, &capture, &error);
        if (status == POS_OK) {
            status = read_packets(capture, trace, &error);
            pos_capture_destroy(capture);
        }
        if (status == POS_ERR_NOT_FOUND)
            status = POS_OK;
    }
    fuzz_must(status == POS_OK || error.text[0] != '\0', "what is damaged is explained");
}

static void check_shown(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        fuzz_must(text[i] == '\n' || (text[i] >= 0x20 && text[i] <= 0x7E), "what is shown is text");
    if (show.form != POS_SHOW_JSON)
        return;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        fuzz_must(json_is_object(object), "a line is a JSON object");
        json_decref(object);
    }
}

void fuzz_trace(const uint8_t *data, size_t size)
{
    static struct pos_trace trace;
    char *text = NULL;
    size_t text_size = 0;
    if (size == 0)
        return;
    FILE *file = fopen(fuzz_file(pos_bytes(data + 1, size - 1)), "rb");
    show = (struct pos_show){.to = open_memstream(&text, &text_size),
                             .form = (enum pos_show_form)(data[0] % 3),
                             .keep_alives = (data[0] & 64) != 0};
    fuzz_must(file != NULL && show.to != NULL, "a file can be read and a text be written");
    memset(&trace, 0, sizeof trace);
    trace.options = (struct pos_trace_options){
        .dialect = (data[0] & 4) != 0 ? NULL : fuzz_dialect(data[0] >> 3 & 3),
        .bare = (data[0] & 32) != 0,
        .tell = tell};
    read_file(file, &trace);
    (void)fclose(file);
    (void)fclose(show.to);
    check_shown(text, text_size);
    free(text);
}

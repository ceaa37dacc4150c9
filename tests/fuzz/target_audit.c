/* A chain of audit records: one read as it is, and one made of the same bytes as values. */
#include <string.h>

#include "core/audit/audit.h"
#include "tests/fuzz/fuzz.h"

static struct pos_bytes next_line(struct pos_cursor *rest)
{
    const uint8_t *start = rest->bytes.data + rest->offset;
    size_t left = rest->bytes.size - rest->offset;
    const uint8_t *end = left == 0 ? NULL : memchr(start, '\n', left);
    size_t size = end == NULL ? left : (size_t)(end - start);
    struct pos_bytes line = pos_cursor_take(rest, size);
    if (end != NULL)
        (void)pos_cursor_u8(rest);
    return line;
}

static void read_chain(struct pos_bytes bytes)
{
    struct pos_cursor rest = pos_cursor(bytes);
    struct pos_audit_head head = {0}, last;
    while (!pos_cursor_done(&rest)) {
        static char text[POS_AUDIT_RECORD_SIZE_MAX];
        struct pos_bytes line = next_line(&rest);
        struct pos_audit_record record;
        struct pos_error error;
        enum pos_status status =
            pos_audit_verify_next(&head, &(struct pos_audit_sealer){0}, line, &error);
        bool readable = pos_audit_read(line, text, sizeof text, &record) == POS_OK;
        bool heads = pos_audit_head_of(line, &last) == POS_OK;
        fuzz_must(readable == heads, "who reads a record can go on from it");
        if (status != POS_OK)
            continue;
        fuzz_must(readable && record.sequence == head.sequence, "what verifies can be read");
        fuzz_must(memcmp(&last, &head, sizeof head) == 0, "and is the head");
    }
}

/* Four texts, cut at zero bytes. */
static void append(struct pos_bytes bytes)
{
    char values[4][400] = {"", "", "", ""};
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t size = 0;
        while (at < bytes.size && bytes.data[at] != 0 && size < sizeof values[i] - 1)
            values[i][size++] = (char)bytes.data[at++];
        at++;
    }
    const struct pos_audit_event event = {
        .utc_ms = 1795424400000,
        .who = values[0],
        .what = values[1],
        .on_what = values[2],
        .outcome = values[3],
    };
    static char memory[POS_AUDIT_RECORD_SIZE_MAX], text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    struct pos_audit_head head = {0}, verified = {0};
    struct pos_audit_record record;
    fuzz_must(pos_audit_append(&head, &(struct pos_audit_sealer){0}, &event, &line) == POS_OK,
              "any event can be recorded");
    fuzz_must(pos_audit_verify_next(&verified, &(struct pos_audit_sealer){0},
                                    pos_buffer_view(&line), NULL) == POS_OK &&
                  memcmp(&head, &verified, sizeof head) == 0,
              "what was recorded verifies");
    fuzz_must(pos_audit_read(pos_buffer_view(&line), text, sizeof text, &record) == POS_OK &&
                  memcmp(record.who.data, values[0], record.who.size) == 0 &&
                  memcmp(record.outcome.data, values[3], record.outcome.size) == 0,
              "and says what happened, as far as there is room");
}

void fuzz_audit(const uint8_t *data, size_t size)
{
    read_chain(pos_bytes(data, size));
    append(pos_bytes(data, size));
}

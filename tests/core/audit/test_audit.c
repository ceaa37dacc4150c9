#include "core/audit/audit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 5 };

struct line {
    size_t size;
    uint8_t data[POS_AUDIT_RECORD_SIZE_MAX + 1];
};

static const struct pos_audit_event events[COUNT] = {
    {1795424400123, "alice", "generate", "batch=1 count=500", "done"},
    {1795424400124, "gateway", "register-refused", "123L013K00000278", "refused: index-taken"},
    {1795424400124, "", "", "", ""},
    {1795424400125, "bar|percent%tab\tumlaut\xC3\xBC", "what", "on", "100 % | done"},
    {1795424400126, "bob", "export", "batch=1 dest=MPOS0001", "done"},
};

static const struct pos_audit_sealer unsealed;

static struct line append(struct pos_audit_head *head, const struct pos_audit_event *event)
{
    struct line line = {0};
    struct pos_buffer out = pos_buffer(line.data, POS_AUDIT_RECORD_SIZE_MAX);
    cr_assert(pos_audit_append(head, &unsealed, event, &out) == POS_OK);
    line.size = out.size;
    return line;
}

static struct pos_bytes view(const struct line *line)
{
    return pos_bytes(line->data, line->size);
}

static void make_chain(struct line lines[COUNT], struct pos_audit_head *head)
{
    *head = (struct pos_audit_head){0};
    for (size_t i = 0; i < COUNT; i++)
        lines[i] = append(head, &events[i]);
}

/* Index of the first record that is refused, COUNT when all verify. */
static size_t first_broken(const struct line *lines, enum pos_status *status, char *text)
{
    struct pos_audit_head head = {0};
    for (size_t i = 0; i < COUNT; i++) {
        struct pos_error error = {0};
        *status = pos_audit_verify_next(&head, &unsealed, view(&lines[i]), &error);
        if (*status != POS_OK) {
            (void)snprintf(text, POS_ERROR_TEXT_SIZE, "%s", error.text);
            return i;
        }
    }
    return COUNT;
}

/* The hash was computed with sha256sum over the first line. */
Test(audit, record_is_the_line_that_the_header_describes)
{
    struct line lines[COUNT];
    struct pos_audit_head head;
    make_chain(lines, &head);
    cr_expect_str_eq((char *)lines[0].data,
                     "2|1|2026-11-23T09:00:00.123Z|alice|generate|batch=1 count=500|done|"
                     "0000000000000000000000000000000000000000000000000000000000000000|-");
    cr_expect_str_eq((char *)lines[1].data,
                     "2|2|2026-11-23T09:00:00.124Z|gateway|register-refused|"
                     "123L013K00000278|refused: index-taken|"
                     "EFC080A1AFE9C520353AB377E9E85CF995C5125E97B4ED6752854F3ADBD98F5B|-");
    cr_expect(strstr((char *)lines[3].data,
                     "|bar%7Cpercent%25tab%09umlaut%C3%BC|what|on|100 %25 %7C done|") != NULL);
    cr_expect(head.sequence == COUNT);
}

Test(audit, chain_that_nobody_touched_verifies_to_the_same_head)
{
    struct line lines[COUNT];
    struct pos_audit_head written, read = {0};
    make_chain(lines, &written);
    for (size_t i = 0; i < COUNT; i++) {
        struct pos_audit_head of;
        cr_expect(pos_audit_verify_next(&read, &unsealed, view(&lines[i]), NULL) == POS_OK, "%zu",
                  i);
        cr_expect(pos_audit_head_of(view(&lines[i]), &of) == POS_OK);
        cr_expect(memcmp(&of, &read, sizeof of) == 0, "one can go on from record %zu", i + 1);
    }
    cr_expect(memcmp(&read, &written, sizeof read) == 0);
}

Test(audit, any_one_character_changed_is_found_by_the_next_record_at_the_latest)
{
    struct line lines[COUNT];
    struct pos_audit_head written;
    make_chain(lines, &written);
    for (size_t at = 0; at < lines[1].size; at++) {
        enum pos_status status = POS_OK;
        char text[POS_ERROR_TEXT_SIZE] = "";
        lines[1].data[at] ^= 1;
        size_t broken = first_broken(lines, &status, text);
        cr_expect(broken == 1 || broken == 2, "character %zu: %zu", at, broken);
        cr_expect(strstr(text, "audit record") != NULL);
        lines[1].data[at] ^= 1;
    }
    for (size_t at = 0; at < lines[COUNT - 1].size; at++) { /* the last shows in the head */
        enum pos_status status = POS_OK;
        char text[POS_ERROR_TEXT_SIZE] = "";
        lines[COUNT - 1].data[at] ^= 1;
        struct pos_audit_head of = {0};
        bool refused = first_broken(lines, &status, text) == COUNT - 1;
        bool other = pos_audit_head_of(view(&lines[COUNT - 1]), &of) != POS_OK ||
                     memcmp(of.hash, written.hash, sizeof of.hash) != 0;
        cr_expect(refused || other, "character %zu", at);
        lines[COUNT - 1].data[at] ^= 1;
    }
}

Test(audit, records_cut_out_doubled_swapped_or_from_elsewhere_are_named)
{
    static const struct {
        const char *name;
        size_t order[COUNT]; /* which record stands where */
        size_t broken;
        enum pos_status status;
        const char *text;
    } rows[] = {
        {"as written", {0, 1, 2, 3, 4}, COUNT, POS_OK, ""},
        {"first cut out", {1, 2, 3, 4, 4}, 0, POS_ERR_ORDER, "record 2 stands where 1"},
        {"one cut out", {0, 1, 3, 4, 4}, 2, POS_ERR_ORDER, "record 4 stands where 3"},
        {"doubled", {0, 1, 1, 2, 3}, 2, POS_ERR_ORDER, "record 2 stands where 3"},
        {"swapped", {0, 2, 1, 3, 4}, 1, POS_ERR_ORDER, "record 3 stands where 2"},
    };
    struct line lines[COUNT], moved[COUNT];
    struct pos_audit_head head;
    make_chain(lines, &head);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t at = 0; at < COUNT; at++)
            moved[at] = lines[rows[i].order[at]];
        enum pos_status status = POS_OK;
        char text[POS_ERROR_TEXT_SIZE] = "";
        cr_expect(first_broken(moved, &status, text) == rows[i].broken, "%s", rows[i].name);
        cr_expect(status == rows[i].status, "%s: %s", rows[i].name, pos_status_name(status));
        cr_expect(strstr(text, rows[i].text) != NULL, "%s: %s", rows[i].name, text);
    }
    struct pos_audit_head other = {0};
    (void)append(&other, &events[1]);
    lines[1] = append(&other, &events[1]); /* the right number in another chain */
    enum pos_status status = POS_OK;
    char text[POS_ERROR_TEXT_SIZE] = "";
    cr_expect(first_broken(lines, &status, text) == 1 && status == POS_ERR_CORRUPT);
    cr_expect(strstr(text, "record 2 does not continue record 1") != NULL, "%s", text);
}

Test(audit, what_is_not_a_record_is_refused_and_moves_nothing)
{
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
    static const char *const rows[] = {
        "",
        "1",
        "2|1|t|a|b|c|d",
        "2|1|t|a|b|c|d|e|" ZEROS "|-",
        "3|1|t|a|b|c|d|" ZEROS "|-",
        "2|0|t|a|b|c|d|" ZEROS "|-",
        "2|01|t|a|b|c|d|" ZEROS "|-",
        "2||t|a|b|c|d|" ZEROS "|-",
        "2|-1|t|a|b|c|d|" ZEROS "|-",
        "2|18446744073709551617|t|a|b|c|d|" ZEROS "|-",
        "2|1|t|a|b|c|d|" ZEROS "0|-",
        "2|1|t|a|b|c|d|" ZEROS "|-\n",
        "2|1|t|a|b|c|d|000000000000000000000000000000000000000000000000000000000000000|-",
        "2|1|t|a%|b|c|d|" ZEROS "|-",
        "2|1|t|a%7|b|c|d|" ZEROS "|-",
        "2|1|t|a%XY|b|c|d|" ZEROS "|-",
        "2|1|t|a\tb|b|c|d|" ZEROS "|-",
        "2|1|t|a\xC3|b|c|d|" ZEROS "|-",
    };
    static const struct pos_audit_head zero;
    struct pos_audit_head head = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_error error = {0};
        cr_expect(pos_audit_verify_next(&head, &unsealed, pos_bytes_text(rows[i]), &error) ==
                      POS_ERR_FORMAT,
                  "row %zu", i);
        cr_expect(memcmp(&head, &zero, sizeof head) == 0, "row %zu", i);
    }
    uint8_t *bars = malloc(100000);
    cr_assert(bars != NULL);
    memset(bars, '1', 100000);
    cr_expect(pos_audit_verify_next(&head, &unsealed, pos_bytes(bars, 100000), NULL) ==
              POS_ERR_FORMAT);
    free(bars);
    cr_expect(pos_audit_verify_next(&head, &unsealed, pos_bytes_text("2|1|t|a|b|c|d|" ZEROS "|-"),
                                    NULL) == POS_OK);
}

Test(audit, values_come_back_as_they_went_in)
{
    struct pos_audit_head head = {0};
    struct line line = append(&head, &events[3]);
    struct pos_audit_record record;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    cr_expect(pos_audit_read(view(&line), text, sizeof text, &record) == POS_OK);
    cr_expect(record.sequence == 1);
    cr_expect(pos_bytes_equal_text(record.time, "2026-11-23T09:00:00.125Z"));
    cr_expect(pos_bytes_equal_text(record.who, events[3].who));
    cr_expect(pos_bytes_equal_text(record.what, events[3].what));
    cr_expect(pos_bytes_equal_text(record.on_what, events[3].on_what));
    cr_expect(pos_bytes_equal_text(record.outcome, events[3].outcome));
    cr_expect(pos_audit_read(view(&line), text, 10, &record) == POS_ERR_LENGTH);
    cr_expect(pos_audit_read(pos_bytes_text("no"), text, sizeof text, &record) == POS_ERR_FORMAT);
}

Test(audit, long_and_hostile_values_are_cut_and_always_fit)
{
    char longest[1000];
    memset(longest, '|', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const struct pos_audit_event event = {UINT32_MAX, longest, longest, longest, longest};
    struct pos_audit_head head = {.sequence = UINT64_MAX - 2};
    struct line line = append(&head, &event);
    struct pos_audit_record record;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    cr_expect(pos_audit_read(view(&line), text, sizeof text, &record) == POS_OK);
    cr_expect(record.who.size == 64 / 3 && record.what.size == 64 / 3);
    cr_expect(record.on_what.size == 256 / 3 && record.outcome.size == 128 / 3);
    memset(longest, 'x', sizeof longest - 1);
    line = append(&head, &event);
    cr_expect(pos_audit_read(view(&line), text, sizeof text, &record) == POS_OK);
    cr_expect(record.who.size == 64 && record.what.size == 64);
    cr_expect(record.on_what.size == 256 && record.outcome.size == 128);
}

Test(audit, append_without_room_changes_neither_record_nor_head)
{
    struct pos_audit_head head = {0}, before;
    struct line line = append(&head, &events[0]);
    before = head;
    uint8_t memory[256];
    struct pos_buffer small = pos_buffer(memory, 100);
    cr_expect(pos_audit_append(&head, &unsealed, &events[1], &small) == POS_ERR_LENGTH);
    cr_expect(small.size == 0 && memcmp(&head, &before, sizeof head) == 0);
    struct pos_buffer enough = pos_buffer(memory, sizeof memory);
    cr_expect(pos_audit_append(&head, &unsealed, &events[1], &enough) == POS_OK);
    cr_expect(line.size > 100 && head.sequence == 2);
}

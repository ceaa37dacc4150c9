#include "keymgmt/anchor_file.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/keymgmt/make_anchor.h"

struct file {
    uint8_t data[POS_ANCHOR_SLOT_STEP + POS_ANCHOR_SLOT_SIZE];
};

enum { WHOLE = sizeof(struct file), VERSION_AT = 8 };

static enum pos_status parse(const struct file *file, size_t size, uint64_t *sequence)
{
    struct pos_anchor_head head = {0};
    enum pos_status status = pos_anchor_file_parse(pos_bytes(file->data, size), &head);
    *sequence = head.sequence;
    if (status == POS_OK)
        cr_expect_eq(head.hash[31], (uint8_t)head.sequence, "the hash of that slot");
    return status;
}

Test(anchor_file, the_newer_whole_slot_counts)
{
    static const struct {
        const char *name;
        uint64_t epochs[2], batches[2];
        int damaged; /* slot; -1: none */
        size_t size;
        enum pos_status status;
        uint64_t sequence; /* 10 in the first slot, 20 in the second */
    } rows[] = {
        {"second is newer", {1, 1}, {7, 8}, -1, WHOLE, POS_OK, 20},
        {"first is newer", {1, 1}, {9, 8}, -1, WHOLE, POS_OK, 10},
        {"an epoch beats batches", {2, 1}, {1, 900}, -1, WHOLE, POS_OK, 10},
        {"newer is torn", {1, 1}, {7, 8}, 1, WHOLE, POS_OK, 10},
        {"older is torn", {1, 1}, {7, 8}, 0, WHOLE, POS_OK, 20},
        {"one slot alone", {1, 1}, {7, 8}, -1, 128, POS_OK, 10},
        {"one torn slot alone", {1, 1}, {7, 8}, 0, 128, POS_ERR_CORRUPT, 0},
        {"cut", {1, 1}, {7, 8}, -1, 127, POS_ERR_CORRUPT, 0},
        {"empty", {1, 1}, {7, 8}, -1, 0, POS_ERR_CORRUPT, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct file file = {{0}};
        uint64_t sequence;
        make_anchor_slot(file.data, rows[i].epochs[0], rows[i].batches[0], 10);
        make_anchor_slot(file.data + POS_ANCHOR_SLOT_STEP, rows[i].epochs[1], rows[i].batches[1],
                         20);
        if (rows[i].damaged >= 0)
            file.data[rows[i].damaged * POS_ANCHOR_SLOT_STEP + 50] ^= 1;
        cr_expect_eq(parse(&file, rows[i].size, &sequence), rows[i].status, "%s", rows[i].name);
        if (rows[i].status == POS_OK)
            cr_expect_eq(sequence, rows[i].sequence, "%s", rows[i].name);
    }
}

Test(anchor_file, any_byte_of_a_slot_matters)
{
    for (size_t at = 0; at < 93 + 4; at++) {
        struct file file = {{0}};
        uint64_t sequence;
        make_anchor_slot(file.data, 1, 1, 10);
        cr_expect_eq(parse(&file, sizeof file.data, &sequence), POS_OK);
        file.data[at] ^= 0x80;
        cr_expect_eq(parse(&file, sizeof file.data, &sequence),
                     at == VERSION_AT ? POS_ERR_VERSION : POS_ERR_CORRUPT, "%zu", at);
    }
}

Test(anchor_file, a_file_that_is_none)
{
    struct pos_anchor_head head;
    struct pos_error error;
    cr_expect_eq(pos_anchor_file_read("/nonexistent/anchor", &head, &error), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_anchor_file_read("/etc/passwd", &head, &error), POS_ERR_CORRUPT);
    cr_expect_not_null(strstr(error.text, "is no anchor"));
}

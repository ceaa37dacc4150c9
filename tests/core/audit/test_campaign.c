/*
 * A chain of 1,000 sealed records, and whatever one can do to it: every byte changed, every record
 * cut, taken out, doubled, or swapped with another. Each time the record is named at which it
 * happened. Only what is done to the end can show nowhere but in the head, which is kept elsewhere
 * (core/store/anchor.h).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit/audit.h"
#include "core/crypto/mac.h"

enum { COUNT = 1000, SAMPLE = 50 };

struct line {
    size_t size;
    uint8_t data[POS_AUDIT_RECORD_SIZE_MAX + 1];
};

static struct line lines[COUNT];
static struct pos_audit_head heads[COUNT + 1]; /* heads[i]: before lines[i] */
static struct pos_mac *mac;

static enum pos_status make_mac(void *context, struct pos_bytes record,
                                uint8_t out[POS_AUDIT_MAC_SIZE])
{
    return pos_mac_compute(context, record, out);
}

static struct pos_audit_sealer sealer(void)
{
    return (struct pos_audit_sealer){.mac = make_mac, .context = mac};
}

static void make_chain(void)
{
    static const uint8_t key[32] = {1, 2, 3};
    static const char *const whats[] = {"generate", "export", "register-refused", "approval-given"};
    struct pos_audit_sealer seal;
    cr_assert(pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A256, key, &mac) == POS_OK);
    seal = sealer();
    for (size_t i = 0; i < COUNT; i++) {
        char on_what[64];
        (void)snprintf(on_what, sizeof on_what, "batch=%08zu first=%08zu count=%zu %s", i / 7,
                       i * 31, i % 500, i % 5 == 0 ? "50 % | done" : "");
        const struct pos_audit_event event = {1795424400000u + i * 977, i % 2 ? "alice" : "gateway",
                                              whats[i % 4], on_what, "done"};
        struct pos_buffer out = pos_buffer(lines[i].data, POS_AUDIT_RECORD_SIZE_MAX);
        heads[i + 1] = heads[i];
        cr_assert(pos_audit_append(&heads[i + 1], &seal, &event, &out) == POS_OK);
        lines[i].size = out.size;
    }
}

static void free_chain(void)
{
    pos_mac_destroy(mac);
}

TestSuite(campaign, .init = make_chain, .fini = free_chain, .timeout = 290);

static struct pos_bytes view(const struct line *line)
{
    return pos_bytes(line->data, line->size);
}

/* Is `record` refused where lines[at] belongs, and the place named? */
static bool is_named(size_t at, struct pos_bytes record)
{
    struct pos_audit_sealer seal = sealer();
    struct pos_audit_head head = heads[at];
    struct pos_error error = {.status = POS_OK};
    char number[32];
    (void)snprintf(number, sizeof number, "%zu", at + 1);
    return pos_audit_verify_next(&head, &seal, record, &error) != POS_OK &&
           strstr(error.text, "audit record") != NULL && strstr(error.text, number) != NULL &&
           memcmp(&head, &heads[at], sizeof head) == 0;
}

/* Tries one byte with one value. */
static size_t miss_of(size_t at, size_t byte, uint8_t value)
{
    struct line *line = &lines[at];
    uint8_t right = line->data[byte];
    if (value == right)
        return 0;
    line->data[byte] = value;
    bool named = is_named(at, view(line));
    line->data[byte] = right;
    return named ? 0 : 1;
}

Test(campaign, the_chain_itself_verifies)
{
    struct pos_audit_sealer seal = sealer();
    struct pos_audit_head head = {0};
    for (size_t i = 0; i < COUNT; i++) {
        struct pos_error error = {.status = POS_OK};
        cr_assert(pos_audit_verify_next(&head, &seal, view(&lines[i]), &error) == POS_OK, "%zu: %s",
                  i + 1, error.text);
    }
    cr_expect(memcmp(&head, &heads[COUNT], sizeof head) == 0);
}

/* One bit, the other case, a field's end: in every byte of every record. */
Test(campaign, every_byte_of_every_record)
{
    size_t missed = 0, tried = 0;
    for (size_t at = 0; at < COUNT; at++) {
        for (size_t byte = 0; byte < lines[at].size; byte++) {
            uint8_t right = lines[at].data[byte];
            missed += miss_of(at, byte, right ^ 0x01);
            missed += miss_of(at, byte, right ^ 0x20);
            missed += miss_of(at, byte, '|');
            tried += 3;
        }
    }
    cr_expect(missed == 0, "%zu of %zu changes were not named", missed, tried);
    cr_expect(tried > 400000, "%zu", tried);
}

/* And every other value, in the first, the last and some between. */
Test(campaign, every_value_of_every_byte_of_a_sample)
{
    size_t missed = 0;
    for (size_t i = 0; i < SAMPLE; i++) {
        size_t at = i * (COUNT - 1) / (SAMPLE - 1);
        for (size_t byte = 0; byte < lines[at].size; byte++)
            for (int value = 0; value < 256; value++)
                missed += miss_of(at, byte, (uint8_t)value);
    }
    cr_expect(missed == 0, "%zu", missed);
}

Test(campaign, every_cut_of_every_record_and_a_byte_more)
{
    size_t missed = 0;
    for (size_t at = 0; at < COUNT; at++) {
        for (size_t size = 0; size < lines[at].size; size++)
            missed += is_named(at, pos_bytes(lines[at].data, size)) ? 0 : 1;
        lines[at].data[lines[at].size] = '0';
        missed += is_named(at, pos_bytes(lines[at].data, lines[at].size + 1)) ? 0 : 1;
        for (size_t size = 1; size <= lines[at].size; size++)
            missed += is_named(at, pos_bytes(lines[at].data + size, lines[at].size - size)) ? 0 : 1;
    }
    cr_expect(missed == 0, "%zu", missed);
}

/* Taken out, doubled or swapped: another record stands where one belongs. */
Test(campaign, every_record_in_every_other_place)
{
    size_t missed = 0;
    for (size_t at = 0; at < COUNT; at++)
        for (size_t other = 0; other < COUNT; other++)
            if (other != at && !is_named(at, view(&lines[other])))
                missed++;
    cr_expect(missed == 0, "%zu", missed);
}

/* Behind every record the chain can end; then its head is another one than was kept elsewhere. */
Test(campaign, a_cut_end_has_another_head)
{
    for (size_t at = 0; at < COUNT; at++)
        cr_expect(heads[at].sequence != heads[COUNT].sequence &&
                      memcmp(heads[at].hash, heads[COUNT].hash, sizeof heads[at].hash) != 0,
                  "%zu", at);
}

/* Who can write the database and has no LMK: hashes made anew, MACs left out or taken along. */
Test(campaign, a_chain_made_anew_without_the_key)
{
    struct pos_audit_sealer none = {0}, seal = sealer();
    const struct pos_audit_event event = {1795424400000u, "mallory", "generate", "nothing", "done"};
    for (size_t at = 1; at < COUNT; at += 97) {
        struct pos_audit_head head = heads[at];
        struct line forged;
        struct pos_buffer out = pos_buffer(forged.data, POS_AUDIT_RECORD_SIZE_MAX);
        head.sealed = false;
        cr_assert(pos_audit_append(&head, &none, &event, &out) == POS_OK);
        cr_expect(is_named(at, pos_buffer_view(&out)), "without a MAC");
        out.size--; /* "-" */
        pos_buffer_put(&out, pos_bytes(lines[at].data + lines[at].size - 32, 32));
        cr_expect(is_named(at, pos_buffer_view(&out)), "with another record's MAC");
    }
    /* no record without a MAC follows one that has it, not even by mistake */
    struct pos_audit_head head = heads[5];
    struct line record;
    struct pos_buffer out = pos_buffer(record.data, POS_AUDIT_RECORD_SIZE_MAX);
    cr_expect(pos_audit_append(&head, &none, &event, &out) == POS_ERR_HSM && out.size == 0);
    cr_expect(pos_audit_append(&head, &seal, &event, &out) == POS_OK);
}

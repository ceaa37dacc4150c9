#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/store/support.h"

/* A codec of some row, with the row type hidden: encode a sample, decode what is given. */
struct codec {
    const char *name;
    enum pos_status (*encode)(struct pos_buffer *buffer);
    enum pos_status (*decode)(struct pos_bytes bytes, struct pos_buffer *again);
};

static struct pos_terminal_hot sample_hot(void)
{
    return (struct pos_terminal_hot){.state = POS_TERMINAL_ACTIVE,
                                     .algorithm = POS_ALGORITHM_T3,
                                     .proved = true,
                                     .tid = "TERM0001",
                                     .mid = "MERCHANT 000001",
                                     .version = 7,
                                     .tak = {test_key(POS_USAGE_TAK, POS_ALGORITHM_T2, 1),
                                             test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, 2)}};
}

static enum pos_status hot_encode(struct pos_buffer *buffer)
{
    struct pos_terminal_hot row = sample_hot();
    return pos_terminal_hot_encode(&row, buffer);
}

static enum pos_status hot_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_terminal_hot row;
    enum pos_status status = pos_terminal_hot_decode(bytes, &row);
    return status == POS_OK ? pos_terminal_hot_encode(&row, again) : status;
}

static enum pos_status detail_encode(struct pos_buffer *buffer)
{
    struct pos_terminal_detail row = {.tak_kcv = {test_kcv(1), test_kcv(2)},
                                      .tpk = {test_key(POS_USAGE_TPK, POS_ALGORITHM_T2, 3),
                                              test_key(POS_USAGE_TPK, POS_ALGORITHM_A256, 4)},
                                      .tpk_kcv = {test_kcv(3), test_kcv(4)},
                                      .tdk = {test_key(POS_USAGE_TDK, POS_ALGORITHM_T2, 5),
                                              test_key(POS_USAGE_TDK, POS_ALGORITHM_SM4, 6)},
                                      .tdk_kcv = {test_kcv(5), test_kcv(6)},
                                      .first_pair_given = true,
                                      .registered_ms = 1,
                                      .signed_on_ms = 2,
                                      .changed_ms = 3};
    return pos_terminal_detail_encode(&row, buffer);
}

static enum pos_status detail_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_terminal_detail row;
    enum pos_status status = pos_terminal_detail_decode(bytes, &row);
    return status == POS_OK ? pos_terminal_detail_encode(&row, again) : status;
}

static enum pos_status holder_encode(struct pos_buffer *buffer)
{
    struct pos_terminal_holder row = {.smn = test_smn("ABCD0001", 5), .proved = true};
    return pos_terminal_holder_encode(&row, buffer);
}

static enum pos_status holder_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_terminal_holder row;
    enum pos_status status = pos_terminal_holder_decode(bytes, &row);
    return status == POS_OK ? pos_terminal_holder_encode(&row, again) : status;
}

static enum pos_status reserved_encode(struct pos_buffer *buffer)
{
    pos_terminal_reserved_encode(1234567, buffer);
    return POS_OK;
}

static enum pos_status reserved_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    uint64_t next;
    enum pos_status status = pos_terminal_reserved_decode(bytes, &next);
    if (status == POS_OK)
        pos_terminal_reserved_encode(next, again);
    return status;
}

static enum pos_status key_encode(struct pos_buffer *buffer)
{
    struct pos_key_row row = test_key_row(41, 3);
    memcpy(row.serial, "123L013K", 9);
    row.algorithm = POS_ALGORITHM_T3;
    row.form = POS_FORM_60;
    row.tdk = test_key(POS_USAGE_TDK, POS_ALGORITHM_T2, 44);
    row.tdk_kcv = test_kcv(44);
    return pos_key_row_encode(&row, buffer);
}

static enum pos_status key_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_key_row row;
    enum pos_status status = pos_key_row_decode(41, bytes, &row);
    return status == POS_OK ? pos_key_row_encode(&row, again) : status;
}

static enum pos_status batch_encode(struct pos_buffer *buffer)
{
    struct pos_batch_row row = test_batch_row(8);
    row.first = 100;
    row.count = 500;
    row.state = POS_BATCH_EXPORTED;
    row.burned_ms = 9;
    row.algorithm = POS_ALGORITHM_SM4;
    row.form = POS_FORM_40;
    memcpy(row.mother, "MPOS0001", 9);
    return pos_batch_row_encode(&row, buffer);
}

static enum pos_status batch_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_batch_row row;
    enum pos_status status = pos_batch_row_decode(8, bytes, &row);
    return status == POS_OK ? pos_batch_row_encode(&row, again) : status;
}

static enum pos_status mother_encode(struct pos_buffer *buffer)
{
    struct pos_mother_row row = test_mother_row("MPOS0001");
    row.compromised = true;
    return pos_mother_row_encode(&row, buffer);
}

static enum pos_status mother_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_mother_row row;
    enum pos_status status = pos_mother_row_decode(pos_bytes_text("MPOS0001"), bytes, &row);
    return status == POS_OK ? pos_mother_row_encode(&row, again) : status;
}

static enum pos_status link_encode(struct pos_buffer *buffer)
{
    struct pos_link_row row = {.name = "HOST1",
                               .key = test_key(POS_USAGE_ZPK, POS_ALGORITHM_T2, 3),
                               .kcv = test_kcv(3),
                               .created_ms = 9};
    return pos_link_row_encode(&row, buffer);
}

static enum pos_status link_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_link_row row;
    struct pos_link_key key = pos_link_key("HOST1", POS_USAGE_ZPK);
    enum pos_status status = pos_link_row_decode(pos_bytes(key.data, sizeof key.data), bytes, &row);
    return status == POS_OK ? pos_link_row_encode(&row, again) : status;
}

static enum pos_status person_encode(struct pos_buffer *buffer)
{
    struct pos_person_row row = {
        .name = "Zoe M.", .roles = POS_ROLE_ALL, .created_ms = 1, .changed_ms = 2};
    memset(row.password, 0x5a, sizeof row.password);
    return pos_person_row_encode(&row, buffer);
}

static enum pos_status person_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_person_row row;
    enum pos_status status = pos_person_row_decode(pos_bytes_text("zoe m."), bytes, &row);
    return status == POS_OK ? pos_person_row_encode(&row, again) : status;
}

static enum pos_status approval_encode(struct pos_buffer *buffer)
{
    struct pos_approval_row row = {.number = 4,
                                   .state = POS_APPROVAL_USED,
                                   .action = "compromise",
                                   .subject = "KTK of MPOS0001",
                                   .asked_by = "Zoe M.",
                                   .answered_by = "Adam",
                                   .asked_ms = 1,
                                   .answered_ms = 2,
                                   .used_ms = 3,
                                   .expires_ms = 4};
    return pos_approval_row_encode(&row, buffer);
}

static enum pos_status approval_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_approval_row row;
    enum pos_status status = pos_approval_row_decode(4, bytes, &row);
    return status == POS_OK ? pos_approval_row_encode(&row, again) : status;
}

static enum pos_status policy_encode(struct pos_buffer *buffer)
{
    struct pos_library_policy policy = {.single_operator = true, .approval_minutes = 90};
    pos_library_policy_encode(&policy, buffer);
    return POS_OK;
}

static enum pos_status policy_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_library_policy policy;
    enum pos_status status = pos_library_policy_decode(bytes, &policy);
    if (status == POS_OK)
        pos_library_policy_encode(&policy, again);
    return status;
}

static enum pos_status journal_encode(struct pos_buffer *buffer)
{
    struct pos_journal_row row = test_journal_row(12, 2);
    row.state = POS_JOURNAL_RESERVED;
    memcpy(row.serial, "ABCD0001", 9);
    row.reply_size = 144;
    memset(row.reply, 'D', row.reply_size);
    memset(row.terminal_public, 5, sizeof row.terminal_public);
    return pos_journal_row_encode(&row, buffer);
}

static enum pos_status journal_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_journal_row row;
    enum pos_status status = pos_journal_row_decode(12, bytes, &row);
    return status == POS_OK ? pos_journal_row_encode(&row, again) : status;
}

static enum pos_status serial_encode(struct pos_buffer *buffer)
{
    struct pos_journal_serial row = {.index = 12, .burn_count = 2};
    pos_journal_serial_encode(&row, buffer);
    return POS_OK;
}

static enum pos_status serial_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_journal_serial row;
    enum pos_status status = pos_journal_serial_decode(bytes, &row);
    if (status == POS_OK)
        pos_journal_serial_encode(&row, again);
    return status;
}

static enum pos_status load_encode(struct pos_buffer *buffer)
{
    struct pos_journal_load row = {.batch = 3, .line_count = 4};
    pos_journal_load_encode(&row, buffer);
    return POS_OK;
}

static enum pos_status load_decode(struct pos_bytes bytes, struct pos_buffer *again)
{
    struct pos_journal_load row;
    enum pos_status status = pos_journal_load_decode(bytes, &row);
    if (status == POS_OK)
        pos_journal_load_encode(&row, again);
    return status;
}

static const struct codec codecs[] = {
    {"hot", hot_encode, hot_decode},
    {"detail", detail_encode, detail_decode},
    {"holder", holder_encode, holder_decode},
    {"reserved", reserved_encode, reserved_decode},
    {"key", key_encode, key_decode},
    {"batch", batch_encode, batch_decode},
    {"mother", mother_encode, mother_decode},
    {"journal", journal_encode, journal_decode},
    {"serial", serial_encode, serial_decode},
    {"load", load_encode, load_decode},
    {"link", link_encode, link_decode},
    {"person", person_encode, person_decode},
    {"approval", approval_encode, approval_decode},
    {"policy", policy_encode, policy_decode},
};
enum { CODEC_COUNT = sizeof codecs / sizeof codecs[0] };

static size_t encoded(const struct codec *codec, uint8_t *memory, size_t capacity)
{
    struct pos_buffer buffer = pos_buffer(memory, capacity);
    cr_assert_eq(codec->encode(&buffer), POS_OK, "%s", codec->name);
    cr_assert(!buffer.overflow, "%s", codec->name);
    return buffer.size;
}

static enum pos_status decoded(const struct codec *codec, const uint8_t *bytes, size_t size)
{
    /* a copy of the exact size, so that reading past its end is seen by the sanitizer */
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    memcpy(copy, bytes, size);
    enum pos_status status = codec->decode(pos_bytes(copy, size), &again);
    if (status == POS_OK)
        cr_expect(again.size == size && memcmp(memory, bytes, size) == 0,
                  "%s: what was read is written the same", codec->name);
    free(copy);
    return status;
}

Test(rows, come_back_as_they_were)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        uint8_t memory[POS_ROW_SIZE_MAX];
        size_t size = encoded(&codecs[i], memory, sizeof memory);
        cr_expect_eq(decoded(&codecs[i], memory, size), POS_OK, "%s", codecs[i].name);
    }
}

Test(rows, of_a_newer_version_are_told_from_damaged_ones)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        uint8_t memory[POS_ROW_SIZE_MAX];
        size_t size = encoded(&codecs[i], memory, sizeof memory);
        memory[0]++;
        cr_expect_eq(decoded(&codecs[i], memory, size), POS_ERR_VERSION, "%s", codecs[i].name);
        memory[0] -= 2; /* from before the first release, or 0 */
        cr_expect_eq(decoded(&codecs[i], memory, size), POS_ERR_CORRUPT, "%s", codecs[i].name);
        memory[0] = 0;
        cr_expect_eq(decoded(&codecs[i], memory, size), POS_ERR_CORRUPT, "%s", codecs[i].name);
    }
}

Test(rows, that_are_cut_or_longer_are_damaged)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        uint8_t memory[POS_ROW_SIZE_MAX];
        size_t size = encoded(&codecs[i], memory, sizeof memory);
        /* the end of a hot row is the pending TAK, whose size is what is left */
        size_t fixed = strcmp(codecs[i].name, "hot") == 0 ? size - POS_KEY_VALUE_SIZE_MAX : size;
        for (size_t cut = 0; cut < fixed; cut++)
            cr_expect_eq(decoded(&codecs[i], memory, cut), POS_ERR_CORRUPT, "%s cut at %zu",
                         codecs[i].name, cut);
        memory[size] = 0;
        cr_expect_eq(decoded(&codecs[i], memory, size + 1), POS_ERR_CORRUPT, "%s longer",
                     codecs[i].name);
    }
}

/* Whatever a byte becomes, the row is read as some valid row or refused. */
Test(rows, survive_any_byte)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        uint8_t memory[POS_ROW_SIZE_MAX];
        size_t size = encoded(&codecs[i], memory, sizeof memory);
        for (size_t at = 0; at < size && at < 80; at++) {
            uint8_t good = memory[at];
            for (unsigned value = 0; value < 256; value++) {
                memory[at] = (uint8_t)value;
                enum pos_status status = decoded(&codecs[i], memory, size);
                cr_expect(status == POS_OK || status == POS_ERR_CORRUPT ||
                              status == POS_ERR_VERSION,
                          "%s", codecs[i].name);
            }
            memory[at] = good;
        }
    }
}

Test(rows, hot_row_with_both_keys_takes_what_a_hot_row_may)
{
    uint8_t memory[POS_HOT_ROW_SIZE_MAX];
    cr_expect_eq(encoded(&codecs[0], memory, sizeof memory), POS_HOT_ROW_SIZE_MAX);
    struct pos_terminal_hot row = sample_hot();
    row.tak[0].size = row.tak[1].size = 0;
    struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
    cr_expect_eq(pos_terminal_hot_encode(&row, &buffer), POS_OK);
    cr_expect_eq(buffer.size, 32);
}

Test(rows, hot_row_shows_each_field)
{
    uint8_t memory[POS_HOT_ROW_SIZE_MAX];
    struct pos_terminal_hot row;
    size_t size = encoded(&codecs[0], memory, sizeof memory);
    cr_assert_eq(pos_terminal_hot_decode(pos_bytes(memory, size), &row), POS_OK);
    cr_expect_eq(row.state, POS_TERMINAL_ACTIVE);
    cr_expect_eq(row.algorithm, POS_ALGORITHM_T3);
    cr_expect(row.proved && !row.signed_off);
    cr_expect_str_eq(row.tid, "TERM0001");
    cr_expect_str_eq(row.mid, "MERCHANT 000001");
    cr_expect_eq(row.version, 7);
    cr_expect_eq(row.tak[0].algorithm, POS_ALGORITHM_T2);
    cr_expect_eq(row.tak[1].algorithm, POS_ALGORITHM_A256);
    cr_expect_eq(row.tak[1].usage, POS_USAGE_TAK);
    cr_expect(row.tak[0].size == 64 && row.tak[0].data[63] == 1);
    cr_expect(row.tak[1].size == 64 && row.tak[1].data[63] == 2);
}

Test(rows, that_break_a_rule_are_not_written)
{
    struct pos_terminal_hot rows[7];
    for (size_t i = 0; i < 7; i++)
        rows[i] = sample_hot();
    rows[0].state = POS_TERMINAL_NONE;
    rows[1].state = POS_TERMINAL_STATE_COUNT;
    rows[2].algorithm = POS_ALGORITHM_NONE;
    rows[3].tak[0].usage = POS_USAGE_TPK;
    rows[4].tak[1].size = POS_KEY_VALUE_SIZE_MAX + 1;
    memset(rows[5].tid, 'x', sizeof rows[5].tid); /* no NUL */
    rows[6].mid[3] = '\n';
    for (size_t i = 0; i < 7; i++) {
        uint8_t memory[POS_ROW_SIZE_MAX];
        struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
        cr_expect_eq(pos_terminal_hot_encode(&rows[i], &buffer), POS_ERR_FORMAT, "row %zu", i);
        cr_expect_eq(buffer.size, 0, "row %zu", i);
    }
}

Test(rows, of_keys_and_batches_that_break_a_rule_are_not_written)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    enum { BAD_KEYS = 10, BAD_BATCHES = 7 };
    struct pos_key_row keys[BAD_KEYS];
    for (size_t i = 0; i < BAD_KEYS; i++)
        keys[i] = test_key_row(41, 3);
    keys[0].index = 0;
    keys[1].index = POS_KEY_INDEX_MAX + 1;
    keys[2].batch = 0;
    keys[3].tmk.usage = POS_USAGE_KTK;
    keys[4].tmk_kcv.size = POS_KCV_SIZE_MIN - 1;
    memcpy(keys[5].serial, "abcd0001", 9);
    keys[6].form = POS_FORM_COUNT;
    keys[7].form = POS_FORM_24;                                   /* of an AES key */
    keys[8].tdk = test_key(POS_USAGE_TDK, POS_ALGORITHM_A256, 1); /* in a form without one */
    keys[9].algorithm = POS_ALGORITHM_T2;
    keys[9].tdk = test_key(POS_USAGE_TPK, POS_ALGORITHM_T2, 1);
    for (size_t i = 0; i < BAD_KEYS; i++) {
        struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
        cr_expect_eq(pos_key_row_encode(&keys[i], &buffer), POS_ERR_FORMAT, "key %zu", i);
    }
    struct pos_batch_row batches[BAD_BATCHES];
    for (size_t i = 0; i < BAD_BATCHES; i++) {
        batches[i] = test_batch_row(1);
        batches[i].first = 1;
        batches[i].count = 10;
    }
    batches[0].count = 0;
    batches[1].first = POS_KEY_INDEX_MAX - 8;
    batches[2].state = POS_BATCH_EXPORTED; /* to nobody */
    batches[3].number = 0;
    batches[4].form = POS_FORM_40;
    batches[5].state = POS_BATCH_BURNED + 1;
    batches[6].form = POS_FORM_COUNT;
    for (size_t i = 0; i < BAD_BATCHES; i++) {
        struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
        cr_expect_eq(pos_batch_row_encode(&batches[i], &buffer), POS_ERR_FORMAT, "batch %zu", i);
    }
    struct pos_batch_row last = test_batch_row(1);
    last.first = POS_KEY_INDEX_MAX - 9;
    last.count = 10;
    struct pos_buffer buffer = pos_buffer(memory, sizeof memory);
    cr_expect_eq(pos_batch_row_encode(&last, &buffer), POS_OK, "the last index counts");
}

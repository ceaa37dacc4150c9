/* Rows of the databases: the first byte says which. What decodes encodes to the same bytes. */
#include "core/store/anchor_inside.h"
#include "core/store/rows.h"
#include "tests/fuzz/fuzz.h"

enum { INDEX = 278 };

static union {
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
    struct pos_terminal_holder holder;
    struct pos_key_row key;
    struct pos_batch_row batch;
    struct pos_mother_row mother;
    struct pos_journal_row journal;
    struct pos_journal_serial serial;
    struct pos_journal_load load;
    struct pos_link_row link;
    struct pos_person_row person;
    struct pos_approval_row approval;
    struct pos_library_policy policy;
    struct pos_library_floor floor;
    struct pos_anchor_state anchor;
    uint64_t reserved;
    uint32_t index;
} row;

/* One pair of functions a kind: true when it decoded, and then it was encoded. */
#define KIND(name, decode, encode)                                                                 \
    static bool name(struct pos_bytes bytes, struct pos_buffer *out)                               \
    {                                                                                              \
        if (decode != POS_OK)                                                                      \
            return false;                                                                          \
        fuzz_must(encode == POS_OK, "a row that was read can be written");                         \
        return true;                                                                               \
    }
#define ALWAYS(call) ((call), POS_OK)

KIND(hot, pos_terminal_hot_decode(bytes, &row.hot), pos_terminal_hot_encode(&row.hot, out))
KIND(detail, pos_terminal_detail_decode(bytes, &row.detail),
     pos_terminal_detail_encode(&row.detail, out))
KIND(holder, pos_terminal_holder_decode(bytes, &row.holder),
     pos_terminal_holder_encode(&row.holder, out))
KIND(reserved, pos_terminal_reserved_decode(bytes, &row.reserved),
     ALWAYS(pos_terminal_reserved_encode(row.reserved, out)))
KIND(key, pos_key_row_decode(INDEX, bytes, &row.key), pos_key_row_encode(&row.key, out))
KIND(batch, pos_batch_row_decode(7, bytes, &row.batch), pos_batch_row_encode(&row.batch, out))
KIND(mother, pos_mother_row_decode(pos_bytes_text("MPOS0001"), bytes, &row.mother),
     pos_mother_row_encode(&row.mother, out))
KIND(journal, pos_journal_row_decode(INDEX, bytes, &row.journal),
     pos_journal_row_encode(&row.journal, out))
KIND(serial, pos_journal_serial_decode(bytes, &row.serial),
     ALWAYS(pos_journal_serial_encode(&row.serial, out)))
KIND(load, pos_journal_load_decode(bytes, &row.load),
     ALWAYS(pos_journal_load_encode(&row.load, out)))

/* The key of a link's row holds a part of it, as the name of a person's does. */
static struct pos_bytes link_key(void)
{
    static struct pos_link_key key;
    key = pos_link_key("HOST1", POS_USAGE_ZPK);
    return pos_bytes(key.data, sizeof key.data);
}

KIND(link, pos_link_row_decode(link_key(), bytes, &row.link), pos_link_row_encode(&row.link, out))
KIND(person, pos_person_row_decode(pos_bytes_text("zoe m."), bytes, &row.person),
     pos_person_row_encode(&row.person, out))
KIND(approval, pos_approval_row_decode(7, bytes, &row.approval),
     pos_approval_row_encode(&row.approval, out))
KIND(policy, pos_library_policy_decode(bytes, &row.policy),
     ALWAYS(pos_library_policy_encode(&row.policy, out)))
KIND(library_floor, pos_library_floor_decode(bytes, &row.floor),
     ALWAYS(pos_library_floor_encode(&row.floor, out)))
KIND(journal_floor, pos_journal_floor_decode(bytes, &row.index),
     ALWAYS(pos_journal_floor_encode(row.index, out)))
KIND(anchor_state, pos_anchor_state_decode(bytes, &row.anchor),
     ALWAYS(pos_anchor_state_encode(&row.anchor, out)))

/* An anchor's file, of which a part is read. */
static bool anchor_file(struct pos_bytes bytes, struct pos_buffer *out)
{
    struct pos_anchor_mark mark;
    (void)out;
    if (pos_anchor_parse(bytes, &mark) == POS_OK)
        fuzz_must(mark.epoch > 0, "epochs begin with 1");
    return false;
}

void fuzz_rows(const uint8_t *data, size_t size)
{
    static bool (*const kinds[])(struct pos_bytes, struct pos_buffer *) = {
        hot,      detail,  holder,        reserved,      key,          batch,
        mother,   journal, serial,        load,          link,         person,
        approval, policy,  library_floor, journal_floor, anchor_state, anchor_file};
    static uint8_t memory[2 * POS_ROW_SIZE_MAX];
    if (size == 0)
        return;
    struct pos_bytes bytes = pos_bytes(data + 1, size - 1);
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    if (kinds[data[0] % (sizeof kinds / sizeof kinds[0])](bytes, &out))
        fuzz_must(pos_bytes_equal(bytes, pos_buffer_view(&out)), "and is the same");
}

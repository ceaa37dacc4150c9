/*
 * One record is the line
 *
 *   2|sequence|time|who|what|on what|outcome|hash|MAC
 *
 * and so the eighth field of each is the SHA-256 of the line before, and the ninth the MAC over
 * everything in front of it.
 */
#include "core/audit/audit.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/digest.h"

enum {
    FIELD_COUNT = 9,
    VERSION_FIELD = 0,
    SEQUENCE_FIELD,
    TIME_FIELD,
    WHO_FIELD,
    WHAT_FIELD,
    ON_WHAT_FIELD,
    OUTCOME_FIELD,
    HASH_FIELD,
    MAC_FIELD,

    WHO_SIZE_MAX = 64,
    WHAT_SIZE_MAX = 64,
    ON_WHAT_SIZE_MAX = 256,
    OUTCOME_SIZE_MAX = 128,
    HASH_DIGITS = 2 * POS_AUDIT_HASH_SIZE,
    MAC_DIGITS = 2 * POS_AUDIT_MAC_SIZE,
    SEQUENCE_DIGITS_MAX = 20,
    ESCAPE_SIZE = 3, /* "%7C" */
};

_Static_assert(1 + SEQUENCE_DIGITS_MAX + POS_TIME_TEXT_SIZE + WHO_SIZE_MAX + WHAT_SIZE_MAX +
                       ON_WHAT_SIZE_MAX + OUTCOME_SIZE_MAX + HASH_DIGITS + MAC_DIGITS +
                       FIELD_COUNT <=
                   POS_AUDIT_RECORD_SIZE_MAX,
               "a record always fits, whatever its values hold");
_Static_assert((int)POS_AUDIT_HASH_SIZE == (int)POS_DIGEST_SIZE, "the hash is SHA-256");

/* ---- writing ---- */

static bool plain(uint8_t character)
{
    return character >= 0x20 && character <= 0x7E && character != '|' && character != '%';
}

/* Cut, never within an escape, where it would take more than size_max characters. */
static void put_value(struct pos_buffer *out, const char *value, size_t size_max)
{
    size_t start = out->size;
    for (const char *c = value; *c != '\0'; c++) {
        uint8_t character = (uint8_t)*c;
        size_t size = plain(character) ? 1 : ESCAPE_SIZE;
        if (out->size - start + size > size_max)
            break;
        if (size == 1)
            pos_buffer_put_u8(out, character);
        else
            pos_buffer_format(out, "%%%02X", character);
    }
    pos_buffer_put_u8(out, '|');
}

static void put_record(struct pos_buffer *out, uint64_t sequence,
                       const struct pos_audit_event *event, const uint8_t *hash_before)
{
    char time[POS_TIME_TEXT_SIZE], hash[HASH_DIGITS + 1];
    pos_time_text(event->utc_ms, 1, time);
    pos_hex_encode(pos_bytes(hash_before, POS_AUDIT_HASH_SIZE), hash);
    pos_buffer_format(out, "2|%" PRIu64 "|%s|", sequence, time);
    put_value(out, event->who, WHO_SIZE_MAX);
    put_value(out, event->what, WHAT_SIZE_MAX);
    put_value(out, event->on_what, ON_WHAT_SIZE_MAX);
    put_value(out, event->outcome, OUTCOME_SIZE_MAX);
    pos_buffer_put_text(out, hash);
    pos_buffer_put_u8(out, '|');
}

/* Behind everything that stands in the line: its MAC, or that it has none. */
static enum pos_status put_mac(struct pos_buffer *out, const struct pos_audit_sealer *sealer)
{
    uint8_t mac[POS_AUDIT_MAC_SIZE];
    char text[MAC_DIGITS + 1];
    if (sealer->mac == NULL) {
        pos_buffer_put_u8(out, '-');
        return POS_OK;
    }
    enum pos_status status = sealer->mac(sealer->context, pos_buffer_view(out), mac);
    if (status != POS_OK)
        return status;
    pos_hex_encode(pos_bytes(mac, sizeof mac), text);
    pos_buffer_put_text(out, text);
    return POS_OK;
}

static enum pos_status move_head(struct pos_audit_head *head, struct pos_bytes record)
{
    uint8_t hash[POS_DIGEST_SIZE];
    enum pos_status status = pos_digest(&record, 1, hash);
    if (status != POS_OK)
        return status;
    memcpy(head->hash, hash, sizeof head->hash);
    head->sequence++;
    head->sealed = record.data[record.size - 1] != '-';
    return POS_OK;
}

enum pos_status pos_audit_append(struct pos_audit_head *head, const struct pos_audit_sealer *sealer,
                                 const struct pos_audit_event *event, struct pos_buffer *record)
{
    if (head->sealed && sealer->mac == NULL)
        return POS_ERR_HSM; /* a record without a MAC would break the chain */
    uint8_t memory[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    put_record(&line, head->sequence + 1, event, head->hash);
    enum pos_status status = put_mac(&line, sealer);
    if (status != POS_OK)
        return status;
    assert(!line.overflow);
    if (record->overflow || record->capacity - record->size < line.size)
        return POS_ERR_LENGTH;
    status = move_head(head, pos_buffer_view(&line));
    if (status == POS_OK)
        pos_buffer_put(record, pos_buffer_view(&line));
    return status;
}

/* ---- reading ---- */

/* Cuts at the bars; false when there are not exactly eight. */
static bool split(struct pos_bytes record, struct pos_bytes fields[FIELD_COUNT])
{
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= record.size; i++) {
        if (i < record.size && record.data[i] != '|')
            continue;
        if (count == FIELD_COUNT)
            return false;
        fields[count++] = pos_bytes(record.data + start, i - start);
        start = i + 1;
    }
    return count == FIELD_COUNT;
}

/* Decimal without zeros in front, from 1. */
static bool read_sequence(struct pos_bytes text, uint64_t *sequence)
{
    if (text.size == 0 || text.size > SEQUENCE_DIGITS_MAX || text.data[0] == '0')
        return false;
    *sequence = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';
        if (text.data[i] < '0' || text.data[i] > '9' || *sequence > (UINT64_MAX - digit) / 10)
            return false;
        *sequence = *sequence * 10 + digit;
    }
    return true;
}

/* Decodes one value into `text`; false when it is not one that put_value writes. */
static bool read_value(struct pos_bytes field, struct pos_buffer *text, struct pos_bytes *value)
{
    size_t start = text->size;
    for (size_t i = 0; i < field.size; i++) {
        uint8_t character = field.data[i];
        if (character == '%') {
            if (field.size - i < ESCAPE_SIZE ||
                pos_hex_decode(pos_bytes(field.data + i + 1, 2), &character, 1) != POS_OK)
                return false;
            i += ESCAPE_SIZE - 1;
        } else if (!plain(character))
            return false;
        pos_buffer_put_u8(text, character);
    }
    *value = pos_bytes(text->data + start, text->size - start);
    return !text->overflow;
}

/* What ties a record to the one before and to the LMK, as text. */
struct ties {
    struct pos_bytes hash, mac;
};

/* Hex as put_record writes it: in lower case it would say the same and be another record. */
static bool read_hex(struct pos_bytes text, uint8_t *out, size_t size)
{
    char again[HASH_DIGITS + 1];
    if (pos_hex_decode(text, out, size) != POS_OK)
        return false;
    pos_hex_encode(pos_bytes(out, size), again);
    return memcmp(again, text.data, text.size) == 0;
}

/* Takes a record apart. */
static enum pos_status parse(struct pos_bytes record, struct pos_buffer *text,
                             struct pos_audit_record *out, struct ties *ties)
{
    struct pos_bytes fields[FIELD_COUNT];
    if (record.size > POS_AUDIT_RECORD_SIZE_MAX || !split(record, fields) ||
        !pos_bytes_equal_text(fields[VERSION_FIELD], "2") ||
        !read_sequence(fields[SEQUENCE_FIELD], &out->sequence))
        return POS_ERR_FORMAT;
    struct pos_bytes *const values[] = {&out->time, &out->who, &out->what, &out->on_what,
                                        &out->outcome};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (!read_value(fields[TIME_FIELD + i], text, values[i]))
            return text->overflow ? POS_ERR_LENGTH : POS_ERR_FORMAT;
    *ties = (struct ties){fields[HASH_FIELD], fields[MAC_FIELD]};
    bool tied = ties->hash.size == HASH_DIGITS &&
                (ties->mac.size == MAC_DIGITS || pos_bytes_equal_text(ties->mac, "-"));
    return tied ? POS_OK : POS_ERR_FORMAT;
}

/* The MAC of the record that should be `next`. */
static enum pos_status check_mac(const struct pos_audit_head *head,
                                 const struct pos_audit_sealer *sealer, struct pos_bytes record,
                                 struct pos_bytes mac, struct pos_error *error)
{
    uint64_t next = head->sequence + 1;
    if (mac.size != MAC_DIGITS) {
        if (head->sealed)
            return pos_error_set(error, POS_ERR_MAC, "audit record %" PRIu64 " has lost its MAC",
                                 next);
        return POS_OK;
    }
    uint8_t given[POS_AUDIT_MAC_SIZE], right[POS_AUDIT_MAC_SIZE];
    if (!read_hex(mac, given, sizeof given))
        return pos_error_set(error, POS_ERR_FORMAT, "audit record %" PRIu64 " is not one", next);
    if (sealer->mac == NULL)
        return POS_OK;
    enum pos_status status =
        sealer->mac(sealer->context, pos_bytes(record.data, record.size - MAC_DIGITS), right);
    if (status != POS_OK)
        return pos_error_set(error, status,
                             "the MAC of audit record %" PRIu64 " cannot be made: %s", next,
                             pos_status_text(status));
    if (!pos_secret_equal(right, given, sizeof right))
        return pos_error_set(error, POS_ERR_MAC,
                             "audit record %" PRIu64 " was changed: its MAC does not verify", next);
    return POS_OK;
}

enum pos_status pos_audit_verify_next(struct pos_audit_head *head,
                                      const struct pos_audit_sealer *sealer,
                                      struct pos_bytes record, struct pos_error *error)
{
    uint64_t next = head->sequence + 1;
    uint8_t memory[POS_AUDIT_RECORD_SIZE_MAX], hash_before[POS_AUDIT_HASH_SIZE];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    struct pos_audit_record parts;
    struct ties ties;
    if (parse(record, &text, &parts, &ties) != POS_OK ||
        !read_hex(ties.hash, hash_before, sizeof hash_before))
        return pos_error_set(error, POS_ERR_FORMAT, "audit record %" PRIu64 " is not one", next);
    if (parts.sequence != next)
        return pos_error_set(error, POS_ERR_ORDER,
                             "audit record %" PRIu64 " stands where %" PRIu64
                             " should: records are missing, doubled or swapped",
                             parts.sequence, next);
    if (memcmp(hash_before, head->hash, sizeof hash_before) != 0)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "audit record %" PRIu64 " does not continue record %" PRIu64
                             ": one of the two was changed",
                             next, head->sequence);
    enum pos_status status = check_mac(head, sealer, record, ties.mac, error);
    if (status != POS_OK)
        return status;
    status = move_head(head, record);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot hash an audit record");
}

enum pos_status pos_audit_head_of(struct pos_bytes record, struct pos_audit_head *head)
{
    uint8_t memory[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    struct pos_audit_record parts;
    struct ties ties;
    *head = (struct pos_audit_head){0};
    enum pos_status status = parse(record, &text, &parts, &ties);
    if (status != POS_OK)
        return status;
    head->sequence = parts.sequence - 1; /* which the next line moves behind this record */
    return move_head(head, record);
}

enum pos_status pos_audit_read(struct pos_bytes record, char *text, size_t capacity,
                               struct pos_audit_record *out)
{
    *out = (struct pos_audit_record){0};
    struct pos_buffer room = pos_buffer(text, capacity);
    struct ties ties;
    return parse(record, &room, out, &ties);
}

/*
 * The key library's rows about people.
 *
 * people, by name in lower case:
 *    0  1  version, 1
 *    1  1  roles
 *    2 52  password (core/crypto/password.h)
 *   54  8  created     62  8  changed
 *   70 40  name as typed, padded with NULs
 *
 * approvals, by number:
 *    0  1  version, 1
 *    1  1  state
 *    2  8  asked       10  8  answered    18  8  used      26  8  expires
 *   34 24  action, padded with NULs
 *   58 40  asked by, likewise             98 40  answered by, likewise
 *  138  2  size of the subject, and the subject
 *
 * meta "policy": version 1 (1), 01 single operator (1), minutes for an approval 4.
 */
#include <string.h>

#include "core/store/rows.h"

enum { PERSON_VERSION = 1, APPROVAL_VERSION = 1, POLICY_VERSION = 1, POLICY_SINGLE = 0x01 };

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

struct pos_person_key pos_person_key(const char *name)
{
    struct pos_person_key key = {.size = strnlen(name, POS_PERSON_NAME_SIZE_MAX)};
    for (size_t i = 0; i < key.size; i++)
        key.text[i] = lower(name[i]);
    return key;
}

bool pos_person_same(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] != '\0' && lower(a[i]) == lower(b[i]))
        i++;
    return a[i] == b[i];
}

/* A space at either end would make two names that look the same. */
static bool person_name_valid(const char *name)
{
    size_t size = strnlen(name, POS_PERSON_NAME_SIZE_MAX + 1);
    return size > 0 && pos_row_text_valid(name, POS_PERSON_NAME_SIZE_MAX) && name[0] != ' ' &&
           name[size - 1] != ' ';
}

static bool person_valid(const struct pos_person_row *row)
{
    return person_name_valid(row->name) && (row->roles & ~(unsigned)POS_ROLE_ALL) == 0;
}

enum pos_status pos_person_row_encode(const struct pos_person_row *row, struct pos_buffer *buffer)
{
    if (!person_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, PERSON_VERSION);
    pos_buffer_put_u8(buffer, (uint8_t)row->roles);
    pos_buffer_put(buffer, pos_bytes(row->password, sizeof row->password));
    pos_buffer_put_u64(buffer, row->created_ms);
    pos_buffer_put_u64(buffer, row->changed_ms);
    pos_row_put_text(buffer, row->name, POS_PERSON_NAME_SIZE_MAX);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_person_row_decode(struct pos_bytes key, struct pos_bytes bytes,
                                      struct pos_person_row *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, PERSON_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_person_row){0};
    row->roles = pos_cursor_u8(&cursor);
    struct pos_bytes password = pos_cursor_take(&cursor, sizeof row->password);
    row->created_ms = pos_cursor_u64(&cursor);
    row->changed_ms = pos_cursor_u64(&cursor);
    if (!pos_row_take_text(&cursor, row->name, POS_PERSON_NAME_SIZE_MAX) ||
        !pos_cursor_done(&cursor) || !person_valid(row))
        return POS_ERR_CORRUPT;
    memcpy(row->password, password.data, password.size);
    struct pos_person_key expected = pos_person_key(row->name);
    return pos_bytes_equal(key, pos_bytes(expected.text, expected.size)) ? POS_OK : POS_ERR_CORRUPT;
}

static bool approval_valid(const struct pos_approval_row *row)
{
    bool answered = row->state != POS_APPROVAL_ASKED;
    return row->number > 0 && row->state > POS_APPROVAL_NONE && row->state <= POS_APPROVAL_USED &&
           row->action[0] != '\0' && row->subject[0] != '\0' &&
           pos_row_text_valid(row->action, POS_APPROVAL_ACTION_SIZE_MAX) &&
           pos_row_text_valid(row->subject, POS_APPROVAL_SUBJECT_SIZE_MAX) &&
           person_name_valid(row->asked_by) && row->expires_ms > row->asked_ms &&
           (answered ? person_name_valid(row->answered_by) : row->answered_by[0] == '\0');
}

enum pos_status pos_approval_row_encode(const struct pos_approval_row *row,
                                        struct pos_buffer *buffer)
{
    if (!approval_valid(row))
        return POS_ERR_FORMAT;
    pos_buffer_put_u8(buffer, APPROVAL_VERSION);
    pos_buffer_put_u8(buffer, (uint8_t)row->state);
    pos_buffer_put_u64(buffer, row->asked_ms);
    pos_buffer_put_u64(buffer, row->answered_ms);
    pos_buffer_put_u64(buffer, row->used_ms);
    pos_buffer_put_u64(buffer, row->expires_ms);
    pos_row_put_text(buffer, row->action, POS_APPROVAL_ACTION_SIZE_MAX);
    pos_row_put_text(buffer, row->asked_by, POS_PERSON_NAME_SIZE_MAX);
    pos_row_put_text(buffer, row->answered_by, POS_PERSON_NAME_SIZE_MAX);
    pos_buffer_put_u16(buffer, (uint16_t)strlen(row->subject));
    pos_buffer_put_text(buffer, row->subject);
    return buffer->overflow ? POS_ERR_LENGTH : POS_OK;
}

static bool take_subject(struct pos_cursor *cursor, char *subject)
{
    size_t size = pos_cursor_u16(cursor);
    return size > 0 && size <= POS_APPROVAL_SUBJECT_SIZE_MAX &&
           pos_row_take_text(cursor, subject, size) && strlen(subject) == size;
}

enum pos_status pos_approval_row_decode(uint32_t number, struct pos_bytes bytes,
                                        struct pos_approval_row *row)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, APPROVAL_VERSION);
    if (status != POS_OK)
        return status;
    *row = (struct pos_approval_row){.number = number};
    row->state = (enum pos_approval_state)pos_cursor_u8(&cursor);
    row->asked_ms = pos_cursor_u64(&cursor);
    row->answered_ms = pos_cursor_u64(&cursor);
    row->used_ms = pos_cursor_u64(&cursor);
    row->expires_ms = pos_cursor_u64(&cursor);
    bool good = pos_row_take_text(&cursor, row->action, POS_APPROVAL_ACTION_SIZE_MAX) &&
                pos_row_take_text(&cursor, row->asked_by, POS_PERSON_NAME_SIZE_MAX) &&
                pos_row_take_text(&cursor, row->answered_by, POS_PERSON_NAME_SIZE_MAX) &&
                take_subject(&cursor, row->subject);
    return good && pos_cursor_done(&cursor) && approval_valid(row) ? POS_OK : POS_ERR_CORRUPT;
}

void pos_library_policy_encode(const struct pos_library_policy *policy, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, POLICY_VERSION);
    pos_buffer_put_u8(buffer, policy->single_operator ? POLICY_SINGLE : 0);
    pos_buffer_put_u32(buffer, policy->approval_minutes);
}

enum pos_status pos_library_policy_decode(struct pos_bytes bytes, struct pos_library_policy *policy)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, POLICY_VERSION);
    if (status != POS_OK)
        return status;
    uint8_t flags = pos_cursor_u8(&cursor);
    policy->single_operator = (flags & POLICY_SINGLE) != 0;
    policy->approval_minutes = pos_cursor_u32(&cursor);
    bool good = (flags & ~POLICY_SINGLE) == 0 && pos_cursor_done(&cursor);
    return good ? POS_OK : POS_ERR_CORRUPT;
}

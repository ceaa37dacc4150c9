/*
 * Who works with the key library, and what two of them agreed to. Decided like every other write:
 * over the rows as they are, one after the other, so that an approval is used once, and the last
 * person who could approve anything cannot be taken away.
 */
#include <stddef.h>
#include <string.h>

#include "core/store/key_library_inside.h"

/* ---- people ---- */

enum pos_status pos_key_library_find_person(struct pos_key_library *library, const char *name,
                                            struct pos_person_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    size_t size = strnlen(name, POS_PERSON_NAME_SIZE_MAX + 1);
    if (size == 0 || size > POS_PERSON_NAME_SIZE_MAX)
        return POS_ERR_NOT_FOUND;
    struct pos_person_key key = pos_person_key(name);
    struct pos_bytes view = pos_bytes(key.text, key.size);
    enum pos_status status = pos_rocks_get(library->rocks, POS_LIBRARY_PEOPLE, view, &value);
    return status == POS_OK ? pos_person_row_decode(view, pos_buffer_view(&value), row) : status;
}

struct person_walk {
    bool (*each)(void *context, const struct pos_person_row *row);
    void *context;
    enum pos_status status;
};

static bool walk_person(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct person_walk *walk = context;
    struct pos_person_row row;
    walk->status = pos_person_row_decode(key, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_key_library_walk_people(struct pos_key_library *library,
                                            bool (*each)(void *context,
                                                         const struct pos_person_row *row),
                                            void *context)
{
    struct person_walk walk = {.each = each, .context = context, .status = POS_OK};
    enum pos_status status = pos_rocks_walk(library->rocks, POS_LIBRARY_PEOPLE, pos_bytes(NULL, 0),
                                            false, walk_person, &walk);
    return status == POS_OK ? walk.status : status;
}

/* How many may ask, how many may approve, and how many of them are the same. */
struct census {
    const char *without; /* not counted; NULL: everybody is */
    unsigned operators, approvers, both;
};

static bool count_person(void *context, const struct pos_person_row *row)
{
    struct census *census = context;
    if (census->without != NULL && pos_person_same(census->without, row->name))
        return true;
    bool asks = (row->roles & POS_ROLE_OPERATOR) != 0;
    bool approves = (row->roles & POS_ROLE_APPROVER) != 0;
    census->operators += asks;
    census->approvers += approves;
    census->both += asks && approves;
    return true;
}

/* Somebody may ask and somebody else approve. */
static bool can_work(const struct census *census)
{
    bool same_person = census->operators == 1 && census->approvers == 1 && census->both == 1;
    return census->operators > 0 && census->approvers > 0 && !same_person;
}

/* A library that could work must still be able to. While it is being set up it cannot yet. */
static enum pos_status check_who_is_left(struct pos_key_library *library,
                                         const struct pos_person_row *row)
{
    struct pos_library_policy policy;
    struct census before = {0}, after = {.without = row->name};
    enum pos_status status = pos_key_library_policy(library, &policy);
    if (status != POS_OK || policy.single_operator)
        return status;
    status = pos_key_library_walk_people(library, count_person, &before);
    if (status == POS_OK)
        status = pos_key_library_walk_people(library, count_person, &after);
    if (status != POS_OK)
        return status;
    after.without = NULL;
    (void)count_person(&after, row);
    bool loses_operators = before.operators > 0 && after.operators == 0;
    return loses_operators || (can_work(&before) && !can_work(&after)) ? POS_ERR_STATE : POS_OK;
}

struct put_person {
    struct pos_library_write write;
    const struct pos_person_row *row;
};

static enum pos_status stage_person(struct pos_library_write *write,
                                    struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct put_person, write) == 0, "the write is the person's");
    const struct pos_person_row *row = ((const struct put_person *)(void *)write)->row;
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status = pos_person_row_encode(row, &value);
    if (status == POS_OK)
        status = check_who_is_left(write->library, row);
    if (status != POS_OK)
        return status;
    struct pos_person_key key = pos_person_key(row->name);
    pos_transaction_put(transaction, POS_LIBRARY_PEOPLE, pos_bytes(key.text, key.size),
                        pos_buffer_view(&value));
    return POS_OK;
}

enum pos_status pos_key_library_put_person(struct pos_key_library *library,
                                           const struct pos_person_row *row, const void *event)
{
    struct put_person put = {.write = {.stage = stage_person, .event = event}, .row = row};
    return pos_library_run(library, &put.write);
}

/* ---- approvals ---- */

enum pos_status pos_key_library_find_approval(struct pos_key_library *library, uint32_t number,
                                              struct pos_approval_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(number);
    enum pos_status status =
        pos_rocks_get(library->rocks, POS_LIBRARY_APPROVALS, pos_key4_view(&key), &value);
    return status == POS_OK ? pos_approval_row_decode(number, pos_buffer_view(&value), row)
                            : status;
}

struct approval_walk {
    bool (*each)(void *context, const struct pos_approval_row *row);
    void *context;
    enum pos_status status;
};

static bool walk_approval(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct approval_walk *walk = context;
    struct pos_approval_row row;
    uint32_t number;
    walk->status = pos_key4_read(key, &number);
    if (walk->status == POS_OK)
        walk->status = pos_approval_row_decode(number, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_key_library_walk_approvals(struct pos_key_library *library, uint32_t first,
                                               bool (*each)(void *context,
                                                            const struct pos_approval_row *row),
                                               void *context)
{
    struct approval_walk walk = {.each = each, .context = context, .status = POS_OK};
    struct pos_key4 from = pos_key4(first);
    enum pos_status status = pos_rocks_walk(library->rocks, POS_LIBRARY_APPROVALS,
                                            pos_key4_view(&from), false, walk_approval, &walk);
    return status == POS_OK ? walk.status : status;
}

static enum pos_status put_approval(struct pos_transaction *transaction,
                                    const struct pos_approval_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(row->number);
    enum pos_status status = pos_approval_row_encode(row, &value);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_LIBRARY_APPROVALS, pos_key4_view(&key),
                            pos_buffer_view(&value));
    return status;
}

struct approval_write {
    struct pos_library_write write;
    struct pos_approval_row row;
    /* of a move */
    uint32_t number;
    enum pos_approval_state state;
    const char *who;
    uint64_t utc_ms;
};

static struct approval_write *approval_write_of(struct pos_library_write *write)
{
    _Static_assert(offsetof(struct approval_write, write) == 0, "the write is the approval's");
    return (struct approval_write *)(void *)write;
}

static enum pos_status stage_ask(struct pos_library_write *write,
                                 struct pos_transaction *transaction)
{
    struct pos_approval_row *row = &approval_write_of(write)->row;
    enum pos_status status =
        pos_library_next_number(write->library, POS_LIBRARY_APPROVALS, &row->number);
    if (status == POS_OK && row->state != POS_APPROVAL_ASKED)
        status = POS_ERR_FORMAT;
    return status == POS_OK ? put_approval(transaction, row) : status;
}

enum pos_status pos_key_library_add_approval(struct pos_key_library *library,
                                             const struct pos_approval_row *row, uint32_t *number,
                                             const void *event)
{
    struct approval_write ask = {.write = {.stage = stage_ask, .event = event}, .row = *row};
    enum pos_status status = pos_library_run(library, &ask.write);
    *number = status == POS_OK ? ask.row.number : 0;
    return status;
}

/* Two people: who asked may use what somebody else gave, and only that. */
static enum pos_status judge_move(const struct approval_write *move,
                                  const struct pos_approval_row *row)
{
    bool use = move->state == POS_APPROVAL_USED;
    bool answer = move->state == POS_APPROVAL_GIVEN || move->state == POS_APPROVAL_REFUSED;
    if (row->state != (use ? POS_APPROVAL_GIVEN : POS_APPROVAL_ASKED) || (!use && !answer))
        return POS_ERR_STATE;
    if (move->utc_ms >= row->expires_ms)
        return POS_ERR_TIMEOUT;
    return pos_person_same(move->who, row->asked_by) == use ? POS_OK : POS_ERR_NOT_ALLOWED;
}

static enum pos_status stage_approval_move(struct pos_library_write *write,
                                           struct pos_transaction *transaction)
{
    const struct approval_write *move = approval_write_of(write);
    struct pos_approval_row row;
    enum pos_status status = pos_key_library_find_approval(write->library, move->number, &row);
    if (status == POS_OK)
        status = judge_move(move, &row);
    if (status != POS_OK)
        return status;
    row.state = move->state;
    if (move->state == POS_APPROVAL_USED) {
        row.used_ms = move->utc_ms;
        return put_approval(transaction, &row);
    }
    if (strnlen(move->who, sizeof row.answered_by) >= sizeof row.answered_by)
        return POS_ERR_FORMAT;
    memcpy(row.answered_by, move->who, strlen(move->who) + 1);
    row.answered_ms = move->utc_ms;
    return put_approval(transaction, &row);
}

enum pos_status pos_key_library_move_approval(struct pos_key_library *library, uint32_t number,
                                              enum pos_approval_state state, const char *who,
                                              uint64_t utc_ms, const void *event)
{
    struct approval_write move = {.write = {.stage = stage_approval_move, .event = event},
                                  .number = number,
                                  .state = state,
                                  .who = who,
                                  .utc_ms = utc_ms};
    return pos_library_run(library, &move.write);
}

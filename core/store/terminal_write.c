/*
 * How a write to the terminal table is decided. On the committer's thread, one after the other,
 * over the rows as the writes before it left them: so what is compared here is what gets set.
 *
 * Nothing weaker undoes something stronger. An unproven registration never touches a row that
 * proved its key, and a proof where MACs are ECB none that proved it where they are not. A proven
 * one takes the index of an unproven holder, but only of an active one: a suspension or revocation
 * must not be undone by coming back under another serial.
 */
#include <assert.h>
#include <string.h>

#include "core/store/terminal_table_inside.h"

/* The state of one decide: the rows of write->smn, and whether they changed. */
struct decision {
    struct pos_transaction *transaction;
    struct pos_terminal_table *table;
    struct pos_terminal_write *write;
    enum pos_terminal_state state_before;
};

/* ---- rows in and out of the transaction ---- */

static enum pos_status get_hot(struct pos_transaction *transaction, const struct pos_smn *smn,
                               struct pos_terminal_hot *hot)
{
    uint8_t memory[POS_HOT_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_transaction_get(transaction, POS_TERMINAL_HOT, pos_terminal_key(smn), &row);
    return status == POS_OK ? pos_terminal_hot_decode(pos_buffer_view(&row), hot) : status;
}

static enum pos_status get_detail(struct pos_transaction *transaction, const struct pos_smn *smn,
                                  struct pos_terminal_detail *detail)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_transaction_get(transaction, POS_TERMINAL_DETAIL, pos_terminal_key(smn), &row);
    if (status == POS_ERR_NOT_FOUND)
        return POS_ERR_CORRUPT; /* both rows are written together */
    return status == POS_OK ? pos_terminal_detail_decode(pos_buffer_view(&row), detail) : status;
}

static enum pos_status get_holder(struct pos_transaction *transaction, uint32_t index,
                                  struct pos_terminal_holder *holder)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(index);
    enum pos_status status =
        pos_transaction_get(transaction, POS_TERMINAL_BY_INDEX, pos_key4_view(&key), &row);
    return status == POS_OK ? pos_terminal_holder_decode(pos_buffer_view(&row), holder) : status;
}

/* Fills write->hot and detail, or leaves them zeroed when there is no row. */
static enum pos_status read_rows(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    enum pos_status status = get_hot(decision->transaction, &write->smn, &write->hot);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    if (status == POS_OK)
        status = get_detail(decision->transaction, &write->smn, &write->detail);
    if (status == POS_OK)
        decision->state_before = write->hot.state;
    return status;
}

static enum pos_status put_rows(struct pos_transaction *transaction, const struct pos_smn *smn,
                                const struct pos_terminal_hot *hot,
                                const struct pos_terminal_detail *detail)
{
    uint8_t hot_memory[POS_HOT_ROW_SIZE_MAX], detail_memory[POS_ROW_SIZE_MAX];
    struct pos_buffer hot_row = pos_buffer(hot_memory, sizeof hot_memory);
    struct pos_buffer detail_row = pos_buffer(detail_memory, sizeof detail_memory);
    enum pos_status status = pos_terminal_hot_encode(hot, &hot_row);
    if (status == POS_OK)
        status = pos_terminal_detail_encode(detail, &detail_row);
    if (status != POS_OK)
        return status;
    pos_transaction_put(transaction, POS_TERMINAL_HOT, pos_terminal_key(smn),
                        pos_buffer_view(&hot_row));
    pos_transaction_put(transaction, POS_TERMINAL_DETAIL, pos_terminal_key(smn),
                        pos_buffer_view(&detail_row));
    return POS_OK;
}

/* The write's SMN holds its index from now on. */
static enum pos_status put_holder(struct decision *decision)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    struct pos_terminal_holder holder = {.smn = decision->write->smn,
                                         .proved = decision->write->hot.proved};
    struct pos_key4 key = pos_key4(pos_smn_key_index(&holder.smn));
    enum pos_status status = pos_terminal_holder_encode(&holder, &row);
    if (status == POS_OK)
        pos_transaction_put(decision->transaction, POS_TERMINAL_BY_INDEX, pos_key4_view(&key),
                            pos_buffer_view(&row));
    return status;
}

static enum pos_status finish(struct decision *decision, enum pos_terminal_outcome outcome)
{
    decision->write->outcome = outcome;
    return POS_OK;
}

/* Stages the write's hot and detail rows as they are now. */
static enum pos_status change(struct decision *decision, enum pos_terminal_outcome outcome)
{
    struct pos_terminal_write *write = decision->write;
    write->hot.version++;
    write->detail.changed_ms = write->utc_ms;
    if (decision->state_before != POS_TERMINAL_NONE)
        pos_changes_note(&decision->table->changes, &write->smn);
    enum pos_status status =
        put_rows(decision->transaction, &write->smn, &write->hot, &write->detail);
    return status == POS_OK ? finish(decision, outcome) : status;
}

/* ---- register ---- */

static enum pos_status create_row(struct decision *decision, enum pos_terminal_outcome outcome)
{
    struct pos_terminal_write *write = decision->write;
    write->hot = (struct pos_terminal_hot){.state = POS_TERMINAL_ACTIVE,
                                           .algorithm = write->algorithm,
                                           .proved = write->proved,
                                           .ecb = write->proved && write->ecb};
    write->detail = (struct pos_terminal_detail){.registered_ms = write->utc_ms};
    enum pos_status status = put_holder(decision);
    return status == POS_OK ? change(decision, outcome) : status;
}

/* Its working keys, which may be those that the key library holds for its index, leave the row: it
 * admits nobody any more, and by the index alone nobody would find them to destroy them. */
static enum pos_status replace_holder(struct decision *decision, const struct pos_smn *smn,
                                      struct pos_terminal_hot *hot)
{
    struct pos_terminal_detail detail;
    enum pos_status status = get_detail(decision->transaction, smn, &detail);
    if (status != POS_OK)
        return status;
    pos_changes_note(&decision->table->changes, smn);
    hot->state = POS_TERMINAL_REPLACED;
    hot->version++;
    for (size_t i = 0; i < 2; i++) {
        hot->tak[i] = detail.tpk[i] = detail.tdk[i] = (struct pos_key){0};
        detail.tak_kcv[i] = detail.tpk_kcv[i] = detail.tdk_kcv[i] = (struct pos_kcv){0};
    }
    detail.changed_ms = decision->write->utc_ms;
    return put_rows(decision->transaction, smn, hot, &detail);
}

/* The SMN has no row yet, and its index has a holder: is it to be had? */
static enum pos_status take_over(struct decision *decision,
                                 const struct pos_terminal_holder *holder)
{
    struct pos_terminal_write *write = decision->write;
    struct pos_terminal_hot held;
    enum pos_status status = get_hot(decision->transaction, &holder->smn, &held);
    if (status != POS_OK) /* an index is held by a row that is there */
        return status == POS_ERR_NOT_FOUND ? POS_ERR_CORRUPT : status;
    write->other = holder->smn;
    if (!write->proved || holder->proved || held.state != POS_TERMINAL_ACTIVE)
        return finish(decision, POS_OUTCOME_TAKEN);
    status = replace_holder(decision, &holder->smn, &held);
    return status == POS_OK ? create_row(decision, POS_OUTCOME_DISPLACED) : status;
}

/* Nothing, a proof where MACs are ECB, a proof elsewhere. */
static int strength(bool proved, bool ecb)
{
    if (!proved)
        return 0;
    return ecb ? 1 : 2;
}

static enum pos_status register_again(struct decision *decision,
                                      const struct pos_terminal_holder *holder)
{
    struct pos_terminal_write *write = decision->write;
    int before = strength(write->hot.proved, write->hot.ecb);
    int after = strength(write->proved, write->ecb);
    if (after < before)
        return finish(decision, POS_OUTCOME_WEAKER);
    if (write->hot.state == POS_TERMINAL_REPLACED)
        write->other = holder->smn;
    if (write->hot.state != POS_TERMINAL_ACTIVE)
        return finish(decision, POS_OUTCOME_STATE);
    if (after == before)
        return finish(decision, POS_OUTCOME_UNCHANGED);
    write->hot.proved = true;
    write->hot.ecb = write->ecb;
    enum pos_status status = put_holder(decision);
    return status == POS_OK ? change(decision, POS_OUTCOME_RAISED) : status;
}

/* Whoever has a row has an index that is held, by itself or by who took it over: so one look-up
 * tells that somebody is new, and that is what most who register are. */
static enum pos_status decide_register(struct decision *decision)
{
    struct pos_terminal_holder holder;
    enum pos_status status =
        get_holder(decision->transaction, pos_smn_key_index(&decision->write->smn), &holder);
    if (status == POS_ERR_NOT_FOUND)
        return create_row(decision, POS_OUTCOME_CREATED);
    if (status == POS_OK)
        status = read_rows(decision);
    if (status != POS_OK)
        return status;
    return decision->state_before == POS_TERMINAL_NONE ? take_over(decision, &holder)
                                                       : register_again(decision, &holder);
}

/* ---- the pairs of working keys: [0] current, [1] pending ---- */

static enum pos_status decide_sign_on(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    if (write->hot.state != POS_TERMINAL_ACTIVE)
        return finish(decision, POS_OUTCOME_STATE);
    if (write->hot.tak[1].size > 0)
        return finish(decision, POS_OUTCOME_UNCHANGED);
    if (write->tak.size == 0)
        return POS_ERR_FORMAT;
    write->hot.tak[1] = write->tak;
    write->hot.signed_off = false;
    write->detail.tak_kcv[1] = write->tak_kcv;
    write->detail.tpk[1] = write->tpk;
    write->detail.tpk_kcv[1] = write->tpk_kcv;
    write->detail.tdk[1] = write->tdk;
    write->detail.tdk_kcv[1] = write->tdk_kcv;
    write->detail.first_pair_given |= write->first_pair;
    write->detail.signed_on_ms = write->utc_ms;
    return change(decision, POS_OUTCOME_CHANGED);
}

static void drop_pair(struct pos_terminal_write *write, size_t which)
{
    write->hot.tak[which] = (struct pos_key){0};
    write->detail.tpk[which] = (struct pos_key){0};
    write->detail.tdk[which] = (struct pos_key){0};
    write->detail.tak_kcv[which] = (struct pos_kcv){0};
    write->detail.tpk_kcv[which] = (struct pos_kcv){0};
    write->detail.tdk_kcv[which] = (struct pos_kcv){0};
}

static bool same_key(const struct pos_key *a, const struct pos_key *b)
{
    return a->size == b->size && a->algorithm == b->algorithm &&
           memcmp(a->data, b->data, a->size) == 0;
}

static enum pos_status decide_promote(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    if (write->hot.state != POS_TERMINAL_ACTIVE)
        return finish(decision, POS_OUTCOME_STATE);
    if (write->hot.tak[1].size == 0 || !same_key(&write->hot.tak[1], &write->tak))
        return finish(decision, POS_OUTCOME_UNCHANGED);
    write->hot.tak[0] = write->hot.tak[1];
    write->detail.tpk[0] = write->detail.tpk[1];
    write->detail.tdk[0] = write->detail.tdk[1];
    write->detail.tak_kcv[0] = write->detail.tak_kcv[1];
    write->detail.tpk_kcv[0] = write->detail.tpk_kcv[1];
    write->detail.tdk_kcv[0] = write->detail.tdk_kcv[1];
    drop_pair(write, 1);
    return change(decision, POS_OUTCOME_CHANGED);
}

static enum pos_status decide_sign_off(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    if (write->hot.state != POS_TERMINAL_ACTIVE)
        return finish(decision, POS_OUTCOME_STATE);
    if (write->hot.signed_off)
        return finish(decision, POS_OUTCOME_UNCHANGED);
    drop_pair(write, 0);
    drop_pair(write, 1);
    write->hot.signed_off = true;
    return change(decision, POS_OUTCOME_CHANGED);
}

/* ---- bind and state ---- */

/* May `bound` become `wanted`? Only the operator changes what is bound, or unbinds. */
static bool may_bind(const struct pos_terminal_write *write, const char *bound, const char *wanted)
{
    return write->force || bound[0] == '\0' || wanted[0] == '\0' || strcmp(bound, wanted) == 0;
}

/* True: it changed. */
static bool bind_to(const struct pos_terminal_write *write, char *bound, const char *wanted,
                    size_t size)
{
    if (strncmp(bound, wanted, size + 1) == 0 || (wanted[0] == '\0' && !write->force))
        return false;
    memset(bound, 0, size + 1);
    memcpy(bound, wanted, strnlen(wanted, size));
    return true;
}

static enum pos_status decide_bind(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    if (!pos_row_text_valid(write->tid, POS_TID_SIZE) ||
        !pos_row_text_valid(write->mid, POS_MID_SIZE))
        return POS_ERR_FORMAT;
    if (write->hot.state != POS_TERMINAL_ACTIVE && !write->force)
        return finish(decision, POS_OUTCOME_STATE);
    if (!may_bind(write, write->hot.tid, write->tid) ||
        !may_bind(write, write->hot.mid, write->mid))
        return finish(decision, POS_OUTCOME_TAKEN);
    bool changed = bind_to(write, write->hot.tid, write->tid, POS_TID_SIZE);
    changed |= bind_to(write, write->hot.mid, write->mid, POS_MID_SIZE);
    return changed ? change(decision, POS_OUTCOME_CHANGED)
                   : finish(decision, POS_OUTCOME_UNCHANGED);
}

/* From state to state; revoked and replaced are final. */
static const bool moves[POS_TERMINAL_STATE_COUNT][POS_TERMINAL_STATE_COUNT] = {
    [POS_TERMINAL_ACTIVE] = {[POS_TERMINAL_SUSPENDED] = true,
                             [POS_TERMINAL_REVOKED] = true,
                             [POS_TERMINAL_REPLACED] = true},
    [POS_TERMINAL_SUSPENDED] = {[POS_TERMINAL_ACTIVE] = true,
                                [POS_TERMINAL_REVOKED] = true,
                                [POS_TERMINAL_REPLACED] = true},
};

static enum pos_status decide_state(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    if ((unsigned)write->state >= POS_TERMINAL_STATE_COUNT)
        return POS_ERR_FORMAT;
    if (write->hot.state == write->state)
        return finish(decision, POS_OUTCOME_UNCHANGED);
    if (!moves[write->hot.state][write->state])
        return finish(decision, POS_OUTCOME_STATE);
    write->hot.state = write->state;
    return change(decision, POS_OUTCOME_CHANGED);
}

/* ---- erase ---- */

static bool has_keys(const struct pos_terminal_write *write)
{
    size_t sum = 0;
    for (size_t i = 0; i < 2; i++)
        sum +=
            (size_t)write->hot.tak[i].size + write->detail.tpk[i].size + write->detail.tdk[i].size;
    return sum > 0;
}

static enum pos_status decide_erase(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    bool over =
        write->hot.state == POS_TERMINAL_REVOKED || write->hot.state == POS_TERMINAL_REPLACED;
    if (over && !has_keys(write))
        return finish(decision, POS_OUTCOME_UNCHANGED);
    drop_pair(write, 0);
    drop_pair(write, 1);
    write->hot.state = POS_TERMINAL_REVOKED;
    return change(decision, POS_OUTCOME_CHANGED);
}

/* ---- all of them ---- */

static enum pos_status decide_operation(struct decision *decision)
{
    static enum pos_status (*const decides[POS_TERMINAL_OPERATION_COUNT])(struct decision *) = {
        [POS_TERMINAL_SIGN_ON] = decide_sign_on,   [POS_TERMINAL_PROMOTE] = decide_promote,
        [POS_TERMINAL_SIGN_OFF] = decide_sign_off, [POS_TERMINAL_BIND] = decide_bind,
        [POS_TERMINAL_SET_STATE] = decide_state,   [POS_TERMINAL_ERASE] = decide_erase,
    };
    struct pos_terminal_write *write = decision->write;
    struct pos_smn checked;
    if (pos_smn_parse(pos_terminal_key(&write->smn), &checked) != POS_OK)
        return POS_ERR_FORMAT;
    if (write->operation == POS_TERMINAL_REGISTER)
        return decide_register(decision);
    enum pos_status status = read_rows(decision);
    if (status != POS_OK)
        return status;
    if (decision->state_before == POS_TERMINAL_NONE)
        return finish(decision, POS_OUTCOME_UNKNOWN);
    return decides[write->operation](decision);
}

static void tally(struct decision *decision)
{
    struct pos_terminal_write *write = decision->write;
    pos_tally_move(&decision->table->tally, decision->state_before, write->hot.state, 1);
    if (write->outcome == POS_OUTCOME_DISPLACED)
        pos_tally_move(&decision->table->tally, POS_TERMINAL_ACTIVE, POS_TERMINAL_REPLACED, 1);
}

enum pos_status pos_terminal_decide(struct pos_commit *commit, struct pos_transaction *transaction)
{
    struct pos_terminal_write *write = pos_terminal_write_of(commit);
    struct decision decision = {
        .transaction = transaction, .table = pos_transaction_context(transaction), .write = write};
    assert((unsigned)write->operation < POS_TERMINAL_OPERATION_COUNT);
    write->outcome = POS_OUTCOME_NONE;
    memset(&write->other, 0, sizeof write->other);
    memset(&write->hot, 0, sizeof write->hot);
    memset(&write->detail, 0, sizeof write->detail);
    if (write->operation == POS_TERMINAL_AUDIT && write->events[POS_OUTCOME_NONE] == NULL)
        return POS_ERR_USAGE;
    enum pos_status status =
        write->operation == POS_TERMINAL_AUDIT ? POS_OK : decide_operation(&decision);
    if (status == POS_OK && write->events[write->outcome] != NULL)
        status = pos_transaction_audit(transaction, write->events[write->outcome]);
    if (write->operation == POS_TERMINAL_AUDIT)
        return status;
    if (status == POS_OK)
        tally(&decision);
    return status;
}

/*
 * Handing out keys (911, 912). A key is reserved on disk before it leaves; who confirms it with a
 * MAC under K_reg holds it for good. What repeats is answered again, what comes from another device
 * burns the key that was reserved for it: the journal decides, here its verdict becomes a code.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "core/base/hex.h"
#include "core/base/log.h"
#include "emulator/mother/inside.h"

/* ---- 911 ---- */

/* On the committer's thread: the chosen row's TMK under a session key with that terminal. */
static enum pos_status deliver(void *context, struct pos_journal_row *row)
{
    struct pos_mother *mother = context;
    struct pos_buffer block = pos_buffer(row->reply, sizeof row->reply);
    enum pos_status status = pos_hsm_deliver_tmk(mother->delivery, &row->tmk, row->terminal_public,
                                                 row->mother_public, &block);
    if (status != POS_OK)
        return status;
    if (block.overflow || block.size > UINT8_MAX)
        return POS_ERR_LENGTH;
    row->reply_size = (uint8_t)block.size;
    POS_FAILPOINT("issue-chosen");
    return POS_OK;
}

bool pos_mother_key_request(struct pos_mother *mother, const struct pos_message *message,
                            struct pos_mother_request *request, struct pos_mother_reply *reply)
{
    struct pos_journal_write *write = &request->write;
    struct pos_bytes serial = pos_message_raw(message, 62);
    reply->response = POS_RESPONSE_FORMAT;
    if (!pos_serial_valid(serial))
        return false;
    if (pos_hex_decode(pos_message_raw(message, 63), write->terminal_public,
                       sizeof write->terminal_public) != POS_OK)
        return false;
    write->operation = POS_JOURNAL_RESERVE;
    memcpy(write->serial, serial.data, POS_SERIAL_SIZE);
    write->deliver = deliver;
    write->deliver_context = mother;
    return true;
}

/* ---- 912 ---- */

static bool was_given_to(const struct pos_journal_row *row, const struct pos_smn *smn)
{
    return (row->state == POS_JOURNAL_RESERVED || row->state == POS_JOURNAL_ISSUED) &&
           memcmp(row->serial, smn->text, POS_SERIAL_SIZE) == 0;
}

static enum pos_response check_confirm(struct pos_mother *mother, const struct pos_message *message,
                                       struct pos_smn *smn, struct pos_journal_row *row)
{
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    if (pos_message_smn(message, smn) != POS_OK)
        return POS_RESPONSE_FORMAT;
    enum pos_status status = pos_journal_find(mother->journal, pos_smn_key_index(smn), row);
    if (status != POS_OK && status != POS_ERR_NOT_FOUND)
        return POS_RESPONSE_MALFUNCTION;
    if (status == POS_ERR_NOT_FOUND || !was_given_to(row, smn))
        return POS_RESPONSE_NOT_REGISTERED;
    if (pos_message_mac(message, &covered, mac) != POS_OK)
        return POS_RESPONSE_MAC;
    status = pos_hsm_verify_mac(mother->session, &row->tmk, POS_MAC_REGISTRATION, covered, mac);
    if (status == POS_OK)
        return POS_RESPONSE_APPROVED;
    return status == POS_ERR_MAC ? POS_RESPONSE_MAC : POS_RESPONSE_MALFUNCTION;
}

bool pos_mother_key_confirm(struct pos_mother *mother, const struct pos_message *message,
                            struct pos_mother_request *request, struct pos_mother_reply *reply)
{
    struct pos_smn smn;
    struct pos_journal_row row;
    struct pos_journal_write *write = &request->write;
    reply->response = check_confirm(mother, message, &smn, &row);
    if (reply->response != POS_RESPONSE_APPROVED)
        return false;
    /* Should the write be refused on the spot, that reply is owed a MAC already. */
    request->proved = true;
    request->tmk = row.tmk;
    reply->mac_key = &request->tmk;
    write->operation = POS_JOURNAL_CONFIRM;
    write->index = pos_smn_key_index(&smn);
    memcpy(write->serial, smn.text, POS_SERIAL_SIZE);
    return true;
}

/* ---- what the disk said ---- */

static void give(const struct pos_journal_row *row, struct pos_mother_reply *reply)
{
    int used = snprintf(reply->text_62, sizeof reply->text_62, "%08u%.*s",
                        (unsigned)row->index % 100000000u, (int)row->reply_size, row->reply);
    pos_hex_encode(pos_bytes(row->mother_public, sizeof row->mother_public), reply->text_63);
    reply->field_62 = pos_bytes(reply->text_62, (size_t)used);
    reply->field_63 = pos_bytes_text(reply->text_63);
}

static enum pos_response response_of(enum pos_journal_outcome outcome)
{
    switch (outcome) {
    case POS_JOURNAL_GIVEN:
    case POS_JOURNAL_AGAIN:
        return POS_RESPONSE_APPROVED;
    case POS_JOURNAL_EXHAUSTED:
        return POS_RESPONSE_NO_KEY_FREE;
    case POS_JOURNAL_HAS_KEY:
    case POS_JOURNAL_TOO_OFTEN:
        return POS_RESPONSE_DUPLICATE;
    case POS_JOURNAL_UNKNOWN:
        return POS_RESPONSE_NOT_REGISTERED;
    }
    return POS_RESPONSE_MALFUNCTION;
}

static void log_outcome(struct pos_mother *mother, const struct pos_journal_write *write,
                        enum pos_response response)
{
    bool given = response == POS_RESPONSE_APPROVED;
    uint32_t suppressed = 0;
    if (!given && !pos_log_allow(&mother->log_limit, POS_MOTHER_LOG_PER_SECOND_MAX, write->utc_ms,
                                 &suppressed))
        return;
    pos_log(given ? POS_LOG_DEBUG : POS_LOG_WARNING,
            write->operation == POS_JOURNAL_RESERVE ? "key-request" : "key-confirm",
            "serial=%s index=%u code=%s burned=%u suppressed=%u", write->serial,
            given ? write->row.index : 0, pos_response_code(response), write->burned, suppressed);
}

void pos_mother_key_done(struct pos_mother_request *request, struct pos_mother_reply *reply)
{
    const struct pos_journal_write *write = &request->write;
    if (request->status == POS_ERR_FORMAT) /* an X25519 key that makes an all-zero secret */
        reply->response = POS_RESPONSE_FORMAT;
    else if (request->status != POS_OK)
        reply->response = POS_RESPONSE_MALFUNCTION;
    else
        reply->response = response_of(write->outcome);
    if (request->proved)
        reply->mac_key = &request->tmk;
    if (reply->response == POS_RESPONSE_APPROVED && write->operation == POS_JOURNAL_RESERVE)
        give(&write->row, reply);
    log_outcome(request->mother, write, reply->response);
}

/*
 * Sign-on: a terminal that proves its TMK gets a pair of working keys.
 *
 * New keys are pending until a message verifies under the new TAK; until then another sign-on gets
 * the same pending pair again, without a write. So a lost reply locks nobody out and a replayed
 * sign-on does no harm. The first sign-on delivers the pair from the key library, later ones a new
 * pair.
 *
 * On a listener with sign_on_mac = "absent" a sign-on may come without its MAC, as installed
 * terminals send it; then anybody who knows the SMN of an unproved row can have a pair made. It is
 * no use without the TMK, the old pair stays good, and there is one write until a message has
 * verified under the new one.
 */
#include "gateway/session_inside.h"

void pos_sign_on_start(struct pos_request *request)
{
    struct pos_session *session = request->session;
    if (request->found == POS_ERR_NOT_FOUND) {
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
        return;
    }
    if (request->found != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
        return;
    }
    pos_request_move(request, POS_REQUEST_DOSSIER);
    if (session->options.world.fetch(session->options.world.context, request) != POS_OK)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
}

/* The pair to offer: the key library's the first time, a new one later. */
static enum pos_status choose_pair(struct pos_request *request)
{
    struct pos_terminal_write *write = &request->write;
    const struct pos_key_row *row = &request->dossier.row;
    pos_session_write(request, POS_TERMINAL_SIGN_ON);
    write->first_pair = !request->dossier.detail.first_pair_given;
    if (write->first_pair) {
        write->tpk = row->tpk;
        write->tpk_kcv = row->tpk_kcv;
        write->tak = row->tak;
        write->tak_kcv = row->tak_kcv;
        return POS_OK;
    }
    struct pos_hsm_session *hsm = request->session->options.hsm;
    enum pos_status status =
        pos_hsm_generate(hsm, POS_USAGE_TPK, row->algorithm, &write->tpk, &write->tpk_kcv);
    if (status == POS_OK)
        status = pos_hsm_generate(hsm, POS_USAGE_TAK, row->algorithm, &write->tak, &write->tak_kcv);
    return status;
}

/* True when the request may go on as far as its MAC goes. */
static bool mac_is_good(struct pos_request *request)
{
    bool present = pos_request_has_mac(request);
    if (!present && request->policy->sign_on_without_mac)
        return true;
    enum pos_status status =
        pos_check_mac(request, &request->dossier.row.tmk, POS_MAC_REGISTRATION);
    if (status == POS_OK)
        return true;
    if (status == POS_ERR_MAC)
        pos_reply_code(request, POS_RESPONSE_MAC,
                       present ? POS_REFUSAL_BAD_PROOF : POS_REFUSAL_NO_MAC);
    else
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
    return false;
}

void pos_sign_on_fetched(struct pos_request *request)
{
    if (!pos_check_dossier(request) || !mac_is_good(request) || !pos_check_listener(request) ||
        !pos_check_state(request, &request->hot))
        return;
    if (choose_pair(request) != POS_OK)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
    else
        pos_session_submit(request);
}

/* Field 62: the TPK's key block, then the TAK's, under the TMK. */
static enum pos_status wrap_pair(struct pos_request *request, struct pos_buffer *blocks)
{
    struct pos_hsm_session *hsm = request->session->options.hsm;
    const struct pos_key *tmk = &request->dossier.row.tmk;
    enum pos_status status =
        pos_hsm_wrap_working_key(hsm, tmk, &request->write.detail.tpk[1], blocks);
    if (status == POS_OK)
        status = pos_hsm_wrap_working_key(hsm, tmk, &request->write.hot.tak[1], blocks);
    return status;
}

void pos_sign_on_committed(struct pos_request *request)
{
    const struct pos_terminal_write *write = &request->write;
    if (write->outcome == POS_OUTCOME_UNKNOWN) {
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
        return;
    }
    if (write->outcome == POS_OUTCOME_STATE) {
        if (pos_check_state(request, &write->hot))
            pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
        return;
    }
    char text[2 * POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer blocks = pos_buffer(text, sizeof text);
    if (wrap_pair(request, &blocks) != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
        return;
    }
    if (pos_reply_take_rrn(request) != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
        return;
    }
    struct pos_draft *reply = pos_reply_begin(request, POS_RESPONSE_APPROVED);
    pos_draft_set(reply, 37, pos_bytes(request->rrn_text, sizeof request->rrn_text));
    pos_draft_set(reply, 62, pos_buffer_view(&blocks));
    pos_reply_send(request, POS_RESPONSE_APPROVED, POS_REFUSAL_NONE, pos_bytes(NULL, 0));
}

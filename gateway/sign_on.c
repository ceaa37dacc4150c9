/*
 * Sign-on: a terminal that proves its TMK gets a pair of working keys.
 *
 * New keys are pending until a message verifies under the new TAK; until then another sign-on gets
 * the same pending pair again, without a write and without a new one being made. So a lost reply
 * locks nobody out and a replayed sign-on does no harm. The first sign-on delivers the pair from
 * the key library, later ones a new pair.
 *
 * The keys go out as key blocks, or as UnionPay's bare bytes in a form that was chosen when the
 * TMK was made: where the dialect is UnionPay's and the TMK is TDES, and under SM4, for which key
 * blocks have no letter, everywhere.
 *
 * On a listener with sign_on_mac = "absent" a sign-on may come without its MAC, as installed
 * terminals send it; then anybody who knows the SMN of an unproved row can have a pair made. It is
 * no use without the TMK, the old pair stays good, and there is one write until a message has
 * verified under the new one.
 */
#include <string.h>

#include "core/base/hex.h"

#include "gateway/session_inside.h"

void pos_sign_on_start(struct pos_request *request)
{
    if (request->found == POS_ERR_NOT_FOUND) {
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
        return;
    }
    if (request->found != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
        return;
    }
    pos_session_fetch_dossier(request);
}

/* ---- the reply's keys ---- */

static bool goes_bare(const struct pos_request *request)
{
    enum pos_algorithm tmk = request->dossier.row.algorithm;
    bool unionpay = request->policy->dialect->bare_keys;
    return tmk == POS_ALGORITHM_SM4 || (unionpay && pos_algorithm_working(tmk) == POS_ALGORITHM_T2);
}

/* Keys that are bare bytes are spelled out where field 62 is text. */
static struct pos_bytes field_62(struct pos_request *request,
                                 char text[2 * POS_WORKING_KEYS_SIZE_MAX + 1])
{
    struct pos_bytes keys = pos_buffer_view(&request->job.wrap.out);
    if (!request->job.wrap.bare || request->policy->dialect->bare_keys)
        return keys;
    pos_hex_encode(keys, text);
    return pos_bytes_text(text);
}

static void keys_are_wrapped(struct pos_request *request)
{
    char text[2 * POS_WORKING_KEYS_SIZE_MAX + 1];
    if (request->job.status != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, pos_session_why_not_secured(request));
        return;
    }
    if (pos_reply_take_rrn(request) != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
        return;
    }
    struct pos_draft *reply = pos_reply_begin(request, POS_RESPONSE_APPROVED);
    pos_draft_set(reply, 37, pos_bytes(request->rrn_text, sizeof request->rrn_text));
    pos_draft_set(reply, 62, field_62(request, text));
    pos_reply_send(request, POS_RESPONSE_APPROVED, POS_REFUSAL_NONE, pos_bytes(NULL, 0));
}

/* The pending pair of a row, which lives as long as the request. */
static void deliver(struct pos_request *request, const struct pos_terminal_hot *hot,
                    const struct pos_terminal_detail *detail)
{
    const struct pos_key_row *row = &request->dossier.row;
    request->job =
        (struct pos_strong_job){.work = POS_STRONG_WRAP,
                                .wrap = {.tmk = &row->tmk,
                                         .tpk = &detail->tpk[1],
                                         .tak = &hot->tak[1],
                                         .tdk = &detail->tdk[1],
                                         .form = row->form,
                                         .bare = goes_bare(request),
                                         .out = pos_buffer(request->room, sizeof request->room)}};
    pos_session_secure(request, keys_are_wrapped);
}

/* ---- the pair ---- */

static void pair_is_made(struct pos_request *request)
{
    if (request->job.status == POS_OK)
        pos_session_submit(request);
    else
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, pos_session_why_not_secured(request));
}

/* Makes a pair pending: the key library's the first time, a new one later. */
static void offer(struct pos_request *request)
{
    struct pos_terminal_write *write = &request->write;
    const struct pos_key_row *row = &request->dossier.row;
    pos_session_write(request, POS_TERMINAL_SIGN_ON);
    write->first_pair = !request->dossier.detail.first_pair_given;
    if (!write->first_pair) {
        request->job = (struct pos_strong_job){
            .work = POS_STRONG_PAIR,
            .pair = {.tmk = row->algorithm, .form = row->form, .write = write}};
        pos_session_secure(request, pair_is_made);
        return;
    }
    write->tpk = row->tpk;
    write->tpk_kcv = row->tpk_kcv;
    write->tak = row->tak;
    write->tak_kcv = row->tak_kcv;
    write->tdk = row->tdk;
    write->tdk_kcv = row->tdk_kcv;
    pos_session_submit(request);
}

void pos_sign_on_fetched(struct pos_request *request)
{
    const struct pos_dossier *dossier = &request->dossier;
    if (!pos_check_dossier(request) ||
        !pos_check_proof(request, !request->policy->sign_on_without_mac, pos_sign_on_fetched) ||
        !pos_check_listener(request) || !pos_check_state(request, &request->hot))
        return;
    if (dossier->hot.state == POS_TERMINAL_ACTIVE && dossier->hot.tak[1].size > 0)
        deliver(request, &dossier->hot, &dossier->detail);
    else
        offer(request);
}

void pos_sign_on_committed(struct pos_request *request)
{
    const struct pos_terminal_write *write = &request->write;
    if (write->outcome == POS_OUTCOME_UNKNOWN)
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
    else if (write->outcome != POS_OUTCOME_STATE)
        deliver(request, &write->hot, &write->detail);
    else if (pos_check_state(request, &write->hot))
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
}

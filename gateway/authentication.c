/*
 * Authentication: is this SMN registered, is this MAC its key's, may it go on. Every request but
 * register, sign-on and echo passes here; the patent's step 6, with a proof.
 */
#include "gateway/session_inside.h"

/* Verifies under the current TAK, then under the pending one; a message that verifies under the
 * pending pair promotes it. */
static enum pos_status verify_under_taks(struct pos_request *request)
{
    const struct pos_terminal_hot *hot = &request->hot;
    enum pos_mac_purpose purpose = pos_policy_uses_ecb(request->policy, hot->algorithm)
                                       ? POS_MAC_WORKING_ECB
                                       : POS_MAC_WORKING;
    enum pos_status status = POS_ERR_MAC;
    if (hot->tak[0].size > 0)
        status = pos_check_mac(request, &hot->tak[0], purpose);
    if (status != POS_ERR_MAC || hot->tak[1].size == 0)
        return status;
    status = pos_check_mac(request, &hot->tak[1], purpose);
    if (status == POS_OK) {
        const struct pos_world *world = &request->session->options.world;
        world->promote(world->context, &request->smn, &hot->tak[1]);
    }
    return status;
}

static enum pos_refusal why_no_mac(const struct pos_request *request)
{
    if (!pos_request_has_mac(request))
        return POS_REFUSAL_NO_MAC;
    bool keyless = request->hot.tak[0].size == 0 && request->hot.tak[1].size == 0;
    return keyless ? POS_REFUSAL_NO_KEY : POS_REFUSAL_BAD_MAC;
}

/* A listener that does not ask for MACs takes a request without one; one that is there must be
 * good. */
static bool mac_is_good(struct pos_request *request)
{
    bool needed = request->policy->mac_required || request->rule->kind == POS_KIND_SIGN_OFF;
    if (!needed && !pos_request_has_mac(request))
        return true;
    enum pos_status status = verify_under_taks(request);
    if (status == POS_OK)
        return true;
    if (status == POS_ERR_BUSY)
        pos_session_bring_key(request, pos_authentication_start);
    else if (status == POS_ERR_MAC)
        pos_reply_code(request, POS_RESPONSE_MAC, why_no_mac(request));
    else
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
    return false;
}

void pos_authentication_start(struct pos_request *request)
{
    if (request->found == POS_ERR_NOT_FOUND) {
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
        return;
    }
    if (request->found != POS_OK) {
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
        return;
    }
    if (!pos_check_listener(request) || !mac_is_good(request) ||
        !pos_check_state(request, &request->hot))
        return;
    if (request->rule->kind == POS_KIND_SIGN_OFF)
        pos_sign_off_start(request);
    else if (request->hot.signed_off)
        pos_reply_code(request, POS_RESPONSE_SIGNED_OFF, POS_REFUSAL_SIGNED_OFF);
    else if (request->rule->kind == POS_KIND_AUTHENTICATE)
        pos_reply_code(request, POS_RESPONSE_APPROVED, POS_REFUSAL_NONE);
    else
        pos_transaction_start(request);
}

void pos_sign_off_start(struct pos_request *request)
{
    pos_session_write(request, POS_TERMINAL_SIGN_OFF);
    pos_session_submit(request);
}

void pos_sign_off_committed(struct pos_request *request)
{
    if (request->write.outcome == POS_OUTCOME_UNKNOWN)
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_SMN);
    else if (request->write.outcome != POS_OUTCOME_STATE ||
             pos_check_state(request, &request->write.hot))
        pos_reply_code(request, POS_RESPONSE_APPROVED, POS_REFUSAL_NONE);
}

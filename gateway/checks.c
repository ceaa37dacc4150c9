/* The checks that several handlers share, each of which answers the request when it fails. */
#include "gateway/session_inside.h"

enum pos_status pos_check_mac(struct pos_request *request, const struct pos_key *key,
                              enum pos_mac_purpose purpose)
{
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    enum pos_status status = pos_message_mac(&request->message, &covered, mac);
    if (status != POS_OK)
        return status;
    struct pos_session *session = request->session;
    status = pos_hsm_verify_mac(session->options.hsm, key, purpose, covered, mac);
    (void)pos_session_count_verb(session, POS_VERB_VERIFY_MAC, status);
    if (status == POS_OK)
        request->proof = (struct pos_proof){.verified = true, .purpose = purpose, .key = *key};
    else if (status == POS_ERR_BUSY)
        request->job = (struct pos_strong_job){.work = POS_STRONG_FETCH,
                                               .fetch = {.key = key, .purpose = purpose}};
    return status;
}

bool pos_request_has_mac(const struct pos_request *request)
{
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    return pos_message_mac(&request->message, &covered, mac) == POS_OK;
}

bool pos_check_proof(struct pos_request *request, bool required,
                     void (*again)(struct pos_request *request))
{
    bool present = pos_request_has_mac(request);
    if (!present && !required)
        return true;
    enum pos_status status =
        pos_check_mac(request, &request->dossier.row.tmk, POS_MAC_REGISTRATION);
    if (status == POS_OK)
        return true;
    if (status == POS_ERR_BUSY)
        pos_session_bring_key(request, again);
    else if (status == POS_ERR_MAC)
        pos_reply_code(request, POS_RESPONSE_MAC,
                       present ? POS_REFUSAL_BAD_PROOF : POS_REFUSAL_NO_MAC);
    else
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_SECURITY_MODULE);
    return false;
}

bool pos_policy_uses_ecb(const struct pos_policy *policy, enum pos_algorithm tmk)
{
    return policy->mac_ecb && pos_algorithm_working(tmk) == POS_ALGORITHM_T2;
}

bool pos_check_listener(struct pos_request *request)
{
    const struct pos_policy *policy = request->policy;
    const struct pos_terminal_hot *hot = &request->hot;
    bool proves = policy->proof_to_register && policy->mac_required;
    bool weaker = pos_policy_uses_ecb(policy, hot->algorithm) && !hot->ecb;
    if (!hot->proved || (proves && !weaker))
        return true;
    pos_reply_code(request, POS_RESPONSE_MAC, POS_REFUSAL_WEAKER_LISTENER);
    return false;
}

bool pos_check_state(struct pos_request *request, const struct pos_terminal_hot *hot)
{
    switch (hot->state) {
    case POS_TERMINAL_ACTIVE:
        return true;
    case POS_TERMINAL_SUSPENDED:
        pos_reply_code(request, POS_RESPONSE_SUSPENDED, POS_REFUSAL_SUSPENDED);
        return false;
    case POS_TERMINAL_REPLACED:
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_REPLACED);
        return false;
    default:
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_REVOKED);
        return false;
    }
}

static bool key_may_be_used(enum pos_key_state state)
{
    return state == POS_KEY_EXPORTED || state == POS_KEY_LOADED || state == POS_KEY_ISSUED;
}

bool pos_check_dossier(struct pos_request *request)
{
    const struct pos_dossier *dossier = &request->dossier;
    if (dossier->status == POS_ERR_NOT_FOUND)
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_INDEX);
    else if (dossier->status == POS_ERR_BUSY)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_OVERLOAD);
    else if (dossier->status != POS_OK)
        pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
    else if (!key_may_be_used(dossier->row.state))
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_INDEX_NOT_ISSUED);
    else
        return true;
    return false;
}

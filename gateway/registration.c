/*
 * Registration: an SMN becomes a row of the terminal table.
 *
 * In this order: well formed (session.c), within its rate, the index known and exported or later,
 * the proof (a MAC under K_reg, which comes from the TMK), then in the committer whose index it is;
 * on disk, and only then answered. On a listener with registration = "open" the proof is not asked
 * for; such a row is marked unproved and gives way to one that proves its key.
 */
#include <string.h>

#include "core/base/log.h"

#include "gateway/session_inside.h"

void pos_registration_start(struct pos_request *request)
{
    if (pos_smn_key_index(&request->smn) < POS_KEY_INDEX_MIN) {
        pos_reply_code(request, POS_RESPONSE_NOT_REGISTERED, POS_REFUSAL_UNKNOWN_INDEX);
        return;
    }
    pos_session_fetch_dossier(request);
}

static bool given_to_another_serial(const struct pos_request *request)
{
    const char *serial = request->dossier.row.serial;
    return serial[0] != '\0' && memcmp(serial, request->smn.text, POS_SERIAL_SIZE) != 0;
}

static void submit_other_serial(struct pos_request *request)
{
    pos_session_write(request, POS_TERMINAL_AUDIT);
    pos_session_record(request, POS_OUTCOME_NONE, "register",
                       "refused: the return file names another serial");
    pos_session_submit(request);
}

static void submit_registration(struct pos_request *request, bool proved)
{
    pos_session_write(request, POS_TERMINAL_REGISTER);
    request->write.proved = proved;
    request->write.algorithm = request->dossier.row.algorithm;
    request->write.ecb = proved && pos_policy_uses_ecb(request->policy, request->write.algorithm);
    if (proved) { /* without a proof nobody may cause a record or an alarm */
        pos_session_record(request, POS_OUTCOME_TAKEN, "register",
                           "refused: another serial holds the index");
        pos_session_record(request, POS_OUTCOME_DISPLACED, "register",
                           "done: displaced an unproven holder of the index");
    }
    pos_session_submit(request);
}

void pos_registration_fetched(struct pos_request *request)
{
    if (!pos_check_dossier(request) ||
        !pos_check_proof(request, request->policy->proof_to_register, pos_registration_fetched))
        return;
    bool proved = request->policy->proof_to_register && request->proof.verified;
    if (!given_to_another_serial(request))
        submit_registration(request, proved);
    else if (proved)
        submit_other_serial(request);
    else
        pos_reply_code(request, POS_RESPONSE_INDEX_TAKEN, POS_REFUSAL_OTHER_SERIAL);
}

void pos_registration_committed(struct pos_request *request)
{
    const struct pos_terminal_write *write = &request->write;
    if (write->operation == POS_TERMINAL_AUDIT) {
        pos_reply_code(request, POS_RESPONSE_INDEX_TAKEN, POS_REFUSAL_OTHER_SERIAL);
        return;
    }
    switch (write->outcome) {
    case POS_OUTCOME_TAKEN:
        if (write->proved)
            pos_log(POS_LOG_WARNING, "clone-alarm", "smn=%s holder=%s", request->smn.text,
                    write->other.text);
        pos_reply_code(request, POS_RESPONSE_INDEX_TAKEN, POS_REFUSAL_INDEX_TAKEN);
        break;
    case POS_OUTCOME_WEAKER:
        pos_reply_code(request, POS_RESPONSE_MAC, POS_REFUSAL_WEAKER_LISTENER);
        break;
    case POS_OUTCOME_STATE:
        if (pos_check_state(request, &write->hot))
            pos_reply_code(request, POS_RESPONSE_MALFUNCTION, POS_REFUSAL_DATABASE);
        break;
    default:
        pos_reply_code(request, POS_RESPONSE_APPROVED, POS_REFUSAL_NONE);
        break;
    }
}

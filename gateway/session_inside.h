/*
 * What the handlers share behind pos_session: registration, sign_on, authentication, transaction,
 * reply. Not for others.
 */
#ifndef POS_GATEWAY_SESSION_INSIDE_H
#define POS_GATEWAY_SESSION_INSIDE_H

#include "core/base/log.h"
#include "gateway/remembered.h"
#include "gateway/session.h"

struct pos_session {
    struct pos_session_options options;
    struct pos_request_pool *pool;
    struct pos_rate_table *registration_rate, *request_rate;
    struct pos_remembered *remembered; /* NULL: every request is looked up */
    uint64_t now_ns, utc_ms;
    uint64_t times_second; /* of which `times` is */
    struct pos_reply_times times;
    char day_hour[6]; /* YDDDHH, the front of an RRN */

    struct pos_request *turn[POS_TURN_REQUEST_COUNT_MAX];
    size_t turn_count;
    struct pos_smn turn_smns[POS_TURN_REQUEST_COUNT_MAX];
    struct pos_terminal_hot turn_rows[POS_TURN_REQUEST_COUNT_MAX];
    enum pos_status turn_found[POS_TURN_REQUEST_COUNT_MAX];
    uint64_t turn_answered; /* of this turn's own requests */
    uint64_t turn_start_ns;

    struct pos_draft draft; /* the reply, or the message to the host, being made */
    uint8_t out[POS_FRAME_SIZE_MAX];
    uint8_t plain[2 * POS_FRAME_BODY_SIZE_MAX]; /* field values on their way to the host */

    struct pos_log_limit format_log, pin_log;
    struct pos_request spare; /* answers 96 when the pool is empty */
};

/* Gives a request back, to the pool or to be spare again. */
void pos_session_release(struct pos_request *request);

/* ---- reply.c ---- */

/* Answers with a code and nothing else, and gives the request back to the pool. */
void pos_reply_code(struct pos_request *request, enum pos_response response,
                    enum pos_refusal refusal);
/* The same in two steps, for replies that carry more: begin, set fields in the returned draft,
 * send. `code` overrides field 39 when it is not NULL (two characters, the host's own). */
struct pos_draft *pos_reply_begin(struct pos_request *request, enum pos_response response);
void pos_reply_send(struct pos_request *request, enum pos_response response,
                    enum pos_refusal refusal, struct pos_bytes host_code);
/* Takes the next RRN for this request (again: the same). POS_ERR_BUSY. */
POS_MUST_USE enum pos_status pos_reply_take_rrn(struct pos_request *request);

/* ---- checks.c ---- */

/* Verifies the request's MAC under `key`, which lives as long as the request; on POS_OK the proof
 * is set. POS_ERR_MAC: absent or wrong; POS_ERR_BUSY: the key must be fetched,
 * pos_session_bring_key does; POS_ERR_HSM and others: could not tell. */
POS_MUST_USE enum pos_status pos_check_mac(struct pos_request *request, const struct pos_key *key,
                                           enum pos_mac_purpose purpose);
bool pos_request_has_mac(const struct pos_request *request);
/* Verifies the MAC with which a terminal proves the dossier's TMK, when there is one or `required`
 * says that there must be. False when the request may not go on: it was answered, or goes on with
 * `again` when the key is there. */
bool pos_check_proof(struct pos_request *request, bool required,
                     void (*again)(struct pos_request *request));
/* The MACs of a terminal with such a TMK are UnionPay's ECB MACs on this listener. */
bool pos_policy_uses_ecb(const struct pos_policy *policy, enum pos_algorithm tmk);
/* A row that proved its key is refused on listeners that ask for less: what is weaker must not undo
 * what is stronger. False: answered with A0. */
bool pos_check_listener(struct pos_request *request);
/* False when the row may not go on, and the request was answered. */
bool pos_check_state(struct pos_request *request, const struct pos_terminal_hot *hot);
/* False when the dossier's key may not be used, and the request was answered. */
bool pos_check_dossier(struct pos_request *request);

/* ---- handlers, each with a request that the turn has looked up ---- */

void pos_registration_start(struct pos_request *request);
void pos_registration_fetched(struct pos_request *request);
void pos_registration_committed(struct pos_request *request);

void pos_sign_on_start(struct pos_request *request);
void pos_sign_on_fetched(struct pos_request *request);
void pos_sign_on_committed(struct pos_request *request);

/* Checks SMN, MAC and state of everything but register and sign-on; goes on to the three below. */
void pos_authentication_start(struct pos_request *request);
void pos_sign_off_start(struct pos_request *request);
void pos_sign_off_committed(struct pos_request *request);

void pos_transaction_start(struct pos_request *request);
void pos_transaction_forward(struct pos_request *request);
void pos_transaction_committed(struct pos_request *request);
void pos_transaction_host_answered(struct pos_request *request, enum pos_status status,
                                   const struct pos_message *reply);

/* ---- pin.c ---- */

/* The request carries a PIN block, in field 52 or in field 59. */
bool pos_pin_present(const struct pos_message *message);
/* Translates it, then goes on with pos_transaction_forward; or answers the request. */
void pos_pin_start(struct pos_request *request);
void pos_pin_fetched(struct pos_request *request);
/* Its part of the message to the host: fields 52, 53 and 59, from request->pin. `memory` must live
 * until the message is encoded; returns the bytes used. */
size_t pos_pin_put(const struct pos_request *request, struct pos_draft *message, char *memory,
                   size_t capacity);
/* Behind the record of a terminal that failed too often. */
void pos_pin_recorded(struct pos_request *request);

/* ---- the security module, where it may wait ---- */

/* Has request->job done and goes on with `then`, maybe from inside this call; job.status says how
 * it went, POS_ERR_BUSY when it could not even wait. */
void pos_session_secure(struct pos_request *request, void (*then)(struct pos_request *request));
/* What a 96 is for when it did not go well. */
enum pos_refusal pos_session_why_not_secured(const struct pos_request *request);
/* Fetches the MAC key that pos_check_mac lacked, then goes on with `again`; answers 96 when it
 * cannot be had. */
void pos_session_bring_key(struct pos_request *request, void (*again)(struct pos_request *request));
/* Counts what the module was asked for and passes the status on. */
enum pos_status pos_session_count_verb(struct pos_session *session, enum pos_verb verb,
                                       enum pos_status status);

/* ---- the table, where one waits for it ---- */

/* Has the rows of the request's key index read, then goes on with its kind's ..._fetched; answers
 * 96 when too many wait. */
void pos_session_fetch_dossier(struct pos_request *request);

/* A durable write in three steps: begin, say what goes into the audit chain if the outcome is this
 * one (at most POS_REQUEST_EVENT_COUNT_MAX; static texts), submit. What the operation takes besides
 * the SMN is put into request->write before the submit, which answers 96 when it cannot. */
void pos_session_write(struct pos_request *request, enum pos_terminal_operation operation);
void pos_session_record(struct pos_request *request, enum pos_terminal_outcome outcome,
                        const char *what, const char *text);
void pos_session_submit(struct pos_request *request);

#endif

/*
 * A mother POS from message to reply: what is asked, by whom it is answered, and the reply's frame.
 * Loading is load.c, handing out is issue.c.
 */
#include "emulator/mother/mother.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/log.h"
#include "core/wire/frame.h"
#include "emulator/mother/inside.h"

static bool note_line(void *context, uint32_t number, struct pos_bytes line)
{
    (void)number;
    return pos_mother_load_note(context, line) == POS_OK;
}

enum pos_status pos_mother_start(struct pos_mother *mother, struct pos_error *error)
{
    struct pos_journal_load held;
    mother->load = (struct pos_mother_load){.open = false};
    enum pos_status status = pos_journal_load_status(mother->journal, &held);
    if (status == POS_OK && held.batch != 0)
        status = pos_journal_load_walk(mother->journal, note_line, mother);
    if (status != POS_OK)
        return pos_error_set(error, status, "the load under way cannot be read: %s",
                             pos_status_text(status));
    if (mother->load.line_count != held.line_count)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "the journal holds %u lines of a load and %u can be read",
                             held.line_count, mother->load.line_count);
    return POS_OK;
}

/* ---- replies ---- */

static void local_times(uint64_t utc_ms, struct pos_reply_times *times)
{
    struct pos_time now = pos_time_local(utc_ms);
    char text[32];
    (void)snprintf(text, sizeof text, "%02u%02u%02u%02u%02u", (unsigned)now.hour % 100u,
                   (unsigned)now.minute % 100u, (unsigned)now.second % 100u,
                   (unsigned)now.month % 100u, (unsigned)now.day % 100u);
    memcpy(times->time, text, sizeof times->time);
    memcpy(times->date, text + sizeof times->time, sizeof times->date);
}

static enum pos_status put_mac(struct pos_mother *mother, const struct pos_key *tmk,
                               const struct pos_encoded *encoded)
{
    uint8_t mac[POS_MAC_SIZE];
    enum pos_status status =
        pos_hsm_make_mac(mother->session, tmk, POS_MAC_REGISTRATION, encoded->covered, mac);
    if (status == POS_OK)
        pos_encoded_set_mac(encoded, mac);
    return status;
}

static enum pos_status put_reply(struct pos_mother *mother, const struct pos_message *request,
                                 const struct pos_kind_rule *rule,
                                 const struct pos_mother_reply *reply, uint64_t utc_ms,
                                 struct pos_buffer *out)
{
    struct pos_draft draft;
    struct pos_reply_times times;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    local_times(utc_ms, &times);
    pos_reply_init(&draft, request, rule, reply->response, &times);
    if (reply->field_62.size > 0)
        pos_draft_set(&draft, 62, reply->field_62);
    if (reply->field_63.size > 0)
        pos_draft_set(&draft, 63, reply->field_63);
    if (reply->mac_key != NULL)
        pos_draft_reserve_mac(&draft);
    size_t start = pos_frame_begin(request->dialect, NULL, true, out);
    enum pos_status status = pos_iso8583_encode(request->dialect, &draft, out, &encoded, &error);
    if (status == POS_OK && reply->mac_key != NULL)
        status = put_mac(mother, reply->mac_key, &encoded);
    if (status == POS_OK)
        return pos_frame_end(out, start);
    out->size = start;
    return status;
}

static void answer(struct pos_mother *mother, const struct pos_message *request,
                   const struct pos_kind_rule *rule, const struct pos_mother_reply *reply,
                   uint64_t utc_ms, struct pos_buffer *out)
{
    enum pos_status status = put_reply(mother, request, rule, reply, utc_ms, out);
    if (status != POS_OK) {
        /* A bare 96 is all that can still be said. */
        const struct pos_mother_reply plain = {.response = POS_RESPONSE_MALFUNCTION};
        pos_log(POS_LOG_ERROR, "reply-failed", "status=%s", pos_status_name(status));
        if (put_reply(mother, request, rule, &plain, utc_ms, out) != POS_OK)
            return;
    }
    if (rule != NULL)
        mother->answers[rule->kind][reply->response]++;
}

/* ---- requests ---- */

static void on_done(struct pos_commit *commit, enum pos_status status)
{
    /* The write is the request's first member, the commit is the write's. */
    struct pos_mother_request *request = (struct pos_mother_request *)(void *)commit;
    request->status = status;
    /* On disk, and the reply not on its way yet. */
    POS_FAILPOINT(request->write.operation == POS_JOURNAL_CONFIRM ? "confirm-synced"
                  : request->write.burned > 0                     ? "issue-burned"
                                                                  : "issue-synced");
    request->completed(request);
}

_Static_assert(offsetof(struct pos_mother_request, write) == 0 &&
                   offsetof(struct pos_journal_write, commit) == 0,
               "on_done finds the request by its commit");

/* True: the write is under way. */
static bool submit(struct pos_mother *mother, const struct pos_message *message, uint64_t utc_ms,
                   struct pos_mother_request *request, struct pos_mother_reply *reply)
{
    request->mother = mother;
    request->message_size = (uint16_t)message->bytes.size;
    memcpy(request->message, message->bytes.data, message->bytes.size);
    request->write.utc_ms = utc_ms;
    request->write.commit.done = on_done;
    POS_FAILPOINT(request->write.operation == POS_JOURNAL_CONFIRM ? "confirm-verified"
                                                                  : "issue-asked");
    enum pos_status status = pos_journal_submit(mother->journal, &request->write);
    if (status == POS_OK)
        return true;
    pos_log(POS_LOG_ERROR, "journal-not-writable", "status=%s", pos_status_name(status));
    reply->response = POS_RESPONSE_MALFUNCTION;
    return false;
}

/* Both write to the journal. True: `request` waits for it; false: `reply` is there. */
static bool issue(struct pos_mother *mother, const struct pos_message *message, enum pos_kind kind,
                  uint64_t utc_ms, struct pos_mother_request *request,
                  struct pos_mother_reply *reply)
{
    if (request == NULL) {
        reply->response = POS_RESPONSE_MALFUNCTION;
        return false;
    }
    request->write = (struct pos_journal_write){.allow_rekey = mother->allow_rekey};
    request->proved = false;
    bool writes = kind == POS_KIND_KEY_REQUEST
                      ? pos_mother_key_request(mother, message, request, reply)
                      : pos_mother_key_confirm(mother, message, request, reply);
    return writes && submit(mother, message, utc_ms, request, reply);
}

static void log_format(struct pos_mother *mother, unsigned field, const char *reason,
                       uint64_t utc_ms)
{
    uint32_t suppressed;
    if (pos_log_allow(&mother->log_limit, POS_MOTHER_LOG_PER_SECOND_MAX, utc_ms, &suppressed))
        pos_log(POS_LOG_WARNING, "format-error", "field=%u reason=\"%s\" suppressed=%u", field,
                reason, suppressed);
}

static bool is_mothers(const struct pos_kind_rule *rule)
{
    return rule != NULL && rule->link == POS_LINK_MOTHER;
}

enum pos_mother_result pos_mother_begin(struct pos_mother *mother, struct pos_bytes bytes,
                                        uint64_t utc_ms, struct pos_mother_request *request,
                                        struct pos_buffer *out)
{
    struct pos_message message;
    struct pos_decode_error decode_error;
    const struct pos_kind_rule *rule = NULL;
    unsigned missing = 0;
    struct pos_mother_reply reply = {.response = POS_RESPONSE_FORMAT};
    bool decoded =
        pos_iso8583_decode(&pos_dialect_iso87b, bytes, &message, &decode_error) == POS_OK;
    if (!pos_mti_is_request(message.mti))
        return POS_MOTHER_CLOSE;
    enum pos_status status = pos_message_classify(&message, &rule, &missing);
    if (!decoded)
        log_format(mother, decode_error.field, pos_decode_reason_text(decode_error.reason), utc_ms);
    else if (status == POS_ERR_NOT_FOUND || !is_mothers(rule))
        reply.response = POS_RESPONSE_NOT_SUPPORTED;
    else if (status != POS_OK)
        log_format(mother, missing, "missing", utc_ms);
    else if (rule->kind == POS_KIND_LOAD)
        pos_mother_load_line(mother, pos_message_raw(&message, 62), &reply);
    else if (rule->kind == POS_KIND_LOAD_STATUS)
        pos_mother_load_status(mother, &reply);
    else if (issue(mother, &message, rule->kind, utc_ms, request, &reply))
        return POS_MOTHER_PENDING;
    if (!decoded || !is_mothers(rule))
        rule = NULL; /* only what could be read is repeated */
    answer(mother, &message, rule, &reply, utc_ms, out);
    return POS_MOTHER_ANSWERED;
}

void pos_mother_finish(struct pos_mother_request *request, uint64_t utc_ms, struct pos_buffer *out)
{
    struct pos_message message;
    struct pos_decode_error error;
    const struct pos_kind_rule *rule;
    unsigned missing;
    struct pos_mother_reply reply = {.response = POS_RESPONSE_MALFUNCTION};
    /* It was decoded once; its views are made again over the copy. */
    if (pos_iso8583_decode(&pos_dialect_iso87b, pos_bytes(request->message, request->message_size),
                           &message, &error) != POS_OK ||
        pos_message_classify(&message, &rule, &missing) != POS_OK)
        return;
    pos_mother_key_done(request, &reply);
    answer(request->mother, &message, rule, &reply, utc_ms, out);
}

void pos_mother_log_answers(const struct pos_mother *mother)
{
    for (int kind = 0; kind < POS_KIND_COUNT; kind++)
        for (int response = 0; response < POS_RESPONSE_COUNT; response++)
            if (mother->answers[kind][response] > 0)
                pos_log(POS_LOG_INFO, "answers", "message=%s code=%s count=%llu",
                        pos_kind_rule((enum pos_kind)kind)->name,
                        pos_response_code((enum pos_response)response),
                        (unsigned long long)mother->answers[kind][response]);
}

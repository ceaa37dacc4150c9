#include "emulator/host/answer.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/wire/frame.h"

/* True for `percent` of the calls, evenly spread: the nth call is counted in `n`. */
static bool is_due(uint64_t n, uint32_t percent)
{
    return (n + 1) * percent / 100 > n * percent / 100;
}

/* One request under way. */
struct answer {
    struct pos_host *host;
    const struct pos_frame *frame;
    struct pos_message request;
    bool decoded;
    bool mac_good; /* so the reply carries one */
};

/* ---- what the ledger keeps ---- */

/* A field that may be spaced out or absent, as one word. */
static void keep_text(const struct pos_message *message, unsigned field, char *text, size_t size)
{
    struct pos_bytes value = pos_message_value(message, field, text, size - 1);
    while (value.size > 0 && text[value.size - 1] == ' ')
        value.size--;
    text[value.size] = '\0';
    for (size_t i = 0; i < value.size; i++)
        if (text[i] == ' ' || text[i] == '|')
            text[i] = '_';
    if (value.size == 0)
        (void)snprintf(text, size, "-");
}

static void keep_pan(const struct pos_message *message, struct pos_host_entry *entry)
{
    char pan[40];
    struct pos_bytes value = pos_message_value(message, 2, pan, sizeof pan - 1);
    if (value.size == 0)
        value = pos_message_value(message, 35, pan, sizeof pan - 1);
    pan[value.size] = '\0';
    char *separator = strchr(pan, '=');
    if (separator != NULL)
        *separator = '\0';
    pos_log_pan(pan, entry->pan);
    if (entry->pan[0] == '\0')
        (void)snprintf(entry->pan, sizeof entry->pan, "-");
}

static void keep(const struct pos_message *message, const struct pos_kind_rule *rule,
                 struct pos_host_entry *entry)
{
    *entry = (struct pos_host_entry){.kind = rule == NULL ? "unknown" : rule->name,
                                     .mti = message->mti,
                                     .amount = pos_message_number(message, 4, 0)};
    keep_pan(message, entry);
    keep_text(message, 7, entry->time, sizeof entry->time);
    keep_text(message, 11, entry->stan, sizeof entry->stan);
    keep_text(message, 37, entry->rrn, sizeof entry->rrn);
    keep_text(message, 41, entry->tid, sizeof entry->tid);
    keep_text(message, 42, entry->mid, sizeof entry->mid);
}

/* ---- the reply ---- */

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

/* Codes that only a host gives (05, 51, ...) are not in posgate's list: the draft's 39 is set over.
 */
static bool put_reply(const struct answer *answer, const struct pos_kind_rule *rule,
                      enum pos_response response, uint64_t utc_ms,
                      const struct pos_host_entry *entry, struct pos_buffer *out)
{
    const struct pos_message *request = &answer->request;
    struct pos_draft draft;
    struct pos_reply_times times;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    local_times(utc_ms, &times);
    pos_reply_init(&draft, request, rule, response, &times);
    pos_draft_set(&draft, 39, pos_bytes_text(entry->code));
    if (response != POS_RESPONSE_FORMAT)
        pos_draft_echo(&draft, 37, request);
    if (entry->approval[0] != '\0')
        pos_draft_set(&draft, 38, pos_bytes_text(entry->approval));
    if (answer->mac_good)
        pos_draft_reserve_mac(&draft);
    size_t start = pos_frame_begin(request->dialect, answer->frame, true, out);
    if (pos_iso8583_encode(request->dialect, &draft, out, &encoded, &error) == POS_OK &&
        (!answer->mac_good || pos_host_keys_put_mac(answer->host->keys, &encoded) == POS_OK))
        return pos_frame_end(out, start) == POS_OK;
    out->size = start;
    return false;
}

/* A request that asks the issuer for approval, so that a decline means something. */
static bool asks_for_approval(const struct pos_kind_rule *rule)
{
    return rule->mti == 0x0100 || rule->mti == 0x0200 || rule->mti == 0x0220;
}

static void decide(struct pos_host *host, const struct pos_kind_rule *rule,
                   struct pos_host_entry *entry)
{
    bool declined = asks_for_approval(rule) && host->decline_code[0] != '\0' &&
                    is_due(host->financial_count++, host->decline_percent);
    memcpy(entry->code, declined ? host->decline_code : "00", sizeof entry->code);
    if (!declined && asks_for_approval(rule))
        (void)snprintf(entry->approval, sizeof entry->approval, "%06u",
                       ++host->approval_count % 1000000u);
}

static bool is_hosts(const struct pos_kind_rule *rule)
{
    return rule != NULL && (rule->link == POS_LINK_HOST || rule->kind == POS_KIND_ECHO);
}

/* What is wrong with a request before anybody decides about it; in the gateway's order of checks.
 * An echo between gateway and host names no terminal, moves nothing, and may come without a MAC. */
static enum pos_response check(struct answer *answer, const struct pos_kind_rule *rule,
                               bool complete, struct pos_host_entry *entry)
{
    const struct pos_host_keys *keys = answer->host->keys;
    if (!answer->decoded)
        return POS_RESPONSE_FORMAT;
    if (!is_hosts(rule))
        return POS_RESPONSE_NOT_SUPPORTED;
    bool echo = rule->kind == POS_KIND_ECHO;
    if (!complete && !echo)
        return POS_RESPONSE_FORMAT;
    if (pos_host_keys_have_mac(keys)) {
        answer->mac_good = pos_host_keys_mac_is_good(keys, &answer->request);
        if (!answer->mac_good && !echo)
            return POS_RESPONSE_MAC;
    }
    entry->pin_result =
        pos_host_keys_open_pin(keys, &answer->request, &entry->pin, &entry->pin_format);
    return entry->pin_result == POS_HOST_PIN_WRONG ? POS_RESPONSE_PIN : POS_RESPONSE_APPROVED;
}

enum pos_host_result pos_host_answer(struct pos_host *host, const struct pos_frame *frame,
                                     uint64_t utc_ms, struct pos_buffer *out,
                                     struct pos_host_entry *entry)
{
    struct answer answer = {.host = host, .frame = frame};
    struct pos_decode_error error;
    const struct pos_kind_rule *rule = NULL;
    unsigned missing;
    answer.decoded =
        pos_iso8583_decode(host->dialect, frame->message, &answer.request, &error) == POS_OK;
    if (!pos_mti_is_request(answer.request.mti))
        return POS_HOST_CLOSE;
    bool complete = pos_message_classify(&answer.request, &rule, &missing) == POS_OK;
    keep(&answer.request, rule, entry);
    enum pos_response response = check(&answer, rule, complete, entry);
    if (response == POS_RESPONSE_APPROVED && rule->kind != POS_KIND_ECHO &&
        is_due(host->request_count++, host->silent_percent))
        return POS_HOST_SILENT;
    if (response == POS_RESPONSE_APPROVED)
        decide(host, rule, entry);
    else
        memcpy(entry->code, pos_response_code(response), sizeof entry->code);
    return put_reply(&answer, answer.decoded && is_hosts(rule) ? rule : NULL, response, utc_ms,
                     entry, out)
               ? POS_HOST_ANSWERED
               : POS_HOST_SILENT;
}

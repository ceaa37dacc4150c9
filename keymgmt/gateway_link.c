#include "keymgmt/gateway_link.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/admin_socket.h"
#include "core/base/hex.h"

enum {
    INDEXES_A_REQUEST = 256, /* what the gateway takes */
    SMNS_A_REQUEST = 128,    /* what fits one of its lines */
    ANSWER_SIZE_MAX = 64 * 1024,
    TIMEOUT_SECONDS = 30,
    LONG_TIMEOUT_SECONDS = 3600, /* a scrub of a large table */
};

struct pos_gateway_link {
    struct pos_admin_socket socket;
    const char *who;
    char answer[ANSWER_SIZE_MAX];
};

enum pos_status pos_gateway_link_open(const char *path, const char *who,
                                      struct pos_gateway_link **link, struct pos_error *error)
{
    struct pos_gateway_link *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the gateway's answers");
    made->who = who;
    enum pos_status status = pos_admin_socket_open(path, &made->socket, error);
    if (status == POS_OK)
        *link = made;
    else
        free(made);
    return status;
}

void pos_gateway_link_close(struct pos_gateway_link *link)
{
    if (link == NULL)
        return;
    pos_admin_socket_close(&link->socket);
    free(link);
}

/* ---- asking ---- */

static enum pos_status status_of(const char *name)
{
    for (int status = POS_OK + 1; status < POS_STATUS_COUNT; status++)
        if (name != NULL && strcmp(pos_status_name((enum pos_status)status), name) == 0)
            return (enum pos_status)status;
    return POS_ERR_MISMATCH;
}

/* *answer is owned by the caller when it is POS_OK. */
static enum pos_status read_answer(const struct pos_gateway_link *link, json_t **answer,
                                   struct pos_error *error)
{
    *answer = json_loads(link->answer, 0, NULL);
    if (json_is_true(json_object_get(*answer, "ok")))
        return POS_OK;
    const char *words = json_string_value(json_object_get(*answer, "error"));
    enum pos_status status = status_of(json_string_value(json_object_get(*answer, "status")));
    (void)pos_error_set(error, status, "the gateway at %s refuses: %s", link->socket.path,
                        words == NULL ? "its answer cannot be read" : words);
    json_decref(*answer);
    *answer = NULL;
    return status;
}

/* Gives the request up. */
static enum pos_status ask(struct pos_gateway_link *link, json_t *request, int timeout_seconds,
                           json_t **answer, struct pos_error *error)
{
    *answer = NULL;
    (void)json_object_set_new(request, "operator", json_string(link->who));
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to ask the gateway");
    enum pos_status status =
        pos_admin_socket_ask(&link->socket, pos_bytes_text(text), timeout_seconds, link->answer,
                             sizeof link->answer, error);
    free(text);
    return status == POS_OK ? read_answer(link, answer, error) : status;
}

/* {"sequence": N, "hash": "..."} */
static json_t *record_object(const struct pos_audit_head *record)
{
    char hash[2 * POS_AUDIT_HASH_SIZE + 1];
    pos_hex_encode(pos_bytes(record->hash, sizeof record->hash), hash);
    return json_pack("{s:I, s:s}", "sequence", (json_int_t)record->sequence, "hash", hash);
}

static uint64_t count_in(const json_t *answer, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(answer, name));
    return value > 0 ? (uint64_t)value : 0;
}

/* One request; gives `targets` up. */
static enum pos_status change_some(struct pos_gateway_link *link, enum pos_gateway_change change,
                                   const struct pos_audit_head *begun, json_t *targets,
                                   struct pos_gateway_tally *tally, struct pos_error *error)
{
    static const char *const commands[] = {[POS_GATEWAY_SUSPEND] = "terminals suspend",
                                           [POS_GATEWAY_REVOKE] = "terminals revoke",
                                           [POS_GATEWAY_ERASE] = "terminals erase"};
    json_t *answer;
    json_t *request = json_pack("{s:s, s:o, s:o}", "command", commands[change], "begun",
                                record_object(begun), "terminals", targets);
    if (request == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to ask the gateway");
    enum pos_status status = ask(link, request, TIMEOUT_SECONDS, &answer, error);
    if (status != POS_OK)
        return status;
    tally->changed += count_in(answer, "changed");
    tally->unknown += count_in(answer, "unknown");
    tally->terminals += json_array_size(json_object_get(answer, "terminals"));
    json_decref(answer);
    return POS_OK;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum pos_status pos_gateway_link_change(struct pos_gateway_link *link,
                                        enum pos_gateway_change change,
                                        const struct pos_audit_head *begun, const uint32_t *indexes,
                                        size_t count, struct pos_gateway_tally *tally,
                                        struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (size_t done = 0; status == POS_OK && done < count; done += INDEXES_A_REQUEST) {
        json_t *targets = json_array();
        for (size_t i = 0; i < least(count - done, INDEXES_A_REQUEST); i++)
            (void)json_array_append_new(targets, json_integer(indexes[done + i]));
        status = change_some(link, change, begun, targets, tally, error);
    }
    return status;
}

enum pos_status
pos_gateway_link_change_smns(struct pos_gateway_link *link, enum pos_gateway_change change,
                             const struct pos_audit_head *begun, const struct pos_smn *smns,
                             size_t count, struct pos_gateway_tally *tally, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (size_t done = 0; status == POS_OK && done < count; done += SMNS_A_REQUEST) {
        json_t *targets = json_array();
        for (size_t i = 0; i < least(count - done, SMNS_A_REQUEST); i++)
            (void)json_array_append_new(targets, json_string(smns[done + i].text));
        status = change_some(link, change, begun, targets, tally, error);
    }
    return status;
}

/* Gives the request up; for those whose answer says no more than that it is done. */
static enum pos_status have_done(struct pos_gateway_link *link, json_t *request,
                                 struct pos_error *error)
{
    json_t *answer;
    enum pos_status status = ask(link, request, LONG_TIMEOUT_SECONDS, &answer, error);
    json_decref(answer);
    return status;
}

enum pos_status pos_gateway_link_catch_up(struct pos_gateway_link *link,
                                          const struct pos_audit_head *record,
                                          struct pos_error *error)
{
    json_t *request = record_object(record);
    if (request == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to ask the gateway");
    (void)json_object_set_new(request, "command", json_string("library catch-up"));
    return have_done(link, request, error);
}

enum pos_status pos_gateway_link_scrub(struct pos_gateway_link *link, struct pos_error *error)
{
    json_t *request = json_pack("{s:s}", "command", "table scrub");
    if (request == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to ask the gateway");
    return have_done(link, request, error);
}

#include "keymgmt/gateway_link.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/hex.h"

enum {
    INDEXES_A_REQUEST = 256, /* what the gateway takes */
    SMNS_A_REQUEST = 128,    /* what fits one of its lines */
    ANSWER_SIZE_MAX = 64 * 1024,
    TIMEOUT_SECONDS = 30,
    LONG_TIMEOUT_SECONDS = 3600, /* a scrub of a large table */
};

struct pos_gateway_link {
    int socket;
    const char *path, *who;
    char answer[ANSWER_SIZE_MAX];
};

/* ---- the socket ---- */

static enum pos_status explain_connect(const char *path, int number, struct pos_error *error)
{
    if (number == EACCES || number == EPERM)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "the gateway's socket %s is not for this user: run this as the user "
                             "that the gateway runs as",
                             path);
    return pos_error_set(
        error, POS_ERR_UNREACHABLE,
        "no gateway answers at %s: %s. Is it running, and is this the admin.socket "
        "of its configuration?",
        path, strerror(number));
}

enum pos_status pos_gateway_link_open(const char *path, const char *who,
                                      struct pos_gateway_link **link, struct pos_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return pos_error_set(error, POS_ERR_USAGE,
                             "the gateway's socket is a path of 1 to %zu "
                             "characters",
                             sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct pos_gateway_link *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the gateway's answers");
    made->path = path;
    made->who = who;
    made->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made->socket < 0 ||
        connect(made->socket, (const struct sockaddr *)&address, sizeof address) != 0) {
        int number = errno;
        pos_gateway_link_close(made);
        return explain_connect(path, number, error);
    }
    *link = made;
    return POS_OK;
}

void pos_gateway_link_close(struct pos_gateway_link *link)
{
    if (link == NULL)
        return;
    if (link->socket >= 0)
        (void)close(link->socket);
    free(link);
}

static enum pos_status network_failure(const struct pos_gateway_link *link, int number,
                                       struct pos_error *error)
{
    if (number == EAGAIN || number == EWOULDBLOCK)
        return pos_error_set(error, POS_ERR_TIMEOUT, "the gateway at %s gives no answer in time",
                             link->path);
    return pos_error_set(error, POS_ERR_NETWORK, "the gateway at %s cannot be spoken to: %s",
                         link->path, strerror(number));
}

static enum pos_status send_line(struct pos_gateway_link *link, char *text, struct pos_error *error)
{
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the NUL; it is not read as text any more */
    for (size_t sent = 0; sent < size + 1;) {
        ssize_t count = send(link->socket, text + sent, size + 1 - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR)
            return network_failure(link, errno, error);
        sent += count > 0 ? (size_t)count : 0;
    }
    return POS_OK;
}

/* One line; nothing follows it, because one request is asked at a time. */
static enum pos_status receive_line(struct pos_gateway_link *link, struct pos_error *error)
{
    for (size_t size = 0; size < ANSWER_SIZE_MAX - 1;) {
        ssize_t count = recv(link->socket, link->answer + size, ANSWER_SIZE_MAX - 1 - size, 0);
        if (count == 0)
            return pos_error_set(error, POS_ERR_CLOSED,
                                 "the gateway at %s ended before it answered", link->path);
        if (count < 0 && errno != EINTR)
            return network_failure(link, errno, error);
        size += count > 0 ? (size_t)count : 0;
        if (size > 0 && link->answer[size - 1] == '\n') {
            link->answer[size - 1] = '\0';
            return POS_OK;
        }
    }
    return pos_error_set(error, POS_ERR_LENGTH, "the gateway at %s answers too much", link->path);
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
    (void)pos_error_set(error, status, "the gateway at %s refuses: %s", link->path,
                        words == NULL ? "its answer cannot be read" : words);
    json_decref(*answer);
    *answer = NULL;
    return status;
}

static enum pos_status exchange(struct pos_gateway_link *link, char *text, int timeout_seconds,
                                json_t **answer, struct pos_error *error)
{
    const struct timeval patience = {.tv_sec = timeout_seconds};
    (void)setsockopt(link->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(link->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    enum pos_status status = send_line(link, text, error);
    if (status == POS_OK)
        status = receive_line(link, error);
    return status == POS_OK ? read_answer(link, answer, error) : status;
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
    enum pos_status status = exchange(link, text, timeout_seconds, answer, error);
    free(text);
    return status;
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

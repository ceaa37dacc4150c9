#include "gateway/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "gateway/admin_inside.h"

enum {
    LINE_SIZE_MAX = 4000,
    IDLE_TIMEOUT_MS = 3600000, /* a task may take long, and nothing is sent meanwhile */
    OPERATOR_SIZE_MAX = 64,
};

/* ---- answers ---- */

json_t *pos_admin_refused(enum pos_status status, const char *text)
{
    return json_pack("{s:b, s:s, s:s}", "ok", 0, "status", pos_status_name(status), "error", text);
}

void pos_admin_set_time(json_t *object, const char *name, uint64_t utc_ms)
{
    char text[POS_TIME_TEXT_SIZE];
    if (utc_ms == 0)
        return;
    pos_time_text(utc_ms, 0, text);
    json_object_set_new(object, name, json_string(text));
}

void pos_admin_set_kcv(json_t *object, const char *name, const struct pos_kcv *kcv)
{
    char text[POS_KCV_TEXT_SIZE];
    pos_kcv_text(kcv, text);
    json_object_set_new(object, name, json_string(text));
}

json_t *pos_admin_hot_object(const struct pos_smn *smn, const struct pos_terminal_hot *hot)
{
    return json_pack(
        "{s:s, s:i, s:s, s:s, s:b, s:b, s:s, s:s, s:i, s:b, s:b}", "smn", smn->text, "key_index",
        (int)pos_smn_key_index(smn), "state", pos_terminal_state_name(hot->state), "algorithm",
        pos_algorithm_name(hot->algorithm), "proved", hot->proved, "signed_off", hot->signed_off,
        "tid", hot->tid, "mid", hot->mid, "version", (int)hot->version, "keys_current",
        hot->tak[0].size > 0, "keys_pending", hot->tak[1].size > 0);
}

void pos_admin_answer(struct pos_connection *connection, json_t *answer)
{
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
    if (text != NULL) {
        pos_connection_write(connection, pos_bytes_text(text));
        pos_connection_write(connection, pos_bytes_text("\n"));
    } else {
        pos_connection_close(connection, POS_CLOSE_DONE);
    }
    free(text);
    json_decref(answer);
}

/* ---- commands ---- */

static const struct {
    const char *name;
    pos_admin_command *run;
} commands[] = {
    {"status", pos_admin_status},
    {"terminal find", pos_admin_find},
    {"terminal show", pos_admin_show},
    {"terminal bind", pos_admin_bind},
    {"terminal suspend", pos_admin_suspend},
    {"terminal resume", pos_admin_resume},
    {"terminal revoke", pos_admin_revoke},
    {"terminals suspend", pos_admin_suspend_many},
    {"terminals revoke", pos_admin_revoke_many},
    {"terminals erase", pos_admin_erase_many},
    {"library catch-up", pos_admin_catch_up},
    {"table scrub", pos_admin_scrub},
    {"backup", pos_admin_backup},
    {"reload", pos_admin_reload},
    {"log-level", pos_admin_log_level},
};

static json_t *run_command(struct pos_admin *admin, json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "command"));
    const char *asker = json_string_value(json_object_get(request, "operator"));
    char who[OPERATOR_SIZE_MAX + 1] = "posgatectl";
    if (asker != NULL && asker[0] != '\0')
        (void)snprintf(who, sizeof who, "%s", asker);
    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(admin, request, who);
    return pos_admin_refused(POS_ERR_USAGE, "no such command");
}

static void answer_line(struct pos_admin *admin, struct pos_connection *connection,
                        struct pos_bytes line)
{
    json_error_t where;
    admin->asking = connection;
    admin->later = false;
    json_t *request = json_loadb((const char *)line.data, line.size, 0, &where);
    json_t *answer = json_is_object(request)
                         ? run_command(admin, request)
                         : pos_admin_refused(POS_ERR_FORMAT, "not a JSON object on one line");
    if (!admin->later)
        pos_admin_answer(connection, answer);
    json_decref(request);
}

/* ---- connections ---- */

static void opened(void *context, struct pos_connection *connection)
{
    (void)context;
    (void)connection;
}

static size_t bytes_arrived(void *context, struct pos_connection *connection,
                            struct pos_bytes bytes)
{
    size_t used = 0;
    const uint8_t *end;
    while (used < bytes.size &&
           (end = memchr(bytes.data + used, '\n', bytes.size - used)) != NULL) {
        size_t size = (size_t)(end - bytes.data) - used;
        answer_line(context, connection, pos_bytes(bytes.data + used, size));
        used += size + 1;
    }
    if (bytes.size - used > LINE_SIZE_MAX) {
        pos_connection_close(connection, POS_CLOSE_FRAME);
        return bytes.size;
    }
    return used;
}

static void closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    (void)context;
    (void)connection;
    (void)reason;
}

static const struct pos_connection_events events = {
    .opened = opened, .bytes = bytes_arrived, .closed = closed};

enum pos_status pos_admin_open(struct pos_gateway *gateway, struct pos_error *error)
{
    struct pos_admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the admin socket");
    admin->gateway = gateway;
    gateway->admin = admin;
    const struct pos_connection_options options = {.idle_timeout_ms = IDLE_TIMEOUT_MS,
                                                   .write_queue_size_max = 4u << 20};
    enum pos_status status =
        pos_listener_open_local(gateway->admin_loop, gateway->settings->admin.socket, &options,
                                &events, admin, &admin->listener, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "admin socket");
    return POS_OK;
}

void pos_admin_close(struct pos_gateway *gateway)
{
    if (gateway->admin != NULL)
        pos_admin_task_join(gateway->admin);
}

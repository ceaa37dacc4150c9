#include "gateway/admin.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/version.h"
#include "gateway/metrics.h"
#include "gateway/reload.h"

enum {
    LINE_SIZE_MAX = 4000,
    FIND_COUNT_MAX = 1000,
    IDLE_TIMEOUT_MS = 60000,
    OPERATOR_SIZE_MAX = 32,
    REPORT_SIZE_MAX = 32768,
};

struct admin {
    struct pos_gateway *gateway;
    struct pos_listener *listener;
    struct pos_gateway_counters sum;
    struct pos_reload reload;
    char text[REPORT_SIZE_MAX];
};

/* ---- answers ---- */

static json_t *refused(enum pos_status status, const char *text)
{
    return json_pack("{s:b, s:s, s:s}", "ok", 0, "status", pos_status_name(status), "error", text);
}

static void set_time(json_t *object, const char *name, uint64_t utc_ms)
{
    char text[POS_TIME_TEXT_SIZE];
    if (utc_ms == 0)
        return;
    pos_time_text(utc_ms, 0, text);
    json_object_set_new(object, name, json_string(text));
}

static void set_kcv(json_t *object, const char *name, const struct pos_kcv *kcv)
{
    char text[POS_KCV_TEXT_SIZE];
    pos_kcv_text(kcv, text);
    json_object_set_new(object, name, json_string(text));
}

static json_t *hot_object(const struct pos_smn *smn, const struct pos_terminal_hot *hot)
{
    return json_pack(
        "{s:s, s:i, s:s, s:s, s:b, s:b, s:s, s:s, s:i, s:b, s:b}", "smn", smn->text, "key_index",
        (int)pos_smn_key_index(smn), "state", pos_terminal_state_name(hot->state), "algorithm",
        pos_algorithm_name(hot->algorithm), "proved", hot->proved, "signed_off", hot->signed_off,
        "tid", hot->tid, "mid", hot->mid, "version", (int)hot->version, "keys_current",
        hot->tak[0].size > 0, "keys_pending", hot->tak[1].size > 0);
}

/* ---- status ---- */

static json_t *counted_replies(const struct pos_gateway_counters *sum)
{
    json_t *codes = json_object();
    for (size_t code = 0; code <= POS_COUNT_RESPONSE_OTHER; code++) {
        uint64_t count = 0;
        for (size_t kind = 0; kind <= POS_COUNT_KIND_OTHER; kind++)
            count += pos_counter_read(&sum->replies[kind][code]);
        if (count > 0)
            json_object_set_new(codes,
                                code == POS_COUNT_RESPONSE_OTHER
                                    ? "other"
                                    : pos_response_code((enum pos_response)code),
                                json_integer((json_int_t)count));
    }
    return codes;
}

static json_t *counted_terminals(const struct pos_gateway *gateway)
{
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    json_t *states = json_object();
    pos_terminal_table_counts(gateway->table, counts);
    for (size_t i = POS_TERMINAL_NONE + 1; i < POS_TERMINAL_STATE_COUNT; i++)
        json_object_set_new(states, pos_terminal_state_name((enum pos_terminal_state)i),
                            json_integer((json_int_t)counts[i]));
    return states;
}

static json_t *opened_listeners(const struct pos_gateway *gateway)
{
    json_t *listeners = json_array();
    for (uint32_t i = 0; i < gateway->settings->listener_count; i++) {
        const struct pos_listener_settings *listener = &gateway->settings->listeners[i];
        json_array_append_new(
            listeners,
            json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "address", listener->address, "port",
                      gateway->ports[i], "dialect", listener->dialect_name, "registration",
                      listener->registration == POS_REGISTRATION_PROOF ? "proof" : "open",
                      "authentication",
                      listener->authentication == POS_AUTHENTICATION_MAC ? "mac" : "smn",
                      "sign_on_mac",
                      listener->sign_on_mac == POS_SIGN_ON_MAC_REQUIRED ? "required" : "absent"));
    }
    return listeners;
}

static json_t *status_command(struct admin *admin, json_t *request, const char *who)
{
    const struct pos_gateway *gateway = admin->gateway;
    (void)request;
    (void)who;
    struct pos_committer_stats stats;
    pos_terminal_table_stats(gateway->table, &stats);
    pos_metrics_sum(gateway, &admin->sum);
    struct pos_kcv lmk = pos_hsm_lmk_kcv(gateway->hsm);
    json_t *answer = json_pack(
        "{s:b, s:s, s:s, s:i, s:I, s:i, s:i, s:b, s:b, s:I, s:I, s:i, s:s, s:i}", "ok", 1,
        "version", pos_version_line(), "commit", pos_version_commit(), "pid", (int)getpid(),
        "uptime_seconds", (json_int_t)((pos_clock_utc_ms() - gateway->started_utc_ms) / 1000),
        "loops", (int)gateway->worker_count, "connections",
        (int)pos_admission_count(gateway->admission), "database_writable", !stats.failed,
        "disk_low", pos_disk_low(&gateway->disk), "commits", (json_int_t)stats.commits, "syncs",
        (json_int_t)stats.syncs, "host_connections", (int)pos_counter_read(&admin->sum.host_up),
        "security_module", pos_hsm_describe(gateway->hsm), "metrics_port",
        (int)gateway->metrics_port);
    set_kcv(answer, "lmk", &lmk);
    json_object_set_new(answer, "listeners", opened_listeners(gateway));
    json_object_set_new(answer, "terminals", counted_terminals(gateway));
    json_object_set_new(answer, "replies", counted_replies(&admin->sum));
    return answer;
}

/* ---- terminals ---- */

/* NULL when request["smn"] is a good SMN, else the refusal. */
static json_t *read_smn(json_t *request, struct pos_smn *smn)
{
    const char *text = json_string_value(json_object_get(request, "smn"));
    if (text == NULL || pos_smn_parse(pos_bytes_text(text), smn) != POS_OK)
        return refused(POS_ERR_USAGE, "smn: 8 characters of A-Z and 0-9, then 8 digits, as in "
                                      "123L013K00000278");
    return NULL;
}

struct finding {
    json_t *rows;
    const char *prefix;
    size_t limit;
};

static bool add_found(void *context, const struct pos_smn *smn, const struct pos_terminal_hot *hot)
{
    struct finding *finding = context;
    if (strncmp(smn->text, finding->prefix, strlen(finding->prefix)) != 0)
        return false;
    json_array_append_new(finding->rows, hot_object(smn, hot));
    return json_array_size(finding->rows) < finding->limit;
}

static json_t *find_command(struct admin *admin, json_t *request, const char *who)
{
    (void)who;
    const char *prefix = json_string_value(json_object_get(request, "prefix"));
    json_int_t limit = json_integer_value(json_object_get(request, "limit"));
    if (prefix == NULL || strlen(prefix) > POS_SMN_SIZE)
        return refused(POS_ERR_USAGE,
                       "prefix: the first characters of the SMNs to find, at most 16");
    if (limit < 1 || limit > FIND_COUNT_MAX)
        limit = FIND_COUNT_MAX;
    struct pos_smn first = {{0}};
    memset(first.text, '0', POS_SMN_SIZE);
    memcpy(first.text, prefix, strlen(prefix));
    struct finding finding = {.rows = json_array(), .prefix = prefix, .limit = (size_t)limit};
    enum pos_status status =
        pos_terminal_table_walk(admin->gateway->table, &first, add_found, &finding);
    if (status != POS_OK) {
        json_decref(finding.rows);
        return refused(status, pos_status_text(status));
    }
    return json_pack("{s:b, s:o}", "ok", 1, "terminals", finding.rows);
}

static json_t *show_command(struct admin *admin, json_t *request, const char *who)
{
    (void)who;
    struct pos_smn smn;
    json_t *refusal = read_smn(request, &smn);
    if (refusal != NULL)
        return refusal;
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
    enum pos_status status;
    pos_terminal_table_find(admin->gateway->table, &smn, 1, &hot, &status);
    if (status == POS_OK)
        status = pos_terminal_table_find_detail(admin->gateway->table, &smn, &detail);
    if (status != POS_OK)
        return refused(status, status == POS_ERR_NOT_FOUND ? "no such terminal is registered"
                                                           : pos_status_text(status));
    json_t *row = hot_object(&smn, &hot);
    set_kcv(row, "tpk_kcv", &detail.tpk_kcv[0]);
    set_kcv(row, "tak_kcv", &detail.tak_kcv[0]);
    set_kcv(row, "tpk_kcv_pending", &detail.tpk_kcv[1]);
    set_kcv(row, "tak_kcv_pending", &detail.tak_kcv[1]);
    set_time(row, "registered", detail.registered_ms);
    set_time(row, "signed_on", detail.signed_on_ms);
    set_time(row, "changed", detail.changed_ms);
    return json_pack("{s:b, s:o}", "ok", 1, "terminal", row);
}

static json_t *written(const struct pos_terminal_write *write, enum pos_status status)
{
    if (status != POS_OK)
        return refused(status, "the change could not be written; nothing was changed");
    if (write->outcome == POS_OUTCOME_UNKNOWN)
        return refused(POS_ERR_NOT_FOUND, "no such terminal is registered");
    if (write->outcome == POS_OUTCOME_STATE)
        return refused(POS_ERR_STATE, pos_terminal_state_name(write->hot.state));
    return json_pack("{s:b, s:b, s:o}", "ok", 1, "changed", write->outcome == POS_OUTCOME_CHANGED,
                     "terminal", hot_object(&write->smn, &write->hot));
}

static json_t *run_write(struct admin *admin, struct pos_terminal_write *write, const char *who,
                         const char *what, const char *outcome)
{
    const struct pos_audit_event event = {.utc_ms = pos_clock_utc_ms(),
                                          .who = who,
                                          .what = what,
                                          .on_what = write->smn.text,
                                          .outcome = outcome};
    write->utc_ms = event.utc_ms;
    write->events[POS_OUTCOME_CHANGED] = &event;
    enum pos_status status = pos_terminal_table_run(admin->gateway->table, write);
    write->events[POS_OUTCOME_CHANGED] = NULL;
    return written(write, status);
}

static json_t *change_state(struct admin *admin, json_t *request, const char *who,
                            enum pos_terminal_state state, const char *what)
{
    struct pos_terminal_write write = {.operation = POS_TERMINAL_SET_STATE, .state = state};
    json_t *refusal = read_smn(request, &write.smn);
    if (refusal != NULL)
        return refusal;
    return run_write(admin, &write, who, what, "done");
}

static json_t *suspend_command(struct admin *admin, json_t *request, const char *who)
{
    return change_state(admin, request, who, POS_TERMINAL_SUSPENDED, "suspend");
}

static json_t *resume_command(struct admin *admin, json_t *request, const char *who)
{
    return change_state(admin, request, who, POS_TERMINAL_ACTIVE, "resume");
}

static json_t *revoke_command(struct admin *admin, json_t *request, const char *who)
{
    return change_state(admin, request, who, POS_TERMINAL_REVOKED, "revoke");
}

/* ---- the running gateway ---- */

static json_t *name_list(const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *reload_command(struct admin *admin, json_t *request, const char *who)
{
    struct pos_gateway *gateway = admin->gateway;
    struct pos_reload *reload = &admin->reload;
    (void)request;
    pos_log(POS_LOG_INFO, "reload", "operator=\"%s\"", who);
    enum pos_status status = pos_gateway_reload(gateway->settings_path, gateway->settings, reload);
    pos_reload_log(reload, gateway->settings_path);
    if (status == POS_OK)
        return json_pack("{s:b, s:o, s:o}", "ok", 1, "applied",
                         name_list(reload->applied, reload->applied_count), "needs_restart",
                         name_list(reload->needs_restart, reload->needs_restart_count));
    struct pos_buffer text = pos_buffer(admin->text, sizeof admin->text - 1);
    pos_buffer_put_text(&text, "the old settings stay:\n");
    pos_config_report_format(&reload->report, &text);
    admin->text[text.size] = '\0';
    return refused(status, admin->text);
}

static json_t *log_level_command(struct admin *admin, json_t *request, const char *who)
{
    const char *name = json_string_value(json_object_get(request, "level"));
    int level = name == NULL ? -1 : pos_log_level_parse(name);
    (void)admin;
    if (level < 0)
        return refused(POS_ERR_USAGE, "level: debug, info, warning or error");
    pos_log(POS_LOG_WARNING, "log-level", "level=%s operator=\"%s\"", name, who);
    pos_log_set_level((enum pos_log_level)level);
    return json_pack("{s:b, s:s}", "ok", 1, "level", name);
}

static bool characters_only(const char *text, size_t size)
{
    if (text == NULL || strlen(text) != size)
        return false;
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7E)
            return false;
    return true;
}

static json_t *bind_command(struct admin *admin, json_t *request, const char *who)
{
    struct pos_terminal_write write = {.operation = POS_TERMINAL_BIND, .force = true};
    json_t *refusal = read_smn(request, &write.smn);
    if (refusal != NULL)
        return refusal;
    const char *tid = json_string_value(json_object_get(request, "tid"));
    const char *mid = json_string_value(json_object_get(request, "mid"));
    if (!characters_only(tid, POS_TID_SIZE) || !characters_only(mid, POS_MID_SIZE))
        return refused(POS_ERR_USAGE, "tid has exactly 8 and mid exactly 15 printable characters");
    memcpy(write.tid, tid, POS_TID_SIZE);
    memcpy(write.mid, mid, POS_MID_SIZE);
    return run_write(admin, &write, who, "bind", "done");
}

/* ---- commands ---- */

static const struct {
    const char *name;
    json_t *(*run)(struct admin *admin, json_t *request, const char *who);
} commands[] = {
    {"status", status_command},
    {"terminal find", find_command},
    {"terminal show", show_command},
    {"terminal bind", bind_command},
    {"terminal suspend", suspend_command},
    {"terminal resume", resume_command},
    {"terminal revoke", revoke_command},
    {"reload", reload_command},
    {"log-level", log_level_command},
};

static json_t *run_command(struct admin *admin, json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "command"));
    const char *asker = json_string_value(json_object_get(request, "operator"));
    char who[OPERATOR_SIZE_MAX + 1] = "posgatectl";
    if (asker != NULL && asker[0] != '\0')
        (void)snprintf(who, sizeof who, "%s", asker);
    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(admin, request, who);
    return refused(POS_ERR_USAGE, "no such command");
}

static void answer_line(struct admin *admin, struct pos_connection *connection,
                        struct pos_bytes line)
{
    json_error_t where;
    json_t *request = json_loadb((const char *)line.data, line.size, 0, &where);
    json_t *answer = json_is_object(request)
                         ? run_command(admin, request)
                         : refused(POS_ERR_FORMAT, "not a JSON object on one line");
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
    if (text != NULL) {
        pos_connection_write(connection, pos_bytes_text(text));
        pos_connection_write(connection, pos_bytes_text("\n"));
    } else {
        pos_connection_close(connection, POS_CLOSE_DONE);
    }
    free(text);
    json_decref(answer);
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
    struct admin *admin = calloc(1, sizeof *admin);
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

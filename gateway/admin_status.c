/* The admin commands about the running gateway: how it is, its configuration, its log. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/version.h"
#include "gateway/admin_inside.h"
#include "gateway/metrics.h"

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

/* Whether they share the work. */
static json_t *loaded_loops(const struct pos_gateway *gateway)
{
    json_t *loops = json_array();
    for (uint32_t i = 0; i < gateway->worker_count; i++) {
        struct pos_loop_load load;
        pos_metrics_loop(gateway, i, &load);
        json_array_append_new(loops, json_pack("{s:I, s:I, s:I}", "connections",
                                               (json_int_t)load.connections, "opened",
                                               (json_int_t)load.opened, "replies",
                                               (json_int_t)load.replies));
    }
    return loops;
}

static void add_lookup(const struct pos_gateway *gateway, json_t *answer)
{
    struct pos_terminal_room room;
    pos_terminal_table_measure(gateway->table, &room);
    bool remembers = gateway->settings->lookup == POS_LOOKUP_REMEMBERED;
    json_object_set_new(answer, "lookup", json_string(remembers ? "remembered" : "each"));
    json_object_set_new(answer, "lookup_mode", json_string(room.holds ? "batched" : "tiered"));
    json_object_set_new(answer, "hot_table_bytes", json_integer((json_int_t)room.hot_size));
    json_object_set_new(answer, "cache_bytes", json_integer((json_int_t)room.cache_size));
}

json_t *pos_admin_status(struct pos_admin *admin, json_t *request, const char *who)
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
    pos_admin_set_kcv(answer, "lmk", &lmk);
    add_lookup(gateway, answer);
    json_object_set_new(answer, "by_loop", loaded_loops(gateway));
    json_object_set_new(answer, "listeners", opened_listeners(gateway));
    json_object_set_new(answer, "terminals", counted_terminals(gateway));
    json_object_set_new(answer, "replies", counted_replies(&admin->sum));
    return answer;
}

/* ---- configuration and log ---- */

static json_t *name_list(const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

json_t *pos_admin_reload(struct pos_admin *admin, json_t *request, const char *who)
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
    return pos_admin_refused(status, admin->text);
}

json_t *pos_admin_log_level(struct pos_admin *admin, json_t *request, const char *who)
{
    const char *name = json_string_value(json_object_get(request, "level"));
    int level = name == NULL ? -1 : pos_log_level_parse(name);
    (void)admin;
    if (level < 0)
        return pos_admin_refused(POS_ERR_USAGE, "level: debug, info, warning or error");
    pos_log(POS_LOG_WARNING, "log-level", "level=%s operator=\"%s\"", name, who);
    pos_log_set_level((enum pos_log_level)level);
    return json_pack("{s:b, s:s}", "ok", 1, "level", name);
}

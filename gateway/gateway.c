#include "gateway/gateway.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exit_code.h"
#include "core/base/file.h"
#include "core/base/secret.h"
#include "gateway/admin.h"
#include "gateway/descriptors.h"
#include "gateway/metrics_server.h"
#include "gateway/reload.h"
#include "gateway/table_anchor.h"

enum {
    DRAIN_LIMIT_MS = 5000,
    CREDENTIAL_SIZE_MAX = 4096,
    MIB_SHIFT = 20,
};

/* ---- opening ---- */

static enum pos_status reserve_rrns(void *context, uint64_t count, uint64_t *first)
{
    struct pos_gateway *gateway = context;
    return pos_terminal_table_reserve(gateway->table, count, first);
}

/* On the committer's thread; a record that gets no MAC is not written, nor what it is about. */
static enum pos_status make_audit_mac(void *context, struct pos_bytes record,
                                      uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    return pos_hsm_audit_mac(context, record, mac);
}

/* The chain, zeroed, with who seals it. */
static struct pos_audit_writer init_chain(struct pos_gateway *gateway)
{
    struct pos_audit_writer writer = pos_audit_chain_init(&gateway->chain);
    gateway->chain.sealer =
        (struct pos_audit_sealer){.mac = make_audit_mac, .context = gateway->audit_session};
    return writer;
}

/* With its first write, which a disk without room refuses even when it lets the table be opened. */
static enum pos_status try_table(struct pos_gateway *gateway, struct pos_error *error)
{
    char anchor[POS_ANCHOR_PATH_SIZE_MAX];
    struct pos_anchor_report found;
    pos_table_anchor_path(gateway->settings, anchor);
    const struct pos_terminal_table_options options = {
        .path = gateway->settings->database.path,
        .anchor = {.path = anchor, .accept_old = gateway->accept_old_table, .report = &found},
        .create_if_missing = true,
        .cache_size = (size_t)gateway->settings->database.cache_mb << MIB_SHIFT,
        .audit = init_chain(gateway)};
    enum pos_status status = pos_terminal_table_open(&options, &gateway->table, error);
    if (status != POS_OK)
        return status;
    status = pos_table_anchor_tell(gateway->table, &found, anchor, error);
    gateway->rrns = (struct pos_rrn_blocks){.save = reserve_rrns, .context = gateway};
    if (status == POS_OK && (status = pos_rrn_blocks_start(&gateway->rrns)) != POS_OK)
        (void)pos_error_set(error, status, "it opens, but cannot be written");
    if (status == POS_OK)
        return POS_OK;
    pos_terminal_table_close(gateway->table);
    gateway->table = NULL;
    return status;
}

static enum pos_status open_table(struct pos_gateway *gateway, struct pos_error *error)
{
    const char *path = gateway->settings->database.path;
    enum pos_status status = try_table(gateway, error);
    return status == POS_OK ? POS_OK : pos_error_prefix(error, "terminal table %s", path);
}

static enum pos_status open_library(struct pos_gateway *gateway, struct pos_error *error)
{
    const char *path = gateway->settings->key_library.path;
    char scratch[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(scratch, sizeof scratch, "%s.follow", gateway->settings->database.path);
    if (gateway->library != NULL)
        return POS_OK;
    enum pos_status status = pos_file_make_folder(scratch, error);
    if (status == POS_OK)
        status = pos_key_library_follow(path, scratch, &gateway->library, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "key library %s", path);
    return POS_OK;
}

static enum pos_status try_stores(struct pos_gateway *gateway, struct pos_error *error)
{
    enum pos_status status = open_library(gateway, error);
    return status == POS_OK ? open_table(gateway, error) : status;
}

/* Both write a little on the table's disk. Without room for that the ballast is given up for it. */
static enum pos_status open_stores(struct pos_gateway *gateway, struct pos_error *error)
{
    const struct pos_gateway_settings *settings = gateway->settings;
    const struct pos_disk_options disk = {
        .folder = settings->database.path,
        .ballast_size = (uint64_t)settings->database.ballast_mb << MIB_SHIFT,
        .low_water = (uint64_t)settings->database.low_water_mb << MIB_SHIFT};
    enum pos_status status = pos_file_make_folder(disk.folder, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "terminal table %s", disk.folder);
    pos_disk_init(&gateway->disk, &disk);
    status = try_stores(gateway, error);
    if (status == POS_ERR_DATABASE && pos_disk_drop_ballast(&gateway->disk))
        status = try_stores(gateway, error);
    return status;
}

static enum pos_status open_with_secret(struct pos_gateway *gateway, struct pos_bytes secret,
                                        struct pos_error *error)
{
    const struct pos_gateway_settings *settings = gateway->settings;
    const struct pos_hsm_options options = {
        .kind = settings->security_module.kind,
        .secret = secret,
        .lmk_file = settings->security_module.lmk_file,
        .module = settings->security_module.module,
        .token = settings->security_module.token,
        .lmk_label = settings->security_module.lmk_label,
        .session_count = settings->security_module.token_sessions,
    };
    return pos_hsm_open(&options, &gateway->hsm, error);
}

static enum pos_status open_module(struct pos_gateway *gateway, struct pos_error *error)
{
    const char *file = gateway->settings->security_module.credential_file;
    uint8_t *secret = NULL;
    size_t size = 0;
    enum pos_status status = pos_file_read_secret(file, CREDENTIAL_SIZE_MAX, &secret, &size, error);
    if (status == POS_OK) {
        /* as posgate-keymgmt sealed the LMK under it */
        struct pos_bytes line = pos_bytes_without_line_end(pos_bytes(secret, size));
        status = open_with_secret(gateway, line, error);
        pos_secret_destroy(secret, size + 1);
    }
    if (status == POS_OK &&
        (status = pos_hsm_session_open(gateway->hsm, &gateway->audit_session)) != POS_OK)
        (void)pos_error_set(error, status, "no session for the audit records: %s",
                            pos_status_text(status));
    return status == POS_OK ? POS_OK : pos_error_prefix(error, "security module");
}

/* Half of the keys would not open. The mark is posgate-keymgmt's (its rotate.h). */
static enum pos_status check_rotation(const struct pos_gateway_settings *settings,
                                      struct pos_error *error)
{
    char mark[POS_PATH_SIZE_MAX + 16];
    const char *path = settings->key_library.path;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    (void)snprintf(mark, sizeof mark, "%.*s.rotating", (int)size, path);
    if (access(mark, F_OK) != 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_STATE,
                         "the LMK of key library %s is being rotated, or was when something broke "
                         "off: finish it with 'posgate-keymgmt lmk rotate', then start",
                         path);
}

enum pos_status pos_gateway_open(struct pos_gateway *gateway, struct pos_gateway_settings *settings,
                                 const char *settings_path, bool accept_old_table,
                                 struct pos_error *error)
{
    *gateway = (struct pos_gateway){.settings = settings,
                                    .settings_path = settings_path,
                                    .started_utc_ms = pos_clock_utc_ms(),
                                    .accept_old_table = accept_old_table};
    enum pos_status status = check_rotation(settings, error);
    if (status == POS_OK)
        status = open_module(gateway, error);
    if (status == POS_OK)
        status = open_stores(gateway, error);
    if (status == POS_OK)
        status = pos_host_keys_check(settings, gateway->library, error);
    if (status != POS_OK)
        pos_gateway_close(gateway);
    return status;
}

/* ---- serving ---- */

static uint32_t loop_count(const struct pos_gateway_settings *settings)
{
    if (settings->loops > 0)
        return settings->loops;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1)
        return 1;
    return cores > POS_LOOP_COUNT_MAX ? POS_LOOP_COUNT_MAX : (uint32_t)cores;
}

/* As many as the limits promise, or as there are descriptors for. */
static enum pos_status admit_connections(struct pos_gateway *gateway, struct pos_error *error)
{
    const struct pos_gateway_settings *settings = gateway->settings;
    uint32_t connections;
    enum pos_status status =
        pos_descriptors_take(settings->limits.connections, &connections, error);
    if (connections == 0)
        return status;
    if (status != POS_OK)
        pos_log(POS_LOG_WARNING, "descriptor-limit", "connections=%u reason=\"%s\"", connections,
                error->text);
    status = pos_admission_create(connections, settings->limits.connections_per_address,
                                  &gateway->admission);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status, "cannot start: %s", pos_status_text(status));
}

static enum pos_status create_workers(struct pos_gateway *gateway, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    uint32_t count = loop_count(gateway->settings);
    for (uint32_t i = 0; i < count && status == POS_OK; i++) {
        const struct pos_worker_options options = {.number = i,
                                                   .worker_count = count,
                                                   .settings = gateway->settings,
                                                   .hsm = gateway->hsm,
                                                   .table = gateway->table,
                                                   .library = gateway->library,
                                                   .clerk = gateway->clerk,
                                                   .readers = gateway->readers,
                                                   .room = gateway->room,
                                                   .pin_limit = gateway->pin_limit,
                                                   .disk = &gateway->disk,
                                                   .rrns = &gateway->rrns,
                                                   .admission = gateway->admission,
                                                   .ports = gateway->ports};
        status = pos_worker_create(&options, &gateway->workers[i], error);
        if (status == POS_OK)
            gateway->worker_count++;
    }
    return status;
}

static void drain(void *context, int signal)
{
    struct pos_gateway *gateway = context;
    pos_log(POS_LOG_INFO, "stopping", "signal=%d", signal);
    for (uint32_t i = 0; i < gateway->worker_count; i++)
        pos_worker_drain(gateway->workers[i], DRAIN_LIMIT_MS);
    pos_loop_stop(gateway->admin_loop);
}

static void hang_up(void *context, int signal)
{
    static struct pos_reload reload;
    struct pos_gateway *gateway = context;
    (void)signal;
    enum pos_status status = pos_gateway_reload(gateway->settings_path, gateway->settings, &reload);
    pos_reload_log(&reload, gateway->settings_path);
    if (status != POS_OK)
        pos_log(POS_LOG_ERROR, "reload-failed", "reason=\"%s\" action=\"the old settings stay\"",
                pos_status_text(status));
}

static enum pos_status start_strongroom(struct pos_gateway *gateway, struct pos_error *error)
{
    const struct pos_gateway_settings *settings = gateway->settings;
    const struct pos_strongroom_options options = {
        .hsm = gateway->hsm,
        .thread_count = settings->security_module.threads,
        .patience_ms = settings->security_module.queue_timeout_ms};
    if (!pos_hsm_waits(gateway->hsm))
        return POS_OK;
    return pos_strongroom_start(&options, &gateway->room, error);
}

static enum pos_status prepare(struct pos_gateway *gateway, struct pos_error *error)
{
    const struct pos_gateway_settings *settings = gateway->settings;
    for (uint32_t i = 0; i < settings->listener_count; i++)
        gateway->ports[i] = settings->listeners[i].port;
    const struct pos_clerk_options clerk = {.library = gateway->library,
                                            .table = gateway->table,
                                            .disk = &gateway->disk,
                                            .rrns = &gateway->rrns,
                                            .follow_interval_ms =
                                                settings->key_library.follow_interval_ms};
    pos_disk_check(&gateway->disk);
    enum pos_status status = pos_clerk_start(&clerk, &gateway->clerk);
    if (status == POS_OK)
        status = pos_readers_start(gateway->table, settings->database.readers, &gateway->readers);
    if (status == POS_OK)
        status =
            pos_pin_limit_create(settings->limits.pin_failures_per_terminal, &gateway->pin_limit);
    if (status == POS_OK)
        status = pos_loop_create(&gateway->admin_loop);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot start: %s", pos_status_text(status));
    status = admit_connections(gateway, error);
    if (status == POS_OK)
        status = start_strongroom(gateway, error);
    return status == POS_OK ? create_workers(gateway, error) : status;
}

static enum pos_status open_admin(struct pos_gateway *gateway, struct pos_error *error)
{
    enum pos_status status = pos_admin_open(gateway, error);
    if (status == POS_OK)
        status = pos_metrics_server_open(gateway, error);
    if (status == POS_OK &&
        (pos_loop_on_signal(gateway->admin_loop, SIGTERM, drain, gateway) != POS_OK ||
         pos_loop_on_signal(gateway->admin_loop, SIGINT, drain, gateway) != POS_OK ||
         pos_loop_on_signal(gateway->admin_loop, SIGHUP, hang_up, gateway) != POS_OK))
        status = pos_error_set(error, POS_ERR_LIMIT, "cannot catch signals");
    return status;
}

static void say_lookup(const struct pos_gateway *gateway)
{
    struct pos_terminal_room room;
    pos_terminal_table_measure(gateway->table, &room);
    pos_log(room.holds ? POS_LOG_INFO : POS_LOG_WARNING, "look-ups",
            "mode=%s hot_table_bytes=%llu cache_bytes=%llu lookup=%s%s",
            room.holds ? "batched" : "tiered", (unsigned long long)room.hot_size,
            (unsigned long long)room.cache_size,
            gateway->settings->lookup == POS_LOOKUP_REMEMBERED ? "remembered" : "each",
            room.holds ? "" : " action=\"make database.cache_mb larger, if there is memory\"");
}

static void say_ready(const struct pos_gateway *gateway)
{
    char kcv[POS_KCV_TEXT_SIZE];
    struct pos_kcv lmk = pos_hsm_lmk_kcv(gateway->hsm);
    pos_kcv_text(&lmk, kcv);
    pos_log(POS_LOG_INFO, "security-module", "module=\"%s\" lmk=%s", pos_hsm_describe(gateway->hsm),
            kcv);
    for (uint32_t i = 0; i < gateway->settings->listener_count; i++) {
        const struct pos_listener_settings *listener = &gateway->settings->listeners[i];
        pos_log(POS_LOG_INFO, "listening",
                "address=%s port=%u dialect=%s registration=%s authentication=%s sign_on_mac=%s "
                "mac=%s",
                listener->address, gateway->ports[i], listener->dialect_name,
                listener->registration == POS_REGISTRATION_PROOF ? "proof" : "open",
                listener->authentication == POS_AUTHENTICATION_MAC ? "mac" : "smn",
                listener->sign_on_mac == POS_SIGN_ON_MAC_REQUIRED ? "required" : "absent",
                listener->mac == POS_MAC_MODE_ISO ? "iso" : "cup-ecb");
    }
    say_lookup(gateway);
    pos_log(POS_LOG_INFO, "ready", "loops=%u pid=%ld", gateway->worker_count, (long)getpid());
}

enum pos_status pos_gateway_serve(struct pos_gateway *gateway, struct pos_error *error)
{
    enum pos_status status = prepare(gateway, error);
    if (status == POS_OK)
        status = open_admin(gateway, error);
    for (uint32_t i = 0; i < gateway->worker_count && status == POS_OK; i++)
        status = pos_worker_start(gateway->workers[i]);
    if (status != POS_OK) {
        for (uint32_t i = 0; i < gateway->worker_count; i++)
            pos_worker_drain(gateway->workers[i], 0);
        return status;
    }
    say_ready(gateway);
    pos_loop_run(gateway->admin_loop);
    return POS_OK;
}

/* A thread is in the module and does not come back: nothing that it may touch can be let go of, and
 * what was answered is on disk. */
static void end_in_spite_of_module(void)
{
    pos_log(POS_LOG_ERROR, "security-module-hangs",
            "action=\"ended without closing it; look at the module before the next start\"");
    _exit(POS_EXIT_ABSENT);
}

/* Loops first, then the threads that complete what the loops asked for, then the loops' memory. */
void pos_gateway_close(struct pos_gateway *gateway)
{
    for (uint32_t i = 0; i < gateway->worker_count; i++)
        pos_worker_join(gateway->workers[i]);
    pos_admin_close(gateway);
    bool room_left = pos_strongroom_stop(gateway->room, DRAIN_LIMIT_MS);
    pos_clerk_stop(gateway->clerk);
    pos_readers_stop(gateway->readers);
    if (gateway->table != NULL)
        pos_terminal_table_close(gateway->table);
    if (!room_left)
        end_in_spite_of_module();
    for (uint32_t i = 0; i < gateway->worker_count; i++)
        pos_worker_destroy(gateway->workers[i]);
    if (gateway->admin_loop != NULL)
        pos_loop_destroy(gateway->admin_loop);
    pos_strongroom_destroy(gateway->room);
    pos_pin_limit_destroy(gateway->pin_limit);
    free(gateway->admin);
    free(gateway->metrics_server);
    pos_admission_destroy(gateway->admission);
    if (gateway->library != NULL)
        pos_key_library_close(gateway->library);
    if (gateway->audit_session != NULL)
        pos_hsm_session_close(gateway->audit_session);
    if (gateway->hsm != NULL)
        pos_hsm_close(gateway->hsm);
    *gateway = (struct pos_gateway){0};
}

/*
 * The whole gateway: opens the table, the key library, the security module and the workers; serves
 * until it is told to stop; closes in the order that loses nothing.
 */
#ifndef POS_GATEWAY_GATEWAY_H
#define POS_GATEWAY_GATEWAY_H

#include "core/audit/chain.h"
#include "gateway/settings.h"
#include "gateway/worker.h"

struct pos_gateway {
    struct pos_gateway_settings *settings;
    const char *settings_path; /* of the file they came from */
    uint64_t started_utc_ms;
    bool accept_old_table; /* --accept-old-table */
    struct pos_audit_chain chain;
    struct pos_disk disk;
    struct pos_terminal_table *table;
    struct pos_rrn_blocks rrns;
    struct pos_key_library *library;
    struct pos_hsm *hsm;
    struct pos_hsm_session *audit_session; /* the committer's, for the MACs of audit records */
    struct pos_clerk *clerk;
    struct pos_readers *readers;
    struct pos_strongroom *room; /* NULL where the security module does not wait */
    struct pos_pin_limit *pin_limit;
    struct pos_admission *admission;
    struct pos_worker *workers[POS_LOOP_COUNT_MAX];
    uint32_t worker_count;
    uint16_t ports[POS_LISTENER_COUNT_MAX]; /* as they are, where the settings say 0 */
    struct pos_loop *admin_loop;
    void *admin;          /* gateway/admin.c's own */
    void *metrics_server; /* gateway/metrics_server.c's own */
    uint16_t metrics_port;
};

/* Opens what the settings name: table, key library, security module. For --check too. The settings
 * are borrowed until close; a reload changes what may be changed in them. `accept_old_table`: a
 * table that is older than its anchor is opened, once, which is logged and recorded. */
POS_MUST_USE enum pos_status pos_gateway_open(struct pos_gateway *gateway,
                                              struct pos_gateway_settings *settings,
                                              const char *settings_path, bool accept_old_table,
                                              struct pos_error *error);
/* Serves until SIGTERM or SIGINT; what is under way then has a moment to finish. */
POS_MUST_USE enum pos_status pos_gateway_serve(struct pos_gateway *gateway,
                                               struct pos_error *error);
void pos_gateway_close(struct pos_gateway *gateway);

#endif

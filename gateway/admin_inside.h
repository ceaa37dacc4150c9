/* What the files of the admin socket share. Everything here runs on the admin loop's thread. */
#ifndef POS_GATEWAY_ADMIN_INSIDE_H
#define POS_GATEWAY_ADMIN_INSIDE_H

#include <jansson.h>

#include "gateway/admin.h"
#include "gateway/reload.h"

enum { POS_ADMIN_REPORT_SIZE_MAX = 32768 };

struct pos_admin_task;

struct pos_admin {
    struct pos_gateway *gateway;
    struct pos_listener *listener;
    struct pos_connection *asking; /* whose line is being answered */
    bool later;                    /* a task will answer */
    struct pos_admin_task *task;   /* under way; NULL: none */
    struct pos_gateway_counters sum;
    struct pos_reload reload;
    char text[POS_ADMIN_REPORT_SIZE_MAX];
};

/* A command: the answer, owned by the caller; NULL when a task will answer, or there is no memory.
 */
typedef json_t *pos_admin_command(struct pos_admin *admin, json_t *request, const char *who);

pos_admin_command pos_admin_status, pos_admin_reload, pos_admin_log_level;
pos_admin_command pos_admin_find, pos_admin_show, pos_admin_bind;
pos_admin_command pos_admin_suspend, pos_admin_resume, pos_admin_revoke;
pos_admin_command pos_admin_suspend_many, pos_admin_revoke_many, pos_admin_erase_many;
pos_admin_command pos_admin_catch_up, pos_admin_scrub, pos_admin_backup;

/* ---- answers ---- */

json_t *pos_admin_refused(enum pos_status status, const char *text);
void pos_admin_set_time(json_t *object, const char *name, uint64_t utc_ms); /* 0: not set */
void pos_admin_set_kcv(json_t *object, const char *name, const struct pos_kcv *kcv);
json_t *pos_admin_hot_object(const struct pos_smn *smn, const struct pos_terminal_hot *hot);
/* Writes the answer, and gives it up. */
void pos_admin_answer(struct pos_connection *connection, json_t *answer);

/* ---- the audit records of keymgmt that stand behind what is asked ---- */

/* {"sequence": N, "hash": "64 hex"}: POS_OK when the key library, as this gateway has read it, has
 * that very record; *record and `text` (POS_AUDIT_RECORD_SIZE_MAX) as for pos_audit_read.
 * POS_ERR_USAGE: not such an object; POS_ERR_NOT_FOUND: not read yet; POS_ERR_MISMATCH: another
 * library's. */
POS_MUST_USE enum pos_status pos_admin_find_record(struct pos_admin *admin, json_t *named,
                                                   char *text, struct pos_audit_record *record);
/* NULL when `request` names ("begun") the record with which keymgmt began one of `actions` (ended
 * by NULL), which has not ended: two people have agreed to it. Else the refusal. *sequence is the
 * record's. */
json_t *pos_admin_check_begun(struct pos_admin *admin, json_t *request, const char *const *actions,
                              uint64_t *sequence);

/* ---- what takes long: gateway/admin_task.c ---- */

/* Waits for the thread of a task that is under way. After the loop has ended. */
void pos_admin_task_join(struct pos_admin *admin);

#endif

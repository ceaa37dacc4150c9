/* The admin commands about one terminal, or a look at some. */
#include <string.h>

#include "core/base/clock.h"
#include "gateway/admin_inside.h"

enum { FIND_COUNT_MAX = 1000 };

/* NULL when request["smn"] is a good SMN, else the refusal. */
static json_t *read_smn(json_t *request, struct pos_smn *smn)
{
    const char *text = json_string_value(json_object_get(request, "smn"));
    if (text == NULL || pos_smn_parse(pos_bytes_text(text), smn) != POS_OK)
        return pos_admin_refused(POS_ERR_USAGE,
                                 "smn: 8 characters of A-Z and 0-9, then 8 digits, as in "
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
    json_array_append_new(finding->rows, pos_admin_hot_object(smn, hot));
    return json_array_size(finding->rows) < finding->limit;
}

json_t *pos_admin_find(struct pos_admin *admin, json_t *request, const char *who)
{
    (void)who;
    const char *prefix = json_string_value(json_object_get(request, "prefix"));
    json_int_t limit = json_integer_value(json_object_get(request, "limit"));
    if (prefix == NULL || strlen(prefix) > POS_SMN_SIZE)
        return pos_admin_refused(POS_ERR_USAGE,
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
        return pos_admin_refused(status, pos_status_text(status));
    }
    return json_pack("{s:b, s:o}", "ok", 1, "terminals", finding.rows);
}

json_t *pos_admin_show(struct pos_admin *admin, json_t *request, const char *who)
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
        return pos_admin_refused(status, status == POS_ERR_NOT_FOUND
                                             ? "no such terminal is registered"
                                             : pos_status_text(status));
    json_t *row = pos_admin_hot_object(&smn, &hot);
    pos_admin_set_kcv(row, "tpk_kcv", &detail.tpk_kcv[0]);
    pos_admin_set_kcv(row, "tak_kcv", &detail.tak_kcv[0]);
    pos_admin_set_kcv(row, "tpk_kcv_pending", &detail.tpk_kcv[1]);
    pos_admin_set_kcv(row, "tak_kcv_pending", &detail.tak_kcv[1]);
    pos_admin_set_time(row, "registered", detail.registered_ms);
    pos_admin_set_time(row, "signed_on", detail.signed_on_ms);
    pos_admin_set_time(row, "changed", detail.changed_ms);
    return json_pack("{s:b, s:o}", "ok", 1, "terminal", row);
}

static json_t *written(const struct pos_terminal_write *write, enum pos_status status)
{
    if (status != POS_OK)
        return pos_admin_refused(status, "the change could not be written; nothing was changed");
    if (write->outcome == POS_OUTCOME_UNKNOWN)
        return pos_admin_refused(POS_ERR_NOT_FOUND, "no such terminal is registered");
    if (write->outcome == POS_OUTCOME_STATE)
        return pos_admin_refused(POS_ERR_STATE, pos_terminal_state_name(write->hot.state));
    return json_pack("{s:b, s:b, s:o}", "ok", 1, "changed", write->outcome == POS_OUTCOME_CHANGED,
                     "terminal", pos_admin_hot_object(&write->smn, &write->hot));
}

static json_t *run_write(struct pos_admin *admin, struct pos_terminal_write *write, const char *who,
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

static json_t *change_state(struct pos_admin *admin, json_t *request, const char *who,
                            enum pos_terminal_state state, const char *what)
{
    struct pos_terminal_write write = {.operation = POS_TERMINAL_SET_STATE, .state = state};
    json_t *refusal = read_smn(request, &write.smn);
    if (refusal != NULL)
        return refusal;
    return run_write(admin, &write, who, what, "done");
}

json_t *pos_admin_suspend(struct pos_admin *admin, json_t *request, const char *who)
{
    return change_state(admin, request, who, POS_TERMINAL_SUSPENDED, "suspend");
}

/* NULL, or the refusal: nobody comes back with a key that is known to others, or is no more. */
static json_t *check_key(struct pos_admin *admin, json_t *request)
{
    struct pos_smn smn;
    struct pos_key_row row;
    json_t *refusal = read_smn(request, &smn);
    if (refusal != NULL)
        return refusal;
    enum pos_status status =
        pos_key_library_find(admin->gateway->library, pos_smn_key_index(&smn), &row);
    if (status != POS_OK)
        return NULL; /* what the library says of it counts when it signs on */
    if (row.state != POS_KEY_COMPROMISED && row.state != POS_KEY_DESTROYED)
        return NULL;
    return pos_admin_refused(POS_ERR_STATE, row.state == POS_KEY_DESTROYED
                                                ? "its key is destroyed: it needs another one"
                                                : "its key is compromised: it needs another one");
}

json_t *pos_admin_resume(struct pos_admin *admin, json_t *request, const char *who)
{
    json_t *refusal = check_key(admin, request);
    return refusal != NULL ? refusal
                           : change_state(admin, request, who, POS_TERMINAL_ACTIVE, "resume");
}

json_t *pos_admin_revoke(struct pos_admin *admin, json_t *request, const char *who)
{
    return change_state(admin, request, who, POS_TERMINAL_REVOKED, "revoke");
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

json_t *pos_admin_bind(struct pos_admin *admin, json_t *request, const char *who)
{
    struct pos_terminal_write write = {.operation = POS_TERMINAL_BIND, .force = true};
    json_t *refusal = read_smn(request, &write.smn);
    if (refusal != NULL)
        return refusal;
    const char *tid = json_string_value(json_object_get(request, "tid"));
    const char *mid = json_string_value(json_object_get(request, "mid"));
    if (!characters_only(tid, POS_TID_SIZE) || !characters_only(mid, POS_MID_SIZE))
        return pos_admin_refused(POS_ERR_USAGE,
                                 "tid has exactly 8 and mid exactly 15 printable characters");
    memcpy(write.tid, tid, POS_TID_SIZE);
    memcpy(write.mid, mid, POS_MID_SIZE);
    return run_write(admin, &write, who, "bind", "done");
}

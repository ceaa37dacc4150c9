/*
 * terminals suspend, revoke, erase: many terminals, by key index or SMN, in writes that share their
 * syncs. All of it can be asked again: what is so already stays so.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "gateway/admin_inside.h"

enum { TARGET_COUNT_MAX = 256, OUTCOME_SIZE = 48 };

struct many;

struct change {
    struct pos_terminal_write write;
    struct pos_audit_event event;
    enum pos_status status;
    struct many *many;
};

/* One request. */
struct many {
    const char *what; /* in the audit records */
    enum pos_terminal_operation operation;
    enum pos_terminal_state state; /* for SET_STATE */
    struct change changes[TARGET_COUNT_MAX];
    size_t count;
    size_t unknown; /* targets without a terminal */
    char outcome[OUTCOME_SIZE];
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t under_way;
};

/* ---- writing ---- */

static void write_done(struct pos_commit *commit, enum pos_status status)
{
    struct change *change = (struct change *)(void *)pos_terminal_write_of(commit);
    struct many *many = change->many;
    (void)pthread_mutex_lock(&many->lock);
    change->status = status;
    if (--many->under_way == 0)
        (void)pthread_cond_signal(&many->idle);
    (void)pthread_mutex_unlock(&many->lock);
}

static void submit(struct pos_admin *admin, struct many *many, struct change *change)
{
    (void)pthread_mutex_lock(&many->lock);
    many->under_way++;
    (void)pthread_mutex_unlock(&many->lock);
    change->status = pos_terminal_table_submit(admin->gateway->table, &change->write);
    if (change->status == POS_OK)
        return;
    (void)pthread_mutex_lock(&many->lock);
    many->under_way--;
    (void)pthread_mutex_unlock(&many->lock);
}

/* All of them, then waits for all: a few syncs. */
static void write_all(struct pos_admin *admin, struct many *many, const char *who)
{
    uint64_t now_ms = pos_clock_utc_ms();
    for (size_t i = 0; i < many->count; i++) {
        struct change *change = &many->changes[i];
        change->many = many;
        change->event = (struct pos_audit_event){.utc_ms = now_ms,
                                                 .who = who,
                                                 .what = many->what,
                                                 .on_what = change->write.smn.text,
                                                 .outcome = many->outcome};
        change->write.commit.done = write_done;
        change->write.operation = many->operation;
        change->write.state = many->state;
        change->write.utc_ms = now_ms;
        change->write.events[POS_OUTCOME_CHANGED] = &change->event;
        submit(admin, many, change);
    }
    (void)pthread_mutex_lock(&many->lock);
    while (many->under_way > 0)
        (void)pthread_cond_wait(&many->idle, &many->lock);
    (void)pthread_mutex_unlock(&many->lock);
}

/* ---- asking and answering ---- */

/* An index or an SMN. POS_ERR_NOT_FOUND: nobody holds the index. */
static enum pos_status read_target(struct pos_admin *admin, json_t *target, struct pos_smn *smn)
{
    bool proved;
    json_int_t index = json_integer_value(target);
    if (json_is_string(target))
        return pos_smn_parse(pos_bytes_text(json_string_value(target)), smn);
    if (index < POS_KEY_INDEX_MIN || index > POS_KEY_INDEX_MAX)
        return POS_ERR_FORMAT;
    return pos_terminal_table_find_index(admin->gateway->table, (uint32_t)index, smn, &proved);
}

static json_t *read_targets(struct pos_admin *admin, json_t *request, struct many *many)
{
    json_t *targets = json_object_get(request, "terminals");
    size_t count = json_array_size(targets);
    if (count == 0 || count > TARGET_COUNT_MAX)
        return pos_admin_refused(POS_ERR_USAGE, "terminals: 1 to 256 key indexes or SMNs");
    for (size_t i = 0; i < count; i++) {
        enum pos_status status =
            read_target(admin, json_array_get(targets, i), &many->changes[many->count].write.smn);
        if (status == POS_OK)
            many->count++;
        else if (status == POS_ERR_NOT_FOUND)
            many->unknown++;
        else if (status == POS_ERR_FORMAT)
            return pos_admin_refused(POS_ERR_USAGE,
                                     "terminals: one of them is neither a key index nor an SMN");
        else
            return pos_admin_refused(status, pos_status_text(status));
    }
    return NULL;
}

static json_t *answer_many(const struct many *many)
{
    size_t changed = 0, unknown = many->unknown;
    json_t *rows = json_array();
    for (size_t i = 0; i < many->count; i++) {
        const struct change *change = &many->changes[i];
        if (change->status != POS_OK) {
            json_decref(rows);
            return pos_admin_refused(change->status, "not every change could be written; what was "
                                                     "written stays, the same can be asked again");
        }
        changed += change->write.outcome == POS_OUTCOME_CHANGED;
        unknown += change->write.outcome == POS_OUTCOME_UNKNOWN;
        if (change->write.outcome != POS_OUTCOME_UNKNOWN)
            json_array_append_new(rows,
                                  json_pack("{s:s, s:s}", "smn", change->write.smn.text, "state",
                                            pos_terminal_state_name(change->write.hot.state)));
    }
    return json_pack("{s:b, s:I, s:I, s:o}", "ok", 1, "changed", (json_int_t)changed, "unknown",
                     (json_int_t)unknown, "terminals", rows);
}

/* Keys leave the table only when the library has none for them either. */
static json_t *check_destroyed(struct pos_admin *admin, const struct many *many)
{
    for (size_t i = 0; i < many->count; i++) {
        struct pos_key_row row;
        enum pos_status status = pos_key_library_find(
            admin->gateway->library, pos_smn_key_index(&many->changes[i].write.smn), &row);
        if (status != POS_OK || row.state != POS_KEY_DESTROYED)
            return pos_admin_refused(POS_ERR_STATE, "one of these keys is not destroyed in the key "
                                                    "library, as far as this gateway has read it");
    }
    return NULL;
}

static json_t *run_many(struct pos_admin *admin, json_t *request, const char *who,
                        struct many *many, const char *const *actions)
{
    uint64_t sequence = 0;
    json_t *refusal = pos_admin_check_begun(admin, request, actions, &sequence);
    if (refusal == NULL)
        refusal = read_targets(admin, request, many);
    if (refusal == NULL && many->operation == POS_TERMINAL_ERASE)
        refusal = check_destroyed(admin, many);
    if (refusal != NULL)
        return refusal;
    (void)snprintf(many->outcome, sizeof many->outcome, "done: keymgmt record %llu",
                   (unsigned long long)sequence);
    write_all(admin, many, who);
    return answer_many(many);
}

static json_t *change_many(struct pos_admin *admin, json_t *request, const char *who,
                           const char *what, enum pos_terminal_operation operation,
                           enum pos_terminal_state state, const char *const *actions)
{
    struct many *many = calloc(1, sizeof *many);
    if (many == NULL)
        return pos_admin_refused(POS_ERR_MEMORY, "no memory for so many changes");
    many->what = what;
    many->operation = operation;
    many->state = state;
    (void)pthread_mutex_init(&many->lock, NULL);
    (void)pthread_cond_init(&many->idle, NULL);
    json_t *answer = run_many(admin, request, who, many, actions);
    (void)pthread_cond_destroy(&many->idle);
    (void)pthread_mutex_destroy(&many->lock);
    free(many);
    return answer;
}

json_t *pos_admin_suspend_many(struct pos_admin *admin, json_t *request, const char *who)
{
    static const char *const actions[] = {"destroy", "compromise", NULL};
    return change_many(admin, request, who, "suspend", POS_TERMINAL_SET_STATE,
                       POS_TERMINAL_SUSPENDED, actions);
}

json_t *pos_admin_revoke_many(struct pos_admin *admin, json_t *request, const char *who)
{
    static const char *const actions[] = {"revoke", NULL};
    return change_many(admin, request, who, "revoke", POS_TERMINAL_SET_STATE, POS_TERMINAL_REVOKED,
                       actions);
}

json_t *pos_admin_erase_many(struct pos_admin *admin, json_t *request, const char *who)
{
    static const char *const actions[] = {"destroy", NULL};
    return change_many(admin, request, who, "erase", POS_TERMINAL_ERASE, POS_TERMINAL_NONE,
                       actions);
}

#include "keymgmt/approval.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "keymgmt/login.h"
#include "keymgmt/report.h"
#include "keymgmt/roles.h"

enum { ON_WHAT_SIZE_MAX = 512, REASON_SIZE_MAX = 32, MINUTE_MS = 60000 };

/* What is asked for and what was found for it. */
struct quest {
    struct pos_home *home;
    const char *action, *subject;
    uint64_t now;
    bool found;
    struct pos_approval_row row;
};

static void describe(const struct quest *quest, uint32_t number, char on_what[ON_WHAT_SIZE_MAX])
{
    (void)snprintf(on_what, ON_WHAT_SIZE_MAX, "approval=%u action=%s %s", number, quest->action,
                   quest->subject);
}

static void report(const struct quest *quest)
{
    struct pos_report *answer = pos_report_create(stdout, quest->home->options->json, NULL, 0);
    pos_report_number(answer, "approval", quest->row.number);
    pos_report_text(answer, "action", quest->row.action);
    pos_report_text(answer, "subject", quest->row.subject);
    pos_report_text(answer, "asked_by", quest->row.asked_by);
    pos_report_time(answer, "expires", quest->row.expires_ms);
    pos_report_destroy(answer);
}

/* ---- asking ---- */

static enum pos_status ask(struct quest *quest, struct pos_error *error)
{
    struct pos_home *home = quest->home;
    struct pos_approval_row *row = &quest->row;
    char on_what[ON_WHAT_SIZE_MAX];
    *row = (struct pos_approval_row){
        .state = POS_APPROVAL_ASKED,
        .asked_ms = quest->now,
        .expires_ms = quest->now + (uint64_t)home->policy.approval_minutes * MINUTE_MS};
    (void)snprintf(row->action, sizeof row->action, "%s", quest->action);
    (void)snprintf(row->subject, sizeof row->subject, "%s", quest->subject);
    (void)snprintf(row->asked_by, sizeof row->asked_by, "%s", home->person.name);
    (void)snprintf(on_what, sizeof on_what, "action=%s %s", quest->action, quest->subject);
    struct pos_audit_event event = pos_home_event(home, "approval-asked", on_what);
    enum pos_status status = pos_key_library_add_approval(home->library, row, &row->number, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the approval cannot be asked for: %s",
                             pos_status_text(status));
    report(quest);
    return pos_error_set(error, POS_ERR_BUSY,
                         "this needs a second person: somebody else runs 'posgate-keymgmt approve "
                         "%u' within %u minutes, then the same command again does it",
                         row->number, home->policy.approval_minutes);
}

static enum pos_status still_waits(struct quest *quest, struct pos_error *error)
{
    char until[POS_TIME_TEXT_SIZE];
    pos_time_text(quest->row.expires_ms, 0, until);
    report(quest);
    return pos_error_set(error, POS_ERR_BUSY,
                         "approval %u still waits for somebody else ('posgate-keymgmt approve "
                         "%u') until %s; nothing was done",
                         quest->row.number, quest->row.number, until);
}

/* ---- using ---- */

/* `reason` is for the record, *error for the person and returned. */
static enum pos_status refuse(struct quest *quest, uint32_t number, const char *reason,
                              struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX], outcome[REASON_SIZE_MAX];
    enum pos_status status = error->status;
    describe(quest, number, on_what);
    (void)snprintf(outcome, sizeof outcome, "refused: %s", reason);
    enum pos_status recorded = pos_login_refuse(quest->home, quest->home->person.name,
                                                "approval-use-refused", on_what, outcome, error);
    return recorded == POS_ERR_NOT_ALLOWED ? status : recorded;
}

static enum pos_status use(struct quest *quest, struct pos_error *error)
{
    struct pos_home *home = quest->home;
    uint32_t number = quest->row.number;
    char on_what[ON_WHAT_SIZE_MAX];
    describe(quest, number, on_what);
    struct pos_audit_event event = pos_home_event(home, "approval-used", on_what);
    enum pos_status status = pos_key_library_move_approval(home->library, number, POS_APPROVAL_USED,
                                                           home->person.name, quest->now, &event);
    switch (status) {
    case POS_OK:
        return POS_OK;
    case POS_ERR_TIMEOUT:
        (void)pos_error_set(error, status, "approval %u has expired: ask again without --approval",
                            number);
        return refuse(quest, number, "expired", error);
    case POS_ERR_NOT_ALLOWED:
        (void)pos_error_set(error, status, "approval %u was asked for by %s, who alone may use it",
                            number, quest->row.asked_by);
        return refuse(quest, number, "other-person", error);
    case POS_ERR_STATE:
        (void)pos_error_set(error, status, "approval %u is %s: ask again without --approval",
                            number,
                            quest->row.state == POS_APPROVAL_REFUSED ? "refused" : "used already");
        return refuse(quest, number,
                      quest->row.state == POS_APPROVAL_REFUSED ? "was-refused" : "used-before",
                      error);
    default:
        return pos_error_set(error, status, "approval %u cannot be used: %s", number,
                             pos_status_text(status));
    }
}

static bool same_subject(const struct quest *quest, const struct pos_approval_row *row)
{
    return strcmp(row->action, quest->action) == 0 && strcmp(row->subject, quest->subject) == 0;
}

/* --approval N: that one or none. */
static enum pos_status use_named(struct quest *quest, uint32_t number, struct pos_error *error)
{
    enum pos_status status =
        pos_key_library_find_approval(quest->home->library, number, &quest->row);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no approval %u: see 'approvals'", number);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    if (!same_subject(quest, &quest->row)) {
        (void)pos_error_set(error, POS_ERR_NOT_ALLOWED,
                            "approval %u is for '%s %.120s', and this is '%s %.120s'", number,
                            quest->row.action, quest->row.subject, quest->action, quest->subject);
        return refuse(quest, number, "other-subject", error);
    }
    bool waits = quest->row.state == POS_APPROVAL_ASKED && quest->now < quest->row.expires_ms &&
                 pos_same_person(quest->row.asked_by, quest->home->person.name);
    return waits ? still_waits(quest, error) : use(quest, error);
}

/* The newest of the asker's own that is for this and may still come to something. */
static bool take_fitting(void *context, const struct pos_approval_row *row)
{
    struct quest *quest = context;
    bool open = row->state == POS_APPROVAL_ASKED || row->state == POS_APPROVAL_GIVEN;
    if (!open || quest->now >= row->expires_ms || !same_subject(quest, row) ||
        !pos_same_person(row->asked_by, quest->home->person.name))
        return true;
    quest->found = true;
    quest->row = *row;
    return true;
}

static enum pos_status use_fitting(struct quest *quest, struct pos_error *error)
{
    enum pos_status status =
        pos_key_library_walk_approvals(quest->home->library, 1, take_fitting, quest);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    if (!quest->found)
        return ask(quest, error);
    return quest->row.state == POS_APPROVAL_GIVEN ? use(quest, error) : still_waits(quest, error);
}

enum pos_status pos_approval_require(struct pos_home *home, const char *action, const char *subject,
                                     struct pos_error *error)
{
    struct quest quest = {
        .home = home, .action = action, .subject = subject, .now = pos_clock_utc_ms()};
    if (home->policy.single_operator)
        return POS_OK;
    if (strlen(action) > POS_APPROVAL_ACTION_SIZE_MAX ||
        strlen(subject) > POS_APPROVAL_SUBJECT_SIZE_MAX)
        return pos_error_set(error, POS_ERR_LENGTH,
                             "what this does takes more than %d characters to say, so nobody can "
                             "approve it: do it in smaller parts",
                             POS_APPROVAL_SUBJECT_SIZE_MAX);
    uint32_t number = home->options->approval;
    return number != 0 ? use_named(&quest, number, error) : use_fitting(&quest, error);
}

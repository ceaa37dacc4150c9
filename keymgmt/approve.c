/*
 * `posgate-keymgmt approve`, `approvals`: what the second person sees and says. That it is another
 * person, in time and only once is decided by the library, on the row as it is on disk; what it
 * refuses is put on record here.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "keymgmt/command.h"
#include "keymgmt/login.h"
#include "keymgmt/prompt.h"
#include "keymgmt/report.h"

enum { KEY_REFUSE = 0x200, KEY_ALL, ON_WHAT_SIZE_MAX = 512, OUTCOME_SIZE_MAX = 32 };

struct answering {
    uint32_t number;
    bool refuse;
    struct pos_approval_row row;
};

static error_t parse_approve(int key, char *argument, struct argp_state *state)
{
    struct answering *answering = state->input;
    switch (key) {
    case KEY_REFUSE:
        answering->refuse = true;
        return 0;
    case ARGP_KEY_ARG:
        if (answering->number != 0)
            argp_error(state, "one approval at a time");
        answering->number = (uint32_t)pos_option_number(state, "N", argument, 1, UINT32_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* As of now; an approval expires without a write. */
static const char *state_name(const struct pos_approval_row *row, uint64_t now)
{
    bool open = row->state == POS_APPROVAL_ASKED || row->state == POS_APPROVAL_GIVEN;
    if (open && now >= row->expires_ms)
        return "expired";
    switch (row->state) {
    case POS_APPROVAL_ASKED:
        return "asked";
    case POS_APPROVAL_GIVEN:
        return "given";
    case POS_APPROVAL_REFUSED:
        return "refused";
    case POS_APPROVAL_USED:
        return "used";
    case POS_APPROVAL_NONE:
        break;
    }
    return "none";
}

static void put_row(struct pos_report *report, const struct pos_approval_row *row, uint64_t now)
{
    pos_report_number(report, "approval", row->number);
    pos_report_text(report, "state", state_name(row, now));
    pos_report_text(report, "action", row->action);
    pos_report_text(report, "asked_by", row->asked_by);
    pos_report_time(report, "asked", row->asked_ms);
    pos_report_time(report, "expires", row->expires_ms);
    pos_report_text(report, "answered_by", row->answered_by[0] == '\0' ? "-" : row->answered_by);
    pos_report_time(report, "used", row->used_ms);
    pos_report_text(report, "subject", row->subject);
}

/* ---- approve ---- */

static void describe(const struct answering *answering, char on_what[ON_WHAT_SIZE_MAX])
{
    (void)snprintf(on_what, ON_WHAT_SIZE_MAX, "approval=%u asked-by=%s action=%s %s",
                   answering->number, answering->row.asked_by, answering->row.action,
                   answering->row.subject);
}

static enum pos_status explain(struct pos_home *home, const struct answering *answering,
                               enum pos_status status, uint64_t now, struct pos_error *error)
{
    const char *reason;
    char on_what[ON_WHAT_SIZE_MAX], outcome[OUTCOME_SIZE_MAX];
    switch (status) {
    case POS_ERR_NOT_ALLOWED:
        reason = "own-request";
        (void)pos_error_set(error, status,
                            "%s asked for approval %u: it takes somebody else to answer it",
                            answering->row.asked_by, answering->number);
        break;
    case POS_ERR_TIMEOUT:
        reason = "expired";
        (void)pos_error_set(error, status, "approval %u has expired: %s may ask again",
                            answering->number, answering->row.asked_by);
        break;
    case POS_ERR_STATE:
        reason = "answered-before";
        (void)pos_error_set(error, status, "approval %u is %s already, by %s", answering->number,
                            state_name(&answering->row, now), answering->row.answered_by);
        break;
    default:
        return pos_error_set(error, status, "approval %u cannot be answered: %s", answering->number,
                             pos_status_text(status));
    }
    describe(answering, on_what);
    (void)snprintf(outcome, sizeof outcome, "refused: %s", reason);
    enum pos_status recorded = pos_login_refuse(home, home->person.name, "approval-answer-refused",
                                                on_what, outcome, error);
    return recorded == POS_ERR_NOT_ALLOWED ? status : recorded;
}

static void report_answer(const struct pos_options *options, const struct pos_approval_row *row)
{
    struct pos_report *answer = pos_report_create(stdout, options->json, NULL, 0);
    put_row(answer, row, row->answered_ms);
    pos_report_destroy(answer);
}

/* With a person at the keyboard nothing is agreed to unseen. */
static enum pos_status confirm(const struct answering *answering, uint64_t now,
                               struct pos_error *error)
{
    char reply[8] = "";
    if (!pos_prompt_possible())
        return POS_OK;
    struct pos_report *shown = pos_report_create(stderr, false, NULL, 0);
    put_row(shown, &answering->row, now);
    pos_report_destroy(shown);
    enum pos_status status =
        pos_prompt_line(answering->refuse ? "This is to be refused. Type yes: "
                                          : "This is what will happen. Agreed? Type yes: ",
                        reply, sizeof reply, error);
    if (status == POS_OK && strcmp(reply, "yes") != 0)
        return pos_error_set(error, POS_ERR_BUSY,
                             "approval %u is as it was: the answer was not yes", answering->number);
    return status;
}

static enum pos_status answer(struct pos_home *home, struct answering *answering,
                              struct pos_error *error)
{
    uint64_t now = pos_clock_utc_ms();
    enum pos_approval_state state = answering->refuse ? POS_APPROVAL_REFUSED : POS_APPROVAL_GIVEN;
    char on_what[ON_WHAT_SIZE_MAX];
    enum pos_status status =
        pos_key_library_find_approval(home->library, answering->number, &answering->row);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no approval %u: see 'approvals'",
                             answering->number);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    status = confirm(answering, now, error);
    if (status != POS_OK)
        return status;
    now = pos_clock_utc_ms();
    describe(answering, on_what);
    struct pos_audit_event event =
        pos_home_event(home, answering->refuse ? "approval-denied" : "approval-given", on_what);
    status = pos_key_library_move_approval(home->library, answering->number, state,
                                           home->person.name, now, &event);
    if (status != POS_OK)
        return explain(home, answering, status, now, error);
    status = pos_key_library_find_approval(home->library, answering->number, &answering->row);
    if (status == POS_OK)
        report_answer(home->options, &answering->row);
    return status;
}

static enum pos_status nobody_to_ask(struct pos_error *error)
{
    return pos_error_set(error, POS_ERR_STATE,
                         "this key library is for a single operator: nothing in it needs a second "
                         "person");
}

enum pos_status pos_command_approve(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error)
{
    static const struct argp_option own[] = {{"refuse", KEY_REFUSE, NULL, 0, "Say no instead", 0},
                                             {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_approve,
        .args_doc = "N",
        .doc = "Agrees to what somebody else asked for, as an approver, once and within the time "
               "limit, and shows it. Read it first: 'approvals' lists what waits, with everything "
               "that it will do."};
    struct answering answering = {.number = 0};
    pos_options_parse(options, &argp, &answering, argc, argv);
    if (answering.number == 0)
        return pos_error_set(error, POS_ERR_USAGE, "approve needs an approval's number");
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    home.settles_old = true; /* also to `restore --accept-old` somebody has to agree */
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_APPROVER, "approve", error);
    if (status == POS_OK)
        status =
            home.policy.single_operator ? nobody_to_ask(error) : answer(&home, &answering, error);
    pos_home_fini(&home);
    return status;
}

/* ---- approvals ---- */

struct listing {
    bool all;
    uint64_t now;
    struct pos_report *report;
};

static error_t parse_approvals(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key != KEY_ALL)
        return ARGP_ERR_UNKNOWN;
    ((struct listing *)state->input)->all = true;
    return 0;
}

static bool list_row(void *context, const struct pos_approval_row *row)
{
    struct listing *listing = context;
    bool open = row->state == POS_APPROVAL_ASKED || row->state == POS_APPROVAL_GIVEN;
    if (!listing->all && (!open || listing->now >= row->expires_ms))
        return true;
    put_row(listing->report, row, listing->now);
    pos_report_end_row(listing->report);
    return true;
}

enum pos_status pos_command_approvals(struct pos_options *options, int argc, char **argv,
                                      struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"all", KEY_ALL, NULL, 0, "Also those that were refused, used, or have expired", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own,
                                     .parser = parse_approvals,
                                     .doc = "Lists what waits for a second person, or to be used."};
    static const struct pos_column columns[] = {
        {"approval", 8},  {"state", -8},        {"action", -10}, {"asked_by", -12},
        {"expires", -20}, {"answered_by", -12}, {"subject", -1}};
    struct listing listing = {.now = pos_clock_utc_ms()};
    pos_options_parse(options, &argp, &listing, argc, argv);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin_reader(&home, POS_ROLE_ALL, "approvals", error);
    if (status == POS_OK) {
        listing.report =
            pos_report_create(stdout, options->json, columns, sizeof columns / sizeof columns[0]);
        status = pos_key_library_walk_approvals(home.library, 1, list_row, &listing);
        pos_report_destroy(listing.report);
        if (status != POS_OK)
            (void)pos_error_set(error, status, "cannot read the key library: %s",
                                pos_status_text(status));
    }
    pos_home_fini(&home);
    return status;
}

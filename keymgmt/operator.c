/*
 * `posgate-keymgmt operator add|list|change|password|remove`: the people of a library that needs
 * two. Who may do what is itself something that needs two, or one person could make the other.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "keymgmt/approval.h"
#include "keymgmt/command.h"
#include "keymgmt/login.h"
#include "keymgmt/people.h"
#include "keymgmt/report.h"
#include "keymgmt/roles.h"

enum { KEY_ROLE = 0x200, KEY_PASSWORD_FILE, SUBJECT_SIZE_MAX = 128 };

struct asked {
    const char *name;
    unsigned roles;
    const char *file; /* of the new password; NULL: typed */
};

static error_t parse_operator(int key, char *argument, struct argp_state *state)
{
    struct asked *asked = state->input;
    unsigned roles = 0;
    switch (key) {
    case KEY_ROLE:
        if (!pos_roles_parse(argument, &roles))
            argp_error(state,
                       "--role takes operator, custodian, approver and auditor, with "
                       "commas, not '%.40s'",
                       argument);
        asked->roles |= roles;
        return 0;
    case KEY_PASSWORD_FILE:
        asked->file = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (asked->name != NULL)
            argp_error(state, "one person at a time");
        asked->name = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define OPTION_ROLE                                                                                \
    {                                                                                              \
        "role", KEY_ROLE, "ROLES", 0, "operator, custodian, approver, auditor, with commas", 0     \
    }
#define OPTION_FILE                                                                                \
    {                                                                                              \
        "password-file", KEY_PASSWORD_FILE, "FILE", 0,                                             \
            "The new password, mode 0600 (default: it is asked for, twice)", 0                     \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        NULL, 0, NULL, 0, NULL, 0                                                                  \
    }

static enum pos_status check_usage(const struct asked *asked, bool wants_roles,
                                   struct pos_error *error)
{
    if (asked->name == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "say whom: a name");
    if (!pos_person_name_valid(asked->name))
        return pos_error_set(error, POS_ERR_USAGE,
                             "'%.40s' is no name: 1 to %d printable ASCII characters, no | or %%",
                             asked->name, POS_PERSON_NAME_SIZE_MAX);
    if (wants_roles && asked->roles == 0)
        return pos_error_set(error, POS_ERR_USAGE, "say what for: --role ROLES");
    return POS_OK;
}

static enum pos_status check_people(const struct pos_home *home, struct pos_error *error)
{
    if (!home->policy.single_operator)
        return POS_OK;
    return pos_error_set(error, POS_ERR_STATE,
                         "this key library is for a single operator: it has no people");
}

static enum pos_status find(struct pos_home *home, const char *name, struct pos_person_row *row,
                            struct pos_error *error)
{
    enum pos_status status = pos_key_library_find_person(home->library, name, row);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no person %s: see 'operator list'", name);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot read the key library");
}

static enum pos_status require(struct pos_home *home, const char *verb, const char *name,
                               unsigned roles, struct pos_error *error)
{
    char subject[SUBJECT_SIZE_MAX], text[POS_ROLES_TEXT_SIZE];
    pos_roles_text(roles, text);
    (void)snprintf(subject, sizeof subject, "%s person=%s roles=%s", verb, name, text);
    return pos_approval_require(home, "people", subject, error);
}

static void report(const struct pos_home *home, const struct pos_person_row *row)
{
    char roles[POS_ROLES_TEXT_SIZE];
    pos_roles_text(row->roles, roles);
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    pos_report_text(answer, "person", row->name);
    pos_report_text(answer, "roles", roles);
    pos_report_destroy(answer);
}

/* ---- what each verb does once the person at the keyboard has logged in ---- */

static enum pos_status add(struct pos_home *home, const struct asked *asked,
                           struct pos_error *error)
{
    struct pos_person_row row;
    enum pos_status status = pos_key_library_find_person(home->library, asked->name, &row);
    if (status == POS_OK)
        return pos_error_set(error, POS_ERR_EXISTS,
                             "there is a person %s already%s: a name is never given twice",
                             row.name, row.roles == 0 ? ", who has left" : "");
    if (status != POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "cannot read the key library");
    status = require(home, "add", asked->name, asked->roles, error);
    if (status == POS_OK)
        status = pos_person_make(asked->name, asked->roles, asked->file, &row, error);
    if (status == POS_OK)
        status = pos_person_put(home, &row, "person-add", error);
    if (status == POS_OK)
        report(home, &row);
    return status;
}

static enum pos_status put_roles(struct pos_home *home, const struct asked *asked, unsigned roles,
                                 const char *verb, const char *what, struct pos_error *error)
{
    struct pos_person_row row;
    enum pos_status status = find(home, asked->name, &row, error);
    if (status == POS_OK)
        status = require(home, verb, row.name, roles, error);
    if (status != POS_OK)
        return status;
    row.roles = roles;
    row.changed_ms = pos_clock_utc_ms();
    status = pos_person_put(home, &row, what, error);
    if (status == POS_OK)
        report(home, &row);
    return status;
}

static enum pos_status change(struct pos_home *home, const struct asked *asked,
                              struct pos_error *error)
{
    return put_roles(home, asked, asked->roles, "change", "person-change", error);
}

static enum pos_status leave(struct pos_home *home, const struct asked *asked,
                             struct pos_error *error)
{
    return put_roles(home, asked, 0, "remove", "person-remove", error);
}

/* One's own, knowing the old one; somebody else's, with a second person's agreement. */
static enum pos_status set_password(struct pos_home *home, const struct asked *asked,
                                    struct pos_error *error)
{
    struct pos_person_row row, fresh;
    enum pos_status status = find(home, asked->name, &row, error);
    if (status == POS_OK && !pos_same_person(row.name, home->person.name)) {
        if ((home->person.roles & POS_ROLE_OPERATOR) == 0) {
            (void)pos_error_set(error, POS_ERR_NOT_ALLOWED,
                                "only an operator may give somebody else a new password");
            return pos_login_refuse(home, home->person.name, "login-refused",
                                    "command=operator password", "refused: role-missing", error);
        }
        status = require(home, "new-password", row.name, row.roles, error);
    }
    if (status == POS_OK)
        status = pos_person_make(row.name, row.roles, asked->file, &fresh, error);
    if (status != POS_OK)
        return status;
    fresh.created_ms = row.created_ms;
    status = pos_person_put(home, &fresh, "person-password", error);
    if (status == POS_OK)
        report(home, &fresh);
    return status;
}

/* ---- command lines ---- */

static enum pos_status
run(struct pos_options *options, const struct asked *asked, unsigned roles, const char *command,
    enum pos_status (*act)(struct pos_home *, const struct asked *, struct pos_error *),
    struct pos_error *error)
{
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, roles, command, error);
    if (status == POS_OK)
        status = check_people(&home, error);
    if (status == POS_OK)
        status = act(&home, asked, error);
    pos_home_fini(&home);
    return status;
}

static enum pos_status run_add(struct pos_options *options, int argc, char **argv,
                               struct pos_error *error)
{
    static const struct argp_option own[] = {OPTION_ROLE, OPTION_FILE, OPTION_END};
    static const struct argp argp = {
        .options = own,
        .parser = parse_operator,
        .args_doc = "NAME",
        .doc = "Adds a person, who types the password when a second person has agreed."};
    struct asked asked = {.name = NULL};
    pos_options_parse(options, &argp, &asked, argc, argv);
    enum pos_status status = check_usage(&asked, true, error);
    return status == POS_OK ? run(options, &asked, POS_ROLE_OPERATOR, "operator add", add, error)
                            : status;
}

static enum pos_status run_change(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct argp_option own[] = {OPTION_ROLE, OPTION_END};
    static const struct argp argp = {.options = own,
                                     .parser = parse_operator,
                                     .args_doc = "NAME",
                                     .doc = "Gives a person these roles and no others."};
    struct asked asked = {.name = NULL};
    pos_options_parse(options, &argp, &asked, argc, argv);
    enum pos_status status = check_usage(&asked, true, error);
    return status == POS_OK
               ? run(options, &asked, POS_ROLE_OPERATOR, "operator change", change, error)
               : status;
}

static enum pos_status run_password(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error)
{
    static const struct argp_option own[] = {OPTION_FILE, OPTION_END};
    static const struct argp argp = {
        .options = own,
        .parser = parse_operator,
        .args_doc = "[NAME]",
        .doc = "Sets a new password: one's own, or as an operator somebody else's, which needs a "
               "second person."};
    struct asked asked = {.name = NULL};
    pos_options_parse(options, &argp, &asked, argc, argv);
    if (asked.name == NULL)
        asked.name = options->operator_name;
    enum pos_status status = check_usage(&asked, false, error);
    return status == POS_OK
               ? run(options, &asked, POS_ROLE_ALL, "operator password", set_password, error)
               : status;
}

static enum pos_status run_remove(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct argp argp = {
        .parser = parse_operator,
        .args_doc = "NAME",
        .doc = "Takes all roles from a person who leaves. The name stays taken."};
    struct asked asked = {.name = NULL};
    pos_options_parse(options, &argp, &asked, argc, argv);
    enum pos_status status = check_usage(&asked, false, error);
    return status == POS_OK
               ? run(options, &asked, POS_ROLE_OPERATOR, "operator remove", leave, error)
               : status;
}

static bool list_person(void *context, const struct pos_person_row *row)
{
    struct pos_report *answer = context;
    char roles[POS_ROLES_TEXT_SIZE];
    pos_roles_text(row->roles, roles);
    pos_report_text(answer, "person", row->name);
    pos_report_text(answer, "roles", roles);
    pos_report_time(answer, "created", row->created_ms);
    pos_report_time(answer, "changed", row->changed_ms);
    pos_report_end_row(answer);
    return true;
}

static enum pos_status run_list(struct pos_options *options, int argc, char **argv,
                                struct pos_error *error)
{
    static const struct argp argp = {.parser = parse_operator,
                                     .doc = "Lists the people and their roles."};
    static const struct pos_column columns[] = {
        {"person", -20}, {"roles", -36}, {"created", -20}, {"changed", -20}};
    struct asked asked = {.name = NULL};
    pos_options_parse(options, &argp, &asked, argc, argv);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin_reader(&home, POS_ROLE_ALL, "operator list", error);
    if (status == POS_OK) {
        struct pos_report *answer =
            pos_report_create(stdout, options->json, columns, sizeof columns / sizeof columns[0]);
        status = pos_key_library_walk_people(home.library, list_person, answer);
        pos_report_destroy(answer);
        if (status != POS_OK)
            (void)pos_error_set(error, status, "cannot read the key library: %s",
                                pos_status_text(status));
    }
    pos_home_fini(&home);
    return status;
}

enum pos_status pos_command_operator(struct pos_options *options, int argc, char **argv,
                                     struct pos_error *error)
{
    static const struct pos_command commands[] = {
        {"add", "add a person with roles", run_add},
        {"list", "who there is", run_list},
        {"change", "give a person other roles", run_change},
        {"password", "set a new password", run_password},
        {"remove", "take all roles from a person who leaves", run_remove},
        {NULL, NULL, NULL}};
    return pos_command_dispatch(commands, "posgate-keymgmt operator",
                                "The people who work with the key library.", options, argc, argv,
                                error);
}

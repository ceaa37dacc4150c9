/* `posgate-keymgmt init`: the home folder, an empty key library, the first people, and on request a
 * credential. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/random.h"
#include "keymgmt/command.h"
#include "keymgmt/people.h"
#include "keymgmt/report.h"

enum {
    KEY_MAKE_CREDENTIAL = 0x200,
    KEY_SINGLE_OPERATOR,
    KEY_OPERATOR,
    KEY_APPROVER,
    KEY_CUSTODIAN,
    KEY_AUDITOR,
    KEY_PASSWORD_FILE,
    KEY_APPROVAL_MINUTES,
    CREDENTIAL_BYTES = 32,
    APPROVAL_MINUTES_DEFAULT = 60,
    APPROVAL_MINUTES_MAX = 7 * 24 * 60,
    ON_WHAT_SIZE_MAX = 96,
};

struct asked {
    bool make_credential;
    struct pos_library_policy policy;
    struct pos_first_people people;
};

static void add_person(struct argp_state *state, const char *name, unsigned role)
{
    struct asked *asked = state->input;
    struct pos_error error;
    if (pos_first_people_add(&asked->people, name, role, &error) != POS_OK)
        argp_error(state, "%s", error.text);
}

static void add_file(struct argp_state *state, const char *text)
{
    struct asked *asked = state->input;
    struct pos_error error;
    if (pos_first_people_file(&asked->people, text, &error) != POS_OK)
        argp_error(state, "%s", error.text);
}

static error_t parse_init(int key, char *argument, struct argp_state *state)
{
    struct asked *asked = state->input;
    switch (key) {
    case KEY_MAKE_CREDENTIAL:
        asked->make_credential = true;
        return 0;
    case KEY_SINGLE_OPERATOR:
        asked->policy.single_operator = true;
        return 0;
    case KEY_OPERATOR:
        add_person(state, argument, POS_ROLE_OPERATOR);
        return 0;
    case KEY_APPROVER:
        add_person(state, argument, POS_ROLE_APPROVER);
        return 0;
    case KEY_CUSTODIAN:
        add_person(state, argument, POS_ROLE_CUSTODIAN);
        return 0;
    case KEY_AUDITOR:
        add_person(state, argument, POS_ROLE_AUDITOR);
        return 0;
    case KEY_PASSWORD_FILE:
        add_file(state, argument);
        return 0;
    case KEY_APPROVAL_MINUTES:
        asked->policy.approval_minutes = (uint32_t)pos_option_number(
            state, "--approval-minutes", argument, 1, APPROVAL_MINUTES_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct scratch {
    uint8_t random[CREDENTIAL_BYTES];
    char line[2 * CREDENTIAL_BYTES + 2];
};

static enum pos_status make_credential_file(const char *path, struct pos_error *error)
{
    if (access(path, F_OK) == 0)
        return pos_error_set(error, POS_ERR_EXISTS,
                             "%s is there already: it is left alone; leave out --make-credential "
                             "to use it",
                             path);
    struct scratch *scratch = pos_secret_create(sizeof *scratch);
    if (scratch == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the credential");
    enum pos_status status = pos_random(scratch->random, sizeof scratch->random);
    if (status != POS_OK) {
        (void)pos_error_set(error, status, "cannot make a random credential");
    } else {
        pos_hex_encode(pos_bytes(scratch->random, sizeof scratch->random), scratch->line);
        scratch->line[2 * CREDENTIAL_BYTES] = '\n';
        status =
            pos_file_write(path, pos_bytes(scratch->line, 2 * CREDENTIAL_BYTES + 1), 0600, error);
    }
    pos_secret_destroy(scratch, sizeof *scratch);
    return status;
}

/* ---- the library and the people in it ---- */

static enum pos_status write_first_records(struct pos_home *home, const struct asked *asked,
                                           struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX];
    if (asked->policy.single_operator)
        (void)snprintf(on_what, sizeof on_what, "key library single-operator");
    else
        (void)snprintf(on_what, sizeof on_what, "key library people=%zu approval-minutes=%u",
                       asked->people.count, asked->policy.approval_minutes);
    struct pos_audit_event event = pos_home_event(home, "init", on_what);
    enum pos_status status = pos_key_library_audit(home->library, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the first audit record cannot be written");
    return POS_OK;
}

static enum pos_status make_library(struct pos_home *home, const struct asked *asked,
                                    const struct pos_person_row *rows, struct pos_error *error)
{
    home->policy = asked->policy;
    enum pos_status status = pos_home_open_writer(home, true, error);
    if (status == POS_ERR_EXISTS)
        return pos_error_set(error, status, "%s has a key library already", home->options->home);
    if (status == POS_OK)
        status = write_first_records(home, asked, error);
    for (size_t i = 0; i < asked->people.count && status == POS_OK; i++)
        status = pos_person_put(home, &rows[i], "person-add", error);
    return status;
}

static void say_what_is_given_up(void)
{
    (void)fprintf(stderr,
                  "posgate-keymgmt: --single-operator: whoever can run this program here can make, "
                  "export and destroy every key alone. Nobody logs in, nobody else agrees, and the "
                  "names in the audit chain are only what was typed. For demonstrations; a library "
                  "stays what it was made as.\n");
}

static void report(const struct pos_home *home, const struct asked *asked)
{
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    pos_report_text(answer, "home", home->options->home);
    pos_report_text(answer, "library", home->library_path);
    if (asked->make_credential)
        pos_report_text(answer, "credential", home->options->credential);
    pos_report_text(answer, "control", asked->policy.single_operator ? "single operator" : "dual");
    if (!asked->policy.single_operator) {
        pos_report_number(answer, "people", asked->people.count);
        pos_report_number(answer, "approval_minutes", asked->policy.approval_minutes);
    }
    pos_report_destroy(answer);
    if (asked->policy.single_operator)
        say_what_is_given_up();
}

static enum pos_status check_usage(const struct pos_options *options, struct asked *asked,
                                   struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (!asked->policy.single_operator && options->operator_given)
        status =
            pos_first_people_add(&asked->people, options->operator_name, POS_ROLE_OPERATOR, error);
    if (status != POS_OK)
        return status;
    if (!asked->policy.single_operator)
        return pos_first_people_check(&asked->people, error);
    if (asked->people.count > 0 || asked->policy.approval_minutes != APPROVAL_MINUTES_DEFAULT)
        return pos_error_set(error, POS_ERR_USAGE,
                             "a library for a single operator has no people and no approvals: "
                             "leave out --single-operator, or the people");
    return POS_OK;
}

static enum pos_status init(struct pos_home *home, const struct asked *asked,
                            struct pos_error *error)
{
    struct pos_person_row *rows = NULL;
    enum pos_status status = pos_first_people_rows(&asked->people, &rows, error);
    if (status == POS_OK)
        status = pos_file_make_folder(home->options->home, error);
    if (status == POS_OK)
        status = make_library(home, asked, rows, error);
    if (status == POS_OK && asked->make_credential)
        status = make_credential_file(home->options->credential, error);
    free(rows);
    if (status == POS_OK)
        report(home, asked);
    return status;
}

enum pos_status pos_command_init(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"operator", KEY_OPERATOR, "NAME", 0,
         "A person who does the daily work; once for each. The same name may have several of these "
         "roles",
         0},
        {"approver", KEY_APPROVER, "NAME", 0, "A person who agrees to what an operator asks for",
         0},
        {"custodian", KEY_CUSTODIAN, "NAME", 0, "A person who holds components", 0},
        {"auditor", KEY_AUDITOR, "NAME", 0, "A person who reads the audit chain", 0},
        {"password-file", KEY_PASSWORD_FILE, "NAME=FILE", 0,
         "That person's password is in FILE, mode 0600 (default: typed, twice)", 0},
        {"approval-minutes", KEY_APPROVAL_MINUTES, "N", 0,
         "An approval is good for N minutes from asking to use (default 60)", 0},
        {"single-operator", KEY_SINGLE_OPERATOR, NULL, 0,
         "No people, no logins, no approvals: for demonstrations", 0},
        {"make-credential", KEY_MAKE_CREDENTIAL, NULL, 0,
         "Also make a credential file with random content", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_init,
        .doc = "Makes the home folder and an empty key library in it, with an audit chain and the "
               "first people: at least an operator, and somebody else as approver. Next comes "
               "'ceremony lmk'."};
    struct asked asked = {.policy.approval_minutes = APPROVAL_MINUTES_DEFAULT};
    pos_options_parse(options, &argp, &asked, argc, argv);
    struct pos_home home;
    enum pos_status status = check_usage(options, &asked, error);
    if (status != POS_OK)
        return status;
    status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = init(&home, &asked, error);
    pos_home_fini(&home);
    return status;
}

/* `posgate-keymgmt init`: the home folder, an empty key library, and on request a credential. */
#include <stdio.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/random.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/report.h"

enum { KEY_MAKE_CREDENTIAL = 0x200, KEY_SINGLE_OPERATOR, CREDENTIAL_BYTES = 32 };

struct asked {
    bool make_credential;
    bool single_operator;
};

static error_t parse_init(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    struct asked *asked = state->input;
    switch (key) {
    case KEY_MAKE_CREDENTIAL:
        asked->make_credential = true;
        return 0;
    case KEY_SINGLE_OPERATOR:
        asked->single_operator = true;
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

static enum pos_status make_library(struct pos_home *home, struct pos_error *error)
{
    enum pos_status status = pos_home_open_writer(home, true, error);
    if (status == POS_ERR_EXISTS)
        return pos_error_set(error, status, "%s has a key library already", home->options->home);
    if (status != POS_OK)
        return status;
    struct pos_audit_event event = pos_home_event(home, "init", "key library");
    status = pos_key_library_audit(home->library, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the first audit record cannot be written");
    return POS_OK;
}

static void report(const struct pos_home *home, bool make_credential)
{
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    pos_report_text(answer, "home", home->options->home);
    pos_report_text(answer, "library", home->library_path);
    if (make_credential)
        pos_report_text(answer, "credential", home->options->credential);
    pos_report_destroy(answer);
}

enum pos_status pos_command_init(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"make-credential", KEY_MAKE_CREDENTIAL, NULL, 0,
         "Also make a credential file with random content", 0},
        {"single-operator", KEY_SINGLE_OPERATOR, NULL, 0,
         "No people, no logins, no approvals: for demonstrations", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_init,
        .doc = "Makes the home folder and an empty key library in it, with an audit chain. Next "
               "comes 'ceremony lmk'."};
    struct asked asked = {.make_credential = false};
    pos_options_parse(options, &argp, &asked, argc, argv);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_file_make_folder(options->home, error);
    if (status == POS_OK)
        status = make_library(&home, error);
    if (status == POS_OK && asked.make_credential)
        status = make_credential_file(options->credential, error);
    if (status == POS_OK)
        report(&home, asked.make_credential);
    pos_home_fini(&home);
    return status;
}

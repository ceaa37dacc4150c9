/*
 * `posgate-keymgmt revoke`: many terminals at once are refused for good. One terminal is revoked
 * with posgatectl; a list of them needs two people, and so goes through here.
 */
#include <stdio.h>

#include "core/base/failpoint.h"
#include "keymgmt/command.h"
#include "keymgmt/life.h"
#include "keymgmt/report.h"

enum { KEY_LIST = 0x280, KEY_GATEWAY, KEY_DRY_RUN };

struct revocation {
    struct pos_home home;
    struct pos_life life;
    const char *list, *gateway; /* borrowed from argv */
    bool dry_run;
    struct pos_smn_list smns;
    struct pos_gateway_tally tally;
};

static error_t parse_revoke(int key, char *argument, struct argp_state *state)
{
    struct revocation *revocation = state->input;
    switch (key) {
    case KEY_LIST:
        revocation->list = argument;
        return 0;
    case KEY_GATEWAY:
        revocation->gateway = argument;
        return 0;
    case KEY_DRY_RUN:
        revocation->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void report(const struct revocation *revocation)
{
    struct pos_report *answer = pos_report_create(stdout, revocation->home.options->json, NULL, 0);
    if (revocation->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    if (revocation->life.resumed)
        pos_report_text(answer, "again", "what was begun before is finished");
    pos_report_text(answer, "subject", revocation->life.subject);
    pos_report_number(answer, "terminals", revocation->smns.count);
    if (!revocation->dry_run) {
        pos_report_number(answer, "revoked_now", revocation->tally.changed);
        pos_report_number(answer, "not_registered", revocation->tally.unknown);
    }
    pos_report_destroy(answer);
}

static enum pos_status run_steps(struct revocation *revocation, struct pos_error *error)
{
    struct pos_life *life = &revocation->life;
    POS_FAILPOINT("revoke-begun");
    enum pos_status status = pos_gateway_link_change_smns(
        life->gateway, POS_GATEWAY_REVOKE, &life->begun, revocation->smns.smns,
        revocation->smns.count, &revocation->tally, error);
    POS_FAILPOINT("revoke-changed");
    return status == POS_OK ? pos_life_end(life, error) : status;
}

static enum pos_status form_subject(struct revocation *revocation, struct pos_error *error)
{
    char words[POS_KEY_SELECTION_WORDS_SIZE];
    enum pos_status status = pos_smn_list_read(revocation->list, &revocation->smns, error);
    if (status != POS_OK)
        return status;
    if (revocation->smns.count == 0)
        return pos_error_set(error, POS_ERR_USAGE, "%s names no terminal", revocation->list);
    status = pos_smn_list_words(&revocation->smns, words);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot hash the list of terminals");
    (void)snprintf(revocation->life.subject, sizeof revocation->life.subject, "%s", words);
    return POS_OK;
}

static enum pos_status revoke(struct revocation *revocation, struct pos_error *error)
{
    struct pos_life *life = &revocation->life;
    *life = (struct pos_life){.home = &revocation->home, .action = "revoke"};
    enum pos_status status = form_subject(revocation, error);
    if (status == POS_OK && !revocation->dry_run) {
        status = pos_life_connect(life, revocation->gateway, error);
        if (status == POS_OK)
            status = pos_life_look_back(life, error);
        if (status == POS_OK)
            status = pos_life_begin(life, true, error);
        if (status == POS_OK)
            status = run_steps(revocation, error);
    }
    if (status == POS_OK)
        report(revocation);
    return status;
}

enum pos_status pos_command_revoke(struct pos_options *options, int argc, char **argv,
                                   struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"list", KEY_LIST, "FILE", 0, "The terminals, one SMN a line", 0},
        {"gateway", KEY_GATEWAY, "SOCKET", 0, "The admin socket of the gateway", 0},
        {"dry-run", KEY_DRY_RUN, NULL, 0, "Say what would be done", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_revoke,
        .doc = "Revokes a list of terminals at the gateway: they are refused for good, and nothing "
               "undoes it. Needs a second person's approval. After an interruption the same "
               "command finishes it."};
    struct revocation revocation = {.list = NULL};
    pos_options_parse(options, &argp, &revocation, argc, argv);
    if (revocation.list == NULL || (revocation.gateway == NULL && !revocation.dry_run))
        return pos_error_set(error, POS_ERR_USAGE, "revoke needs --list FILE and --gateway SOCKET");
    enum pos_status status = pos_home_init(&revocation.home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&revocation.home, POS_ROLE_OPERATOR, "revoke", error);
    if (status == POS_OK)
        status = revoke(&revocation, error);
    pos_life_close(&revocation.life);
    pos_smn_list_free(&revocation.smns);
    pos_home_fini(&revocation.home);
    return status;
}

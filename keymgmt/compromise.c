/*
 * `posgate-keymgmt compromise`: keys are known to somebody they should not be known to; or the KTK
 * of a mother POS is, and with it every TMK that was ever exported under it. The keys are marked,
 * nothing is exported to that mother POS any more, and the gateway refuses the terminals: those
 * that are registered with 58, others with 97. Marked keys stay in the library, for whoever looks
 * into what happened, until `destroy`.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "keymgmt/command.h"
#include "keymgmt/life.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"

enum { KEY_NAME = 0x280, SUSPEND_ROUNDS_MAX = 5 };

struct compromise {
    struct pos_home home;
    struct pos_life life;
    struct pos_life_options options;
    const char *mother; /* borrowed from argv; NULL: not of a KTK */
    size_t before;      /* compromised when the command began */
    struct pos_gateway_tally suspended;
    enum pos_status status; /* of a walk */
};

/* ---- which keys ---- */

static bool add_key_below(void *context, const struct pos_key_row *row)
{
    struct compromise *compromise = context;
    if (strcmp(row->mother, compromise->mother) != 0 || row->state == POS_KEY_DESTROYED)
        return true;
    compromise->status = pos_key_selection_add(&compromise->options.keys, row->index, row->index);
    return compromise->status == POS_OK;
}

/* Every TMK that went out under the KTK of this mother POS, but those that are no more. */
static enum pos_status select_below(struct compromise *compromise, struct pos_error *error)
{
    struct pos_mother_row row;
    struct pos_key_library *library = compromise->home.library;
    enum pos_status status = pos_key_library_find_mother(library, compromise->mother, &row);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no mother POS '%.32s': see 'list --mothers'",
                             compromise->mother);
    if (status == POS_OK)
        status = pos_key_library_walk(library, POS_KEY_INDEX_MIN, add_key_below, compromise);
    if (status == POS_OK)
        status = compromise->status;
    pos_key_selection_settle(&compromise->options.keys);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot read the key library: %s",
                                            pos_status_text(status));
}

static enum pos_status form_subject(struct compromise *compromise, struct pos_error *error)
{
    char words[POS_KEY_SELECTION_WORDS_SIZE] = "keys=0";
    struct pos_life *life = &compromise->life;
    if (compromise->options.keys.count > 0) {
        enum pos_status status = pos_key_selection_words(&compromise->options.keys, words);
        if (status != POS_OK)
            return pos_error_set(error, status, "cannot hash the list of keys");
    }
    (void)snprintf(life->subject, sizeof life->subject, "%s%s%s%s gateway=%s",
                   compromise->mother != NULL ? "ktk=" : "",
                   compromise->mother != NULL ? compromise->mother : "",
                   compromise->mother != NULL ? " " : "", words,
                   compromise->options.no_gateway ? "no" : "yes");
    return POS_OK;
}

/* ---- marking ---- */

static enum pos_status mark_chunk(struct compromise *compromise, const uint32_t *indexes,
                                  size_t count, struct pos_error *error)
{
    struct pos_home *home = &compromise->home;
    const struct pos_key_selection chunk = {.indexes = (uint32_t *)(uintptr_t)indexes,
                                            .count = count};
    char words[POS_KEY_SELECTION_WORDS_SIZE];
    enum pos_status status = pos_key_selection_words(&chunk, words);
    struct pos_audit_event event = pos_home_event(home, "compromise-keys", words);
    if (status == POS_OK)
        status = pos_key_library_compromise(home->library, indexes, count, event.utc_ms, &event);
    POS_FAILPOINT("compromise-chunk");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status,
                         "the keys %08u to %08u cannot be marked: %s; run the same "
                         "again",
                         indexes[0], indexes[count - 1], pos_status_text(status));
}

static enum pos_status mark_keys(struct compromise *compromise, struct pos_error *error)
{
    const struct pos_key_selection *keys = &compromise->options.keys;
    enum pos_status status = POS_OK;
    for (size_t i = 0; status == POS_OK && i < keys->count; i += POS_COMMIT_BATCH_COUNT_MAX) {
        size_t count = keys->count - i;
        if (count > POS_COMMIT_BATCH_COUNT_MAX)
            count = POS_COMMIT_BATCH_COUNT_MAX;
        status = mark_chunk(compromise, keys->indexes + i, count, error);
    }
    return status;
}

/* First of all: from then on nothing goes out under it. */
static enum pos_status mark_mother(struct compromise *compromise, struct pos_error *error)
{
    if (compromise->mother == NULL)
        return POS_OK;
    struct pos_audit_event event =
        pos_home_event(&compromise->home, "compromise-ktk", compromise->mother);
    enum pos_status status =
        pos_key_library_compromise_mother(compromise->home.library, compromise->mother, &event);
    POS_FAILPOINT("compromise-mother");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status, "%s cannot be marked: %s", compromise->mother,
                         pos_status_text(status));
}

/* Once more when something was suspended: a registration may have been on its way before the
 * gateway had read that the key is of no use. */
static enum pos_status suspend(struct compromise *compromise, struct pos_error *error)
{
    const struct pos_life *life = &compromise->life;
    enum pos_status status = POS_OK;
    for (int i = 0; life->gateway != NULL && status == POS_OK && i < SUSPEND_ROUNDS_MAX; i++) {
        compromise->suspended = (struct pos_gateway_tally){0};
        status = pos_gateway_link_change(
            life->gateway, POS_GATEWAY_SUSPEND, &life->begun, compromise->options.keys.indexes,
            compromise->options.keys.count, &compromise->suspended, error);
        if (status == POS_OK && compromise->suspended.changed == 0)
            break;
    }
    return status;
}

static enum pos_status run_steps(struct compromise *compromise, struct pos_error *error)
{
    enum pos_status status = suspend(compromise, error);
    POS_FAILPOINT("compromise-suspended");
    if (status == POS_OK)
        status = mark_mother(compromise, error);
    if (status == POS_OK)
        status = mark_keys(compromise, error);
    POS_FAILPOINT("compromise-marked");
    if (status == POS_OK)
        status = pos_life_catch_up(&compromise->life, error);
    if (status == POS_OK)
        status = suspend(compromise, error);
    POS_FAILPOINT("compromise-caught-up");
    return status == POS_OK ? pos_life_end(&compromise->life, error) : status;
}

/* ---- the answer ---- */

static const struct pos_column columns[] = {{"index", -8},   {"state", -11}, {"batch", 8},
                                            {"mother", -16}, {"serial", -8}, {"tmk_kcv", -1}};

static void put_keys(struct compromise *compromise, struct pos_report *answer)
{
    const struct pos_key_selection *keys = &compromise->options.keys;
    pos_report_table(answer, "keys", columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < keys->count; i++) {
        struct pos_key_row row;
        if (pos_key_library_find(compromise->home.library, keys->indexes[i], &row) != POS_OK)
            continue;
        pos_report_index(answer, "index", row.index);
        pos_report_text(answer, "state", pos_key_state_name(row.state));
        pos_report_number(answer, "batch", row.batch);
        pos_report_text(answer, "mother", row.mother[0] == '\0' ? "-" : row.mother);
        pos_report_text(answer, "serial", row.serial[0] == '\0' ? "-" : row.serial);
        pos_report_kcv(answer, "tmk_kcv", &row.tmk_kcv);
        pos_report_end_row(answer);
    }
}

static void report(struct compromise *compromise)
{
    const struct pos_life_options *options = &compromise->options;
    struct pos_report *answer = pos_report_create(stdout, compromise->home.options->json, NULL, 0);
    if (options->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    if (compromise->life.resumed)
        pos_report_text(answer, "again", "what was begun before is finished");
    pos_report_text(answer, "subject", compromise->life.subject);
    if (compromise->mother != NULL)
        pos_report_text(answer, "ktk", compromise->mother);
    pos_report_number(answer, "count", options->keys.count);
    if (options->gateway != NULL && !options->dry_run) {
        pos_report_number(answer, "terminals", compromise->suspended.terminals);
        pos_report_number(answer, "not_registered", compromise->suspended.unknown);
    }
    put_keys(compromise, answer);
    pos_report_destroy(answer);
    if (options->no_gateway)
        (void)fprintf(stderr,
                      "posgate-keymgmt: without the gateway, terminals that have signed on with "
                      "these keys go on: run the same with --gateway\n");
}

/* ---- the command ---- */

static enum pos_status run_compromise(struct compromise *compromise, struct pos_error *error)
{
    struct pos_life *life = &compromise->life;
    *life = (struct pos_life){.home = &compromise->home, .action = "compromise"};
    enum pos_status status = compromise->mother != NULL
                                 ? select_below(compromise, error)
                                 : pos_life_select(&compromise->home, &compromise->options, error);
    if (status == POS_OK)
        status = form_subject(compromise, error);
    if (status == POS_OK && !compromise->options.dry_run) {
        status = pos_life_connect(life, compromise->options.gateway, error);
        if (status == POS_OK)
            status = pos_life_look_back(life, error);
        if (status == POS_OK)
            status = pos_life_begin(life, true, error);
        if (status == POS_OK)
            status = run_steps(compromise, error);
    }
    if (status == POS_OK)
        report(compromise);
    return status;
}

static error_t parse_compromise(int key, char *argument, struct argp_state *state)
{
    struct compromise *compromise = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &compromise->options;
        return 0;
    case KEY_NAME:
        compromise->mother = argument;
        return 0;
    case ARGP_KEY_ARG: /* `compromise KTK --name MPOS0001` reads well */
        if (strcmp(argument, "KTK") != 0 && strcmp(argument, "ktk") != 0)
            argp_error(state, "'%.32s': the only word here is KTK, with --name", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status check_options(const struct compromise *compromise, struct pos_error *error)
{
    const struct pos_life_options *options = &compromise->options;
    bool named = options->keys.count > 0 || options->batch != 0 || options->list != NULL;
    if (compromise->mother != NULL && named)
        return pos_error_set(error, POS_ERR_USAGE,
                             "--name takes every key below that KTK: leave out --index, --batch "
                             "and --list");
    return pos_life_check_gateway(options, error);
}

enum pos_status pos_command_compromise(struct pos_options *options, int argc, char **argv,
                                       struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"name", KEY_NAME, "MOTHER", 0,
         "The KTK of this mother POS, and every key that was exported under it", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp_child children[] = {{&pos_life_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_compromise,
        .args_doc = "[KTK]",
        .children = children,
        .doc =
            "Marks keys as known to others, or a KTK and every key below it, and names them. The "
            "gateway refuses their terminals when it answers, and nothing is exported to that "
            "mother POS any more. Needs a second person's approval. After an interruption the "
            "same command finishes it."};
    struct compromise compromise = {.mother = NULL};
    pos_options_parse(options, &argp, &compromise, argc, argv);
    enum pos_status status = check_options(&compromise, error);
    if (status == POS_OK)
        status = pos_home_init(&compromise.home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&compromise.home, POS_ROLE_OPERATOR, "compromise", error);
    if (status == POS_OK)
        status = run_compromise(&compromise, error);
    pos_life_close(&compromise.life);
    pos_key_selection_free(&compromise.options.keys);
    pos_home_fini(&compromise.home);
    return status;
}

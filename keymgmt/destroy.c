/*
 * `posgate-keymgmt destroy`: takes keys off the disks for good: out of the key library, out of the
 * gateway's table, and out of every file that either of them still has.
 *
 * Order, so that a crash anywhere ends right when the command runs again: the terminals are
 * suspended; the keys leave the library's rows; the library's files are written anew without them;
 * the gateway reads that, lets go of the old files, drops the terminals' working keys and writes
 * its files anew. What is done already costs little the second time. In the end it is asked once
 * more for the working keys, because a registration may have been on its way before it had read
 * that the key is gone; only when there was nothing left to drop it is done.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "keymgmt/command.h"
#include "keymgmt/life.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"

enum { ERASE_ROUNDS_MAX = 5, MOTHERS_SIZE_MAX = 160 };

struct destruction {
    struct pos_home home;
    struct pos_life life;
    struct pos_life_options options;
    size_t before;                  /* destroyed when the command began */
    size_t done;                    /* now */
    char mothers[MOTHERS_SIZE_MAX]; /* that they were exported to, as far as there is room */
    struct pos_gateway_tally suspended, erased;
};

/* ---- the library ---- */

static void note_mother(struct pos_buffer *mothers, const char *mother)
{
    struct pos_bytes noted = pos_buffer_view(mothers);
    while (noted.size > 0)
        if (pos_bytes_equal_text(pos_bytes_split(&noted, ' '), mother))
            return;
    if (mother[0] != '\0')
        pos_buffer_format(mothers, "%s%s", mothers->size == 0 ? "" : " ", mother);
}

/* Which of them are destroyed already, and which mother POSes had any. */
static enum pos_status look_at_keys(struct destruction *destruction, struct pos_error *error)
{
    struct pos_buffer mothers = pos_buffer(destruction->mothers, MOTHERS_SIZE_MAX - sizeof " ...");
    const struct pos_key_selection *keys = &destruction->options.keys;
    for (size_t i = 0; i < keys->count; i++) {
        struct pos_key_row row;
        enum pos_status status =
            pos_key_library_find(destruction->home.library, keys->indexes[i], &row);
        if (status != POS_OK)
            return pos_error_set(error, status, "key %08u cannot be read", keys->indexes[i]);
        destruction->before += row.state == POS_KEY_DESTROYED;
        note_mother(&mothers, row.mother);
    }
    if (mothers.overflow)
        memcpy(destruction->mothers + mothers.size, " ...", sizeof " ...");
    return POS_OK;
}

static enum pos_status destroy_chunk(struct destruction *destruction, const uint32_t *indexes,
                                     size_t count, struct pos_error *error)
{
    struct pos_home *home = &destruction->home;
    const struct pos_key_selection chunk = {.indexes = (uint32_t *)(uintptr_t)indexes,
                                            .count = count};
    char words[POS_KEY_SELECTION_WORDS_SIZE];
    enum pos_status status = pos_key_selection_words(&chunk, words);
    struct pos_audit_event event = pos_home_event(home, "destroy-keys", words);
    if (status == POS_OK)
        status = pos_key_library_destroy(home->library, indexes, count, event.utc_ms, &event);
    POS_FAILPOINT("destroy-chunk");
    if (status != POS_OK)
        return pos_error_set(error, status,
                             "the keys %08u to %08u cannot be destroyed: %s; run the same again",
                             indexes[0], indexes[count - 1], pos_status_text(status));
    destruction->done += count;
    return POS_OK;
}

static enum pos_status destroy_keys(struct destruction *destruction, struct pos_error *error)
{
    const struct pos_key_selection *keys = &destruction->options.keys;
    struct pos_progress progress;
    enum pos_status status = POS_OK;
    pos_progress_start(&progress, "keys destroyed", keys->count);
    for (size_t i = 0; status == POS_OK && i < keys->count; i += POS_COMMIT_BATCH_COUNT_MAX) {
        size_t count = keys->count - i;
        if (count > POS_COMMIT_BATCH_COUNT_MAX)
            count = POS_COMMIT_BATCH_COUNT_MAX;
        if (pos_interrupted())
            status = pos_error_set(error, POS_ERR_BUSY,
                                   "interrupted: %zu of %zu keys are destroyed; run the same again "
                                   "for the rest",
                                   destruction->done, keys->count);
        else
            status = destroy_chunk(destruction, keys->indexes + i, count, error);
        pos_progress_show(&progress, destruction->done);
    }
    pos_progress_end(&progress);
    return status;
}

static enum pos_status scrub_library(struct destruction *destruction, struct pos_error *error)
{
    POS_FAILPOINT("destroy-marked");
    enum pos_status status = pos_key_library_scrub(destruction->home.library);
    POS_FAILPOINT("destroy-scrubbed");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status,
                         "the keys are destroyed, but old files of the library may still hold "
                         "them: %s; run the same again",
                         pos_status_text(status));
}

/* ---- the gateway ---- */

static enum pos_status change(struct destruction *destruction, enum pos_gateway_change what,
                              struct pos_gateway_tally *tally, struct pos_error *error)
{
    const struct pos_life *life = &destruction->life;
    *tally = (struct pos_gateway_tally){0};
    if (life->gateway == NULL)
        return POS_OK;
    return pos_gateway_link_change(life->gateway, what, &life->begun,
                                   destruction->options.keys.indexes,
                                   destruction->options.keys.count, tally, error);
}

static enum pos_status erase_once(struct destruction *destruction, struct pos_error *error)
{
    enum pos_status status = change(destruction, POS_GATEWAY_ERASE, &destruction->erased, error);
    POS_FAILPOINT("destroy-erased");
    if (status == POS_OK)
        status = pos_gateway_link_scrub(destruction->life.gateway, error);
    return status;
}

/* Behind it the gateway has no working key of these terminals in any file, and gives them none. */
static enum pos_status erase(struct destruction *destruction, struct pos_error *error)
{
    if (destruction->life.gateway == NULL)
        return POS_OK;
    enum pos_status status = pos_life_catch_up(&destruction->life, error);
    POS_FAILPOINT("destroy-caught-up");
    for (int i = 0; status == POS_OK && i < ERASE_ROUNDS_MAX; i++) {
        status = erase_once(destruction, error);
        if (status == POS_OK)
            status = change(destruction, POS_GATEWAY_ERASE, &destruction->erased, error);
        if (status == POS_OK && destruction->erased.changed == 0)
            return POS_OK;
    }
    if (status != POS_OK)
        return status;
    return pos_error_set(error, POS_ERR_BUSY,
                         "terminals still register with these keys, which should not be: is it the "
                         "right gateway?");
}

/* ---- all of it ---- */

static enum pos_status run_steps(struct destruction *destruction, struct pos_error *error)
{
    POS_FAILPOINT("destroy-begun");
    enum pos_status status =
        change(destruction, POS_GATEWAY_SUSPEND, &destruction->suspended, error);
    POS_FAILPOINT("destroy-suspended");
    if (status == POS_OK)
        status = destroy_keys(destruction, error);
    if (status == POS_OK)
        status = scrub_library(destruction, error);
    if (status == POS_OK)
        status = erase(destruction, error);
    return status == POS_OK ? pos_life_end(&destruction->life, error) : status;
}

static void report(const struct destruction *destruction)
{
    const struct pos_life_options *options = &destruction->options;
    struct pos_report *answer = pos_report_create(stdout, destruction->home.options->json, NULL, 0);
    if (options->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    if (destruction->life.resumed)
        pos_report_text(answer, "again", "what was begun before is finished");
    pos_report_text(answer, "subject", destruction->life.subject);
    pos_report_number(answer, "keys", options->keys.count);
    pos_report_number(answer, "destroyed_before", destruction->before);
    if (!options->dry_run)
        pos_report_text(answer, "gateway",
                        options->gateway == NULL ? "left out" : "has none of them any more");
    if (options->gateway != NULL && !options->dry_run)
        pos_report_number(answer, "terminals", destruction->erased.terminals);
    /* What a person must see to, because no command here can. */
    if (destruction->mothers[0] != '\0')
        pos_report_text(answer, "exported_to", destruction->mothers);
    pos_report_text(
        answer, "not_reached",
        "backups made before, key files, and mother POSes and terminals that have them");
    pos_report_destroy(answer);
    if (options->no_gateway)
        (void)fprintf(stderr,
                      "posgate-keymgmt: without the gateway, terminals that have signed on with "
                      "these keys go on, and its table keeps their working keys: run the same "
                      "with --gateway\n");
}

static enum pos_status destroy(struct destruction *destruction, struct pos_error *error)
{
    struct pos_life *life = &destruction->life;
    char words[POS_KEY_SELECTION_WORDS_SIZE];
    *life = (struct pos_life){.home = &destruction->home, .action = "destroy"};
    enum pos_status status = pos_life_select(&destruction->home, &destruction->options, error);
    if (status == POS_OK)
        status = look_at_keys(destruction, error);
    if (status == POS_OK)
        status = pos_key_selection_words(&destruction->options.keys, words);
    if (status != POS_OK)
        return status;
    (void)snprintf(life->subject, sizeof life->subject, "%s gateway=%s", words,
                   destruction->options.no_gateway ? "no" : "yes");
    if (destruction->options.dry_run) {
        report(destruction);
        return POS_OK;
    }
    status = pos_life_connect(life, destruction->options.gateway, error);
    if (status == POS_OK)
        status = pos_life_look_back(life, error);
    /* What is destroyed already needs nobody's word to be scrubbed once more. */
    if (status == POS_OK)
        status = pos_life_begin(life, destruction->before < destruction->options.keys.count, error);
    if (status == POS_OK)
        status = run_steps(destruction, error);
    if (status == POS_OK)
        report(destruction);
    return status;
}

static error_t parse_destroy(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

enum pos_status pos_command_destroy(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error)
{
    static const struct argp_child children[] = {{&pos_life_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .parser = parse_destroy,
        .children = children,
        .doc = "Destroys keys: no file of the key library or of the gateway's table holds them or "
               "their terminals' working keys when it answers, and the gateway refuses those "
               "terminals. Their rows keep index, check values and history. Needs a second "
               "person's approval. After an interruption the same command finishes it. Backups "
               "keep what they hold: destroy those too."};
    struct destruction destruction = {.done = 0};
    pos_options_parse(options, &argp, &destruction.options, argc, argv);
    enum pos_status status = pos_life_check_gateway(&destruction.options, error);
    if (status == POS_OK)
        status = pos_home_init(&destruction.home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&destruction.home, POS_ROLE_OPERATOR, "destroy", error);
    if (status == POS_OK) {
        pos_interrupt_catch();
        status = destroy(&destruction, error);
    }
    pos_life_close(&destruction.life);
    pos_key_selection_free(&destruction.options.keys);
    pos_home_fini(&destruction.home);
    return status;
}

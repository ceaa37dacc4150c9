/*
 * `posgate-keymgmt check`: opens every key that the library holds in the security module and holds
 * its check value against the one in its row; then looks for keys that are the same. It changes
 * nothing and may run beside everything else.
 *
 * No two keys are compared in the clear: of two with the same check value the security module makes
 * a MAC over the same words under each, with the key that registrations are proved with, and only
 * the same key makes the same one.
 */
#include <stdio.h>
#include <string.h>

#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/kcv_twins.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"

enum { FINDING_COUNT_MAX = 1000, ABOUT_SIZE = 64, OWNER_SIZE = 32, TWINS_SIZE = 128 };

struct finding {
    char owner[OWNER_SIZE]; /* "00000278", "MPOS0001" */
    const char *key;        /* "TMK" */
    const char *finding;
    char about[ABOUT_SIZE];
};

struct checking {
    struct pos_home *home;
    struct pos_error *error;
    enum pos_status status;
    uint64_t rows, keys, without_key, mothers, links;
    struct pos_kcv_twins twins;
    uint64_t same_kcv[POS_ALGORITHM_COUNT];
    uint64_t same_key;
    uint64_t wrong; /* findings, kept or not */
    struct finding findings[FINDING_COUNT_MAX];
    size_t finding_count;
    struct pos_progress progress;
};

static void find(struct checking *checking, const char *owner, const char *key, const char *finding,
                 const char *about)
{
    checking->wrong++;
    if (checking->finding_count == FINDING_COUNT_MAX)
        return;
    struct finding *next = &checking->findings[checking->finding_count++];
    *next = (struct finding){.key = key, .finding = finding};
    (void)snprintf(next->owner, sizeof next->owner, "%s", owner);
    (void)snprintf(next->about, sizeof next->about, "%s", about);
}

/* ---- rows ---- */

/* What only says that the module is gone is no finding about a key. */
static bool is_about_the_key(enum pos_status status)
{
    return status == POS_ERR_CORRUPT || status == POS_ERR_USAGE || status == POS_ERR_FORMAT ||
           status == POS_ERR_MAC || status == POS_ERR_MISMATCH;
}

static void check_key(struct checking *checking, const char *owner, enum pos_key_usage usage,
                      const struct pos_key *key, const struct pos_kcv *kcv)
{
    struct pos_kcv its;
    char about[ABOUT_SIZE], text[POS_KCV_TEXT_SIZE], other[POS_KCV_TEXT_SIZE];
    const char *name = pos_key_usage_name(usage);
    enum pos_status status = pos_hsm_kcv(checking->home->session, key, &its);
    checking->keys++;
    if (status == POS_OK && key->usage == usage && pos_kcv_equal(&its, kcv))
        return;
    if (status == POS_OK) {
        pos_kcv_text(&its, text);
        pos_kcv_text(kcv, other);
        (void)snprintf(about, sizeof about, "the row says %s, the key has %s", other, text);
        find(checking, owner, name, "kcv-differs", about);
    } else if (is_about_the_key(status))
        find(checking, owner, name, "does-not-open", pos_status_text(status));
    else
        checking->status =
            pos_error_set(checking->error, status, "the security module failed at the %s of %s: %s",
                          name, owner, pos_status_text(status));
}

static void check_row_keys(struct checking *checking, const char *owner,
                           const struct pos_key_row *row)
{
    check_key(checking, owner, POS_USAGE_TMK, &row->tmk, &row->tmk_kcv);
    check_key(checking, owner, POS_USAGE_TPK, &row->tpk, &row->tpk_kcv);
    check_key(checking, owner, POS_USAGE_TAK, &row->tak, &row->tak_kcv);
    if (pos_key_form_has_tdk(row->form, row->algorithm))
        check_key(checking, owner, POS_USAGE_TDK, &row->tdk, &row->tdk_kcv);
}

static bool check_row(void *context, const struct pos_key_row *row)
{
    struct checking *checking = context;
    char owner[OWNER_SIZE];
    (void)snprintf(owner, sizeof owner, "%08u", row->index);
    checking->rows++;
    bool holds = row->tmk.size > 0 || row->tpk.size > 0 || row->tak.size > 0 || row->tdk.size > 0;
    if (row->state == POS_KEY_DESTROYED) {
        checking->without_key++;
        if (holds)
            find(checking, owner, "TMK", "not-destroyed", "a destroyed row still holds a key");
    } else
        check_row_keys(checking, owner, row);
    if (checking->status == POS_OK)
        checking->status =
            pos_kcv_twins_add(&checking->twins, row->index, row->algorithm, &row->tmk_kcv);
    if (checking->status == POS_OK && pos_interrupted())
        checking->status = pos_error_set(checking->error, POS_ERR_BUSY, "interrupted");
    pos_progress_show(&checking->progress, checking->rows);
    return checking->status == POS_OK;
}

static bool check_mother(void *context, const struct pos_mother_row *row)
{
    struct checking *checking = context;
    checking->mothers++;
    check_key(checking, row->name, POS_USAGE_KTK, &row->ktk, &row->ktk_kcv);
    return checking->status == POS_OK;
}

static bool check_link(void *context, const struct pos_link_row *row)
{
    struct checking *checking = context;
    checking->links++;
    check_key(checking, row->name, row->key.usage, &row->key, &row->kcv);
    return checking->status == POS_OK;
}

static enum pos_status check_rows(struct checking *checking)
{
    struct pos_key_library *library = checking->home->library;
    uint32_t next_index, next_batch;
    enum pos_status status = pos_key_library_next(library, &next_index, &next_batch);
    if (status != POS_OK)
        return pos_error_set(checking->error, status, "cannot read the key library");
    pos_interrupt_catch();
    pos_progress_start(&checking->progress, "keys checked", next_index - POS_KEY_INDEX_MIN);
    status = pos_key_library_walk(library, POS_KEY_INDEX_MIN, check_row, checking);
    pos_progress_end(&checking->progress);
    if (status == POS_OK && checking->status == POS_OK)
        status = pos_key_library_walk_mothers(library, check_mother, checking);
    if (status == POS_OK && checking->status == POS_OK)
        status = pos_key_library_walk_links(library, check_link, checking);
    if (status != POS_OK)
        return pos_error_set(checking->error, status, "cannot read the key library: %s",
                             pos_status_text(status));
    if (checking->status == POS_ERR_MEMORY)
        return pos_error_set(checking->error, POS_ERR_MEMORY, "no memory for so many keys");
    return checking->status;
}

/* ---- keys that are the same ---- */

static enum pos_status make_mark(struct checking *checking, uint32_t index, struct pos_key_row *row,
                                 uint8_t mark[POS_MAC_SIZE])
{
    static const char words[] = "posgate: is this the same key?";
    enum pos_status status = pos_key_library_find(checking->home->library, index, row);
    if (status != POS_OK || row->tmk.size == 0)
        return status == POS_OK ? POS_ERR_NOT_FOUND : status;
    return pos_hsm_make_mac(checking->home->session, &row->tmk, POS_MAC_REGISTRATION,
                            pos_bytes(words, sizeof words - 1), mark);
}

static bool compare_pair(void *context, uint32_t a, uint32_t b)
{
    struct checking *checking = context;
    struct pos_key_row first, second;
    uint8_t mark[POS_MAC_SIZE], other[POS_MAC_SIZE];
    char owner[OWNER_SIZE], about[ABOUT_SIZE];
    enum pos_status status = make_mark(checking, a, &first, mark);
    checking->same_kcv[first.algorithm]++;
    if (status == POS_OK)
        status = make_mark(checking, b, &second, other);
    /* What does not open was found before; what is destroyed is nobody's key any more. */
    if (status != POS_OK || memcmp(mark, other, sizeof mark) != 0)
        return !pos_interrupted();
    checking->same_key++;
    (void)snprintf(owner, sizeof owner, "%08u", a);
    (void)snprintf(about, sizeof about, "%08u has the same key", b);
    find(checking, owner, "TMK", "same-key", about);
    return !pos_interrupted();
}

/* ---- the answer ---- */

static void put_findings(struct pos_report *answer, const struct checking *checking)
{
    static const struct pos_column columns[] = {
        {"owner", -16}, {"key", -3}, {"finding", -13}, {"about", -1}};
    pos_report_table(answer, "findings", columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < checking->finding_count; i++) {
        const struct finding *finding = &checking->findings[i];
        pos_report_text(answer, "owner", finding->owner);
        pos_report_text(answer, "key", finding->key);
        pos_report_text(answer, "finding", finding->finding);
        pos_report_text(answer, "about", finding->about);
        pos_report_end_row(answer);
    }
}

/* "3 pairs, 2.98 expected by chance among 10000" for each algorithm that there is. */
static void put_twins(struct pos_report *answer, const struct checking *checking)
{
    static const size_t sizes[POS_ALGORITHM_COUNT] = {[POS_ALGORITHM_T2] = 3,
                                                      [POS_ALGORITHM_T3] = 3,
                                                      [POS_ALGORITHM_A128] = 5,
                                                      [POS_ALGORITHM_A256] = 5,
                                                      [POS_ALGORITHM_SM4] = 4};
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++) {
        char name[32], text[TWINS_SIZE];
        uint64_t count = checking->twins.counts[i];
        if (count == 0)
            continue;
        (void)snprintf(name, sizeof name, "same_kcv_%s", pos_algorithm_name((enum pos_algorithm)i));
        (void)snprintf(text, sizeof text, "%llu pairs, %.3g expected by chance among %llu",
                       (unsigned long long)checking->same_kcv[i],
                       pos_kcv_twins_expected(count, sizes[i]), (unsigned long long)count);
        pos_report_text(answer, name, text);
    }
}

static void report(const struct checking *checking)
{
    struct pos_report *answer = pos_report_create(stdout, checking->home->options->json, NULL, 0);
    pos_report_text(answer, "module", pos_hsm_describe(checking->home->hsm));
    pos_report_number(answer, "indexes", checking->rows);
    pos_report_number(answer, "destroyed", checking->without_key);
    pos_report_number(answer, "mothers", checking->mothers);
    pos_report_number(answer, "links", checking->links);
    pos_report_number(answer, "keys_opened", checking->keys);
    put_twins(answer, checking);
    pos_report_number(answer, "same_key", checking->same_key);
    pos_report_number(answer, "wrong", checking->wrong);
    if (checking->wrong > checking->finding_count)
        pos_report_number(answer, "not_listed", checking->wrong - checking->finding_count);
    if (checking->finding_count > 0 || checking->home->options->json)
        put_findings(answer, checking);
    pos_report_destroy(answer);
}

static enum pos_status check(struct checking *checking)
{
    enum pos_status status = check_rows(checking);
    if (status != POS_OK)
        return status;
    pos_kcv_twins_pairs(&checking->twins, compare_pair, checking);
    report(checking);
    if (checking->wrong > 0)
        return pos_error_set(checking->error, POS_ERR_CORRUPT,
                             "%llu keys are not what they should be: give none of them out, and "
                             "find out who could write the library",
                             (unsigned long long)checking->wrong);
    return POS_OK;
}

static error_t parse_check(int key, char *argument, struct argp_state *state)
{
    (void)key;
    (void)argument;
    (void)state;
    return ARGP_ERR_UNKNOWN;
}

enum pos_status pos_command_check(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct argp argp = {
        .parser = parse_check,
        .doc = "Opens every key of the library in the security module, holds the check values "
               "against the rows, and looks for keys that are the same. Changes nothing. Ends "
               "with 1 when something is wrong."};
    static struct checking checking;
    pos_options_parse(options, &argp, NULL, argc, argv);
    struct pos_home home;
    checking = (struct checking){.home = &home, .error = error};
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin_reader(&home, POS_ROLE_OPERATOR | POS_ROLE_AUDITOR, "check", error);
    if (status == POS_OK)
        status = pos_home_open_hsm(&home, error);
    if (status == POS_OK)
        status = check(&checking);
    pos_kcv_twins_fini(&checking.twins);
    pos_home_fini(&home);
    return status;
}

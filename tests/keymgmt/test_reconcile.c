/* What the mother POS says beside what the library knows: every pair of the two. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "keymgmt/reconcile.h"

static const struct pos_kcv kcv = {.method = POS_KCV_CMAC, .size = 5, .data = {1, 2, 3, 4, 5}};
static const struct pos_kcv other_kcv = {
    .method = POS_KCV_CMAC, .size = 5, .data = {1, 2, 3, 4, 6}};

static struct pos_return_file_key said(enum pos_return_state state, const char *serial)
{
    struct pos_return_file_key key = {.index = 278, .state = state, .kcv = kcv};
    memcpy(key.serial, serial, strlen(serial) + 1);
    return key;
}

static struct pos_key_row known(enum pos_key_state state, const char *serial)
{
    struct pos_key_row row = {.index = 278, .state = state, .tmk_kcv = kcv, .mother = "MPOS0001"};
    memcpy(row.serial, serial, strlen(serial) + 1);
    return row;
}

/* Columns: what the file says. */
enum { SAYS_FREE, SAYS_RESERVED, SAYS_ISSUED, SAYS_BURNED, SAYS_COUNT };

Test(reconcile, each_state_here_beside_each_state_there)
{
    enum { OK = POS_FINDING_NONE, SETTLES = 100 };
    static const struct {
        enum pos_key_state state;
        int verdicts[SAYS_COUNT]; /* a finding, or SETTLES */
    } rows[] = {
        {POS_KEY_GENERATED,
         {POS_FINDING_NOT_EXPORTED, POS_FINDING_NOT_EXPORTED, POS_FINDING_NOT_EXPORTED,
          POS_FINDING_NOT_EXPORTED}},
        {POS_KEY_EXPORTED, {OK, OK, SETTLES, SETTLES}},
        {POS_KEY_LOADED, {OK, OK, SETTLES, SETTLES}},
        {POS_KEY_ISSUED,
         {POS_FINDING_WENT_BACK, POS_FINDING_WENT_BACK, OK, POS_FINDING_STATE_DIFFERS}},
        {POS_KEY_BURNED,
         {POS_FINDING_WENT_BACK, POS_FINDING_WENT_BACK, POS_FINDING_STATE_DIFFERS, OK}},
        {POS_KEY_DESTROYED, {OK, OK, OK, OK}},
        {POS_KEY_COMPROMISED, {OK, OK, OK, OK}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int s = 0; s < SAYS_COUNT; s++) {
            bool settled = rows[i].state == POS_KEY_ISSUED || rows[i].state == POS_KEY_BURNED;
            struct pos_key_row row = known(rows[i].state, settled ? "123L013K" : "");
            struct pos_return_file_key key =
                said((enum pos_return_state)s, s == SAYS_FREE ? "" : "123L013K");
            struct pos_judgement judgement = pos_reconcile_key(&key, &row, "MPOS0001");
            int verdict = judgement.settles ? SETTLES : (int)judgement.finding;
            cr_expect_eq(verdict, rows[i].verdicts[s], "%s here, %s there: %d",
                         pos_key_state_name(rows[i].state),
                         pos_return_state_name((enum pos_return_state)s), verdict);
            cr_expect(!judgement.settles || judgement.finding == POS_FINDING_NONE);
        }
}

/* Burned at the mother POS because its journal is an old copy: whoever has the key may use it. */
Test(reconcile, a_key_whose_holder_is_lost_stays_what_the_library_knows)
{
    static const struct {
        enum pos_key_state state;
        enum pos_finding_kind finding;
    } rows[] = {
        {POS_KEY_GENERATED, POS_FINDING_NOT_EXPORTED},
        {POS_KEY_EXPORTED, POS_FINDING_HOLDER_LOST},
        {POS_KEY_LOADED, POS_FINDING_HOLDER_LOST},
        {POS_KEY_ISSUED, POS_FINDING_NONE},
        {POS_KEY_BURNED, POS_FINDING_NONE},
        {POS_KEY_DESTROYED, POS_FINDING_NONE},
    };
    const struct pos_return_file_key key = said(POS_RETURN_BURNED, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool settled = rows[i].state == POS_KEY_ISSUED || rows[i].state == POS_KEY_BURNED;
        struct pos_key_row row = known(rows[i].state, settled ? "123L013K" : "");
        struct pos_judgement judgement = pos_reconcile_key(&key, &row, "MPOS0001");
        cr_expect(judgement.finding == rows[i].finding && !judgement.settles, "%s",
                  pos_key_state_name(rows[i].state));
    }
}

Test(reconcile, a_key_that_is_not_what_it_says_is_never_settled)
{
    struct pos_return_file_key key = said(POS_RETURN_ISSUED, "123L013K");
    struct pos_key_row row = known(POS_KEY_LOADED, "");
    cr_expect(pos_reconcile_key(&key, &row, "MPOS0001").settles, "the good neighbour");
    struct pos_judgement judgement = pos_reconcile_key(&key, NULL, "MPOS0001");
    cr_expect(judgement.finding == POS_FINDING_UNKNOWN_INDEX && !judgement.settles);
    judgement = pos_reconcile_key(&key, &row, "MPOS0002");
    cr_expect(judgement.finding == POS_FINDING_OTHER_MOTHER && !judgement.settles);
    key.kcv = other_kcv;
    judgement = pos_reconcile_key(&key, &row, "MPOS0001");
    cr_expect(judgement.finding == POS_FINDING_KCV_DIFFERS && !judgement.settles);
    key = said(POS_RETURN_ISSUED, "123L013K");
    row = known(POS_KEY_ISSUED, "999L013K");
    judgement = pos_reconcile_key(&key, &row, "MPOS0001");
    cr_expect(judgement.finding == POS_FINDING_SERIAL_DIFFERS && !judgement.settles);
}

Test(reconcile, ranges_are_found_at_both_ends_and_in_gaps)
{
    struct pos_return_file_key keys[] = {
        {.index = 3}, {.index = 4}, {.index = 7}, {.index = 99999999}};
    static const struct {
        uint32_t first, count;
        size_t found, place;
    } rows[] = {{1, 2, 0, 0},        {1, 3, 1, 0},        {3, 2, 2, 0},
                {4, 4, 2, 1},        {5, 2, 0, 2},        {7, 1, 1, 2},
                {8, 99999991, 0, 3}, {99999999, 1, 1, 3}, {1, 99999999, 4, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t place;
        size_t found = pos_reconcile_range(keys, 4, rows[i].first, rows[i].count, &place);
        cr_expect(found == rows[i].found && place == rows[i].place, "row %zu: %zu at %zu", i, found,
                  place);
    }
    size_t place;
    cr_expect_eq(pos_reconcile_range(NULL, 0, 1, 10, &place), 0);
}

Test(reconcile, a_serial_with_two_keys_is_told_and_is_no_difference)
{
    static struct pos_findings findings;
    struct pos_return_file_key keys[] = {{.index = 1, .serial = "BBBBBBBB"},
                                         {.index = 2, .serial = "AAAAAAAA"},
                                         {.index = 3, .serial = "BBBBBBBB"},
                                         {.index = 4, .serial = "CCCCCCCC"},
                                         {.index = 5, .serial = "BBBBBBBB"}};
    const struct pos_return_file_key *issued[] = {&keys[4], &keys[1], &keys[2], &keys[3], &keys[0]};
    pos_reconcile_two_keys(issued, 5, &findings);
    cr_expect_eq(findings.counts[POS_FINDING_TWO_KEYS], 2);
    cr_assert_eq(findings.kept, 2);
    cr_expect(findings.list[0].index == 3 && findings.list[1].index == 5);
    cr_expect_str_eq(findings.list[0].serial, "BBBBBBBB");
    cr_expect_eq(pos_findings_differences(&findings), 0);
}

Test(reconcile, what_is_past_the_bound_of_the_list_is_counted)
{
    static struct pos_findings findings;
    for (uint32_t i = 0; i < POS_FINDING_KEPT_COUNT_MAX + 7; i++)
        pos_findings_add(&findings, POS_FINDING_MISSING, i + 1, "");
    cr_expect_eq(findings.kept, POS_FINDING_KEPT_COUNT_MAX);
    cr_expect_eq(pos_findings_differences(&findings), POS_FINDING_KEPT_COUNT_MAX + 7);
    for (int kind = 0; kind < POS_FINDING_KIND_COUNT; kind++) {
        cr_assert_not_null(pos_finding_name((enum pos_finding_kind)kind), "%d", kind);
        cr_assert_not_null(pos_finding_about((enum pos_finding_kind)kind), "%d", kind);
    }
}

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/store/terminal_bulk.h"
#include "core/store/terminal_table_inside.h"
#include "tests/core/store/support.h"

static struct pos_terminal_table *table;
static struct test_chain chain;
static char folder[TEST_PATH_SIZE];

static void open_table(void)
{
    struct pos_terminal_table_options options = {.path = test_path(folder, "db"),
                                                 .create_if_missing = true,
                                                 .cache_size = 1 << 20,
                                                 .audit = test_chain_writer(&chain)};
    struct pos_error error = {0};
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
}

static void set_up(void)
{
    test_folder(folder);
    open_table();
}

static void reopen(void)
{
    pos_terminal_table_close(table);
    open_table();
}

static void tear_down(void)
{
    pos_terminal_table_close(table);
}

TestSuite(terminal_table, .init = set_up, .fini = tear_down);

static const char *const outcome_names[] = {"none",   "created",   "changed", "unchanged",
                                            "raised", "displaced", "taken",   "weaker",
                                            "state",  "unknown"};

static struct pos_terminal_write write_for(enum pos_terminal_operation operation,
                                           const char *serial, uint32_t index)
{
    return (struct pos_terminal_write){.operation = operation,
                                       .smn = test_smn(serial, index),
                                       .algorithm = POS_ALGORITHM_A256,
                                       .utc_ms = 1000};
}

static void expect(struct pos_terminal_write *write, enum pos_terminal_outcome outcome,
                   const char *what)
{
    cr_expect_eq(pos_terminal_table_run(table, write), POS_OK, "%s", what);
    cr_expect_eq(write->outcome, outcome, "%s: %s, expected %s", what,
                 outcome_names[write->outcome], outcome_names[outcome]);
}

static void expect_register(const char *serial, uint32_t index, bool proved,
                            enum pos_terminal_outcome outcome, const char *other)
{
    struct pos_terminal_write write = write_for(POS_TERMINAL_REGISTER, serial, index);
    write.proved = proved;
    expect(&write, outcome, serial);
    cr_expect_str_eq(write.other.text, other == NULL ? "" : test_smn(other, index).text);
}

static void expect_state(const char *serial, uint32_t index, enum pos_terminal_state state,
                         enum pos_terminal_outcome outcome)
{
    struct pos_terminal_write write = write_for(POS_TERMINAL_SET_STATE, serial, index);
    write.state = state;
    expect(&write, outcome, pos_terminal_state_name(state));
}

static struct pos_terminal_write sign_on(const char *serial, uint32_t index, uint8_t fill)
{
    struct pos_terminal_write write = write_for(POS_TERMINAL_SIGN_ON, serial, index);
    write.tak = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, fill);
    write.tpk = test_key(POS_USAGE_TPK, POS_ALGORITHM_A256, (uint8_t)(fill + 1));
    write.tak_kcv = test_kcv(fill);
    write.tpk_kcv = test_kcv((uint8_t)(fill + 1));
    write.tdk = test_key(POS_USAGE_TDK, POS_ALGORITHM_A256, (uint8_t)(fill + 2));
    write.tdk_kcv = test_kcv((uint8_t)(fill + 2));
    write.utc_ms = 2000;
    return write;
}

static enum pos_status find(const char *serial, uint32_t index, struct pos_terminal_hot *hot)
{
    struct pos_smn smn = test_smn(serial, index);
    enum pos_status found;
    pos_terminal_table_find(table, &smn, 1, hot, &found);
    return found;
}

static struct pos_terminal_hot hot_of(const char *serial, uint32_t index)
{
    struct pos_terminal_hot hot = {0};
    cr_expect_eq(find(serial, index, &hot), POS_OK);
    return hot;
}

static struct pos_terminal_detail detail_of(const char *serial, uint32_t index)
{
    struct pos_smn smn = test_smn(serial, index);
    struct pos_terminal_detail detail = {0};
    cr_expect_eq(pos_terminal_table_find_detail(table, &smn, &detail), POS_OK);
    return detail;
}

static void expect_holder(uint32_t index, const char *serial, bool proved)
{
    struct pos_smn smn;
    bool was_proved;
    cr_assert_eq(pos_terminal_table_find_index(table, index, &smn, &was_proved), POS_OK);
    cr_expect_str_eq(smn.text, test_smn(serial, index).text);
    cr_expect_eq(was_proved, proved);
}

static void expect_counts(uint64_t active, uint64_t suspended, uint64_t revoked, uint64_t replaced)
{
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    pos_terminal_table_counts(table, counts);
    cr_expect_eq(counts[POS_TERMINAL_ACTIVE], active);
    cr_expect_eq(counts[POS_TERMINAL_SUSPENDED], suspended);
    cr_expect_eq(counts[POS_TERMINAL_REVOKED], revoked);
    cr_expect_eq(counts[POS_TERMINAL_REPLACED], replaced);
}

static const char *records(void)
{
    static struct test_records found;
    found.text[0] = '\0';
    cr_assert_eq(pos_terminal_table_walk_audit(table, 0, test_records_each, &found), POS_OK);
    return found.text;
}

/* ---- registration ---- */

Test(terminal_table, registers_once_and_keeps_it)
{
    struct pos_terminal_hot hot;
    cr_expect_eq(find("AAAA0001", 7, &hot), POS_ERR_NOT_FOUND);
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    expect_register("AAAA0001", 7, true, POS_OUTCOME_UNCHANGED, NULL);
    for (int round = 0; round < 2; round++, reopen()) {
        hot = hot_of("AAAA0001", 7);
        cr_expect_eq(hot.state, POS_TERMINAL_ACTIVE);
        cr_expect_eq(hot.algorithm, POS_ALGORITHM_A256);
        cr_expect(hot.proved && hot.version == 1 && hot.tak[0].size == 0);
        cr_expect_eq(detail_of("AAAA0001", 7).registered_ms, 1000);
        expect_holder(7, "AAAA0001", true);
        expect_counts(1, 0, 0, 0);
        cr_expect_eq(find("AAAA0001", 8, &hot), POS_ERR_NOT_FOUND);
    }
}

Test(terminal_table, gives_an_index_to_one_serial)
{
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    expect_register("BBBB0002", 7, true, POS_OUTCOME_TAKEN, "AAAA0001");
    expect_register("BBBB0002", 7, false, POS_OUTCOME_TAKEN, "AAAA0001");
    expect_register("BBBB0002", 8, true, POS_OUTCOME_CREATED, NULL);
    expect_holder(7, "AAAA0001", true);
    struct pos_terminal_hot hot;
    cr_expect_eq(find("BBBB0002", 7, &hot), POS_ERR_NOT_FOUND);
    expect_counts(2, 0, 0, 0);
}

Test(terminal_table, lets_an_unproven_row_rise_and_never_fall)
{
    expect_register("AAAA0001", 7, false, POS_OUTCOME_CREATED, NULL);
    expect_holder(7, "AAAA0001", false);
    struct pos_terminal_write on = sign_on("AAAA0001", 7, 1);
    expect(&on, POS_OUTCOME_CHANGED, "sign-on");
    expect_register("AAAA0001", 7, false, POS_OUTCOME_UNCHANGED, NULL);
    expect_register("AAAA0001", 7, true, POS_OUTCOME_RAISED, NULL);
    expect_holder(7, "AAAA0001", true);
    struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
    cr_expect(hot.proved && hot.tak[1].size > 0, "it keeps its keys");
    expect_register("AAAA0001", 7, false, POS_OUTCOME_WEAKER, NULL);
    cr_expect(hot_of("AAAA0001", 7).proved);
}

static enum pos_terminal_outcome prove(const char *serial, bool ecb)
{
    struct pos_terminal_write write = write_for(POS_TERMINAL_REGISTER, serial, 7);
    write.algorithm = POS_ALGORITHM_T2;
    write.proved = true;
    write.ecb = ecb;
    cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
    return write.outcome;
}

Test(terminal_table, ranks_a_proof_where_macs_are_ecb_between_none_and_one_elsewhere)
{
    expect_register("AAAA0001", 7, false, POS_OUTCOME_CREATED, NULL);
    cr_expect_eq(prove("AAAA0001", true), POS_OUTCOME_RAISED);
    struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
    cr_expect(hot.proved && hot.ecb);
    cr_expect_eq(prove("AAAA0001", true), POS_OUTCOME_UNCHANGED);
    expect_register("AAAA0001", 7, false, POS_OUTCOME_WEAKER, NULL);
    cr_expect_eq(prove("BBBB0002", false), POS_OUTCOME_TAKEN, "both hold the key: a clone");
    cr_expect_eq(prove("AAAA0001", false), POS_OUTCOME_RAISED);
    reopen();
    hot = hot_of("AAAA0001", 7);
    cr_expect(hot.proved && !hot.ecb);
    cr_expect_eq(prove("AAAA0001", true), POS_OUTCOME_WEAKER);
    hot = hot_of("AAAA0001", 7);
    cr_expect(hot.proved && !hot.ecb, "it does not fall");
}

Test(terminal_table, lets_a_proof_displace_an_unproven_holder)
{
    expect_register("AAAA0001", 7, false, POS_OUTCOME_CREATED, NULL);
    expect_register("BBBB0002", 7, false, POS_OUTCOME_TAKEN, "AAAA0001");
    expect_register("BBBB0002", 7, true, POS_OUTCOME_DISPLACED, "AAAA0001");
    expect_holder(7, "BBBB0002", true);
    cr_expect_eq(hot_of("AAAA0001", 7).state, POS_TERMINAL_REPLACED);
    cr_expect_eq(hot_of("BBBB0002", 7).state, POS_TERMINAL_ACTIVE);
    expect_counts(1, 0, 0, 1);
    /* the displaced one does not come back, with proof or without */
    expect_register("AAAA0001", 7, true, POS_OUTCOME_STATE, "BBBB0002");
    expect_register("AAAA0001", 7, false, POS_OUTCOME_STATE, "BBBB0002");
    expect_holder(7, "BBBB0002", true);
    expect_register("BBBB0002", 7, true, POS_OUTCOME_UNCHANGED, NULL);
}

Test(terminal_table, leaves_no_key_with_one_that_is_displaced)
{
    expect_register("AAAA0001", 7, false, POS_OUTCOME_CREATED, NULL);
    struct pos_terminal_write write = sign_on("AAAA0001", 7, 0x31);
    cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
    cr_assert_gt(hot_of("AAAA0001", 7).tak[1].size, 0);
    expect_register("BBBB0002", 7, true, POS_OUTCOME_DISPLACED, "AAAA0001");
    struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
    struct pos_terminal_detail detail = detail_of("AAAA0001", 7);
    for (size_t i = 0; i < 2; i++)
        cr_expect(hot.tak[i].size == 0 && detail.tpk[i].size == 0 && detail.tdk[i].size == 0);
    cr_expect_gt(detail.signed_on_ms, 0, "its history stays");
}

Test(terminal_table, does_not_let_another_serial_undo_a_suspension)
{
    expect_register("AAAA0001", 7, false, POS_OUTCOME_CREATED, NULL);
    expect_state("AAAA0001", 7, POS_TERMINAL_SUSPENDED, POS_OUTCOME_CHANGED);
    expect_register("BBBB0002", 7, true, POS_OUTCOME_TAKEN, "AAAA0001");
    expect_state("AAAA0001", 7, POS_TERMINAL_REVOKED, POS_OUTCOME_CHANGED);
    expect_register("BBBB0002", 7, true, POS_OUTCOME_TAKEN, "AAAA0001");
    expect_holder(7, "AAAA0001", false);
}

Test(terminal_table, does_not_change_a_row_that_is_not_active)
{
    static const enum pos_terminal_state states[] = {POS_TERMINAL_SUSPENDED, POS_TERMINAL_REVOKED};
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    for (size_t i = 0; i < 2; i++) {
        expect_state("AAAA0001", 7, states[i], POS_OUTCOME_CHANGED);
        struct pos_terminal_hot before = hot_of("AAAA0001", 7);
        expect_register("AAAA0001", 7, true, POS_OUTCOME_STATE, NULL);
        expect_register("AAAA0001", 7, false, POS_OUTCOME_WEAKER, NULL);
        struct pos_terminal_write on = sign_on("AAAA0001", 7, 1);
        expect(&on, POS_OUTCOME_STATE, "sign-on");
        cr_expect_eq(on.hot.state, states[i], "the write shows the row");
        struct pos_terminal_write promote = write_for(POS_TERMINAL_PROMOTE, "AAAA0001", 7);
        expect(&promote, POS_OUTCOME_STATE, "promote");
        struct pos_terminal_write off = write_for(POS_TERMINAL_SIGN_OFF, "AAAA0001", 7);
        expect(&off, POS_OUTCOME_STATE, "sign-off");
        struct pos_terminal_write bind = write_for(POS_TERMINAL_BIND, "AAAA0001", 7);
        memcpy(bind.tid, "TERM0001", 9);
        expect(&bind, POS_OUTCOME_STATE, "bind");
        cr_expect_eq(hot_of("AAAA0001", 7).version, before.version);
    }
}

Test(terminal_table, refuses_what_is_not_an_smn)
{
    struct pos_terminal_write write = write_for(POS_TERMINAL_REGISTER, "AAAA0001", 7);
    write.smn.text[0] = 'a';
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_FORMAT);
    write = write_for(POS_TERMINAL_REGISTER, "AAAA0001", 7);
    write.algorithm = POS_ALGORITHM_NONE;
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_FORMAT);
    expect_counts(0, 0, 0, 0);
}

/* ---- keys ---- */

Test(terminal_table, holds_a_pair_pending_until_it_is_proved)
{
    struct pos_committer_stats before, after;
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    struct pos_terminal_write first = sign_on("AAAA0001", 7, 1), second = sign_on("AAAA0001", 7, 9);
    first.first_pair = true;
    expect(&first, POS_OUTCOME_CHANGED, "first sign-on");
    pos_terminal_table_stats(table, &before);
    expect(&second, POS_OUTCOME_UNCHANGED, "a second before the first was used");
    pos_terminal_table_stats(table, &after);
    cr_expect_eq(after.batches, before.batches, "the second wrote nothing");
    cr_expect_eq(second.hot.tak[1].data[0], 1, "and shows the first one's pair");
    cr_expect_eq(second.detail.tpk[1].data[0], 2);
    cr_expect_eq(second.detail.tpk_kcv[1].data[0], 2);
    cr_expect_eq(second.detail.tdk[1].data[0], 3);
    cr_expect_eq(second.detail.tdk_kcv[1].data[0], 3);
    cr_expect(second.detail.first_pair_given && second.detail.signed_on_ms == 2000);
    reopen();
    struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
    cr_expect(hot.tak[0].size == 0 && hot.tak[1].data[0] == 1);
}

Test(terminal_table, promotes_the_pending_pair_and_no_other)
{
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    struct pos_terminal_write on = sign_on("AAAA0001", 7, 1);
    expect(&on, POS_OUTCOME_CHANGED, "sign-on");
    struct pos_terminal_write promote = write_for(POS_TERMINAL_PROMOTE, "AAAA0001", 7);
    promote.tak = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, 200);
    expect(&promote, POS_OUTCOME_UNCHANGED, "a key that is not the pending one");

    struct pos_committer_stats before, after;
    pos_terminal_table_stats(table, &before);
    promote.tak = on.tak;
    expect(&promote, POS_OUTCOME_CHANGED, "the pending one");
    expect(&promote, POS_OUTCOME_UNCHANGED, "again");
    pos_terminal_table_stats(table, &after);
    cr_expect_eq(after.syncs, before.syncs, "a promotion does not wait for the disk");
    cr_expect_eq(after.batches, before.batches + 1);

    struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
    struct pos_terminal_detail detail = detail_of("AAAA0001", 7);
    cr_expect(hot.tak[0].data[0] == 1 && hot.tak[1].size == 0);
    cr_expect(detail.tpk[0].data[0] == 2 && detail.tpk[1].size == 0);
    cr_expect(detail.tdk[0].data[0] == 3 && detail.tdk[1].size == 0);
    cr_expect(detail.tdk_kcv[0].data[0] == 3 && detail.tdk_kcv[1].method == POS_KCV_NONE);
    cr_expect(detail.tak_kcv[0].data[0] == 1 && detail.tak_kcv[1].method == POS_KCV_NONE);
    cr_expect(detail.tpk_kcv[0].data[0] == 2 && detail.tpk_kcv[1].method == POS_KCV_NONE);

    on = sign_on("AAAA0001", 7, 9);
    expect(&on, POS_OUTCOME_CHANGED, "the next sign-on");
    hot = hot_of("AAAA0001", 7);
    cr_expect(hot.tak[0].data[0] == 1 && hot.tak[1].data[0] == 9, "the old key stays good");
    reopen();
    cr_expect_eq(hot_of("AAAA0001", 7).tak[0].data[0], 1);
}

Test(terminal_table, sign_off_drops_both_pairs)
{
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    struct pos_terminal_write on = sign_on("AAAA0001", 7, 1);
    expect(&on, POS_OUTCOME_CHANGED, "sign-on");
    struct pos_terminal_write promote = write_for(POS_TERMINAL_PROMOTE, "AAAA0001", 7);
    promote.tak = on.tak;
    expect(&promote, POS_OUTCOME_CHANGED, "promote");
    on = sign_on("AAAA0001", 7, 9);
    expect(&on, POS_OUTCOME_CHANGED, "sign-on again");
    struct pos_terminal_write off = write_for(POS_TERMINAL_SIGN_OFF, "AAAA0001", 7);
    expect(&off, POS_OUTCOME_CHANGED, "sign-off");
    expect(&off, POS_OUTCOME_UNCHANGED, "sign-off again");
    struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
    struct pos_terminal_detail detail = detail_of("AAAA0001", 7);
    cr_expect(hot.signed_off && hot.tak[0].size == 0 && hot.tak[1].size == 0);
    cr_expect(detail.tpk[0].size == 0 && detail.tpk[1].size == 0);
    cr_expect(detail.tdk[0].size == 0 && detail.tdk[1].size == 0);
    promote.tak = on.tak;
    expect(&promote, POS_OUTCOME_UNCHANGED, "what was dropped is not promoted");
    on = sign_on("AAAA0001", 7, 20);
    expect(&on, POS_OUTCOME_CHANGED, "sign-on after it");
    cr_expect(!hot_of("AAAA0001", 7).signed_off);
}

Test(terminal_table, knows_nothing_of_those_that_never_registered)
{
    static const enum pos_terminal_operation operations[] = {
        POS_TERMINAL_SIGN_ON, POS_TERMINAL_PROMOTE, POS_TERMINAL_SIGN_OFF, POS_TERMINAL_BIND,
        POS_TERMINAL_SET_STATE};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct pos_terminal_write write = sign_on("AAAA0001", 7, 1);
        write.operation = operations[i];
        write.state = POS_TERMINAL_SUSPENDED;
        write.force = true;
        expect(&write, POS_OUTCOME_UNKNOWN, "no row");
    }
    struct pos_smn smn;
    bool proved;
    cr_expect_eq(pos_terminal_table_find_index(table, 7, &smn, &proved), POS_ERR_NOT_FOUND);
    smn = test_smn("AAAA0001", 7);
    struct pos_terminal_detail detail;
    cr_expect_eq(pos_terminal_table_find_detail(table, &smn, &detail), POS_ERR_NOT_FOUND);
}

/* ---- TID, MID, state ---- */

Test(terminal_table, binds_once_unless_the_operator_says_so)
{
    static const struct {
        const char *tid, *mid;
        bool force;
        enum pos_terminal_outcome outcome;
        const char *tid_after, *mid_after;
    } steps[] = {
        {"", "", false, POS_OUTCOME_UNCHANGED, "", ""},
        {"TERM0001", "", false, POS_OUTCOME_CHANGED, "TERM0001", ""},
        {"TERM0001", "MERCHANT", false, POS_OUTCOME_CHANGED, "TERM0001", "MERCHANT"},
        {"TERM0001", "MERCHANT", false, POS_OUTCOME_UNCHANGED, "TERM0001", "MERCHANT"},
        {"", "", false, POS_OUTCOME_UNCHANGED, "TERM0001", "MERCHANT"},
        {"TERM0002", "MERCHANT", false, POS_OUTCOME_TAKEN, "TERM0001", "MERCHANT"},
        {"TERM0001", "MERCHANT9", false, POS_OUTCOME_TAKEN, "TERM0001", "MERCHANT"},
        {"TERM0001", "MERCHANT", true, POS_OUTCOME_UNCHANGED, "TERM0001", "MERCHANT"},
        {"TERM0002", "M", true, POS_OUTCOME_CHANGED, "TERM0002", "M"},
        {"", "", true, POS_OUTCOME_CHANGED, "", ""},
    };
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct pos_terminal_write write = write_for(POS_TERMINAL_BIND, "AAAA0001", 7);
        (void)snprintf(write.tid, sizeof write.tid, "%s", steps[i].tid);
        (void)snprintf(write.mid, sizeof write.mid, "%s", steps[i].mid);
        write.force = steps[i].force;
        expect(&write, steps[i].outcome, steps[i].tid);
        struct pos_terminal_hot hot = hot_of("AAAA0001", 7);
        cr_expect_str_eq(hot.tid, steps[i].tid_after, "step %zu", i);
        cr_expect_str_eq(hot.mid, steps[i].mid_after, "step %zu", i);
    }
    struct pos_terminal_write write = write_for(POS_TERMINAL_BIND, "AAAA0001", 7);
    memcpy(write.tid, "TERM\1", 6);
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_FORMAT);
}

Test(terminal_table, moves_between_states_by_the_table)
{
    /* from every state to every state; a fresh terminal is brought to `from` first */
    static const char allowed[POS_TERMINAL_STATE_COUNT][POS_TERMINAL_STATE_COUNT + 1] = {
        [POS_TERMINAL_ACTIVE] = ".=yyy",
        [POS_TERMINAL_SUSPENDED] = ".y=yy",
        [POS_TERMINAL_REVOKED] = "...=.",
        [POS_TERMINAL_REPLACED] = "....=",
    };
    uint32_t index = 0;
    for (unsigned from = POS_TERMINAL_ACTIVE; from < POS_TERMINAL_STATE_COUNT; from++)
        for (unsigned to = 0; to < POS_TERMINAL_STATE_COUNT; to++) {
            expect_register("AAAA0001", ++index, true, POS_OUTCOME_CREATED, NULL);
            if (from != POS_TERMINAL_ACTIVE)
                expect_state("AAAA0001", index, from, POS_OUTCOME_CHANGED);
            char rule = allowed[from][to];
            expect_state("AAAA0001", index, to,
                         rule == 'y'   ? POS_OUTCOME_CHANGED
                         : rule == '=' ? POS_OUTCOME_UNCHANGED
                                       : POS_OUTCOME_STATE);
            cr_expect_eq(hot_of("AAAA0001", index).state, rule == 'y' ? to : from);
        }
    /* 5 targets each: 2 of the moves from active and from suspended leave that state */
    expect_counts(2 + 1, 2 + 1, 5 + 2, 5 + 2);
    reopen();
    expect_counts(3, 3, 7, 7);
    struct pos_terminal_write write = write_for(POS_TERMINAL_SET_STATE, "AAAA0001", 1);
    write.state = POS_TERMINAL_STATE_COUNT;
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_FORMAT);
}

/* ---- audit ---- */

Test(terminal_table, audits_the_outcomes_that_were_asked_for)
{
    struct pos_terminal_write write = write_for(POS_TERMINAL_REGISTER, "AAAA0001", 7);
    write.proved = true;
    write.events[POS_OUTCOME_CREATED] = "registered";
    write.events[POS_OUTCOME_TAKEN] = "clone";
    expect(&write, POS_OUTCOME_CREATED, "new");
    expect(&write, POS_OUTCOME_UNCHANGED, "again");
    write.smn = test_smn("BBBB0002", 7);
    expect(&write, POS_OUTCOME_TAKEN, "clone");
    struct pos_terminal_write audit = {.operation = POS_TERMINAL_AUDIT,
                                       .events[POS_OUTCOME_NONE] = "alone"};
    cr_expect_eq(pos_terminal_table_run(table, &audit), POS_OK);
    cr_expect_str_eq(records(), "1:registered 2:clone 3:alone");
    reopen();
    cr_expect_str_eq(chain.resumed, "3:alone");

    write.smn = test_smn("CCCC0003", 8);
    write.events[POS_OUTCOME_CREATED] = "fail";
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_CRYPTO);
    struct pos_terminal_hot hot;
    cr_expect_eq(find("CCCC0003", 8, &hot), POS_ERR_NOT_FOUND, "no record, no row");
    expect_counts(1, 0, 0, 0);
    audit.events[POS_OUTCOME_NONE] = NULL;
    cr_expect_eq(pos_terminal_table_run(table, &audit), POS_ERR_USAGE);
}

/* ---- many ---- */

static bool count_until(void *context, const struct pos_smn *smn,
                        const struct pos_terminal_hot *hot)
{
    (void)smn, (void)hot;
    return --*(int *)context > 0;
}

Test(terminal_table, loads_and_finds_many_at_once)
{
    enum { COUNT = 3000 };
    struct pos_smn *smns = calloc(COUNT, sizeof *smns);
    struct pos_terminal_hot *rows = calloc(COUNT, sizeof *rows), found_rows[256];
    enum pos_status found[256];
    for (uint32_t i = 0; i < COUNT; i++) {
        smns[i] = test_smn("LOAD0001", i + 1);
        rows[i] = (struct pos_terminal_hot){
            .state = i % 2 == 0 ? POS_TERMINAL_ACTIVE : POS_TERMINAL_SUSPENDED,
            .algorithm = POS_ALGORITHM_A256,
            .proved = true,
            .tak = {test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, (uint8_t)i)}};
    }
    cr_assert_eq(pos_terminal_table_load(table, smns, rows, COUNT), POS_OK);
    cr_assert_eq(pos_terminal_table_flush(table), POS_OK);
    expect_counts(COUNT / 2, COUNT / 2, 0, 0);
    reopen();
    expect_counts(COUNT / 2, COUNT / 2, 0, 0);
    expect_holder(COUNT, "LOAD0001", true);
    struct pos_smn asked[256];
    for (uint32_t i = 0; i < 256; i++)
        asked[i] = i % 5 == 4 ? test_smn("NONE0001", i + 1) : smns[(i * 1237) % COUNT];
    pos_terminal_table_find(table, asked, 256, found_rows, found);
    for (uint32_t i = 0; i < 256; i++) {
        cr_expect_eq(found[i], i % 5 == 4 ? POS_ERR_NOT_FOUND : POS_OK);
        if (found[i] == POS_OK)
            cr_expect_eq(found_rows[i].tak[0].data[9], (uint8_t)((i * 1237) % COUNT));
    }
    int left = 10;
    cr_expect_eq(pos_terminal_table_walk(table, &smns[5], count_until, &left), POS_OK);
    cr_expect_eq(left, 0, "a walk ends when it is told to");
    expect_register("LOAD0001", 1, true, POS_OUTCOME_UNCHANGED, NULL);
    free(smns);
    free(rows);
}

Test(terminal_table, reserves_numbers_that_only_grow)
{
    uint64_t first = 99;
    cr_expect_eq(pos_terminal_table_reserve(table, 1000, &first), POS_OK);
    cr_expect_eq(first, 0);
    cr_expect_eq(pos_terminal_table_reserve(table, 5, &first), POS_OK);
    cr_expect_eq(first, 1000);
    reopen();
    cr_expect_eq(pos_terminal_table_reserve(table, 1, &first), POS_OK);
    cr_expect_eq(first, 1005);
    cr_expect_eq(pos_terminal_table_reserve(table, UINT64_MAX, &first), POS_ERR_EXHAUSTED);
}

/* ---- damage ---- */

static void overwrite(size_t family, struct pos_bytes key, const char *bytes, size_t size)
{
    struct pos_rocks_item item = {family, key, pos_bytes(bytes, size)};
    cr_assert_eq(pos_rocks_load(table->rocks, &item, 1), POS_OK);
}

Test(terminal_table, tells_damaged_rows_and_newer_ones)
{
    expect_register("AAAA0001", 7, true, POS_OUTCOME_CREATED, NULL);
    expect_register("BBBB0002", 8, true, POS_OUTCOME_CREATED, NULL);
    expect_register("CCCC0003", 9, true, POS_OUTCOME_CREATED, NULL);
    struct pos_smn damaged = test_smn("AAAA0001", 7), newer = test_smn("BBBB0002", 8);
    overwrite(POS_TERMINAL_HOT, pos_terminal_key(&damaged), "\1\1\1", 3);
    overwrite(POS_TERMINAL_HOT, pos_terminal_key(&newer), "\2anything", 9);
    struct pos_terminal_hot hot;
    cr_expect_eq(find("AAAA0001", 7, &hot), POS_ERR_CORRUPT);
    cr_expect_eq(find("BBBB0002", 8, &hot), POS_ERR_VERSION);
    cr_expect_eq(find("CCCC0003", 9, &hot), POS_OK);
    struct pos_terminal_write write = write_for(POS_TERMINAL_REGISTER, "AAAA0001", 7);
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_CORRUPT);
    write = write_for(POS_TERMINAL_REGISTER, "DDDD0004", 8);
    cr_expect_eq(pos_terminal_table_run(table, &write), POS_ERR_VERSION,
                 "nor is the index of a row that cannot be read given away");
    int left = 10;
    cr_expect_eq(pos_terminal_table_walk(table, NULL, count_until, &left), POS_ERR_CORRUPT);
    cr_assert_eq(pos_terminal_table_flush(table), POS_OK);
    reopen();
    expect_counts(1, 0, 0, 0); /* the others are served */

    struct pos_smn other = test_smn("CCCC0003", 9);
    overwrite(POS_TERMINAL_DETAIL, pos_terminal_key(&other), "", 0);
    struct pos_terminal_detail detail;
    cr_expect_eq(pos_terminal_table_find_detail(table, &other, &detail), POS_ERR_CORRUPT);
    struct pos_key4 key = pos_key4(9);
    bool proved;
    overwrite(POS_TERMINAL_BY_INDEX, pos_key4_view(&key), "\1\1aaaa000100000009", 18);
    cr_expect_eq(pos_terminal_table_find_index(table, 9, &other, &proved), POS_ERR_CORRUPT);
}

Test(terminal_table, has_a_name_for_each_state)
{
    cr_expect_str_eq(pos_terminal_state_name(POS_TERMINAL_SUSPENDED), "suspended");
    cr_expect_str_eq(pos_terminal_state_name(99), "unknown");
}

/* ---- a cache that is too small: the tests' has 1 MiB ---- */

static void load_rows(uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        struct pos_smn smn = test_smn("123L013K", i);
        const struct pos_terminal_hot row = {
            .state = POS_TERMINAL_ACTIVE, .algorithm = POS_ALGORITHM_A256, .version = i};
        cr_assert_eq(pos_terminal_table_load(table, &smn, &row, 1), POS_OK);
    }
    cr_assert_eq(pos_terminal_table_flush(table), POS_OK);
}

Test(terminal_table, knows_when_the_cache_does_not_hold_it)
{
    struct pos_terminal_room room;
    struct pos_terminal_hot row;
    enum pos_status found;
    struct pos_smn smn = test_smn("123L013K", 12);
    load_rows(1000);
    pos_terminal_table_measure(table, &room);
    cr_expect(room.holds);
    cr_expect_eq(room.cache_size, 1 << 20);
    cr_expect_gt(room.hot_size, 16000);
    load_rows(40000);
    pos_terminal_table_measure(table, &room);
    cr_expect_not(room.holds, "%llu bytes", (unsigned long long)room.hot_size);

    pos_terminal_table_find_now(table, &smn, 1, &row, &found);
    cr_expect_eq(found, POS_ERR_BUSY, "it is on disk alone");
    pos_terminal_table_find(table, &smn, 1, &row, &found);
    cr_expect_eq(found, POS_OK);
    row.version = 0;
    pos_terminal_table_find_now(table, &smn, 1, &row, &found);
    cr_expect_eq(found, POS_OK, "its block is cached now");
    cr_expect_eq(row.version, 12);
    smn = test_smn("UNKNOWN1", 12);
    pos_terminal_table_find_now(table, &smn, 1, &row, &found);
    cr_expect_eq(found, POS_ERR_NOT_FOUND, "the filter says so");
}

/* ---- blocks that were just written, so that the cache lacks them ---- */

static size_t find_now(uint32_t index, enum pos_status expected, const char *what)
{
    struct pos_terminal_hot row;
    enum pos_status found;
    struct pos_smn smn = test_smn("123L013K", index);
    size_t read = pos_terminal_table_find_now(table, &smn, 1, &row, &found);
    cr_expect_eq(found, expected, "%s: row %u: %s", what, index, pos_status_text(found));
    cr_expect(found != POS_OK || row.version == index);
    return read;
}

static void fetch(uint32_t index)
{
    struct pos_terminal_hot row;
    enum pos_status found;
    struct pos_smn smn = test_smn("123L013K", index);
    pos_terminal_table_find(table, &smn, 1, &row, &found);
    cr_expect_eq(found, POS_OK);
}

Test(terminal_table, reads_what_was_just_written_once_and_then_leaves_it_to_others)
{
    load_rows(8000);
    cr_expect_gt(find_now(1, POS_OK, "just written"), 0, "it is said that it was read");
    cr_expect_eq(find_now(1, POS_OK, "its block is cached"), 0);
    cr_expect_eq(find_now(4000, POS_ERR_BUSY, "another block"), 0);
    pos_terminal_table_settle(table);
    cr_expect_eq(find_now(4000, POS_ERR_BUSY, "something was missed since"), 0);
    fetch(4000);
    pos_terminal_table_settle(table); /* the miss before */
    cr_expect_eq(find_now(4000, POS_OK, "fetched"), 0);
    cr_expect_eq(find_now(8000, POS_ERR_BUSY, "a third block"), 0);
    fetch(8000);
    pos_terminal_table_settle(table);
    cr_expect_eq(find_now(8000, POS_OK, "fetched"), 0);
    pos_terminal_table_settle(table); /* nothing was missed */
    cr_expect_gt(find_now(2000, POS_OK, "batches again"), 0);
}

Test(terminal_table, batches_while_nothing_has_to_be_read)
{
    load_rows(8000);
    reopen(); /* fills the cache */
    for (uint32_t i = 1; i <= 8000; i += 100)
        cr_expect_eq(find_now(i, POS_OK, "cached"), 0);
    struct pos_terminal_write write = write_for(POS_TERMINAL_REGISTER, "FRESH001", 9000);
    cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
    struct pos_terminal_hot row;
    enum pos_status found;
    cr_expect_eq(pos_terminal_table_find_now(table, &write.smn, 1, &row, &found), 0,
                 "what is not flushed yet is in memory");
    cr_expect_eq(found, POS_OK);
}

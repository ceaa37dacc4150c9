/* The front end in every dialect, and the sign-on without MAC that one of them may have. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/gateway/world.h"

static const struct pos_dialect *const dialects[] = {&pos_dialect_iso87b, &pos_dialect_iso87a,
                                                     &pos_dialect_iso87x, &pos_dialect_cup};
enum { DIALECT_COUNT = sizeof dialects / sizeof dialects[0] };

/* registration = "open", sign_on_mac = "absent" */
static const struct pos_policy installed = {
    .dialect = &pos_dialect_cup, .mac_required = true, .sign_on_without_mac = true};

static struct world *world;
static struct pos_terminal terminal;

static void start_with(const struct pos_policy *policy)
{
    if (world == NULL)
        world = world_create(policy, 256);
    else
        world_renew(world, policy, 256);
    world_terminal(world, 0, "123L013K", &terminal);
}

static void start_installed(void)
{
    start_with(&installed);
    terminal.sign_on_mac = false;
}

static void stop(void)
{
    pos_terminal_fini(&terminal);
    world_destroy(world);
}

static void expect(enum pos_kind kind, const char *code, bool mac, const char *what)
{
    struct pos_verdict verdict;
    world_exchange(world, &terminal, kind, &verdict);
    cr_expect_eq(verdict.status, POS_OK, "%s: %s: %s", world->policy.dialect->name, what,
                 verdict.explanation);
    cr_expect_str_eq(verdict.code, code, "%s: %s: %s", world->policy.dialect->name, what,
                     verdict.explanation);
    cr_expect_eq(world_last_reply_has_mac(world), mac, "%s: %s: a MAC if and only if one is due",
                 world->policy.dialect->name, what);
}

static uint64_t refusals(enum pos_refusal refusal)
{
    return pos_counter_read(&world->counters.refusals[refusal]);
}

Test(dialects, a_terminal_goes_all_the_way_in_each)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        const struct pos_policy strict = {
            .dialect = dialects[d], .proof_to_register = true, .mac_required = true};
        start_with(&strict);
        expect(POS_KIND_ECHO, "00", false, "echo");
        expect(POS_KIND_SIGN_ON, "97", false, "not registered");
        expect(POS_KIND_REGISTER, "00", true, "register");
        expect(POS_KIND_SIGN_ON, "00", true, "sign-on");
        expect(POS_KIND_AUTHENTICATE, "00", true, "authenticate");
        expect(POS_KIND_SALE, "00", true, "sale");
        expect(POS_KIND_REVERSAL, "00", true, "reversal");
        terminal.sign_on_mac = false;
        expect(POS_KIND_SIGN_ON, "A0", false, "sign-on without MAC");
        cr_expect_eq(refusals(POS_REFUSAL_NO_MAC), 1, "%s", dialects[d]->name);
        terminal.tid[7] = '9';
        expect(POS_KIND_SALE, "03", true, "another TID");
        expect(POS_KIND_SIGN_OFF, "00", true, "sign-off");
        cr_expect_eq(pos_session_pending(world->session), 0);
        pos_terminal_fini(&terminal);
    }
    world_destroy(world);
}

Test(dialects, what_the_hosts_dialect_cannot_carry_is_30_and_was_not_sent, .fini = stop)
{
    const struct pos_policy strict = {
        .dialect = &pos_dialect_cup, .proof_to_register = true, .mac_required = true};
    start_with(&strict);
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "bound");
    static const enum pos_status statuses[] = {POS_ERR_FORMAT, POS_ERR_LENGTH};
    for (size_t i = 0; i < 2; i++) {
        world->forward_fails = statuses[i];
        expect(POS_KIND_SALE, "30", true, "sale");
    }
    cr_expect_eq(refusals(POS_REFUSAL_FORMAT), 2);
    cr_expect_eq(pos_session_pending(world->session), 0);
}

TestSuite(installed, .init = start_installed, .fini = stop);

Test(installed, signs_on_without_MAC_and_authenticates_with_one)
{
    expect(POS_KIND_REGISTER, "00", true, "register");
    cr_expect_not(world_row(world, &terminal.smn)->hot.proved, "nothing counts as a proof here");
    expect(POS_KIND_SIGN_ON, "00", false, "sign-on");
    expect(POS_KIND_AUTHENTICATE, "00", true, "authenticate");
    expect(POS_KIND_SALE, "00", true, "sale");
    expect(POS_KIND_SIGN_ON, "00", false, "again");
    expect(POS_KIND_AUTHENTICATE, "00", true, "under the new pair");
    terminal.mac = false;
    expect(POS_KIND_AUTHENTICATE, "A0", false, "everything else needs its MAC");
    expect(POS_KIND_SIGN_OFF, "A0", false, "sign-off too");
}

Test(installed, a_MAC_that_is_there_must_be_good)
{
    expect(POS_KIND_REGISTER, "00", true, "register");
    terminal.sign_on_mac = true;
    expect(POS_KIND_SIGN_ON, "00", true, "a good one, and the reply has one");
    terminal.tmk[5] ^= 1;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    unsigned commits = world->commits;
    expect(POS_KIND_SIGN_ON, "A0", false, "a bad one");
    cr_expect_eq(refusals(POS_REFUSAL_BAD_PROOF), 1);
    cr_expect_eq(world->commits, commits);
}

Test(installed, a_terminal_that_proved_its_key_is_refused)
{
    struct world_row *row = &world->rows[world->row_count++];
    *row = (struct world_row){
        .smn = terminal.smn,
        .hot = {.state = POS_TERMINAL_ACTIVE, .algorithm = POS_ALGORITHM_A256, .proved = true}};
    expect(POS_KIND_SIGN_ON, "A0", false, "sign-on");
    cr_expect_eq(refusals(POS_REFUSAL_WEAKER_LISTENER), 1);
    cr_expect_eq(world->commits, 0, "nothing is written for it");
    row->hot.proved = false;
    expect(POS_KIND_SIGN_ON, "00", false, "its unproved neighbour");
}

Test(installed, a_stranger_gets_a_pair_that_locks_nobody_out)
{
    expect(POS_KIND_REGISTER, "00", true, "register");
    expect(POS_KIND_SIGN_ON, "00", false, "sign-on");
    expect(POS_KIND_AUTHENTICATE, "00", true, "authenticate");
    /* A stranger knows the SMN alone: what it is sent it cannot open. */
    struct pos_terminal stranger;
    struct pos_verdict verdict;
    world_terminal(world, 0, "123L013K", &stranger);
    stranger.sign_on_mac = false;
    stranger.tmk[0] ^= 1;
    cr_assert_eq(pos_terminal_prepare_macs(&stranger), POS_OK);
    for (int i = 0; i < 3; i++) {
        world_exchange(world, &stranger, POS_KIND_SIGN_ON, &verdict);
        cr_expect_str_eq(verdict.code, "00");
        cr_expect_neq(verdict.status, POS_OK, "the key blocks do not open");
    }
    pos_terminal_fini(&stranger);
    expect(POS_KIND_AUTHENTICATE, "00", true, "the terminal goes on with its pair");
    expect(POS_KIND_SIGN_ON, "00", false, "and gets the pending one");
    expect(POS_KIND_AUTHENTICATE, "00", true, "which is good");
}

Test(installed, states_are_told_without_a_proof)
{
    expect(POS_KIND_REGISTER, "00", true, "register");
    world_row(world, &terminal.smn)->hot.state = POS_TERMINAL_SUSPENDED;
    struct pos_verdict verdict;
    world_exchange(world, &terminal, POS_KIND_SIGN_ON, &verdict);
    cr_expect_str_eq(verdict.code, "58", "%s", verdict.explanation);
    cr_expect_not(world_last_reply_has_mac(world));
}

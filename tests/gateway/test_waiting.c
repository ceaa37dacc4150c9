/*
 * The front end over a module that waits: keys are fetched once, whoever has his key is not kept by
 * who has not, a reply waits for its MAC's key, and whatever fails on the way is a 96: everybody is
 * answered, nothing is approved.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/gateway/slow_module.h"
#include "tests/gateway/world.h"

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};
static const struct pos_policy unionpay = {
    .dialect = &pos_dialect_cup, .proof_to_register = true, .mac_required = true};
static const struct pos_pin pin = {.size = 4, .digits = {'4', '7', '1', '1'}};

static struct world *world;
static struct pos_terminal terminal;

static void start(void)
{
    pos_log_set_level(POS_LOG_ERROR);
    world = world_create_waiting(&strict, 64);
    world_terminal(world, 2, "123L013K", &terminal);
}

static void stop(void)
{
    cr_expect_eq(pos_session_pending(world->session), 0, "nothing is left waiting");
    cr_expect_eq(world->peer.unanswered, 0, "everybody was answered");
    pos_terminal_fini(&terminal);
    world_destroy(world);
}

TestSuite(waiting, .init = start, .fini = stop);

static void expect(enum pos_kind kind, const char *code, bool mac, const char *what)
{
    struct pos_verdict verdict;
    world_exchange(world, &terminal, kind, &verdict);
    cr_expect_str_eq(verdict.code, code, "%s: %s", what, verdict.explanation);
    cr_expect_eq(verdict.mac_verified, mac, "%s: %s", what, verdict.explanation);
}

static uint64_t operations(enum pos_verb verb, enum pos_verb_outcome outcome)
{
    return pos_counter_read(&world->counters.module[verb][outcome]);
}

Test(waiting, each_algorithm_goes_all_the_way)
{
    pos_terminal_fini(&terminal);
    for (size_t key = 0; key < WORLD_KEY_COUNT; key++) {
        world_renew(world, key % 2 == 0 ? &strict : &unionpay, 64);
        slow_module_forget(world->local);
        world_terminal(world, key, "123L013K", &terminal);
        world_admit(world, &terminal);
        expect(POS_KIND_SALE, "00", true, "sale");
        expect(POS_KIND_SIGN_ON, "00", true, "a new pair");
        expect(POS_KIND_SALE, "00", true, "under it");
        expect(POS_KIND_SIGN_OFF, "00", true, "sign-off");
        if (key + 1 < WORLD_KEY_COUNT)
            pos_terminal_fini(&terminal);
    }
}

Test(waiting, a_key_is_fetched_once_and_counted)
{
    world_admit(world, &terminal);
    cr_expect_eq(world->jobs[POS_STRONG_FETCH], 2, "K_reg and the TAK");
    for (int i = 0; i < 10; i++)
        expect(POS_KIND_AUTHENTICATE, "00", true, "authenticate");
    cr_expect_eq(world->jobs[POS_STRONG_FETCH], 2);
    cr_expect_eq(operations(POS_VERB_FETCH_MAC_KEY, POS_VERB_DONE), 2);
    cr_expect_eq(operations(POS_VERB_VERIFY_MAC, POS_VERB_LACKING), 2);
    cr_expect_eq(operations(POS_VERB_VERIFY_MAC, POS_VERB_DONE), 13);
    cr_expect_eq(operations(POS_VERB_WRAP, POS_VERB_DONE), 1);
    terminal.tak[0] ^= 4;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    expect(POS_KIND_AUTHENTICATE, "A0", false, "a bad MAC");
    cr_expect_eq(operations(POS_VERB_VERIFY_MAC, POS_VERB_REFUSED), 1);
    terminal.tak[0] ^= 4;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    world_row(world, &terminal.smn)->hot.tak[0].data[5] ^= 1;
    expect(POS_KIND_AUTHENTICATE, "96", false, "a damaged row");
    cr_expect_eq(operations(POS_VERB_FETCH_MAC_KEY, POS_VERB_FAILED), 1);
    world_row(world, &terminal.smn)->hot.tak[0].data[5] ^= 1;
}

static size_t ask(struct pos_terminal *asker, enum pos_kind kind, struct pos_exchange_state *state)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    size_t before = world->reply_count;
    cr_assert_eq(pos_terminal_request(asker, kind, financial ? &world_sale : NULL, &out, state),
                 POS_OK);
    cr_assert_eq(world_send(world, pos_buffer_view(&out)), POS_SESSION_OPEN);
    return world->reply_count - before;
}

Test(waiting, who_has_his_key_is_not_kept_by_who_has_not)
{
    struct pos_terminal other;
    struct pos_exchange_state kept, quick;
    world_admit(world, &terminal);
    world_terminal(world, 3, "123L014K", &other);
    world_admit(world, &other);
    slow_module_forget(world->local);
    cr_expect_eq(ask(&other, POS_KIND_AUTHENTICATE, &quick), 0, "its key comes");
    world_settle(world);
    cr_expect_eq(ask(&terminal, POS_KIND_AUTHENTICATE, &kept), 0, "this one waits");
    cr_expect(world_waits_for(world, WORLD_SECURE));
    for (int i = 0; i < 5; i++)
        cr_expect_eq(ask(&other, POS_KIND_AUTHENTICATE, &quick), 1, "and this one does not");
    world_settle(world);
    struct pos_verdict verdict;
    pos_terminal_reply(&terminal, &kept, world->replies[world->reply_count - 1], &verdict);
    cr_expect_str_eq(verdict.code, "00", "%s", verdict.explanation);
    pos_terminal_fini(&other);
}

Test(waiting, a_reply_waits_for_the_key_of_its_MAC)
{
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "bound");
    cr_expect_eq(ask(&terminal, POS_KIND_SALE, &state), 0, "it waits for the host");
    slow_module_forget(world->local);
    world_host_answers(world, "00");
    cr_expect(world_waits_for(world, WORLD_SECURE), "and then for its key");
    struct pos_exchange_state echo;
    size_t replies = world->reply_count;
    cr_expect_eq(ask(&terminal, POS_KIND_ECHO, &echo), 1, "another reply goes out meanwhile");
    world_settle(world);
    cr_assert_eq(world->reply_count, replies + 2);
    pos_terminal_reply(&terminal, &state, world->replies[replies + 1], &verdict);
    cr_expect_str_eq(verdict.code, "00");
    cr_expect(verdict.mac_verified, "%s", verdict.explanation);
    cr_expect_eq(pos_counter_read(&world->counters.replies[POS_KIND_SALE][POS_RESPONSE_APPROVED]),
                 2);
}

Test(waiting, a_reply_whose_key_does_not_come_is_96_without_a_MAC)
{
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "bound");
    for (int i = 0; i < 3; i++) {
        (void)ask(&terminal, POS_KIND_SALE, &state);
        world_settle(world);
        slow_module_forget(world->local);
        world->job_fails = i == 0 ? POS_ERR_HSM : POS_OK;
        world->secure_fails = i == 1 ? POS_ERR_BUSY : POS_OK;
        world->forgets = i == 2; /* it comes and is gone, for ever */
        world_host_answers(world, "00");
        world_settle(world);
        pos_terminal_reply(&terminal, &state, world->replies[world->reply_count - 1], &verdict);
        cr_expect_str_eq(verdict.code, "96", "%d: %s", i, verdict.explanation);
        cr_expect_not(verdict.mac_verified);
        world->job_fails = world->secure_fails = POS_OK;
        world->forgets = false;
    }
    expect(POS_KIND_SALE, "00", true, "and it goes on");
}

Test(waiting, a_key_that_is_gone_again_each_time_is_96)
{
    world_admit(world, &terminal);
    slow_module_forget(world->local);
    world->forgets = true;
    expect(POS_KIND_AUTHENTICATE, "96", false, "too many keys");
    cr_expect_eq(pos_counter_read(&world->counters.refusals[POS_REFUSAL_OVERLOAD]), 1);
    world->forgets = false;
    expect(POS_KIND_AUTHENTICATE, "00", true, "enough room");
}

/* One job fails, with everything forgotten before: the first, the second, and so on until none
 * does.
 */
static void fail_each(enum pos_kind kind, enum pos_status with, unsigned at_least)
{
    unsigned at = 1;
    for (bool failed = true; failed; at++) {
        struct pos_verdict verdict;
        slow_module_forget(world->local);
        world->job_count = 0;
        world->job_fails = with;
        world->job_fails_at = at;
        world_exchange(world, &terminal, kind, &verdict);
        failed = world->job_count >= at;
        world->job_fails = POS_OK;
        cr_expect_str_eq(verdict.code, failed ? "96" : "00", "%s: job %u: %s",
                         pos_kind_rule(kind)->name, at, verdict.explanation);
    }
    cr_expect_geq(at - 2, at_least, "%s", pos_kind_rule(kind)->name);
}

Test(waiting, a_job_that_fails_is_96_wherever_it_is)
{
    static const enum pos_status statuses[] = {POS_ERR_HSM, POS_ERR_TIMEOUT, POS_ERR_CORRUPT};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        fail_each(POS_KIND_REGISTER, statuses[i], 1);
        fail_each(POS_KIND_SIGN_ON, statuses[i], 2);
        fail_each(POS_KIND_AUTHENTICATE, statuses[i], 1);
        fail_each(POS_KIND_SIGN_ON, statuses[i], 2);
        fail_each(POS_KIND_SALE, statuses[i], 1);
        world->job_fails_at = 0;
    }
}

Test(waiting, a_full_queue_is_96_wherever_it_is)
{
    struct pos_sale sale = world_sale;
    struct pos_verdict verdict;
    uint8_t zpk[POS_KEY_SIZE_MAX];
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    sale.pin = &pin;
    world->secure_fails = POS_ERR_BUSY;
    expect(POS_KIND_REGISTER, "96", false, "no proof can be read");
    cr_expect_eq(world->commits, 0);
    world->secure_fails = POS_OK;
    world_admit(world, &terminal);
    world->secure_fails = POS_ERR_BUSY;
    expect(POS_KIND_SIGN_ON, "96", true, "no pair can be made, but the key for the MAC is there");
    expect(POS_KIND_SALE, "00", true, "nothing to wait for");
    world_sell(world, &terminal, &sale, &verdict);
    cr_expect_str_eq(verdict.code, "96", "a PIN has to wait: %s", verdict.explanation);
    world->secure_fails = POS_OK;
    for (int i = 0; i < 2 * WORLD_PIN_FAILURES; i++) {
        world_sell(world, &terminal, &sale, &verdict);
        cr_expect_str_eq(verdict.code, "00", "none of them was counted: %s", verdict.explanation);
    }
}

/* What comes between a request and its job: a promotion, a sign-off, another TAK. */
Test(waiting, what_changes_meanwhile_does_not_let_anybody_in)
{
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    struct pos_sale sale = world_sale;
    uint8_t zpk[POS_KEY_SIZE_MAX], memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "bound");
    sale.pin = &pin;
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_SALE, &sale, &out, &state), POS_OK);
    (void)world_send(world, pos_buffer_view(&out));
    cr_assert(world_waits_for(world, WORLD_FETCH), "for the row with its TPK");
    struct world_row *row = world_row(world, &terminal.smn);
    struct pos_key tak = row->hot.tak[0];
    row->hot.tak[0] = world->keys[3].tak; /* as if another pair had been promoted */
    world_settle(world);
    pos_terminal_reply(&terminal, &state, world->replies[world->reply_count - 1], &verdict);
    cr_expect_str_eq(verdict.code, "99", "the pair of that MAC is gone: %s", verdict.explanation);
    row->hot.tak[0] = tak;
}

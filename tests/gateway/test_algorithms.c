/* Terminals of every algorithm, in every dialect and form; the ECB MAC, and what it is refused for.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/gateway/world.h"

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};
static const struct pos_policy unionpay = {
    .dialect = &pos_dialect_cup, .proof_to_register = true, .mac_required = true};
static const struct pos_policy ecb = {
    .dialect = &pos_dialect_cup, .proof_to_register = true, .mac_required = true, .mac_ecb = true};
static const struct pos_policy ecb_open = {
    .dialect = &pos_dialect_cup, .mac_required = true, .mac_ecb = true};
static const struct pos_policy open_door = {.dialect = &pos_dialect_cup};

static struct world *world;
static struct pos_terminal terminal;

static void enter(const struct pos_policy *policy, size_t key)
{
    world->policy = *policy;
    world_terminal(world, key, "123L013K", &terminal);
}

static void start(void)
{
    world = world_create(&strict, 64);
}

static void stop(void)
{
    world_destroy(world);
}

TestSuite(algorithms, .init = start, .fini = stop);

static void expect(enum pos_kind kind, const char *code, const char *what)
{
    struct pos_verdict verdict;
    world_exchange(world, &terminal, kind, &verdict);
    cr_expect_eq(verdict.status, POS_OK, "%s: %s", what, verdict.explanation);
    cr_expect_str_eq(verdict.code, code, "%s: %s", what, verdict.explanation);
}

static uint64_t refusals(enum pos_refusal refusal)
{
    return pos_counter_read(&world->counters.refusals[refusal]);
}

/* Field 62 of the last reply. */
static struct pos_bytes keys_of_reply(char *text, size_t capacity)
{
    struct pos_frame frame;
    size_t consumed;
    const char *reason;
    struct pos_message message;
    struct pos_decode_error error;
    cr_assert_eq(pos_frame_next(world->policy.dialect, world->replies[world->reply_count - 1],
                                &frame, &consumed, &reason),
                 POS_FRAME_READY);
    cr_assert_eq(pos_iso8583_decode(world->policy.dialect, frame.message, &message, &error),
                 POS_OK);
    return pos_message_value(&message, 62, text, capacity);
}

/* Bytes of field 62 of a sign-on reply, by key of the world: key blocks, then UnionPay's. */
static const struct {
    size_t outside, in_cup;
} sizes[WORLD_KEY_COUNT] = {{288, 288}, {288, 288}, {192, 60},  {192, 40}, {192, 24},
                            {192, 60},  {192, 40},  {288, 288}, {120, 60}, {80, 40}};

static void go_all_the_way(size_t key, const struct pos_dialect *dialect)
{
    char what[64], text[999];
    bool cup = dialect == &pos_dialect_cup;
    const struct pos_policy policy = {
        .dialect = dialect, .proof_to_register = true, .mac_required = true};
    (void)snprintf(what, sizeof what, "%s %s %s", dialect->name,
                   pos_algorithm_name(world_keys[key].algorithm),
                   pos_key_form_name(world_keys[key].form));
    world_renew(world, &policy, 64);
    enter(&policy, key);
    expect(POS_KIND_REGISTER, "00", what);
    for (int i = 0; i < 3; i++) { /* the key library's pair, then new ones */
        expect(POS_KIND_SIGN_ON, "00", what);
        struct pos_bytes keys = keys_of_reply(text, sizeof text);
        cr_expect_eq(keys.size, cup ? sizes[key].in_cup : sizes[key].outside, "%s: %zu", what,
                     keys.size);
        if (!cup)
            for (size_t c = 0; c < keys.size; c++)
                cr_expect(keys.data[c] < 'a', "%s: upper case", what);
        expect(POS_KIND_AUTHENTICATE, "00", what);
        expect(POS_KIND_SALE, "00", what);
    }
    cr_expect_eq(world->jobs[POS_STRONG_PAIR], 2, "%s", what);
    terminal.tak[0] ^= 2;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    expect(POS_KIND_AUTHENTICATE, "A0", what);
    terminal.tak[0] ^= 2;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    expect(POS_KIND_SIGN_OFF, "00", what);
    pos_terminal_fini(&terminal);
}

Test(algorithms, each_goes_all_the_way_in_each_dialect)
{
    const struct pos_dialect *dialect;
    for (size_t d = 0; (dialect = pos_dialect_nth(d)) != NULL; d++)
        for (size_t key = 0; key < WORLD_KEY_COUNT; key++)
            go_all_the_way(key, dialect);
}

Test(algorithms, a_replayed_sign_on_has_no_keys_made_and_writes_nothing)
{
    enter(&strict, 2);
    world_admit(world, &terminal);
    expect(POS_KIND_SIGN_ON, "00", "a new pair");
    unsigned made = world->jobs[POS_STRONG_PAIR], commits = world->commits;
    uint8_t tak[POS_KEY_SIZE_MAX];
    memcpy(tak, terminal.tak, sizeof tak);
    for (int i = 0; i < 5; i++) {
        expect(POS_KIND_SIGN_ON, "00", "again");
        cr_expect_eq(memcmp(tak, terminal.tak, sizeof tak), 0, "the same pair");
    }
    cr_expect_eq(world->jobs[POS_STRONG_PAIR], made);
    cr_expect_eq(world->commits, commits);
    pos_terminal_fini(&terminal);
}

/* ---- the ECB MAC ---- */

Test(algorithms, a_listener_with_the_ECB_mac_takes_it_from_TDES_terminals)
{
    static const size_t keys[] = {2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        world_renew(world, &ecb, 64);
        enter(&ecb, keys[i]);
        world_admit(world, &terminal);
        expect(POS_KIND_SALE, "00", "sale");
        terminal.cup_ecb = false; /* now the MAC of ISO 9797-1 */
        cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
        expect(POS_KIND_SALE, "A0", "another MAC");
        cr_expect_eq(refusals(POS_REFUSAL_BAD_MAC), 1);
        pos_terminal_fini(&terminal);
    }
}

Test(algorithms, a_listener_without_it_does_not)
{
    enter(&unionpay, 2);
    terminal.cup_ecb = true;
    expect(POS_KIND_REGISTER, "00", "a proof is a CMAC everywhere");
    expect(POS_KIND_SIGN_ON, "00", "and so is a sign-on's MAC");
    expect(POS_KIND_AUTHENTICATE, "A0", "the ECB MAC");
    pos_terminal_fini(&terminal);
}

Test(algorithms, terminals_of_other_algorithms_keep_their_macs_there)
{
    static const size_t keys[] = {0, 7, 8, 9};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        world_renew(world, &unionpay, 64);
        enter(&unionpay, keys[i]);
        world_admit(world, &terminal);
        world->policy = ecb;
        expect(POS_KIND_SALE, "00", "nothing is weaker for it here");
        cr_expect_not(world_row(world, &terminal.smn)->hot.ecb);
        pos_terminal_fini(&terminal);
    }
}

/* What a row has shown, and where it may be used then. */
static void expect_use(bool proved, bool row_ecb, const struct pos_policy *policy, const char *code,
                       const char *what)
{
    struct world_row *row = world_row(world, &terminal.smn);
    row->hot.proved = proved;
    row->hot.ecb = row_ecb;
    world->policy = *policy;
    terminal.cup_ecb = policy->mac_ecb;
    terminal.stage = POS_STAGE_SIGNED_ON;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    unsigned commits = world->commits;
    expect(POS_KIND_AUTHENTICATE, code, what);
    expect(POS_KIND_SIGN_ON, code, what);
    if (strcmp(code, "A0") == 0) {
        expect(POS_KIND_SIGN_OFF, code, what);
        cr_expect_eq(world->commits, commits, "%s: nothing is written", what);
    } else {
        expect(POS_KIND_AUTHENTICATE, code, what); /* under the new pair */
    }
}

Test(algorithms, a_key_proved_on_one_listener_is_not_used_on_a_weaker_one)
{
    enter(&unionpay, 2);
    world_admit(world, &terminal);
    expect_use(true, false, &unionpay, "00", "proved, where it was proved");
    expect_use(true, false, &ecb, "A0", "proved, where MACs are ECB");
    expect_use(true, false, &ecb_open, "A0", "proved, where MACs are ECB and nothing is proved");
    expect_use(true, false, &open_door, "A0", "proved, where nothing is asked");
    expect_use(true, true, &unionpay, "00", "proved with ECB, where MACs are stronger");
    expect_use(true, true, &ecb, "00", "proved with ECB, where it was proved");
    expect_use(true, true, &ecb_open, "A0", "proved with ECB, where nothing is proved");
    expect_use(true, true, &open_door, "A0", "proved with ECB, where nothing is asked");
    expect_use(false, false, &ecb_open, "00", "unproven, where MACs are ECB");
    cr_expect_eq(refusals(POS_REFUSAL_WEAKER_LISTENER), 15, "five rows, three requests");
    pos_terminal_fini(&terminal);
}

Test(algorithms, a_proof_is_worth_what_its_listener_asks)
{
    enter(&ecb, 2);
    expect(POS_KIND_REGISTER, "00", "with the ECB MAC");
    struct world_row *row = world_row(world, &terminal.smn);
    cr_expect(row->hot.proved && row->hot.ecb);
    world->policy = unionpay;
    expect(POS_KIND_REGISTER, "00", "without");
    cr_expect(row->hot.proved && !row->hot.ecb, "it rises");
    world->policy = ecb;
    expect(POS_KIND_REGISTER, "A0", "and does not fall");
    cr_expect(row->hot.proved && !row->hot.ecb);
    world->policy = unionpay;
    world->low_on_disk = true;
    expect(POS_KIND_REGISTER, "00", "what changes nothing needs no room");
    row->hot.ecb = true;
    expect(POS_KIND_REGISTER, "96", "what raises a row does");
    pos_terminal_fini(&terminal);
}

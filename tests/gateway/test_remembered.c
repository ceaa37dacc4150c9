/* Remembered rows: what is kept and for how long; and through a session, that no change is ever
 * overlooked, whenever it happens. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gateway/remembered.h"
#include "tests/gateway/world.h"

enum { ROOM = 64 };

static struct pos_remembered *remembered;

static void start(void)
{
    cr_assert_eq(pos_remembered_create(ROOM, &remembered), POS_OK);
}

static void stop(void)
{
    pos_remembered_destroy(remembered);
}

TestSuite(remembered, .init = start, .fini = stop);

static struct pos_smn smn_of(unsigned index)
{
    struct pos_smn smn;
    struct pos_error error;
    cr_assert_eq(pos_smn_form(pos_bytes_text("123L013K"), index, &smn, &error), POS_OK);
    return smn;
}

static void keep(unsigned index, uint64_t changes)
{
    struct pos_smn smn = smn_of(index);
    struct pos_terminal_hot row = {.state = POS_TERMINAL_ACTIVE, .version = index};
    pos_remembered_keep(remembered, &smn, changes, &row);
}

static bool is_there(unsigned index, uint64_t changes)
{
    struct pos_smn smn = smn_of(index);
    const struct pos_terminal_hot *row = pos_remembered_find(remembered, &smn, changes);
    cr_expect(row == NULL || row->version == index, "row %u is its own", index);
    return row != NULL;
}

Test(remembered, a_row_is_found_while_nothing_changed)
{
    cr_expect_not(is_there(1, 7), "before it was kept");
    keep(1, 7);
    cr_expect(is_there(1, 7));
    cr_expect_not(is_there(1, 8), "its shard changed");
    cr_expect_not(is_there(2, 7), "another SMN");
    keep(1, 8);
    cr_expect(is_there(1, 8));
    cr_expect_not(is_there(1, 7), "a count that is older than the row");
}

Test(remembered, it_holds_no_more_than_its_room)
{
    for (unsigned i = 1; i <= 20 * ROOM; i++)
        keep(i, 0);
    unsigned there = 0;
    for (unsigned i = 1; i <= 20 * ROOM; i++)
        there += is_there(i, 0);
    cr_expect_eq(there, ROOM, "%u rows", there);
}

Test(remembered, who_is_asked_for_stays)
{
    keep(1, 0);
    for (unsigned i = 2; i <= 20 * ROOM; i++) {
        cr_expect(is_there(1, 0), "before row %u", i);
        keep(i, 0);
    }
}

Test(remembered, room_has_its_bounds)
{
    struct pos_remembered *none;
    cr_expect_eq(pos_remembered_create(POS_REMEMBERED_COUNT_MIN - 1, &none), POS_ERR_LENGTH);
    cr_expect_eq(pos_remembered_create(POS_REMEMBERED_COUNT_MAX + 1U, &none), POS_ERR_LENGTH);
}

/* ---- through a session ---- */

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};

static struct world *world;
static struct pos_terminal terminal;
static enum pos_terminal_state state_to_be;

static void begin(void)
{
    world = world_create(&strict, 256);
    world_remember(world, ROOM);
    world_terminal(world, 0, "123L013K", &terminal);
    world_admit(world, &terminal);
}

static void end(void)
{
    pos_terminal_fini(&terminal);
    world_destroy(world);
}

TestSuite(remembering, .init = begin, .fini = end);

static void expect(enum pos_kind kind, const char *code, unsigned finds, const char *what)
{
    struct pos_verdict verdict;
    unsigned before = world->finds;
    world_exchange(world, &terminal, kind, &verdict);
    cr_expect_str_eq(verdict.code, code, "%s: %s", what, verdict.explanation);
    cr_expect_eq(world->finds - before, finds, "%s: %u look-ups", what, world->finds - before);
}

Test(remembering, a_busy_terminal_is_looked_up_once)
{
    expect(POS_KIND_AUTHENTICATE, "00", 1, "its pair was promoted");
    for (int i = 0; i < 5; i++)
        expect(POS_KIND_AUTHENTICATE, "00", 0, "again");
    cr_expect_eq(pos_counter_read(&world->counters.remembered), 5);
}

Test(remembering, what_changes_is_looked_up_again)
{
    const struct {
        enum pos_terminal_state state;
        const char *code;
    } rows[] = {
        {POS_TERMINAL_SUSPENDED, "05"}, {POS_TERMINAL_ACTIVE, "00"}, {POS_TERMINAL_REVOKED, "05"}};
    expect(POS_KIND_AUTHENTICATE, "00", 1, "before");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = pos_terminal_state_name(rows[i].state);
        world_set_state(world, &terminal.smn, rows[i].state);
        struct pos_verdict verdict;
        world_exchange(world, &terminal, POS_KIND_AUTHENTICATE, &verdict);
        cr_expect_eq(strcmp(verdict.code, "00") == 0, rows[i].state == POS_TERMINAL_ACTIVE,
                     "%s: %s", name, verdict.code);
        expect(POS_KIND_AUTHENTICATE, verdict.code, 0, name);
    }
}

Test(remembering, a_terminal_s_own_changes_are_seen)
{
    expect(POS_KIND_AUTHENTICATE, "00", 1, "before");
    expect(POS_KIND_SIGN_OFF, "00", 0, "sign-off");
    expect(POS_KIND_SIGN_ON, "00", 1, "sign-on");
    expect(POS_KIND_AUTHENTICATE, "00", 1, "under the pair that is pending now");
    expect(POS_KIND_AUTHENTICATE, "00", 1, "and current now");
    expect(POS_KIND_AUTHENTICATE, "00", 0, "and still");
}

Test(remembering, who_is_unknown_is_looked_up_each_time)
{
    pos_terminal_fini(&terminal);
    world_terminal(world, 1, "UNKNOWN1", &terminal);
    expect(POS_KIND_SIGN_ON, "97", 1, "first");
    expect(POS_KIND_SIGN_ON, "97", 1, "again");
    expect(POS_KIND_REGISTER, "00", 1, "it registers");
    expect(POS_KIND_SIGN_ON, "00", 1, "and is known");
}

static void change_once(struct world *in)
{
    in->before_find = in->after_find = NULL;
    world_set_state(in, &terminal.smn, state_to_be);
}

/* The row changes between the reading of the count and the look-up, or between the look-up and the
 * keeping: the first request may be judged either way, the next only by the new row. */
Test(remembering, a_change_during_the_look_up_is_seen_by_the_next_request)
{
    for (int after = 0; after < 2; after++) {
        world_set_state(world, &terminal.smn, POS_TERMINAL_ACTIVE);
        state_to_be = POS_TERMINAL_SUSPENDED;
        if (after)
            world->after_find = change_once;
        else
            world->before_find = change_once;
        struct pos_verdict verdict;
        world_exchange(world, &terminal, POS_KIND_AUTHENTICATE, &verdict);
        cr_expect_eq(strcmp(verdict.code, "00") == 0, after, "%s", verdict.code);
        world_exchange(world, &terminal, POS_KIND_AUTHENTICATE, &verdict);
        cr_expect_str_neq(verdict.code, "00", "changed %s the rows were read",
                          after ? "after" : "before");
    }
}

Test(remembering, in_a_full_turn_those_remembered_and_those_not_get_their_own_rows)
{
    struct pos_terminal second;
    world_terminal(world, 1, "SECOND01", &second);
    world_admit(world, &second);
    expect(POS_KIND_AUTHENTICATE, "00", 1, "the first is remembered");
    struct pos_terminal *const order[] = {&second, &terminal, &second, &terminal};
    struct pos_exchange_state states[4];
    uint8_t memory[4 * 512];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pos_terminal_request(order[i], POS_KIND_AUTHENTICATE, NULL, &out, &states[i]),
                     POS_OK);
    size_t before = world->reply_count;
    unsigned finds = world->finds;
    world_send(world, pos_buffer_view(&out));
    cr_assert_eq(world->reply_count, before + 4);
    cr_expect_eq(world->finds, finds + 1);
    for (size_t i = 0; i < 4; i++) {
        struct pos_verdict verdict;
        pos_terminal_reply(order[i], &states[i], world->replies[before + i], &verdict);
        cr_expect_str_eq(verdict.code, "00", "reply %zu: %s", i, verdict.explanation);
        cr_expect(verdict.mac_verified, "reply %zu is under its own key", i);
    }
    pos_terminal_fini(&second);
}

/* ---- rows that the cache does not hold ---- */

Test(remembering, what_was_read_from_disk_is_remembered_too)
{
    world->on_disk = true;
    expect(POS_KIND_AUTHENTICATE, "00", 1, "read");
    expect(POS_KIND_AUTHENTICATE, "00", 0, "remembered");
    cr_expect_eq(pos_counter_read(&world->counters.reads), 1);
}

static size_t authenticate(uint8_t memory[512], struct pos_exchange_state *state)
{
    struct pos_buffer out = pos_buffer(memory, 512);
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_AUTHENTICATE, NULL, &out, state), POS_OK);
    return out.size;
}

/* The row is read while it is suspended and active again before it is there: what was read may not
 * be what later requests are judged by. */
Test(remembering, a_change_during_a_read_is_seen_by_the_next_request)
{
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    uint8_t memory[512];
    world->on_disk = true;
    size_t size = authenticate(memory, &state);
    world_send(world, pos_bytes(memory, size));
    cr_assert(world_waits_for(world, WORLD_READ));
    world_set_state(world, &terminal.smn, POS_TERMINAL_SUSPENDED);
    world_settle(world);
    world_row(world, &terminal.smn)->hot.state = POS_TERMINAL_ACTIVE;
    world_exchange(world, &terminal, POS_KIND_AUTHENTICATE, &verdict);
    cr_expect_str_eq(verdict.code, "00", "%s", verdict.explanation);
}

TestSuite(reading, .init = begin, .fini = end);

Test(reading, all_that_a_terminal_asks_for_can_wait_for_its_row)
{
    const enum pos_kind kinds[] = {POS_KIND_AUTHENTICATE, POS_KIND_SALE, POS_KIND_SIGN_OFF,
                                   POS_KIND_SIGN_ON, POS_KIND_REGISTER};
    world_remember(world, 0);
    world->on_disk = true;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        expect(kinds[i], "00", 1, pos_kind_rule(kinds[i])->name);
    cr_expect_eq(pos_counter_read(&world->counters.reads), 5);
    cr_expect_eq(pos_session_pending(world->session), 0);
}

Test(reading, who_is_unknown_is_97_after_the_read)
{
    world->row_count = 0;
    world->on_disk = true;
    expect(POS_KIND_AUTHENTICATE, "97", 1, "no row");
}

Test(reading, is_96_when_too_many_wait)
{
    world->on_disk = true;
    world->read_fails = POS_ERR_BUSY;
    expect(POS_KIND_AUTHENTICATE, "96", 1, "no room");
    cr_expect_eq(pos_counter_read(&world->counters.refusals[POS_REFUSAL_OVERLOAD]), 1);
    cr_expect_eq(pos_session_pending(world->session), 0);
    world->read_fails = POS_OK;
    expect(POS_KIND_AUTHENTICATE, "00", 1, "room again");
}

/* The front end from frame to reply, with doubles around it: who is admitted, who is refused with
 * which code, in which order, and what may cause a write. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/gateway/world.h"

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};
static const struct pos_policy open_door = {.dialect = &pos_dialect_iso87b};

static struct world *world;
static struct pos_terminal terminal;

static void start_with(const struct pos_policy *policy)
{
    world = world_create(policy, 256);
    world_terminal(world, 0, "123L013K", &terminal);
}

static void start(void)
{
    start_with(&strict);
}

static void stop(void)
{
    pos_terminal_fini(&terminal);
    world_destroy(world);
}

TestSuite(session, .init = start, .fini = stop);

static void expect(enum pos_kind kind, const char *code, bool mac, const char *what)
{
    struct pos_verdict verdict;
    world_exchange(world, &terminal, kind, &verdict);
    cr_expect_str_eq(verdict.code, code, "%s: %s", what, verdict.explanation);
    cr_expect_eq(verdict.mac_verified, mac, "%s: %s", what, verdict.explanation);
    cr_expect_eq(world_last_reply_has_mac(world), mac, "%s: a MAC if and only if one is due", what);
}

static uint64_t refusals(enum pos_refusal refusal)
{
    return pos_counter_read(&world->counters.refusals[refusal]);
}

Test(session, a_terminal_goes_all_the_way)
{
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "sale");
    expect(POS_KIND_REVERSAL, "00", true, "reversal");
    expect(POS_KIND_SIGN_OFF, "00", true, "sign-off");
    cr_expect_eq(pos_session_pending(world->session), 0);
    cr_expect_eq(world->peer.unanswered, 0);
}

Test(session, an_echo_needs_no_terminal_and_no_look_up)
{
    expect(POS_KIND_ECHO, "00", false, "echo");
    cr_expect_eq(world->finds, 0);
}

Test(session, who_is_not_registered_is_97_whatever_is_asked)
{
    expect(POS_KIND_SIGN_ON, "97", false, "sign-on");
    uint8_t key[32] = {1};
    cr_assert_eq(pos_terminal_restore(&terminal, POS_STAGE_SIGNED_ON, WORLD_KEY_FIRST,
                                      POS_ALGORITHM_A256, world->tmks[0], key, key),
                 POS_OK);
    expect(POS_KIND_AUTHENTICATE, "97", false, "authenticate");
    expect(POS_KIND_SALE, "97", false, "sale");
    cr_expect_eq(refusals(POS_REFUSAL_UNKNOWN_SMN), 3);
    cr_expect_eq(world->commits, 0);
}

Test(session, registering_needs_an_index_that_left_the_key_room)
{
    const struct {
        enum pos_key_state state;
        const char *code;
    } rows[] = {{POS_KEY_GENERATED, "97"},   {POS_KEY_DESTROYED, "97"}, {POS_KEY_BURNED, "97"},
                {POS_KEY_COMPROMISED, "97"}, {POS_KEY_EXPORTED, "00"},  {POS_KEY_ISSUED, "00"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->keys[0].state = rows[i].state;
        struct pos_verdict verdict;
        world_exchange(world, &terminal, POS_KIND_REGISTER, &verdict);
        cr_expect_str_eq(verdict.code, rows[i].code, "%s", pos_key_state_name(rows[i].state));
    }
}

Test(session, a_registration_without_a_good_proof_is_A0_and_writes_nothing)
{
    memset(terminal.tmk, 9, sizeof terminal.tmk);
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    expect(POS_KIND_REGISTER, "A0", false, "wrong key");
    terminal.mac = false;
    expect(POS_KIND_REGISTER, "A0", false, "no MAC");
    cr_expect_eq(world->commits, 0);
    cr_expect_eq(world->records, 0);
    cr_expect_eq(refusals(POS_REFUSAL_BAD_PROOF), 1);
    cr_expect_eq(refusals(POS_REFUSAL_NO_MAC), 1);
}

Test(session, a_second_serial_on_an_index_is_63_with_a_record)
{
    world_admit(world, &terminal);
    unsigned records = world->records;
    pos_terminal_fini(&terminal);
    world_terminal(world, 0, "CLONE001", &terminal);
    expect(POS_KIND_REGISTER, "63", true, "clone");
    cr_expect_eq(world->records, records + 1);
}

Test(session, a_return_file_that_names_another_serial_is_63)
{
    memcpy(world->keys[0].serial, "OTHER001", 9);
    expect(POS_KIND_REGISTER, "63", true, "given to another");
    cr_expect_eq(world->records, 1);
    memcpy(world->keys[0].serial, "123L013K", 9);
    expect(POS_KIND_REGISTER, "00", true, "given to this one");
}

Test(session, registering_again_is_00_and_keeps_the_keys)
{
    world_admit(world, &terminal);
    expect(POS_KIND_REGISTER, "00", true, "again");
    terminal.stage = POS_STAGE_SIGNED_ON;
    expect(POS_KIND_AUTHENTICATE, "00", true, "still signed on");
}

Test(session, a_bad_MAC_is_A0_without_a_MAC)
{
    world_admit(world, &terminal);
    terminal.tak[0] ^= 1;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    unsigned commits = world->commits;
    expect(POS_KIND_AUTHENTICATE, "A0", false, "authenticate");
    expect(POS_KIND_SALE, "A0", false, "sale");
    expect(POS_KIND_SIGN_OFF, "A0", false, "sign-off");
    cr_expect_eq(refusals(POS_REFUSAL_BAD_MAC), 3);
    cr_expect_eq(world->commits, commits);
}

Test(session, states_are_told_to_the_holder_of_the_key_alone)
{
    world_admit(world, &terminal);
    struct world_row *row = world_row(world, &terminal.smn);
    const struct {
        enum pos_terminal_state state;
        const char *code;
    } rows[] = {{POS_TERMINAL_SUSPENDED, "58"},
                {POS_TERMINAL_REVOKED, "97"},
                {POS_TERMINAL_REPLACED, "97"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        row->hot.state = rows[i].state;
        expect(POS_KIND_AUTHENTICATE, rows[i].code, true, "authenticate");
        expect(POS_KIND_SIGN_ON, rows[i].code, true, "sign-on");
        expect(POS_KIND_REGISTER, rows[i].code, true, "register");
        terminal.tak[0] ^= 1;
        cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
        expect(POS_KIND_AUTHENTICATE, "A0", false, "a stranger");
        terminal.tak[0] ^= 1;
        cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    }
    row->hot.state = POS_TERMINAL_ACTIVE;
    expect(POS_KIND_AUTHENTICATE, "00", true, "active again");
}

static void use_tak(const uint8_t *tak)
{
    memcpy(terminal.tak, tak, sizeof terminal.tak);
    terminal.stage = POS_STAGE_SIGNED_ON;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
}

Test(session, a_lost_sign_on_reply_locks_nobody_out)
{
    uint8_t old[POS_KEY_SIZE_MAX], new[POS_KEY_SIZE_MAX];
    world_admit(world, &terminal);
    memcpy(old, terminal.tak, sizeof old);
    expect(POS_KIND_SIGN_ON, "00", true, "sign-on");
    memcpy(new, terminal.tak, sizeof new);
    cr_expect_neq(memcmp(old, new, sizeof old), 0, "a new pair");
    /* The reply was lost: the terminal still has the old keys, and they are still good. */
    use_tak(old);
    unsigned promotions = world->promotions;
    expect(POS_KIND_AUTHENTICATE, "00", true, "old TAK");
    expect(POS_KIND_SIGN_ON, "00", true, "sign-on again");
    cr_expect_eq(memcmp(terminal.tak, new, sizeof new), 0, "the same pending pair");
    cr_expect_eq(world->promotions, promotions, "nothing was promoted yet");
    expect(POS_KIND_AUTHENTICATE, "00", true, "new TAK");
    cr_expect_eq(world->promotions, promotions + 1, "promoted by the first message under it");
    use_tak(old);
    expect(POS_KIND_AUTHENTICATE, "A0", false, "the old TAK is gone");
}

Test(session, the_first_sign_on_brings_the_key_librarys_pair)
{
    struct pos_verdict verdict;
    world_exchange(world, &terminal, POS_KIND_REGISTER, &verdict);
    world_exchange(world, &terminal, POS_KIND_SIGN_ON, &verdict);
    struct world_row *row = world_row(world, &terminal.smn);
    cr_expect_eq(memcmp(&row->hot.tak[1], &world->keys[0].tak, sizeof row->hot.tak[1]), 0);
    cr_expect(row->detail.first_pair_given);
}

Test(session, after_a_sign_off_no_MAC_verifies_until_a_sign_on)
{
    world_admit(world, &terminal);
    uint8_t tak[POS_KEY_SIZE_MAX];
    memcpy(tak, terminal.tak, sizeof tak);
    expect(POS_KIND_SIGN_OFF, "00", true, "sign-off");
    use_tak(tak);
    expect(POS_KIND_AUTHENTICATE, "A0", false, "signed off");
    cr_expect_eq(refusals(POS_REFUSAL_NO_KEY), 1);
    expect(POS_KIND_SIGN_ON, "00", true, "sign-on");
    expect(POS_KIND_AUTHENTICATE, "00", true, "again");
}

Test(session, the_first_sale_binds_TID_and_MID_and_others_are_03)
{
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "first");
    cr_expect_str_eq(world_row(world, &terminal.smn)->hot.tid, "TERM0001");
    unsigned records = world->records;
    terminal.tid[7] = '2';
    expect(POS_KIND_SALE, "03", true, "another TID");
    cr_expect_eq(world->records, records + 1, "audited");
    terminal.tid[7] = '1';
    terminal.mid[14] = '2';
    expect(POS_KIND_SALE, "03", true, "another MID");
    terminal.mid[14] = '1';
    expect(POS_KIND_SALE, "00", true, "its own");
    expect(POS_KIND_AUTHENTICATE, "00", true, "authenticate needs no TID");
}

Test(session, a_suspension_between_look_up_and_write_holds)
{
    const enum pos_kind kinds[] = {POS_KIND_SALE, POS_KIND_SIGN_OFF, POS_KIND_SIGN_ON};
    world_admit(world, &terminal);
    struct world_row *row = world_row(world, &terminal.smn);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t memory[POS_FRAME_SIZE_MAX];
        struct pos_buffer out = pos_buffer(memory, sizeof memory);
        struct pos_exchange_state state;
        struct pos_verdict verdict;
        row->hot.state = POS_TERMINAL_ACTIVE;
        const struct pos_sale *sale = kinds[i] == POS_KIND_SALE ? &world_sale : NULL;
        cr_assert_eq(pos_terminal_request(&terminal, kinds[i], sale, &out, &state), POS_OK, "%zu",
                     i);
        (void)world_send(world, pos_buffer_view(&out));
        row->hot.state = POS_TERMINAL_SUSPENDED;
        world_settle(world);
        cr_assert_not(world_waits_for(world, WORLD_HOST), "nothing goes to the host");
        pos_terminal_reply(&terminal, &state, world->replies[world->reply_count - 1], &verdict);
        cr_expect_str_eq(verdict.code, "58", "%s", pos_kind_rule(kinds[i])->name);
    }
}

Test(session, what_ends_at_the_gateway_does_not_reach_the_host)
{
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "sale");
    struct pos_message sent;
    struct pos_decode_error error;
    cr_assert_eq(pos_iso8583_decode(&pos_dialect_iso87b,
                                    pos_bytes(world->host_message, world->host_message_size), &sent,
                                    &error),
                 POS_OK);
    cr_expect_not(pos_message_has(&sent, 62), "SMN");
    cr_expect_not(pos_message_has(&sent, 64), "MAC");
    cr_expect_not(pos_message_has(&sent, 128), "MAC");
    char rrn[12];
    struct pos_bytes value = pos_message_value(&sent, 37, rrn, sizeof rrn);
    cr_expect_eq(value.size, 12, "RRN");
    cr_expect(pos_message_has(&sent, 2) && pos_message_has(&sent, 4) && pos_message_has(&sent, 11));
}

Test(session, a_host_that_is_away_full_or_late)
{
    world_admit(world, &terminal);
    expect(POS_KIND_SALE, "00", true, "bound");
    const struct {
        enum pos_status status;
        const char *code;
        enum pos_refusal refusal;
    } rows[] = {{POS_ERR_UNREACHABLE, "91", POS_REFUSAL_HOST_AWAY},
                {POS_ERR_LIMIT, "91", POS_REFUSAL_HOST_FULL},
                {POS_ERR_EXISTS, "94", POS_REFUSAL_DUPLICATE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->forward_fails = rows[i].status;
        expect(POS_KIND_SALE, rows[i].code, true, pos_refusal_text(rows[i].refusal));
        cr_expect_eq(refusals(rows[i].refusal), 1);
    }
    world->forward_fails = POS_OK;
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_SALE, &world_sale, &out, &state), POS_OK);
    (void)world_send(world, pos_buffer_view(&out));
    world_host_answers(world, NULL);
    pos_terminal_reply(&terminal, &state, world->replies[world->reply_count - 1], &verdict);
    cr_expect_str_eq(verdict.code, "68");
    cr_expect_eq(pos_session_pending(world->session), 0);
}

Test(session, a_hosts_own_code_is_passed_on)
{
    world_admit(world, &terminal);
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_SALE, &world_sale, &out, &state), POS_OK);
    (void)world_send(world, pos_buffer_view(&out));
    world_settle(world);
    world_host_answers(world, "55");
    pos_terminal_reply(&terminal, &state, world->replies[world->reply_count - 1], &verdict);
    cr_expect_str_eq(verdict.code, "55");
    cr_expect(verdict.mac_verified);
    cr_expect_eq(
        pos_counter_read(&world->counters.replies[POS_KIND_SALE][POS_COUNT_RESPONSE_OTHER]), 1);
}

Test(session, what_fails_around_it_is_96)
{
    world->fetch_fails = POS_ERR_BUSY;
    expect(POS_KIND_REGISTER, "96", false, "clerk's queue full");
    world->fetch_fails = POS_OK;
    world->commit_fails = POS_ERR_BUSY;
    expect(POS_KIND_REGISTER, "96", true, "commit queue full");
    world->commit_fails = POS_OK;
    world->commit_result = POS_ERR_DATABASE;
    expect(POS_KIND_REGISTER, "96", true, "sync failed");
    cr_expect_eq(world->row_count, 0);
    world->commit_result = POS_OK;
    world_admit(world, &terminal);
    world->rrn_fails = POS_ERR_BUSY;
    expect(POS_KIND_SALE, "96", true, "no RRN");
    world->find_fails = POS_ERR_DATABASE;
    expect(POS_KIND_AUTHENTICATE, "96", false, "look-up failed");
}

/* What repeats and what only reads goes on; who is refused is told what anybody would be, first. */
Test(session, a_disk_without_room_refuses_what_would_write)
{
    world->low_on_disk = true;
    expect(POS_KIND_REGISTER, "96", true, "a new row");
    cr_expect_eq(world->row_count, 0);
    cr_expect_eq(pos_counter_read(&world->counters.refusals[POS_REFUSAL_LOW_DISK]), 1);
    world->low_on_disk = false;
    expect(POS_KIND_REGISTER, "00", true, "with room again");
    world->low_on_disk = true;
    expect(POS_KIND_REGISTER, "00", true, "the row is there");
    expect(POS_KIND_SIGN_ON, "96", true, "a new pair");
    world->low_on_disk = false;
    expect(POS_KIND_SIGN_ON, "00", true, "with room again");
    world->low_on_disk = true;
    expect(POS_KIND_SIGN_ON, "00", true, "the pair is pending");
    expect(POS_KIND_AUTHENTICATE, "00", true, "nothing to write");
    expect(POS_KIND_SALE, "96", true, "TID and MID are not bound yet");
    unsigned commits = world->commits;
    expect(POS_KIND_SIGN_OFF, "96", true, "the pairs would go");
    cr_expect_eq(world->commits, commits, "none of them reached the committer");
    cr_expect_eq(pos_counter_read(&world->counters.refusals[POS_REFUSAL_LOW_DISK]), 4);
}

Test(session, a_full_pool_answers_96)
{
    struct pos_verdict verdict;
    world_destroy(world);
    world = world_create(&strict, 1);
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_REGISTER, NULL, &out, &state), POS_OK);
    (void)world_send(world, pos_buffer_view(&out));
    cr_assert(world_waits_for(world, WORLD_FETCH));
    size_t replies = world->reply_count;
    out.size = 0;
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_SIGN_ON, NULL, &out, &state), POS_OK);
    (void)world_send(world, pos_buffer_view(&out));
    cr_assert_eq(world->reply_count, replies + 1);
    pos_terminal_reply(&terminal, &state, world->replies[replies], &verdict);
    cr_expect_str_eq(verdict.code, "96");
    cr_expect_eq(refusals(POS_REFUSAL_OVERLOAD), 1);
    world_settle(world);
    cr_expect_eq(world->row_count, 1, "the first one went on");
}

static size_t make_authenticate(uint8_t *memory, size_t capacity, struct pos_exchange_state *state)
{
    struct pos_buffer out = pos_buffer(memory, capacity);
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_AUTHENTICATE, NULL, &out, state), POS_OK);
    return out.size;
}

Test(session, a_hundred_requests_in_one_segment_are_one_look_up)
{
    world_admit(world, &terminal);
    static uint8_t memory[64 * 256];
    struct pos_exchange_state states[64];
    size_t size = 0, replies = world->reply_count;
    unsigned finds = world->finds;
    for (size_t i = 0; i < 64; i++)
        size += make_authenticate(memory + size, sizeof memory - size, &states[i]);
    cr_expect_eq(world_send(world, pos_bytes(memory, size)), POS_SESSION_OPEN);
    cr_assert_eq(world->reply_count, replies + 64);
    cr_expect_eq(world->finds, finds + 1);
    for (size_t i = 0; i < 64; i++) {
        struct pos_verdict verdict;
        pos_terminal_reply(&terminal, &states[i], world->replies[replies + i], &verdict);
        cr_expect_str_eq(verdict.code, "00", "%zu: %s", i, verdict.explanation);
    }
}

Test(session, no_bit_of_a_good_message_can_be_flipped)
{
    world_admit(world, &terminal);
    uint8_t memory[512];
    struct pos_exchange_state state;
    size_t size = make_authenticate(memory, sizeof memory, &state);
    for (size_t bit = 16; bit < 8 * size; bit++) {
        struct pos_verdict verdict = {.code = "-"};
        world->reply_count = world->reply_size = world->peer.unanswered = 0;
        memory[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        (void)world_send(world, pos_bytes(memory, size));
        world_settle(world);
        if (world->reply_count > 0)
            pos_terminal_reply(&terminal, &state, world->replies[0], &verdict);
        cr_expect_str_neq(verdict.code, "00", "bit %zu", bit);
        memory[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    }
    world->reply_count = world->reply_size = 0;
    (void)world_send(world, pos_bytes(memory, size));
    struct pos_verdict verdict;
    pos_terminal_reply(&terminal, &state, world->replies[0], &verdict);
    cr_expect_str_eq(verdict.code, "00", "and with none flipped it is good");
}

Test(session, a_turn_that_is_full_is_looked_up_at_once)
{
    enum { COUNT = POS_TURN_REQUEST_COUNT_MAX + 44, AT_ONCE = 50 };
    world_destroy(world);
    world = world_create(&strict, 512);
    world_admit(world, &terminal);
    unsigned finds = world->finds;
    size_t replies = world->reply_count;
    for (size_t sent = 0; sent < COUNT; sent += AT_ONCE) {
        uint8_t memory[AT_ONCE * 256];
        struct pos_exchange_state state;
        size_t size = 0;
        enum pos_session_close close;
        const char *reason;
        for (size_t i = 0; i < AT_ONCE; i++)
            size += make_authenticate(memory + size, sizeof memory - size, &state);
        struct pos_peer peer = world->peer; /* each segment comes from a peer of its own */
        peer.unanswered = 0;
        (void)pos_session_receive(world->session, &peer, pos_bytes(memory, size), &close, &reason);
        cr_assert_eq(close, POS_SESSION_OPEN);
    }
    cr_expect_eq(world->finds, finds + 1, "a full turn does not wait for its end");
    cr_expect_eq(world->reply_count, replies + POS_TURN_REQUEST_COUNT_MAX);
    pos_session_turn(world->session);
    cr_expect_eq(world->finds, finds + 2);
    cr_expect_eq(world->reply_count, replies + COUNT);
}

Test(session, more_unanswered_requests_than_allowed_end_the_connection)
{
    struct pos_exchange_state state;
    uint8_t memory[512];
    world_admit(world, &terminal);
    size_t size = make_authenticate(memory, sizeof memory, &state);
    world->peer.unanswered = 64;
    cr_expect_eq(world_send(world, pos_bytes(memory, size)), POS_SESSION_PIPELINE);
    world->peer.unanswered = 63;
    cr_expect_eq(world_send(world, pos_bytes(memory, size)), POS_SESSION_OPEN);
}

Test(session, every_split_of_two_messages_gives_the_same_replies)
{
    world_admit(world, &terminal);
    uint8_t memory[1024];
    struct pos_exchange_state states[2];
    size_t size = make_authenticate(memory, sizeof memory, &states[0]);
    size += make_authenticate(memory + size, sizeof memory - size, &states[1]);
    for (size_t cut = 0; cut <= size; cut++) {
        world->reply_count = world->reply_size = 0;
        enum pos_session_close close;
        const char *reason;
        pos_session_set_time(world->session, world->now_ns, world->utc_ms);
        size_t used = pos_session_receive(world->session, &world->peer, pos_bytes(memory, cut),
                                          &close, &reason);
        pos_session_turn(world->session);
        (void)pos_session_receive(world->session, &world->peer,
                                  pos_bytes(memory + used, size - used), &close, &reason);
        pos_session_turn(world->session);
        cr_expect_eq(world->reply_count, 2, "cut at %zu", cut);
        for (size_t i = 0; i < 2; i++) {
            struct pos_verdict verdict;
            pos_terminal_reply(&terminal, &states[i], world->replies[i], &verdict);
            cr_expect_str_eq(verdict.code, "00", "cut at %zu: %s", cut, verdict.explanation);
        }
    }
}

Test(session, what_is_no_request_ends_the_connection_and_what_is_malformed_is_30)
{
    const struct {
        const char *what;
        const char *bytes;
        size_t size;
        enum pos_session_close close;
        size_t replies;
    } rows[] = {
        {"keep-alive", "\0\0", 2, POS_SESSION_OPEN, 0},
        {"too long", "\xFF\xFF", 2, POS_SESSION_BAD_FRAME, 0},
        {"too short", "\0\x03", 2, POS_SESSION_BAD_FRAME, 0},
        {"a reply", "\0\x0C\x08\x10\0\0\0\0\0\0\0\0\0\0", 14, POS_SESSION_NO_REQUEST, 0},
        {"no MTI", "\0\x0C\xAB\xCD\0\0\0\0\0\0\0\0\0\0", 14, POS_SESSION_NO_REQUEST, 0},
        {"left over", "\0\x0C\x08\x00\0\0\0\0\0\0\0\0\0\0", 14, POS_SESSION_OPEN, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->reply_count = world->reply_size = 0;
        cr_expect_eq(world_send(world, pos_bytes(rows[i].bytes, rows[i].size)), rows[i].close, "%s",
                     rows[i].what);
        cr_expect_eq(world->reply_count, rows[i].replies, "%s", rows[i].what);
    }
    cr_expect_eq(pos_counter_read(&world->counters.keep_alives), 1);
    cr_expect_eq(refusals(POS_REFUSAL_FORMAT), 1);
    cr_expect_eq(pos_session_pending(world->session), 0);
}

Test(session, what_is_asked_of_a_mother_POS_is_40_and_counted_like_the_unknown)
{
    static const uint8_t codes[] = {0x11, 0x12, 0x21, 0x99};
    for (size_t i = 0; i < sizeof codes; i++) {
        char bytes[] = "\0\x1F\x08\0"
                       "\x80\x20\0\0\0\x80\0\0\x04\0\0\0\0\0\0\0"
                       "\0\0\x01"
                       "10000001"
                       "\x09\0";
        memcpy(bytes + 32, &codes[i], 1);
        cr_expect_eq(world_send(world, pos_bytes(bytes, 33)), POS_SESSION_OPEN);
    }
    cr_expect_eq(world->reply_count, 4);
    cr_expect_eq(refusals(POS_REFUSAL_UNSUPPORTED), 4);
    cr_expect_eq(pos_counter_read(
                     &world->counters.replies[POS_COUNT_KIND_OTHER][POS_RESPONSE_NOT_SUPPORTED]),
                 4);
    /* 12, 13 and 39 are new, 11, 41 and 70 repeated: all have the same length */
    for (size_t i = 0; i < world->reply_count; i++)
        cr_expect_eq(world->replies[i].size, 33 + 3 + 2 + 2, "reply %zu", i);
}

TestSuite(open_door, .fini = stop);

static void start_open(void)
{
    start_with(&open_door);
    terminal.mac = false;
}

Test(open_door, takes_a_bare_SMN_and_still_refuses_strangers, .init = start_open)
{
    expect(POS_KIND_REGISTER, "00", false, "register");
    cr_expect_not(world_row(world, &terminal.smn)->hot.proved);
    terminal.stage = POS_STAGE_SIGNED_ON;
    expect(POS_KIND_AUTHENTICATE, "00", false, "authenticate");
    expect(POS_KIND_SALE, "00", false, "sale");
    terminal.tid[7] = '9';
    unsigned records = world->records;
    expect(POS_KIND_SALE, "03", false, "wrong TID");
    cr_expect_eq(world->records, records, "without a proof nothing is recorded");
    world_row(world, &terminal.smn)->hot.state = POS_TERMINAL_SUSPENDED;
    expect(POS_KIND_AUTHENTICATE, "58", false, "suspended");
    world_row(world, &terminal.smn)->hot.state = POS_TERMINAL_REVOKED;
    expect(POS_KIND_AUTHENTICATE, "97", false, "revoked");
    pos_terminal_fini(&terminal);
    world_terminal(world, 0, "CLONE001", &terminal);
    terminal.mac = false;
    expect(POS_KIND_REGISTER, "63", false, "clone");
    cr_expect_eq(world->records, records, "without a proof no alarm");
}

Test(open_door, refuses_a_row_that_proved_its_key, .init = start_open)
{
    struct world_row *row = &world->rows[world->row_count++];
    *row = (struct world_row){
        .smn = terminal.smn,
        .hot = {.state = POS_TERMINAL_ACTIVE, .algorithm = POS_ALGORITHM_A256, .proved = true}};
    expect(POS_KIND_REGISTER, "A0", false, "register");
    terminal.stage = POS_STAGE_SIGNED_ON;
    expect(POS_KIND_AUTHENTICATE, "A0", false, "authenticate");
    cr_expect_eq(refusals(POS_REFUSAL_WEAKER_LISTENER), 2);
    row->hot.proved = false;
    expect(POS_KIND_AUTHENTICATE, "00", false, "unproved");
}

Test(open_door, a_MAC_that_is_there_must_be_good, .init = start_open)
{
    terminal.mac = true;
    expect(POS_KIND_REGISTER, "00", true, "register");
    expect(POS_KIND_SIGN_ON, "00", true, "sign-on");
    expect(POS_KIND_AUTHENTICATE, "00", true, "authenticate");
    terminal.tak[3] ^= 4;
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    expect(POS_KIND_AUTHENTICATE, "A0", false, "bad MAC");
}

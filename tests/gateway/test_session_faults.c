/*
 * The front end when what it stands on fails: the security module, the codec, memory, the key
 * library, and a committer that says what nobody expects. Nothing is approved then, nothing is
 * lost, and everybody is answered.
 *
 * The linker puts the functions below in front of the real ones (--wrap).
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/gateway/world.h"

/* ---- what fails ---- */

/* Calls from `fail_at` on fail, `fail_count` of them; 0: none does. */
static int fail_at, fail_count, calls;

static bool fails(void)
{
    if (fail_at == 0)
        return false;
    calls++;
    return calls >= fail_at && calls < fail_at + fail_count;
}

#define IN_FRONT_OF(function, parameters, arguments)                                               \
    enum pos_status __real_##function parameters;                                                  \
    enum pos_status __wrap_##function parameters;                                                  \
    enum pos_status __wrap_##function parameters                                                   \
    {                                                                                              \
        return fails() ? POS_ERR_HSM : __real_##function arguments;                                \
    }

IN_FRONT_OF(pos_hsm_make_mac,
            (struct pos_hsm_session * session, const struct pos_key *key,
             enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t mac[POS_MAC_SIZE]),
            (session, key, purpose, message, mac))
IN_FRONT_OF(pos_hsm_verify_mac,
            (struct pos_hsm_session * session, const struct pos_key *key,
             enum pos_mac_purpose purpose, struct pos_bytes message,
             const uint8_t mac[POS_MAC_SIZE]),
            (session, key, purpose, message, mac))
IN_FRONT_OF(pos_hsm_generate,
            (struct pos_hsm_session * session, enum pos_key_usage usage,
             enum pos_algorithm algorithm, struct pos_key *key, struct pos_kcv *kcv),
            (session, usage, algorithm, key, kcv))
IN_FRONT_OF(pos_hsm_wrap_working_key,
            (struct pos_hsm_session * session, const struct pos_key *tmk,
             const struct pos_key *working_key, struct pos_buffer *block),
            (session, tmk, working_key, block))

static bool encoder_fails;
enum pos_status __real_pos_iso8583_encode(const struct pos_dialect *dialect,
                                          const struct pos_draft *draft, struct pos_buffer *out,
                                          struct pos_encoded *encoded,
                                          struct pos_decode_error *error);
enum pos_status __wrap_pos_iso8583_encode(const struct pos_dialect *dialect,
                                          const struct pos_draft *draft, struct pos_buffer *out,
                                          struct pos_encoded *encoded,
                                          struct pos_decode_error *error);
enum pos_status __wrap_pos_iso8583_encode(const struct pos_dialect *dialect,
                                          const struct pos_draft *draft, struct pos_buffer *out,
                                          struct pos_encoded *encoded,
                                          struct pos_decode_error *error)
{
    return encoder_fails && fails()
               ? POS_ERR_LENGTH
               : __real_pos_iso8583_encode(dialect, draft, out, encoded, error);
}

static bool memory_fails;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return memory_fails && fails() ? NULL : __real_calloc(count, size);
}
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return memory_fails && fails() ? NULL : __real_malloc(size);
}

static void fail(int at, int count)
{
    fail_at = at;
    fail_count = count;
    calls = 0;
}

/* ---- the world ---- */

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};
static const struct pos_policy open_door = {.dialect = &pos_dialect_iso87b};

static struct world *world;
static struct pos_terminal terminal;

static void start_with(const struct pos_policy *policy)
{
    pos_log_set_level(POS_LOG_ERROR);
    world = world_create(policy, 16);
    world_terminal(world, 0, "123L013K", &terminal);
}

static void start(void)
{
    start_with(&strict);
}

static void stop(void)
{
    fail(0, 0);
    cr_expect_eq(pos_session_pending(world->session), 0, "nothing is left waiting");
    cr_expect_eq(world->peer.unanswered, 0, "everybody was answered");
    pos_terminal_fini(&terminal);
    world_destroy(world);
}

TestSuite(session_faults, .init = start, .fini = stop);

static void reply_code(char code[3])
{
    struct pos_frame frame;
    struct pos_message message;
    struct pos_decode_error error;
    size_t consumed;
    const char *reason;
    code[0] = '\0';
    if (world->reply_count == 0 ||
        pos_frame_next(world->policy.dialect, world->replies[world->reply_count - 1], &frame,
                       &consumed, &reason) != POS_FRAME_READY ||
        pos_iso8583_decode(world->policy.dialect, frame.message, &message, &error) != POS_OK)
        return;
    code[pos_message_value(&message, 39, code, 2).size] = '\0';
}

static void expect(enum pos_kind kind, const char *code, const char *what)
{
    struct pos_verdict verdict;
    world_exchange(world, &terminal, kind, &verdict);
    cr_expect_str_eq(verdict.code, code, "%s: %s", what, verdict.explanation);
}

static enum pos_session_close ask(enum pos_kind kind)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    cr_assert_eq(
        pos_terminal_request(&terminal, kind, financial ? &world_sale : NULL, &out, &state),
        POS_OK);
    return world_send(world, pos_buffer_view(&out));
}

static uint64_t refusals(enum pos_refusal refusal)
{
    return pos_counter_read(&world->counters.refusals[refusal]);
}

/* ---- the security module ---- */

/* Asks with one call to the module failing; false when there was no such call. */
static bool fails_at(enum pos_kind kind, int at)
{
    char code[3];
    struct pos_verdict verdict;
    uint64_t before = refusals(POS_REFUSAL_SECURITY_MODULE);
    fail(at, 1);
    world_exchange(world, &terminal, kind, &verdict);
    bool failed = calls >= at;
    fail(0, 0);
    reply_code(code);
    cr_expect_str_eq(code, failed ? "96" : "00", "%s: call %d", pos_kind_rule(kind)->name, at);
    cr_expect_eq(refusals(POS_REFUSAL_SECURITY_MODULE), before + failed);
    return failed;
}

/* The first, second and so on call fails, until none does. */
static void fail_module(enum pos_kind kind, int at_least)
{
    int at = 1;
    while (fails_at(kind, at))
        at++;
    cr_expect_geq(at - 1, at_least, "%s", pos_kind_rule(kind)->name);
}

Test(session_faults, a_module_that_fails_at_any_call_approves_nothing)
{
    fail_module(POS_KIND_REGISTER, 2);
    fail_module(POS_KIND_SIGN_ON, 4);
    fail_module(POS_KIND_AUTHENTICATE, 2);
    fail_module(POS_KIND_SIGN_ON,
                4); /* a later pair is made; once it is pending it is only wrapped */
    fail_module(POS_KIND_SALE, 2);
    fail(1, 1); /* behind the second call it is signed off, whatever the reply says */
    expect(POS_KIND_SIGN_OFF, "96", "sign-off");
    fail(0, 0);
    expect(POS_KIND_SIGN_OFF, "00", "sign-off");
}

Test(session_faults, a_reply_that_cannot_be_made_is_a_96_and_then_nothing)
{
    char code[3];
    encoder_fails = true;
    world_admit(world, &terminal);
    for (int count = 1; count <= 2; count++) {
        fail(1 + 1, count); /* behind the request's own encoding */
        cr_expect_eq(ask(POS_KIND_ECHO), POS_SESSION_OPEN);
        reply_code(code);
        cr_expect_str_eq(code, count == 1 ? "96" : "", "%d failures", count);
        fail(0, 0);
    }
    cr_expect_eq(world->replies[world->reply_count - 1].size, 0, "an empty frame says: none");
    encoder_fails = false;
}

/* ---- memory ---- */

Test(session_faults, a_session_is_made_whole_or_not_at_all)
{
    struct pos_session *session = NULL;
    const struct pos_session_options options = {.hsm = world->hsm_session,
                                                .counters = &world->counters,
                                                .pending_count_max = 4,
                                                .pipeline_count_max = 4,
                                                .registrations_per_second = 1,
                                                .requests_per_second = 1};
    int at = 0;
    enum pos_status status;
    memory_fails = true;
    do {
        fail(++at, 1);
        status = pos_session_create(&options, &session);
        cr_expect_eq(status, calls >= at ? POS_ERR_MEMORY : POS_OK, "allocation %d", at);
    } while (calls >= at && at < 100);
    memory_fails = false;
    fail(0, 0);
    cr_expect_gt(at, 4, "session, pool and two tables");
    pos_session_destroy(session);
    pos_session_destroy(NULL);
}

/* ---- the key library and the committer ---- */

Test(session_faults, a_key_library_that_cannot_be_read_is_96_for_now)
{
    const struct {
        enum pos_status status;
        const char *code;
    } rows[] = {{POS_ERR_NOT_FOUND, "97"}, {POS_ERR_BUSY, "96"}, {POS_ERR_CORRUPT, "96"}};
    expect(POS_KIND_REGISTER, "00", "register");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->dossier_fails = rows[i].status;
        expect(POS_KIND_REGISTER, rows[i].code, pos_status_name(rows[i].status));
        expect(POS_KIND_SIGN_ON, rows[i].code, pos_status_name(rows[i].status));
    }
    world->dossier_fails = POS_OK;
    expect(POS_KIND_SIGN_ON, "00", "sign-on");
}

Test(session_faults, what_the_committer_finds_different_is_refused)
{
    const struct {
        enum pos_kind kind;
        enum pos_terminal_outcome outcome;
        enum pos_terminal_state state;
        const char *code;
    } rows[] = {
        {POS_KIND_REGISTER, POS_OUTCOME_STATE, POS_TERMINAL_ACTIVE, "96"},
        {POS_KIND_REGISTER, POS_OUTCOME_STATE, POS_TERMINAL_REVOKED, "97"},
        {POS_KIND_REGISTER, POS_OUTCOME_WEAKER, POS_TERMINAL_ACTIVE, "A0"},
        {POS_KIND_SIGN_ON, POS_OUTCOME_UNKNOWN, POS_TERMINAL_ACTIVE, "97"},
        {POS_KIND_SIGN_ON, POS_OUTCOME_STATE, POS_TERMINAL_ACTIVE, "96"},
        {POS_KIND_SALE, POS_OUTCOME_UNKNOWN, POS_TERMINAL_ACTIVE, "97"},
        {POS_KIND_SALE, POS_OUTCOME_TAKEN, POS_TERMINAL_ACTIVE, "03"},
        {POS_KIND_SALE, POS_OUTCOME_CHANGED, POS_TERMINAL_ACTIVE, "00"},
        {POS_KIND_SALE, POS_OUTCOME_STATE, POS_TERMINAL_ACTIVE, "00"},
        {POS_KIND_SIGN_OFF, POS_OUTCOME_UNKNOWN, POS_TERMINAL_ACTIVE, "97"},
    };
    world_admit(world, &terminal);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_row *row = world_row(world, &terminal.smn);
        bool registers = rows[i].kind == POS_KIND_REGISTER;
        world->outcome_is = rows[i].outcome;
        row->hot.state = registers ? rows[i].state : POS_TERMINAL_ACTIVE;
        expect(rows[i].kind, rows[i].code, pos_kind_rule(rows[i].kind)->name);
        world->outcome_is = POS_OUTCOME_NONE;
        row->hot.state = POS_TERMINAL_ACTIVE;
    }
}

/* Between look-up and commit somebody suspends the terminal. */
static void suspend_before_commit(enum pos_kind kind, const char *code)
{
    char found[3];
    struct world_row *row = world_row(world, &terminal.smn);
    row->hot.state = POS_TERMINAL_ACTIVE;
    row->hot.tid[0] = '\0';
    (void)ask(kind);
    while (world_waits_for(world, WORLD_FETCH))
        (void)world_settle_one(world);
    row->hot.state = POS_TERMINAL_SUSPENDED;
    world->outcome_is = POS_OUTCOME_STATE;
    world_settle(world);
    world->outcome_is = POS_OUTCOME_NONE;
    reply_code(found);
    cr_expect_str_eq(found, code, "%s", pos_kind_rule(kind)->name);
}

Test(session_faults, a_terminal_suspended_meanwhile_is_told_so)
{
    world_admit(world, &terminal);
    suspend_before_commit(POS_KIND_SIGN_ON, "58");
    suspend_before_commit(POS_KIND_SALE, "58");
    suspend_before_commit(POS_KIND_SIGN_OFF, "58");
}

/* ---- what peers may send ---- */

Test(session_faults, an_address_above_its_rates_gets_96)
{
    world_limit(world, 1, 0);
    expect(POS_KIND_REGISTER, "00", "the first registration of a second");
    expect(POS_KIND_REGISTER, "96", "the second one");
    expect(POS_KIND_ECHO, "00", "another request");
    world_limit(world, 0, 2);
    expect(POS_KIND_ECHO, "00", "the first request");
    expect(POS_KIND_REGISTER, "00", "the second one");
    expect(POS_KIND_ECHO, "96", "the third one");
    cr_expect_eq(refusals(POS_REFUSAL_RATE), 2);
}

/* A message of plain fields; ends with field 0. */
struct plain {
    unsigned field;
    const char *value;
};

static struct pos_bytes encode_plain(uint16_t mti, const struct plain *fields, bool mac)
{
    static uint8_t memory[POS_FRAME_BODY_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    pos_draft_init(&draft, mti);
    for (; fields->field != 0; fields++)
        pos_draft_set(&draft, fields->field, pos_bytes_text(fields->value));
    if (mac)
        pos_draft_reserve_mac(&draft);
    cr_assert_eq(pos_iso8583_encode(&pos_dialect_iso87b, &draft, &out, &encoded, &error), POS_OK,
                 "field %u", error.field);
    return encoded.bytes;
}

static void send_plain(uint16_t mti, const struct plain *fields, enum pos_mac_purpose purpose,
                       const struct pos_key *key, const char *code, const char *what)
{
    char found[3];
    struct pos_bytes message = encode_plain(mti, fields, key != NULL);
    cr_expect_eq(world_send_message(world, message, key, purpose), POS_SESSION_OPEN);
    world_settle(world);
    if (world_waits_for(world, WORLD_HOST))
        world_host_answers(world, "00");
    reply_code(found);
    cr_expect_str_eq(found, code, "%s", what);
}

Test(session_faults, a_request_without_its_smn_is_a_format_error)
{
    static const struct plain authenticate[] = {
        {11, "000001"}, {41, "TERM0001"}, {70, "902"}, {0, NULL}};
    static const struct plain index_0[] = {
        {11, "000001"}, {41, "TERM0001"}, {62, "123L013K00000000"}, {70, "901"}, {0, NULL}};
    send_plain(0x0800, authenticate, POS_MAC_WORKING, NULL, "30", "no SMN");
    send_plain(0x0800, index_0, POS_MAC_WORKING, NULL, "97", "index 0");
}

#define SALE                                                                                       \
    {3, "000000"}, {4, "000000001234"}, {7, "1123090000"}, {11, "000001"}, {22, "021"},            \
        {25, "00"}, {35, "6225880000000001=3012"}, {41, "TERM0001"}, {42, "MERCHANT0000001"},      \
        {49, "156"},                                                                               \
    {                                                                                              \
        62, "123L013K00000278"                                                                     \
    }

Test(session_faults, a_pin_block_is_found_wherever_it_is)
{
    static const struct {
        const char *tags, *code;
    } rows[] = {
        {"B2002xxA1002yy", "99"}, {"A1002yy", "99"}, {"B2002xx", "00"}, {"B2", "00"},
        {"B2xx2A1", "00"},        {"B2 12A1", "00"}, {"B2999x", "00"},
    };
    world_admit(world, &terminal);
    struct world_row *row = world_row(world, &terminal.smn);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct plain sale[] = {SALE, {59, rows[i].tags}, {0, NULL}};
        send_plain(0x0200, sale, POS_MAC_WORKING, &row->hot.tak[0], rows[i].code, rows[i].tags);
    }
    const struct plain sale[] = {SALE, {52, "12345678"}, {0, NULL}};
    send_plain(0x0200, sale, POS_MAC_WORKING, &row->hot.tak[0], "99", "a PIN block, bound");
    row->hot.tid[0] = '\0';
    send_plain(0x0200, sale, POS_MAC_WORKING, &row->hot.tak[0], "99", "a PIN block, not bound");
}

Test(session_faults, a_reversal_keeps_the_number_of_what_it_reverses)
{
    const struct plain reversal[] = {SALE,
                                     {37, "632709000042"},
                                     {39, "68"},
                                     {90, "020000000111230900000000000000000000000000"},
                                     {0, NULL}};
    const struct plain sale[] = {SALE, {37, "632709000042"}, {0, NULL}};
    world_admit(world, &terminal);
    struct world_row *row = world_row(world, &terminal.smn);
    struct pos_message sent;
    struct pos_decode_error error;
    for (int i = 0; i < 2; i++) {
        char number[12];
        send_plain(i == 0 ? 0x0400 : 0x0200, i == 0 ? reversal : sale, POS_MAC_WORKING,
                   &row->hot.tak[0], "00", i == 0 ? "reversal" : "sale");
        cr_assert_eq(pos_iso8583_decode(&pos_dialect_iso87b,
                                        pos_bytes(world->host_message, world->host_message_size),
                                        &sent, &error),
                     POS_OK);
        struct pos_bytes rrn = pos_message_value(&sent, 37, number, sizeof number);
        cr_expect_eq(pos_bytes_equal_text(rrn, "632709000042"), i == 0,
                     "a sale gets a number of the gateway's own");
    }
}

Test(session_faults, a_batch_message_binds_like_a_sale)
{
    const struct plain settlement[] = {{11, "000001"},
                                       {41, "TERM0001"},
                                       {42, "MERCHANT0000001"},
                                       {62, "123L013K00000278"},
                                       {0, NULL}};
    world_admit(world, &terminal);
    struct world_row *row = world_row(world, &terminal.smn);
    send_plain(0x0500, settlement, POS_MAC_WORKING, &row->hot.tak[0], "00", "settlement");
    cr_expect_str_eq(row->hot.tid, "TERM0001");
}

static void open_listener(void)
{
    start_with(&open_door);
}

TestSuite(session_faults_open, .init = open_listener, .fini = stop);

Test(session_faults_open, without_proofs_nothing_is_recorded_and_macs_still_count)
{
    const struct plain sign_on[] = {
        {11, "000001"}, {41, "TERM0001"}, {62, "123L013K00000278"}, {70, "001"}, {0, NULL}};
    const struct plain authenticate[] = {
        {11, "000001"}, {41, "TERM0001"}, {62, "123L013K00000278"}, {70, "902"}, {0, NULL}};
    const struct plain sign_off[] = {
        {11, "000001"}, {41, "TERM0001"}, {62, "123L013K00000278"}, {70, "002"}, {0, NULL}};
    terminal.mac = false;
    expect(POS_KIND_REGISTER, "00", "register without a proof");
    cr_expect_eq(world->records, 0);
    struct world_row *row = world_row(world, &terminal.smn);
    const struct pos_key *tmk = &world->keys[0].tmk;
    send_plain(0x0800, authenticate, POS_MAC_WORKING, NULL, "00", "without a MAC");
    send_plain(0x0800, authenticate, POS_MAC_REGISTRATION, tmk, "A0", "a MAC and no TAK");
    send_plain(0x0800, sign_off, POS_MAC_WORKING, NULL, "A0", "sign-off without a MAC");
    send_plain(0x0800, sign_on, POS_MAC_REGISTRATION, tmk, "00", "sign-on");
    send_plain(0x0800, authenticate, POS_MAC_WORKING, &row->hot.tak[1], "00", "pending TAK");
    send_plain(0x0800, sign_off, POS_MAC_WORKING, &row->hot.tak[0], "00", "sign-off");
    send_plain(0x0800, authenticate, POS_MAC_WORKING, NULL, "12", "signed off");
    /* A key that the mother POS gave to another serial: told, and nothing written. */
    memcpy(world->keys[0].serial, "OTHER001", POS_SERIAL_SIZE);
    unsigned commits = world->commits;
    expect(POS_KIND_REGISTER, "63", "another's key");
    cr_expect_eq(world->commits, commits);
}

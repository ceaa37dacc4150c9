/*
 * The gateway from frame to reply, with doubles for table, key library, committer, host and clock.
 *
 * An input is a small program: its first byte chooses listener, dialect and whether the security
 * module waits, then each step's byte says what happens next. Terminals of our own ask, so that
 * keys and MACs are right when they should be; whatever they send can be bent, with a new MAC or
 * the old one. In the end everything that was asked must have been answered, once, in a frame that
 * can be read.
 */
#include <string.h>

#include "core/wire/message.h"
#include "tests/fuzz/fuzz.h"
#include "tests/gateway/slow_module.h"
#include "tests/gateway/world.h"

enum { INPUT_SIZE_MAX = 4096, PENDING_COUNT_MAX = 16, TERMINAL_COUNT = 3 };

static struct world *world, *worlds[2]; /* the one in use; with a module that waits, and without */
static struct pos_policy policy;
static struct pos_terminal terminals[TERMINAL_COUNT];
static struct pos_exchange_state asked;
static struct pos_terminal *asker; /* whose answer comes next; NULL: nobody's */
static bool open;

/* ---- what comes back ---- */

static void check_reply(struct pos_bytes frame_bytes)
{
    struct pos_frame frame;
    struct pos_message message;
    struct pos_decode_error error;
    size_t consumed;
    const char *reason;
    fuzz_must(pos_frame_next(policy.dialect, frame_bytes, &frame, &consumed, &reason) ==
                      POS_FRAME_READY &&
                  consumed == frame_bytes.size,
              "a reply is one frame");
    fuzz_must(pos_iso8583_decode(policy.dialect, frame.message, &message, &error) == POS_OK,
              "a reply can be read");
    fuzz_must((message.mti & 0x10) != 0 && pos_message_has(&message, 39), "and is a reply");
}

static void take_replies(void)
{
    for (size_t i = 0; i < world->reply_count; i++) {
        struct pos_verdict verdict;
        check_reply(world->replies[i]);
        if (asker != NULL)
            pos_terminal_reply(asker, &asked, world->replies[i], &verdict);
        asker = NULL;
    }
    world->reply_count = world->reply_size = 0;
}

/* ---- what is sent ---- */

static void send(struct pos_bytes bytes)
{
    if (open)
        open = world_send(world, bytes) == POS_SESSION_OPEN;
    take_replies();
}

/* The key whose holder a message would be: its TMK, or one of its row's TAKs. */
static const struct pos_key *key_of(const struct pos_message *message, unsigned choice)
{
    struct pos_smn smn;
    if (pos_message_smn(message, &smn) != POS_OK)
        return NULL;
    uint32_t index = pos_smn_key_index(&smn);
    const struct world_row *row = world_row(world, &smn);
    if (choice == 1 && index >= WORLD_KEY_FIRST && index < WORLD_KEY_FIRST + WORLD_KEY_COUNT)
        return &world->keys[index - WORLD_KEY_FIRST].tmk;
    if (choice >= 2 && row != NULL && row->hot.tak[choice - 2].size > 0)
        return &row->hot.tak[choice - 2];
    return NULL;
}

/* Writes the right MAC over the one of the message at the end of `out`. */
static void put_mac(struct pos_bytes bytes, unsigned choice)
{
    struct pos_message message;
    struct pos_decode_error error;
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    if (choice == 0 || pos_iso8583_decode(policy.dialect, bytes, &message, &error) != POS_OK)
        return;
    const struct pos_key *key = key_of(&message, choice);
    if (key == NULL || pos_message_mac(&message, &covered, mac) != POS_OK)
        return;
    enum pos_mac_purpose working = policy.mac_ecb && key->algorithm == POS_ALGORITHM_T2
                                       ? POS_MAC_WORKING_ECB
                                       : POS_MAC_WORKING;
    fuzz_must(pos_hsm_make_mac(world->hsm_session, key,
                               choice == 1 ? POS_MAC_REGISTRATION : working, covered,
                               mac) == POS_OK,
              "a MAC can be made");
    struct pos_encoded encoded = {.mac = (uint8_t *)(uintptr_t)(covered.data + covered.size),
                                  .mac_form = policy.dialect->binary};
    pos_encoded_set_mac(&encoded, mac);
}

static struct pos_bytes take_bytes(struct pos_cursor *input)
{
    size_t size = pos_cursor_u16(input);
    size_t left = input->bytes.size - input->offset;
    return pos_cursor_take(input, size < left ? size : left);
}

static void send_message(struct pos_cursor *input, unsigned choice)
{
    static const uint8_t route[POS_TPDU_SIZE + POS_HEADER_SIZE] = {0x60};
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    const struct pos_frame model = {.tpdu = pos_bytes(route, POS_TPDU_SIZE),
                                    .header = pos_bytes(route + POS_TPDU_SIZE, POS_HEADER_SIZE)};
    struct pos_bytes bytes = take_bytes(input);
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    size_t start = pos_frame_begin(policy.dialect, &model, false, &out);
    size_t at = out.size;
    pos_buffer_put(&out, bytes);
    if (pos_frame_end(&out, start) != POS_OK)
        return;
    put_mac(pos_bytes(memory + at, bytes.size), choice);
    send(pos_buffer_view(&out));
}

/* A terminal asks; then so many places of what it sends are bent. */
static void ask(struct pos_cursor *input, unsigned number, unsigned choice)
{
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_terminal *terminal = &terminals[number % TERMINAL_COUNT];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    enum pos_kind kind = (enum pos_kind)(pos_cursor_u8(input) % POS_KIND_COUNT);
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    unsigned how = pos_cursor_u8(input), bends = how & 7;
    static const struct pos_pin pin = {.size = 4, .digits = {'4', '7', '1', '1'}};
    struct pos_sale sale = world_sale;
    sale.pin = (how & 8) != 0 ? &pin : NULL;
    sale.pin_format = terminal->algorithm == POS_ALGORITHM_T2 ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
    if (pos_terminal_request(terminal, kind, financial ? &sale : NULL, &out, &asked) != POS_OK)
        return;
    for (unsigned i = 0; i < bends; i++) {
        size_t place = pos_cursor_u16(input) % out.size;
        memory[place] ^= pos_cursor_u8(input);
    }
    size_t head = POS_FRAME_LENGTH_SIZE;
    if (policy.dialect->routed)
        head += POS_TPDU_SIZE + POS_HEADER_SIZE;
    put_mac(pos_bytes(memory + head, out.size - head), choice);
    asker = terminal;
    send(pos_buffer_view(&out));
}

/* ---- what else happens ---- */

static void host_answers(struct pos_cursor *input, unsigned how)
{
    static const enum pos_status absent[] = {POS_ERR_TIMEOUT, POS_ERR_NETWORK};
    char code[3] = "00";
    struct pos_message message;
    struct pos_decode_error error;
    if (!world_waits_for(world, WORLD_HOST))
        return;
    if (how < 2) {
        world_host_sends(world, absent[how], NULL);
    } else if (how == 2) {
        static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh ";
        code[0] = letters[pos_cursor_u8(input) % (sizeof letters - 1)];
        code[1] = letters[pos_cursor_u8(input) % (sizeof letters - 1)];
        world_host_answers(world, code);
    } else if (pos_iso8583_decode(&pos_dialect_iso87b, take_bytes(input), &message, &error) ==
               POS_OK) {
        world_host_sends(world, POS_OK, &message);
    }
    take_replies();
}

static void fail(struct pos_cursor *input, unsigned what)
{
    enum pos_status *const faults[] = {
        &world->fetch_fails, &world->commit_fails, &world->commit_result, &world->forward_fails,
        &world->rrn_fails,   &world->find_fails,   &world->dossier_fails};
    enum pos_status *const module_faults[] = {&world->secure_fails, &world->job_fails,
                                              &world->link_fails};
    unsigned byte = pos_cursor_u8(input);
    enum pos_status status = (enum pos_status)(byte % POS_STATUS_COUNT);
    if (byte >= 128 && what < sizeof module_faults / sizeof module_faults[0])
        *module_faults[what] = status;
    else if (byte >= 128 && what == 3)
        world->forgets = (byte & 1) != 0;
    else if (what == sizeof faults / sizeof faults[0])
        world->low_on_disk = status != POS_OK;
    else
        *faults[what] = status;
}

/* Somebody else changes rows, or time passes. */
static void change(struct pos_cursor *input, unsigned what)
{
    unsigned value = pos_cursor_u8(input);
    if (what == 0)
        world->utc_ms += value * 1000u;
    else if (what == 1)
        world->keys[value & 1].state = (enum pos_key_state)((value >> 1) % POS_KEY_STATE_COUNT);
    else if (what == 2)
        memcpy(world->keys[value & 1].serial, "123L013K", (value & 2) ? POS_SERIAL_SIZE : 0);
    else if (world->row_count > 0) {
        struct world_row *row = &world->rows[value % world->row_count];
        row->hot.state =
            (enum pos_terminal_state)(1 + (value >> 4) % (POS_TERMINAL_STATE_COUNT - 1));
        row->hot.proved = (value & 8) != 0;
        row->hot.ecb = row->hot.proved && (value & 1) != 0;
    }
}

static void step(struct pos_cursor *input)
{
    unsigned byte = pos_cursor_u8(input);
    unsigned first = byte >> 3 & 3, second = byte >> 5 & 3;
    switch (byte & 7) {
    case 0:
        send(take_bytes(input));
        break;
    case 1:
        send_message(input, first);
        break;
    case 2:
    case 3:
        ask(input, first, second);
        break;
    case 4:
        (void)world_settle_one(world);
        break;
    case 5:
        host_answers(input, first);
        break;
    case 6:
        fail(input, byte >> 3 & 7);
        break;
    default:
        change(input, first);
        break;
    }
    /* Most steps go on with what waits; it takes two that say otherwise to have a crowd. */
    if ((byte & 128) == 0)
        world_settle(world);
    take_replies();
}

/* ---- from beginning to end ---- */

static void begin(unsigned choice)
{
    policy = (struct pos_policy){.dialect = fuzz_dialect(choice),
                                 .proof_to_register = (choice & 4) == 0,
                                 .mac_required = (choice & 8) == 0,
                                 .provisioned = (choice & 16) != 0};
    policy.mac_ecb = (choice & 32) != 0 && policy.dialect->ecb_mac;
    bool waiting = (choice & 64) != 0;
    world = worlds[waiting];
    if (world == NULL)
        world = worlds[waiting] = waiting ? world_create_waiting(&policy, PENDING_COUNT_MAX)
                                          : world_create(&policy, PENDING_COUNT_MAX);
    else
        world_renew(world, &policy, PENDING_COUNT_MAX);
    if (waiting)
        slow_module_forget(world->local);
    uint8_t zpk[POS_KEY_SIZE_MAX];
    if ((choice & 128) == 0)
        world_share_pin_key(world, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, zpk);
    static const char *const serials[TERMINAL_COUNT] = {"123L013K", "SERIAL02", "CLONE001"};
    static const size_t terminal_keys[TERMINAL_COUNT] = {0, 3, 0}; /* AES, TDES, the first again */
    for (size_t i = 0; i < TERMINAL_COUNT; i++)
        world_terminal(world, terminal_keys[i], serials[i], &terminals[i]);
    asker = NULL;
    open = true;
}

/* The keys stay from input to input; what was changed in their rows must not. */
static void end(void)
{
    world->fetch_fails = world->commit_fails = world->commit_result = POS_OK;
    world->forward_fails = world->rrn_fails = world->find_fails = POS_OK;
    world->dossier_fails = world->secure_fails = world->job_fails = world->link_fails = POS_OK;
    world->forgets = false;
    world->low_on_disk = false;
    world_settle(world);
    take_replies();
    while (world_waits_for(world, WORLD_HOST)) {
        world_host_sends(world, POS_ERR_TIMEOUT, NULL);
        world_settle(world);
        take_replies();
    }
    fuzz_must(pos_session_pending(world->session) == 0, "nothing is left waiting");
    fuzz_must(world->peer.unanswered == 0, "every request has had one reply");
    for (size_t i = 0; i < TERMINAL_COUNT; i++)
        pos_terminal_fini(&terminals[i]);
    for (size_t i = 0; i < WORLD_KEY_COUNT; i++) {
        world->keys[i].state = POS_KEY_LOADED;
        world->keys[i].serial[0] = '\0';
    }
}

void fuzz_session(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_SIZE_MAX)
        return;
    struct pos_cursor input = pos_cursor(pos_bytes(data, size));
    begin(pos_cursor_u8(&input));
    while (!input.failed && input.offset < size)
        step(&input);
    end();
}

/*
 * A terminal that has asked and gets an answer from somebody who may be anybody. Two bytes say what
 * it asked and whether the answer's MAC is made right, the rest is the answer's message.
 */
#include <string.h>

#include "core/terminal/terminal.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t tmk[POS_KEY_SIZE_MAX] = {1, 2, 3}, tpk[POS_KEY_SIZE_MAX] = {4},
                     tak[POS_KEY_SIZE_MAX] = {5};

static void start(struct pos_terminal *terminal, const struct pos_dialect *dialect,
                  enum pos_terminal_stage stage, enum pos_algorithm algorithm)
{
    pos_terminal_init(terminal, dialect, "123L013K", "TERM0001", "MERCHANT0000001");
    if (stage == POS_STAGE_BLANK)
        return;
    bool signed_on = stage == POS_STAGE_SIGNED_ON;
    fuzz_must(pos_terminal_restore(terminal, stage, 278, algorithm, tmk, signed_on ? tpk : NULL,
                                   signed_on ? tak : NULL) == POS_OK,
              "the terminal has its keys");
}

/* Writes the right MAC over the one that is there. */
static void put_mac(struct pos_terminal *terminal, const struct pos_exchange_state *state,
                    struct pos_message *message)
{
    struct pos_bytes covered;
    uint8_t old[POS_MAC_SIZE], made[POS_MAC_FULL_SIZE_MAX];
    bool registers = state->kind == POS_KIND_REGISTER || state->kind == POS_KIND_SIGN_ON ||
                     state->kind == POS_KIND_KEY_CONFIRM;
    struct pos_mac *mac = registers ? terminal->registration_mac : terminal->working_mac;
    if (mac == NULL || pos_message_mac(message, &covered, old) != POS_OK)
        return;
    fuzz_must(pos_mac_compute(mac, covered, made) == POS_OK, "a MAC can be made");
    struct pos_encoded encoded = {.mac = (uint8_t *)(uintptr_t)(covered.data + covered.size),
                                  .mac_form = message->dialect->binary};
    pos_encoded_set_mac(&encoded, made);
}

static void answer(struct pos_terminal *terminal, const struct pos_exchange_state *state,
                   struct pos_bytes bytes, bool right_mac)
{
    static const uint8_t route[POS_TPDU_SIZE + POS_HEADER_SIZE] = {0x60};
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    const struct pos_frame model = {.tpdu = pos_bytes(route, POS_TPDU_SIZE),
                                    .header = pos_bytes(route + POS_TPDU_SIZE, POS_HEADER_SIZE)};
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_message message;
    struct pos_decode_error error;
    size_t begin = pos_frame_begin(terminal->dialect, &model, true, &out);
    size_t at = out.size;
    pos_buffer_put(&out, bytes);
    if (pos_frame_end(&out, begin) != POS_OK)
        return;
    struct pos_bytes body = pos_bytes(memory + at, bytes.size);
    bool decodes = pos_iso8583_decode(terminal->dialect, body, &message, &error) == POS_OK;
    if (right_mac && decodes)
        put_mac(terminal, state, &message);
    struct pos_verdict verdict = {.status = POS_OK};
    enum pos_terminal_stage before = terminal->stage;
    pos_terminal_reply(terminal, state, pos_buffer_view(&out), &verdict);
    fuzz_must(decodes || verdict.status != POS_OK, "what cannot be read is not believed");
    fuzz_must(verdict.status == POS_OK || terminal->stage == before,
              "who is not believed changes nothing");
    fuzz_must(verdict.status == POS_OK || verdict.explanation[0] != '\0', "and is told why");
    fuzz_must(!verdict.mac_verified || right_mac, "nobody guesses a MAC");
}

void fuzz_terminal(const uint8_t *data, size_t size)
{
    static const struct pos_sale sale = {
        .amount = 1234, .pan = "6225880000000001", .utc_time = "1123090000"};
    static const enum pos_algorithm algorithms[] = {POS_ALGORITHM_A256, POS_ALGORITHM_T2,
                                                    POS_ALGORITHM_T3, POS_ALGORITHM_SM4};
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_terminal terminal;
    struct pos_exchange_state state;
    if (size < 2 || size > POS_FRAME_BODY_SIZE_MAX)
        return;
    enum pos_kind kind = (enum pos_kind)(data[0] % POS_KIND_COUNT);
    start(&terminal, fuzz_dialect(data[1] & 3),
          (enum pos_terminal_stage)((data[1] >> 2 & 7) % POS_STAGE_COUNT),
          algorithms[data[1] >> 5 & 3]);
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    if (pos_terminal_request(&terminal, kind, financial ? &sale : NULL, &out, &state) == POS_OK)
        answer(&terminal, &state, pos_bytes(data + 2, size - 2), (data[1] & 128) != 0);
    pos_terminal_fini(&terminal);
}

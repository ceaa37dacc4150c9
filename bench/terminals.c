/* The requests of the bench's terminals, and how their replies are read. */
#include "bench/terminals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bench/table.h"
#include "bench/terminals_inside.h"
#include "core/terminal/terminal.h"

/* xorshift64*: quick, and the same every run. */
static uint64_t scramble(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

uint64_t pos_terminals_random(struct pos_terminals *terminals, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)scramble(&terminals->random) * below) >> 64);
}

/* Serials ascend with the rows, as a maker's do, with gaps of random size: one in each stretch of
 * so many numbers, which leaves room for the largest table. So rows can be loaded in their order,
 * and the numbers between them are strangers. */
enum { SERIAL_STRETCH = 28211 }; /* 36^8 by 10^8 */

static uint64_t scatter(uint64_t value)
{
    value = (value + 1) * 0x9e3779b97f4a7c15u;
    return value ^ value >> 29;
}

static void form_serial(uint64_t number, char serial[POS_SERIAL_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = POS_SERIAL_SIZE; i-- > 0; number /= 36)
        serial[i] = digits[number % 36];
}

/* `stranger`: anywhere in the row's stretch but where the row is. */
static void form_smn(uint64_t row, bool stranger, char *text)
{
    uint64_t index = row + 1, place = scatter(row) % SERIAL_STRETCH;
    if (stranger)
        place = (place + 1 + scatter(~row) % (SERIAL_STRETCH - 1)) % SERIAL_STRETCH;
    form_serial(row * SERIAL_STRETCH + place, text);
    for (size_t i = POS_SMN_SIZE; i-- > POS_SERIAL_SIZE; index /= 10)
        text[i] = (char)('0' + index % 10);
}

struct pos_smn pos_terminals_smn(uint64_t row)
{
    struct pos_smn smn = {0};
    form_smn(row, false, smn.text);
    return smn;
}

struct pos_smn pos_terminals_stranger(uint64_t row)
{
    struct pos_smn smn = {0};
    form_smn(row, true, smn.text);
    return smn;
}

uint64_t pos_terminals_draw(struct pos_terminals *terminals)
{
    uint64_t chosen = pos_terminals_random(terminals, terminals->working_set);
    return (uint64_t)((unsigned __int128)chosen * terminals->rows / terminals->working_set);
}

bool pos_terminals_is_stranger(const struct pos_terminals *terminals, uint32_t stan)
{
    return scatter(stan) % 100 < terminals->unregistered;
}

/* ---- making requests ---- */

static enum pos_status make_frame(const struct pos_terminals *terminals, const struct pos_smn *smn,
                                  uint32_t stan, const uint8_t *tmk, const uint8_t *tak,
                                  struct pos_buffer *out)
{
    struct pos_terminal terminal;
    struct pos_exchange_state state;
    char serial[POS_SERIAL_SIZE + 1] = {0};
    memcpy(serial, smn->text, POS_SERIAL_SIZE);
    pos_terminal_init(&terminal, terminals->dialect, serial, "BENCH001", "BENCHMERCHANT01");
    terminal.mac = terminals->mac;
    terminal.stan = stan - 1;
    enum pos_status status = pos_terminal_restore(
        &terminal, POS_STAGE_SIGNED_ON, pos_smn_key_index(smn), POS_ALGORITHM_A256, tmk, tmk, tak);
    if (status == POS_OK)
        status = pos_terminal_request(&terminal, terminals->kind, NULL, out, &state);
    pos_terminal_fini(&terminal);
    return status;
}

enum pos_status pos_terminals_make_request(struct pos_terminals *terminals, uint64_t at,
                                           uint64_t row, uint32_t stan, const uint8_t *tmk,
                                           const uint8_t *tak)
{
    uint8_t *frame = terminals->frames + at * terminals->frame_size;
    struct pos_buffer out = pos_buffer(frame, terminals->frame_size);
    struct pos_smn smn = pos_terminals_is_stranger(terminals, stan) ? pos_terminals_stranger(row)
                                                                    : pos_terminals_smn(row);
    terminals->stans[at] = stan;
    enum pos_status status = make_frame(terminals, &smn, stan, tmk, tak, &out);
    return status == POS_OK && out.size != terminals->frame_size ? POS_ERR_LENGTH : status;
}

static enum pos_status find_fields(struct pos_terminals *terminals)
{
    struct pos_bytes stream = pos_bytes(terminals->frame, terminals->frame_size);
    struct pos_frame frame;
    struct pos_message message;
    struct pos_decode_error error;
    size_t used;
    const char *reason;
    if (pos_frame_next(terminals->dialect, stream, &frame, &used, &reason) != POS_FRAME_READY)
        return POS_ERR_FORMAT;
    enum pos_status status =
        pos_iso8583_decode(terminals->dialect, frame.message, &message, &error);
    if (status != POS_OK)
        return status;
    terminals->smn_offset = (size_t)(pos_message_raw(&message, 62).data - terminals->frame);
    terminals->stan_offset = (size_t)(pos_message_raw(&message, 11).data - terminals->frame);
    return POS_OK;
}

enum pos_status pos_terminals_make_template(struct pos_terminals *terminals,
                                            struct pos_error *error)
{
    static const uint8_t unused_key[POS_KEY_SIZE_MAX] = {1};
    struct pos_smn smn = pos_terminals_smn(0);
    struct pos_buffer out = pos_buffer(terminals->frame, sizeof terminals->frame);
    enum pos_status status = make_frame(terminals, &smn, 1, unused_key, unused_key, &out);
    terminals->frame_size = out.size;
    if (status == POS_OK)
        status = find_fields(terminals);
    return status == POS_OK
               ? POS_OK
               : pos_error_set(error, status, "cannot make a request: %s", pos_status_text(status));
}

/* ---- asking ---- */

static void put_stan(const struct pos_dialect *dialect, uint8_t *field, uint32_t stan)
{
    if (dialect->digits == POS_DIGITS_BCD)
        for (size_t i = 3; i-- > 0; stan /= 100)
            field[i] = (uint8_t)(stan % 100 / 10 << 4 | stan % 10);
    else
        for (size_t i = 6; i-- > 0; stan /= 10)
            field[i] = (uint8_t)('0' + stan % 10);
}

static size_t ask_without_mac(void *context, uint8_t *out, uint32_t *mark)
{
    struct pos_terminals *terminals = context;
    terminals->stan = terminals->stan % POS_STAN_MAX + 1;
    *mark = terminals->stan;
    memcpy(out, terminals->frame, terminals->frame_size);
    form_smn(pos_terminals_draw(terminals), pos_terminals_is_stranger(terminals, terminals->stan),
             (char *)out + terminals->smn_offset);
    put_stan(terminals->dialect, out + terminals->stan_offset, terminals->stan);
    return terminals->frame_size;
}

static size_t ask_with_mac(void *context, uint8_t *out, uint32_t *mark)
{
    struct pos_terminals *terminals = context;
    uint64_t at = terminals->next;
    terminals->next = at + 1 == terminals->request_count ? 0 : at + 1;
    *mark = terminals->stans[at];
    memcpy(out, terminals->frames + at * terminals->frame_size, terminals->frame_size);
    return terminals->frame_size;
}

static bool read_message(struct pos_terminals *terminals, struct pos_bytes bytes,
                         struct pos_load_reply *reply)
{
    struct pos_message message;
    struct pos_decode_error error;
    if (pos_iso8583_decode(terminals->dialect, bytes, &message, &error) != POS_OK ||
        message.mti != 0x0810)
        return false;
    struct pos_bytes code = pos_message_value(&message, 39, reply->code, 2);
    reply->mark = (uint32_t)pos_message_number(&message, 11, 0);
    bool stranger = pos_terminals_is_stranger(terminals, reply->mark);
    reply->good = pos_bytes_equal_text(code, stranger ? "97" : "00");
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    if (reply->good && !stranger && terminals->mac &&
        pos_message_mac(&message, &covered, mac) != POS_OK) {
        reply->good = false;
        terminals->missing_macs++;
    }
    return code.size == 2;
}

static ssize_t read_reply(void *context, struct pos_bytes stream, struct pos_load_reply *reply)
{
    struct pos_terminals *terminals = context;
    struct pos_frame frame;
    size_t used = 0;
    const char *reason;
    switch (pos_frame_next(terminals->dialect, stream, &frame, &used, &reason)) {
    case POS_FRAME_READY:
        return read_message(terminals, frame.message, reply) ? (ssize_t)used : -1;
    case POS_FRAME_PARTIAL:
        return 0;
    case POS_FRAME_KEEP_ALIVE:
    case POS_FRAME_BROKEN:
        break;
    }
    return -1;
}

struct pos_load_source pos_terminals_source(struct pos_terminals *terminals)
{
    return (struct pos_load_source){
        .request = terminals->mac ? ask_with_mac : ask_without_mac,
        .request_size_max = terminals->frame_size,
        .reply = read_reply,
        .context = terminals,
    };
}

uint64_t pos_terminals_request_count(const struct pos_terminals *terminals)
{
    return terminals->mac ? terminals->request_count : terminals->working_set;
}

uint64_t pos_terminals_missing_macs(const struct pos_terminals *terminals)
{
    return terminals->missing_macs;
}

enum pos_status pos_terminals_assume(const struct pos_terminals_options *options,
                                     struct pos_terminals **out, struct pos_error *error)
{
    struct pos_terminals *terminals = calloc(1, sizeof *terminals);
    if (terminals == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the terminals");
    assert(options->rows > 0 && options->rows <= POS_KEY_INDEX_MAX);
    assert(options->working_set <= options->rows && options->unregistered <= 100);
    *terminals = (struct pos_terminals){
        .dialect = options->dialect,
        .rows = options->rows,
        .working_set = options->working_set > 0 ? options->working_set : options->rows,
        .unregistered = options->unregistered,
        .kind = POS_KIND_AUTHENTICATE,
        .random = 0x2545f4914f6cdd1d};
    enum pos_status status = pos_terminals_make_template(terminals, error);
    if (status != POS_OK)
        pos_terminals_destroy(terminals);
    else
        *out = terminals;
    return status;
}

enum pos_status pos_terminals_open(const struct pos_terminals_options *options,
                                   struct pos_terminals **out, struct pos_error *error)
{
    struct pos_table table;
    struct pos_terminals *terminals;
    enum pos_status status = pos_table_read(options->folder, &table, error);
    if (status == POS_OK)
        status = pos_table_expect(&table, options->rows, error);
    if (status == POS_OK)
        status = pos_terminals_assume(options, &terminals, error);
    if (status != POS_OK)
        return status;
    if (options->mac)
        status = pos_terminals_add_macs(terminals, options->folder, error);
    if (status == POS_OK)
        *out = terminals;
    else
        pos_terminals_destroy(terminals);
    return status;
}

void pos_terminals_destroy(struct pos_terminals *terminals)
{
    if (terminals == NULL)
        return;
    free(terminals->frames);
    free(terminals->stans);
    free(terminals);
}

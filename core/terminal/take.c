/*
 * What a terminal takes from a reply that it believes: the TMK of a key request, the working keys
 * of a sign-on, a new stage. Either all of it or, when any part does not open, nothing.
 */
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/key_block.h"
#include "core/terminal/keys.h"

static enum pos_status unwrap(struct pos_key_block_protector *protector, struct pos_bytes block,
                              const char *usage, char mode, enum pos_algorithm algorithm,
                              uint8_t *key, struct pos_error *error)
{
    const struct pos_key_block_expectation expected = {
        .attributes = {.usage = {usage[0], usage[1]},
                       .algorithm = pos_key_block_algorithm_letter(algorithm),
                       .mode = mode,
                       .version = {'0', '0'},
                       .exportable = 'N'},
        .key_algorithm = algorithm,
    };
    return pos_key_block_unwrap(protector, block, &expected, key, error);
}

/* ---- the TMK ---- */

/* The block is padded to its algorithm's longest key, so its length does not tell which it is. */
static enum pos_algorithm unwrap_tmk(struct pos_key_block_protector *protector,
                                     struct pos_bytes block, uint8_t *tmk, struct pos_error *error)
{
    static const enum pos_algorithm tried[] = {POS_ALGORITHM_A256, POS_ALGORITHM_A128,
                                               POS_ALGORITHM_T3, POS_ALGORITHM_T2,
                                               POS_ALGORITHM_SM4};
    (void)pos_error_set(error, POS_ERR_MISMATCH, "not a key block of a TMK");
    if (block.size < POS_KEY_BLOCK_HEADER_SIZE)
        return POS_ALGORITHM_NONE;
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++)
        if (block.data[7] == pos_key_block_algorithm_letter(tried[i]) &&
            unwrap(protector, block, "K1", 'D', tried[i], tmk, error) == POS_OK)
            return tried[i];
    return POS_ALGORITHM_NONE;
}

static enum pos_status session_protector(const struct pos_terminal *terminal,
                                         struct pos_bytes mother_public_hex,
                                         struct pos_key_block_protector **protector,
                                         struct pos_error *error)
{
    uint8_t mother_public[POS_EXCHANGE_KEY_SIZE], session_key[POS_KEY_SIZE_MAX];
    if (pos_hex_decode(mother_public_hex, mother_public, sizeof mother_public) != POS_OK)
        return pos_error_set(error, POS_ERR_MISMATCH, "field 63: expected 64 hex digits");
    enum pos_status status = pos_exchange_session_key(terminal->exchange, POS_EXCHANGE_TERMINAL,
                                                      mother_public, session_key);
    if (status == POS_OK)
        status = pos_key_block_protector_create(POS_ALGORITHM_A256, session_key, protector);
    pos_secret_wipe(session_key, sizeof session_key);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status, "field 63: no session key: %s", pos_status_text(status));
}

/* Field 62: key index of 8 digits, then the key block. */
static enum pos_status read_smn(const struct pos_terminal *terminal, struct pos_bytes field,
                                struct pos_smn *smn, struct pos_error *error)
{
    char text[POS_SMN_SIZE];
    if (field.size <= POS_KEY_INDEX_DIGITS)
        return pos_error_set(error, POS_ERR_MISMATCH,
                             "field 62: expected key index and key block, got %zu characters",
                             field.size);
    memcpy(text, terminal->serial, POS_SERIAL_SIZE);
    memcpy(text + POS_SERIAL_SIZE, field.data, POS_KEY_INDEX_DIGITS);
    if (pos_smn_parse(pos_bytes(text, sizeof text), smn) != POS_OK ||
        pos_smn_key_index(smn) < POS_KEY_INDEX_MIN)
        return pos_error_set(error, POS_ERR_MISMATCH, "field 62: does not begin with a key index");
    return POS_OK;
}

static void wipe_working_keys(struct pos_terminal *terminal)
{
    pos_secret_wipe(terminal->tpk, sizeof terminal->tpk);
    pos_secret_wipe(terminal->tak, sizeof terminal->tak);
    pos_secret_wipe(terminal->tdk, sizeof terminal->tdk);
    terminal->form = POS_FORM_COUNT;
}

static void set_tmk(struct pos_terminal *terminal, const struct pos_smn *smn,
                    enum pos_algorithm algorithm, const uint8_t *tmk)
{
    pos_exchange_destroy(terminal->exchange);
    terminal->exchange = NULL;
    terminal->smn = *smn;
    terminal->algorithm = algorithm;
    memcpy(terminal->tmk, tmk, pos_algorithm_key_size(algorithm));
    wipe_working_keys(terminal);
    pos_terminal_move(terminal, POS_STAGE_KEYED);
}

static enum pos_status take_tmk(struct pos_terminal *terminal, const struct pos_message *reply,
                                struct pos_error *error)
{
    struct pos_smn smn;
    struct pos_key_block_protector *protector;
    uint8_t tmk[POS_KEY_SIZE_MAX];
    struct pos_bytes field = pos_message_raw(reply, 62);
    if (terminal->exchange == NULL)
        return pos_error_set(error, POS_ERR_MISMATCH, "no key request is open");
    enum pos_status status = read_smn(terminal, field, &smn, error);
    if (status == POS_OK)
        status = session_protector(terminal, pos_message_raw(reply, 63), &protector, error);
    if (status != POS_OK)
        return status;
    struct pos_bytes block =
        pos_bytes(field.data + POS_KEY_INDEX_DIGITS, field.size - POS_KEY_INDEX_DIGITS);
    enum pos_algorithm algorithm = unwrap_tmk(protector, block, tmk, error);
    pos_key_block_protector_destroy(protector);
    if (algorithm == POS_ALGORITHM_NONE)
        return pos_error_prefix(error, "field 62");
    set_tmk(terminal, &smn, algorithm, tmk);
    pos_secret_wipe(tmk, sizeof tmk);
    return pos_terminal_prepare_macs(terminal);
}

/* ---- working keys ---- */

/* Where the first of two key blocks ends, by its own header (X9.143: length in characters 1 to 4,
 * decimal); 0 when it does not say or does not fit. */
static size_t first_block_size(struct pos_bytes blocks)
{
    size_t size = 0;
    if (blocks.size < POS_KEY_BLOCK_HEADER_SIZE)
        return 0;
    for (size_t i = 1; i <= 4; i++) {
        if (blocks.data[i] < '0' || blocks.data[i] > '9')
            return 0;
        size = size * 10 + (size_t)(blocks.data[i] - '0');
    }
    return size < blocks.size ? size : 0;
}

static enum pos_status open_blocks(const struct pos_terminal *terminal, struct pos_bytes blocks,
                                   struct pos_working_keys *keys, struct pos_error *error)
{
    struct pos_key_block_protector *protector;
    enum pos_algorithm algorithm = pos_algorithm_working(terminal->algorithm);
    size_t split = first_block_size(blocks);
    if (split == 0)
        return pos_error_set(error, POS_ERR_MISMATCH, "expected two key blocks");
    enum pos_status status =
        pos_key_block_protector_create(terminal->algorithm, terminal->tmk, &protector);
    if (status != POS_OK)
        return pos_error_set(error, status, "TMK: %s", pos_status_text(status));
    status =
        unwrap(protector, pos_bytes(blocks.data, split), "P0", 'E', algorithm, keys->tpk, error);
    if (status != POS_OK)
        status = pos_error_prefix(error, "TPK");
    else if ((status = unwrap(protector, pos_bytes(blocks.data + split, blocks.size - split),
                              algorithm == POS_ALGORITHM_T2 ? "M3" : "M6", 'C', algorithm,
                              keys->tak, error)) != POS_OK)
        status = pos_error_prefix(error, "TAK");
    pos_key_block_protector_destroy(protector);
    keys->form = POS_FORM_COUNT;
    return status;
}

/* A short form outside a dialect that has it as bytes. */
static enum pos_status open_hex_form(const struct pos_terminal *terminal, struct pos_bytes digits,
                                     struct pos_working_keys *keys, struct pos_error *error)
{
    uint8_t form[POS_WORKING_KEYS_SIZE_MAX];
    size_t size = digits.size / 2;
    if (size > sizeof form || pos_hex_decode(digits, form, size) != POS_OK)
        return pos_error_set(error, POS_ERR_MISMATCH,
                             "expected 40 or 60 bytes of working keys in hexadecimal");
    return pos_terminal_open_form(terminal, pos_bytes(form, size), keys, error);
}

/* AES has key blocks everywhere, SM4 nowhere, TDES where field 62 is text. */
static enum pos_status open_working_keys(const struct pos_terminal *terminal,
                                         struct pos_bytes field, struct pos_working_keys *keys,
                                         struct pos_error *error)
{
    bool bytes = terminal->dialect->bare_keys;
    switch (terminal->algorithm) {
    case POS_ALGORITHM_SM4:
        return bytes ? pos_terminal_open_form(terminal, field, keys, error)
                     : open_hex_form(terminal, field, keys, error);
    case POS_ALGORITHM_T2:
    case POS_ALGORITHM_T3:
        return bytes ? pos_terminal_open_form(terminal, field, keys, error)
                     : open_blocks(terminal, field, keys, error);
    default:
        return open_blocks(terminal, field, keys, error);
    }
}

static enum pos_status take_working_keys(struct pos_terminal *terminal,
                                         const struct pos_message *reply, struct pos_error *error)
{
    struct pos_working_keys keys = {.form = POS_FORM_COUNT};
    enum pos_status status = open_working_keys(terminal, pos_message_raw(reply, 62), &keys, error);
    if (status == POS_OK) {
        memcpy(terminal->tpk, keys.tpk, sizeof keys.tpk);
        memcpy(terminal->tak, keys.tak, sizeof keys.tak);
        memcpy(terminal->tdk, keys.tdk, sizeof keys.tdk);
        terminal->form = keys.form;
        pos_terminal_move(terminal, POS_STAGE_SIGNED_ON);
    }
    pos_secret_wipe(&keys, sizeof keys);
    return status == POS_OK ? pos_terminal_prepare_macs(terminal)
                            : pos_error_prefix(error, "field 62");
}

static enum pos_status drop_working_keys(struct pos_terminal *terminal)
{
    wipe_working_keys(terminal);
    if (terminal->stage == POS_STAGE_SIGNED_ON)
        pos_terminal_move(terminal, POS_STAGE_REGISTERED);
    return pos_terminal_prepare_macs(terminal);
}

enum pos_status pos_terminal_take(struct pos_terminal *terminal, enum pos_kind kind,
                                  const struct pos_message *reply, struct pos_error *error)
{
    switch (kind) {
    case POS_KIND_KEY_REQUEST:
        return take_tmk(terminal, reply, error);
    case POS_KIND_KEY_CONFIRM:
        if (terminal->stage == POS_STAGE_KEYED)
            pos_terminal_move(terminal, POS_STAGE_CONFIRMED);
        return POS_OK;
    case POS_KIND_REGISTER:
        if (terminal->stage < POS_STAGE_REGISTERED)
            pos_terminal_move(terminal, POS_STAGE_REGISTERED);
        return POS_OK;
    case POS_KIND_SIGN_ON:
        return take_working_keys(terminal, reply, error);
    case POS_KIND_SIGN_OFF:
        return drop_working_keys(terminal);
    default:
        return POS_OK;
    }
}

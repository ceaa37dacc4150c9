/*
 * The PIN of a sale on its way: enciphered under the TPK before anything else is made of it. TDES
 * blocks have a field of their own and another that says what they are; the longer blocks of AES
 * and SM4 do not fit there and go into field 59 behind a tag.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/terminal/keys.h"

/* Field 53. ISO 8583 leaves it open: posgate has the format in its first two digits. UnionPay has
 * there 1 for a block without PAN and 2 for one with, then 6 for a key of double length and 0 for
 * one of single length. */
static enum pos_status name_format(const struct pos_terminal *terminal, enum pos_pin_format format,
                                   char security[16 + 1])
{
    if (!terminal->dialect->bare_keys) {
        (void)snprintf(security, 17, "%02u%014d", (unsigned)format % 100u, 0);
        return POS_OK;
    }
    if (format != POS_PIN_FORMAT_0 && format != POS_PIN_FORMAT_1)
        return POS_ERR_USAGE;
    (void)snprintf(security, 17, "%c%c%014d", format == POS_PIN_FORMAT_0 ? '2' : '1',
                   terminal->form == POS_FORM_24 ? '0' : '6', 0);
    return POS_OK;
}

static enum pos_status make_block(const struct pos_terminal *terminal, const struct pos_sale *sale,
                                  uint8_t block[POS_PIN_BLOCK_SIZE_MAX])
{
    const char *pan = sale->pin_pan == NULL ? sale->pan : sale->pin_pan;
    enum pos_status status =
        pos_pin_block_make(sale->pin_format, pos_algorithm_working(terminal->algorithm),
                           terminal->tpk, pos_bytes_text(pan), sale->pin, block);
    if (status == POS_OK && sale->damage_pin)
        block[pos_pin_block_size(sale->pin_format) - 1] ^= 0x01;
    return status;
}

enum pos_status pos_terminal_put_pin(const struct pos_terminal *terminal,
                                     const struct pos_sale *sale, struct pos_pin_fields *pin,
                                     struct pos_draft *draft)
{
    uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
    if (terminal->stage != POS_STAGE_SIGNED_ON)
        return POS_ERR_STATE;
    enum pos_status status = make_block(terminal, sale, block);
    if (status != POS_OK)
        return status;
    pos_draft_set(draft, 22, pos_bytes_text("011")); /* a PIN can be typed in */
    pos_draft_set(draft, 26, pos_bytes_text("12"));  /* of so many digits */
    if (sale->pin_format == POS_PIN_FORMAT_4) {
        memcpy(pin->tagged, "A1032", 5);
        pos_hex_encode(pos_bytes(block, sizeof block), pin->tagged + 5);
        pos_draft_set(draft, 59, pos_bytes_text(pin->tagged));
        return POS_OK;
    }
    memcpy(pin->block, block, sizeof pin->block);
    pos_draft_set(draft, 52, pos_bytes(pin->block, sizeof pin->block));
    status = name_format(terminal, sale->pin_format, pin->security);
    if (status == POS_OK)
        pos_draft_set(draft, 53, pos_bytes_text(pin->security));
    return status;
}

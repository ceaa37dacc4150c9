/*
 * The way into a security module: PIN blocks. Whatever is wrong with a block, its PAN or its format
 * is one and the same error, so that nobody learns from it what a block decrypted to.
 */
#include <string.h>

#include "core/hsm/hsm_inside.h"

static bool is_peers(enum pos_status status)
{
    return status == POS_ERR_USAGE || pos_status_class(status) == POS_CLASS_PEER;
}

static enum pos_status translate(struct pos_hsm_session *session, const struct pos_key *tpk,
                                 const struct pos_key *zpk, struct pos_bytes pan,
                                 const struct pos_pin_cryptogram *in,
                                 struct pos_pin_cryptogram *out)
{
    size_t size = pos_pin_block_size(in->format);
    out->size = (uint8_t)pos_pin_block_size(out->format);
    if (size == 0 || in->size != size || !pos_pin_translation_allowed(in->format, out->format))
        return POS_ERR_MISMATCH;
    enum pos_status status =
        pos_hsm_module_of(session)->translate_pin(session, tpk, zpk, pan, in, out);
    return is_peers(status) ? POS_ERR_MISMATCH : status;
}

enum pos_status pos_hsm_translate_pin(struct pos_hsm_session *session, const struct pos_key *tpk,
                                      const struct pos_key *zpk, struct pos_bytes pan,
                                      const struct pos_pin_cryptogram *in,
                                      struct pos_pin_cryptogram *out)
{
    enum pos_status status = pos_hsm_check_keys(session, tpk, POS_USAGE_TPK, zpk, POS_USAGE_ZPK);
    if (status == POS_OK)
        status = translate(session, tpk, zpk, pan, in, out);
    if (status != POS_OK)
        *out = (struct pos_pin_cryptogram){.format = out->format};
    return status;
}

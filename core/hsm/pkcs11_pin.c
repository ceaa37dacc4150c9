/*
 * PIN translation: both keys stay inside the token, which decrypts and encrypts; the PIN is out of
 * it, in locked memory, while it is checked and put into its new block.
 */
#include "core/hsm/pkcs11_inside.h"

static enum pos_status open_block(struct pos_pkcs11_lease *lease, const struct pos_key *tpk,
                                  struct pos_bytes pan, const struct pos_pin_cryptogram *in,
                                  struct pos_pin *pin)
{
    struct pos_pkcs11_cipher inside;
    enum pos_status status = pos_pkcs11_cipher_open(lease, tpk, &inside);
    const struct pos_block_cipher cipher = {pos_pkcs11_cipher_decrypt, &inside};
    if (status == POS_OK)
        status = pos_pin_block_open_by(in->format, tpk->algorithm, &cipher, pan,
                                       pos_bytes(in->data, in->size), pin);
    pos_pkcs11_cipher_close(&inside);
    return status;
}

static enum pos_status make_block(struct pos_pkcs11_lease *lease, const struct pos_key *zpk,
                                  struct pos_bytes pan, const struct pos_pin *pin,
                                  struct pos_pin_cryptogram *out)
{
    struct pos_pkcs11_cipher inside;
    enum pos_status status = pos_pkcs11_cipher_open(lease, zpk, &inside);
    const struct pos_block_cipher cipher = {pos_pkcs11_cipher_encrypt, &inside};
    if (status == POS_OK)
        status = pos_pin_block_make_by(out->format, zpk->algorithm, &cipher, pan, pin, out->data);
    pos_pkcs11_cipher_close(&inside);
    return status;
}

enum pos_status pos_pkcs11_translate_pin(struct pos_hsm_session *base, const struct pos_key *tpk,
                                         const struct pos_key *zpk, struct pos_bytes pan,
                                         const struct pos_pin_cryptogram *in,
                                         struct pos_pin_cryptogram *out)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    status = open_block(&lease, tpk, pan, in, &session->page->pin);
    if (status == POS_OK)
        status = make_block(&lease, zpk, pan, &session->page->pin, out);
    pos_pkcs11_forget(session);
    return pos_pkcs11_release(&lease, status);
}

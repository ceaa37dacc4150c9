/*
 * What is done with a key inside the token. All calls are complete operations, so that a session is
 * never left in the middle of one unless a call fails; then it is not used again.
 */
#include <assert.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/hsm/pkcs11.h"
#include "core/hsm/tdes.h"

enum { KCV_TDES_SIZE = 3 }; /* bytes; of others POS_KCV_SIZE_MAX */

static const char audit_prefix[POS_PKCS11_MAC_SIZE] = "posgate audit v1";

/* ---- operations ---- */

enum pos_status pos_pkcs11_cmac(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                enum pos_algorithm algorithm, const struct pos_bytes *pieces,
                                size_t piece_count, uint8_t *mac)
{
    const CK_FUNCTION_LIST *functions = lease->functions;
    const struct pos_pkcs11_traits *traits = pos_pkcs11_traits_of(algorithm);
    CK_MECHANISM mechanism = {.mechanism = traits->cmac};
    CK_ULONG size = traits->block_size;
    CK_RV result = functions->C_SignInit(lease->session, &mechanism, object);
    if (result == CKR_OK && piece_count == 1) {
        result = functions->C_Sign(lease->session, pos_pkcs11_unconst(pieces[0].data),
                                   (CK_ULONG)pieces[0].size, mac, &size);
    } else {
        for (size_t i = 0; i < piece_count && result == CKR_OK; i++)
            if (pieces[i].size > 0)
                result = functions->C_SignUpdate(lease->session, pos_pkcs11_unconst(pieces[i].data),
                                                 (CK_ULONG)pieces[i].size);
        if (result == CKR_OK)
            result = functions->C_SignFinal(lease->session, mac, &size);
    }
    if (result == CKR_OK && size != traits->block_size)
        result = CKR_GENERAL_ERROR;
    return pos_pkcs11_check(lease, result);
}

/* In place is not promised by the standard, so the result goes elsewhere first. */
static enum pos_status crypt(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                             enum pos_algorithm algorithm, bool encrypt, uint8_t *data, size_t size)
{
    const CK_FUNCTION_LIST *functions = lease->functions;
    CK_MECHANISM mechanism = {.mechanism = pos_pkcs11_traits_of(algorithm)->ecb};
    uint8_t out[POS_KEY_SIZE_MAX];
    CK_ULONG out_size = sizeof out;
    assert(size <= sizeof out);
    CK_RV result = encrypt ? functions->C_EncryptInit(lease->session, &mechanism, object)
                           : functions->C_DecryptInit(lease->session, &mechanism, object);
    if (result == CKR_OK)
        result = encrypt
                     ? functions->C_Encrypt(lease->session, data, (CK_ULONG)size, out, &out_size)
                     : functions->C_Decrypt(lease->session, data, (CK_ULONG)size, out, &out_size);
    if (result == CKR_OK && out_size != size)
        result = CKR_GENERAL_ERROR;
    if (result == CKR_OK)
        memcpy(data, out, size);
    pos_secret_wipe(out, sizeof out);
    return pos_pkcs11_check(lease, result);
}

enum pos_status pos_pkcs11_encrypt(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                   enum pos_algorithm algorithm, uint8_t *data, size_t size)
{
    return crypt(lease, object, algorithm, true, data, size);
}

/* ---- as a block cipher ---- */

enum pos_status pos_pkcs11_cipher_open(struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                       struct pos_pkcs11_cipher *cipher)
{
    *cipher = (struct pos_pkcs11_cipher){.lease = lease, .algorithm = key->algorithm};
    return pos_pkcs11_open(lease, key, POS_PKCS11_INSIDE, &cipher->object);
}

void pos_pkcs11_cipher_close(struct pos_pkcs11_cipher *cipher)
{
    pos_pkcs11_destroy(cipher->lease, cipher->object);
}

enum pos_status pos_pkcs11_cipher_encrypt(void *context, uint8_t *data, size_t size)
{
    const struct pos_pkcs11_cipher *cipher = context;
    return crypt(cipher->lease, cipher->object, cipher->algorithm, true, data, size);
}

enum pos_status pos_pkcs11_cipher_decrypt(void *context, uint8_t *data, size_t size)
{
    const struct pos_pkcs11_cipher *cipher = context;
    return crypt(cipher->lease, cipher->object, cipher->algorithm, false, data, size);
}

/* ---- check values and derived keys ---- */

enum pos_status pos_pkcs11_long_kcv(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                    enum pos_algorithm algorithm, enum pos_kcv_method method,
                                    struct pos_kcv *kcv)
{
    uint8_t block[POS_PKCS11_MAC_SIZE] = {0}, zeros[POS_PKCS11_MAC_SIZE] = {0};
    size_t block_size = pos_pkcs11_traits_of(algorithm)->block_size;
    const struct pos_bytes piece = pos_bytes(zeros, block_size);
    enum pos_status status = method == POS_KCV_CMAC
                                 ? pos_pkcs11_cmac(lease, object, algorithm, &piece, 1, block)
                                 : pos_pkcs11_encrypt(lease, object, algorithm, block, block_size);
    *kcv = (struct pos_kcv){0};
    if (status == POS_OK) {
        *kcv = (struct pos_kcv){.method = method, .size = POS_KCV_SIZE_MAX};
        memcpy(kcv->data, block, POS_KCV_SIZE_MAX);
    }
    /* The bytes that a check value does not show are a known pair of text and ciphertext more. */
    pos_secret_wipe(block, sizeof block);
    return status;
}

/* core/crypto/kcv.h says how each is made. */
enum pos_status pos_pkcs11_kcv(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                               enum pos_algorithm algorithm, struct pos_kcv *kcv)
{
    bool is_tdes = pos_is_tdes(algorithm);
    enum pos_status status =
        pos_pkcs11_long_kcv(lease, object, algorithm, is_tdes ? POS_KCV_ZEROS : POS_KCV_CMAC, kcv);
    if (is_tdes) {
        memset(kcv->data + KCV_TDES_SIZE, 0, sizeof kcv->data - KCV_TDES_SIZE);
        kcv->size = status == POS_OK ? KCV_TDES_SIZE : 0;
    }
    return status;
}

enum pos_status pos_pkcs11_derive(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                  enum pos_algorithm algorithm, enum pos_derivation usage,
                                  uint8_t *derived)
{
    uint8_t input[POS_DERIVE_INPUT_SIZE], block[POS_PKCS11_MAC_SIZE];
    const struct pos_bytes piece = pos_bytes(input, sizeof input);
    size_t block_size = pos_pkcs11_traits_of(algorithm)->block_size;
    size_t size = pos_algorithm_key_size(algorithm);
    enum pos_status status = POS_OK;
    for (size_t done = 0; done < size && status == POS_OK; done += block_size) {
        pos_derive_input(algorithm, usage, (uint8_t)(1 + done / block_size), input);
        status = pos_pkcs11_cmac(lease, object, algorithm, &piece, 1, block);
        if (status == POS_OK)
            memcpy(derived + done, block, block_size);
    }
    pos_secret_wipe(block, sizeof block);
    return status;
}

enum pos_status pos_pkcs11_audit_mac(struct pos_pkcs11_lease *lease, struct pos_bytes record,
                                     uint8_t mac[POS_PKCS11_MAC_SIZE])
{
    const struct pos_bytes pieces[] = {pos_bytes(audit_prefix, sizeof audit_prefix), record};
    return pos_pkcs11_cmac(lease, lease->audit, POS_ALGORITHM_A256, pieces, 2, mac);
}

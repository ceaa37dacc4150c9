/* A secret sealed under a passphrase. Inputs that would only take long (scrypt costs what the form
 * says, up to seconds) are left to the bounds' own tests. */
#include "core/crypto/seal.h"
#include "tests/fuzz/fuzz.h"

enum { COST_BITS_AT = 4, COST_BITS_QUICK = 6 };

void fuzz_sealed_secret(const uint8_t *data, size_t size)
{
    uint8_t secret[POS_SEAL_SECRET_SIZE_MAX];
    size_t secret_size = 1;
    if (size > COST_BITS_AT && data[COST_BITS_AT] > COST_BITS_QUICK && data[COST_BITS_AT] <= 18)
        return;
    enum pos_status status = pos_unseal(pos_bytes_text("passphrase"), pos_bytes_text("fuzz"),
                                        pos_bytes(data, size), secret, &secret_size);
    if (status == POS_OK)
        fuzz_must(secret_size + POS_SEAL_OVERHEAD == size, "the secret is what was sealed");
    else
        fuzz_must((status == POS_ERR_FORMAT || status == POS_ERR_MAC || status == POS_ERR_CRYPTO) &&
                      secret_size == 0,
                  "a form that does not open says why");
}

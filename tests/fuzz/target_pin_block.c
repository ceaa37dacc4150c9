/*
 * PIN blocks under a key that everybody knows. The first byte says format and algorithm, and
 * whether the block is as it came or a PIN field in the clear that is to be encrypted first; the
 * second how many bytes of PAN follow; the rest is the block.
 */
#include <string.h>

#include "core/crypto/cipher.h"
#include "core/crypto/pin_block.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[POS_KEY_SIZE_MAX] = "a PIN key of 32 letters, or less";

/* Encrypts in place, twice for format 4. The PAN does not come in: it is as if it were zeros. */
static void encrypt(enum pos_algorithm algorithm, int times, uint8_t *block, size_t size)
{
    struct pos_cipher cipher = {0};
    fuzz_must(pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key) == POS_OK, "a key");
    for (int i = 0; i < times; i++)
        fuzz_must(pos_cipher_ecb(&cipher, block, size) == POS_OK, "encryption");
    pos_cipher_fini(&cipher);
}

static void check_pin(const struct pos_pin *pin)
{
    fuzz_must(pin->size >= POS_PIN_SIZE_MIN && pin->size <= POS_PIN_SIZE_MAX, "a size");
    for (size_t i = 0; i < sizeof pin->digits; i++)
        fuzz_must(i < pin->size ? pin->digits[i] >= '0' && pin->digits[i] <= '9'
                                : pin->digits[i] == 0,
                  "digits, and nothing behind them");
}

/* Format 0 leaves no choice: what opened is what would have been made. */
static void make_again(enum pos_algorithm algorithm, struct pos_bytes pan, struct pos_bytes block,
                       const struct pos_pin *pin)
{
    uint8_t made[POS_PIN_BLOCK_SIZE_MAX];
    fuzz_must(pos_pin_block_make(POS_PIN_FORMAT_0, algorithm, key, pan, pin, made) == POS_OK &&
                  memcmp(made, block.data, block.size) == 0,
              "the same block of format 0");
}

/* What opened goes into each format that is allowed, and comes out again. */
static void translate(enum pos_pin_format from, struct pos_bytes pan, const struct pos_pin *pin)
{
    for (int t = 0; t < POS_PIN_FORMAT_COUNT; t++) {
        enum pos_pin_format to = (enum pos_pin_format)t;
        enum pos_algorithm algorithm =
            to == POS_PIN_FORMAT_4 ? POS_ALGORITHM_A128 : POS_ALGORITHM_T2;
        uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
        struct pos_pin found;
        if (!pos_pin_translation_allowed(from, to))
            continue;
        enum pos_status status = pos_pin_block_make(to, algorithm, key, pan, pin, block);
        fuzz_must(status == POS_OK || (from == POS_PIN_FORMAT_1 && status == POS_ERR_USAGE),
                  "a PIN and PAN that opened can be made; format 1 may have had no PAN");
        if (status == POS_OK)
            fuzz_must(pos_pin_block_open(to, algorithm, key, pan,
                                         pos_bytes(block, pos_pin_block_size(to)),
                                         &found) == POS_OK &&
                          memcmp(&found, pin, sizeof found) == 0,
                      "the PIN stays");
    }
}

void fuzz_pin_block(const uint8_t *data, size_t size)
{
    static const struct pos_pin none;
    if (size < 2 || (size_t)data[1] + 2 > size)
        return;
    enum pos_pin_format format = (enum pos_pin_format)(data[0] & 7);
    enum pos_algorithm algorithm = (enum pos_algorithm)(data[0] >> 3 & 7);
    struct pos_bytes pan = pos_bytes(data + 2, data[1]);
    struct pos_bytes block = pos_bytes(pan.data + pan.size, size - 2 - pan.size);
    uint8_t memory[POS_PIN_BLOCK_SIZE_MAX];
    bool aes = algorithm >= POS_ALGORITHM_A128 && algorithm < POS_ALGORITHM_COUNT;
    if ((data[0] & 64) != 0 && algorithm > POS_ALGORITHM_NONE && algorithm < POS_ALGORITHM_COUNT &&
        block.size == (aes ? 16 : 8)) {
        memcpy(memory, block.data, block.size);
        encrypt(algorithm, format == POS_PIN_FORMAT_4 ? 2 : 1, memory, block.size);
        block.data = memory;
    }
    struct pos_pin pin;
    memset(&pin, 0x55, sizeof pin);
    enum pos_status status = pos_pin_block_open(format, algorithm, key, pan, block, &pin);
    fuzz_must(status == POS_OK || status == POS_ERR_MISMATCH, "one error for everything");
    if (status != POS_OK) {
        fuzz_must(memcmp(&pin, &none, sizeof pin) == 0, "no PIN with an error");
        return;
    }
    check_pin(&pin);
    if (format == POS_PIN_FORMAT_0)
        make_again(algorithm, pan, block, &pin);
    translate(format, pan, &pin);
}

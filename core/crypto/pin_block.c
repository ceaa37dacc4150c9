/*
 * PIN blocks of ISO 9564-1. All formats have a PIN field of the same build: a nibble that names the
 * format, a nibble that counts the digits, the digits, and a filler up to the 16th nibble. They
 * differ in the filler and in how the PAN comes in.
 *
 * A block that does not open must not say why, nor take a time that says it: whoever can change
 * blocks and see which rule they broke learns PIN digits. So opening goes through all its checks
 * whatever it finds, without a branch on what is secret, and collects what is wrong in one value.
 */
#include "core/crypto/pin_block.h"

#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/crypto/random.h"

enum {
    FIELD_SIZE = 8, /* bytes of the PIN field; format 4 has as many random bytes behind it */
    FIELD_NIBBLES = 16,
    HEAD_NIBBLES = 2,     /* format and count of digits */
    PAN_PART_DIGITS = 12, /* of the PAN in formats 0 and 3, and the fewest in format 4 */
    PAN_SIZE_MIN = 8,
    LETTERS = 6, /* A to F */
};

enum filler {
    FILLER_NONE, /* not a format that is made or opened here */
    FILLER_A,
    FILLER_F,
    FILLER_ANY,    /* random, 0 to F */
    FILLER_LETTERS /* random, A to F */
};

static const struct {
    size_t size; /* bytes of a block */
    enum filler filler;
    bool has_pan;
} formats[POS_PIN_FORMAT_COUNT] = {
    [POS_PIN_FORMAT_0] = {8, FILLER_F, true},     [POS_PIN_FORMAT_1] = {8, FILLER_ANY, false},
    [POS_PIN_FORMAT_2] = {8, FILLER_NONE, false}, [POS_PIN_FORMAT_3] = {8, FILLER_LETTERS, true},
    [POS_PIN_FORMAT_4] = {16, FILLER_A, true},
};

static bool is_format(enum pos_pin_format format)
{
    return (unsigned)format < POS_PIN_FORMAT_COUNT;
}

size_t pos_pin_block_size(enum pos_pin_format format)
{
    return is_format(format) ? formats[format].size : 0;
}

/* PCI PIN security requirement 3-3: where the PAN is in, it stays in; a block without one can get
 * one; format 2 never leaves the card. */
bool pos_pin_translation_allowed(enum pos_pin_format from, enum pos_pin_format to)
{
    return is_format(from) && is_format(to) && from != POS_PIN_FORMAT_2 && formats[to].has_pan;
}

static size_t cipher_block_size(enum pos_algorithm algorithm)
{
    static const uint8_t sizes[POS_ALGORITHM_COUNT] = {
        [POS_ALGORITHM_T2] = 8,    [POS_ALGORITHM_T3] = 8,   [POS_ALGORITHM_A128] = 16,
        [POS_ALGORITHM_A256] = 16, [POS_ALGORITHM_SM4] = 16,
    };
    return (unsigned)algorithm < POS_ALGORITHM_COUNT ? sizes[algorithm] : 0;
}

/* Can there be such a block at all? All of this is known without the key. */
static bool is_possible(enum pos_pin_format format, enum pos_algorithm algorithm)
{
    return is_format(format) && formats[format].filler != FILLER_NONE &&
           cipher_block_size(algorithm) == formats[format].size;
}

/* ---- nibbles ---- */

static uint8_t get_nibble(const uint8_t *bytes, size_t index)
{
    return index % 2 == 0 ? bytes[index / 2] >> 4 : bytes[index / 2] & 0x0F;
}

/* Into bytes that were zero. */
static void put_nibble(uint8_t *bytes, size_t index, unsigned value)
{
    bytes[index / 2] |= (uint8_t)(index % 2 == 0 ? value << 4 : value);
}

static void xor_into(uint8_t *target, const uint8_t *mask, size_t size)
{
    for (size_t i = 0; i < size; i++)
        target[i] ^= mask[i];
}

/* ---- the PAN field ---- */

static bool is_pan(struct pos_bytes pan)
{
    if (pan.size < PAN_SIZE_MIN || pan.size > POS_PAN_SIZE_MAX)
        return false;
    for (size_t i = 0; i < pan.size; i++)
        if (pan.data[i] < '0' || pan.data[i] > '9')
            return false;
    return true;
}

/* Clause 9.3.4: four zeros, then the 12 digits before the check digit, zeros in front of fewer. */
static void make_pan_part(struct pos_bytes pan, uint8_t *field)
{
    size_t digits = pan.size - 1 < PAN_PART_DIGITS ? pan.size - 1 : PAN_PART_DIGITS;
    for (size_t i = 0; i < digits; i++)
        put_nibble(field, FIELD_NIBBLES - digits + i, pan.data[pan.size - 1 - digits + i] - '0');
}

/* Clause 9.4.2.3: how many digits there are above 12, then the whole PAN with zeros in front up to
 * 12, then zeros. */
static void make_whole_pan(struct pos_bytes pan, uint8_t *field)
{
    size_t above = pan.size > PAN_PART_DIGITS ? pan.size - PAN_PART_DIGITS : 0;
    size_t front = pan.size < PAN_PART_DIGITS ? PAN_PART_DIGITS - pan.size : 0;
    put_nibble(field, 0, (unsigned)above);
    for (size_t i = 0; i < pan.size; i++)
        put_nibble(field, 1 + front + i, pan.data[i] - '0');
}

/* All zero for format 1. False when it is needed and none. */
static bool make_pan_field(enum pos_pin_format format, struct pos_bytes pan,
                           uint8_t field[POS_PIN_BLOCK_SIZE_MAX])
{
    memset(field, 0, POS_PIN_BLOCK_SIZE_MAX);
    if (!formats[format].has_pan)
        return true;
    if (!is_pan(pan))
        return false;
    if (format == POS_PIN_FORMAT_4)
        make_whole_pan(pan, field);
    else
        make_pan_part(pan, field);
    return true;
}

/* ---- making ---- */

static bool is_pin(const struct pos_pin *pin)
{
    if (pin->size < POS_PIN_SIZE_MIN || pin->size > POS_PIN_SIZE_MAX)
        return false;
    for (size_t i = 0; i < pin->size; i++)
        if (pin->digits[i] < '0' || pin->digits[i] > '9')
            return false;
    return true;
}

/* Each letter as likely as any other: what does not divide evenly is drawn again. */
static enum pos_status draw_letters(uint8_t letters[FIELD_NIBBLES])
{
    for (size_t i = 0; i < FIELD_NIBBLES;) {
        uint8_t drawn;
        enum pos_status status = pos_random(&drawn, 1);
        if (status != POS_OK)
            return status;
        if (drawn < 256 / LETTERS * LETTERS)
            letters[i++] = (uint8_t)(0xA + drawn % LETTERS);
    }
    return POS_OK;
}

/* One filler for each nibble of the field; those behind the digits are used. */
static enum pos_status make_filler(enum filler filler, uint8_t nibbles[FIELD_NIBBLES])
{
    if (filler == FILLER_LETTERS)
        return draw_letters(nibbles);
    if (filler == FILLER_ANY)
        return pos_random(nibbles, FIELD_NIBBLES);
    memset(nibbles, filler == FILLER_A ? 0xA : 0xF, FIELD_NIBBLES);
    return POS_OK;
}

/* The field in the clear, with random bytes behind it where the format has 16. */
static enum pos_status make_pin_field(enum pos_pin_format format, const struct pos_pin *pin,
                                      uint8_t *field)
{
    uint8_t filler[FIELD_NIBBLES];
    memset(field, 0, FIELD_SIZE);
    put_nibble(field, 0, (unsigned)format);
    put_nibble(field, 1, pin->size);
    for (size_t i = 0; i < pin->size; i++)
        put_nibble(field, HEAD_NIBBLES + i, (unsigned)(pin->digits[i] - '0'));
    enum pos_status status = make_filler(formats[format].filler, filler);
    for (size_t i = HEAD_NIBBLES + pin->size; i < FIELD_NIBBLES && status == POS_OK; i++)
        put_nibble(field, i, filler[i] & 0x0F);
    if (status == POS_OK && formats[format].size > FIELD_SIZE)
        status = pos_random(field + FIELD_SIZE, formats[format].size - FIELD_SIZE);
    pos_secret_wipe(filler, sizeof filler);
    return status;
}

/* Format 4 encrypts before the PAN comes in and after it; the others after it alone. */
static enum pos_status encrypt(enum pos_pin_format format, const struct pos_block_cipher *cipher,
                               const uint8_t *pan_field, uint8_t *block)
{
    size_t size = formats[format].size;
    enum pos_status status = POS_OK;
    if (format == POS_PIN_FORMAT_4)
        status = cipher->run(cipher->context, block, size);
    xor_into(block, pan_field, size);
    return status == POS_OK ? cipher->run(cipher->context, block, size) : status;
}

enum pos_status pos_pin_block_make_by(enum pos_pin_format format, enum pos_algorithm algorithm,
                                      const struct pos_block_cipher *encryption,
                                      struct pos_bytes pan, const struct pos_pin *pin,
                                      uint8_t *block)
{
    uint8_t pan_field[POS_PIN_BLOCK_SIZE_MAX], made[POS_PIN_BLOCK_SIZE_MAX];
    if (!is_possible(format, algorithm) || !is_pin(pin) || !make_pan_field(format, pan, pan_field))
        return POS_ERR_USAGE;
    enum pos_status status = make_pin_field(format, pin, made);
    if (status == POS_OK)
        status = encrypt(format, encryption, pan_field, made);
    if (status == POS_OK)
        memcpy(block, made, formats[format].size);
    pos_secret_wipe(made, sizeof made);
    pos_secret_wipe(pan_field, sizeof pan_field);
    return status;
}

enum pos_status pos_pin_block_make(enum pos_pin_format format, enum pos_algorithm algorithm,
                                   const uint8_t *key, struct pos_bytes pan,
                                   const struct pos_pin *pin, uint8_t *block)
{
    if (!is_possible(format, algorithm))
        return POS_ERR_USAGE;
    struct pos_cipher cipher = {0};
    const struct pos_block_cipher encryption = {pos_cipher_run_ecb, &cipher};
    enum pos_status status = pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    if (status == POS_OK)
        status = pos_pin_block_make_by(format, algorithm, &encryption, pan, pin, block);
    pos_cipher_fini(&cipher);
    return status;
}

/* ---- opening ---- */

static enum pos_status decrypt(enum pos_pin_format format, const struct pos_block_cipher *cipher,
                               const uint8_t *pan_field, uint8_t *block)
{
    size_t size = formats[format].size;
    enum pos_status status = cipher->run(cipher->context, block, size);
    xor_into(block, pan_field, size);
    if (format == POS_PIN_FORMAT_4 && status == POS_OK)
        status = cipher->run(cipher->context, block, size);
    return status;
}

/* All ones where a < b, else 0; both below 2^31. */
static uint32_t below(uint32_t a, uint32_t b)
{
    return (uint32_t) - ((a - b) >> 31);
}

/* 0 when the nibble can stand behind the digits. */
static uint32_t wrong_filler(enum filler filler, uint32_t nibble)
{
    if (filler == FILLER_ANY)
        return 0;
    if (filler == FILLER_LETTERS)
        return below(nibble, 0xA);
    return nibble ^ (filler == FILLER_A ? 0xAu : 0xFu);
}

/* Takes the PIN out of a field; 0 when everything in it is as it must be. Branches depend on the
 * format alone. */
static uint32_t read_pin_field(enum pos_pin_format format, const uint8_t *field,
                               struct pos_pin *pin)
{
    uint32_t size = get_nibble(field, 1);
    uint32_t wrong = get_nibble(field, 0) ^ (uint32_t)format;
    wrong |= below(size, POS_PIN_SIZE_MIN) | below(POS_PIN_SIZE_MAX, size);
    for (uint32_t i = 0; i < FIELD_NIBBLES - HEAD_NIBBLES; i++) {
        uint32_t nibble = get_nibble(field, HEAD_NIBBLES + i);
        uint32_t digit = below(i, size);
        wrong |= digit & below(9, nibble);
        wrong |= ~digit & wrong_filler(formats[format].filler, nibble);
        if (i < POS_PIN_SIZE_MAX)
            pin->digits[i] = (char)(digit & ('0' + nibble));
    }
    pin->size = (uint8_t)size;
    return wrong;
}

enum pos_status pos_pin_block_open_by(enum pos_pin_format format, enum pos_algorithm algorithm,
                                      const struct pos_block_cipher *decryption,
                                      struct pos_bytes pan, struct pos_bytes block,
                                      struct pos_pin *pin)
{
    *pin = (struct pos_pin){0};
    if (!is_possible(format, algorithm) || block.size != formats[format].size)
        return POS_ERR_MISMATCH;
    uint8_t pan_field[POS_PIN_BLOCK_SIZE_MAX], field[POS_PIN_BLOCK_SIZE_MAX];
    uint32_t wrong = make_pan_field(format, pan, pan_field) ? 0 : 1;
    memcpy(field, block.data, block.size);
    enum pos_status status = decrypt(format, decryption, pan_field, field);
    if (status == POS_OK) {
        wrong |= read_pin_field(format, field, pin);
        status = wrong == 0 ? POS_OK : POS_ERR_MISMATCH;
    }
    if (status != POS_OK)
        pos_secret_wipe(pin, sizeof *pin);
    pos_secret_wipe(field, sizeof field);
    pos_secret_wipe(pan_field, sizeof pan_field);
    return status;
}

enum pos_status pos_pin_block_open(enum pos_pin_format format, enum pos_algorithm algorithm,
                                   const uint8_t *key, struct pos_bytes pan, struct pos_bytes block,
                                   struct pos_pin *pin)
{
    *pin = (struct pos_pin){0};
    if (!is_possible(format, algorithm))
        return POS_ERR_MISMATCH;
    struct pos_cipher cipher = {0};
    const struct pos_block_cipher decryption = {pos_cipher_run_ecb, &cipher};
    enum pos_status status = pos_cipher_init(&cipher, algorithm, POS_CIPHER_DECRYPT, key);
    if (status == POS_OK)
        status = pos_pin_block_open_by(format, algorithm, &decryption, pan, block, pin);
    pos_cipher_fini(&cipher);
    return status;
}

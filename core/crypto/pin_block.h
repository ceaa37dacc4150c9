/*
 * PIN blocks of ISO 9564-1: making, opening and translating. Clear PINs stand in the caller's
 * secret memory and are wiped here from everything else. One thread at a time per cipher.
 *
 * Formats 0, 1 and 3 have 8 bytes and go under TDES, format 4 has 16 and goes under AES or SM4.
 * Translation follows PCI PIN requirement 3-3: 0, 3 and 4 into one another, 1 into 0, 3 and 4,
 * nothing into 1, format 2 never, and never with another PAN.
 */
#ifndef POS_CRYPTO_PIN_BLOCK_H
#define POS_CRYPTO_PIN_BLOCK_H

#include "core/base/key.h"
#include "core/crypto/block_cipher.h"

enum pos_pin_format {
    POS_PIN_FORMAT_0 = 0, /* PAN in it, filled with F */
    POS_PIN_FORMAT_1 = 1, /* no PAN, random fill */
    POS_PIN_FORMAT_2 = 2, /* for cards; never translated */
    POS_PIN_FORMAT_3 = 3, /* PAN in it, random fill of A to F */
    POS_PIN_FORMAT_4 = 4, /* PAN enciphered with it, 16 bytes */
    POS_PIN_FORMAT_COUNT
};

enum {
    POS_PIN_SIZE_MIN = 4,
    POS_PIN_SIZE_MAX = 12,
    POS_PIN_BLOCK_SIZE_MAX = 16, /* bytes */
    POS_PAN_SIZE_MAX = 19,       /* digits */
};

struct pos_pin {
    uint8_t size;
    char digits[POS_PIN_SIZE_MAX]; /* '0' to '9' */
};

/* Bytes of a block: 8, or 16 for format 4; 0 for what is no format. */
size_t pos_pin_block_size(enum pos_pin_format format);
/* May a block of `from` become one of `to`? */
bool pos_pin_translation_allowed(enum pos_pin_format from, enum pos_pin_format to);

/* `key` of `algorithm`, whose block size must be the format's. `pan` is the whole card number, 8 to
 * 19 digits with its check digit; not read for format 1. Making: POS_ERR_USAGE for a PIN, PAN or
 * algorithm that cannot be. */
POS_MUST_USE enum pos_status pos_pin_block_make(enum pos_pin_format format,
                                                enum pos_algorithm algorithm, const uint8_t *key,
                                                struct pos_bytes pan, const struct pos_pin *pin,
                                                uint8_t *block);
/* POS_ERR_MISMATCH for everything that is wrong with block, PAN or format, whatever it is: one
 * answer for all, in one time as far as that goes. POS_ERR_CRYPTO, POS_ERR_MEMORY. Formats differ
 * in what they can notice: format 4 refuses any other PAN; format 0 gives another PIN or none for
 * one that differs in its 12 digits before the check digit; format 3 as format 0, but where its
 * random filler happens to stay A to F under the other PAN it does not notice; format 1 has no PAN,
 * and one in some 600 of damaged blocks opens. */
POS_MUST_USE enum pos_status pos_pin_block_open(enum pos_pin_format format,
                                                enum pos_algorithm algorithm, const uint8_t *key,
                                                struct pos_bytes pan, struct pos_bytes block,
                                                struct pos_pin *pin);

/* The same with a key that is elsewhere: `encryption` and `decryption` are of `algorithm`. What
 * they return otherwise is returned. */
POS_MUST_USE enum pos_status pos_pin_block_make_by(enum pos_pin_format format,
                                                   enum pos_algorithm algorithm,
                                                   const struct pos_block_cipher *encryption,
                                                   struct pos_bytes pan, const struct pos_pin *pin,
                                                   uint8_t *block);
POS_MUST_USE enum pos_status pos_pin_block_open_by(enum pos_pin_format format,
                                                   enum pos_algorithm algorithm,
                                                   const struct pos_block_cipher *decryption,
                                                   struct pos_bytes pan, struct pos_bytes block,
                                                   struct pos_pin *pin);

#endif

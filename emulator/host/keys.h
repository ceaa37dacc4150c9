/*
 * The keys that a host shares with the gateway: a ZPK that PIN blocks come under, a ZAK that
 * messages are MACed with. An emulated host holds them in clear, as its security module would hold
 * them for it; for tests, with keys that were made for a test.
 */
#ifndef POS_EMULATOR_HOST_KEYS_H
#define POS_EMULATOR_HOST_KEYS_H

#include "core/base/error.h"
#include "core/crypto/mac.h"
#include "core/crypto/pin_block.h"
#include "core/wire/iso8583.h"

struct pos_host_keys; /* in secret memory */

/* Reads one key from each file that is given (NULL: none), one line of algorithm and hexadecimal
 * digits: "T2 0123...". POS_ERR_NOT_ALLOWED when others may read it, POS_ERR_FORMAT. */
POS_MUST_USE enum pos_status pos_host_keys_open(const char *zpk_path, const char *zak_path,
                                                struct pos_host_keys **keys,
                                                struct pos_error *error);
void pos_host_keys_close(struct pos_host_keys *keys); /* NULL is fine */

enum pos_host_pin {
    POS_HOST_PIN_NONE,   /* no ZPK, or no PIN block */
    POS_HOST_PIN_OPENED, /* *pin is what the card holder typed */
    POS_HOST_PIN_WRONG,  /* it does not open for this card */
};

/* Field 52, with its format in field 53, or tag A1 of field 59. */
enum pos_host_pin pos_host_keys_open_pin(const struct pos_host_keys *keys,
                                         const struct pos_message *message, struct pos_pin *pin,
                                         enum pos_pin_format *format);

bool pos_host_keys_have_mac(const struct pos_host_keys *keys); /* there is a ZAK */
bool pos_host_keys_mac_is_good(const struct pos_host_keys *keys, const struct pos_message *message);
POS_MUST_USE enum pos_status pos_host_keys_put_mac(const struct pos_host_keys *keys,
                                                   const struct pos_encoded *encoded);

#endif

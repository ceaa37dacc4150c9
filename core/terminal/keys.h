/* What the files of this folder share: how a terminal's keys and stage change. */
#ifndef POS_TERMINAL_KEYS_H
#define POS_TERMINAL_KEYS_H

#include "core/terminal/terminal.h"

/* What a sign-on reply brings; secret. */
struct pos_working_keys {
    enum pos_key_form form; /* POS_FORM_COUNT: key blocks */
    uint8_t tpk[POS_KEY_SIZE_MAX], tak[POS_KEY_SIZE_MAX], tdk[POS_KEY_SIZE_MAX];
};

/* Opens 24, 40 or 60 bytes under the terminal's TMK (TDES or SM4) into zeroed `keys`; a key of
 * single length as one of two equal halves. POS_ERR_MISMATCH: no such length for this TMK, or a
 * check value that is another one; *error says which. `keys` is to be wiped in any case. */
POS_MUST_USE enum pos_status pos_terminal_open_form(const struct pos_terminal *terminal,
                                                    struct pos_bytes form,
                                                    struct pos_working_keys *keys,
                                                    struct pos_error *error);

/* Fills in fields 22, 26, 52 and 53, or 59, of a sale with a PIN. `pin` is what the draft points to
 * until it is encoded. POS_ERR_STATE without a TPK; POS_ERR_USAGE for a PIN, PAN or format that
 * TPK and dialect cannot have. */
struct pos_pin_fields {
    uint8_t block[8];
    char security[16 + 1];
    char tagged[5 + 2 * POS_PIN_BLOCK_SIZE_MAX + 1];
};
POS_MUST_USE enum pos_status pos_terminal_put_pin(const struct pos_terminal *terminal,
                                                  const struct pos_sale *sale,
                                                  struct pos_pin_fields *pin,
                                                  struct pos_draft *draft);

/* The context of the key that a kind's MAC is made under: K_reg to register, to sign on and to
 * confirm a key, the TAK for the rest. NULL when the terminal does not have that key. */
struct pos_mac *pos_terminal_mac_of(const struct pos_terminal *terminal, enum pos_kind kind);

/* True when a request of this kind carries a MAC: all that the table says while MACs are on; on the
 * mother POS link always. */
bool pos_terminal_macs(const struct pos_terminal *terminal, const struct pos_kind_rule *rule);

/* What a message of this kind is written in. */
const struct pos_dialect *pos_terminal_dialect(const struct pos_terminal *terminal,
                                               const struct pos_kind_rule *rule);

/* Moves the stage; a move that the table does not have is a bug. */
void pos_terminal_move(struct pos_terminal *terminal, enum pos_terminal_stage to);

/* Takes what a believed 00 brings. Anything but POS_OK: *error says what would not open, and keys
 * and stage are as before. */
POS_MUST_USE enum pos_status pos_terminal_take(struct pos_terminal *terminal, enum pos_kind kind,
                                               const struct pos_message *reply,
                                               struct pos_error *error);

#endif

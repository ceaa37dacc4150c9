/* What the files of this folder share: how a terminal's keys and stage change. */
#ifndef POS_TERMINAL_KEYS_H
#define POS_TERMINAL_KEYS_H

#include "core/terminal/terminal.h"

/* The working keys' algorithm: two-key TDES under any TDES TMK, else the TMK's own. */
enum pos_algorithm pos_terminal_working_algorithm(enum pos_algorithm tmk);

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

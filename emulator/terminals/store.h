/*
 * The memory of emulated terminals: one file in a folder, a line for each thing that happened,
 * only ever added to. It holds clear keys, as the terminals' own chips would, so its mode is 0600;
 * it is the one file of posgate that does.
 *
 *   key|SERIAL|INDEX|ALGORITHM|TMK        a key came; on disk before it is confirmed
 *   confirmed|SERIAL                      the mother POS knows
 *   registered|SERIAL
 *   signed-on|SERIAL|TPK|TAK[|FORM[|TDK]]    FORM when they came in one: 24, 40 or 60
 *   signed-off|SERIAL
 *   stan|SERIAL|N                         STANs up to N may have been used
 *
 * A last line without its end (the power failed) is dropped. One process at a time.
 */
#ifndef POS_EMULATOR_TERMINALS_STORE_H
#define POS_EMULATOR_TERMINALS_STORE_H

#include "core/base/error.h"
#include "core/terminal/terminal.h"

struct pos_store_entry {
    char serial[POS_SERIAL_SIZE + 1]; /* "" : slot not used */
    uint32_t key_index;
    enum pos_algorithm algorithm;
    enum pos_terminal_stage stage;
    uint32_t stan_reserved;
    enum pos_key_form form; /* POS_FORM_COUNT: the working keys came as key blocks */
    uint8_t tmk[POS_KEY_SIZE_MAX], tpk[POS_KEY_SIZE_MAX], tak[POS_KEY_SIZE_MAX];
    uint8_t tdk[POS_KEY_SIZE_MAX]; /* where the form has one */
};

struct pos_terminal_store;

/* Makes folder and file when they are missing and `write` is set. POS_ERR_BUSY: another process
 * has it. POS_ERR_CORRUPT: a line that is none of the above; *error says which. */
POS_MUST_USE enum pos_status pos_terminal_store_open(const char *folder, bool write,
                                                     struct pos_terminal_store **store,
                                                     struct pos_error *error);
void pos_terminal_store_close(struct pos_terminal_store *store); /* wipes; NULL is fine */

/* Borrowed until the next pos_terminal_store_put of another serial. NULL: not there. */
const struct pos_store_entry *pos_terminal_store_find(const struct pos_terminal_store *store,
                                                      const char *serial);

/* Notes what changed in the terminal since it was last noted or restored: key, stage, working keys.
 * Written, not yet synced. */
POS_MUST_USE enum pos_status pos_terminal_store_put(struct pos_terminal_store *store,
                                                    const struct pos_terminal *terminal);
/* A STAN above what is reserved is about to be used: reserves some more. */
POS_MUST_USE enum pos_status pos_terminal_store_reserve(struct pos_terminal_store *store,
                                                        const char *serial, uint32_t stan);
POS_MUST_USE enum pos_status pos_terminal_store_sync(struct pos_terminal_store *store);

struct pos_terminal_store_counts {
    size_t terminals;                         /* that hold a key */
    size_t duplicate_indexes;                 /* key indexes that more than one terminal holds */
    size_t by_algorithm[POS_ALGORITHM_COUNT]; /* of `terminals` */
};
POS_MUST_USE enum pos_status pos_terminal_store_count(const struct pos_terminal_store *store,
                                                      struct pos_terminal_store_counts *counts);

#endif

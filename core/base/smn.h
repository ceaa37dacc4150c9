/*
 * The security module number (SMN): 8 characters of hardware serial (A-Z, 0-9), then the key
 * index padded with zeros to 8 digits. `123L013K` and 278 make `123L013K00000278`.
 * The SMN identifies a terminal; it is public. A MAC under a key from the TMK authenticates it.
 */
#ifndef POS_BASE_SMN_H
#define POS_BASE_SMN_H

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/error.h"

enum {
    POS_SERIAL_SIZE = 8,
    POS_KEY_INDEX_DIGITS = 8,
    POS_SMN_SIZE = POS_SERIAL_SIZE + POS_KEY_INDEX_DIGITS,
    POS_KEY_INDEX_MIN = 1,
    POS_KEY_INDEX_MAX = 99999999,
};

struct pos_smn {
    char text[POS_SMN_SIZE + 1]; /* NUL-terminated; 17 bytes of which 16 count */
};

/* Forms the SMN. POS_ERR_FORMAT: the serial, POS_ERR_LENGTH: the index; *error (may be NULL) says
 * what is wrong with it. */
POS_MUST_USE enum pos_status pos_smn_form(struct pos_bytes serial, uint64_t key_index,
                                          struct pos_smn *smn, struct pos_error *error);

/* Reads a well-formed SMN of exactly 16 characters. Index 0 is well formed (it is not registered,
 * ever); the caller decides. POS_ERR_FORMAT otherwise. */
POS_MUST_USE enum pos_status pos_smn_parse(struct pos_bytes text, struct pos_smn *smn);

/* A number that spreads SMNs evenly; the same within a process and not beyond. */
static inline uint64_t pos_smn_hash(const struct pos_smn *smn)
{
    uint64_t front, back;
    memcpy(&front, smn->text, sizeof front);
    memcpy(&back, smn->text + sizeof front, sizeof back);
    uint64_t mixed = (front ^ (back * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xD6E8FEB86659FD93);
    mixed = (mixed ^ (mixed >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    return mixed ^ (mixed >> 32);
}

/* The index in an SMN that pos_smn_form or pos_smn_parse made: 0 to POS_KEY_INDEX_MAX. */
uint32_t pos_smn_key_index(const struct pos_smn *smn);

bool pos_serial_valid(struct pos_bytes serial);

#endif

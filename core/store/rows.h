/*
 * Rows to bytes and back. Every value starts with its version; numbers are big endian; times are
 * milliseconds since 1970, UTC. The layout of each row stands on top of the file that codes it:
 * rows_terminal.c, rows_key.c, rows_people.c, rows_journal.c.
 *
 * Each encode checks the row first (POS_ERR_FORMAT: a caller's mistake, nothing was written); each
 * decode checks what it read (POS_ERR_CORRUPT; POS_ERR_VERSION: a newer program wrote it; *row is
 * undefined then). Rows whose key holds a part of them (index, number, name) get it from the
 * caller.
 */
#ifndef POS_STORE_ROWS_H
#define POS_STORE_ROWS_H

#include "core/store/journal.h"
#include "core/store/key_library.h"
#include "core/store/terminal_table.h"

/* ---- parts that rows share ---- */

/* An index, a batch number or a line number as a key: 4 bytes big endian, so that they sort. */
struct pos_key4 {
    uint8_t data[4];
};
struct pos_key4 pos_key4(uint32_t number);
struct pos_bytes pos_key4_view(const struct pos_key4 *key);
POS_MUST_USE enum pos_status pos_key4_read(struct pos_bytes key, uint32_t *number);

/* Text padded with NULs to `size` bytes, of characters 20 to 7E. */
bool pos_row_text_valid(const char *text, size_t size);
void pos_row_put_text(struct pos_buffer *buffer, const char *text, size_t size);
bool pos_row_take_text(struct pos_cursor *cursor, char *text, size_t size);

/* A check value: method 1, size 1, data 5. All zero: none. */
bool pos_row_kcv_valid(const struct pos_kcv *kcv);
void pos_row_put_kcv(struct pos_buffer *buffer, const struct pos_kcv *kcv);
bool pos_row_take_kcv(struct pos_cursor *cursor, struct pos_kcv *kcv);

/* A key: algorithm 1, size 1, data. Size 0: none. Its usage is known from its place. */
bool pos_row_algorithm_valid(enum pos_algorithm algorithm);
bool pos_row_key_valid(const struct pos_key *key, enum pos_key_usage usage);
void pos_row_put_key(struct pos_buffer *buffer, const struct pos_key *key);
bool pos_row_take_key(struct pos_cursor *cursor, enum pos_key_usage usage, struct pos_key *key);

/* What begins every decode: POS_OK, POS_ERR_VERSION, or POS_ERR_CORRUPT (empty, or older: rows from
 * before the first release are not read). */
POS_MUST_USE enum pos_status pos_row_take_version(struct pos_cursor *cursor, uint8_t known);

/* ---- terminal table ---- */

/* Key index -> who holds it. */
struct pos_terminal_holder {
    struct pos_smn smn;
    bool proved;
};

POS_MUST_USE enum pos_status pos_terminal_hot_encode(const struct pos_terminal_hot *row,
                                                     struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_terminal_hot_decode(struct pos_bytes bytes,
                                                     struct pos_terminal_hot *row);
POS_MUST_USE enum pos_status pos_terminal_detail_encode(const struct pos_terminal_detail *row,
                                                        struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_terminal_detail_decode(struct pos_bytes bytes,
                                                        struct pos_terminal_detail *row);
POS_MUST_USE enum pos_status pos_terminal_holder_encode(const struct pos_terminal_holder *row,
                                                        struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_terminal_holder_decode(struct pos_bytes bytes,
                                                        struct pos_terminal_holder *row);
/* The reserved number in meta: version 1, number 8. */
void pos_terminal_reserved_encode(uint64_t next, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_terminal_reserved_decode(struct pos_bytes bytes, uint64_t *next);

/* ---- key library ---- */

POS_MUST_USE enum pos_status pos_key_row_encode(const struct pos_key_row *row,
                                                struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_key_row_decode(uint32_t index, struct pos_bytes bytes,
                                                struct pos_key_row *row);
POS_MUST_USE enum pos_status pos_batch_row_encode(const struct pos_batch_row *row,
                                                  struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_batch_row_decode(uint32_t number, struct pos_bytes bytes,
                                                  struct pos_batch_row *row);
POS_MUST_USE enum pos_status pos_mother_row_encode(const struct pos_mother_row *row,
                                                   struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_mother_row_decode(struct pos_bytes name, struct pos_bytes bytes,
                                                   struct pos_mother_row *row);

/* A link's key: its name padded with NULs to POS_KEY_NAME_SIZE_MAX, and the usage. */
struct pos_link_key {
    uint8_t data[POS_KEY_NAME_SIZE_MAX + 1];
};
struct pos_link_key pos_link_key(const char *name, enum pos_key_usage usage);
POS_MUST_USE enum pos_status pos_link_row_encode(const struct pos_link_row *row,
                                                 struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_link_row_decode(struct pos_bytes key, struct pos_bytes bytes,
                                                 struct pos_link_row *row);

/* The highest index and batch number that may be in use without the library knowing of them. */
struct pos_library_floor {
    uint32_t index, batch;
};
void pos_library_floor_encode(const struct pos_library_floor *floor, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_library_floor_decode(struct pos_bytes bytes,
                                                      struct pos_library_floor *floor);

/* A person's key: the name in lower case. */
struct pos_person_key {
    char text[POS_PERSON_NAME_SIZE_MAX];
    size_t size;
};
struct pos_person_key pos_person_key(const char *name);
bool pos_person_same(const char *a, const char *b); /* in whatever case */
POS_MUST_USE enum pos_status pos_person_row_encode(const struct pos_person_row *row,
                                                   struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_person_row_decode(struct pos_bytes key, struct pos_bytes bytes,
                                                   struct pos_person_row *row);
POS_MUST_USE enum pos_status pos_approval_row_encode(const struct pos_approval_row *row,
                                                     struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_approval_row_decode(uint32_t number, struct pos_bytes bytes,
                                                     struct pos_approval_row *row);
void pos_library_policy_encode(const struct pos_library_policy *policy, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_library_policy_decode(struct pos_bytes bytes,
                                                       struct pos_library_policy *policy);

/* ---- journal ---- */

/* Serial -> its newest index (0: none) and how many were burned for it. */
struct pos_journal_serial {
    uint32_t index;
    uint8_t burn_count;
};

POS_MUST_USE enum pos_status pos_journal_row_encode(const struct pos_journal_row *row,
                                                    struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_journal_row_decode(uint32_t index, struct pos_bytes bytes,
                                                    struct pos_journal_row *row);
void pos_journal_serial_encode(const struct pos_journal_serial *row, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_journal_serial_decode(struct pos_bytes bytes,
                                                       struct pos_journal_serial *row);
void pos_journal_load_encode(const struct pos_journal_load *row, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_journal_load_decode(struct pos_bytes bytes,
                                                     struct pos_journal_load *row);
/* Up to which index nothing is handed out, because it may have been. */
void pos_journal_floor_encode(uint32_t index, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_journal_floor_decode(struct pos_bytes bytes, uint32_t *index);

#endif

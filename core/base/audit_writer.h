/*
 * How a table's committer lets the audit chain grow without knowing any cryptography: core/audit
 * fills this in (core/audit/chain.h), core/store calls it, the programs pass it from one to the
 * other. All functions are called on the committer's thread (resume: on the thread that opens
 * the table).
 */
#ifndef POS_BASE_AUDIT_WRITER_H
#define POS_BASE_AUDIT_WRITER_H

#include "core/base/bytes.h"

struct pos_audit_writer {
    /* Makes the next record of the chain from `event` (struct pos_audit_event). */
    enum pos_status (*append)(void *context, const void *event, struct pos_buffer *record);
    /* The last record on disk, on open, so that the chain goes on; empty when there is none. */
    enum pos_status (*resume)(void *context, struct pos_bytes last_record);
    /* The write that appended was accepted; it reaches the disk with its batch. */
    void (*keep)(void *context);
    /* It was refused: drop what was appended since the last keep. Also called when a batch failed,
     * after which nothing is ever appended again. */
    void (*forget)(void *context);
    /* The head as it is with everything appended so far: sequence and SHA-256 of the last record,
     * for the anchor. */
    void (*head)(void *context, uint64_t *sequence, uint8_t hash[32]);
    void *context;
};

#endif

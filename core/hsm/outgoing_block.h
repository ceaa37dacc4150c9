/* The key blocks that leave, for a mother POS or a terminal: what their headers say, the same from
 * every module. `clear` is secret memory of the key's size. Internal to core/hsm. */
#ifndef POS_HSM_OUTGOING_BLOCK_H
#define POS_HSM_OUTGOING_BLOCK_H

#include "core/hsm/protector_cache.h"

/* A TMK under a KTK, with the check values of both: `kcv` is the TMK's. */
POS_MUST_USE enum pos_status pos_outgoing_block_export(const struct pos_protection *ktk,
                                                       enum pos_algorithm algorithm,
                                                       const uint8_t *clear,
                                                       const struct pos_kcv *kcv,
                                                       struct pos_buffer *block);

/* A TMK under the session key (AES-256) that mother POS and terminal can make and nobody else. */
POS_MUST_USE enum pos_status pos_outgoing_block_deliver(const uint8_t *session_key,
                                                        enum pos_algorithm algorithm,
                                                        const uint8_t *clear,
                                                        struct pos_buffer *block);

/* A working key under its terminal's TMK. */
POS_MUST_USE enum pos_status pos_outgoing_block_working(const struct pos_protection *tmk,
                                                        enum pos_key_usage usage,
                                                        enum pos_algorithm algorithm,
                                                        const uint8_t *clear,
                                                        struct pos_buffer *block);

#endif

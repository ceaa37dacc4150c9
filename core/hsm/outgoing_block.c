#include "core/hsm/outgoing_block.h"

#include "core/hsm/key_attributes.h"

enum pos_status pos_outgoing_block_export(const struct pos_protection *ktk,
                                          enum pos_algorithm algorithm, const uint8_t *clear,
                                          const struct pos_kcv *kcv, struct pos_buffer *block)
{
    struct pos_key_block_attributes attributes = pos_key_attributes(POS_USAGE_TMK, algorithm);
    const struct pos_key_block_optional optional = {.kc = kcv, .kp = &ktk->kcv};
    return pos_key_block_wrap(ktk->protector, &attributes, &optional, algorithm, clear, block);
}

enum pos_status pos_outgoing_block_deliver(const uint8_t *session_key, enum pos_algorithm algorithm,
                                           const uint8_t *clear, struct pos_buffer *block)
{
    struct pos_key_block_attributes attributes = pos_key_attributes(POS_USAGE_TMK, algorithm);
    attributes.mode = 'D'; /* a terminal unwraps with it and never wraps */
    attributes.exportable = 'N';
    struct pos_key_block_protector *protector;
    enum pos_status status =
        pos_key_block_protector_create(POS_ALGORITHM_A256, session_key, &protector);
    if (status != POS_OK)
        return status;
    status = pos_key_block_wrap(protector, &attributes, NULL, algorithm, clear, block);
    pos_key_block_protector_destroy(protector);
    return status;
}

enum pos_status pos_outgoing_block_working(const struct pos_protection *tmk,
                                           enum pos_key_usage usage, enum pos_algorithm algorithm,
                                           const uint8_t *clear, struct pos_buffer *block)
{
    struct pos_key_block_attributes attributes = pos_key_attributes(usage, algorithm);
    if (usage == POS_USAGE_TPK)
        attributes.mode = 'E'; /* a terminal encrypts PINs and never decrypts one */
    attributes.exportable = 'N';
    return pos_key_block_wrap(tmk->protector, &attributes, NULL, algorithm, clear, block);
}

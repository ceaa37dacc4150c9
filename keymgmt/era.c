#include "keymgmt/era.h"

void pos_era_look_at(struct pos_bytes record, uint64_t *sequence)
{
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) == POS_OK &&
        pos_bytes_equal_text(parts.what, POS_ERA_WORD))
        *sequence = parts.sequence;
}

#include "core/audit/chain.h"

#include <string.h>

static enum pos_status append(void *context, const void *event, struct pos_buffer *record)
{
    struct pos_audit_chain *chain = context;
    return pos_audit_append(&chain->next, &chain->sealer, event, record);
}

static enum pos_status resume(void *context, struct pos_bytes last_record)
{
    struct pos_audit_chain *chain = context;
    chain->kept = chain->next = (struct pos_audit_head){0};
    if (last_record.size == 0)
        return POS_OK;
    enum pos_status status = pos_audit_head_of(last_record, &chain->kept);
    chain->next = chain->kept;
    return status;
}

static void keep(void *context)
{
    struct pos_audit_chain *chain = context;
    chain->kept = chain->next;
}

static void forget(void *context)
{
    struct pos_audit_chain *chain = context;
    chain->next = chain->kept;
}

static void head(void *context, uint64_t *sequence, uint8_t hash[POS_AUDIT_HASH_SIZE])
{
    const struct pos_audit_chain *chain = context;
    *sequence = chain->next.sequence;
    memcpy(hash, chain->next.hash, POS_AUDIT_HASH_SIZE);
}

struct pos_audit_writer pos_audit_chain_init(struct pos_audit_chain *chain)
{
    *chain = (struct pos_audit_chain){0};
    return (struct pos_audit_writer){.append = append,
                                     .resume = resume,
                                     .keep = keep,
                                     .forget = forget,
                                     .head = head,
                                     .context = chain};
}

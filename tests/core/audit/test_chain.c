#include "core/audit/chain.h"

#include <criterion/criterion.h>

static const struct pos_audit_event event = {1795424400123, "gateway", "register", "SMN", "done"};

struct line {
    uint8_t data[POS_AUDIT_RECORD_SIZE_MAX];
    size_t size;
};

static struct line append(const struct pos_audit_writer *writer)
{
    struct line line;
    struct pos_buffer out = pos_buffer(line.data, sizeof line.data);
    cr_assert(writer->append(writer->context, &event, &out) == POS_OK);
    line.size = out.size;
    return line;
}

static enum pos_status verify(struct pos_audit_head *head, const struct line *line)
{
    return pos_audit_verify_next(head, &(struct pos_audit_sealer){0},
                                 pos_bytes(line->data, line->size), NULL);
}

Test(chain, goes_on_from_what_was_kept_and_not_from_what_was_forgotten)
{
    struct pos_audit_chain chain;
    struct pos_audit_writer writer = pos_audit_chain_init(&chain);
    struct pos_audit_head head = {0};
    struct line first = append(&writer), second = append(&writer);
    writer.keep(writer.context);
    struct line lost = append(&writer), lost_too = append(&writer);
    writer.forget(writer.context);
    struct line third = append(&writer);
    cr_expect(verify(&head, &first) == POS_OK);
    cr_expect(verify(&head, &second) == POS_OK);
    cr_expect(verify(&head, &lost_too) == POS_ERR_ORDER);
    cr_expect(verify(&head, &third) == POS_OK);
    cr_expect(lost.size == third.size);
}

Test(chain, goes_on_from_the_last_record_of_a_table)
{
    struct pos_audit_chain chain;
    struct pos_audit_writer writer = pos_audit_chain_init(&chain);
    struct pos_audit_head head = {0};
    struct line first = append(&writer), second = append(&writer);
    struct pos_audit_writer again = pos_audit_chain_init(&chain);
    cr_expect(again.resume(again.context, pos_bytes(second.data, second.size)) == POS_OK);
    struct line third = append(&again);
    cr_expect(verify(&head, &first) == POS_OK);
    cr_expect(verify(&head, &second) == POS_OK);
    cr_expect(verify(&head, &third) == POS_OK);
    cr_expect(again.resume(again.context, pos_bytes("no", 2)) == POS_ERR_FORMAT);
    cr_expect(again.resume(again.context, pos_bytes(NULL, 0)) == POS_OK);
    struct line new_first = append(&again);
    head = (struct pos_audit_head){0};
    cr_expect(verify(&head, &new_first) == POS_OK);
}

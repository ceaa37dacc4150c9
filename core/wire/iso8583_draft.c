#include <assert.h>

#include "core/wire/iso8583.h"

void pos_draft_init(struct pos_draft *draft, uint16_t mti)
{
    draft->mti = mti;
    draft->present[0] = draft->present[1] = 0;
}

static void set(struct pos_draft *draft, unsigned field, struct pos_draft_value value)
{
    assert(field > 1 && field <= POS_FIELD_COUNT);
    pos_field_set_add(draft->present, field);
    draft->values[field] = value;
}

void pos_draft_set(struct pos_draft *draft, unsigned field, struct pos_bytes value)
{
    assert(value.data != NULL || value.size == 0);
    assert(value.size <= UINT32_MAX);
    set(draft, field,
        (struct pos_draft_value){
            .data = value.data, .count = (uint32_t)value.size, .form = POS_VALUE_PLAIN});
}

void pos_draft_echo(struct pos_draft *draft, unsigned field, const struct pos_message *request)
{
    if (!pos_message_has(request, field))
        return;
    const struct pos_field_view *view = &request->fields[field];
    set(draft, field,
        (struct pos_draft_value){.data = request->bytes.data + view->offset,
                                 .count = view->count,
                                 .wire_size = view->size,
                                 .form = POS_VALUE_WIRE});
}

void pos_draft_reserve_mac(struct pos_draft *draft)
{
    set(draft, draft->present[1] != 0 ? 128 : 64,
        (struct pos_draft_value){.count = POS_MAC_SIZE, .form = POS_VALUE_RESERVED});
}

struct pos_bytes pos_draft_value(const struct pos_draft *draft, unsigned field)
{
    const struct pos_draft_value *value = &draft->values[field];
    if (!pos_field_set_has(draft->present, field))
        return pos_bytes(NULL, 0);
    return pos_bytes(value->data, value->form == POS_VALUE_WIRE ? value->wire_size : value->count);
}

#include "emulator/terminals/plan.h"

#include <string.h>

static bool is_step(enum pos_kind kind)
{
    return kind != POS_KIND_LOAD && kind != POS_KIND_LOAD_STATUS && kind != POS_KIND_KEY_REQUEST &&
           kind != POS_KIND_KEY_CONFIRM;
}

static bool find_kind(struct pos_bytes word, enum pos_kind *kind)
{
    for (int i = 0; i < POS_KIND_COUNT; i++) {
        *kind = (enum pos_kind)i;
        if (is_step(*kind) && pos_bytes_equal_text(word, pos_kind_rule(*kind)->name))
            return true;
    }
    return false;
}

static enum pos_status add(struct pos_plan *plan, enum pos_kind kind, uint32_t repeats, bool last,
                           struct pos_error *error)
{
    if (plan->count == POS_PLAN_STEP_COUNT_MAX)
        return pos_error_set(error, POS_ERR_USAGE, "more than %d steps", POS_PLAN_STEP_COUNT_MAX);
    plan->steps[plan->count++] =
        (struct pos_plan_step){.kind = kind, .repeats = repeats, .last = last};
    return POS_OK;
}

static enum pos_status unknown(struct pos_bytes word, struct pos_error *error)
{
    char names[384];
    struct pos_buffer list = pos_buffer(names, sizeof names - 1);
    for (int i = 0; i < POS_KIND_COUNT; i++)
        if (is_step((enum pos_kind)i))
            pos_buffer_format(&list, ", %s", pos_kind_rule((enum pos_kind)i)->name);
    names[list.size] = '\0';
    return pos_error_set(error, POS_ERR_USAGE, "there is no step '%.*s'; there are key%s",
                         (int)(word.size > 32 ? 32 : word.size), (const char *)word.data, names);
}

static enum pos_status add_word(struct pos_plan *plan, struct pos_bytes word, uint32_t sales,
                                bool last, struct pos_error *error)
{
    enum pos_kind kind;
    if (pos_bytes_equal_text(word, "key")) {
        enum pos_status status = add(plan, POS_KIND_KEY_REQUEST, 1, last, error);
        return status == POS_OK ? add(plan, POS_KIND_KEY_CONFIRM, 1, last, error) : status;
    }
    if (!find_kind(word, &kind))
        return unknown(word, error);
    return add(plan, kind, kind == POS_KIND_SALE ? sales : 1, last, error);
}

enum pos_status pos_plan_parse(const char *text, uint32_t sales, struct pos_plan *plan,
                               struct pos_error *error)
{
    *plan = (struct pos_plan){.count = 0};
    for (;;) {
        size_t size = strcspn(text, ",");
        bool last = text[size] == '\0';
        enum pos_status status = add_word(plan, pos_bytes(text, size), sales, last, error);
        if (status != POS_OK || last)
            return status;
        text += size + 1;
    }
}

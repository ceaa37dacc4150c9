#include "keymgmt/load_plan.h"

#include <string.h>

#include "core/wire/response.h"

enum { NUMBER_DIGITS = 8 };

void pos_load_plan_init(struct pos_load_plan *plan, uint32_t key_count)
{
    *plan = (struct pos_load_plan){.line_count = key_count + 2, .line = 1};
}

/* Eight digits; false for anything else. */
static bool read_number(const char *text, uint32_t *number)
{
    *number = 0;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *number = *number * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

static bool is_code(const struct pos_mother_reply *reply, enum pos_response response)
{
    return strcmp(reply->code, pos_response_code(response)) == 0;
}

static enum pos_status refused(const struct pos_load_plan *plan,
                               const struct pos_mother_reply *reply, struct pos_error *error)
{
    if (is_code(reply, POS_RESPONSE_MALFUNCTION))
        return pos_error_set(error, POS_ERR_BUSY,
                             "the mother POS cannot keep line %u now (96): see its log, then run "
                             "the command again; it goes on where it stopped",
                             plan->line);
    if (is_code(reply, POS_RESPONSE_INDEX_TAKEN) && plan->line == 1)
        return pos_error_set(error, POS_ERR_MISMATCH,
                             "the mother POS refuses the file (63): it is another mother POS, has "
                             "another KTK, or has this batch already; its log says which. When it "
                             "has it (an answer was lost), its return file says so: see "
                             "'import-return'");
    if (is_code(reply, POS_RESPONSE_INDEX_TAKEN))
        return pos_error_set(
            error, POS_ERR_MISMATCH,
            "the mother POS refuses the file at line %u of %u (63): it was changed "
            "or is under another key; its log says more",
            plan->line, plan->line_count);
    return pos_error_set(error, POS_ERR_MISMATCH, "the mother POS refuses line %u of %u with %.2s",
                         plan->line, plan->line_count, reply->code);
}

/* Goes to the line that the mother POS expects, if it may be expected at all. */
static enum pos_status go_to(struct pos_load_plan *plan, uint32_t expected, struct pos_error *error)
{
    if (expected < 1 || expected > plan->line_count)
        return pos_error_set(error, POS_ERR_FORMAT,
                             "the mother POS expects line %u of a file that has %u", expected,
                             plan->line_count);
    if (expected != plan->line + 1 && ++plan->jumps > POS_LOAD_JUMP_COUNT_MAX)
        return pos_error_set(error, POS_ERR_ORDER,
                             "the mother POS keeps asking for other lines than it gets: does "
                             "somebody else load a file into it?");
    if (plan->line == 1 && expected > 2)
        plan->resumed_at = expected;
    plan->line = expected;
    return POS_OK;
}

enum pos_status pos_load_plan_reply(struct pos_load_plan *plan,
                                    const struct pos_mother_reply *reply, struct pos_error *error)
{
    uint32_t expected = 0;
    bool was_trailer_sent = plan->trailer_sent;
    plan->trailer_sent = false;
    if (is_code(reply, POS_RESPONSE_INDEX_TAKEN) && plan->line == 1 && plan->header_accepted &&
        was_trailer_sent) {
        plan->done = true;
        return POS_OK;
    }
    if (!is_code(reply, POS_RESPONSE_APPROVED) && !is_code(reply, POS_RESPONSE_LOAD_ORDER))
        return refused(plan, reply, error);
    if (strlen(reply->text) != NUMBER_DIGITS || !read_number(reply->text, &expected))
        return pos_error_set(error, POS_ERR_FORMAT,
                             "the mother POS does not say which line it expects");
    bool approved = is_code(reply, POS_RESPONSE_APPROVED);
    if (approved && plan->line == 1)
        plan->header_accepted = true;
    if (approved && plan->line == plan->line_count && expected == plan->line_count + 1) {
        plan->done = true;
        return POS_OK;
    }
    return go_to(plan, expected, error);
}

bool pos_load_plan_broken(struct pos_load_plan *plan)
{
    if (plan->line == plan->line_count)
        plan->trailer_sent = true;
    plan->line = 1;
    return ++plan->reconnects <= POS_LOAD_RECONNECT_COUNT_MAX;
}

enum pos_status pos_load_status_parse(const char *text, struct pos_load_status *status)
{
    uint32_t *numbers[] = {&status->batch, &status->lines, &status->free, &status->issued,
                           &status->burned};
    enum { NUMBER_COUNT = sizeof numbers / sizeof numbers[0] };
    if (strlen(text) != (size_t)NUMBER_COUNT * NUMBER_DIGITS)
        return POS_ERR_FORMAT;
    for (int i = 0; i < NUMBER_COUNT; i++)
        if (!read_number(text + i * NUMBER_DIGITS, numbers[i]))
            return POS_ERR_FORMAT;
    return POS_OK;
}

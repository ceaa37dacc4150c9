#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "keymgmt/era.h"
#include "keymgmt/rotate.h"

#define BEGIN_WORD "lmk-rotate"

enum { ON_WHAT_SIZE_MAX = 256 };

static void describe(const struct pos_rotation *rotation, char on_what[ON_WHAT_SIZE_MAX])
{
    char to[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&rotation->to, to);
    (void)snprintf(on_what, ON_WHAT_SIZE_MAX, "from=%s to=%s", rotation->mark.from, to);
}

/* Which of the two words the chain had last, about this rotation. */
struct look {
    const char *on_what;
    bool begun, done;
};

static bool look_at(void *context, struct pos_bytes record)
{
    struct look *look = context;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) != POS_OK ||
        !pos_bytes_equal_text(parts.on_what, look->on_what))
        return true;
    if (pos_bytes_equal_text(parts.what, BEGIN_WORD))
        *look = (struct look){.on_what = look->on_what, .begun = true};
    else if (pos_bytes_equal_text(parts.what, POS_ERA_WORD))
        look->done = true;
    return true;
}

static enum pos_status look_back(const struct pos_rotation *rotation, bool table, struct look *look)
{
    return table ? pos_terminal_table_walk_audit(rotation->table, 1, look_at, look)
                 : pos_key_library_walk_audit(rotation->home->library, 1, look_at, look);
}

static enum pos_status append(struct pos_rotation *rotation, bool table,
                              const struct pos_audit_event *event)
{
    if (!table)
        return pos_key_library_audit(rotation->home->library, event);
    struct pos_terminal_write write = {.operation = POS_TERMINAL_AUDIT, .utc_ms = event->utc_ms};
    write.events[POS_OUTCOME_NONE] = event;
    return pos_terminal_table_run(rotation->table, &write);
}

static enum pos_status record(struct pos_rotation *rotation, bool table, bool done,
                              struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX];
    describe(rotation, on_what);
    struct look look = {.on_what = on_what};
    enum pos_status status = look_back(rotation, table, &look);
    if (status == POS_OK && (done ? look.done : look.begun && !look.done))
        return POS_OK; /* by a run that broke off */
    struct pos_audit_event event =
        pos_home_event(rotation->home, done ? POS_ERA_WORD : BEGIN_WORD, on_what);
    event.outcome = done ? "done" : "begun";
    if (status == POS_OK)
        status = append(rotation, table, &event);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status, "the audit record cannot be written to the %s: %s",
                         table ? "gateway's table" : "key library", pos_status_text(status));
}

enum pos_status pos_rotation_record_begin(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status = record(rotation, false, false, error);
    if (status == POS_OK && rotation->table != NULL)
        status = record(rotation, true, false, error);
    POS_FAILPOINT("rotate-begun");
    return status;
}

enum pos_status pos_rotation_record_done(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status = record(rotation, false, true, error);
    POS_FAILPOINT("rotate-recorded");
    if (status == POS_OK && rotation->table != NULL)
        status = record(rotation, true, true, error);
    POS_FAILPOINT("rotate-table-recorded");
    return status;
}

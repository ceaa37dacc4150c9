/* Events as lines for people, or as JSON, one object a line. */
#ifndef POS_EMULATOR_TRACE_SHOW_H
#define POS_EMULATOR_TRACE_SHOW_H

#include <stdio.h>

#include "emulator/trace/event.h"

enum pos_show_form { POS_SHOW_FIELDS, POS_SHOW_BRIEF, POS_SHOW_JSON };

struct pos_show {
    FILE *to;
    enum pos_show_form form;
    bool keep_alives; /* those too */
    bool flush;       /* after each event */
};

void pos_show(const struct pos_show *show, const struct pos_event *event);

/* A few words for a field, after ISO 8583:1987; "" for those that have none of their own. */
const char *pos_field_name(unsigned field);

#endif

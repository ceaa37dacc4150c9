#include "core/base/status.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *text;
    enum pos_class class;
} statuses[POS_STATUS_COUNT] = {
#define X(id, kind, words) [POS_##id] = {.name = #id, .text = (words), .class = POS_CLASS_##kind},
    POS_STATUS_LIST(X)
#undef X
};

enum pos_class pos_status_class(enum pos_status status)
{
    assert(status < POS_STATUS_COUNT);
    return statuses[status].class;
}

const char *pos_status_name(enum pos_status status)
{
    assert(status < POS_STATUS_COUNT);
    return statuses[status].name;
}

const char *pos_status_text(enum pos_status status)
{
    assert(status < POS_STATUS_COUNT);
    return statuses[status].text;
}

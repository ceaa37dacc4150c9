#include "core/wire/response.h"

#include <assert.h>

static const struct {
    const char *code;
    const char *meaning;
} responses[POS_RESPONSE_COUNT] = {
#define X(name, digits, words) [POS_RESPONSE_##name] = {digits, words},
    POS_RESPONSE_LIST(X)
#undef X
};

const char *pos_response_code(enum pos_response response)
{
    assert(response < POS_RESPONSE_COUNT);
    return responses[response].code;
}

const char *pos_response_meaning(enum pos_response response)
{
    assert(response < POS_RESPONSE_COUNT);
    return responses[response].meaning;
}

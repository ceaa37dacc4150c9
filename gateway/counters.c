#include "gateway/counters.h"

#include <assert.h>

const char *pos_refusal_text(enum pos_refusal refusal)
{
    static const char *const texts[POS_REFUSAL_COUNT] = {
#define X(name, text) [POS_REFUSAL_##name] = (text),
        POS_REFUSAL_LIST(X)
#undef X
    };
    assert(refusal < POS_REFUSAL_COUNT);
    return texts[refusal];
}

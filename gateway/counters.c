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

const char *pos_verb_text(enum pos_verb verb)
{
    static const char *const texts[POS_VERB_COUNT] = {
#define X(name, text) [POS_VERB_##name] = (text),
        POS_VERB_LIST(X)
#undef X
    };
    assert(verb < POS_VERB_COUNT);
    return texts[verb];
}

enum pos_verb_outcome pos_verb_outcome(enum pos_status status)
{
    if (status == POS_OK)
        return POS_VERB_DONE;
    if (status == POS_ERR_BUSY)
        return POS_VERB_LACKING;
    return pos_status_class(status) == POS_CLASS_PEER ? POS_VERB_REFUSED : POS_VERB_FAILED;
}

const char *pos_verb_outcome_text(enum pos_verb_outcome outcome)
{
    static const char *const texts[POS_VERB_OUTCOME_COUNT] = {[POS_VERB_DONE] = "done",
                                                              [POS_VERB_REFUSED] = "refused",
                                                              [POS_VERB_LACKING] = "lacking-key",
                                                              [POS_VERB_FAILED] = "failed"};
    assert(outcome < POS_VERB_OUTCOME_COUNT);
    return texts[outcome];
}

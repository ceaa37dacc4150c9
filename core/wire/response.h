/* Field 39: every response code posgate sends, or passes on from a host (25, 95), in one list. */
#ifndef POS_WIRE_RESPONSE_H
#define POS_WIRE_RESPONSE_H

#define POS_RESPONSE_LIST(X)                                                                       \
    X(APPROVED, "00", "approved; registered; authenticated")                                       \
    X(WRONG_TERMINAL, "03", "TID or MID is not this terminal's")                                   \
    X(SIGNED_OFF, "12", "signed off: sign on")                                                     \
    X(NO_ORIGINAL, "25", "original not found")                                                     \
    X(FORMAT, "30", "format error")                                                                \
    X(NOT_SUPPORTED, "40", "function not supported")                                               \
    X(NO_KEY_FREE, "51", "mother POS: no key free")                                                \
    X(SUSPENDED, "58", "terminal suspended")                                                       \
    X(INDEX_TAKEN, "63", "index belongs to another serial; mother POS: file refused")              \
    X(TOO_LATE, "68", "host answered too late")                                                    \
    X(LOAD_ORDER, "77", "mother POS: load out of order")                                           \
    X(UNREACHABLE, "91", "host not reachable, or its window is full")                              \
    X(DUPLICATE, "94", "same STAN, different content; mother POS: serial has its key")             \
    X(TOTALS, "95", "totals do not agree")                                                         \
    X(MALFUNCTION, "96", "system malfunction: retry later")                                        \
    X(NOT_REGISTERED, "97", "SMN not registered, or revoked")                                      \
    X(PIN, "99", "PIN block cannot be processed")                                                  \
    X(MAC, "A0", "MAC absent or does not verify")

enum pos_response {
#define X(name, code, meaning) POS_RESPONSE_##name,
    POS_RESPONSE_LIST(X)
#undef X
        POS_RESPONSE_COUNT
};

const char *pos_response_code(enum pos_response response);    /* two characters, "A0" */
const char *pos_response_meaning(enum pos_response response); /* static string */

#endif

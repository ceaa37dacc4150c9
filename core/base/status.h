/*
 * Every outcome a posgate function can report, in one list, each with a class.
 *
 * Callers act on the class, not on the single status: a peer's fault is answered and counted, an
 * operator's fault is explained and ends with a usage or configuration exit code, the
 * environment's fault is retried or alarmed. A bug is an assertion, and assertions stay on in
 * release builds; nothing that a peer sends may reach one.
 */
#ifndef POS_BASE_STATUS_H
#define POS_BASE_STATUS_H

#define POS_MUST_USE            __attribute__((warn_unused_result))
#define POS_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

enum pos_class {
    POS_CLASS_OK,
    POS_CLASS_PEER,        /* what a terminal, a host or a file's author sent is wrong */
    POS_CLASS_OPERATOR,    /* a command, a setting or a file the operator named is wrong */
    POS_CLASS_ENVIRONMENT, /* disk, memory, network, security module */
};

/*           name                class        what it means, for people */
#define POS_STATUS_LIST(X)                                                                         \
    X(OK, OK, "done")                                                                              \
    X(ERR_FORMAT, PEER, "not well formed")                                                         \
    X(ERR_LENGTH, PEER, "length out of bounds")                                                    \
    X(ERR_MAC, PEER, "MAC absent or does not verify")                                              \
    X(ERR_MISMATCH, PEER, "not the value that was expected")                                       \
    X(ERR_ORDER, PEER, "out of order")                                                             \
    X(ERR_CLOSED, PEER, "the other side closed the connection")                                    \
    X(ERR_USAGE, OPERATOR, "wrong usage")                                                          \
    X(ERR_CONFIG, OPERATOR, "wrong configuration")                                                 \
    X(ERR_NOT_ALLOWED, OPERATOR, "not allowed")                                                    \
    X(ERR_NOT_FOUND, OPERATOR, "not found")                                                        \
    X(ERR_EXISTS, OPERATOR, "exists already")                                                      \
    X(ERR_STATE, OPERATOR, "not possible in this state")                                           \
    X(ERR_VERSION, OPERATOR, "written by a newer version")                                         \
    X(ERR_EXHAUSTED, OPERATOR, "none left")                                                        \
    X(ERR_CORRUPT, ENVIRONMENT, "damaged data")                                                    \
    X(ERR_IO, ENVIRONMENT, "input or output failed")                                               \
    X(ERR_MEMORY, ENVIRONMENT, "out of memory")                                                    \
    X(ERR_LIMIT, ENVIRONMENT, "a limit was reached")                                               \
    X(ERR_BUSY, ENVIRONMENT, "busy, try again")                                                    \
    X(ERR_TIMEOUT, ENVIRONMENT, "too late")                                                        \
    X(ERR_NETWORK, ENVIRONMENT, "network failure")                                                 \
    X(ERR_UNREACHABLE, ENVIRONMENT, "not reachable")                                               \
    X(ERR_CRYPTO, ENVIRONMENT, "cryptographic library failed")                                     \
    X(ERR_HSM, ENVIRONMENT, "security module failed")                                              \
    X(ERR_DATABASE, ENVIRONMENT, "database failed")

enum pos_status {
#define X(name, class, text) POS_##name,
    POS_STATUS_LIST(X)
#undef X
        POS_STATUS_COUNT
};

/* Class of a status. Constant time, any thread. */
enum pos_class pos_status_class(enum pos_status status);

/* "ERR_FORMAT" and the like: stable, for logs and scripts. Static string, never NULL. */
const char *pos_status_name(enum pos_status status);

/* A few plain words. Static string, never NULL. */
const char *pos_status_text(enum pos_status status);

#endif

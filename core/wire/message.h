/*
 * Posgate's messages, request and reply in one row each: which fields a request must have, which
 * ones its reply echoes, whether it names an SMN and carries a MAC, whether a host gets it.
 * Both sides of the wire are driven by this table; so is docs/protocol.md.
 */
#ifndef POS_WIRE_MESSAGE_H
#define POS_WIRE_MESSAGE_H

#include "core/base/smn.h"
#include "core/wire/iso8583.h"
#include "core/wire/response.h"

enum pos_kind {
    POS_KIND_REGISTER,
    POS_KIND_SIGN_ON,
    POS_KIND_AUTHENTICATE,
    POS_KIND_SIGN_OFF,
    POS_KIND_ECHO,
    POS_KIND_SALE,             /* 0200, field 3 000000 */
    POS_KIND_BALANCE,          /* 0200, 310000 */
    POS_KIND_VOID,             /* 0200, 200000 */
    POS_KIND_PREAUTHORISATION, /* 0100 */
    POS_KIND_COMPLETION,       /* 0220, 000000 */
    POS_KIND_REFUND,           /* 0220, 200000 */
    POS_KIND_REVERSAL,         /* 0400 */
    POS_KIND_REVERSAL_ADVICE,  /* 0420 */
    POS_KIND_SETTLEMENT,       /* 0500 */
    POS_KIND_BATCH_UPLOAD,     /* 0320 */
    POS_KIND_LOAD,             /* mother POS link: 921 */
    POS_KIND_LOAD_STATUS,      /* 922 */
    POS_KIND_KEY_REQUEST,      /* 911 */
    POS_KIND_KEY_CONFIRM,      /* 912 */
    POS_KIND_COUNT
};

/* Who answers a kind. */
enum pos_kind_link { POS_LINK_GATEWAY, POS_LINK_HOST, POS_LINK_MOTHER };

struct pos_kind_rule {
    enum pos_kind kind;
    const char *name;        /* "sign-on": stable, for logs and metrics */
    enum pos_kind_link link; /* HOST: the gateway passes it on once it is authenticated */
    uint16_t mti;            /* of the request; the reply's is mti + 0x10 */
    uint16_t network_code;   /* field 70: 901; 0 when none. Dialects may name it otherwise. */
    const char *processing;  /* field 3: "000000"; NULL when any */
    bool smn;                /* field 62 names the SMN */
    bool mac;                /* the request carries a MAC */
    bool card;               /* field 2 or field 35 must be there */
    uint64_t required[2];    /* fields a request must have, SMN and MAC fields not counted */
    uint64_t echoed[2];      /* fields its reply repeats where the request had them */
};

const struct pos_kind_rule *pos_kind_rule(enum pos_kind kind);

static inline uint16_t pos_reply_mti(uint16_t mti)
{
    return (uint16_t)(mti + 0x10);
}

/* Says what a decoded request is, from MTI and field 70 or 3.
 * POS_ERR_NOT_FOUND: an MTI, code or processing code that is no request here (response 40); *rule
 * is NULL.
 * POS_ERR_FORMAT: a required field is missing; *missing is its number (response 30). *rule is set;
 * to the first of its MTI when the field that would tell it from the others is the missing one. */
POS_MUST_USE enum pos_status pos_message_classify(const struct pos_message *message,
                                                  const struct pos_kind_rule **rule,
                                                  unsigned *missing);

/* How a dialect names a network message: the request's MTI, and what its network field holds. In a
 * dialect with the code in field 60 that is type 00, the batch number (0 to 999999) and the code.
 * POS_ERR_NOT_FOUND: the dialect has no such message, or the rule is no network message's. */
enum { POS_NETWORK_TEXT_SIZE = 12 };
struct pos_network_name {
    uint16_t mti;
    char text[POS_NETWORK_TEXT_SIZE];
};
POS_MUST_USE enum pos_status pos_network_name(const struct pos_dialect *dialect,
                                              const struct pos_kind_rule *rule, uint32_t batch,
                                              struct pos_network_name *name);

/* The rule's echoed fields with the network field where the dialect has it. */
void pos_kind_echoed(const struct pos_dialect *dialect, const struct pos_kind_rule *rule,
                     uint64_t echoed[2]);

/* What stands before the SMN in the longer of the two forms of field 62. */
#define POS_SMN_ANNOUNCEMENT "Sequence No16"

/* Field 62 of a request: 16 characters, or `Sequence No16` and 16 characters. POS_ERR_FORMAT. */
POS_MUST_USE enum pos_status pos_message_smn(const struct pos_message *message,
                                             struct pos_smn *smn);

/* True when the MTI is a request's that posgate could answer: its third digit is even. */
bool pos_mti_is_request(uint16_t mti);

/* Starts a reply: MTI, the echoed fields, 39, and unless it is a 30 fields 12 and 13 from `times`
 * ("hhmmss" and "MMDD" local, 6 and 4 characters, borrowed until encoded). `rule` may be NULL for a
 * 30 or 40: then 11, 41 and 70 are echoed where they could be decoded. */
struct pos_reply_times {
    char time[6]; /* field 12 */
    char date[4]; /* field 13 */
};
void pos_reply_init(struct pos_draft *reply, const struct pos_message *request,
                    const struct pos_kind_rule *rule, enum pos_response response,
                    const struct pos_reply_times *times);

#endif

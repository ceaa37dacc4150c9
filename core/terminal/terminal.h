/*
 * The terminal's side of the protocol: bytes out, bytes in, no sockets and no clock. Used by the
 * emulator, the bench and the tests alike.
 *
 * One struct pos_terminal is one emulated device. It holds clear keys, as a terminal's secure
 * chip would; its memory is the caller's, its keys are wiped by pos_terminal_fini. A request is
 * made into a buffer (a whole frame); a reply is given back and judged field by field: every
 * mismatch is explained, never just refused. One thread at a time.
 */
#ifndef POS_TERMINAL_TERMINAL_H
#define POS_TERMINAL_TERMINAL_H

#include "core/base/error.h"
#include "core/crypto/exchange.h"
#include "core/crypto/mac.h"
#include "core/crypto/pin_block.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"

/* Where a terminal stands; moved by one function over a table of allowed moves. */
enum pos_terminal_stage {
    POS_STAGE_BLANK,      /* no key */
    POS_STAGE_KEYED,      /* TMK and SMN are there, not confirmed to the mother POS */
    POS_STAGE_CONFIRMED,  /* the mother POS knows */
    POS_STAGE_REGISTERED, /* the gateway knows */
    POS_STAGE_SIGNED_ON,  /* TPK and TAK are there */
    POS_STAGE_COUNT
};

/* The last financial request, which a reversal undoes (field 90, and fields 3 and 4 again). */
struct pos_original {
    uint16_t mti; /* 0: there was none */
    uint32_t stan;
    uint64_t amount;
    char processing[6 + 1]; /* field 3 */
    char time[10 + 1];      /* field 7 */
};

struct pos_terminal {
    const struct pos_dialect *dialect; /* to the gateway; the mother POS speaks iso87b */
    struct pos_route route;            /* where the dialect has one */
    uint32_t batch;                    /* batch number of field 60, 0 to 999999, likewise */
    enum pos_terminal_stage stage;
    char serial[POS_SERIAL_SIZE + 1];
    char tid[8 + 1], mid[15 + 1];
    struct pos_smn smn; /* "" while blank */
    enum pos_algorithm algorithm;
    uint8_t tmk[POS_KEY_SIZE_MAX], tpk[POS_KEY_SIZE_MAX], tak[POS_KEY_SIZE_MAX];
    uint8_t tdk[POS_KEY_SIZE_MAX]; /* zeros when the form has none; nothing uses it yet */
    enum pos_key_form form;        /* of the last sign-on reply; POS_FORM_COUNT: key blocks */
    bool cup_ecb;                  /* MACs under a TDES TAK are UnionPay's ECB ones */
    uint32_t stan;                 /* last one used; 1 to 999999 */
    bool mac;                      /* MACs are made and required (off: the patent as written) */
    bool sign_on_mac;              /* so it is in a sign-on; off as installed terminals do */
    struct pos_exchange *exchange; /* while a key request is open */
    struct pos_mac *registration_mac, *working_mac;
    struct pos_original original;
};

/* What is being asked for, so that the reply can be judged against it. */
struct pos_exchange_state {
    enum pos_kind kind;
    uint32_t stan;
    uint64_t amount;
    bool mac;                   /* the request carried a good MAC, so a 00 must carry one */
    char terminal_time[10 + 1]; /* field 7 as sent; "" when it was not */
    char processing[6 + 1];     /* field 3 as sent; "" when it was not */
    uint64_t sent[2];           /* fields of the request: its reply repeats some of them only */
};

/* What a reply said and whether it is to be believed. */
struct pos_verdict {
    enum pos_status status; /* POS_OK: understood, and its MAC verified where one is due.
                               POS_ERR_FORMAT, POS_ERR_MAC, POS_ERR_MISMATCH otherwise */
    char code[3];           /* field 39 as received; "" when unreadable */
    bool mac_verified;
    char explanation[160]; /* which field, expected and got; never key material */
};

/* `serial` has 8 characters, `tid` at most 8 and `mid` at most 15 (filled up with spaces); an empty
 * mid is left out of network messages. MACs are on. TPDU 6000010000, header 603100000000, batch 1.
 */
void pos_terminal_init(struct pos_terminal *terminal, const struct pos_dialect *dialect,
                       const char *serial, const char *tid, const char *mid);
void pos_terminal_fini(struct pos_terminal *terminal);

/* Puts keys in that were stored: from the emulator's store or a test. tpk and tak may be NULL
 * below SIGNED_ON. The SMN is formed from the terminal's serial and the index: POS_ERR_LENGTH for
 * an index out of range. */
POS_MUST_USE enum pos_status pos_terminal_restore(struct pos_terminal *terminal,
                                                  enum pos_terminal_stage stage, uint32_t key_index,
                                                  enum pos_algorithm algorithm, const uint8_t *tmk,
                                                  const uint8_t *tpk, const uint8_t *tak);

struct pos_sale {
    uint64_t amount;                /* minor units */
    const char *pan;                /* test card number */
    const char *utc_time;           /* field 7, MMDDhhmmss */
    const struct pos_pin *pin;      /* NULL: none */
    enum pos_pin_format pin_format; /* 0, 1 or 3 under a TDES TPK, 4 under the others */
    const char *pin_pan;            /* in the PIN block; NULL: `pan`. To test that it is refused */
    bool damage_pin;                /* one bit of the enciphered block is wrong: likewise */
};

/* Appends one frame with the next STAN and fills *state. `sale` is for financial kinds, NULL else;
 * a reversal undoes the last financial request and takes pan and utc_time from `sale` alone. A key
 * request that is made again before its reply came carries the same public key.
 * POS_ERR_STATE: the terminal has not come far enough (no TMK, no TAK, no TPK for a PIN, nothing to
 * reverse). POS_ERR_USAGE: a kind that no terminal sends, or a PIN that cannot be sent: formats 0,
 * 1 and 3 need a TDES TPK and 4 one of AES or SM4, and `cup` has no name for 3. Nothing is
 * appended then. */
POS_MUST_USE enum pos_status pos_terminal_request(struct pos_terminal *terminal, enum pos_kind kind,
                                                  const struct pos_sale *sale,
                                                  struct pos_buffer *out,
                                                  struct pos_exchange_state *state);

/* Judges the reply frame (exactly one) and takes what it brings: the key of a key request (forms
 * the SMN), the working keys of a sign-on, the new stage. Nothing is taken from a reply that is not
 * believed; so a terminal whose MACs are on never takes a 00 without a MAC. */
void pos_terminal_reply(struct pos_terminal *terminal, const struct pos_exchange_state *state,
                        struct pos_bytes frame, struct pos_verdict *verdict);

/* Sets up the contexts for K_reg and TAK from the keys that are there; done by restore and reply,
 * for callers that fill in keys themselves. */
POS_MUST_USE enum pos_status pos_terminal_prepare_macs(struct pos_terminal *terminal);

#endif

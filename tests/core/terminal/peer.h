/* The other side of a terminal under test: made of the codec and the MACs alone, so that nothing of
 * core/terminal judges itself. */
#ifndef TESTS_CORE_TERMINAL_PEER_H
#define TESTS_CORE_TERMINAL_PEER_H

#include "core/terminal/terminal.h"

/* Any algorithm's key is its first bytes: T2 has 16 of them, T3 24. */
extern const uint8_t peer_tmk[32], peer_tpk[32], peer_tak[32], peer_tdk[32];

enum peer_mac { PEER_MAC_GOOD, PEER_MAC_NONE, PEER_MAC_WRONG };

/* One request of the terminal, its reply as the peer would give it, and how to spoil it. */
struct peer {
    struct pos_terminal terminal;
    enum pos_algorithm algorithm; /* of the TMK that the peer knows */
    struct pos_sale sale;         /* what a financial request is made of */
    struct pos_exchange_state state;
    uint8_t request_memory[4200], reply_memory[4200];
    struct pos_buffer request;
    struct pos_frame frame;     /* the request's */
    struct pos_message message; /* the request, decoded */
    const struct pos_kind_rule *rule;
    /* the reply to come */
    const char *code;
    enum peer_mac mac;
    uint16_t mti;      /* 0: the right one */
    bool lost_way;     /* TPDU not swapped */
    unsigned left_out; /* a field the reply does not have; 0: none */
    unsigned changed;  /* a field with another value */
    const char *changed_to;
    const char *field_62, *field_63, *field_37;
    struct pos_bytes bytes_62; /* instead, when it is no text */
    struct pos_verdict verdict;
};

/* A terminal "123L013K" at this stage, with peer_tmk under index 278; in iso87b where not said. */
void peer_init(struct peer *peer, enum pos_terminal_stage stage);
void peer_init_in(struct peer *peer, enum pos_terminal_stage stage,
                  const struct pos_dialect *dialect);
void peer_init_of(struct peer *peer, enum pos_terminal_stage stage,
                  const struct pos_dialect *dialect, enum pos_algorithm algorithm);
void peer_fini(struct peer *peer);
/* Makes and decodes the request; asserts that it is one of this kind. */
void peer_ask(struct peer *peer, enum pos_kind kind);
/* Builds the reply, gives it to the terminal, fills in the verdict. */
void peer_answer(struct peer *peer);
/* The field of the request in plain text, NUL-terminated; static. */
const char *peer_field(const struct peer *peer, unsigned field);

/* A key block under a protection key. `text` gets a NUL. */
void peer_wrap(enum pos_algorithm protection_algorithm, const uint8_t *protection,
               const char *usage, char mode, enum pos_algorithm algorithm, const uint8_t *key,
               char text[256]);
/* TPK and TAK as key blocks under peer_tmk of the algorithm, as a sign-on reply brings them. */
void peer_working_keys(enum pos_algorithm tmk, char text[512]);

/* One key of a short form: `size` bytes of it in ECB mode under peer_tmk, zero bytes, and four
 * bytes of the check value of the whole key (zeros encrypted). */
struct peer_part {
    const uint8_t *key;
    size_t size, zeros_size;
};
/* Up to three parts one after the other; the bytes written. */
size_t peer_form(enum pos_algorithm tmk, const struct peer_part parts[3], uint8_t out[60]);

/* Index and key block for the key request that was asked, and the peer's public key. */
void peer_key_reply(const struct peer *peer, const char *index, const char *usage,
                    enum pos_algorithm algorithm, char field_62[512], char field_63[65]);
/* MAC over the request, recomputed from the key itself. */
bool peer_mac_is_good(const struct peer *peer);

#endif

/* The other side of a terminal under test: made of the codec and the MACs alone, so that nothing of
 * core/terminal judges itself. */
#ifndef TESTS_CORE_TERMINAL_PEER_H
#define TESTS_CORE_TERMINAL_PEER_H

#include "core/terminal/terminal.h"

extern const uint8_t peer_tmk[32], peer_tpk[32], peer_tak[32];

enum peer_mac { PEER_MAC_GOOD, PEER_MAC_NONE, PEER_MAC_WRONG };

/* One request of the terminal, its reply as the peer would give it, and how to spoil it. */
struct peer {
    struct pos_terminal terminal;
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
    struct pos_verdict verdict;
};

/* A terminal "123L013K" at this stage, with peer_tmk under index 278; in iso87b where not said. */
void peer_init(struct peer *peer, enum pos_terminal_stage stage);
void peer_init_in(struct peer *peer, enum pos_terminal_stage stage,
                  const struct pos_dialect *dialect);
void peer_fini(struct peer *peer);
/* Makes and decodes the request; asserts that it is one of this kind. */
void peer_ask(struct peer *peer, enum pos_kind kind);
/* Builds the reply, gives it to the terminal, fills in the verdict. */
void peer_answer(struct peer *peer);
/* The field of the request in plain text, NUL-terminated; static. */
const char *peer_field(const struct peer *peer, unsigned field);

/* A key block under `protection` (AES-256). `text` gets a NUL. */
void peer_wrap(const uint8_t *protection, const char *usage, char mode,
               enum pos_algorithm algorithm, const uint8_t *key, char text[256]);
/* TPK and TAK under peer_tmk, as a sign-on reply brings them. */
void peer_working_keys(char text[512]);
/* Index and key block for the key request that was asked, and the peer's public key. */
void peer_key_reply(const struct peer *peer, const char *index, const char *usage,
                    enum pos_algorithm algorithm, char field_62[512], char field_63[65]);
/* MAC over the request, recomputed from the key itself. */
bool peer_mac_is_good(const struct peer *peer);

#endif

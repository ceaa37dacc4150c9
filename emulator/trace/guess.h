/*
 * Which dialect are these bytes? Every dialect is tried on every message: the right one decodes all
 * of them to the last byte, and the others fail early, because lengths, bitmap and digits all have
 * to agree.
 */
#ifndef POS_EMULATOR_TRACE_GUESS_H
#define POS_EMULATOR_TRACE_GUESS_H

#include "core/wire/iso8583.h"

enum { POS_GUESS_DIALECT_COUNT_MAX = 8, POS_GUESS_TEXT_SIZE = 512 };

enum pos_certainty {
    POS_GUESS_NONE,    /* no message yet */
    POS_GUESS_UNSURE,  /* no dialect decodes them all */
    POS_GUESS_TIE,     /* more than one does */
    POS_GUESS_LIKELY,  /* one alone does, but with messages that posgate does not know */
    POS_GUESS_CERTAIN, /* one alone does, and posgate knows some of the messages */
};

struct pos_guess_score {
    uint32_t good, known;          /* messages decoded to the end; of these, kinds of posgate */
    uint32_t depth_permille;       /* of the others: sum of how far each was decoded */
    struct pos_decode_error error; /* of the first that did not decode */
    bool too_short;                /* it ended inside MTI or bitmap */
};

/* Zeroed is empty. */
struct pos_guess {
    uint32_t count;
    struct pos_guess_score scores[POS_GUESS_DIALECT_COUNT_MAX];
};

/* Adds what a frame holds behind its length, or, `bare`, a message from its MTI on. */
void pos_guess_add(struct pos_guess *guess, struct pos_bytes body, bool bare);

/* The best so far, the default when there is nothing to go by; never NULL. */
const struct pos_dialect *pos_guess_best(const struct pos_guess *guess);
enum pos_certainty pos_guess_certainty(const struct pos_guess *guess);
const char *pos_certainty_text(enum pos_certainty certainty); /* "certain" */
/* Why, in words: what the best decodes, and where each of the others stops. */
void pos_guess_explain(const struct pos_guess *guess, char text[POS_GUESS_TEXT_SIZE]);

/* What a frame's body holds in a dialect: behind TPDU and header where there are some. */
struct pos_bytes pos_guess_message(const struct pos_dialect *dialect, struct pos_bytes body,
                                   bool bare);

#endif

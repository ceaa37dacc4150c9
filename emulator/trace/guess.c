#include "emulator/trace/guess.h"

#include <assert.h>

#include "core/wire/message.h"

struct pos_bytes pos_guess_message(const struct pos_dialect *dialect, struct pos_bytes body,
                                   bool bare)
{
    size_t route = dialect->routed && !bare ? POS_TPDU_SIZE + POS_HEADER_SIZE : 0;
    return route <= body.size ? pos_bytes(body.data + route, body.size - route)
                              : pos_bytes(body.data, 0);
}

/* Replies have the fields of their own kind only: what would be the request is looked for. */
static bool is_known(const struct pos_message *message)
{
    struct pos_message request = *message;
    const struct pos_kind_rule *rule;
    unsigned missing;
    if (!pos_mti_is_request(request.mti))
        request.mti = (uint16_t)(request.mti - 0x10);
    return pos_message_classify(&request, &rule, &missing) == POS_OK ||
           (rule != NULL && request.mti != message->mti);
}

static void score(struct pos_guess_score *score, const struct pos_dialect *dialect,
                  struct pos_bytes body, bool bare, bool first_bad)
{
    struct pos_message message;
    struct pos_decode_error error;
    struct pos_bytes bytes = pos_guess_message(dialect, body, bare);
    if (pos_iso8583_decode(dialect, bytes, &message, &error) == POS_OK) {
        score->good++;
        score->known += is_known(&message);
        return;
    }
    score->depth_permille += (uint32_t)(bytes.size == 0 ? 0 : error.offset * 1000u / bytes.size);
    if (first_bad) {
        score->error = error;
        score->too_short = error.reason == POS_DECODE_SHORT && error.field <= 1;
    }
}

void pos_guess_add(struct pos_guess *guess, struct pos_bytes body, bool bare)
{
    const struct pos_dialect *dialect;
    for (size_t i = 0; (dialect = pos_dialect_nth(i)) != NULL; i++) {
        assert(i < POS_GUESS_DIALECT_COUNT_MAX);
        score(&guess->scores[i], dialect, body, bare, guess->scores[i].good == guess->count);
    }
    guess->count++;
}

/* More messages decoded, then more that posgate knows, then further into those that fail. */
static bool is_better(const struct pos_guess_score *a, const struct pos_guess_score *b)
{
    if (a->good != b->good)
        return a->good > b->good;
    if (a->known != b->known)
        return a->known > b->known;
    return a->depth_permille > b->depth_permille;
}

static size_t best_number(const struct pos_guess *guess)
{
    size_t best = 0;
    for (size_t i = 1; pos_dialect_nth(i) != NULL; i++)
        if (is_better(&guess->scores[i], &guess->scores[best]))
            best = i;
    return best;
}

const struct pos_dialect *pos_guess_best(const struct pos_guess *guess)
{
    return pos_dialect_nth(best_number(guess));
}

enum pos_certainty pos_guess_certainty(const struct pos_guess *guess)
{
    size_t all_good = 0;
    for (size_t i = 0; pos_dialect_nth(i) != NULL; i++)
        all_good += guess->scores[i].good == guess->count;
    if (guess->count == 0)
        return POS_GUESS_NONE;
    if (all_good == 0)
        return POS_GUESS_UNSURE;
    if (all_good > 1)
        return POS_GUESS_TIE;
    return guess->scores[best_number(guess)].known > 0 ? POS_GUESS_CERTAIN : POS_GUESS_LIKELY;
}

const char *pos_certainty_text(enum pos_certainty certainty)
{
    static const char *const texts[] = {
        [POS_GUESS_NONE] = "nothing to go by",
        [POS_GUESS_UNSURE] = "unsure",
        [POS_GUESS_TIE] = "tie",
        [POS_GUESS_LIKELY] = "likely",
        [POS_GUESS_CERTAIN] = "certain",
    };
    assert((size_t)certainty < sizeof texts / sizeof texts[0]);
    return texts[certainty];
}

static void explain_stop(const struct pos_guess_score *score, struct pos_buffer *text)
{
    if (score->too_short)
        pos_buffer_put_text(text, " needs more for MTI and bitmap");
    else
        pos_buffer_format(text, " stops at offset %u, field %u: %s", score->error.offset,
                          score->error.field, pos_decode_reason_text(score->error.reason));
}

static void explain_other(const struct pos_guess *guess, size_t number, struct pos_buffer *text)
{
    const struct pos_guess_score *other = &guess->scores[number];
    pos_buffer_format(text, "; %s", pos_dialect_nth(number)->name);
    if (other->good == guess->count)
        pos_buffer_put_text(text, " decodes them all too");
    else
        explain_stop(other, text);
}

void pos_guess_explain(const struct pos_guess *guess, char text[POS_GUESS_TEXT_SIZE])
{
    struct pos_buffer out = pos_buffer(text, POS_GUESS_TEXT_SIZE - 1);
    size_t best = best_number(guess);
    pos_buffer_format(&out, "decodes %u of %u to the last byte", guess->scores[best].good,
                      guess->count);
    if (guess->scores[best].known > 0)
        pos_buffer_format(&out, ", %u known to posgate", guess->scores[best].known);
    if (guess->scores[best].good < guess->count) {
        pos_buffer_put_text(&out, ", then");
        explain_stop(&guess->scores[best], &out);
    }
    for (size_t i = 0; pos_dialect_nth(i) != NULL; i++)
        if (i != best)
            explain_other(guess, i, &out);
    text[out.size] = '\0';
}

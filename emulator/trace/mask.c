#include "emulator/trace/mask.h"

#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/log.h"

enum rule {
    SHOW,
    HIDE,
    PAN,
    TEXT, /* shown, but for runs of digits that may be a PAN */
    SMN,
};

static const uint8_t rules[POS_FIELD_COUNT + 1] = {
    [2] = PAN,
    [34] = HIDE,        /* extended PAN */
    [35 ... 36] = HIDE, /* tracks 2 and 3 */
    [44] = TEXT,        /* additional response data */
    [45] = HIDE,        /* track 1 */
    [46 ... 48] = HIDE, /* private: card verification values, for some */
    [52] = HIDE,        /* PIN block */
    [54] = TEXT,        /* amounts */
    [55] = HIDE,        /* chip data: has the PAN and track 2 in it */
    [56 ... 59] = HIDE, /* 59 has the longer PIN block */
    [60 ... 61] = TEXT,
    [62] = SMN,
    [63] = TEXT,
    [96] = HIDE,          /* message security code */
    [102 ... 103] = HIDE, /* account numbers */
    [104] = TEXT,
    [105 ... 127] = HIDE,
};

enum { PAN_DIGITS_MIN = 13, PAN_FRONT = 6, PAN_BACK = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Stars for what is inside each run of digits as long as a PAN. */
static enum pos_mask mask_runs(char *text)
{
    enum pos_mask result = POS_MASK_SHOWN;
    for (size_t i = 0; text[i] != '\0';) {
        size_t run = 0;
        while (is_digit(text[i + run]))
            run++;
        if (run >= PAN_DIGITS_MIN) {
            memset(text + i + PAN_FRONT, '*', run - PAN_FRONT - PAN_BACK);
            result = POS_MASK_MASKED;
        }
        i += run > 0 ? run : 1;
    }
    return result;
}

static bool is_mother_link(const struct pos_mask_message *what)
{
    return what->rule != NULL && what->rule->link == POS_LINK_MOTHER;
}

/* A request's field 62, where it is nothing but an SMN. */
static bool is_smn(const struct pos_mask_message *what)
{
    struct pos_smn smn;
    return !what->reply && what->rule != NULL && what->rule->smn && !is_mother_link(what) &&
           pos_message_smn(what->message, &smn) == POS_OK;
}

static void put_printable(struct pos_bytes value, char *text)
{
    size_t at = 0;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        if (c >= 0x20 && c <= 0x7E)
            text[at++] = (char)c;
        else
            at += (size_t)snprintf(text + at, 5, "\\x%02X", c);
    }
    text[at] = '\0';
}

/* An SMN is text, whatever else its field may hold in this dialect. */
static void put_value(const struct pos_message *message, unsigned field, char *text)
{
    uint8_t memory[1024];
    struct pos_bytes value = pos_message_value(message, field, memory, sizeof memory);
    if (message->dialect->fields[field].kind == POS_FIELD_B && rules[field] != SMN)
        pos_hex_encode(value, text);
    else
        put_printable(value, text);
}

static enum pos_mask mask_pan(char *text)
{
    char masked[POS_LOG_PAN_SIZE];
    pos_log_pan(text, masked);
    memcpy(text, masked, sizeof masked);
    return POS_MASK_MASKED;
}

/* A STAN, a response code, a network code: too short for what must not be seen. */
static bool harmless(unsigned field)
{
    return field == 11 || field == 39 || field == 70;
}

enum pos_mask pos_mask_field(const struct pos_mask_message *what, unsigned field,
                             char text[POS_MASK_TEXT_SIZE])
{
    enum rule rule = rules[field];
    text[0] = '\0';
    if (rule == HIDE || (rule == SMN && !is_smn(what)) || (!what->whole && !harmless(field)))
        return POS_MASK_HIDDEN;
    put_value(what->message, field, text);
    if (rule == PAN)
        return mask_pan(text);
    bool free_text = what->message->dialect->fields[field].kind != POS_FIELD_N;
    return rule == TEXT && free_text ? mask_runs(text) : POS_MASK_SHOWN;
}

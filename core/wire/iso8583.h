/*
 * The ISO 8583:1987 codec: one pass finds the fields, bounds checked at each step, a second one
 * looks at what stands in them; nothing copied, nothing allocated. What a field is comes from the
 * dialect's table; no dialect is known by name.
 *
 * Decoding checks everything: bitmap against the table, every length against what is left,
 * digits are digits, characters are in their set, fillers are fillers, nothing is left over.
 */
#ifndef POS_WIRE_ISO8583_H
#define POS_WIRE_ISO8583_H

#include "core/wire/dialect.h"

enum pos_decode_reason {
    POS_DECODE_OK,
    POS_DECODE_SHORT,         /* the message ends inside this field */
    POS_DECODE_MTI,           /* not four digits */
    POS_DECODE_BITMAP,        /* malformed, or a second bitmap with nothing in it */
    POS_DECODE_UNKNOWN_FIELD, /* a bit that is no field in this dialect, 65 among them */
    POS_DECODE_PREFIX,        /* length prefix is not digits, or more than the field may have */
    POS_DECODE_DIGITS,        /* a digit is not one */
    POS_DECODE_FILLER,        /* the odd nibble is not the filler */
    POS_DECODE_CHARACTERS,    /* a character outside its set */
    POS_DECODE_LEFT_OVER,     /* bytes behind the last field */
};

/* Where decoding stopped. Never holds content. The offset is that of the first wrong byte; for
 * SHORT, UNKNOWN_FIELD and PREFIX that of the field's beginning, prefix included; for LEFT_OVER
 * that of the first byte too many, and the field is the last one. */
struct pos_decode_error {
    enum pos_decode_reason reason;
    uint8_t field;   /* 0 for the MTI, 1 for the bitmap(s) */
    uint16_t offset; /* bytes from the MTI */
};

struct pos_field_view {
    uint32_t offset; /* of the content, behind any prefix, in bytes from the MTI */
    uint16_t size;   /* bytes on the wire, without prefix */
    uint16_t count;  /* digits, characters or (kind b) bytes that it stands for */
};

/* A view over a frame: valid as long as the frame's bytes are. fields[i] is set only where the
 * bit for i is; ask pos_message_has first. */
struct pos_message {
    const struct pos_dialect *dialect;
    struct pos_bytes bytes; /* MTI to the end, borrowed */
    uint16_t mti;           /* 0x0800 for "0800"; 0 when it could not be read */
    uint64_t present[2];    /* bit (i - 1) % 64 of word (i - 1) / 64 for field i; never field 1 */
    struct pos_field_view fields[POS_FIELD_COUNT + 1];
};

static inline bool pos_field_set_has(const uint64_t set[2], unsigned field)
{
    return (set[(field - 1) >> 6] >> ((field - 1) & 63) & 1) != 0;
}

static inline void pos_field_set_add(uint64_t set[2], unsigned field)
{
    set[(field - 1) >> 6] |= (uint64_t)1 << ((field - 1) & 63);
}

static inline bool pos_message_has(const struct pos_message *message, unsigned field)
{
    return pos_field_set_has(message->present, field);
}

/* At most POS_FRAME_BODY_SIZE_MAX bytes; more are LEFT_OVER and nothing is decoded.
 * POS_ERR_FORMAT with *error filled; *message then holds what came before the error (mti, present,
 * fields), so that a reply can echo it. Borrows `bytes`. */
POS_MUST_USE enum pos_status pos_iso8583_decode(const struct pos_dialect *dialect,
                                                struct pos_bytes bytes, struct pos_message *message,
                                                struct pos_decode_error *error);

const char *pos_decode_reason_text(enum pos_decode_reason reason);

/* The content as it stands on the wire, without its prefix; empty when absent. Borrowed. */
struct pos_bytes pos_message_raw(const struct pos_message *message, unsigned field);

/* The content in its plain form into `text` (capacity bytes): digits of n, characters of an and
 * ans, tracks with '=' as separator, "C" or "D" and digits, and for b fields the bytes themselves.
 * Returns the view of what was written; empty when absent or too long for `capacity`. Not
 * NUL-terminated. */
struct pos_bytes pos_message_value(const struct pos_message *message, unsigned field, void *text,
                                   size_t capacity);

/* Digits of an n field of up to 18 digits as a number; `absent` when it is not there. */
uint64_t pos_message_number(const struct pos_message *message, unsigned field, uint64_t absent);

/* The MAC of a message: field 128 when a field above 64 is present, else 64. `*covered` is every
 * byte before it (ISO 8583:1987: the last field). POS_ERR_MAC when there is none. */
POS_MUST_USE enum pos_status pos_message_mac(const struct pos_message *message,
                                             struct pos_bytes *covered, uint8_t mac[POS_MAC_SIZE]);

/*
 * Building: put values in any order into a draft, then encode it once. Values are borrowed until
 * pos_iso8583_encode returns.
 */
enum pos_value_form {
    POS_VALUE_PLAIN,    /* as pos_message_value gives it */
    POS_VALUE_WIRE,     /* as it stands on the wire, checked when it came in */
    POS_VALUE_RESERVED, /* room alone */
};

struct pos_draft_value {
    const uint8_t *data; /* borrowed */
    uint32_t count;      /* digits, characters or bytes that it stands for */
    uint16_t wire_size;  /* bytes of WIRE */
    uint8_t form;        /* enum pos_value_form */
};

struct pos_draft {
    uint16_t mti; /* 0x0810 */
    uint64_t present[2];
    struct pos_draft_value values[POS_FIELD_COUNT + 1]; /* by number, of those present */
};

void pos_draft_init(struct pos_draft *draft, uint16_t mti); /* does not touch values */
void pos_draft_set(struct pos_draft *draft, unsigned field, struct pos_bytes value);
/* What a field was set to, or its wire form when it was echoed; empty when absent. Borrowed. */
struct pos_bytes pos_draft_value(const struct pos_draft *draft, unsigned field);
/* Copies the field's wire form when the request has it; the reply must go out in the same dialect.
 */
void pos_draft_echo(struct pos_draft *draft, unsigned field, const struct pos_message *request);
/* Reserves the MAC field: 128 when a field above 64 is set, else 64. Call it last. */
void pos_draft_reserve_mac(struct pos_draft *draft);

/* What was encoded. `covered` is what a reserved MAC goes over; `mac` is where it goes. Both point
 * into the buffer. */
struct pos_encoded {
    struct pos_bytes bytes;
    struct pos_bytes covered; /* empty when no MAC was reserved */
    uint8_t *mac;             /* NULL when no MAC was reserved */
    enum pos_binary mac_form;
};

/* Appends the message to `out`. POS_ERR_FORMAT with *error (offset 0) when a value does not suit
 * its field: UNKNOWN_FIELD, SHORT (too few for a fixed length), PREFIX (too many), DIGITS,
 * CHARACTERS, MTI. POS_ERR_LENGTH when `out` is too small. out->size is as before then. */
POS_MUST_USE enum pos_status pos_iso8583_encode(const struct pos_dialect *dialect,
                                                const struct pos_draft *draft,
                                                struct pos_buffer *out, struct pos_encoded *encoded,
                                                struct pos_decode_error *error);

void pos_encoded_set_mac(const struct pos_encoded *encoded, const uint8_t mac[POS_MAC_SIZE]);

#endif

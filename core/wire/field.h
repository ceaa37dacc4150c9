/* What an ISO 8583:1987 field is (ISO 8583:1987 clause 4.3, table 6), and what it then is on the
 * wire of a dialect: one row. */
#ifndef POS_WIRE_FIELD_H
#define POS_WIRE_FIELD_H

#include <stdint.h>

/* Packed, so that a field's row is eight bytes and a whole dialect's table stays in the cache. */
enum __attribute__((packed)) pos_field_kind {
    POS_FIELD_NONE, /* not a field here: refused */
    POS_FIELD_N,    /* digits */
    POS_FIELD_AN,   /* letters, digits, space */
    POS_FIELD_ANS,  /* 20 to 7E, and more in dialects that say so */
    POS_FIELD_Z,    /* track data: digits and the separator, = or D */
    POS_FIELD_B,    /* bytes */
    POS_FIELD_XN,   /* C or D, then an even number of digits */
};

enum __attribute__((packed)) pos_field_length { POS_LENGTH_FIXED, POS_LENGTH_LL, POS_LENGTH_LLL };

/* What bytes on the wire are taken from. */
enum __attribute__((packed)) pos_alphabet {
    POS_ALPHABET_NONE,
    POS_ALPHABET_DIGITS,
    POS_ALPHABET_TRACK,     /* digits, = and D */
    POS_ALPHABET_BCD,       /* two digits a byte */
    POS_ALPHABET_BCD_TRACK, /* two of 0-9 and D a byte */
    POS_ALPHABET_LAST_OF_DIGITS = POS_ALPHABET_BCD_TRACK,
    POS_ALPHABET_HEX,
    POS_ALPHABET_AN,
    POS_ALPHABET_ANS,
    POS_ALPHABET_ANS_HIGH, /* ans with 80 and above */
    POS_ALPHABET_ANY,
};

struct pos_field {
    enum pos_field_kind kind;
    enum pos_field_length length;
    uint16_t wire_size; /* bytes of `size` */
    uint16_t size; /* digits, characters or bytes: exact when FIXED, else the most; XN counts the
                      letter */
    enum pos_alphabet alphabet; /* of the bytes; of XN that of the digits */
    enum pos_alphabet joins; /* the same where the content is all that is on the wire; NONE where a
                                prefix, a letter or a filler is there as well */
};

#endif

/* What an ISO 8583:1987 field is (ISO 8583:1987 clause 4.3, table 6): kind and length, in one
 * table. */
#ifndef POS_WIRE_FIELD_H
#define POS_WIRE_FIELD_H

#include <stdint.h>

/* Packed, so that a field's row is four bytes and a whole dialect's table stays in the cache. */
enum __attribute__((packed)) pos_field_kind {
    POS_FIELD_NONE, /* not a field here: refused */
    POS_FIELD_N,    /* digits */
    POS_FIELD_AN,   /* letters, digits, space */
    POS_FIELD_ANS,  /* 20 to 7E, and more in dialects that say so */
    POS_FIELD_Z,    /* track data: digits and the separator, = or D */
    POS_FIELD_B,    /* bytes */
    POS_FIELD_XN,   /* C or D, then digits */
};

enum __attribute__((packed)) pos_field_length { POS_LENGTH_FIXED, POS_LENGTH_LL, POS_LENGTH_LLL };

struct pos_field {
    enum pos_field_kind kind;
    enum pos_field_length length;
    uint16_t size; /* digits, characters or bytes: exact when FIXED, else the most; XN counts the
                      letter */
};

#endif

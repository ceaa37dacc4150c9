/*
 * A dialect says how each kind of thing is encoded; the codec asks it and knows no dialect by name.
 * A dialect is constant data: adding one adds a table, not code.
 */
#ifndef POS_WIRE_DIALECT_H
#define POS_WIRE_DIALECT_H

#include "core/base/limits.h"
#include "core/wire/field.h"

enum pos_digits { POS_DIGITS_BCD, POS_DIGITS_ASCII }; /* MTI, n, n of x+n, z, prefixes */
enum pos_bitmap { POS_BITMAP_BINARY, POS_BITMAP_HEX };
enum pos_binary { POS_BINARY_BYTES, POS_BINARY_HEX }; /* b fields */

/* A network message's name in a dialect: there `mti` and `code` say what posgate's own table calls
 * 0800 and `means`. The first of several that mean the same is the one to send. */
struct pos_network_code {
    uint16_t mti; /* 0 ends the list */
    uint16_t code;
    uint16_t means;
};

struct pos_dialect {
    const char *name;
    enum pos_digits digits; /* BCD digits also mean BCD length prefixes, ASCII ones ASCII */
    /* BCD only, a set as a message's `present` is: the fields that have the filler of an odd number
     * of digits in front of them; the others have it behind. */
    uint64_t filler_front[2];
    bool filler_f; /* filler F is read as well as 0 */
    enum pos_bitmap bitmap;
    bool bitmap_second_empty; /* a second bitmap without a field above 64 is legal */
    enum pos_binary binary;
    bool high_characters;  /* ans may hold 80 and above */
    bool routed;           /* frames carry a TPDU and a header */
    uint8_t network_field; /* 70, or 60 when the network code is field 60.3 */
    const struct pos_network_code *network_codes; /* NULL: MTI 0800 and posgate's own codes */
    bool announces_smn;       /* its terminals put `Sequence No16` before the SMN of a sign-on */
    bool sign_on_without_mac; /* a listener may take a sign-on that has none */
    bool bare_keys; /* field 62 of a sign-on reply may hold keys as bytes; field 53 is UnionPay's */
    bool ecb_mac;   /* a listener may have MACs made as UnionPay's ECB MAC */
    struct pos_field fields[POS_FIELD_COUNT + 1]; /* by number; kind NONE where refused */
};

extern const struct pos_dialect pos_dialect_iso87b; /* BCD digits, binary bitmap; the default */
extern const struct pos_dialect pos_dialect_iso87a; /* ASCII throughout, hexadecimal bitmap */
extern const struct pos_dialect pos_dialect_iso87x; /* ASCII digits, binary bitmap */
extern const struct pos_dialect pos_dialect_cup;    /* the UnionPay POS form: BCD, fillers behind */

/* By name; NULL when there is none. `pos_dialect_names` fills "a, b, c" for error texts. */
const struct pos_dialect *pos_dialect_find(struct pos_bytes name);
void pos_dialect_names(struct pos_buffer *names);
/* All of them, the default first: 0, 1, ... until NULL. */
const struct pos_dialect *pos_dialect_nth(size_t n);

#endif

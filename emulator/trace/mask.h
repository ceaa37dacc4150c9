/*
 * What a trace may show of a field. PANs are masked; PIN blocks, tracks, chip data and fields whose
 * content nobody here knows are hidden; field 62 is shown where it is an SMN and nowhere else, so
 * keys stay hidden on every link. Of a message that does not decode only what can hold neither a
 * PAN nor a key is shown: its bytes may mean something else than they seem to.
 */
#ifndef POS_EMULATOR_TRACE_MASK_H
#define POS_EMULATOR_TRACE_MASK_H

#include "core/wire/message.h"

enum { POS_MASK_TEXT_SIZE = 4096 }; /* bytes: 999 characters, four each, and a NUL */

enum pos_mask { POS_MASK_SHOWN, POS_MASK_MASKED, POS_MASK_HIDDEN };

/* What is known of a message besides its fields. */
struct pos_mask_message {
    const struct pos_message *message;
    const struct pos_kind_rule *rule; /* of the request, or of the one it answers; NULL unknown */
    bool reply;
    bool whole; /* decoded to its end */
};

/* Puts the field, which must be there, as NUL-terminated printable ASCII into `text`; "" when
 * hidden. Bytes are in hexadecimal. */
enum pos_mask pos_mask_field(const struct pos_mask_message *what, unsigned field,
                             char text[POS_MASK_TEXT_SIZE]);

#endif

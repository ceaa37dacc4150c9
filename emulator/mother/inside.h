/* What the files of the mother POS share. */
#ifndef POS_EMULATOR_MOTHER_INSIDE_H
#define POS_EMULATOR_MOTHER_INSIDE_H

#include "emulator/mother/mother.h"

/* A reply under construction; texts live here until it is encoded. */
struct pos_mother_reply {
    enum pos_response response;
    const struct pos_key *mac_key; /* the TMK whose K_reg made the request's MAC; NULL: no MAC */
    struct pos_bytes field_62, field_63;
    char text_62[POS_KEY_INDEX_DIGITS + POS_JOURNAL_REPLY_SIZE_MAX + 1];
    char text_63[2 * POS_PUBLIC_KEY_SIZE + 1];
};

enum { POS_MOTHER_LOG_PER_SECOND_MAX = 20 };

/* load.c: one line of a key file; sets response and the number of the line expected next. */
void pos_mother_load_line(struct pos_mother *mother, struct pos_bytes line,
                          struct pos_mother_reply *reply);
void pos_mother_load_status(struct pos_mother *mother, struct pos_mother_reply *reply);
/* Notes a line that the journal holds, without asking whether it may come now. */
POS_MUST_USE enum pos_status pos_mother_load_note(struct pos_mother *mother, struct pos_bytes line);

/* issue.c: both set reply and return false, or fill in request->write, ready to be submitted, and
 * return true. */
bool pos_mother_key_request(struct pos_mother *mother, const struct pos_message *message,
                            struct pos_mother_request *request, struct pos_mother_reply *reply);
bool pos_mother_key_confirm(struct pos_mother *mother, const struct pos_message *message,
                            struct pos_mother_request *request, struct pos_mother_reply *reply);
/* What a completed write means to the terminal. */
void pos_mother_key_done(struct pos_mother_request *request, struct pos_mother_reply *reply);

#endif

/* People on their way into the library: the first ones, and later ones. */
#ifndef POS_KEYMGMT_PEOPLE_H
#define POS_KEYMGMT_PEOPLE_H

#include "keymgmt/home.h"

enum { POS_FIRST_PEOPLE_MAX = 32 };

/* Who `init` is to make; names and paths are borrowed from argv. */
struct pos_first_people {
    struct pos_first_person {
        const char *name;
        const char *file; /* with the password; NULL: typed */
        unsigned roles;
    } list[POS_FIRST_PEOPLE_MAX];
    size_t count;
};

/* A role for a name, which may have others already. POS_ERR_LIMIT, POS_ERR_USAGE (not a name). */
POS_MUST_USE enum pos_status pos_first_people_add(struct pos_first_people *people, const char *name,
                                                  unsigned role, struct pos_error *error);
/* "NAME=FILE"; the name may come later. Kept for pos_first_people_check. */
POS_MUST_USE enum pos_status pos_first_people_file(struct pos_first_people *people,
                                                   const char *text, struct pos_error *error);

/* Is somebody an operator and somebody else an approver? POS_ERR_USAGE says what is missing. */
POS_MUST_USE enum pos_status pos_first_people_check(const struct pos_first_people *people,
                                                    struct pos_error *error);

/* Takes every password; *rows (owned by the caller: free) has people->count rows. */
POS_MUST_USE enum pos_status pos_first_people_rows(const struct pos_first_people *people,
                                                   struct pos_person_row **rows,
                                                   struct pos_error *error);

/* A row with a new password, from a file or typed. */
POS_MUST_USE enum pos_status pos_person_make(const char *name, unsigned roles, const char *file,
                                             struct pos_person_row *row, struct pos_error *error);

/* Writes a row, with the record `what` ("person-add"). POS_ERR_STATE: the library would be left
 * without an operator or without another person as approver. */
POS_MUST_USE enum pos_status pos_person_put(struct pos_home *home, const struct pos_person_row *row,
                                            const char *what, struct pos_error *error);

#endif

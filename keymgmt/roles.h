/* Roles in words: "operator,approver". Pure. */
#ifndef POS_KEYMGMT_ROLES_H
#define POS_KEYMGMT_ROLES_H

#include "core/store/key_library.h"

enum { POS_ROLES_TEXT_SIZE = 48 }; /* bytes with NUL; all of them fit */

/* One or more of operator, custodian, approver and auditor, with commas. False for anything else.
 */
bool pos_roles_parse(const char *text, unsigned *roles);
/* NUL-terminated; "none" for 0. */
void pos_roles_text(unsigned roles, char text[POS_ROLES_TEXT_SIZE]);
/* The same for a sentence: "operator or auditor". */
void pos_roles_choice(unsigned roles, char text[POS_ROLES_TEXT_SIZE]);

/* Names are compared without regard to case, as the library does. */
bool pos_same_person(const char *a, const char *b);

#endif

/*
 * Who is at the keyboard: a person of the library, a password, and a role that the command asks
 * for.
 *
 * A login that is refused costs as much time as one that is not (scrypt, about a tenth of a second,
 * for names that do not exist too), is recorded in the audit chain ("login-refused", with the name
 * that was given, the command and why), and is bounded: after POS_LOGIN_REFUSED_MAX wrong passwords
 * for one name within POS_LOGIN_WINDOW_MINUTES no password for that name is looked at until the
 * first of them is that old. The audit chain itself is what counts them, and logins in one home are
 * judged one after the other, so neither a restart nor many processes at once change that. Where
 * another process writes for long, so that a refusal cannot be recorded, it is refused ten seconds
 * later, and all others wait.
 */
#ifndef POS_KEYMGMT_LOGIN_H
#define POS_KEYMGMT_LOGIN_H

#include "keymgmt/home.h"

enum {
    POS_LOGIN_REFUSED_MAX = 5,
    POS_LOGIN_WINDOW_MINUTES = 10,
    POS_PASSWORD_LENGTH_MIN = 8, /* characters of a new one */
    POS_PASSWORD_LENGTH_MAX = 256,
};

struct pos_login {
    const char *name;
    const char *file; /* with the password, mode 0600; NULL: it is typed */
    unsigned roles;   /* one of these is needed */
    const char *command;
};

/* Lets a person in: *person is the library's row. POS_ERR_NOT_ALLOWED: refused, and on record;
 * POS_ERR_USAGE: no file is named and there is no terminal to ask on. */
POS_MUST_USE enum pos_status pos_login(struct pos_home *home, const struct pos_login *login,
                                       struct pos_person_row *person, struct pos_error *error);

/* Records that somebody was refused something ("approval-refused"); for commands that judge
 * themselves. Returns POS_ERR_NOT_ALLOWED, or why the record could not be written; *error keeps
 * what it said and says that too. */
POS_MUST_USE enum pos_status pos_login_refuse(struct pos_home *home, const char *who,
                                              const char *what, const char *on_what,
                                              const char *outcome, struct pos_error *error);

/* A password from a file, or typed by `name` (twice when it is new). The caller wipes it with
 * pos_credential_fini. POS_ERR_USAGE as above, or a new one that is too short. */
POS_MUST_USE enum pos_status pos_password_take(const char *name, const char *file, bool is_new,
                                               struct pos_credential *password,
                                               struct pos_error *error);

/* The name of a person as it is stored: 1 to POS_PERSON_NAME_SIZE_MAX printable characters, none of
 * them a '|' or '%' or beyond ASCII, no blank at either end. */
bool pos_person_name_valid(const char *name);

#endif

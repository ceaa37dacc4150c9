/* Which posgate this is, for --version and -vv and the head of every report. */
#ifndef POS_BASE_VERSION_H
#define POS_BASE_VERSION_H

/* "posgate 0.1.0": one line without its newline. Static. */
const char *pos_version_line(void);

/* Commit, compiler, build type, and each library that was compiled against together with the one
 * that is loaded; lines with newlines. Static; made by the first call, which is not for two threads
 * at once. */
const char *pos_version_details(void);

/* "1a2b3c4d5e6f", with "+" behind when files were changed since; "unknown" outside a checkout. */
const char *pos_version_commit(void);

#endif

/*
 * What one person alone may not do: an action that is asked for by an operator, agreed to by
 * another person (`posgate-keymgmt approve N`) and then done, once, by whoever asked, all within
 * the library's time limit.
 *
 * `action` is a short stable word ("export", "destroy"; POS_APPROVAL_ACTION_SIZE_MAX), `subject`
 * everything that the action does, in words that are the same for the same thing and nothing else
 * (POS_APPROVAL_SUBJECT_SIZE_MAX): the approver reads it, and an approval is good for exactly it.
 */
#ifndef POS_KEYMGMT_APPROVAL_H
#define POS_KEYMGMT_APPROVAL_H

#include "keymgmt/home.h"

/*
 * Call it when everything else was checked, right before the first thing that changes anything; not
 * with --dry-run, and not to finish an action that was begun and interrupted. The home has a
 * writer and its operator has logged in (pos_home_begin).
 *
 * POS_OK: go on; in a library for a single operator at once, else because an approval was given,
 * which is used up and on disk as such now. POS_ERR_BUSY (exit code 75): it was asked for, or is
 * still waiting; its number and time limit were reported on stdout. POS_ERR_NOT_ALLOWED: --approval
 * N names one that is somebody else's or of something else; POS_ERR_STATE: it was refused or used;
 * POS_ERR_TIMEOUT: it has expired. All refusals are audited. POS_ERR_LENGTH: the words are too
 * long.
 */
POS_MUST_USE enum pos_status pos_approval_require(struct pos_home *home, const char *action,
                                                  const char *subject, struct pos_error *error);

#endif

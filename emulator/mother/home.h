/*
 * A mother POS's home folder: what it is before anything is loaded into it.
 *
 *   lmk          its own LMK, sealed under the credential
 *   credential   opens the LMK (unless it is kept elsewhere)
 *   mother       one line: name, KTK's name, algorithm, check value, KTK under the LMK
 *   journal/     which keys it holds and to whom each went
 *   journal.anchor   how far the journal had come (core/store/anchor.h), unless it is kept
 *                elsewhere, best on another disk
 */
#ifndef POS_EMULATOR_MOTHER_HOME_H
#define POS_EMULATOR_MOTHER_HOME_H

#include "emulator/mother/mother.h"

struct pos_mother_setup {
    const char *home;
    const char *credential; /* path; NULL: in the home folder, made when it is not there */
    const char *name, *ktk_name;
    enum pos_algorithm ktk_algorithm;
    const char *component_paths[POS_COMPONENT_COUNT_MAX];
    size_t component_count;
};

/* Makes the home: a new LMK from random components, the KTK from its custodians' components.
 * POS_ERR_EXISTS when there is one. *ktk_kcv is for the custodians to compare. */
POS_MUST_USE enum pos_status pos_mother_home_make(const struct pos_mother_setup *setup,
                                                  struct pos_kcv *ktk_kcv, struct pos_error *error);

struct pos_mother_home {
    struct pos_hsm *hsm;
    struct pos_journal *journal;
    struct pos_mother mother; /* started */
};

struct pos_mother_access {
    const char *home;
    const char *credential; /* as in the setup */
    const char *anchor;     /* path; NULL: in the home folder */
    /* A journal that is older than its anchor is opened: every key that may have left since is
     * burned, which is logged. */
    bool accept_old;
    uint32_t
        high_water; /* the highest index that left, where the anchor does not say; 0: unknown */
};

/* POS_ERR_STATE: the journal is not what its anchor knows. */
POS_MUST_USE enum pos_status pos_mother_home_open(const struct pos_mother_access *access,
                                                  struct pos_mother_home *opened,
                                                  struct pos_error *error);
void pos_mother_home_close(struct pos_mother_home *opened);

#endif

/* The parts of a ceremony that its kinds share: settings from the command line, gathering the
 * components from files or from people, and telling the outcome. */
#ifndef POS_KEYMGMT_CEREMONY_H
#define POS_KEYMGMT_CEREMONY_H

#include "keymgmt/custody.h"
#include "keymgmt/home.h"

struct pos_ceremony {
    const char *files[POS_COMPONENT_COUNT_MAX]; /* borrowed from argv */
    const char *custodians[POS_COMPONENT_COUNT_MAX];
    const char *credentials[POS_COMPONENT_COUNT_MAX]; /* files with the custodians' passwords */
    size_t file_count, custodian_count, credential_count;
    size_t component_count;       /* 0 until settled: that of the files, else two */
    enum pos_algorithm algorithm; /* NONE: not said */
    const char *name;             /* ktk: the mother POS; zpk, zak: the host link */
    const char *out;              /* components: the folder */
};

/* The options of `ceremony lmk`, for a command that makes an LMK too; its input is a struct
 * pos_ceremony, zeroed. */
extern const struct argp pos_ceremony_lmk_argp;
/* Fills in what was not said. */
void pos_ceremony_settle(struct pos_ceremony *ceremony);

/*
 * Gathers every component: checks the counts, takes or asks each custodian's name, lets that person
 * log in (not in a library for a single operator), reads the file or the typed digits, says the
 * KCV, and puts the step into the audit chain (pos_ceremony_record, where the chain cannot take it
 * yet). `what` is "LMK" or "KTK mother=MPOS0001". *custody is secret memory, owned by the caller
 * (pos_custody_destroy).
 */
POS_MUST_USE enum pos_status pos_ceremony_gather(struct pos_home *home,
                                                 const struct pos_ceremony *ceremony,
                                                 const char *what, enum pos_algorithm algorithm,
                                                 struct pos_custody **custody,
                                                 struct pos_error *error);
void pos_custody_destroy(struct pos_custody *custody); /* NULL is fine */

/* Where the chain's records have MACs and there is no LMK to make the next one, because it was lost
 * and is being made again, the steps wait: this puts them on record once it is there. Nothing
 * otherwise. */
POS_MUST_USE enum pos_status pos_ceremony_record(struct pos_home *home,
                                                 const struct pos_custody *custody,
                                                 const char *what, struct pos_error *error);

/* What a ceremony made. */
struct pos_ceremony_result {
    const char *key;          /* "KTK" */
    const char *owner, *name; /* "mother", "MPOS0001"; NULL for the LMK */
    enum pos_algorithm algorithm;
    struct pos_kcv kcv;
};
/* Says on stdout which key was made from whose components; check values only. */
void pos_ceremony_report(const struct pos_options *options,
                         const struct pos_ceremony_result *result,
                         const struct pos_custody *custody);

/* POS_ERR_NOT_ALLOWED: the library holds keys, and the LMK that is open does not open them. */
POS_MUST_USE enum pos_status pos_ceremony_fits_library(struct pos_home *home,
                                                       struct pos_error *error);
enum pos_status pos_ceremony_lmk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error);
/* Of a home with a token: made inside, without components. */
enum pos_status pos_ceremony_lmk_on_token(struct pos_home *home,
                                          const struct pos_ceremony *ceremony,
                                          struct pos_error *error);
enum pos_status pos_ceremony_ktk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error);
enum pos_status pos_ceremony_zpk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error);
enum pos_status pos_ceremony_zak(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error);
/* Random component files, one a custodian, for demonstrations and tests. */
enum pos_status pos_ceremony_components(const struct pos_options *options,
                                        const struct pos_ceremony *ceremony,
                                        struct pos_error *error);

#endif

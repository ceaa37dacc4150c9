/*
 * What every kind of security module must do, whatever is behind the interface: one suite over
 * {module} x {algorithm} x {group of verbs}. A kind's own tests call hsm_conformance with a
 * factory, inside a Criterion test.
 *
 * What a kind cannot do stands in its list of skips, each with its reason. A skip is checked too:
 * the module must refuse the group's first verb with POS_ERR_USAGE, so a skip cannot outlive its
 * reason. Everything that is not on the list must pass. How many combinations ran and were skipped
 * is printed and must be what the list says.
 */
#ifndef TESTS_CORE_HSM_CONFORMANCE_H
#define TESTS_CORE_HSM_CONFORMANCE_H

#include "core/hsm/hsm.h"

enum hsm_group {
    HSM_GROUP_GENERATE, /* keys of all usages, of single length too; their check values */
    HSM_GROUP_CEREMONY, /* KTK, ZPK and ZAK from components */
    HSM_GROUP_KEY_FILE, /* export_tmk and import_tmk under every KTK */
    HSM_GROUP_BARE,     /* export_tmk_bare */
    HSM_GROUP_DELIVER,  /* deliver_tmk */
    HSM_GROUP_BLOCK,    /* wrap_working_key */
    HSM_GROUP_FORM,     /* wrap_working_form */
    HSM_GROUP_MAC,      /* working, ECB, registration and file MACs */
    HSM_GROUP_ZONE,     /* MACs under a ZAK */
    HSM_GROUP_FILE_MAC, /* file MACs in pieces */
    HSM_GROUP_PIN,      /* translation to ZPKs of every algorithm */
    HSM_GROUP_MOVE,     /* move_key to the other module and back */
    HSM_GROUP_LOCAL,    /* MACs by parcels and a session that never waits */
    HSM_GROUP_DAMAGE,   /* values that are not what they say */
    HSM_GROUP_COUNT,
    HSM_GROUP_EVERY = HSM_GROUP_COUNT, /* of a skip: the module does not serve the algorithm */
};

struct hsm_skip {
    enum hsm_group group;
    enum pos_algorithm algorithm; /* that of the TMK, of its working keys, or of the zone key */
    const char *reason;           /* printed */
};

struct hsm_factory {
    const char *name;
    /* Opens one of two modules of the kind with different LMKs: 0 the center's, 1 a mother POS's.
     */
    struct pos_hsm *(*open)(void *context, int which);
    void *context;
    const struct hsm_skip *skips; /* NULL: none */
    size_t skip_count;
};

void hsm_conformance(const struct hsm_factory *factory);

/* For the way between two kinds: keys of every usage that this algorithm has, from one session's
 * module to the other's. Part of the suite within one kind. */
void hsm_expect_moves(const char *name, struct pos_hsm_session *from, struct pos_hsm_session *to,
                      enum pos_algorithm algorithm);

#endif

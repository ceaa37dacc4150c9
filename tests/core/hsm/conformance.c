#include "tests/core/hsm/conformance.h"

#include <stdio.h>
#include <string.h>

#include "core/crypto/cipher.h"
#include "core/crypto/kcv.h"
#include "tests/core/hsm/conformance_inside.h"

const char stage_message[] = "0800 a message of no particular meaning";

const enum pos_algorithm ceremony_algorithms[CEREMONY_COUNT] = {
    POS_ALGORITHM_T2, POS_ALGORITHM_T3, POS_ALGORITHM_A128, POS_ALGORITHM_A256};

/* ---- the stage ---- */

struct known_key stage_put_bytes(struct pos_hsm_session *session, enum pos_key_usage usage,
                                 enum pos_algorithm algorithm, const uint8_t *clear)
{
    struct known_key made = {0};
    memcpy(made.clear, clear, pos_algorithm_key_size(algorithm));
    enum pos_status status = session->hsm->module->import_clear(session, usage, algorithm,
                                                                made.clear, &made.key, &made.kcv);
    cr_assert(status == POS_OK, "%s %s does not go in: %s", pos_algorithm_name(algorithm),
              pos_key_usage_name(usage), pos_status_text(status));
    return made;
}

struct known_key stage_put(struct pos_hsm_session *session, enum pos_key_usage usage,
                           enum pos_algorithm algorithm, uint8_t fill)
{
    uint8_t clear[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < sizeof clear; i++)
        clear[i] = (uint8_t)(fill + 37 * i + 11 * (unsigned)usage + 5 * (unsigned)algorithm);
    return stage_put_bytes(session, usage, algorithm, clear);
}

enum pos_status stage_unwrap(enum pos_algorithm protection, const uint8_t *protection_key,
                             struct pos_bytes block,
                             const struct pos_key_block_attributes *attributes,
                             enum pos_algorithm algorithm, uint8_t *key)
{
    struct pos_key_block_protector *protector;
    cr_assert(pos_key_block_protector_create(protection, protection_key, &protector) == POS_OK);
    const struct pos_key_block_expectation expected = {*attributes, algorithm};
    enum pos_status status = pos_key_block_unwrap(protector, block, &expected, key, NULL);
    pos_key_block_protector_destroy(protector);
    return status;
}

void stage_expect_kcv(const struct stage *stage, enum pos_algorithm algorithm, const uint8_t *clear,
                      const struct pos_kcv *kcv, const char *what)
{
    struct pos_kcv right;
    cr_assert(pos_kcv_compute(algorithm, clear, &right) == POS_OK);
    cr_expect(pos_kcv_equal(&right, kcv), "%s: KCV of %s", stage->name, what);
}

void stage_mac(enum pos_mac_algorithm mac, enum pos_algorithm algorithm, const uint8_t *key,
               struct pos_bytes message, uint8_t out[16])
{
    struct pos_mac *context;
    memset(out, 0, 16);
    cr_assert(pos_mac_create(mac, algorithm, key, &context) == POS_OK);
    cr_assert(pos_mac_compute(context, message, out) == POS_OK);
    pos_mac_destroy(context);
}

void stage_encrypt(enum pos_algorithm algorithm, const uint8_t *key, uint8_t *data, size_t size)
{
    struct pos_cipher cipher = {0};
    cr_assert(pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key) == POS_OK);
    cr_assert(pos_cipher_ecb(&cipher, data, size) == POS_OK);
    pos_cipher_fini(&cipher);
}

static enum pos_algorithm strongest_ktk(const struct pos_hsm *hsm)
{
    for (int i = CEREMONY_COUNT - 1; i >= 0; i--)
        if (pos_hsm_serves(hsm, ceremony_algorithms[i]))
            return ceremony_algorithms[i];
    return POS_ALGORITHM_NONE;
}

static struct stage set_stage(const struct hsm_factory *factory, enum pos_algorithm algorithm,
                              struct pos_hsm_session *center, struct pos_hsm_session *mother)
{
    enum pos_algorithm working = pos_algorithm_working(algorithm);
    struct stage stage = {
        .algorithm = algorithm, .working = working, .center = center, .mother = mother};
    (void)snprintf(stage.name, sizeof stage.name, "%s %s", factory->name,
                   pos_algorithm_name(algorithm));
    stage.tmk = stage_put(center, POS_USAGE_TMK, algorithm, 0x11);
    stage.tpk = stage_put(center, POS_USAGE_TPK, working, 0x22);
    stage.tak = stage_put(center, POS_USAGE_TAK, working, 0x33);
    stage.tdk = stage_put(center, POS_USAGE_TDK, working, 0x44);
    stage.ktk = stage_put(center, POS_USAGE_KTK, strongest_ktk(center->hsm), 0x55);
    return stage;
}

/* ---- the combinations ---- */

static const struct {
    const char *name;
    enum pos_status (*core)(const struct stage *stage);
    void (*run)(const struct stage *stage);
} groups[HSM_GROUP_COUNT] = {
    [HSM_GROUP_GENERATE] = {"generate", core_generate, run_generate},
    [HSM_GROUP_CEREMONY] = {"ceremony", core_ceremony, run_ceremony},
    [HSM_GROUP_KEY_FILE] = {"key-file", core_key_file, run_key_file},
    [HSM_GROUP_BARE] = {"bare", core_bare, run_bare},
    [HSM_GROUP_DELIVER] = {"deliver", core_deliver, run_deliver},
    [HSM_GROUP_BLOCK] = {"block", core_block, run_block},
    [HSM_GROUP_FORM] = {"form", core_form, run_form},
    [HSM_GROUP_MAC] = {"mac", core_mac, run_mac},
    [HSM_GROUP_ZONE] = {"zone", core_zone, run_zone},
    [HSM_GROUP_FILE_MAC] = {"file-mac", core_file_mac, run_file_mac},
    [HSM_GROUP_PIN] = {"pin", core_pin, run_pin},
    [HSM_GROUP_MOVE] = {"move", core_move, run_move},
    [HSM_GROUP_LOCAL] = {"local", core_local, run_local},
    [HSM_GROUP_DAMAGE] = {"damage", core_damage, run_damage},
};

struct tally {
    size_t run, skipped;
};

static const struct hsm_skip *skip_of(const struct hsm_factory *factory, enum hsm_group group,
                                      enum pos_algorithm algorithm)
{
    for (size_t i = 0; i < factory->skip_count; i++) {
        const struct hsm_skip *skip = &factory->skips[i];
        if (skip->algorithm == algorithm &&
            (skip->group == group || skip->group == HSM_GROUP_EVERY))
            return skip;
    }
    return NULL;
}

static void count_skip(const struct hsm_factory *factory, const struct hsm_skip *skip,
                       enum hsm_group group, struct tally *tally)
{
    cr_expect(skip->reason != NULL && skip->reason[0] != '\0', "a skip says why");
    (void)printf("%s: skipped %s %s: %s\n", factory->name, pos_algorithm_name(skip->algorithm),
                 groups[group].name, skip->reason);
    tally->skipped++;
}

/* What is said not to be served must not be, and what is served must not be skipped so. */
static void skip_algorithm(const struct hsm_factory *factory, const struct hsm_skip *skip,
                           struct pos_hsm_session *center, struct tally *tally)
{
    struct pos_key key;
    struct pos_kcv kcv;
    cr_expect_not(pos_hsm_serves(center->hsm, skip->algorithm), "%s: %s is served after all",
                  factory->name, pos_algorithm_name(skip->algorithm));
    cr_expect(pos_hsm_generate(center, POS_USAGE_TMK, skip->algorithm, &key, &kcv) ==
              POS_ERR_USAGE);
    for (int group = 0; group < HSM_GROUP_COUNT; group++)
        count_skip(factory, skip, (enum hsm_group)group, tally);
}

static void run_algorithm(const struct hsm_factory *factory, enum pos_algorithm algorithm,
                          struct pos_hsm_session *center, struct pos_hsm_session *mother,
                          struct tally *tally)
{
    const struct hsm_skip *skip = skip_of(factory, HSM_GROUP_EVERY, algorithm);
    if (skip != NULL) {
        skip_algorithm(factory, skip, center, tally);
        return;
    }
    cr_assert(pos_hsm_serves(center->hsm, algorithm), "%s does not serve %s, and no skip says so",
              factory->name, pos_algorithm_name(algorithm));
    struct stage stage = set_stage(factory, algorithm, center, mother);
    for (int group = 0; group < HSM_GROUP_COUNT; group++) {
        skip = skip_of(factory, (enum hsm_group)group, algorithm);
        enum pos_status status = groups[group].core(&stage);
        if (skip != NULL) {
            cr_expect(status == POS_ERR_USAGE, "%s: %s is skipped and yet: %s", stage.name,
                      groups[group].name, pos_status_text(status));
            count_skip(factory, skip, (enum hsm_group)group, tally);
            continue;
        }
        cr_expect(status == POS_OK, "%s: %s: %s", stage.name, groups[group].name,
                  pos_status_text(status));
        groups[group].run(&stage);
        tally->run++;
    }
}

static size_t count_skips(const struct hsm_factory *factory)
{
    size_t count = 0;
    for (size_t i = 0; i < factory->skip_count; i++)
        count += factory->skips[i].group == HSM_GROUP_EVERY ? HSM_GROUP_COUNT : 1;
    return count;
}

static void check_module(const struct hsm_factory *factory, struct pos_hsm *center,
                         struct pos_hsm *mother)
{
    struct pos_kcv center_kcv = pos_hsm_lmk_kcv(center), mother_kcv = pos_hsm_lmk_kcv(mother);
    cr_expect_not(pos_kcv_equal(&center_kcv, &mother_kcv));
    cr_expect(strlen(pos_hsm_describe(center)) > 0);
    cr_expect_not(pos_hsm_serves(center, POS_ALGORITHM_NONE));
    cr_expect_not(pos_hsm_serves(center, POS_ALGORITHM_COUNT), "%s", factory->name);
}

void hsm_conformance(const struct hsm_factory *factory)
{
    struct pos_hsm *center = factory->open(factory->context, 0);
    struct pos_hsm *mother = factory->open(factory->context, 1);
    struct pos_hsm_session *sessions[2];
    struct tally tally = {0};
    check_module(factory, center, mother);
    cr_assert(pos_hsm_session_open(center, &sessions[0]) == POS_OK);
    cr_assert(pos_hsm_session_open(mother, &sessions[1]) == POS_OK);
    for (int algorithm = POS_ALGORITHM_NONE + 1; algorithm < POS_ALGORITHM_COUNT; algorithm++)
        run_algorithm(factory, (enum pos_algorithm)algorithm, sessions[0], sessions[1], &tally);
    check_audit_mac(sessions[0], sessions[1], factory->name);
    check_past_the_bound(sessions[0], factory->name);
    (void)printf("%s: %zu combinations ran, %zu skipped\n", factory->name, tally.run,
                 tally.skipped);
    (void)fflush(stdout);
    cr_expect(tally.skipped == count_skips(factory), "%zu", tally.skipped);
    cr_expect(tally.run + tally.skipped == (POS_ALGORITHM_COUNT - 1) * HSM_GROUP_COUNT, "%zu",
              tally.run);
    pos_hsm_session_close(sessions[0]);
    pos_hsm_session_close(sessions[1]);
    pos_hsm_session_close(NULL);
    pos_hsm_close(center);
    pos_hsm_close(mother);
    pos_hsm_close(NULL);
}

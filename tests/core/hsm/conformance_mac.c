/* MACs: of messages, of hosts, of files, of audit records; and their keys in event loops. */
#include <string.h>

#include "core/crypto/derive.h"
#include "tests/core/hsm/conformance_inside.h"

/* ---- messages ---- */

enum pos_status core_mac(const struct stage *stage)
{
    uint8_t mac[POS_MAC_SIZE];
    return pos_hsm_make_mac(stage->center, &stage->tak.key, POS_MAC_WORKING,
                            pos_bytes_text(stage_message), mac);
}

/* `right` is the MAC of stage_message. */
static void expect_mac(const struct stage *stage, const struct pos_key *key,
                       enum pos_mac_purpose purpose, const uint8_t *right)
{
    uint8_t mac[POS_MAC_SIZE];
    struct pos_bytes text = pos_bytes_text(stage_message);
    memcpy(mac, right, sizeof mac);
    for (int time = 0; time < 2; time++) /* before and after the key is remembered */
        cr_expect(pos_hsm_verify_mac(stage->center, key, purpose, text, mac) == POS_OK,
                  "%s: purpose %d", stage->name, purpose);
    cr_expect(pos_hsm_verify_mac(stage->center, key, purpose, pos_bytes(stage_message, 5), mac) ==
              POS_ERR_MAC);
    for (size_t bit = 0; bit < 8 * POS_MAC_SIZE; bit++) {
        mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_expect(pos_hsm_verify_mac(stage->center, key, purpose, text, mac) == POS_ERR_MAC,
                  "%s: purpose %d, bit %zu", stage->name, purpose, bit);
        mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_expect(pos_hsm_make_mac(stage->center, key, purpose, text, mac) == POS_OK);
    cr_expect_arr_eq(mac, right, POS_MAC_SIZE, "%s: purpose %d", stage->name, purpose);
}

static void expect_derived(const struct stage *stage, const struct known_key *key,
                           enum pos_mac_purpose purpose, enum pos_derivation derivation)
{
    uint8_t derived[POS_KEY_SIZE_MAX], right[16];
    enum pos_algorithm algorithm = key->key.algorithm;
    cr_assert(pos_derive(algorithm, key->clear, derivation, derived) == POS_OK);
    stage_mac(POS_MAC_CMAC, algorithm, derived, pos_bytes_text(stage_message), right);
    expect_mac(stage, &key->key, purpose, right);
}

static void expect_working(const struct stage *stage)
{
    uint8_t right[16], mac[POS_MAC_SIZE];
    struct pos_bytes text = pos_bytes_text(stage_message);
    bool tdes = stage->working == POS_ALGORITHM_T2;
    stage_mac(tdes ? POS_MAC_RETAIL : POS_MAC_CMAC, stage->working, stage->tak.clear, text, right);
    expect_mac(stage, &stage->tak.key, POS_MAC_WORKING, right);
    if (!tdes) {
        cr_expect(pos_hsm_make_mac(stage->center, &stage->tak.key, POS_MAC_WORKING_ECB, text,
                                   mac) == POS_ERR_USAGE,
                  "%s: the ECB MAC is for T2", stage->name);
        return;
    }
    stage_mac(POS_MAC_CUP_ECB, stage->working, stage->tak.clear, text, right);
    expect_mac(stage, &stage->tak.key, POS_MAC_WORKING_ECB, right);
}

static bool is_for(enum pos_key_usage usage, enum pos_mac_purpose purpose)
{
    switch (purpose) {
    case POS_MAC_WORKING:
    case POS_MAC_WORKING_ECB:
        return usage == POS_USAGE_TAK;
    case POS_MAC_REGISTRATION:
        return usage == POS_USAGE_TMK;
    case POS_MAC_ZONE:
        return usage == POS_USAGE_ZAK;
    default:
        return usage == POS_USAGE_KTK;
    }
}

static void expect_right_usages_alone(const struct stage *stage)
{
    const struct known_key *const keys[] = {&stage->tmk, &stage->tpk, &stage->tak, &stage->tdk,
                                            &stage->ktk};
    struct pos_bytes text = pos_bytes_text(stage_message);
    uint8_t mac[POS_MAC_SIZE];
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        for (int i = 0; i < POS_MAC_PURPOSE_COUNT; i++) {
            enum pos_mac_purpose purpose = (enum pos_mac_purpose)i;
            const struct pos_key *key = &keys[k]->key;
            bool right = is_for(key->usage, purpose) &&
                         (purpose != POS_MAC_WORKING_ECB || key->algorithm == POS_ALGORITHM_T2);
            enum pos_status status = pos_hsm_make_mac(stage->center, key, purpose, text, mac);
            cr_expect(status == (right ? POS_OK : POS_ERR_USAGE), "%s: %s for %d: %s", stage->name,
                      pos_key_usage_name(key->usage), i, pos_status_text(status));
        }
}

void run_mac(const struct stage *stage)
{
    expect_working(stage);
    expect_derived(stage, &stage->tmk, POS_MAC_REGISTRATION, POS_DERIVE_REGISTRATION);
    expect_right_usages_alone(stage);
}

/* ---- hosts ---- */

/* SM4 is for terminals alone. */
enum pos_status core_zone(const struct stage *stage)
{
    uint8_t mac[POS_MAC_SIZE];
    struct pos_key zak = {.usage = POS_USAGE_ZAK, .algorithm = POS_ALGORITHM_SM4, .size = 64};
    if (stage->algorithm != POS_ALGORITHM_SM4)
        zak = stage_put(stage->center, POS_USAGE_ZAK, stage->algorithm, 0x51).key;
    enum pos_status status =
        pos_hsm_make_mac(stage->center, &zak, POS_MAC_ZONE, pos_bytes_text(stage_message), mac);
    if (stage->algorithm == POS_ALGORITHM_SM4)
        return status == POS_ERR_USAGE ? POS_OK : POS_ERR_STATE;
    return status;
}

void run_zone(const struct stage *stage)
{
    if (stage->algorithm == POS_ALGORITHM_SM4)
        return;
    uint8_t right[16], mac[POS_MAC_SIZE];
    struct known_key zak = stage_put(stage->center, POS_USAGE_ZAK, stage->algorithm, 0x51);
    bool retail = stage->algorithm == POS_ALGORITHM_T2;
    stage_mac(retail ? POS_MAC_RETAIL : POS_MAC_CMAC, stage->algorithm, zak.clear,
              pos_bytes_text(stage_message), right);
    expect_mac(stage, &zak.key, POS_MAC_ZONE, right);
    for (int i = 0; i < POS_MAC_PURPOSE_COUNT; i++)
        if (i != POS_MAC_ZONE)
            cr_expect(pos_hsm_make_mac(stage->center, &zak.key, (enum pos_mac_purpose)i,
                                       pos_bytes_text(stage_message), mac) == POS_ERR_USAGE);
    zak.key.usage = POS_USAGE_TAK;
    enum pos_status status = pos_hsm_make_mac(stage->center, &zak.key, POS_MAC_WORKING,
                                              pos_bytes_text(stage_message), mac);
    cr_expect(status == POS_ERR_CORRUPT || status == POS_ERR_USAGE, "%s: a ZAK is no TAK: %s",
              stage->name, pos_status_text(status));
}

/* ---- files ---- */

enum pos_status core_file_mac(const struct stage *stage)
{
    uint8_t mac[16];
    enum pos_status status = pos_hsm_file_mac_start(stage->center, &stage->ktk.key);
    if (status == POS_OK)
        status = pos_hsm_file_mac_finish(stage->center, mac);
    return status;
}

static void right_file_mac(const struct known_key *ktk, enum pos_derivation derivation,
                           uint8_t right[16])
{
    uint8_t derived[POS_KEY_SIZE_MAX];
    cr_assert(pos_derive(ktk->key.algorithm, ktk->clear, derivation, derived) == POS_OK);
    stage_mac(POS_MAC_CMAC, ktk->key.algorithm, derived, pos_bytes_text(stage_message), right);
}

static void expect_pieces(const struct stage *stage, const struct known_key *ktk)
{
    struct pos_hsm_session *s = stage->center;
    uint8_t right[16], back[16], mac[16], other[POS_MAC_SIZE];
    right_file_mac(ktk, POS_DERIVE_KEY_FILE, right);
    for (int time = 0; time < 2; time++) {
        cr_expect(pos_hsm_file_mac_start(s, &ktk->key) == POS_OK);
        cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text("what a second start forgets")) == 0);
        cr_expect(pos_hsm_file_mac_start(s, &ktk->key) == POS_OK);
        cr_expect(pos_hsm_file_mac_add(s, pos_bytes(stage_message, 3)) == POS_OK);
        /* Other MACs go on in between, even under the same key. */
        cr_expect(pos_hsm_make_mac(s, &ktk->key, POS_MAC_KEY_FILE, pos_bytes_text("x"), other) ==
                  POS_OK);
        cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(stage_message + 3)) == POS_OK);
        cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_OK);
        cr_expect_arr_eq(mac, right, sizeof mac, "%s: under %s", stage->name,
                         pos_algorithm_name(ktk->key.algorithm));
    }
    /* The file that comes back has a key of its own: neither passes for the other. */
    right_file_mac(ktk, POS_DERIVE_RETURN_FILE, right);
    cr_expect(pos_hsm_return_mac_start(s, &ktk->key) == POS_OK);
    cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(stage_message)) == POS_OK);
    cr_expect(pos_hsm_file_mac_finish(s, back) == POS_OK);
    cr_expect_arr_eq(back, right, sizeof back, "%s", stage->name);
    cr_expect(memcmp(back, mac, 8) != 0);
    expect_derived(stage, ktk, POS_MAC_KEY_FILE, POS_DERIVE_KEY_FILE);
    expect_derived(stage, ktk, POS_MAC_RETURN_FILE, POS_DERIVE_RETURN_FILE);
}

void run_file_mac(const struct stage *stage)
{
    struct pos_hsm_session *s = stage->center;
    uint8_t mac[16];
    cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(stage_message)) == POS_ERR_STATE);
    cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_ERR_STATE);
    cr_expect(pos_hsm_file_mac_start(s, &stage->tmk.key) == POS_ERR_USAGE);
    cr_expect(pos_hsm_return_mac_start(s, &stage->tmk.key) == POS_ERR_USAGE);
    cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(stage_message)) == POS_ERR_STATE);
    struct known_key ktk = stage->ktk;
    if (stage->algorithm != POS_ALGORITHM_SM4)
        ktk = stage_put(s, POS_USAGE_KTK, stage->algorithm, 0x52);
    expect_pieces(stage, &ktk);
    cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_ERR_STATE);
    ktk.key.data[3] ^= 4;
    cr_expect(pos_hsm_file_mac_start(s, &ktk.key) == POS_ERR_CORRUPT);
    cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_ERR_STATE);
}

/* ---- audit records ---- */

void check_audit_mac(struct pos_hsm_session *center, struct pos_hsm_session *mother,
                     const char *name)
{
    uint8_t first[16], again[16], other[16];
    struct pos_hsm_session *second;
    struct pos_bytes record = pos_bytes_text("a record");
    cr_assert(pos_hsm_session_open(center->hsm, &second) == POS_OK);
    cr_expect(pos_hsm_audit_mac(center, record, first) == POS_OK);
    cr_expect(pos_hsm_audit_mac(second, record, again) == POS_OK);
    cr_expect_arr_eq(first, again, sizeof first, "%s: it belongs to the LMK", name);
    cr_expect(pos_hsm_audit_mac(mother, record, other) == POS_OK);
    cr_expect(memcmp(first, other, sizeof first) != 0, "%s: to another LMK another", name);
    cr_expect(pos_hsm_audit_mac(center, pos_bytes_text("a recorf"), other) == POS_OK);
    cr_expect(memcmp(first, other, sizeof first) != 0);
    pos_hsm_session_close(second);
}

/* ---- local sessions ---- */

enum pos_status core_local(const struct stage *stage)
{
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    cr_assert(parcel != NULL);
    enum pos_status status =
        pos_hsm_fetch_mac_key(stage->center, &stage->tak.key, POS_MAC_WORKING, parcel);
    pos_mac_parcel_destroy(parcel);
    pos_mac_parcel_destroy(NULL);
    return status;
}

/* Before a key is brought, a module that waits says BUSY; afterwards it MACs like any other. */
static void expect_local_mac(const struct stage *stage, struct pos_hsm_session *local,
                             const struct pos_key *key, enum pos_mac_purpose purpose)
{
    struct pos_bytes text = pos_bytes_text(stage_message);
    uint8_t right[POS_MAC_SIZE], mac[POS_MAC_SIZE];
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    cr_assert(pos_hsm_make_mac(stage->center, key, purpose, text, right) == POS_OK);
    enum pos_status before = pos_hsm_waits(local->hsm) ? POS_ERR_BUSY : POS_OK;
    cr_expect(pos_hsm_make_mac(local, key, purpose, text, mac) == before, "%s: purpose %d",
              stage->name, purpose);
    cr_expect(pos_hsm_verify_mac(local, key, purpose, text, right) == before);
    for (int time = 0; time < 2; time++) { /* a key may be brought twice */
        cr_assert(pos_hsm_fetch_mac_key(stage->center, key, purpose, parcel) == POS_OK);
        cr_assert(pos_hsm_take_mac_key(local, parcel) == POS_OK, "%s: purpose %d", stage->name,
                  purpose);
        cr_expect(pos_hsm_take_mac_key(local, parcel) == POS_ERR_STATE, "the parcel is empty");
    }
    cr_expect(pos_hsm_make_mac(local, key, purpose, text, mac) == POS_OK);
    cr_expect_arr_eq(mac, right, sizeof mac, "%s: purpose %d", stage->name, purpose);
    cr_expect(pos_hsm_verify_mac(local, key, purpose, text, right) == POS_OK);
    right[7] ^= 1;
    cr_expect(pos_hsm_verify_mac(local, key, purpose, text, right) == POS_ERR_MAC);
    struct pos_key changed = *key;
    changed.data[0] ^= 1;
    enum pos_status status = pos_hsm_verify_mac(local, &changed, purpose, text, mac);
    cr_expect(status == (pos_hsm_waits(local->hsm) ? POS_ERR_BUSY : POS_ERR_CORRUPT),
              "%s: a key that is there does not vouch for another", stage->name);
    for (unsigned size = 0; size < 256; size++) {
        changed = *key;
        changed.size = (uint8_t)size;
        status = pos_hsm_verify_mac(local, &changed, purpose, text, mac);
        cr_expect(size == key->size ? status == POS_OK
                                    : status == POS_ERR_CORRUPT || status == POS_ERR_BUSY,
                  "%s: size %u: %s", stage->name, size, pos_status_text(status));
    }
    pos_mac_parcel_destroy(parcel);
}

static void expect_no_parcel(const struct stage *stage, struct pos_hsm_session *local)
{
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    struct pos_key key = stage->tak.key;
    cr_expect(pos_hsm_take_mac_key(local, parcel) == POS_ERR_STATE);
    cr_expect(pos_hsm_fetch_mac_key(stage->center, &stage->tpk.key, POS_MAC_WORKING, parcel) ==
              POS_ERR_USAGE);
    cr_expect(pos_hsm_take_mac_key(local, parcel) == POS_ERR_STATE);
    key.data[5] ^= 1;
    cr_expect(pos_hsm_fetch_mac_key(stage->center, &key, POS_MAC_WORKING, parcel) ==
              POS_ERR_CORRUPT);
    cr_expect(pos_hsm_take_mac_key(local, parcel) == POS_ERR_STATE);
    cr_expect(pos_hsm_fetch_mac_key(stage->center, &stage->tak.key, POS_MAC_WORKING, parcel) ==
              POS_OK);
    cr_expect(pos_hsm_take_mac_key(stage->mother, parcel) == POS_ERR_CORRUPT,
              "%s: another module's parcel", stage->name);
    cr_expect(pos_hsm_take_mac_key(local, parcel) == POS_ERR_STATE, "and it is wiped");
    pos_mac_parcel_destroy(parcel);
}

/* In a module that waits a local session has MACs alone. */
static void expect_macs_alone(const struct stage *stage, struct pos_hsm_session *local)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], mac[32], point[32] = {9};
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_component parts[2] = {0};
    struct pos_key key;
    struct pos_kcv kcv;
    struct pos_pin_cryptogram pin = {.format = POS_PIN_FORMAT_4, .size = 16}, translated = pin;
    const struct pos_key *tmk = &stage->tmk.key, *ktk = &stage->ktk.key, *tpk = &stage->tpk.key;
    const enum pos_status statuses[] = {
        pos_hsm_generate(local, POS_USAGE_TMK, stage->algorithm, &key, &kcv),
        pos_hsm_generate_single(local, POS_USAGE_TAK, &key, &kcv),
        pos_hsm_import_components(local, POS_USAGE_KTK, POS_ALGORITHM_A256, parts, 2, &key, &kcv,
                                  NULL),
        pos_hsm_kcv(local, tmk, &kcv),
        pos_hsm_move_key(local, stage->center, tmk, &key),
        pos_hsm_move_key(stage->center, local, tmk, &key),
        pos_hsm_export_tmk(local, tmk, ktk, &out),
        pos_hsm_export_tmk_bare(local, tmk, ktk, &out),
        pos_hsm_import_tmk(local, pos_bytes_text("D"), ktk, stage->algorithm, &key, &kcv, NULL),
        pos_hsm_deliver_tmk(local, tmk, point, mac, &out),
        pos_hsm_wrap_working_key(local, tmk, tpk, &out),
        pos_hsm_audit_mac(local, pos_bytes_text("r"), mac),
        pos_hsm_file_mac_start(local, ktk),
        pos_hsm_return_mac_start(local, ktk),
        pos_hsm_translate_pin(local, tpk, tpk, pos_bytes_text("1"), &pin, &translated),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        cr_expect(statuses[i] == POS_ERR_NOT_ALLOWED, "%s: verb %zu: %s", stage->name, i,
                  pos_status_text(statuses[i]));
}

void run_local(const struct stage *stage)
{
    struct pos_hsm_session *local;
    cr_assert(pos_hsm_session_open_local(stage->center->hsm, &local) == POS_OK);
    expect_no_parcel(stage, local);
    expect_local_mac(stage, local, &stage->tak.key, POS_MAC_WORKING);
    expect_local_mac(stage, local, &stage->tmk.key, POS_MAC_REGISTRATION);
    if (stage->working == POS_ALGORITHM_T2)
        expect_local_mac(stage, local, &stage->tak.key, POS_MAC_WORKING_ECB);
    if (stage->algorithm != POS_ALGORITHM_SM4) {
        struct known_key zak = stage_put(stage->center, POS_USAGE_ZAK, stage->algorithm, 0x51);
        expect_local_mac(stage, local, &zak.key, POS_MAC_ZONE);
    }
    struct pos_kcv kcv;
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    if (pos_hsm_waits(local->hsm)) {
        expect_macs_alone(stage, local);
        cr_assert(pos_hsm_fetch_mac_key(stage->center, &stage->tak.key, POS_MAC_WORKING, parcel) ==
                  POS_OK);
        cr_expect(pos_hsm_take_mac_key(stage->center, parcel) == POS_ERR_NOT_ALLOWED);
        cr_expect(pos_hsm_fetch_mac_key(local, &stage->tak.key, POS_MAC_WORKING, parcel) ==
                  POS_ERR_NOT_ALLOWED);
    } else {
        cr_expect(pos_hsm_kcv(local, &stage->tmk.key, &kcv) == POS_OK, "a session like any other");
    }
    pos_mac_parcel_destroy(parcel);
    pos_hsm_session_close(local);
}

/* ---- the bound ---- */

/* More keys than a session remembers, of all algorithms in turn, then all of them again. */
void check_past_the_bound(struct pos_hsm_session *session, const char *name)
{
    enum { COUNT = POS_KEY_CONTEXT_COUNT_MAX + 100 };
    static struct pos_key keys[COUNT];
    static uint8_t macs[COUNT][POS_MAC_SIZE];
    static const enum pos_algorithm all[] = {POS_ALGORITHM_A256, POS_ALGORITHM_T2,
                                             POS_ALGORITHM_SM4, POS_ALGORITHM_A128};
    struct pos_bytes text = pos_bytes_text(stage_message);
    struct pos_kcv kcv;
    for (int i = 0; i < COUNT; i++) {
        enum pos_algorithm algorithm = all[i % 4];
        if (!pos_hsm_serves(session->hsm, algorithm))
            algorithm = POS_ALGORITHM_A256;
        cr_assert(pos_hsm_generate(session, POS_USAGE_TAK, algorithm, &keys[i], &kcv) == POS_OK);
        cr_assert(pos_hsm_make_mac(session, &keys[i], POS_MAC_WORKING, text, macs[i]) == POS_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        cr_expect(pos_hsm_verify_mac(session, &keys[i], POS_MAC_WORKING, text, macs[i]) == POS_OK,
                  "%s: key %d", name, i);
        cr_expect(pos_hsm_verify_mac(session, &keys[i], POS_MAC_WORKING, text,
                                     macs[(i + 1) % COUNT]) == POS_ERR_MAC);
    }
}

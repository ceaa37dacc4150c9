/* The way into a security module: MACs, and the keys for them that go to event loops. */
#include <assert.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/hsm/hsm_inside.h"

static const struct {
    enum pos_key_usage usage;
    bool derives;
    enum pos_derivation derivation;
} traits[POS_MAC_PURPOSE_COUNT] = {
    [POS_MAC_WORKING] = {.usage = POS_USAGE_TAK},
    [POS_MAC_REGISTRATION] = {POS_USAGE_TMK, true, POS_DERIVE_REGISTRATION},
    [POS_MAC_KEY_FILE] = {POS_USAGE_KTK, true, POS_DERIVE_KEY_FILE},
    [POS_MAC_RETURN_FILE] = {POS_USAGE_KTK, true, POS_DERIVE_RETURN_FILE},
    [POS_MAC_WORKING_ECB] = {.usage = POS_USAGE_TAK},
    [POS_MAC_ZONE] = {.usage = POS_USAGE_ZAK},
};

enum pos_mac_algorithm pos_mac_purpose_algorithm(enum pos_mac_purpose purpose,
                                                 enum pos_algorithm algorithm)
{
    if (purpose == POS_MAC_WORKING_ECB)
        return POS_MAC_CUP_ECB;
    bool retail = algorithm == POS_ALGORITHM_T2 && !traits[purpose].derives;
    return retail ? POS_MAC_RETAIL : POS_MAC_CMAC;
}

bool pos_mac_purpose_derives(enum pos_mac_purpose purpose, enum pos_derivation *derivation)
{
    *derivation = traits[purpose].derivation;
    return traits[purpose].derives;
}

static enum pos_status check(const struct pos_hsm_session *session, const struct pos_key *key,
                             enum pos_mac_purpose purpose)
{
    assert((unsigned)purpose < POS_MAC_PURPOSE_COUNT);
    if (purpose == POS_MAC_WORKING_ECB && key->algorithm != POS_ALGORITHM_T2)
        return POS_ERR_USAGE;
    return pos_hsm_check_key(session, key, traits[purpose].usage);
}

/* ---- of messages ---- */

static enum pos_status mac(struct pos_hsm_session *session, const struct pos_key *key,
                           enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t out[16])
{
    enum pos_status status = check(session, key, purpose);
    size_t size = 0;
    if (status == POS_OK)
        status = pos_hsm_module_of(session)->mac(session, key, purpose, message, out, &size);
    assert(status != POS_OK || size >= POS_MAC_SIZE);
    return status;
}

enum pos_status pos_hsm_make_mac(struct pos_hsm_session *session, const struct pos_key *key,
                                 enum pos_mac_purpose purpose, struct pos_bytes message,
                                 uint8_t mac_out[POS_MAC_SIZE])
{
    uint8_t whole[16];
    enum pos_status status = mac(session, key, purpose, message, whole);
    if (status == POS_OK)
        memcpy(mac_out, whole, POS_MAC_SIZE);
    return status;
}

enum pos_status pos_hsm_verify_mac(struct pos_hsm_session *session, const struct pos_key *key,
                                   enum pos_mac_purpose purpose, struct pos_bytes message,
                                   const uint8_t mac_in[POS_MAC_SIZE])
{
    uint8_t right[16];
    enum pos_status status = mac(session, key, purpose, message, right);
    if (status != POS_OK)
        return status;
    bool equal = pos_secret_equal(right, mac_in, POS_MAC_SIZE);
    /* The right MAC of a message somebody else made must not stay behind on the stack. */
    pos_secret_wipe(right, sizeof right);
    return equal ? POS_OK : POS_ERR_MAC;
}

/* ---- keys for event loops ---- */

struct pos_mac_parcel {
    const struct pos_hsm *hsm; /* NULL: empty */
    struct pos_key key;
    enum pos_mac_purpose purpose;
    enum pos_algorithm algorithm;
    uint8_t clear[POS_KEY_SIZE_MAX];
};

struct pos_mac_parcel *pos_mac_parcel_create(void)
{
    return pos_secret_create(sizeof(struct pos_mac_parcel));
}

void pos_mac_parcel_destroy(struct pos_mac_parcel *parcel)
{
    pos_secret_destroy(parcel, sizeof *parcel);
}

enum pos_status pos_hsm_fetch_mac_key(struct pos_hsm_session *session, const struct pos_key *key,
                                      enum pos_mac_purpose purpose, struct pos_mac_parcel *parcel)
{
    pos_secret_wipe(parcel, sizeof *parcel);
    enum pos_status status = pos_hsm_check_verb(session);
    if (status == POS_OK)
        status = check(session, key, purpose);
    if (status == POS_OK)
        status = pos_hsm_module_of(session)->fetch_mac_key(session, key, purpose, parcel->clear,
                                                           &parcel->algorithm);
    if (status == POS_OK && parcel->algorithm != key->algorithm)
        status = POS_ERR_HSM;
    if (status != POS_OK) {
        pos_secret_wipe(parcel, sizeof *parcel);
        return status;
    }
    parcel->key = *key;
    parcel->purpose = purpose;
    parcel->hsm = session->hsm;
    return POS_OK;
}

enum pos_status pos_hsm_take_mac_key(struct pos_hsm_session *local, struct pos_mac_parcel *parcel)
{
    enum pos_status status = POS_OK;
    if (parcel->hsm == NULL)
        status = POS_ERR_STATE;
    else if (parcel->hsm != local->hsm)
        status = POS_ERR_CORRUPT; /* another module's key */
    else if (pos_hsm_waits(local->hsm) && !local->local)
        status = POS_ERR_NOT_ALLOWED;
    if (status == POS_OK)
        status = pos_hsm_module_of(local)->take_mac_key(local, &parcel->key, parcel->purpose,
                                                        parcel->clear, parcel->algorithm);
    pos_secret_wipe(parcel, sizeof *parcel);
    return status;
}

/* ---- of audit records and files ---- */

enum pos_status pos_hsm_audit_mac(struct pos_hsm_session *session, struct pos_bytes record,
                                  uint8_t mac_out[16])
{
    enum pos_status status = pos_hsm_check_verb(session);
    return status == POS_OK ? pos_hsm_module_of(session)->audit_mac(session, record, mac_out)
                            : status;
}

static enum pos_status file_mac_start(struct pos_hsm_session *session, const struct pos_key *ktk,
                                      enum pos_mac_purpose purpose)
{
    session->file_mac_open = false;
    enum pos_status status = pos_hsm_check_verb(session);
    if (status == POS_OK)
        status = check(session, ktk, purpose);
    if (status == POS_OK)
        status = pos_hsm_module_of(session)->file_mac_start(session, ktk, purpose);
    session->file_mac_open = status == POS_OK;
    return status;
}

enum pos_status pos_hsm_file_mac_start(struct pos_hsm_session *session, const struct pos_key *ktk)
{
    return file_mac_start(session, ktk, POS_MAC_KEY_FILE);
}

enum pos_status pos_hsm_return_mac_start(struct pos_hsm_session *session, const struct pos_key *ktk)
{
    return file_mac_start(session, ktk, POS_MAC_RETURN_FILE);
}

enum pos_status pos_hsm_file_mac_add(struct pos_hsm_session *session, struct pos_bytes piece)
{
    if (!session->file_mac_open)
        return POS_ERR_STATE;
    return pos_hsm_module_of(session)->file_mac_add(session, piece);
}

enum pos_status pos_hsm_file_mac_finish(struct pos_hsm_session *session, uint8_t mac_out[16])
{
    if (!session->file_mac_open)
        return POS_ERR_STATE;
    session->file_mac_open = false;
    memset(mac_out, 0, 16);
    return pos_hsm_module_of(session)->file_mac_finish(session, mac_out);
}

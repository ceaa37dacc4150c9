/*
 * The way into a security module: the rules that hold for every kind of it, then the verb of the
 * kind that it is.
 */
#include "core/hsm/hsm.h"

#include <assert.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/hsm/component.h"
#include "core/hsm/module.h"

/* Other algorithms have check values, CMACs and derivations, but no blocks and MACs yet that a
 * terminal of theirs could use. */
static bool served(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_A128 || algorithm == POS_ALGORITHM_A256;
}

/* A row of a database is not to be trusted to hold a key at all. */
static enum pos_status check_key(const struct pos_key *key, enum pos_key_usage usage)
{
    if (key->usage != usage || !served(key->algorithm))
        return POS_ERR_USAGE;
    return key->size == 0 || key->size > sizeof key->data ? POS_ERR_CORRUPT : POS_OK;
}

static enum pos_status check_keys(const struct pos_key *first, enum pos_key_usage first_usage,
                                  const struct pos_key *second, enum pos_key_usage second_usage)
{
    enum pos_status status = check_key(first, first_usage);
    return status == POS_OK ? check_key(second, second_usage) : status;
}

static const struct pos_hsm_module *module_of(const struct pos_hsm_session *session)
{
    return session->hsm->module;
}

/* ---- modules and sessions ---- */

void pos_hsm_close(struct pos_hsm *hsm)
{
    if (hsm == NULL)
        return;
    assert(atomic_load(&hsm->session_count) == 0);
    hsm->module->close(hsm);
}

const char *pos_hsm_describe(const struct pos_hsm *hsm)
{
    return hsm->description;
}

struct pos_kcv pos_hsm_lmk_kcv(const struct pos_hsm *hsm)
{
    return hsm->lmk_kcv;
}

enum pos_status pos_hsm_session_open(struct pos_hsm *hsm, struct pos_hsm_session **session)
{
    *session = NULL;
    enum pos_status status = hsm->module->session_open(hsm, false, session);
    if (status != POS_OK)
        return status;
    (*session)->hsm = hsm;
    (*session)->local = false;
    (void)atomic_fetch_add(&hsm->session_count, 1);
    return POS_OK;
}

void pos_hsm_session_close(struct pos_hsm_session *session)
{
    if (session == NULL)
        return;
    struct pos_hsm *hsm = session->hsm;
    hsm->module->session_close(session);
    (void)atomic_fetch_sub(&hsm->session_count, 1);
}

/* ---- keys ---- */

enum pos_status pos_hsm_generate(struct pos_hsm_session *session, enum pos_key_usage usage,
                                 enum pos_algorithm algorithm, struct pos_key *key,
                                 struct pos_kcv *kcv)
{
    *key = (struct pos_key){0};
    *kcv = (struct pos_kcv){0};
    bool ours = usage == POS_USAGE_TMK || usage == POS_USAGE_TPK || usage == POS_USAGE_TAK ||
                usage == POS_USAGE_TDK;
    if (!ours || !served(algorithm))
        return POS_ERR_USAGE;
    return module_of(session)->generate(session, usage, algorithm, false, key, kcv);
}

static enum pos_status check_ceremony(enum pos_key_usage usage, enum pos_algorithm algorithm,
                                      struct pos_error *error)
{
    if (usage != POS_USAGE_KTK && usage != POS_USAGE_ZPK && usage != POS_USAGE_ZAK)
        return pos_error_set(error, POS_ERR_USAGE, "KTK, ZPK and ZAK are made from components");
    if (!served(algorithm))
        return pos_error_set(error, POS_ERR_USAGE, "A128 and A256 are served, no other algorithm");
    return POS_OK;
}

enum pos_status pos_hsm_import_components(struct pos_hsm_session *session, enum pos_key_usage usage,
                                          enum pos_algorithm algorithm,
                                          const struct pos_component *components,
                                          size_t component_count, struct pos_key *key,
                                          struct pos_kcv *kcv, struct pos_error *error)
{
    *key = (struct pos_key){0};
    *kcv = (struct pos_kcv){0};
    enum pos_status status = check_ceremony(usage, algorithm, error);
    if (status != POS_OK)
        return status;
    uint8_t *clear = pos_secret_create(POS_KEY_SIZE_MAX);
    if (clear == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for a key");
    status = pos_component_combine(components, component_count, algorithm, clear, error);
    if (status == POS_OK) {
        status = module_of(session)->import_clear(session, usage, algorithm, clear, key, kcv);
        if (status != POS_OK)
            (void)pos_error_set(error, status, "the security module did not take the key: %s",
                                pos_status_text(status));
    }
    pos_secret_destroy(clear, POS_KEY_SIZE_MAX);
    return status;
}

enum pos_status pos_hsm_kcv(struct pos_hsm_session *session, const struct pos_key *key,
                            struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    bool known = key->usage > POS_USAGE_LMK && key->usage < POS_USAGE_COUNT;
    enum pos_status status = known ? check_key(key, key->usage) : POS_ERR_USAGE;
    return status == POS_OK ? module_of(session)->kcv(session, key, kcv) : status;
}

enum pos_status pos_hsm_export_tmk(struct pos_hsm_session *session, const struct pos_key *tmk,
                                   const struct pos_key *ktk, struct pos_buffer *block)
{
    enum pos_status status = check_keys(tmk, POS_USAGE_TMK, ktk, POS_USAGE_KTK);
    return status == POS_OK ? module_of(session)->export_tmk(session, tmk, ktk, block) : status;
}

/* Both algorithms that are served have blocks of 16 bytes, and keys of whole blocks. */
enum pos_status pos_hsm_export_tmk_bare(struct pos_hsm_session *session, const struct pos_key *tmk,
                                        const struct pos_key *ktk, struct pos_buffer *ciphertext)
{
    uint8_t coded[POS_KEY_SIZE_MAX];
    char text[2 * POS_KEY_SIZE_MAX + 1];
    enum pos_status status = check_keys(tmk, POS_USAGE_TMK, ktk, POS_USAGE_KTK);
    size_t size = status == POS_OK ? pos_algorithm_key_size(tmk->algorithm) : 0;
    if (status == POS_OK && size > pos_algorithm_key_size(ktk->algorithm))
        status = POS_ERR_NOT_ALLOWED;
    if (status == POS_OK)
        status = module_of(session)->export_tmk_bare(session, tmk, ktk, coded);
    if (status != POS_OK)
        return status;
    pos_hex_encode(pos_bytes(coded, size), text);
    pos_buffer_put_text(ciphertext, text);
    return ciphertext->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_hsm_import_tmk(struct pos_hsm_session *session, struct pos_bytes block,
                                   const struct pos_key *ktk, enum pos_algorithm algorithm,
                                   struct pos_key *tmk, struct pos_kcv *kcv,
                                   struct pos_error *error)
{
    *tmk = (struct pos_key){0};
    *kcv = (struct pos_kcv){0};
    enum pos_status status = served(algorithm) ? check_key(ktk, POS_USAGE_KTK) : POS_ERR_USAGE;
    if (status != POS_OK)
        return pos_error_set(error, status, "not a KTK, or an algorithm that is not served: %s",
                             pos_status_text(status));
    return module_of(session)->import_tmk(session, block, ktk, algorithm, tmk, kcv, error);
}

enum pos_status pos_hsm_wrap_working_key(struct pos_hsm_session *session, const struct pos_key *tmk,
                                         const struct pos_key *working_key,
                                         struct pos_buffer *block)
{
    bool pin = working_key->usage == POS_USAGE_TPK;
    enum pos_status status =
        check_keys(tmk, POS_USAGE_TMK, working_key, pin ? POS_USAGE_TPK : POS_USAGE_TAK);
    if (status != POS_OK)
        return status;
    return module_of(session)->wrap_working_key(session, tmk, working_key, block);
}

enum pos_status pos_hsm_deliver_tmk(struct pos_hsm_session *session, const struct pos_key *tmk,
                                    const uint8_t terminal_public[32], uint8_t mother_public[32],
                                    struct pos_buffer *block)
{
    enum pos_status status = check_key(tmk, POS_USAGE_TMK);
    if (status != POS_OK)
        return status;
    return module_of(session)->deliver_tmk(session, tmk, terminal_public, mother_public, block);
}

/* ---- MACs ---- */

static const enum pos_key_usage mac_usages[] = {
    [POS_MAC_WORKING] = POS_USAGE_TAK,     [POS_MAC_REGISTRATION] = POS_USAGE_TMK,
    [POS_MAC_KEY_FILE] = POS_USAGE_KTK,    [POS_MAC_RETURN_FILE] = POS_USAGE_KTK,
    [POS_MAC_WORKING_ECB] = POS_USAGE_TAK, [POS_MAC_ZONE] = POS_USAGE_ZAK,
};

static enum pos_status mac(struct pos_hsm_session *session, const struct pos_key *key,
                           enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t out[16])
{
    assert((size_t)purpose < sizeof mac_usages / sizeof mac_usages[0]);
    enum pos_status status = check_key(key, mac_usages[purpose]);
    size_t size = 0;
    if (status == POS_OK)
        status = module_of(session)->mac(session, key, purpose, message, out, &size);
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

static enum pos_status file_mac_start(struct pos_hsm_session *session, const struct pos_key *ktk,
                                      enum pos_mac_purpose purpose)
{
    session->file_mac_open = false;
    enum pos_status status = check_key(ktk, POS_USAGE_KTK);
    if (status == POS_OK)
        status = module_of(session)->file_mac_start(session, ktk, purpose);
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
    return module_of(session)->file_mac_add(session, piece);
}

enum pos_status pos_hsm_file_mac_finish(struct pos_hsm_session *session, uint8_t mac_out[16])
{
    if (!session->file_mac_open)
        return POS_ERR_STATE;
    session->file_mac_open = false;
    return module_of(session)->file_mac_finish(session, mac_out);
}

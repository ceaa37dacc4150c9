/* The software module's keys: making and opening them, and taking them to another LMK. */
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/kcv.h"
#include "core/crypto/random.h"
#include "core/hsm/key_attributes.h"
#include "core/hsm/software_inside.h"
#include "core/hsm/tdes.h"

enum pos_status pos_software_seal(struct pos_software_session *session, enum pos_key_usage usage,
                                  enum pos_algorithm algorithm, const uint8_t *clear,
                                  struct pos_key *key, struct pos_kcv *kcv)
{
    struct pos_key_block_attributes attributes = pos_key_attributes(usage, algorithm);
    struct pos_key made = {.usage = usage, .algorithm = algorithm};
    enum pos_status status = pos_kcv_make(session->check_values, algorithm, clear, kcv);
    if (status == POS_OK)
        status =
            pos_key_block_seal(session->lmk, &attributes, algorithm, clear, made.data, &made.size);
    if (status == POS_OK)
        *key = made;
    return status;
}

/* A value that does not open is damaged or another module's: a fault of ours, never the peer's. */
enum pos_status pos_software_open_key(struct pos_software_session *session,
                                      const struct pos_key *key, uint8_t *clear)
{
    struct pos_key_block_attributes attributes = pos_key_attributes(key->usage, key->algorithm);
    enum pos_status status = pos_key_block_unseal(session->lmk, &attributes, key->algorithm,
                                                  pos_bytes(key->data, key->size), clear);
    return pos_status_class(status) == POS_CLASS_PEER ? POS_ERR_CORRUPT : status;
}

void pos_software_forget(struct pos_software_session *session)
{
    pos_secret_wipe(session->page, sizeof *session->page);
}

/* ---- making ---- */

enum pos_status pos_software_import_clear(struct pos_hsm_session *base, enum pos_key_usage usage,
                                          enum pos_algorithm algorithm, const uint8_t *clear,
                                          struct pos_key *key, struct pos_kcv *kcv)
{
    return pos_software_seal(pos_software_own(base), usage, algorithm, clear, key, kcv);
}

enum pos_status pos_software_generate(struct pos_hsm_session *base, enum pos_key_usage usage,
                                      enum pos_algorithm algorithm, bool single,
                                      struct pos_key *key, struct pos_kcv *kcv)
{
    struct pos_software_session *session = pos_software_own(base);
    uint8_t *clear = session->page->first;
    size_t size = pos_algorithm_key_size(algorithm);
    enum pos_status status = pos_random(clear, size);
    if (pos_is_tdes(algorithm))
        pos_tdes_set_parity(clear, size);
    if (single)
        memcpy(clear + POS_DES_KEY_SIZE, clear, POS_DES_KEY_SIZE);
    if (status == POS_OK)
        status = pos_software_seal(session, usage, algorithm, clear, key, kcv);
    pos_software_forget(session);
    return status;
}

enum pos_status pos_software_kcv(struct pos_hsm_session *base, const struct pos_key *key,
                                 struct pos_kcv *kcv)
{
    struct pos_software_session *session = pos_software_own(base);
    enum pos_status status = pos_software_open_key(session, key, session->page->first);
    if (status == POS_OK)
        status = pos_kcv_make(session->check_values, key->algorithm, session->page->first, kcv);
    pos_software_forget(session);
    return status;
}

/* ---- to another LMK ---- */

enum pos_status pos_software_export_clear(struct pos_hsm_session *base, const struct pos_key *key,
                                          uint8_t *clear)
{
    return pos_software_open_key(pos_software_own(base), key, clear);
}

enum pos_status pos_software_move_key(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                      const struct pos_key *key, struct pos_key *moved)
{
    struct pos_software_session *source = pos_software_own(from);
    struct pos_kcv kcv;
    enum pos_status status = pos_software_open_key(source, key, source->page->first);
    if (status == POS_OK)
        status = pos_software_seal(pos_software_own(to), key->usage, key->algorithm,
                                   source->page->first, moved, &kcv);
    pos_software_forget(source);
    return status;
}

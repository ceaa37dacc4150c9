/* The software module's keys: making and opening them, and taking them to another LMK. */
#include <stddef.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/kcv.h"
#include "core/crypto/random.h"
#include "core/hsm/key_attributes.h"
#include "core/hsm/software_inside.h"
#include "core/hsm/tdes.h"

static struct pos_key_block_sealing sealing_into(enum pos_key_usage usage,
                                                 enum pos_algorithm algorithm, const uint8_t *clear,
                                                 struct pos_key *key)
{
    *key = (struct pos_key){.usage = usage, .algorithm = algorithm};
    return (struct pos_key_block_sealing){.attributes = pos_key_attributes(usage, algorithm),
                                          .key_algorithm = algorithm,
                                          .key = clear,
                                          .sealed = key->data,
                                          .sealed_size = &key->size};
}

enum pos_status pos_software_seal(struct pos_software_session *session, enum pos_key_usage usage,
                                  enum pos_algorithm algorithm, const uint8_t *clear,
                                  struct pos_key *key, struct pos_kcv *kcv)
{
    struct pos_key made;
    struct pos_key_block_sealing sealing = sealing_into(usage, algorithm, clear, &made);
    enum pos_status status = pos_kcv_make(session->check_values, algorithm, clear, kcv);
    if (status == POS_OK)
        status = pos_key_block_seal(session->sealer, &sealing, 1);
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
    pos_secret_wipe(session->page, offsetof(struct pos_software_page, made));
}

/* ---- making ---- */

enum pos_status pos_software_import_clear(struct pos_hsm_session *base, enum pos_key_usage usage,
                                          enum pos_algorithm algorithm, const uint8_t *clear,
                                          struct pos_key *key, struct pos_kcv *kcv)
{
    return pos_software_seal(pos_software_own(base), usage, algorithm, clear, key, kcv);
}

static enum pos_status make_clear(const struct pos_new_key *wanted, uint8_t *clear)
{
    size_t size = pos_algorithm_key_size(wanted->algorithm);
    enum pos_status status = pos_random(clear, size);
    if (pos_is_tdes(wanted->algorithm))
        pos_tdes_set_parity(clear, size);
    if (wanted->single)
        memcpy(clear + POS_DES_KEY_SIZE, clear, POS_DES_KEY_SIZE);
    return status;
}

static enum pos_status make_some(struct pos_software_session *session,
                                 const struct pos_new_key *wanted, size_t count)
{
    struct pos_key_block_sealing sealings[POS_SOFTWARE_NEW_COUNT];
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++) {
        uint8_t *clear = session->page->made[i];
        enum pos_algorithm algorithm = wanted[i].algorithm;
        sealings[i] = sealing_into(wanted[i].usage, algorithm, clear, wanted[i].key);
        status = make_clear(&wanted[i], clear);
        if (status == POS_OK)
            status = pos_kcv_make_next(session->check_values, algorithm, clear, wanted[i].kcv);
    }
    if (status == POS_OK)
        status = pos_key_block_seal(session->sealer, sealings, count);
    enum pos_status forgotten = pos_kcv_forget(session->check_values);
    pos_secret_wipe(session->page->made, count * sizeof session->page->made[0]);
    return status == POS_OK ? forgotten : status;
}

enum pos_status pos_software_generate(struct pos_hsm_session *base, const struct pos_new_key *keys,
                                      size_t count)
{
    struct pos_software_session *session = pos_software_own(base);
    enum pos_status status = POS_OK;
    for (size_t at = 0, part; at < count && status == POS_OK; at += part) {
        part = count - at < POS_SOFTWARE_NEW_COUNT ? count - at : POS_SOFTWARE_NEW_COUNT;
        status = make_some(session, keys + at, part);
    }
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

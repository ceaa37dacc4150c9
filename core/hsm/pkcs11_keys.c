/*
 * The token's keys: made, taken in, checked, and carried from one LMK to another. None of them is
 * seen outside but one: a key of single length cannot be made inside, because its two halves are
 * equal and no token makes such a key; so the token's generator makes 8 bytes, which are a key for
 * the first time in our locked memory.
 */
#include <string.h>

#include "core/base/secret.h"
#include "core/hsm/pkcs11_inside.h"
#include "core/hsm/tdes.h"

/* Value at rest and check value of an object, which is destroyed. */
static enum pos_status keep(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                            enum pos_key_usage usage, enum pos_algorithm algorithm,
                            struct pos_key *key, struct pos_kcv *kcv)
{
    enum pos_status status = pos_pkcs11_kcv(lease, object, algorithm, kcv);
    if (status == POS_OK)
        status = pos_pkcs11_seal(lease, object, usage, algorithm, key);
    pos_pkcs11_destroy(lease, object);
    return status;
}

static enum pos_status create_single(struct pos_pkcs11_lease *lease, uint8_t *clear,
                                     CK_OBJECT_HANDLE *object)
{
    enum pos_status status = pos_pkcs11_check(
        lease, lease->functions->C_GenerateRandom(lease->session, clear, POS_DES_KEY_SIZE));
    if (status != POS_OK)
        return status;
    pos_tdes_set_parity(clear, POS_DES_KEY_SIZE);
    memcpy(clear + POS_DES_KEY_SIZE, clear, POS_DES_KEY_SIZE);
    return pos_pkcs11_create(lease, POS_ALGORITHM_T2, clear, object);
}

static enum pos_status generate_one(struct pos_pkcs11_session *session,
                                    const struct pos_new_key *wanted)
{
    struct pos_pkcs11_lease lease;
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    status = wanted->single ? create_single(&lease, session->page->first, &object)
                            : pos_pkcs11_generate(&lease, wanted->algorithm, &object);
    if (status == POS_OK)
        status = keep(&lease, object, wanted->usage, wanted->algorithm, wanted->key, wanted->kcv);
    pos_pkcs11_forget(session);
    return pos_pkcs11_release(&lease, status);
}

/* A session of the token for each: many keys must not keep others waiting for one. */
enum pos_status pos_pkcs11_generate_keys(struct pos_hsm_session *base,
                                         const struct pos_new_key *keys, size_t count)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++)
        status = generate_one(pos_pkcs11_own(base), &keys[i]);
    return status;
}

enum pos_status pos_pkcs11_import_clear(struct pos_hsm_session *base, enum pos_key_usage usage,
                                        enum pos_algorithm algorithm, const uint8_t *clear,
                                        struct pos_key *key, struct pos_kcv *kcv)
{
    struct pos_pkcs11_lease lease;
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_acquire(pos_pkcs11_own(base)->token, &lease);
    if (status != POS_OK)
        return status;
    status = pos_pkcs11_create(&lease, algorithm, clear, &object);
    if (status == POS_OK)
        status = keep(&lease, object, usage, algorithm, key, kcv);
    return pos_pkcs11_release(&lease, status);
}

enum pos_status pos_pkcs11_key_kcv(struct pos_hsm_session *base, const struct pos_key *key,
                                   struct pos_kcv *kcv)
{
    struct pos_pkcs11_lease lease;
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_acquire(pos_pkcs11_own(base)->token, &lease);
    if (status != POS_OK)
        return status;
    status = pos_pkcs11_open(&lease, key, POS_PKCS11_INSIDE, &object);
    if (status == POS_OK)
        status = pos_pkcs11_kcv(&lease, object, key->algorithm, kcv);
    pos_pkcs11_destroy(&lease, object);
    return pos_pkcs11_release(&lease, status);
}

/* ---- from one LMK of a token to another ---- */

/* A token that was lost may be found in another slot meanwhile. */
static CK_SLOT_ID slot_of(struct pos_pkcs11_token *token)
{
    (void)pthread_mutex_lock(&token->lock);
    CK_SLOT_ID slot = token->slot;
    (void)pthread_mutex_unlock(&token->lock);
    return slot;
}

static bool same_token(struct pos_pkcs11_token *a, struct pos_pkcs11_token *b)
{
    return a->library == b->library && slot_of(a) == slot_of(b);
}

/* With one session: the handles of the other LMK are as good there, for it is on the same token. */
static enum pos_status carry(struct pos_pkcs11_lease *from, const struct pos_pkcs11_lease *to,
                             const struct pos_key *key, struct pos_key *moved)
{
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_open(from, key, POS_PKCS11_CARRIED, &object);
    if (status != POS_OK)
        return status;
    from->lmk = to->lmk;
    from->audit = to->audit;
    status = pos_pkcs11_seal(from, object, key->usage, key->algorithm, moved);
    pos_pkcs11_destroy(from, object);
    return status;
}

enum pos_status pos_pkcs11_move_key(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                    const struct pos_key *key, struct pos_key *moved)
{
    struct pos_pkcs11_token *source = pos_pkcs11_own(from)->token,
                            *target = pos_pkcs11_own(to)->token;
    struct pos_pkcs11_lease out, in;
    if (!same_token(source, target))
        return POS_ERR_NOT_ALLOWED;
    enum pos_status status = pos_pkcs11_acquire(source, &out);
    if (status != POS_OK)
        return status;
    /* Of the same pool no second session may be waited for: two who do that starve each other. */
    if (source == target)
        return pos_pkcs11_release(&out, carry(&out, &out, key, moved));
    status = pos_pkcs11_acquire(target, &in);
    if (status != POS_OK)
        return pos_pkcs11_release(&out, status);
    status = carry(&out, &in, key, moved);
    return pos_pkcs11_release(&out, pos_pkcs11_release(&in, status));
}

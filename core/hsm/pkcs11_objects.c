/*
 * One key inside the token, for the length of a verb: how it gets there, how it leaves, and what it
 * is at rest.
 *
 * Value at rest: AES key wrap under the LMK | AES-CMAC under the audit key over
 *     "posgate key v1\0\0" | usage 1 | algorithm 1 | wrapped bytes.
 * Audit records are MACed under the same key with other 16 bytes in front (pkcs11_use.c), so
 * neither passes for the other.
 */
#include <assert.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/hsm/pkcs11.h"

enum {
    WRAP_OVERHEAD = 8, /* RFC 3394 */
};

_Static_assert(POS_KEY_SIZE_MAX + WRAP_OVERHEAD + POS_PKCS11_MAC_SIZE <= POS_KEY_VALUE_SIZE_MAX,
               "the longest key fits its value at rest");

static const char key_prefix[POS_PKCS11_MAC_SIZE] = "posgate key v1";

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;

/* ---- templates ---- */

enum { TEMPLATE_SIZE_MAX = 12 };

struct template
{
    CK_ATTRIBUTE rows[TEMPLATE_SIZE_MAX];
    CK_ULONG count;
};

static void add(struct template *template, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG size)
{
    assert(template->count < TEMPLATE_SIZE_MAX);
    template->rows[template->count++] = (CK_ATTRIBUTE){type, value, size};
}

/* A session object: gone with its session at the latest. */
static struct template template_for(enum pos_pkcs11_access access)
{
    struct template template = {.count = 0};
    add(&template, CKA_TOKEN, &no, sizeof no);
    add(&template, CKA_PRIVATE, &yes, sizeof yes);
    add(&template, CKA_SENSITIVE, access == POS_PKCS11_OUTSIDE ? &no : &yes, sizeof yes);
    add(&template, CKA_EXTRACTABLE, access == POS_PKCS11_INSIDE ? &no : &yes, sizeof yes);
    add(&template, CKA_SIGN, &yes, sizeof yes);
    add(&template, CKA_ENCRYPT, &yes, sizeof yes);
    add(&template, CKA_DECRYPT, &yes, sizeof yes);
    return template;
}

/* ---- keys come and go ---- */

enum pos_status pos_pkcs11_generate(struct pos_pkcs11_lease *lease, enum pos_algorithm algorithm,
                                    CK_OBJECT_HANDLE *object)
{
    CK_ULONG size = (CK_ULONG)pos_algorithm_key_size(algorithm);
    CK_MECHANISM mechanism = {.mechanism = pos_pkcs11_traits_of(algorithm)->generate};
    struct template template = template_for(POS_PKCS11_CARRIED);
    if (mechanism.mechanism == CKM_AES_KEY_GEN) /* TDES keys have their lengths by their type */
        add(&template, CKA_VALUE_LEN, &size, sizeof size);
    *object = 0;
    return pos_pkcs11_check(lease,
                            lease->functions->C_GenerateKey(lease->session, &mechanism,
                                                            template.rows, template.count, object));
}

enum pos_status pos_pkcs11_create(struct pos_pkcs11_lease *lease, enum pos_algorithm algorithm,
                                  const uint8_t *clear, CK_OBJECT_HANDLE *object)
{
    CK_KEY_TYPE type = pos_pkcs11_traits_of(algorithm)->type;
    struct template template = template_for(POS_PKCS11_CARRIED);
    add(&template, CKA_CLASS, &secret_key, sizeof secret_key);
    add(&template, CKA_KEY_TYPE, &type, sizeof type);
    add(&template, CKA_VALUE, pos_pkcs11_unconst(clear), pos_algorithm_key_size(algorithm));
    *object = 0;
    return pos_pkcs11_check(lease, lease->functions->C_CreateObject(lease->session, template.rows,
                                                                    template.count, object));
}

void pos_pkcs11_destroy(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object)
{
    if (object == 0)
        return;
    /* If this fails the session is closed, and the object goes with it. */
    enum pos_status status =
        pos_pkcs11_check(lease, lease->functions->C_DestroyObject(lease->session, object));
    (void)status;
}

/* ---- at rest ---- */

static enum pos_status bind(struct pos_pkcs11_lease *lease, enum pos_key_usage usage,
                            enum pos_algorithm algorithm, struct pos_bytes wrapped, uint8_t *mac)
{
    const uint8_t kind[] = {(uint8_t)usage, (uint8_t)algorithm};
    const struct pos_bytes pieces[] = {pos_bytes(key_prefix, sizeof key_prefix),
                                       pos_bytes(kind, sizeof kind), wrapped};
    return pos_pkcs11_cmac(lease, lease->audit, POS_ALGORITHM_A256, pieces, 3, mac);
}

enum pos_status pos_pkcs11_seal(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                enum pos_key_usage usage, enum pos_algorithm algorithm,
                                struct pos_key *key)
{
    size_t expected = pos_algorithm_key_size(algorithm) + WRAP_OVERHEAD;
    struct pos_key made = {.usage = usage, .algorithm = algorithm};
    CK_MECHANISM mechanism = {.mechanism = CKM_AES_KEY_WRAP};
    CK_ULONG size = (CK_ULONG)(sizeof made.data - POS_PKCS11_MAC_SIZE);
    enum pos_status status =
        pos_pkcs11_check(lease, lease->functions->C_WrapKey(lease->session, &mechanism, lease->lmk,
                                                            object, made.data, &size));
    if (status == POS_OK && size != expected)
        status = POS_ERR_HSM;
    if (status == POS_OK)
        status = bind(lease, usage, algorithm, pos_bytes(made.data, size), made.data + size);
    if (status == POS_OK) {
        made.size = (uint8_t)(size + POS_PKCS11_MAC_SIZE);
        *key = made;
    }
    return status;
}

static enum pos_status check_binding(struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                     size_t wrapped_size)
{
    uint8_t right[POS_PKCS11_MAC_SIZE];
    enum pos_status status =
        bind(lease, key->usage, key->algorithm, pos_bytes(key->data, wrapped_size), right);
    if (status == POS_OK && !pos_secret_equal(right, key->data + wrapped_size, sizeof right))
        status = POS_ERR_CORRUPT;
    pos_secret_wipe(right, sizeof right);
    return status;
}

static enum pos_status unwrap(struct pos_pkcs11_lease *lease, const struct pos_key *key,
                              size_t wrapped_size, enum pos_pkcs11_access access,
                              CK_OBJECT_HANDLE *object)
{
    uint8_t wrapped[POS_KEY_VALUE_SIZE_MAX];
    CK_KEY_TYPE type = pos_pkcs11_traits_of(key->algorithm)->type;
    CK_MECHANISM mechanism = {.mechanism = CKM_AES_KEY_WRAP};
    struct template template = template_for(access);
    add(&template, CKA_CLASS, &secret_key, sizeof secret_key);
    add(&template, CKA_KEY_TYPE, &type, sizeof type);
    memcpy(wrapped, key->data, wrapped_size);
    return pos_pkcs11_check(lease,
                            lease->functions->C_UnwrapKey(lease->session, &mechanism, lease->lmk,
                                                          wrapped, (CK_ULONG)wrapped_size,
                                                          template.rows, template.count, object));
}

/* Nothing of a value is believed, nor unwrapped, before its MAC is right. */
enum pos_status pos_pkcs11_open(struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                enum pos_pkcs11_access access, CK_OBJECT_HANDLE *object)
{
    size_t wrapped_size = pos_algorithm_key_size(key->algorithm) + WRAP_OVERHEAD;
    *object = 0;
    if (key->size != wrapped_size + POS_PKCS11_MAC_SIZE)
        return POS_ERR_CORRUPT;
    enum pos_status status = check_binding(lease, key, wrapped_size);
    return status == POS_OK ? unwrap(lease, key, wrapped_size, access, object) : status;
}

enum pos_status pos_pkcs11_read(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                enum pos_algorithm algorithm, uint8_t *clear)
{
    CK_ATTRIBUTE value = {CKA_VALUE, clear, POS_KEY_SIZE_MAX};
    enum pos_status status = pos_pkcs11_check(
        lease, lease->functions->C_GetAttributeValue(lease->session, object, &value, 1));
    if (status == POS_OK && value.ulValueLen != pos_algorithm_key_size(algorithm))
        status = POS_ERR_HSM;
    if (status != POS_OK)
        pos_secret_wipe(clear, POS_KEY_SIZE_MAX);
    return status;
}

enum pos_status pos_pkcs11_read_key(struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                    uint8_t *clear)
{
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_open(lease, key, POS_PKCS11_OUTSIDE, &object);
    if (status == POS_OK)
        status = pos_pkcs11_read(lease, object, key->algorithm, clear);
    pos_pkcs11_destroy(lease, object);
    return status;
}

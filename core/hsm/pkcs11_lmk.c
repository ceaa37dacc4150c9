/*
 * LMK and audit key: two AES-256 keys that the token makes, and that it can neither show nor wrap.
 *
 * The LMK wraps and unwraps; it MACs for its own check value alone. The audit key MACs, with a
 * prefix for each of its two purposes, the values of keys at rest and the audit chain. Whoever has
 * the token's PIN can use both; nobody can take them away.
 */
#include <stdio.h>
#include <string.h>

#include "core/hsm/pkcs11.h"

enum { AUDIT_LABEL_SIZE = POS_TOKEN_LABEL_SIZE + 8, LMK_SIZE = 32 };

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES;

static void audit_label(const struct pos_pkcs11_token *token, char label[AUDIT_LABEL_SIZE])
{
    (void)snprintf(label, AUDIT_LABEL_SIZE, "%s-audit", token->lmk_label);
}

static enum pos_status fail(struct pos_error *error, CK_RV result, const char *what)
{
    char memory[24];
    return pos_error_set(error, POS_ERR_HSM, "cannot %s on the token: %s", what,
                         pos_pkcs11_text(result, memory));
}

/* How many objects have this label, and the first of them. */
static enum pos_status look_up(struct pos_pkcs11_token *token, char *label,
                               CK_OBJECT_HANDLE *object, CK_ULONG *count, struct pos_error *error)
{
    const CK_FUNCTION_LIST *functions = token->functions;
    CK_SESSION_HANDLE session = token->free_sessions[0];
    CK_OBJECT_HANDLE found[2] = {0};
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &secret_key, sizeof secret_key},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_LABEL, label, strlen(label)},
    };
    CK_RV result = functions->C_FindObjectsInit(session, template, 3);
    if (result == CKR_OK) {
        result = functions->C_FindObjects(session, found, 2, count);
        CK_RV end = functions->C_FindObjectsFinal(session);
        result = result == CKR_OK ? end : result;
    }
    *object = found[0];
    return result == CKR_OK ? POS_OK : fail(error, result, "look for keys");
}

/* ---- finding ---- */

/* What another tool put there under our label is not ours, whatever it is called. */
static enum pos_status check_attributes(struct pos_pkcs11_token *token, CK_OBJECT_HANDLE object,
                                        const char *label, struct pos_error *error)
{
    CK_KEY_TYPE type = 0;
    CK_ULONG size = 0;
    CK_BBOOL sensitive = 0, always = 0, extractable = 1, never = 0, local = 0;
    CK_ATTRIBUTE template[] = {
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_VALUE_LEN, &size, sizeof size},
        {CKA_SENSITIVE, &sensitive, sizeof sensitive},
        {CKA_ALWAYS_SENSITIVE, &always, sizeof always},
        {CKA_EXTRACTABLE, &extractable, sizeof extractable},
        {CKA_NEVER_EXTRACTABLE, &never, sizeof never},
        {CKA_LOCAL, &local, sizeof local},
    };
    CK_RV result = token->functions->C_GetAttributeValue(token->free_sessions[0], object, template,
                                                         sizeof template / sizeof template[0]);
    if (result != CKR_OK)
        return fail(error, result, "read the attributes of a key");
    if (type == CKK_AES && size == LMK_SIZE && sensitive && always && !extractable && never &&
        local)
        return POS_OK;
    return pos_error_set(error, POS_ERR_HSM,
                         "the key \"%s\" on the token was not made there as an AES-256 key that "
                         "can never be extracted: it is not posgate's",
                         label);
}

static enum pos_status find_key(struct pos_pkcs11_token *token, char *label,
                                CK_OBJECT_HANDLE *object, struct pos_error *error)
{
    CK_ULONG count = 0;
    enum pos_status status = look_up(token, label, object, &count, error);
    if (status != POS_OK)
        return status;
    if (count == 0)
        return pos_error_set(error, POS_ERR_NOT_FOUND, "there is no key \"%s\" on the token",
                             label);
    if (count > 1)
        return pos_error_set(error, POS_ERR_HSM, "several keys on the token are called \"%s\"",
                             label);
    return check_attributes(token, *object, label, error);
}

static enum pos_status read_kcv(struct pos_pkcs11_token *token, struct pos_error *error)
{
    struct pos_pkcs11_lease lease = {
        .token = token, .functions = token->functions, .session = token->free_sessions[0]};
    enum pos_status status =
        pos_pkcs11_kcv(&lease, token->lmk, POS_ALGORITHM_A256, &token->lmk_kcv);
    if (status != POS_OK)
        return pos_error_set(error, status, "the token does not make the LMK's check value");
    return POS_OK;
}

enum pos_status pos_pkcs11_lmk_find(struct pos_pkcs11_token *token, struct pos_error *error)
{
    char label[AUDIT_LABEL_SIZE];
    audit_label(token, label);
    enum pos_status status = find_key(token, token->lmk_label, &token->lmk, error);
    if (status != POS_OK)
        return status;
    status = find_key(token, label, &token->audit, error);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, POS_ERR_HSM,
                             "the token has the LMK \"%s\" and not the key \"%s\" that belongs to "
                             "it: no key at rest can be checked without it",
                             token->lmk_label, label);
    return status == POS_OK ? read_kcv(token, error) : status;
}

/* ---- making a key ---- */

static enum pos_status make_key(struct pos_pkcs11_token *token, char *label, bool wraps,
                                CK_OBJECT_HANDLE *object, struct pos_error *error)
{
    CK_ULONG size = LMK_SIZE;
    CK_BBOOL wrap = wraps ? CK_TRUE : CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &secret_key, sizeof secret_key},
        {CKA_KEY_TYPE, &aes, sizeof aes},
        {CKA_VALUE_LEN, &size, sizeof size},
        {CKA_LABEL, label, strlen(label)},
        {CKA_ID, label, strlen(label)}, /* for tools that find keys by nothing else */
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
        {CKA_WRAP, &wrap, sizeof wrap},
        {CKA_UNWRAP, &wrap, sizeof wrap},
        {CKA_SIGN, &yes, sizeof yes},
        {CKA_VERIFY, &no, sizeof no},
        {CKA_ENCRYPT, &no, sizeof no},
        {CKA_DECRYPT, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},
    };
    CK_MECHANISM mechanism = {.mechanism = CKM_AES_KEY_GEN};
    CK_RV result = token->functions->C_GenerateKey(token->free_sessions[0], &mechanism, template,
                                                   sizeof template / sizeof template[0], object);
    return result == CKR_OK ? POS_OK : fail(error, result, "make a key");
}

/* ---- dropping ---- */

static enum pos_status drop_key(struct pos_pkcs11_token *token, char *label, bool *dropped,
                                struct pos_error *error)
{
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;
    enum pos_status status = look_up(token, label, &object, &count, error);
    if (status != POS_OK || count == 0)
        return status;
    if (count > 1)
        return pos_error_set(error, POS_ERR_HSM, "several keys on the token are called \"%s\"",
                             label);
    CK_RV result = token->functions->C_DestroyObject(token->free_sessions[0], object);
    if (result != CKR_OK)
        return fail(error, result, "destroy a key");
    *dropped = true;
    return POS_OK;
}

/* The LMK first: without it nothing of the rest can be used. One half that an earlier call left is
 * taken away too. */
enum pos_status pos_pkcs11_lmk_drop(struct pos_pkcs11_token *token, struct pos_error *error)
{
    char label[AUDIT_LABEL_SIZE];
    bool dropped = false;
    audit_label(token, label);
    enum pos_status status = drop_key(token, token->lmk_label, &dropped, error);
    if (status == POS_OK)
        status = drop_key(token, label, &dropped, error);
    if (status == POS_OK && !dropped)
        return pos_error_set(error, POS_ERR_NOT_FOUND, "there is no key \"%s\" on the token",
                             token->lmk_label);
    return status;
}

/* ---- making the pair ---- */

/* An audit key without an LMK is what is left of a call that broke off; nothing was ever made with
 * it that an LMK would open. */
static enum pos_status make_room(struct pos_pkcs11_token *token, char *label,
                                 struct pos_error *error)
{
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;
    bool dropped;
    enum pos_status status = look_up(token, token->lmk_label, &object, &count, error);
    if (status == POS_OK && count > 0)
        status = pos_error_set(error, POS_ERR_EXISTS,
                               "the token has an LMK \"%s\" already; nothing was changed",
                               token->lmk_label);
    return status == POS_OK ? drop_key(token, label, &dropped, error) : status;
}

enum pos_status pos_pkcs11_lmk_make(struct pos_pkcs11_token *token, struct pos_error *error)
{
    char label[AUDIT_LABEL_SIZE];
    CK_OBJECT_HANDLE made;
    audit_label(token, label);
    enum pos_status status = make_room(token, label, error);
    /* The LMK last: with it the pair is whole. */
    if (status == POS_OK)
        status = make_key(token, label, false, &made, error);
    if (status == POS_OK)
        status = make_key(token, token->lmk_label, true, &made, error);
    return status == POS_OK ? pos_pkcs11_lmk_find(token, error) : status;
}

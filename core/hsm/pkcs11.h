/*
 * A PKCS#11 token (version 2.40 of the standard) as a security module, in layers. Internal to
 * core/hsm; nothing but core/hsm/pkcs11* includes it, because it shows the standard's own header.
 *
 *   pkcs11_library   the vendor's library: loaded and initialised once a process; its errors as
 * text pkcs11_slot      the slot whose token a URI names pkcs11_token     login, the LMK's objects,
 * the pool of the token's sessions, and what happens when the token goes away pkcs11_objects   what
 * is done with one key inside: make, wrap, unwrap, MAC, encrypt pkcs11_keys, pkcs11_transport,
 * pkcs11_mac, pkcs11_pin, pkcs11_module the verbs, and the table of them
 *
 * A verb borrows one of the token's sessions (a lease), does its work and gives it back. Keys are
 * on the token only while a verb has them open, as session objects; nothing but LMK and audit key
 * is stored there.
 *
 * A key's value at rest: its AES key wrap (RFC 3394) under the LMK, made inside, and 16 bytes of
 * AES-CMAC under the audit key over what the key is and the wrapped bytes. RFC 3394 alone would let
 * a value pass for a key of another usage.
 */
#ifndef POS_HSM_PKCS11_H
#define POS_HSM_PKCS11_H

#include <p11-kit/pkcs11.h>
#include <pthread.h>

#include "core/crypto/derive.h"
#include "core/hsm/module.h"

enum {
    POS_PKCS11_SESSION_COUNT = 16, /* unless the options say otherwise */
    POS_PKCS11_URI_SIZE = 512,     /* bytes with NUL */
    POS_PKCS11_PIN_SIZE_MAX = 255, /* bytes */
    POS_PKCS11_SLOT_COUNT_MAX = 256,
    POS_PKCS11_WAIT_MS = 5000,  /* for a session that somebody else has */
    POS_PKCS11_RETRY_MS = 1000, /* between attempts to get a lost token back */
    POS_PKCS11_MAC_SIZE = 16,   /* AES-CMAC */
};

/* The interface of PKCS#11 has no const for what it only reads, and no NULL for nothing. */
static inline CK_BYTE_PTR pos_pkcs11_unconst(const void *data)
{
    static const uint8_t nothing = 0;
    return (CK_BYTE_PTR)(uintptr_t)(data == NULL ? &nothing : data);
}

/* ---- pkcs11_library ---- */

struct pos_pkcs11_library;

/* Loads and initialises it, or shares it with those in this process who did. POS_ERR_HSM: it cannot
 * be loaded, is no PKCS#11 library, or does not start. Any thread. */
POS_MUST_USE enum pos_status pos_pkcs11_library_open(const char *path,
                                                     struct pos_pkcs11_library **library,
                                                     struct pos_error *error);
void pos_pkcs11_library_close(struct pos_pkcs11_library *library); /* NULL is fine */
const CK_FUNCTION_LIST *pos_pkcs11_library_functions(const struct pos_pkcs11_library *library);
/* Once more, after it lost its state (CKR_CRYPTOKI_NOT_INITIALIZED). */
CK_RV pos_pkcs11_library_start(const struct pos_pkcs11_library *library);

/* "CKR_PIN_INCORRECT", or "CKR_ 0x000000A0" for one that has no name here. Static or in `memory` of
 * 24 bytes. */
const char *pos_pkcs11_text(CK_RV result, char memory[24]);

/* ---- pkcs11_slot ---- */

/* The one slot whose token `uri` names. POS_ERR_CONFIG: not a URI of a token, or it names several;
 * POS_ERR_HSM: no such token. `info` is the token's. */
POS_MUST_USE enum pos_status pos_pkcs11_slot_find(const CK_FUNCTION_LIST *functions,
                                                  const char *uri, CK_SLOT_ID *slot,
                                                  CK_TOKEN_INFO *info, struct pos_error *error);

/* ---- pkcs11_token ---- */

/* What one algorithm's keys are to a token. */
struct pos_pkcs11_traits {
    CK_KEY_TYPE type;
    CK_MECHANISM_TYPE generate, ecb, cmac;
    uint8_t block_size; /* bytes; of its MACs too */
};
/* NULL: tokens do not have it (SM4). */
const struct pos_pkcs11_traits *pos_pkcs11_traits_of(enum pos_algorithm algorithm);

struct pos_pkcs11_token {
    struct pos_pkcs11_library *library;
    const CK_FUNCTION_LIST *functions;
    char uri[POS_PKCS11_URI_SIZE];
    char lmk_label[POS_TOKEN_LABEL_SIZE];
    uint8_t *pin; /* secret memory: to log in again */
    size_t pin_size;
    bool served[POS_ALGORITHM_COUNT];
    uint32_t session_count_max;
    struct {
        char label[33], serial[17], model[17];
    } name; /* as the token has them, without the blanks behind */

    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t returned;
    CK_SLOT_ID slot;
    CK_OBJECT_HANDLE lmk, audit;
    struct pos_kcv lmk_kcv;
    bool lost;            /* get it back before anything else */
    bool pin_refused;     /* never again: a token counts wrong PINs and locks itself */
    uint64_t retry_at_ns; /* not before this time */
    uint32_t session_count, lease_count, free_count;
    CK_SESSION_HANDLE free_sessions[POS_TOKEN_SESSION_COUNT_MAX];
};

/* A session of the token for one verb, and the handles that are good with it. */
struct pos_pkcs11_lease {
    struct pos_pkcs11_token *token;
    const CK_FUNCTION_LIST *functions;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE lmk, audit;
    bool failed; /* a call failed: the session is not used again */
    bool lost;   /* in a way that says that token or login are gone */
};

/* Finds the token and logs in; LMK and audit key are not looked for. Errors as pos_hsm_pkcs11_open.
 * To be closed in any case. */
POS_MUST_USE enum pos_status pos_pkcs11_token_open(struct pos_pkcs11_token *token,
                                                   const struct pos_pkcs11_options *options,
                                                   struct pos_error *error);
void pos_pkcs11_token_close(struct pos_pkcs11_token *token);

/* Any thread. POS_ERR_LIMIT: all sessions are in use and none came back in POS_PKCS11_WAIT_MS;
 * POS_ERR_HSM: the token is away. Release with what the verb came to, which is returned. */
POS_MUST_USE enum pos_status pos_pkcs11_acquire(struct pos_pkcs11_token *token,
                                                struct pos_pkcs11_lease *lease);
enum pos_status pos_pkcs11_release(struct pos_pkcs11_lease *lease, enum pos_status status);

/* POS_OK for CKR_OK; else notes in the lease what to do with the session, and says POS_ERR_HSM or
 * POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_pkcs11_check(struct pos_pkcs11_lease *lease, CK_RV result);

/* ---- pkcs11_lmk: with the first session of the pool, while nobody else uses any ---- */

/* Sets token->lmk, audit and lmk_kcv. POS_ERR_NOT_FOUND: there are none of that label; POS_ERR_HSM:
 * they are not as posgate makes them. */
POS_MUST_USE enum pos_status pos_pkcs11_lmk_find(struct pos_pkcs11_token *token,
                                                 struct pos_error *error);
/* Makes both objects, and finds them. POS_ERR_EXISTS. */
POS_MUST_USE enum pos_status pos_pkcs11_lmk_make(struct pos_pkcs11_token *token,
                                                 struct pos_error *error);
POS_MUST_USE enum pos_status pos_pkcs11_lmk_drop(struct pos_pkcs11_token *token,
                                                 struct pos_error *error);

/* ---- pkcs11_objects: each takes a lease, and notes in it what fails ---- */

/* What may be done with an open key. */
enum pos_pkcs11_access {
    POS_PKCS11_INSIDE,  /* used in the token, and never seen */
    POS_PKCS11_CARRIED, /* can be wrapped again */
    POS_PKCS11_OUTSIDE, /* can be read out */
};

/* A new random key, a given one, one at rest; destroy it before the lease is released.
 * POS_ERR_CORRUPT: not a value of this token's LMK, or not of this usage and algorithm. */
POS_MUST_USE enum pos_status pos_pkcs11_generate(struct pos_pkcs11_lease *lease,
                                                 enum pos_algorithm algorithm,
                                                 CK_OBJECT_HANDLE *object);
POS_MUST_USE enum pos_status pos_pkcs11_create(struct pos_pkcs11_lease *lease,
                                               enum pos_algorithm algorithm, const uint8_t *clear,
                                               CK_OBJECT_HANDLE *object);
POS_MUST_USE enum pos_status pos_pkcs11_open(struct pos_pkcs11_lease *lease,
                                             const struct pos_key *key,
                                             enum pos_pkcs11_access access,
                                             CK_OBJECT_HANDLE *object);
void pos_pkcs11_destroy(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object); /* 0 is fine */

/* The value at rest of an object, made under the LMK of `lease`. */
POS_MUST_USE enum pos_status pos_pkcs11_seal(struct pos_pkcs11_lease *lease,
                                             CK_OBJECT_HANDLE object, enum pos_key_usage usage,
                                             enum pos_algorithm algorithm, struct pos_key *key);
/* Out of the token, into secret memory of POS_KEY_SIZE_MAX bytes. */
POS_MUST_USE enum pos_status pos_pkcs11_read(struct pos_pkcs11_lease *lease,
                                             CK_OBJECT_HANDLE object, enum pos_algorithm algorithm,
                                             uint8_t *clear);
/* Opens, reads and destroys. */
POS_MUST_USE enum pos_status pos_pkcs11_read_key(struct pos_pkcs11_lease *lease,
                                                 const struct pos_key *key, uint8_t *clear);

/* ---- pkcs11_use: likewise ---- */

/* CMAC over the pieces in a row; `mac` has the block size of the algorithm. */
POS_MUST_USE enum pos_status pos_pkcs11_cmac(struct pos_pkcs11_lease *lease,
                                             CK_OBJECT_HANDLE object, enum pos_algorithm algorithm,
                                             const struct pos_bytes *pieces, size_t piece_count,
                                             uint8_t *mac);
/* ECB: whole blocks, POS_KEY_SIZE_MAX bytes at the most, in place. */
POS_MUST_USE enum pos_status pos_pkcs11_encrypt(struct pos_pkcs11_lease *lease,
                                                CK_OBJECT_HANDLE object,
                                                enum pos_algorithm algorithm, uint8_t *data,
                                                size_t size);
POS_MUST_USE enum pos_status pos_pkcs11_kcv(struct pos_pkcs11_lease *lease, CK_OBJECT_HANDLE object,
                                            enum pos_algorithm algorithm, struct pos_kcv *kcv);
/* A key that is open inside, as a struct pos_block_cipher: `context` of both functions. To be
 * closed in any case, before the lease is released. */
struct pos_pkcs11_cipher {
    struct pos_pkcs11_lease *lease;
    enum pos_algorithm algorithm;
    CK_OBJECT_HANDLE object;
};
POS_MUST_USE enum pos_status pos_pkcs11_cipher_open(struct pos_pkcs11_lease *lease,
                                                    const struct pos_key *key,
                                                    struct pos_pkcs11_cipher *cipher);
void pos_pkcs11_cipher_close(struct pos_pkcs11_cipher *cipher);
POS_MUST_USE enum pos_status pos_pkcs11_cipher_encrypt(void *context, uint8_t *data, size_t size);
POS_MUST_USE enum pos_status pos_pkcs11_cipher_decrypt(void *context, uint8_t *data, size_t size);

/* The same by a method that is named, POS_KCV_SIZE_MAX bytes of it whatever the key is. */
POS_MUST_USE enum pos_status pos_pkcs11_long_kcv(struct pos_pkcs11_lease *lease,
                                                 CK_OBJECT_HANDLE object,
                                                 enum pos_algorithm algorithm,
                                                 enum pos_kcv_method method, struct pos_kcv *kcv);
/* As pos_derive; the key stays inside, what is derived is outside. */
POS_MUST_USE enum pos_status pos_pkcs11_derive(struct pos_pkcs11_lease *lease,
                                               CK_OBJECT_HANDLE object,
                                               enum pos_algorithm algorithm,
                                               enum pos_derivation usage, uint8_t *derived);

/* The MAC of the audit chain, under the audit key. */
POS_MUST_USE enum pos_status pos_pkcs11_audit_mac(struct pos_pkcs11_lease *lease,
                                                  struct pos_bytes record,
                                                  uint8_t mac[POS_PKCS11_MAC_SIZE]);

#endif

/*
 * One token: logged in once, with a bounded pool of sessions, each lent to one verb at a time.
 *
 * A token may go away under us: pulled out, restarted, logged out by somebody else. The verb that
 * notices fails with POS_ERR_HSM and marks the token as lost. While others still have sessions of
 * before, nobody gets one; then the first verb that comes finds the token anew, logs in and checks
 * that it has the same LMK. When that fails too it is tried again once a second at the most, and
 * never after a refused PIN, because tokens count those and lock themselves.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/condition.h"
#include "core/base/secret.h"
#include "core/hsm/pkcs11.h"

enum { NS_PER_MS = 1000000 };

static const struct pos_pkcs11_traits all_traits[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_T2] = {CKK_DES2, CKM_DES2_KEY_GEN, CKM_DES3_ECB, CKM_DES3_CMAC, 8},
    [POS_ALGORITHM_T3] = {CKK_DES3, CKM_DES3_KEY_GEN, CKM_DES3_ECB, CKM_DES3_CMAC, 8},
    [POS_ALGORITHM_A128] = {CKK_AES, CKM_AES_KEY_GEN, CKM_AES_ECB, CKM_AES_CMAC, 16},
    [POS_ALGORITHM_A256] = {CKK_AES, CKM_AES_KEY_GEN, CKM_AES_ECB, CKM_AES_CMAC, 16},
};

const struct pos_pkcs11_traits *pos_pkcs11_traits_of(enum pos_algorithm algorithm)
{
    const struct pos_pkcs11_traits *traits = &all_traits[algorithm];
    return traits->block_size > 0 ? traits : NULL;
}

/* ---- errors ---- */

static bool means_lost(CK_RV result)
{
    switch (result) {
    case CKR_SLOT_ID_INVALID:
    case CKR_GENERAL_ERROR:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_WRAPPING_KEY_HANDLE_INVALID:
    case CKR_UNWRAPPING_KEY_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
        return true;
    default:
        return false;
    }
}

enum pos_status pos_pkcs11_check(struct pos_pkcs11_lease *lease, CK_RV result)
{
    if (result == CKR_OK)
        return POS_OK;
    lease->failed = true;
    lease->lost = lease->lost || means_lost(result);
    return result == CKR_HOST_MEMORY ? POS_ERR_MEMORY : POS_ERR_HSM;
}

/* ---- login ---- */

static enum pos_status open_session(struct pos_pkcs11_token *token, CK_SESSION_HANDLE *session,
                                    CK_RV *result)
{
    *result = token->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                              NULL, NULL, session);
    return *result == CKR_OK ? POS_OK : POS_ERR_HSM;
}

/* A login is for all sessions of this process with the token, and the first one may have been
 * somebody else's. */
static enum pos_status log_in(struct pos_pkcs11_token *token, CK_SESSION_HANDLE session,
                              struct pos_error *error)
{
    char memory[24];
    CK_RV result =
        token->functions->C_Login(session, CKU_USER, token->pin, (CK_ULONG)token->pin_size);
    switch (result) {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN:
        return POS_OK;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_INVALID:
        token->pin_refused = true;
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "the token refuses the PIN of the credential file: a few more wrong "
                             "ones may lock it");
    case CKR_PIN_LOCKED:
    case CKR_PIN_EXPIRED:
        token->pin_refused = true;
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "the token's PIN is locked or expired (%s): its security officer must "
                             "set a new one",
                             pos_pkcs11_text(result, memory));
    default:
        return pos_error_set(error, POS_ERR_HSM, "cannot log in to the token: %s",
                             pos_pkcs11_text(result, memory));
    }
}

/* Finds the token and leaves one session with it in the pool, logged in. */
static enum pos_status reach(struct pos_pkcs11_token *token, CK_TOKEN_INFO *info,
                             struct pos_error *error)
{
    char memory[24];
    CK_RV result;
    CK_SESSION_HANDLE session;
    enum pos_status status =
        pos_pkcs11_slot_find(token->functions, token->uri, &token->slot, info, error);
    if (status != POS_OK)
        return status;
    if (open_session(token, &session, &result) != POS_OK)
        return pos_error_set(error, POS_ERR_HSM, "cannot open a session with the token: %s",
                             pos_pkcs11_text(result, memory));
    status = log_in(token, session, error);
    if (status != POS_OK) {
        (void)token->functions->C_CloseSession(session);
        return status;
    }
    token->session_count = 1;
    token->free_count = 1;
    token->free_sessions[0] = session;
    return POS_OK;
}

/* ---- opening ---- */

static bool has_mechanism(const struct pos_pkcs11_token *token, CK_MECHANISM_TYPE mechanism,
                          CK_FLAGS flags)
{
    CK_MECHANISM_INFO info;
    return token->functions->C_GetMechanismInfo(token->slot, mechanism, &info) == CKR_OK &&
           (info.flags & flags) == flags;
}

static bool can_serve(const struct pos_pkcs11_token *token, enum pos_algorithm algorithm)
{
    const struct pos_pkcs11_traits *traits = pos_pkcs11_traits_of(algorithm);
    return traits != NULL && has_mechanism(token, traits->generate, CKF_GENERATE) &&
           has_mechanism(token, traits->ecb, CKF_ENCRYPT | CKF_DECRYPT) &&
           has_mechanism(token, traits->cmac, CKF_SIGN);
}

static enum pos_status check_mechanisms(struct pos_pkcs11_token *token, struct pos_error *error)
{
    for (int a = POS_ALGORITHM_NONE; a < POS_ALGORITHM_COUNT; a++)
        token->served[a] = can_serve(token, (enum pos_algorithm)a);
    if (token->served[POS_ALGORITHM_A256] &&
        has_mechanism(token, CKM_AES_KEY_WRAP, CKF_WRAP | CKF_UNWRAP))
        return POS_OK;
    return pos_error_set(error, POS_ERR_HSM,
                         "the token lacks a mechanism that it must have: CKM_AES_KEY_GEN, "
                         "CKM_AES_ECB, CKM_AES_CMAC and CKM_AES_KEY_WRAP both ways");
}

/* Fields of PKCS#11 are filled with blanks and have no NUL. */
static void trim(const CK_UTF8CHAR *field, size_t size, char *text)
{
    while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
        size--;
    for (size_t i = 0; i < size; i++)
        text[i] = field[i] < ' ' ? '?' : (char)field[i];
    text[size] = '\0';
}

static enum pos_status copy_text(char *to, size_t size, const char *from, const char *name,
                                 struct pos_error *error)
{
    size_t length = strlen(from);
    if (length == 0 || length >= size)
        return pos_error_set(error, POS_ERR_CONFIG, "%s has %zu characters: 1 to %zu are allowed",
                             name, length, size - 1);
    memcpy(to, from, length + 1);
    return POS_OK;
}

static enum pos_status take_options(struct pos_pkcs11_token *token,
                                    const struct pos_pkcs11_options *options,
                                    struct pos_error *error)
{
    const char *label = options->lmk_label == NULL ? POS_TOKEN_LMK_LABEL : options->lmk_label;
    uint32_t count =
        options->session_count == 0 ? POS_PKCS11_SESSION_COUNT : options->session_count;
    if (count > POS_TOKEN_SESSION_COUNT_MAX)
        return pos_error_set(error, POS_ERR_CONFIG, "%u sessions with a token: %d is the most",
                             count, POS_TOKEN_SESSION_COUNT_MAX);
    if (options->pin.size == 0 || options->pin.size > POS_PKCS11_PIN_SIZE_MAX)
        return pos_error_set(error, POS_ERR_CONFIG, "the token's PIN has %zu characters",
                             options->pin.size);
    token->session_count_max = count;
    token->pin = pos_secret_create(options->pin.size);
    if (token->pin == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the token's PIN");
    token->pin_size = options->pin.size;
    memcpy(token->pin, options->pin.data, options->pin.size);
    enum pos_status status =
        copy_text(token->uri, sizeof token->uri, options->token, "the token's URI", error);
    if (status == POS_OK)
        status =
            copy_text(token->lmk_label, sizeof token->lmk_label, label, "the LMK's label", error);
    return status;
}

enum pos_status pos_pkcs11_token_open(struct pos_pkcs11_token *token,
                                      const struct pos_pkcs11_options *options,
                                      struct pos_error *error)
{
    CK_TOKEN_INFO info;
    *token = (struct pos_pkcs11_token){0};
    (void)pthread_mutex_init(&token->lock, NULL);
    pos_condition_init(&token->returned);
    enum pos_status status = take_options(token, options, error);
    if (status == POS_OK)
        status = pos_pkcs11_library_open(options->module, &token->library, error);
    if (status != POS_OK)
        return status;
    token->functions = pos_pkcs11_library_functions(token->library);
    status = reach(token, &info, error);
    if (status != POS_OK)
        return status;
    trim(info.label, sizeof info.label, token->name.label);
    trim(info.serialNumber, sizeof info.serialNumber, token->name.serial);
    trim(info.model, sizeof info.model, token->name.model);
    return check_mechanisms(token, error);
}

static void close_sessions(struct pos_pkcs11_token *token)
{
    for (uint32_t i = 0; i < token->free_count; i++)
        (void)token->functions->C_CloseSession(token->free_sessions[i]);
    token->session_count -= token->free_count;
    token->free_count = 0;
}

void pos_pkcs11_token_close(struct pos_pkcs11_token *token)
{
    assert(token->lease_count == 0);
    close_sessions(token);
    pos_pkcs11_library_close(token->library);
    pos_secret_destroy(token->pin, token->pin_size);
    (void)pthread_cond_destroy(&token->returned);
    (void)pthread_mutex_destroy(&token->lock);
    *token = (struct pos_pkcs11_token){0};
}

/* ---- losing it and getting it back ---- */

static enum pos_status reach_again(struct pos_pkcs11_token *token)
{
    CK_TOKEN_INFO info;
    CK_RV result = pos_pkcs11_library_start(token->library);
    if (result != CKR_OK && result != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return POS_ERR_HSM;
    if (reach(token, &info, NULL) != POS_OK)
        return POS_ERR_HSM;
    struct pos_kcv before = token->lmk_kcv;
    enum pos_status status = pos_pkcs11_lmk_find(token, NULL);
    /* A token of the same name with another LMK opens none of our keys. */
    bool same = status == POS_OK && pos_kcv_equal(&before, &token->lmk_kcv);
    token->lmk_kcv = before;
    return same ? POS_OK : POS_ERR_HSM;
}

/* Under the lock, when no session of before is out any more. */
static enum pos_status recover(struct pos_pkcs11_token *token)
{
    if (token->pin_refused || pos_clock_monotonic_ns() < token->retry_at_ns)
        return POS_ERR_HSM;
    close_sessions(token);
    enum pos_status status = reach_again(token);
    if (status == POS_OK) {
        token->lost = false;
        return POS_OK;
    }
    close_sessions(token);
    token->retry_at_ns = pos_clock_monotonic_ns() + (uint64_t)POS_PKCS11_RETRY_MS * NS_PER_MS;
    return POS_ERR_HSM;
}

/* ---- the pool ---- */

/* Under the lock. POS_ERR_BUSY: all are lent. */
static enum pos_status take_session(struct pos_pkcs11_token *token, CK_SESSION_HANDLE *session)
{
    CK_RV result;
    if (token->lost) {
        enum pos_status status = token->lease_count > 0 ? POS_ERR_HSM : recover(token);
        if (status != POS_OK)
            return status;
    }
    if (token->free_count > 0) {
        *session = token->free_sessions[--token->free_count];
        return POS_OK;
    }
    if (token->session_count == token->session_count_max)
        return POS_ERR_BUSY;
    enum pos_status status = open_session(token, session, &result);
    if (status == POS_OK)
        token->session_count++;
    else if (result == CKR_SESSION_COUNT && token->session_count > 0)
        return POS_ERR_BUSY; /* the token's own bound is lower: wait for one of ours */
    else
        token->lost = means_lost(result);
    return status;
}

static enum pos_status take_or_wait(struct pos_pkcs11_token *token, CK_SESSION_HANDLE *session)
{
    uint64_t deadline_ns = pos_clock_monotonic_ns() + (uint64_t)POS_PKCS11_WAIT_MS * NS_PER_MS;
    for (;;) {
        enum pos_status status = take_session(token, session);
        if (status != POS_ERR_BUSY)
            return status;
        if (!pos_condition_wait_until(&token->returned, &token->lock, deadline_ns))
            return POS_ERR_LIMIT;
    }
}

enum pos_status pos_pkcs11_acquire(struct pos_pkcs11_token *token, struct pos_pkcs11_lease *lease)
{
    *lease = (struct pos_pkcs11_lease){.token = token, .functions = token->functions};
    (void)pthread_mutex_lock(&token->lock);
    enum pos_status status = take_or_wait(token, &lease->session);
    if (status == POS_OK) {
        token->lease_count++;
        lease->lmk = token->lmk;
        lease->audit = token->audit;
    }
    (void)pthread_mutex_unlock(&token->lock);
    return status;
}

/* A session that failed may have an operation under way, and nobody knows which: not used again. */
enum pos_status pos_pkcs11_release(struct pos_pkcs11_lease *lease, enum pos_status status)
{
    struct pos_pkcs11_token *token = lease->token;
    (void)pthread_mutex_lock(&token->lock);
    token->lease_count--;
    token->lost = token->lost || lease->lost;
    if (lease->failed || token->lost) {
        (void)token->functions->C_CloseSession(lease->session);
        token->session_count--;
    } else {
        token->free_sessions[token->free_count++] = lease->session;
    }
    /* Of a token that is lost, any of those who wait may find it again. */
    (void)(token->lost ? pthread_cond_broadcast(&token->returned)
                       : pthread_cond_signal(&token->returned));
    (void)pthread_mutex_unlock(&token->lock);
    return status;
}

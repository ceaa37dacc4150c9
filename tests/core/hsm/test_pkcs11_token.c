/* What is on the token and what becomes of it, seen through PKCS#11 itself beside the module. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/hsm/pkcs11.h"
#include "tests/core/hsm/softhsm.h"

enum { PATIENCE_MS = 30000 };

static const char uri[] = "pkcs11:token=posgate";
static CK_BBOOL yes = CK_TRUE;

/* A module, a session of ours, and a session of the token beside it in the same process: the
 * library is one, and so is the login. */
struct stage {
    struct softhsm softhsm;
    struct pos_pkcs11_options options;
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    CK_FUNCTION_LIST *functions;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE beside;
    struct pos_key tmk;
    struct pos_kcv tmk_kcv;
};

static void open_beside(struct stage *stage)
{
    CK_TOKEN_INFO info;
    cr_assert(pos_pkcs11_slot_find(stage->functions, uri, &stage->slot, &info, NULL) == POS_OK);
    cr_assert(stage->functions->C_OpenSession(stage->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                              NULL, NULL, &stage->beside) == CKR_OK);
}

static struct stage begin(void)
{
    struct stage stage = {.softhsm = softhsm_create(), .options = softhsm_options(uri, NULL)};
    softhsm_add_token("posgate");
    stage.hsm = softhsm_open(&stage.options);
    cr_assert(pos_hsm_session_open(stage.hsm, &stage.session) == POS_OK);
    void *library = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_NOLOAD);
    cr_assert(library != NULL, "the module has it open");
    CK_C_GetFunctionList entry;
    void *symbol = dlsym(library, "C_GetFunctionList");
    memcpy(&entry, &symbol, sizeof entry);
    cr_assert(entry(&stage.functions) == CKR_OK);
    (void)dlclose(library);
    open_beside(&stage);
    cr_assert(pos_hsm_generate(stage.session, POS_USAGE_TMK, POS_ALGORITHM_A256, &stage.tmk,
                               &stage.tmk_kcv) == POS_OK);
    return stage;
}

static void end(struct stage *stage)
{
    pos_hsm_session_close(stage->session);
    pos_hsm_close(stage->hsm);
    softhsm_destroy(&stage->softhsm);
}

static CK_ULONG find(struct stage *stage, const char *label, CK_OBJECT_HANDLE *objects)
{
    CK_ULONG count = 0;
    char text[POS_TOKEN_LABEL_SIZE] = "";
    CK_ATTRIBUTE template = {CKA_LABEL, text, 0};
    if (label != NULL) {
        memcpy(text, label, strlen(label) + 1);
        template.ulValueLen = strlen(label);
    }
    cr_assert(stage->functions->C_FindObjectsInit(stage->beside, &template, label != NULL) ==
              CKR_OK);
    cr_assert(stage->functions->C_FindObjects(stage->beside, objects, 16, &count) == CKR_OK);
    cr_assert(stage->functions->C_FindObjectsFinal(stage->beside) == CKR_OK);
    return count;
}

static enum pos_status use(struct stage *stage)
{
    struct pos_kcv kcv;
    enum pos_status status = pos_hsm_kcv(stage->session, &stage->tmk, &kcv);
    cr_expect(status != POS_OK || pos_kcv_equal(&kcv, &stage->tmk_kcv));
    return status;
}

/* ---- what is there ---- */

/* A key that would wrap ours, and that we know. */
static CK_OBJECT_HANDLE make_thief(struct stage *stage)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    uint8_t value[32] = "32 bytes that somebody knows ...";
    CK_OBJECT_HANDLE thief;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_VALUE, value, sizeof value},  {CKA_WRAP, &yes, sizeof yes},
        {CKA_ENCRYPT, &yes, sizeof yes},
    };
    cr_assert(stage->functions->C_CreateObject(stage->beside, template, 5, &thief) == CKR_OK);
    return thief;
}

static void expect_kept(struct stage *stage, const char *label, CK_OBJECT_HANDLE thief)
{
    const CK_FUNCTION_LIST *functions = stage->functions;
    CK_OBJECT_HANDLE objects[16], copy;
    uint8_t value[64];
    cr_assert_eq(find(stage, label, objects), 1, "%s", label);
    CK_BBOOL sensitive = 0, extractable = 1, never = 0;
    CK_ATTRIBUTE flags[] = {{CKA_ALWAYS_SENSITIVE, &sensitive, 1},
                            {CKA_EXTRACTABLE, &extractable, 1},
                            {CKA_NEVER_EXTRACTABLE, &never, 1}};
    cr_assert(functions->C_GetAttributeValue(stage->beside, objects[0], flags, 3) == CKR_OK);
    cr_expect(sensitive && !extractable && never, "%s", label);

    CK_ATTRIBUTE read = {CKA_VALUE, value, sizeof value};
    cr_expect(functions->C_GetAttributeValue(stage->beside, objects[0], &read, 1) ==
                  CKR_ATTRIBUTE_SENSITIVE,
              "%s can be read", label);
    const CK_MECHANISM_TYPE mechanisms[] = {CKM_AES_KEY_WRAP, CKM_AES_CBC};
    for (size_t i = 0; i < 2; i++) {
        uint8_t iv[16] = {0};
        CK_MECHANISM mechanism = {mechanisms[i], i == 0 ? NULL : iv, i == 0 ? 0 : sizeof iv};
        CK_ULONG size = sizeof value;
        cr_expect(functions->C_WrapKey(stage->beside, &mechanism, thief, objects[0], value,
                                       &size) == CKR_KEY_UNEXTRACTABLE,
                  "%s can be wrapped", label);
    }
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE loose[] = {{CKA_EXTRACTABLE, &yes, 1}, {CKA_SENSITIVE, &no, 1}};
    for (size_t i = 0; i < 2; i++) {
        cr_expect(functions->C_SetAttributeValue(stage->beside, objects[0], &loose[i], 1) != CKR_OK,
                  "%s can be let out", label);
        cr_expect(functions->C_CopyObject(stage->beside, objects[0], &loose[i], 1, &copy) != CKR_OK,
                  "%s can be copied to be let out", label);
    }
}

Test(pkcs11_token, has_an_lmk_and_an_audit_key_that_cannot_leave)
{
    struct stage stage = begin();
    CK_OBJECT_HANDLE thief = make_thief(&stage);
    expect_kept(&stage, "posgate-lmk", thief);
    expect_kept(&stage, "posgate-lmk-audit", thief);
    end(&stage);
}

/* What verbs had open is gone when they have answered, whatever the answer was. */
Test(pkcs11_token, holds_nothing_but_these_two_between_verbs)
{
    struct stage stage = begin();
    struct pos_hsm_session *s = stage.session;
    struct pos_key tpk, single, moved, damaged = stage.tmk;
    struct pos_kcv kcv;
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], mac[16];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    CK_OBJECT_HANDLE objects[16];
    damaged.data[3] ^= 1;
    cr_expect(pos_hsm_generate(s, POS_USAGE_TPK, POS_ALGORITHM_A256, &tpk, &kcv) == POS_OK);
    cr_expect(pos_hsm_generate_single(s, POS_USAGE_TAK, &single, &kcv) == POS_OK);
    cr_expect(pos_hsm_wrap_working_key(s, &stage.tmk, &tpk, &block) == POS_OK);
    cr_expect(pos_hsm_make_mac(s, &single, POS_MAC_WORKING, pos_bytes_text("m"), mac) == POS_OK);
    cr_expect(pos_hsm_make_mac(s, &stage.tmk, POS_MAC_REGISTRATION, pos_bytes_text("m"), mac) ==
              POS_OK);
    cr_expect(pos_hsm_audit_mac(s, pos_bytes_text("m"), mac) == POS_OK);
    cr_expect(pos_hsm_move_key(s, s, &tpk, &moved) == POS_OK);
    cr_expect(pos_hsm_kcv(s, &damaged, &kcv) == POS_ERR_CORRUPT);
    cr_expect(pos_hsm_wrap_working_key(s, &stage.tmk, &damaged, &block) != POS_OK);
    cr_expect_eq(find(&stage, NULL, objects), 2);
    end(&stage);
}

/* One key MACs values at rest and audit records. Whoever may have records MACed must not get a
 * value made with it. */
Test(pkcs11_token, makes_no_mac_of_an_audit_record_that_fits_a_key)
{
    struct stage stage = begin();
    uint8_t record[2 + POS_KEY_VALUE_SIZE_MAX], mac[16];
    size_t wrapped_size = stage.tmk.size - sizeof mac;
    record[0] = POS_USAGE_TMK;
    record[1] = POS_ALGORITHM_A256;
    memcpy(record + 2, stage.tmk.data, wrapped_size);
    cr_assert(pos_hsm_audit_mac(stage.session, pos_bytes(record, 2 + wrapped_size), mac) == POS_OK);
    cr_expect(memcmp(mac, stage.tmk.data + wrapped_size, sizeof mac) != 0);
    end(&stage);
}

Test(pkcs11_token, refuses_an_lmk_that_it_did_not_make)
{
    struct stage stage = begin();
    struct pos_error error = {.text = ""};
    struct pos_hsm *hsm;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    uint8_t value[32] = "32 bytes that somebody knows ...";
    char label[] = "theirs";
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_VALUE, value, sizeof value},  {CKA_LABEL, label, strlen(label)},
        {CKA_TOKEN, &yes, sizeof yes},
    };
    cr_assert(stage.functions->C_CreateObject(stage.beside, template, 5, &object) == CKR_OK);
    struct pos_pkcs11_options options = softhsm_options(uri, label);
    cr_expect(pos_hsm_pkcs11_open(&options, &hsm, &error) == POS_ERR_HSM);
    cr_expect(strstr(error.text, "not posgate's") != NULL, "%s", error.text);

    /* And half of a pair is none. */
    CK_OBJECT_HANDLE objects[16];
    cr_assert_eq(find(&stage, "posgate-lmk-audit", objects), 1);
    cr_assert(stage.functions->C_DestroyObject(stage.beside, objects[0]) == CKR_OK);
    cr_expect(pos_hsm_pkcs11_open(&stage.options, &hsm, &error) == POS_ERR_HSM);
    cr_expect(strstr(error.text, "posgate-lmk-audit") != NULL, "%s", error.text);
    end(&stage);
}

/* ---- a token that goes away ---- */

static void close_all(struct stage *stage)
{
    cr_assert(stage->functions->C_CloseAllSessions(stage->slot) == CKR_OK);
}

static void log_out(struct stage *stage)
{
    cr_assert(stage->functions->C_Logout(stage->beside) == CKR_OK);
}

static void finalize(struct stage *stage)
{
    cr_assert(stage->functions->C_Finalize(NULL) == CKR_OK);
}

Test(pkcs11_token, that_is_lost_is_found_again_at_the_next_verb)
{
    static const struct {
        const char *name;
        void (*lose)(struct stage *stage);
    } rows[] = {{"all sessions closed", close_all},
                {"logged out", log_out},
                {"library finalised", finalize}};
    struct stage stage = begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect(use(&stage) == POS_OK, "%s: before", rows[i].name);
        rows[i].lose(&stage);
        enum pos_status status = use(&stage);
        cr_expect(status == POS_ERR_HSM, "%s: %s", rows[i].name, pos_status_name(status));
        status = use(&stage);
        cr_expect(status == POS_OK, "%s: %s afterwards", rows[i].name, pos_status_name(status));
        open_beside(&stage);
    }
    end(&stage);
}

static CK_C_Login real_login;
static int login_count;

static CK_RV count_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
                         CK_ULONG size)
{
    login_count++;
    return real_login(session, user, pin, size);
}

/* A token that is back with another LMK is not ours. It is looked for once a second, not at each
 * verb. */
Test(pkcs11_token, with_another_lmk_is_not_taken_for_ours)
{
    struct stage stage = begin();
    struct pos_kcv kcv;
    uint64_t begun_ns = pos_clock_monotonic_ns(); /* before it was looked for the first time */
    cr_expect(pos_hsm_pkcs11_drop_lmk(&stage.options, NULL) == POS_OK);
    cr_expect(use(&stage) == POS_ERR_HSM, "its LMK is gone");
    cr_expect(use(&stage) == POS_ERR_HSM, "and is not found again");
    cr_assert(pos_hsm_pkcs11_init(&stage.options, &kcv, NULL) == POS_OK);
    real_login = stage.functions->C_Login;
    stage.functions->C_Login = count_login;
    for (int i = 0; i < 1000; i++)
        cr_expect(use(&stage) == POS_ERR_HSM);
    int second_count = (int)((pos_clock_monotonic_ns() - begun_ns) / 1000000000);
    cr_expect_leq(login_count, second_count, "refused without asking");
    (void)usleep(1100 * 1000);
    cr_expect(use(&stage) == POS_ERR_HSM, "another LMK opens none of our keys");
    cr_expect_geq(login_count, 1, "it was looked for");
    end(&stage);
}

/* Tokens count wrong PINs and lock themselves: one refusal is enough. */
Test(pkcs11_token, that_refuses_the_pin_is_not_asked_again)
{
    struct stage stage = begin();
    char old[] = SOFTHSM_PIN, new[] = "a-new-pin";
    CK_UTF8CHAR *from = (CK_UTF8CHAR *)old, *to = (CK_UTF8CHAR *)new;
    cr_assert(stage.functions->C_SetPIN(stage.beside, from, strlen(old), to, strlen(new)) ==
              CKR_OK);
    log_out(&stage);
    cr_expect(use(&stage) == POS_ERR_HSM);
    cr_expect(use(&stage) == POS_ERR_HSM, "the PIN was refused now");
    CK_TOKEN_INFO info;
    cr_assert(stage.functions->C_GetTokenInfo(stage.slot, &info) == CKR_OK);
    cr_expect(info.flags & CKF_USER_PIN_COUNT_LOW, "the token has counted it");

    /* The good login clears that mark; another wrong one would set it again. */
    cr_assert(stage.functions->C_Login(stage.beside, CKU_USER, to, strlen(new)) == CKR_OK);
    cr_assert(stage.functions->C_Logout(stage.beside) == CKR_OK);
    (void)usleep(1100 * 1000);
    for (int i = 0; i < 10; i++)
        cr_expect(use(&stage) == POS_ERR_HSM);
    cr_assert(stage.functions->C_GetTokenInfo(stage.slot, &info) == CKR_OK);
    cr_expect_not(info.flags & CKF_USER_PIN_COUNT_LOW, "it was asked again");
    end(&stage);
}

/* ---- the pool ---- */

static void *give_back(void *context)
{
    (void)usleep(200 * 1000);
    enum pos_status status = pos_pkcs11_release(context, POS_OK);
    return status == POS_OK ? NULL : context;
}

/* All sessions lent: the next one waits for one that comes back, and not for ever. */
Test(pkcs11_token, lends_as_many_sessions_as_it_may)
{
    struct stage stage = begin();
    struct pos_pkcs11_token token;
    struct pos_pkcs11_lease first, second, third;
    pthread_t thread;
    stage.options.session_count = 2;
    cr_assert(pos_pkcs11_token_open(&token, &stage.options, NULL) == POS_OK);
    cr_assert(pos_pkcs11_acquire(&token, &first) == POS_OK);
    cr_assert(pos_pkcs11_acquire(&token, &second) == POS_OK);
    cr_assert(pthread_create(&thread, NULL, give_back, &first) == 0);
    cr_expect(pos_pkcs11_acquire(&token, &third) == POS_OK, "it waited");
    cr_assert(pthread_join(thread, NULL) == 0);
    uint64_t begun_ns = pos_clock_monotonic_ns();
    cr_expect(pos_pkcs11_acquire(&token, &first) == POS_ERR_LIMIT);
    uint64_t waited_ms = (pos_clock_monotonic_ns() - begun_ns) / 1000000;
    cr_expect(waited_ms >= POS_PKCS11_WAIT_MS && waited_ms < POS_PKCS11_WAIT_MS + PATIENCE_MS,
              "%llu ms", (unsigned long long)waited_ms);
    cr_expect(pos_pkcs11_release(&second, POS_OK) == POS_OK);
    cr_expect(pos_pkcs11_release(&third, POS_ERR_CORRUPT) == POS_ERR_CORRUPT);
    pos_pkcs11_token_close(&token);
    end(&stage);
}

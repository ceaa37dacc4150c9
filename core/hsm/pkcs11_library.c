/*
 * The vendor's library. PKCS#11 knows one initialised library a process, so those who name the same
 * one share it; the last one out finalises it, unless somebody else in the process had initialised
 * it before us.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hsm/pkcs11.h"

struct pos_pkcs11_library {
    void *handle;
    CK_FUNCTION_LIST *functions;
    bool ours; /* to finalise */
    uint32_t user_count;
    struct pos_pkcs11_library *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pos_pkcs11_library *libraries;

static const struct {
    CK_RV result;
    const char *text;
} results[] = {
#define ROW(name)                                                                                  \
    {                                                                                              \
        name, #name                                                                                \
    }
    ROW(CKR_HOST_MEMORY),
    ROW(CKR_SLOT_ID_INVALID),
    ROW(CKR_GENERAL_ERROR),
    ROW(CKR_FUNCTION_FAILED),
    ROW(CKR_ARGUMENTS_BAD),
    ROW(CKR_ATTRIBUTE_SENSITIVE),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID),
    ROW(CKR_DATA_LEN_RANGE),
    ROW(CKR_DEVICE_ERROR),
    ROW(CKR_DEVICE_MEMORY),
    ROW(CKR_DEVICE_REMOVED),
    ROW(CKR_FUNCTION_NOT_SUPPORTED),
    ROW(CKR_KEY_HANDLE_INVALID),
    ROW(CKR_KEY_TYPE_INCONSISTENT),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED),
    ROW(CKR_KEY_UNEXTRACTABLE),
    ROW(CKR_MECHANISM_INVALID),
    ROW(CKR_OBJECT_HANDLE_INVALID),
    ROW(CKR_OPERATION_ACTIVE),
    ROW(CKR_PIN_INCORRECT),
    ROW(CKR_PIN_LEN_RANGE),
    ROW(CKR_PIN_EXPIRED),
    ROW(CKR_PIN_LOCKED),
    ROW(CKR_SESSION_CLOSED),
    ROW(CKR_SESSION_COUNT),
    ROW(CKR_SESSION_HANDLE_INVALID),
    ROW(CKR_SESSION_READ_ONLY),
    ROW(CKR_TEMPLATE_INCOMPLETE),
    ROW(CKR_TEMPLATE_INCONSISTENT),
    ROW(CKR_TOKEN_NOT_PRESENT),
    ROW(CKR_TOKEN_NOT_RECOGNIZED),
    ROW(CKR_TOKEN_WRITE_PROTECTED),
    ROW(CKR_USER_NOT_LOGGED_IN),
    ROW(CKR_USER_PIN_NOT_INITIALIZED),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
    ROW(CKR_WRAPPED_KEY_INVALID),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED),
#undef ROW
};

const char *pos_pkcs11_text(CK_RV result, char memory[24])
{
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (results[i].result == result)
            return results[i].text;
    (void)snprintf(memory, 24, "CKR 0x%08lX", (unsigned long)result);
    return memory;
}

/* ---- loading ---- */

/* POSIX: what dlsym returns may be called; the language has no cast for it. */
static CK_C_GetFunctionList entry_of(void *handle)
{
    CK_C_GetFunctionList entry = NULL;
    void *symbol = dlsym(handle, "C_GetFunctionList");
    _Static_assert(sizeof entry == sizeof symbol, "a function's address is an address");
    memcpy(&entry, &symbol, sizeof entry);
    return entry;
}

static enum pos_status load(const char *path, void **handle, CK_FUNCTION_LIST **functions,
                            struct pos_error *error)
{
    char memory[24];
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*handle == NULL)
        return pos_error_set(error, POS_ERR_HSM, "cannot load the PKCS#11 library %s: %s", path,
                             dlerror());
    CK_C_GetFunctionList entry = entry_of(*handle);
    if (entry == NULL)
        return pos_error_set(error, POS_ERR_HSM,
                             "%s is not a PKCS#11 library: it has no C_GetFunctionList", path);
    CK_RV result = entry(functions);
    if (result != CKR_OK || *functions == NULL || (*functions)->version.major != 2)
        return pos_error_set(error, POS_ERR_HSM, "%s has no functions of PKCS#11 version 2: %s",
                             path, pos_pkcs11_text(result, memory));
    return POS_OK;
}

CK_RV pos_pkcs11_library_start(const struct pos_pkcs11_library *library)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    return library->functions->C_Initialize(&arguments);
}

static struct pos_pkcs11_library *find(const void *handle)
{
    for (struct pos_pkcs11_library *library = libraries; library != NULL; library = library->next)
        if (library->handle == handle)
            return library;
    return NULL;
}

static enum pos_status add(const char *path, void *handle, CK_FUNCTION_LIST *functions,
                           struct pos_pkcs11_library **library, struct pos_error *error)
{
    char memory[24];
    struct pos_pkcs11_library *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for a PKCS#11 library");
    *made = (struct pos_pkcs11_library){.handle = handle, .functions = functions, .user_count = 1};
    CK_RV result = pos_pkcs11_library_start(made);
    if (result != CKR_OK && result != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        free(made);
        return pos_error_set(error, POS_ERR_HSM, "%s does not start: %s", path,
                             pos_pkcs11_text(result, memory));
    }
    made->ours = result == CKR_OK;
    made->next = libraries;
    libraries = made;
    *library = made;
    return POS_OK;
}

static enum pos_status share_or_add(const char *path, struct pos_pkcs11_library **library,
                                    struct pos_error *error)
{
    void *handle = NULL;
    CK_FUNCTION_LIST *functions = NULL;
    enum pos_status status = load(path, &handle, &functions, error);
    *library = status == POS_OK ? find(handle) : NULL;
    if (*library != NULL) {
        (*library)->user_count++;
        (void)dlclose(handle); /* one count is enough */
        return POS_OK;
    }
    if (status == POS_OK)
        status = add(path, handle, functions, library, error);
    if (status != POS_OK && handle != NULL)
        (void)dlclose(handle);
    return status;
}

enum pos_status pos_pkcs11_library_open(const char *path, struct pos_pkcs11_library **library,
                                        struct pos_error *error)
{
    *library = NULL;
    (void)pthread_mutex_lock(&lock);
    enum pos_status status = share_or_add(path, library, error);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

static void unload(struct pos_pkcs11_library *library)
{
    struct pos_pkcs11_library **link = &libraries;
    while (*link != library)
        link = &(*link)->next;
    *link = library->next;
    if (library->ours)
        (void)library->functions->C_Finalize(NULL);
    (void)dlclose(library->handle);
    free(library);
}

void pos_pkcs11_library_close(struct pos_pkcs11_library *library)
{
    if (library == NULL)
        return;
    (void)pthread_mutex_lock(&lock);
    if (--library->user_count == 0)
        unload(library);
    (void)pthread_mutex_unlock(&lock);
}

const CK_FUNCTION_LIST *pos_pkcs11_library_functions(const struct pos_pkcs11_library *library)
{
    return library->functions;
}

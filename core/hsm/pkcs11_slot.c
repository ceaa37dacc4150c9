/*
 * Which slot a PKCS#11 URI (RFC 7512) means. It must name one token: what is said in configuration
 * today must not mean another token tomorrow, when somebody plugs one in.
 */
#include <p11-kit/uri.h>
#include <string.h>

#include "core/hsm/pkcs11.h"

static enum pos_status check_uri(P11KitUri *uri, const char *text, struct pos_error *error)
{
    CK_ULONG attribute_count = 0;
    const CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri);
    (void)p11_kit_uri_get_attributes(uri, &attribute_count);
    if (p11_kit_uri_any_unrecognized(uri))
        return pos_error_set(error, POS_ERR_CONFIG, "\"%s\" has attributes that are not known",
                             text);
    if (attribute_count > 0)
        return pos_error_set(error, POS_ERR_CONFIG,
                             "\"%s\" names an object; it must name a token, and lmk_label the LMK",
                             text);
    if (info->label[0] == 0 && info->serialNumber[0] == 0)
        return pos_error_set(error, POS_ERR_CONFIG,
                             "\"%s\" names no token: give token=LABEL or serial=NUMBER", text);
    return POS_OK;
}

static enum pos_status parse(const char *text, P11KitUri **uri, struct pos_error *error)
{
    /* Before anything shows the URI to anybody. */
    if (strstr(text, "pin-") != NULL)
        return pos_error_set(error, POS_ERR_CONFIG,
                             "the URI of the token holds a PIN: it belongs into the credential "
                             "file, and nowhere else");
    *uri = p11_kit_uri_new();
    if (*uri == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for a URI");
    int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, *uri);
    if (result != P11_KIT_URI_OK)
        return pos_error_set(error, POS_ERR_CONFIG,
                             "\"%s\" is not a PKCS#11 URI, as pkcs11:token=posgate is: %s", text,
                             p11_kit_uri_message(result));
    return check_uri(*uri, text, error);
}

static bool is_meant(P11KitUri *uri, const CK_FUNCTION_LIST *functions, CK_SLOT_ID slot,
                     CK_TOKEN_INFO *token)
{
    CK_SLOT_INFO slot_info;
    CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);
    if (wanted != (CK_SLOT_ID)-1 && wanted != slot)
        return false;
    if (functions->C_GetSlotInfo(slot, &slot_info) != CKR_OK ||
        functions->C_GetTokenInfo(slot, token) != CKR_OK)
        return false;
    return (token->flags & CKF_TOKEN_INITIALIZED) != 0 &&
           p11_kit_uri_match_slot_info(uri, &slot_info) != 0 &&
           p11_kit_uri_match_token_info(uri, token) != 0;
}

static enum pos_status choose(P11KitUri *uri, const char *text, const CK_FUNCTION_LIST *functions,
                              CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct pos_error *error)
{
    char memory[24];
    CK_SLOT_ID slots[POS_PKCS11_SLOT_COUNT_MAX];
    CK_ULONG count = POS_PKCS11_SLOT_COUNT_MAX, found = 0;
    CK_RV result = functions->C_GetSlotList(CK_TRUE, slots, &count);
    if (result != CKR_OK)
        return pos_error_set(error, POS_ERR_HSM, "the PKCS#11 library does not list its slots: %s",
                             pos_pkcs11_text(result, memory));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO candidate;
        if (!is_meant(uri, functions, slots[i], &candidate))
            continue;
        found++;
        *slot = slots[i];
        *info = candidate;
    }
    if (found == 0)
        return pos_error_set(error, POS_ERR_HSM,
                             "there is no initialised token \"%s\" among those of the library's "
                             "%lu slots",
                             text, (unsigned long)count);
    if (found > 1)
        return pos_error_set(error, POS_ERR_CONFIG,
                             "\"%s\" names %lu tokens: say which, by its serial", text,
                             (unsigned long)found);
    return POS_OK;
}

enum pos_status pos_pkcs11_slot_find(const CK_FUNCTION_LIST *functions, const char *uri,
                                     CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct pos_error *error)
{
    P11KitUri *parsed = NULL;
    enum pos_status status = parse(uri, &parsed, error);
    if (status == POS_OK)
        status = choose(parsed, uri, functions, slot, info, error);
    if (parsed != NULL)
        p11_kit_uri_free(parsed);
    return status;
}

bool pos_hsm_accept_token(const char *uri, struct pos_buffer *reason)
{
    P11KitUri *parsed = NULL;
    struct pos_error error = {.text = ""};
    bool good = parse(uri, &parsed, &error) == POS_OK;
    if (parsed != NULL)
        p11_kit_uri_free(parsed);
    if (!good)
        pos_buffer_format(reason, "is no use: %s", error.text);
    return good;
}

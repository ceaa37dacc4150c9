#include "keymgmt/home.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/secret.h"
#include "core/crypto/seal.h"
#include "keymgmt/prompt.h"

enum { CREDENTIAL_SIZE_MIN = 8 };

enum pos_status pos_home_init(struct pos_home *home, struct pos_options *options,
                              struct pos_error *error)
{
    *home = (struct pos_home){.options = options};
    enum pos_status status = pos_options_finish(options, error);
    if (status != POS_OK)
        return status;
    (void)snprintf(home->lmk_path, sizeof home->lmk_path, "%s/lmk.sealed", options->home);
    (void)snprintf(home->library_path, sizeof home->library_path, "%s/library", options->home);
    (void)snprintf(home->rotating_path, sizeof home->rotating_path, "%s.rotating",
                   home->library_path);
    return POS_OK;
}

void pos_home_fini(struct pos_home *home)
{
    if (home->session != NULL)
        pos_hsm_session_close(home->session);
    if (home->hsm != NULL)
        pos_hsm_close(home->hsm);
    if (home->library != NULL)
        pos_key_library_close(home->library);
    *home = (struct pos_home){0};
}

/* To the shell a library that is not there is a database that is not there. */
static enum pos_status explain_library(const struct pos_home *home, enum pos_status status,
                                       struct pos_error *error)
{
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, POS_ERR_DATABASE,
                             "there is no key library in %s: make one with 'posgate-keymgmt init'",
                             home->options->home);
    return status;
}

/* Half of the keys may be under one LMK and half under another. */
static enum pos_status check_rotation(const struct pos_home *home, struct pos_error *error)
{
    if (home->rotates || access(home->rotating_path, F_OK) != 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_STATE,
                         "the LMK of %s is being rotated, or was when something broke off: finish "
                         "it with 'posgate-keymgmt lmk rotate'",
                         home->options->home);
}

/* --anchor, else what keymgmt.conf says, else HOME/anchor. */
enum pos_status pos_home_find_anchor(struct pos_home *home, struct pos_error *error)
{
    const struct pos_keymgmt_settings *settings;
    enum pos_status status = pos_home_settings(home, &settings, error);
    if (status != POS_OK)
        return status;
    if (home->options->anchor[0] != '\0')
        (void)snprintf(home->anchor_path, sizeof home->anchor_path, "%s", home->options->anchor);
    else if (settings->anchor[0] != '\0')
        (void)snprintf(home->anchor_path, sizeof home->anchor_path, "%s", settings->anchor);
    else
        (void)snprintf(home->anchor_path, sizeof home->anchor_path, "%s/anchor",
                       home->options->home);
    return POS_OK;
}

static enum pos_status open_library(struct pos_home *home, bool create, bool anchored,
                                    struct pos_error *error)
{
    const struct pos_key_library_options options = {
        .path = home->library_path,
        .create = create,
        .audit = pos_audit_chain_init(&home->chain),
        .policy = home->policy,
        .anchor = {.path = anchored ? home->anchor_path : NULL,
                   .accept_old = home->accept_old,
                   .report = anchored ? &home->anchor : NULL},
    };
    enum pos_status status = pos_key_library_open(&options, &home->library, error);
    home->writer = status == POS_OK;
    return explain_library(home, status, error);
}

/* The library is not what its anchor says it should be. */
static bool anchor_speaks_up(const struct pos_home *home)
{
    return home->anchor.finding == POS_ANCHOR_BEHIND ||
           home->anchor.finding == POS_ANCHOR_MISSING || home->anchor.finding == POS_ANCHOR_FOREIGN;
}

enum pos_status pos_home_open_writer(struct pos_home *home, bool create, struct pos_error *error)
{
    enum pos_status status = check_rotation(home, error);
    if (status == POS_OK)
        status = pos_home_find_anchor(home, error);
    if (status == POS_OK)
        status = open_library(home, create, true, error);
    if (status != POS_ERR_STATE || !anchor_speaks_up(home))
        return status;
    if (home->settles_old)
        return open_library(home, create, false, error);
    return status;
}

enum pos_status pos_home_open_reader(struct pos_home *home, struct pos_error *error)
{
    enum pos_status status = check_rotation(home, error);
    if (status == POS_OK)
        status = pos_key_library_follow(home->library_path, NULL, &home->library, error);
    return explain_library(home, status, error);
}

enum pos_status pos_home_follow_table(const char *path, struct pos_terminal_table **table,
                                      struct pos_error *error)
{
    enum pos_status status = pos_terminal_table_follow(path, NULL, table, error);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, POS_ERR_DATABASE, "there is no gateway's terminal table in %s",
                             path);
    return status;
}

/* A new passphrase is typed twice; a token's PIN is never new. */
static enum pos_status ask_passphrase(bool is_new, bool is_pin, struct pos_credential *credential,
                                      struct pos_error *error)
{
    const char *prompt = is_pin ? "PIN of the token: " : "Passphrase of the LMK: ";
    credential->capacity = POS_SEAL_SECRET_SIZE_MAX + 1;
    credential->data = pos_secret_create(credential->capacity);
    char *again = is_new ? pos_secret_create(credential->capacity) : NULL;
    char *text = (char *)credential->data;
    enum pos_status status = POS_OK;
    if (text == NULL || (is_new && again == NULL))
        status = pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the passphrase");
    if (status == POS_OK)
        status = pos_prompt_secret(prompt, text, credential->capacity, error);
    if (status == POS_OK && is_new)
        status = pos_prompt_secret("The same once more: ", again, credential->capacity, error);
    if (status == POS_OK && is_new && strcmp(text, again) != 0)
        status = pos_error_set(error, POS_ERR_USAGE, "the two passphrases differ");
    if (status == POS_OK)
        credential->size = strlen(text);
    pos_secret_destroy(again, credential->capacity);
    return status;
}

static enum pos_status find_credential(const char *path, bool is_new, bool is_pin,
                                       struct pos_credential *credential, struct pos_error *error)
{
    enum pos_status status = pos_file_read_secret(path, POS_SEAL_SECRET_SIZE_MAX, &credential->data,
                                                  &credential->size, error);
    if (status == POS_OK) {
        credential->capacity = credential->size + 1;
        credential->size =
            pos_bytes_without_line_end(pos_bytes(credential->data, credential->size)).size;
        return POS_OK;
    }
    if (status != POS_ERR_NOT_FOUND)
        return status;
    if (pos_prompt_possible())
        return ask_passphrase(is_new && !is_pin, is_pin, credential, error);
    return pos_error_set(error, POS_ERR_HSM,
                         "there is no credential file %s and no terminal to ask on: name the file "
                         "with --credential, or make one with 'init --make-credential'",
                         path);
}

enum pos_status pos_home_credential(const struct pos_home *home, bool is_new,
                                    struct pos_credential *credential, struct pos_error *error)
{
    *credential = (struct pos_credential){0};
    const struct pos_keymgmt_settings *settings;
    enum pos_status status = pos_home_settings(home, &settings, error);
    if (status != POS_OK)
        return status;
    bool is_pin = settings->security_module.kind == POS_HSM_PKCS11;
    status = find_credential(home->options->credential, is_new, is_pin, credential, error);
    /* A token has rules of its own for its PINs, and counts wrong ones. */
    if (status == POS_OK && !is_pin && credential->size < CREDENTIAL_SIZE_MIN)
        status =
            pos_error_set(error, POS_ERR_CONFIG,
                          "the credential has %zu characters, fewer than %d: too easy to guess",
                          credential->size, CREDENTIAL_SIZE_MIN);
    if (status != POS_OK)
        pos_credential_fini(credential);
    return status;
}

void pos_credential_fini(struct pos_credential *credential)
{
    pos_secret_destroy(credential->data, credential->capacity);
    *credential = (struct pos_credential){0};
}

static enum pos_status make_audit_mac(void *context, struct pos_bytes record,
                                      uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    return pos_hsm_audit_mac(context, record, mac);
}

void pos_home_seal_audit(struct pos_home *home)
{
    home->chain.sealer = (struct pos_audit_sealer){.mac = make_audit_mac, .context = home->session};
}

struct pos_audit_event pos_home_event(const struct pos_home *home, const char *what,
                                      const char *on_what)
{
    return (struct pos_audit_event){
        .utc_ms = pos_clock_utc_ms(),
        .who = home->person.name[0] != '\0' ? home->person.name : home->options->operator_name,
        .what = what,
        .on_what = on_what,
        .outcome = "done"};
}

/* A person's password on its way in: from a file that others cannot read, or typed unseen. */
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/secret.h"
#include "keymgmt/login.h"
#include "keymgmt/prompt.h"

enum { QUESTION_SIZE = 80, TRY_COUNT_MAX = 3, FILE_SIZE_MAX = POS_PASSWORD_LENGTH_MAX + 2 };

static enum pos_status read_file(const char *file, struct pos_credential *password,
                                 struct pos_error *error)
{
    enum pos_status status =
        pos_file_read_secret(file, FILE_SIZE_MAX, &password->data, &password->size, error);
    if (status != POS_OK)
        return status;
    password->capacity = password->size + 1;
    password->size = pos_bytes_without_line_end(pos_bytes(password->data, password->size)).size;
    return POS_OK;
}

static enum pos_status type_once(const char *question, struct pos_credential *password,
                                 struct pos_error *error)
{
    password->capacity = POS_PASSWORD_LENGTH_MAX + 1;
    password->data = pos_secret_create(password->capacity);
    if (password->data == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the password");
    enum pos_status status =
        pos_prompt_secret(question, (char *)password->data, password->capacity, error);
    password->size = strlen((const char *)password->data);
    return status;
}

/* Twice, so that a slip of the finger locks nobody out. */
static enum pos_status type_again(struct pos_credential *password, struct pos_error *error)
{
    struct pos_credential again = {0};
    enum pos_status status = type_once("The same once more: ", &again, error);
    if (status == POS_OK &&
        (again.size != password->size || !pos_secret_equal(again.data, password->data, again.size)))
        status = pos_error_set(error, POS_ERR_USAGE, "the two passwords differ");
    pos_credential_fini(&again);
    return status;
}

static enum pos_status check_new(const char *name, const struct pos_credential *password,
                                 struct pos_error *error)
{
    if (password->size >= POS_PASSWORD_LENGTH_MIN)
        return POS_OK;
    return pos_error_set(error, POS_ERR_USAGE,
                         "the password of %s has %zu characters, fewer than %d: too easy to guess",
                         name, password->size, POS_PASSWORD_LENGTH_MIN);
}

static enum pos_status type_new(const char *name, struct pos_credential *password,
                                struct pos_error *error)
{
    char question[QUESTION_SIZE];
    (void)snprintf(question, sizeof question, "New password of %s: ", name);
    enum pos_status status = POS_ERR_USAGE;
    for (int i = 0; i < TRY_COUNT_MAX; i++) {
        status = type_once(question, password, error);
        if (status == POS_OK)
            status = check_new(name, password, error);
        if (status == POS_OK)
            status = type_again(password, error);
        if (status != POS_ERR_USAGE)
            return status;
        pos_credential_fini(password);
        (void)fprintf(stderr, "%s\n", error->text);
    }
    return status;
}

static enum pos_status type_old(const char *name, struct pos_credential *password,
                                struct pos_error *error)
{
    char question[QUESTION_SIZE];
    (void)snprintf(question, sizeof question, "Password of %s: ", name);
    return type_once(question, password, error);
}

enum pos_status pos_password_take(const char *name, const char *file, bool is_new,
                                  struct pos_credential *password, struct pos_error *error)
{
    *password = (struct pos_credential){0};
    if (file == NULL && !pos_prompt_possible())
        return pos_error_set(error, POS_ERR_USAGE,
                             "there is no terminal to ask for the password of %s on: name a file "
                             "that holds it (mode 0600)",
                             name);
    enum pos_status status = file != NULL ? read_file(file, password, error)
                             : is_new     ? type_new(name, password, error)
                                          : type_old(name, password, error);
    if (status == POS_OK && password->size > POS_PASSWORD_LENGTH_MAX)
        status = pos_error_set(error, POS_ERR_USAGE, "a password has at most %d characters",
                               POS_PASSWORD_LENGTH_MAX);
    if (status == POS_OK && is_new)
        status = check_new(name, password, error);
    if (status != POS_OK)
        pos_credential_fini(password);
    return status;
}

#include "tests/core/hsm/softhsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "softhsm: %s\n", what);
    abort();
}

struct softhsm softhsm_create(void)
{
    struct softhsm softhsm = {.folder = "/tmp/posgate-test-token-XXXXXX"};
    char path[96];
    must(mkdtemp(softhsm.folder) != NULL, "mkdtemp");
    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", softhsm.folder);
    FILE *file = fopen(path, "w");
    must(file != NULL, path);
    (void)fprintf(file,
                  "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                  softhsm.folder);
    must(fclose(file) == 0, path);
    must(setenv("SOFTHSM2_CONF", path, 1) == 0, "setenv");
    return softhsm;
}

void softhsm_destroy(const struct softhsm *softhsm)
{
    char command[96];
    (void)snprintf(command, sizeof command, "rm -r '%s'", softhsm->folder);
    must(system(command) == 0, command);
}

void softhsm_add_token(const char *label)
{
    char command[256];
    (void)snprintf(command, sizeof command,
                   "softhsm2-util --init-token --free --label '%s' --so-pin so-pin-12 --pin "
                   "'" SOFTHSM_PIN "' >/dev/null",
                   label);
    must(system(command) == 0, command);
}

struct pos_pkcs11_options softhsm_options(const char *uri, const char *lmk_label)
{
    return (struct pos_pkcs11_options){.module = SOFTHSM_MODULE,
                                       .token = uri,
                                       .lmk_label = lmk_label,
                                       .pin = pos_bytes_text(SOFTHSM_PIN)};
}

struct pos_hsm *softhsm_open(const struct pos_pkcs11_options *options)
{
    struct pos_kcv kcv;
    struct pos_hsm *hsm = NULL;
    struct pos_error error = {0};
    enum pos_status status = pos_hsm_pkcs11_init(options, &kcv, &error);
    must(status == POS_OK || status == POS_ERR_EXISTS, error.text);
    must(pos_hsm_pkcs11_open(options, &hsm, &error) == POS_OK, error.text);
    return hsm;
}

#include "tests/keymgmt/sealed_chain.h"

#include <criterion/criterion.h>

#include "core/base/file.h"
#include "core/base/secret.h"
#include "core/hsm/hsm.h"
#include "tests/keymgmt/run_program.h"

static struct pos_hsm *hsm;
static struct pos_hsm_session *session;

void open_module(void)
{
    uint8_t *secret;
    size_t size;
    struct pos_error error;
    cr_assert(pos_file_read_secret(in_folder("home/credential"), 256, &secret, &size, &error) ==
              POS_OK);
    cr_assert(pos_hsm_software_open(in_folder("home/lmk.sealed"), pos_bytes(secret, size - 1), &hsm,
                                    &error) == POS_OK,
              "%s", error.text);
    pos_secret_destroy(secret, size + 1);
    cr_assert(pos_hsm_session_open(hsm, &session) == POS_OK);
}

void close_module(void)
{
    pos_hsm_session_close(session);
    pos_hsm_close(hsm);
}

static enum pos_status make_mac(void *context, struct pos_bytes record,
                                uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    return pos_hsm_audit_mac(context, record, mac);
}

struct pos_audit_writer init_sealed_chain(struct pos_audit_chain *chain)
{
    struct pos_audit_writer writer = pos_audit_chain_init(chain);
    chain->sealer = (struct pos_audit_sealer){.mac = make_mac, .context = session};
    return writer;
}

/*
 * One emulated terminal: its keys, its stage, and how both change. Making requests is request.c,
 * judging replies is reply.c.
 */
#include "core/terminal/terminal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/derive.h"
#include "core/terminal/keys.h"

void pos_terminal_init(struct pos_terminal *terminal, const struct pos_dialect *dialect,
                       const char *serial, const char *tid, const char *mid)
{
    assert(strlen(serial) == POS_SERIAL_SIZE && strlen(tid) <= 8 && strlen(mid) <= 15);
    *terminal = (struct pos_terminal){
        .dialect = dialect,
        .route = pos_route_usual,
        .batch = 1,
        .form = POS_FORM_COUNT,
        .mac = true,
        .sign_on_mac = true,
    };
    memcpy(terminal->serial, serial, POS_SERIAL_SIZE);
    (void)snprintf(terminal->tid, sizeof terminal->tid, "%-8s", tid);
    if (mid[0] != '\0')
        (void)snprintf(terminal->mid, sizeof terminal->mid, "%-15s", mid);
}

void pos_terminal_fini(struct pos_terminal *terminal)
{
    pos_exchange_destroy(terminal->exchange);
    pos_mac_destroy(terminal->registration_mac);
    pos_mac_destroy(terminal->working_mac);
    pos_secret_wipe(terminal, sizeof *terminal);
}

struct pos_mac *pos_terminal_mac_of(const struct pos_terminal *terminal, enum pos_kind kind)
{
    switch (kind) {
    case POS_KIND_REGISTER:
    case POS_KIND_SIGN_ON:
    case POS_KIND_KEY_CONFIRM:
        return terminal->registration_mac;
    default:
        return terminal->working_mac;
    }
}

bool pos_terminal_macs(const struct pos_terminal *terminal, const struct pos_kind_rule *rule)
{
    if (rule->link == POS_LINK_MOTHER)
        return rule->mac;
    return rule->mac && terminal->mac && (terminal->sign_on_mac || rule->kind != POS_KIND_SIGN_ON);
}

const struct pos_dialect *pos_terminal_dialect(const struct pos_terminal *terminal,
                                               const struct pos_kind_rule *rule)
{
    return rule->link == POS_LINK_MOTHER ? &pos_dialect_iso87b : terminal->dialect;
}

void pos_terminal_move(struct pos_terminal *terminal, enum pos_terminal_stage to)
{
    /* Rows: from; columns: to. A gateway may know a terminal whose confirm or registration was
     * answered and forgotten here, so steps may be jumped forward; a new key starts over. */
    static const bool allowed[POS_STAGE_COUNT][POS_STAGE_COUNT] = {
        [POS_STAGE_BLANK] = {[POS_STAGE_KEYED] = true},
        [POS_STAGE_KEYED] = {[POS_STAGE_KEYED] = true,
                             [POS_STAGE_CONFIRMED] = true,
                             [POS_STAGE_REGISTERED] = true,
                             [POS_STAGE_SIGNED_ON] = true},
        [POS_STAGE_CONFIRMED] =
            {[POS_STAGE_KEYED] = true, [POS_STAGE_REGISTERED] = true, [POS_STAGE_SIGNED_ON] = true},
        [POS_STAGE_REGISTERED] = {[POS_STAGE_KEYED] = true, [POS_STAGE_SIGNED_ON] = true},
        [POS_STAGE_SIGNED_ON] = {[POS_STAGE_KEYED] = true,
                                 [POS_STAGE_REGISTERED] = true, /* signed off */
                                 [POS_STAGE_SIGNED_ON] = true}, /* new working keys */
    };
    assert(allowed[terminal->stage][to]);
    terminal->stage = to;
}

static enum pos_status prepare_registration_mac(struct pos_terminal *terminal)
{
    uint8_t registration_key[POS_KEY_SIZE_MAX];
    enum pos_status status =
        pos_derive(terminal->algorithm, terminal->tmk, POS_DERIVE_REGISTRATION, registration_key);
    if (status == POS_OK)
        status = pos_mac_create(POS_MAC_CMAC, terminal->algorithm, registration_key,
                                &terminal->registration_mac);
    pos_secret_wipe(registration_key, sizeof registration_key);
    return status;
}

static enum pos_mac_algorithm working_mac_algorithm(const struct pos_terminal *terminal)
{
    if (pos_algorithm_working(terminal->algorithm) != POS_ALGORITHM_T2)
        return POS_MAC_CMAC;
    return terminal->cup_ecb ? POS_MAC_CUP_ECB : POS_MAC_RETAIL;
}

enum pos_status pos_terminal_prepare_macs(struct pos_terminal *terminal)
{
    pos_mac_destroy(terminal->registration_mac);
    pos_mac_destroy(terminal->working_mac);
    terminal->registration_mac = terminal->working_mac = NULL;
    if (terminal->stage == POS_STAGE_BLANK)
        return POS_OK;
    enum pos_status status = prepare_registration_mac(terminal);
    if (status != POS_OK || terminal->stage != POS_STAGE_SIGNED_ON)
        return status;
    return pos_mac_create(working_mac_algorithm(terminal),
                          pos_algorithm_working(terminal->algorithm), terminal->tak,
                          &terminal->working_mac);
}

enum pos_status pos_terminal_restore(struct pos_terminal *terminal, enum pos_terminal_stage stage,
                                     uint32_t key_index, enum pos_algorithm algorithm,
                                     const uint8_t *tmk, const uint8_t *tpk, const uint8_t *tak)
{
    assert(stage != POS_STAGE_BLANK && tmk != NULL);
    assert(stage != POS_STAGE_SIGNED_ON || (tpk != NULL && tak != NULL));
    struct pos_smn smn;
    enum pos_status status = pos_smn_form(pos_bytes_text(terminal->serial), key_index, &smn, NULL);
    if (status != POS_OK)
        return status;
    terminal->smn = smn;
    terminal->stage = stage;
    terminal->algorithm = algorithm;
    memcpy(terminal->tmk, tmk, pos_algorithm_key_size(algorithm));
    if (stage == POS_STAGE_SIGNED_ON) {
        size_t size = pos_algorithm_key_size(pos_algorithm_working(algorithm));
        memcpy(terminal->tpk, tpk, size);
        memcpy(terminal->tak, tak, size);
    }
    return pos_terminal_prepare_macs(terminal);
}

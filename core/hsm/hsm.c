/*
 * The way into a security module: the rules that hold for every kind of it, then the verb of the
 * kind that it is.
 */
#include "core/hsm/hsm.h"

#include <assert.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/hsm/component.h"
#include "core/hsm/hsm_inside.h"
#include "core/hsm/tdes.h"
#include "core/hsm/working_form.h"

/* ---- rules ---- */

/* SM4 is for terminals alone, and the working keys of T3 terminals are T2. */
static bool has_algorithm(enum pos_key_usage usage, enum pos_algorithm algorithm)
{
    switch (usage) {
    case POS_USAGE_KTK:
    case POS_USAGE_ZPK:
    case POS_USAGE_ZAK:
        return algorithm != POS_ALGORITHM_SM4;
    case POS_USAGE_TPK:
    case POS_USAGE_TAK:
    case POS_USAGE_TDK:
        return algorithm != POS_ALGORITHM_T3;
    default:
        return usage == POS_USAGE_TMK;
    }
}

bool pos_hsm_serves(const struct pos_hsm *hsm, enum pos_algorithm algorithm)
{
    if (algorithm <= POS_ALGORITHM_NONE || algorithm >= POS_ALGORITHM_COUNT)
        return false;
    return hsm->module->serves == NULL || hsm->module->serves(hsm, algorithm);
}

/* A row of a database is not to be trusted to hold a key at all. */
enum pos_status pos_hsm_check_key(const struct pos_hsm_session *session, const struct pos_key *key,
                                  enum pos_key_usage usage)
{
    if (key->usage != usage || !pos_hsm_serves(session->hsm, key->algorithm) ||
        !has_algorithm(usage, key->algorithm))
        return POS_ERR_USAGE;
    return key->size == 0 || key->size > sizeof key->data ? POS_ERR_CORRUPT : POS_OK;
}

enum pos_status pos_hsm_check_verb(const struct pos_hsm_session *session)
{
    return session->local ? POS_ERR_NOT_ALLOWED : POS_OK;
}

enum pos_status pos_hsm_check_keys(const struct pos_hsm_session *session,
                                   const struct pos_key *first, enum pos_key_usage first_usage,
                                   const struct pos_key *second, enum pos_key_usage second_usage)
{
    enum pos_status status = pos_hsm_check_verb(session);
    if (status == POS_OK)
        status = pos_hsm_check_key(session, first, first_usage);
    return status == POS_OK ? pos_hsm_check_key(session, second, second_usage) : status;
}

static enum pos_status check_strength(enum pos_algorithm protection, enum pos_algorithm key)
{
    return pos_algorithm_strength(key) > pos_algorithm_strength(protection) ? POS_ERR_NOT_ALLOWED
                                                                            : POS_OK;
}

/* A working key on its way to its terminal. */
static enum pos_status check_working(const struct pos_hsm_session *session,
                                     const struct pos_key *tmk, const struct pos_key *key,
                                     enum pos_key_usage usage)
{
    enum pos_status status = pos_hsm_check_keys(session, tmk, POS_USAGE_TMK, key, usage);
    if (status == POS_OK)
        status = check_strength(tmk->algorithm, key->algorithm);
    if (status == POS_OK && key->algorithm != pos_algorithm_working(tmk->algorithm))
        status = POS_ERR_USAGE;
    return status;
}

/* ---- modules and sessions ---- */

void pos_hsm_close(struct pos_hsm *hsm)
{
    if (hsm == NULL)
        return;
    assert(atomic_load(&hsm->session_count) == 0);
    hsm->module->close(hsm);
}

const char *pos_hsm_describe(const struct pos_hsm *hsm)
{
    return hsm->description;
}

struct pos_kcv pos_hsm_lmk_kcv(const struct pos_hsm *hsm)
{
    return hsm->lmk_kcv;
}

bool pos_hsm_waits(const struct pos_hsm *hsm)
{
    return hsm->module->waits;
}

static enum pos_status open_session(struct pos_hsm *hsm, bool local,
                                    struct pos_hsm_session **session)
{
    *session = NULL;
    enum pos_status status = hsm->module->session_open(hsm, local, session);
    if (status != POS_OK)
        return status;
    (*session)->hsm = hsm;
    (*session)->local = local;
    (void)atomic_fetch_add(&hsm->session_count, 1);
    return POS_OK;
}

enum pos_status pos_hsm_session_open(struct pos_hsm *hsm, struct pos_hsm_session **session)
{
    return open_session(hsm, false, session);
}

enum pos_status pos_hsm_session_open_local(struct pos_hsm *hsm, struct pos_hsm_session **session)
{
    return open_session(hsm, hsm->module->waits, session);
}

void pos_hsm_session_close(struct pos_hsm_session *session)
{
    if (session == NULL)
        return;
    struct pos_hsm *hsm = session->hsm;
    hsm->module->session_close(session);
    (void)atomic_fetch_sub(&hsm->session_count, 1);
}

/* ---- keys ---- */

static enum pos_status check_new(const struct pos_hsm_session *session,
                                 const struct pos_new_key *key)
{
    enum pos_key_usage usage = key->usage;
    bool made_single = usage == POS_USAGE_TPK || usage == POS_USAGE_TAK;
    bool made_here = made_single || usage == POS_USAGE_TMK || usage == POS_USAGE_TDK;
    bool possible = key->single ? made_single && key->algorithm == POS_ALGORITHM_T2 : made_here;
    return possible && pos_hsm_serves(session->hsm, key->algorithm) &&
                   has_algorithm(usage, key->algorithm)
               ? POS_OK
               : POS_ERR_USAGE;
}

static void empty_new(const struct pos_new_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *keys[i].key = (struct pos_key){0};
        *keys[i].kcv = (struct pos_kcv){0};
    }
}

enum pos_status pos_hsm_generate_many(struct pos_hsm_session *session,
                                      const struct pos_new_key *keys, size_t count)
{
    enum pos_status status = pos_hsm_check_verb(session);
    for (size_t i = 0; i < count && status == POS_OK; i++)
        status = check_new(session, &keys[i]);
    if (status == POS_OK)
        status = pos_hsm_module_of(session)->generate(session, keys, count);
    if (status != POS_OK)
        empty_new(keys, count);
    return status;
}

enum pos_status pos_hsm_generate(struct pos_hsm_session *session, enum pos_key_usage usage,
                                 enum pos_algorithm algorithm, struct pos_key *key,
                                 struct pos_kcv *kcv)
{
    const struct pos_new_key wanted = {usage, algorithm, .key = key, .kcv = kcv};
    return pos_hsm_generate_many(session, &wanted, 1);
}

enum pos_status pos_hsm_generate_single(struct pos_hsm_session *session, enum pos_key_usage usage,
                                        struct pos_key *key, struct pos_kcv *kcv)
{
    const struct pos_new_key wanted = {usage, POS_ALGORITHM_T2, .single = true, .key = key,
                                       .kcv = kcv};
    return pos_hsm_generate_many(session, &wanted, 1);
}

static enum pos_status check_ceremony(const struct pos_hsm_session *session,
                                      enum pos_key_usage usage, enum pos_algorithm algorithm,
                                      struct pos_error *error)
{
    if (pos_hsm_check_verb(session) != POS_OK)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED, "no ceremonies in a local session");
    if (usage != POS_USAGE_KTK && usage != POS_USAGE_ZPK && usage != POS_USAGE_ZAK)
        return pos_error_set(error, POS_ERR_USAGE, "KTK, ZPK and ZAK are made from components");
    if (!pos_hsm_serves(session->hsm, algorithm) || !has_algorithm(usage, algorithm))
        return pos_error_set(error, POS_ERR_USAGE,
                             "a %s is T2, T3, A128 or A256, as far as the security module serves "
                             "them",
                             pos_key_usage_name(usage));
    return POS_OK;
}

enum pos_status pos_hsm_import_components(struct pos_hsm_session *session, enum pos_key_usage usage,
                                          enum pos_algorithm algorithm,
                                          const struct pos_component *components,
                                          size_t component_count, struct pos_key *key,
                                          struct pos_kcv *kcv, struct pos_error *error)
{
    *key = (struct pos_key){0};
    *kcv = (struct pos_kcv){0};
    enum pos_status status = check_ceremony(session, usage, algorithm, error);
    if (status != POS_OK)
        return status;
    uint8_t *clear = pos_secret_create(POS_KEY_SIZE_MAX);
    if (clear == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for a key");
    status = pos_component_combine(components, component_count, algorithm, clear, error);
    if (status == POS_OK) {
        status =
            pos_hsm_module_of(session)->import_clear(session, usage, algorithm, clear, key, kcv);
        if (status != POS_OK)
            (void)pos_error_set(error, status, "the security module did not take the key: %s",
                                pos_status_text(status));
    }
    pos_secret_destroy(clear, POS_KEY_SIZE_MAX);
    return status;
}

/* Any key but an LMK. */
static enum pos_status check_any_key(const struct pos_hsm_session *session,
                                     const struct pos_key *key)
{
    enum pos_status status = pos_hsm_check_verb(session);
    return status == POS_OK ? pos_hsm_check_key(session, key, key->usage) : status;
}

enum pos_status pos_hsm_kcv(struct pos_hsm_session *session, const struct pos_key *key,
                            struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    enum pos_status status = check_any_key(session, key);
    return status == POS_OK ? pos_hsm_module_of(session)->kcv(session, key, kcv) : status;
}

/* ---- to another LMK ---- */

static enum pos_status move_in_the_clear(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                         const struct pos_key *key, struct pos_key *moved)
{
    if (pos_hsm_module_of(from)->export_clear == NULL)
        return POS_ERR_NOT_ALLOWED;
    uint8_t *clear = pos_secret_create(POS_KEY_SIZE_MAX);
    if (clear == NULL)
        return POS_ERR_MEMORY;
    struct pos_kcv kcv;
    enum pos_status status = pos_hsm_module_of(from)->export_clear(from, key, clear);
    if (status == POS_OK)
        status =
            pos_hsm_module_of(to)->import_clear(to, key->usage, key->algorithm, clear, moved, &kcv);
    pos_secret_destroy(clear, POS_KEY_SIZE_MAX);
    return status;
}

enum pos_status pos_hsm_move_key(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                 const struct pos_key *key, struct pos_key *moved)
{
    struct pos_key made = {0};
    enum pos_status status = check_any_key(from, key);
    if (status == POS_OK)
        status = check_any_key(to, key);
    if (status == POS_OK) {
        const struct pos_hsm_module *module = pos_hsm_module_of(from);
        bool same_kind = module == pos_hsm_module_of(to) && module->move_key != NULL;
        status = same_kind ? module->move_key(from, to, key, &made)
                           : move_in_the_clear(from, to, key, &made);
    }
    *moved = status == POS_OK ? made : (struct pos_key){0}; /* which may be where `key` is */
    return status;
}

/* ---- to a mother POS, and from a center ---- */

static enum pos_status check_export(const struct pos_hsm_session *session,
                                    const struct pos_key *tmk, const struct pos_key *ktk)
{
    enum pos_status status = pos_hsm_check_keys(session, tmk, POS_USAGE_TMK, ktk, POS_USAGE_KTK);
    return status == POS_OK ? check_strength(ktk->algorithm, tmk->algorithm) : status;
}

enum pos_status pos_hsm_export_tmk(struct pos_hsm_session *session, const struct pos_key *tmk,
                                   const struct pos_key *ktk, struct pos_buffer *block)
{
    enum pos_status status = check_export(session, tmk, ktk);
    return status == POS_OK ? pos_hsm_module_of(session)->export_tmk(session, tmk, ktk, block)
                            : status;
}

bool pos_hsm_bare_possible(enum pos_algorithm tmk, enum pos_algorithm ktk)
{
    size_t block_size = pos_is_tdes(ktk) ? POS_DES_KEY_SIZE : 16;
    return pos_algorithm_key_size(tmk) % block_size == 0;
}

enum pos_status pos_hsm_export_tmk_bare(struct pos_hsm_session *session, const struct pos_key *tmk,
                                        const struct pos_key *ktk, struct pos_buffer *ciphertext)
{
    uint8_t coded[POS_KEY_SIZE_MAX];
    char text[2 * POS_KEY_SIZE_MAX + 1];
    enum pos_status status = check_export(session, tmk, ktk);
    if (status == POS_OK && !pos_hsm_bare_possible(tmk->algorithm, ktk->algorithm))
        status = POS_ERR_USAGE;
    if (status == POS_OK)
        status = pos_hsm_module_of(session)->export_tmk_bare(session, tmk, ktk, coded);
    if (status != POS_OK)
        return status;
    pos_hex_encode(pos_bytes(coded, pos_algorithm_key_size(tmk->algorithm)), text);
    pos_buffer_put_text(ciphertext, text);
    return ciphertext->overflow ? POS_ERR_LENGTH : POS_OK;
}

enum pos_status pos_hsm_import_tmk(struct pos_hsm_session *session, struct pos_bytes block,
                                   const struct pos_key *ktk, enum pos_algorithm algorithm,
                                   struct pos_key *tmk, struct pos_kcv *kcv,
                                   struct pos_error *error)
{
    *tmk = (struct pos_key){0};
    *kcv = (struct pos_kcv){0};
    enum pos_status status = pos_hsm_check_verb(session);
    if (status == POS_OK && !pos_hsm_serves(session->hsm, algorithm))
        status = POS_ERR_USAGE;
    if (status == POS_OK)
        status = pos_hsm_check_key(session, ktk, POS_USAGE_KTK);
    if (status != POS_OK)
        return pos_error_set(error, status, "not a KTK, or an algorithm that is not served: %s",
                             pos_status_text(status));
    if (check_strength(ktk->algorithm, algorithm) != POS_OK)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED, "a %s key is too strong for a KTK of %s",
                             pos_algorithm_name(algorithm), pos_algorithm_name(ktk->algorithm));
    return pos_hsm_module_of(session)->import_tmk(session, block, ktk, algorithm, tmk, kcv, error);
}

/* ---- to a terminal ---- */

enum pos_status pos_hsm_deliver_tmk(struct pos_hsm_session *session, const struct pos_key *tmk,
                                    const uint8_t terminal_public[32], uint8_t mother_public[32],
                                    struct pos_buffer *block)
{
    enum pos_status status = pos_hsm_check_verb(session);
    if (status == POS_OK)
        status = pos_hsm_check_key(session, tmk, POS_USAGE_TMK);
    if (status != POS_OK)
        return status;
    return pos_hsm_module_of(session)->deliver_tmk(session, tmk, terminal_public, mother_public,
                                                   block);
}

/* SM4 has no version of key blocks to wrap with: its terminals have the forms. */
enum pos_status pos_hsm_wrap_working_key(struct pos_hsm_session *session, const struct pos_key *tmk,
                                         const struct pos_key *working_key,
                                         struct pos_buffer *block)
{
    bool pin = working_key->usage == POS_USAGE_TPK;
    enum pos_status status =
        check_working(session, tmk, working_key, pin ? POS_USAGE_TPK : POS_USAGE_TAK);
    if (status == POS_OK && tmk->algorithm == POS_ALGORITHM_SM4)
        status = POS_ERR_USAGE;
    if (status != POS_OK)
        return status;
    return pos_hsm_module_of(session)->wrap_working_key(session, tmk, working_key, block);
}

enum pos_status pos_hsm_wrap_working_form(struct pos_hsm_session *session, enum pos_key_form form,
                                          const struct pos_key *tmk, const struct pos_key *tpk,
                                          const struct pos_key *tak, const struct pos_key *tdk,
                                          struct pos_buffer *out)
{
    static const enum pos_key_usage usages[] = {POS_USAGE_TPK, POS_USAGE_TAK, POS_USAGE_TDK};
    const struct pos_key *const keys[POS_FORM_PART_COUNT_MAX] = {tpk, tak, tdk};
    struct pos_form_part parts[POS_FORM_PART_COUNT_MAX];
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer whole = pos_buffer(memory, sizeof memory);
    size_t count = pos_form_parts(form, tmk->algorithm, parts);
    enum pos_status status = count == 0 ? POS_ERR_USAGE : POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++)
        status = check_working(session, tmk, keys[i], usages[i]);
    if (status == POS_OK)
        status =
            pos_hsm_module_of(session)->wrap_working_form(session, form, tmk, keys, count, &whole);
    if (status != POS_OK)
        return status;
    pos_buffer_put(out, pos_buffer_view(&whole));
    return out->overflow ? POS_ERR_LENGTH : POS_OK;
}

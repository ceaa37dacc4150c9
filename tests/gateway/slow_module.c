#include "tests/gateway/slow_module.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hsm/module.h"

enum { LOCAL_KEY_COUNT = 64 };

struct slow {
    struct pos_hsm base;
    struct pos_hsm *inner;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool shut;
};

struct here {
    struct pos_key key;
    enum pos_mac_purpose purpose;
};

struct slow_session {
    struct pos_hsm_session base;
    struct slow *hsm;
    struct pos_hsm_session *inner;
    struct here keys[LOCAL_KEY_COUNT]; /* that were brought; the oldest is overwritten */
    size_t key_count;
};

static struct slow_session *own(struct pos_hsm_session *session)
{
    return (struct slow_session *)session;
}

/* The session behind the door, once that is open. */
static struct pos_hsm_session *wait(struct pos_hsm_session *session)
{
    struct slow *hsm = own(session)->hsm;
    (void)pthread_mutex_lock(&hsm->lock);
    while (hsm->shut)
        (void)pthread_cond_wait(&hsm->opened, &hsm->lock);
    (void)pthread_mutex_unlock(&hsm->lock);
    return own(session)->inner;
}

static enum pos_status slow_generate(struct pos_hsm_session *session,
                                     const struct pos_new_key *keys, size_t count)
{
    return pos_hsm_generate_many(wait(session), keys, count);
}

static enum pos_status slow_import_clear(struct pos_hsm_session *session, enum pos_key_usage usage,
                                         enum pos_algorithm algorithm, const uint8_t *clear,
                                         struct pos_key *key, struct pos_kcv *kcv)
{
    const struct pos_hsm_module *inner = own(session)->hsm->inner->module;
    return inner->import_clear(wait(session), usage, algorithm, clear, key, kcv);
}

static enum pos_status slow_import_tmk(struct pos_hsm_session *session, struct pos_bytes block,
                                       const struct pos_key *ktk, enum pos_algorithm algorithm,
                                       struct pos_key *tmk, struct pos_kcv *kcv,
                                       struct pos_error *error)
{
    return pos_hsm_import_tmk(wait(session), block, ktk, algorithm, tmk, kcv, error);
}

static enum pos_status slow_wrap_working_key(struct pos_hsm_session *session,
                                             const struct pos_key *tmk,
                                             const struct pos_key *working_key,
                                             struct pos_buffer *block)
{
    return pos_hsm_wrap_working_key(wait(session), tmk, working_key, block);
}

static enum pos_status slow_wrap_working_form(struct pos_hsm_session *session,
                                              enum pos_key_form form, const struct pos_key *tmk,
                                              const struct pos_key *const *keys, size_t key_count,
                                              struct pos_buffer *out)
{
    const struct pos_key *tdk = key_count > 2 ? keys[2] : NULL;
    return pos_hsm_wrap_working_form(wait(session), form, tmk, keys[0], keys[1], tdk, out);
}

static bool is_here(const struct slow_session *session, const struct pos_key *key,
                    enum pos_mac_purpose purpose)
{
    size_t count = session->key_count < LOCAL_KEY_COUNT ? session->key_count : LOCAL_KEY_COUNT;
    for (size_t i = 0; i < count; i++)
        if (session->keys[i].purpose == purpose && session->keys[i].key.size == key->size &&
            memcmp(session->keys[i].key.data, key->data, key->size) == 0)
            return true;
    return false;
}

static enum pos_status slow_mac(struct pos_hsm_session *session, const struct pos_key *key,
                                enum pos_mac_purpose purpose, struct pos_bytes message,
                                uint8_t *mac, size_t *size)
{
    struct slow_session *slow = own(session);
    if (session->local && !is_here(slow, key, purpose))
        return POS_ERR_BUSY;
    *size = POS_MAC_SIZE;
    return pos_hsm_make_mac(session->local ? slow->inner : wait(session), key, purpose, message,
                            mac);
}

/* The key itself never leaves the software module: what travels is nothing. */
static enum pos_status slow_fetch_mac_key(struct pos_hsm_session *session,
                                          const struct pos_key *key, enum pos_mac_purpose purpose,
                                          uint8_t *clear, enum pos_algorithm *algorithm)
{
    struct pos_kcv kcv;
    (void)purpose;
    memset(clear, 0, POS_KEY_SIZE_MAX);
    *algorithm = key->algorithm;
    return pos_hsm_kcv(wait(session), key, &kcv); /* a damaged one is noticed here */
}

static enum pos_status slow_take_mac_key(struct pos_hsm_session *session, const struct pos_key *key,
                                         enum pos_mac_purpose purpose, const uint8_t *clear,
                                         enum pos_algorithm algorithm)
{
    struct slow_session *slow = own(session);
    (void)clear;
    (void)algorithm;
    slow->keys[slow->key_count++ % LOCAL_KEY_COUNT] = (struct here){*key, purpose};
    return POS_OK;
}

static enum pos_status slow_translate_pin(struct pos_hsm_session *session,
                                          const struct pos_key *tpk, const struct pos_key *zpk,
                                          struct pos_bytes pan, const struct pos_pin_cryptogram *in,
                                          struct pos_pin_cryptogram *out)
{
    return pos_hsm_translate_pin(wait(session), tpk, zpk, pan, in, out);
}

static void slow_session_close(struct pos_hsm_session *session)
{
    pos_hsm_session_close(own(session)->inner);
    free(session);
}

static enum pos_status slow_session_open(struct pos_hsm *hsm, bool local,
                                         struct pos_hsm_session **session)
{
    struct slow_session *made = calloc(1, sizeof *made);
    (void)local;
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->hsm = (struct slow *)hsm;
    enum pos_status status = pos_hsm_session_open(made->hsm->inner, &made->inner);
    if (status == POS_OK)
        *session = &made->base;
    else
        free(made);
    return status;
}

static void slow_close(struct pos_hsm *hsm)
{
    struct slow *slow = (struct slow *)hsm;
    pos_hsm_close(slow->inner);
    (void)pthread_cond_destroy(&slow->opened);
    (void)pthread_mutex_destroy(&slow->lock);
    free(slow);
}

static const struct pos_hsm_module slow_module = {
    .close = slow_close,
    .waits = true,
    .session_open = slow_session_open,
    .session_close = slow_session_close,
    .generate = slow_generate,
    .import_clear = slow_import_clear,
    .import_tmk = slow_import_tmk,
    .wrap_working_key = slow_wrap_working_key,
    .wrap_working_form = slow_wrap_working_form,
    .mac = slow_mac,
    .fetch_mac_key = slow_fetch_mac_key,
    .take_mac_key = slow_take_mac_key,
    .translate_pin = slow_translate_pin,
};

struct pos_hsm *slow_module_open(struct pos_hsm *inner)
{
    struct slow *made = calloc(1, sizeof *made);
    if (made == NULL)
        abort();
    made->base.module = &slow_module;
    (void)snprintf(made->base.description, sizeof made->base.description, "a module that waits");
    made->base.lmk_kcv = pos_hsm_lmk_kcv(inner);
    made->inner = inner;
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_cond_init(&made->opened, NULL);
    return &made->base;
}

static void set_shut(struct pos_hsm *module, bool shut)
{
    struct slow *slow = (struct slow *)module;
    (void)pthread_mutex_lock(&slow->lock);
    slow->shut = shut;
    (void)pthread_cond_broadcast(&slow->opened);
    (void)pthread_mutex_unlock(&slow->lock);
}

void slow_module_shut(struct pos_hsm *module)
{
    set_shut(module, true);
}

void slow_module_let_in(struct pos_hsm *module)
{
    set_shut(module, false);
}

void slow_module_forget(struct pos_hsm_session *local)
{
    own(local)->key_count = 0;
}

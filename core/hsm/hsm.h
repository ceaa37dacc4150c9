/*
 * The security module: the one place where keys are clear. Every verb takes and gives keys as
 * struct pos_key, which only the module that made it can open; no verb returns a clear key.
 *
 * `struct pos_hsm` is open once and shared by all threads; `struct pos_hsm_session` is one thread's
 * use of it and holds that thread's keyed contexts, bounded by POS_KEY_CONTEXT_COUNT_MAX, so that a
 * busy key is set up once; a miss costs the opening of the key and its schedule, about a
 * microsecond more in the software module. Behind both stands a table of functions per kind of
 * module.
 *
 * Served now: AES-128 and AES-256; other algorithms are POS_ERR_USAGE. For every verb that takes a
 * key: POS_ERR_USAGE when it is presented with a usage that the verb is not for, POS_ERR_CORRUPT
 * when the value is damaged, another module's, or not what its usage and algorithm say. So
 * POS_ERR_MAC from pos_hsm_verify_mac is always about the message.
 *
 * Memory of the software module: the LMK and the keys that a verb has open are in locked memory and
 * wiped; the key schedules that OpenSSL makes of cached keys are on its heap, wiped on release but
 * not locked (about 1.2 KB a context). pos_secret_protect_process keeps them out of core files.
 */
#ifndef POS_HSM_HSM_H
#define POS_HSM_HSM_H

#include "core/base/error.h"
#include "core/base/limits.h"

struct pos_hsm;
struct pos_hsm_session;

/* One custodian's part of a key; the key is the XOR of all parts. Lives in secret memory. */
struct pos_component {
    uint8_t size; /* that of the key's algorithm */
    uint8_t data[POS_KEY_SIZE_MAX];
};

/* ---- modules ---- */

/*
 * The software module (OpenSSL). Not a certified device, and pos_hsm_describe says so. Its LMK
 * (AES-256) rests in one file, sealed under a secret (a passphrase, or a credential file's
 * content).
 */

/* Makes the LMK from components and seals it into a new file. POS_ERR_EXISTS when it is there;
 * POS_ERR_USAGE for too few, too many, equal or all-zero components, or an empty secret. *kcv is
 * the LMK's. */
POS_MUST_USE enum pos_status pos_hsm_software_init(const char *path, struct pos_bytes secret,
                                                   const struct pos_component *components,
                                                   size_t component_count, struct pos_kcv *kcv,
                                                   struct pos_error *error);
/* POS_ERR_NOT_FOUND: no LMK, run a ceremony. POS_ERR_MAC: wrong secret or damaged file.
 * POS_ERR_NOT_ALLOWED: others may read it. POS_ERR_FORMAT, POS_ERR_VERSION: not our file. */
POS_MUST_USE enum pos_status pos_hsm_software_open(const char *path, struct pos_bytes secret,
                                                   struct pos_hsm **hsm, struct pos_error *error);
void pos_hsm_close(struct pos_hsm *hsm); /* after all its sessions */

/* "software module (OpenSSL 3.0.22), not a certified device" */
const char *pos_hsm_describe(const struct pos_hsm *hsm);
struct pos_kcv pos_hsm_lmk_kcv(const struct pos_hsm *hsm);

POS_MUST_USE enum pos_status pos_hsm_session_open(struct pos_hsm *hsm,
                                                  struct pos_hsm_session **session);
void pos_hsm_session_close(struct pos_hsm_session *session);

/* ---- keys ---- */

/* A new random key under the LMK, with its KCV. Usage TMK, TPK or TAK. */
POS_MUST_USE enum pos_status pos_hsm_generate(struct pos_hsm_session *session,
                                              enum pos_key_usage usage,
                                              enum pos_algorithm algorithm, struct pos_key *key,
                                              struct pos_kcv *kcv);

/* A key from components: KTK, ZPK, ZAK. POS_ERR_USAGE as for the LMK. */
POS_MUST_USE enum pos_status
pos_hsm_import_components(struct pos_hsm_session *session, enum pos_key_usage usage,
                          enum pos_algorithm algorithm, const struct pos_component *components,
                          size_t component_count, struct pos_key *key, struct pos_kcv *kcv,
                          struct pos_error *error);

/* KCV of one component, to show to its custodian. Needs no module. */
POS_MUST_USE enum pos_status pos_component_kcv(const struct pos_component *component,
                                               enum pos_algorithm algorithm, struct pos_kcv *kcv);

/* Opens the key and says its KCV: a check that a row is intact. */
POS_MUST_USE enum pos_status pos_hsm_kcv(struct pos_hsm_session *session, const struct pos_key *key,
                                         struct pos_kcv *kcv);

/* A TMK for a key file: appends its key block under `ktk` (mode B, exportable, with KC and KP) to
 * `block`. POS_ERR_NOT_ALLOWED: the TMK is stronger than the KTK. */
POS_MUST_USE enum pos_status pos_hsm_export_tmk(struct pos_hsm_session *session,
                                                const struct pos_key *tmk,
                                                const struct pos_key *ktk,
                                                struct pos_buffer *block);

/* The same TMK for a recipient whose format is a bare ciphertext: appends the key encrypted in ECB
 * mode under `ktk`, in hexadecimal. It says nothing of what the key is and nothing of whether it
 * was changed, so it is for `export --format` alone. POS_ERR_NOT_ALLOWED as above. */
POS_MUST_USE enum pos_status pos_hsm_export_tmk_bare(struct pos_hsm_session *session,
                                                     const struct pos_key *tmk,
                                                     const struct pos_key *ktk,
                                                     struct pos_buffer *ciphertext);

/* The other end, in a mother POS: a key file's block under `ktk` becomes a key under this LMK.
 * POS_ERR_FORMAT, POS_ERR_MAC, POS_ERR_MISMATCH as pos_key_block_unwrap. */
POS_MUST_USE enum pos_status pos_hsm_import_tmk(struct pos_hsm_session *session,
                                                struct pos_bytes block, const struct pos_key *ktk,
                                                enum pos_algorithm algorithm, struct pos_key *tmk,
                                                struct pos_kcv *kcv, struct pos_error *error);

/* A TPK or TAK for its terminal: appends its key block under `tmk` (TPK mode E, TAK mode C, not
 * exportable) to `block`. */
POS_MUST_USE enum pos_status pos_hsm_wrap_working_key(struct pos_hsm_session *session,
                                                      const struct pos_key *tmk,
                                                      const struct pos_key *working_key,
                                                      struct pos_buffer *block);

/* A TMK for the terminal at the mother POS: makes an ephemeral key pair, agrees on a session key
 * with the terminal's public key (core/crypto/exchange.h) and appends the TMK's key block under it
 * (mode D, not exportable). POS_ERR_FORMAT: the public key is no good. */
POS_MUST_USE enum pos_status pos_hsm_deliver_tmk(struct pos_hsm_session *session,
                                                 const struct pos_key *tmk,
                                                 const uint8_t terminal_public[32],
                                                 uint8_t mother_public[32],
                                                 struct pos_buffer *block);

/* ---- MACs ---- */

enum pos_mac_purpose {
    POS_MAC_WORKING,      /* under a TAK */
    POS_MAC_REGISTRATION, /* under K_reg, derived from a TMK */
    POS_MAC_KEY_FILE,     /* under the key-file key, derived from a KTK; whole: file_mac below */
    POS_MAC_RETURN_FILE,  /* the same for the file that comes back, under a key of its own */
};

/* Leftmost POS_MAC_SIZE bytes. */
POS_MUST_USE enum pos_status pos_hsm_make_mac(struct pos_hsm_session *session,
                                              const struct pos_key *key,
                                              enum pos_mac_purpose purpose,
                                              struct pos_bytes message, uint8_t mac[POS_MAC_SIZE]);
/* POS_ERR_MAC when it is not that message's; constant-time. */
POS_MUST_USE enum pos_status pos_hsm_verify_mac(struct pos_hsm_session *session,
                                                const struct pos_key *key,
                                                enum pos_mac_purpose purpose,
                                                struct pos_bytes message,
                                                const uint8_t mac[POS_MAC_SIZE]);

/* A long MAC in pieces, for key files and for return files. One at a time per session;
 * POS_ERR_STATE without a start. */
POS_MUST_USE enum pos_status pos_hsm_file_mac_start(struct pos_hsm_session *session,
                                                    const struct pos_key *ktk);
POS_MUST_USE enum pos_status pos_hsm_return_mac_start(struct pos_hsm_session *session,
                                                      const struct pos_key *ktk);
POS_MUST_USE enum pos_status pos_hsm_file_mac_add(struct pos_hsm_session *session,
                                                  struct pos_bytes piece);
POS_MUST_USE enum pos_status pos_hsm_file_mac_finish(struct pos_hsm_session *session,
                                                     uint8_t mac[16]);

#endif

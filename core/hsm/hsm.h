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
 * Every algorithm of core/base/key.h is served; what a module cannot do is POS_ERR_USAGE, and
 * pos_hsm_serves says so beforehand. For every verb that takes a
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
#include "core/crypto/pin_block.h"

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
/*
 * A PKCS#11 token, loaded at run time. Its LMK (AES-256) and audit key are made inside and can
 * never be extracted. docs/keys.md lists what leaves the token.
 */
#define POS_TOKEN_LMK_LABEL "posgate-lmk" /* unless somebody says otherwise */
enum {
    POS_TOKEN_LABEL_SIZE = 65,         /* bytes with NUL: of an LMK */
    POS_TOKEN_SESSION_COUNT_MAX = 256, /* a token is never asked for more */
};
struct pos_pkcs11_options {
    const char *module;     /* path of the vendor's library */
    const char *token;      /* a PKCS#11 URI (RFC 7512) that names one token */
    const char *lmk_label;  /* of the LMK on the token; NULL: POS_TOKEN_LMK_LABEL */
    struct pos_bytes pin;   /* the user PIN; borrowed for the call */
    uint32_t session_count; /* most sessions that the token is asked for; 0: 16. A verb that finds
                               none free waits for one, 5 seconds at the most: POS_ERR_LIMIT */
};
/* Does this URI name a token, whether there is one or not? For settings: false with a reason when
 * it is not a URI, none of a token, or holds a PIN, which is not repeated. */
bool pos_hsm_accept_token(const char *uri, struct pos_buffer *reason);
/* Makes LMK and audit key on the token. POS_ERR_EXISTS: it has an LMK of that label. */
POS_MUST_USE enum pos_status pos_hsm_pkcs11_init(const struct pos_pkcs11_options *options,
                                                 struct pos_kcv *kcv, struct pos_error *error);
/* POS_ERR_NOT_FOUND: no LMK, run a ceremony. POS_ERR_HSM: no such module or token, or it cannot do
 * what posgate needs; POS_ERR_NOT_ALLOWED: wrong PIN; POS_ERR_CONFIG: not a URI, or it names no
 * token or several. A token that goes away is POS_ERR_HSM from every verb; it is looked for again,
 * once a second at the most, and with the same LMK it serves on. */
POS_MUST_USE enum pos_status pos_hsm_pkcs11_open(const struct pos_pkcs11_options *options,
                                                 struct pos_hsm **hsm, struct pos_error *error);
/* Takes LMK and audit key of that label off the token, after a rotation. POS_ERR_NOT_FOUND. */
POS_MUST_USE enum pos_status pos_hsm_pkcs11_drop_lmk(const struct pos_pkcs11_options *options,
                                                     struct pos_error *error);

/* Whichever of these the settings name. */
enum pos_hsm_kind { POS_HSM_SOFTWARE, POS_HSM_PKCS11 };
struct pos_hsm_options {
    enum pos_hsm_kind kind;
    struct pos_bytes secret; /* opens the LMK file, or is the token's user PIN; borrowed, as all */
    const char *lmk_file;    /* software */
    const char *module;      /* PKCS#11, as in struct pos_pkcs11_options; and what follows */
    const char *token;
    const char *lmk_label;
    uint32_t session_count;
};
/* Errors as of the kind's own function; in both POS_ERR_NOT_FOUND is that there is no LMK yet. */
POS_MUST_USE enum pos_status pos_hsm_open(const struct pos_hsm_options *options,
                                          struct pos_hsm **hsm, struct pos_error *error);

void pos_hsm_close(struct pos_hsm *hsm); /* after all its sessions */
/* Can keys of this algorithm be made and used here? */
bool pos_hsm_serves(const struct pos_hsm *hsm, enum pos_algorithm algorithm);
/* A verb may wait for a device: then none but those of a local session are for event loops. */
bool pos_hsm_waits(const struct pos_hsm *hsm);

/* "software module (OpenSSL 3.0.22), not a certified device" */
const char *pos_hsm_describe(const struct pos_hsm *hsm);
struct pos_kcv pos_hsm_lmk_kcv(const struct pos_hsm *hsm);

POS_MUST_USE enum pos_status pos_hsm_session_open(struct pos_hsm *hsm,
                                                  struct pos_hsm_session **session);
/* A session that never waits, for an event loop: it makes and verifies MACs with the keys that were
 * brought to it (pos_hsm_take_mac_key); for any other key these are POS_ERR_BUSY, which means
 * fetch it and come back. Every other verb is POS_ERR_NOT_ALLOWED. In a module that does not wait
 * it is a session like any other. */
POS_MUST_USE enum pos_status pos_hsm_session_open_local(struct pos_hsm *hsm,
                                                        struct pos_hsm_session **session);
void pos_hsm_session_close(struct pos_hsm_session *session);

/* ---- keys ---- */

/* A new random key under the LMK, with its KCV. Usage TMK, TPK, TAK or TDK; a TMK of any algorithm,
 * the others of any but T3 (pos_algorithm_working). TDES keys have odd parity. */
POS_MUST_USE enum pos_status pos_hsm_generate(struct pos_hsm_session *session,
                                              enum pos_key_usage usage,
                                              enum pos_algorithm algorithm, struct pos_key *key,
                                              struct pos_kcv *kcv);

/* A new TPK or TAK of single length: a T2 key with two equal halves, of which one travels
 * (POS_FORM_40, POS_FORM_24). Its KCV is that of the half. */
POS_MUST_USE enum pos_status pos_hsm_generate_single(struct pos_hsm_session *session,
                                                     enum pos_key_usage usage, struct pos_key *key,
                                                     struct pos_kcv *kcv);

/* A key that is to be made, and where it goes. */
struct pos_new_key {
    enum pos_key_usage usage;
    enum pos_algorithm algorithm;
    bool single; /* as pos_hsm_generate_single makes it: T2 alone */
    struct pos_key *key;
    struct pos_kcv *kcv;
};

/* Any number of new keys, as the two verbs above make one, which the software module does in half
 * the time. All of them or none: after an error every key is empty. */
POS_MUST_USE enum pos_status pos_hsm_generate_many(struct pos_hsm_session *session,
                                                   const struct pos_new_key *keys, size_t count);

/* A key from components: KTK, ZPK, ZAK, each of T2, T3, A128 or A256. POS_ERR_USAGE as for the LMK,
 * and when the parts of a TDES key repeat one another, which makes it a shorter one. Parity bits
 * are taken as they are: nothing is adjusted and nothing refused for them. */
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

/* A TMK for a key file: appends its key block under `ktk` (mode B, exportable, with KC and KP;
 * version D under AES, B under TDES) to `block`. An SM4 TMK has the private letter '4', which only
 * posgate's own programs read. POS_ERR_NOT_ALLOWED: the TMK is stronger than the KTK. */
POS_MUST_USE enum pos_status pos_hsm_export_tmk(struct pos_hsm_session *session,
                                                const struct pos_key *tmk,
                                                const struct pos_key *ktk,
                                                struct pos_buffer *block);

/* The same TMK for a recipient whose format is a bare ciphertext: appends the key encrypted in ECB
 * mode under `ktk`, in hexadecimal. It says nothing of what the key is and nothing of whether it
 * was changed, so it is for `export --format` alone. POS_ERR_NOT_ALLOWED as above; POS_ERR_USAGE
 * for a pair for which pos_hsm_bare_possible says no. */
POS_MUST_USE enum pos_status pos_hsm_export_tmk_bare(struct pos_hsm_session *session,
                                                     const struct pos_key *tmk,
                                                     const struct pos_key *ktk,
                                                     struct pos_buffer *ciphertext);

/* Is the TMK whole blocks of the KTK's cipher? A T3 key under AES is not: 24 bytes in blocks of 16.
 */
bool pos_hsm_bare_possible(enum pos_algorithm tmk, enum pos_algorithm ktk);

/* The other end, in a mother POS: a key file's block under `ktk` becomes a key under this LMK.
 * POS_ERR_FORMAT, POS_ERR_MAC, POS_ERR_MISMATCH as pos_key_block_unwrap; POS_ERR_NOT_ALLOWED as
 * above. */
POS_MUST_USE enum pos_status pos_hsm_import_tmk(struct pos_hsm_session *session,
                                                struct pos_bytes block, const struct pos_key *ktk,
                                                enum pos_algorithm algorithm, struct pos_key *tmk,
                                                struct pos_kcv *kcv, struct pos_error *error);

/* A TPK or TAK for its terminal: appends its key block under `tmk` (TPK mode E, TAK mode C, not
 * exportable; version D under AES, B under TDES) to `block`. POS_ERR_USAGE under an SM4 TMK, for
 * which there is no block version (pos_hsm_wrap_working_form), and for a key that is not of
 * pos_algorithm_working; POS_ERR_NOT_ALLOWED for one that is stronger than the TMK. */
POS_MUST_USE enum pos_status pos_hsm_wrap_working_key(struct pos_hsm_session *session,
                                                      const struct pos_key *tmk,
                                                      const struct pos_key *working_key,
                                                      struct pos_buffer *block);

/* All working keys of a terminal in the shape of UnionPay sign-on replies: appends 24, 40 or 60
 * bytes, each key in ECB mode under `tmk` with the first 4 bytes of its check value (zeros
 * encrypted) behind it. For TDES and SM4 TMKs. `tdk` is read for the forms that have one.
 * POS_ERR_USAGE for a form that is not possible, POS_ERR_MISMATCH when a key is not of the length
 * that the form says: with two equal halves where one of them travels, and only there. */
POS_MUST_USE enum pos_status
pos_hsm_wrap_working_form(struct pos_hsm_session *session, enum pos_key_form form,
                          const struct pos_key *tmk, const struct pos_key *tpk,
                          const struct pos_key *tak, const struct pos_key *tdk,
                          struct pos_buffer *out);

/* The same key under another LMK: `from` opens it, `to` seals it; nothing clear is between the two
 * but secret memory. `moved` may be `key`; it is empty after an error. For the rotation of an LMK
 * and for the way from one module to another. POS_ERR_NOT_ALLOWED where the key cannot leave
 * `from`. */
POS_MUST_USE enum pos_status pos_hsm_move_key(struct pos_hsm_session *from,
                                              struct pos_hsm_session *to, const struct pos_key *key,
                                              struct pos_key *moved);

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
    POS_MAC_WORKING_ECB,  /* under a T2 TAK, by UnionPay's ECB MAC (core/crypto/mac.h) */
    POS_MAC_ZONE,         /* under a ZAK, with a host */
    POS_MAC_PURPOSE_COUNT
};

/* By purpose and algorithm: retail MAC (ISO 9797-1 algorithm 3) for T2 TAKs and ZAKs, CMAC for all
 * else. */

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

/* A MAC key on its way from a thread that may wait to an event loop's local session. */
struct pos_mac_parcel;
/* In secret memory, for one key at a time, used again and again. NULL: no memory. */
struct pos_mac_parcel *pos_mac_parcel_create(void);
void pos_mac_parcel_destroy(struct pos_mac_parcel *parcel); /* wipes; NULL is fine */
POS_MUST_USE enum pos_status pos_hsm_fetch_mac_key(struct pos_hsm_session *session,
                                                   const struct pos_key *key,
                                                   enum pos_mac_purpose purpose,
                                                   struct pos_mac_parcel *parcel);
/* Never waits; the parcel is empty and wiped afterwards, whatever comes back. POS_ERR_STATE: it was
 * empty. POS_ERR_CORRUPT: it was fetched in another module. POS_ERR_NOT_ALLOWED: not a local
 * session, in a module that waits. */
POS_MUST_USE enum pos_status pos_hsm_take_mac_key(struct pos_hsm_session *local,
                                                  struct pos_mac_parcel *parcel);

/* The MAC of an audit record, under a key that belongs to the LMK; all 16 bytes. */
POS_MUST_USE enum pos_status pos_hsm_audit_mac(struct pos_hsm_session *session,
                                               struct pos_bytes record, uint8_t mac[16]);

/* A long MAC in pieces, for key files and for return files. One at a time per session;
 * POS_ERR_STATE without a start. Under a TDES KTK it has 8 bytes, and 8 zeros follow. */
POS_MUST_USE enum pos_status pos_hsm_file_mac_start(struct pos_hsm_session *session,
                                                    const struct pos_key *ktk);
POS_MUST_USE enum pos_status pos_hsm_return_mac_start(struct pos_hsm_session *session,
                                                      const struct pos_key *ktk);
POS_MUST_USE enum pos_status pos_hsm_file_mac_add(struct pos_hsm_session *session,
                                                  struct pos_bytes piece);
POS_MUST_USE enum pos_status pos_hsm_file_mac_finish(struct pos_hsm_session *session,
                                                     uint8_t mac[16]);

/* ---- PINs ---- */

/* A PIN block and what it takes to read it. */
struct pos_pin_cryptogram {
    enum pos_pin_format format;
    uint8_t size; /* pos_pin_block_size(format) */
    uint8_t data[POS_PIN_BLOCK_SIZE_MAX];
};

/* From under a TPK to under a ZPK (core/crypto/pin_block.h has the rules). in->format is believed;
 * out->format says what to make. POS_ERR_MISMATCH for whatever is wrong with block, PAN or
 * formats: one error for all, and `out` is empty then. `out` must not be `in`. */
POS_MUST_USE enum pos_status pos_hsm_translate_pin(struct pos_hsm_session *session,
                                                   const struct pos_key *tpk,
                                                   const struct pos_key *zpk, struct pos_bytes pan,
                                                   const struct pos_pin_cryptogram *in,
                                                   struct pos_pin_cryptogram *out);

#endif

/*
 * The words for keys that every floor shares: algorithm, usage, check value, and the opaque form
 * in which a key rests in a database. No cryptography here.
 */
#ifndef POS_BASE_KEY_H
#define POS_BASE_KEY_H

#include "core/base/bytes.h"

/* The values are stored; never renumber. */
enum pos_algorithm {
    POS_ALGORITHM_NONE = 0,
    POS_ALGORITHM_T2 = 1,   /* two-key TDES, 16 bytes */
    POS_ALGORITHM_T3 = 2,   /* three-key TDES, 24 bytes */
    POS_ALGORITHM_A128 = 3, /* AES, 16 bytes */
    POS_ALGORITHM_A256 = 4, /* AES, 32 bytes */
    POS_ALGORITHM_SM4 = 5,  /* 16 bytes */
    POS_ALGORITHM_COUNT
};

/* What a key may be used for. Stored; never renumber. */
enum pos_key_usage {
    POS_USAGE_NONE = 0,
    POS_USAGE_LMK = 1, /* local master key */
    POS_USAGE_KTK = 2, /* key-transport key of one mother POS */
    POS_USAGE_TMK = 3, /* terminal master key */
    POS_USAGE_TPK = 4, /* terminal PIN key */
    POS_USAGE_TAK = 5, /* terminal MAC key */
    POS_USAGE_ZPK = 6, /* zone PIN key of a host link */
    POS_USAGE_ZAK = 7, /* zone MAC key of a host link */
    POS_USAGE_TDK = 8, /* terminal track-data key (the 60-byte sign-on form of UnionPay) */
    POS_USAGE_COUNT
};

/* The shape of a terminal's working keys where its sign-on reply is not key blocks
 * (docs/protocol.md: UnionPay's 24, 40 and 60 bytes). Chosen when its keys are generated. Stored;
 * never renumber. */
enum pos_key_form {
    POS_FORM_60 = 0, /* TPK and TAK of full length, and a TDK */
    POS_FORM_40 = 1, /* TDES: TPK double, TAK single length; SM4: TPK and TAK, no TDK */
    POS_FORM_24 = 2, /* TDES: TPK and TAK of single length */
    POS_FORM_COUNT
};
enum { POS_WORKING_KEYS_SIZE_MAX = 60 }; /* bytes of the longest form */

/* How a check value is made; the prefix it is always shown with. Stored; never renumber. */
enum pos_kcv_method {
    POS_KCV_NONE = 0,
    POS_KCV_ZEROS = 1, /* zeros encrypted: TDES 3 bytes, SM4 4 bytes; shown "ZERO:" */
    POS_KCV_CMAC = 2,  /* CMAC over 16 zero bytes: AES 5 bytes (X9.24-1); shown "CMAC:" */
};

enum {
    POS_KEY_SIZE_MAX = 32,       /* bytes of a clear key */
    POS_KCV_SIZE_MAX = 5,        /* bytes */
    POS_KCV_SIZE_MIN = 3,        /* fewer are never compared */
    POS_KCV_TEXT_SIZE = 16,      /* "CMAC:8CD24CD297" and a NUL, the longest, fit */
    POS_KEY_VALUE_SIZE_MAX = 64, /* bytes of a key under the LMK: 48 of ciphertext, 16 of MAC */
    POS_KEY_NAME_SIZE_MAX = 16,  /* characters of a mother POS's or a key's name, without NUL */
};

struct pos_kcv {
    enum pos_kcv_method method;
    uint8_t size; /* bytes used */
    uint8_t data[POS_KCV_SIZE_MAX];
};

/*
 * A key at rest. `data` is whatever the security module that made it wrote: opaque to everybody
 * else, useless without that module's LMK. Usage and algorithm are bound to it: the module refuses
 * a value that is presented as anything but what it is.
 */
struct pos_key {
    enum pos_key_usage usage;
    enum pos_algorithm algorithm;
    uint8_t size; /* of data; 0: no key */
    uint8_t data[POS_KEY_VALUE_SIZE_MAX];
};

/* "A256" <-> POS_ALGORITHM_A256, as in key files and commands. NONE / NULL when unknown. */
enum pos_algorithm pos_algorithm_parse(struct pos_bytes name);
const char *pos_algorithm_name(enum pos_algorithm algorithm);
size_t pos_algorithm_key_size(enum pos_algorithm algorithm); /* bytes; 0 for NONE */
const char *pos_key_usage_name(enum pos_key_usage usage);    /* "TMK" */

/* What a terminal's working keys are made of: two-key TDES under any TDES TMK, else the TMK's own.
 */
enum pos_algorithm pos_algorithm_working(enum pos_algorithm tmk);
/* Bits of security: T2 80, T3 112, A128 and SM4 128, A256 256 (NIST SP 800-57). A key never
 * protects a stronger one. */
unsigned pos_algorithm_strength(enum pos_algorithm algorithm);

/* "60", "40", "24". COUNT / NULL when unknown. A form is possible for TDES and SM4 TMKs, 24 for
 * TDES alone; others have POS_FORM_60 and send key blocks. */
enum pos_key_form pos_key_form_parse(struct pos_bytes name);
const char *pos_key_form_name(enum pos_key_form form);
bool pos_key_form_possible(enum pos_key_form form, enum pos_algorithm tmk);
/* A TDK is among the working keys of this form and algorithm: TDES and SM4 with POS_FORM_60. */
bool pos_key_form_has_tdk(enum pos_key_form form, enum pos_algorithm tmk);

/* "CMAC:8CD24CD297", NUL-terminated, into POS_KCV_TEXT_SIZE bytes; "-" when there is none. */
void pos_kcv_text(const struct pos_kcv *kcv, char *text);
POS_MUST_USE enum pos_status pos_kcv_parse(struct pos_bytes text, struct pos_kcv *kcv);
/* Same method and equal over the shorter of both, which must be POS_KCV_SIZE_MIN or more. */
bool pos_kcv_equal(const struct pos_kcv *a, const struct pos_kcv *b);

/* 1 to 16 characters of A-Z, 0-9: names of mother POSes and links. */
bool pos_key_name_valid(struct pos_bytes name);

#endif

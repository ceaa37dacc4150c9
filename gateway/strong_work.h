/*
 * What is asked of the security module where it may have to wait for a device: a job, in its
 * asker's memory, done by whoever may wait. A strongroom's threads do it where the module waits,
 * the event loop itself where it does not; so the front end has one way for both.
 */
#ifndef POS_GATEWAY_STRONG_WORK_H
#define POS_GATEWAY_STRONG_WORK_H

#include "core/hsm/hsm.h"
#include "core/store/terminal_table.h"

enum pos_strong_work {
    POS_STRONG_FETCH, /* a MAC key, for a local session */
    POS_STRONG_PAIR,  /* new working keys */
    POS_STRONG_WRAP,  /* working keys under their TMK, for the terminal */
    POS_STRONG_PIN,   /* a PIN block from under a TPK to under a ZPK */
    POS_STRONG_WORK_COUNT
};

/* Keys and buffers are borrowed until the job is done. */
struct pos_strong_job {
    enum pos_strong_work work;
    enum pos_status status; /* out: POS_OK, what the verb said, or POS_ERR_TIMEOUT: not begun */
    union {
        struct {
            const struct pos_key *key;
            enum pos_mac_purpose purpose;
            struct pos_mac_parcel *parcel; /* whoever does it sets it, and gets it back */
        } fetch;
        struct {
            enum pos_algorithm tmk;
            enum pos_key_form form;
            struct pos_terminal_write *write; /* tpk, tak, tdk and their check values are set */
        } pair;
        struct {
            const struct pos_key *tmk, *tpk, *tak, *tdk; /* tdk: read where the form has one */
            enum pos_key_form form;
            bool bare; /* in UnionPay's form; else as key blocks, TPK and TAK */
            struct pos_buffer out;
        } wrap;
        struct {
            const struct pos_key *tpk, *zpk;
            struct pos_bytes pan;
            const struct pos_pin_cryptogram *in;
            struct pos_pin_cryptogram *out; /* its format says what to make */
        } pin;
    };
    void (*done)(struct pos_strong_job *job); /* a strongroom calls it, on its own thread */
    uint64_t since_ns;                        /* a strongroom's own, as what follows */
    struct pos_strong_job *next;
};

/* Does it, with a session that may wait; sets job->status. */
void pos_strong_do(struct pos_hsm_session *session, struct pos_strong_job *job);

#endif

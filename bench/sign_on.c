/*
 * `sign-on`: terminals that are registered ask for their first keys, each once: a proof verified,
 * two keys wrapped for the terminal, a durable write, a reply with a MAC. Beside it the security
 * module's verbs of one sign-on without anything around them, and the ciphers' work in those verbs.
 */
#include <stdlib.h>

#include "bench/arrivals.h"
#include "bench/command.h"
#include "bench/primitives.h"

enum {
    SET_COUNT = 8192,  /* more terminals than a session has contexts for, as in a gateway */
    REQUEST_SIZE = 76, /* that a MAC goes over; as iso87b's sign-on has them */
    REPLY_SIZE = 380,
    REQUEST_BLOCKS = 80, /* in whole blocks */
    REPLY_BLOCKS = 384,
    SEALED_SIZE = 48, /* of a key under the LMK: ciphertext, and what its MAC covers */
    COVERED_SIZE = POS_KEY_BLOCK_HEADER_SIZE + SEALED_SIZE,
    PADDING_SIZE = 14,
};

/* One terminal's keys. */
struct set {
    struct pos_key tmk, tpk, tak;
    uint8_t mac[POS_MAC_SIZE]; /* of its request, under K_reg */
};

static struct signing_on {
    struct pos_micro micro;
    struct pos_arrivals arrivals;
    struct set *sets;
    size_t next;
    struct pos_recipe recipe;
} all = {.micro = {.command = "sign-on", .options = {.duration_s = 1}}};

static const uint8_t request[REQUEST_SIZE], reply[REPLY_SIZE];

/* ---- the verbs alone ---- */

static enum pos_status run_verbs_once(struct pos_hsm_session *session, const struct set *set)
{
    char memory[2 * POS_KEY_BLOCK_SIZE_MAX];
    uint8_t mac[POS_MAC_SIZE];
    struct pos_buffer blocks = pos_buffer(memory, sizeof memory);
    enum pos_status status = pos_hsm_verify_mac(session, &set->tmk, POS_MAC_REGISTRATION,
                                                pos_bytes(request, sizeof request), set->mac);
    if (status == POS_OK)
        status = pos_hsm_wrap_working_key(session, &set->tmk, &set->tpk, &blocks);
    if (status == POS_OK)
        status = pos_hsm_wrap_working_key(session, &set->tmk, &set->tak, &blocks);
    if (status == POS_OK)
        status = pos_hsm_make_mac(session, &set->tmk, POS_MAC_REGISTRATION,
                                  pos_bytes(reply, sizeof reply), mac);
    return status;
}

static enum pos_status run_verbs(void *context, uint64_t count)
{
    enum pos_status status = POS_OK;
    (void)context;
    for (uint64_t i = 0; i < count && status == POS_OK; i++) {
        status = run_verbs_once(all.arrivals.module.session, &all.sets[all.next]);
        all.next = (all.next + 1) % SET_COUNT;
    }
    return status;
}

static enum pos_status make_sets(struct pos_error *error)
{
    struct pos_hsm_session *session = all.arrivals.module.session;
    struct pos_kcv kcv;
    enum pos_status status = POS_OK;
    all.sets = calloc(SET_COUNT, sizeof *all.sets);
    if (all.sets == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for keys");
    for (size_t i = 0; i < SET_COUNT && status == POS_OK; i++) {
        struct set *set = &all.sets[i];
        status = pos_hsm_generate(session, POS_USAGE_TMK, POS_ALGORITHM_A256, &set->tmk, &kcv);
        if (status == POS_OK)
            status = pos_hsm_generate(session, POS_USAGE_TPK, POS_ALGORITHM_A256, &set->tpk, &kcv);
        if (status == POS_OK)
            status = pos_hsm_generate(session, POS_USAGE_TAK, POS_ALGORITHM_A256, &set->tak, &kcv);
        if (status == POS_OK)
            status = pos_hsm_make_mac(session, &set->tmk, POS_MAC_REGISTRATION,
                                      pos_bytes(request, sizeof request), set->mac);
    }
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot make keys");
}

/* ---- the ciphers' work in them ---- */

static void add_step(enum pos_step_kind kind, size_t size)
{
    pos_recipe_add(&all.recipe, kind, POS_ALGORITHM_A256, size);
}

/* Out of the form in which it rests. */
static void open_key(void)
{
    add_step(POS_STEP_DECRYPT, SEALED_SIZE);
    add_step(POS_STEP_ENCRYPT, COVERED_SIZE);
}

/* A derived key: two blocks of a CMAC under the TMK, then its schedule and, for a MAC key, the
 * subkey. */
static void derive_key(bool for_mac)
{
    add_step(POS_STEP_ENCRYPT, 16);
    add_step(POS_STEP_ENCRYPT, 16);
    add_step(POS_STEP_KEY, 0);
    if (for_mac)
        add_step(POS_STEP_ENCRYPT, 16);
}

static void wrap_key(void)
{
    open_key();
    add_step(POS_STEP_RANDOM, PADDING_SIZE);
    add_step(POS_STEP_ENCRYPT, COVERED_SIZE);
    add_step(POS_STEP_ENCRYPT, SEALED_SIZE);
}

static void fill_recipe(void)
{
    open_key();                /* the TMK, */
    add_step(POS_STEP_KEY, 0); /* its schedule and the subkey that derivations use */
    add_step(POS_STEP_ENCRYPT, 16);
    derive_key(true); /* K_reg */
    add_step(POS_STEP_ENCRYPT, REQUEST_BLOCKS);
    derive_key(false); /* what encrypts blocks for the terminal, and what makes their MACs */
    derive_key(true);
    wrap_key();
    wrap_key();
    add_step(POS_STEP_ENCRYPT, REPLY_BLOCKS);
}

/* ---- the command ---- */

static void add_subjects(void)
{
    struct pos_micro_subject subject = {
        .run = pos_recipe_run, .context = &all.recipe, .floor = POS_MICRO_NONE};
    fill_recipe();
    subject.floor = POS_MICRO_NONE;
    int ciphers = pos_micro_add(&all.micro, &subject, "OpenSSL: the ciphers of a sign-on");
    subject = (struct pos_micro_subject){.run = run_verbs, .floor = ciphers};
    int verbs = pos_micro_add(&all.micro, &subject, "security module alone");
    subject = (struct pos_micro_subject){
        .take = pos_arrivals_take, .context = &all.arrivals, .floor = POS_MICRO_NONE};
    (void)pos_micro_add(&all.micro, &subject, "gateway, through sockets");
    subject.take = pos_arrivals_take_cpu;
    subject.floor = verbs;
    int cpu = pos_micro_add(&all.micro, &subject, "gateway, CPU");
    pos_micro_check(&all.micro, (struct pos_micro_check){.of = cpu, .to = verbs}, "cpu/verbs");
    pos_micro_check(&all.micro, (struct pos_micro_check){.of = cpu, .to = POS_MICRO_NONE},
                    "cpu/ns");
}

static enum pos_status prepare(struct pos_error *error)
{
    enum pos_status status = pos_arrivals_make(&all.arrivals, error);
    if (status == POS_OK)
        status = make_sets(error);
    if (status == POS_OK)
        status = pos_arrivals_start(&all.arrivals, error);
    add_subjects();
    return status;
}

int pos_command_sign_on(int argc, char **argv)
{
    struct pos_error error = {0};
    pos_arrivals_init(&all.arrivals, POS_KIND_SIGN_ON, &all.micro);
    pos_micro_begin(&all.micro,
                    "Measures first sign-ons through a gateway, each with a proof, two wrapped "
                    "keys and a durable write, beside the same verbs of the security module alone.",
                    &pos_arrivals_argp, &all.arrivals, argc, argv);
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = pos_micro_finish(&all.micro, status, &error);
    pos_arrivals_end(&all.arrivals);
    free(all.sets);
    return code;
}
